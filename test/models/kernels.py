#!/usr/bin/env python3
"""Kernels that the standard's small node tests do not reach, against NumPy: sizes above, at and below the tiles.

    kernels.py [--junit FILE]

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import itertools
import sys
import tempfile

import hone
import numpy as np
import onnx
from checks import Checks
from onnx import TensorProto, helper

TYPES = {"f4": TensorProto.FLOAT, "f8": TensorProto.DOUBLE, "i1": TensorProto.INT8, "i2": TensorProto.INT16,
         "i4": TensorProto.INT32, "?": TensorProto.BOOL}  # fmt: skip


class Models:
    """Compiles one-node models, each to a file of its own (a loaded library keeps its path)."""

    def __init__(self, folder):
        self.folder, self.count = folder, 0

    def __call__(self, op, ranks, result_rank, dtype="f4", **attributes):
        self.count += 1
        names = [f"x{i}" for i in range(len(ranks))]
        inputs = [
            helper.make_tensor_value_info(name, TYPES[dtype], [f"{name}_{d}" for d in range(rank)])
            for name, rank in zip(names, ranks, strict=True)
        ]
        results = [helper.make_tensor_value_info("y0", TYPES[dtype], [None] * result_rank)]
        node = helper.make_node(op, names, [r.name for r in results], **attributes)
        graph = helper.make_graph([node], op, inputs, results)
        path = f"{self.folder}/{op}{self.count}"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{path}.onnx")
        library = hone.load(hone.compile(f"{path}.onnx", f"{path}.so"))
        return lambda *arrays: library.session(threads=2).run(dict(zip(names, arrays, strict=True)))


def load_text(folder, name, graph):
    """Compiles and loads a graph in ONNX's text form, to a file of its own."""
    path = f"{folder}/{name}"
    onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}'), f"{path}.onnx")
    return hone.load(hone.compile(f"{path}.onnx", f"{path}.so"))


def data(shape, dtype):
    random = np.random.default_rng(1)
    return random.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


def check_transposes(checks, models):
    for dtype in TYPES:
        for permutation in ([1, 0], [0, 2, 1], [2, 1, 0], [1, 0, 2], [0, 2, 3, 1], [3, 1, 0, 2]):
            rank, wrong = len(permutation), []
            model = models("Transpose", [rank], rank, dtype, perm=permutation)
            shapes = (
                itertools.product((1, 31, 33, 70), repeat=rank)
                if rank < 4
                else [(2, 33, 5, 64), (3, 8, 9, 31), (0, 2, 3, 4)]
            )
            for shape in shapes:
                x = data(shape, dtype)
                if not np.array_equal(model(x)["y0"], x.transpose(permutation)):
                    wrong.append(shape)
            checks.add(f"transpose-{dtype}-{''.join(map(str, permutation))}", f"wrong for {wrong}" if wrong else "")


def check_bools(checks, models):
    """Bytes other than 0 and 1 that a caller gives for bool are true, and 1 in the result."""
    model = models("Transpose", [2], 2, "?", perm=[1, 0])
    for shape in ((7, 31), (70, 33)):
        x = np.arange(np.prod(shape), dtype="u1").reshape(shape)
        wrong = not np.array_equal(model(x.view("?"))["y0"].view("u1"), (x != 0).T)
        checks.add(f"transpose-of-bytes-{shape[0]}x{shape[1]}", "not all 0 or 1" if wrong else "")


