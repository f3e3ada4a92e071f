"""A model of gigabytes: a table of vectors, and products one after the other. No more than one weight is in memory at a
time, here as in the compiler, whose memory `watched` measures.

    Large(matrices=40).write_external(path)   weights in `path`.data
    Large(matrices=32).write_inline(path)     in the model's file, beyond protobuf's 2 GB: its parts are written by hand

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import pathlib
import subprocess
import threading
import time
from typing import NamedTuple

import numpy as np
from building import model_of, onnx_type, value
from onnx import TensorProto, helper

ROWS_OF_TABLE, WIDTH = 32768, 4096


class Large(NamedTuple):
    """ids [n] → y [n, width]: a row of the table for each, times the matrices, the sum of squares staying about 1."""

    matrices: int
    rows: int = ROWS_OF_TABLE
    width: int = WIDTH
    dtype: str = "f4"

    def shapes(self):
        yield "table", (self.rows, self.width)
        for i in range(self.matrices):
            yield f"w{i}", (self.width, self.width)

    def weight(self, name):
        shape = dict(self.shapes())[name]
        random = np.random.default_rng([len(name), *name.encode()])
        return (random.standard_normal(shape, np.float32) * np.float32(self.width**-0.5)).astype(self.dtype)

    @property
    def bytes(self):
        return sum(rows * columns * np.dtype(self.dtype).itemsize for _, (rows, columns) in self.shapes())

    @property
    def largest(self):
        """Bytes of the largest weight."""
        return max(rows * columns * np.dtype(self.dtype).itemsize for _, (rows, columns) in self.shapes())

    def graph(self):
        """The model without its weights."""
        nodes, x = [helper.make_node("Gather", ["table", "ids"], ["x"])], "x"
        for i in range(self.matrices):
            y = "y" if i == self.matrices - 1 else f"x{i}"
            nodes.append(helper.make_node("MatMul", [x, f"w{i}"], [y], name=f"product{i}"))
            x = y
        inputs, outputs = [value("ids", "n", dtype="i8")], [value("y", "n", self.width, dtype=self.dtype)]
        return model_of(nodes, inputs, outputs)

    def expected(self, ids):
        x = self.weight("table")[ids]
        for i in range(self.matrices):
            x = x @ self.weight(f"w{i}")
        return x

    def write_external(self, path):
        model, data = self.graph(), pathlib.Path(f"{path}.data")
        with data.open("wb") as file:
            for name, shape in self.shapes():
                tensor = model.graph.initializer.add(name=name, data_type=onnx_type(self.dtype), dims=shape)
                tensor.data_location = TensorProto.EXTERNAL
                for key, entry in (("location", data.name), ("offset", file.tell())):
                    tensor.external_data.add(key=key, value=str(entry))
                self.weight(name).tofile(file)
        pathlib.Path(path).write_bytes(model.SerializeToString())

    def write_inline(self, path):
        model = self.graph()
        graph = model.graph.SerializeToString()
        model.ClearField("graph")
        tensors = []  # what stands before the elements of each
        for name, shape in self.shapes():
            tensor = TensorProto(name=name, data_type=onnx_type(self.dtype), dims=shape).SerializeToString()
            elements = int(np.prod(shape)) * np.dtype(self.dtype).itemsize
            head = tensor + field(9, elements)  # TensorProto.raw_data
            tensors.append((name, field(5, len(head) + elements) + head, elements))  # GraphProto.initializer
        length = len(graph) + sum(len(head) + elements for _, head, elements in tensors)
        with pathlib.Path(path).open("wb") as file:
            file.write(model.SerializeToString() + field(7, length) + graph)  # ModelProto.graph
            for name, head, _ in tensors:
                file.write(head)
                self.weight(name).tofile(file)


def field(number, length):
    """The head of a field of so many bytes in protobuf's wire format."""
    return varint(number << 3 | 2) + varint(length)


def varint(number):
    rest = b"" if number < 128 else varint(number >> 7)
    return bytes([number & 127 | (128 if rest else 0)]) + rest


class Watched(NamedTuple):
    code: int
    messages: str
    seconds: float
    anonymous: int  # the most bytes of memory that were no file's


def watched(command):
    """Runs a command, and looks at its anonymous memory every 10 ms."""
    start = time.monotonic()
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    most = 0

    def look():
        nonlocal most
        status = pathlib.Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            try:
                lines = [line for line in status.read_text().splitlines() if line.startswith("RssAnon:")]
            except (FileNotFoundError, ProcessLookupError):  # it has ended
                return
            most = max(most, *(int(line.split()[1]) << 10 for line in lines), 0)
            time.sleep(0.01)

    watcher = threading.Thread(target=look)
    watcher.start()
    messages = process.communicate()[0]
    seconds = time.monotonic() - start
    watcher.join()
    assert most, "the command's memory was not seen"
    return Watched(process.returncode, messages, seconds, most)
