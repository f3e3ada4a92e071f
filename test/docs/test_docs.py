# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every command and snippet of README and docs does what its page says.

A page's blocks run in order, in a folder of the page's own in which the project's folders and a `model.onnx` lie, with
`hone` on PATH. What a block is, its language says, and the words behind it, which readers of the page do not see:

    ```sh                   commands for bash; the first that fails fails the page
    ```                     without a language: a picture, an output, or, if a line begins with `$ `, commands
    ```python               a program, run
    ```c FILE, cpp, mlir    a file, which the commands further down use
    ```mlir                 a module or single ops, which hone-opt must take
    ```LANGUAGE not-run: WHY    nothing
"""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import onnx
import onnx.parser
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("HONE_BUILD", ROOT / "build"))
PAGES = [
    "README.md",
    *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md") if "generated" not in p.parts),
]
# Looks up a row for each id: what a sentence encoder's first node does.
MODEL = """
<ir_version: 8, opset_import: ["" : 17]>
encoder (int64[batch, sequence] input_ids, int64[batch, sequence] attention_mask)
  => (float[batch, sequence, 2] last_hidden_state)
<float[2, 2] rows = {1.0, 2.0, 3.0, 4.0}, int64 two = {2}, int64[1] last = {2}>
{
  row = Mod (input_ids, two)
  found = Gather (rows, row)
  wide = Unsqueeze (attention_mask, last)
  mask = Cast <to = 1> (wide)
  last_hidden_state = Mul (found, mask)
}
"""


class Block:
    def __init__(self, page, line, info, text):
        self.where, self.text = f"{page}:{line}", text
        self.language, _, rest = info.partition(" ")
        self.reason = rest.removeprefix("not-run:").strip() if rest.startswith("not-run:") else None
        self.file = None if self.reason else rest.strip() or None


def blocks_of(page):
    lines = (ROOT / page).read_text().splitlines()
    start = None
    for number, line in enumerate(lines, 1):
        if not line.startswith("```"):
            continue
        if start is None:
            start, info = number, line[3:]
        else:
            yield Block(page, start, info, "\n".join(lines[start : number - 1]) + "\n")
            start = None
    assert start is None, f"{page}:{start}: a block without an end"


def run(block, command, folder, **environment):
    path = f"{BUILD / 'compiler'}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "python"), **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{block.where} ends with {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def shell(block, text, folder):
    run(block, ["bash", "-euo", "pipefail", "-c", text], folder)


def verify_mlir(where, text, folder, context=""):
    """hone-opt takes `text`: a module, ops, or an attribute. Values without a definition get the type that ops say;
    `context` are ops in front."""
    if text.startswith("#"):
        text = f"module attributes {{test.example = {text}}} {{}}"
    defined = re.findall(r"(?:^|[(,]) *(%\w+)(?:, *(%\w+))?(?= *=|:)", text, re.MULTILINE)
    missing = {name: "none" for name in set(re.findall(r"%[a-zA-Z]\w*", text)) - {n for pair in defined for n in pair}}
    source = folder / "example.mlir"
    while True:
        undefined = [f'{name} = "test.undefined"() : () -> {kind}' for name, kind in missing.items()]
        source.write_text("\n".join([context, text, *undefined]) if undefined else f"{context}\n{text}")
        command = [BUILD / "compiler/hone-opt", "--allow-unregistered-dialect", source]
        done = subprocess.run(command, capture_output=True, text=True)
        # What is defined behind its use, as in a graph region, must have the type of the use: the error says which.
        used = re.search(
            r"definition of SSA value '(%\w+)#0' has type 'none'[^$]*?previously used here with type '(.*?)'\n",
            done.stderr,
        )
        if done.returncode == 0 or not used:
            assert done.returncode == 0, f"{where}: {done.stderr}"
            return
        missing[used.group(1)] = used.group(2)


def prepare(folder):
    for entry in ROOT.iterdir():
        if entry.name not in (".git", "build"):
            (folder / entry.name).symlink_to(entry)
    (folder / "build").symlink_to(BUILD)
    model = onnx.parser.parse_model(MODEL)
    for node in model.graph.node:
        node.name = f"encoder/layer.0/{node.op_type}"
    onnx.save(model, folder / "model.onnx")
    np.save(folder / "ids.npy", np.array([[101, 2023, 102]]))
    np.save(folder / "mask.npy", np.ones((1, 3), np.int64))


@pytest.mark.parametrize("page", PAGES)
def test_page(page, tmp_path):
    prepare(tmp_path)
    programs = []
    for block in blocks_of(page):
        if block.reason is not None:
            assert block.reason, f"{block.where}: say why it is not run"
        elif block.file:
            (tmp_path / block.file).write_text(block.text)
            programs += [block] if block.language in ("c", "cpp") else []
        elif block.language == "sh":
            shell(block, block.text, tmp_path)
        elif block.language == "python":
            run(block, [sys.executable, "-c", block.text], tmp_path)
        elif block.language == "mlir":
            verify_mlir(block.where, block.text, tmp_path)
        else:
            assert block.language == "", f"{block.where}: nobody knows how to run {block.language}"
            commands = [line[2:] for line in block.text.splitlines() if line.startswith("$ ")]
            if commands:
                shell(block, "\n".join(commands), tmp_path)
            bare = re.search(
                r"^(hone|scripts/|build/|cc|c\+\+|pip|cmake|git|ninja|PYTHONPATH)\b.*", block.text, re.MULTILINE
            )
            assert commands or not bare, f"{block.where}: commands without a language are not run: {bare.group()}"

    for block in programs:  # the page has compiled them; without a warning, too
        compiler = {"c": ["cc", "-std=c99"], "cpp": ["c++", "-std=c++17"]}[block.language]
        flags = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-fsyntax-only"]
        run(block, [*compiler, *flags, "-I", "runtime/include", block.file], tmp_path)


def test_few_blocks_are_not_run(capsys):
    blocks = [block for page in PAGES for block in blocks_of(page) if block.language or "$ " in block.text]
    skipped = [f"{block.where}: {block.reason}" for block in blocks if block.reason]
    with capsys.disabled():
        print(f"\n{len(blocks) - len(skipped)} blocks are run, {len(skipped)} are not:", *skipped, sep="\n  ")
    assert len(skipped) <= len(blocks) / 2


def output_of(*command):
    return subprocess.run([BUILD / "compiler" / command[0], *command[1:]], capture_output=True, text=True).stdout


def test_flags_exist():
    """Every --flag that a page names is one of a program's or script's."""
    scripts = [path for pattern in ("bench/*.py", "scripts/*.py", "scripts/*.sh") for path in ROOT.glob(pattern)]
    texts = [path.read_text() for path in scripts]
    overview = output_of("hone", "--help")
    commands = re.findall(r"^  hone ([a-z]+) ", overview, re.MULTILINE)
    texts += [
        overview,
        output_of("hone-opt", "--help-hidden"),
        *(output_of("hone", name, "--help") for name in commands),
    ]
    of_others = {"--install", "--prefix", "--preset", "--compile-no-warning-as-error", "--grep", "--gtest_filter"}
    known = set(re.findall(r"--[a-z][\w-]*", " ".join(texts))) | of_others
    for page in PAGES:
        unknown = set(re.findall(r"(?<![\w-])--[a-z][\w-]*", (ROOT / page).read_text())) - known
        assert not unknown, f"{page} names options that do not exist"


def test_python_docstring():
    """help(hone) begins with calls that work."""
    text = (ROOT / "python/hone/__init__.py").read_text()
    flags = re.findall(r"(\w+)=\"", re.search(r"hone\.compile\((.*)\)", text).group(1))
    assert flags
    listed = output_of("hone", "compile", "--help")
    for flag in flags:
        assert f"--{flag}" in listed


def test_reference(tmp_path):
    """Every op and attribute of the generated reference has an example that hone-opt takes; every pass is there."""
    subprocess.run(
        [ROOT / "scripts/docs.sh"], env={**os.environ, "HONE_BUILD": str(BUILD)}, check=True, capture_output=True
    )
    examples = {}
    for file in (ROOT / "docs/generated").glob("dialect/*.md"):
        for section in re.split(r"^### ", file.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r"`?([\w.]+)", section).group(1)
            if not name.startswith("hone."):  # FileAttr; an enumeration's cases need no example
                if not name.endswith("Attr"):
                    continue
                name = f"#hone.{name.removesuffix('Attr').lower()}"
            examples[name] = re.findall(r"```mlir\n(.*?)```", section, re.DOTALL)
    listed = output_of("hone-opt", "--help")
    passes = (ROOT / "docs/generated/passes.md").read_text()
    unnamed = [
        flag
        for flag in re.findall(r"--(hone-[a-z-]+)", listed)
        if f"`-{flag}`" not in passes and f"`--{flag}`" not in passes
    ]
    assert not unnamed, "passes that are not in the reference"

    assert len(examples) >= 74
    assert not [name for name, texts in examples.items() if not any(name in text for text in texts)], (
        "without an example"
    )
    symbols = "".join(examples["hone.kernel"] + examples["hone.weight"])
    for name, texts in examples.items():
        for text in texts:
            verify_mlir(name, text, tmp_path, "" if "hone.kernel @" in text or "hone.weight @" in text else symbols)
