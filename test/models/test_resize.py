"""Resize and Upsample, against ONNX Runtime: modes, places, roundings, scales and sizes, known and open dims.

What ONNX Runtime lacks is compared with the reference implementation of the onnx package.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import functools

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, value
from onnx import helper
from onnx.reference import ReferenceEvaluator
from tolerance import Tolerance, assert_close

TOLERANCE = Tolerance(relative=1e-4, absolute=1e-5)
PLACES = (
    "half_pixel",
    "half_pixel_symmetric",
    "pytorch_half_pixel",
    "align_corners",
    "asymmetric",
    "tf_crop_and_resize",
)
ROUNDINGS = [{"nearest_mode": each} for each in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")]
FLAGS = {
    "nearest": ROUNDINGS,
    "linear": [{}, {"antialias": 1}],
    "cubic": [{}, {"cubic_coeff_a": -0.5}, {"antialias": 1}, {"exclude_outside": 1}],
}
SHAPE = (1, 2, 5, 7)
SCALES = [(1, 1, 2, 2), (1, 1, 3, 1), (1, 1, 0.62, 0.7), (1, 1, 2.3, 1.7), (1, 1, 0.5, 1.5)]
SIZES = [(1, 2, 10, 21), (1, 2, 9, 3), (1, 2, 1, 1), (1, 2, 2, 13)]
ROI = [0, 0, 0.11, -0.22, 1, 1, 0.83, 1.2]


def random(*shape, dtype="f4", seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


class Nodes:
    """Nodes on one input, compiled together: a model for each would take most of the time."""

    def __init__(self, opset=19):
        self.opset, self.nodes, self.constants = opset, [], {}

    def constant(self, values, dtype):
        if values is None:
            return ""
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(values, dtype)
        return name

    def add(self, scales=None, sizes=None, roi=None, **attributes):
        inputs = ["x", self.constant(roi, "f4"), self.constant(scales, "f4"), self.constant(sizes, "i8")]
        inputs = inputs if inputs[3] else inputs[:3]
        self.nodes.append(helper.make_node("Resize", inputs, [f"y{len(self.nodes)}"], **attributes))

    def model(self, nodes, dims, dtype):
        outputs = [value(node.output[0], *[None] * len(dims), dtype=dtype) for node in nodes]
        used = {name for node in nodes for name in node.input}
        constants = {name: array for name, array in self.constants.items() if name in used}
        return model_of(nodes, [value("x", *dims, dtype=dtype)], outputs, constants, self.opset, ir_version=9)

    def crops_unscaled(self, node):
        """ONNX Runtime leaves a dim alone whose scale is 1, even if a region of it is wanted."""
        scales = self.constants.get(node.input[2])
        return bool(node.input[1]) and scales is not None and scales.size == 4 and (scales[2:] == 1).any()

    def wanted(self, node, x):
        if x.dtype == bool:  # which neither of them moves
            return self.wanted(node, x.astype("u1")).astype(bool)
        model = self.model([node], x.shape, x.dtype)
        try:
            if self.crops_unscaled(node):
                return ReferenceEvaluator(model).run(None, {"x": x})[0]
            return onnx_runtime(model)({"x": x})[node.output[0]]
        except Exception:  # noqa: BLE001: it has many for what it lacks
            return ReferenceEvaluator(model).run(None, {"x": x})[0]

    def check(self, compile_model, x, is_open=False):
        dims = [f"d{i}" for i in range(x.ndim)] if is_open else x.shape
        got = compile_model(self.model(self.nodes, dims, x.dtype)).run({"x": x})
        for node in self.nodes:
            try:
                assert_close(got[node.output[0]], self.wanted(node, x), TOLERANCE)
            except AssertionError as error:
                raise AssertionError(helper.printable_node(node)) from error


def aligns_fractions(place, scales):
    """ONNX Runtime divides by the whole length here, the standard's tests by the fractional one."""
    return place == "align_corners" and any(size * scale % 1 for size, scale in zip(SHAPE, scales, strict=True))


def ties(place, scales, flags):
    """The middle of the result is the middle element of the input: the last bit decides between two."""
    return place == "half_pixel_symmetric" and scales[2] % 1 and flags.get("nearest_mode") in ("floor", "ceil")


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("mode", FLAGS)
def test_modes(mode, place, is_open, compile_model):
    nodes = Nodes()
    roi = ROI if place == "tf_crop_and_resize" else None
    every = functools.partial(
        nodes.add, mode=mode, coordinate_transformation_mode=place, roi=roi, extrapolation_value=3.0
    )
    for flags in FLAGS[mode]:
        for scales in SCALES:
            if not aligns_fractions(place, scales) and not ties(place, scales, flags):
                every(scales=scales, **flags)
        for sizes in SIZES:
            every(sizes=sizes, **flags)
    nodes.check(compile_model, random(*SHAPE), is_open)


def test_half_pixel_for_nearest(compile_model):
    nodes = Nodes(opset=11)
    for rounding in ROUNDINGS:
        for scales in ((1, 1, 2, 3), (1, 1, 0.6, 0.7), (1, 1, 2.3, 1.7)):
            nodes.add(
                roi=[], scales=scales, mode="nearest", coordinate_transformation_mode="tf_half_pixel_for_nn", **rounding
            )
    nodes.check(compile_model, random(*SHAPE))


