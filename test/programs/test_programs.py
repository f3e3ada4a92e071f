# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs of users: program.c with static libraries, program.cpp with shared ones, each under AddressSanitizer with
UndefinedBehaviorSanitizer and under ThreadSanitizer, and program.py, which mypy checks. They check what they get
themselves, and print it; a program that ends with 0 has found all as it should be."""

import os
import pathlib
import subprocess
import sys

import onnx
import onnx.parser
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("HONE_BUILD", ROOT / "build"))
CC, CXX = os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
PARTS = ["entries", "state", "sizes that only a run knows", "loops"]

ROWS = """
g (float[count, 4] x, float[past, 4] past_rows) => (float[4] sum, float[all, 4] present_rows) <int64[1] first = {0}> {
  present_rows = Concat<axis = 0>(past_rows, x)
  sum = ReduceSum<keepdims = 0>(present_rows, first)
}"""
MODELS = {  # name -> graph, the compiler's options
    "rows": (ROWS, ["--state"]),
    "other": (ROWS, ["--state"]),
    "found": ("g (float[n] x) => (int64[r, k] places) { places = NonZero(x) }", []),
    "repeat": (
        """
g (int64 n, float[k] x) => (float[m] y) <bool begin = {1}> {
  y = Loop(n, begin, x) <body = b (int64 i, bool ci, float[j] a) => (bool co, float[l] an) {
    an = Concat<axis = 0>(a, x) co = Identity(ci) }>
}""",
        [],
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With NAME.h, libNAME.a and libNAME.so of each model."""
    folder = tmp_path_factory.mktemp("programs")
    for name, (graph, options) in MODELS.items():
        path = folder / f"{name}.onnx"
        onnx.save(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {graph}'), path)
        for output in (f"{name}.h", f"lib{name}.a", f"lib{name}.so"):
            subprocess.run(["hone", "compile", path, *options, "-o", folder / output], check=True)
    # Two entries, by hand.
    sources = [ROOT / "test/python/lookup.c", BUILD / "runtime/libhone_rt.a"]
    command = [CC, "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-I", ROOT / "runtime/include", *sources]
    subprocess.run([*command, "-lpthread", "-o", folder / "liblookup.so"], check=True)
    return folder


def run(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    parts = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert parts[: len(PARTS)] == PARTS, done.stdout


@pytest.mark.parametrize("sanitizer", ["address,undefined", "thread"])
@pytest.mark.parametrize(
    "compiler, source, kind",
    [([CC, "-std=c99"], "program.c", "a"), ([CXX, "-std=c++17"], "program.cpp", "so")],
    ids=["c", "cpp"],
)
def test_compiled(compiler, source, kind, sanitizer, folder):
    program = folder / f"{source}-{sanitizer}"
    flags = ["-O1", "-g1", *WARNINGS, f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"]
    libraries = [folder / f"lib{name}.{kind}" for name in MODELS] + [folder / "liblookup.so"]
    includes = ["-I", ROOT / "runtime/include", "-I", folder]
    command = [*compiler, *flags, *includes, HERE / source, *libraries, "-lpthread", "-o", program]
    subprocess.run(command, check=True)
    run([program])


def test_python(folder):
    run([sys.executable, HERE / "program.py", folder])


def test_types(folder):
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", folder / "mypy", HERE / "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(ROOT / "python")})
    assert done.returncode == 0, done.stdout + done.stderr
