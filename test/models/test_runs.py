"""Runs end: at once where there is nothing to compute, and soon after they are cancelled.

Empty tensors whose other dims are huge take no time, and results of empty sums are right beside them. Long runs on one
thread return within 100 ms of being cancelled; what the project's busy test machines add is allowed for, and the times
are printed (`pytest -rP`). What a session would take is told without taking it.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import ctypes
import os
import threading
import time

import hone
import numpy as np
import pytest
from building import parsed
from hone import _interface
from hone._arrays import to_values
from tolerance import assert_close

BOUND = 0.1  # seconds from setting the flag to the end of the run
TRIES = 3  # a machine that others use takes the core away
LONGEST = 20  # seconds for what has nothing to do

HUGE = 2**40


class Session:
    """A session of one thread, strided inputs as they are, and a flag that cancels its runs."""

    def __init__(self, library):
        self.library, self.functions = library, library._functions
        self.flag = ctypes.c_int32(0)
        options = _interface.sized(_interface.Options)
        options.threads, options.cancel = 1, ctypes.addressof(self.flag)
        self.handle = ctypes.c_void_p()
        self.call(self.functions.session_create, library._descriptor, options, self.handle)

    def __del__(self):
        self.functions.session_destroy(self.handle)

    def call(self, function, *arguments):
        _interface.check(function, *arguments)

    def plan(self, inputs):
        """The plan, and the values of such inputs with what they point to."""
        arrays = [inputs[value.name] for value in self.library.inputs]
        values, shapes = to_values(arrays, self.library._codes[0])
        strides = [(ctypes.c_int64 * a.ndim)(*(s // a.itemsize for s in a.strides)) for a in arrays]
        for value, own in zip(values, strides, strict=True):
            value.tensor.strides = ctypes.cast(own, ctypes.POINTER(ctypes.c_int64))
        plan = _interface.sized(_interface.Plan)
        self.call(self.functions.session_plan, self.handle, 0, values, len(arrays), plan)
        return plan, values, shapes, strides

    def run(self, inputs):
        plan, values, *_kept = self.plan(inputs)
        known = self.library.outputs
        planned = _interface.plan_outputs(plan)
        results = [np.empty(t.shape[: t.ndim], v.dtype) for t, v in zip(planned, known, strict=True)]
        outputs = _interface.values(len(results))
        for output, result in zip(outputs, results, strict=True):
            output.tensor.data, output.capacity = result.ctypes.data, result.nbytes
        self.call(self.functions.run, self.handle, 0, values, len(values), outputs, len(results))
        return {value.name: result for value, result in zip(known, results, strict=True)}


@pytest.fixture(scope="module")
def open_session(compile_model):
    """A function: (a graph in ONNX's text form) -> a session."""
    return lambda graph: Session(compile_model(parsed(f"g {graph}", opset=18)))


def empty(dtype, *shape):
    """A tensor without elements: NumPy makes none with such dims itself."""
    return np.lib.stride_tricks.as_strided(np.zeros(0, dtype), shape, [0] * len(shape))


# Results are empty, though other dims are huge. x is float[n, m].
EMPTY = {
    "Relu": "y = Relu (x)",
    "Softmax": "y = Softmax <axis = -1> (x)",
    "Softmax-0": "y = Softmax <axis = 0> (x)",
    "Concat-0": "y = Concat <axis = 0> (x, x)",
    "Concat-1": "y = Concat <axis = 1> (x, x)",
    "LayerNormalization": "w = Constant <value = float[1] {1}> () y = LayerNormalization (x, w)",
    "Slice": "p = Constant <value = int64[1] {1}> () q = Constant <value = int64[1] {1000000000000}> ()"
    " a = Constant <value = int64[1] {0}> () y = Slice (x, p, q, a)",
    "CumSum-0": "a = Constant <value = int64 {0}> () y = CumSum (x, a)",
    "CumSum-1": "a = Constant <value = int64 {1}> () y = CumSum (x, a)",
    "ReduceSum-0": "a = Constant <value = int64[1] {0}> () y = ReduceSum (x, a)",
    "ReduceMean-0": "a = Constant <value = int64[1] {1}> () e = Exp (x) z = Transpose <perm = [1, 0]> (e)"
    " y = ReduceMean <keepdims = 0> (z, a)",
    "Transpose": "y = Transpose <perm = [1, 0]> (x)",
    "Trilu": "y = Trilu (x)",
    "Tile": "r = Constant <value = int64[2] {2, 3}> () y = Tile (x, r)",
    "Expand": "s = Constant <value = int64[3] {2, 1, 1}> () y = Expand (x, s)",
    "Add": "b = Constant <value = float[1, 1] {1}> () c = Exp (x) y = Add (c, b)",
    "TopK": "k = Constant <value = int64[1] {0}> () y, i = TopK (x, k)",
    "MatMul": "t = Transpose <perm = [1, 0]> (x) y = MatMul (x, t)",
    "ScatterElements": "i = Cast <to = 7> (x) y = ScatterElements <axis = 0> (x, i, x)",
    "OneHot": "i = Cast <to = 7> (x) d = Constant <value = int64 {4}> () v = Constant <value = float[2] {0, 1}> ()"
    " y = OneHot (i, d, v)",
    "ConstantOfShape": "s = Shape (x) y = ConstantOfShape (s)",
    "GatherElements": "i = Cast <to = 7> (x) y = GatherElements <axis = 0> (x, i)",
}
# Sums over nothing, of float[n, m, 8]: the dims that stay, and the value.
SUMS = {
    "ReduceSum-01": ("a = Constant <value = int64[2] {0, 1}> () y = ReduceSum <keepdims = 0> (x, a)", (8,), 0),
    "ReduceSum-all": ("a = Constant <value = int64[3] {0, 1, 2}> () y = ReduceSum <keepdims = 1> (x, a)", (1, 1, 1), 0),
    "ReduceProd-01": ("a = Constant <value = int64[2] {0, 1}> () y = ReduceProd <keepdims = 0> (x, a)", (8,), 1),
    "ReduceMax-all": ("y = ReduceMax <keepdims = 0> (x)", (), -np.inf),
    "ReduceSumSquare": ("a = Constant <value = int64[2] {0, 1}> () y = ReduceSumSquare <keepdims = 1> (x, a)",
                        (1, 1, 8), 0),
}  # fmt: skip


def ends(session, inputs):
    """The outputs of a run that has little to do, or an error that says where it was after LONGEST seconds."""
    timer = threading.Timer(LONGEST, lambda: setattr(session.flag, "value", 1))
    timer.start()
    try:
        return session.run(inputs)
    finally:
        timer.cancel()


@pytest.mark.parametrize("name", EMPTY)
def test_empty_results(open_session, name):
    session = open_session(f"(float[n, m] x) => (float y) {{ {EMPTY[name]} }}")
    for shape in ((HUGE, 0), (0, HUGE)):
        if name == "MatMul" and not shape[1]:
            continue  # 2^80 zeros
        if name.startswith("Reduce") and shape[int(name[-1])] == 0:
            continue  # 2^40 sums of nothing
        result = ends(session, {"x": empty("f4", *shape)})["y"]
        assert result.size == 0, f"{result.shape} of {shape}, expected no element"


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("n, m", [(HUGE, 0), (0, HUGE)], ids=["no-columns", "no-rows"])
def test_sums_of_nothing(open_session, name, n, m):
    body, shape, value = SUMS[name]
    session = open_session(f"(float[n, m, 8] x) => (float y) {{ {body} }}")
    assert_close(ends(session, {"x": empty("f4", n, m, 8)})["y"], np.full(shape, value, "f4"))


def test_updates_of_no_element(open_session):
    """For data that have some."""
    session = open_session(
        "(float[n, m] x, int64[k, l] i, float[k, l] u) => (float y) { y = ScatterElements <axis = 0> (x, i, u) }"
    )
    x = np.arange(12, dtype="f4").reshape(3, 4)
    assert_close(ends(session, {"x": x, "i": empty("i8", HUGE, 0), "u": empty("f4", HUGE, 0)})["y"], x)


def zeros(*shape, dtype="f4"):
    return np.zeros(shape, dtype)  # pages that nobody has written take no memory


# A second and more of work on one thread, cancelled after 50 ms. Inputs are made when their turn comes.
LONG = {
    "ReduceSum to one": ("(float[n] x) => (float y) { y = ReduceSum <keepdims = 0> (x) }",
                         lambda: {"x": zeros(10**9)}),
    "ReduceMean of rows": ("(float[n, m] x) => (float y)"
                           " { a = Constant <value = int64[1] {1}> () y = ReduceMean (x, a) }",
                           lambda: {"x": zeros(8, 25 * 10**7)}),
    "ReduceMax outside": ("(float[n, m] x) => (float y)"
                          " { a = Constant <value = int64[1] {0}> () y = ReduceMax (x, a) }",
                          lambda: {"x": zeros(5 * 10**8, 4)}),
    "ReduceSum of two dims": ("(float[n, m, k] x) => (float y)"
                              " { a = Constant <value = int64[2] {0, 2}> () y = ReduceSum <keepdims = 0> (x, a) }",
                              lambda: {"x": zeros(25 * 10**7, 2, 4)}),
    "ArgMax": ("(float[n] x) => (int64 y) { y = ArgMax <axis = 0> (x) }", lambda: {"x": zeros(10**9)}),
    "CumSum": ("(float[n] x) => (float y) { a = Constant <value = int64 {0}> () y = CumSum (x, a) }",
               lambda: {"x": zeros(5 * 10**8)}),
    "CumSum of columns": ("(float[n, m] x) => (float y) { a = Constant <value = int64 {0}> () y = CumSum (x, a) }",
                          lambda: {"x": zeros(25 * 10**7, 2)}),
    "Softmax": ("(float[n, m] x) => (float y) { y = Softmax (x) }", lambda: {"x": zeros(1, 4 * 10**8)}),
    "MatMul": ("(float[4096, 4096] x) => (float y) { y = MatMul (x, x) }", lambda: {"x": zeros(4096, 4096)}),
    "MatMul of long rows": ("(float[n, k] x, float[k, m] z) => (float y) { y = MatMul (x, z) }",
                            lambda: {"x": zeros(4, 10**8), "z": zeros(10**8, 4)}),
    "MatMul in double": ("(double[n, k] x, double[k, m] z) => (double y) { y = MatMul (x, z) }",
                         lambda: {"x": zeros(2048, 2048, dtype="f8"), "z": zeros(2048, 2048, dtype="f8")}),
    "TopK": ("(float[n] x) => (float y, int64 i) { k = Constant <value = int64[1] {1000}> () y, i = TopK (x, k) }",
             lambda: {"x": np.arange(5 * 10**7, dtype="f4")}),
    "TopK of many": ("(float[n] x) => (float y, int64 i)"
                     " { k = Constant <value = int64[1] {3000000}> () y, i = TopK (x, k) }",
                     lambda: {"x": np.arange(10**7, dtype="f4")}),
    "ScatterElements": ("(float[n] x, int64[k] i, float[k] u) => (float y)"
                        " { y = ScatterElements <axis = 0> (x, i, u) }",
                        lambda: {"x": zeros(4 * 10**8), "i": zeros(4 * 10**8, dtype="i8"), "u": zeros(4 * 10**8)}),
    "NonMaxSuppression": ("(float[1, n, 4] x, float[1, 1, n] s) => (int64 y) { k = Constant <value_ints = [1000000]> ()"
                          " r = NonMaxSuppression (x, s, k) y = ReduceSum <keepdims = 0> (r) }",
                          lambda: {"x": zeros(1, 10**6, 4), "s": zeros(1, 1, 10**6)}),
    "Transpose": ("(float[n, m] x) => (float y) { y = Transpose <perm = [1, 0]> (x) }",
                  lambda: {"x": zeros(40000, 20000)}),
    "Concat": ("(float[n] x) => (float y) { y = Concat <axis = 0> (x, x) }", lambda: {"x": zeros(4 * 10**8)}),
    "Gelu": ('(double[n, m] x, double[m] z) => (double y) { a = Add (x, z) b = Erf (a) y = Mul (a, b) }',
             lambda: {"x": zeros(3, 10**8, dtype="f8"), "z": zeros(10**8, dtype="f8")}),
    "copies of strided inputs": ("(float[n, m] x) => (float y) { y = ReduceSum <keepdims = 0> (x) }",
                                 lambda: {"x": zeros(20000, 40000).T}),
}  # fmt: skip


def cancelled(session, inputs):
    """Cancels a run: its error, or None where it came to its end before; seconds from setting the flag to its end."""
    outcome = []

    def run():
        error = None
        try:
            session.run(inputs)
        except hone.Error as raised:
            error = str(raised)
        outcome.extend([error, time.monotonic()])

    session.flag.value = 0
    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.05)
    session.flag.value = 1
    start = time.monotonic()
    thread.join()
    error, end = outcome
    return error, end - start


