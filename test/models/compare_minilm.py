#!/usr/bin/env python3
"""The compiled sentence-embedding model against ONNX Runtime: every output, over batches, lengths, kinds of input.

    compare_minilm.py [MODEL] [--library LIB] [--junit FILE]

Random inputs have token ids of the whole vocabulary and a mask of random length per row; real ones are tokenized
sentences, padded to the length. Integer outputs must be equal, float ones within checks.py's tolerances, and results
must not depend on the number of threads by a single bit. Prints one table; exits 1 if something differs.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import sys
import tempfile

import hone
import numpy as np
import tokenizers
from checks import MINILM, TOKENIZER, Checks, differences, error_and_cosine, reference

VOCABULARY = 30522
SEED = 20260101
SENTENCES = [
    "Hone compiles a model once, and the library answers without a framework.",
    "The old lighthouse keeper climbed the spiral stairs every evening at dusk, in any weather, to light the lamp.",
    "Rates rose.",
    "Why do some birds return to the very same tree after crossing two continents and an ocean, year after year?",
]


def random_inputs(batch, length, rng):
    ids = rng.integers(0, VOCABULARY, (batch, length))
    real = rng.integers(1, length + 1, batch)
    real[0] = length
    return ids, (np.arange(length) < real[:, None]).astype(np.int64)


def real_inputs(batch, length, tokenizer):
    ids, mask = np.zeros((2, batch, length), np.int64)
    for row, sentence in enumerate(SENTENCES[:batch]):
        tokens = tokenizer.encode(sentence).ids[:length]
        ids[row, : len(tokens)], mask[row, : len(tokens)] = tokens, 1
    return ids, mask


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=MINILM)
    parser.add_argument("--library", help="compiled from the model before; default: compile it now")
    parser.add_argument("--junit")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        library = hone.load(options.library or hone.compile(options.model, f"{folder}/minilm.so"))
        one_thread, two_threads = library.session(threads=1), library.session(threads=2)
    expect = reference(options.model)
    tokenizer = tokenizers.Tokenizer.from_file(TOKENIZER)
    tokenizer.no_padding()
    rng = np.random.default_rng(SEED)
    checks = Checks("minilm")

    print(f"seed {SEED}; for float outputs: worst error relative to the largest value, least cosine of a row")
    header = True
    for kind in ("random", "real"):
        for batch in (1, 4):
            for length in (1, 7, 16, 128):
                make, source = (random_inputs, rng) if kind == "random" else (real_inputs, tokenizer)
                ids, mask = make(batch, length, source)
                inputs = {"input_ids": ids, "attention_mask": mask}
                expected, actual = expect(inputs), one_thread.run(inputs)
                if header:
                    print(f"{'inputs':8s}{'batch':>6s}{'length':>7s}", *(f"{name:>24s}" for name in expected))
                    header = False
                cells = []
                for name, value in expected.items():
                    if actual[name].shape != value.shape:
                        cells.append(f"shape {list(actual[name].shape)}")
                    elif value.dtype.kind == "f":
                        cells.append("{:.1e}  {:.7f}".format(*error_and_cosine(value, actual[name])))
                    else:
                        cells.append("equal" if np.array_equal(value, actual[name]) else "DIFFERS")
                print(f"{kind:8s}{batch:6d}{length:7d}", *(f"{cell:>24s}" for cell in cells), flush=True)
                case = f"{kind}-b{batch}-s{length}"
                checks.add(case, differences(expected, actual))
                threaded = two_threads.run(inputs)
                changed = [name for name in expected if not np.array_equal(actual[name], threaded[name])]
                checks.add(f"{case}-threads", f"{changed} change with two threads" if changed else "")
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
