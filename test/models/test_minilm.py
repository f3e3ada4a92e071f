"""The compiled sentence-embedding model against ONNX Runtime: every output, over batches, lengths, kinds of input.

Random inputs have token ids of the whole vocabulary and a mask of random length per row; real ones are tokenized
sentences, padded to the length. `pytest -rP` shows how far the outputs are from ONNX Runtime's.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import re

import numpy as np
import pytest
import tokenizers
from building import TOKENIZER
from tolerance import WHOLE_MODEL, assert_all_close, assert_same_bits, is_float, least_cosine, worst_of_largest

VOCABULARY = 30522
SENTENCES = [
    "Hone compiles a model once, and the library answers without a framework.",
    "The old lighthouse keeper climbed the spiral stairs every evening at dusk, in any weather, to light the lamp.",
    "Rates rose.",
    "Why do some birds return to the very same tree after crossing two continents and an ocean, year after year?",
]


def random_inputs(batch, length):
    random = np.random.default_rng([20260101, batch, length])
    ids = random.integers(0, VOCABULARY, (batch, length))
    real = random.integers(1, length + 1, batch)
    real[0] = length
    return ids, (np.arange(length) < real[:, None]).astype(np.int64)


def real_inputs(batch, length):
    tokenizer = tokenizers.Tokenizer.from_file(TOKENIZER)
    tokenizer.no_padding()
    ids, mask = np.zeros((2, batch, length), np.int64)
    for row, sentence in enumerate(SENTENCES[:batch]):
        tokens = tokenizer.encode(sentence).ids[:length]
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return ids, mask


@pytest.fixture(scope="module")
def one_thread(minilm_library):
    return minilm_library.session(threads=1)


@pytest.fixture(scope="module")
def two_threads(minilm_library):
    return minilm_library.session(threads=2)


@pytest.fixture(params=[random_inputs, real_inputs], ids=["random", "real"])
def inputs(request, batch, length):
    ids, mask = request.param(batch, length)
    return {"input_ids": ids, "attention_mask": mask}


every_size = pytest.mark.parametrize("length", [1, 7, 16, 128])
every_batch = pytest.mark.parametrize("batch", [1, 4])


@every_size
@every_batch
def test_outputs(inputs, one_thread, minilm_expected):
    got, expected = one_thread.run(inputs), minilm_expected(inputs)
    for name in got:
        if is_float(got[name].dtype) and got[name].shape == expected[name].shape:
            error, cosine = worst_of_largest(got[name], expected[name]), least_cosine(got[name], expected[name])
            print(f"{name}: off by at most {error:.1e} of the largest value, least cosine of a row {cosine:.7f}")
    assert_all_close(got, expected, WHOLE_MODEL)


@every_size
@every_batch
def test_threads(inputs, one_thread, two_threads):
    """Not a bit depends on the number of threads."""
    one, two = one_thread.run(inputs), two_threads.run(inputs)
    for name in one:
        assert_same_bits(two[name], one[name], what=name)


def test_profile_accounts_for_the_time(minilm_library, run_hone):
    dims = ("--dim", "batch_size=1", "--dim", "sequence_length=16")
    printed = run_hone("bench", minilm_library.path, *dims, "--threads=1", "--seconds=0.5", "--profile").stdout
    share = re.search(r"kernels +([0-9.]+) % of the time", printed)
    assert share and float(share[1]) >= 95, printed
