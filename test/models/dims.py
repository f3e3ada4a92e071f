#!/usr/bin/env python3
"""The rules of «dims» in docs/design/contracts.md, each a named check, against NumPy.

    dims.py [MODEL] [--junit FILE]

Empty tensors, scalars, positions inside and outside, dims that meet at run time, sizes that arrive as values, and
results that do not depend on the number of threads (also of the sentence-embedding model).

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import sys
import tempfile

import hone
import numpy as np
import onnx
from checks import MINILM, Checks, reference
from nodes import AXES, INF, REDUCTIONS, Model, nan_max, no_error, problem_of, rows, softmax, special, unlike
from onnx import helper


def check_empty(checks, folder):
    """Every family on tensors with no elements (each dim 0) and on ordinary ones."""
    model = Model(folder, "empty", {"x": ("f4", ["m", "n"]), "y": ("f4", ["m", "n"]), "i": ("i8", ["k"])})
    model.node("empty-Add", "Add", ["x", "y"], np.add)
    model.node("empty-Exp", "Exp", ["x"], np.exp, 1e-5)
    model.node("empty-Transpose", "Transpose", ["x"], np.transpose, perm=[1, 0])
    for axis in (0, 1):
        model.node(f"empty-Concat-{axis}", "Concat", ["x", "y"], lambda *xs, a=axis: np.concatenate(xs, a), axis=axis)
    model.node("empty-Softmax", "Softmax", ["x"], lambda x: softmax(x) if x.size else x, 1e-5, axis=-1)
    model.node(
        "empty-LpNormalization", "LpNormalization", ["x"], lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True)), 1e-5
    )
    model.node("empty-Gather", "Gather", ["x", "i"], lambda x, i: np.take(x, i, 1), axis=1)
    model.node("empty-CumSum", "CumSum", ["x", model.constant(0)], lambda x, _: np.cumsum(x, 0), 1e-5)
    model.node("empty-Tile", "Tile", ["x", model.constant([2, 3])], np.tile)
    model.node("empty-Tile-0", "Tile", ["x", model.constant([0, 2])], np.tile)
    model.node("empty-Pad", "Pad", ["x", model.constant([1, 0, 2, 1])], lambda x, _: np.pad(x, ((1, 2), (0, 1))))
    model.node("empty-Slice", "Slice", ["x", *map(model.constant, ([0], [-1], [1]))], lambda x, *_: x[:, :-1])
    model.node("empty-Reshape", "Reshape", ["x", model.constant([-1, 1])], lambda x, _: x.reshape(-1, 1))
    model.node("empty-Flatten", "Flatten", ["x"], lambda x: x, axis=1)
    model.node("empty-Unsqueeze", "Unsqueeze", ["x", model.constant([1])], lambda x, _: x[:, None])
    model.node("empty-Expand", "Expand", ["x", model.constant([2, 1, 1])], lambda x, _: np.stack([x, x]))
    model.node("empty-Where", "Where", [model.constant(True), "x", "y"], lambda c, x, y: x)
    model.node("empty-Cast", "Cast", ["x"], lambda x: x.astype("i4"), to=onnx.TensorProto.INT32)
    model.node("empty-Trilu", "Trilu", ["x"], np.triu)
    model.node("empty-OneHot", "OneHot", ["i", model.constant(4), model.constant(np.array([0, 1], "f4"))],
               lambda i, *_: np.eye(4, dtype="f4")[i], axis=-1)  # fmt: skip
    model.node("empty-Shape", "Shape", ["x"], lambda x: np.array(x.shape))
    model.node("empty-Size", "Size", ["x"], lambda x: np.array(x.size))
    model.node(
        "empty-TopK", "TopK", ["x", model.constant([0])], lambda x, _: (x[:, :0], x[:, :0].astype("i8")), outputs=2
    )

    def sample(m, n, k):
        values = np.arange(m * n, dtype="f4").reshape(m, n) / 8 + 1
        return [values, -values, np.zeros(k, "i8")]

    model.run(
        checks, [sample(5, 3, 2), sample(5, 3, 0), sample(0, 3, 2), sample(0, 3, 0), sample(5, 0, 0), sample(0, 0, 0)]
    )

    model = Model(folder, "empty_concat", {f"x{i}": ("f4", ["m", f"n{i}"]) for i in range(3)})
    model.node("Concat-empty-parts", "Concat", list(model.inputs), lambda *xs: np.concatenate(xs, 1), axis=1)
    widths = ((0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 4), (0, 0, 0), (7, 64, 133))
    model.run(checks, [[np.full((4, n), i + 1, "f4") for i, n in enumerate(w)] for w in widths])


def check_scalars(checks, folder):
    model = Model(folder, "scalars", {"x": ("f4", []), "y": ("f4", []), "v": ("f4", ["n"]), "i": ("i8", [])})
    for op, function in (("Add", np.add), ("Div", np.divide), ("Less", np.less), ("Max*", nan_max)):
        name = op.rstrip("*")
        model.node(f"scalar-{name}", name, ["x", "y"], function, zeros=op == name)
        model.node(f"scalar-vector-{name}", name, ["x", "v"], function, zeros=op == name)
    model.node("scalar-Neg", "Neg", ["x"], np.negative)
    model.node("scalar-Cast", "Cast", ["x"], lambda x: x.astype("f8"), to=onnx.TensorProto.DOUBLE)
    for op, function in REDUCTIONS.items():
        model.node(f"scalar-{op}", op, ["x"], lambda x, f=function: np.asarray(f(x, axis=None), "f4"), 1e-5, False)
    model.node("scalar-Unsqueeze", "Unsqueeze", ["x", model.constant([0, 1])], lambda x, _: x.reshape(1, 1))
    model.node("scalar-Expand", "Expand", ["x", model.constant([2, 3])], np.broadcast_to)
    model.node("scalar-Shape", "Shape", ["x"], lambda x: np.zeros(0, "i8"))
    model.node("scalar-Size", "Size", ["x"], lambda x: np.array(1))
    model.node("scalar-Gather", "Gather", ["v", "i"], lambda v, i: v[i])
    model.node("scalar-Flatten", "Flatten", ["x"], lambda x: x.reshape(1, 1), axis=0)
    model.node("scalar-Transpose", "Transpose", ["x"], lambda x: x)
    model.node("scalar-Tile", "Tile", ["x", model.constant(np.zeros(0, "i8"))], lambda x, _: x)
    model.node("scalar-Where", "Where", [model.constant(False), "x", "y"], lambda c, x, y: y)
    scalars = special("f4")
    model.run(checks, [[np.asarray(a), np.asarray(scalars[i - 7]), np.resize(scalars, 1 + i), np.asarray(-1 - i)]
                       for i, a in enumerate(scalars)])  # fmt: skip


def check_indices(checks, folder):
    """Negative positions count from the end; ones outside fail with the node's name."""
    inputs = {"x": ("f4", ["m", "n"]), "i": ("i8", ["k"]), "j": ("i4", ["k"]), "e": ("i8", ["m", "k"]),
              "t": ("i8", ["k", 2]),
              "u": ("f4", ["m", "k"]), "w": ("f4", ["k"])}  # fmt: skip
    model = Model(folder, "indices", inputs)

    def scatter(x, e, u):
        result = x.copy()
        np.put_along_axis(result, e, u, 1)
        return result

    def scatter_nd(x, t, w):
        result = x.copy()
        result[tuple(t.T)] = w
        return result

    model.node("gather_rows", "Gather", ["x", "i"], lambda x, i: x[i], axis=0)
    model.node("gather_columns", "Gather", ["x", "j"], lambda x, j: x[:, j], axis=1)
    model.node("gather_elements", "GatherElements", ["x", "e"], lambda x, e: np.take_along_axis(x, e, 1), axis=1)
    model.node("gather_nd", "GatherND", ["x", "t"], lambda x, t: x[tuple(t.T)])
    model.node("scatter_elements", "ScatterElements", ["x", "e", "u"], scatter, axis=1)
    model.node("scatter_nd", "ScatterND", ["x", "t", "w"], scatter_nd)
    m, n, k = 5, 9, 4
    x = np.arange(m * n, dtype="f4").reshape(m, n)
    good = dict(
        x=x,
        i=np.array([0, -1, -5, 4]),
        j=np.array([-9, 8, -1, 0], "i4"),
        e=np.array([[0, -1, 8, -8]] * m),
        t=np.array([[0, 0], [-1, -1], [4, 0], [-5, 8]]),
        u=np.arange(m * k, dtype="f4").reshape(m, k) + 100,
        w=np.arange(k, dtype="f4") + 100,
    )
    none = {
        **good,
        "i": good["i"][:0],
        "j": good["j"][:0],
        "e": good["e"][:, :0],
        "t": good["t"][:0],
        "u": good["u"][:, :0],
        "w": good["w"][:0],
    }
    model.run(checks, [good, none])
    session = model.compile(good)
    for name, place, limits in (
        ("i", (3,), {"gather_rows": (5, -6)}),
        ("j", (2,), {"gather_columns": (9, -10)}),
        ("e", (4, 3), {"gather_elements|scatter_elements": (9, -10)}),
        ("t", (3, 0), {"gather_nd|scatter_nd": (5, -6)}),
        ("t", (0, 1), {"gather_nd|scatter_nd": (9, -10)}),
    ):
        for nodes, wrong in limits.items():
            most = np.iinfo(good[name].dtype)
            for value in (*wrong, most.min, most.max):
                bad = good[name].copy()
                bad[place] = value
                checks.add(f"outside-{nodes.split('|')[0]}{''.join(map(str, place))}-{value}",
                           no_error(session, {**good, name: bad}, f"'({nodes})'"))  # fmt: skip
    checks.add("outside-then-right", unlike(x[good["i"]], session.run(good)["gather_rows:0"], 0, True))
    # No index lies inside an empty dim.
    nodes = "gather_columns|gather_elements|gather_nd|scatter_elements|scatter_nd"
    checks.add("outside-no-columns", no_error(session, {**good, "x": x[:, :0]}, f"'({nodes})'"))
    # Rows so long that reading the first one, which is not there, would meet no memory.
    rows = {"x": np.zeros((0, 2**24), "f4"), "e": good["e"][:0], "u": good["u"][:0]}
    checks.add("outside-no-rows", no_error(session, {**good, **rows}, "'(gather_rows|gather_nd|scatter_nd)'"))


