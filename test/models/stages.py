#!/usr/bin/env python3
"""The sentence-embedding model through every stage: what each writes compiles to the very bytes of the whole compile.

    stages.py [MODEL] [--junit FILE]

Also: a second time, with one thread, through hone-opt with the printed pipeline; and what the library
needs and exports.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import filecmp
import re
import subprocess
import sys
import tempfile

from checks import MINILM, Checks

STAGES = ("import", "hone", "kernels", "plan", "llvm")
LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def through_hone_opt(stage, output):
    """Runs the passes that `hone compile` prints on a stage file."""
    pipeline = run("hone", "compile", stage, "--print-pipeline").strip()
    run("hone-opt", f"--pass-pipeline={pipeline}", "--mlir-print-debuginfo", stage, "-o", output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=MINILM)
    parser.add_argument("--junit")
    options = parser.parse_args()
    checks = Checks("stages")

    with tempfile.TemporaryDirectory() as folder:
        whole, other = f"{folder}/whole.so", f"{folder}/other.so"
        run("hone", "compile", options.model, "-o", whole)

        def same(name, model, *flags, before=lambda: None):
            """Checks that `model`, made by `before`, compiles to the bytes of the whole compile."""
            try:
                before()
                run("hone", "compile", model, "-o", other, *flags)
                checks.add(name, "" if filecmp.cmp(whole, other, shallow=False) else "the library has other bytes")
            except subprocess.CalledProcessError as error:
                checks.add(name, f"{error.cmd[0]} fails: {error.stderr[:300]}")

        same("again", options.model)
        same("one-thread", options.model, "--jobs=1")
        for stage in STAGES:
            path = f"{folder}/{stage}.mlir"
            emit = ("hone", "compile", options.model, f"--emit={stage}", "-o", path)
            same(f"from-{stage}", path, before=lambda emit=emit: run(*emit))
        path = f"{folder}/opt.mlir"
        same("through-hone-opt", path, before=lambda: through_hone_opt(f"{folder}/import.mlir", path))

        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", whole)))
        checks.add("needs-libc-only", "" if needed <= LIBRARIES else f"it needs {sorted(needed)}")
        symbols = run("nm", "-D", "--defined-only", whole).splitlines()
        checks.add("one-symbol", "" if len(symbols) == 1 and symbols[0].endswith("_library") else f"{symbols}")
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
