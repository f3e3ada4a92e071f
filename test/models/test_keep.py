"""Values of inner nodes (`--keep`) against ONNX Runtime, and inputs that have a default value.

Every output of every node, by the name that `hone inspect` lists: of the sentence-embedding model, and of nodes that
are no operations of a program.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import collections
import json
import pathlib
import re

import numpy as np
import onnx
import pytest
from building import model_of, onnx_runtime, value
from onnx import helper
from tolerance import WHOLE_MODEL, assert_close

CLI = pathlib.Path(__file__).resolve().parents[2] / "docs/cli.md"


def label(node, i):
    """How Hone calls output i of a node that has a name."""
    return f"{node.name}:{i}" if any(node.output[1:]) else node.name


def mixed_model():
    """Nodes of several outputs, used or not, and nodes that come to nothing or are computed on the host."""
    nodes = [
        ("Split", ["x", "parts"], ["a", "b", "c"], {"axis": 1}),
        ("Identity", ["b"], ["b1"], {}),
        ("Dropout", ["b1"], ["b2", "mask"], {}),
        ("Cast", ["b2"], ["b3"], {"to": 1}),
        ("Reshape", ["b3", "dims"], ["b4"], {}),
        ("Transpose", ["b4"], ["b5"], {"perm": [0, 1]}),
        ("Flatten", ["b5"], ["b6"], {"axis": 1}),
        ("Slice", ["b6", "start", "end"], ["b7"], {}),
        ("Concat", ["b7"], ["b8"], {"axis": 1}),
        ("Shape", ["b8"], ["s"], {}),
        ("Gather", ["s", "start"], ["rows"], {}),
        ("Expand", ["b8", "s"], ["b9"], {}),
        ("Constant", [], ["one"], {"value_float": 1.5}),
        ("Identity", ["w"], ["w1"], {}),
        ("Identity", ["x"], ["x1"], {}),
        ("TopK", ["x", "two"], ["top", "i"], {"axis": 1}),
        ("Add", ["b9", "one"], ["h"], {}),
        ("Erf", ["h"], ["e"], {}),
        ("MatMul", ["h", "w1"], ["y"], {}),
        ("ReduceSum", ["i"], ["total"], {}),
    ]
    numbers = {"parts": [1, 2, 3], "dims": [0, -1], "start": [0], "end": [9], "two": [2]}
    constants = {name: np.array(values) for name, values in numbers.items()}
    constants["w"] = np.random.default_rng(1).standard_normal((2, 200)).astype("f4")
    nodes = [helper.make_node(op, *values, name=f"{op}{i}", **more) for i, (op, *values, more) in enumerate(nodes)]
    return model_of(nodes, [value("x", "n", 6)], [value("y", "n", 200), value("total", 1, 1, dtype="i8")], constants)


def mixed_inputs(_):
    return {"x": np.random.default_rng(0).standard_normal((3, 6)).astype("f4")}


def minilm_inputs(path):
    ids = np.random.default_rng(2).integers(0, 30000, (2, 9))
    mask = np.ones((2, 9), "i8")
    mask[1, 6:] = 0
    names = [each.name for each in onnx.load(path, load_external_data=False).graph.input]
    return {
        name: mask if "mask" in name else ids if "ids" in name and "type" not in name else 0 * mask for name in names
    }


Kept = collections.namedtuple("Kept", "path names got expected")


@pytest.fixture(scope="module", params=["mixed", "minilm"])
def kept(request, save, compile_model, minilm):
    """A model's path, its values' names by Hone's, and all of them from a run of Hone's and of ONNX Runtime's."""
    path = minilm if request.param == "minilm" else save(mixed_model())
    inputs = (minilm_inputs if request.param == "minilm" else mixed_inputs)(path)
    model = onnx.load(path)
    names = {label(node, i): name for node in model.graph.node for i, name in enumerate(node.output) if name}
    declared = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names.values() if name not in declared)
    got = compile_model(path, keep=".").run(inputs)
    return Kept(path, names, got, onnx_runtime(save(model))(inputs))


def test_inspect_lists_all(kept, run_hone):
    inspected = run_hone("inspect", kept.path, "--json")
    assert inspected.returncode == 0, inspected.stderr
    assert sorted(json.loads(inspected.stdout)["values"]) == sorted(kept.names)


def test_all_are_outputs(kept):
    assert not [name for name in kept.names if name not in kept.got]


def test_values(kept, subtests):
    for name, onnx_name in kept.names.items():
        with subtests.test(name):
            assert_close(kept.got[name], np.asarray(kept.expected[onnx_name]), WHOLE_MODEL)


@pytest.fixture(scope="module")
def with_default():
    """A model that multiplies by an input whose default is 2."""
    node = helper.make_node("Mul", ["x", "scale"], ["y"])
    default = {"scale": helper.make_tensor("scale", onnx.TensorProto.FLOAT, [1], [2.0])}
    return model_of([node], [value("x", "n"), value("scale", 1)], [value("y", "n")], default)


X = np.arange(3, dtype="f4")


def test_default_is_a_constant(with_default, compile_model):
    library = compile_model(with_default)
    assert [each.name for each in library.inputs] == ["x"]
    assert_close(library.run({"x": X})["y"], 2 * X)


def test_default_taken_out(with_default, compile_model, tmp_path, monkeypatch):
    """As docs/cli.md says how."""
    _, section = CLI.read_text().split("### Inputs with a default value")
    (program,) = re.findall(r"```python\n(.*?)```", section.split("\n### ")[0], re.DOTALL)
    monkeypatch.chdir(tmp_path)
    onnx.save(with_default, "model.onnx")
    exec(program, {})
    scale = np.array([5], "f4")
    assert_close(compile_model(tmp_path / "open.onnx").run({"x": X, "scale": scale})["y"], 5 * X)
