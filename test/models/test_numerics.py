"""The rules of «Numerics» in docs/design/contracts.md, node by node.

Expected values come from NumPy. Many nodes share a model, which runs on
several sets of inputs: lengths below, at and above a vector, so that loops and their tails are both met.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import functools
import math

import hone
import numpy as np
import onnx
import pytest
from building import onnx_type
from nodes import (
    AXES,
    CANCELLING,
    FLOATS,
    INF,
    INTEGERS,
    LENGTHS,
    NAN,
    REDUCTIONS,
    ROUNDING,
    SIGNED,
    Model,
    each_node,
    nan_max,
    pairs,
    rows,
    softmax,
    special,
    windows,
)
from tolerance import EXACT, assert_close, near

# ---- Element by element

erf = np.vectorize(math.erf, otypes=["f8"])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(x, 0)


def below_zero(x, y):
    return np.where(x < 0, y, x)


# Functions of f8. Where the sign of a zero is not laid down by the standard's formula, the name has a star.
UNARY = {
    "Abs": np.abs, "Neg": np.negative, "Floor": np.floor, "Ceil": np.ceil, "Round": np.rint, "Identity": lambda x: x,
    "Sign*": np.sign, "Relu*": lambda x: np.where(np.isnan(x), x, np.maximum(x, 0)), "Sqrt": np.sqrt,
    "Reciprocal": lambda x: 1 / x, "Exp": np.exp, "Log": np.log, "Sin": np.sin, "Cos": np.cos, "Tan": np.tan,
    "Tanh": np.tanh, "Erf": erf, "Sigmoid": sigmoid, "Softplus": softplus, "Softsign": lambda x: x / (1 + np.abs(x)),
    "Elu": lambda x: below_zero(x, np.expm1(x)), "Celu": lambda x: below_zero(x, np.expm1(x)),
    "Selu": lambda x: np.float32(1.05070102214813232421875) * below_zero(x, 1.67326319217681884765625 * np.expm1(x)),
    "LeakyRelu": lambda x: below_zero(x, np.float32(0.01) * x), "ThresholdedRelu*": lambda x: np.where(x > 1, x, 0),
    "HardSigmoid": lambda x: np.clip(np.float32(0.2) * x + 0.5, 0, 1),
    "HardSwish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1), "Mish": lambda x: x * np.tanh(softplus(x)),
    "Gelu": lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2))), "Swish": lambda x: x * sigmoid(x),
    "Shrink*": lambda x: np.where(x < -0.5, x, np.where(x > 0.5, x, 0)),
    "IsNaN": np.isnan, "IsInf": np.isinf,
}  # fmt: skip


EXACT_FUNCTIONS = {"Abs", "Neg", "Floor", "Ceil", "Round", "Identity", "Sign", "Relu", "ThresholdedRelu", "Shrink",
                   "Sqrt", "Reciprocal"}  # fmt: skip
CANCELLING_FUNCTIONS = {"Elu", "Celu", "Selu", "Gelu"}


def tolerance_of(name, dtype):
    if name in EXACT_FUNCTIONS:
        return EXACT
    return (CANCELLING if name in CANCELLING_FUNCTIONS else ROUNDING)[dtype]


def unary_models():
    for dtype in FLOATS:
        model = Model(f"unary_{dtype}", {"x": (dtype, ["n"]), "angle": (dtype, ["n"])})
        for op, function in UNARY.items():
            name = op.rstrip("*")
            if name == "Celu" and dtype != "f4":  # the standard has it for f32 only
                continue

            def expected(x, function=function):
                result = function(x.astype("f8"))
                return result.astype(x.dtype) if result.dtype == "f8" else result

            x = "angle" if name in ("Sin", "Cos", "Tan") and dtype == "f4" else "x"
            model.node(f"{name}-{dtype}", name, [x], expected, tolerance_of(name, dtype), op == name)
        # Beyond 2^51 an f32 angle gives some number between -1 and 1.
        samples = [
            [x, np.where(np.isfinite(x) & (np.abs(x) > 2.0**51), 2.0**40, x).astype(dtype)]
            for (x,) in windows(special(dtype))
        ]
        yield model.on(samples)


@each_node(unary_models())
def test_unary(node):
    node.check()


def nan_min(x, y):
    return np.where(np.isnan(x) | np.isnan(y), NAN, np.minimum(x, y)).astype(x.dtype)


def wide_pow(x, y):
    return np.power(x.astype("f8"), y.astype("f8")).astype(x.dtype)


BINARY = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.divide, "Pow": wide_pow, "Max*": nan_max,
    "Min*": nan_min, "Equal": np.equal, "Less": np.less, "LessOrEqual": np.less_equal, "Greater": np.greater,
    "GreaterOrEqual": np.greater_equal, "PRelu": lambda x, y: np.where(x < 0, x * y, x),
    "Sum": np.add, "Mean": lambda x, y: (x + y) / x.dtype.type(2),
}  # fmt: skip


def binary_models():
    for dtype in FLOATS:
        model = Model(f"binary_{dtype}", {"x": (dtype, ["n"]), "y": (dtype, ["n"])})
        for op, function in BINARY.items():
            name = op.rstrip("*")
            model.node(
                f"{name}-{dtype}", name, ["x", "y"], function, ROUNDING[dtype] if name == "Pow" else EXACT, op == name
            )
        model.node(f"Mod-{dtype}", "Mod", ["x", "y"], np.fmod, fmod=1)
        yield model.on(windows(*pairs(dtype)))
    model = Model("logic", {"x": ("?", ["n"]), "y": ("?", ["n"])})
    for op in ("And", "Or", "Xor"):
        model.node(op, op, ["x", "y"], getattr(np, f"logical_{op.lower()}"))
    model.node("Not", "Not", ["x"], lambda x: ~x)
    model.node("Equal-bool", "Equal", ["x", "y"], np.equal)
    model.node("Where-bool", "Where", ["x", "y", "x"], np.where)
    yield model.on(windows(*pairs("?")))


@each_node(binary_models())
def test_binary(node):
    node.check()


def power_models():
    """Floats to the power of another type are powers of f64, rounded once: f32 would make 2^24 + 1 even."""
    for base, other in (("f4", "f8"), ("f8", "f4")):
        model = Model(
            f"powers_{base}",
            {"x": (base, ["n"]), "i": ("i8", ["n"]), "j": ("i4", ["n"]), "u": ("u1", ["n"]), "y": (other, ["n"])},
        )
        for name in ("i", "j", "u", "y"):
            model.node(f"Pow-{base}-{model.inputs[name][0]}", "Pow", ["x", name], wide_pow, ROUNDING[base])
        for exponent in (0, 1, 2, 3, -1, 2**24 + 1):
            name = model.constant(np.array(exponent))
            model.node(f"Pow-{base}-constant-{exponent}", "Pow", ["x", name], wide_pow, ROUNDING[base])
        x = np.array([-1, 1.0000001, 2, -2, 0.5, -0.0, INF, -INF, NAN, 1, 3, -3], base)
        whole = np.array([2**24 + 1, 100000001, -1, 3, 7, 3, -1, 5, 0, 2**31 - 1, 20, 19])
        y = np.array([2**24 - 1, 1e7, 0.3333333333333, 3, -0.5, -3, -1, 5, 0, NAN, 2.5, 2.5], other)
        yield model.on(windows(x, whole, whole.astype("i4"), (np.abs(whole) % 200).astype("u1"), y))


@each_node(power_models())
def test_mixed_powers(node):
    node.check()


def choice_models():
    """Where and Clip: no NaN is lost, none comes from the branch not taken."""
    for dtype in FLOATS + INTEGERS:
        model = Model(
            f"choices_{dtype}",
            {"x": (dtype, ["n"]), "y": (dtype, ["n"]), "low": (dtype, []), "high": (dtype, []), "c": ("?", ["n"])},
        )
        model.node(f"Where-{dtype}", "Where", ["c", "x", "y"], np.where)

        def clip(x, low, high):
            kept = np.minimum(np.maximum(x, low), high)  # NumPy's keep NaN
            return np.asarray(kept, x.dtype)

        model.node(f"Clip-{dtype}", "Clip", ["x", "low", "high"], clip, zero_signs=False)
        model.node(f"Clip-low-{dtype}", "Clip", ["x", "low"], lambda x, low: np.maximum(x, low), zero_signs=False)
        model.node(
            f"Clip-high-{dtype}", "Clip", ["x", "", "high"], lambda x, high: np.minimum(x, high), zero_signs=False
        )
        if dtype in FLOATS:
            model.node(f"Max-of-one-{dtype}", "Max", ["x"], lambda x: x)
        x, y = pairs(dtype)
        bounds = np.array([[0, 3], [3, 0], [1, 1]], dtype)
        if dtype in FLOATS:
            bounds = np.concatenate([bounds, np.array([[-INF, INF], [INF, -INF], [-2, 88]], dtype)])
        samples = []
        for i, (a, b) in enumerate(windows(x, y)):
            low, high = bounds[i % len(bounds)]
            samples.append([a, b, np.asarray(low), np.asarray(high), np.arange(len(a)) % 3 == 0])
        yield model.on(samples)


@each_node(choice_models())
def test_choices(node):
    node.check()


# ---- Integers


def trunc_divide(x, y):
    """The quotient rounded toward zero. NumPy rounds down; the least integer by -1 wraps in both."""
    quotient = np.floor_divide(x, y)
    away = (quotient * y != x) & ((x < 0) != (y < 0))
    return (quotient + away.astype(x.dtype)).astype(x.dtype)


def integer_models():
    for dtype in INTEGERS:
        model = Model(f"integers_{dtype}", {"x": (dtype, ["n"]), "y": (dtype, ["n"]), "d": (dtype, ["n"])})
        for op in ("Add", "Sub", "Mul", "Max*", "Min*", "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"):
            name = op.rstrip("*")
            function = {"Max": np.maximum, "Min": np.minimum}.get(name) or BINARY[op]
            model.node(f"{name}-{dtype}", name, ["x", "y"], function)
        model.node(f"Div-{dtype}", "Div", ["x", "d"], trunc_divide)
        model.node(f"Mod-{dtype}", "Mod", ["x", "d"], np.mod)
        model.node(f"Mod-fmod-{dtype}", "Mod", ["x", "d"], np.fmod, fmod=1)
        model.node(f"Sign-{dtype}", "Sign", ["x"], np.sign)
        model.node(f"Abs-{dtype}", "Abs", ["x"], np.abs)
        model.node(f"Cast-bool-{dtype}", "Cast", ["x"], lambda x: x != 0, to=onnx.TensorProto.BOOL)
        if dtype in SIGNED:
            model.node(f"Neg-{dtype}", "Neg", ["x"], np.negative)
            model.node(f"Relu-{dtype}", "Relu", ["x"], lambda x: np.maximum(x, 0))
        if dtype in ("i4", "i8"):
            model.node(f"Pow-{dtype}", "Pow", ["b", "e"], np.power)
            model.node(f"Pow-wraps-{dtype}", "Pow", ["x", "e"], np.power)
            model.inputs["b"] = model.inputs["e"] = (np.dtype(dtype), ["n"])
        samples = []
        for x, y in windows(*pairs(dtype)):
            divisors = np.where(y == 0, np.array(5, dtype), y)
            sample = {"x": x, "y": y, "d": divisors}
            if "e" in model.inputs:
                sample["b"] = (np.arange(len(x)) % 13 - 6).astype(dtype)
                sample["e"] = (np.arange(len(x)) % 11).astype(dtype)
            samples.append(sample)
        yield model.on(samples)


@each_node(integer_models())
def test_integers(node):
    node.check()


# The nodes for a zero divisor: op, type, fmod.
DIVISIONS = {
    f"{op}{'' if fmod is None else fmod}-{dtype}": (op, dtype, fmod)
    for dtype in INTEGERS
    for op, fmod in (("Div", None), ("Mod", 0), ("Mod", 1))
}


@functools.cache
def division_model():
    """Each node has operands of its own: NODE-x and NODE-y."""
    inputs = {f"{name}-{side}": (dtype, [name]) for name, (_, dtype, _) in DIVISIONS.items() for side in "xy"}
    model = Model("division", inputs)
    for name, (op, _, fmod) in DIVISIONS.items():
        expected = trunc_divide if op == "Div" else np.fmod if fmod else np.mod
        attributes = {} if fmod is None else {"fmod": fmod}
        model.node(name, op, [f"{name}-x", f"{name}-y"], expected, **attributes)
    sample = {name: np.full(133, 7 if name.endswith("-x") else 3, dtype) for name, (dtype, _) in inputs.items()}
    return model.on([sample])


@pytest.mark.parametrize("name", DIVISIONS)
@pytest.mark.parametrize("index", [pytest.param(5, id="loop"), pytest.param(132, id="tail")])
def test_zero_divisor(name, index):
    """A zero divisor anywhere fails the run with the node's name."""
    model = division_model()
    sample = dict(model.samples[0])
    sample[f"{name}-y"] = sample[f"{name}-y"].copy()
    sample[f"{name}-y"][index] = 0
    with pytest.raises(hone.Error, match=f"'{name}'"):
        model.session.run(sample)
    # The session works afterwards.
    assert_close(model.session.run(model.samples[0])[f"{name}:0"], model.expected(name, model.samples[0])[0])


