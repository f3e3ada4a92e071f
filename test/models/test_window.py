"""Convolutions and pools, against ONNX Runtime: windows, pads, strides, dilations, groups, known and open dims.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, value
from onnx import helper
from onnx.reference import ReferenceEvaluator
from tolerance import WHOLE_MODEL, assert_all_close


def dims_of(shape, symbolic):
    """Of an input: channels are known, the others only if not `symbolic`."""
    return [f"d{i}" if symbolic and i != 1 else size for i, size in enumerate(shape)]


def check(node, x, compile_model, symbolic=False, constants=None, opset=17, dtype="f4"):
    outputs = [value(name, *[None] * x.ndim, dtype=dtype) for name in node.output]
    model = model_of([node], [value("x", *dims_of(x.shape, symbolic), dtype=dtype)], outputs, constants, opset)
    got = compile_model(model).run({"x": x})
    assert_all_close(got, onnx_runtime(model)({"x": x}), WHOLE_MODEL)
    return got


def random(*shape, dtype="f4", seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


# x, filter, attributes
CONVOLUTIONS = [
    ((1, 3, 13, 11), (16, 3, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((2, 3, 20, 20), (24, 3, 7, 7), {"pads": [3, 3, 3, 3], "strides": [2, 2]}),
    ((1, 8, 9, 9), (70, 8, 3, 3), {}),
    ((1, 64, 7, 7), (130, 64, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 16, 14, 14), (40, 16, 3, 3), {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
    ((3, 16, 10, 12), (33, 16, 1, 1), {}),
    ((1, 16, 10, 12), (48, 16, 1, 1), {"strides": [2, 2]}),
    ((1, 16, 10, 12), (8, 16, 1, 1), {"pads": [1, 0, 2, 1]}),
    ((1, 6, 15, 15), (12, 6, 3, 3), {"dilations": [2, 3], "pads": [2, 3, 2, 3]}),
    ((1, 6, 15, 15), (12, 6, 3, 2), {"dilations": [2, 3], "strides": [3, 2], "pads": [0, 3, 5, 1]}),
    ((1, 5, 4, 3), (7, 5, 5, 5), {"pads": [4, 4, 4, 4]}),
    ((1, 4, 2, 2), (3, 4, 3, 3), {"pads": [5, 6, 7, 8]}),
    ((1, 4, 300, 3), (20, 4, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 4, 3, 500), (20, 4, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((2, 12, 200), (30, 12, 5), {"pads": [2, 2]}),
    ((1, 80, 300), (64, 80, 3), {"pads": [1, 1], "strides": [2]}),
    ((1, 4, 700), (8, 4, 3), {"dilations": [4], "pads": [4, 4]}),
    ((1, 3, 6, 7, 8), (10, 3, 3, 3, 3), {"pads": [1, 1, 1, 1, 1, 1]}),
    ((2, 3, 6, 7, 8), (10, 3, 2, 3, 1), {"pads": [1, 0, 1, 0, 2, 1], "strides": [2, 1, 2], "dilations": [2, 1, 1]}),
    ((1, 2, 3, 4, 5, 6), (4, 2, 2, 2, 2, 2), {"pads": [1, 1, 1, 1, 0, 0, 0, 0]}),
    ((1, 32, 8, 8), (64, 16, 3, 3), {"group": 2, "pads": [1, 1, 1, 1]}),
    ((1, 32, 8, 8), (32, 4, 3, 3), {"group": 8, "pads": [1, 1, 1, 1]}),
    ((1, 32, 8, 8), (256, 8, 3, 3), {"group": 4, "pads": [1, 1, 1, 1]}),
    ((1, 8, 8, 8), (24, 1, 3, 3), {"group": 8, "pads": [1, 1, 1, 1]}),
    ((1, 512, 9, 9), (520, 512, 3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 3, 12, 12), (8, 3, 3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((1, 3, 12, 13), (8, 3, 4, 4), {"auto_pad": "SAME_LOWER", "strides": [3, 2]}),
    ((1, 3, 12, 13), (8, 3, 4, 4), {"auto_pad": "SAME_UPPER"}),
    ((1, 3, 12, 13), (8, 3, 4, 4), {"auto_pad": "VALID"}),
]
DEPTHWISE = [
    ((1, 32, 14, 14), (3, 3), {"pads": [1, 1, 1, 1]}),
    ((2, 40, 15, 13), (5, 5), {"pads": [2, 2, 2, 2], "strides": [2, 2]}),
    ((1, 72, 7, 7), (7, 7), {"pads": [3, 3, 3, 3]}),
    ((1, 5, 9, 9), (3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 1, 9, 9), (3, 3), {"pads": [1, 1, 1, 1]}),
    ((1, 24, 20, 20), (3, 3), {"dilations": [2, 2], "pads": [2, 2, 2, 2]}),
    ((1, 24, 20, 20), (3, 12), {"pads": [1, 5, 1, 6]}),
    ((1, 17, 100), (5,), {"pads": [2, 2]}),
    ((1, 20, 5, 6, 7), (3, 3, 3), {"pads": [1, 1, 1, 1, 1, 1]}),
]
DEPTHWISE = [(shape, (shape[1], 1, *window), {"group": shape[1], **rest}) for shape, window, rest in DEPTHWISE]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("shape, window, attributes", CONVOLUTIONS + DEPTHWISE)
def test_conv(shape, window, attributes, symbolic, compile_model):
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], **attributes)
    constants = {"w": random(*window), "b": random(window[0], seed=2)}
    check(node, random(*shape, seed=3), compile_model, symbolic, constants)


@pytest.mark.parametrize("shape, window, attributes", CONVOLUTIONS[:3] + DEPTHWISE[:2])
def test_conv_of_doubles(shape, window, attributes, compile_model):
    """Against itself in f32 by ONNX Runtime, and without a bias."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], **attributes)
    x, w = random(*shape, dtype="f8"), random(*window, dtype="f8", seed=2)
    model = model_of([node], [value("x", *shape, dtype="f8")], [value("y", *[None] * x.ndim, dtype="f8")], {"w": w})
    got = compile_model(model).run({"x": x})["y"]
    single = model_of([node], [value("x", *shape)], [value("y", *[None] * x.ndim)], {"w": w.astype("f4")})
    want = onnx_runtime(single)({"x": x.astype("f4")})["y"]
    assert np.abs(got - want).max() < 1e-5 * np.abs(want).max()


