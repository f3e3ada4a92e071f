"""Attention as exporters write it, against ONNX Runtime: masks that leave nothing, NaN, lengths around the tiles.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import re

import hone
import numpy as np
import onnx
import pytest
from building import onnx_runtime, parsed
from onnx import numpy_helper
from onnxruntime.transformers.float16 import convert_float_to_float16
from tolerance import HALF_MODEL, WHOLE_MODEL, assert_all_close

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


# ---- Projections of one input, which become one product

PROJECTED = """
attention (float[b, s, WIDTH] x) => (float[b, s, OUT] y, float[b, s, SHARED] k)
  <int64[4] split_q = {0, 0, HEADS, SIZE}, int64[4] split_k = {0, 0, KEYS, SIZE}, int64[1] three = {3},
   int64[5] repeats = {1, 1, 1, REPEATS, 1}, int64[3] joined = {0, 0, OUT}, float scale = {0.25}>
{
  q = MatMul (x, w_q)
  k = MatMul (x, w_k)
  v = MatMul (x, w_v)
  q_biased = Add (b_q, q)
  k_biased = Add (b_k, k)
  v_biased = Add (b_v, v)
  q_heads = Reshape (q_biased, split_q)
  k_heads = Reshape (k_biased, split_k)
  v_heads = Reshape (v_biased, split_k)
  k_wide = Unsqueeze (k_heads, three)
  k_tiled = Tile (k_wide, repeats)
  k_all = Reshape (k_tiled, split_q)
  v_wide = Unsqueeze (v_heads, three)
  v_tiled = Tile (v_wide, repeats)
  v_all = Reshape (v_tiled, split_q)
  q_turned = Transpose <perm = [0, 2, 1, 3]> (q_heads)
  k_turned = Transpose <perm = [0, 2, 3, 1]> (k_all)
  v_turned = Transpose <perm = [0, 2, 1, 3]> (v_all)
  product = MatMul (q_turned, k_turned)
  scaled = Mul (product, scale)
  weights = Softmax <axis = -1> (scaled)
  read = MatMul (weights, v_turned)
  turned = Transpose <perm = [0, 2, 1, 3]> (read)
  y = Reshape (turned, joined)
}"""


def projected(heads, keys, size, width, returns_keys=False, one_weight=False):
    """Attention whose queries, keys and values are products of x. one_weight: queries and keys share theirs."""
    numbers = {
        "WIDTH": width, "OUT": heads * size, "SHARED": keys * size, "HEADS": heads, "KEYS": keys, "SIZE": size,
        "REPEATS": heads // keys,
    }  # fmt: skip
    text = re.sub("|".join(numbers), lambda match: str(numbers[match[0]]), PROJECTED)
    model = parsed(text.replace("w_k", "w_q") if one_weight else text)
    if not returns_keys:
        del model.graph.output[1]
    random = np.random.default_rng(heads * keys)
    for name, count in (("q", heads), ("k", keys), ("v", keys)):
        columns = count * size
        weight = (random.standard_normal((width, columns)) / width**0.5).astype("f4")
        if not (one_weight and name == "k"):
            model.graph.initializer.append(numpy_helper.from_array(weight, f"w_{name}"))
        bias = random.standard_normal(columns).astype("f4")
        model.graph.initializer.append(numpy_helper.from_array(bias, f"b_{name}"))
    return model


def in_half(model):
    return convert_float_to_float16(onnx.shape_inference.infer_shapes(model))


@pytest.mark.parametrize("half", [False, True], ids=["f32", "f16"])
@pytest.mark.parametrize(
    "shape",
    [
        {"heads": 4, "keys": 4, "size": 96, "width": 64},
        {"heads": 4, "keys": 2, "size": 8, "width": 24},
        {"heads": 4, "keys": 1, "size": 8, "width": 24},
        {"heads": 3, "keys": 3, "size": 5, "width": 7},
        {"heads": 4, "keys": 4, "size": 8, "width": 24, "returns_keys": True},
        {"heads": 4, "keys": 4, "size": 8, "width": 24, "one_weight": True},
    ],
    ids=["as many", "grouped", "one for all", "odd", "read by others", "shared weight"],
)
def test_projections(shape, half, compile_model):
    model, dtype, tolerance = projected(**shape), "f4", WHOLE_MODEL
    if half:
        model, dtype, tolerance = in_half(model), "f2", HALF_MODEL
    library, expected = compile_model(model), onnx_runtime(model)
    for batch, length in ((2, 5), (1, 1), (3, 33), (0, 5)):
        x = np.random.default_rng(length).standard_normal((batch, length, shape["width"])).astype(dtype)
        assert_all_close(library.run({"x": x}), expected({"x": x}), tolerance)


@pytest.mark.parametrize("half", [False, True], ids=["f32", "f16"])
def test_projections_are_one_product(half, save, run_hone):
    model = projected(heads=4, keys=4, size=96, width=64)
    kernels = run_hone("compile", save(in_half(model) if half else model), "--emit=kernels", "-o", "-").stdout
    assert len(re.findall(r"= hone\.launch @\w*matmul", kernels)) == 1


# ---- The operator Attention

FOUR = "float[b, 6, s, 16] q, float[b, 2, t, 16] k, float[b, 2, t, 16] v"
THREE = "float[b, s, 96] q, float[b, t, 32] k, float[b, t, 32] v"
HEADS = "q_num_heads = 6, kv_num_heads = 2"
OPERATORS = {
    "plain": (FOUR, "Attention (q, k, v)"),
    "joined": (THREE, f"Attention <{HEADS}> (q, k, v)"),
    "causal": (FOUR, "Attention <is_causal = 1> (q, k, v)"),
    "scale": (THREE, f"Attention <{HEADS}, is_causal = 1, scale = 0.1> (q, k, v)"),
    "bools": (f"{FOUR}, bool[s, t] mask", "Attention (q, k, v, mask)"),
    "numbers": (f"{FOUR}, float[b, 1, s, t] mask", "Attention (q, k, v, mask)"),
    "causal bools": (f"{FOUR}, bool[s, t] mask", "Attention <is_causal = 1> (q, k, v, mask)"),
    "lengths": (f"{FOUR}, int64[b] lengths", "Attention (q, k, v, , , , lengths)"),
    "causal lengths": (f"{FOUR}, int64[b] lengths", "Attention <is_causal = 1> (q, k, v, , , , lengths)"),
    # The standard's definition, by other operators.
    "capped": (FOUR, "Attention <softcap = 2.0> (q, k, v)"),
}


@pytest.fixture(scope="module", params=OPERATORS)
def operator(request, compile_model):
    """The attention, and the names and dims of its inputs."""
    inputs, node = OPERATORS[request.param]
    y = "float[b, s, 96] y" if inputs.startswith(THREE) else "float[b, 6, s, 16] y"
    model = parsed(f"g ({inputs}) => ({y}) {{ y = {node} }}", opset=24)
    return Attention(model, compile_model), inputs


def operator_inputs(inputs, queries, keys, random):
    dims = {"b": 3, "s": queries, "t": keys}
    feeds = {}
    for dtype, shape, name in re.findall(r"(\w+)\[(.*?)\] (\w+)", inputs):
        shape = [dims[dim] if dim in dims else int(dim) for dim in shape.split(", ")]
        if name == "lengths":
            feeds[name] = np.array([0, keys // 2, keys])
        elif name == "mask":
            kept = random.random(shape) < 0.5
            kept[..., 0, :] = False
            feeds[name] = kept if dtype == "bool" else np.where(kept, random.standard_normal(shape), -INF).astype("f4")
        else:
            feeds[name] = random.standard_normal(shape).astype("f4")
    return feeds


@pytest.mark.parametrize("queries, keys", [(1, 1), (1, 70), (4, 9), (7, 7), (9, 4), (33, 133), (130, 130)])
def test_operator(operator, queries, keys):
    attention, inputs = operator
    attention.check(**operator_inputs(inputs, queries, keys, np.random.default_rng(queries + keys)))


def test_masked_rows_are_zero_and_nan_is_nan(compile_model):
    """A row without a key to see is 0, whatever its query is; what is not a number stays so."""
    inputs, node = OPERATORS["numbers"]
    model = parsed(f"g ({inputs}) => (float[b, 6, s, 16] y) {{ y = {node} }}", opset=24)
    feeds = operator_inputs(inputs, 6, 9, np.random.default_rng(3))
    feeds["q"][0, 0, 0, 0], feeds["q"][0, 0, 1, 0], feeds["mask"][0, 0, 2, 3] = NAN, NAN, NAN
    y = compile_model(model).run(feeds)["y"]
    assert (y[:, :, 0] == 0).all()
    assert np.isnan(y[0, 0, 1]).all() and np.isnan(y[0, :, 2]).all() and np.isfinite(y[0, :, 3:]).all()


def test_keys_behind_the_end_are_not_read(compile_model):
    inputs, node = OPERATORS["lengths"]
    model = parsed(f"g ({inputs}) => (float[b, 6, s, 16] y) {{ y = {node} }}", opset=24)
    feeds = operator_inputs(inputs, 3, 20, np.random.default_rng(4))
    session = compile_model(model).session()
    feeds["lengths"] = np.array([0, 7, 20])
    expected = onnx_runtime(model)(feeds)
    feeds["k"][1, :, 7:], feeds["v"][1, :, 7:] = NAN, INF
    assert_all_close(session.run(feeds), expected, WHOLE_MODEL)
    for lengths in ([0, 7, 21], [-1, 7, 20], [0, 2**62, 20]):
        with pytest.raises(hone.HoneError, match=r"\(Attention\)"):
            session.run({**feeds, "lengths": np.array(lengths)})
    assert_all_close(session.run(feeds), expected, WHOLE_MODEL)


def test_operator_reads_what_was_before(compile_model):
    """past_key and past_value, and with --state what the session holds in their place."""
    past = "float[b, 2, p, 16] past_key, float[b, 2, p, 16] past_value"
    model = parsed(
        f"""g ({THREE.replace(" t,", " s,")}, {past})
            => (float[b, s, 96] y, float[b, 2, n, 16] present_key, float[b, 2, n, 16] present_value)
        {{ y, present_key, present_value = Attention <is_causal = 1, {HEADS}> (q, k, v, , past_key, past_value) }}""",
        opset=23,
    )
    library, stateful, expected = compile_model(model), compile_model(model, state=True), onnx_runtime(model)
    random = np.random.default_rng(5)
    held = {name: np.zeros((2, 2, 0, 16), "f4") for name in ("past_key", "past_value")}
    with stateful.session() as session:
        for count in (5, 1, 1, 3):
            new = {
                name: random.standard_normal((2, count, width)).astype("f4") for name, width in zip("qkv", (96, 32, 32))
            }
            wanted = expected({**new, **held})
            assert_all_close(library.run({**new, **held}), wanted, WHOLE_MODEL)
            assert_all_close(session.run(new), {"y": wanted["y"]}, WHOLE_MODEL)
            held = {name.replace("present", "past"): wanted[name] for name in ("present_key", "present_value")}


@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "capped"])
def test_operator_is_one_kernel(name, save, run_hone):
    inputs, node = OPERATORS[name]
    y = "float[b, s, 96] y" if inputs.startswith(THREE) else "float[b, 6, s, 16] y"
    model = parsed(f"g ({inputs}) => ({y}) {{ y = {node} }}", opset=24)
    kernels = run_hone("compile", save(model), "--emit=kernels", "-o", "-").stdout
    assert len(re.findall(r"hone\.launch @\w*attention", kernels)) == 1
    # The result of heads' rows is turned; what is read is not.
    assert len(re.findall(r"hone\.launch ", kernels)) == (1 if inputs.startswith(THREE) else 2)