def check_triangles(checks, folder):
    """Diagonals inside, at the corners and as far away as a number can be."""
    model = Model(folder, "triangles", {"x": ("f4", ["m", "n"]), "k": ("i8", [])})
    far = 2**40  # NumPy's own arithmetic would wrap
    model.node("triangle-upper", "Trilu", ["x", "k"], lambda x, k: np.triu(x, np.clip(k, -far, far)))
    model.node("triangle-lower", "Trilu", ["x", "k"], lambda x, k: np.tril(x, np.clip(k, -far, far)), upper=0)
    for k in (2**63 - 1, -(2**63)):
        limit = model.constant(np.array(k))
        model.node(f"triangle-constant-{k}", "Trilu", ["x", limit], lambda x, k: np.triu(x, np.clip(k, -far, far)))
    ks = (0, 1, -1, 3, 4, -2, -3, 5, -5, 2**63 - 1, 2**63 - 3, -(2**63), -(2**63) + 2)
    model.run(checks, [[rows(16)[: 3 + i % 2, :4].copy(), np.array(k)] for i, k in enumerate(ks)])


def check_dims(checks, folder):
    """Dims with different symbols that meet at run time: equal or 1, else an error that names the node."""
    model = Model(folder, "dims", {"x": ("f4", ["a", "b"]), "y": ("f4", ["c", "d"]), "z": ("f4", ["d"])})
    model.node("meet", "Add", ["x", "y"], np.add)
    model.node("meet_last", "Mul", ["x", "z"], np.multiply)
    model.node(
        "meet_three", "Where", [model.constant(True), "x", "y"], lambda c, x, y: np.broadcast_arrays(x, y)[0].copy()
    )

    def sample(a, b, c, d):
        return {"x": rows(200)[:a, :b], "y": np.ones((c, d), "f4"), "z": np.arange(d, dtype="f4")}

    shapes = [(4, 5, 4, 5), (1, 5, 4, 5), (4, 1, 4, 5), (4, 5, 1, 5), (4, 5, 4, 1), (1, 1, 1, 1), (1, 5, 4, 1),
              (4, 133, 1, 1),
              (1, 133, 7, 133), (0, 5, 1, 5), (1, 5, 0, 5), (4, 1, 4, 0), (4, 0, 4, 1), (0, 0, 1, 1)]  # fmt: skip
    model.run(checks, [sample(*shape) for shape in shapes])
    session = model.compile(sample(4, 5, 4, 5))
    for shape, sizes in (
        ((4, 5, 3, 5), "[34]"),
        ((4, 5, 4, 6), "[56]"),
        ((2, 5, 4, 1), "[24]"),
        ((0, 5, 2, 5), "[02]"),
        ((4, 0, 4, 5), "[05]"),
    ):
        checks.add(f"dims-{'-'.join(map(str, shape))}", no_error(session, sample(*shape), rf"node 'meet.*{sizes}"))
    checks.add("dims-then-right", unlike(np.ones((4, 5), "f4"), session.run({"x": np.zeros((4, 5), "f4"), **{
        "y": np.ones((4, 5), "f4"), "z": np.zeros(5, "f4")}})["meet:0"], 0, True))  # fmt: skip

    model = Model(folder, "dims_matmul", {"x": ("f4", ["a", "b"]), "y": ("f4", ["c", "d"])})
    model.node("meet_product", "MatMul", ["x", "y"], np.matmul, 1e-5)
    good = {"x": np.ones((2, 3), "f4"), "y": np.ones((3, 4), "f4")}
    session = model.compile(good)
    checks.add("dims-MatMul", unlike(np.full((2, 4), 3, "f4"), session.run(good)["meet_product:0"], 0, True))
    checks.add(
        "dims-MatMul-disagree", no_error(session, {**good, "y": np.ones((4, 4), "f4")}, "node 'meet_product'.*[34]")
    )
    checks.add("dims-MatMul-one", no_error(session, {**good, "y": np.ones((1, 4), "f4")}, "node 'meet_product'.*[13]"))

    model = Model(folder, "dims_no_names", {"x": ("f4", ["?", "?"]), "y": ("f4", ["?", "None"]), "z": ("f4", ["None"])})
    model.node("no-names-MatMul", "MatMul", ["x", "y"], np.matmul, 1e-5)
    model.node("no-names-Add", "Add", ["y", "z"], np.add)
    model.run(
        checks, [[np.ones((m, k), "f4"), np.ones((k, n), "f4"), np.ones(n, "f4")] for m, k, n in ((2, 3, 4), (1, 5, 2))]
    )

    model = Model(folder, "dims_concat", {"x": ("f4", ["a", "b"]), "y": ("f4", ["c", "d"])})
    model.node("meet_concat", "Concat", ["x", "y"], lambda x, y: np.concatenate([x, y], 1), axis=1)
    good = {"x": np.ones((2, 3), "f4"), "y": np.ones((2, 4), "f4")}
    session = model.compile(good)
    checks.add("dims-Concat", unlike(np.ones((2, 7), "f4"), session.run(good)["meet_concat:0"], 0, True))
    checks.add(
        "dims-Concat-disagree", no_error(session, {**good, "y": np.ones((1, 4), "f4")}, "node 'meet_concat'.*[12]")
    )

    # One symbol is one size, whatever the graph makes of it.
    model = Model(folder, "dims_symbol", {"x": ("f4", ["a"]), "y": ("f4", ["a"])})
    model.node("same_symbol", "Add", ["x", "y"], np.add)
    session = model.compile({"x": np.ones(3, "f4"), "y": np.ones(3, "f4")})
    checks.add("dims-one-symbol", no_error(session, {"x": np.ones(3, "f4"), "y": np.ones(1, "f4")}, "'?y'?.*[13]|'a'"))


