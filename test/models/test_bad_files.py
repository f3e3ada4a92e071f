"""Wrong models and wrong outputs given to the `hone` program: a clear error, its exit code, nothing half-written.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import numpy as np
import onnx
import onnx.parser
import pytest
from building import MINILM

PLAIN = """<ir_version: 8, opset_import: ["" : 17]>
g (float[n, 4] x) => (float[n, 4] y) { [only_node] y = Relu (x) }"""
FUTURE_OPSET = PLAIN.replace("17", "99")
UNKNOWN_OPERATOR = PLAIN.replace("Relu", "Frobnicate")
THREE_UNSUPPORTED = """<ir_version: 8, opset_import: ["" : 17, "com.example" : 1]>
g (float[n, 4] x) => (float[n, 4] y) {
  [first_odd] a = Frobnicate (x)
  b = Relu (a)
  [second_odd] c = com.example.Twist (b)
  [third_odd] y = Transmogrify (c)
}"""


def serialized(text):
    return onnx.parser.parse_model(text).SerializeToString()


@pytest.fixture
def assert_error(run_hone):
    """A function: (what the error must say, arguments of the program hone) fails unless it gives that error."""

    def assert_error(message, *arguments, code=1, prefix=()):
        result = run_hone(*arguments, prefix=prefix)
        text = result.stdout + result.stderr
        assert result.returncode == code, text[-300:]
        assert "error:" in text
        assert re.search(message, text, re.IGNORECASE | re.DOTALL), text[-300:]
        return text

    return assert_error


@pytest.fixture
def plain(tmp_path):
    """The path of a model with nothing wrong."""
    (tmp_path / "plain.onnx").write_bytes(serialized(PLAIN))
    return tmp_path / "plain.onnx"


# ---- Wrong models


def external_model(location):
    """A model whose only weight lies in the file `location`."""
    model = onnx.parser.parse_model(PLAIN.replace("Relu (x)", "Add (x, w)"))
    weight = model.graph.initializer.add(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    weight.external_data.add(key="length", value="16")
    return model.SerializeToString()


def half_a_model():
    with open(MINILM, "rb") as file:
        return file.read(30_000_000)


# name: (a function to the file's content, what the error must say)
MALFORMED = r"not an? (well-formed )?ONNX model"
OUTSIDE = r"'.*out of the model's folder"
WRONG_MODELS = {
    "empty": (bytes, r"empty"),
    "text": (lambda: b"To whom it may concern: this is no model.\n" * 40, MALFORMED + r".*is this an ONNX file\?"),
    "zeros": (lambda: bytes(4096), MALFORMED),
    "truncated": (lambda: serialized(PLAIN)[:-7], MALFORMED),
    "truncated-weights": (half_a_model, MALFORMED),
    "unknown-operator": (lambda: serialized(UNKNOWN_OPERATOR), r"only_node.*Frobnicate"),
    "future-opset": (lambda: serialized(FUTURE_OPSET), r"(opset|operator set).*99"),
    "missing-data": (lambda: external_model("absent.bin"), r"absent\.bin"),
    "pipe-data": (lambda: external_model("pipe.bin"), r"pipe\.bin.*not a regular file"),
    "linked-data": (lambda: external_model("link.bin"), r"link\.bin" + OUTSIDE),
    "linked-folder": (lambda: external_model("link/passwd"), r"link/passwd" + OUTSIDE),
    "escaping-data": (lambda: external_model("../../../etc/passwd"), r"etc/passwd"),
}


@pytest.mark.parametrize("name", WRONG_MODELS)
def test_wrong_model(assert_error, tmp_path, name):
    content, message = WRONG_MODELS[name]
    os.mkfifo(tmp_path / "pipe.bin")
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
    (tmp_path / "link").symlink_to("/etc")
    model = tmp_path / f"{name}.onnx"
    model.write_bytes(content())
    assert_error(message, "compile", model, "-o", tmp_path / "out.so")
    assert not (tmp_path / "out.so").exists()


def test_missing_model(assert_error, tmp_path):
    assert_error(r"no-such-model\.onnx", "compile", tmp_path / "no-such-model.onnx", "-o", tmp_path / "out.so")
    assert not (tmp_path / "out.so").exists()


def test_folder_as_model(assert_error, tmp_path):
    assert_error(r"directory|folder|not a regular file", "compile", tmp_path, "-o", tmp_path / "out.so")
    assert not (tmp_path / "out.so").exists()


@pytest.mark.parametrize("message", ["first_odd.*Frobnicate", "second_odd.*Twist", "third_odd.*Transmogrify"])
def test_check_lists_all(assert_error, tmp_path, message):
    (tmp_path / "three.onnx").write_bytes(serialized(THREE_UNSUPPORTED))
    assert_error(message, "check", tmp_path / "three.onnx")


@pytest.fixture(scope="module")
def split_minilm(tmp_path_factory):
    """The real model without its weights, which lie beside, and a path for changed copies: (model, path)."""
    folder = tmp_path_factory.mktemp("split")
    onnx.save(onnx.load(MINILM), folder / "split.onnx", save_as_external_data=True, location="split.bin")
    bare = onnx.load(folder / "split.onnx", load_external_data=False)
    bare.opset_import.append(onnx.helper.make_opsetid("odd", 1))
    return bare, folder / "odd.onnx"


@pytest.fixture(scope="module")
def declared_minilm(split_minilm):
    """The same, with all types and dims declared."""
    bare, path = split_minilm
    return onnx.shape_inference.infer_shapes(bare, data_prop=True), path


EVERY_23RD = [node.name for node in onnx.load(MINILM, load_external_data=False).graph.node[7::23]]


@pytest.mark.parametrize("node", EVERY_23RD)
@pytest.mark.parametrize("kind", ["split", "declared"])
def test_one_problem_is_one_error(run_hone, request, kind, node):
    """An unknown operator anywhere in a real model: nothing is shown that only follows from it."""
    original, path = request.getfixturevalue(f"{kind}_minilm")
    model = onnx.ModelProto()
    model.CopyFrom(original)
    (changed,) = (each for each in model.graph.node if each.name == node)
    changed.op_type, changed.domain = "Odd", "odd"
    onnx.save(model, path)
    result = run_hone("check", path)
    text = result.stdout + result.stderr
    assert result.returncode == 1, text[-1000:]
    errors = [line for line in text.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, text[-1000:]
    assert "operator odd::Odd" in errors[0]


# ---- Wrong outputs


@pytest.mark.parametrize("name", ["plain.so", "n" * 252 + ".so"], ids=["plain", "longest-name"])
def test_output(plain, tmp_path, run_hone, name):
    result = run_hone("compile", plain, "-o", tmp_path / name)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / name).exists()


def test_output_link_is_followed(plain, tmp_path, run_hone):
    (tmp_path / "dangling.so").symlink_to("later.so")
    result = run_hone("compile", plain, "-o", tmp_path / "dangling.so")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "dangling.so").is_symlink(), "the link was replaced"
    assert (tmp_path / "later.so").exists()


def test_output_in_no_folder(plain, tmp_path, assert_error):
    assert_error("no/such/folder", "compile", plain, "-o", tmp_path / "no/such/folder/plain.so")


def test_output_is_a_folder(plain, tmp_path, assert_error):
    (tmp_path / "a.so").mkdir()
    assert_error(r"a\.so", "compile", plain, "-o", tmp_path / "a.so")


def test_output_unwritable(plain, assert_error):
    assert_error("/proc/plain.so", "compile", plain, "-o", "/proc/plain.so")


def test_unknown_option(plain, assert_error):
    assert_error("no-such-option", "compile", plain, "--no-such-option", code=2)


def test_unknown_command(assert_error):
    assert_error("transmogrify", "transmogrify", code=2)


@pytest.fixture
def small_disk(tmp_path):
    """(its folder, a prefix of commands that see it and list it at their end)."""
    folder = tmp_path / "small"
    folder.mkdir()
    script = f'mount -t tmpfs -o size=8m tmpfs {folder} && "$@"; code=$?; ls -A {folder}; exit $code'
    prefix = ("unshare", "-rm", "sh", "-c", script, "sh")
    if subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("this system does not let a user mount a small disk")
    return folder, prefix


@pytest.mark.parametrize("weights, full", [("embed", "minilm.so"), ("sidecar", "minilm.so.weights")])
def test_full_disk(small_disk, minilm, run_hone, weights, full):
    """Known before the weights are written; the disk is left empty."""
    folder, prefix = small_disk
    command = ("compile", minilm, f"--weights={weights}", "-o", folder / "minilm.so")
    result = run_hone(*command, prefix=prefix)
    assert (result.returncode, result.stdout) == (1, "")
    assert f"cannot write '{folder}/{full}': No space left on device" in result.stderr


@pytest.mark.parametrize("weights", ["embed", "sidecar"])
def test_model_that_changes(minilm, tmp_path, weights):
    """While it is compiled: the error names the file, and nothing is written."""
    model, output = tmp_path / "changing.onnx", tmp_path / "out"
    shutil.copyfile(minilm, model)
    output.mkdir()
    command = ["hone", "compile", model, f"--weights={weights}", "-o", output / "changing.so"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        os.utime(model)
        time.sleep(0.01)
    assert process.returncode == 1
    assert re.search(f"'{model}' (was )?changed while it was", process.stderr.read())
    assert not os.listdir(output)


# ---- Damaged libraries


@pytest.fixture(scope="module")
def mlp_library(run_hone, tmp_path_factory):
    """The bytes of a library."""
    path = tmp_path_factory.mktemp("whole") / "whole.so"
    run_hone("compile", pathlib.Path(__file__).parent / "mlp.onnxtxt", "-o", path)
    return path.read_bytes()


# Places in a library: bytes of its headers, where most damage shows, and parts of its whole size.
PLACES = [*range(0, 600, 37), *np.random.default_rng(1).random(60).round(4).tolist()]


@pytest.mark.parametrize("number, place", list(enumerate(PLACES)))
def test_damaged_library(mlp_library, tmp_path, run_hone, number, place):
    """It gives an error or the right exit code, never a signal; `hone verify` finds every change."""
    damaged, changed = tmp_path / "damaged.so", bytearray(mlp_library)
    changed[place if isinstance(place, int) else int(place * len(changed))] ^= 1 << number % 8
    damaged.write_bytes(changed)
    assert run_hone("verify", damaged).returncode == 1, "hone verify finds nothing"
    for command in (("inspect", damaged), ("run", damaged, "--random")):
        result = run_hone(*command)
        text = result.stdout + result.stderr
        assert result.returncode in (0, 1), f"{command[0]} ends with {result.returncode}: {text[-300:]}"
        assert "fault of Hone" not in text, f"{command[0]}: {text[-300:]}"
        assert not re.search(r"error: [^:]*: *$", text, re.MULTILINE), f"{command[0]} does not say what: {text[-300:]}"


@pytest.mark.parametrize("command", [["verify"], ["inspect"], ["run", "--random"]], ids=lambda command: command[0])
@pytest.mark.parametrize("left", ["1", "64", "half", "all but 4096", "all but 64", "all but 1"])
def test_library_that_is_cut_off(mlp_library, tmp_path, assert_error, left, command):
    *but, size = left.split()
    size = len(mlp_library) // 2 if size == "half" else int(size)
    path = tmp_path / "cut.so"
    path.write_bytes(mlp_library[: -size if but else size])
    name, *options = command
    assert_error("cut off|no .*library|ONNX", name, path, *options)


# ---- Compiles that are killed


@pytest.fixture(scope="module")
def minilm_bytes(minilm_library):
    return pathlib.Path(minilm_library.path).read_bytes()


SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL]


def kill_compiles(model, output, number, before, done):
    """Starts compiles to `output` and ends them with the signal, each later than the one before, until one is done.
    Each leaves what was there `before`, or nothing."""
    for delay in (0.1, 0.5, 1.0, 1.5):
        process = subprocess.Popen(["hone", "compile", model, "-o", output], stderr=subprocess.DEVNULL)
        time.sleep(delay)
        ended = process.poll()
        if ended is not None:
            assert ended == 0, f"the compile fails with {ended}"
            return
        process.send_signal(number)
        ended = process.wait(timeout=60)
        assert ended in (0, -number), f"ends with {ended}"
        after = output.read_bytes() if output.exists() else None
        if after == done:
            return  # the signal came behind the rename
        changed = after != before  # no bytes in the message: there may be many
        assert not changed, f"after {delay} s the output {'changed' if before else 'exists'}"


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("before", [None, b"the earlier library"], ids=["nothing", "over-old"])
def test_killed_compile(minilm, minilm_bytes, plain, tmp_path, run_hone, subtests, number, before):
    output = tmp_path / "killed.so"
    if before:
        output.write_bytes(before)
    with subtests.test("the output is as before"):
        kill_compiles(minilm, output, number, before, minilm_bytes)
    with subtests.test("the next compile removes what the killed ones left"):
        run_hone("compile", plain, "-o", output)
        assert not list(tmp_path.glob(".hone-*"))
