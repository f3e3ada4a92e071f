"""Weights beyond 2 GB, in the model's file and beside it: right, in little memory, as fast as they can be copied.

    .venv/bin/python -m pytest test/models/test_large.py           the same with some kilobytes
    .venv/bin/python -m pytest test/models/test_large.py --large   9 GB of the disk for a while (scripts/test.sh large)

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import shutil
import tempfile
import time

import hone
import numpy as np
import pytest
from large import Large, watched

IDS = np.array([0, 5, 5, 2])
MIB = 1 << 20


@pytest.fixture
def folder():
    """pytest would keep what tests leave in its own."""
    with tempfile.TemporaryDirectory() as folder:
        yield folder


def write(large, kind, folder):
    path = f"{folder}/large.onnx"
    {"external": large.write_external, "inline": large.write_inline}[kind](path)
    return path


def check_values(library, large):
    np.testing.assert_allclose(hone.load(library).run({"ids": IDS})["y"], large.expected(IDS), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["external", "inline"])
def test_small(kind, folder):
    large = Large(matrices=3, rows=40, width=64)
    check_values(hone.compile(write(large, kind, folder), f"{folder}/small.so"), large)


@pytest.mark.large
@pytest.mark.parametrize("kind, matrices, options", [("external", 40, []), ("inline", 32, ["--weights=embed"])])
def test_large(kind, matrices, options, folder):
    """Weights are mapped, packed in windows and written: not held. What takes time is to read and to write them."""
    large = Large(matrices)
    assert large.bytes > 2.5e9
    model, library = write(large, kind, folder), f"{folder}/large.so"
    compiled = watched(["hone", "compile", model, *options, "-o", library])
    assert compiled.code == 0, compiled.messages
    assert compiled.anonymous <= 1024 * MIB + 2 * large.largest
    start = time.monotonic()
    shutil.copyfile(library if options else f"{library}.weights", f"{folder}/copy")
    digest = watched(["hone", "verify", library])
    assert digest.code == 0, digest.messages
    limit = 2 * (time.monotonic() - start) + 10
    print(f"{kind}: {compiled.seconds:.1f} s of {limit:.1f}, {compiled.anonymous / MIB:.0f} MiB")
    assert compiled.seconds <= limit
    check_values(library, large)
