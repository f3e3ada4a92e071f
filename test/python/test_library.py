# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""hone.load: introspection, runs, errors, threads."""

import os
import pathlib
import struct
import subprocess
import sys
import threading

import hone
import numpy as np
import pytest
from hone import _elf
from tolerance import assert_close

TABLE = np.arange(4)[:, None] * 10 + np.array([0, 1])
SCALE = np.array([1, 2], np.float32)


def expected(ids, scale=SCALE):
    return (TABLE[np.asarray(ids)] * scale).astype(np.float32)


@pytest.fixture(scope="module")
def library(library_path):
    return hone.load(library_path)


def run(runner, ids, scale=SCALE):
    return runner.run({"input_ids": ids, "odd/scale:0": scale})


def message(runner, **inputs):
    inputs = {name.replace("scale", "odd/scale:0"): value for name, value in inputs.items()}
    with pytest.raises(hone.Error) as error:
        runner.run(inputs)
    return str(error.value)


IDS = np.array([[0, 1, 2], [3, 2, 1]])


def test_describes(library):
    assert library.name == "lookup"
    assert library.manifest == {"model": "lookup", "flags": []}
    assert library.inputs == (
        hone.Value("input_ids", np.dtype(np.int64), ("batch", "sequence")),
        hone.Value("odd/scale:0", np.dtype(np.float32), (2,)),
    )
    assert [value.shape for value in library.outputs] == [("batch", "sequence", 2), (), (None,)]
    assert [value.dtype for value in library.outputs] == [np.float32, np.bool_, np.int32]
    assert repr(library) == "<hone.Library lookup: 'input_ids', 'odd/scale:0' -> 'picked', 'any', 'odd'>"


def test_runs(library):
    outputs = run(library, IDS)
    assert list(outputs) == ["picked", "any", "odd"]
    assert_close(outputs["picked"], expected(IDS))
    assert outputs["any"].shape == () and outputs["any"]
    assert_close(outputs["odd"], np.array([1, 3, 5], np.int32))


def test_outputs_are_fresh(library):
    first, second = run(library, IDS)["picked"], run(library, IDS * 0)["picked"]
    assert_close(first, expected(IDS))
    assert_close(second, expected(IDS * 0))


def test_keywords(library):
    session = library.session(threads=2)
    names = {"odd/scale:0": SCALE}
    assert_close(session(input_ids=IDS, **names)["picked"], expected(IDS))
    assert_close(library(input_ids=IDS, **names)["picked"], expected(IDS))


def test_empty(library):
    outputs = run(library, np.zeros((0, 5), np.int64))
    assert outputs["picked"].shape == (0, 5, 2)
    assert not outputs["any"]


@pytest.mark.parametrize("view", [np.transpose, np.flip, lambda a: a[:, ::2], np.asfortranarray])
def test_views(library, view):
    assert_close(run(library, view(IDS))["picked"], expected(view(IDS)))


def test_unaligned(library):
    raw = np.zeros(IDS.nbytes + 1, np.uint8)
    array = raw[1:].view(np.int64).reshape(IDS.shape)
    array[:] = IDS
    assert_close(run(library, array)["picked"], expected(IDS))


def test_lists_are_converted(library):
    assert_close(run(library, [[1, 2]], [1, 0.5])["picked"], expected([[1, 2]], [1, 0.5]))
    text = message(library, input_ids=[[0.5]], scale=SCALE)
    assert text == "input 'input_ids': these float64 values have no int64 form, which the model takes"
    assert "have no int64 form" in message(library, input_ids=[["a"]], scale=SCALE)
    assert "have no int64 form" in message(library, input_ids=[[2**63]], scale=SCALE)
    assert "have no float32 form" in message(library, input_ids=IDS, scale=[1e300, 1])
    infinite = run(library, [[1]], [float("inf"), float("nan")])["picked"]
    assert_close(infinite, np.array([[[np.inf, np.nan]]], np.float32))
    assert "inhomogeneous" in message(library, input_ids=[[1], [1, 2]], scale=SCALE)


def test_dlpack(library):
    class Other:
        def __dlpack__(self, **keywords):
            return IDS.__dlpack__(**keywords)

        def __dlpack_device__(self):
            return IDS.__dlpack_device__()

    assert_close(run(library, Other())["picked"], expected(IDS))


@pytest.mark.parametrize("kind", [BufferError, RuntimeError])
def test_dlpack_that_fails(library, kind):
    class Other:
        def __dlpack__(self, **keywords):
            raise kind("not on this device")

        def __dlpack_device__(self):
            return (1, 0)

    assert message(library, input_ids=Other(), scale=SCALE) == "input 'input_ids': not on this device"


def test_wrong_inputs(library):
    assert message(library, input_ids=IDS.astype(np.int32), scale=SCALE) == (
        "input 'input_ids': the array has dtype int32, the model takes int64; convert it with .astype('int64')"
    )
    assert "dtype >i8" in message(library, input_ids=IDS.astype(">i8"), scale=SCALE)
    takes = "the model takes 'input_ids', 'odd/scale:0'"
    assert message(library, input_ids=IDS) == f"input 'odd/scale:0' is missing; {takes}"
    assert message(library, input_ids=IDS, scale=SCALE, ids=IDS) == f"there is no input 'ids'; {takes}"
    assert message(library, input_ids=IDS[0], scale=SCALE) == "input 'input_ids': rank is 1, expected 2"
    assert message(library, input_ids=IDS, scale=SCALE[:1]) == "input 'odd/scale:0': dim 0 is 1, expected 2"
    assert_close(run(library, IDS)["picked"], expected(IDS))


