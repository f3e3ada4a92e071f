"""Kernels that the standard's small node tests do not reach, against NumPy: sizes above, at and below the tiles.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import collections
import itertools

import numpy as np
import pytest
from building import model_of, parsed, value
from onnx import helper, numpy_helper
from tolerance import Tolerance, assert_all_close, assert_close, assert_same_bits

# Of functions and sums in f32, and in f64.
ROUNDING = {"f4": Tolerance(relative=1e-5, absolute=1e-6), "f8": Tolerance(relative=1e-5, absolute=1e-12)}


@pytest.fixture
def compile_node(compile_model):
    """A function: (op, ranks of the operands, rank of the result, type) -> a function from operands to the result."""

    def compile_node(op, ranks, result_rank, dtype="f4", **attributes):
        names = [f"x{i}" for i in range(len(ranks))]
        # Each dim has a symbol of its own: nothing is known about it.
        inputs = [
            value(name, *(f"{name}_{d}" for d in range(rank)), dtype=dtype)
            for name, rank in zip(names, ranks, strict=True)
        ]
        outputs = [value("y", *[None] * result_rank, dtype=dtype)]
        library = compile_model(model_of([helper.make_node(op, names, ["y"], **attributes)], inputs, outputs))
        session = library.session(threads=2)
        return lambda *arrays: session.run(dict(zip(names, arrays, strict=True)))["y"]

    return compile_node


def normal(seed, shape, dtype="f4"):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def whole(shape, dtype):
    return np.random.default_rng(1).integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)


# ---- Moves


@pytest.mark.parametrize("permutation", ["10", "021", "210", "102", "0231", "3102"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i2", "i4", "?"])
def test_transpose(compile_node, subtests, dtype, permutation):
    permutation = [int(dim) for dim in permutation]
    rank = len(permutation)
    transpose = compile_node("Transpose", [rank], rank, dtype, perm=permutation)
    shapes = [(2, 33, 5, 64), (3, 8, 9, 31), (0, 2, 3, 4)]
    for shape in shapes if rank == 4 else itertools.product((1, 31, 33, 70), repeat=rank):
        with subtests.test(shape=shape):
            x = whole(shape, dtype)
            assert_close(transpose(x), x.transpose(permutation))


@pytest.mark.parametrize("shape", [(7, 31), (70, 33)], ids=str)
def test_transpose_of_bytes(compile_node, shape):
    """Bytes other than 0 and 1 that a caller gives for bool are true, and 1 in the result."""
    transpose = compile_node("Transpose", [2], 2, "?", perm=[1, 0])
    x = np.arange(np.prod(shape), dtype="u1").reshape(shape)
    assert_close(transpose(x.view("?")).view("u1"), (x != 0).T.astype("u1"))


@pytest.mark.parametrize("axis", range(3))
def test_concat(compile_node, subtests, axis):
    concat = compile_node("Concat", [3, 3, 3], 3, axis=axis)
    for sizes in ((1, 2, 3), (70, 0, 33), (0, 0, 0)):
        with subtests.test(sizes=sizes):
            parts = [normal(4, (5, 6, 7)[:axis] + (size,) + (5, 6, 7)[axis + 1 :]) for size in sizes]
            assert_close(concat(*parts), np.concatenate(parts, axis))


def softmax(x):
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


FLIP = "int64[1] start = {-1}, int64[1] end = {-100}, int64[1] axis = {0}, int64[1] step = {-1}"
FLIPPED = "Slice(s, start, end, axis, step)"
MovedRows = collections.namedtuple("MovedRows", "shape constants nodes expected")
MOVED_ROWS = {
    "reduce-transpose": MovedRows(
        (4, 16, 16),
        "int64[1] axes = {0}",
        "r = ReduceSum<keepdims = 0>(x, axes)  s = Relu(r)  y = Transpose<perm = [1, 0]>(s)",
        lambda x: np.maximum(x.sum(0), 0).T,
    ),
    "reduce-flip": MovedRows(
        (4, 16, 16),
        FLIP,
        f"r = ReduceSum<keepdims = 0>(x, axis)  s = Relu(r)  y = {FLIPPED}",
        lambda x: np.maximum(x.sum(0), 0)[::-1],
    ),
    "reduce-one-flip": MovedRows(
        (16, 1),
        f"{FLIP}, int64[1] one = {{1}}",
        f"r = ReduceSum<keepdims = 1>(x, one)  s = Relu(r)  y = {FLIPPED}",
        lambda x: np.maximum(x, 0)[::-1],
    ),
    "softmax-transpose": MovedRows(
        (16, 16),
        "",
        "r = Softmax(x)  s = Sqrt(r)  y = Transpose<perm = [1, 0]>(s)",
        lambda x: np.sqrt(softmax(x)).T,
    ),
    "softmax-flip": MovedRows(
        (16, 40), FLIP, f"r = Softmax(x)  s = Sqrt(r)  y = {FLIPPED}", lambda x: np.sqrt(softmax(x))[::-1]
    ),
    "transpose-softmax": MovedRows(
        (16, 16),
        "",
        "v = Exp(x)  t = Transpose<perm = [1, 0]>(v)  s = Softmax(t)  y = Add(v, s)",
        lambda x: np.exp(x) + softmax(np.exp(x).T),
    ),
    "flip-softmax": MovedRows(
        (16, 40),
        FLIP,
        "v = Exp(x)  t = Slice(v, start, end, axis, step)  s = Softmax(t)  y = Add(v, s)",
        lambda x: np.exp(x) + softmax(np.exp(x)[::-1]),
    ),
}


@pytest.mark.parametrize("case", MOVED_ROWS.values(), ids=MOVED_ROWS)
def test_moved_rows(compile_model, case):
    """Reductions whose results or operands are read in other rows than their own, which the dims alone do not show."""
    x = normal(5, case.shape)
    expected = case.expected(x.astype("f8")).astype("f4")
    dims, result_dims = (",".join(map(str, array.shape)) for array in (x, expected))
    constants = f"<{case.constants}>" if case.constants else ""
    model = parsed(f"g (float[{dims}] x) => (float[{result_dims}] y) {constants} {{ {case.nodes} }}")
    assert_close(compile_model(model)(x=x)["y"], expected, ROUNDING["f4"])


# ---- Reductions, products, rows


REDUCTIONS = {"ReduceMax": np.max, "ReduceMean": np.mean, "ReduceL2": lambda x, axes: np.sqrt((x * x).sum(axes))}


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)], ids=str)
@pytest.mark.parametrize("op", REDUCTIONS)
def test_outer_reduction(compile_node, subtests, op, axes):
    reduce = compile_node(op, [3], 3 - len(axes), axes=axes, keepdims=0)
    for shape in ((1, 1, 1), (5, 7, 33), (129, 2, 70), (4, 3, 0)):
        with subtests.test(shape=shape):
            x = normal(2, shape)
            expected = REDUCTIONS[op](x.astype("f8"), axes).astype("f4")
            assert_close(reduce(x), expected, ROUNDING["f4"])


@pytest.mark.parametrize("left, right", [(2, 2), (3, 3), (2, 3), (4, 2)])
@pytest.mark.parametrize("dtype", ["f8", "i4"])
def test_matmul(compile_node, subtests, dtype, left, right):
    """Small products: tiles of doubles, and of integers, which no family takes, sums of rows. left, right: ranks."""
    matmul = compile_node("MatMul", [left, right], max(left, right), dtype)
    for m, k, n in itertools.product((0, 1, 3, 4, 9), (0, 1, 4, 13), (0, 1, 7, 70)):
        with subtests.test(m=m, k=k, n=n):
            x, y = whole((2, 3)[4 - left :] + (m, k), dtype), whole((3,)[3 - right :] + (k, n), dtype)
            assert_close(matmul(x, y), np.matmul(x, y))


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("n", [1, 33, 200])
@pytest.mark.parametrize("k", [1, 13, 600])
def test_double_weights(compile_model, subtests, k, n, turned):
    """Products of doubles with weights in panels, and what is computed with them at once."""
    random = np.random.default_rng(8)
    w, b = random.standard_normal((n, k) if turned else (k, n)), random.standard_normal(n)
    model = parsed(
        f"g (double[m,k] x) => (double[m,n] y) {{ z = Gemm<transB = {turned}>(x, w, b)  y = Relu(z) }}",
    )
    model.graph.initializer.extend([numpy_helper.from_array(w, "w"), numpy_helper.from_array(b, "b")])
    library = compile_model(model)
    for m in (0, 1, 2, 7, 100):
        with subtests.test(m=m):
            x = random.standard_normal((m, k))
            expected = np.maximum(x @ (w.T if turned else w) + b, 0)
            assert_close(library(x=x)["y"], expected, Tolerance(relative=1e-12, absolute=1e-12))


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_softmax(compile_node, subtests, dtype, op, axis):
    model = compile_node(op, [3], 3, dtype, axis=axis)
    for shape in ((1, 1, 1), (5, 7, 33), (9, 2, 64), (3, 70, 130), (4, 3, 0), (4, 0, 3), (0, 4, 3)):
        with subtests.test(shape=shape):
            x = normal(6, shape, dtype)
            wide = x.astype("f8")
            sums = np.exp(wide).sum(axis, keepdims=True)
            with np.errstate(divide="ignore"):
                expected = np.exp(wide) / sums if op == "Softmax" else wide - np.log(sums)
            assert_close(model(x), expected.astype(dtype), ROUNDING[dtype])


@pytest.mark.parametrize("axis", range(2))
@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_of_specials(compile_node, subtests, op, axis):
    """NaN and infinities at each place of a row, in vectors and behind them."""
    function = compile_node(op, [2], 2, axis=axis)
    for size, special in itertools.product((1, 7, 130), (np.nan, np.inf, -np.inf)):
        with subtests.test(size=size, special=special):
            x = normal(6, (size, size + 2))
            np.fill_diagonal(x, special)
            x[size // 2] = special
            with np.errstate(divide="ignore", invalid="ignore"):
                shifted = x.astype("f8") - x.max(axis, keepdims=True)
                sums = np.exp(shifted).sum(axis, keepdims=True)
                expected = np.exp(shifted) / sums if op == "Softmax" else shifted - np.log(sums)
            assert_close(function(x), expected.astype("f4"), ROUNDING["f4"])


# ---- Selections


SELECTED = {"f4": "float", "f8": "double", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8",
            "u2": "uint16", "u4": "uint32", "u8": "uint64"}  # fmt: skip
# How many elements, and how many of them are chosen: from an empty heap to a row that is sorted as a whole, around the
# sizes of blocks and tiles, and rows that are short or long for their results.
FEW = ((0, 0), (5, 0), (5, 1), (8, 8), (33, 33), (65, 64), (300, 2), (300, 15), (300, 16),
       (300, 63), (300, 100), (300, 300), (2100, 63), (2100, 64))  # fmt: skip
MANY = (*FEW, (129, 64), (512, 16), (513, 16), (1000, 257), (3000, 1000), (3000, 2999), (4097, 4097), (9000, 2000),
        (9000, 2500), (70000, 1000))  # fmt: skip


def extremes(dtype):
    if dtype[0] != "f":
        return [np.iinfo(dtype).min, np.iinfo(dtype).max]
    least = np.finfo(dtype).smallest_subnormal
    return [np.nan, np.inf, -np.inf, -0.0, 0.0, least, -least]


def samples(random, dtype, shape):
    """(name, array): values in every kind of order."""
    spread = random.standard_normal(shape)
    if dtype[0] == "u":
        spread = abs(spread)
    if dtype[0] != "f":
        spread *= 40 if dtype[1] == "1" else 10000
    yield "spread", spread.astype(dtype)
    yield "ascending", np.sort(spread, -1).astype(dtype)
    yield "descending", np.sort(spread, -1)[..., ::-1].astype(dtype)
    yield "equal", np.zeros(shape, dtype)
    mixed = random.integers(0, 9, shape).astype(dtype)
    special = random.random(shape) < 0.1
    mixed[special] = random.choice(np.array(extremes(dtype), dtype), special.sum())
    yield "ties", mixed


def ordered(x, axis, largest):
    """Positions in TopK's order: equal elements in order of position, NaN greatest."""
    order = np.unique(x, return_inverse=True)[1].reshape(x.shape).astype("i8")
    return np.argsort(-order if largest else order, axis, kind="stable")


