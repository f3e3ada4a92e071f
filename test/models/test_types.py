"""Element types that are stored narrow: models in f16, products of integers, weights that a model casts and scales.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import re
import sys

import hone
import ml_dtypes
import numpy as np
import onnx
import pytest
from building import model_of, onnx_runtime, parsed, value
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from tolerance import HALF_MODEL, WHOLE_MODEL, assert_all_close

MEGABYTE = 1 << 20


def floats(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name=f"{op}_{output}", **attributes)


# ---- Whole models in f16


def encoder(layers=2, width=96, heads=4, vocabulary=3000, positions=64):
    """A small encoder as PyTorch exports DistilBERT: embeddings, attention with a mask by Where, GELU by Erf."""
    constants = {
        "words": floats(1, vocabulary, width) * 0.5,
        "positions": floats(2, positions, width) * 0.5,
        "zero": np.float32(0),
        "least": np.float32(-1e4),
        "depth": np.array((width // heads) ** 0.5, np.float32),
        "half": np.float32(0.5),
        "one": np.float32(1),
        "root": np.float32(2**0.5),
        "first": np.array([0], np.int64),
        "second": np.array([1], np.int64),
        "split": np.array([0, 0, heads, width // heads], np.int64),
        "joined": np.array([0, 0, width], np.int64),
        "mask_axes": np.array([1, 2], np.int64),
    }
    nodes = [
        node("Gather", ["words", "ids"], "word"),
        node("Shape", ["ids"], "shape"),
        node("Slice", ["shape", "second", "two"], "length"),
        node("Slice", ["positions", "first", "length"], "place"),
        node("Add", ["word", "place"], "embedded"),
        node("Unsqueeze", ["mask", "mask_axes"], "wide_mask"),
        node("Cast", ["wide_mask"], "kept", to=TensorProto.BOOL),
    ]
    constants["two"] = np.array([2], np.int64)

    def normalize(x, y):
        constants.update(
            {f"{y}_scale": 1 + floats(len(nodes), width) / 8, f"{y}_bias": floats(len(nodes) + 1, width) / 8}
        )
        nodes.append(node("LayerNormalization", [x, f"{y}_scale", f"{y}_bias"], y, axis=-1))

    def linear(x, y, rows, columns):
        constants[f"{y}_weight"] = floats(len(nodes), rows, columns) / np.float32(rows**0.5)
        constants[f"{y}_bias"] = floats(len(nodes) + 1, columns) / 8
        nodes.extend(
            [node("MatMul", [x, f"{y}_weight"], f"{y}_product"), node("Add", [f"{y}_bias", f"{y}_product"], y)]
        )

    normalize("embedded", "h0")
    for i in range(layers):
        h, p = f"h{i}", f"l{i}_"
        for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            linear(h, p + name, width, width)
            nodes.append(node("Reshape", [p + name, "split"], f"{p}{name}_split"))
            nodes.append(node("Transpose", [f"{p}{name}_split"], f"{p}{name}_heads", perm=order))
        nodes += [
            node("Div", [p + "q_heads", "depth"], p + "q_scaled"),
            node("MatMul", [p + "q_scaled", p + "k_heads"], p + "scores"),
            node("Where", ["kept", p + "scores", "least"], p + "masked"),
            node("Softmax", [p + "masked"], p + "shares", axis=-1),
            node("MatMul", [p + "shares", p + "v_heads"], p + "mixed"),
            node("Transpose", [p + "mixed"], p + "turned", perm=[0, 2, 1, 3]),
            node("Reshape", [p + "turned", "joined"], p + "context"),
        ]
        linear(p + "context", p + "out", width, width)
        nodes.append(node("Add", [h, p + "out"], p + "sum"))
        normalize(p + "sum", p + "n")
        linear(p + "n", p + "up", width, 4 * width)
        nodes += [
            node("Div", [p + "up", "root"], p + "g0"),
            node("Erf", [p + "g0"], p + "g1"),
            node("Add", [p + "g1", "one"], p + "g2"),
            node("Mul", [p + "up", p + "g2"], p + "g3"),
            node("Mul", [p + "g3", "half"], p + "gelu"),
        ]
        linear(p + "gelu", p + "down", 4 * width, width)
        nodes.append(node("Add", [p + "n", p + "down"], p + "sum2"))
        normalize(p + "sum2", f"h{i + 1}")
    inputs = [value("ids", "batch", "length", dtype="i8"), value("mask", "batch", "length", dtype="i8")]
    return model_of(nodes, inputs, [value(f"h{layers}", "batch", "length", width)], constants)


@pytest.fixture(scope="module", params=["minilm", "encoder"])
def float_model(request):
    if request.param == "encoder":
        return onnx.shape_inference.infer_shapes(encoder())
    return onnx.load(request.getfixturevalue("minilm"))


@pytest.fixture(scope="module", params=[True, False], ids=["f32 outside", "f16 outside"])
def half_model(request, float_model, save):
    model = onnx.ModelProto()
    model.CopyFrom(float_model)
    return save(convert_float_to_float16(model, keep_io_types=request.param))


@pytest.fixture(scope="module")
def half_library(half_model, compile_model):
    return compile_model(half_model)


def tokens(library, batch, length):
    random = np.random.default_rng([batch, length])
    mask = (np.arange(length) < random.integers(1, length + 1, batch)[:, None]).astype(np.int64)
    mask[0] = 1
    ids, mask_name = [each.name for each in library.inputs]
    return {ids: random.integers(0, 3000, (batch, length)), mask_name: mask}


@pytest.mark.parametrize("batch, length", [(1, 1), (1, 16), (3, 7), (2, 61)])
def test_half_models(half_model, half_library, batch, length):
    inputs = tokens(half_library, batch, length)
    assert_all_close(half_library.run(inputs), onnx_runtime(half_model)(inputs), HALF_MODEL)


def test_half_weights_stay_two_bytes(half_model, half_library, run_hone):
    assert half_library.path.stat().st_size <= half_model.stat().st_size + MEGABYTE
    halves = [each for each in onnx.load(half_model).graph.initializer if each.data_type == TensorProto.FLOAT16]
    matrices = {tuple(each.dims) for each in halves if len(each.dims) == 2 and np.prod(each.dims) >= 96 * 96}
    assert len(matrices) >= 3
    # What kernels make lies in the arena; in this model all of it depends on the batch.
    kernels = run_hone("compile", half_model, "--emit=kernels", "-o", "-").stdout
    results = re.findall(r"= hone\.launch .* -> (.*)", kernels)
    assert results
    made = {tuple(map(int, dims.split("x"))) for line in results for dims in re.findall(r"tensor<([\dx]+)xf32>", line)}
    assert not [dims for dims in made if np.prod(dims) >= 96 * 96], "a matrix of weights in f32"


# ---- Single operators of narrow types


def test_softmax_between_transpositions_of_halves(compile_model):
    graph = """
    moved (float16[a, b, c] x) => (float16[a, b, c] y) {
      t = Transpose <perm = [2, 0, 1]> (x)
      s = Softmax <axis = 0> (t)
      y = Transpose <perm = [1, 2, 0]> (s)
    }"""
    x = np.random.default_rng(1).standard_normal((3, 5, 7)).astype("f2")
    x[0, 0, 0] = np.inf
    model = parsed(graph)
    assert_all_close(compile_model(model).run({"x": x}), onnx_runtime(model)({"x": x}), HALF_MODEL)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_decide_shapes(dtype, compile_model):
    stored = helper.tensor_dtype_to_np_dtype(getattr(TensorProto, dtype.upper()))
    model = parsed(
        f"""
        repeated (float[1] x, {dtype}[2] counts) => (float[m, n] y) {{
          wide = Cast <to = 7> (counts)
          y = Expand (x, wide)
        }}""",
        opset=21,
    )
    x = np.array([2.5], "f4")
    for counts in ([3, 4], [1, 1], [0, 5]):
        got = compile_model(model).run({"x": x, "counts": np.array(counts).astype(stored)})
        assert_all_close(got, {"y": np.broadcast_to(x, counts)})


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1,), (7,), (3, 5)])
def test_nibbles_of_odd_shapes(shape, compile_model):
    nodes = [node("Identity", ["x"], "same"), node("Cast", ["x"], "positive", to=TensorProto.UINT4)]
    inputs = [helper.make_tensor_value_info("x", TensorProto.INT4, shape)]
    outputs = [
        helper.make_tensor_value_info("same", TensorProto.INT4, shape),
        helper.make_tensor_value_info("positive", TensorProto.UINT4, shape),
    ]
    x = np.asarray(np.random.default_rng(4).integers(-8, 8, shape), "i1")
    got = compile_model(model_of(nodes, inputs, outputs, opset=21, ir_version=10)).run({"x": x.astype(ml_dtypes.int4)})
    assert_all_close(got, {"same": x.astype(ml_dtypes.int4), "positive": (x & 15).astype(ml_dtypes.uint4)})


@pytest.mark.parametrize("transposed", [False, True])
def test_nibbles_as_a_factor(transposed, compile_model):
    random = np.random.default_rng(5)
    w = random.integers(-8, 8, (301, 41))
    x = random.standard_normal((3, 301)).astype("f4")
    nodes = [node("Transpose", ["w"], "t", perm=[1, 0])] if transposed else []
    nodes += [node("Cast", ["t" if transposed else "w"], "f", to=TensorProto.FLOAT), node("MatMul", ["x", "f"], "y")]
    stored = (w.T if transposed else w).astype(ml_dtypes.int4)
    model = model_of(nodes, [value("x", "n", 301)], [value("y", "n", 41)], {"w": stored}, opset=21, ir_version=10)
    expected = (x.astype("f8") @ w).astype("f4")
    assert_all_close(compile_model(model).run({"x": x}), {"y": expected}, WHOLE_MODEL)


# ---- Products of integers


ZERO_POINTS = {
    "none": (None, None),
    "scalar": ((), ()),
    "left": ((1,), None),
    "rows": (("m",), None),
    "columns": (None, ("n",)),
    "both": (("m",), ("n",)),
}


@pytest.mark.parametrize("points", ZERO_POINTS)
@pytest.mark.parametrize("left, right", [("u1", "i1"), ("i1", "i1"), ("u1", "u1"), ("i1", "u1")])
def test_integer_products(left, right, points, compile_model):
    """Of matrices, exactly: sums of the extremes among them, and dims that are no multiples of anything, 1 or 0."""
    random = np.random.default_rng(11)

    def numbers(dtype, *shape):
        limits = np.iinfo(dtype)
        array = random.integers(limits.min, limits.max, shape, endpoint=True).astype(dtype)
        array[random.random(shape) < 0.3] = limits.min
        return array

    nodes, inputs, outputs, given, expected = [], [], [], {}, {}
    for i, (m, k, n) in enumerate([(5, 19, 33), (1, 7, 1), (4, 64, 16), (0, 3, 2), (3, 0, 2), (2, 3, 0)]):
        sizes = {"m": m, "n": n}
        operands = {f"a{i}": numbers(left, m, k), f"b{i}": numbers(right, k, n)}
        zeros, names = [0, 0], [*operands, "", ""]
        for side, (dtype, shape) in enumerate(zip((left, right), ZERO_POINTS[points], strict=True)):
            if shape is not None:
                zeros[side] = numbers(dtype, *(sizes.get(dim, dim) for dim in shape))
                names[2 + side] = f"z{side}{i}"
                operands[names[2 + side]] = zeros[side]
        row, column = (np.asarray(zero, "i8") for zero in zeros)
        a, b = (operands[name].astype("i8") for name in names[:2])
        expected[f"y{i}"] = ((a - row.reshape(-1, 1)) @ (b - column)).astype("i4")
        nodes.append(node("MatMulInteger", names, f"y{i}"))
        inputs += [value(name, *array.shape, dtype=array.dtype) for name, array in operands.items()]
        outputs.append(value(f"y{i}", m, n, dtype="i4"))
        given.update(operands)
    assert_all_close(compile_model(model_of(nodes, inputs, outputs)).run(given), expected)


# ---- Weights that are stored in 8 bits, cast and scaled


def stored_bytes(seed, *shape):
    return np.random.default_rng(seed).integers(-128, 128, shape).astype(np.int8)


@pytest.fixture(scope="module")
def scaled_model(save):
    """A table that is looked up, a product, and one with a transposed weight, all of int8 with scales."""
    constants = {
        "table": stored_bytes(1, 5000, 256),
        "table_scale": np.abs(floats(2, 5000, 1)) / 128,
        "w": stored_bytes(3, 256, 1024),
        "w_scale": np.abs(floats(4, 1024)) / 256,
        "u": stored_bytes(5, 256, 1024),
        "u_scale": np.abs(floats(6, 256, 1)) / 256,
        "c": floats(7, 256),
    }
    nodes = []
    for name in ("table", "w", "u"):
        nodes.append(node("Cast", [name], f"{name}_float", to=TensorProto.FLOAT))
        nodes.append(node("Mul", [f"{name}_float", f"{name}_scale"], f"{name}_scaled"))
    nodes += [
        node("Gather", ["table_scaled", "ids"], "x"),
        node("MatMul", ["x", "w_scaled"], "h"),
        node("Relu", ["h"], "r"),
        node("Gemm", ["r", "u_scaled", "c"], "y", transB=1),
    ]
    return save(model_of(nodes, [value("ids", "n", dtype="i8")], [value("y", "n", 256)], constants))


@pytest.mark.parametrize("count", [0, 1, 5, 37])
def test_scaled_bytes(scaled_model, compile_model, count):
    library = compile_model(scaled_model)
    inputs = {"ids": np.random.default_rng(count).integers(0, 5000, count)}
    assert_all_close(library.run(inputs), onnx_runtime(scaled_model)(inputs), WHOLE_MODEL)
    assert library.path.stat().st_size <= scaled_model.stat().st_size + MEGABYTE


# ---- Inputs and outputs


@pytest.fixture(scope="module")
def narrow_library(compile_model):
    """Turns a matrix of odd dims of each type, and says what is in it."""
    types = {
        "half": TensorProto.FLOAT16,
        "brain": TensorProto.BFLOAT16,
        "nibble": TensorProto.INT4,
        "positive": TensorProto.UINT4,
    }
    nodes, inputs, outputs = [], [], []
    for name, dtype in types.items():
        inputs.append(helper.make_tensor_value_info(name, dtype, ["n", 3]))
        nodes.append(node("Transpose", [name], f"{name}_turned", perm=[1, 0]))
        outputs.append(helper.make_tensor_value_info(f"{name}_turned", dtype, [3, "n"]))
        nodes.append(node("Cast", [name], f"{name}_wide", to=TensorProto.FLOAT))
        outputs.append(value(f"{name}_wide", "n", 3))
    return compile_model(model_of(nodes, inputs, outputs, opset=21, ir_version=10))


NUMBERS = {
    "half": [[1, -0.5, 65504], [6e-8, np.nan, -np.inf], [0, 2, 3]],
    "brain": [[1, -0.5, 3.390625e38], [1e-40, np.nan, -np.inf], [0, 2, 3]],
    "nibble": [[-8, 7, -1], [0, 3, -4], [1, 2, 5]],
    "positive": [[15, 7, 8], [0, 3, 12], [1, 2, 5]],
}


def narrow_inputs(dtypes, rows=3):
    with np.errstate(over="ignore"):
        return {
            name: np.array(NUMBERS[name][:rows], np.float64).reshape(rows, 3).astype(dtypes[name]) for name in NUMBERS
        }


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_narrow_types_in_python(rows, narrow_library):
    dtypes = {"half": np.float16, "brain": ml_dtypes.bfloat16, "nibble": ml_dtypes.int4, "positive": ml_dtypes.uint4}
    assert [each.dtype for each in narrow_library.inputs] == list(dtypes.values())
    given = narrow_inputs(dtypes, rows)
    expected = {}
    for name, array in given.items():
        expected |= {f"{name}_turned": array.T, f"{name}_wide": array.astype(np.float32)}
    assert_all_close(narrow_library.run(given), expected)
    views = {name: np.asfortranarray(array) for name, array in given.items()}
    assert_all_close(narrow_library.run(views), expected)


def test_narrow_types_without_ml_dtypes(narrow_library, monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    library = hone.load(narrow_library.path)
    assert [each.dtype.name for each in library.inputs] == ["float16", "uint16", "int8", "uint8"]
    given = narrow_inputs({"half": "f2", "brain": ml_dtypes.bfloat16, "nibble": "i1", "positive": "u1"})
    wide = {name: array.astype(np.float32) for name, array in given.items()}
    given["brain"] = given["brain"].view(np.uint16)
    expected = {}
    for name, array in given.items():
        expected |= {f"{name}_turned": array.T, f"{name}_wide": wide[name]}
    assert_all_close(library.run(given), expected)
    for name, low, high in (("nibble", -8, 7), ("positive", 0, 15)):
        wrong = given | {name: given[name] + given[name].dtype.type(high)}
        with pytest.raises(hone.Error, match=f"input '{name}': has elements outside {low} to {high}"):
            library.run(wrong)


def test_lists_of_narrow_numbers(narrow_library):
    given = {name: np.zeros((1, 3), each.dtype) for name, each in zip(NUMBERS, narrow_library.inputs, strict=True)}
    got = narrow_library.run(given | {"nibble": [[-8, 7, 1]], "positive": [[15, 0, 1]], "half": [[0.1, 1, 2]]})
    assert got["nibble_wide"].tolist() == [[-8, 7, 1]]
    assert got["positive_wide"].tolist() == [[15, 0, 1]]
    assert got["half_wide"].tolist() == [[float(np.float16(0.1)), 1, 2]]
    with pytest.raises(hone.Error, match="outside -8 to 7"):
        narrow_library.run(given | {"nibble": [[8, 0, 0]]})
    with pytest.raises(hone.Error, match="have no int64 form"):
        narrow_library.run(given | {"nibble": [[0.5, 0, 0]]})


def test_narrow_types_of_hone_run(compile_model, narrow_library, run_hone, tmp_path):
    types = {"half": TensorProto.FLOAT16, "brain": TensorProto.BFLOAT16}
    nodes = [node("Transpose", [name], f"{name}_turned", perm=[1, 0]) for name in types]
    inputs = [helper.make_tensor_value_info(name, dtype, ["n", 3]) for name, dtype in types.items()]
    outputs = [helper.make_tensor_value_info(f"{name}_turned", dtype, [3, "n"]) for name, dtype in types.items()]
    library = compile_model(model_of(nodes, inputs, outputs)).path
    given = narrow_inputs({"half": "f2", "brain": ml_dtypes.bfloat16, "nibble": "i1", "positive": "u1"})
    arguments = []
    for name in types:
        np.save(tmp_path / f"{name}.npy", given[name])
        arguments += ["--input", f"{name}={tmp_path / name}.npy"]
    result = run_hone("run", library, *arguments, "-o", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    for name in types:
        got = np.load(tmp_path / "out" / f"{name}_turned.npy")
        assert got.tobytes() == np.ascontiguousarray(given[name].T).tobytes()
    lines = run_hone("inspect", narrow_library.path).stdout.splitlines()
    types = [line.split()[1] for line in lines if line.split()[:1] in [[name] for name in NUMBERS]]
    assert types == ["f16", "bf16", "i4", "u4"]
    assert run_hone("run", library, "--random", "--dim", "n=2").returncode == 0
    result = run_hone("run", narrow_library.path, "--random")
    assert result.returncode == 2
    assert "input 'nibble' has elements of type i4, which the command line does not take" in result.stderr
