# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sessions: arrays of the caller, plans, entries, cancellation, ends; calls in the form of other runtimes."""

import os
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import time

import hone
import numpy as np
import pytest
from tolerance import assert_close

TABLE = np.arange(4)[:, None] * 10 + np.array([0, 1])
SCALE = np.array([1, 2], np.float32)
IDS = np.array([[0, 1, 2], [3, 2, 1]])
FEEDS = {"input_ids": IDS, "odd/scale:0": SCALE}
PICKED = (TABLE[IDS] * SCALE).astype(np.float32)
BITS = np.array([0x3F80, 0xC000], np.uint16)  # 1 and -2 in bfloat16


@pytest.fixture(scope="module")
def library(library_path):
    return hone.load(library_path)


@pytest.fixture
def session(library):
    with library.session(threads=1) as session:
        yield session


def error_of(kind, call, *arguments, **keywords):
    with pytest.raises(kind) as error:
        call(*arguments, **keywords)
    return str(error.value)


def count(session, ids, out=None):
    return session.run({"input_ids": np.array(ids), "a": BITS}, out=out, entry="count")


# ---- Arrays of the caller


def test_out(session):
    picked, odd = np.zeros((2, 3, 2), np.float32), np.zeros(3, np.int32)
    outputs = session.run(FEEDS, out={"odd": odd, "picked": picked})
    assert outputs["picked"] is picked and outputs["odd"] is odd
    assert_close(picked, PICKED)
    assert_close(odd, np.array([1, 3, 5], np.int32))
    assert outputs["any"]


def test_out_is_empty(session):
    picked = np.zeros((0, 3, 2), np.float32)
    outputs = session.run({**FEEDS, "input_ids": np.zeros((0, 3), np.int64)}, out={"picked": picked})
    assert outputs["picked"] is picked


def test_wrong_out(session):
    picked = np.zeros((2, 3, 2), np.float32)

    def message(array):
        return error_of(hone.HoneError, session.run, FEEDS, out={"picked": array})

    assert message(picked[:1]) == "out['picked']: has shape (1, 3, 2), this run gives (2, 3, 2)"
    assert message(picked.astype(np.float64)) == "out['picked']: is dtype float64, expected an array of dtype float32"
    assert message([1]) == "out['picked']: is a list, expected an array of dtype float32"
    contiguous = "out['picked']: the array must be contiguous, aligned and writeable"
    assert message(np.zeros((2, 3, 4), np.float32)[..., ::2]) == contiguous
    picked.flags.writeable = False
    assert message(picked) == contiguous
    assert not picked.any()
    text = error_of(hone.HoneError, session.run, FEEDS, out={"y": picked})
    assert text == "there is no output 'y'; the model gives 'picked', 'any', 'odd'"
    assert "out={'picked': ...}" in error_of(TypeError, session.run, FEEDS, out=[picked])
    overlapping = np.zeros(2, np.float32)
    scale = {"input_ids": np.zeros((1, 1), np.int64), "odd/scale:0": overlapping}
    text = error_of(hone.HoneError, session.run, scale, out={"picked": overlapping.reshape(1, 1, 2)})
    assert text == "output 'picked': its buffer overlaps input 'odd/scale:0'; give each memory of its own"


def test_output_whose_shape_only_the_run_knows(session):
    assert_close(count(session, [3, 0, -1, 5])["positive"], np.array([3, 5]))
    first, second = count(session, [1, 2, 3])["positive"], count(session, [7])["positive"]
    assert_close(first, np.array([1, 2, 3]))  # fresh, as the others
    assert_close(second, np.array([7]))
    assert count(session, [0])["positive"].shape == (0,)
    room = np.zeros(3, np.int64)
    outputs = count(session, [0, 8, 9], {"positive": room})
    assert_close(outputs["positive"], np.array([8, 9]))
    assert np.shares_memory(outputs["positive"], room)
    with pytest.raises(hone.HoneError, match="output 'positive': needs 32 bytes, but its buffer has 24") as error:
        count(session, [1, 2, 3, 4], {"positive": room})
    assert error.value.code is hone.Status.TOO_SMALL
    assert_close(count(session, [1])["positive"], np.array([1]))


# ---- Plan, reserve, limits, entries


