#!/usr/bin/env python3
"""Run the ONNX backend test suite of the installed `onnx` package against any implementation.

    onnx_conformance.py --adapter hone|onnxruntime|reference [--scope FILE] [--kinds node,light] [--only REGEX]
    onnx_conformance.py --adapter my_adapter.py              a file that defines prepare(model_path)
    onnx_conformance.py --command 'hone compile {model} -o {lib} && hone run {lib} {inputs} -o {out}'
    onnx_conformance.py --list                               count the cases, run nothing

The cases (onnx 1.23.2: 2033) come from onnx/backend/test: node (made in memory by the package and written once to a
scratch folder), simple, pytorch-converted, pytorch-operator, and the nine `light` networks, whose input is
arange(n)/n. Nothing is downloaded. Needs only onnx and numpy, and the implementation.

Adapter      prepare(model_path) -> run;   run(inputs) -> outputs, both lists in the order of the graph's.
             Values: numpy arrays (ml_dtypes for bfloat16, float8, int4 ...; object arrays of str for strings), a list
             for a sequence, None for an empty optional. NotImplementedError, or a text that says "not supported" or
             "unsupported", counts as `unsupported`, not as `error`.
             HONE_FLAGS='{"target": "x86-64-v3"}' passes keywords to hone.compile.
--command    a shell line, run once per data set. {model}: model file; {lib}: a scratch path ending in .so; {inputs}:
             expands to --input NAME=FILE for each input, FILE.npy for what NumPy has a type for, else FILE.pb; {out}:
             folder for NAME.npy, NAME.pb or output_I.pb.
Verdicts     pass; mismatch (wrong value, type or shape); unsupported; error; crash (the process died); timeout.
Tolerance    onnx.backend.test.runner's: rtol 1e-3, atol 1e-7, or the case's own; types, shapes, integers and strings
             equal (test/tolerance.py).
             --ulp N also accepts N units in the last place for floats of 16 bits and fewer, of models of several
             nodes: an implementation may round at each node or not (default 0: strict, as single nodes are, but
             for those that a scope names as "stepwise").
             Cases with true randomness (RANDOM below) are checked for type and shape only.
Scope        --scope FILE.json: {"operators": [names], "types": ["float", ...], "outside": {case id: reason},
             "stepwise": {case id: reason}, "exceptions": {case id: reason}}.
             Only cases whose operators (subgraphs and functions included) and element types are all listed are run;
             the others are counted by reason. An exception may fail with its reason; one that passes fails the run
             until it leaves the file.
Workers      cases run in --jobs child processes, each started again after a crash or a time-out: no case can end the
             run.
Exit code    0 when every case passes (with --scope: as expected), 1 otherwise; with --expect FILE.json (an earlier
             --json): 1 only if a case got worse.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import collections
import concurrent.futures
import functools
import glob
import importlib.util
import json
import os
import queue
import re
import select
import shlex
import subprocess
import sys
import tempfile
import time
import warnings
import xml.etree.ElementTree as xml

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tolerance import Tolerance, assert_close, is_float  # noqa: E402

DATA = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data")
KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator", "light")
RANDOM = re.compile(r"test_bernoulli|test_training_dropout(?!_zero_ratio|_default_zero)")
UNSUPPORTED = re.compile(
    r"not.?implemented|not supported|unsupported|no op registered|is not a registered|under development", re.IGNORECASE
)
Case = collections.namedtuple("Case", "id kind name model rtol atol sets")


# ---- cases


def write_node_cases(folder):
    """The package's node cases as the files that releases before 1.23 shipped, plus rtol and atol in data.json."""
    from onnx.backend.test.case.node import collect_testcases

    def proto(value, info):
        if isinstance(value, TensorProto | onnx.SequenceProto | onnx.OptionalProto | onnx.MapProto):
            return value
        make = {
            "sequence_type": numpy_helper.from_list,
            "optional_type": numpy_helper.from_optional,
            "map_type": numpy_helper.from_dict,
        }.get(info.type.WhichOneof("value"), lambda v, name: numpy_helper.from_array(np.asarray(v), name))
        return make(value, info.name)

    def write(path, data):
        with open(path, "wb") as file:
            file.write(data)

    warnings.simplefilter("ignore")
    for case in collect_testcases(None):
        path = os.path.join(folder, case.name)
        os.makedirs(path)
        write(f"{path}/model.onnx", case.model.SerializeToString())
        write(f"{path}/data.json", json.dumps({"rtol": case.rtol, "atol": case.atol}).encode())
        graph = case.model.graph
        for number, (inputs, outputs) in enumerate(case.data_sets):
            os.makedirs(f"{path}/test_data_set_{number}")
            for side, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
                for i, (value, info) in enumerate(zip(values, infos, strict=False)):
                    write(f"{path}/test_data_set_{number}/{side}_{i}.pb", proto(value, info).SerializeToString())


