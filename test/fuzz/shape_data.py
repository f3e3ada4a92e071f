#!/usr/bin/env python3
"""Data that decide on shapes, at the edges of 64 bits: random models, each run on many data sets between guard pages.

    shape_data.py [--seed N] [--graphs N] [--runs N] [--seconds N] [--graph I] [--hone FILE] [--keep DIR]

Each model (shape_graphs.py) is compiled by --hone, and run by guarded_run.c: a tensor's neighbours are inaccessible
pages, so that a read or a write outside ends the process. ONNX Runtime runs the same in a child process, because it
may crash, too. A finding is: a crash, a run that neither ends nor hears `cancel`, a plan whose dims no memory can have,
memory written outside, an internal error of the compiler, results that differ from ONNX Runtime's, or a refusal that
none of the reasons below explains. Models and data sets of findings stay in --keep, with the command that shows them
again.

Graph I of seed N is the same in each run of this program: `--seed N --graph I` runs it alone.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import collections
import os
import pickle
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

import numpy as np
import onnx
import onnxruntime
import shape_graphs

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, f"{ROOT}/test")
from tolerance import Tolerance, mismatch  # noqa: E402

TOLERANCE = Tolerance(relative=1e-4, absolute=1e-5)
COMPILE_SECONDS = 60
REFERENCE_SECONDS = 2
REFERENCE_BYTES = 1 << 30
CRASHES = 8  # of one library, then its other data sets are left out: each costs up to 3 s

CODES = {"i": 0, "u": 1, "f": 2, "b": 6}
KINDS = {code: kind for kind, code in CODES.items()}
AT_BEGIN, OUTPUTS_AT_BEGIN, SESSION_OWNS_OUTPUTS, TWO_THREADS, STRIDED = 1, 2, 4, 8, 16
STATUSES = {0: "ok", 4: "cancelled", 6: "internal error", 100: "too large", 101: "dims beyond memory"}
STATUSES |= {102: "wrote outside", 103: "other dims than planned", 1: "refused", 2: "out of memory", 3: "unsupported"}
FAULTS = {"crashed", "hangs", "cancelled", "internal error"}
FAULTS |= {"dims beyond memory", "wrote outside", "other dims than planned"}

# What explains that Hone refuses what ONNX Runtime computes: (Hone's message, condition, why).
REFUSALS = [
    (
        r"TopK.*k is \d+, but may be",
        "k is beyond 2^31, or something is empty",
        "ONNX Runtime takes k modulo 2^32",
    ),
    (r"CumSum.*axis is", "something is empty", "ONNX Runtime looks at the axis only if there are elements"),
    (r"too large for any memory|expected at most 140737488355328|product of its dims is more", "", "a limit of Hone's"),
    (r"a 0 beside -1", "", "the standard has no such shape with allowzero"),
    (r"", "a Slice ends at 2^31 - 1 or 2^63 - 1", "ONNX Runtime reads these ends as the dim's"),
    (r"Concat.*dims \d+ of inputs must be equal", "something is empty", "ONNX Runtime leaves empty inputs out"),
    (r"dim \d+ of the shape is 0, which copies", "something is empty", "docs/design/contracts.md, «on the host»"),
    (r"", "ReduceProd or ReduceSum beyond 2^53", "ONNX Runtime reduces int64 in floats"),
]

# What explains that Hone computes what ONNX Runtime refuses: (ONNX Runtime's message, condition, why).
RUNTIME_REFUSALS = [
    (
        r"indices element out of|invalid indice|invalid index|Out of range value",
        "something is empty",
        "where there are no elements no index is looked at",
    ),
    (
        r"indices element out of|invalid indice|invalid index|Out of range value",
        "only dims of the node's results are used",
        "Hone makes no tensor of which only dims or parts are used",
    ),
    (r"input_shape_(non_zero_)?size % size", "something is empty", "beside a 0, -1 may be anything: Hone infers 0"),
    (r"Dimension could not be inferred: incompat", "something is empty", "beside a 0, -1 may be anything"),
    (r"Tile output tensor would require more", "", "ONNX Runtime makes no tensor of more than 4 GiB by Tile"),
    (r"", "ReduceProd or ReduceSum beyond 2^53", "ONNX Runtime reduces int64 in floats"),
    (r"OneHot.*Depth is negative", "something is empty", "ONNX Runtime refuses a depth of 0"),
    (r"Split sizes would produce a negative final split", "", "the last parts of num_outputs may be empty"),
    (r"narrowing_error", "", "ONNX Runtime's Split takes dims below 2^31 only"),
    (
        r"bad_alloc|Failed to allocate|Integer overflow|storage size overflowed",
        "",
        "Hone makes no tensor of which only dims or parts are used",
    ),
    (
        r"Pad: invalid mode|Pad reflect|Unexpected mode of",
        "",
        "Hone repeats as often as it takes, as numpy.pad does",
    ),
]

# What explains that results differ: (condition, why).
DIFFERENCES = [
    ("the reference agrees", "the standard's reference implementation agrees with Hone"),
    ("Pad wraps by negative amounts", "the standard does not say what wraps where a side is cut off"),
    ("a Slice ends at 2^31 - 1 or 2^63 - 1", "ONNX Runtime reads these ends as the dim's"),
    ("a Reshape with allowzero has 0 and -1", "the standard has no such shape"),
    ("a mean of nothing", "0 / 0 is NaN, as in numpy.mean; ONNX Runtime gives 0"),
    ("TopK's k is beyond 2^31", "ONNX Runtime takes k modulo 2^32"),
    ("ReduceProd or ReduceSum beyond 2^53", "ONNX Runtime reduces int64 in floats"),
]


class Outcome:
    """kind: one of STATUSES, `crashed` or `hangs`; text: the message; arrays: results, or only their dims."""

    def __init__(self, kind, text="", arrays=()):
        self.kind, self.text, self.arrays = kind, text, list(arrays)

    def __str__(self):
        shapes = ", ".join(str(list(a.shape)) for a in self.arrays)
        return f"{self.kind}{': ' if self.text else ''}{self.text}{' ' if shapes else ''}{shapes}"


# -- Hone


def build_runner(folder):
    runner = os.path.join(folder, "guarded_run")
    command = [os.environ.get("CC", "cc"), "-O1", "-Wall", f"-I{ROOT}/runtime/include", f"{HERE}/guarded_run.c"]
    subprocess.run([*command, "-o", runner, "-ldl", "-pthread"], check=True)
    return runner


def compile_model(hone, model, library):
    """(exit code, what it printed); the exit code is negative for a signal, 124 where it did not end."""
    command = [hone, "compile", model, "-o", library, "--name=m", "--jobs=1"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, errors="replace")
    except subprocess.TimeoutExpired:
        return 124, f"no end after {COMPILE_SECONDS} s"
    return done.returncode, done.stderr


def write_jobs(path, graph, data, flags):
    with open(path, "wb") as file:
        file.write(struct.pack("<i", len(data)))
        for arrays, flag in zip(data, flags):
            file.write(struct.pack("<ii", flag, len(graph.inputs)))
            for given in graph.inputs:
                array = arrays[given.name]
                header = (CODES[array.dtype.kind], 8 * array.dtype.itemsize, array.ndim)
                file.write(struct.pack(f"<iii{array.ndim}q", *header, *array.shape))
                file.write(struct.pack("<q", array.nbytes) + array.tobytes())


def read_results(bytes_):
    """Outcomes by the index of the run, as far as the process came."""
    at, outcomes = 0, {}

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, bytes_, at)
        at += struct.calcsize("<" + form)
        return values

    try:
        while at < len(bytes_):
            index, status, length = take("iii")
            text = bytes_[at : at + length].decode("utf-8", "replace")
            at += length
            arrays = []
            for _ in range(*take("i")):
                code, bits, rank = take("iii")
                shape, (size,) = take(f"{rank}q"), take("q")
                dtype = np.dtype(bool if KINDS[code] == "b" else f"{KINDS[code]}{bits // 8}")
                if size < 0:
                    arrays.append(Dims(shape, dtype))
                    continue
                flat = np.frombuffer(bytes_, dtype, size // dtype.itemsize, at)
                at += size
                arrays.append(flat.reshape(shape) if size else Dims(shape, dtype))
            outcomes[index] = Outcome(STATUSES.get(status, f"status {status}"), text, arrays)
    except struct.error:
        pass
    return outcomes


class Dims:
    """What is known of an array that is empty or was not computed."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = tuple(shape), dtype