@pytest.mark.parametrize("group", [1, 2, 6])
def test_filter_of_the_run(group, compile_model):
    x, w = random(2, 6, 9, 8), random(12, 6 // group, 3, 3, seed=2)
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1], group=group)
    model = model_of([node], [value("x", *x.shape), value("w", *w.shape)], [value("y", *[None] * 4)])
    assert_all_close(compile_model(model).run({"x": x, "w": w}), onnx_runtime(model)({"x": x, "w": w}), WHOLE_MODEL)


def test_fused_behind(compile_model):
    """Bias, batch normalization, activation and a residual are one kernel with the convolution."""
    constants = {"w": random(24, 8, 3, 3), "d": random(24, 1, 3, 3, seed=2), "s": random(24, seed=3)}
    constants |= {"t": random(24, seed=4), "m": random(24, seed=5), "v": np.abs(random(24, seed=6)) + 1}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "s", "t", "m", "v"], ["b"]),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Conv", ["c", "d"], ["e"], pads=[1, 1, 1, 1], group=24),
        helper.make_node("Add", ["e", "c"], ["f"]),
        helper.make_node("Clip", ["f", "zero", "six"], ["y"]),
    ]
    constants |= {"zero": np.float32(0), "six": np.float32(6)}
    model = model_of(nodes, [value("x", "n", 8, "h", "w")], [value("y", *[None] * 4)], constants)
    x = random(2, 8, 12, 10, seed=7)
    assert_all_close(compile_model(model).run({"x": x}), onnx_runtime(model)({"x": x}), WHOLE_MODEL)