def test_plan(session):
    plan = session.plan(FEEDS)
    assert plan.outputs["picked"] == hone.Value("picked", np.dtype(np.float32), (2, 3, 2))
    assert plan.outputs["odd"].shape == (3,)
    assert plan.memory_bytes > PICKED.nbytes
    plan = session.plan({"input_ids": np.arange(5), "a": BITS}, entry="count")
    assert plan.outputs["positive"].shape == (None,)
    text = error_of(hone.HoneError, session.plan, {**FEEDS, "odd/scale:0": SCALE[:1]})
    assert text == "input 'odd/scale:0': dim 0 is 1, expected 2"


def test_reserve(session):
    large = {**FEEDS, "input_ids": np.zeros((100, 100), np.int64)}
    assert session.plan(FEEDS).memory_bytes < PICKED.nbytes * 100
    session.reserve(large)
    assert session.plan(FEEDS).memory_bytes > 100 * 100 * 8


def test_memory_limit(library):
    need = library.session(threads=1).plan(FEEDS).memory_bytes
    with library.session(threads=1, memory_limit=need) as session:
        assert_close(session.run(FEEDS)["picked"], PICKED)
        with pytest.raises(hone.HoneError, match=f"its memory_limit is {need}") as error:
            session.reserve({**FEEDS, "input_ids": np.zeros((100, 100), np.int64)})
        assert error.value.code is hone.Status.OUT_OF_MEMORY
    for wrong in (-1, 2**64):
        with pytest.raises(hone.HoneError, match=f"memory_limit is {wrong}"):
            library.session(memory_limit=wrong)


def test_entries(library, session):
    assert [entry.name for entry in library.entries] == ["main", "count"]
    assert library.entries[0].inputs == library.inputs
    assert library.entries[1].outputs[0].shape == (None,)
    for _ in range(3):
        assert_close(session.run(FEEDS, entry="main")["picked"], PICKED)
        assert_close(library.run({"input_ids": np.array([4]), "a": BITS}, entry="count")["positive"], np.array([4]))
        assert_close(count(session, [4, 5])["positive"], np.array([4, 5]))
    text = error_of(hone.HoneError, session.run, FEEDS, entry="decode")
    assert text == "there is no entry 'decode'; the library has 'main', 'count'"
    assert "the model takes 'input_ids', 'a'" in error_of(hone.HoneError, session.run, FEEDS, entry="count")


# ---- Ends


@pytest.fixture(scope="module")
def slow_library(build_library, tmp_path_factory):
    return hone.load(build_library(tmp_path_factory.mktemp("slow") / "slow.so", "-DSLOW=300000"))


def test_cancel(slow_library):
    session, errors = slow_library.session(threads=1), []
    session.cancel()  # nothing is under way: no later run sees it
    assert_close(session.run(FEEDS)["picked"], PICKED)

    def work():
        try:
            session.run(FEEDS)
        except hone.HoneError as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.1)
    session.cancel()
    thread.join()
    assert [error.code for error in errors] == [hone.Status.CANCELLED]
    assert str(errors[0]) == "node 'embed/Gather' (Gather): cancelled"
    assert_close(session.run(FEEDS)["picked"], PICKED)


def test_close(library):
    session = library.session()
    session.run(FEEDS)
    session.close()
    session.close()
    for call in (session.run, session.plan, session.reserve):
        assert error_of(hone.HoneError, call, FEEDS) == "the session is closed"
    with library.session() as session:
        session.run(FEEDS)
    assert error_of(hone.HoneError, session.run, FEEDS) == "the session is closed"
    assert_close(library.run(FEEDS)["picked"], PICKED)


def test_close_waits_for_the_run(slow_library):
    session, results = slow_library.session(threads=1), []
    thread = threading.Thread(target=lambda: results.append(session.run(FEEDS)))
    thread.start()
    time.sleep(0.1)
    session.close()
    thread.join()
    assert_close(results[0]["picked"], PICKED)


def test_pickle(library):
    copy = pickle.loads(pickle.dumps(library))
    assert copy.path == library.path and copy.inputs == library.inputs
    assert_close(copy.run(FEEDS)["picked"], PICKED)
    assert "pickle its library" in error_of(TypeError, pickle.dumps, library.session())
    error = pickle.loads(pickle.dumps(hone.HoneError("too small", hone.Status.TOO_SMALL)))
    assert (str(error), error.code) == ("too small", hone.Status.TOO_SMALL)


# ---- What arrays may be


