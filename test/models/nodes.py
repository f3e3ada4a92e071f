"""Models of many nodes with expected results, and values at the edges of their types.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import re
import warnings

import hone
import numpy as np
import onnx
from checks import differences
from onnx import helper

np.seterr(all="ignore")
warnings.filterwarnings("ignore", "Mean of empty slice")

NAN, INF = np.nan, np.inf
LENGTHS = (1, 7, 64, 133)
FLOATS, SIGNED, UNSIGNED = ("f4", "f8"), ("i1", "i2", "i4", "i8"), ("u1", "u2", "u4", "u8")
INTEGERS = SIGNED + UNSIGNED
ROUNDING = {np.dtype("f4"): 4e-6, np.dtype("f8"): 1e-12}  # of functions that are not exact


def special(dtype):
    """Values at the edges of a type."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        limits = np.finfo(dtype)
        return np.array(
            [NAN, INF, -INF, 0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3, -3.25, 1e-3, -7e-5, 20, -20, 88, -88,
             104, -104, 710, -745, 1e20, -1e20, limits.max, limits.min, limits.tiny, limits.smallest_subnormal, -1e-40],
            dtype,
        )  # fmt: skip
    if dtype.kind == "b":
        return np.array([False, True])
    limits = np.iinfo(dtype)
    values = [limits.min, limits.min + 1, -2, -1, 0, 1, 2, 3, 7, limits.max // 2, limits.max // 2 + 1, limits.max - 1]
    return np.array([*(value for value in values if value >= limits.min), limits.max], dtype)


def pairs(dtype):
    """Two vectors that hold all pairs of special values."""
    values = special(dtype)
    return np.repeat(values, len(values)), np.tile(values, len(values))


def windows(*vectors):
    """Pieces of the vectors, of all LENGTHS: the long ones hold each element, the short ones as many as 32 runs can."""
    count = len(vectors[0])
    for length in LENGTHS:
        for start in range(0, count, max(length, count // 32 if length < 64 else 0)):
            yield [np.take(vector, range(start, start + length), mode="wrap") for vector in vectors]


def rows(length, dtype="f4"):
    """A matrix with ordinary rows and ones with NaN, infinities and extremes at changing places."""
    random = np.random.default_rng(length)
    x = random.standard_normal((13, length)).astype(dtype)
    for row, values in enumerate(([NAN], [INF], [-INF], [INF, -INF], [NAN, INF], [3.4e38], [-3.4e38])):
        for i, value in enumerate(values):
            x[row, (row * 5 + i) % length] = value
            x[row, (length - 1 - i) % length] = value
    x[7], x[8], x[9], x[10] = -INF, NAN, -3.4e38, 0
    return x


def nan_max(x, y):
    return np.where(np.isnan(x) | np.isnan(y), NAN, np.maximum(x, y)).astype(x.dtype)


def log_sum_exp(x, axis, keepdims=False):
    greatest = np.max(x, axis=axis, keepdims=True, initial=-INF)
    greatest = np.where(np.isinf(greatest), 0, greatest)
    total = np.log(np.sum(np.exp(x - greatest), axis=axis, keepdims=True)) + greatest
    return total if keepdims else np.squeeze(total, axis)


REDUCTIONS = {
    "ReduceSum": np.sum, "ReduceMean": np.mean, "ReduceProd": np.prod,
    "ReduceMax": lambda x, axis: np.max(x, axis=axis, initial=-INF if x.dtype.kind == "f" else np.iinfo(x.dtype).min),
    "ReduceMin": lambda x, axis: np.min(x, axis=axis, initial=INF if x.dtype.kind == "f" else np.iinfo(x.dtype).max),
    "ReduceL1": lambda x, axis: np.sum(np.abs(x), axis=axis),
    "ReduceL2": lambda x, axis: np.sqrt(np.sum(x * x, axis=axis)),
    "ReduceSumSquare": lambda x, axis: np.sum(x * x, axis=axis),
    "ReduceLogSum": lambda x, axis: np.log(np.sum(x, axis=axis)),
    "ReduceLogSumExp": log_sum_exp,
}  # fmt: skip
AXES = {"rows": 1, "columns": 0, "all": (0, 1)}


def softmax(x, axis=-1):
    """The standard's formula: exp(x - max) / sum."""
    x = x.astype("f8")
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return (powers / np.sum(powers, axis=axis, keepdims=True)).astype("f4")


def unlike(expected, actual, tolerance, zeros):
    """Why `actual` is not `expected`, or "": NaNs, infinities and (if `zeros`) signs of zeros are equal."""
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return f"{actual.dtype}{list(actual.shape)}, expected {expected.dtype}{list(expected.shape)}"
    wrong = expected != actual
    if expected.dtype.kind == "f":
        wrong &= ~(np.isnan(expected) & np.isnan(actual))
        close = np.abs(actual - expected) <= tolerance * np.maximum(np.abs(expected), 0.01)
        wrong &= ~(close & np.isfinite(expected))
        if zeros:
            wrong |= (expected == 0) & (np.signbit(expected) != np.signbit(actual)) & (actual == 0)
    if not wrong.any():
        return ""
    at = tuple(axis[0] for axis in np.nonzero(wrong))
    return f"{wrong.sum()} of {wrong.size} differ: at {list(map(int, at))} {actual[at]}, expected {expected[at]}"


def no_error(session, inputs, pattern):
    """Why running does not fail with a hone.Error that says `pattern`, or ""."""
    try:
        session.run(inputs)
    except hone.Error as error:
        return "" if re.search(pattern, str(error)) else f"the error does not say /{pattern}/: {error}"
    return "no error"


def problem_of(session, inputs, expect):
    try:
        return differences(expect(inputs), session.run(inputs))
    except hone.Error as error:
        return f"unexpected error: {error}"


class Model:
    """Nodes with expected results, compiled together. A check passes if it does on all sets of inputs."""

    def __init__(self, folder, name, inputs, opset=24):
        """inputs: name -> (dtype, dims); a dim is a number or a symbol."""
        self.folder, self.name, self.opset = folder, name, opset
        self.inputs = {name: (np.dtype(dtype), dims) for name, (dtype, dims) in inputs.items()}
        self.constants, self.nodes, self.cases, self.session = {}, [], {}, None

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def node(self, check, op, inputs, expected, tolerance=0.0, zeros=True, outputs=1, **attributes):
        """expected: inputs as arrays -> the result as an array, or a tuple of results.

        tolerance: relative, 0 for equal; "rounding" for that of the type
        zeros: whether the sign of a zero counts
        """
        results = [f"{check}:{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, results, name=check, **attributes))
        self.cases[check] = (inputs, expected, tolerance, zeros)

    def expected(self, check, sample):
        inputs, compute, _, _ = self.cases[check]
        values = [self.constants[name] if name in self.constants else sample[name] for name in inputs if name]
        results = compute(*values)
        return [np.asarray(result) for result in (results if isinstance(results, tuple) else (results,))]

    def compile(self, sample):
        """A session; `sample` is a set of inputs, which tells the results' types and numbers of dims."""
        if self.session:
            return self.session

        def info(name, dtype, dims):
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), dims)

        outputs = [
            info(f"{check}:{i}", result.dtype, [None] * result.ndim)
            for check in self.cases
            for i, result in enumerate(self.expected(check, sample))
        ]
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [info(name, *value) for name, value in self.inputs.items()],
            outputs,
            [onnx.numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        path = f"{self.folder}/{self.name}"
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=11), f"{path}.onnx")
        self.session = hone.load(hone.compile(f"{path}.onnx", f"{path}.so")).session(threads=2)
        return self.session

    def run(self, checks, samples):
        """samples: sets of inputs, each a dict or a list in the order of the inputs."""
        samples = [dict(zip(self.inputs, s, strict=True)) if not isinstance(s, dict) else s for s in samples]
        problems = dict.fromkeys(self.cases, "")
        try:
            session = self.compile(samples[0])
            for sample in samples:
                actual = session.run(sample)
                for check, (_, _, tolerance, zeros) in self.cases.items():
                    for i, expected in enumerate(self.expected(check, sample)):
                        result = actual[f"{check}:{i}"]
                        allowed = ROUNDING.get(result.dtype, 0) if tolerance == "rounding" else tolerance
                        problem = unlike(expected, result, allowed, zeros)
                        shapes = [list(value.shape) for value in sample.values()]
                        problems[check] = problems[check] or (problem and f"output {i} of inputs {shapes}: {problem}")
        except (hone.CompileError, hone.Error) as error:
            problems = dict.fromkeys(self.cases, str(error))
        for check, problem in problems.items():
            checks.add(check, problem)
