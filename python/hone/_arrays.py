# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Between NumPy's arrays and the tensors of a library."""

from __future__ import annotations

import ctypes
import math
from typing import Any, Sequence

import numpy as np
import numpy.typing as npt

from . import _interface
from .errors import HoneError, Status

Array = npt.NDArray[Any]


def quote(text: str) -> str:
    return f"'{text}'"


def numpy_dtype(dtype: Any) -> np.dtype[Any]:
    """Of a _interface.Dtype."""
    lacking = {  # what NumPy has no type of: the name in ml_dtypes, and what holds it where that is not installed
        (_interface.CODE_BFLOAT, 16): ("bfloat16", np.uint16),
        (_interface.CODE_INT, 4): ("int4", np.int8),
        (_interface.CODE_UINT, 4): ("uint4", np.uint8),
    }
    if (dtype.code, dtype.bits) in lacking:
        name, holder = lacking[dtype.code, dtype.bits]
        try:
            import ml_dtypes  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError:
            return np.dtype(holder)
        known: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
        return known
    kind = {
        _interface.CODE_INT: "i",
        _interface.CODE_UINT: "u",
        _interface.CODE_FLOAT: "f",
        _interface.CODE_BOOL: "b",
    }[dtype.code]
    return np.dtype(f"{kind}{dtype.bits // 8}")


def to_array(name: str, dtype: np.dtype[Any], code: Any, given: Any) -> Array:
    """`given`, for the input `name`, as a contiguous, aligned array of its dtype, without a copy where it is one.
    `code` is the input's _interface.Dtype."""
    if not isinstance(given, (np.ndarray, np.generic)) and hasattr(given, "__dlpack__"):
        try:
            given = np.from_dlpack(given)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:  # on another device, a type NumPy lacks, …
            hint = "; give the bits of bfloat16 as uint16" if code.code == _interface.CODE_BFLOAT else ""
            raise HoneError(f"input {name}: {error}{hint}") from None
    is_nibble = code.bits == 4
    if isinstance(given, (np.ndarray, np.generic)):
        array = np.asarray(given)
        if array.dtype != dtype and array.dtype == np.uint16 and code.code == _interface.CODE_BFLOAT:
            array = array.view(dtype)
        if array.dtype != dtype:
            raise HoneError(
                f"input {name}: the array has dtype {array.dtype}, the model takes {dtype}; convert it with "
                f".astype('{dtype}')"
            )
    else:
        try:
            array = np.asarray(given)
        except ValueError as error:
            raise HoneError(f"input {name}: {error}") from None
        array = _convert(name, array, np.dtype(np.int64) if is_nibble else dtype)
    if is_nibble:
        _check_nibbles(name, array, dtype)
    flags = array.flags
    if flags.c_contiguous and flags.aligned:
        return array
    return np.require(array, requirements=["C_CONTIGUOUS", "ALIGNED"])


def _check_nibbles(name: str, array: Array, dtype: np.dtype[Any]) -> None:
    """4-bit integers may come in wider ones: where ml_dtypes is not installed, and of lists."""
    low, high = (-8, 7) if dtype.name.startswith("int") else (0, 15)
    wide = array.astype(np.int64)
    if wide.size and not low <= wide.min() <= wide.max() <= high:
        raise HoneError(f"input {name}: has elements outside {low} to {high}, which is what 4 bits hold")


def _convert(name: str, array: Array, dtype: np.dtype[Any]) -> Array:
    """Numbers to `dtype`: what becomes an integer must be one, what becomes a float is rounded; both must fit."""
    fits = False
    converted = array
    if array.dtype.kind in "biuf":
        with np.errstate(invalid="ignore", over="ignore"):
            converted = array.astype(dtype)
        exact = dtype.kind in "biu"
        fits = np.array_equal(converted, array) if exact else np.array_equal(np.isinf(converted), np.isinf(array))
    if not fits:
        raise HoneError(f"input {name}: these {array.dtype} values have no {dtype} form, which the model takes")
    return converted


def _pack(array: Array) -> Array:
    """4-bit integers, of which NumPy's arrays hold one a byte, two a byte: the first one is the low half."""
    nibbles = np.zeros(array.size + array.size % 2, np.uint8)
    nibbles[: array.size] = array.astype(np.int8).view(np.uint8).ravel() & 15
    return np.asarray(nibbles[::2] | nibbles[1::2] << 4)