@pytest.mark.parametrize("largest", [0, 1])
@pytest.mark.parametrize("dtype, axis", [("f4", 0), *((dtype, 1) for dtype in SELECTED)])
def test_topk(compile_model, subtests, dtype, axis, largest):
    element = SELECTED[dtype]
    library = compile_model(
        parsed(
            f"g ({element}[m,n] x, int64[1] k) => ({element}[p,q] y, int64[p,q] i)"
            f" {{ y, i = TopK<axis = {axis}, largest = {largest}>(x, k) }}"
        )
    )
    random = np.random.default_rng(6)
    for size, k in MANY if dtype == "f4" and axis else FEW:
        for name, x in samples(random, dtype, (3, size)):
            with subtests.test(name, size=size, k=k):
                x = np.ascontiguousarray(x if axis else x.T)
                positions = np.take(ordered(x, axis, largest), range(k), axis)
                got = library(x=x, k=np.array([k]))
                assert_close(got["i"], positions)
                assert_same_bits(got["y"], np.take_along_axis(x, positions, axis))


# ---- Others


def test_many(compile_model, count=130):
    """More inputs, outputs and dims than a struct of the program's tables, or one join, has parts."""
    inputs = ", ".join(f"float[n{i}] x{i}" for i in range(count))
    outputs = ", ".join(f"float[n{i}] y{i}" for i in range(count))
    nodes = " ".join(f"y{i} = Neg(x{i})" for i in range(count))
    joined = ", ".join(f"x{i}" for i in range(count))
    model = parsed(f"g ({inputs}) => ({outputs}, float[all] whole) {{ {nodes} whole = Concat<axis = 0>({joined}) }}")
    arrays = {f"x{i}": np.arange(i % 3 + 1, dtype="f4") + i for i in range(count)}
    expected = {f"y{i}": -arrays[f"x{i}"] for i in range(count)} | {"whole": np.concatenate(list(arrays.values()))}
    assert_all_close(compile_model(model)(**arrays), expected)


