#!/usr/bin/env python3
"""Wrong models and wrong outputs given to the `hone` program: a clear error, its exit code, nothing half-written.

    bad_files.py [--junit FILE]

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
import onnx.parser
from checks import MINILM, Checks

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


def hone(*arguments, prefix=()):
    """Runs `hone`: (exit code, what it printed)."""
    result = subprocess.run(
        [*prefix, "hone", *arguments], capture_output=True, text=True, errors="replace", timeout=120
    )
    return result.returncode, result.stdout + result.stderr


def external_model(location):
    """A model whose only weight lies in the file `location`."""
    model = onnx.parser.parse_model(PLAIN.replace("Relu (x)", "Add (x, w)"))
    weight = model.graph.initializer.add(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=location)
    weight.external_data.add(key="length", value="16")
    return model


def write_models(folder):
    """Writes the files under test; {name: (path, what the error must say)}."""
    plain = onnx.parser.parse_model(PLAIN).SerializeToString()
    with open(MINILM, "rb") as file:
        half_a_model = file.read(30_000_000)
    malformed = r"not an? (well-formed )?ONNX model"
    files = {
        "empty": (b"", r"empty"),
        "text": (b"To whom it may concern: this is no model.\n" * 40, malformed + r".*is this an ONNX file\?"),
        "zeros": (bytes(4096), malformed),
        "truncated": (plain[:-7], malformed),
        "truncated-weights": (half_a_model, malformed),
        "unknown-operator": (onnx.parser.parse_model(UNKNOWN_OPERATOR).SerializeToString(), r"only_node.*Frobnicate"),
        "future-opset": (onnx.parser.parse_model(FUTURE_OPSET).SerializeToString(), r"(opset|operator set).*99"),
        "missing-data": (external_model("absent.bin").SerializeToString(), r"absent\.bin"),
        "pipe-data": (external_model("pipe.bin").SerializeToString(), r"pipe\.bin.*not a regular file"),
        "linked-data": (external_model("link.bin").SerializeToString(), r"link\.bin'.*out of the model's folder"),
        "linked-folder": (
            external_model("link/passwd").SerializeToString(),
            r"link/passwd'.*out of the model's folder",
        ),
        "escaping-data": (external_model("../../../etc/passwd").SerializeToString(), r"etc/passwd"),
    }
    models = {}
    for name, (data, pattern) in files.items():
        models[name] = f"{folder}/{name}.onnx", pattern
        with open(models[name][0], "wb") as file:
            file.write(data)
    os.mkfifo(f"{folder}/pipe.bin")
    os.symlink("/etc/passwd", f"{folder}/link.bin")
    os.symlink("/etc", f"{folder}/link")
    models["missing"] = f"{folder}/no-such-model.onnx", r"no-such-model\.onnx"
    models["folder"] = folder, r"directory|folder|not a regular file"
    return models


def expect_error(checks, name, outcome, pattern, code=1, absent=None):
    """One check: exit code, `error:` and the pattern in what was printed, no output file left."""
    actual, text = outcome
    if actual != code:
        checks.add(name, f"exit code {actual}, expected {code}: {text[-300:]}")
    elif "error:" not in text or not re.search(pattern, text, re.IGNORECASE | re.DOTALL):
        checks.add(name, f"the error does not say /{pattern}/: {text[-300:]}")
    else:
        checks.add(name, f"{absent} was left behind" if absent and os.path.exists(absent) else "")


def check_models(checks, folder):
    for name, (model, pattern) in write_models(folder).items():
        output = f"{folder}/{name}.so"
        expect_error(checks, f"compile-{name}", hone("compile", model, "-o", output), pattern, absent=output)
    path = f"{folder}/three.onnx"
    onnx.save(onnx.parser.parse_model(THREE_UNSUPPORTED), path)
    for node in ("first_odd.*Frobnicate", "second_odd.*Twist", "third_odd.*Transmogrify"):
        expect_error(checks, f"check-lists-{node.split('.')[0]}", hone("check", path), node)


def check_one_problem(checks, folder):
    """One unknown operator anywhere in a real model is one error: nothing is shown that only follows from it."""
    onnx.save(onnx.load(MINILM), f"{folder}/split.onnx", save_as_external_data=True, location="split.bin")
    bare = onnx.load(f"{folder}/split.onnx", load_external_data=False)
    bare.opset_import.append(onnx.helper.make_opsetid("odd", 1))
    for kind, model in (("bare", bare), ("declared", onnx.shape_inference.infer_shapes(bare, data_prop=True))):
        for node in model.graph.node[7::23]:
            before, node.op_type, node.domain = (node.op_type, node.domain), "Odd", "odd"
            onnx.save(model, f"{folder}/odd.onnx")
            node.op_type, node.domain = before
            code, text = hone("check", f"{folder}/odd.onnx")
            errors = [line for line in text.splitlines() if line.startswith("error:")]
            good = code == 1 and len(errors) == 1 and "operator odd::Odd" in errors[0]
            checks.add(f"one-problem-{kind}-{node.name}", "" if good else text[-1000:])


def check_outputs(checks, folder):
    model = f"{folder}/plain.onnx"
    onnx.save(onnx.parser.parse_model(PLAIN), model)
    code, text = hone("compile", model, "-o", f"{folder}/plain.so")
    checks.add("compile-plain", "" if code == 0 and os.path.exists(f"{folder}/plain.so") else text)

    longest = f"{folder}/{'n' * 252}.so"
    code, text = hone("compile", model, "-o", longest)
    checks.add("output-with-the-longest-name", "" if code == 0 and os.path.exists(longest) else text)
    os.symlink("later.so", f"{folder}/dangling.so")
    code, text = hone("compile", model, "-o", f"{folder}/dangling.so")
    followed = os.path.islink(f"{folder}/dangling.so") and os.path.exists(f"{folder}/later.so")
    checks.add("output-link-is-followed", "" if code == 0 and followed else f"the link was replaced: {text}")

    absent = f"{folder}/no/such/folder/plain.so"
    expect_error(checks, "output-in-no-folder", hone("compile", model, "-o", absent), "no/such/folder")
    os.mkdir(f"{folder}/a.so")
    expect_error(checks, "output-is-a-folder", hone("compile", model, "-o", f"{folder}/a.so"), r"a\.so")
    expect_error(checks, "output-unwritable", hone("compile", model, "-o", "/proc/plain.so"), "/proc/plain.so")
    expect_error(checks, "usage", hone("compile", model, "--no-such-option"), "no-such-option", code=2)
    expect_error(checks, "usage-command", hone("transmogrify"), "transmogrify", code=2)

    mount = f"{folder}/small"
    os.mkdir(mount)
    script = f'mount -t tmpfs -o size=8m tmpfs {mount} && "$@"; code=$?; ls -A {mount}; exit $code'
    namespace = ("unshare", "-rm", "sh", "-c", script, "sh")
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        print("full-disk: left out, this system does not let a user mount a small disk")
    else:
        code, text = outcome = hone("compile", MINILM, "-o", f"{mount}/minilm.so", prefix=namespace)
        expect_error(checks, "full-disk", outcome, "space|full|minilm")
        left = text.split("\n")[:-1]
        checks.add("full-disk-clean", "a file was left on the disk" if "minilm.so" in left else "")


def check_damage(checks, folder):
    """A damaged library gives an error or the right exit code, never a signal; `hone verify` finds every change."""
    hone("compile", f"{os.path.dirname(os.path.abspath(__file__))}/mlp.onnxtxt", "-o", f"{folder}/whole.so")
    with open(f"{folder}/whole.so", "rb") as file:
        whole = file.read()
    random = np.random.default_rng(1)
    # Headers first, where most damage shows.
    places = [*range(0, 600, 37), *random.integers(0, len(whole), 60)]
    damaged = f"{folder}/damaged.so"
    for number, place in enumerate(places):
        with open(damaged, "wb") as file:
            file.write(whole[:place] + bytes([whole[place] ^ 1 << number % 8]) + whole[place + 1 :])
        problem = "" if hone("verify", damaged)[0] == 1 else "hone verify finds nothing"
        for command in (("inspect", damaged), ("run", damaged, "--random")):
            code, text = hone(*command)
            if code not in (0, 1) or "fault of Hone" in text or re.search(r"error: [^:]*: *$", text, re.MULTILINE):
                problem = f"{command[0]} ends with {code}: {text[-300:]}"
        checks.add(f"damaged-at-{place}", problem)
    for lost in (1, 64, 4096, len(whole) // 2, len(whole) - 64, len(whole) - 1):
        with open(damaged, "wb") as file:
            file.write(whole[:-lost])
        for command in ("verify", "inspect", "run"):
            arguments = ["--random"] if command == "run" else []
            expect_error(
                checks, f"cut-by-{lost}-{command}", hone(command, damaged, *arguments), "cut off|no .*library|ONNX"
            )


def check_kills(checks, folder):
    """Killed half-way, a compile leaves what was under the output's name before, or nothing; or it was done already."""
    output, whole = f"{folder}/killed.so", f"{folder}/whole.so"
    hone("compile", MINILM, "-o", whole)
    with open(whole, "rb") as file:
        done = file.read()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        for before in (None, b"the earlier library"):
            if before:
                with open(output, "wb") as file:
                    file.write(before)
            problem = ""
            for delay in (0.1, 0.5, 1.0, 1.5):
                process = subprocess.Popen(["hone", "compile", MINILM, "-o", output], stderr=subprocess.DEVNULL)
                time.sleep(delay)
                ended = process.poll()
                if ended is not None:
                    problem = problem or (f"the compile fails with {ended}" if ended else "")
                    break
                process.send_signal(number)
                ended = process.wait(timeout=60)
                if ended not in (0, -number):
                    problem = f"ends with {ended}"
                after = None
                if os.path.exists(output):
                    with open(output, "rb") as file:
                        after = file.read()
                if after == done:
                    break  # the signal came behind the rename
                if after != before:
                    problem = f"after {delay} s the output {'changed' if before else 'exists'}"
            checks.add(f"killed-by-{number.name}{'-over-old' if before else ''}", problem)
            hone("compile", f"{folder}/plain.onnx", "-o", output)  # removes what the killed ones left
            left = [name for name in os.listdir(folder) if name.startswith(".hone-")]
            checks.add(f"nothing-left-by-{number.name}{'-over-old' if before else ''}", ", ".join(left))
            if os.path.exists(output):
                os.remove(output)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--junit")
    options = parser.parse_args()
    checks = Checks("files")
    with tempfile.TemporaryDirectory() as folder:
        check_models(checks, folder)
        check_one_problem(checks, folder)
        check_outputs(checks, folder)
        check_damage(checks, folder)
        check_kills(checks, folder)
    return checks.finish(options.junit)


if __name__ == "__main__":
    sys.exit(main())
