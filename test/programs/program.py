# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The same as program.c with the Python package: what each call may raise, and that a session goes on behind it.

    program.py FOLDER    with the libraries that test_programs.py compiles

mypy --strict has nothing to say about it.
"""

from __future__ import annotations

import pathlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import hone
import numpy as np
import numpy.typing as npt

ENDLESS = 2**63 - 1


@contextmanager
def fails(code: hone.Status, text: str) -> Iterator[None]:
    """The body raises a HoneError with the code, and says `text`."""
    try:
        yield
    except hone.HoneError as error:
        assert error.code == code and text in str(error), error
        print(f"  {error.code.name}: {error}")
        return
    raise AssertionError(f"no error: {text}")


def invalid(text: str, call: Callable[[], object]) -> None:
    with fails(hone.Status.INVALID_ARGUMENT, text):
        call()


def entries(library: hone.Library) -> None:
    assert [entry.name for entry in library.entries] == ["main", "count"]
    ids, bits = np.array([2, 0, 3]), np.array([1, 2], np.uint16)

    def picked(ids: npt.NDArray[np.int64], entry: str | None = None) -> npt.NDArray[np.float32]:
        return session.run({"input_ids": ids[None], "odd/scale:0": [1, 2]}, entry=entry)["picked"]

    with library.session() as session:
        for _ in range(2):  # one after the other, in one session
            table = ids[:, None] * 10 + np.array([0, 1])
            np.testing.assert_array_equal(picked(ids)[0], table * np.array([1, 2]))
            positive = session.run({"input_ids": ids, "a": bits}, entry="count")["positive"]
            np.testing.assert_array_equal(positive, [2, 3])
            invalid("there is no entry 'decode'; the library has 'main', 'count'", lambda: picked(ids, "decode"))
            invalid("an index is outside its dim", lambda: picked(np.array([9])))


def state(library: hone.Library, other: hone.Library, found: hone.Library) -> None:
    random = np.random.default_rng(1)
    rows = random.standard_normal((20, 4)).astype(np.float32)

    def add(begin: int, end: int, *before: npt.NDArray[np.float32]) -> None:
        got = session.run({"x": rows[begin:end]})["sum"]
        np.testing.assert_allclose(got, np.concatenate([*before, rows[begin:end]]).sum(axis=0), rtol=1e-5, atol=1e-5)

    with library.session(state_capacity=8) as session, other.session() as elsewhere:
        own = session.state
        add(0, 3)
        with fails(hone.Status.TOO_SMALL, "it would be 9 long, and its capacity is 8"):
            session.run({"x": rows[:6]})
        add(3, 5, rows[:3])
        fork, saved = own.copy(), own.save()  # to go on in two ways, and in another process
        session.use(fork)
        add(10, 18, rows[:5])  # it has no capacity: it grows
        session.use(None)
        own.truncate(2)
        add(6, 7, rows[:2])
        invalid("cannot be truncated to 4, it is 3 long", lambda: own.truncate(4))
        own.reset()
        add(7, 8)
        invalid("no saved state", lambda: own.load(saved[:-1]))
        own.load(saved)
        add(8, 9, rows[:5])
        assert own.lengths == {"past": 6} and own.capacities == {"past": 8} and fork.lengths == {"past": 13}
        invalid("the session of another one", lambda: session.use(elsewhere.state))
        invalid("keeps no state", lambda: found.state())
        add(9, 10, rows[:5], rows[8:9])
        print(f"  {own}, {fork}")


def unknown_sizes(library: hone.Library) -> None:
    x = np.array([0, 5, 0, 0, 6, 7], np.float32)
    with library.session(memory_limit=1 << 16) as session:
        assert session.plan({"x": x}).outputs["places"].shape == (1, None)
        for _ in range(2):
            np.testing.assert_array_equal(session.run({"x": x})["places"], np.array(np.nonzero(x)))
            with fails(hone.Status.TOO_SMALL, "needs 24 bytes, but its buffer has 16"):
                session.run({"x": x}, out={"places": np.zeros((1, 2), np.int64)})
            with fails(hone.Status.OUT_OF_MEMORY, "its memory_limit is 65536"):
                session.run({"x": np.ones(1 << 16, np.float32)})


def loops(library: hone.Library) -> None:
    x = np.array([3, 4], np.float32)

    def repeat(session: hone.Session, n: int) -> npt.NDArray[np.float32]:
        return session.run({"n": np.array(n), "x": x})["y"]

    sessions = [library.session(step_limit=100), library.session(memory_limit=1 << 16), library.session()]
    with fails(hone.Status.CANCELLED, "the loop goes on after 100 steps"):
        repeat(sessions[0], ENDLESS)
    with fails(hone.Status.OUT_OF_MEMORY, "its memory_limit is 65536"):
        repeat(sessions[1], ENDLESS)
    over = threading.Event()

    def cancel() -> None:
        while not over.wait(0.02):  # a run that begins only now forgets what was cancelled before
            sessions[2].cancel()

    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        with fails(hone.Status.CANCELLED, "cancelled"):
            repeat(sessions[2], ENDLESS)
    finally:
        over.set()
        canceller.join()
    for session in sessions:
        np.testing.assert_array_equal(repeat(session, 100), np.tile(x, 101))
        session.close()
        invalid("the session is closed", lambda: repeat(session, 1))


def nulls(library: hone.Library) -> None:
    with library.session() as session:
        invalid("input 'x' is missing", lambda: session.run({}))
        invalid("'y'", lambda: session.run({"x": [1], "y": [1]}))
        try:
            session.run({"x": None})
        except (hone.HoneError, TypeError) as error:
            print(f"  {type(error).__name__}: {error}")
        else:
            raise AssertionError("None is no array")
        np.testing.assert_array_equal(session.run({"x": np.array([1, 0], np.float32)})["places"], [[0]])


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    lookup, rows, other, found, repeat = (
        hone.load(folder / f"lib{name}.so") for name in ("lookup", "rows", "other", "found", "repeat")
    )
    print("entries")
    entries(lookup)
    print("state")
    state(rows, other, found)
    print("sizes that only a run knows")
    unknown_sizes(found)
    print("loops")
    loops(repeat)
    print("None")
    nulls(found)


if __name__ == "__main__":
    main()
