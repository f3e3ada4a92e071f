# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads compiled libraries and runs them on NumPy arrays."""

import ctypes
import json
import math
import os
import pathlib
import threading
import weakref
from dataclasses import dataclass
from typing import Tuple, Union

import numpy as np

from . import _elf, _interface


class Error(Exception):
    """A library that cannot be loaded, or a run that failed; the text says what to do."""


@dataclass(frozen=True)
class Value:
    """An input or output.

    dtype: bfloat16, int4 and uint4 are those of ml_dtypes where that package is installed, else uint16
                     (the bits), int8 and uint8
    shape: per dim an int, or the symbol's name (equal names are equal sizes), or None if only a run tells
    """

    name: str
    dtype: np.dtype
    shape: Tuple[Union[int, str, None], ...]


def load(path):
    """Opens a compiled library. Loading runs code of the file: load only what you trust."""
    return Library(path)


# Path -> the files (device, inode) that were opened under it, in order. Libraries are never closed.
_opened = {}


def _open(path):
    """Opens the library that the file holds now. The system's loader goes by the path's spelling and gives a library
    that it has open back, also when the file was compiled again since: so each further file gets a spelling of its own.
    """
    status = os.stat(path)
    files = _opened.setdefault(path, [])
    if (status.st_dev, status.st_ino) not in files:
        files.append((status.st_dev, status.st_ino))
    detour = "./" * files.index((status.st_dev, status.st_ino))
    return ctypes.CDLL(os.path.join(path.parent, detour, path.name))


class Library:
    """A compiled model. Calling it runs its default session, which takes all cores that the process may use.

    inputs, outputs: tuples of Value
    manifest:        what the compiler recorded, a dict
    """

    def __init__(self, path):
        self.path = pathlib.Path(path).resolve()
        try:
            symbol = _elf.library_symbol(self.path)
            entry = _open(self.path)[symbol]
        except (OSError, ValueError) as error:
            raise Error(str(error)) from None
        entry.restype = ctypes.POINTER(_interface.LibraryDescriptor)
        self._descriptor = entry()
        if self._descriptor.contents.abi_version != _interface.ABI_VERSION:
            raise Error(
                f"{self.path}: has version {self._descriptor.contents.abi_version} of Hone's interface, this package "
                f"knows version {_interface.ABI_VERSION}; compile the model again"
            )
        self._functions = self._descriptor.contents.functions.contents
        info = _interface.sized(_interface.LibraryInfo)
        self._functions.library_info(self._descriptor, info)
        self.name = info.name.decode()
        self.manifest = json.loads(ctypes.string_at(info.manifest, info.manifest_bytes))
        self.inputs = self._values(False, info.input_count)
        self.outputs = self._values(True, info.output_count)
        self._input_dtypes = [self._info(False, index).dtype for index in range(info.input_count)]
        self._default = None
        self._lock = threading.Lock()

    def session(self, threads=0):
        """A new session with its own memory and `threads` threads (0: as many as the process may use cores)."""
        return Session(self, threads)

    def __call__(self, **inputs):
        return self.run(inputs)

    def run(self, inputs):
        """Runs the default session on a mapping from names to arrays."""
        with self._lock:
            self._default = self._default or self.session()
        return self._default.run(inputs)

    def __repr__(self):
        return f"<hone.Library {self.name}: {_list(self.inputs)} -> {_list(self.outputs)}>"

    def _values(self, is_output, count):
        return tuple(self._value(is_output, index) for index in range(count))

    def _info(self, is_output, index):
        info = _interface.sized(_interface.ValueInfo)
        self._functions.value_info(self._descriptor, is_output, index, info)
        return info

    def _value(self, is_output, index):
        info = self._info(is_output, index)
        return Value(info.name.decode(), _numpy_dtype(info.dtype), tuple(map(self._dim, info.dims[: info.rank])))

    def _dim(self, dim):
        if dim >= 0:
            return dim
        symbol = self._functions.symbol(self._descriptor, dim)
        return symbol.decode() if symbol else None


