"""Several entries of one library: a decoder for any lengths, and for one token.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os
import subprocess

import decoding
import hone
import numpy as np
import pytest
from building import onnx_runtime
from tolerance import WHOLE_MODEL, assert_all_close

SIZE = decoding.SMOLLM2._replace(layers=2, vocabulary=512)
DECODE = "decode:batch=1,sequence=1"


@pytest.fixture(scope="module")
def model():
    return decoding.decoder(SIZE, np.random.default_rng(1))


@pytest.fixture(scope="module")
def expected(model):
    return onnx_runtime(model)


@pytest.fixture(scope="module")
def library(model, compile_model):
    return compile_model(model, entry=[DECODE], name="decoder")


def arguments(model, sequence, past, batch=1):
    """Inputs for so many tokens behind so many."""
    random = np.random.default_rng(sequence + past)
    named = {
        "input_ids": random.integers(0, SIZE.vocabulary, (batch, sequence)),
        "attention_mask": np.ones((batch, past + sequence), np.int64),
        "position_ids": np.tile(np.arange(past, past + sequence), (batch, 1)),
    }
    shape = (batch, SIZE.groups, past, SIZE.width // SIZE.heads)
    for value in list(model.graph.input)[3:]:
        named[value.name] = random.standard_normal(shape, np.float32)
    return named


def test_entries(library):
    main, decode = library.entries
    assert (main.name, decode.name) == ("main", "decode")
    assert main.inputs == library.inputs and main.outputs == library.outputs
    assert [value.shape for value in decode.inputs[:3]] == [(1, 1), (1, "total"), (1, 1)]
    assert decode.inputs[3].shape == (1, SIZE.groups, "past", 64)
    assert decode.outputs[0].shape == (1, 1, SIZE.vocabulary)
    assert [entry["name"] for entry in library.manifest["entries"]] == ["main", "decode"]


def test_generation_in_one_session(model, library, expected):
    """The prompt by one entry, then token by token by the other one, with the cache of the run before."""
    inputs = arguments(model, sequence=7, past=0)
    with library.session(threads=2) as session:
        outputs = session.run(inputs)
        assert_all_close(outputs, expected(inputs), WHOLE_MODEL)
        for past in range(7, 11):
            inputs = arguments(model, sequence=1, past=past)
            for name in inputs.keys() & {f"past_key_values.{i}.{kind}" for i in range(2) for kind in ("key", "value")}:
                inputs[name] = outputs[name.replace("past_key_values", "present")]
            outputs = session.run(inputs, entry="decode")
            assert_all_close(outputs, expected(inputs), WHOLE_MODEL)
        for batch, sequence, past in ((1, 1, 3), (2, 5, 0), (3, 1, 9)):  # and back again
            inputs = arguments(model, sequence, past, batch)
            assert_all_close(session.run(inputs, entry="main"), expected(inputs), WHOLE_MODEL)


@pytest.mark.parametrize("past", [0, 1, 40])
def test_decode(past, model, library, expected):
    inputs = arguments(model, sequence=1, past=past)
    assert_all_close(library.run(inputs, entry="decode"), expected(inputs), WHOLE_MODEL)


def test_refuses_other_dims(model, library):
    with pytest.raises(hone.HoneError, match="input 'input_ids': dim 1 is 2"):
        library.run(arguments(model, sequence=2, past=0), entry="decode")
    with pytest.raises(hone.HoneError, match="no entry 'prefill'; the library has 'main', 'decode'"):
        library.run(arguments(model, sequence=2, past=0), entry="prefill")


def test_weights_once(model, library, compile_model):
    """What an entry adds is code: the weights have 28 MB."""
    single = compile_model(model, name="decoder")
    assert library.manifest["weights"]["bytes"] == single.manifest["weights"]["bytes"]
    assert os.path.getsize(library.path) - os.path.getsize(single.path) < 400_000


def test_encoder_weights_once(minilm, minilm_library, minilm_expected, compile_model):
    """The products that attention reads are merged in all entries or in none."""
    batch, sequence = minilm_library.inputs[0].shape
    entries = [f"one:{batch}=1,{sequence}=1", f"short:{sequence}=16", f"both:{batch}=2,{sequence}=8"]
    library = compile_model(minilm, entry=entries)
    single = minilm_library.manifest["weights"]["bytes"]
    assert single <= library.manifest["weights"]["bytes"] < single + 100_000
    for entry, shape in (("one", (1, 1)), ("short", (3, 16)), ("both", (2, 8)), ("main", (2, 5))):
        ids = np.arange(1000, 1000 + np.prod(shape)).reshape(shape)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        inputs = {value.name: given[value.name] for value in library.inputs}
        assert_all_close(library.run(inputs, entry=entry), minilm_expected(inputs), WHOLE_MODEL)


def test_kernels_once(library):
    """No two kernels of a name, and those that both entries launch are there."""
    kernels = library.manifest["kernels"]
    assert len({kernel["name"] for kernel in kernels}) == len(kernels)
    nodes = [node for kernel in kernels for node in kernel["nodes"]]
    assert nodes and sum(kernel["launches"] for kernel in kernels) > len(kernels)


PROGRAM = """
#include "decoder.h"
#include <stdio.h>

