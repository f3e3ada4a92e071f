"""Sizes that arrive as values, by the rules of «dims» in docs/design/contracts.md, against NumPy.

Shapes, steps and counts from data: impossible ones, ones that wrap in 64 bits, ones at the edges that mean something;
and shapes that the model computes, from operators with loops of their own to chains of ten thousand.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import functools

import hone
import numpy as np
import pytest
from building import onnx_type
from nodes import Model, Node, each_node, rows, softmax
from onnx import TensorProto
from tolerance import assert_close

LEAST, GREATEST = -(2**63), 2**63 - 1  # of 64 bits


# ---- Impossible sizes


@functools.cache
def host_model():
    counts = {"shape": 2, "step": 1, "k": 1, "parts": 2, "repeats": 2, "sizes": 2, "pads": 4}
    inputs = {"x": ("f4", ["m", "n"]), "start": ("i8", []), "limit": ("i8", [])}
    model = Model("host_values", {**inputs, **{name: ("i8", [count]) for name, count in counts.items()}})
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
    return model.on([good, zeros])


@each_node([host_model()])
def test_host_values(node):
    node.check()


LARGE = 2**40
# node: name of the input -> values that it cannot have.
IMPOSSIBLE = {
    "do_reshape": {"shape": ([5, -1], [-1, -1], [2, 7], [-2, -6], [LARGE, LARGE])},
    "do_slice": {"step": ([0],)},
    "do_top": {"k": ([7], [-1], [2**62])},
    "do_split": {"parts": ([2, 5], [-1, 7], [2**62, 2**62])},
    "do_tile": {"repeats": ([-1, 1],)},
    "do_fill": {"sizes": ([-1, 2],)},
    # Sizes whose products overflow, some to numbers that would do.
    "": {
        "shape": ([4, 2**62 + 3], [2**62 + 3, 4]),
        "repeats": ([LARGE, LARGE], [2**62, 1], [1, (2**64 + 2) // 6]),
        "pads": ([0, GREATEST, 0, GREATEST], [0, 2**62, 0, 2**62]),
        "limit": (GREATEST,),
        "sizes": ([LARGE, LARGE], [2**62, 3], [GREATEST, 1], [4, 2**62 + 1]),
    },
}


@pytest.mark.parametrize(
    "node, name, wrong",
    [
        pytest.param(node, name, wrong, id=f"{name}-{'-'.join(map(str, np.atleast_1d(wrong)))}")
        for node, inputs in IMPOSSIBLE.items()
        for name, values in inputs.items()
        for wrong in values
    ],
)
def test_impossible_value(node, name, wrong):
    """An error with the node's name, or one about memory where the size is that of no tensor."""
    model = host_model()
    sample = {**model.samples[0], name: np.array(wrong)}
    if name == "limit":
        sample["start"] = np.array(LEAST)
    message = f"node '{node}'" if node else r"overflow|memory|large|elements|node 'do_"
    with pytest.raises(hone.Error, match=message):
        model.session.run(sample)


def test_right_value_after_an_error():
    model = host_model()
    good = model.samples[0]
    with pytest.raises(hone.Error):
        model.session.run({**good, "shape": np.array([2, 7])})
    assert_close(model.session.run(good)["do_reshape:0"], good["x"].reshape(3, 4))


# ---- Sizes that wrap


class Wrapping:
    """A model that runs on `good`, and changes of `good` whose sizes come to fit because 64 bits wrap."""

    def __init__(self, inputs, nodes, good, bad, rank=1):
        """nodes: (op, inputs, results, attributes), the last without results; an input is a name or a constant."""
        self.inputs, self.nodes, self.good, self.bad, self.rank = inputs, nodes, good, bad, rank

    @functools.cached_property
    def session(self):
        model = Model("wrapping", self.inputs)
        for i, (op, names, results, attributes) in enumerate(self.nodes):
            names = [name if isinstance(name, str) else model.constant(name) for name in names]
            last = i + 1 == len(self.nodes)
            model.add(op, names, results or ["last:0"], name="last" if last else f"wrap_{i}", **attributes)
        model.expect("last", [], lambda: np.zeros([0] * self.rank, "f4"))  # its type and rank
        return model.on([self.good]).session


def whole(*values):
    return np.array(values, "i8")


