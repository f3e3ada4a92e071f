# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Loads compiled libraries and runs them on NumPy arrays."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, Union

import numpy as np

from . import _elf, _interface
from ._arrays import Array, Output, numpy_dtype, quote, to_array, to_values
from .errors import HoneError, Status


@dataclass(frozen=True)
class Value:
    """An input or output.

    dtype: bfloat16, int4 and uint4 are those of ml_dtypes where that package is installed, else uint16
                     (the bits), int8 and uint8
    shape: per dim an int, or the symbol's name (equal names are equal sizes), or None if only a run tells
    kind:  "tensor"; libraries of today take and give nothing else
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[Union[int, str, None], ...]
    kind: str = "tensor"


@dataclass(frozen=True)
class Entry:
    """What a library can be asked to run; "main" is the model's graph."""

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


@dataclass(frozen=True)
class Launch:
    """A launch of a kernel that has ended.

    index:             its number in the program, the same in each run
    kernel, family:    the symbol of the kernel's code, and who generated it
    nodes:             what it computes of the model
    operations, bytes: one for an addition, twenty for a division; what it reads and writes, each byte once
    begin_ns, end_ns:  of the system's monotonic clock, as time.monotonic_ns
    threads:           that may have worked on it
    """

    index: int
    kernel: str
    family: str
    nodes: str
    operations: int
    bytes: int
    begin_ns: int
    end_ns: int
    threads: int


@dataclass(frozen=True)
class Plan:
    """What a run would give and take.

    outputs:      by name; their shapes have no symbols, and None where only the run knows the dim
    arena_bytes:  memory for intermediates
    memory_bytes: of the whole session, with all outputs
    """

    outputs: dict[str, Value]
    arena_bytes: int
    memory_bytes: int


def load(path: str | os.PathLike[str]) -> Library:
    """Opens a compiled library. Loading runs code of the file: load only what you trust. Raises HoneError."""
    return Library(path)


# Path -> the files (device, inode) that were opened under it, in order. Libraries are never closed.
_opened: dict[pathlib.Path, list[tuple[int, int]]] = {}


def _open(path: pathlib.Path) -> ctypes.CDLL:
    """Opens the library that the file holds now. The system's loader goes by the path's spelling and gives a library
    that it has open back, also when the file was compiled again since: so each further file gets a spelling of its own.
    """
    status = os.stat(path)
    files = _opened.setdefault(path, [])
    if (status.st_dev, status.st_ino) not in files:
        files.append((status.st_dev, status.st_ino))
    detour = "./" * files.index((status.st_dev, status.st_ino))
    return ctypes.CDLL(os.path.join(path.parent, detour, path.name))


