#!/usr/bin/env python3
"""Loops, compiled, against ONNX Runtime, one thread: many small steps, and a decoder that generates tokens.

    loops.py [--settings loops.json] [--target NAME] [--decoder FILE] [--only TEXT] [--json FILE] [--smoke]

Cases, settings and limits are in loops.json:
* `steps`: so many steps of a body of five element-wise operators, a product of a row and a small matrix, and a counter;
  counted, until a value that each step computes is large enough, and with the state of each step as an output.
* `decoder`: SmolLM2-135M with fewer layers and random weights, behind `past` random positions; each step runs it on one
  token, joins the token's keys and values to those before, and takes the likeliest token as the next. Both engines must
  give the same tokens. --decoder: this model instead, in the form of exporters (see test/models/decoding.py), from an
  empty cache.
Both engines run in one process and take turns run by run, `rounds` times after two that do not count. A figure is the
median CPU time of a run, which stays in the thread that makes it. Outputs must agree before anything is timed.
Prints all rows, and the same as JSON lines; exits 1 if one is above its limit. --only: rows whose text holds TEXT.
--smoke: few runs of a small vocabulary, no limits.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import functools
import os
import re
import statistics
import sys
import tempfile
import time

import hone
import numpy as np
import onnx
import report

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(f"{HERE}/../test/models")
import building  # noqa: E402
import decoding  # noqa: E402


def make_steps(case, settings, random):
    """Model and inputs of a loop of small steps, and how many steps it takes."""
    steps = settings["steps"]
    width, count = steps["width"], steps["count"]
    x = random.standard_normal((1, width), np.float32)
    # Small enough for the state to come to rest, so that both engines stay beside each other.
    weights = random.standard_normal((width, width), np.float32) / np.float32(2 * width**0.5)
    rate = np.float32(0.25)
    arrays = {"w": weights, "rate": rate, "one": np.array(1), "zero": np.array(0), "count": np.array(count)}
    arrays |= {"true": np.array(True), "none": np.float32(0)}
    text = f"g ({case['inputs']}) => ({case['outputs']}) {{ {case['nodes'].replace('BODY', steps['body'])} }}"
    model = building.parsed(re.sub(r"\bW\b", str(width), text))
    used = {name for node in model.graph.node for name in node.input}
    used |= {name for node in model.graph.node[0].attribute[0].g.node for name in node.input}
    model.graph.initializer.extend(onnx.numpy_helper.from_array(a, name) for name, a in arrays.items() if name in used)
    inputs = {"x": x}
    if "float most" in case["inputs"]:
        state, sums = x, [0.0]
        for _ in range(count):
            state = state + (np.tanh(state @ weights + x) - state) * rate
            sums.append(sums[-1] + float(np.abs(state).sum()))
        inputs["most"] = np.array((sums[-1] + sums[-2]) / 2, np.float32)
    return model, inputs


def make_decoder(path, settings, random):
    """The model that generates, and its inputs."""
    own = settings["decoder"]
    size = decoding.SMOLLM2._replace(layers=own["layers"], vocabulary=own.get("vocabulary", 49152))
    decoder = onnx.load(path) if path else decoding.decoder(size, random)
    model = decoding.greedy(decoder)
    return model, decoding.first_inputs(model, own["first"], random, 0 if path else own["past"], steps=own["tokens"])


def make_calls(what, model, inputs, options, folder):
    """A run of each engine without arguments, once they were found to agree."""
    path = tempfile.mktemp(dir=folder)
    onnx.save(model, f"{path}.onnx")
    own = hone.load(hone.compile(f"{path}.onnx", f"{path}.so", target=options.target)).session(threads=1)
    peer = building.onnx_runtime(f"{path}.onnx")
    calls = {"hone": lambda: own.run(inputs), "peer": lambda: peer(inputs)}
    expected = calls["peer"]()
    for _ in range(2):
        for name, array in calls["hone"]().items():
            if array.dtype.kind == "f":
                np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-5, err_msg=f"{what}: {name}")
            else:
                np.testing.assert_array_equal(array, expected[name], err_msg=f"{what}: {name}")
    return calls, expected


def measure(calls, rounds):
    """The median time of a run of each engine, ms."""
    times = {engine: [] for engine in calls}
    for number in range(rounds + 2):
        for engine, call in calls.items():
            before = time.thread_time()
            call()
            after = time.thread_time()
            if number > 1:
                times[engine].append(1e3 * (after - before))
    return {engine: statistics.median(each) for engine, each in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", default=f"{HERE}/loops.json")
    parser.add_argument("--target", default="host")
    parser.add_argument("--decoder", metavar="FILE")
    parser.add_argument("--only", default="")
    parser.add_argument("--json", help="append the JSON lines to this file instead of printing them")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    settings = report.settings(options.settings)
    steps, decoder = settings["steps"], settings["decoder"]
    if options.smoke:
        steps.update(rounds=1)
        decoder.update(rounds=1, tokens=8, vocabulary=512)

    cases = [
        (f"{steps['count']} steps, {name}", steps, steps["count"], functools.partial(make_steps, case, settings))
        for name, case in steps["bodies"].items()
    ]
    layers = "own decoder" if options.decoder else f"SmolLM2-135M, {decoder['layers']} layers"
    generating = f"{layers}, {decoder['tokens']} tokens"
    cases.append((generating, decoder, decoder["tokens"], functools.partial(make_decoder, options.decoder, settings)))

    rows = []
    print(f"{'':48s} {'hone ms':>9s} {'peer ms':>9s} {'us a step':>18s} {'ratio':>6s} {'limit':>6s}")
    with tempfile.TemporaryDirectory() as folder:
        for what, own, count, make in cases:
            if options.only not in what:
                continue
            calls, expected = make_calls(what, *make(np.random.default_rng(settings["seed"])), options, folder)
            if "c" in expected and expected["c"] != count:
                raise SystemExit(f"error: {what}: took {expected['c']} steps")
            times = measure(calls, own["rounds"])
            row = {"what": what, **times, "ratio": times["hone"] / times["peer"], "limit": own["limit"]}
            if "tokens" in expected:
                row["distinct_tokens"] = len(set(expected["tokens"].flat))
            row["met"] = row["ratio"] <= row["limit"]
            verdict = "" if row["met"] or options.smoke else "  EXCEEDED"
            each = ", ".join(f"{1e3 * times[engine] / count:.2f}" for engine in ("hone", "peer"))
            figures = f"{row['hone']:9.3f} {row['peer']:9.3f} {each:>18s} {row['ratio']:6.2f} {row['limit']:6g}"
            print(f"{what:48s} {figures}{verdict}", flush=True)
            rows.append(row)

    report.write("loops", f"{report.machine(settings['peer'])}, target {options.target}", rows, options.json)
    return int(not options.smoke and not all(row["met"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
