# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds the one function that a compiled library exports, so that files may be renamed, and cut-off files."""

from __future__ import annotations

import mmap
import os
import struct
from typing import Any

_PT_LOAD = 1
_SHT_DYNSYM = 11
_SHN_UNDEF = 0


def exported_names(path: str | os.PathLike[str]) -> list[str]:
    """The names that a 64-bit little-endian ELF shared library defines for others. ValueError: none, or cut off."""
    with open(path, "rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if _is_complete(data):
                    return _exported_names(data)
                size = len(data)
        except (ValueError, OverflowError, struct.error):  # empty, cut off, or offsets that lead out of the file
            raise ValueError(f"{path}: not an ELF shared library") from None
        raise ValueError(
            f"{path}: is cut off: its headers count on more than its {size} bytes; copy or compile it again"
        )


def _is_complete(data: mmap.mmap) -> bool:
    """Whether the file has all bytes of its segments. Loaders fill up the last page with zeros."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError
    (segment_offset,) = struct.unpack_from("<Q", data, 32)
    segment_size, segment_count = struct.unpack_from("<HH", data, 54)
    for index in range(segment_count):
        # type, offset, size in the file
        kind, offset, size = struct.unpack_from("<I4xQ16xQ", data, segment_offset + index * segment_size)
        if kind == _PT_LOAD and offset + size > len(data):
            return False
    return True


def _exported_names(data: mmap.mmap) -> list[str]:
    (section_offset,) = struct.unpack_from("<Q", data, 40)
    section_size, section_count = struct.unpack_from("<HH", data, 58)

    def section(index: int) -> tuple[Any, ...]:
        # type, flags, address, offset, size, link
        return struct.unpack_from("<4xIQQQQI", data, section_offset + index * section_size)

    names = []
    for index in range(section_count):
        kind, _, _, offset, size, link = section(index)
        if kind != _SHT_DYNSYM:
            continue
        _, _, _, strings, strings_size, _ = section(link)
        if offset + size > len(data) or strings + strings_size > len(data):
            raise ValueError
        for at in range(offset, offset + size, 24):
            name, _, _, defined_in = struct.unpack_from("<IBBH", data, at)
            if defined_in != _SHN_UNDEF and name < strings_size:
                end = data.find(b"\0", strings + name, strings + strings_size)
                names.append(data[strings + name : end].decode("utf-8", "replace"))
    return names


def library_symbol(path: str | os.PathLike[str]) -> str:
    """The name NAME_library of a compiled library. ValueError if `path` is none."""
    found = [name for name in exported_names(path) if name.endswith("_library")]
    if len(found) != 1:
        raise ValueError(f"{path}: expected one exported symbol that ends in '_library', found {len(found)}")
    return found[0]
