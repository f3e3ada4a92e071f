"""Unusual and wrong inputs: the right answer or a clear error, and the session works afterwards.

On the sentence-embedding model: empty batch, empty sequence, a mask of zeros (ONNX Runtime's result); token ids beyond
the vocabulary, a sequence beyond the position table, wrong count, name, type, rank and dimensions (an error that says
what). On a decoder: caches of other lengths, types and shapes. On a small MLP (mlp.onnxtxt): NaN, infinities and
overflow.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import pathlib

import decoding
import hone
import numpy as np
import onnx
import onnx.parser
import pytest
from building import onnx_runtime
from tolerance import WHOLE_MODEL, assert_all_close


def ones(*shape, dtype=np.int64):
    return np.ones(shape, dtype)


def with_token(token, row=0, column=0):
    ids = ones(2, 7)
    ids[row, column] = token
    return ids


def pair(ids, mask):
    return {"input_ids": ids, "attention_mask": mask}


# Inputs with a defined result.
UNUSUAL = {
    "empty-batch": pair(ones(0, 5), ones(0, 5)),
    "empty-sequence": pair(ones(1, 0), ones(1, 0)),
    "empty-both": pair(ones(0, 0), ones(0, 0)),
    "mask-of-zeros": pair(ones(2, 7), 0 * ones(2, 7)),
    "mask-of-twos": pair(ones(2, 7), 2 * ones(2, 7)),
    "last-token": pair(with_token(30521), ones(2, 7)),
    "negative-token": pair(with_token(-30522), ones(2, 7)),  # counts from the end, as Gather defines it
    "longest-sequence": pair(ones(1, 512), ones(1, 512)),
    "strided": pair(ones(7, 2).T, ones(2, 14)[:, ::2]),
}

# Inputs with none, and what the error has to say.
WRONG = {
    "token-beyond-vocabulary": (pair(with_token(30522, 1, 6), ones(2, 7)), r"word_embeddings/Gather"),
    "token-far-beyond": (pair(with_token(2**62), ones(2, 7)), r"word_embeddings/Gather"),
    "token-far-below": (pair(with_token(-30523), ones(2, 7)), r"word_embeddings/Gather"),
    "sequence-too-long": (pair(ones(1, 513), ones(1, 513)), r"node '.*513"),
    "input-missing": ({"input_ids": ones(1, 4)}, r"attention_mask"),
    "input-unknown": ({**pair(ones(1, 4), ones(1, 4)), "token_types": ones(1, 4)}, r"token_types"),
    "wrong-type": (pair(ones(1, 4, dtype=np.int32), ones(1, 4)), r"input_ids.*int32|input_ids.*int64"),
    "wrong-float": (pair(ones(1, 4), ones(1, 4, dtype=np.float32)), r"attention_mask"),
    "wrong-rank": (pair(ones(4), ones(1, 4)), r"input_ids.*rank|input_ids.*dim"),
    "lengths-disagree": (pair(ones(1, 4), ones(1, 5)), r"attention_mask.*\b[45]\b|sequence"),
    "batches-disagree": (pair(ones(2, 4), ones(3, 4)), r"attention_mask.*\b[23]\b|batch"),
}

NAN, INF = np.nan, np.inf
MLP_ROWS = np.array(
    [
        [NAN, 1, 1, 1],
        [NAN, NAN, NAN, NAN],
        [INF, 1, 1, 1],
        [-INF, 1, 1, 1],
        [INF, INF, 0, 0],
        [3e38, 3e38, 3e38, 0],
        [1e-40, -1e-40, 0, -0.0],
        [1, 2, 3, 4],
    ],
    np.float32,
)


@pytest.fixture(scope="module")
def session(minilm_library):
    return minilm_library.session(threads=2)


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual(session, minilm_expected, name):
    assert_all_close(session.run(UNUSUAL[name]), minilm_expected(UNUSUAL[name]), WHOLE_MODEL)


@pytest.mark.parametrize("inputs, message", WRONG.values(), ids=WRONG)
def test_wrong(session, inputs, message):
    with pytest.raises(hone.Error, match=message):
        session.run(inputs)


@pytest.mark.parametrize("inputs", [inputs for inputs, _ in WRONG.values()], ids=WRONG)
def test_right_after_wrong(session, minilm_expected, inputs):
    with pytest.raises(hone.Error):
        session.run(inputs)
    right = pair(with_token(2023), ones(2, 7))
    assert_all_close(session.run(right), minilm_expected(right), WHOLE_MODEL)


@pytest.fixture(scope="module")
def mlp():
    return onnx.parser.parse_model((pathlib.Path(__file__).parent / "mlp.onnxtxt").read_text())


@pytest.fixture(scope="module")
def mlp_session(mlp, compile_model):
    return compile_model(mlp).session(threads=2)


@pytest.mark.parametrize(
    "x",
    [
        *(pytest.param(row[None], id=f"row-{row.tolist()}") for row in MLP_ROWS),
        pytest.param(MLP_ROWS, id="all-rows"),
        pytest.param(np.tile(MLP_ROWS, (9, 1)), id="many-rows"),
        pytest.param(MLP_ROWS[:0], id="empty"),
    ],
)
def test_mlp(mlp, mlp_session, x):
    assert_all_close(mlp_session.run({"x": x}), onnx_runtime(mlp)({"x": x}), WHOLE_MODEL)


# ---- A decoder's cache


SIZE = decoding.Size(layers=2, width=64, heads=4, groups=2, inner=128, vocabulary=512)
CACHE = "past_key_values.1.key"


def tokens(past=4):
    new = {
        "input_ids": ones(1, 3),
        "attention_mask": ones(1, past + 3),
        "position_ids": np.arange(past, past + 3)[None],
    }
    names = [f"past_key_values.{i}.{kind}" for i in range(SIZE.layers) for kind in ("key", "value")]
    return new | {name: np.zeros((1, SIZE.groups, past, 16), np.float32) for name in names}


def caches(*shape, dtype=np.float32):
    return {CACHE: np.zeros(shape, dtype)}


# What is given in place of the right inputs, and what the error has to say.
WRONG_CACHES = {
    "longer-than-others": (caches(1, 2, 5, 16), rf"input '{CACHE}': dim 2 is 5, but symbol 'past' is 4"),
    "wrong-type": (caches(1, 2, 4, 16, dtype=np.float16), rf"input '{CACHE}': .* float16, the model takes float32"),
    "wrong-heads": (caches(1, 3, 4, 16), rf"input '{CACHE}': dim 1 is 3, expected 2"),
    "wrong-rank": (caches(1, 2, 4), rf"input '{CACHE}'.*rank"),
    "other-batch": (caches(2, 2, 4, 16), rf"input '{CACHE}': dim 0 is 2, but symbol 'batch' is 1"),
    "mask-too-long": ({"attention_mask": ones(1, 9)}, r"node '.*' \(.*\): cannot broadcast a dim of 7 with one of 9"),
    "mask-too-short": ({"attention_mask": ones(1, 3)}, r"node '.*' \(.*\): cannot broadcast a dim of 7 with one of 3"),
}


@pytest.fixture(scope="module")
def decoder(compile_model):
    return compile_model(decoding.decoder(SIZE, np.random.default_rng(1)))


@pytest.mark.parametrize("wrong, message", WRONG_CACHES.values(), ids=WRONG_CACHES)
def test_wrong_cache(decoder, wrong, message):
    right = decoder.run(tokens())["logits"]
    with pytest.raises(hone.Error, match=message):
        decoder.run(tokens() | wrong)
    np.testing.assert_array_equal(decoder.run(tokens())["logits"], right)