def check_moved_rows(checks, folder):
    """Reductions whose results or operands are read in other rows than their own, which the dims alone do not show."""
    flip = "<int64[1] start = {-1}, int64[1] end = {-100}, int64[1] axis = {0}, int64[1] step = {-1}>"

    def softmax(x):
        powers = np.exp(x - x.max(-1, keepdims=True))
        return powers / powers.sum(-1, keepdims=True)

    for name, shape, weights, nodes, expected in (
        ("reduce-transpose", (4, 16, 16), "<int64[1] axes = {0}>",
         "r = ReduceSum<keepdims = 0>(x, axes)  s = Relu(r)  y = Transpose<perm = [1, 0]>(s)",
         lambda x: np.maximum(x.sum(0), 0).T),
        ("reduce-flip", (4, 16, 16), flip,
         "r = ReduceSum<keepdims = 0>(x, axis)  s = Relu(r)  y = Slice(s, start, end, axis, step)",
         lambda x: np.maximum(x.sum(0), 0)[::-1]),
        ("reduce-one-flip", (16, 1), flip[:-1] + ", int64[1] one = {1}>",
         "r = ReduceSum<keepdims = 1>(x, one)  s = Relu(r)  y = Slice(s, start, end, axis, step)",
         lambda x: np.maximum(x, 0)[::-1]),
        ("softmax-transpose", (16, 16), "", "r = Softmax(x)  s = Sqrt(r)  y = Transpose<perm = [1, 0]>(s)",
         lambda x: np.sqrt(softmax(x)).T),
        ("softmax-flip", (16, 40), flip, "r = Softmax(x)  s = Sqrt(r)  y = Slice(s, start, end, axis, step)",
         lambda x: np.sqrt(softmax(x))[::-1]),
        ("transpose-softmax", (16, 16), "",
         "v = Exp(x)  t = Transpose<perm = [1, 0]>(v)  s = Softmax(t)  y = Add(v, s)",
         lambda x: np.exp(x) + softmax(np.exp(x).T)),
        ("flip-softmax", (16, 40), flip,
         "v = Exp(x)  t = Slice(v, start, end, axis, step)  s = Softmax(t)  y = Add(v, s)",
         lambda x: np.exp(x) + softmax(np.exp(x)[::-1])),
    ):  # fmt: skip
        x = np.random.default_rng(5).standard_normal(shape).astype("f4")
        y = expected(x.astype("f8"))
        text = (
            f"g (float[{','.join(map(str, shape))}] x) => (float[{y.shape[0]},{y.shape[1]}] y) {weights} {{ {nodes} }}"
        )
        got = load_text(folder, name, text)(x=x)["y"]
        checks.add(f"moved-rows-{name}", "" if np.allclose(got, y, rtol=1e-5, atol=1e-6) else "wrong")


def check_concatenations(checks, models):
    for axis in range(3):
        model, wrong = models("Concat", [3, 3, 3], 3, axis=axis), []
        for sizes in ((1, 2, 3), (70, 0, 33), (0, 0, 0)):
            parts = [
                np.random.default_rng(4).standard_normal((5, 6, 7)[:axis] + (n,) + (5, 6, 7)[axis + 1 :]) for n in sizes
            ]
            parts = [part.astype("f4") for part in parts]
            if not np.array_equal(model(*parts)["y0"], np.concatenate(parts, axis)):
                wrong.append(sizes)
        checks.add(f"concat-{axis}", f"wrong for {wrong}" if wrong else "")


def check_outer_reductions(checks, models):
    for op, reference in (
        ("ReduceMax", np.max),
        ("ReduceMean", np.mean),
        ("ReduceL2", lambda x, axes: np.sqrt((x * x).sum(axes))),
    ):
        for axes in ([0], [1], [0, 1]):
            model, wrong = models(op, [3], 3 - len(axes), axes=axes, keepdims=0), []
            for shape in ((1, 1, 1), (5, 7, 33), (129, 2, 70), (4, 3, 0)):
                x = np.random.default_rng(2).standard_normal(shape).astype("f4")
                if not np.allclose(model(x)["y0"], reference(x.astype("f8"), tuple(axes)), rtol=1e-5, atol=1e-6):
                    wrong.append(shape)
            checks.add(f"{op}-{''.join(map(str, axes))}", f"wrong for {wrong}" if wrong else "")


def check_products(checks, models):
    """Matrix products of no kernel family: sums of rows, several at a time."""
    for dtype in ("f8", "i4"):
        for left, right in ((2, 2), (3, 3), (2, 3), (4, 2)):
            model, wrong = models("MatMul", [left, right], max(left, right), dtype), []
            for m, k, n in itertools.product((0, 1, 3, 4, 9), (0, 1, 4, 13), (0, 1, 7, 70)):
                x, y = (data(shape, dtype) for shape in ((2, 3)[4 - left :] + (m, k), (3,)[3 - right :] + (k, n)))
                if not np.array_equal(model(x, y)["y0"], np.matmul(x, y)):
                    wrong.append((m, k, n))
            checks.add(f"matmul-{dtype}-{left}{right}", f"wrong for {wrong}" if wrong else "")


