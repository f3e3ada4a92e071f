# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What all Python tests share: they run the programs of the build folder, HONE_BUILD or build/."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("HONE_BUILD", ROOT / "build"))


def pytest_configure():
    # Also for the processes that tests start.
    os.environ["PATH"] = os.pathsep.join([str(BUILD / "compiler"), os.environ["PATH"]])
    os.environ["PYTHONPATH"] = str(ROOT / "python")
