"""The rules of «dims» in docs/design/contracts.md, against NumPy.

Empty tensors, scalars, positions inside and outside, dims that meet at run time, and results that do not depend on the
number of threads (also of the sentence-embedding model). Sizes that arrive as values: test_host_values.py.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import functools

import hone
import numpy as np
import onnx
import pytest
from building import model_of, onnx_runtime, value
from nodes import AXES, INF, REDUCTIONS, Model, each_node, nan_max, rows, softmax, special
from onnx import helper
from tolerance import WHOLE_MODEL, assert_all_close, assert_close, assert_same_bits, near


def empty_models():
    """Every family on tensors with no elements (each dim 0) and on ordinary ones."""
    model = Model("empty", {"x": ("f4", ["m", "n"]), "y": ("f4", ["m", "n"]), "i": ("i8", ["k"])})
    model.node("empty-Add", "Add", ["x", "y"], np.add)
    model.node("empty-Exp", "Exp", ["x"], np.exp, near(5e-6))
    model.node("empty-Transpose", "Transpose", ["x"], np.transpose, perm=[1, 0])
    for axis in (0, 1):
        model.node(f"empty-Concat-{axis}", "Concat", ["x", "y"], lambda *xs, a=axis: np.concatenate(xs, a), axis=axis)
    model.node("empty-Softmax", "Softmax", ["x"], lambda x: softmax(x) if x.size else x, near(5e-6), axis=-1)
    model.node(
        "empty-LpNormalization",
        "LpNormalization",
        ["x"],
        lambda x: x / np.sqrt((x * x).sum(-1, keepdims=True)),
        near(5e-6),
    )
    model.node("empty-Gather", "Gather", ["x", "i"], lambda x, i: np.take(x, i, 1), axis=1)
    model.node("empty-CumSum", "CumSum", ["x", model.constant(0)], lambda x, _: np.cumsum(x, 0), near(5e-6))
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

    yield model.on(
        [sample(5, 3, 2), sample(5, 3, 0), sample(0, 3, 2), sample(0, 3, 0), sample(5, 0, 0), sample(0, 0, 0)]
    )

    model = Model("empty_concat", {f"x{i}": ("f4", ["m", f"n{i}"]) for i in range(3)})
    model.node("Concat-empty-parts", "Concat", list(model.inputs), lambda *xs: np.concatenate(xs, 1), axis=1)
    widths = ((0, 3, 2), (3, 0, 2), (3, 2, 0), (0, 0, 4), (0, 0, 0), (7, 64, 133))
    yield model.on([[np.full((4, n), i + 1, "f4") for i, n in enumerate(w)] for w in widths])


@each_node(empty_models())
def test_empty(node):
    node.check()


def scalar_models():
    model = Model("scalars", {"x": ("f4", []), "y": ("f4", []), "v": ("f4", ["n"]), "i": ("i8", [])})
    for op, function in (("Add", np.add), ("Div", np.divide), ("Less", np.less), ("Max*", nan_max)):
        name = op.rstrip("*")
        model.node(f"scalar-{name}", name, ["x", "y"], function, zero_signs=op == name)
        model.node(f"scalar-vector-{name}", name, ["x", "v"], function, zero_signs=op == name)
    model.node("scalar-Neg", "Neg", ["x"], np.negative)
    model.node("scalar-Cast", "Cast", ["x"], lambda x: x.astype("f8"), to=onnx.TensorProto.DOUBLE)
    for op, function in REDUCTIONS.items():
        model.node(
            f"scalar-{op}", op, ["x"], lambda x, f=function: np.asarray(f(x, axis=None), "f4"), near(5e-6), False
        )
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
    yield model.on(
        [
            [np.asarray(a), np.asarray(scalars[i - 7]), np.resize(scalars, 1 + i), np.asarray(-1 - i)]
            for i, a in enumerate(scalars)
        ]
    )


@each_node(scalar_models())
def test_scalars(node):
    node.check()


# ---- Positions


@functools.cache
def index_model():
    inputs = {"x": ("f4", ["m", "n"]), "i": ("i8", ["k"]), "j": ("i4", ["k"]), "e": ("i8", ["m", "k"]),
              "t": ("i8", ["k", 2]),
              "u": ("f4", ["m", "k"]), "w": ("f4", ["k"])}  # fmt: skip
    model = Model("indices", inputs)

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
    return model.on([good, none])


@each_node([index_model()])
def test_indices(node):
    """Negative positions count from the end."""
    node.check()


# Which elements of the input come to lie outside, for which nodes, and the nearest numbers outside on both sides.
OUTSIDE = [
    ("i", (3,), "gather_rows", (5, -6)),
    ("j", (2,), "gather_columns", (9, -10)),
    ("e", (4, 3), "gather_elements|scatter_elements", (9, -10)),
    ("t", (3, 0), "gather_nd|scatter_nd", (5, -6)),
    ("t", (0, 1), "gather_nd|scatter_nd", (9, -10)),
]


@pytest.mark.parametrize("limit", ["above", "below", "least", "greatest"])
@pytest.mark.parametrize("name, place, nodes, nearest", OUTSIDE)
def test_index_outside(name, place, nodes, nearest, limit):
    """Positions outside fail with the node's name."""
    model = index_model()
    good = model.samples[0]
    bad = good[name].copy()
    above, below = nearest
    integers = np.iinfo(bad.dtype)
    bad[place] = {"above": above, "below": below, "least": integers.min, "greatest": integers.max}[limit]
    with pytest.raises(hone.Error, match=f"'({nodes})'"):
        model.session.run({**good, name: bad})