@pytest.mark.parametrize("name", DIVISIONS)
def test_no_divisor(name):
    model = division_model()
    empty = np.zeros(0, model.inputs[f"{name}-y"][0])
    results = model.session.run({**model.samples[0], f"{name}-x": empty, f"{name}-y": empty})
    assert_close(results[f"{name}:0"], empty)


@each_node([division_model()])
def test_divisor(node):
    node.check()


# ---- Conversions


def converted(x, dtype):
    """x86-64's truncating conversion to 64 bits, cut to the width, where the value does not fit; NumPy's otherwise."""
    if dtype.kind not in "iu" or x.dtype.kind != "f":
        return x.astype(dtype)
    whole = np.trunc(x.astype("f8"))
    bits = np.where((whole >= -(2.0**63)) & (whole < 2.0**63), whole, -(2.0**63)).astype("i8").view("u8")
    if dtype == "u8":
        bits = np.where((whole >= 2.0**63) & (whole < 2.0**64), whole.astype("u8"), bits)
    return bits.astype(f"u{dtype.itemsize}").view(dtype)


def cast_models():
    types = FLOATS + ("?",) + INTEGERS
    for source in types:
        model = Model(f"casts_{np.dtype(source).name}", {"x": (source, ["n"])})
        for target in types:
            if source != target:
                dtype = np.dtype(target)
                code = onnx_type(dtype)
                model.node(
                    f"Cast-{np.dtype(source)}-{dtype}",
                    "Cast",
                    ["x"],
                    lambda x, dtype=dtype: converted(x, dtype),
                    to=code,
                )
        values = special(source)
        if source in FLOATS:
            edges = [sign * 2.0**power for power in (7, 8, 15, 16, 31, 32, 62, 63, 64) for sign in (1, -1)]
            edges += [127.9, -128.9, 255.5, 256.5, 32767.5, 65536.75, 3e9, -3e9, 1e19, 1.6e19, 4e38, -0.99, 0.99, 1e300]
            values = np.concatenate([values, np.array(edges).astype(source)])
        yield model.on(windows(values))


