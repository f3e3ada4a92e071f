# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Programs that were compiled with an older hone.h go on working.

hone_v2.h is the header as it was frozen. Until a release ships it, it follows the header where that changes on purpose:

    cp runtime/include/hone/hone.h test/abi/hone_v2.h

After that it never changes: what today's header has to keep is its layout, and whatever is new stands at the end.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INCLUDE = ROOT / "runtime/include"
FROZEN, TODAY = HERE / "hone_v2.h", INCLUDE / "hone/hone.h"
BROKEN = "hone.h no longer begins as the frozen header; see test/abi/test_abi.py"
CC = os.environ.get("CC", "cc")
FLAGS = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]


# ---- What a header declares


def declarations(header):
    """Structure -> its fields, in order; constants -> their values; the table's functions are fields."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
    structures = {}
    for name, body in re.findall(r"\bstruct (hone_\w+) \{(.*?)\n\}", text, re.DOTALL):
        structures[name] = [" ".join(field.split()) for field in body.split(";") if field.strip()]
    constants = dict(re.findall(r"\b(HONE_[A-Z_]+) = (\w+)", text))
    constants["HONE_ABI_VERSION"] = re.search(r"#define HONE_ABI_VERSION (\w+)", text).group(1)
    return structures, constants


def field_name(field):
    pointer = re.search(r"\(\*(\w+)\)", field)
    return pointer.group(1) if pointer else re.search(r"(\w+)(\[\w+\])?$", field).group(1)


def layout(header, structures, folder):
    """(structure, field) -> (offset, size), by the compiler."""
    lines = []
    for name, fields in structures.items():
        for field in map(field_name, fields):
            size = f"sizeof(((struct {name} *)0)->{field})"
            lines.append(f'  printf("{name} {field} %zu %zu\\n", offsetof(struct {name}, {field}), {size});')
    source = folder / f"layout_{header.stem}.c"
    source.write_text(f'#include "{header}"\n#include <stdio.h>\nint main(void) {{\n' + "\n".join(lines) + "\n}\n")
    program = source.with_suffix("")
    subprocess.run([CC, "-std=gnu11", source, "-o", program], check=True)
    printed = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return {
        (name, field): (int(offset), int(size)) for name, field, offset, size in map(str.split, printed.splitlines())
    }


def differences(header, folder):
    """What `header` does not keep of the frozen one."""
    (old, old_constants), (new, new_constants) = declarations(FROZEN), declarations(header)
    found = [f"{name} is {new_constants.get(name)}, was {value}" for name, value in old_constants.items()
             if new_constants.get(name) != value]  # fmt: skip
    found += [f"{name} is gone" for name in old if name not in new]
    for name in old.keys() & new.keys():
        if new[name][: len(old[name])] != old[name]:
            found.append(f"{name} does not begin as it did")
        elif old[name][0] != "uint32_t size" and new[name] != old[name]:
            found.append(f"{name} has no size, so it must not grow")
    if not found:
        before, after = layout(FROZEN, old, folder), layout(header, old, folder)
        found = [
            f"{name}.{field} is at {after[name, field]}, was at {at}"
            for (name, field), at in before.items()
            if after[name, field] != at
        ]
    return found


def appended(folder, replacements=()):
    """Today's header as a later one may be: with fields, and functions of the table, at the end. Its include folder."""
    (folder / "hone").mkdir(parents=True)
    shutil.copy(INCLUDE / "hone/abi.h", folder / "hone")
    text = TODAY.read_text()
    for name, fields in declarations(TODAY)[0].items():
        if fields[0] == "uint32_t size" and name != "hone_library":
            end = text.index("\n}", text.index(f"struct {name} {{"))
            more = "void (*added)(void);" if name == "hone_functions" else "uint64_t added[3];"
            text = f"{text[:end]}\n  {more}{text[end:]}"
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    (folder / "hone/hone.h").write_text(text)
    return folder


def build_program(header, path):
    subprocess.run([CC, *FLAGS, f'-DHEADER="{header}"', HERE / "program.c", "-ldl", "-o", path], check=True)
    return path


