"""Functions of the model that call each other: as deep as libonnx takes them, and no deeper.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import hone
import numpy as np
import pytest
from building import value
from onnx import helper
from tolerance import assert_close

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]


def nested(depth):
    """F0(x) = -F1(x) = F2(x) ..., the last one Relu."""

    def body(i):
        if i == depth - 1:
            return [helper.make_node("Relu", ["x"], ["y"])]
        call = helper.make_node(f"F{i + 1}", ["x"], ["inner"], domain="local")
        return [call, helper.make_node("Neg", ["inner"], ["y"])]

    functions = [helper.make_function("local", f"F{i}", ["x"], ["y"], body(i), OPSETS) for i in range(depth)]
    call = helper.make_node("F0", ["x"], ["y"], domain="local")
    graph = helper.make_graph([call], "nested", [value("x", 3)], [value("y", 3)])
    return helper.make_model(graph, functions=functions, opset_imports=OPSETS, ir_version=8)


def test_nested_functions(compile_model):
    x = np.array([-1, 0, 2], np.float32)
    assert_close(compile_model(nested(100))(x=x)["y"], -np.maximum(x, 0))


def test_functions_nested_too_deeply(compile_model):
    with pytest.raises(hone.CompileError, match="call each other too deeply|call chain depth exceeds limit"):
        compile_model(nested(150))
