# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What calls of a library raise."""

from __future__ import annotations

import enum
from typing import Any


class Status(enum.IntEnum):
    """What a call of a library returns: hone_status of hone.h."""

    OK = 0
    INVALID_ARGUMENT = 1
    OUT_OF_MEMORY = 2
    UNSUPPORTED = 3
    CANCELLED = 4
    TOO_SMALL = 5
    INTERNAL = 6


class HoneError(Exception):
    """A library that cannot be loaded, or a call that failed; the text says what to do.

    code: the Status
    """

    def __init__(self, text: str, code: int = Status.INVALID_ARGUMENT) -> None:
        super().__init__(text)
        self.code = Status(code)

    def __reduce__(self) -> tuple[Any, ...]:
        return HoneError, (str(self), int(self.code))


Error = HoneError  # the short name, as in `except hone.Error`
