"""Operators on integers that stand for reals, and norms and pools of channels, against ONNX Runtime: ties, what
saturates, infinities, blocks, dims that are open or 0.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import hone
import numpy as np
import pytest
from building import onnx_runtime, parsed
from onnx import numpy_helper
from tolerance import WHOLE_MODEL, assert_all_close

TYPES = {"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2"}
# Ties go to even; what is too large saturates. (Of NaN the standard says nothing.)
EDGES = np.array([0, 0.25, 0.75, -0.25, -0.75, 63.75, 64.25, -64.25, 1e4, -1e4, 1e30, -1e30, np.inf, -np.inf], "f4")


def compared(graph, compile_model, opset=21, **constants):
    """A function of inputs that runs a graph in ONNX's text form in both, and compares; constants: initializers."""
    model = parsed(graph, opset)
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    session, expected = compile_model(model).session(threads=2), onnx_runtime(model)

    def run(**inputs):
        got = session.run(inputs)
        assert_all_close(got, expected(inputs), WHOLE_MODEL)
        return got

    return run


@pytest.mark.parametrize("dtype", TYPES)
def test_quantize(dtype, compile_model):
    numbers = np.iinfo(TYPES[dtype])
    run = compared(
        f"""g (float[n] x, float s, {dtype} z) => ({dtype}[n] q, float[n] y)
        {{ q = QuantizeLinear (x, s, z) y = DequantizeLinear (q, s, z) }}""",
        compile_model,
    )
    for zero_point in (0, 7, numbers.min, numbers.max):
        z = np.array(zero_point, TYPES[dtype])
        q = run(x=EDGES, s=np.array(0.5, "f4"), z=z)["q"]
        assert q[-2] == numbers.max and q[-1] == numbers.min
        run(x=np.zeros(0, "f4"), s=np.array(0.5, "f4"), z=z)
        run(x=np.random.default_rng(1).standard_normal(1000).astype("f4") * 100, s=np.array(0.37, "f4"), z=z)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_each_position_of_an_axis(axis, compile_model):
    run = compared(
        f"""g (float[a, b, c] x, float[k] s, int8[k] z) => (int8[a, b, c] q, float[a, b, c] y)
        {{ q = QuantizeLinear <axis = {axis}> (x, s, z) y = DequantizeLinear <axis = {axis}> (q, s, z) }}""",
        compile_model,
    )
    random = np.random.default_rng(2)
    for dims in ((3, 4, 5), (2, 2, 2), (4, 0, 3)):
        count = dims[axis]
        s, z = random.random(count).astype("f4") + 0.01, random.integers(-9, 9, count).astype("i1")
        run(x=random.standard_normal(dims).astype("f4"), s=s, z=z)
    with pytest.raises(hone.HoneError, match="dim 0 of y_scale is 3, but must be 1 or"):
        run(x=np.zeros((4, 5, 6), "f4"), s=np.ones(3, "f4"), z=np.zeros(3, "i1"))


