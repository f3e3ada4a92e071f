#!/usr/bin/env python3
"""Embed sentences with a compiled model and show which mean the same.

    embed.py LIBRARY TOKENIZER.json [SENTENCE…]

LIBRARY: what `hone compile` made of a sentence-embedding model that takes `input_ids` and `attention_mask`
[batch, sequence] and gives the embedding as its output `461` [batch, 384]. TOKENIZER.json: its tokenizer, in the format
of the `tokenizers` library.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import sys
import time

import hone
import numpy as np
import tokenizers

SENTENCES = [
    "A man is playing a guitar on stage.",
    "Someone performs music for an audience.",
    "The cat sleeps in the warm sun.",
    "A kitten is napping on the windowsill.",
    "Interest rates rose again last quarter.",
    "The central bank tightened its monetary policy.",
]


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    sentences = sys.argv[3:] or SENTENCES
    tokenizer = tokenizers.Tokenizer.from_file(sys.argv[2])
    tokenizer.enable_padding()  # to the longest sentence; the mask says what is padding
    tokenizer.enable_truncation(512)  # the model's position table ends there
    encodings = tokenizer.encode_batch(sentences)

    model = hone.load(sys.argv[1])
    start = time.perf_counter()
    outputs = model(
        input_ids=np.array([e.ids for e in encodings], np.int64),
        attention_mask=np.array([e.attention_mask for e in encodings], np.int64),
    )
    seconds = time.perf_counter() - start
    embeddings = outputs["461"] / np.linalg.norm(outputs["461"], axis=1, keepdims=True)

    print(f"{len(sentences)} sentences in {1e3 * seconds:.1f} ms; cosine similarities:\n")
    print(" " * 50, *(f"{i:5d}" for i in range(1, len(sentences) + 1)))
    for i, (sentence, row) in enumerate(zip(sentences, embeddings @ embeddings.T, strict=True), 1):
        print(f"{i:2d} {sentence[:47]:47s}", *(f"{similarity:5.2f}" for similarity in row))


if __name__ == "__main__":
    main()