def empty(*shape):
    return np.lib.stride_tricks.as_strided(np.zeros(0, "f4"), shape, (0,) * len(shape))


X = np.arange(4, dtype="f4")
ENDS = {"s": ("i8", [2]), "e": ("i8", [2])}
WRAPPING = {
    "reshape": Wrapping(
        {"x": ("f4", ["n"]), "shape": ("i8", [2]), **ENDS},
        [("Reshape", ["x", "shape"], ["r"], {}), ("Slice", ["r", "s", "e"], ["t"], {}), ("Relu", ["t"], [], {})],
        {"x": X, "shape": whole(1, 4), "s": whole(0, 0), "e": whole(1, 4)},
        [
            {"shape": whole(2**62 + 1, 4), "s": whole(5, 0), "e": whole(8, 4)},
            {"x": X[:0], "shape": whole(2**32, 2**32), "s": whole(2**20, 0), "e": whole(2**20 + 1, 4)},
            {"shape": whole(LEAST, 4)},
            {"shape": whole(-1, GREATEST)},
            {"shape": whole(2**47 + 1, -1)},
            {"x": X[:0], "shape": whole(2**47, 2**47)},
        ],
        rank=2,
    ),
    "split": Wrapping(
        {"x": ("f4", ["n"]), "parts": ("i8", [5])},
        [("Split", ["x", "parts"], [f"p{i}" for i in range(5)], {"axis": 0}), ("Relu", ["p1"], [], {})],
        {"x": X, "parts": whole(1, 1, 1, 1, 0)},
        [{"parts": whole(20, 4, GREATEST, GREATEST - 18, 0)}, {"parts": whole(2**62, 2**62, 2**62, 2**62, 4)}],
    ),
    "tile": Wrapping(
        {"x": ("f4", ["n", "m"]), "repeats": ("i8", [2])},
        [("Tile", ["x", "repeats"], ["r"], {}), ("Relu", ["r"], [], {})],
        {"x": X.reshape(2, 2), "repeats": whole(1, 2)},
        [{"repeats": whole(2**62, 1)}, {"repeats": whole(1, GREATEST)}, {"repeats": whole(2**40, 2**40)}],
        rank=2,
    ),
    "pad": Wrapping(
        {"x": ("f4", ["n"]), "pads": ("i8", [2])},
        [("Pad", ["x", "pads"], [], {})],
        {"x": X, "pads": whole(1, 1)},
        [
            {"pads": whole(GREATEST, GREATEST)},
            {"pads": whole(2**62, 2**62)},
            {"pads": whole(LEAST, 5)},
            {"pads": whole(2**46, 2**46 + 1)},
        ],
    ),
    "expand": Wrapping(
        {"x": ("f4", [1]), "shape": ("i8", [3])},
        [("Expand", ["x", "shape"], [], {})],
        {"x": X[:1], "shape": whole(1, 2, 3)},
        [
            {"shape": whole(2**62, 4, 1)},
            {"shape": whole(2**32, 2**32, 1)},
            {"shape": whole(-1, 1, 1)},
            {"shape": whole(2**48, 0, 1)},
            {"shape": whole(2**40, 2**40, 0)},
        ],
        rank=3,
    ),
    "range": Wrapping(
        {"start": ("i8", []), "limit": ("i8", []), "delta": ("i8", [])},
        [("Range", ["start", "limit", "delta"], ["r"], {}), ("Cast", ["r"], [], {"to": TensorProto.FLOAT})],
        {"start": np.array(0), "limit": np.array(3), "delta": np.array(1)},
        [
            {"start": np.array(LEAST), "limit": np.array(GREATEST)},
            {"limit": np.array(2**62)},
            {"start": np.array(GREATEST), "limit": np.array(LEAST), "delta": np.array(-1)},
        ],
    ),
    "flatten": Wrapping(
        {"x": ("f4", ["a", 1, "c"]), "y": ("f4", [1, "b", "c"])},
        [("Add", ["x", "y"], ["r"], {}), ("Flatten", ["r"], [], {"axis": 2})],
        {"x": np.zeros((2, 1, 3), "f4"), "y": np.zeros((1, 4, 3), "f4")},
        [{"x": empty(2**40, 1, 0), "y": empty(1, 2**40, 0)}, {"x": empty(2**32, 1, 0), "y": empty(1, 2**32, 0)}],
        rank=2,
    ),
}


