# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds a library from lookup.c and the runtime's archive: what the package must load, without the compiler."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def pytest_addoption(parser):
    built = pathlib.Path(os.environ.get("HONE_BUILD", ROOT / "build"))  # as scripts/test.sh sets it
    parser.addoption("--runtime-archive", default=str(built / "runtime/libhone_rt.a"), help="libhone_rt.a")
    parser.addoption("--cc", default="cc", help="the C compiler for test libraries")


@pytest.fixture(scope="session")
def build_library(request):
    """A function: (path, definitions) -> a shared library at the path."""

    def build(path, *definitions):
        command = [request.config.getoption("--cc"), "-shared", "-fPIC", "-O1", "-fvisibility=hidden", *definitions]
        command += ["-I", str(ROOT / "runtime/include"), str(HERE / "lookup.c")]
        command += [request.config.getoption("--runtime-archive"), "-Wl,--no-undefined", "-lpthread", "-o", str(path)]
        subprocess.run(command, check=True)
        return path

    return build


@pytest.fixture(scope="session")
def library_path(build_library, tmp_path_factory):
    return build_library(tmp_path_factory.mktemp("library") / "renamed file.so")
