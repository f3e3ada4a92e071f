# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""hone.h in ctypes. Names and order are the header's, version 2 of the interface."""

from __future__ import annotations

import ctypes
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int,
    c_int32,
    c_int64,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import Any, Callable

from .errors import HoneError, Status

ABI_VERSION = 2
CPU = 1
CODE_INT, CODE_UINT, CODE_FLOAT, CODE_BFLOAT, CODE_BOOL = 0, 1, 2, 4, 6
TENSOR = 1
KINDS = {1: "tensor", 2: "strings", 3: "sequence", 4: "optional", 5: "map"}


class Error(Structure):
    _fields_ = [("code", c_int), ("message", c_char * 508)]


class Dtype(Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class Tensor(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("dtype", Dtype),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class Functions(Structure):
    pass


class LibraryDescriptor(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("abi_version", c_uint32),
        ("functions", POINTER(Functions)),
        ("program", c_void_p),
    ]


class Value(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_int32),
        ("tensor", Tensor),
        ("capacity", c_uint64),
        ("items", c_void_p),
        ("item_count", c_int64),
        ("session", c_void_p),
    ]


class LibraryInfo(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("entry_count", c_int32),
        ("name", c_char_p),
        ("manifest", c_void_p),
        ("manifest_bytes", c_int64),
    ]


class EntryInfo(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("input_count", c_int32),
        ("output_count", c_int32),
        ("reserved", c_int32),
        ("name", c_char_p),
    ]


class ValueInfo(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("kind", c_int32),
        ("name", c_char_p),
        ("rank", c_int32),
        ("dtype", Dtype),
        ("dims", POINTER(c_int64)),
        ("items", c_void_p),
        ("item_count", c_int32),
        ("reserved", c_int32),
    ]


class Options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("pool", c_void_p),
        ("allocator", c_void_p),
        ("cancel", c_void_p),
        ("memory_limit", c_uint64),
        ("on_launch", c_void_p),
        ("on_launch_context", c_void_p),
        ("step_limit", c_uint64),
        ("state_capacity", c_uint64),
        ("weights", c_char_p),
    ]


class LaunchEvent(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("index", c_int64),
        ("kernel", c_char_p),
        ("family", c_char_p),
        ("nodes", c_char_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("operations", c_int64),
        ("bytes", c_int64),
        ("predicted_ns", c_int64),
        ("begin_ns", c_int64),
        ("end_ns", c_int64),
    ]


LAUNCH_CALLBACK = CFUNCTYPE(None, c_void_p, POINTER(LaunchEvent))


class StateInfo(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("length_count", c_int32),
        ("names", POINTER(c_char_p)),
        ("lengths", POINTER(c_int64)),
        ("capacities", POINTER(c_int64)),
        ("memory_bytes", c_int64),
        ("saved_bytes", c_int64),
    ]


class Plan(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("output_count", c_int32),
        ("outputs", c_void_p),
        ("arena_bytes", c_int64),
        ("memory_bytes", c_int64),
    ]


_LIBRARY = POINTER(LibraryDescriptor)
_VALUES = POINTER(Value)
_ERROR = POINTER(Error)

# ctypes releases the interpreter's lock while such a function runs.
Functions._fields_ = [
    ("size", c_uint32),
    ("reserved", c_uint32),
    ("library_info", CFUNCTYPE(None, _LIBRARY, POINTER(LibraryInfo))),
    ("entry_info", CFUNCTYPE(c_int, _LIBRARY, c_int32, POINTER(EntryInfo), _ERROR)),
    ("value_info", CFUNCTYPE(c_int, _LIBRARY, c_int32, c_int32, c_int32, POINTER(ValueInfo), _ERROR)),
    ("symbol", CFUNCTYPE(c_char_p, _LIBRARY, c_int64)),
    ("pool_create", CFUNCTYPE(c_int, c_int32, POINTER(c_void_p), _ERROR)),
    ("session_create", CFUNCTYPE(c_int, _LIBRARY, POINTER(Options), POINTER(c_void_p), _ERROR)),
    ("session_destroy", CFUNCTYPE(None, c_void_p)),
    ("session_plan", CFUNCTYPE(c_int, c_void_p, c_int32, _VALUES, c_int32, POINTER(Plan), _ERROR)),
    ("session_reserve", CFUNCTYPE(c_int, c_void_p, c_int32, _VALUES, c_int32, _ERROR)),
    ("run", CFUNCTYPE(c_int, c_void_p, c_int32, _VALUES, c_int32, _VALUES, c_int32, _ERROR)),
    ("state_create", CFUNCTYPE(c_int, _LIBRARY, POINTER(Options), POINTER(c_void_p), _ERROR)),
    ("state_destroy", CFUNCTYPE(None, c_void_p)),
    ("session_state", CFUNCTYPE(c_int, c_void_p, POINTER(c_void_p), _ERROR)),
    ("session_use_state", CFUNCTYPE(c_int, c_void_p, c_void_p, _ERROR)),
    ("state_info", CFUNCTYPE(c_int, c_void_p, POINTER(StateInfo), _ERROR)),
    ("state_reset", CFUNCTYPE(c_int, c_void_p, _ERROR)),
    ("state_truncate", CFUNCTYPE(c_int, c_void_p, c_int32, c_int64, _ERROR)),
    ("state_copy", CFUNCTYPE(c_int, c_void_p, c_void_p, _ERROR)),
    ("state_save", CFUNCTYPE(c_int, c_void_p, c_void_p, c_uint64, POINTER(c_uint64), _ERROR)),
    ("state_load", CFUNCTYPE(c_int, c_void_p, c_char_p, c_uint64, _ERROR)),
]


def sized(structure: Any) -> Any:
    """An empty structure of the type, with its size filled in."""
    return structure(size=ctypes.sizeof(structure))


def check_state(functions: Any) -> None:
    """Raises HoneError where the library's table ends before the functions of states."""
    if functions.size <= Functions.state_create.offset:
        raise HoneError(
            "the library was compiled by a Hone that knew no states: compile the model again", Status.UNSUPPORTED
        )


_EMPTY = bytes(Value(size=ctypes.sizeof(Value), tensor=Tensor(device_type=CPU)))


def values(count: int) -> Any:
    """An array of empty values: as outputs, those that the session is to own."""
    return (Value * count).from_buffer_copy(_EMPTY * count)


def plan_outputs(plan: Any) -> Any:
    """The tensors of a Plan. A newer library's values may be larger, and lie that far apart."""
    at, count = plan.outputs, plan.output_count
    stride = c_uint32.from_address(at).value if count else 0
    return [Value.from_address(at + index * stride).tensor for index in range(count)]


def check(function: Callable[..., int], *arguments: Any) -> None:
    """Calls a function of the table that takes a hone_error last; raises what it reports."""
    error = Error()
    if function(*arguments, error):
        raise HoneError(error.message.decode("utf-8", "replace"), error.code)
