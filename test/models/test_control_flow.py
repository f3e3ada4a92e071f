"""If, Loop and Scan against ONNX Runtime: branches on dims and on data, what loops carry, what they collect.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import threading

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, parsed, value
from nodes import rows
from onnx import helper
from tolerance import Tolerance, assert_close

TOLERANCE = Tolerance(relative=1e-6, of_largest=1e-6)

X = rows(64)[:5, :4].copy()
SMALL = np.linspace(-1, 1, 12, dtype="f4").reshape(3, 4)

# Each model, and what it is fed with.
MODELS = {
    "if_of_data": (
        """g (float[n, 4] x) => (float[n, 4] y)
          <float[4, 4] w = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}, float z = {0}> {
          s = ReduceSum<keepdims = 0>(x)
          c = Greater(s, z)
          b = If(c) <then_branch = t () => (float[n, 4] p) { m = MatMul(x, w) p = Relu(m) },
                     else_branch = e () => (float[n, 4] q) { q = Neg(x) }>
          y = Add(b, b)
        }""",
        [{"x": X}, {"x": -np.abs(X)}, {"x": np.abs(X[:1])}],
    ),
    "if_of_dims": (
        """g (float[n, 4] x) => (float[k, 4] y) <int64[1] zero = {0}, int64[1] three = {3}> {
          d = Shape(x) n = Gather(d, zero) c = Greater(n, three)
          b = If(c) <then_branch = t () => (float[k, 4] p) { p = Slice(x, zero, three) },
                     else_branch = e () => (float[k, 4] q) { q = Concat<axis = 0>(x, x) }>
          y = Neg(b)
        }""",
        [{"x": X}, {"x": X[:3]}, {"x": X[:1]}],
    ),
    "if_sizes_by_data": (
        """g (float[n, 4] x) => (float[k, 4] y) <float z = {0}, int64[1] zero = {0}, int64[1] one = {1}> {
          s = ReduceSum<keepdims = 0>(x) c = Greater(s, z)
          b = If(c) <then_branch = t () => (float[k, 4] p) { p = Slice(x, zero, one) },
                     else_branch = e () => (float[k, 4] q) { q = Concat<axis = 0>(x, x) }>
          y = Exp(b)
        }""",
        [{"x": np.abs(X)}, {"x": -np.abs(X)}, {"x": np.abs(X[:2])}],
    ),
    "loop_of_fixed_dims": (
        """g (float[n, 4] x) => (float[n, 4] y, float[k] sums) <int64 m = {6}, float half = {0.5}> {
          y, sums = Loop(m, , x) <body = b (int64 i, bool ci, float[n, 4] a) => (bool co, float[n, 4] an, float s) {
            t = Mul(a, half) an = Add(t, x) s = ReduceSum<keepdims = 0>(an) co = Identity(ci) }>
        }""",
        [{"x": X}, {"x": X[:1]}],
    ),
    "loops_that_collect_alike": (
        """g (float[n, 4] x) => (float[k] first, float[k] second) <int64 m = {5}, float z = {0}> {
          a, first = Loop(m, , z) <body = b (int64 i, bool ci, float s) => (bool co, float sn, float o) {
            r = Gather(x, i) t = ReduceSum<keepdims = 0>(r) sn = Add(s, t) o = Identity(sn) co = Identity(ci) }>
          c, second = Loop(m, , z) <body = d (int64 j, bool cj, float u) => (bool cp, float un, float p) {
            q = Gather(x, j) v = ReduceMax<keepdims = 0>(q) un = Add(u, v) p = Identity(un) cp = Identity(cj) }>
        }""",
        [{"x": X}],
    ),
    "loop_while": (
        """g (float[n] x) => (float[n] y, float[k, n] all) <bool begin = {1}, float most = {100}> {
          y, all = Loop(, begin, x) <body = b (int64 i, bool ci, float[n] a) => (bool co, float[n] an, float[n] o) {
            an = Add(a, a) s = ReduceMax<keepdims = 0>(an) co = Less(s, most) o = Neg(an) }>
        }""",
        [{"x": np.array(x, "f4")} for x in ([1, 2, 3], [1000, 2, 3, 4], [0.001], [99, 1])],
    ),
    "loop_that_grows": (
        """g (float[n] x, int64 m) => (float[k] z) {
          y = Loop(m, , x) <body = b (int64 i, bool ci, float[k] a) => (bool co, float[l] an) {
            an = Concat<axis = 0>(a, x) co = Identity(ci) }>
          z = Exp(y)
        }""",
        [{"x": X[0, :n].copy(), "m": np.array(m)} for n, m in ((3, 4), (2, 0), (1, 50), (4, -3), (2, 1))],
    ),
    "loop_counts_sizes": (
        """g (float[n] x) => (int64 count, float[k] sums) <int64 one = {1}, int64[1] zero = {0}, int64 five = {5}> {
          d = Shape(x) m = Squeeze(d)
          count, sums = Loop(m, , five) <body = b (int64 i, bool ci, int64 c) => (bool co, int64 cn, float s) {
            j = Add(i, one) e = Unsqueeze(j, zero) part = Slice(x, zero, e) s = ReduceSum<keepdims = 0>(part)
            cn = Add(c, j) co = Identity(ci) }>
        }""",
        [{"x": X[0]}, {"x": X[0, :1].copy()}],
    ),
    "loop_of_branches": (
        """g (float[n, 4] x) => (float[n, 4] y) <int64 m = {9}, float z = {0},
            float[4, 4] w = {0.1,0.2,-0.3,0.4,0.5,-0.6,0.7,0.8,-0.9,0.1,0.11,0.12,0.13,-0.14,0.15,0.16}> {
          y = Loop(m, , x) <body = b (int64 i, bool ci, float[n, 4] a) => (bool co, float[n, 4] an) {
            s = ReduceSum<keepdims = 0>(a) c = Greater(s, z)
            an = If(c) <then_branch = t () => (float[n, 4] p) { p = MatMul(a, w) },
                        else_branch = e () => (float[n, 4] q) { q = Neg(a) }>
            co = Identity(ci) }>
        }""",
        [{"x": X}, {"x": -X}, {"x": X[:1]}],
    ),
    "loop_in_loop": (
        """g (float[n] x) => (float[n] y) <int64 m = {5}> {
          y = Loop(m, , x) <body = b (int64 i, bool ci, float[n] a) => (bool co, float[n] an) {
            an = Loop(i, , a) <body = c (int64 j, bool di, float[n] p) => (bool eo, float[n] pn) {
              pn = Add(p, x) eo = Identity(di) }>
            co = Identity(ci) }>
        }""",
        [{"x": X[0]}],
    ),
    "loop_that_swaps": (
        """g (float[n] x) => (float[n] y, float[n] z) <int64 m = {10}> {
          y, z = Loop(m, , x, x) <body = b (int64 i, bool ci, float[n] p, float[n] q)
              => (bool co, float[n] pn, float[n] qn) { qn = Identity(p) pn = Add(p, q) co = Identity(ci) }>
        }""",
        [{"x": X[0]}],
    ),
    # What a step hands on may lie where it got it only if the first of those that write there come behind all readers.
    "loop_with_a_sum_in_place": (
        """g (float[n, 4] x) => (float[n, 4] y) <int64 m = {5}, int64 zero = {0}, int64 one = {1}> {
          y = Loop(m, , x) <body = b (int64 i, bool ci, float[n, 4] h) => (bool co, float[n, 4] hn) {
            p = CumSum(h, one) q = CumSum(h, zero) hn = Add(p, q) co = Identity(ci) }>
        }""",
        [{"x": SMALL}, {"x": SMALL[:1]}],
    ),
    "loop_with_an_update_behind_readers": (
        """g (float[n, 4] x) => (float[n, 4] y) <int64 m = {5}, int64 zero = {0}, int64[1, 1] first = {0}> {
          y = Loop(m, , x) <body = b (int64 i, bool ci, float[n, 4] h) => (bool co, float[n, 4] hn) {
            p = CumSum(h, zero) q = ReduceMax<axes = [0], keepdims = 1>(h) hn = ScatterND(p, first, q)
            co = Identity(ci) }>
        }""",
        [{"x": SMALL}, {"x": SMALL[:1]}],
    ),
    # A launch that reads what the loop begins with stays ahead of it: the loop writes there.
    "loop_that_changes_what_another_reads": (
        """g (float[1, 4] x, float[4, 200] v, float[200, 4] w) => (float[1, 4] y)
            <int64 m = {3}, int64 one = {1}, int64[1, 1] first = {0}> {
          a = CumSum(x, one)
          l = MatMul(a, v)
          r = Loop(m, , a) <body = b (int64 i, bool ci, float[1, 4] h) => (bool co, float[1, 4] hn) {
            hn = ScatterND(h, first, x) co = Identity(ci) }>
          z = MatMul(l, w)
          y = Add(z, r)
        }""",
        [{"x": SMALL[:1], "v": np.ones((4, 200), "f4"), "w": np.ones((200, 4), "f4")}],
    ),
    "loop_whose_dims_change_in_turn": (
        """g (float[n] x) => (float[a] y, float[b] z, float[c] v, float[n] w) <int64 m = {6}> {
          y, z, v, w = Loop(m, , x, x, x, x) <body = t
              (int64 i, bool ci, float[a] p, float[b] q, float[c] r, float[n] s)
              => (bool co, float[d] pn, float[a] qn, float[b] rn, float[n] sn) {
            pn = Concat<axis = 0>(p, x) qn = Neg(p) rn = Exp(q) f = ReduceSum(r) sn = Mul(s, f) co = Identity(ci) }>
        }""",
        [{"x": -np.abs(X[0, :n])} for n in (3, 1)],
    ),
    "scan": (
        """g (float[n, 4] x, float[4] s0) => (float[4] s, float[n, 4] all) {
          s, all = Scan<num_scan_inputs = 1, body = b (float[4] a, float[4] v) => (float[4] an, float[4] o) {
            an = Add(a, v) o = Exp(v) }>(s0, x)
        }""",
        [{"x": X, "s0": X[0]}, {"x": X[:1], "s0": X[1]}],
    ),
    "scan_backwards": (
        """g (float[n, 4] x, float[4] s0) => (float[4] s, float[n, 4] all) {
          s, all = Scan<num_scan_inputs = 1, scan_input_directions = [1], scan_output_directions = [1],
              body = b (float[4] a, float[4] v) => (float[4] an, float[4] o) { an = Add(a, v) o = Identity(an) }>(s0, x)
        }""",
        [{"x": X, "s0": X[0]}],
    ),
    "scan_along_axes": (
        """g (float[b, n] x, float[b] s0) => (float[b] s, float[b, n] all) {
          s, all = Scan<num_scan_inputs = 1, scan_input_axes = [1], scan_output_axes = [-1],
              body = c (float[b] a, float[b] v) => (float[b] an, float[b] o) { an = Add(a, v) o = Identity(an) }>(s0, x)
        }""",
        [{"x": X, "s0": X[:, 0].copy()}],
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_as_onnx_runtime(name, compile_model):
    text, feeds = MODELS[name]
    model = parsed(text)
    library, expected = compile_model(model), onnx_runtime(model)
    for inputs in [*feeds, *feeds]:  # a session has memory of earlier runs
        outputs = library.run(inputs)
        for key, array in expected(inputs).items():
            assert outputs[key].shape == array.shape
            assert_close(outputs[key], array, TOLERANCE)


def test_what_changes_dims_is_found_at_once(save, run_hone):
    """A body is not built again for each value whose dims change because those of the one before it do."""
    count = 1200  # as many nodes, built as many times, would be more than are imported
    carried = [f"v{i}" for i in range(count)]
    given = [f"{name}_next" for name in carried]
    nodes = [helper.make_node("Identity", ["c"], ["d"]), helper.make_node("Concat", ["v0", "x"], given[:1], axis=0)]
    nodes += [helper.make_node("Neg", [before], [after]) for before, after in zip(carried, given[1:])]
    condition = [value(name, dtype="?") for name in "cd"]
    inputs = [value("i", dtype="i8"), condition[0], *(value(name, name) for name in carried)]
    body = helper.make_graph(nodes, "body", inputs, [condition[1], *(value(name, name) for name in given)])
    loop = helper.make_node("Loop", ["m", "", *["x"] * count], [f"y{i}" for i in range(count)], body=body)
    model = model_of([loop], [value("m", dtype="i8"), value("x", "n")], [value(f"y{count - 1}", "k")])
    result = run_hone("check", save(model))
    assert result.returncode == 0, result.stderr


def test_scan_of_nothing(compile_model):  # ONNX Runtime fails
    outputs = compile_model(parsed(MODELS["scan"][0])).run({"x": X[:0], "s0": X[2]})
    assert_close(outputs["s"], X[2])
    assert outputs["all"].shape == (0, 4)


ENDLESS = """g (float[n] x) => (float[k] y) <bool begin = {1}> {
  y = Loop(, begin, x) <body = b (int64 i, bool ci, float[k] a) => (bool co, float[l] an) {
    an = Concat<axis = 0>(a, x) co = Identity(ci) }>
}"""


def test_loop_without_end(compile_model):
    library = compile_model(parsed(ENDLESS))
    x = {"x": np.ones(3, "f4")}
    with library.session(step_limit=7) as session:
        for _ in range(2):  # it stays usable
            with pytest.raises(hone.HoneError, match=r"'Loop_0' \(Loop\): the loop goes on after 7 steps") as error:
                session.run(x)
            assert error.value.code == hone.Status.CANCELLED
    with library.session(memory_limit=1 << 20) as session:
        with pytest.raises(hone.HoneError, match=r"no memory for .*memory_limit is 1048576") as error:
            session.run(x)
        assert error.value.code == hone.Status.OUT_OF_MEMORY
    with pytest.raises(hone.HoneError, match="step_limit is -1"):
        library.session(step_limit=-1)


def test_loop_is_cancelled(compile_model):
    library = compile_model(parsed(ENDLESS))
    with library.session() as session:
        threading.Timer(0.05, session.cancel).start()
        with pytest.raises(hone.HoneError, match="cancelled") as error:
            session.run({"x": np.ones(3, "f4")})
        assert error.value.code == hone.Status.CANCELLED