@each_node(cast_models())
def test_casts(node):
    node.check()


# ---- Constants


def folded_models():
    """Constants that the compiler folds give what kernels give."""
    for dtype in FLOATS + INTEGERS:
        model = Model(f"folded_{dtype}", {"x": (dtype, [])})
        x, y = (vector[:: 7 if dtype in FLOATS else 2] for vector in pairs(dtype))
        if dtype in INTEGERS:
            y = np.where(y == 0, np.array(5, dtype), y)
        pair = [model.constant(x), model.constant(y)]
        functions = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Less": np.less, "Equal": np.equal}
        functions.update(
            {"Max*": nan_max, "Min*": nan_min} if dtype in FLOATS else {"Max": np.maximum, "Min": np.minimum}
        )
        functions["Div"] = np.divide if dtype in FLOATS else trunc_divide
        for op, function in functions.items():
            name = op.rstrip("*")
            model.node(f"folded-{name}-{dtype}", name, pair, function, zero_signs=op == name)
        model.node(f"folded-Mod-{dtype}", "Mod", pair, np.fmod, fmod=1)
        values = model.constant(special(dtype))
        for target in FLOATS + INTEGERS:
            if target != dtype:
                to = np.dtype(target)
                code = onnx_type(to)
                name = f"folded-Cast-{np.dtype(dtype)}-{to}"
                model.node(name, "Cast", [values], lambda x, to=to: converted(x, to), to=code)
        for op in EXACT_FUNCTIONS - {"Shrink"} if dtype in FLOATS else {"Abs", "Sign", "Identity"}:
            function = UNARY.get(op) or UNARY[f"{op}*"]
            expected = lambda x, f=function: f(x).astype(x.dtype)  # noqa: E731
            model.node(f"folded-{op}-{dtype}", op, [values], expected, zero_signs=op in UNARY)
        model.node(f"folded-not-{dtype}", "Add", ["x", "x"], np.add)
        yield model.on([[np.asarray(1, dtype)]])