class Library:
    """A compiled model. Calling it runs its default session, which takes all cores that the process may use.

    entries:         a tuple of Entry, at least one
    inputs, outputs: tuples of Value, of the first entry
    manifest:        what the compiler recorded, a dict

    Pickled, it is its path: another process loads the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = pathlib.Path(path).resolve()
        try:
            symbol = _elf.library_symbol(self.path)
            function = _open(self.path)[symbol]
        except (OSError, ValueError) as error:
            raise HoneError(str(error)) from None
        function.restype = ctypes.POINTER(_interface.LibraryDescriptor)
        self._descriptor: Any = function()
        version = self._descriptor.contents.abi_version
        if version != _interface.ABI_VERSION:
            older = version < _interface.ABI_VERSION
            raise HoneError(
                f"{self.path}: has version {version} of Hone's interface, this package knows version "
                f"{_interface.ABI_VERSION}; " + ("compile the model again" if older else "install a newer package"),
                Status.UNSUPPORTED,
            )
        self._functions: Any = self._descriptor.contents.functions.contents
        info = _interface.sized(_interface.LibraryInfo)
        self._functions.library_info(self._descriptor, info)
        self.name: str = info.name.decode()
        self.manifest: dict[str, Any] = json.loads(ctypes.string_at(info.manifest, info.manifest_bytes))
        self._codes: list[list[Any]] = []  # of each entry: the inputs' _interface.Dtype
        self.entries = tuple(self._entry(index) for index in range(info.entry_count))
        self.inputs, self.outputs = self.entries[0].inputs, self.entries[0].outputs
        self._default: Session | None = None
        self._lock = threading.Lock()

    def session(
        self,
        threads: int = 0,
        memory_limit: int = 0,
        step_limit: int = 0,
        state_capacity: int = 0,
        on_launch: Callable[[Launch], None] | None = None,
        weights: str | os.PathLike[str] | None = None,
    ) -> Session:
        """A new session with its own memory and `threads` threads (0: as many as the process may use cores). With a
        `memory_limit`, in bytes, what would take more is a HoneError with Status.OUT_OF_MEMORY; with a `step_limit`, a
        loop of the model that makes more steps is one with Status.CANCELLED. `state_capacity`: that of its state, as
        State's. `on_launch` is told of each launch of a kernel, in the run's thread; it may not use the session.
        `weights`: the file of the weights of a library that does not hold them itself; None: LIBRARY.weights."""
        return Session(self, threads, memory_limit, step_limit, state_capacity, on_launch, weights)

    def state(self, capacity: int = 0, memory_limit: int = 0) -> State:
        """A new, empty state, for Session.use. Raises HoneError if the model was compiled without --state."""
        return State(self, capacity, memory_limit)

    def __call__(self, *others: Any, **inputs: Any) -> dict[str, Array]:
        if others:
            _refuse("library.run", self.entries[0])
        return self.run(inputs)

    def run(
        self,
        inputs: Mapping[str, Any],
        *others: Any,
        out: Mapping[str, Array] | None = None,
        entry: str | None = None,
    ) -> dict[str, Array]:
        """Session.run of the default session."""
        if others or not isinstance(inputs, Mapping):
            _refuse("library.run", self.entries[0])
        with self._lock:
            self._default = self._default or self.session()
        return self._default.run(inputs, out=out, entry=entry)

    def __reduce__(self) -> tuple[Any, ...]:
        return load, (self.path,)

    def __repr__(self) -> str:
        return f"<hone.Library {self.name}: {_list(self.inputs)} -> {_list(self.outputs)}>"

    def _entry(self, index: int) -> Entry:
        info = _interface.sized(_interface.EntryInfo)
        _interface.check(self._functions.entry_info, self._descriptor, index, info)
        inputs = [self._info(index, False, i) for i in range(info.input_count)]
        outputs = [self._info(index, True, i) for i in range(info.output_count)]
        self._codes.append([value.dtype for value in inputs])
        return Entry(info.name.decode(), tuple(map(self._value, inputs)), tuple(map(self._value, outputs)))

    def _info(self, entry: int, is_output: bool, index: int) -> Any:
        info = _interface.sized(_interface.ValueInfo)
        _interface.check(self._functions.value_info, self._descriptor, entry, is_output, index, info)
        return info

    def _value(self, info: Any) -> Value:
        kind = _interface.KINDS.get(info.kind, "?")
        dtype = numpy_dtype(info.dtype) if info.kind == _interface.TENSOR else np.dtype(object)
        return Value(info.name.decode(), dtype, tuple(map(self._dim, info.dims[: info.rank])), kind)

    def _dim(self, dim: int) -> int | str | None:
        if dim >= 0:
            return dim
        symbol = self._functions.symbol(self._descriptor, dim)
        return symbol.decode() if symbol else None

    def _find_entry(self, name: str | None) -> int:
        names = [entry.name for entry in self.entries]
        if name is None:
            return 0
        if name not in names:
            raise HoneError(f"there is no entry {quote(name)}; the library has {', '.join(map(quote, names))}")
        return names.index(name)


class Session:
    """One run at a time; calls from several threads wait for each other. Memory and threads end with close(), with the
    `with` statement that it stands in, or with the last reference."""

    def __init__(
        self,
        library: Library,
        threads: int = 0,
        memory_limit: int = 0,
        step_limit: int = 0,
        state_capacity: int = 0,
        on_launch: Callable[[Launch], None] | None = None,
        weights: str | os.PathLike[str] | None = None,
    ) -> None:
        self.library = library
        options = _options(
            threads=threads, memory_limit=memory_limit, step_limit=step_limit, state_capacity=state_capacity
        )
        self._state: State | None = None
        self._cancelled = ctypes.c_int32()
        options.cancel = ctypes.addressof(self._cancelled)
        callback = None if on_launch is None else _launch_callback(on_launch)
        options.on_launch = ctypes.cast(callback, ctypes.c_void_p) if callback else None
        options.weights = None if weights is None else os.fsencode(weights)
        self._handle = ctypes.c_void_p()
        functions = library._functions
        _interface.check(functions.session_create, library._descriptor, options, self._handle)
        self._lock = threading.Lock()
        self._destroy = weakref.finalize(self, _destroy, functions, self._handle, self._cancelled, callback)
        # Not when the interpreter ends: a daemon thread may be in a run, and the system frees everything.
        setattr(self._destroy, "atexit", False)  # a property that the type hints lack

    def __call__(self, *others: Any, **inputs: Any) -> dict[str, Array]:
        if others:
            _refuse("session.run", self.library.entries[0])
        return self.run(inputs)

    def run(
        self,
        inputs: Mapping[str, Any],
        *others: Any,
        out: Mapping[str, Array] | None = None,
        entry: str | None = None,
    ) -> dict[str, Array]:
        """Runs the model on a mapping from input names to values; returns a dict from output names to arrays.

        A value is a NumPy array, or anything with __dlpack__, of exactly the input's dtype, or a number or list, which
        is converted. Arrays are fresh, except for outputs that `out`, a mapping from names to arrays, has: they are
        written to these, which must have the output's dtype and shape and be contiguous. Where only the run knows the
        shape, it is that of what comes back, a view of the front of the array given.

        entry: the name of an entry; None: the first

        Raises HoneError; TypeError where the call has another form.
        """
        index, arrays = self._arguments("session.run", inputs, others, entry)
        values, held = to_values(arrays, self.library._codes[index])
        known = self.library.entries[index].outputs
        given = {} if out is None else _checked_out(out, known)
        functions, count = self.library._functions, len(arrays)
        with self._lock:
            self._check_open()
            self._cancelled.value = 0
            plan = _interface.sized(_interface.Plan)
            _interface.check(functions.session_plan, self._handle, index, values, count, plan)
            outputs = [
                Output(value.name, value.dtype, planned, given.get(value.name))
                for value, planned in zip(known, _interface.plan_outputs(plan))
            ]
            results = _interface.values(len(outputs))
            for output, result in zip(outputs, results):
                output.lend(result)
            _interface.check(functions.run, self._handle, index, values, count, results, len(outputs))
            arrays = [output.result(result) for output, result in zip(outputs, results)]
        del held  # lived until here
        return {value.name: array for value, array in zip(known, arrays)}

    def plan(self, inputs: Mapping[str, Any], *others: Any, entry: str | None = None) -> Plan:
        """Checks such inputs, and tells what a run of them would give and take. Runs nothing. Raises HoneError."""
        index, arrays = self._arguments("session.plan", inputs, others, entry)
        values, held = to_values(arrays, self.library._codes[index])
        outputs = {}
        with self._lock:
            self._check_open()
            plan = _interface.sized(_interface.Plan)
            functions = self.library._functions
            _interface.check(functions.session_plan, self._handle, index, values, len(arrays), plan)
            known = self.library.entries[index].outputs
            for value, tensor in zip(known, _interface.plan_outputs(plan)):
                shape = tuple(None if dim < 0 else dim for dim in tensor.shape[: tensor.ndim])
                outputs[value.name] = Value(value.name, value.dtype, shape, value.kind)
        del held
        return Plan(outputs, plan.arena_bytes, plan.memory_bytes)

    def reserve(self, inputs: Mapping[str, Any], *others: Any, entry: str | None = None) -> None:
        """Takes the memory for such inputs, so that runs of them and of smaller ones take none. Raises HoneError."""
        index, arrays = self._arguments("session.reserve", inputs, others, entry)
        values, held = to_values(arrays, self.library._codes[index])
        with self._lock:
            self._check_open()
            functions = self.library._functions
            _interface.check(functions.session_reserve, self._handle, index, values, len(arrays))
        del held

    @property
    def state(self) -> State:
        """What runs use: the session's own, unless use() says otherwise."""
        with self._lock:
            self._check_open()
            if self._state is None:
                _interface.check_state(self.library._functions)
                handle = ctypes.c_void_p()
                _interface.check(self.library._functions.session_state, self._handle, handle)
                self._state = State._borrowed(self.library, handle, self)
            return self._state

    def use(self, state: State | None) -> None:
        """Lets runs use `state`, of the same library: another conversation. None: the session's own again."""
        with self._lock:
            self._check_open()
            if state is not None:
                state._check_open()
            handle = None if state is None else state._handle
            _interface.check(self.library._functions.session_use_state, self._handle, handle)
            self._state = state

    def cancel(self) -> None:
        """Ends the run that is under way in another thread, if one is: it raises HoneError with Status.CANCELLED, as a
        rule within 100 ms."""
        self._cancelled.value = 1

    def close(self) -> None:
        """Ends the session's threads and frees its memory, once the run that is under way is over."""
        with self._lock:
            self._destroy()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session is memory and threads of this process: pickle its library, and make another one")

    def __repr__(self) -> str:
        return f"<hone.Session of {self.library.name}>"

    def _check_open(self) -> None:
        if not self._destroy.alive:
            raise HoneError("the session is closed")

    def _arguments(
        self, call: str, inputs: Mapping[str, Any], others: tuple[Any, ...], entry: str | None
    ) -> tuple[int, list[Array]]:
        """The entry's index, and the inputs in its order."""
        index = self.library._find_entry(entry)
        known = self.library.entries[index].inputs
        if others or not isinstance(inputs, Mapping):
            _refuse(call, self.library.entries[index])
        unknown = set(inputs) - {value.name for value in known}
        if unknown:
            raise HoneError(f"there is no input {quote(min(unknown))}; the model takes {_list(known)}")
        missing = [value.name for value in known if value.name not in inputs]
        if missing:
            raise HoneError(f"input {quote(missing[0])} is missing; the model takes {_list(known)}")
        codes = self.library._codes[index]
        return index, [
            to_array(quote(value.name), value.dtype, code, inputs[value.name]) for value, code in zip(known, codes)
        ]


