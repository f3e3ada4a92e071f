# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The programs in docs/runtime.md compile without a warning, and say what is wrong when they meet another model."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = "#include <hone/hone.h>\n#define model_library lookup_library\n"


@pytest.mark.parametrize("language, compiler, flags", [("c", "--cc", "-std=c99"), ("cpp", "--cxx", "-std=c++17")])
def test_programs(language, compiler, flags, request, library_path, tmp_path):
    text = (ROOT / "docs/runtime.md").read_text()
    (program,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    linkage = 'extern "C" ' if language == "cpp" else ""
    (tmp_path / "model.h").write_text(HEADER + f"{linkage}const hone_library *lookup_library(void);\n")
    source, binary = tmp_path / f"main.{language}", tmp_path / "main"
    source.write_text(program)
    command = [request.config.getoption(compiler), flags, "-pedantic", "-Wall", "-Wextra", "-Werror"]
    command += ["-Wno-missing-field-initializers", "-I", str(ROOT / "runtime/include"), str(source), str(library_path)]
    subprocess.run([*command, "-o", str(binary)], check=True)
    done = subprocess.run([binary], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: 1 ") and "given, expected" in done.stderr