@each_node(folded_models())
def test_folded(node):
    node.check()


# ---- Reductions


def reduction_models():
    for dtype in FLOATS:
        model = Model(f"reductions_{dtype}", {"x": (dtype, ["m", "n"])})
        for op, function in REDUCTIONS.items():
            for name, axis in AXES.items():

                def expected(x, _, function=function, axis=axis):
                    return np.asarray(function(x, axis=axis), x.dtype)

                axes = model.constant(np.atleast_1d(axis))
                tolerance = {"f4": near(1e-4), "f8": near(5e-11)}[dtype]
                model.node(f"{op}-{name}-{dtype}", op, ["x", axes], expected, tolerance, zero_signs=False, keepdims=0)
        samples = [[np.abs(rows(length, dtype)) if length == 64 else rows(length, dtype)] for length in LENGTHS]
        samples += [[row[None]] for length in LENGTHS for row in rows(length, dtype)]
        samples += [[np.zeros(shape, dtype)] for shape in ((0, 5), (5, 0), (0, 0))]
        yield model.on(samples)

    for dtype in ("i4", "i8", "u4", "u8", "i1", "u1"):
        model = Model(f"reductions_{dtype}", {"x": (dtype, ["m", "n"])})
        kinds = (
            ("ReduceMax", "ReduceMin")
            if dtype in ("i1", "u1")
            else ("ReduceMax", "ReduceMin", "ReduceSum", "ReduceProd")
        )
        for op in kinds:
            for name, axis in AXES.items():

                def expected(x, _, function=REDUCTIONS[op], axis=axis, sums=op in ("ReduceSum", "ReduceProd")):
                    return np.asarray(
                        function(x, axis=axis, dtype=x.dtype) if sums else function(x, axis=axis), x.dtype
                    )

                model.node(f"{op}-{name}-{dtype}", op, ["x", model.constant(np.atleast_1d(axis))], expected, keepdims=0)
        samples = [[np.resize(special(dtype), (5, n))] for n in LENGTHS]  # sums and products wrap
        yield model.on(samples + [[np.zeros(shape, dtype)] for shape in ((0, 5), (5, 0), (0, 0))])


