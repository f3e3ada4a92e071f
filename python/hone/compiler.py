# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the compiler, the program `hone`, in a child process."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
from typing import Any

# In a source tree: python/hone/compiler.py and build/compiler/hone.
_BUILT = pathlib.Path(__file__).resolve().parents[2] / "build" / "compiler" / "hone"


class CompileError(Exception):
    """The compiler refused.

    diagnostics: its messages, one string each ("error: …", "warning: …", with the lines that belong to them)
    text:        all that it wrote
    exit_code:   1: model or environment, 2: flags, 3: a fault of Hone, negative: killed by that signal
    """

    def __init__(self, text: str, exit_code: int) -> None:
        self.text = text
        self.exit_code = exit_code
        self.diagnostics = _split(text)
        super().__init__(text.strip() or _describe(exit_code))

    def __reduce__(self) -> tuple[type[CompileError], tuple[str, int]]:
        return CompileError, (self.text, self.exit_code)


def compile(
    model: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    program: str | os.PathLike[str] | None = None,
    **flags: Any,
) -> pathlib.Path:
    """Compiles `model` and returns the path of what it wrote.

    output:  where to write, "MODEL.so" in the current folder by default; its suffix chooses the kind (.so .o .a …)
    program: the `hone` program; by default the one on PATH, else the one built in this source tree
    flags:   `target="x86-64-v3"` becomes --target=x86-64-v3, `dim=["batch=1", "sequence=128"]` gives --dim twice,
             True gives the flag alone, False and None leave it out; underscores become dashes

    Raises CompileError with the diagnostics, also where nothing was written; FileNotFoundError where there is no
    compiler.
    """
    output = pathlib.Path(output) if output is not None else pathlib.Path(pathlib.Path(model).stem + ".so")
    before = _identity(output)
    command = [find_program(program), "compile", os.fspath(model), "-o", os.fspath(output)]
    for name, value in flags.items():
        command += _arguments("--" + name.replace("_", "-"), value)
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as child:
        try:
            text, _ = child.communicate()
        except BaseException:
            child.terminate()  # not kill: the compiler takes away what it has begun to write
            raise
    if child.returncode != 0 or _identity(output) in (None, before):  # --help and the like end well and write nothing
        raise CompileError(text, child.returncode)
    return output


def _identity(path: pathlib.Path) -> tuple[int, int, int] | None:
    """What tells a file from the one that was under its name before; None where there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns


def find_program(program: str | os.PathLike[str] | None = None) -> str:
    """The path of the `hone` program."""
    if program is not None:
        return os.fspath(program)
    found = shutil.which("hone") or (str(_BUILT) if _BUILT.exists() else None)
    if found is None:
        raise FileNotFoundError("the program 'hone' is not on PATH; install it, or pass program=…")
    return found


def _arguments(flag: str, value: Any) -> list[str]:
    if value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, (list, tuple)):
        return [argument for one in value for argument in _arguments(flag, one)]
    return [f"{flag}={value}"]


def _split(text: str) -> list[str]:
    diagnostics: list[str] = []
    for line in text.splitlines():
        begins = any(word in line for word in ("error:", "warning:", "note:", "remark:")) and not line[:1].isspace()
        if begins or not diagnostics:
            diagnostics.append(line)
        else:
            diagnostics[-1] += "\n" + line
    return diagnostics


def _describe(exit_code: int) -> str:
    if exit_code == 0:
        return "the compiler wrote no file"
    if exit_code < 0:
        return f"the compiler was ended by signal {-exit_code}"
    return f"the compiler ended with exit code {exit_code}"