def test_indices_after_an_error():
    model = index_model()
    good = model.samples[0]
    with pytest.raises(hone.Error):
        model.session.run({**good, "i": good["i"] + 100})
    assert_close(model.session.run(good)["gather_rows:0"], good["x"][good["i"]])


def test_index_into_no_columns():
    """No index lies inside an empty dim."""
    model = index_model()
    good = model.samples[0]
    nodes = "gather_columns|gather_elements|gather_nd|scatter_elements|scatter_nd"
    with pytest.raises(hone.Error, match=f"'({nodes})'"):
        model.session.run({**good, "x": good["x"][:, :0]})


def test_index_into_no_rows():
    """Rows so long that reading the first one, which is not there, would meet no memory."""
    model = index_model()
    good = model.samples[0]
    empty = {"x": np.zeros((0, 2**24), "f4"), "e": good["e"][:0], "u": good["u"][:0]}
    with pytest.raises(hone.Error, match="'(gather_rows|gather_nd|scatter_nd)'"):
        model.session.run({**good, **empty})


def triangle_models():
    """Diagonals inside, at the corners and as far away as a number can be."""
    model = Model("triangles", {"x": ("f4", ["m", "n"]), "k": ("i8", [])})
    far = 2**40  # NumPy's own arithmetic would wrap
    model.node("triangle-upper", "Trilu", ["x", "k"], lambda x, k: np.triu(x, np.clip(k, -far, far)))
    model.node("triangle-lower", "Trilu", ["x", "k"], lambda x, k: np.tril(x, np.clip(k, -far, far)), upper=0)
    for k in (2**63 - 1, -(2**63)):
        limit = model.constant(np.array(k))
        model.node(f"triangle-constant-{k}", "Trilu", ["x", limit], lambda x, k: np.triu(x, np.clip(k, -far, far)))
    ks = (0, 1, -1, 3, 4, -2, -3, 5, -5, 2**63 - 1, 2**63 - 3, -(2**63), -(2**63) + 2)
    yield model.on([[rows(16)[: 3 + i % 2, :4].copy(), np.array(k)] for i, k in enumerate(ks)])


@each_node(triangle_models())
def test_triangles(node):
    node.check()