@each_node(reduction_models())
def test_reductions(node):
    node.check()


def position_models():
    """ArgMax and ArgMin, TopK, CumSum."""
    model = Model("positions", {"x": ("f4", ["m", "n"])})
    # Positions are unique or the first of equals; with select_last_index the last.
    clean = [[np.random.default_rng(n).integers(-9, 9, (5, n)).astype("f4")] for n in LENGTHS]
    for op, function in (("ArgMax", np.argmax), ("ArgMin", np.argmin)):
        for axis in (0, 1):

            def first(x, function=function, axis=axis):
                return function(x, axis=axis)

            def last(x, function=function, axis=axis):
                return x.shape[axis] - 1 - function(np.flip(x, axis), axis=axis)

            model.node(f"{op}-{axis}", op, ["x"], first, axis=axis, keepdims=0)
            model.node(f"{op}-last-{axis}", op, ["x"], last, axis=axis, keepdims=0, select_last_index=1)
    model.node("CumSum", "CumSum", ["x", model.constant(1)], lambda x, _: np.cumsum(x, 1, dtype="f4"), zero_signs=False)
    yield model.on(clean)

    model = Model("positions_nan", {"x": ("f4", ["m", "n"])})
    model.node(
        "CumSum-special", "CumSum", ["x", model.constant(1)], lambda x, _: np.cumsum(x, 1), near(1e-4), zero_signs=False
    )
    reverse = lambda x, _: np.flip(np.cumsum(np.flip(x, 1), 1), 1)  # noqa: E731
    model.node("CumSum-reverse", "CumSum", ["x", model.constant(1)], reverse, near(1e-4), zero_signs=False, reverse=1)
    infinite = [[np.where(np.isfinite(rows(n)), 1, rows(n)).astype("f4")] for n in LENGTHS]
    yield model.on(infinite)

    model = Model("positions_infinite", {"x": ("f4", ["m", "n"])})
    model.node("Hardmax-infinite", "Hardmax", ["x"], lambda x: np.eye(x.shape[1], dtype="f4")[np.argmax(x, 1)], axis=-1)
    model.node("ArgMax-infinite", "ArgMax", ["x"], lambda x: np.argmax(x, 1), axis=1, keepdims=0)
    model.node("ArgMin-infinite", "ArgMin", ["x"], lambda x: np.argmin(x, 1), axis=1, keepdims=0)

    def greatest(x, _):
        positions = np.argsort(-x, 1, kind="stable")[:, :1]
        return np.take_along_axis(x, positions, 1), positions

    model.node("TopK-infinite", "TopK", ["x", model.constant([1])], greatest, outputs=2)
    yield model.on([[np.where(np.isnan(rows(n)), -INF, rows(n)).astype("f4")] for n in LENGTHS])

    model = Model("positions_of_nan", {"x": ("f4", ["m", "n"])})
    model.node("ArgMax-NaN", "ArgMax", ["x"], lambda x: np.argmax(x, 1), axis=1, keepdims=0)
    model.node("ArgMin-NaN", "ArgMin", ["x"], lambda x: np.argmin(x, 1), axis=1, keepdims=0)
    yield model.on([[rows(n)] for n in LENGTHS])


