"""Operators that are C functions of the runtime, against ONNX Runtime: NonMaxSuppression.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import itertools
import subprocess

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, parsed, value
from onnx import helper

INT64 = np.iinfo("i8")


def suppression(given=("m", "i", "t"), constants=None, center_point_box=0, opset=11):
    """A model of one NonMaxSuppression; what is given is an input, unless it is among the constants."""
    constants = constants or {}
    shapes = {"m": value("m", 1, dtype="i8"), "i": value("i", 1), "t": value("t", 1)}
    inputs = [value("boxes", "n", "k", 4), value("scores", "n", "c", "k")]
    inputs += [shapes[name] for name in given if name not in constants]
    names = ["boxes", "scores", *(name if name in given else "" for name in "mit")]
    attributes = {} if center_point_box is None else {"center_point_box": center_point_box}
    node = helper.make_node("NonMaxSuppression", names, ["y"], **attributes)
    return model_of([node], inputs, [value("y", "rows", 3, dtype="i8")], constants, opset=opset)


def boxes_and_scores(random, batches, classes, count, coarse=False):
    """Boxes of any corners and both signs of overlap; coarse ones have equal scores and equal edges."""
    boxes = (random.random((batches, count, 4)) * 3).astype("f4")
    scores = random.standard_normal((batches, classes, count)).astype("f4")
    return (np.round(boxes), np.round(scores)) if coarse else (boxes, scores)


def numbers(m, i, t):
    return {"m": np.array([m], "i8"), "i": np.array([i], "f4"), "t": np.array([t], "f4")}


def check(library, expected, inputs):
    outputs = library.run(inputs)
    for name, wanted in expected(inputs).items():
        assert outputs[name].dtype == wanted.dtype
        assert outputs[name].tolist() == wanted.tolist()
    return outputs["y"]


@pytest.mark.parametrize("center_point_box", [0, 1])
def test_random(center_point_box, compile_model):
    model = suppression(center_point_box=center_point_box)
    library, expected = compile_model(model), onnx_runtime(model)
    random, rows = np.random.default_rng(1), 0
    shapes = [(1, 1, 6), (2, 3, 40), (3, 1, 1), (1, 4, 300), (0, 2, 5), (2, 0, 5), (2, 2, 0)]
    for (shape, m, i), coarse in itertools.product(
        itertools.product(shapes, [0, 1, 4, INT64.max, -1, INT64.min], [0, 0.1, 0.5, 1]), [False, True]
    ):
        boxes, scores = boxes_and_scores(random, *shape, coarse)
        rows += len(check(library, expected, {"boxes": boxes, "scores": scores, **numbers(m, i, 0.2)}))
    assert rows > 1000


def test_many_boxes_of_no_batch(compile_model):
    """No memory for what is not there."""
    with compile_model(suppression()).session(memory_limit=1 << 20) as session:
        boxes, scores = np.zeros((0, 1 << 40, 4), "f4"), np.zeros((0, 2, 1 << 40), "f4")
        outputs = session.run({"boxes": boxes, "scores": scores, **numbers(INT64.max, 0.5, 0)})
        assert outputs["y"].shape == (0, 3)


def test_nan_and_infinity(compile_model):
    """A NaN score is above no threshold; NaN corners overlap as they do in ONNX Runtime."""
    model = suppression()
    library, expected = compile_model(model), onnx_runtime(model)
    random = np.random.default_rng(2)
    for special in (np.nan, np.inf, -np.inf):
        for _ in range(20):
            boxes, scores = boxes_and_scores(random, 2, 2, 30, coarse=True)
            scores[random.random(scores.shape) < 0.2] = special
            boxes[random.random(boxes.shape) < 0.05] = special
            check(library, expected, {"boxes": boxes, "scores": scores, **numbers(9, 0.3, -1)})


def test_nan_without_threshold(compile_model):
    """Boxes apart from each other are all taken: NaN scores last, which ONNX Runtime leaves open."""
    library = compile_model(suppression(given="mi"))
    expected = onnx_runtime(suppression(given="mi"))
    corners = np.arange(8, dtype="f4")
    boxes = np.stack([corners, corners, corners + 0.5, corners + 0.5], axis=-1)[None]
    scores = np.array([[[1, np.nan, 3, np.nan, 3, -np.inf, np.nan, 2]]], "f4")
    inputs = {"boxes": boxes, "scores": scores, **numbers(100, 0.5, 0)}
    del inputs["t"]
    got = library.run(inputs)["y"]
    assert sorted(got.tolist()) == sorted(expected(inputs)["y"].tolist())
    assert got[:, 2].tolist() == [2, 4, 7, 0, 5, 1, 3, 6]


@pytest.mark.parametrize("given", ["", "m", "mi", "mt", "mit", "it"])
@pytest.mark.parametrize("opset", [10, 13])
def test_optional_inputs(given, opset, compile_model):
    model = suppression(given=given, center_point_box=None, opset=opset)
    library, expected = compile_model(model), onnx_runtime(model)
    boxes, scores = boxes_and_scores(np.random.default_rng(3), 2, 2, 25)
    for m, i, t in [(3, 0.5, 0.0), (2, 0.0, 1.0), (100, 1.0, -9.0)]:
        every = numbers(m, i, t)
        got = check(library, expected, {"boxes": boxes, "scores": scores, **{name: every[name] for name in given}})
        assert (len(got) > 0) == ("m" in given)


@pytest.mark.parametrize("most", [0, 5, INT64.max, -3])
def test_constants(most, compile_model):
    constants = {"m": np.array(most, "i8"), "i": np.array(0.4, "f4"), "t": np.array([0.1], "f4")}
    model = suppression(constants=constants)
    library, expected = compile_model(model), onnx_runtime(model)
    random = np.random.default_rng(4)
    for shape in ((1, 1, 10), (2, 5, 60), (1, 2, 0)):
        boxes, scores = boxes_and_scores(random, *shape)
        check(library, expected, {"boxes": boxes, "scores": scores})


# Limits that are computed from data, a detector's way on behind the boxes, and bodies.
FOUND = """(float[1, k, 4] boxes, float[1, c, k] scores) => (float[r, 4] y, int64[1] rows)
  <int64[1] most = {5}, float[1] half = {0.5}, int64[1] axis = {1}, int64 last = {2}, int64[1] zero = {0}> {
    low = ReduceMean<keepdims = 0>(scores) least = Unsqueeze(low, zero)
    chosen = NonMaxSuppression(boxes, scores, most, half, least) which = Gather<axis = 1>(chosen, last)
    all = Squeeze(boxes, zero) y = Gather(all, which) shape = Shape(chosen) rows = Slice(shape, zero, axis) }"""
LATE = """(float[n, k, 4] boxes, float[n, c, k] scores) => (int64[r, 3] y) <int64[1] zero = {0}> {
    best = ReduceMax<keepdims = 0>(scores) whole = Ceil(best) most = Cast<to = 7>(whole) half = Sigmoid(best)
    y = NonMaxSuppression(boxes, scores, most, half) }"""
BRANCH = """(float[n, k, 4] boxes, float[n, c, k] scores, bool b) => (int64[r, 3] y)
  <int64[1] most = {3}, float[1] half = {0.5}> {
    y = If(b) <then_branch = t () => (int64[p, 3] r) { r = NonMaxSuppression(boxes, scores, most, half) },
               else_branch = e () => (int64[q, 3] r) { r = NonMaxSuppression(boxes, scores, , half) }> }"""
LOOP = """(float[n, k, 4] boxes, float[n, c, k] scores, int64 steps, int64[0, 3] none) => (int64[r, 3] y)
  <float[1] half = {0.5}> {
    y = Loop(steps, , none) <body = b (int64 i, bool ci, int64[p, 3] a) => (bool co, int64[q, 3] an) {
      r = NonMaxSuppression(boxes, scores, i, half) an = Concat<axis = 0>(a, r) co = Identity(ci) }> }"""


@pytest.mark.parametrize(
    "graph, more",
    [(FOUND, [{}]), (LATE, [{}]), (BRANCH, [{"b": np.array(b)} for b in (True, False)]),
     (LOOP, [{"steps": np.array(n, "i8"), "none": np.zeros((0, 3), "i8")} for n in (0, 1, 4)])],
    ids=["found", "late", "branch", "loop"],
)  # fmt: skip
def test_in_a_model(graph, more, compile_model):
    model = parsed(f"g {graph}")
    library, expected = compile_model(model), onnx_runtime(model)
    random = np.random.default_rng(5)
    for shape, others in itertools.product([(1, 1, 9), (1, 3, 50), (1, 2, 4)], more):
        boxes, scores = boxes_and_scores(random, *shape)
        check(library, expected, {"boxes": boxes, "scores": scores, **others})


def test_several_threads_and_levels(compile_model):
    model = suppression()
    boxes, scores = boxes_and_scores(np.random.default_rng(6), 3, 20, 500)
    inputs = {"boxes": boxes, "scores": scores, **numbers(20, 0.3, 0)}
    expected = onnx_runtime(model)(inputs)["y"].tolist()
    with compile_model(model, target="x86-64-v3").session(threads=4) as session:
        assert session.run(inputs)["y"].tolist() == expected


def test_what_does_not_fit(compile_model, save, run_hone):
    library = compile_model(suppression())
    boxes, scores = boxes_and_scores(np.random.default_rng(7), 2, 2, 8)
    inputs = {"boxes": boxes, "scores": scores, **numbers(3, 0.5, 0)}
    for overlap in (-0.1, 1.5, np.nan):
        with pytest.raises(hone.HoneError, match=r"\(NonMaxSuppression\): iou_threshold is outside \[0, 1\]"):
            library.run({**inputs, "i": np.array([overlap], "f4")})
    late = compile_model(parsed(f"g {LATE.replace('Sigmoid', 'Neg')}"))
    with pytest.raises(hone.HoneError, match=r"iou_threshold is outside \[0, 1\]"):
        late.run({"boxes": boxes, "scores": scores})
    with pytest.raises(hone.HoneError, match="'k'"):
        library.run({**inputs, "scores": scores[:, :, 1:]})
    for constants, message in [
        ({"i": np.array(2, "f4")}, "iou_threshold is outside"),
        ({"m": np.array([1, 2])}, "the number of elements of max_output_boxes_per_class and 1"),
    ]:
        process = run_hone("check", save(suppression(constants=constants)))
        assert process.returncode == 1
        assert message in process.stderr


def symbols(path):
    listed = subprocess.run(["llvm-nm-22", path], capture_output=True, text=True, check=True).stdout
    return [line.split()[-2:] for line in listed.splitlines() if " " in line]


def test_linked_where_it_is_called(save, tmp_path):
    """The function is a local one of the libraries that call it, in each form, and of no other."""
    with_it = save(suppression())
    without = save(parsed("g (float[n] x) => (int64[1, k] y) { y = NonZero(x) }"))
    for suffix in (".so", ".o", ".a"):
        called = symbols(hone.compile(with_it, tmp_path / f"with{suffix}", name="with"))
        assert ["t", "hone_op_non_max_suppression"] in called
        if suffix != ".so":
            assert [name for kind, name in called if kind.isupper() and kind not in "UW"] == ["with_library"]
        assert not [name for _, name in symbols(hone.compile(without, tmp_path / f"o{suffix}")) if "hone_op_" in name]
