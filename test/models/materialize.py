#!/usr/bin/env python3
"""The models of graphs/, which has what exporters write today without the large weights, with weights filled in.

    materialize.py [--list] [NAME …]      prints the paths of the models, filled on first use into $HONE_MODELS/exported

graphs/NAME.onnx holds the graph and the small constants, graphs/NAME.json says of each large tensor where its values
come from:
    safetensors   trained weights, of a package that scripts/deps.sh installs into $HONE_MODELS
    normal        seeded normal values with the statistics of an initialised network
Networks of the second kind are for speed and for agreement between engines, not for accuracy. Of one version of NumPy
they are the same on every machine.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import functools
import hashlib
import json
import os
import pathlib
import tempfile

import numpy as np
import onnx

GRAPHS = pathlib.Path(__file__).resolve().parent / "graphs"
MODELS = pathlib.Path(os.environ.get("HONE_MODELS", os.path.expanduser("~/.cache/hone/models")))
NAMES = sorted(path.stem for path in GRAPHS.glob("*.onnx"))
FILLING = 1  # counts the ways in which values were made: the models of another one are made again
CLASSES = 1000  # of the light networks
DAMPED = {"light_shufflenet": 0.03}  # its last product, or its softmax would have one value that is not 0
SAFETENSORS = {"F32": "<f4", "I64": "<i8"}


def model_path(name: str) -> pathlib.Path:
    """The path of the filled model; made where it is not there yet or its graph has changed."""
    graph, fills = GRAPHS / f"{name}.onnx", GRAPHS / f"{name}.json"
    return made(name, [graph, fills], lambda model: fill(model.graph, json.loads(fills.read_text())))


def light_path(name: str) -> pathlib.Path:
    """The path of one of the light networks of the package onnx. All of their weights are 0.02, which no order of
    channels or of pixels could show, and a compiler might take for a scalar; here they are seeded."""
    graph = pathlib.Path(onnx.__file__).parent / "backend/test/data/light" / f"{name}.onnx"
    return made(name, [graph], lambda model: fill_light(model.graph, DAMPED.get(name, 1)))


def made(name: str, sources: list, change) -> pathlib.Path:
    """The path of the first of the sources with a change; made if there is none of these sources."""
    stamp = hashlib.sha256(b"".join([b"%d" % FILLING, *(source.read_bytes() for source in sources)])).hexdigest()
    path = MODELS / "exported" / f"{name}.onnx"
    stamp_path = path.with_suffix(".stamp")
    if path.exists() and stamp_path.exists() and stamp_path.read_text() == stamp:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(sources[0])
    change(model)
    replace(path, model.SerializeToString())  # one that another process makes meanwhile is the same
    replace(stamp_path, stamp.encode())
    return path


def replace(path: pathlib.Path, data: bytes) -> None:
    """Writes the file so that nobody sees a part of it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    os.replace(file.name, path)


def fill(graph: onnx.GraphProto, fills: dict) -> None:
    """Gives values to the tensors of a graph, and of those inside it, that have been left out."""
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    constants = [each.t for each in attributes if each.type == onnx.AttributeProto.TENSOR]
    for tensor in [*graph.initializer, *constants]:
        if tensor.doc_string == "stripped":
            dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
            tensor.raw_data = values(fills[tensor.name], tuple(tensor.dims), dtype).tobytes()
            tensor.doc_string = ""
    for attribute in attributes:
        if attribute.type == onnx.AttributeProto.GRAPH:
            fill(attribute.g, fills)


def values(source: dict, shape: tuple, dtype: np.dtype) -> np.ndarray:
    if source["source"] == "normal":
        array = np.random.default_rng(source["seed"]).standard_normal(shape)
        if "channel_std" in source:  # of each output channel, which is the first axis; their mean is 0
            array *= np.reshape(source["channel_std"], (-1, *[1] * (len(shape) - 1)))
        else:
            array = array * source["std"] + source["mean"]
        return np.clip(array, source["min"], source["max"]).astype(dtype)
    array = trained(source["where"])[source["tensor"]]
    for operation in source["ops"]:
        if operation != "transpose":
            raise ValueError(f"unknown operation {operation} on {source['tensor']}")
        array = array.T
    return np.ascontiguousarray(array, dtype).reshape(shape)


def fill_light(graph: onnx.GraphProto, last_gain: float) -> None:
    """Makes weights of nodes ConstantOfShape: of products normal with a gain of 1 (the last one: `last_gain`), others,
    which are scales, shifts and variances, between a half and one and a half: no layer's values grow or vanish."""
    random = np.random.default_rng(FILLING)
    shapes = {tensor.name: tensor for tensor in graph.initializer}
    for node in [node for node in graph.node if node.op_type == "ConstantOfShape"]:
        shape = onnx.numpy_helper.to_array(shapes[node.input[0]])
        array = random.random(shape) + 0.5
        if len(shape) > 1:
            gain = last_gain if shape[0] == CLASSES else 1
            array = random.standard_normal(shape) * gain / np.sqrt(np.prod(shape[1:]))
        tensor = onnx.numpy_helper.from_array(array.astype(np.float32), node.output[0])
        graph.initializer.append(tensor)
        # Of this version of the format constants are among the inputs.
        graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
        graph.node.remove(node)


@functools.cache
def trained(where: str) -> dict[str, np.ndarray]:
    """The tensors of a file in the format safetensors; where: "PACKAGE:FILE"."""
    package, file = where.split(":")
    found = sorted((MODELS / package).glob(f"**/{file}"))
    if not found:
        raise FileNotFoundError(f"there is no {file} below {MODELS / package}; scripts/deps.sh installs it")
    data = np.memmap(found[0], np.uint8, "r")
    begin = 8 + int(data[:8].view("<u8")[0])  # behind the length of the header, and the header
    header = json.loads(bytes(data[8:begin]))
    header.pop("__metadata__", None)
    tensors = {}
    for name, tensor in header.items():
        first, last = (begin + offset for offset in tensor["data_offsets"])
        tensors[name] = data[first:last].view(SAFETENSORS[tensor["dtype"]]).reshape(tensor["shape"])
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the names of all")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(NAMES)}")
    options = parser.parse_args()
    unknown = sorted(set(options.names) - set(NAMES))
    if unknown:
        parser.error(f"there is no graph {unknown[0]}; --list names all")
    for name in options.names or NAMES:
        print(name if options.list else model_path(name), flush=True)


if __name__ == "__main__":
    main()