def run_hone(runner, library, jobs, count):
    """Outcomes of runs, fewer than `count` if too many crashed."""
    outcomes, crashes = [], 0
    while len(outcomes) < count and crashes < CRASHES:
        command = [runner, library, "m", jobs, str(len(outcomes))]
        done = subprocess.run(command, capture_output=True)
        found = read_results(done.stdout)
        while len(outcomes) in found:
            outcomes.append(found[len(outcomes)])
            crashes += outcomes[-1].kind == "cancelled"
        if len(outcomes) < count:
            crashes += 1
            if done.returncode == 3:
                outcomes.append(Outcome("hangs", "cancel is not heard"))
            elif done.returncode < 0:
                outcomes.append(Outcome("crashed", signal.Signals(-done.returncode).name))
            else:
                raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()}")
    return outcomes


# -- ONNX Runtime, and the standard's reference implementation


def in_child(count, work):
    """Outcomes of `count` pieces of work, done by children: one that crashes, does not end or takes too much memory
    costs its own piece only. work(first, put) does the pieces from `first` on and puts (kind, text, arrays)."""
    outcomes = []
    while len(outcomes) < count:
        reader, writer = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            try:
                os.close(reader)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                with open("/proc/self/statm") as file:
                    used = int(file.read().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + REFERENCE_BYTES,) * 2)
                with os.fdopen(writer, "wb") as file:

                    def put(kind, text="", arrays=()):
                        signal.setitimer(signal.ITIMER_REAL, 0)
                        # Of what is larger than what Hone is run on, the dims are enough.
                        few = [a if 0 < a.nbytes <= 1 << 24 else Dims(a.shape, a.dtype) for a in arrays]
                        pickle.dump((kind, text, few), file)
                        file.flush()
                        signal.setitimer(signal.ITIMER_REAL, REFERENCE_SECONDS)

                    work(len(outcomes), put)
            finally:
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            try:
                while True:
                    outcomes.append(Outcome(*pickle.load(file)))
            except (EOFError, pickle.UnpicklingError):
                pass
        _, status = os.waitpid(pid, 0)
        if len(outcomes) < count:
            outcomes.append(Outcome("crashed", f"status {status}"))
    return outcomes