@each_node(position_models())
def test_positions(node):
    node.check()


# ---- Rows


def log_softmax(x, axis=-1):
    x = x.astype("f8")
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return (shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))).astype("f4")


def layer_norm(x, scale, bias):
    x = x.astype("f8")
    centered = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centered * centered).mean(-1, keepdims=True) + np.float32(1e-5))
    return (centered / deviation * scale + bias).astype("f4")


def row_models():
    model = Model("softmax", {"x": ("f4", ["m", "n"])})
    for axis in (0, 1):
        for op, function in (("Softmax", softmax), ("LogSoftmax", log_softmax)):
            model.node(
                f"{op}-{axis}",
                op,
                ["x"],
                lambda x, f=function, axis=axis: f(x, axis),
                near(5e-6),
                axis=axis,
                zero_signs=False,
            )
    masked = [rows(n) for n in LENGTHS]
    for x in masked:
        x[11, : x.shape[1] // 2] = -INF  # a mask that leaves half a row
        x[12] = 1e30  # equal and large: exp(x) alone would overflow
    samples = (
        [[x] for x in masked]
        + [[row[None]] for x in masked for row in x]
        + [[row[:, None]] for x in masked for row in x]
    )
    yield model.on(samples)

    dims = {"x": ("f4", ["m", "n"]), "scale": ("f4", ["n"]), "bias": ("f4", ["n"])}
    model = Model("layer_norm", dims)
    model.node("LayerNormalization-special", "LayerNormalization", ["x", "scale", "bias"], layer_norm, near(5e-5))
    samples = []
    for n in LENGTHS:
        x = rows(n)
        x[5], x[6] = 1, 2  # 3.4e38 has no square in f32: its row is not compared
        x[9] = 1e4
        samples.append([x, np.linspace(0.5, 2, n, dtype="f4"), np.linspace(-1, 1, n, dtype="f4")])
    yield model.on(samples)

    # A mean far from zero: two passes keep what one (mean of squares minus square of the mean) would cancel.
    model = Model("layer_norm_mean", dims)
    model.node("LayerNormalization-large-mean", "LayerNormalization", ["x", "scale", "bias"], layer_norm, near(1e-3))
    samples = []
    for n in LENGTHS[1:]:
        x = (4096 + np.random.default_rng(n).integers(-64, 64, (5, n)) / 16).astype("f4")
        samples.append([x, np.ones(n, "f4"), np.zeros(n, "f4") + 3])
    yield model.on(samples)

    model = Model("norms", {"x": ("f4", ["m", "n"]), "scale": ("f4", ["n"])})

    def rms_norm(x, scale):
        x = x.astype("f8")
        return (x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-5)) * scale).astype("f4")

    model.node("RMSNormalization", "RMSNormalization", ["x", "scale"], rms_norm, near(5e-6))

    def lp_norm(x):
        norm = np.sqrt((x.astype("f8") ** 2).sum(-1, keepdims=True))
        return np.where(norm == 0, 0, x / norm).astype("f4")

    model.node("LpNormalization-zero-row", "LpNormalization", ["x"], lp_norm, near(5e-6), zero_signs=False)
    samples = []
    for n in LENGTHS:
        x = rows(n)
        x[5], x[6], x[9] = 1, 2, 3
        samples.append([x, np.linspace(0.5, 2, n, dtype="f4")])
    yield model.on(samples)