def node_folder():
    folder = os.path.join(tempfile.gettempdir(), f"onnx-node-cases-{onnx.__version__}-{os.getuid()}")
    if not os.path.isdir(folder):
        scratch = tempfile.mkdtemp()
        write_node_cases(scratch)
        os.rename(scratch, folder)
    return folder


def cases(kinds):
    for kind in kinds:
        source = node_folder() if kind == "node" else os.path.join(DATA, "real" if kind == "light" else kind)
        for name in sorted(os.listdir(source)):
            folder, meta = os.path.join(source, name), {}
            if not name.startswith("test_"):
                continue
            if os.path.exists(f"{folder}/data.json"):
                with open(f"{folder}/data.json") as file:
                    meta = json.load(file)
            model = f"{folder}/model.onnx"
            if kind == "light":
                model = os.path.join(DATA, "light", os.path.basename(meta["url"]))
            if os.path.exists(model):
                sets = sorted(glob.glob(f"{folder}/test_data_set_*"))
                yield Case(f"{kind}/{name}", kind, name, model, meta.get("rtol", 1e-3), meta.get("atol", 1e-7), sets)


def subject(case):
    """domain::Op that the case is about; an _expanded case belongs to the operator whose body it is."""
    if case.kind == "light":
        return "network"
    base = re.sub(r"_expanded.*$", "", case.name)
    unexpanded = os.path.join(os.path.dirname(os.path.dirname(case.model)), base, "model.onnx")
    return subject_of_model(unexpanded if os.path.exists(unexpanded) else case.model, base.replace("_", ""))


@functools.cache
def subject_of_model(path, flat_name):
    ops = [(n.domain or "ai.onnx") + "::" + n.op_type for n in load(path).graph.node]
    named = [op for op in ops if flat_name.startswith("test" + op.split("::")[1].lower())]
    if named:
        return max(named, key=len)
    return ops[0] if len(set(ops)) == 1 else "several"


def load(path):
    return onnx.load(path, load_external_data=False)


def type_name(data_type):
    return TensorProto.DataType.Name(data_type).lower()