def check_softmaxes(checks, models):
    for dtype, op, axis in itertools.product(("f4", "f8"), ("Softmax", "LogSoftmax"), range(3)):
        model, wrong = models(op, [3], 3, dtype, axis=axis), []
        for shape in ((1, 1, 1), (5, 7, 33), (9, 2, 64), (3, 70, 130), (4, 3, 0), (4, 0, 3), (0, 4, 3)):
            x = np.random.default_rng(6).standard_normal(shape).astype(dtype)
            wide = x.astype("f8")
            sums = np.exp(wide).sum(axis, keepdims=True)
            with np.errstate(divide="ignore"):
                expected = np.exp(wide) / sums if op == "Softmax" else wide - np.log(sums)
            if not np.allclose(model(x)["y0"], expected, rtol=1e-5, atol=1e-6 if dtype == "f4" else 1e-12):
                wrong.append(shape)
        checks.add(f"{op}-{dtype}-{axis}", f"wrong for {wrong}" if wrong else "")


def ordered(x, axis, largest):
    """Positions in TopK's order: equal elements in order of position, NaN greatest."""
    order = np.unique(x, return_inverse=True)[1].reshape(x.shape).astype("i8")
    return np.argsort(-order if largest else order, axis, kind="stable")


def check_selections(checks, folder):
    """TopK from an empty heap to a row that is sorted as a whole; sizes around those of blocks and tiles."""
    random = np.random.default_rng(6)
    extremes = {
        "f4": [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45, -1e-45],
        "f8": [np.nan, np.inf, -np.inf, -0.0, 0.0, 5e-324],
    }
    extremes |= {
        dtype: [np.iinfo(dtype).min, np.iinfo(dtype).max] for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u8")
    }
    types = {"f4": "float", "f8": "double", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8",
             "u2": "uint16", "u8": "uint64"}  # fmt: skip
    for dtype in set(types) - set(extremes):
        extremes[dtype] = [np.iinfo(dtype).min, np.iinfo(dtype).max]
    few = ((0, 0), (5, 0), (5, 1), (8, 8), (33, 33), (65, 64), (300, 2), (300, 63), (300, 100), (300, 300))
    many = (*few, (129, 64), (1000, 257), (3000, 1000), (3000, 2999), (4097, 4097), (70000, 1000))

    def samples(dtype, shape):
        spread = random.standard_normal(shape)
        whole = dtype[0] != "f"
        spread = (abs(spread) if dtype[0] == "u" else spread) * (40 if dtype[1] == "1" else 10000 if whole else 1)
        yield "spread", spread.astype(dtype)
        yield "ascending", np.sort(spread, -1).astype(dtype)
        yield "equal", np.zeros(shape, dtype)
        mixed = random.integers(0, 9, shape).astype(dtype)
        special = random.random(shape) < 0.1
        mixed[special] = random.choice(np.array(extremes[dtype], dtype), special.sum())
        yield "ties", mixed

    for (dtype, axis), largest in itertools.product([("f4", 0), *((dtype, 1) for dtype in types)], (0, 1)):
        text = (
            f"g ({types[dtype]}[m,n] x, int64[1] k) => ({types[dtype]}[p,q] y, int64[p,q] i)"
            f" {{ y, i = TopK<axis = {axis}, largest = {largest}>(x, k) }}"
        )
        model, wrong = load_text(folder, f"topk{dtype}{axis}{largest}", text), []
        for size, k in many if dtype == "f4" and axis else few:
            for name, x in samples(dtype, (3, size)):
                x = np.ascontiguousarray(x if axis else x.T)
                positions = np.take(ordered(x, axis, largest), range(k), axis)
                got, values = model(x=x, k=np.array([k])), np.take_along_axis(x, positions, axis)
                if not np.array_equal(got["i"], positions) or got["y"].tobytes() != values.tobytes():
                    wrong.append((name, size, k))
        checks.add(f"topk-{dtype}-{axis}-{largest}", f"wrong for {wrong}" if wrong else "")


