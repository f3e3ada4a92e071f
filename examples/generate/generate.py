#!/usr/bin/env python3
"""Answer a question with a compiled language model, token by token.

    generate.py LIBRARY TOKENIZER.json QUESTION [TOKENS]

LIBRARY: what `hone compile --state --entry decode:batch=1,sequence=1` made of a decoder that takes `input_ids`,
`attention_mask` and `position_ids` beside its cache, and gives `logits`. TOKENIZER.json: its tokenizer, in the format
of the `tokenizers` library. The question is put in the form of SmolLM2's instructions. TOKENS: how many at most, 100.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import sys

import hone
import numpy as np
import tokenizers

CHAT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"


def generate(session, ids, end, count):
    """Yields the likeliest tokens behind `ids`, at most `count`, until `end`. The session holds the cache: each run is
    given what is new alone."""
    new, length = ids, 0
    for _ in range(count):
        inputs = {
            "input_ids": np.array([new]),
            "attention_mask": np.ones((1, length + len(new)), np.int64),
            "position_ids": np.arange(length, length + len(new))[None],
        }
        # "decode" is the same model, compiled for one token at a time.
        logits = session.run(inputs, entry="decode" if len(new) == 1 else "main")["logits"]
        length += len(new)
        new = [int(logits[0, -1].argmax())]
        if new == [end]:
            return
        yield new[0]


def main():
    if len(sys.argv) not in (4, 5):
        raise SystemExit(__doc__)
    library, tokenizer = hone.load(sys.argv[1]), tokenizers.Tokenizer.from_file(sys.argv[2])
    ids = tokenizer.encode(CHAT.format(sys.argv[3])).ids
    count = int(sys.argv[4]) if len(sys.argv) == 5 else 100
    with library.session(state_capacity=len(ids) + count) as session:
        answer, shown = [], ""
        for token in generate(session, ids, tokenizer.token_to_id(END), count):
            answer.append(token)
            text = tokenizer.decode(answer).rstrip("\N{REPLACEMENT CHARACTER}")  # a character may be several tokens
            print(text[len(shown) :], end="", flush=True)
            shown = text
    print()


if __name__ == "__main__":
    main()