def test_code(session):
    with pytest.raises(hone.HoneError) as error:
        session.run({**FEEDS, "input_ids": IDS + 1})
    assert error.value.code is hone.Status.INVALID_ARGUMENT
    assert hone.Error is hone.HoneError


def test_read_only_and_strided(session):
    ids = np.ascontiguousarray(IDS[:, ::-1])
    ids.flags.writeable = False
    assert_close(session.run({**FEEDS, "input_ids": ids})["picked"], PICKED[:, ::-1])
    wide = np.repeat(IDS, 2, axis=1)
    assert_close(session.run({**FEEDS, "input_ids": wide[:, ::2]})["picked"], PICKED)


def test_dlpack_in_and_out(session):
    class Other:
        """What a framework's tensor offers; its memory may be read-only and strided."""

        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **keywords):
            return self.array.__dlpack__(**keywords)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    outputs = session.run({"input_ids": Other(np.repeat(IDS, 2, axis=1)[:, ::2]), "odd/scale:0": Other(SCALE)})
    for name in ("picked", "odd", "any"):  # f32, int32 and bool
        other = np.from_dlpack(Other(outputs[name]))
        assert np.shares_memory(other, outputs[name])
        assert_close(other, outputs[name])
    text = error_of(hone.HoneError, session.run, {"input_ids": Other(IDS.astype(np.int32)), "odd/scale:0": SCALE})
    assert "dtype int32, the model takes int64" in text


def test_bfloat16(session):
    outputs = count(session, [1])
    assert_close(outputs["b"].view(np.uint16), BITS)

    class Bfloat16:
        def __dlpack__(self, **keywords):
            raise BufferError("unsupported dtype")

        def __dlpack_device__(self):
            return (1, 0)

    text = error_of(hone.HoneError, session.run, {"input_ids": np.array([1]), "a": Bfloat16()}, entry="count")
    assert text == "input 'a': unsupported dtype; give the bits of bfloat16 as uint16"


# ---- Calls in the form of other runtimes


def test_other_calls(library, session):
    right = "run({'input_ids': ..., 'odd/scale:0': ...})"
    for call, shown in (
        (lambda: session.run(None, FEEDS), f"session.{right}"),
        (lambda: session.run(["picked"], FEEDS), f"session.{right}"),
        (lambda: session.run(None), f"session.{right}"),
        (lambda: session.run([IDS, SCALE]), f"session.{right}"),
        (lambda: session.run(IDS, SCALE), f"session.{right}"),
        (lambda: session(IDS, SCALE), f"session.{right}"),
        (lambda: session(FEEDS), f"session.{right}"),
        (lambda: library.run(None, FEEDS), f"library.{right}"),
        (lambda: library(IDS), f"library.{right}"),
        (lambda: session.plan([IDS]), "session.plan({'input_ids': ..., 'odd/scale:0': ...})"),
        (lambda: session.run([IDS], entry="count"), "session.run({'input_ids': ..., 'a': ...})"),
    ):
        text = error_of(TypeError, call)
        assert text.endswith(f"takes one mapping, from input names to arrays, and gives all outputs in a dict: {shown}")


# ---- The package


def test_version():
    root = pathlib.Path(__file__).resolve().parents[2]
    version = re.search(r"project\(Hone VERSION ([\d.]+)", (root / "CMakeLists.txt").read_text()).group(1)
    assert hone.__version__ == version
    assert (pathlib.Path(hone.__file__).parent / "py.typed").exists()


def test_types(tmp_path):
    """The package passes the strict checker, which tells programs what comes out."""
    package = pathlib.Path(hone.__file__).parent
    program = tmp_path / "program.py"
    program.write_text(
        "import hone\nimport numpy as np\n\n"
        "with hone.load('model.so').session(threads=2) as session:\n"
        "    try:\n"
        "        reveal_type(session.run({'x': np.zeros(3)}, out={'y': np.zeros(3)})['y'])\n"
        "        reveal_type(session.plan({'x': [1.0]}).outputs['y'].shape)\n"
        "    except hone.HoneError as error:\n"
        "        reveal_type(error.code)\n"
    )
    cache = pathlib.Path(os.environ.get("HONE_BUILD", package.parents[1] / "build")) / "mypy"  # 3 s instead of 20
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}", str(package), str(program)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    revealed = re.findall(r'Revealed type is "(.*)"', done.stdout)
    assert "ndarray" in revealed[0] and "None" in revealed[1] and revealed[2].endswith("errors.Status")