class State:
    """What runs keep for the next ones, of a model compiled with --state. Session.state is a session's own, and ends
    with it; Library.state makes others, which Session.use takes: one for each conversation.

    capacity: how long it may become, with room for it from the beginning; 0: it grows
    """

    def __init__(self, library: Library, capacity: int = 0, memory_limit: int = 0) -> None:
        self.library = library
        _interface.check_state(library._functions)
        options = _options(memory_limit=memory_limit, state_capacity=capacity)
        self._handle = ctypes.c_void_p()
        self._owner: Session | None = None
        _interface.check(library._functions.state_create, library._descriptor, options, self._handle)
        finalizer = weakref.finalize(self, library._functions.state_destroy, self._handle)
        setattr(finalizer, "atexit", False)

    @classmethod
    def _borrowed(cls, library: Library, handle: ctypes.c_void_p, owner: Session) -> State:
        state = cls.__new__(cls)
        state.library, state._handle, state._owner = library, handle, owner
        return state

    @property
    def lengths(self) -> dict[str, int]:
        """How long what is held is, by the dim of the model that grows: {"past_sequence_length": 16}; {} where nothing
        grows, as in a recurrent layer."""
        info = self._info()
        return {info.names[i].decode(): info.lengths[i] for i in range(info.length_count)}

    @property
    def capacities(self) -> dict[str, int]:
        """How long it may become before its memory moves."""
        info = self._info()
        return {info.names[i].decode(): info.capacities[i] for i in range(info.length_count)}

    @property
    def memory_bytes(self) -> int:
        """Of its tensors."""
        return int(self._info().memory_bytes)

    def reset(self) -> None:
        """Forgets everything. The next run may have another batch."""
        self._call("state_reset")

    def truncate(self, length: int, name: str | None = None) -> None:
        """Forgets what was added last. `name`: which of `lengths`; None: the first. Raises HoneError where that is
        shorter, or parts of the state do not grow."""
        names = list(self.lengths)
        if name is not None and name not in names:
            raise HoneError(f"there is no length {quote(name)}; the state has {', '.join(map(quote, names)) or 'none'}")
        if not -(2**63) <= length < 2**63:
            raise HoneError(f"a state cannot be truncated to {length}")
        self._call("state_truncate", 0 if name is None else names.index(name), length)

    def copy(self, capacity: int = 0, memory_limit: int = 0) -> State:
        """Another state that holds the same: to go on in two ways."""
        other = State(self.library, capacity, memory_limit)
        other._call("state_copy", self._handle)
        return other

    def save(self) -> bytes:
        """What it holds, for load() of this process or another one."""
        size = ctypes.c_uint64()
        self._call("state_save", None, 0, size)
        data = ctypes.create_string_buffer(size.value)
        self._call("state_save", data, size.value, size)
        return data.raw[: size.value]

    def load(self, data: bytes) -> None:
        """Holds what save() of a library of the same model gave. Raises HoneError, and nothing has changed, for
        anything else."""
        self._call("state_load", bytes(data), len(data))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a state is memory of this process: save() gives its bytes, and load() takes them")

    def __repr__(self) -> str:
        held = ", ".join(f"{name} = {length}" for name, length in self.lengths.items())
        return f"<hone.State of {self.library.name}{': ' if held else ''}{held}>"

    def _check_open(self) -> None:
        if self._owner is not None:
            self._owner._check_open()

    def _call(self, name: str, *arguments: Any) -> None:
        self._check_open()
        _interface.check(getattr(self.library._functions, name), self._handle, *arguments)

    def _info(self) -> Any:
        info = _interface.sized(_interface.StateInfo)
        self._call("state_info", info)
        return info