def out_of_scope(case, scope):
    """Why a case is out of scope, or None: looks at every node (subgraphs and local functions included) and at the
    element types of all values that are declared or inferred."""
    model = onnx.shape_inference.infer_shapes(load(case.model))
    local = {(f.domain, f.name) for f in model.functions}
    types = {t.data_type for t in model.graph.initializer}

    def walk(nodes):
        for node in nodes:
            name = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}::{node.op_type}"
            if name not in scope["operators"] and (node.domain, node.op_type) not in local:
                return f"operator {name}"
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    types.add(attribute.t.data_type)
                graphs = [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else attribute.graphs
                for graph in graphs:
                    if reason := walk(graph.node):
                        return reason
        return None

    for nodes in (model.graph.node, *(f.node for f in model.functions)):
        if reason := walk(nodes):
            return reason
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        if not value.type.HasField("tensor_type"):
            return f"type {value.type.WhichOneof('value') or 'unknown'}"
        types.add(value.type.tensor_type.elem_type)
    return next((f"type {type_name(t)}" for t in sorted(types) if t and type_name(t) not in scope["types"]), None)


def read(path, value_type):
    proto, convert = {
        "sequence_type": (onnx.SequenceProto, numpy_helper.to_list),
        "optional_type": (onnx.OptionalProto, numpy_helper.to_optional),
        "map_type": (onnx.MapProto, numpy_helper.to_dict),
    }.get(value_type.WhichOneof("value"), (TensorProto, numpy_helper.to_array))
    with open(path, "rb") as file:
        return convert(proto.FromString(file.read()))


def strings(array):
    flat = [s.decode() if isinstance(s, bytes) else str(s) for s in array.ravel()]
    return np.array(flat, object).reshape(array.shape)


def is_strings(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "OSU"


def data_sets(case, graph):
    """Yields (names of the inputs, values, their .pb files or None, expected outputs) of each data set."""
    constant = {t.name for t in graph.initializer}
    free = [v for v in graph.input if v.name not in constant]
    if case.kind == "light":
        shape = [d.dim_value or 1 for d in free[0].type.tensor_type.shape.dim]
        count = int(np.prod(shape))
        expected = [read(f"{case.model[:-5]}_output_{i}.pb", o.type) for i, o in enumerate(graph.output)]
        yield [free[0].name], [(np.arange(count).reshape(shape) / count).astype(np.float32)], [None], expected
    for folder in case.sets:
        count = len(glob.glob(f"{folder}/input_*.pb"))
        inputs = list(graph.input)[:count] if count > len(free) else free[:count]
        files = [f"{folder}/input_{i}.pb" for i in range(count)]
        values = [read(f, v.type) for f, v in zip(files, inputs, strict=True)]
        values = [strings(v) if is_strings(v) else v for v in values]
        outputs = [(f"{folder}/output_{i}.pb", o.type) for i, o in enumerate(graph.output)]
        yield [v.name for v in inputs], values, files, [read(f, t) for f, t in outputs if os.path.exists(f)]


# ---- comparison


def check(expected, actual, case, ulp):
    """Raises AssertionError unless `actual` is `expected` within the case's tolerance."""
    if isinstance(expected, list | tuple):
        assert isinstance(actual, list | tuple) and len(expected) == len(actual), "sequence length differs"
        for e, a in zip(expected, actual, strict=True):
            check(e, a, case, ulp)
        return
    if expected is None or isinstance(expected, dict):
        assert actual is None if expected is None else expected == actual, "optional or map differs"
        return
    expected, actual = np.asarray(expected), np.asarray(actual)
    if is_strings(expected):
        expected, actual = strings(expected), strings(actual)
    if RANDOM.match(case.name):
        assert expected.shape == actual.shape and expected.dtype == actual.dtype, "shape or type differs"
        return
    relative = case.rtol
    if is_float(expected.dtype) and expected.dtype.itemsize <= 2:
        import ml_dtypes  # knows the types that NumPy lacks

        relative = max(relative, ulp * float(ml_dtypes.finfo(expected.dtype).eps))
    assert_close(actual, expected, Tolerance(relative=relative, absolute=case.atol))


# ---- adapters


def by_name(graph, values):
    """Values by input name. Old files list their initializers as inputs too: skipped unless values come for all."""
    constant = {t.name for t in graph.initializer} if len(values) < len(graph.input) else set()
    return dict(zip([v.name for v in graph.input if v.name not in constant], values, strict=False))


def prepare_hone(path):
    import hone

    graph = load(path).graph
    with tempfile.TemporaryDirectory() as folder:  # a loaded library outlives its file
        library = os.path.join(folder, "model.so")
        hone.compile(path, library, **json.loads(os.environ.get("HONE_FLAGS", "{}")))
        session = hone.load(library).session(threads=1)
    return lambda values: list(session.run(by_name(graph, values)).values())


def prepare_reference(path):
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(path)
    graph = load(path).graph
    return lambda values: evaluator.run(None, by_name(graph, values))


def prepare_onnxruntime(path):
    """Types that NumPy lacks go in as initializers and come out through a Cast to float."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1

    def session(model):
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def exotic(value):
        return value.type.HasField("tensor_type") and value.type.tensor_type.elem_type > TensorProto.COMPLEX128

    model = onnx.load(path)
    exotic_inputs = {v.name for v in model.graph.input if exotic(v)}
    exotic_outputs = {v.name for v in model.graph.output if exotic(v)}
    if not exotic_inputs and not exotic_outputs:
        plain = session(path)
        return lambda values: plain.run(None, by_name(model.graph, values))

    def run(values):
        copy, feed, cast_back = onnx.ModelProto(), by_name(model.graph, values), {}
        copy.CopyFrom(model)
        for name in exotic_inputs & set(feed):
            copy.graph.initializer.append(numpy_helper.from_array(feed.pop(name), name))
            copy.graph.input.remove(next(v for v in copy.graph.input if v.name == name))
        for value in copy.graph.output:
            if value.name in exotic_outputs:
                cast = value.name + "__float"
                cast_back[cast] = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
                copy.graph.node.append(onnx.helper.make_node("Cast", [value.name], [cast], to=TensorProto.FLOAT))
                value.name, value.type.tensor_type.elem_type = cast, TensorProto.FLOAT
        changed = session(copy.SerializeToString())
        names = [o.name for o in changed.get_outputs()]
        outputs = zip(names, changed.run(None, feed), strict=True)
        return [o.astype(cast_back[name]) if name in cast_back else o for name, o in outputs]

    return run


def adapter(name):
    """The prepare function of a built-in adapter or of a file."""
    if not name.endswith(".py"):
        return globals()["prepare_" + name]
    spec = importlib.util.spec_from_file_location("adapter", name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.prepare


def run_command(template, case, graph, folder, timeout):
    """Runs the shell line once per data set; yields (outputs, expected outputs)."""
    for number, (names, values, files, expected) in enumerate(data_sets(case, graph)):
        out, arguments = os.path.join(folder, f"out{number}"), []
        os.makedirs(out)
        for i, (name, value, file) in enumerate(zip(names, values, files, strict=True)):
            if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
                file = os.path.join(folder, f"in{number}_{i}.npy")
                np.save(file, value)
            arguments += ["--input", shlex.quote(f"{name}={file}")]
        line = template.format(
            model=shlex.quote(case.model), lib=os.path.join(folder, "m.so"), inputs=" ".join(arguments), out=out
        )
        result = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=timeout)
        if result.returncode:
            raise RuntimeError(f"exit code {result.returncode}: {(result.stderr or result.stdout)[-300:]}")

        def fetch(i, output, out=out):
            for path in (f"{out}/{output.name}.npy", f"{out}/{output.name}.pb", f"{out}/output_{i}.pb"):
                if os.path.exists(path):
                    return np.load(path, allow_pickle=False) if path.endswith("npy") else read(path, output.type)
            raise AssertionError(f"no file for output '{output.name}'")

        yield [fetch(i, o) for i, o in enumerate(graph.output)][: len(expected)], expected


# ---- workers


@functools.cache
def stepwise(scope):
    """Cases of one node whose expected values were rounded at each step of the operator's definition."""
    if not scope:
        return {}
    with open(scope) as file:
        return json.load(file).get("stepwise", {})


def verdict(case, options, prepare):
    """Runs one case in this process: (verdict, message)."""
    try:
        graph = load(case.model).graph
        if options.command:
            with tempfile.TemporaryDirectory() as folder:
                pairs = list(run_command(options.command, case, graph, folder, options.timeout))
        else:
            run = prepare(case.model)
            pairs = [(run(values), expected) for _, values, _, expected in data_sets(case, graph)]
        for outputs, expected in pairs:
            assert len(outputs) == len(expected), f"{len(outputs)} outputs, expected {len(expected)}"
            has_steps = len(graph.node) > 1 or case.id in stepwise(options.scope)
            check(list(expected), list(outputs), case, options.ulp if has_steps else 0)
        return "pass", ""
    except AssertionError as error:
        return "mismatch", " ".join(str(error).split())[:300]
    except subprocess.TimeoutExpired:
        return "timeout", ""
    except Exception as error:  # whatever an implementation throws is its verdict
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        unsupported = isinstance(error, NotImplementedError) or UNSUPPORTED.search(text)
        return "unsupported" if unsupported else "error", text[:300]


def serve(options):
    """A worker: a case in on each line of stdin, its verdict out on stdout; whatever else is printed goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    prepare = None if options.command else adapter(options.adapter)
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(verdict(Case(*json.loads(line)), options, prepare)), file=answers, flush=True)


class Worker:
    """A child process that runs cases, replaced when one of them kills or hangs it."""

    def __init__(self, timeout):
        self.timeout, self.process = timeout, None

    def answer(self, seconds):
        """The next line from the child, "" when it died, None when it took too long."""
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return None
        return self.process.stdout.readline()

    def start(self):
        command = [sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--worker"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, text=True, bufsize=1, **pipes)
        if self.answer(60) != "ready\n":
            raise SystemExit("error: the adapter does not start; try --worker by hand")

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def run(self, case):
        if not self.process:
            self.start()
        self.process.stdin.write(json.dumps(case) + "\n")
        line = self.answer(self.timeout)
        if line:
            return tuple(json.loads(line))
        code = self.process.wait() if line == "" else None
        self.stop()
        return ("timeout", "") if line is None else ("crash", f"exit code {code}")


def run_all(todo, options):
    """{case id: (verdict, message)} of all cases, --jobs at a time."""
    results, idle, start = {}, queue.SimpleQueue(), time.time()
    workers = [Worker(options.timeout) for _ in range(options.jobs)]
    for worker in workers:
        idle.put(worker)

    def run(case):
        worker = idle.get()
        try:
            results[case.id] = worker.run(case)
        finally:
            idle.put(worker)
        if len(results) % 100 == 0:
            counts = dict(collections.Counter(v for v, _ in results.values()))
            print(f"{len(results)}/{len(todo)} {time.time() - start:.0f} s {counts}", file=sys.stderr, flush=True)

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(run, todo))
    for worker in workers:
        worker.stop()
    return results


# ---- report


def tally(label, counts):
    rest = ", ".join(f"{n} {verdict}" for verdict, n in counts.most_common() if verdict != "pass")
    return f"{label:44s} {counts['pass']:5d}/{counts.total():<5d} {rest}".rstrip()


def report(todo, results, seconds):
    """Prints a line per operator, per kind, and the total."""
    subjects, kinds = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    for case in todo:
        subjects[subject(case)][results[case.id][0]] += 1
        kinds[case.kind][results[case.id][0]] += 1
    complete = {name for name, counts in subjects.items() if counts["pass"] == counts.total()}
    for name in sorted(subjects, key=lambda name: (name in complete, name)):
        print(tally(name, subjects[name]))
    print(f"\noperators with every case passing: {len(complete)} of {len(subjects)}")
    for kind, counts in kinds.items():
        print(tally(kind, counts))
    random = sum(bool(RANDOM.match(case.name)) for case in todo)
    total = tally("TOTAL", sum(kinds.values(), collections.Counter()))
    print(f"{total}   ({random} random cases: type and shape only; {seconds:.0f} s)")


def write_junit(path, todo, results, exceptions):
    """The run as JUnit XML: an exception that fails counts as skipped, one that passes as a failure."""
    suite = xml.Element("testsuite", name="conformance")
    for case in todo:
        name, message = results[case.id]
        element = xml.SubElement(suite, "testcase", classname=case.kind, name=case.name)
        if case.id in exceptions and name != "pass":
            xml.SubElement(element, "skipped", type="xfail", message=exceptions[case.id])
        elif case.id in exceptions:
            xml.SubElement(element, "failure", message="passes, but is listed as an exception")
        elif name != "pass":
            xml.SubElement(element, "failure", message=f"{name}: {message}")
    xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapter", default="reference")
    parser.add_argument("--command")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--only", default="", help="regular expression on case ids")
    parser.add_argument("--every", type=int, default=1, help="take every Nth case")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--timeout", type=float, default=60, help="seconds per case")
    parser.add_argument("--ulp", type=int, default=0)
    parser.add_argument("--scope")
    parser.add_argument("--expect")
    parser.add_argument("--json", help="write every verdict to this file")
    parser.add_argument("--junit", help="write a JUnit XML file")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return serve(options)

    todo = [case for case in cases(options.kinds.split(",")) if re.search(options.only, case.id)][:: options.every]
    scope, outside = None, collections.Counter()
    if options.scope:
        with open(options.scope) as file:
            scope = json.load(file)
        outside_by_hand = scope.get("outside", {})
        reasons = {case.id: outside_by_hand.get(case.id) or out_of_scope(case, scope) for case in todo}
        outside.update(filter(None, reasons.values()))
        todo = [case for case in todo if not reasons[case.id]]
    if options.list:
        subjects = collections.Counter(map(subject, todo))
        kinds = dict(collections.Counter(case.kind for case in todo))
        print(f"onnx {onnx.__version__}: {len(todo)} cases {kinds}, {len(subjects)} subjects")
        for name, count in sorted(subjects.items()):
            print(f"{count:5d} {name}")
        return 0

    start = time.time()
    results = run_all(todo, options)
    report(todo, results, time.time() - start)
    passed = {case.id for case in todo if results[case.id][0] == "pass"}
    exceptions = scope.get("exceptions", {}) if scope else {}
    unexpected = [case.id for case in todo if (case.id in passed) == (case.id in exceptions)]
    if scope:
        most = ", ".join(f"{count} {reason}" for reason, count in outside.most_common(12))
        print(f"in scope {len(todo)}, out of scope {outside.total()}: {most}")
        print(f"unexpected (failing without a reason, or passing with one): {len(unexpected)}")
    for case_id in unexpected:
        print(f"  {case_id}: {': '.join(filter(None, results[case_id]))}")
    if options.junit:
        write_junit(options.junit, todo, results, exceptions)
    if options.json:
        details = {c.id: dict(zip(("verdict", "message"), results[c.id], strict=True), op=subject(c)) for c in todo}
        with open(options.json, "w") as file:
            json.dump(
                {"onnx": onnx.__version__, "by": options.command or options.adapter, "cases": details}, file, indent=0
            )
    if options.expect:
        with open(options.expect) as file:
            before = json.load(file)["cases"]
        worse = [c for c in results if before.get(c, {}).get("verdict") == "pass" and c not in passed]
        print(f"worse than {options.expect}: {len(worse)}", *worse, sep="\n  ")
        return int(bool(worse))
    return int(bool(unexpected))


if __name__ == "__main__":
    sys.exit(main())
