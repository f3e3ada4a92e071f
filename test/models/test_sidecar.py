"""Weights in a file beside the library: found, shared by sessions, given by path; what is wrong with it is an error.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys

import hone
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
MLP = pathlib.Path(__file__).parent / "mlp.onnxtxt"
PROGRAM = r"""
#include "mlp.h"
#include <stdio.h>

int main(int count, char **arguments) {
  float x[4] = {1, 2, 3, 4};
  int64_t shape[2] = {1, 4};
  hone_value input = hone_value_tensor(x, hone_dtype_make(HONE_CODE_FLOAT, 32), 2, shape), output = hone_value_make();
  hone_options options = hone_options_default();
  hone_session *session = NULL;
  hone_error error;

  options.weights = count > 1 ? arguments[1] : NULL;
  if (hone_session_create(mlp_library(), &options, &session, &error) ||
      hone_run(session, mlp_entry_main, &input, 1, &output, 1, &error)) {
    printf("%s\n", error.message);
    return 1;
  }
  for (int64_t i = 0; i < output.tensor.shape[1]; ++i)
    printf("%g\n", ((const float *)output.tensor.data)[i]);
  hone_session_destroy(session);
  return 0;
}
"""
X = np.array([[1, 2, 3, 4]], np.float32)


@pytest.fixture
def path(tmp_path):
    return hone.compile(MLP, tmp_path / "mlp.so", weights="sidecar")


@pytest.fixture(scope="module")
def expected(compile_model):
    return compile_model(MLP).run({"x": X})["y"]


def mapped(path):
    """How often this process maps the file."""
    return pathlib.Path("/proc/self/maps").read_text().count(f"{path}\n")


def test_sessions_share_the_file(path, expected):
    library, weights = hone.load(path), f"{path}.weights"
    assert mapped(weights) == 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        sessions = list(pool.map(lambda _: library.session(threads=1), range(32)))
    assert mapped(weights) == 1
    for session in sessions:
        np.testing.assert_array_equal(session.run({"x": X})["y"], expected)
        session.close()
    assert mapped(weights) == 0, "still mapped behind the last session"
    np.testing.assert_array_equal(library.run({"x": X})["y"], expected)


def test_path(path, tmp_path, expected):
    elsewhere = tmp_path / "else where"
    os.rename(f"{path}.weights", elsewhere)
    library = hone.load(path)
    with pytest.raises(hone.HoneError, match=f"the weights' file '{path}.weights' is missing"):
        library.session()
    with pytest.raises(hone.HoneError, match="the weights' file 'nowhere' is missing"):
        library.session(weights="nowhere")
    with pytest.raises(hone.HoneError, match=f"the weights' file '{tmp_path}' cannot be read"):
        library.session(weights=tmp_path)
    with library.session(weights=elsewhere) as session:
        np.testing.assert_array_equal(session.run({"x": X})["y"], expected)


def test_loaded_from_a_folder_that_was_left(path, tmp_path, monkeypatch, expected):
    """By a relative path, which the system's loader keeps as it is."""
    monkeypatch.chdir(tmp_path)
    script = (
        "import ctypes, os, sys; sys.path.insert(0, sys.argv[1]); library = ctypes.CDLL('./mlp.so'); os.chdir('/');"
        "import hone; hone.load(sys.argv[2]).session()"
    )
    subprocess.run([sys.executable, "-c", script, ROOT / "python", path], check=True)


@pytest.mark.parametrize("suffix", [".o", ".a"])
def test_program(suffix, tmp_path, expected):
    """Where code is part of the program, so is the name of the file."""
    model = hone.compile(MLP, tmp_path / f"mlp{suffix}", weights="sidecar")
    hone.compile(MLP, tmp_path / "mlp.h")
    (tmp_path / "main.c").write_text(PROGRAM)
    program = tmp_path / "program"
    sources = [tmp_path / "main.c", model, "-lm", "-lpthread"]
    subprocess.run(["cc", "-std=c99", "-I", ROOT / "runtime/include", *sources, "-o", program], check=True)

    def run(*arguments):
        return subprocess.run([program, *arguments], capture_output=True, text=True, cwd="/").stdout.splitlines()

    numbers = [f"{number:g}" for number in expected[0]]
    assert run(f"{model}.weights") == numbers
    assert f"the weights' file '{program}.weights' is missing" in run()[0]
    os.rename(f"{model}.weights", f"{program}.weights")
    assert run() == numbers