def run_runtime(model, data):
    """What ONNX Runtime makes of a model (a file, or bytes) on data sets."""

    def work(first, put):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        session, problem = None, ""
        try:
            session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            problem = f"at load: {error}"
        for arrays in data[first:]:
            try:
                put("ok", "", session.run(None, arrays)) if session else put("refused", problem)
            except Exception as error:
                put("refused", str(error))

    return in_child(len(data), work)


def run_reference(model, arrays):
    def work(_, put):
        import onnx.reference

        signal.setitimer(signal.ITIMER_REAL, REFERENCE_SECONDS)
        try:
            with np.errstate(all="ignore"):
                put("ok", "", [np.asarray(a) for a in onnx.reference.ReferenceEvaluator(model).run(None, arrays)])
        except Exception as error:
            put("refused", str(error))

    return in_child(1, work)[0]


# -- Comparing


def difference(mine, other):
    """Why two results differ, or ""."""
    if isinstance(mine, Dims) or isinstance(other, Dims):
        same = (tuple(mine.shape), mine.dtype) == (tuple(other.shape), other.dtype)
        return "" if same else f"{mine.dtype}{list(mine.shape)} instead of {other.dtype}{list(other.shape)}"
    return mismatch(mine, other, TOLERANCE)


def all_differences(mine, other):
    found = ((i, difference(a, b)) for i, (a, b) in enumerate(zip(mine.arrays, other.arrays, strict=True)))
    return "; ".join(f"output {i}: {text}" for i, text in found if text)


