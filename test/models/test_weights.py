"""Constants that a model moves, joins or casts, against ONNX Runtime; and that nothing of it happens in a run.

Also: constants of every element type in the typed fields of the file, from every stage; and what a stage says whose
computed values are missing, cut off, or another compile's.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import collections
import filecmp
import os
import re
import shutil

import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, onnx_type, value
from onnx import TensorProto, helper
from tolerance import WHOLE_MODEL, assert_all_close

STAGES = ("import", "hone", "kernels", "plan", "llvm")
MOVES = ("transpose", "slice", "concat", "cast", "reshape")


def floats(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], name=f"{op}_{output}", **attributes)


# Nodes that make a matrix W of the weights. W has 32 rows, and is a right operand.
Moved = collections.namedtuple("Moved", "nodes weights")
MOVED = {
    "transpose": Moved([node("Transpose", ["a"], "W", perm=[1, 0])], {"a": floats(1, 40, 32)}),
    "slice": Moved(
        [node("Slice", ["a", "s", "e", "axes", "steps"], "W")],
        {"a": floats(2, 70, 90), "s": ints(63, 1), "e": ints(-100, 90), "axes": ints(0, 1), "steps": ints(-2, 3)},
    ),
    "concat": Moved(
        [node("Concat", ["a", "b", "c"], "W", axis=1)], {name: floats(i, 32, 24) for i, name in enumerate("abc")}
    ),
    "cast": Moved([node("Cast", ["a"], "W", to=TensorProto.FLOAT)], {"a": floats(3, 32, 40).astype(np.float64)}),
    "cast-small": Moved(
        [node("Cast", ["a"], "W", to=TensorProto.FLOAT)],
        {"a": np.random.default_rng(4).integers(-128, 128, (32, 40)).astype(np.int8)},
    ),
    "reshape": Moved([node("Reshape", ["a", "d"], "W")], {"a": floats(5, 4, 8, 40), "d": ints(32, -1)}),
    "chain": Moved(
        [
            node("Transpose", ["a"], "t", perm=[2, 0, 1]),
            node("Reshape", ["t", "d"], "r"),
            node("Concat", ["r", "b"], "c", axis=1),
            node("Slice", ["c", "s", "e", "axes"], "l"),
            node("Cast", ["l"], "W", to=TensorProto.FLOAT),
        ],
        {
            "a": floats(6, 10, 6, 32).astype(np.float64),
            "b": floats(7, 32, 20).astype(np.float64),
            "d": ints(32, 60),
            "s": ints(5),
            "e": ints(75),
            "axes": ints(1),
        },
    ),
    "twice": Moved(
        [
            node("Transpose", ["a"], "t", perm=[1, 0]),
            node("Transpose", ["a"], "u", perm=[1, 0]),
            node("Add", ["t", "u"], "W"),
        ],
        {"a": floats(8, 40, 32)},
    ),
}


@pytest.fixture(scope="module", params=MOVED.values(), ids=MOVED)
def moved_model(request, save):
    """The path of a model that multiplies by W as a matrix, and reads the same W element by element."""
    nodes = [*request.param.nodes, node("MatMul", ["x", "W"], "m"), node("Gather", ["W", "i"], "g", axis=0)]
    inputs = [value("x", "n", 32), value("i", "k", dtype="i8")]
    return save(model_of(nodes, inputs, [value("m", "n", None), value("g", "k", None)], request.param.weights))


def test_moved_values(moved_model, compile_model):
    inputs = {"x": floats(9, 5, 32), "i": ints(3, 0, 31)}
    got = compile_model(moved_model).run(inputs)
    assert_all_close(got, onnx_runtime(moved_model)(inputs), WHOLE_MODEL)


def test_moving_costs_nothing(moved_model, run_hone):
    kernels = run_hone("compile", moved_model, "--emit=kernels", "-o", "-").stdout
    ops = re.findall(r"= hone\.(\w+)", kernels)
    assert ops, "no kernels"
    assert not [op for op in ops if op in MOVES], "a run still moves weights"


def test_moved_with_one_thread(moved_model, tmp_path):
    several = hone.compile(moved_model, tmp_path / "several.so")
    one = hone.compile(moved_model, tmp_path / "one.so", jobs="1")
    assert filecmp.cmp(one, several, shallow=False), "the library has other bytes"


# ---- Typed fields


def typed(name, array, **fields):
    """A tensor whose elements are in a field of their type, as some exporters write it."""
    tensor = TensorProto(name=name, data_type=onnx_type(array.dtype), dims=array.shape)
    for field, elements in fields.items():
        getattr(tensor, field).extend(elements)
    return tensor


@pytest.fixture(scope="module")
def typed_model(save):
    """The path of a model with each element type above the size of a constant, in each field that may hold it."""
    random = np.random.default_rng(1)
    arrays = {
        "int32_data": [random.integers(-99, 99, (40, 70)).astype(t) for t in (np.int8, np.int16, np.int32)]
        + [random.integers(0, 200, (40, 70)).astype(t) for t in (np.uint8, np.uint16)]
        + [random.integers(0, 2, (40, 70)).astype(bool)],
        "int64_data": [random.integers(-(2**60), 2**60, (40, 70))],
        "uint64_data": [random.integers(0, 2**32, (40, 70)).astype(t) for t in (np.uint32, np.uint64)],
        "float_data": [floats(2, 40, 70)],
        "double_data": [random.standard_normal((40, 70))],
    }
    nodes, outputs, weights = [], [], {}
    for field, group in arrays.items():
        for i, array in enumerate(group):
            name = f"{field}_{i}"
            weights[name] = typed(name, array, **{field: (array * 1).ravel().tolist()})
            nodes.append(node("Gather", [name, "i"], f"y_{name}", axis=0))
            outputs.append(value(f"y_{name}", "k", 70, dtype=array.dtype))
    return save(model_of(nodes, [value("i", "k", dtype="i8")], outputs, weights))


def test_typed_values(typed_model, compile_model):
    inputs = {"i": np.arange(40)}
    got = compile_model(typed_model).run(inputs)
    assert_all_close(got, onnx_runtime(typed_model)(inputs), WHOLE_MODEL)


@pytest.mark.parametrize("stage", STAGES)
def test_typed_weights_stay_out_of_the_text(typed_model, run_hone, tmp_path, stage):
    run_hone("compile", typed_model, f"--emit={stage}", "-o", tmp_path / "typed.mlir")
    limit = 200_000 if stage == "llvm" else 60_000
    assert 0 < (tmp_path / "typed.mlir").stat().st_size < limit


@pytest.mark.parametrize("stage", STAGES)
def test_typed_weights_go_with_the_stage(typed_model, run_hone, tmp_path, stage):
    """The folder of a stage file may move."""
    whole = hone.compile(typed_model, tmp_path / "whole.so")
    (tmp_path / "here").mkdir()
    run_hone("compile", typed_model, f"--emit={stage}", "-o", tmp_path / "here/typed.mlir")
    there = shutil.move(tmp_path / "here", tmp_path / "there")
    result = run_hone("compile", there / "typed.mlir", "-o", tmp_path / "typed.so")
    assert result.returncode == 0, result.stderr
    assert filecmp.cmp(tmp_path / "typed.so", whole, shallow=False), "the library has other bytes"


# ---- Stores of values beside a stage file


ELEMENTS = np.arange(3000, dtype=np.int32)


def looked_up(elements):
    """A model with the elements as its only weight."""
    weights = {"w": typed("w", elements, int32_data=elements.tolist())}
    inputs, outputs = [value("i", "k", dtype="i8")], [value("y", "k", dtype="i4")]
    return model_of([node("Gather", ["w", "i"], "y", axis=0)], inputs, outputs, weights)


@pytest.fixture
def emit(save, run_hone, tmp_path):
    """A function: (name, elements) -> the path of a stage file that has them as its only weight."""

    def emit(name, elements):
        stage = tmp_path / f"{name}.mlir"
        run_hone("compile", save(looked_up(elements)), "--emit=hone", "-o", stage)
        return stage

    return emit


@pytest.fixture
def stage(emit):
    return emit("store", ELEMENTS)


@pytest.fixture
def store(stage):
    """What the stage's values are in."""
    return stage.with_name("store.mlir.weights")


