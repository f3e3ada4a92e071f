"""The compiler and the models for the tests of whole models.

    .venv/bin/python -m pytest test/models                                all of them
    .venv/bin/python -m pytest test/models -k "weights and transpose" -x  some, until one fails
    .venv/bin/python -m pytest test/models/test_keep.py --minilm FILE     another sentence-embedding model

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import itertools
import os
import subprocess

import building
import hone
import onnx
import pytest


def pytest_addoption(parser):
    parser.addoption("--minilm", default=building.MINILM, help="the sentence-embedding model that the tests compile")
    parser.addoption(
        "--large", action="store_true", help="also tests that are marked large: minutes, gigabytes of models"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "large: not without --large")


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if item.get_closest_marker("large") and not config.getoption("--large")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """A function: (model) -> the path of a file of its own."""
    folder, numbers = tmp_path_factory.mktemp("models"), itertools.count()

    def save(model):
        path = folder / f"model{next(numbers)}.onnx"
        onnx.save(model, path)
        return path

    return save


@pytest.fixture(scope="module")
def compile_model(save, tmp_path_factory):
    """A function: (a model or its path, the compiler's options) -> the loaded library, from a file of its own."""
    folder, numbers = tmp_path_factory.mktemp("libraries"), itertools.count()  # a loaded library keeps its path

    def compile_model(model, **options):
        path = save(model) if isinstance(model, onnx.ModelProto) else model
        return hone.load(hone.compile(path, folder / f"library{next(numbers)}.so", **options))

    return compile_model


@pytest.fixture(scope="session")
def run_hone():
    """A function: (arguments of the program hone) -> the ended process, with what it printed."""

    def run_hone(*arguments, program="hone", prefix=()):
        command = [*prefix, program, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)

    return run_hone


@pytest.fixture(scope="session")
def minilm(request):
    """The path of the sentence-embedding model."""
    path = request.config.getoption("--minilm")
    assert os.path.exists(path), f"there is no model {path}; scripts/deps.sh installs it"
    return path


@pytest.fixture(scope="session")
def minilm_library(minilm, tmp_path_factory):
    return hone.load(hone.compile(minilm, tmp_path_factory.mktemp("minilm") / "minilm.so"))


@pytest.fixture(scope="session")
def minilm_expected(minilm):
    """ONNX Runtime on the sentence-embedding model: inputs by name -> outputs by name."""
    return building.onnx_runtime(minilm)