class Case:
    """One run: what Hone and ONNX Runtime made of it, and what may explain that they disagree."""

    def __init__(self, model, arrays, mine, other):
        self.model, self.arrays, self.mine, self.other = model, arrays, mine, other

    def holds(self, condition):
        if condition == "something is empty":
            return any(0 in a.shape for a in [*self.arrays.values(), *self.mine.arrays, *self.other.arrays])
        if condition == "k is beyond 2^31, or something is empty":
            k = int(re.search(r"k is (\d+)", self.mine.text).group(1))
            return k >= 2**31 or self.holds("something is empty")
        if condition == "only dims of the node's results are used":
            kind = re.search(r"running (\w+) node", self.other.text)
            return bool(kind) and self.gives_only_dims(kind[1])
        if condition == "the reference agrees":
            reference = run_reference(self.model, self.arrays)
            return reference.kind == "ok" and not all_differences(self.mine, reference)
        if condition == "Pad wraps by negative amounts":
            return any((pads < 0).any() for pads in self.values(lambda n: n.op_type == "Pad" and is_wrap(n), 1))
        if condition == "a Slice ends at 2^31 - 1 or 2^63 - 1":
            all_ends = self.values(lambda n: n.op_type == "Slice", 2)
            return any(np.isin(ends, (2**31 - 1, 2**63 - 1)).any() for ends in all_ends)
        if condition == "a Reshape with allowzero has 0 and -1":
            shapes = self.values(lambda n: n.op_type == "Reshape" and allows_zero(n), 1)
            return any((shape == 0).any() and (shape == -1).any() for shape in shapes)
        if condition == "a mean of nothing":
            return any(0 in a.shape for a in self.inputs_of(lambda n: n.op_type == "ReduceMean", 0))
        if condition == "TopK's k is beyond 2^31":
            return any((k >= 2**31).any() for k in self.values(lambda n: n.op_type == "TopK", 1))
        if condition == "ReduceProd or ReduceSum beyond 2^53":
            sums = self.values(lambda n: n.op_type == "ReduceSum", 0)
            products = self.values(lambda n: n.op_type == "ReduceProd", 0)
            wide = [np.abs(a.astype(float)).sum() for a in sums if a.dtype == np.int64]
            wide += [np.prod(np.maximum(np.abs(a.astype(float)), 1)) for a in products]
            return max(wide, default=0) > 2**53
        return condition == ""

    def gives_only_dims(self, kind):
        """Whether elements of a node of this kind lead to no output."""
        graph = onnx.load(self.model).graph
        needed, unused = {output.name for output in graph.output}, False
        for node in reversed(graph.node):
            if not needed.intersection(node.output):
                unused |= node.op_type == kind
            elif node.op_type not in ("Shape", "Size"):
                needed.update(node.input)
        return unused

    def values(self, is_wanted, i):
        """What ONNX Runtime computes for input `i` of some nodes, where it has elements."""
        return [array for array in self.inputs_of(is_wanted, i) if not isinstance(array, Dims)]

    def inputs_of(self, is_wanted, i):
        """The same, also where only the dims are known."""
        model = onnx.load(self.model)
        names = {n.input[i] for n in model.graph.node if is_wanted(n)}
        constants = {c.name: onnx.numpy_helper.to_array(c) for c in model.graph.initializer} | self.arrays
        inner = [name for name in names if name not in constants]
        del model.graph.output[:]
        model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in inner)
        needed, nodes = set(inner), []
        for node in reversed(model.graph.node):  # what does not lead there may fail
            if needed.intersection(node.output):
                needed.update(node.input)
                nodes.insert(0, node)
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        known = [constants[name] for name in names if name in constants]
        known += run_runtime(model.SerializeToString(), [self.arrays])[0].arrays if inner else []
        return known

    def judge(self):
        """(class, finding): how the run counts, and what is wrong with it, or ""."""
        mine, other = self.mine, self.other
        if mine.kind in FAULTS:
            return mine.kind, str(mine)
        if mine.kind == "refused" and not re.search(r"(node|input|output) '|^the values of this run", mine.text):
            return "names nothing", str(mine)
        if other.kind == "crashed":
            return f"{mine.kind}, ONNX Runtime crashed or did not end", ""
        if mine.kind in ("ok", "too large") and other.kind == "ok":
            wrong = all_differences(mine, other)
            if not wrong:
                return "both compute, equal" if mine.kind == "ok" else "too large here, equal dims", ""
            return self.explain("differ", wrong, DIFFERENCES)
        if mine.kind == "ok":
            rows = [row[1:] for row in RUNTIME_REFUSALS if re.search(row[0], other.text)]
            return self.explain("only here", f"ONNX Runtime refuses: {other.text}", rows + DIFFERENCES[:1])
        if other.kind == "ok":
            return self.explain("only there", str(mine), [row[1:] for row in REFUSALS if re.search(row[0], mine.text)])
        return f"both refuse ({mine.kind})", ""

    def explain(self, kind, finding, rows):
        why = next((why for condition, why in rows if self.holds(condition)), None)
        return (f"{kind}: {why}", "") if why else (kind, finding)


def allows_zero(node):
    return any(attribute.name == "allowzero" and attribute.i for attribute in node.attribute)


def is_wrap(node):
    return any(a.name == "mode" and a.s == b"wrap" for a in node.attribute)