POOLS = [
    ((1, 16, 14, 14), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((2, 5, 13, 11), {"kernel_shape": [2, 2], "strides": [2, 2]}),
    ((2, 5, 13, 11), {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}),
    ((1, 20, 12, 12), {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1, "pads": [0, 0, 1, 1]}),
    ((1, 20, 12, 12), {"kernel_shape": [12, 12]}),
    ((1, 20, 12, 12), {"kernel_shape": [5, 5], "strides": [1, 1], "pads": [2, 2, 2, 2]}),
    ((1, 20, 12, 12), {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((1, 20, 12, 13), {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    ((1, 20, 50), {"kernel_shape": [4], "strides": [3], "pads": [1, 2]}),
    ((1, 6, 7, 8, 9), {"kernel_shape": [2, 3, 2], "strides": [2, 2, 2], "pads": [0, 1, 1, 1, 1, 0]}),
]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("shape, attributes", POOLS)
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "counted", "LpPool"])
def test_pool(kind, shape, attributes, symbolic, compile_model):
    attributes = dict(attributes)
    if kind == "LpPool":
        attributes.pop("ceil_mode", None)
    if kind == "counted":
        attributes["count_include_pad"] = 1
    name = "AveragePool" if kind == "counted" else kind
    check(helper.make_node(name, ["x"], ["y"], **attributes), random(*shape), compile_model, symbolic)


TOO_SMALL = [
    {"kernel_shape": [9, 3], "strides": [2, 1]},
    {"kernel_shape": [11, 10], "strides": [4, 3], "pads": [1, 0, 0, 1]},
    {"kernel_shape": [11, 8], "strides": [4, 1], "pads": [0, 2, 1, 0]},
    {"kernel_shape": [3, 3], "strides": [2, 3], "dilations": [4, 1]},
    {"kernel_shape": [9, 10], "strides": [3, 3], "auto_pad": "VALID"},
]


@pytest.mark.parametrize("attributes", TOO_SMALL)
@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool", "counted", "LpPool"])
def test_pool_of_less_than_a_window(kind, attributes, compile_model):
    """Where less than a stride is missing, there is a position."""
    attributes = {**attributes, **({"count_include_pad": 1} if kind == "counted" else {})}
    node = helper.make_node("AveragePool" if kind == "counted" else kind, ["x"], ["y"], **attributes)
    check(node, random(2, 20, 8, 8), compile_model, opset=22)


@pytest.mark.parametrize("attributes", TOO_SMALL)
def test_positions_in_less_than_a_window(attributes, compile_model):
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], **attributes)
    x = random(2, 3, 8, 8)
    model = model_of([node], [value("x", *x.shape)], [value("y", *[None] * 4), value("i", *[None] * 4, dtype="i8")])
    assert_all_close(compile_model(model).run({"x": x}), onnx_runtime(model)({"x": x}), WHOLE_MODEL)


@pytest.mark.parametrize("dtype", ["u1", "i1"])
def test_pool_of_integers(dtype, compile_model):
    x = np.random.default_rng(1).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (1, 40, 9, 9)).astype(dtype)
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    check(node, x, compile_model, dtype=dtype)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("shape, attributes", [(s, a) for s, a in POOLS if "auto_pad" not in a or len(s) == 3])
def test_positions(shape, attributes, order, symbolic, compile_model):
    """Output Indices. Values repeat, and the first place counts."""
    node = helper.make_node("MaxPool", ["x"], ["y", "i"], storage_order=order, **attributes)
    x = np.random.default_rng(1).integers(0, 4, shape).astype("f4")
    outputs = [value("y", *[None] * x.ndim), value("i", *[None] * x.ndim, dtype="i8")]
    model = model_of([node], [value("x", *dims_of(x.shape, symbolic))], outputs)
    assert_all_close(compile_model(model).run({"x": x}), onnx_runtime(model)({"x": x}), WHOLE_MODEL)


def test_pool_of_what_is_no_number(compile_model):
    """NaN under a window makes a NaN; infinities are numbers."""
    x = random(1, 4, 8, 8)
    x[0, 1, 3, 3], x[0, 2, 4, 4], x[0, 3] = np.nan, np.inf, -np.inf
    node = helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
    model = model_of([node], [value("x", *x.shape)], [value("y", 1, 4, 4, 4)])
    want = x.reshape(1, 4, 4, 2, 4, 2).max((3, 5))
    np.testing.assert_array_equal(compile_model(model).run({"x": x})["y"], want)


