# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""hone.compile: how it calls the program, and what it makes of its answer. The program here is a stand-in."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import time

import hone
import pytest
from hone import compiler


@pytest.fixture
def program(tmp_path):
    """A function: (body of a Python program) -> its path. sys.argv is what it was called with."""

    def write(body):
        path = tmp_path / "hone"
        path.write_text(f"#!{sys.executable}\nimport json, os, sys\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


RECORD = "open(sys.argv[4], 'w').write(json.dumps(sys.argv[1:]))"


def test_arguments(program, tmp_path):
    output = tmp_path / "out.so"
    path = hone.compile(
        "model.onnx",
        output,
        program=program(RECORD),
        quantize="int8-dynamic",
        max_loss=0.5,
        dim=["batch=1", "sequence=128"],
        deterministic=True,
        state=False,
        report=None,
    )
    assert path == output
    assert json.loads(output.read_text()) == [
        *("compile", "model.onnx", "-o", str(output)),
        *("--quantize=int8-dynamic", "--max-loss=0.5", "--dim=batch=1", "--dim=sequence=128", "--deterministic"),
    ]


def test_default_output(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hone.compile(pathlib.Path("some/model.onnx"), program=program(RECORD)) == pathlib.Path("model.so")
    assert (tmp_path / "model.so").exists()


def test_program_on_path(program, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(program(RECORD).parent))
    assert compiler.find_program() == str(tmp_path / "hone")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(compiler, "_BUILT", tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="the program 'hone' is not on PATH; install it, or pass program="):
        hone.compile("model.onnx")
    monkeypatch.setattr(compiler, "_BUILT", tmp_path / "hone")
    assert compiler.find_program() == str(tmp_path / "hone")


def test_diagnostics(program):
    text = "warning: m: large\\nerror: m: node 'a' (X): no\\n  try y\\nerror: m: second\\n"
    with pytest.raises(hone.CompileError) as error:
        hone.compile("m", program=program(f"sys.stderr.write({text!r}.replace(chr(92) + 'n', chr(10)))\nsys.exit(1)"))
    assert error.value.exit_code == 1
    assert error.value.diagnostics == ["warning: m: large", "error: m: node 'a' (X): no\n  try y", "error: m: second"]
    assert "error: m: second" in error.value.text
    assert str(error.value) == error.value.text.strip()


def test_no_output(program, tmp_path):
    with pytest.raises(hone.CompileError, match="usage: hone compile") as error:
        hone.compile("m", tmp_path / "none.so", program=program("print('usage: hone compile')"), help=True)
    assert error.value.exit_code == 0
    with pytest.raises(hone.CompileError, match="the compiler wrote no file"):
        hone.compile("m", tmp_path / "none.so", program=program(""))


@pytest.mark.skipif(not compiler._BUILT.exists(), reason="needs the program that is built in this tree")
def test_misspelt_flag(tmp_path):
    (tmp_path / "m.onnxtxt").write_text(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Abs (x) }'
    )
    for flag in ("host", "h", "hel"):
        with pytest.raises(hone.CompileError, match=f"there is no option '--{flag}=x'") as error:
            hone.compile(tmp_path / "m.onnxtxt", tmp_path / "none.so", program=compiler._BUILT, **{flag: "x"})
        assert error.value.exit_code == 2
    assert not (tmp_path / "none.so").exists()


def test_crash_of_the_compiler(program):
    with pytest.raises(hone.CompileError, match="the compiler was ended by signal 9") as error:
        hone.compile("m", program=program("os.kill(os.getpid(), 9)"))
    assert error.value.exit_code == -9
    assert error.value.diagnostics == []


def test_interrupt(program, tmp_path):
    # In a process of its own. The compiler is asked to end, so that it can take away what it has begun to write.
    stand_in = program(
        f"""
import pathlib, signal, time
def end(*_):
    pathlib.Path({str(tmp_path / "asked")!r}).touch()
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
os.kill(os.getppid(), signal.SIGINT)
time.sleep(60)"""
    )
    body = f"""
import hone, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
hone.compile("m", program={str(stand_in)!r})"""
    environment = dict(os.environ, PYTHONPATH=str(pathlib.Path(hone.__file__).parents[1]))
    done = subprocess.run([sys.executable, "-c", body], env=environment, stderr=subprocess.PIPE, text=True)
    assert done.stderr.strip().endswith("KeyboardInterrupt")
    assert done.returncode == -signal.SIGINT
    deadline = time.monotonic() + 10  # nobody waits for the stand-in
    while not (tmp_path / "asked").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert (tmp_path / "asked").exists()
