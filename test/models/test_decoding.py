"""A decoder in a Loop generates the tokens that ONNX Runtime generates.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import decoding
import numpy as np
import pytest
from building import onnx_runtime
from tolerance import WHOLE_MODEL, assert_all_close

SIZE = decoding.Size(layers=2, width=64, heads=4, groups=2, inner=128, vocabulary=512)


@pytest.fixture(scope="module")
def model():
    return decoding.greedy(decoding.decoder(SIZE, np.random.default_rng(1)))


@pytest.fixture(scope="module")
def library(model, compile_model):
    return compile_model(model)


@pytest.fixture(scope="module")
def expected(model):
    return onnx_runtime(model)


@pytest.mark.parametrize("past", [0, 1, 5])
@pytest.mark.parametrize("batch", [1, 3])
def test_tokens(batch, past, model, library, expected):
    inputs = decoding.first_inputs(model, 3, np.random.default_rng(past), past=past, batch=batch)
    assert_all_close(library.run(inputs), expected(inputs), WHOLE_MODEL)


def test_runs_of_one_session(model, library, expected):
    """Longer and shorter ones, of one step, of none: a session has memory of earlier runs."""
    runs = [
        decoding.first_inputs(model, token, np.random.default_rng(token), past=past, batch=batch, steps=steps)
        for token, past, batch, steps in ((3, 0, 1, 8), (9, 4, 2, 24), (5, 17, 1, 1), (7, 2, 3, 0), (11, 0, 1, 8))
    ]
    generated = []
    with library.session(threads=1) as session:
        for inputs in [*runs, *reversed(runs)]:
            outputs = session.run(inputs)
            wanted = expected(inputs)
            if wanted["tokens"].size == 0:  # ONNX Runtime takes dims that no step has told for 0
                wanted["tokens"] = wanted["tokens"].reshape(outputs["tokens"].shape)
            assert_all_close(outputs, wanted, WHOLE_MODEL)
            generated.append(outputs["tokens"])
    for first, again in zip(generated, reversed(generated), strict=True):
        np.testing.assert_array_equal(first, again)
    assert len(set(generated[1].flat)) > 8  # or the tokens would show little