static float cache[3 * 1024 * 64];

/* Tells the likeliest token behind the last one. */
static int likeliest(hone_session *session, int32_t entry, int64_t *ids, int64_t count, int64_t past,
                     hone_value *outputs) {
  static int64_t mask[1024], positions[1024];
  hone_dtype int64 = hone_dtype_make(HONE_CODE_INT, 64), f32 = hone_dtype_make(HONE_CODE_FLOAT, 32);
  int64_t shape[2] = {1, count}, all[2] = {1, past + count}, before[4] = {1, 3, past, 64};
  hone_value inputs[decoder_inputs];
  hone_error error;
  for (int64_t i = 0; i < past + count; ++i)
    mask[i] = 1;
  for (int64_t i = 0; i < count; ++i)
    positions[i] = past + i;
  inputs[decoder_input_input_ids] = hone_value_tensor(ids, int64, 2, shape);
  inputs[decoder_input_attention_mask] = hone_value_tensor(mask, int64, 2, all);
  inputs[decoder_input_position_ids] = hone_value_tensor(positions, int64, 2, shape);
  for (int i = 3; i < decoder_inputs; ++i)
    inputs[i] = hone_value_tensor(cache, f32, 4, before);
  if (hone_run(session, entry, inputs, decoder_inputs, outputs, decoder_outputs, &error)) {
    fprintf(stderr, "%s\\n", error.message);
    return -1;
  }
  const float *logits = (const float *)outputs[decoder_output_logits].tensor.data + (count - 1) * 512;
  int best = 0;
  for (int i = 1; i < 512; ++i)
    best = logits[i] > logits[best] ? i : best;
  return best;
}

int main(void) {
  typedef char same[(int)decoder_inputs == (int)decoder_decode_inputs &&
                    (int)decoder_output_logits == (int)decoder_decode_output_logits && decoder_entries == 2 ? 1 : -1];
  hone_session *session = NULL;
  hone_value outputs[decoder_outputs];
  int64_t id = 5;
  (void)sizeof(same);
  for (int i = 0; i < decoder_outputs; ++i)
    outputs[i] = hone_value_make();
  if (hone_session_create(decoder_library(), NULL, &session, NULL))
    return 1;
  for (int i = 0; i < 3; ++i) {
    int main_token = likeliest(session, decoder_entry_main, &id, 1, i, outputs);
    int decode_token = likeliest(session, decoder_entry_decode, &id, 1, i, outputs);
    if (main_token < 0 || main_token != decode_token)
      return 2;
    printf("%d\\n", decode_token);
    id = decode_token;
  }
  hone_session_destroy(session);
  return 0;
}
"""


def test_c_program(model, save, expected, tmp_path, run_hone):
    path = save(model)
    for output in ("decoder.h", "libdecoder.a"):
        done = run_hone("compile", path, "--name=decoder", "--entry", DECODE, "-o", tmp_path / output)
        assert done.returncode == 0, done.stderr
    (tmp_path / "program.c").write_text(PROGRAM)
    include = os.path.join(os.path.dirname(__file__), "../../runtime/include")
    flags = ["-std=c99", "-Wall", "-Wextra", "-pedantic-errors", "-Werror", "-I", include, "-I", tmp_path]
    program = tmp_path / "program"
    subprocess.run(
        ["cc", *flags, tmp_path / "program.c", tmp_path / "libdecoder.a", "-lm", "-lpthread", "-o", program], check=True
    )
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout.split()
    token = 5
    for past, found in enumerate(printed):
        inputs = {name: np.zeros_like(each) for name, each in arguments(model, sequence=1, past=past).items()}
        inputs["attention_mask"] += 1
        inputs["input_ids"] += token
        inputs["position_ids"] += past
        token = int(expected(inputs)["logits"][0, 0].argmax())
        assert token == int(found)
    assert len(printed) == 3