def check_many(checks, folder, count=130):
    """More inputs, outputs and dims than a struct of the program's tables, or one join, has parts."""
    inputs = ", ".join(f"float[n{i}] x{i}" for i in range(count))
    outputs = ", ".join(f"float[n{i}] y{i}" for i in range(count))
    nodes = " ".join(f"y{i} = Neg(x{i})" for i in range(count))
    joined = ", ".join(f"x{i}" for i in range(count))
    text = f"g ({inputs}) => ({outputs}, float[all] whole) {{ {nodes} whole = Concat<axis = 0>({joined}) }}"
    arrays = {f"x{i}": np.arange(i % 3 + 1, dtype="f4") + i for i in range(count)}
    got = load_text(folder, "many", text)(**arrays)
    expected = {f"y{i}": -arrays[f"x{i}"] for i in range(count)} | {"whole": np.concatenate(list(arrays.values()))}
    wrong = [name for name, array in expected.items() if not np.array_equal(got[name], array)]
    checks.add("many", f"wrong for {wrong}" if wrong else "")


def check_running_sums(checks, folder):
    for exclusive, reverse in itertools.product((0, 1), (0, 1)):
        text = (
            "g (float[a,b,c] x) => (float[a,b,c] y) <int64 axis = {1}>"
            f" {{ y = CumSum<exclusive = {exclusive}, reverse = {reverse}>(x, axis) }}"
        )
        model, wrong = load_text(folder, f"cumsum{exclusive}{reverse}", text), []
        for shape in ((2, 0, 3), (2, 3, 0), (2, 1, 1), (3, 9, 33), (2, 5, 600)):
            x = np.random.default_rng(7).integers(-9, 9, shape).astype("f4")
            along = np.flip(x, 1) if reverse else x
            sums = np.cumsum(along, 1) - (along if exclusive else 0)
            if not np.array_equal(model(x=x)["y"], np.flip(sums, 1) if reverse else sums):
                wrong.append(shape)
        checks.add(f"cumsum-{exclusive}-{reverse}", f"wrong for {wrong}" if wrong else "")


def split_mix(seed, count):
    """SplitMix64 (Steele, Lea, Flood 2014): the upper 24 bits as numbers in [0, 1)."""
    with np.errstate(over="ignore"):
        state = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
        bits = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(40)).astype("f4") * np.float32(2.0**-24)


def check_dropout(checks, folder):
    x, ratio, training = (
        helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", "m"]),
        helper.make_tensor_value_info("ratio", TensorProto.FLOAT, []),
        helper.make_tensor_value_info("training", TensorProto.BOOL, []),
    )
    outputs = [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", "m"]),
        helper.make_tensor_value_info("mask", TensorProto.BOOL, ["n", "m"]),
    ]
    node = helper.make_node("Dropout", ["x", "ratio", "training"], ["y", "mask"], seed=7)
    graph = helper.make_graph([node], "dropout", [x, ratio, training], outputs)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), f"{folder}/d.onnx")
    run = hone.load(hone.compile(f"{folder}/d.onnx", f"{folder}/d.so"))
    values = np.random.default_rng(3).standard_normal((37, 129)).astype("f4")
    for share in (0.0, 0.25, 1.0):
        got = run(x=values, ratio=np.float32(share), training=np.array(True))
        kept = (split_mix(7, values.size) >= share).reshape(values.shape)
        expected = np.where(kept, values / np.float32(1 - share) if share < 1 else 0, 0)
        good = np.array_equal(got["mask"], kept) and np.allclose(got["y"], expected, rtol=1e-6)
        checks.add(f"dropout-{share}", "" if good else "not the elements that the seed chooses")
    got = run(x=values, ratio=np.float32(0.5), training=np.array(False))
    checks.add("dropout-inference", "" if np.array_equal(got["y"], values) and got["mask"].all() else "data changed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit")
    options = parser.parse_args()
    checks = Checks("kernels")
    with tempfile.TemporaryDirectory() as folder:
        models = Models(folder)
        check_transposes(checks, models)
        check_bools(checks, models)
        check_moved_rows(checks, folder)
        check_concatenations(checks, models)
        check_outer_reductions(checks, models)
        check_selections(checks, folder)
        check_many(checks, folder)
        check_running_sums(checks, folder)
        check_products(checks, models)
        check_softmaxes(checks, models)
        check_dropout(checks, folder)
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