@pytest.mark.parametrize("is_open", [False, True])
@pytest.mark.parametrize("policy", ["not_larger", "not_smaller"])
def test_aspect(policy, is_open, compile_model):
    nodes = Nodes()
    for sizes in ((8, 8), (3, 9), (20, 7), (1, 1), (5, 3)):
        for mode in FLAGS:
            nodes.add(sizes=sizes, axes=[2, 3], keep_aspect_ratio_policy=policy, mode=mode)
    nodes.check(compile_model, random(*SHAPE), is_open)


def test_axes(compile_model):
    nodes = Nodes()
    for axes, scales in (([3, 2], (2, 3)), ([-1], (0.5,)), ([2], (1.7,)), ([0, 3], (2, 2))):
        nodes.add(scales=scales, axes=axes, mode="nearest")
    nodes.add(sizes=[9, 4], axes=[3, 2], mode="linear")
    nodes.add(
        sizes=[9, 4], axes=[3, 2], roi=[0.1, 0.2, 0.9, 0.8], mode="linear", coordinate_transformation_mode=PLACES[-1]
    )
    nodes.check(compile_model, random(*SHAPE))


@pytest.mark.parametrize("shape", [(7,), (4, 9), (2, 5, 6), (1, 2, 3, 4, 5)])
def test_ranks(shape, compile_model):
    nodes = Nodes()
    scales = [1] * (len(shape) - 2) + [2, 1.5][-min(len(shape), 2) :]
    for mode in ("nearest", "linear"):
        for place in PLACES[:1] + PLACES[4:5]:
            nodes.add(scales=scales, mode=mode, coordinate_transformation_mode=place)
    nodes.check(compile_model, random(*shape))


@pytest.mark.parametrize("dtype", ["f8", "f2", "i1", "u1", "i4", "i8", "bool"])
def test_types(dtype, compile_model):
    nodes = Nodes()
    nodes.add(scales=(1, 1, 2, 1.5), mode="nearest")
    if dtype in ("f8", "i4", "u1", "i1"):
        nodes.add(scales=(1, 1, 2, 2), mode="linear")
    nodes.check(compile_model, (20 * random(*SHAPE)).astype(dtype))


@pytest.mark.parametrize("number", [np.inf, -np.inf, np.nan])
def test_no_numbers(number, compile_model):
    """A neighbour counts that has a weight of 0, as with ONNX Runtime."""
    x = random(*SHAPE)
    x[0, 0, 2, 3] = x[0, 1, -1, -1] = x[0, 1, 0, 0] = number
    nodes = Nodes()
    for place in PLACES[:5]:
        for scales in ((1, 1, 2, 2), (1, 1, 3, 3)):
            nodes.add(scales=scales, mode="linear", coordinate_transformation_mode=place)
    nodes.check(compile_model, x)


@pytest.mark.parametrize(
    "opset,name,mode", [(9, "Upsample", "nearest"), (9, "Upsample", "linear"), (10, "Resize", "linear")]
)
def test_scales_from_the_run(opset, name, mode, compile_model):
    node = helper.make_node(name, ["x", "s"], ["y"], mode=mode)
    inputs = [value("x", "a", "b", "c", "d"), value("s", 4)]
    model = model_of([node], inputs, [value("y", None, None, None, None)], opset=opset)
    compiled, reference = compile_model(model), onnx_runtime(model)
    for scales in ((1, 1, 2, 2), (1, 1, 1.5, 3), (1, 1, 1, 1)):
        given = {"x": random(*SHAPE), "s": np.array(scales, "f4")}
        assert_close(compiled.run(given)["y"], reference(given)["y"], TOLERANCE)
    with pytest.raises(hone.HoneError, match="the scale of dim 3 is not positive"):
        compiled.run({"x": random(*SHAPE), "s": np.array([1, 1, 2, 0], "f4")})


def test_sizes_like_another(compile_model):
    """As exporters write it: to the height and width of another tensor, behind batch and channels."""
    nodes = [
        helper.make_node("Shape", ["x"], ["own"], start=0, end=2),
        helper.make_node("Shape", ["other"], ["target"], start=2),
        helper.make_node("Concat", ["own", "target"], ["sizes"], axis=0),
        helper.make_node("Resize", ["x", "", "", "sizes"], ["r"], mode="linear"),
        helper.make_node("Concat", ["r", "other"], ["y"], axis=1),
    ]
    inputs = [value("x", "n", 2, "h", "w"), value("other", "n", 3, "H", "W")]
    model = model_of(nodes, inputs, [value("y", "n", 5, "H", "W")])
    compiled, reference = compile_model(model), onnx_runtime(model)
    for height, width in ((10, 14), (3, 4), (5, 7)):
        given = {"x": random(*SHAPE), "other": random(1, 3, height, width)}
        assert_close(compiled.run(given)["y"], reference(given)["y"], TOLERANCE)