class Session:
    """One run at a time; calls from several threads wait for each other."""

    def __init__(self, library, threads=0):
        self.library = library
        options = _interface.sized(_interface.Options)
        options.threads = threads
        if options.threads != threads:  # ctypes wraps
            raise Error(f"options: threads is {threads}, expected 0 to 1024")
        handle = ctypes.c_void_p()
        functions = library._functions
        _check(functions.session_create, library._descriptor, options, handle)
        self._handle = handle
        self._lock = threading.Lock()
        # Not when the interpreter ends: a daemon thread may be in a run, and the system frees everything.
        weakref.finalize(self, functions.session_destroy, handle).atexit = False

    def __call__(self, **inputs):
        return self.run(inputs)

    def run(self, inputs):
        """Runs the model on a mapping from input names to values; returns a dict from output names to fresh arrays.

        A value is a NumPy array, or anything with __dlpack__, of exactly the input's dtype, or a number or list, which
        is converted. Raises hone.Error.
        """
        arrays = self._arrays(inputs)
        tensors, held = _tensors(arrays, self.library._input_dtypes)
        functions, count = self.library._functions, len(arrays)
        values = self.library.outputs
        with self._lock:
            plan = _interface.sized(_interface.Plan)
            _check(functions.session_plan, self._handle, tensors, count, plan)
            shapes = [tuple(plan.outputs[i].shape[: plan.outputs[i].ndim]) for i in range(len(values))]
            is_packed = [plan.outputs[i].dtype.bits == 4 for i in range(len(values))]
            results = [
                np.empty((math.prod(shape) + 1) // 2, np.uint8) if packed else np.empty(shape, value.dtype)
                for value, shape, packed in zip(values, shapes, is_packed)
            ]
            outputs = (_interface.Output * len(results))()
            for output, result in zip(outputs, results):
                output.data, output.capacity = result.ctypes.data, result.nbytes
            _check(functions.run, self._handle, tensors, count, outputs, len(results))
        del held  # lived until here
        return {
            value.name: _unpack(result, shape, value.dtype) if packed else result
            for value, result, shape, packed in zip(values, results, shapes, is_packed)
        }

    def __repr__(self):
        return f"<hone.Session of {self.library.name}>"

    def _arrays(self, inputs):
        known = self.library.inputs
        unknown = set(inputs) - {value.name for value in known}
        if unknown:
            raise Error(f"there is no input {_quote(sorted(unknown)[0])}; the model takes {_list(known)}")
        missing = [value.name for value in known if value.name not in inputs]
        if missing:
            raise Error(f"input {_quote(missing[0])} is missing; the model takes {_list(known)}")
        dtypes = self.library._input_dtypes
        return [_array(value, inputs[value.name], dtype.bits == 4) for value, dtype in zip(known, dtypes)]


def _quote(text):
    return f"'{text}'"


def _list(values):
    return ", ".join(_quote(value.name) for value in values) or "nothing"


def _numpy_dtype(dtype):
    lacking = {  # what NumPy has no type of: the name in ml_dtypes, and what holds it where that is not installed
        (_interface.CODE_BFLOAT, 16): ("bfloat16", np.uint16),
        (_interface.CODE_INT, 4): ("int4", np.int8),
        (_interface.CODE_UINT, 4): ("uint4", np.uint8),
    }
    if (dtype.code, dtype.bits) in lacking:
        name, holder = lacking[dtype.code, dtype.bits]
        try:
            import ml_dtypes
        except ImportError:
            return np.dtype(holder)
        return np.dtype(getattr(ml_dtypes, name))
    kind = {
        _interface.CODE_INT: "i",
        _interface.CODE_UINT: "u",
        _interface.CODE_FLOAT: "f",
        _interface.CODE_BOOL: "b",
    }[dtype.code]
    return np.dtype(f"{kind}{dtype.bits // 8}")


def _array(value, given, is_nibble):
    """`given` as a contiguous, aligned array of the input's dtype, without a copy where it is one."""
    name, dtype = _quote(value.name), value.dtype
    if not isinstance(given, (np.ndarray, np.generic)) and hasattr(given, "__dlpack__"):
        try:
            given = np.from_dlpack(given)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:  # on another device, a type NumPy lacks, …
            raise Error(f"input {name}: {error}") from None
    if isinstance(given, (np.ndarray, np.generic)):
        array = np.asarray(given)
        if array.dtype != dtype:
            raise Error(
                f"input {name}: the array has dtype {array.dtype}, the model takes {dtype}; convert it with "
                f".astype('{dtype}')"
            )
    else:
        try:
            array = np.asarray(given)
        except ValueError as error:
            raise Error(f"input {name}: {error}") from None
        array = _convert(name, array, np.dtype(np.int64) if is_nibble else dtype)
    if is_nibble:
        _check_nibbles(name, array, dtype)
    return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])


def _check_nibbles(name, array, dtype):
    """4-bit integers may come in wider ones: where ml_dtypes is not installed, and of lists."""
    low, high = (-8, 7) if dtype.name.startswith("int") else (0, 15)
    wide = array.astype(np.int64)
    if wide.size and not low <= wide.min() <= wide.max() <= high:
        raise Error(f"input {name}: has elements outside {low} to {high}, which is what 4 bits hold")


def _convert(name, array, dtype):
    """Numbers to `dtype`: what becomes an integer must be one, what becomes a float is rounded; both must fit."""
    fits = False
    if array.dtype.kind in "biuf":
        with np.errstate(invalid="ignore", over="ignore"):
            converted = array.astype(dtype)
        exact = dtype.kind in "biu"
        fits = np.array_equal(converted, array) if exact else np.array_equal(np.isinf(converted), np.isinf(array))
    if not fits:
        raise Error(f"input {name}: these {array.dtype} values have no {dtype} form, which the model takes")
    return converted


def _pack(array):
    """4-bit integers, of which NumPy's arrays hold one a byte, two a byte: the first one is the low half."""
    nibbles = np.zeros(array.size + array.size % 2, np.uint8)
    nibbles[: array.size] = array.astype(np.int8).view(np.uint8).ravel() & 15
    return nibbles[::2] | nibbles[1::2] << 4


def _unpack(packed, shape, dtype):
    nibbles = np.stack([packed & 15, packed >> 4], axis=1).ravel()[: math.prod(shape)]
    if np.dtype(dtype).name.startswith("int"):
        nibbles = (nibbles << 4).view(np.int8) >> 4
    return nibbles.astype(dtype).reshape(shape)


def _tensors(arrays, dtypes):
    """The arrays as hone_tensor, and what these point to."""
    packed = [_pack(array) if dtype.bits == 4 else array for array, dtype in zip(arrays, dtypes)]
    tensors = (_interface.Tensor * len(arrays))()
    shapes = [(ctypes.c_int64 * array.ndim)(*array.shape) for array in arrays]
    for tensor, array, elements, dtype, shape in zip(tensors, arrays, packed, dtypes, shapes):
        tensor.data = elements.ctypes.data
        tensor.device_type = _interface.CPU
        tensor.ndim = array.ndim
        tensor.dtype = dtype
        tensor.shape = ctypes.cast(shape, ctypes.POINTER(ctypes.c_int64))
    return tensors, (shapes, packed)


def _check(function, *arguments):
    """Calls a function of the table that takes a hone_error last; raises what it reports."""
    error = _interface.Error()
    if function(*arguments, error):
        raise Error(error.message.decode("utf-8", "replace"))