@pytest.mark.parametrize("case", WRAPPING.values(), ids=WRAPPING)
def test_right_sizes(case):
    case.session.run(case.good)


@pytest.mark.parametrize(
    "case, wrong",
    [pytest.param(case, bad, id=f"{name}-{i}") for name, case in WRAPPING.items() for i, bad in enumerate(case.bad)],
)
def test_wrapping(case, wrong):
    """An error that names the node, never elements of other memory."""
    with pytest.raises(hone.Error, match="node '(wrap|last)|input '|memory"):
        case.session.run({**case.good, **wrong})


# ---- The edges of 64 bits


def far_models():
    """Starts, ends, steps and ranges at the edges of 64 bits that mean something."""
    ends = {name: ("i8", [1]) for name in ("s", "e", "step")}
    model = Model("far_positions", {"x": ("f4", ["n"]), **ends})
    axes = model.constant([0])

    def sliced(x, s, e, _, step):
        """The standard's clamping, which differs from NumPy's for starts below the first element."""
        start, end, step = (int(each[0]) for each in (s, e, step))
        last = len(x) - (step < 0)
        start, end = (each + len(x) if each < 0 else each for each in (start, end))
        return x[range(min(max(start, 0), last), min(max(end, -(step < 0)), last), step)]

    model.node("far-slice", "Slice", ["x", "s", "e", axes, "step"], sliced)
    samples = [(s, e, step) for s in (0, 3, -2, LEAST, GREATEST, 2**47, -(2**47)) for e in (0, -1, 5, LEAST, GREATEST)
               for step in (1, -1, 3, -3, GREATEST, LEAST, LEAST + 1)]  # fmt: skip
    yield model.on([[np.arange(7, dtype="f4"), *map(np.array, ([s], [e], [step]))] for s, e, step in samples])

    # The bound of a value from data says nothing of what is made of it.
    model = Model("doubled_start", {"x": ("f4", ["m"]), "s": ("i8", [1]), "e": ("i8", [1])})
    for op, names, result in (
        ("Max", ["s", model.constant([0])], "low"),
        ("Min", ["low", model.constant([GREATEST - 1])], "k"),
        ("Add", ["k", "k"], "start"),
    ):
        model.add(op, names, result)
    model.add("Slice", ["x", "start", "e"], "doubled:0", name="doubled")

    def doubled(x, s, e):
        k = min(max(int(s[0]), 0), GREATEST - 1)
        start = (2 * k + 2**63) % 2**64 - 2**63  # as 64 bits wrap
        return x[start : e[0]]

    model.expect("doubled", ["x", "s", "e"], doubled)
    yield model.on(
        [
            [np.arange(4, dtype="f4"), np.array([s]), np.array([4])]
            for s in (0, 1, 2, -5, GREATEST - 7, GREATEST, 2**62, 2**62 - 1)
        ]
    )

    model = Model("far_range", {"start": ("i8", []), "limit": ("i8", []), "delta": ("i8", [])})
    model.node("far-range", "Range", ["start", "limit", "delta"],
               lambda a, b, c: np.array(range(int(a), int(b), int(c)), "i8"))  # fmt: skip
    ranges = ((0, 3, 1), (LEAST, GREATEST, 2**62), (GREATEST, LEAST, -(2**62)), (2**62, 2**62 + 3, 1),
              (LEAST, 0, 2**61),
              (GREATEST, GREATEST - 9, -2), (LEAST, GREATEST, GREATEST), (GREATEST, LEAST, LEAST), (5, 5, LEAST),
              (LEAST, LEAST + 3, 1), (0, GREATEST, LEAST), (-(2**60), 2**60, 2**59))  # fmt: skip
    yield model.on([[np.array(value) for value in each] for each in ranges])


@each_node(far_models())
def test_far_positions(node):
    node.check()


@functools.cache
def float_range_model():
    model = Model("float_range", {"start": ("f4", []), "limit": ("f4", []), "delta": ("f4", [])})
    model.node("float-range", "Range", ["start", "limit", "delta"], lambda a, b, c: np.arange(a, b, c, "f4"))
    return model.on([[np.array(each, "f4") for each in ends] for ends in ((0, 3, 1), (3, 0, 1), (1, 0, -0.25))])


@each_node([float_range_model()])
def test_float_range(node):
    node.check()


