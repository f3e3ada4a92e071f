#!/usr/bin/env python3
"""Unusual and wrong inputs: the right answer or a clear error, and the session works afterwards.

    bad_inputs.py [MODEL] [--junit FILE]

On the sentence-embedding model: empty batch, empty sequence, a mask of zeros (ONNX Runtime's result); token ids beyond
the vocabulary, a sequence beyond the position table, wrong count, name, type, rank and dimensions (an error that says
what). On a small MLP (mlp.onnxtxt): NaN, infinities and overflow.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import os
import re
import sys
import tempfile

import hone
import numpy as np
import onnx
import onnx.parser
from checks import MINILM, Checks, differences, reference


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
MLP_ROWS = [
    [NAN, 1, 1, 1],
    [NAN, NAN, NAN, NAN],
    [INF, 1, 1, 1],
    [-INF, 1, 1, 1],
    [INF, INF, 0, 0],
    [3e38, 3e38, 3e38, 0],
    [1e-40, -1e-40, 0, -0.0],
    [1, 2, 3, 4],
]


def check_unusual(checks, session, expect):
    for name, inputs in UNUSUAL.items():
        try:
            checks.add(name, differences(expect(inputs), session.run(inputs)))
        except hone.Error as error:
            checks.add(name, f"unexpected error: {error}")


def check_wrong(checks, session, expect):
    right = pair(with_token(2023), ones(2, 7))
    expected = expect(right)
    for name, (inputs, pattern) in WRONG.items():
        try:
            session.run(inputs)
            checks.add(name, "no error")
        except hone.Error as error:
            checks.add(name, "" if re.search(pattern, str(error)) else f"the error does not say /{pattern}/: {error}")
        checks.add(f"{name}-then-right", differences(expected, session.run(right)))


def check_mlp(checks, folder):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "mlp.onnxtxt")) as file:
        model = onnx.parser.parse_model(file.read())
    path = f"{folder}/mlp.onnx"
    onnx.save(model, path)
    session, expect = hone.load(hone.compile(path, f"{folder}/mlp.so")).session(threads=2), reference(path)
    rows = np.array(MLP_ROWS, np.float32)
    blocks = {f"mlp-row-{row}": rows[i : i + 1] for i, row in enumerate(MLP_ROWS)}
    for name, x in {
        **blocks,
        "mlp-all-rows": rows,
        "mlp-many-rows": np.tile(rows, (9, 1)),
        "mlp-empty": rows[:0],
    }.items():
        checks.add(name, differences(expect({"x": x}), session.run({"x": x})))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=MINILM)
    parser.add_argument("--junit")
    options = parser.parse_args()
    checks = Checks("inputs")
    with tempfile.TemporaryDirectory() as folder:
        session = hone.load(hone.compile(options.model, f"{folder}/minilm.so")).session(threads=2)
        expect = reference(options.model)
        check_unusual(checks, session, expect)
        check_wrong(checks, session, expect)
        check_mlp(checks, folder)
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
