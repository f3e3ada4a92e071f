#!/usr/bin/env python3
"""A decoder whose library holds the cache, against the same without state and against ONNX Runtime, one thread.

    state.py [--settings state.json] [--target NAME] [--decoder FILE] [--json FILE] [--smoke]

The model is SmolLM2-135M with random weights, or --decoder: one in the form of exporters (scripts/gguf_to_onnx.py).
Settings and limits are in state.json:
* `tokens` greedy steps behind a random prompt: logits with state and without, and ONNX Runtime's, are `error` of the
  largest apart at most (the peer: same tokens).
* Time of one more token behind so many (`pasts`). The engines take turns, run by run, `rounds` times after two that do
  not count; figures are medians of CPU time. Without state, outputs are given as the next inputs.
* Bytes that launches read and write for that token, by the library's own records, and what each further token of the
  past adds to them. What attention must read of it is the cache once: layers x 2 x heads x columns x 4 bytes.
* So many `sessions` at once, each with its own state: all as one.
Exits 1 if a limit is missed: of time, with state over without. --smoke: a small model, few rounds, no limits.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time

import hone
import numpy as np
import onnx
import report

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(f"{HERE}/../test/models")
import building  # noqa: E402
import decoding  # noqa: E402


class Decoder:
    """An engine with the cache in its inputs and outputs."""

    def __init__(self, run, pasts):
        self.run_model, self.pasts, self.cache = run, pasts, {}

    def reset(self):
        self.cache = {name: np.zeros((1, *dims), np.float32) for name, dims in self.pasts.items()}

    def run(self, inputs):
        outputs = self.run_model({**inputs, **self.cache})
        self.cache = {name: outputs[name.replace("past_key_values", "present")] for name in self.cache}
        return outputs["logits"]


class Holder:
    """A library that holds it."""

    def __init__(self, session):
        self.session = session

    def reset(self):
        self.session.state.reset()

    def run(self, inputs):
        return self.session.run(inputs)["logits"]


def inputs_of(ids, past):
    total = past + ids.shape[1]
    ones, positions = np.ones((1, total), np.int64), np.arange(past, total)[None]
    return {"input_ids": ids, "attention_mask": ones, "position_ids": positions}


def generate(engine, prompt, tokens):
    """The logits of each step; each takes the likeliest token."""
    engine.reset()
    ids, past, all_logits = prompt, 0, []
    for _ in range(tokens):
        logits = engine.run(inputs_of(ids, past))[0, -1]
        past += ids.shape[1]
        ids = np.array([[logits.argmax()]])
        all_logits.append(logits)
    return np.stack(all_logits)


def check(engines, prompt, settings):
    """How far logits are apart, of the largest."""
    logits = {name: generate(engine, prompt, settings["tokens"]) for name, engine in engines.items()}
    expected = logits.pop("without")
    largest = np.abs(expected).max()
    apart = {name: float(np.abs(each - expected).max() / largest) for name, each in logits.items()}
    if apart["state"] > settings["error"]:
        raise SystemExit(f"error: logits with state are {apart['state']:g} of the largest away from those without")
    if not (logits["peer"].argmax(-1) == expected.argmax(-1)).all():
        raise SystemExit("error: ONNX Runtime generates other tokens")
    return apart, len(set(expected.argmax(-1)))


def measure(engines, past, token, rounds):
    """The median CPU time of one more token, ms. Each round begins with the same past."""
    inputs = inputs_of(token, past)
    caches = {name: engine.cache for name, engine in engines.items() if isinstance(engine, Decoder)}
    times = {name: [] for name in engines}
    for number in range(rounds + 2):
        for name, engine in engines.items():
            if name in caches:
                engine.cache = caches[name]
            before = time.thread_time()
            engine.run(inputs)
            after = time.thread_time()
            if name not in caches:
                engine.session.state.truncate(past)
            if number > 1:
                times[name].append(1e3 * (after - before))
    return {name: statistics.median(each) for name, each in times.items()}


def converse(library, prompt, settings):
    """So many sessions in as many threads; whether all give the logits of one."""
    tokens = settings["tokens"] // 8
    expected = generate(Holder(library.session(threads=1)), prompt, tokens)
    same = []

    def work():
        with library.session(threads=1) as session:
            same.append(np.array_equal(generate(Holder(session), prompt, tokens), expected))

    threads = [threading.Thread(target=work) for _ in range(settings["sessions"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(same) == settings["sessions"] and all(same)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", default=f"{HERE}/state.json")
    parser.add_argument("--target", default="host")
    parser.add_argument("--decoder", metavar="FILE")
    parser.add_argument("--json", help="append the JSON lines to this file instead of printing them")
    parser.add_argument("--smoke", action="store_true")
    options = parser.parse_args()
    settings = report.settings(options.settings)
    random = np.random.default_rng(settings["seed"])
    size = decoding.SMOLLM2._replace(layers=settings["layers"])
    if options.smoke:
        settings.update(tokens=8, pasts=[4, 40], rounds=1, sessions=4)
        size = decoding.Size(layers=2, width=64, heads=4, groups=2, inner=128, vocabulary=512)

    with tempfile.TemporaryDirectory() as folder:
        path = options.decoder or f"{folder}/decoder.onnx"
        if not options.decoder:
            onnx.save(decoding.decoder(size, random), path)
        graph = onnx.load(path, load_external_data=False).graph
        pasts = {}
        for info in graph.input[3:]:
            _, heads, _, columns = (dim.dim_value for dim in info.type.tensor_type.shape.dim)
            pasts[info.name] = (heads, 0, columns)
        libraries = {
            name: hone.load(hone.compile(path, f"{folder}/{name}.so", target=options.target, state=name == "state"))
            for name in ("state", "without")
        }
        launches = []
        with_launches = {n: each.session(threads=1, on_launch=launches.append) for n, each in libraries.items()}
        engines = {
            "state": Holder(libraries["state"].session(threads=1)),
            "without": Decoder(libraries["without"].session(threads=1).run, pasts),
            "peer": Decoder(building.onnx_runtime(path), pasts),
        }
        prompt = random.integers(0, size.vocabulary, (1, settings["prompt"]))
        apart, distinct = check(engines, prompt, settings)
        print(
            f"{settings['tokens']} greedy tokens ({distinct} distinct): logits with state {apart['state']:g} of the "
            f"largest from those without, ONNX Runtime's {apart['peer']:g}"
        )
        rows = []
        for past in settings["pasts"]:
            ids = random.integers(0, size.vocabulary, (1, past))
            token = ids[:, :1]
            for engine in engines.values():
                engine.reset()
                engine.run(inputs_of(ids, 0))
            moved = {}
            counted = {
                "state": Holder(with_launches["state"]),
                "without": Decoder(with_launches["without"].run, pasts),
            }
            for name, engine in counted.items():
                engine.reset()
                engine.run(inputs_of(ids, 0))
                launches.clear()
                engine.run(inputs_of(token, past))
                moved[name] = sum(launch.bytes for launch in launches)
            times = measure(engines, past, token, settings["rounds"])
            row = {"past": past, **times, "ratio": times["state"] / times["without"], "limit": settings["limit"]}
            row |= {"to_peer": times["state"] / times["peer"], "bytes": moved, "met": row["ratio"] <= row["limit"]}
            verdict = "" if row["met"] or options.smoke else "  EXCEEDED"
            print(
                f"behind {past:5d}: {times['state']:7.2f} ms with state, {times['without']:7.2f} without "
                f"({row['ratio']:.3f}), {times['peer']:7.2f} ONNX Runtime ({row['to_peer']:.3f}); moves "
                f"{moved['state'] / 1e6:.2f} MB, {moved['without'] / 1e6:.2f}{verdict}",
                flush=True,
            )
            rows.append(row)
        first, last = rows[0], rows[-1]
        cache = sum(heads * columns * 4 for heads, _, columns in pasts.values())
        for name in ("state", "without"):
            each = (last["bytes"][name] - first["bytes"][name]) / (last["past"] - first["past"])
            print(f"a further token of the past adds {each:,.0f} bytes {name:8s}(the cache has {cache:,} of it)")
            rows.append({"what": f"bytes a token of past, {name}", "bytes": each, "cache": cache})
        same = converse(libraries["state"], prompt, settings)
        print(f"{settings['sessions']} sessions at once: {'as one' if same else 'NOT AS ONE'}")
    report.write("state", f"{report.machine(settings['peer'])}, target {options.target}", rows, options.json)
    return int(not same or (not options.smoke and not all(row.get("met", True) for row in rows)))


if __name__ == "__main__":
    sys.exit(main())