def check_splats(checks, folder):
    """Constants of equal elements, held as one number, that alone give a result some of its dims."""
    inputs = {"s": ("f4", []), "x": ("f4", ["a", 1, 1]), "y": ("f4", ["a", "b"]), "z": ("f4", [1, "b", 1])}
    model = Model(folder, "splats", inputs)
    values = {"s": [(2, 3), ()], "x": [(2,), (4, 8), (1, 4, 8), (5, 1, 4, 1), (1, 7)], "y": [(2, 1, 1), (3, 1, 1, 1)],
              "z": [(1, 1, 8), (6, 1, 1), (6, 1, 8), (2, 6, 1, 8)]}  # fmt: skip
    functions = {"Mul": np.multiply, "Sub": np.subtract, "Max": np.maximum, "Pow": np.power, "Less": np.less}
    for name, shapes in values.items():
        for shape in shapes:
            splat = model.constant(np.full(shape, 2, "f4"))
            for op, function in functions.items():
                model.node(f"splat-{op}-{name}-{list(shape)}", op, [name, splat], function, 1e-6)
            model.node(f"splat-{name}-{list(shape)}-first", "Div", [splat, name], np.divide, 1e-6)
    yes, three = model.constant(np.ones((6, 1, 1), bool)), model.constant(np.full((1, 8), 3, "f4"))
    model.node("splats-Where-either", "Where", [yes, "z", three], np.where)
    model.node("splats-Where-none", "Where", [yes, "s", three], np.where)
    rng = np.random.default_rng(9)
    model.run(checks, [[rng.uniform(0.5, 2, shape).astype("f4") for shape in ((), (a, 1, 1), (a, b), (1, b, 1))]
                       for a, b in ((1, 1), (3, 5), (1, 4), (6, 1), (0, 2))])  # fmt: skip


def check_flags(checks, folder):
    """Attributes that mean yes or no, with numbers that nobody writes on purpose: as ONNX Runtime takes them."""
    x, matrix = helper.make_tensor_value_info("x", 1, ["m", 3, 4]), helper.make_tensor_value_info("q", 1, [1, 2, 3, 4])
    constants = {"one": [1], "zero": [0, 3, 4], "two": [2]}
    flags = [("ReduceSum", ["x", "one"], "keepdims"), ("ReduceMax", ["x"], "noop_with_empty_axes"),
             ("ArgMax", ["x"], "keepdims"), ("ArgMin", ["x"], "select_last_index"), ("TopK", ["x", "two"], "largest"),
             ("Reshape", ["x", "zero"], "allowzero"), ("Trilu", ["x"], "upper"), ("IsInf", ["x"], "detect_negative"),
             ("Attention", ["q", "q", "q"], "is_causal")]  # fmt: skip
    inputs = {"x": np.round(np.random.default_rng(4).standard_normal((2, 3, 4)), 0).astype("f4")}
    inputs["x"][0, 0, 0] = -INF
    inputs["q"] = np.random.default_rng(5).standard_normal((1, 2, 3, 4)).astype("f4")
    for value in (0, 1, 2, -1, 10, 2**31):
        nodes, outputs = [], []
        for op, operands, attribute in flags:
            if (attribute, value) != ("allowzero", 1):  # x is not empty
                outputs.append(f"{op}.{attribute}")
                results = ["unused", outputs[-1]] if op == "TopK" else [outputs[-1]]
                nodes.append(helper.make_node(op, operands, results, **{attribute: value}))
        tensors = [onnx.numpy_helper.from_array(np.array(numbers), name) for name, numbers in constants.items()]
        declared = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph(nodes, "flags", [x, matrix], declared, tensors)
        path = f"{folder}/flags_{value}"
        opsets = [helper.make_opsetid("", 23)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), f"{path}.onnx")
        try:
            session = hone.load(hone.compile(f"{path}.onnx", f"{path}.so")).session()
            problem = problem_of(session, inputs, reference(f"{path}.onnx"))
        except hone.CompileError as error:
            problem = str(error)
        checks.add(f"flags-{value}", problem)