@each_node(row_models())
def test_rows(node):
    node.check()


def fused_models():
    """NaN, infinities and zeros through chains and patterns that become one kernel."""
    model = Model("fused", {"x": ("f4", ["m", "n"]), "scale": ("f4", ["n"]), "bias": ("f4", ["n"])})

    def chain(case, steps, expected, tolerance=EXACT):
        """steps: (op, operands); "" stands for the result before, numbers for constants."""
        before = "x"
        for i, (op, *operands) in enumerate(steps):
            names = [
                operand if isinstance(operand, str) else model.constant(np.float32(operand)) for operand in operands
            ]
            names = [name or before for name in names]
            before = f"{case}_{i}" if i + 1 < len(steps) else f"{case}:0"
            model.add(op, names, before, name=before)
        model.expect(case, list(model.inputs), expected, tolerance, zero_signs=False)

    chain("chain-relu-clip", [("Relu", ""), ("Min", "", 6.0), ("Neg", ""), ("Max", "", -3.0)],
          lambda x, *_: np.maximum(-np.minimum(np.maximum(x, 0), 6), -3).astype("f4"))  # fmt: skip
    chain("chain-sign", [("Sign", ""), ("Abs", ""), ("Sub", "", 1.0)], lambda x, *_: np.abs(np.sign(x)) - np.float32(1))
    chain("chain-no-cancelling", [("Sub", "x", "x")], lambda x, *_: x - x)
    chain("chain-times-zero", [("Mul", "x", 0.0)], lambda x, *_: x * np.float32(0))
    chain("chain-by-itself", [("Div", "x", "x")], lambda x, *_: x / x)
    chain("chain-gelu", [("Div", "x", 2**0.5), ("Erf", ""), ("Add", "", 1.0), ("Mul", "x", ""), ("Mul", "", 0.5)],
          lambda x, *_: (x * (1 + erf(x.astype("f8") / 2**0.5)) * 0.5).astype("f4"), near(1e-5))  # fmt: skip

    def mean(name, x):
        model.add("ReduceMean", [x, last], name, keepdims=1)

    last = model.constant([-1])
    mean("mean", "x")
    model.add("Sub", ["x", "mean"], "centered")
    model.add("Pow", ["centered", model.constant(np.float32(2))], "squares")
    mean("variance", "squares")
    chain("pattern-layer-norm",
          [("Add", "variance", 1e-5), ("Sqrt", ""), ("Div", "centered", ""), ("Mul", "", "scale"), ("Add", "", "bias")],
          layer_norm, near(5e-4))  # fmt: skip
    samples = []
    for n in LENGTHS:
        x = rows(n)
        x[5], x[6], x[9] = 1, 2, 1e4
        x[11] = 4096 + np.arange(n) % 5 * 64
        samples.append([x, np.linspace(0.5, 2, n, dtype="f4"), np.linspace(-1, 1, n, dtype="f4")])
    yield model.on(samples)


