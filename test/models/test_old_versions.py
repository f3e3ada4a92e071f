"""Old versions of operators: as the ONNX library's version converter and ONNX Runtime understand them.

For each operator in scope and each of its versions but the newest: nodes in that version's opset, and the same nodes
converted to the newest opset that the converter reaches, compiled and run on the same inputs. Both results have to be
equal, and equal to ONNX Runtime's on the old node where that runs it.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import functools
import json
import pathlib
from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
import pytest
from building import model_of, value
from onnx import TensorProto, compose, defs, helper, numpy_helper, version_converter
from tolerance import Tolerance, assert_close

# Their bodies are those of test_control_flow.py, in one form for all versions.
WITH_BODIES = ("If", "Loop", "Scan")
SCOPE = pathlib.Path(__file__).resolve().parents[1] / "conformance/scope.json"
TOLERANCE = Tolerance(relative=1e-5, absolute=1e-6)
OLDEST, NEWEST = 7, 28


class Constant:
    """An operand that is part of the model."""

    def __init__(self, values, dtype="i8"):
        self.value = np.asarray(values, dtype)


# ---- Nodes for each operator and version


def floats(*shape, seed=0):
    """Distinct numbers between 0.1 and 0.9, so that all functions are defined and nothing ties."""
    count = int(np.prod(shape, dtype=int))
    return (0.1 + 0.8 * np.random.default_rng(seed).permutation(count) / max(count, 1)).astype("f4").reshape(shape)


X, Y = floats(3, 4, 5), floats(3, 4, 5, seed=1)
SIGNED = np.where(floats(3, 4, 5, seed=2) > 0.5, X, -X) * 8
WHOLE = np.arange(-30, 30).reshape(3, 4, 5)
BOTH = [([X, Y], {}), ([X, floats(4, 1)], {})]
POSITIONS = np.array([[0, 2], [3, -1]])
ROUNDED = [([SIGNED], {})]


def unary(**attributes):
    return lambda version: [([SIGNED], {}), *([([SIGNED], attributes)] if attributes else [])]


def many(version):
    return [([X, Y, SIGNED], {}), ([X], {}), *([([X, floats(4, 1), floats(5)], {})] if version >= 8 else [])]


def compared(version):
    cases = [([WHOLE.astype("i4"), WHOLE.astype("i4")[::-1].copy()], {})] if version >= 9 else []
    return [([X, np.where(WHOLE % 3, Y, X)], {}), *cases]


def equal(version):
    cases = [([X, np.where(WHOLE % 3, Y, X)], {})] if version >= 11 else []
    return [([WHOLE, np.abs(WHOLE)], {}), *cases]


def along(version):
    """Softmax and its kin. Before version 13 the default axis is 1 and all dims from it on are one row."""
    axes = (0, 1, 2, -1, -2) if version >= 11 else (0, 1, 2)
    return [([SIGNED], {}), ([floats(3, 4)], {}), *(([SIGNED], {"axis": axis}) for axis in axes)]


def reduced(version, axes_are_input=18):
    """Reductions. Axes became an input in version 18 (of ReduceSum: 13), may be negative since 11."""
    cases = [([X], {}), ([X], {"keepdims": 0})]
    for axes in ([1], [0, 2], *([[-1], [-3, 1]] if version >= 11 else [])):
        for keepdims in (0, 1):
            given = ([X, Constant(axes)], {}) if version >= axes_are_input else ([X], {"axes": axes})
            cases.append((given[0], {**given[1], "keepdims": keepdims}))
    if version >= axes_are_input:
        cases += [([X, Constant([])], {"noop_with_empty_axes": noop}) for noop in (0, 1)]
    return cases


def positioned(version):
    ties = (WHOLE % 4).astype("f4")
    cases = [([X], {}), ([X], {"axis": 1, "keepdims": 0}), ([ties], {"axis": 2})]
    cases += [([ties], {"axis": -2})] if version >= 11 else []
    return cases + ([([ties], {"axis": 1, "select_last_index": 1})] if version >= 12 else [])


def cast(version):
    targets = (TensorProto.DOUBLE, TensorProto.INT64, TensorProto.UINT8, TensorProto.BOOL)
    positive = [([np.abs(SIGNED)], {"to": target}) for target in targets]
    return [*positive, ([SIGNED], {"to": TensorProto.INT32}), ([WHOLE], {"to": TensorProto.FLOAT})]


def clip(version):
    if version < 11:
        return [
            ([SIGNED], {}),
            ([SIGNED], {"min": -1.5}),
            ([SIGNED], {"max": 2.5}),
            ([SIGNED], {"min": -1.5, "max": 2.5}),
        ]
    low, high = Constant(-1.5, "f4"), Constant(2.5, "f4")
    cases = [([SIGNED, *rest], {}) for rest in ([], [low], [None, high], [low, high])]
    whole = [([WHOLE, Constant(-3), Constant(9)], {})] if version >= 12 else []
    return cases + whole


def constant(version):
    cases = [([], {"value": numpy_helper.from_array(X)}), ([], {"value": numpy_helper.from_array(WHOLE)})]
    if version >= 12:
        cases += [
            ([], {"value_float": 1.5}),
            ([], {"value_int": 7}),
            ([], {"value_ints": [1, 2]}),
            ([], {"value_floats": [1.5]}),
        ]
    return cases


def dropout(version):
    # Without training, the mask is defined since version 12.
    return [([X], {}, outputs) for outputs in ((1, 2) if version >= 12 else (1,))] + (
        [([X], {"ratio": 0.25}, 1)] if version < 12 else []
    )


def gemm(version):
    a, b, c = floats(3, 4), floats(4, 5), floats(5)
    cases = [([a, b, c], {}), ([a, b, floats(3, 1)], {"alpha": 0.5, "beta": 2.0})]
    cases += [([a.T.copy(), b.T.copy(), c], {"transA": 1, "transB": 1})]
    return cases + ([([a, b], {})] if version >= 11 else [])


def one_hot(version):
    # Negative indices count from the end since version 11; before, they were outside, which made all values off.
    indices = np.array([[0, 2], [1, 6]] if version < 11 else [[0, 2], [-1, 6]])
    operands = [indices, Constant([5]), Constant([0.5, 2], "f4")]
    return [(operands, {}), (operands, {"axis": 0}), (operands, {"axis": 1})]


def pad(version):
    if version < 11:
        pads = {"pads": [0, 1, 2, 1, 0, 1]}
        cases = [([X], {**pads, "mode": mode}) for mode in ("constant", "edge", "reflect")]
        return [*cases, ([X], {**pads, "value": 1.5}), ([X], {"pads": [-1, 0, 0, 0, -1, 2]})]
    pads, modes = Constant([0, 1, 2, 1, 0, 1]), ("constant", "edge", "reflect", *(["wrap"] if version >= 19 else []))
    cases = [([X, pads], {"mode": mode}) for mode in modes]
    cases += [([X, pads, Constant(1.5, "f4")], {}), ([X, Constant([-1, 0, 0, 0, -1, 2])], {})]
    return cases + ([([X, Constant([1, 2]), None, Constant([-2])], {})] if version >= 18 else [])


def power(version):
    cases = [([X, Y], {}), ([X, floats(5)], {})]
    return cases + ([([SIGNED, WHOLE % 4], {}), ([WHOLE, WHOLE % 4], {})] if version >= 12 else [])


def reshape(version):
    cases = [([X, Constant(shape)], {}) for shape in ([3, 20], [0, -1], [-1], [3, 0, 1, -1])]
    return cases + ([([floats(0, 4), Constant([4, 0])], {"allowzero": 1})] if version >= 14 else [])


def scatter(version, indices, updates):
    reductions = ["none", *(["add", "mul"] if version >= 16 else []), *(["max", "min"] if version >= 18 else [])]
    attributes = [{"reduction": name} if version >= 16 else {} for name in reductions]
    return [([X, indices, updates], each) for each in attributes]


def scatter_elements(version):
    indices = np.array([[[0, 1, -1, 2, 0]]])
    axes = [([X, indices, floats(1, 1, 5)], {"axis": axis}) for axis in (1, -1)]
    return axes + scatter(version, indices, floats(1, 1, 5))


def shape(version):
    return [([X], {})] + ([([X], {"start": 1}), ([X], {"start": -2, "end": -1})] if version >= 15 else [])


def slices(version):
    parts = [([1], [3], [1]), ([0, -2], [2, 9], [0, 2]), ([1, 0, 0], [-1, 2, 2**31 - 1], None)]
    if version < 10:
        return [([X], {"starts": s, "ends": e, **({"axes": a} if a else {})}) for s, e, a in parts]
    cases = [([X, Constant(s), Constant(e), *([Constant(a)] if a else [])], {}) for s, e, a in parts]
    steps = [Constant([-1, 0]), Constant([-(2**31), 5]), Constant([1, 2]), Constant([-1, 2])]
    return [*cases, ([X, *steps], {})]


def split(version):
    wide = floats(3, 6)
    cases = [([wide], {"axis": 0, **({"num_outputs": 3} if version >= 18 else {})}, 3)]
    if version < 13:
        return [*cases, ([wide], {"axis": 1, "split": [1, 2, 3]}, 3), ([wide], {"axis": 1}, 2)]
    cases.append(([wide, Constant([1, 2, 3])], {"axis": 1}, 3))
    return cases + ([([wide], {"axis": 1, "num_outputs": 4}, 4)] if version >= 18 else [])


def squeeze(version):
    x = floats(1, 4, 1, 5)
    every = [[0], [0, 2], *([[-2], [-4, 2]] if version >= 11 else [])]
    cases = [([x, Constant(axes)], {}) if version >= 13 else ([x], {"axes": axes}) for axes in every]
    return [*cases, ([x], {})]


def unsqueeze(version):
    every = [[0], [1, 3], *([[-1], [-2, 0]] if version >= 11 else [])]
    return [([X, Constant(axes)], {}) if version >= 13 else ([X], {"axes": axes}) for axes in every]


def top_k(version):
    if version < 10:
        return [([X], {"k": 2}, 2), ([X], {"k": 3, "axis": 1}, 2)]
    cases = [([X, Constant([2])], {}, 2), ([X, Constant([3])], {"axis": 1}, 2)]
    return cases + ([([X, Constant([3])], {"axis": -2, "largest": 0}, 2)] if version >= 11 else [])


def quantized(version):
    x, scale = SIGNED, Constant(0.05, "f4")
    cases = [([x, scale, Constant(7, "u1")], {}), ([x, scale], {})]
    if version < 19 or version > 21:  # between, the scale is of the data's type
        cases.append(([WHOLE.astype("i4"), scale, Constant(-3, "i1")], {}))
    if version >= 13:
        cases += [([x, floats(4), np.array([1, 2, 3, 4], "i1")], {"axis": -2}), ([x, floats(4)], {})]
    if version >= 21:
        points = np.zeros((3, 4, 2), "i2")
        cases += [
            ([x, floats(3, 2, 5)], {"block_size": 2}),
            ([x, floats(3, 4, 2), points], {"axis": 2, "block_size": 3}),
        ]
    return cases


def dequantized(version):
    x, scale = np.arange(-30, 30, dtype="i1").reshape(3, 4, 5), Constant(0.05, "f4")
    cases = [([x, scale, Constant(7, "i1")], {}), ([WHOLE.astype("i4") * 1000, scale], {})]
    if version >= 13:
        cases += [([x.astype("u1"), floats(4), np.array([1, 2, 3, 4], "u1")], {"axis": -2})]
    if version >= 21:
        cases += [
            ([x, floats(3, 2, 5), np.ones((3, 2, 5), "i1")], {"block_size": 2}),
            ([x, floats(3, 4, 2)], {"axis": 2, "block_size": 3}),
        ]
    return cases


def batch_norm(version):
    statistics = [floats(4, seed=seed) for seed in range(2, 6)]
    one = ([X, *statistics], {"epsilon": 0.01})
    training = ([X, *statistics], {"training_mode": 1, "momentum": 0.7}, 3)
    return [one, ([floats(6, 4), *statistics], {}), *([training] if version >= 14 else [])]


def attention(version):
    joined, heads = [floats(2, 3, 8), floats(2, 5, 4), floats(2, 5, 4, seed=1)], {"q_num_heads": 4, "kv_num_heads": 2}
    apart = [floats(2, 4, 3, 8), floats(2, 2, 5, 8), floats(2, 2, 5, 8, seed=1)]
    mask = floats(3, 5) > 0.4
    cases = [(joined, heads), (apart, {"is_causal": 1}), ([*apart, mask], {"scale": 0.3})]
    return [*cases, *([([*apart, mask[:, :4].copy()], {})] if version >= 24 else [])]


def convolved(version):
    x, same = floats(2, 4, 7, 6), {"pads": [1, 1, 1, 1], "strides": [2, 1]}
    cases = [([x, floats(6, 4, 3, 3), floats(6)], same), ([x, floats(4, 1, 2, 3)], {"group": 4, "dilations": [2, 1]})]
    return [*cases, ([floats(1, 4, 9), floats(2, 4, 4)], {"auto_pad": "SAME_LOWER", "strides": [2]})]


def convolved_back(version):
    x, half = floats(2, 4, 7, 6), {"strides": [2, 1], "output_padding": [1, 0]}
    return [([x, floats(4, 3, 3, 3), floats(3)], half), ([x, floats(4, 2, 2, 3)], {"group": 2, "pads": [1, 0, 0, 1]})]


def pooled(version, rounds=10, **attributes):
    """rounds: the version that takes ceil_mode."""
    x, window = floats(2, 4, 7, 6), {"kernel_shape": [3, 2], "strides": [2, 2], **attributes}
    cases = [([x], window), ([x], window | {"pads": [1, 0, 1, 1]}), ([x], window | {"auto_pad": "SAME_UPPER"})]
    return [*cases, *([([x], window | {"ceil_mode": 1})] if version >= rounds else [])]


def averaged(version):
    return [*pooled(version), *pooled(version, count_include_pad=1)]


def recurrent(op, gates, outputs):
    rows, steps = gates * 4, floats(3, 2, 5) - 0.5
    states = [floats(1, 2, 4), *([floats(1, 2, 4, seed=1), floats(1, 12)] if op == "LSTM" else [])]
    one = [steps, *(floats(1, rows, size, seed=size) - 0.5 for size in (5, 4))]
    two = [steps, *(floats(2, rows, size, seed=size) - 0.5 for size in (5, 4))]
    whole = [*one, floats(1, 2 * rows), np.array([3, 2], "i4"), *states]

    def cases(version):
        every = [(whole, {"direction": "reverse"}), (two, {"direction": "bidirectional"}), (one, {"clip": 0.25})]
        if version >= 14:
            every.append((one, {"layout": 1}))
        return [(operands, {"hidden_size": 4, **attributes}, outputs) for operands, attributes in every]

    return cases


def both(version):
    return BOTH


def fixed(*cases):
    return lambda version: list(cases)


def resized(version):
    """Regions and sizes came in version 11; before it, places are those of asymmetric."""
    scales, none = Constant([1, 2, 1.5], "f4"), Constant([], "f4")
    if version < 11:
        return [([X, scales], {}), ([X, scales], {"mode": "linear"})]
    to = [X, none, none, Constant([3, 9, 4])]
    region = [X, Constant([0, 0.1, 0.2, 1, 0.9, 1.1], "f4"), none, Constant([2, 9, 4])]
    return [
        ([X, none, scales], {}),
        (to, {"mode": "linear"}),
        (to, {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}),
        (
            region,
            {"mode": "linear", "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 2.0},
        ),
        ([floats(1, 2, 3, 4), none, Constant([1, 1, 2, 3], "f4")], {"mode": "cubic", "cubic_coeff_a": -0.5}),
    ]


def upsampled(version):
    scales = [1.0, 2.0, 3.0]
    modes = [{}, {"mode": "linear"}]
    if version < 9:
        return [([X], {"scales": scales, **mode}) for mode in modes]
    return [([X, Constant(scales, "f4")], mode) for mode in modes]


NODES = {
    **dict.fromkeys(["Add", "Sub", "Mul", "Div", "PRelu"], both),
    **dict.fromkeys(["Max", "Min", "Sum", "Mean"], many),
    **dict.fromkeys(["Greater", "Less", "GreaterOrEqual", "LessOrEqual"], compared),
    **dict.fromkeys(["Softmax", "LogSoftmax", "Hardmax"], along),
    **dict.fromkeys(["ArgMax", "ArgMin"], positioned),
    **dict.fromkeys(
        [f"Reduce{kind}" for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "SumSquare")],
        reduced,
    ),
    **dict.fromkeys(
        [
            "Abs",
            "Ceil",
            "Cos",
            "Erf",
            "Exp",
            "Floor",
            "HardSwish",
            "Identity",
            "Mish",
            "Neg",
            "Relu",
            "Round",
            "Sigmoid",
            "Sign",
            "Sin",
            "Softplus",
            "Softsign",
            "Tan",
            "Tanh",
        ],
        unary(),
    ),  # fmt: skip
    **dict.fromkeys(["Log", "Reciprocal", "Sqrt"], fixed(([X], {}))),
    **dict.fromkeys(["Celu", "Elu", "LeakyRelu", "ThresholdedRelu"], unary(alpha=0.25)),
    "Selu": unary(alpha=0.5, gamma=2.0),
    "HardSigmoid": unary(alpha=0.5, beta=0.25),
    "Attention": attention,
    "BatchNormalization": batch_norm,
    "AveragePool": averaged,
    "Cast": cast,
    "CastLike": fixed(([SIGNED, WHOLE[0]], {}), ([WHOLE, X], {})),
    "Clip": clip,
    "Concat": lambda version: [([X, Y], {"axis": axis}) for axis in ((0, 2, -2) if version >= 11 else (0, 2))],
    "Constant": constant,
    "ConstantOfShape": fixed(
        ([Constant([2, 3])], {}), ([Constant([2, 0])], {"value": numpy_helper.from_array(np.array([7]))})
    ),
    "CumSum": fixed(([X, Constant(1)], {}), ([X, Constant(-1)], {"exclusive": 1, "reverse": 1})),
    "DequantizeLinear": dequantized,
    "Dropout": dropout,
    "Equal": equal,
    "Expand": fixed(([floats(4, 1), Constant([3, 1, 5])], {})),
    "Einsum": fixed(([X, floats(5, 6)], {"equation": "ijk,kl->lij"}), ([X[:, :3, :3]], {"equation": "...ii->...i"})),
    "EyeLike": fixed(([X[0]], {}), ([X[0]], {"k": -2, "dtype": 7}), ([floats(5, 4)], {"k": 1})),
    "Flatten": lambda version: [([X], {"axis": axis}) for axis in ((0, 1, 3, -1) if version >= 11 else (0, 1, 3))],
    "Gather": lambda version: [
        ([X, np.abs(POSITIONS)], {"axis": 1}),
        *([([X, POSITIONS], {"axis": 1})] if version >= 11 else []),
    ],
    "GatherElements": fixed(([X, np.array([[[0, -1, 1, 2, 0]]])], {}), ([X, np.array([[[4, -1]]])], {"axis": -1})),
    "GatherND": lambda version: [
        ([X, np.array([[0, 1], [-1, 3]])], {}),
        *([([X, np.array([[1], [0], [-1]])], {"batch_dims": 1})] if version >= 12 else []),
    ],
    "Conv": convolved,
    "ConvTranspose": convolved_back,
    "GRU": recurrent("GRU", 3, 2),
    "Gemm": gemm,
    "LpPool": lambda version: pooled(version, rounds=100, p=3),
    "MaxPool": pooled,
    **dict.fromkeys(["GlobalAveragePool", "GlobalMaxPool"], fixed(([X], {}), ([floats(2, 3, 4, 5)], {}))),
    "InstanceNormalization": fixed(([X, floats(4, seed=2), floats(4, seed=3)], {"epsilon": 0.01})),
    "LRN": fixed(([X], {"size": 3}), ([SIGNED], {"size": 4, "alpha": 0.5, "beta": 0.6, "bias": 2.0})),
    "LSTM": recurrent("LSTM", 4, 3),
    "IsInf": fixed(
        ([np.array([1, np.inf, -np.inf, np.nan], "f4")], {}),
        ([np.array([np.inf, -np.inf], "f4")], {"detect_negative": 0}),
    ),
    "IsNaN": fixed(([np.array([1, np.inf, np.nan], "f4")], {})),
    "LpNormalization": fixed(([X], {}), ([X], {"axis": 1, "p": 1})),
    "MatMul": lambda version: [
        ([floats(3, 4), floats(4, 5)], {}),
        ([X, floats(5)], {}),
        *([([WHOLE[0].astype("i4"), WHOLE[0].T.astype("i4").copy()], {})] if version >= 9 else []),
    ],
    "MeanVarianceNormalization": fixed(([X], {"axes": [0, 2]})),
    "Mod": fixed(([WHOLE, np.where(WHOLE % 2, 7, -7)], {}), ([SIGNED, X], {"fmod": 1})),
    "NonMaxSuppression": fixed(
        ([floats(2, 6, 4), floats(2, 3, 6), Constant([4]), Constant([0.2], "f4"), Constant([0.3], "f4")], {}),
        ([floats(2, 6, 4), floats(2, 3, 6), Constant([4])], {"center_point_box": 1}),
    ),
    "NonZero": fixed(([WHOLE % 2], {}), ([np.where(WHOLE % 3, X, 0).astype("f4")], {})),
    "OneHot": one_hot,
    "Pad": pad,
    "Pow": power,
    "QLinearMatMul": fixed(
        (
            [
                (SIGNED * 10).astype("i1"),
                Constant(0.1, "f4"),
                Constant(3, "i1"),
                np.arange(-20, 20, dtype="i1").reshape(5, 8),
                floats(8),
                np.arange(8, dtype="i1"),
                Constant(2.0, "f4"),
                Constant(-5, "i1"),
            ],
            {},
        )
    ),
    "QuantizeLinear": quantized,
    "RNN": recurrent("RNN", 1, 2),
    "Range": fixed(
        ([Constant(1), Constant(9), Constant(3)], {}),
        ([Constant(1, "f4"), Constant(0, "f4"), Constant(-0.25, "f4")], {}),
    ),
    "ReduceSum": lambda version: reduced(version, axes_are_input=13),
    "Reshape": reshape,
    "ScatterElements": scatter_elements,
    "ScatterND": lambda version: scatter(version, np.array([[0, 1], [-1, 3]]), floats(2, 5)),
    "Shape": shape,
    "Size": fixed(([X], {})),
    "Slice": slices,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": fixed(([X, Constant([2, 1, 3])], {})),
    "Resize": resized,
    "Upsample": upsampled,
    "TopK": top_k,
    "Transpose": fixed(([X], {}), ([X], {"perm": [1, 2, 0]})),
    "Unsqueeze": unsqueeze,
    "Where": fixed(([X > 0.5, X, Y], {}), ([X[:, :1] > 0.5, X, floats(5)], {})),
}


# ---- Models


def versions(op):
    """The operator's versions that opsets from OLDEST on have."""
    every = sorted(
        schema.since_version
        for schema in defs.get_all_schemas_with_history()
        if schema.name == op and not schema.domain
    )
    reachable = [
        version for version, following in zip(every, [*every[1:], NEWEST + 1], strict=True) if following > OLDEST
    ]
    return reachable