TRANSPOSED = [
    ((1, 8, 5, 6), (8, 4, 3, 3), {}),
    ((1, 8, 5, 6), (8, 4, 3, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1]}),
    ((2, 8, 5, 6), (8, 4, 2, 2), {"strides": [2, 2]}),
    ((1, 8, 5, 6), (8, 4, 4, 4), {"strides": [3, 2], "pads": [1, 0, 2, 1], "group": 2}),
    ((1, 8, 5, 6), (8, 4, 3, 3), {"dilations": [2, 2], "pads": [3, 3, 1, 1]}),
    ((1, 8, 5, 6), (8, 4, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    ((1, 8, 5, 6), (8, 4, 3, 3), {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
    ((1, 8, 20), (8, 4, 5), {"strides": [4]}),
    ((2, 5, 9), (5, 6, 16), {"strides": [8], "pads": [4, 4]}),
    ((1, 6, 5, 4), (6, 4, 4, 4), {"strides": [2, 2], "pads": [1, 1, 1, 1]}),
    ((1, 6, 4, 3), (6, 20, 2, 5), {"strides": [4, 3], "output_padding": [3, 1]}),
    ((1, 3, 3, 4), (3, 2, 7, 5), {"strides": [3, 2], "pads": [6, 0, 2, 4]}),
    ((1, 3, 1, 4), (3, 2, 3, 3), {"strides": [2, 2], "pads": [2, 2, 0, 2]}),
    ((1, 4, 4, 5), (4, 3, 3, 3), {"strides": [2, 3], "dilations": [3, 1], "pads": [1, 0, 2, 1]}),
    ((1, 12, 4, 5), (12, 5, 4, 3), {"strides": [2, 2], "group": 3}),
    ((2, 20, 6, 5), (20, 1, 4, 3), {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 20}),
    ((1, 5, 4, 3), (5, 1, 16, 7), {"strides": [8, 5], "pads": [4, 1, 4, 0], "group": 5}),
    ((1, 5, 4, 3), (5, 2, 4, 4), {"strides": [2, 2], "group": 5}),
    ((1, 3, 3, 4, 2), (3, 4, 2, 3, 4), {"strides": [2, 2, 2], "pads": [0, 1, 1, 0, 1, 1]}),
]


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("shape, window, attributes", TRANSPOSED)
def test_conv_transpose(shape, window, attributes, symbolic, compile_model):
    node = helper.make_node("ConvTranspose", ["x", "w", "b"], ["y"], **attributes)
    outputs = window[1] * attributes.get("group", 1)
    check(node, random(*shape), compile_model, symbolic, {"w": random(*window, seed=2), "b": random(outputs, seed=3)})


def test_conv_transpose_of_infinities(compile_model):
    """They reach as far as the window: what has no tap is not multiplied by zero."""
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 3], pads=[1, 0, 0, 1])
    x = random(1, 2, 4, 5)
    x[0, 0, 1, 1], x[0, 1, 3, 2], x[0, 1, 0, 4] = np.inf, np.nan, -np.inf
    check(node, x, compile_model, constants={"w": random(2, 3, 3, 2, seed=2)})


@pytest.mark.parametrize("group", [1, 2, 6])
def test_conv_transpose_with_a_filter_of_the_run(group, compile_model):
    x, w = random(2, 6, 4, 5), random(6, 3, 3, 4, seed=2)
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2], pads=[1, 1, 1, 1], group=group)
    for dims in (w.shape, (6, 3, "kh", "kw")):  # of an open window, the data are spread apart
        model = model_of([node], [value("x", *x.shape), value("w", *dims)], [value("y", *[None] * 4)])
        assert_all_close(compile_model(model).run({"x": x, "w": w}), onnx_runtime(model)({"x": x, "w": w}), WHOLE_MODEL)


@pytest.mark.parametrize("symbolic", [False, True])
@pytest.mark.parametrize("shape", [(11, 8), (9, 7), (8, 4), (1, 2)])
def test_conv_transpose_of_a_given_shape(shape, symbolic, compile_model):
    """Beyond what the window reaches, up to a stride, are zeros at the end; of what is cut, the odd one is first."""
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[3, 2], output_shape=shape)
    check(node, random(1, 1, 3, 3), compile_model, symbolic, {"w": random(1, 2, 3, 3, seed=2)})


