# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Finds the one function that a compiled library exports, so that files may be renamed."""

import mmap
import struct

_SHT_DYNSYM = 11
_SHN_UNDEF = 0


def exported_names(path):
    """The names that a 64-bit little-endian ELF shared library defines for others. ValueError if it is none."""
    with open(path, "rb") as file:
        try:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _exported_names(data)
        except (ValueError, OverflowError, struct.error):  # empty, cut off, or offsets that lead out of the file
            raise ValueError(f"{path}: not an ELF shared library") from None


def _exported_names(data):
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError
    (section_offset,) = struct.unpack_from("<Q", data, 40)
    section_size, section_count = struct.unpack_from("<HH", data, 58)

    def section(index):
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


def library_symbol(path):
    """The name NAME_library of a compiled library. ValueError if `path` is none."""
    found = [name for name in exported_names(path) if name.endswith("_library")]
    if len(found) != 1:
        raise ValueError(f"{path}: expected one exported symbol that ends in '_library', found {len(found)}")
    return found[0]