def one_node(op, opset, operands, attributes, outputs=1):
    """A model of one node, and its inputs."""
    names, inputs, constants = [], {}, {}
    for i, operand in enumerate(operands):
        names.append("" if operand is None else f"x{i}")
        if isinstance(operand, Constant):
            constants[names[-1]] = operand.value
        elif operand is not None:
            inputs[names[-1]] = operand
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, name=op, **attributes)
    declared = [value(name, *array.shape, dtype=array.dtype) for name, array in inputs.items()]
    model = model_of(
        [node], declared, [helper.make_empty_tensor_value_info(name) for name in results], constants, opset
    )
    inferred = {info.name: info for info in onnx.shape_inference.infer_shapes(model, data_prop=True).graph.output}
    del model.graph.output[:]
    model.graph.output.extend(inferred[name] for name in results)
    return model, inputs


def converted(model, opset):
    """The model in the newest opset that the converter reaches, and that opset; None if it reaches none."""
    # Hardmax changed its default axis and its meaning in version 13, which the converter leaves out.
    newest = 12 if opset <= 12 and model.graph.node[0].op_type == "Hardmax" else NEWEST
    # Since version 11 Resize says where its places are, by default others than before: left out by the converter, too.
    newest = 10 if opset <= 10 and model.graph.node[0].op_type in ("Resize", "Upsample") else newest
    for target in range(newest, opset, -1):
        try:
            return version_converter.convert_version(model, target), target
        except Exception:  # the converter's errors have no common class; it lacks steps for some operators
            continue
    return None, opset