@pytest.mark.parametrize("mode", ["SAME_UPPER", "SAME_LOWER"])
@pytest.mark.parametrize(
    "attributes", [{}, {"output_padding": [1, 1]}, {"dilations": [2, 1]}, {"output_shape": [6, 9]}], ids=str
)
@pytest.mark.parametrize("window, strides", [((1, 3), (2, 4)), ((2, 1), (5, 4)), ((3, 2), (2, 2)), ((5, 3), (4, 2))])
def test_conv_transpose_same(window, strides, attributes, mode, compile_model):
    """Against the standard's own evaluation: where a stride is longer than the window, zeros stand at both ends. (ONNX
    Runtime has fewer elements there.)"""
    node = helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=strides, auto_pad=mode, **attributes)
    x, w = random(1, 2, 3, 4), random(2, 3, *window, seed=2)
    model = model_of([node], [value("x", *x.shape)], [value("y", *[None] * 4)], {"w": w})
    for strict in (model, model_of([node], [value("x", 1, 2, "h", "w")], [value("y", *[None] * 4)], {"w": w})):
        got = compile_model(strict).run({"x": x})["y"]
        np.testing.assert_allclose(got, ReferenceEvaluator(model).run(None, {"x": x})[0], rtol=1e-5, atol=1e-5)


def test_empty(compile_model):
    """A batch of none."""
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    model = model_of([node], [value("x", "n", 3, 8, 8)], [value("y", *[None] * 4)], {"w": random(5, 3, 3, 3)})
    assert compile_model(model).run({"x": np.zeros((0, 3, 8, 8), "f4")})["y"].shape == (0, 5, 8, 8)


@pytest.mark.parametrize(
    "operator, attributes, shape, text",
    [
        ("Conv", {"strides": [0, 1]}, (4, 3, 3, 3), "attribute strides has 0, must be from 1"),
        ("Conv", {"strides": [1]}, (4, 3, 3, 3), "attribute strides has 1 numbers, must have 2"),
        ("Conv", {"pads": [-1, 0, 0, 0]}, (4, 3, 3, 3), "attribute pads has -1, must be from 0"),
        ("Conv", {"dilations": [2**40, 1]}, (4, 3, 3, 3), "attribute dilations has 1099511627776"),
        ("Conv", {"group": 2}, (4, 3, 3, 3), "the number of channels and a multiple of attribute group, 2,"),
        ("Conv", {"group": 0}, (4, 3, 3, 3), "attribute group is 0, must be 1 or more"),
        ("Conv", {}, (4, 2, 3, 3), "the channels of the data and of the filter, times group,"),
        ("Conv", {}, (4, 3, 9, 3), "the window reaches over 9 elements of spatial dim 0, which has 8 with pads"),
        ("Conv", {"auto_pad": "SOME"}, (4, 3, 3, 3), "attribute auto_pad is 'SOME', must be"),
        ("Conv", {"kernel_shape": [3, 2]}, (4, 3, 3, 3), "the filter's spatial dim 1 and attribute kernel_shape"),
        ("ConvTranspose", {"output_shape": [1, 3, 8, 8]}, (3, 4, 3, 3), "output_shape has 4 numbers, must have 2"),
        ("ConvTranspose", {"output_shape": [11, 8]}, (3, 4, 3, 3), "attribute output_shape has 11 for spatial dim 0"),
        ("ConvTranspose", {"output_shape": [8, 0]}, (3, 4, 3, 3), "attribute output_shape has 0, must be from 1"),
        ("ConvTranspose", {"output_padding": [0, 1]}, (3, 4, 3, 3), "output_padding has 1 for spatial dim 1, must be"),
        ("ConvTranspose", {"pads": [0, 6, 0, 5]}, (3, 4, 3, 3), "pads leave -1 of the 10 elements of the result's"),
        ("MaxPool", {"kernel_shape": [1, 9]}, None, "the window reaches over 9 elements of spatial dim 1, which has 8"),
        (
            "MaxPool",
            {"kernel_shape": [1, 11], "strides": [1, 3]},
            None,
            "the window reaches over 11 elements of spatial",
        ),
        ("MaxPool", {"kernel_shape": [0, 1]}, None, "attribute kernel_shape has 0, must be from 1"),
        ("MaxPool", {"kernel_shape": [2, 2], "storage_order": 2}, None, "attribute storage_order is 2, must be 0 or 1"),
    ],
)
def test_bad(operator, attributes, shape, text, compile_model):
    node = helper.make_node(operator, ["x", "w"] if shape else ["x"], ["y"], name="window", **attributes)
    model = model_of([node], [value("x", 1, 3, 8, 8)], [value("y", *[None] * 4)], {"w": random(*shape or (1,))})
    with pytest.raises(hone.CompileError) as problem:
        compile_model(model)
    assert f"node 'window' ({operator}" in str(problem.value) and text in str(problem.value)
