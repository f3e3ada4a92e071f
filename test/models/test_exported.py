"""The graphs of exporters (graphs/), compiled, against ONNX Runtime.

    .venv/bin/python -m pytest test/models/test_exported.py           the few that continuous integration runs
    .venv/bin/python -m pytest test/models/test_exported.py --large   all of them (scripts/test.sh exported)

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import hashlib
import json

import materialize
import numpy as np
import onnx
import pytest
from building import onnx_runtime
from tolerance import WHOLE_MODEL, assert_all_close, assert_same_bits


def ids(batch, length, vocabulary=30522):
    return np.random.default_rng([1, batch, length]).integers(0, vocabulary, (batch, length))


def normal(*shape):
    return np.random.default_rng([2, *shape]).standard_normal(shape, np.float32)


def sentences(batch, length, *more):
    """The ids of as many tokens, the last row half masked out; `more`: inputs of the same form, of zeros."""
    mask = np.ones((batch, length), np.int64)
    mask[-1, (length + 1) // 2 :] = 0
    return {"input_ids": ids(batch, length), "attention_mask": mask, **{name: np.zeros_like(mask) for name in more}}


def typed_sentences(batch, length):
    return sentences(batch, length, "token_type_ids")


def image(batch):
    return {"input": normal(batch, 3, 224, 224)}


def t5_decoder(batch, length, states):
    return {"decoder_input_ids": ids(batch, length, 32100), "encoder_hidden_states": normal(batch, states, 512)}


def whisper_decoder(length):
    return {"decoder_input_ids": ids(1, length, 50257), "encoder_hidden_states": normal(1, 1500, 384)}


# Of each graph: what makes inputs, and the arguments of each run.
RUNS = {
    "minilm-dynamo": (typed_sentences, [(1, 16), (3, 7), (2, 128)]),
    "minilm-ts": (typed_sentences, [(1, 16), (3, 7), (2, 128)]),
    "distilbert-cls": (sentences, [(1, 16), (2, 128)]),
    "bert-base": (sentences, [(1, 16), (2, 128)]),
    "t5-encoder": (lambda *shape: {"input_ids": ids(*shape, 32100)}, [(1, 16), (2, 200)]),
    "t5-decoder": (t5_decoder, [(1, 1, 16), (2, 40, 128)]),
    "whisper-decoder": (whisper_decoder, [(1,), (16,)]),
    "whisper-encoder": (lambda: {"input_features": normal(1, 80, 3000)}, [()]),
    "vit": (image, [(1,), (2,)]),
    "resnet50": (image, [(1,), (2,)]),
    "resnet50-ts": (image, [(1,), (2,)]),
    "mobilenetv3": (image, [(1,), (2,)]),
    "efficientnet": (image, [(1,), (2,)]),
    "convnext": (image, [(1,), (2,)]),
}
# Those of continuous integration: both exporters' forms, relative positions, a convolutional network.
SMALL = ["minilm-dynamo", "minilm-ts", "t5-encoder", "mobilenetv3"]


def marked(names):
    return [pytest.param(name, marks=() if name in SMALL else pytest.mark.large) for name in names]


def test_every_graph_is_run():
    assert sorted(RUNS) == materialize.NAMES


@pytest.mark.parametrize("name", marked(RUNS))
def test_outputs(name, compile_model):
    path = materialize.model_path(name)
    make_inputs, runs = RUNS[name]
    library, expected = compile_model(path), onnx_runtime(path)
    with library.session(threads=1) as one, library.session(threads=2) as two:
        for arguments in runs:
            inputs = make_inputs(*arguments)
            outputs = one.run(inputs)
            assert_all_close(outputs, expected(inputs), WHOLE_MODEL)
            for output, other in two.run(inputs).items():
                assert_same_bits(other, outputs[output], what=f"{output} with two threads")


def test_weights_are_the_same_everywhere():
    """Seeded weights of an encoder, all 33 MB of them: times and errors of two machines are those of one model."""
    model = onnx.load(materialize.GRAPHS / "whisper-encoder.onnx")
    materialize.fill(model.graph, json.loads((materialize.GRAPHS / "whisper-encoder.json").read_text()))
    digest = hashlib.sha256()
    for tensor in model.graph.initializer:
        digest.update(tensor.name.encode() + tensor.raw_data)
    assert digest.hexdigest() == "d940a0fd7d6deca759a5eb41ec0fd8af73fde2c4be133795f87ff9fa2dec20a9"
