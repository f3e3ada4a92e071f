"""Sizes that data decide, against ONNX Runtime: NonZero, and shapes, ends and counts that a run computes.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, parsed, value
from onnx import helper
from tolerance import Tolerance, assert_close

TOLERANCE = Tolerance(relative=1e-6, of_largest=1e-6)
X = np.random.default_rng(2).standard_normal((6, 5)).astype("f4")


def check(library, expected, inputs):
    outputs = library.run(inputs)
    for key, array in expected(inputs).items():
        assert outputs[key].shape == array.shape
        assert_close(outputs[key], array, TOLERANCE)


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "i8", "u1", "?"])
def test_nonzero(dtype, compile_model):
    model = model_of(
        [helper.make_node("NonZero", ["x"], ["y"])],
        [value("x", "n", "m", dtype=dtype)],
        [value("y", 2, "k", dtype="i8")],
    )
    library = compile_model(model)
    random = np.random.default_rng(1)
    arrays = [(random.random(shape) > 0.6).astype(dtype) for shape in ((3, 4), (1, 1), (0, 5), (40, 30), (2, 0))]
    if dtype[0] == "f":
        arrays.append(np.array([[np.nan, -0.0, 0, np.inf, -np.inf, 1e-45]], dtype))
    for x in arrays:
        assert_close(library.run({"x": x})["y"], np.stack(np.nonzero(x)))


def test_nonzero_of_a_scalar(compile_model):
    model = parsed("g (float x) => (int64[1, k] y) { y = NonZero(x) }")
    library, expected = compile_model(model), onnx_runtime(model)
    for x in (0, 2):
        check(library, expected, {"x": np.array(x, "f4")})


# Each model ends in an output of a size that the run finds out, and goes on behind it.
MODELS = {
    "chosen_rows": """g (float[n, 5] x) => (float[k, 5] y, float[5] s) <float z = {0}, int64[1] axis = {0}> {
      sums = ReduceSum<keepdims = 0>(x, one) above = Greater(sums, z) where = NonZero(above)
      index = Squeeze(where, axis) y = Gather(x, index) e = Exp(y) s = ReduceSum<keepdims = 0>(e, axis)
    }""",
    "expanded": """g (float[n, 5] x) => (float[a, b] y) <int64[2] least = {1, 1}> {
      m = ReduceMax<keepdims = 0>(x) c = Ceil(m) d = Abs(c) i = Cast<to = 7>(d) two = Concat<axis = 0>(i1, i1)
      shape = Max(two, least) y = Expand(z, shape)
    }""",
    "sliced": """g (float[n, 5] x) => (float[k, 5] y, float[k, k] p) <int64[1] zero = {0}> {
      best = ArgMax<axis = 0, keepdims = 0>(x) end = ReduceMax<keepdims = 1>(best) y = Slice(x, zero, end)
      t = Transpose(y) p = MatMul(y, t)
    }""",
    "ranged": """g (float[n, 5] x) => (int64[k] y) <int64 zero = {0}, int64 one = {1}> {
      best = ArgMax<axis = 0, keepdims = 0>(x) end = ReduceMax<keepdims = 0>(best) r = Range(zero, end, one)
      y = Add(r, r)
    }""",
}
MODELS["chosen_rows"] = MODELS["chosen_rows"].replace("int64[1] axis = {0}", "int64[1] axis = {0}, int64[1] one = {1}")
MODELS["expanded"] = (
    MODELS["expanded"]
    .replace("<int64[2] least = {1, 1}>", "<int64[2] least = {1, 1}, float z = {3}, int64[1] front = {0}>")
    .replace("two =", "i1 = Unsqueeze(i, front) two =")
)


@pytest.mark.parametrize("name", MODELS)
def test_goes_on_behind(name, compile_model):
    model = parsed(MODELS[name])
    library, expected = compile_model(model), onnx_runtime(model)
    for x in (X, -X, X[:1], np.abs(X), X[:3], X * 9):
        check(library, expected, {"x": x})


def test_beyond_the_limit(compile_model):
    library = compile_model(parsed(MODELS["expanded"]))
    large = np.full((1, 5), 5000, "f4")
    with library.session(memory_limit=1 << 20) as session:
        session.run({"x": X})
        with pytest.raises(hone.HoneError, match="memory_limit is 1048576") as error:
            session.run({"x": large})
        assert error.value.code == hone.Status.OUT_OF_MEMORY
        session.run({"x": X})  # it stays usable
    with pytest.raises(hone.HoneError, match=r"node '\w+' \(Expand\).*would not fit into memory"):
        library.run({"x": large * 1e13})
