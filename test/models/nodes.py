"""Models of many nodes with expected results, and values at the edges of their types.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import functools
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import hone
import numpy as np
import onnx
import pytest
from building import model_of, value
from onnx import helper
from tolerance import EXACT, Tolerance, mismatch, near

np.seterr(all="ignore")  # the edges are there to overflow

NAN, INF = np.nan, np.inf
LENGTHS = (1, 7, 64, 133)
FLOATS, SIGNED, UNSIGNED = ("f4", "f8"), ("i1", "i2", "i4", "i8"), ("u1", "u2", "u4", "u8")
INTEGERS = SIGNED + UNSIGNED
ROUNDING = {"f4": near(2e-6), "f8": near(5e-13)}  # of functions that are not exact
# Of those that subtract from 1 what is nearly 1 where x is small.
CANCELLING = {"f4": Tolerance(relative=1e-6, absolute=4e-8), "f8": near(5e-13)}


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
    return np.array([*(each for each in values if each >= limits.min), limits.max], dtype)


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
        for i, each in enumerate(values):
            x[row, (row * 5 + i) % length] = each
            x[row, (length - 1 - i) % length] = each
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


# ---- Models


class Case(NamedTuple):
    """What a node should give: a function of these inputs or constants, or of all inputs."""

    inputs: list[str]
    expected: Callable
    tolerance: Tolerance
    zero_signs: bool


class Model:
    """Many nodes with expected results, compiled together and run on some samples: a test for each node.

    Everything is compiled and run once, when the first of the tests asks for it.
    """

    def __init__(self, name, inputs, opset=24):
        """inputs: name -> (dtype, dims); a dim is a number or a symbol."""
        self.name, self.opset = name, opset
        self.inputs = {name: (np.dtype(dtype), dims) for name, (dtype, dims) in inputs.items()}
        self.constants, self.nodes, self.cases, self.samples = {}, [], {}, []

    def constant(self, value):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value)
        return name

    def add(self, op, inputs, result, **attributes):
        """A node whose result other nodes read; returns the result's name. result: a name, or a list of names."""
        self.nodes.append(helper.make_node(op, inputs, [result] if isinstance(result, str) else result, **attributes))
        return result

    def node(self, case, op, inputs, expected, tolerance=EXACT, zero_signs=True, outputs=1, **attributes):
        """expected: inputs as arrays -> the result as an array, or a tuple of results."""
        results = [f"{case}:{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, results, name=case, **attributes))
        self.expect(case, inputs, expected, tolerance, zero_signs)

    def expect(self, case, inputs, expected, tolerance=EXACT, zero_signs=True):
        """What the values CASE:0, CASE:1 … should be, which nodes compute."""
        self.cases[case] = Case(inputs, expected, tolerance, zero_signs)

    def on(self, samples):
        """The model, with sets of inputs: each a dict, or a list in the order of the inputs."""
        self.samples = [
            each if isinstance(each, dict) else dict(zip(self.inputs, each, strict=True)) for each in samples
        ]
        return self

    def expected(self, case, sample):
        inputs, compute, _, _ = self.cases[case]
        values = [self.constants[name] if name in self.constants else sample[name] for name in inputs if name]
        results = compute(*values)
        return [np.asarray(result) for result in (results if isinstance(results, tuple) else (results,))]

    @functools.cached_property
    def library(self):
        """The compiled model. The first sample tells the results' types and numbers of dims."""
        outputs = [
            value(f"{case}:{i}", *[None] * result.ndim, dtype=result.dtype)
            for case in self.cases
            for i, result in enumerate(self.expected(case, self.samples[0]))
        ]
        inputs = [value(name, *dims, dtype=dtype) for name, (dtype, dims) in self.inputs.items()]
        model = model_of(self.nodes, inputs, outputs, self.constants, self.opset, ir_version=11)
        with tempfile.TemporaryDirectory() as folder:  # a loaded library outlives its file
            onnx.save(model, f"{folder}/{self.name}.onnx")
            return hone.load(hone.compile(f"{folder}/{self.name}.onnx", f"{folder}/{self.name}.so"))

    @functools.cached_property
    def session(self):
        return self.library.session(threads=2)

    @functools.cached_property
    def problems(self):
        """case -> why its results are not as expected, on the first sample where they are not; ""."""
        problems = dict.fromkeys(self.cases, "")
        try:
            for sample in self.samples:
                results = self.session.run(sample)
                shapes = [list(array.shape) for array in sample.values()]
                for case, (_, _, tolerance, zero_signs) in self.cases.items():
                    for i, expected in enumerate(self.expected(case, sample)):
                        problem = mismatch(results[f"{case}:{i}"], expected, tolerance, zero_signs)
                        problems[case] = problems[case] or (problem and f"output {i} of inputs {shapes}: {problem}")
        except (hone.CompileError, hone.Error) as error:
            return dict.fromkeys(self.cases, str(error))
        return problems


class Node(NamedTuple):
    """One node of a model, as the argument of a test."""

    model: Model
    case: str

    def check(self):
        """Fails unless the node's results are as expected on all samples."""
        problem = self.model.problems[self.case]
        assert not problem, problem


def each_node(models):
    """Parametrizes a test with `node`: each node of the models that has expected results."""
    nodes = [Node(model, case) for model in models for case in model.cases]
    return pytest.mark.parametrize("node", nodes, ids=[node.case for node in nodes])