# ---- Dims that meet


def meeting(a, b, c, d):
    """Inputs of meeting_model."""
    return {"x": rows(200)[:a, :b], "y": np.ones((c, d), "f4"), "z": np.arange(d, dtype="f4")}


@functools.cache
def meeting_model():
    """Dims with different symbols that meet at run time."""
    model = Model("dims", {"x": ("f4", ["a", "b"]), "y": ("f4", ["c", "d"]), "z": ("f4", ["d"])})
    model.node("meet", "Add", ["x", "y"], np.add)
    model.node("meet_last", "Mul", ["x", "z"], np.multiply)
    model.node(
        "meet_three", "Where", [model.constant(True), "x", "y"], lambda c, x, y: np.broadcast_arrays(x, y)[0].copy()
    )

    shapes = [(4, 5, 4, 5), (1, 5, 4, 5), (4, 1, 4, 5), (4, 5, 1, 5), (4, 5, 4, 1), (1, 1, 1, 1), (1, 5, 4, 1),
              (4, 133, 1, 1),
              (1, 133, 7, 133), (0, 5, 1, 5), (1, 5, 0, 5), (4, 1, 4, 0), (4, 0, 4, 1), (0, 0, 1, 1)]  # fmt: skip
    return model.on([meeting(*shape) for shape in shapes])


@each_node([meeting_model()])
def test_dims_that_meet(node):
    node.check()


@pytest.mark.parametrize(
    "shape, sizes",
    [
        ((4, 5, 3, 5), "[34]"),
        ((4, 5, 4, 6), "[56]"),
        ((2, 5, 4, 1), "[24]"),
        ((0, 5, 2, 5), "[02]"),
        ((4, 0, 4, 5), "[05]"),
    ],
    ids=str,
)
def test_dims_that_disagree(shape, sizes):
    """Neither equal nor 1: an error that names the node, and the session works afterwards."""
    session = meeting_model().session
    with pytest.raises(hone.Error, match=rf"node 'meet.*{sizes}"):
        session.run(meeting(*shape))
    right = {"x": np.zeros((4, 5), "f4"), "y": np.ones((4, 5), "f4"), "z": np.zeros(5, "f4")}
    assert_close(session.run(right)["meet:0"], np.ones((4, 5), "f4"))


@functools.cache
def product_model():
    model = Model("dims_matmul", {"x": ("f4", ["a", "b"]), "y": ("f4", ["c", "d"])})
    model.node("meet_product", "MatMul", ["x", "y"], np.matmul)
    return model.on([[np.ones((2, 3), "f4"), np.ones((3, 4), "f4")]])


@functools.cache
def concat_model():
    model = Model("dims_concat", {"x": ("f4", ["a", "b"]), "y": ("f4", ["c", "d"])})
    model.node("meet_concat", "Concat", ["x", "y"], lambda x, y: np.concatenate([x, y], 1), axis=1)
    return model.on([[np.ones((2, 3), "f4"), np.ones((2, 4), "f4")]])


def nameless_model():
    model = Model("dims_no_names", {"x": ("f4", ["?", "?"]), "y": ("f4", ["?", "None"]), "z": ("f4", ["None"])})
    model.node("no-names-MatMul", "MatMul", ["x", "y"], np.matmul, near(5e-6))
    model.node("no-names-Add", "Add", ["y", "z"], np.add)
    shapes = ((2, 3, 4), (1, 5, 2))
    return model.on([[np.ones((m, k), "f4"), np.ones((k, n), "f4"), np.ones(n, "f4")] for m, k, n in shapes])


@each_node([product_model(), concat_model(), nameless_model()])
def test_dims_of_two_inputs(node):
    node.check()


