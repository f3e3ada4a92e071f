# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compile models with Hone and run the libraries that come out.

    path = hone.compile("model.onnx", "model.so", target="x86-64-v3")
    library = hone.load(path)
    outputs = library(input_ids=ids, attention_mask=mask)  # dict: output name -> fresh NumPy array

The package is pure Python on ctypes: a compiled library carries its own C interface (hone.h), whose calls take
microseconds next to a run of milliseconds, so an extension module would bring one wheel per Python version and platform
and no speed. Compiling happens in a child process, the `hone` program, so that nothing in it can take this process
down.
"""

from .compiler import CompileError, compile
from .errors import Error, HoneError, Status
from .library import Entry, Launch, Library, Plan, Session, State, Value, load

__version__ = "0.1.0"

__all__ = [
    "CompileError",
    "Entry",
    "Error",
    "HoneError",
    "Launch",
    "Library",
    "Plan",
    "Session",
    "State",
    "Status",
    "Value",
    "compile",
    "load",
]