@pytest.mark.parametrize("block", [4, 2**40])
@pytest.mark.parametrize("size", [8, 7])
@pytest.mark.parametrize("axis", [0, 1])
def test_blocks(axis, size, block, compile_model):
    """Of the last block of an axis there may be less."""
    dims, blocks = [5, 5], [5, 5]
    dims[axis], blocks[axis] = size, -(-size // block)
    run = compared(
        f"""g (float[a, b] x, float[c, d] s) => (float[a, b] y)
        {{ q = QuantizeLinear <axis = {axis}, block_size = {block}> (x, s)
           y = DequantizeLinear <axis = {axis}, block_size = {block}> (q, s) }}""",
        compile_model,
    )
    random = np.random.default_rng(3)
    run(x=random.standard_normal(dims).astype("f4"), s=random.random(blocks).astype("f4") + 0.01)


def test_weights_of_four_bits(compile_model):
    """As exporters write them: int4 weights in blocks, ahead of a product."""
    import ml_dtypes

    random = np.random.default_rng(4)
    weights = random.integers(-8, 8, (32, 6)).astype(ml_dtypes.int4)
    run = compared(
        """g (float[n, 32] x) => (float[n, 6] y)
        { w = DequantizeLinear <axis = 0, block_size = 8> (q, s) y = MatMul (x, w) }""",
        compile_model,
        q=weights,
        s=random.random((4, 6)).astype("f4"),
    )
    run(x=random.standard_normal((3, 32)).astype("f4"))


def test_dynamic_quantization(compile_model):
    """Of activations, before a product of integers; the range always holds 0."""
    run = compared(
        """g (float[n, 16] x) => (float[n, 4] y, uint8[n, 16] q, float s, uint8 z)
        { q, s, z = DynamicQuantizeLinear (x)
          p = MatMulInteger (q, w, z) c = Cast <to = 1> (p) y = Mul (c, s) }""",
        compile_model,
        w=np.random.default_rng(5).integers(-128, 128, (16, 4)).astype("i1"),
    )
    for low, high in ((-1, 1), (2, 5), (-5, -2)):
        run(x=np.random.default_rng(6).uniform(low, high, (3, 16)).astype("f4"))


@pytest.mark.parametrize("per_column", [False, True])
def test_product_of_integers(per_column, compile_model):
    random = np.random.default_rng(7)
    columns = 9 if per_column else 1
    run = compared(
        """g (uint8[b, n, 20] x) => (uint8[b, n, 9] y) { y = QLinearMatMul (x, xs, xz, w, ws, wz, ys, yz) }""",
        compile_model,
        xs=np.array(0.02, "f4"),
        xz=np.uint8(120),
        w=random.integers(-128, 128, (20, 9)).astype("i1"),
        ws=(random.random(columns) * 0.01 + 0.01).astype("f4"),
        wz=np.zeros(columns, "i1"),
        ys=np.array(0.05, "f4"),
        yz=np.uint8(100),
    )
    for dims in ((1, 1, 20), (2, 5, 20), (0, 3, 20)):
        run(x=random.integers(0, 256, dims).astype("u1"))


# ---- Norms and pools

NORMS = {
    "batch": "y = BatchNormalization <epsilon = 0.01> (x, s, b, m, v)",
    "instance": "y = InstanceNormalization (x, s, b)",
    "local": "y = LRN <size = 5, alpha = 0.3, bias = 2.0> (x)",
    "average": "y = GlobalAveragePool (x)",
    "greatest": "y = GlobalMaxPool (x)",
}


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("group", [1, 2, 8])
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_convolution_of_integers(dtype, group, per_channel, compile_model):
    """Full-range weights: every sum is exact. Pads are zero points."""
    random = np.random.default_rng(group)
    numbers = np.iinfo(TYPES[dtype])
    scale = random.uniform(0.01, 0.02, 8 if per_channel else ()).astype("f4")
    run = compared(
        f"""g ({dtype}[n, 8, h, w] x) => ({dtype}[n, m, p, q] y) {{ y = QLinearConv
        <pads = [1, 0, 1, 2], strides = [2, 1], group = {group}> (x, xs, xz, w, ws, wz, ys, yz, b) }}""",
        compile_model,
        w=random.integers(-127, 128, (8, 8 // group, 3, 3)).astype("i1"),
        b=random.integers(-9999, 9999, 8).astype("i4"),
        xs=np.float32(0.03),
        xz=np.array(7, TYPES[dtype]),
        ws=scale,
        wz=np.zeros(scale.shape, "i1"),
        ys=np.float32(0.5),
        yz=np.array(numbers.max // 2, TYPES[dtype]),
    )
    for size in ((2, 8, 9, 7), (0, 8, 5, 5)):
        run(x=random.integers(numbers.min, numbers.max + 1, size).astype(TYPES[dtype]))


def test_convolution_with_zero_points(compile_model):
    random = np.random.default_rng(1)
    x, w = (random.integers(0, 256, dims).astype("u1") for dims in ((1, 4, 6, 6), (3, 4, 3, 3)))
    run = compared(
        """g (uint8[1, 4, 6, 6] x, uint8 z, uint8 v) => (int32[1, 3, 6, 6] y)
        { y = ConvInteger <pads = [1, 1, 1, 1]> (x, w, z, v) }""",
        compile_model,
        w=w,
    )
    run(x=x, z=np.array(130, "u1"), v=np.array(99, "u1"))


@pytest.mark.parametrize(
    "name, dims",
    [
        (name, dims)
        for name in NORMS
        for dims in ("n, 6, w", "n, 6, h, w", "n, 6, d, h, w")
        if name != "local" or dims == "n, 6, h, w"  # ONNX Runtime takes images alone
    ],
)
def test_channels(name, dims, compile_model):
    pooled = ", 1" * (dims.count(",") - 1)
    result = f"n, 6{pooled}" if name in ("average", "greatest") else dims
    random = np.random.default_rng(8)
    constants = {letter: random.random(6).astype("f4") + 0.1 for letter in "sbmv" if f" {letter}" in NORMS[name]}
    run = compared(f"g (float[{dims}] x) => (float[{result}] y) {{ {NORMS[name]} }}", compile_model, **constants)
    for sizes in ({"n": 2, "d": 2, "h": 5, "w": 7}, {"n": 1, "d": 1, "h": 1, "w": 3}, {"n": 0, "d": 2, "h": 3, "w": 4}):
        shape = [sizes[dim] if dim in sizes else int(dim) for dim in dims.split(", ")]
        run(x=random.standard_normal(shape).astype("f4"))


def test_batch_without_positions(compile_model):
    random = np.random.default_rng(9)
    constants = {letter: random.random(6).astype("f4") + 0.1 for letter in "sbmv"}
    run = compared(f"g (float[n, 6] x) => (float[n, 6] y) {{ {NORMS['batch']} }}", compile_model, **constants)
    run(x=random.standard_normal((5, 6)).astype("f4"))


def test_eyes(compile_model):
    run = compared(
        """g (int64[n, m] x) => (float[n, m] a, int64[n, m] b)
        { a = EyeLike <k = -1, dtype = 1> (x) b = EyeLike <k = 2> (x) }""",
        compile_model,
    )
    for shape in ((3, 4), (5, 2), (0, 3), (1, 1)):
        run(x=np.zeros(shape, "i8"))
