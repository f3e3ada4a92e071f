#!/usr/bin/env python3
"""Values of inner nodes (`--keep`) against ONNX Runtime, and inputs that have a default value.

    keep.py [MODEL] [--junit FILE]

Every output of every node, by the name that `hone inspect` lists: of the sentence-embedding model, and of nodes that
are no operations of a program.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import hone
import numpy as np
import onnx
from checks import MINILM, Checks, difference, reference
from onnx import helper

CLI = pathlib.Path(__file__).resolve().parents[2] / "docs/cli.md"


def label(node, i):
    """How Hone calls output i of a node that has a name."""
    return f"{node.name}:{i}" if any(node.output[1:]) else node.name


def with_all_outputs(model, path):
    """Writes the model with every value as an output; returns its name by Hone's."""
    names = {label(node, i): name for node in model.graph.node for i, name in enumerate(node.output) if name}
    declared = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names.values() if name not in declared)
    onnx.save(model, path)
    return names


def check_values(checks, name, path, inputs, folder):
    names = with_all_outputs(onnx.load(path), f"{folder}/all.onnx")
    inspected = subprocess.run(["hone", "inspect", path, "--json"], check=True, capture_output=True, text=True)
    listed = json.loads(inspected.stdout)["values"]
    checks.add(f"{name}-listed", "" if sorted(listed) == sorted(names) else f"{set(names) ^ set(listed)}")
    expected = reference(f"{folder}/all.onnx")(inputs)
    results = hone.load(hone.compile(path, f"{folder}/{name}.so", keep=".")).run(inputs)
    missing = [hone_name for hone_name in names if hone_name not in results]
    checks.add(f"{name}-there", f"{missing} are no outputs" if missing else "")
    wrong = {}
    for hone_name, value in names.items():
        if hone_name in results and (problem := difference(np.asarray(expected[value]), results[hone_name])):
            wrong[hone_name] = problem
    checks.add(f"{name}-values", f"{len(wrong)} of {len(names)}: {dict(list(wrong.items())[:5])}" if wrong else "")


def mixed_model(path):
    """Nodes of several outputs, used or not, and nodes that come to nothing or are computed on the host."""
    nodes = [
        ("Split", ["x", "parts"], ["a", "b", "c"], {"axis": 1}),
        ("Identity", ["b"], ["b1"], {}),
        ("Dropout", ["b1"], ["b2", "mask"], {}),
        ("Cast", ["b2"], ["b3"], {"to": 1}),
        ("Reshape", ["b3", "dims"], ["b4"], {}),
        ("Transpose", ["b4"], ["b5"], {"perm": [0, 1]}),
        ("Flatten", ["b5"], ["b6"], {"axis": 1}),
        ("Slice", ["b6", "start", "end"], ["b7"], {}),
        ("Concat", ["b7"], ["b8"], {"axis": 1}),
        ("Shape", ["b8"], ["s"], {}),
        ("Gather", ["s", "start"], ["rows"], {}),
        ("Expand", ["b8", "s"], ["b9"], {}),
        ("Constant", [], ["one"], {"value_float": 1.5}),
        ("Identity", ["w"], ["w1"], {}),
        ("Identity", ["x"], ["x1"], {}),
        ("TopK", ["x", "two"], ["top", "i"], {"axis": 1}),
        ("Add", ["b9", "one"], ["h"], {}),
        ("Erf", ["h"], ["e"], {}),
        ("MatMul", ["h", "w1"], ["y"], {}),
        ("ReduceSum", ["i"], ["total"], {}),
    ]
    numbers = {"parts": [1, 2, 3], "dims": [0, -1], "start": [0], "end": [9], "two": [2]}
    constants = {name: np.array(values) for name, values in numbers.items()}
    constants["w"] = np.random.default_rng(1).standard_normal((2, 200)).astype("f4")
    graph = helper.make_graph(
        [helper.make_node(op, *values, name=f"{op}{i}", **more) for i, (op, *values, more) in enumerate(nodes)],
        "mixed",
        [helper.make_tensor_value_info("x", 1, ["n", 6])],
        [helper.make_tensor_value_info("y", 1, ["n", 200]), helper.make_tensor_value_info("total", 7, [1, 1])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def check_defaults(checks, folder):
    """An input with a default value is a constant; docs/cli.md says how to make it an input."""
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "scale"], ["y"])], "defaults", [info("x", 1, ["n"]), info("scale", 1, [1])],
        [info("y", 1, ["n"])], [helper.make_tensor("scale", 1, [1], [2.0])],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), f"{folder}/model.onnx")
    x, scale = np.arange(3, dtype="f4"), np.array([5], "f4")
    library = hone.load(hone.compile(f"{folder}/model.onnx", f"{folder}/constant.so"))
    problem = difference(2 * x, library.run({"x": x})["y"])
    checks.add("default-is-constant", problem or ("" if len(library.inputs) == 1 else "it is an input"))

    _, section = CLI.read_text().split("### Inputs with a default value")
    (program,) = re.findall(r"```python\n(.*?)```", section.split("\n### ")[0], re.DOTALL)
    before = os.getcwd()
    os.chdir(folder)
    try:
        exec(program, {})
    finally:
        os.chdir(before)
    library = hone.load(hone.compile(f"{folder}/open.onnx", f"{folder}/open.so"))
    checks.add("default-taken-out", difference(5 * x, library.run({"x": x, "scale": scale})["y"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=MINILM)
    parser.add_argument("--junit")
    options = parser.parse_args()
    checks = Checks("keep")
    with tempfile.TemporaryDirectory() as folder:
        mixed_model(f"{folder}/mixed.onnx")
        x = np.random.default_rng(0).standard_normal((3, 6)).astype("f4")
        check_values(checks, "mixed", f"{folder}/mixed.onnx", {"x": x}, folder)
        ids = np.random.default_rng(2).integers(0, 30000, (2, 9))
        mask = np.ones((2, 9), "i8")
        mask[1, 6:] = 0
        names = [value.name for value in onnx.load(options.model, load_external_data=False).graph.input]
        given = {
            name: mask if "mask" in name else ids if "ids" in name and "type" not in name else 0 * mask
            for name in names
        }
        check_values(checks, "MiniLM", options.model, given, folder)
        check_defaults(checks, folder)
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