def _options(**numbers: int) -> Any:
    """The options of a session or state; ctypes would wrap what does not fit."""
    expected = {
        "threads": "0 to 1024",
        "memory_limit": "bytes, or 0 for no limit",
        "step_limit": "a number of steps, or 0 for no limit",
        "state_capacity": "a number of positions, or 0 to let it grow",
    }
    options = _interface.sized(_interface.Options)
    for name, number in numbers.items():
        setattr(options, name, number)
        if getattr(options, name) != number:
            raise HoneError(f"options: {name} is {number}, expected {expected[name]}")
    return options


def _checked_out(out: Mapping[str, Array], known: tuple[Value, ...]) -> dict[str, Array]:
    if not isinstance(out, Mapping):
        raise TypeError(f"out takes a mapping from output names to arrays: out={{{known[0].name!r}: ...}}")
    unknown = set(out) - {value.name for value in known}
    if unknown:
        raise HoneError(f"there is no output {quote(min(unknown))}; the model gives {_list(known)}")
    return dict(out)


def _launch_callback(on_launch: Callable[[Launch], None]) -> Any:
    def call(_: Any, event: Any) -> None:
        fields = event.contents
        kernel, family, nodes = (
            text.decode("utf-8", "replace") for text in (fields.kernel, fields.family, fields.nodes)
        )
        work = fields.operations, fields.bytes
        on_launch(Launch(fields.index, kernel, family, nodes, *work, fields.begin_ns, fields.end_ns, fields.threads))

    return _interface.LAUNCH_CALLBACK(call)


def _destroy(functions: Any, handle: ctypes.c_void_p, cancelled: ctypes.c_int32, callback: Any) -> None:
    """`cancelled` is read, and `callback` called, by the session until here."""
    functions.session_destroy(handle)


def _refuse(call: str, entry: Entry) -> NoReturn:
    """Calls in the form of other runtimes, as run(None, feeds) or run([array]): says what ours is."""
    names = ", ".join(f"{value.name!r}: ..." for value in entry.inputs)
    raise TypeError(
        f"{call} takes one mapping, from input names to arrays, and gives all outputs in a dict: {call}({{{names}}})"
    )


def _list(values: tuple[Value, ...]) -> str:
    return ", ".join(quote(value.name) for value in values) or "nothing"