def joined(models, opset):
    """The models as one, of nodes with a prefix each."""
    whole = model_of([], [], [], opset=opset, ir_version=11)
    for prefix, model in models.items():
        graph = compose.add_prefix(model, prefix).graph
        for field in ("node", "input", "output", "initializer"):
            getattr(whole.graph, field).extend(getattr(graph, field))
    return whole


def onnx_runtime_where_it_runs(model, inputs):
    """ONNX Runtime's results by name, or None where it does not run the model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        results = session.run(None, inputs)
    except Exception:  # its errors have no common class either
        return None
    return dict(zip((output.name for output in model.graph.output), results, strict=True))


OLD_VERSIONS = [
    pytest.param(op, version, id=f"{op}-{version}")
    for op in json.loads(SCOPE.read_text())["operators"]
    if op not in WITH_BODIES
    for version in versions(op)[:-1]
]


class Case(NamedTuple):
    """A node in two opsets: groups of models and a prefix, by which its values are found; what ONNX Runtime gives."""

    prefix: str
    groups: list["Group"]
    outputs: list[str]
    expected: dict | None

    def results(self):
        """The outputs by name of each group."""
        return [{name: group.results[self.prefix + name] for name in self.outputs} for group in self.groups]


class Group:
    """Models of one opset, compiled and run as one when the first result is asked for: in a quarter of the time."""

    def __init__(self, opset, compile_model):
        self.opset, self.compile_model, self.models, self.inputs = opset, compile_model, {}, {}

    def add(self, prefix, model, inputs):
        self.models[prefix] = model
        self.inputs |= {prefix + name: array for name, array in inputs.items()}

    @functools.cached_property
    def results(self):
        return self.compile_model(joined(self.models, self.opset)).run(self.inputs)


@pytest.fixture(scope="module")
def cases(request, compile_model):
    """(op, version) of the tests that are going to run -> cases."""
    groups, cases = {}, {}
    chosen = [item.callspec.params for item in request.session.items if item.originalname == "test_old_version"]
    for op, version in ((params["op"], params["version"]) for params in chosen):
        opset = max(version, OLDEST)
        for i, (operands, *rest) in enumerate(NODES[op](version)):
            prefix = f"{op}_{version}_{i}_"
            model, inputs = one_node(op, opset, operands, *rest)
            newer, target = converted(model, opset)
            own = []
            for kind, number, each in (("old", opset, model), ("new", target, newer)):
                if each:
                    own.append(groups.setdefault((kind, number), Group(number, compile_model)))
                    own[-1].add(prefix, each, inputs)
            names = [output.name for output in model.graph.output]
            case = Case(prefix, own, names, onnx_runtime_where_it_runs(model, inputs))
            cases.setdefault((op, version), []).append(case)
    return cases


@pytest.mark.parametrize("op, version", OLD_VERSIONS)
def test_old_version(cases, subtests, op, version):
    for case in cases[op, version]:
        with subtests.test(case.prefix):
            got, *by_conversion = case.results()
            references = [*by_conversion, *([case.expected] if case.expected else [])]
            assert references, "neither the converter nor ONNX Runtime takes it"
            for expected in references:
                source = "ONNX Runtime" if expected is case.expected else "converted"
                for name in case.outputs:
                    assert_close(got[name], expected[name], TOLERANCE, what=f"{name}, {source}")
