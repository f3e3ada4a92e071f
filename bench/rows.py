#!/usr/bin/env python3
"""Single operators, compiled, against ONNX Runtime, one thread: softmax, f64 products, TopK, convolutions.

    rows.py [--settings rows.json] [--target NAME] [--only TEXT] [--json FILE] [--smoke]

Cases and limit are in rows.json (convolutions: windows.json), a case's graph in ONNX's text form, `what` its name.
Both engines run in one process, in turns of
`block_seconds`, `rounds` times after one that does not count. A turn's figure is the CPU time of its median call, which
stays in the thread that makes it; the least one counts. Inputs are random unless they say `ascending` or `descending`;
outputs must agree, and lie in memory that is there. Even a bare call from Python costs as much as a small operator, so
models that copy one element take turns with them: `ratio` is without their calls' time, `raw` with it.
Prints all rows, and the same as JSON lines; exits 1 if one is above the limit. --only: rows whose text holds TEXT.
--smoke: one short block of each, no limit.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import os
import re
import statistics
import sys
import tempfile
import time

import hone
import measuring
import numpy as np
import onnx
import onnx.parser
import onnxruntime
import report

HERE = os.path.dirname(os.path.abspath(__file__))
TYPES = {"float": np.float32, "double": np.float64, "int64": np.int64}


def parse_tensor(text):
    """`[ascending] TYPE[DIM, …] [= VALUE]`: order, type, shape and value."""
    order, kind, dims, value = re.fullmatch(r"(?:(\w+) )?(\w+)\[(.*)\](?: = (\d+))?", text).groups()
    return order, kind, [int(dim) for dim in dims.split(",")], value


def make_tensor(text, random):
    order, kind, shape, value = parse_tensor(text)
    array = random.standard_normal(shape) if value is None else np.full(shape, int(value))
    if order:
        array = np.sort(array)
    if order == "descending":
        array = array[..., ::-1]
    return np.ascontiguousarray(array, TYPES[kind])


def make_model(case, weights):
    def declare(name, text):
        _, kind, shape, _ = parse_tensor(text)
        dims = [f"{name}{i}" for i in range(len(shape))] if case.get("dynamic") else shape
        return f"{kind}[{', '.join(map(str, dims))}] {name}"

    inputs = ", ".join(declare(*each) for each in case["inputs"].items())
    kind = parse_tensor(next(iter(case["inputs"].values())))[1]
    results = case.get("results") or [name.strip() for name in case["nodes"].split("=")[0].split(",")]
    outputs = ", ".join(f"{'int64' if name == 'i' else kind} {name}" for name in results)
    text = f'<ir_version: 8, opset_import: ["": 17]> g ({inputs}) => ({outputs}) {{ {case["nodes"]} }}'
    model = onnx.parser.parse_model(text)
    model.graph.initializer.extend(onnx.numpy_helper.from_array(array, name) for name, array in weights.items())
    return model


def make_calls(case, settings, target, folder):
    """The case as a function without arguments for each engine, once they were found to agree."""
    random = np.random.default_rng(settings["seed"])
    inputs = {name: make_tensor(text, random) for name, text in case["inputs"].items()}
    weights = {name: make_tensor(text, random) for name, text in case.get("weights", {}).items()}
    path = tempfile.mktemp(dir=folder)
    onnx.save(make_model(case, weights), f"{path}.onnx")
    own = hone.load(hone.compile(f"{path}.onnx", f"{path}.so", target=target)).session(threads=1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # it warns of outputs without a shape
    peer = onnxruntime.InferenceSession(f"{path}.onnx", options, providers=["CPUExecutionProvider"])
    results, expected = list(own.run(inputs).values()), peer.run(None, inputs)
    # Both write to one place: what lies beyond the caches costs more or less by the pages that it lies in.
    calls = {"hone": measuring.prepare(own, inputs, results), "peer": measuring.prepare_peer(peer, inputs, results)}
    for call in calls.values():
        for result in results:
            result.fill(0)
        call()
        for one, other in zip(results, expected, strict=True):
            error = np.abs(one - other).max(initial=0)
            np.testing.assert_array_less(error, 1e-5 + 1e-5 * np.abs(other).max(initial=0), err_msg=describe(case))
    return calls


def describe(case):
    if "what" in case:
        return case["what"]
    inputs, weights = (", ".join(case.get(kind, {}).values()) for kind in ("inputs", "weights"))
    text = case["nodes"].split("=", 1)[1].strip()
    return f"{text}: {inputs}{' (dynamic)' if case.get('dynamic') else ''}{f'; weights {weights}' if weights else ''}"


def median_call(call, seconds):
    """The median time of a call, µs, in so many seconds."""
    times, start = [], time.thread_time()
    while True:
        before = time.thread_time()
        call()
        after = time.thread_time()
        times.append(after - before)
        if after - start > seconds:
            return 1e6 * statistics.median(times)


def measure(calls, settings):
    """The least time of each engine, µs."""
    least = {engine: float("inf") for engine in calls}
    for number in range(settings["rounds"] + 1):
        for engine, call in calls.items():
            block = median_call(call, settings["block_seconds"])
            if number:
                least[engine] = min(least[engine], block)
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", default=f"{HERE}/rows.json")
    parser.add_argument("--target", default="host")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", help="append the JSON lines to this file instead of printing them")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    settings = report.settings(options.settings)
    if options.smoke:
        settings.update(rounds=1, block_seconds=0)

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        copy = {"inputs": {"x": "float[1]"}, "nodes": "y = Identity (x)"}
        copies = {f"{e} copy": call for e, call in make_calls(copy, settings, options.target, folder).items()}
        print(f"{'':80s} {'hone us':>9s} {'peer us':>9s} {'copies':>12s} {'raw':>6s} {'ratio':>6s}")
        for case in settings["cases"]:
            what = describe(case)
            if options.only not in what:
                continue
            least = measure({**make_calls(case, settings, options.target, folder), **copies}, settings)
            own, peer = (max(least[e] - least[f"{e} copy"], 0.5) for e in ("hone", "peer"))
            row = {"what": what, **least, "raw": least["hone"] / least["peer"], "ratio": own / peer}
            row["met"] = row["ratio"] <= settings["limit"]
            verdict = "" if row["met"] or options.smoke else "  EXCEEDED"
            copied = f"{row['hone copy']:.1f}, {row['peer copy']:.1f}"
            figures = f"{row['hone']:9.1f} {row['peer']:9.1f} {copied:>12s} {row['raw']:6.2f} {row['ratio']:6.2f}"
            print(f"{what:80s} {figures}{verdict}", flush=True)
            rows.append(row)

    report.write("rows", f"{report.machine(settings['peer'])}, target {options.target}", rows, options.json)
    return int(not options.smoke and not all(row["met"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