def _unpack(packed: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    nibbles: Array = np.stack([packed & 15, packed >> 4], axis=1).ravel()[: math.prod(shape)]
    if np.dtype(dtype).name.startswith("int"):
        nibbles = (nibbles << 4).view(np.int8) >> 4
    return nibbles.astype(dtype).reshape(shape)


def to_values(arrays: Sequence[Array], codes: Sequence[Any]) -> tuple[Any, Any]:
    """The arrays as an array of _interface.Value, and what these point to. `codes` are the inputs' _interface.Dtype."""
    packed = [_pack(array) if code.bits == 4 else array for array, code in zip(arrays, codes)]
    values = _interface.values(len(arrays))
    shapes = [(ctypes.c_int64 * array.ndim)(*array.shape) for array in arrays]
    for value, array, elements, code, shape in zip(values, arrays, packed, codes, shapes):
        value.kind = _interface.TENSOR
        tensor = value.tensor
        tensor.data = elements.ctypes.data
        tensor.ndim = array.ndim
        tensor.dtype = code
        tensor.shape = shape
    return values, (shapes, packed)


class Output:
    """An output of one run: memory for it, and the array that comes out."""

    __slots__ = ("name", "shape", "dtype", "given", "is_packed", "is_open", "memory")

    def __init__(self, name: str, dtype: np.dtype[Any], planned: Any, given: Array | None) -> None:
        """planned: the _interface.Tensor that the plan shows; given: the caller's array, or None."""
        self.name, self.dtype, self.given = name, dtype, given
        self.shape: tuple[int, ...] = tuple(planned.shape[: planned.ndim])
        self.is_packed: bool = planned.dtype.bits == 4
        self.is_open = -1 in self.shape  # only the run knows the shape
        if given is not None:
            self._check(given)
        self.memory: Array | None
        if self.is_packed and not self.is_open:
            self.memory = np.empty((math.prod(self.shape) + 1) // 2, np.uint8)
        elif given is not None and not self.is_packed:
            self.memory = given
        else:
            self.memory = None if self.is_open else np.empty(self.shape, dtype)

    def lend(self, value: Any) -> None:
        """Makes `value`, an _interface.Value, say where the output goes."""
        if self.memory is not None:
            value.kind = _interface.TENSOR
            value.tensor.data, value.capacity = self.memory.ctypes.data, self.memory.nbytes

    def result(self, value: Any) -> Array:
        """The array, after the run."""
        memory = self.memory
        if self.is_open:
            tensor = value.tensor
            self.shape = tuple(tensor.shape[: tensor.ndim])
            count = math.prod(self.shape)
            if memory is None:  # the session's, until its next run
                nbytes = (count + 1) // 2 if self.is_packed else count * self.dtype.itemsize
                memory = np.frombuffer(ctypes.string_at(tensor.data, nbytes) if nbytes else b"", np.uint8).copy()
                memory = memory if self.is_packed else memory.view(self.dtype).reshape(self.shape)
            else:
                memory = memory.reshape(-1)[:count].reshape(self.shape)
        assert memory is not None
        if not self.is_packed:
            return memory
        unpacked = _unpack(memory, self.shape, self.dtype)
        if self.given is None:
            return unpacked
        if unpacked.size > self.given.size:
            raise HoneError(f"output {quote(self.name)}: needs {unpacked.size} elements", Status.TOO_SMALL)
        result = self.given.reshape(-1)[: unpacked.size].reshape(self.shape)
        result[...] = unpacked
        return result

    def _check(self, given: Array) -> None:
        name = self.name
        if not isinstance(given, np.ndarray) or given.dtype != self.dtype:
            what = f"dtype {given.dtype}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"
            raise HoneError(f"out[{quote(name)}]: is {what}, expected an array of dtype {self.dtype}")
        flags = given.flags
        if not (flags.c_contiguous and flags.aligned and flags.writeable):
            raise HoneError(f"out[{quote(name)}]: the array must be contiguous, aligned and writeable")
        if not self.is_open and given.shape != self.shape:
            raise HoneError(f"out[{quote(name)}]: has shape {given.shape}, this run gives {self.shape}")