def test_failure_in_the_run(library):
    assert (
        message(library, input_ids=IDS + 1, scale=SCALE)
        == "node 'embed/Gather' (Gather): an index is outside its dim, or a divisor is zero"
    )


def test_threads_share_a_session(library):
    session = library.session(threads=2)
    wrong = []

    def work(seed):
        ids = np.random.default_rng(seed).integers(0, 4, (3, 200))
        for _ in range(30):
            if not np.array_equal(run(session, ids)["picked"], expected(ids)):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_sessions_end_their_threads(library_path):
    # In a process of its own: here, threads of earlier tests may still be on their way out.
    program = """
import os, sys, time
import hone

def count():
    return len(os.listdir("/proc/self/task"))

library = hone.load(sys.argv[1])
before = count()
session = library.session(threads=3)
assert count() == before + 2
del session
deadline = time.monotonic() + 10  # a joined thread is listed for a moment longer
while count() != before and time.monotonic() < deadline:
    time.sleep(0.001)
assert count() == before
"""
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(hone.__file__)))
    subprocess.run([sys.executable, "-c", program, library_path], env=environment, check=True)


def test_a_daemon_thread_may_be_in_a_run_when_the_process_ends(build_library, tmp_path):
    program = """
import atexit, sys, threading, time
import hone, numpy

atexit.register(time.sleep, 1)  # the last thing to happen: meanwhile the run goes on
session = hone.load(sys.argv[1]).session(threads=2)
started = threading.Event()

def work():
    while True:
        started.set()
        session.run({"input_ids": numpy.zeros((50, 100), int), "odd/scale:0": numpy.ones(2, numpy.float32)})

threading.Thread(target=work, daemon=True).start()
started.wait()
time.sleep(0.1)
"""
    library = build_library(tmp_path / "slow.so", "-DSLOW=300000")
    environment = dict(os.environ, PYTHONPATH=os.path.dirname(os.path.dirname(hone.__file__)))
    subprocess.run([sys.executable, "-c", program, library], env=environment, check=True)


def test_wrong_threads(library):
    for wrong in (-1, 1025, 5000, 2**31, 2**32 + 1):
        with pytest.raises(hone.Error, match=f"threads is {wrong}, expected 0 to 1024"):
            library.session(threads=wrong)


def test_a_file_that_was_compiled_again(build_library, tmp_path):
    # As the compiler does it: another file appears under the name.
    def build(*definitions):
        os.replace(build_library(tmp_path / "new.so", *definitions), tmp_path / "model.so")
        return hone.load(tmp_path / "model.so")

    first, second, third = build(), build("-DFACTOR=2"), build("-DFACTOR=3")
    for library, factor in ((first, 1), (second, 2), (third, 3), (hone.load(tmp_path / "model.so"), 3)):
        assert_close(run(library, IDS)["picked"], factor * expected(IDS))


@pytest.mark.parametrize("version, hint", [(1, "compile the model again"), (7, "install a newer package")])
def test_other_abi_version(build_library, tmp_path, version, hint):
    path = build_library(tmp_path / f"version{version}.so", f"-DABI_VERSION={version}")
    text = f"has version {version} of Hone's interface, this package knows version 2; {hint}"
    with pytest.raises(hone.Error, match=text) as error:
        hone.load(path)
    assert error.value.code is hone.Status.UNSUPPORTED


def test_not_a_library(library_path, tmp_path):
    with pytest.raises(hone.Error, match="No such file"):
        hone.load(tmp_path / "none.so")
    for content in (b"", b"\x7fELF", b"text" * 100):
        path = tmp_path / "wrong.so"
        path.write_bytes(content)
        with pytest.raises(hone.Error, match="not an ELF shared library"):
            hone.load(path)


def test_library_of_others():
    others = next(line.split()[-1] for line in open("/proc/self/maps") if "libc.so" in line or "libc-" in line)
    with pytest.raises(hone.Error, match="expected one exported symbol that ends in '_library', found 0"):
        hone.load(others)


def test_library_that_is_cut_off(library_path, tmp_path):
    whole = library_path.read_bytes()
    header = struct.unpack_from("<Q", whole, 32)[0]
    count = struct.unpack_from("<H", whole, 56)[0]
    segments = [struct.unpack_from("<I4xQ16xQ", whole, header + 56 * index) for index in range(count)]
    end = max(offset + size for kind, offset, size in segments if kind == 1)
    for size in (end - 1, end - 100, end // 2, 100):
        (tmp_path / "cut.so").write_bytes(whole[:size])
        with pytest.raises(hone.Error, match=rf"cut\.so: is cut off: .* more than its {size} bytes|not an ELF"):
            hone.load(tmp_path / "cut.so")


def test_damaged_files_never_crash_the_symbol_scan(library_path, tmp_path):
    good = library_path.read_bytes()
    random = np.random.default_rng(3)
    path = tmp_path / "damaged.so"
    tables = int.from_bytes(good[40:48], "little")
    for _ in range(300):
        data = bytearray(good)
        for _ in range(4):  # in the ELF header and the section headers, where the scan looks
            at = random.integers(4, 64) if random.random() < 0.3 else random.integers(tables, len(good))
            data[at] = random.integers(0, 256)
        path.write_bytes(data)
        try:
            _elf.exported_names(path)
        except ValueError as error:
            assert "not an ELF shared library" in str(error) or "is cut off" in str(error)


def test_exported_names(library_path):
    assert _elf.exported_names(pathlib.Path(library_path)) == ["lookup_library"]