class Campaign:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.runner = build_runner(folder)
        self.classes, self.findings = collections.Counter(), []
        self.compiled = self.refused = self.runs = 0

    def graph(self, index):
        options = self.options
        random_ = random.Random(f"{options.seed}-{index}")
        graph = shape_graphs.Graph(random_)
        model, library, jobs = (os.path.join(self.folder, name) for name in ("m.onnx", "m.so", "m.jobs"))
        onnx.save(graph.model, model)
        code, text = compile_model(options.hone, model, library)
        if code:
            self.refused += 1
            if code != 1:
                self.report(index, f"hone compile ends with {code}", text)
            return
        self.compiled += 1
        data = [shape_graphs.data_set(random_, graph) for _ in range(options.runs)]
        flags = [self.flags(random_) for _ in data]
        write_jobs(jobs, graph, data, flags)
        mine = run_hone(self.runner, library, jobs, len(data))
        other = run_runtime(model, data[: len(mine)])
        self.runs += len(mine)
        wrong = {}
        for run, (a, b) in enumerate(zip(mine, other)):
            kind, finding = Case(model, data[run], a, b).judge()
            self.classes[kind] += 1
            if finding:
                wrong.setdefault(kind, []).append((run, finding))
        for kind, found in wrong.items():
            run, finding = found[0]
            inputs = "".join(
                f"{name} {a.dtype}{list(a.shape)}: {a.ravel()[:16].tolist()}\n" for name, a in data[run].items()
            )
            self.report(
                index,
                f"run {run} (and {len(found) - 1} more) {kind}",
                f"{finding}\nHone: {mine[run]}\nONNX Runtime: {other[run]}\n{inputs}",
                run,
            )

    @staticmethod
    def flags(random_):
        """End of the pages more often than their begin: most mistakes run over the end."""
        choices = [(AT_BEGIN, 0.4), (OUTPUTS_AT_BEGIN, 0.4), (SESSION_OWNS_OUTPUTS, 0.2), (TWO_THREADS, 0.1)]
        choices.append((STRIDED, 0.2))
        return sum(flag for flag, share in choices if random_.random() < share)

    def report(self, index, title, text, run=0):
        options = self.options
        place = os.path.join(options.keep, f"{options.seed}-{index}")
        os.makedirs(place, exist_ok=True)
        for name in ("m.onnx", "m.so", "m.jobs"):
            if os.path.exists(os.path.join(self.folder, name)):
                shutil.copy(os.path.join(self.folder, name), place)
        again = f"shape_data.py --seed {options.seed} --graph {index} --runs {options.runs}"
        with open(os.path.join(place, "report.txt"), "a") as file:
            file.write(f"{title}\n{text}\n{again}\nguarded_run m.so m m.jobs {run}\n\n")
            file.write(onnx.printer.to_text(onnx.load(os.path.join(place, "m.onnx"))) + "\n")
        self.findings.append(f"graph {index}: {title}")
        print(f"FINDING graph {index}: {title}: {text.splitlines()[0] if text else ''}\n  {place}: {again}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--graphs", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=100, help="data sets for each graph")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this time")
    parser.add_argument("--graph", type=int, help="only this one")
    parser.add_argument("--hone", default=shutil.which("hone") or f"{ROOT}/build/compiler/hone")
    parser.add_argument("--keep", default=f"{ROOT}/build/shape-data", help="folder for what shows findings")
    parser.add_argument("--junit")
    options = parser.parse_args()
    indices = range(options.graphs) if options.graph is None else [options.graph]
    begin = time.time()
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(options, folder)
        for index in indices:
            if time.time() - begin > options.seconds:
                break
            for name in os.listdir(folder):
                if name.startswith("m."):
                    os.remove(os.path.join(folder, name))
            campaign.graph(index)
    print(
        f"seed {options.seed}: {campaign.compiled} graphs compiled, {campaign.refused} refused, {campaign.runs} runs, "
        f"{len(campaign.findings)} findings, {time.time() - begin:.0f} s"
    )
    for kind, count in sorted(campaign.classes.items(), key=lambda item: -item[1]):
        print(f"{count:8} {kind}")
    if options.junit:
        suite = xml.Element("testsuite", name="shape_data")
        for text in campaign.findings or [""]:
            case = xml.SubElement(suite, "testcase", name=f"shape-data-seed-{options.seed}")
            if text:
                xml.SubElement(case, "failure", message=text)
        xml.ElementTree(suite).write(options.junit, encoding="utf-8", xml_declaration=True)
    return int(bool(campaign.findings))


if __name__ == "__main__":
    sys.exit(main())