@pytest.mark.parametrize(
    "model, rows_of_y, message",
    [
        pytest.param(product_model(), 4, "node 'meet_product'.*[34]", id="MatMul"),
        pytest.param(product_model(), 1, "node 'meet_product'.*[13]", id="MatMul-one"),
        pytest.param(concat_model(), 1, "node 'meet_concat'.*[12]", id="Concat"),
    ],
)
def test_dims_that_do_not_broadcast(model, rows_of_y, message):
    with pytest.raises(hone.Error, match=message):
        model.session.run({**model.samples[0], "y": np.ones((rows_of_y, 4), "f4")})


def test_one_symbol_is_one_size(compile_model):
    """Whatever the graph makes of it."""
    model = model_of(
        [helper.make_node("Add", ["x", "y"], ["sum"], name="same_symbol")],
        [value("x", "a"), value("y", "a")],
        [value("sum", None)],
    )
    with pytest.raises(hone.Error, match="'?y'?.*[13]|'a'"):
        compile_model(model).run({"x": np.ones(3, "f4"), "y": np.ones(1, "f4")})


def splat_models():
    """Constants of equal elements, held as one number, that alone give a result some of its dims."""
    inputs = {"s": ("f4", []), "x": ("f4", ["a", 1, 1]), "y": ("f4", ["a", "b"]), "z": ("f4", [1, "b", 1])}
    model = Model("splats", inputs)
    values = {"s": [(2, 3), ()], "x": [(2,), (4, 8), (1, 4, 8), (5, 1, 4, 1), (1, 7)], "y": [(2, 1, 1), (3, 1, 1, 1)],
              "z": [(1, 1, 8), (6, 1, 1), (6, 1, 8), (2, 6, 1, 8)]}  # fmt: skip
    functions = {"Mul": np.multiply, "Sub": np.subtract, "Max": np.maximum, "Pow": np.power, "Less": np.less}
    for name, shapes in values.items():
        for shape in shapes:
            splat = model.constant(np.full(shape, 2, "f4"))
            for op, function in functions.items():
                model.node(f"splat-{op}-{name}-{list(shape)}", op, [name, splat], function, near(5e-7))
            model.node(f"splat-{name}-{list(shape)}-first", "Div", [splat, name], np.divide, near(5e-7))
    yes, three = model.constant(np.ones((6, 1, 1), bool)), model.constant(np.full((1, 8), 3, "f4"))
    model.node("splats-Where-either", "Where", [yes, "z", three], np.where)
    model.node("splats-Where-none", "Where", [yes, "s", three], np.where)
    rng = np.random.default_rng(9)
    yield model.on(
        [
            [rng.uniform(0.5, 2, shape).astype("f4") for shape in ((), (a, 1, 1), (a, b), (1, b, 1))]
            for a, b in ((1, 1), (3, 5), (1, 4), (6, 1), (0, 2))
        ]
    )


@each_node(splat_models())
def test_splats(node):
    node.check()


# ---- Attributes, threads


FLAGS = [("ReduceSum", ["x", "one"], "keepdims"), ("ReduceMax", ["x"], "noop_with_empty_axes"),
         ("ArgMax", ["x"], "keepdims"), ("ArgMin", ["x"], "select_last_index"), ("TopK", ["x", "two"], "largest"),
         ("Reshape", ["x", "zero"], "allowzero"), ("Trilu", ["x"], "upper"), ("IsInf", ["x"], "detect_negative"),
         ("Attention", ["q", "q", "q"], "is_causal")]  # fmt: skip