@pytest.mark.parametrize("name", LONG)
def test_cancelled(open_session, name):
    graph, inputs = LONG[name]
    session, values = open_session(graph), inputs()
    for _ in range(TRIES):
        error, took = cancelled(session, values)
        print(f"{name}: ended {1000 * took:.1f} ms after it was cancelled")
        assert error is not None, "came to its end before it was cancelled"
        assert error.endswith("cancelled"), error
        if took <= BOUND:
            return
    pytest.fail(f"ended {took:.2f} s after it was cancelled, expected {BOUND} s")


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(scope="module")
def strided_plan(open_session):
    """The plan of a run on a strided input of 4 GiB: (bytes more that are resident, bytes that a run takes)."""
    session = open_session("(float[n, 256] x) => (float y) { y = Relu (x) }")
    x = np.lib.stride_tricks.as_strided(np.ones(256, "f4"), (2**22, 256), (0, 4))
    before = resident()
    plan, *_kept = session.plan({"x": x})
    return resident() - before, plan.memory_bytes


def test_plan_copies_nothing(strided_plan):
    """But inputs that decide on shapes."""
    grown, _ = strided_plan
    assert grown < 2**26


def test_plan_counts_copies(strided_plan):
    _, memory = strided_plan
    assert memory >= 2 * 2**22 * 256 * 4


def test_plan_reads_strided_shapes(open_session, subtests):
    session = open_session("(float[n] x, int64[2] s) => (float y) { y = Reshape (x, s) }")
    x = np.arange(24, dtype="f4")
    for rows in (4, 6):  # the copies of the first run are still there
        with subtests.test(rows=rows):
            shape = np.array([24 // rows, rows])[::-1]
            assert_close(session.run({"x": np.repeat(x, 2)[::2], "s": shape})["y"], x.reshape(shape))
