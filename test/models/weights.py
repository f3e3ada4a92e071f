#!/usr/bin/env python3
"""Constants that a model moves, joins or casts, against ONNX Runtime; and that nothing of it happens in a run.

    weights.py [--junit FILE]

Also: constants of every element type in the typed fields of the file, from every stage; and what a stage says whose
computed values are missing, cut off, or another compile's.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile

import hone
import numpy as np
import onnx
from checks import Checks, differences, reference
from onnx import TensorProto, helper, numpy_helper

STAGES = ("import", "hone", "kernels", "plan", "llvm")
MOVES = ("transpose", "slice", "concat", "cast", "reshape")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def floats(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def value(name, *dims, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, dims)


def save(path, nodes, inputs, outputs, weights):
    initializers = [w if isinstance(w, TensorProto) else numpy_helper.from_array(w, n) for n, w in weights.items()]
    graph = helper.make_graph(nodes, "weights", inputs, outputs, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name=f"{op}_{output}", **attributes)


def moved_weights():
    """(name, nodes that make a matrix W of the weights, the weights): W has 32 rows, and is a right operand."""
    ints = lambda *numbers: np.array(numbers, np.int64)  # noqa: E731
    yield "transpose", [node("Transpose", ["a"], "W", perm=[1, 0])], {"a": floats(1, 40, 32)}
    yield (
        "slice",
        [node("Slice", ["a", "s", "e", "axes", "steps"], "W")],
        {"a": floats(2, 70, 90), "s": ints(63, 1), "e": ints(-100, 90), "axes": ints(0, 1), "steps": ints(-2, 3)},
    )
    yield "concat", [node("Concat", ["a", "b", "c"], "W", axis=1)], {k: floats(i, 32, 24) for i, k in enumerate("abc")}
    yield "cast", [node("Cast", ["a"], "W", to=TensorProto.FLOAT)], {"a": floats(3, 32, 40).astype(np.float64)}
    yield (
        "cast-small",
        [node("Cast", ["a"], "W", to=TensorProto.FLOAT)],
        {"a": np.random.default_rng(4).integers(-128, 128, (32, 40)).astype(np.int8)},
    )
    yield "reshape", [node("Reshape", ["a", "d"], "W")], {"a": floats(5, 4, 8, 40), "d": ints(32, -1)}
    yield (
        "chain",
        [
            node("Transpose", ["a"], "t", perm=[2, 0, 1]),
            node("Reshape", ["t", "d"], "r"),
            node("Concat", ["r", "b"], "c", axis=1),
            node("Slice", ["c", "s", "e", "axes"], "l"),
            node("Cast", ["l"], "W", to=TensorProto.FLOAT),
        ],
        {
            "a": floats(6, 10, 6, 32).astype(np.float64),
            "b": floats(7, 32, 20).astype(np.float64),
            "d": ints(32, 60),
            "s": ints(5),
            "e": ints(75),
            "axes": ints(1),
        },
    )
    yield (
        "twice",
        [
            node("Transpose", ["a"], "t", perm=[1, 0]),
            node("Transpose", ["a"], "u", perm=[1, 0]),
            node("Add", ["t", "u"], "W"),
        ],
        {"a": floats(8, 40, 32)},
    )


def check_moves(checks, folder):
    for name, nodes, weights in moved_weights():
        # A matrix of the model's, and the same read element by element.
        nodes = [*nodes, node("MatMul", ["x", "W"], "m"), node("Gather", ["W", "i"], "g", axis=0)]
        path = save(
            f"{folder}/{name}.onnx",
            nodes,
            [value("x", "n", 32), value("i", "k", dtype=TensorProto.INT64)],
            [value("m", "n", None), value("g", "k", None)],
            weights,
        )
        inputs = {"x": floats(9, 5, 32), "i": np.array([3, 0, 31], np.int64)}
        library = hone.compile(path, f"{folder}/{name}.so")
        problem = differences(reference(path)(inputs), hone.load(library).run(inputs))
        checks.add(f"{name}-values", problem)
        kernels = run("hone", "compile", path, "--emit=kernels", "-o", "-").stdout
        bodies = re.findall(r"= hone\.(\w+)", kernels)
        left = [op for op in bodies if op in MOVES]
        checks.add(f"{name}-costs-nothing", "" if kernels and not left else f"a run does {left}")
        again = hone.compile(path, f"{folder}/{name}2.so", jobs="1")
        same = filecmp.cmp(library, again, shallow=False)
        checks.add(f"{name}-one-thread", "" if same else "other bytes with one thread")


def typed(name, array, **fields):
    """A tensor whose elements are in a field of their type, as some exporters write it."""
    tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
    for field, elements in fields.items():
        getattr(tensor, field).extend(elements)
    return tensor


def check_typed_fields(checks, folder):
    """Every element type above the size of a constant, in every field that may hold it."""
    random = np.random.default_rng(1)
    arrays = {
        "int32_data": [random.integers(-99, 99, (40, 70)).astype(t) for t in (np.int8, np.int16, np.int32)]
        + [random.integers(0, 200, (40, 70)).astype(t) for t in (np.uint8, np.uint16)]
        + [random.integers(0, 2, (40, 70)).astype(bool)],
        "int64_data": [random.integers(-(2**60), 2**60, (40, 70))],
        "uint64_data": [random.integers(0, 2**32, (40, 70)).astype(t) for t in (np.uint32, np.uint64)],
        "float_data": [floats(2, 40, 70)],
        "double_data": [random.standard_normal((40, 70))],
    }
    nodes, outputs, weights = [], [], {}
    for field, group in arrays.items():
        for i, array in enumerate(group):
            name = f"{field}_{i}"
            weights[name] = typed(name, array, **{field: (array * 1).ravel().tolist()})
            nodes.append(node("Gather", [name, "i"], f"y_{name}", axis=0))
            outputs.append(value(f"y_{name}", "k", 70, dtype=weights[name].data_type))
    path = save(f"{folder}/typed.onnx", nodes, [value("i", "k", dtype=TensorProto.INT64)], outputs, weights)
    inputs = {"i": np.arange(40, dtype=np.int64)}
    library = hone.compile(path, f"{folder}/typed.so")
    checks.add("typed-values", differences(reference(path)(inputs), hone.load(library).run(inputs)))
    for stage in STAGES:
        os.makedirs(f"{folder}/{stage}")
        file = f"{folder}/{stage}/typed.mlir"
        run("hone", "compile", path, f"--emit={stage}", "-o", file)
        size = os.path.getsize(file) if os.path.exists(file) else 0
        is_small = 0 < size < (200_000 if stage == "llvm" else 60_000)
        checks.add(f"typed-{stage}-is-small", "" if is_small else f"{size} bytes of text")
        moved = shutil.move(f"{folder}/{stage}", f"{folder}/{stage}-moved")
        result = run("hone", "compile", f"{moved}/typed.mlir", "-o", f"{folder}/{stage}.so")
        same = result.returncode == 0 and filecmp.cmp(library, f"{folder}/{stage}.so", shallow=False)
        checks.add(f"typed-from-{stage}", "" if same else f"not the same library: {result.stderr[:300]}")


def check_stores(checks, folder):
    """A stage without its values says which file it misses, for which weight, and what to do; nothing else is left."""
    array = np.arange(3000, dtype=np.int32)
    x = [value("i", "k", dtype=TensorProto.INT64)]
    y = [value("y", "k", dtype=TensorProto.INT32)]

    def emit(name, elements):
        model = save(
            f"{folder}/{name}.onnx",
            [node("Gather", ["w", "i"], "y", axis=0)],
            x,
            y,
            {"w": typed("w", elements, int32_data=elements.tolist())},
        )
        run("hone", "compile", model, "--emit=hone", "-o", f"{folder}/{name}.mlir")
        return f"{folder}/{name}.mlir"

    stage = emit("store", array)
    values = stage + ".weights"
    checks.add("store-is-there", "" if os.path.exists(values) else f"no {values}")
    whole = open(values, "rb").read()
    other = emit("other", array + 1)

    def refused(name, *texts):
        before = sorted(os.listdir(folder))
        result = run("hone", "compile", stage, "-o", f"{folder}/refused.so")
        missing = [text for text in ("w0_w", "store.mlir.weights", *texts) if text not in result.stderr]
        ok = result.returncode == 1 and not missing and sorted(os.listdir(folder)) == before
        checks.add(f"store-{name}", "" if ok else f"{result.returncode}, without {missing}: {result.stderr[:400]}")

    os.remove(values)
    refused("missing", "No such file", "move both, or make them again")
    open(values, "wb").write(whole[:5000])
    refused("cut-off", "which has 5000", "make the stage file again")
    shutil.copy(other + ".weights", values)
    refused("of-another-compile", "belongs to another compile", "make the stage file again")
    open(values, "wb").write(whole)
    result = run("hone", "compile", stage, "-o", f"{folder}/store.so")
    checks.add("store-again", result.stderr)
    text = run("hone", "compile", f"{folder}/store.onnx", "--emit=hone", "-o", "-").stdout
    open(f"{folder}/stdout.mlir", "w").write(text)
    result = run("hone", "compile", f"{folder}/stdout.mlir", "-o", f"{folder}/stdout.so")
    says = "-o FILE" in result.stderr and "w0_w" in result.stderr and result.returncode == 1
    checks.add("store-of-stdout", "" if says else f"{result.returncode}: {result.stderr[:300]}")
    plain = save(f"{folder}/plain.onnx", [node("Neg", ["x"], "y")], [value("x", "n")], [value("y", "n")], {})
    run("hone", "compile", plain, "--emit=hone", "-o", f"{folder}/plain.mlir")
    left = [name for name in os.listdir(folder) if name.startswith("plain.mlir.")]
    checks.add("store-only-where-needed", f"{left}" if left else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit")
    options = parser.parse_args()
    checks = Checks("weights")
    for check in (check_moves, check_typed_fields, check_stores):
        with tempfile.TemporaryDirectory() as folder:
            check(checks, folder)
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