@each_node(fused_models())
def test_fused(node):
    node.check()


# ---- Products


def matmul_models():
    for dtype in ("f4", "f8", "i4", "i8", "u4"):
        model = Model(
            f"matmul_{dtype}",
            {
                "a": (dtype, ["m", "k"]),
                "b": (dtype, ["k", "n"]),
                "p": (dtype, ["s", "m", "k"]),
                "q": (dtype, ["s", "k", "n"]),
            },
        )
        weight = np.arange(7 * 33).reshape(7, 33) % 11 - 5
        weight = model.constant(np.abs(weight).astype(dtype))
        model.inputs["w"] = (np.dtype(dtype), ["m", 7])
        tolerance = {"f4": near(5e-5), "f8": near(5e-11)}.get(dtype, EXACT)
        model.node(f"MatMul-{dtype}", "MatMul", ["a", "b"], np.matmul, tolerance, zero_signs=False)
        model.node(f"MatMul-batched-{dtype}", "MatMul", ["p", "q"], np.matmul, tolerance, zero_signs=False)
        model.node(f"MatMul-constant-{dtype}", "MatMul", ["w", weight], np.matmul, tolerance, zero_signs=False)
        model.node(f"Gemm-{dtype}", "Gemm", ["a", "b"], np.matmul, tolerance, zero_signs=False)
        bias = model.constant(np.array([3], dtype))
        model.node(
            f"Gemm-bias-{dtype}", "Gemm", ["a", "b", bias], lambda a, b, c: a @ b + c, tolerance, zero_signs=False
        )
        samples = []
        for m, k, n, s in (
            (3, 5, 4, 2),
            (0, 5, 4, 2),
            (3, 0, 4, 2),
            (3, 5, 0, 2),
            (0, 0, 0, 2),
            (3, 5, 4, 0),
            (33, 17, 65, 1),
        ):
            random = np.random.default_rng(m + k + n)

            def values(*shape, random=random):
                return random.integers(0, 100, shape).astype(dtype)

            samples.append([values(m, k), values(k, n), values(s, m, k), values(s, k, n), values(m, 7)])
        if dtype in INTEGERS:
            samples += [[np.full_like(x, np.iinfo(dtype).max - 2) for x in samples[0]]]  # sums wrap
        yield model.on(samples)

    # NaN times zero is NaN, an infinity times zero too: no product is skipped, and padding adds nothing.
    model = Model("matmul_special", {"a": ("f4", ["m", 7]), "b": ("f4", [7, "n"])})
    constant = np.zeros((7, 37), "f4")
    constant[2, 5], constant[3, 36], constant[0, 0] = NAN, INF, -INF
    constant[1] = 1
    for name, b in (("dynamic", "b"), ("constant", model.constant(constant))):
        model.node(f"MatMul-special-{name}", "MatMul", ["a", b], np.matmul, near(5e-6), zero_signs=False)
    samples = []
    for m in (1, 2, 7, 13):
        a = np.zeros((m, 7), "f4")
        a[:, 1] = 1
        a[0, 3], a[-1, 6] = -INF, NAN
        samples.append([a, np.ascontiguousarray(constant[:, : 3 * m])])
    yield model.on(samples)


@each_node(matmul_models())
def test_matmul(node):
    node.check()
