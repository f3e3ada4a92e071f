"""Attention as exporters write it, against ONNX Runtime: masks that leave nothing, NaN, lengths around the tiles.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import numpy as np
import onnx
import pytest
from building import onnx_runtime, parsed
from tolerance import WHOLE_MODEL, assert_all_close

NAN, INF = np.nan, np.inf
LOWEST = np.finfo("f4").min

# softmax(q·kᵀ/√d + mask)·v with heads, as PyTorch's exporters write it.
ADDED_MASK = """
attention (float[b, h, s, 16] q, float[b, h, t, 16] k, float[b, h, t, 16] v, float[b, 1, s, t] mask)
  => (float[b, h, s, 16] y) <float scale = {0.25}>
{
  kt = Transpose <perm = [0, 1, 3, 2]> (k)
  product = MatMul (q, kt)
  scaled = Mul (product, scale)
  masked = Add (scaled, mask)
  weights = Softmax <axis = -1> (masked)
  y = MatMul (weights, v)
}"""

# The same with a mask of bools, WHERE; each of two heads of keys and values serves three.
SELECTED_MASK = """
attention (float[b, 6, s, 16] q, float[b, 2, t, 16] k, float[b, 2, t, 16] v, bool[b, 1, s, u] mask)
  => (float[b, 6, s, 16] y) <float scale = {0.25}, int64[1] two = {2}, int64[5] repeats = {1, 1, 3, 1, 1},
                             int64[4] joined = {0, 6, -1, 16}>
{
  k1 = Unsqueeze (k, two)
  k3 = Expand (k1, repeats)
  k6 = Reshape (k3, joined)
  v1 = Unsqueeze (v, two)
  v3 = Expand (v1, repeats)
  v6 = Reshape (v3, joined)
  kt = Transpose <perm = [0, 1, 3, 2]> (k6)
  product = MatMul (q, kt)
  scaled = Mul (product, scale)
  masked = Where (WHERE)
  weights = Softmax <axis = -1> (masked)
  y = MatMul (weights, v6)
}"""


class Attention:
    """A compiled model and ONNX Runtime, which should agree."""

    def __init__(self, model, compile_model):
        self.session, self.expected = compile_model(model).session(threads=2), onnx_runtime(model)

    def check(self, **inputs):
        assert_all_close(self.session.run(inputs), self.expected(inputs), WHOLE_MODEL)


@pytest.fixture(scope="module")
def attention(compile_model):
    return Attention(parsed(ADDED_MASK), compile_model)


def values(random, heads, count):
    return random.standard_normal((2, heads, count, 16)).astype("f4")


def operands(queries, keys):
    """q, k, v by name."""
    random = np.random.default_rng(queries * 1000 + keys)
    return {name: values(random, 3, count) for name, count in (("q", queries), ("k", keys), ("v", keys))}


def causal(queries, keys):
    return np.arange(keys) <= np.arange(queries)[:, None]


def causal_but_last(queries, keys):
    """The last query sees nothing."""
    return causal(queries, keys) & (np.arange(queries) < queries - 1)[:, None]


MASKS = {
    "none": lambda queries, keys: np.zeros((queries, keys)),
    "causal": lambda queries, keys: np.where(causal(queries, keys), 0, -INF),
    "a-row-of-inf": lambda queries, keys: np.where(causal_but_last(queries, keys), 0, -INF),
    "all-inf": lambda queries, keys: np.full((queries, keys), -INF),
    "all-lowest": lambda queries, keys: np.full((queries, keys), LOWEST),
    "lowest": lambda queries, keys: np.where(causal(queries, keys), 0, LOWEST),
}
LENGTHS = ((1, 1), (1, 7), (7, 7), (5, 64), (33, 133))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("queries, keys", [*LENGTHS, (3, 0), (0, 7)])
def test_mask(attention, queries, keys, mask):
    added = np.broadcast_to(MASKS[mask](queries, keys), (2, 1, queries, keys)).astype("f4")
    attention.check(**operands(queries, keys), mask=np.ascontiguousarray(added))


@pytest.mark.parametrize("name", ["q", "k", "v"])
@pytest.mark.parametrize("queries, keys", LENGTHS)
def test_nan(attention, queries, keys, name):
    inputs = operands(queries, keys)
    inputs[name][1, 2, 0, 3] = NAN
    attention.check(**inputs, mask=np.zeros((2, 1, queries, keys), "f4"))


# What a score becomes where the mask says so, and whether the mask's true keeps the score.
FILLS = {
    "keep--inf": (-INF, True),
    "keep-lowest": (LOWEST, True),
    "fill--10000": (-1e4, False),
    "fill--3": (-3, False),
}


@pytest.fixture(scope="module", params=FILLS.values(), ids=FILLS)
def selected(request, compile_model):
    """The attention, and whether its mask's true keeps the score."""
    fill, keeps_true = request.param
    model = parsed(SELECTED_MASK.replace("WHERE", "mask, scaled, fill" if keeps_true else "mask, fill, scaled"))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(fill), "fill"))
    return Attention(model, compile_model), keeps_true


@pytest.mark.parametrize("queries, keys", [(1, 1), (7, 7), (5, 64), (33, 133)])
def test_selected(selected, queries, keys):
    attention, keeps_true = selected
    random = np.random.default_rng(queries * 1000 + keys)
    q, k, v = values(random, 6, queries), values(random, 2, keys), values(random, 2, keys)
    kept = causal(queries, keys)
    kept[queries // 2] = False
    # A NaN in a score that is replaced does not count.
    k[1, 1, keys - 1, 3] = NAN
    mask = np.ascontiguousarray(np.broadcast_to(kept == keeps_true, (2, 1, queries, keys)))
    attention.check(q=q, k=k, v=v, mask=mask)