def assert_refused(run_hone, stage, *texts):
    """Compiling says which file it misses, for which weight, and what to do; nothing else is left."""
    before = sorted(os.listdir(stage.parent))
    result = run_hone("compile", stage, "-o", stage.with_name("refused.so"))
    assert result.returncode == 1
    for text in ("w0_w", "store.mlir.weights", *texts):
        assert text in result.stderr
    assert sorted(os.listdir(stage.parent)) == before


def test_store_that_is_missing(stage, store, run_hone):
    store.unlink()
    assert_refused(run_hone, stage, "No such file", "move both, or make them again")


def test_store_that_is_cut_off(stage, store, run_hone):
    store.write_bytes(store.read_bytes()[:5000])
    assert_refused(run_hone, stage, "which has 5000", "make the stage file again")


def test_store_of_another_compile(stage, store, run_hone, emit):
    emit("other", ELEMENTS + 1).with_name("other.mlir.weights").replace(store)
    assert_refused(run_hone, stage, "belongs to another compile", "make the stage file again")


def test_store_that_was_restored(stage, store, run_hone, tmp_path):
    whole = store.read_bytes()
    store.write_bytes(whole[:5000])
    store.write_bytes(whole)
    result = run_hone("compile", stage, "-o", tmp_path / "store.so")
    assert result.returncode == 0 and result.stderr == ""


def test_stage_on_stdout_has_no_store(save, run_hone, tmp_path):
    text = run_hone("compile", save(looked_up(ELEMENTS)), "--emit=hone", "-o", "-").stdout
    (tmp_path / "stdout.mlir").write_text(text)
    result = run_hone("compile", tmp_path / "stdout.mlir", "-o", tmp_path / "stdout.so")
    assert result.returncode == 1
    assert "-o FILE" in result.stderr and "w0_w" in result.stderr


def test_store_is_beside_its_stage(store):
    assert store.exists()


def test_store_only_where_needed(save, run_hone, tmp_path):
    plain = save(model_of([node("Neg", ["x"], "y")], [value("x", "n")], [value("y", "n")]))
    run_hone("compile", plain, "--emit=hone", "-o", tmp_path / "plain.mlir")
    assert (tmp_path / "plain.mlir").exists()
    assert not list(tmp_path.glob("plain.mlir.*"))