def build_library(include, path, *definitions):
    sources = [*(ROOT / "runtime/src").glob("*.c"), ROOT / "test/python/lookup.c"]
    command = [CC, *FLAGS, "-shared", "-fPIC", "-fvisibility=hidden", *definitions, "-I", include, *sources]
    subprocess.run([*command, "-lpthread", "-o", path], check=True)
    return path


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Programs of the frozen and of a later header, libraries of today's and of a later one."""
    folder = tmp_path_factory.mktemp("abi")
    later = appended(folder / "later")
    return {
        "frozen program": build_program(FROZEN, folder / "frozen"),
        "later program": build_program(later / "hone/hone.h", folder / "later-program"),
        "today's library": build_library(INCLUDE, folder / "today.so"),
        "later library": build_library(later, folder / "later.so"),
    }


# ---- Tests


def test_layout(tmp_path):
    assert not differences(TODAY, tmp_path), BROKEN


def test_layout_of_a_later_header(tmp_path):
    assert not differences(appended(tmp_path / "later") / "hone/hone.h", tmp_path)


SESSION = "hone_error *error);\n  hone_status (*session_create"  # what stands behind pool_create's parameters


@pytest.mark.parametrize(
    "old, new, found",
    [
        ("  int32_t threads;  ", "  int32_t other;\n  int32_t threads;  ", "hone_options does not begin as it did"),
        ("uint64_t byte_offset;", "uint64_t byte_offset;\n  int new;", "hone_tensor has no size, so it must not grow"),
        ("HONE_TOO_SMALL = 5", "HONE_TOO_SMALL = 9", "HONE_TOO_SMALL is 9, was 5"),
        ("#define HONE_ABI_VERSION 2u", "#define HONE_ABI_VERSION 3u", "HONE_ABI_VERSION is 3u, was 2u"),
        (f"hone_pool **pool, {SESSION}", SESSION, "hone_functions does not begin as it did"),
    ],
)  # fmt: skip
def test_layout_that_breaks(tmp_path, old, new, found):
    broken = appended(tmp_path / "broken", [(old, new)]) / "hone/hone.h"
    assert found in differences(broken, tmp_path)


@pytest.mark.parametrize("program", ["frozen program", "later program"])
@pytest.mark.parametrize("library", ["today's library", "later library"])
def test_program_and_library(built, program, library):
    done = subprocess.run([built[program], built[library]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version, side", [(1, "older"), (3, "newer")])
def test_library_of_another_version(built, tmp_path, version, side):
    library = build_library(INCLUDE, tmp_path / "other.so", f"-DABI_VERSION={version}")
    done = subprocess.run([built["frozen program"], library], capture_output=True, text=True)
    assert done.returncode == 3  # HONE_UNSUPPORTED
    assert f"the library has a{'n' * (side == 'older')} {side} version of Hone's interface" in done.stdout


@pytest.mark.parametrize("version, side", [(1, "older"), (3, "newer")])
def test_hone_run(tmp_path, version, side):
    hone = pathlib.Path(os.environ.get("HONE_BUILD", ROOT / "build")) / "compiler/hone"
    library = build_library(INCLUDE, tmp_path / "other.so", f"-DABI_VERSION={version}")
    done = subprocess.run([hone, "run", library, "--random"], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"{side} version of Hone's interface than this program" in done.stderr


def test_program_of_version_1(built, tmp_path):
    """Its check, as hone.h of version 1 had it, sees a library of version 2."""
    source = tmp_path / "program.c"
    source.write_text("""
#include <dlfcn.h>
#include <stdint.h>
typedef struct hone_library {
  uint32_t size;
  uint32_t abi_version;
} hone_library;
#define HONE_ABI_VERSION 1u
int main(int argc, char **argv) {
  const hone_library *(*open)(void) = argc == 2 ? dlsym(dlopen(argv[1], RTLD_NOW), "lookup_library") : 0;
  return open()->abi_version != HONE_ABI_VERSION ? 3 : 0;
}
""")
    subprocess.run([CC, "-std=gnu11", source, "-ldl", "-o", tmp_path / "program"], check=True)
    assert subprocess.run([tmp_path / "program", built["today's library"]]).returncode == 3