@pytest.mark.parametrize(
    "start, limit, delta",
    [(0, 1e30, 1e-3), (0, np.nan, 1), (0, 5, np.nan), (0, 5, 1e-30), (0, np.inf, 1), (0, 3, 0)],
)
def test_float_range_without_end(start, limit, delta):
    wrong = {"start": start, "limit": limit, "delta": delta}
    with pytest.raises(hone.Error, match="node 'float-range'"):
        float_range_model().session.run({name: np.array(each, "f4") for name, each in wrong.items()})


# ---- Shapes that are computed


def zero_models():
    """A 0 in Reshape's shape copies the input's dim, also where it is computed."""
    model = Model("zeros_in_shapes", {"x": ("f4", ["a", "b"]), "z": ("f4", ["c"]), "s": ("i8", [2])})
    model.add("Shape", ["z"], "n")
    model.add("Concat", ["n", model.constant([-1])], "rest", axis=0)
    model.add("Max", ["s", model.constant([0, 0])], "least")

    def copied(x, shape):
        return x.reshape([x.shape[i] if size == 0 else size for i, size in enumerate(shape)])

    model.add("Shape", ["x"], "turned", start=1)
    model.add("Concat", ["turned", model.constant([-1])], "own", axis=0)
    for name, shape in (("rest", lambda z, s: (len(z), -1)), ("least", lambda z, s: np.maximum(s, 0)),
                        ("s", lambda z, s: s), ("own", None)):  # fmt: skip
        model.add("Reshape", ["x", name], f"zero-{name}:0", name=f"zero-{name}")
        model.expect(f"zero-{name}", ["x", "z", "s"], lambda x, z, s, f=shape: copied(x, f(z, s)))
    model.expect("zero-own", ["x"], lambda x: copied(x, (x.shape[1], -1)))
    yield model.on(
        [
            [np.arange(a * b, dtype="f4").reshape(a, b), np.zeros(c, "f4"), np.array(s)]
            for a, b, c, s in (
                (4, 6, 3, [8, 3]),
                (4, 6, 0, [4, 0]),
                (4, 0, 0, [0, 0]),
                (4, 0, 4, [4, 0]),
                (4, 6, 0, [0, 6]),
                (3, 4, 0, [0, 0]),
            )
        ]
    )


@each_node(zero_models())
def test_zeros_in_shapes(node):
    node.check()


def computed_models():
    """Shapes that are computed by operators with loops of their own."""
    model = Model("host_functions", {"x": ("f4", ["a", "b", "c"]), "one": ("f4", [1])})
    model.add("Shape", ["x"], "shape")
    model.add("Cast", ["shape"], "floats", to=TensorProto.FLOAT)

    def size(case, op, inputs, expected, outputs=1, after=None, **attributes):
        shape, *_ = model.add(op, inputs, [f"{case}-{i}" for i in range(outputs)], **attributes)
        for then, more, values in after or ():
            shape = model.add(then, [shape, *more], f"{shape}'", **values)
        model.add("Expand", ["one", shape], f"{case}:0", name=case)
        model.expect(case, ["x", "one"], lambda x, one: np.broadcast_to(one, expected(np.array(x.shape))))

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
    integer = [("Mul", [whole(np.array(30, "f4"))], {}), ("Ceil", [], {}), ("Cast", [], {"to": TensorProto.INT64})]
    size("shape-Softmax", "Softmax", ["floats"],
         lambda s: np.ceil(softmax(s.astype("f4")) * np.float32(30)).astype("i8"), after=integer)  # fmt: skip
    yield model.on(
        [[np.zeros(shape, "f4"), np.ones(1, "f4")] for shape in ((2, 3, 4), (5, 1, 2), (0, 3, 3), (1, 1, 1))]
    )


@each_node(computed_models())
def test_computed_shapes(node):
    node.check()