def check_host_values(checks, folder):
    """Shapes, steps and counts that arrive at run time: impossible ones fail with the node's name."""
    counts = {"shape": 2, "step": 1, "k": 1, "parts": 2, "repeats": 2, "sizes": 2, "pads": 4}
    inputs = {"x": ("f4", ["m", "n"]), "start": ("i8", []), "limit": ("i8", [])}
    model = Model(folder, "host_values", {**inputs, **{name: ("i8", [count]) for name, count in counts.items()}})
    model.node("do_reshape", "Reshape", ["x", "shape"], lambda x, shape: x.reshape(shape))
    model.node(
        "do_slice",
        "Slice",
        ["x", *map(model.constant, ([0], [99], [1])), "step"],
        lambda x, s, e, a, step: x[:, :: step[0]],
    )
    model.node("do_top", "TopK", ["x", "k"], lambda x, k: tuple(map(np.ascontiguousarray, (
        -np.sort(-x, 1)[:, : k[0]], np.argsort(-x, 1, kind="stable")[:, : k[0]]))), outputs=2)  # fmt: skip
    model.node(
        "do_split", "Split", ["x", "parts"], lambda x, parts: (x[:, : parts[0]], x[:, parts[0] :]), outputs=2, axis=1
    )
    model.node("do_tile", "Tile", ["x", "repeats"], np.tile)
    model.node("do_pad", "Pad", ["x", "pads"], lambda x, pads: np.pad(x, pads.reshape(2, 2).T))
    model.node(
        "do_range", "Range", ["start", "limit", model.constant(1)], lambda start, limit, _: np.arange(start, limit)
    )
    model.node("do_fill", "ConstantOfShape", ["sizes"], lambda sizes: np.zeros(sizes, "f4"))
    good = dict(
        x=rows(64)[10:12, :6].copy(),
        shape=np.array([3, -1]),
        step=np.array([2]),
        k=np.array([1]),
        parts=np.array([2, 4]),
        repeats=np.array([2, 1]),
        sizes=np.array([2, 3]),
        pads=np.array([0, 1, 2, 0]),
        start=np.array(-2),
        limit=np.array(3),
    )
    zeros = {**good, "k": np.array([0]), "parts": np.array([0, 6]), "repeats": np.array([0, 3]),
             "sizes": np.array([0, 3]),
             "pads": np.array([0, 0, 0, 0]), "limit": np.array(-2)}  # fmt: skip
    model.run(checks, [good, zeros])
    session = model.compile(good)
    large, least = 2**40, np.array(-(2**63))
    for node, name, values in (
        ("do_reshape", "shape", ([5, -1], [-1, -1], [2, 7], [-2, -6], [large, large])),
        ("do_slice", "step", ([0],)),
        ("do_top", "k", ([7], [-1], [2**62])),
        ("do_split", "parts", ([2, 5], [-1, 7], [2**62, 2**62])),
        ("do_tile", "repeats", ([-1, 1],)),
        ("do_fill", "sizes", ([-1, 2],)),
        # Sizes whose products overflow, some to numbers that would do.
        ("", "shape", ([4, 2**62 + 3], [2**62 + 3, 4])),
        ("", "repeats", ([large, large], [2**62, 1], [1, (2**64 + 2) // 6])),
        ("", "pads", ([0, 2**63 - 1, 0, 2**63 - 1], [0, 2**62, 0, 2**62])),
        ("", "limit", (2**63 - 1,)),
        ("", "sizes", ([large, large], [2**62, 3], [2**63 - 1, 1], [4, 2**62 + 1])),
    ):
        for value in values:
            wrong = no_error(
                session,
                {**good, name: np.array(value), **({"start": least} if name == "limit" else {})},
                f"node '{node}'" if node else r"overflow|memory|large|elements|node 'do_",
            )
            checks.add(f"host-{name}-{'-'.join(map(str, np.atleast_1d(value)))}", wrong)
    checks.add("host-then-right", unlike(good["x"].reshape(3, 4), session.run(good)["do_reshape:0"], 0, True))


def check_wrapping(checks, folder):
    """Sizes that come to fit because 64 bits wrap: an error that names the node, never elements of other memory."""
    large, greatest = 2**62, 2**63 - 1

    def case(name, inputs, nodes, good, bad, rank=1):
        """nodes: (op, inputs, outputs, attributes), the last with the output; each change of `bad` to `good` fails."""
        model = Model(folder, f"wrap_{name}", inputs)
        for i, (op, names, results, attributes) in enumerate(nodes):
            names = [each if isinstance(each, str) else model.constant(each) for each in names]
            last = i + 1 == len(nodes)
            results = ["last:0"] if last else results
            node_name = "last" if last else f"wrap_{name}"
            model.nodes.append(helper.make_node(op, names, results, name=node_name, **attributes))
        model.cases["last"] = ([], lambda: np.zeros([0] * rank, "f4"), 0, True)
        try:
            session = model.compile(good)
            session.run(good)
            for i, wrong in enumerate(bad):
                checks.add(f"wrap-{name}-{i}", no_error(session, {**good, **wrong}, "node '(wrap|last)|input '|memory"))
        except (hone.CompileError, hone.Error) as error:
            checks.add(f"wrap-{name}", str(error))

    def whole(*values):
        return np.array(values, "i8")

    x = np.arange(4, dtype="f4")
    ends = {"s": ("i8", [2]), "e": ("i8", [2])}
    case("reshape", {"x": ("f4", ["n"]), "shape": ("i8", [2]), **ends},
         [("Reshape", ["x", "shape"], ["r"], {}), ("Slice", ["r", "s", "e"], ["t"], {}), ("Relu", ["t"], [], {})],
         {"x": x, "shape": whole(1, 4), "s": whole(0, 0), "e": whole(1, 4)},
         [{"shape": whole(large + 1, 4), "s": whole(5, 0), "e": whole(8, 4)},
          {"x": x[:0], "shape": whole(2**32, 2**32), "s": whole(2**20, 0), "e": whole(2**20 + 1, 4)},
          {"shape": whole(-(2**63), 4)}, {"shape": whole(-1, greatest)},
          {"shape": whole(2**47 + 1, -1)}, {"x": x[:0], "shape": whole(2**47, 2**47)}], rank=2)  # fmt: skip
    case("split", {"x": ("f4", ["n"]), "parts": ("i8", [5])},
         [("Split", ["x", "parts"], [f"p{i}" for i in range(5)], {"axis": 0}), ("Relu", ["p1"], [], {})],
         {"x": x, "parts": whole(1, 1, 1, 1, 0)},
         [{"parts": whole(20, 4, greatest, greatest - 18, 0)}, {"parts": whole(large, large, large, large, 4)}],
         )  # fmt: skip
    case("tile", {"x": ("f4", ["n", "m"]), "repeats": ("i8", [2])},
         [("Tile", ["x", "repeats"], ["r"], {}), ("Relu", ["r"], [], {})],
         {"x": x.reshape(2, 2), "repeats": whole(1, 2)},
         [{"repeats": whole(large, 1)}, {"repeats": whole(1, 2**63 - 1)}, {"repeats": whole(2**40, 2**40)}],
         rank=2)  # fmt: skip
    case("pad", {"x": ("f4", ["n"]), "pads": ("i8", [2])}, [("Pad", ["x", "pads"], [], {})],
         {"x": x, "pads": whole(1, 1)},
         [{"pads": whole(greatest, greatest)}, {"pads": whole(large, large)}, {"pads": whole(-(2**63), 5)},
          {"pads": whole(2**46, 2**46 + 1)}])  # fmt: skip
    case("expand", {"x": ("f4", [1]), "shape": ("i8", [3])}, [("Expand", ["x", "shape"], [], {})],
         {"x": x[:1], "shape": whole(1, 2, 3)},
         [{"shape": whole(large, 4, 1)}, {"shape": whole(2**32, 2**32, 1)}, {"shape": whole(-1, 1, 1)},
          {"shape": whole(2**48, 0, 1)}, {"shape": whole(2**40, 2**40, 0)}], rank=3)  # fmt: skip
    case("range", {"start": ("i8", []), "limit": ("i8", []), "delta": ("i8", [])},
         [("Range", ["start", "limit", "delta"], ["r"], {}), ("Cast", ["r"], [], {"to": onnx.TensorProto.FLOAT})],
         {"start": np.array(0), "limit": np.array(3), "delta": np.array(1)},
         [{"start": np.array(-(2**63)), "limit": np.array(greatest)}, {"limit": np.array(large)},
          {"start": np.array(greatest), "limit": np.array(-(2**63)), "delta": np.array(-1)}])  # fmt: skip

    def empty(*shape):
        return np.lib.stride_tricks.as_strided(np.zeros(0, "f4"), shape, (0,) * len(shape))

    case("flatten", {"x": ("f4", ["a", 1, "c"]), "y": ("f4", [1, "b", "c"])},
         [("Add", ["x", "y"], ["r"], {}), ("Flatten", ["r"], [], {"axis": 2})],
         {"x": np.zeros((2, 1, 3), "f4"), "y": np.zeros((1, 4, 3), "f4")},
         [{"x": empty(2**40, 1, 0), "y": empty(1, 2**40, 0)}, {"x": empty(2**32, 1, 0), "y": empty(1, 2**32, 0)}],
         rank=2)  # fmt: skip


def check_far_positions(checks, folder):
    """Starts, ends, steps and ranges at the edges of 64 bits that mean something."""
    ends = {name: ("i8", [1]) for name in ("s", "e", "step")}
    model = Model(folder, "far_positions", {"x": ("f4", ["n"]), **ends})
    axes = model.constant([0])

    def sliced(x, s, e, _, step):
        """The standard's clamping, which differs from NumPy's for starts below the first element."""
        start, end, step = (int(each[0]) for each in (s, e, step))
        last = len(x) - (step < 0)
        start, end = (each + len(x) if each < 0 else each for each in (start, end))
        return x[range(min(max(start, 0), last), min(max(end, -(step < 0)), last), step)]

    model.node("far-slice", "Slice", ["x", "s", "e", axes, "step"], sliced)
    least, greatest = -(2**63), 2**63 - 1
    samples = [(s, e, step) for s in (0, 3, -2, least, greatest, 2**47, -(2**47)) for e in (0, -1, 5, least, greatest)
               for step in (1, -1, 3, -3, greatest, least, least + 1)]  # fmt: skip
    model.run(checks, [[np.arange(7, dtype="f4"), *map(np.array, ([s], [e], [step]))] for s, e, step in samples])

    # The bound of a value from data says nothing of what is made of it.
    model = Model(folder, "doubled_start", {"x": ("f4", ["m"]), "s": ("i8", [1]), "e": ("i8", [1])})
    for op, names, result in (
        ("Max", ["s", model.constant([0])], "low"),
        ("Min", ["low", model.constant([2**63 - 2])], "k"),
        ("Add", ["k", "k"], "start"),
    ):
        model.nodes.append(helper.make_node(op, names, [result]))
    model.nodes.append(helper.make_node("Slice", ["x", "start", "e"], ["doubled:0"], name="doubled"))

    def doubled(x, s, e):
        k = min(max(int(s[0]), 0), 2**63 - 2)
        start = (2 * k + 2**63) % 2**64 - 2**63  # as 64 bits wrap
        return x[start : e[0]]

    model.cases["doubled"] = (["x", "s", "e"], doubled, 0, True)
    model.run(checks, [[np.arange(4, dtype="f4"), np.array([s]), np.array([4])]
                       for s in (0, 1, 2, -5, 2**63 - 8, 2**63 - 1, 2**62, 2**62 - 1)])  # fmt: skip

    model = Model(folder, "far_range", {"start": ("i8", []), "limit": ("i8", []), "delta": ("i8", [])})
    model.node("far-range", "Range", ["start", "limit", "delta"],
               lambda a, b, c: np.array(range(int(a), int(b), int(c)), "i8"))  # fmt: skip
    ranges = ((0, 3, 1), (least, greatest, 2**62), (greatest, least, -(2**62)), (2**62, 2**62 + 3, 1),
              (least, 0, 2**61),
              (greatest, greatest - 9, -2), (least, greatest, greatest), (greatest, least, least), (5, 5, least),
              (least, least + 3, 1), (0, greatest, least), (-(2**60), 2**60, 2**59))  # fmt: skip
    model.run(checks, [[np.array(value) for value in each] for each in ranges])

    model = Model(folder, "float_range", {"start": ("f4", []), "limit": ("f4", []), "delta": ("f4", [])})
    model.node("float-range", "Range", ["start", "limit", "delta"], lambda a, b, c: np.arange(a, b, c, "f4"))
    model.run(checks, [[np.array(value, "f4") for value in each] for each in ((0, 3, 1), (3, 0, 1), (1, 0, -0.25))])
    session, nan, infinity = model.session, np.nan, np.inf
    for i, each in enumerate(((0, 1e30, 1e-3), (0, nan, 1), (0, 5, nan), (0, 5, 1e-30), (0, infinity, 1), (0, 3, 0))):
        wrong = dict(zip(("start", "limit", "delta"), (np.array(value, "f4") for value in each), strict=True))
        checks.add(f"float-range-{i}", no_error(session, wrong, "node 'float-range'"))


def check_zeros_in_shapes(checks, folder):
    """A 0 in Reshape's shape copies the input's dim, also where it is computed."""
    model = Model(folder, "zeros_in_shapes", {"x": ("f4", ["a", "b"]), "z": ("f4", ["c"]), "s": ("i8", [2])})
    model.nodes.append(helper.make_node("Shape", ["z"], ["n"]))
    model.nodes.append(helper.make_node("Concat", ["n", model.constant([-1])], ["rest"], axis=0))
    model.nodes.append(helper.make_node("Max", ["s", model.constant([0, 0])], ["least"]))

    def copied(x, shape):
        return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])

    model.nodes.append(helper.make_node("Shape", ["x"], ["turned"], start=1))
    model.nodes.append(helper.make_node("Concat", ["turned", model.constant([-1])], ["own"], axis=0))
    for name, shape in (("rest", lambda z, s: (len(z), -1)), ("least", lambda z, s: np.maximum(s, 0)),
                        ("s", lambda z, s: s), ("own", None)):  # fmt: skip
        model.nodes.append(helper.make_node("Reshape", ["x", name], [f"zero-{name}:0"], name=f"zero-{name}"))
        model.cases[f"zero-{name}"] = (["x", "z", "s"], lambda x, z, s, f=shape: copied(x, f(z, s)), 0, True)
    model.cases["zero-own"] = (["x"], lambda x: copied(x, (x.shape[1], -1)), 0, True)
    model.run(checks, [[np.arange(a * b, dtype="f4").reshape(a, b), np.zeros(c, "f4"), np.array(s)]
                       for a, b, c, s in ((4, 6, 3, [8, 3]), (4, 6, 0, [4, 0]), (4, 0, 0, [0, 0]), (4, 0, 4, [4, 0]),
                                          (4, 6, 0, [0, 6]), (3, 4, 0, [0, 0]))])  # fmt: skip


def check_host_functions(checks, folder):
    """Shapes that are computed by operators with loops of their own."""
    model = Model(folder, "host_functions", {"x": ("f4", ["a", "b", "c"]), "one": ("f4", [1])})
    model.nodes.append(helper.make_node("Shape", ["x"], ["shape"]))
    model.nodes.append(helper.make_node("Cast", ["shape"], ["floats"], to=onnx.TensorProto.FLOAT))

    def size(check, op, inputs, expected, outputs=1, after=None, **attributes):
        results = [f"{check}-{i}" for i in range(outputs)]
        model.nodes.append(helper.make_node(op, inputs, results, **attributes))
        shape = results[0]
        for then, more, values in after or ():
            model.nodes.append(helper.make_node(then, [shape, *more], [f"{shape}'"], **values))
            shape += "'"
        model.nodes.append(helper.make_node("Expand", ["one", shape], [f"{check}:0"], name=check))
        model.cases[check] = (["x", "one"], lambda x, one: np.broadcast_to(one, expected(np.array(x.shape))), 0, True)

    def replaced(shape, place, value):
        shape[place] = value
        return shape

    whole = model.constant
    size("shape-ScatterND", "ScatterND", ["shape", whole([[1]]), whole([7])], lambda s: replaced(s, 1, 7))
    size("shape-ScatterND-add", "ScatterND", ["shape", whole([[2], [2]]), whole([7, 1])],
         lambda s: replaced(s, 2, s[2] + 8), reduction="add")  # fmt: skip
    size("shape-ScatterElements", "ScatterElements", ["shape", whole([-1]), whole([5])], lambda s: replaced(s, 2, 5))
    size("shape-CumSum", "CumSum", ["shape", whole(0)], np.cumsum)
    size("shape-CumSum-reverse", "CumSum", ["shape", whole(0)], lambda s: np.cumsum(s[::-1])[::-1], reverse=1)
    size("shape-TopK", "TopK", ["shape", whole([2])], lambda s: np.sort(s)[::-1][:2], outputs=2)
    size("shape-TopK-least", "TopK", ["shape", whole([3])], np.sort, outputs=2, largest=0)
    size("shape-ArgMax", "ArgMax", ["shape"], lambda s: [np.argmax(s)], axis=0)
    integer = [("Mul", [whole(np.array(30, "f4"))], {}), ("Ceil", [], {}), ("Cast", [], {"to": onnx.TensorProto.INT64})]
    size("shape-Softmax", "Softmax", ["floats"],
         lambda s: np.ceil(softmax(s.astype("f4")) * np.float32(30)).astype("i8"), after=integer)  # fmt: skip
    model.run(
        checks, [[np.zeros(shape, "f4"), np.ones(1, "f4")] for shape in ((2, 3, 4), (5, 1, 2), (0, 3, 3), (1, 1, 1))]
    )

    # Constants that are too large to stand in the program, and positions in inputs whose inner dims are open.
    inputs = {"x": ("f4", ["m"]), "t": ("i8", ["a", "b"]), "u": ("i1", ["a", "b", 2]), "v": ("?", ["a", "b"])}
    model = Model(folder, "host_tables", {**inputs, "one": ("f4", [1])})
    table = np.arange(300) % 7 + 1
    model.nodes.append(helper.make_node("Expand", ["one", "chosen"], ["host-table:0"]))
    model.nodes.insert(0, helper.make_node("Gather", [model.constant(table), model.constant([5, 290])], ["chosen"]))
    model.cases["host-table"] = (["one"], lambda one: np.broadcast_to(one, table[[5, 290]]), 0, True)
    parts = np.ones(200, "i8")
    model.node("host-parts", "Split", ["x", model.constant(parts)],
               lambda x, _: tuple(x[i : i + 1] for i in range(200)), outputs=200, axis=0)  # fmt: skip
    for name, places in (("t", [[1, 0], [0, 1]]), ("u", [[1, 0, 1], [0, 2, 0]]), ("v", [[1, 2], [0, 0]])):
        model.nodes.append(helper.make_node("GatherND", [name, model.constant(places)], [f"read-{name}"]))
        model.nodes.append(helper.make_node("Cast", [f"read-{name}"], [f"size-{name}"], to=onnx.TensorProto.INT64))
        model.nodes.append(helper.make_node("Expand", ["one", f"size-{name}"], [f"host-of-{name}:0"]))
        model.cases[f"host-of-{name}"] = (
            [name, "one"],
            lambda t, one, p=places: np.broadcast_to(one, [int(t[tuple(place)]) for place in p]),
            0,
            True,
        )
    model.run(
        checks,
        [
            [
                np.zeros(200, "f4"),
                np.arange(a * b).reshape(a, b),
                np.arange(a * b * 2, dtype="i1").reshape(a, b, 2),
                np.arange(a * b).reshape(a, b) % 2 == 0,
                np.ones(1, "f4"),
            ]
            for a, b in ((2, 3), (3, 5), (4, 3))
        ],
    )

    model = Model(folder, "unsigned_shapes", {"s": ("u8", [2]), "t": ("u1", [1]), "one": ("f4", [1])})
    model.nodes.append(helper.make_node("Div", ["s", model.constant(np.array([3], "u8"))], ["third"]))
    model.nodes.append(helper.make_node("Min", ["third", model.constant(np.array([7], "u8"))], ["few"]))
    for name in ("few", "t"):
        model.nodes.append(helper.make_node("Cast", [name], [f"{name}-size"], to=onnx.TensorProto.INT64))
        model.nodes.append(helper.make_node("Expand", ["one", f"{name}-size"], [f"unsigned-{name}:0"]))
    model.cases["unsigned-few"] = (
        ["s", "one"],
        lambda s, one: np.broadcast_to(one, np.minimum(s // np.uint64(3), np.uint64(7)).astype("i8")),
        0,
        True,
    )
    model.cases["unsigned-t"] = (["t", "one"], lambda t, one: np.broadcast_to(one, t.astype("i8")), 0, True)
    model.run(checks, [[np.array(s, "u8"), np.array([t], "u1"), np.ones(1, "f4")]
                       for s, t in (([9, 4], 200), ([2**64 - 1, 1], 0), ([2**63, 2**63 + 1], 255))])  # fmt: skip

    # Unsigned arithmetic is remembered level by level, too; products of many factors are no deep recursion.
    for dtype, op in (("u8", "Add"), ("i8", "Mul"), ("i4", "Add")):
        model = Model(folder, f"chain_{dtype}_{op}", {"b": ("i8", [1]), "one": ("f4", [1])})
        names = ["typed"] + [f"n{i}" for i in range(3000)]
        to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        model.nodes.append(helper.make_node("Cast", ["b"], ["typed"], to=to))
        for before, after in zip(names, names[1:], strict=False):
            model.nodes.append(helper.make_node(op, [before, "typed"], [after]))
        model.nodes.append(helper.make_node("Cast", [names[-1]], ["wide"], to=onnx.TensorProto.INT64))
        model.nodes.append(helper.make_node("Expand", ["one", "wide"], [f"chain-{dtype}-{op}:0"]))
        model.cases[f"chain-{dtype}-{op}"] = (
            ["b", "one"],
            lambda b, one, op=op: np.broadcast_to(one, [int(b[0]) * 3001 if op == "Add" else int(b[0])]),
            0,
            True,
        )
        model.run(checks, [[np.array([b]), np.ones(1, "f4")] for b in (0, 1)])

    # The longest chain and the largest host tensors, and what lies beyond.
    model = Model(folder, "long_chain", {"x": ("f4", ["a"]), "b": ("i8", [1]), "one": ("f4", [1])})
    model.nodes.append(helper.make_node("Shape", ["x"], ["n0"]))
    for i in range(10000):
        model.nodes.append(helper.make_node(("Add", "Sub", "Max")[i % 3], [f"n{i}", "b"], [f"n{i + 1}"]))
    model.nodes.append(helper.make_node("Expand", ["one", "n10000"], ["chain:0"], name="chain"))

    def chain(x, b, one):
        n = len(x)
        for i in range(10000):
            n = (n + b[0], n - b[0], max(n, b[0]))[i % 3]
        return np.broadcast_to(one, [n])

    model.cases["chain"] = (["x", "b", "one"], chain, 0, True)
    model.run(checks, [[np.zeros(a, "f4"), np.array([b]), np.ones(1, "f4")] for a, b in ((3, 0), (3, 2), (9, -1))])

    for count, problem in ((4096, ""), (4097, "4097 elements; at most 4096")):
        model = Model(folder, f"host_of_{count}", {"x": ("f4", ["a"]), "i": ("f4", [count]), "one": ("f4", [1])})
        model.nodes.append(helper.make_node("Shape", ["x"], ["n"]))
        model.nodes.append(helper.make_node("Expand", ["n", model.constant([count])], ["many"]))
        model.nodes.append(helper.make_node("Split", ["i", "many"], ["parts:0"] + [f"p{i}" for i in range(1, count)],
                                            axis=0, name="parts"))  # fmt: skip
        model.cases["parts"] = (["i"], lambda i: i[:1], 0, True)
        try:
            model.compile({"x": np.zeros(1, "f4"), "i": np.zeros(count, "f4"), "one": np.ones(1, "f4")})
            checks.add(f"host-of-{count}", "compiles" if problem else "")
        except hone.CompileError as error:
            checks.add(f"host-of-{count}", "" if problem and problem in str(error) else str(error))


def check_scaled_shapes(checks, folder):
    """Shapes that are floats on their way, as exporters write the sizes of resized images."""
    model = Model(folder, "scaled_shapes", {"x": ("f4", ["m", "n"])})
    scale = np.array([0.3, 2.5], "f4")
    for op, inputs, result in (
        ("Shape", ["x"], "shape"),
        ("Cast", ["shape"], "wide"),
        ("Mul", ["wide", model.constant(scale)], "scaled"),
    ):
        attributes = {"to": onnx.TensorProto.FLOAT} if op == "Cast" else {}
        model.nodes.append(helper.make_node(op, inputs, [result], **attributes))
    functions = {"Floor": np.floor, "Ceil": np.ceil, "Round": np.round, "Sqrt": np.sqrt, "Abs": np.abs, "Tanh": np.tanh}
    for op, function in functions.items():
        model.nodes.append(helper.make_node(op, ["scaled"], [f"float{op}"]))
        model.nodes.append(helper.make_node("Cast", [f"float{op}"], [f"size{op}"], to=onnx.TensorProto.INT64))
        model.nodes.append(helper.make_node("ConstantOfShape", [f"size{op}"], [f"scaled_{op}:0"], name=f"scaled_{op}"))
        model.cases[f"scaled_{op}"] = (
            ["x"],
            lambda x, f=function: np.zeros(f(np.array(x.shape, "f4") * scale).astype("i8"), "f4"),
            0,
            True,
        )
    model.run(checks, [[np.zeros(shape, "f4")] for shape in ((5, 3), (7, 1), (0, 9), (64, 64))])


def check_formulas(checks, folder):
    """Sizes by formulas that use a value again and again: short programs, and trees of 2^40 operations."""
    model = Model(folder, "formulas", {"x": ("f4", ["n"]), "e": ("i8", [1]), "c": ("i8", [1]), "v": ("f4", [1])})
    five, seven, large = (model.constant([number]) for number in (5, 7, 2**40))

    def formula(check, size, expected):
        model.nodes.append(helper.make_node("Expand", ["v", size], [f"{check}:0"], name=check))
        model.cases[check] = (["x", "e", "c", "v"], lambda x, e, c, v: np.resize(v, expected(len(x), e, c)), 0, True)

    def step(op, *names):
        result = f"step{len(model.nodes)}"
        model.nodes.append(helper.make_node(op, names, [result]))
        return result

    n = step("Shape", "x")
    formula("formula-power", step("Pow", n, "e"), lambda n, e, c: n ** e[0])
    formula("formula-constant-power", step("Pow", n, large), lambda n, e, c: n)
    squared = n
    for _ in range(40):
        squared = step("Mul", squared, squared)
    formula("formula-squares", squared, lambda n, e, c: n)
    same, first, second = step("Equal", n, five), step("Equal", "c", five), step("Equal", "c", seven)
    for _ in range(40):
        same = step("And", step("Or", same, first), step("Or", same, second))
    formula("formula-conditions", step("Where", same, "e", five), lambda n, e, c: 5 if n != 5 else e[0])
    model.run(checks, [[np.zeros(n, "f4"), np.array([3]), np.array([c]), np.ones(1, "f4")]
                       for n, c in ((0, 5), (1, 5), (1, 7), (0, 0))])  # fmt: skip

    model = Model(folder, "sum_of_many", {"x": ("f4", ["n"]), "v": ("f4", [1])})
    n = step("Shape", "x")
    for axis in (1, 0):  # 2^24 elements, none of them a shape
        if axis:
            n = step("Expand", n, model.constant([4096, 4096]))
        model.nodes.append(
            helper.make_node("ReduceSum", [n, model.constant([axis])], [f"sum{axis}"], keepdims=1 - axis)
        )
        n = f"sum{axis}"
    formula("formula-too-long", n, lambda n, e, c: n)
    model.cases["formula-too-long"] = (["v"], lambda v: v, 0, True)
    try:
        model.compile({"x": np.zeros(1, "f4"), "v": np.ones(1, "f4")})
        checks.add("formula-too-long", "no error")
    except hone.CompileError as error:
        checks.add("formula-too-long", "" if "decides on shapes" in str(error) else str(error))


def check_threads(checks, folder, minilm):
    """Results do not depend on the number of threads, to the bit."""
    model = Model(folder, "threads", {"x": ("f4", ["m", "n"]), "w": ("f4", ["n", 40])})
    for op, function in REDUCTIONS.items():
        for name, axis in AXES.items():
            axes = model.constant(np.atleast_1d(axis))
            model.node(f"{op}-{name}", op, ["x", axes], lambda x, axes, f=function: f(x, tuple(axes)), keepdims=0)
    model.node("MatMul", "MatMul", ["x", "w"], np.matmul)
    model.node("Softmax", "Softmax", ["x"], softmax)
    random = np.random.default_rng(5)
    sample = {
        "x": random.standard_normal((1001, 777)).astype("f4"),
        "w": random.standard_normal((777, 40)).astype("f4"),
    }
    small = {"x": sample["x"][:3, :7], "w": sample["w"][:7]}
    library = model.compile(small).library
    one = library.session(threads=1).run(sample)
    for threads in (2, 4):
        many = library.session(threads=threads).run(sample)
        for check in model.cases:
            same = one[f"{check}:0"].tobytes() == many[f"{check}:0"].tobytes()
            checks.add(f"threads-{threads}-{check}", "" if same else "differs from one thread's result")

    library = hone.load(hone.compile(minilm, f"{folder}/minilm.so"))
    ids = np.random.default_rng(6).integers(1000, 30000, (4, 67))
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    one = library.session(threads=1).run(inputs)
    for threads in (2, 4):
        many = library.session(threads=threads).run(inputs)
        wrong = [name for name in one if one[name].tobytes() != many[name].tobytes()]
        checks.add(f"threads-{threads}-MiniLM", f"{wrong} differ from one thread's" if wrong else "")
    empty = np.ones((0, 5), "i8")
    checks.add(
        "batch-0-MiniLM",
        problem_of(library.session(threads=2), {"input_ids": empty, "attention_mask": empty}, reference(minilm)),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=MINILM)
    parser.add_argument("--junit")
    options = parser.parse_args()
    checks = Checks("dims")
    with tempfile.TemporaryDirectory() as folder:
        for check in (
            check_empty,
            check_scalars,
            check_indices,
            check_triangles,
            check_dims,
            check_splats,
            check_flags,
            check_host_values,
            check_wrapping,
            check_far_positions,
            check_zeros_in_shapes,
            check_host_functions,
            check_scaled_shapes,
            check_formulas,
        ):
            check(checks, folder)
        check_threads(checks, folder, options.model)
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