@pytest.mark.parametrize("number", [0, 1, 2, -1, 10, 2**31])
def test_flags(compile_model, number):
    """Attributes that mean yes or no, with numbers that nobody writes on purpose: as ONNX Runtime takes them."""
    x = np.round(np.random.default_rng(4).standard_normal((2, 3, 4)), 0).astype("f4")
    x[0, 0, 0] = -INF
    q = np.random.default_rng(5).standard_normal((1, 2, 3, 4)).astype("f4")
    nodes, outputs = [], []
    for op, operands, attribute in FLAGS:
        if (attribute, number) != ("allowzero", 1):  # x is not empty
            outputs.append(onnx.ValueInfoProto(name=f"{op}.{attribute}"))
            results = ["unused", outputs[-1].name] if op == "TopK" else [outputs[-1].name]
            nodes.append(helper.make_node(op, operands, results, **{attribute: number}))
    constants = {"one": np.array([1]), "zero": np.array([0, 3, 4]), "two": np.array([2])}
    inputs = [value("x", "m", 3, 4), value("q", 1, 2, 3, 4)]
    model = model_of(nodes, inputs, outputs, constants, opset=23, ir_version=10)
    given = {"x": x, "q": q}
    assert_all_close(compile_model(model).run(given), onnx_runtime(model)(given), WHOLE_MODEL)


@functools.cache
def thread_model():
    model = Model("threads", {"x": ("f4", ["m", "n"]), "w": ("f4", ["n", 40])})
    for op, function in REDUCTIONS.items():
        for name, axis in AXES.items():
            axes = model.constant(np.atleast_1d(axis))
            model.node(f"{op}-{name}", op, ["x", axes], lambda x, axes, f=function: f(x, tuple(axes)), keepdims=0)
    model.node("MatMul", "MatMul", ["x", "w"], np.matmul)
    model.node("Softmax", "Softmax", ["x"], softmax)
    random = np.random.default_rng(5)
    return model.on([[random.standard_normal(shape).astype("f4") for shape in ((1001, 777), (777, 40))]])


@functools.cache
def results_with(threads):
    model = thread_model()
    return model.library.session(threads=threads).run(model.samples[0])


@pytest.mark.parametrize("case", thread_model().cases)
@pytest.mark.parametrize("threads", [2, 4])
def test_threads(case, threads):
    """Results do not depend on the number of threads, to the bit."""
    assert_same_bits(results_with(threads)[f"{case}:0"], results_with(1)[f"{case}:0"])


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_of_minilm(minilm_library, threads):
    ids = np.random.default_rng(6).integers(1000, 30000, (4, 67))
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    one, many = (minilm_library.session(threads=count).run(inputs) for count in (1, threads))
    for name in one:
        assert_same_bits(many[name], one[name], what=name)


def test_empty_batch_of_minilm(minilm_library, minilm_expected):
    empty = np.ones((0, 5), "i8")
    inputs = {"input_ids": empty, "attention_mask": empty}
    assert_all_close(minilm_library.session(threads=2).run(inputs), minilm_expected(inputs), WHOLE_MODEL)


@pytest.mark.parametrize("width", [5, 7, 13])
def test_threads_of_narrow_rows(compile_model, width):
    """A row fills no register: LLVM makes loops of several kinds, in which an element must come out alike."""
    nodes = [
        helper.make_node("Mul", ["x", "y"], ["product"]),
        helper.make_node("Add", ["product", "x"], ["sum"]),
        helper.make_node("Mul", ["x", "z"], ["scaled"]),
        helper.make_node("Add", ["scaled", "b"], ["shifted"]),
        helper.make_node("Mul", ["x", "b"], ["columns"]),
        helper.make_node("Add", ["columns", "b"], ["biased"]),
        helper.make_node("ReduceL2", ["x", "last"], ["norm"]),
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in ("sum", "shifted", "biased", "norm")]
    random = np.random.default_rng(7)
    given = {name: random.standard_normal((16002, n)).astype("f4") for name, n in zip("xyz", (width, width, 1))}
    constants = {"b": random.standard_normal(width).astype("f4"), "last": np.array([1])}
    model = model_of(nodes, [value(name, *x.shape) for name, x in given.items()], outputs, constants, opset=18)
    library = compile_model(model)
    one = library.session(threads=1).run(given)
    for threads in (2, 3, 5):
        for name, many in library.session(threads=threads).run(given).items():
            assert_same_bits(many, one[name], what=f"{name} with {threads} threads")