def table_models():
    """Constants that are too large to stand in the program, and positions in inputs whose inner dims are open."""
    inputs = {"x": ("f4", ["m"]), "t": ("i8", ["a", "b"]), "u": ("i1", ["a", "b", 2]), "v": ("?", ["a", "b"])}
    model = Model("host_tables", {**inputs, "one": ("f4", [1])})
    table = np.arange(300) % 7 + 1
    chosen = model.add("Gather", [model.constant(table), model.constant([5, 290])], "chosen")
    model.add("Expand", ["one", chosen], "host-table:0")
    model.expect("host-table", ["one"], lambda one: np.broadcast_to(one, table[[5, 290]]))
    parts = np.ones(200, "i8")
    model.node(
        "host-parts",
        "Split",
        ["x", model.constant(parts)],
        lambda x, _: tuple(x[i : i + 1] for i in range(200)),
        outputs=200,
        axis=0,
    )
    for name, places in (("t", [[1, 0], [0, 1]]), ("u", [[1, 0, 1], [0, 2, 0]]), ("v", [[1, 2], [0, 0]])):
        model.add("GatherND", [name, model.constant(places)], f"read-{name}")
        model.add("Cast", [f"read-{name}"], f"size-{name}", to=TensorProto.INT64)
        model.add("Expand", ["one", f"size-{name}"], f"host-of-{name}:0")
        model.expect(
            f"host-of-{name}",
            [name, "one"],
            lambda t, one, p=places: np.broadcast_to(one, [int(t[tuple(place)]) for place in p]),
        )
    yield model.on(
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


@each_node(table_models())
def test_tables(node):
    node.check()


def unsigned_models():
    model = Model("unsigned_shapes", {"s": ("u8", [2]), "t": ("u1", [1]), "one": ("f4", [1])})
    model.add("Div", ["s", model.constant(np.array([3], "u8"))], "third")
    model.add("Min", ["third", model.constant(np.array([7], "u8"))], "few")
    for name in ("few", "t"):
        model.add("Cast", [name], f"{name}-size", to=TensorProto.INT64)
        model.add("Expand", ["one", f"{name}-size"], f"unsigned-{name}:0")
    model.expect(
        "unsigned-few",
        ["s", "one"],
        lambda s, one: np.broadcast_to(one, np.minimum(s // np.uint64(3), np.uint64(7)).astype("i8")),
    )
    model.expect("unsigned-t", ["t", "one"], lambda t, one: np.broadcast_to(one, t.astype("i8")))
    yield model.on(
        [
            [np.array(s, "u8"), np.array([t], "u1"), np.ones(1, "f4")]
            for s, t in (([9, 4], 200), ([2**64 - 1, 1], 0), ([2**63, 2**63 + 1], 255))
        ]
    )


@each_node(unsigned_models())
def test_unsigned_shapes(node):
    node.check()


def chain_models():
    """Unsigned arithmetic is remembered level by level, too; products of many factors are no deep recursion."""
    for dtype, op in (("u8", "Add"), ("i8", "Mul"), ("i4", "Add")):
        model = Model(f"chain_{dtype}_{op}", {"b": ("i8", [1]), "one": ("f4", [1])})
        names = ["typed"] + [f"n{i}" for i in range(3000)]
        to = onnx_type(dtype)
        model.add("Cast", ["b"], "typed", to=to)
        for before, after in zip(names, names[1:], strict=False):
            model.add(op, [before, "typed"], after)
        model.add("Cast", [names[-1]], "wide", to=TensorProto.INT64)
        model.add("Expand", ["one", "wide"], f"chain-{dtype}-{op}:0")
        model.expect(
            f"chain-{dtype}-{op}",
            ["b", "one"],
            lambda b, one, op=op: np.broadcast_to(one, [int(b[0]) * 3001 if op == "Add" else int(b[0])]),
        )
        yield model.on([[np.array([b]), np.ones(1, "f4")] for b in (0, 1)])

    # The longest chain.
    model = Model("long_chain", {"x": ("f4", ["a"]), "b": ("i8", [1]), "one": ("f4", [1])})
    model.add("Shape", ["x"], "n0")
    for i in range(10000):
        model.add(("Add", "Sub", "Max")[i % 3], [f"n{i}", "b"], f"n{i + 1}")
    model.add("Expand", ["one", "n10000"], "chain:0", name="chain")

    def chain(x, b, one):
        n = len(x)
        for i in range(10000):
            n = (n + b[0], n - b[0], max(n, b[0]))[i % 3]
        return np.broadcast_to(one, [n])

    model.expect("chain", ["x", "b", "one"], chain)
    yield model.on([[np.zeros(a, "f4"), np.array([b]), np.ones(1, "f4")] for a, b in ((3, 0), (3, 2), (9, -1))])


@each_node(chain_models())
def test_chains(node):
    node.check()


def host_tensor_of(count):
    """A model whose shapes rest on a tensor of `count` elements."""
    model = Model(f"host_of_{count}", {"x": ("f4", ["a"]), "i": ("f4", [count]), "one": ("f4", [1])})
    model.add("Shape", ["x"], "n")
    model.add("Expand", ["n", model.constant([count])], "many")
    model.add("Split", ["i", "many"], ["parts:0"] + [f"p{i}" for i in range(1, count)], axis=0, name="parts")
    model.expect("parts", ["i"], lambda i: i[:1])
    return model.on([[np.zeros(1, "f4"), np.zeros(count, "f4"), np.ones(1, "f4")]])


@each_node([host_tensor_of(4096)])
def test_largest_host_tensor(node):
    node.check()


def test_host_tensor_that_is_too_large():
    with pytest.raises(hone.CompileError, match="4097 elements; at most 4096"):
        host_tensor_of(4097).library


def scaled_models():
    """Shapes that are floats on their way, as exporters write the sizes of resized images."""
    model = Model("scaled_shapes", {"x": ("f4", ["m", "n"])})
    scale = np.array([0.3, 2.5], "f4")
    for op, inputs, result in (
        ("Shape", ["x"], "shape"),
        ("Cast", ["shape"], "wide"),
        ("Mul", ["wide", model.constant(scale)], "scaled"),
    ):
        attributes = {"to": TensorProto.FLOAT} if op == "Cast" else {}
        model.add(op, inputs, result, **attributes)
    functions = {"Floor": np.floor, "Ceil": np.ceil, "Round": np.round, "Sqrt": np.sqrt, "Abs": np.abs, "Tanh": np.tanh}
    for op, function in functions.items():
        model.add(op, ["scaled"], f"float{op}")
        model.add("Cast", [f"float{op}"], f"size{op}", to=TensorProto.INT64)
        model.add("ConstantOfShape", [f"size{op}"], f"scaled_{op}:0", name=f"scaled_{op}")
        model.expect(
            f"scaled_{op}", ["x"], lambda x, f=function: np.zeros(f(np.array(x.shape, "f4") * scale).astype("i8"), "f4")
        )
    yield model.on([[np.zeros(shape, "f4")] for shape in ((5, 3), (7, 1), (0, 9), (64, 64))])


@each_node(scaled_models())
def test_scaled_shapes(node):
    node.check()


def formula_models():
    """Sizes by formulas that use a value again and again: short programs, and trees of 2^40 operations."""
    model = Model("formulas", {"x": ("f4", ["n"]), "e": ("i8", [1]), "c": ("i8", [1]), "v": ("f4", [1])})
    five, seven, large = (model.constant([number]) for number in (5, 7, 2**40))

    def formula(case, size, expected):
        model.add("Expand", ["v", size], f"{case}:0", name=case)
        model.expect(case, ["x", "e", "c", "v"], lambda x, e, c, v: np.resize(v, expected(len(x), e, c)))

    def step(op, *names):
        return model.add(op, names, f"step{len(model.nodes)}")

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
    yield model.on(
        [
            [np.zeros(n, "f4"), np.array([3]), np.array([c]), np.ones(1, "f4")]
            for n, c in ((0, 5), (1, 5), (1, 7), (0, 0))
        ]
    )


@each_node(formula_models())
def test_formulas(node):
    node.check()


def test_formula_that_is_too_long():
    """A sum of 2^24 elements, too many for the host: a kernel computes it, and the shape is known when it has."""
    model = Model("sum_of_many", {"x": ("f4", ["n"]), "v": ("f4", [1])})
    many = model.add("Expand", [model.add("Shape", ["x"], "n"), model.constant([4096, 4096])], "many")
    sums = model.add("ReduceSum", [many, model.constant([1])], "sums", keepdims=0)
    total = model.add("ReduceSum", [sums, model.constant([0])], "total", keepdims=1)
    few = model.add("Div", [total, model.constant([1 << 22])], "few")
    model.add("Expand", ["v", few], "formula:0", name="formula")
    model.expect("formula", ["v"], lambda v: np.repeat(v, 12))
    for case in model.on([[np.zeros(3, "f4"), np.ones(1, "f4")]]).cases:
        Node(model, case).check()