@pytest.mark.parametrize("reverse", [0, 1])
@pytest.mark.parametrize("exclusive", [0, 1])
def test_cumsum(compile_model, subtests, exclusive, reverse):
    model = parsed(
        "g (float[a,b,c] x) => (float[a,b,c] y) <int64 axis = {1}>"
        f" {{ y = CumSum<exclusive = {exclusive}, reverse = {reverse}>(x, axis) }}"
    )
    library = compile_model(model)
    for shape in ((2, 0, 3), (2, 3, 0), (2, 1, 1), (3, 9, 33), (2, 5, 600)):
        with subtests.test(shape=shape):
            x = np.random.default_rng(7).integers(-9, 9, shape).astype("f4")
            along = np.flip(x, 1) if reverse else x
            sums = np.cumsum(along, 1) - (along if exclusive else 0)
            assert_close(library(x=x)["y"], np.flip(sums, 1) if reverse else sums)


def split_mix(seed, count):
    """SplitMix64 (Steele, Lea, Flood 2014): the upper 24 bits as numbers in [0, 1)."""
    with np.errstate(over="ignore"):
        state = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
        bits = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    return (bits >> np.uint64(40)).astype("f4") * np.float32(2.0**-24)


@pytest.fixture
def dropout(compile_model):
    inputs = [value("x", "n", "m"), value("ratio"), value("training", dtype="?")]
    outputs = [value("y", "n", "m"), value("mask", "n", "m", dtype="?")]
    node = helper.make_node("Dropout", ["x", "ratio", "training"], ["y", "mask"], seed=7)
    return compile_model(model_of([node], inputs, outputs))


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_dropout_of_what_the_seed_chooses(dropout, ratio):
    x = normal(3, (37, 129))
    got = dropout(x=x, ratio=np.float32(ratio), training=np.array(True))
    kept = (split_mix(7, x.size) >= ratio).reshape(x.shape)
    scaled = x / np.float32(1 - ratio) if ratio < 1 else np.zeros_like(x)
    assert_close(got["mask"], kept)
    assert_close(got["y"], np.where(kept, scaled, np.float32(0)), Tolerance(relative=1e-6, absolute=1e-8))


def test_dropout_outside_training(dropout):
    x = normal(3, (37, 129))
    got = dropout(x=x, ratio=np.float32(0.5), training=np.array(False))
    assert_close(got["y"], x)
    assert got["mask"].all()


@pytest.mark.parametrize("length", [3, 7, 8])
def test_short_rows_whichever_thread_has_them(length, compile_model):
    """LLVM would compute some rows together and the rest one by one, and add up in another order."""
    model = parsed(
        f"g (float[n, {length}] x) => (float[n, {length}] y) {{ y = LayerNormalization <axis = -1> (x, s) }}"
    )
    model.graph.initializer.append(numpy_helper.from_array(np.linspace(0.5, 2, length, dtype="f4"), "s"))
    library = compile_model(model)
    x = np.random.default_rng(length).standard_normal((20011, length)).astype("f4")
    with library.session(threads=1) as one:
        alone = one.run({"x": x})["y"]
    for threads in (2, 3):
        with library.session(threads=threads) as several:
            assert_same_bits(several.run({"x": x})["y"], alone)
