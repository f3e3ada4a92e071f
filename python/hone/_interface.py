# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""hone.h in ctypes. Names and order are the header's, version 1 of the interface."""

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

ABI_VERSION = 1
CPU = 1
CODE_INT, CODE_UINT, CODE_FLOAT, CODE_BFLOAT, CODE_BOOL = 0, 1, 2, 4, 6


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


class LibraryInfo(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("input_count", c_int32),
        ("output_count", c_int32),
        ("reserved", c_int32),
        ("name", c_char_p),
        ("manifest", c_void_p),
        ("manifest_bytes", c_int64),
    ]


class ValueInfo(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("rank", c_int32),
        ("name", c_char_p),
        ("dims", POINTER(c_int64)),
        ("dtype", Dtype),
    ]


class Allocator(Structure):
    _fields_ = [("allocate", c_void_p), ("release", c_void_p), ("context", c_void_p)]


class Options(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("threads", c_int32),
        ("pool", c_void_p),
        ("allocator", Allocator),
        ("cancel", c_void_p),
    ]


class Plan(Structure):
    _fields_ = [
        ("size", c_uint32),
        ("output_count", c_int32),
        ("outputs", POINTER(Tensor)),
        ("arena_bytes", c_int64),
        ("memory_bytes", c_int64),
    ]


class Output(Structure):
    _fields_ = [("data", c_void_p), ("capacity", c_uint64), ("tensor", Tensor)]


_LIBRARY = POINTER(LibraryDescriptor)
_TENSORS = POINTER(Tensor)
_ERROR = POINTER(Error)

# ctypes releases the interpreter's lock while such a function runs.
Functions._fields_ = [
    ("size", c_uint32),
    ("reserved", c_uint32),
    ("library_info", CFUNCTYPE(None, _LIBRARY, POINTER(LibraryInfo))),
    ("value_info", CFUNCTYPE(c_int, _LIBRARY, c_int32, c_int32, POINTER(ValueInfo))),
    ("symbol", CFUNCTYPE(c_char_p, _LIBRARY, c_int64)),
    ("pool_create", CFUNCTYPE(c_int, c_int32, POINTER(c_void_p), _ERROR)),
    ("session_create", CFUNCTYPE(c_int, _LIBRARY, POINTER(Options), POINTER(c_void_p), _ERROR)),
    ("session_destroy", CFUNCTYPE(None, c_void_p)),
    ("session_plan", CFUNCTYPE(c_int, c_void_p, _TENSORS, c_int32, POINTER(Plan), _ERROR)),
    ("session_reserve", CFUNCTYPE(c_int, c_void_p, _TENSORS, c_int32, _ERROR)),
    ("run", CFUNCTYPE(c_int, c_void_p, _TENSORS, c_int32, POINTER(Output), c_int32, _ERROR)),
]


def sized(structure):
    """An empty structure of the type, with its size filled in."""
    return structure(size=ctypes.sizeof(structure))
