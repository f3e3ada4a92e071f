"""The sentence-embedding model through every stage: what each writes compiles to the very bytes of the whole compile.

Also: a second time, with one thread, through hone-opt with the printed pipeline; what the library needs and exports.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import filecmp
import re

import hone
import pytest

STAGES = ("import", "hone", "kernels", "plan", "llvm")
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0"}


@pytest.fixture(scope="module")
def whole(minilm, tmp_path_factory):
    """The library, compiled in one go."""
    return hone.compile(minilm, tmp_path_factory.mktemp("whole") / "whole.so")


@pytest.fixture
def must_run(run_hone):
    """A function: (program, arguments) -> what it prints; it has to end well."""

    def must_run(program, *arguments):
        result = run_hone(*arguments, program=program)
        assert result.returncode == 0, f"{program} fails: {result.stderr}"
        return result.stdout

    return must_run


@pytest.mark.parametrize("options", [{}, {"jobs": "1"}], ids=["again", "one-thread"])
def test_again(minilm, whole, tmp_path, options):
    other = hone.compile(minilm, tmp_path / "other.so", **options)
    assert filecmp.cmp(whole, other, shallow=False), "the library has other bytes"


@pytest.mark.parametrize("stage", STAGES)
def test_from_stage(minilm, whole, tmp_path, must_run, stage):
    path = tmp_path / f"{stage}.mlir"
    must_run("hone", "compile", minilm, f"--emit={stage}", "-o", path)
    other = hone.compile(path, tmp_path / "other.so")
    assert filecmp.cmp(whole, other, shallow=False), "the library has other bytes"


def test_through_hone_opt(minilm, whole, tmp_path, must_run):
    """The passes that `hone compile` prints, run on a stage file."""
    imported, optimized = tmp_path / "import.mlir", tmp_path / "opt.mlir"
    must_run("hone", "compile", minilm, "--emit=import", "-o", imported)
    pipeline = must_run("hone", "compile", imported, "--print-pipeline").strip()
    must_run("hone-opt", f"--pass-pipeline={pipeline}", "--mlir-print-debuginfo", imported, "-o", optimized)
    other = hone.compile(optimized, tmp_path / "other.so")
    assert filecmp.cmp(whole, other, shallow=False), "the library has other bytes"


def test_needs_libc_only(whole, must_run):
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", must_run("readelf", "-d", whole)))
    assert needed <= SYSTEM_LIBRARIES


def test_exports_one_symbol(whole, must_run):
    (symbol,) = must_run("nm", "-D", "--defined-only", whole).splitlines()
    assert symbol.endswith("_library")
