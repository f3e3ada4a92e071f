"""What the benchmarks measure: calls of an engine, and compiles.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os
import resource
import statistics
import subprocess
import tempfile
import time

import hone
import hone._interface
from hone.compiler import find_program

# ---- calls


def machine_cpu_seconds():
    """CPU time used on all cores since boot, idle and waiting left out; stolen time counts as used."""
    with open("/proc/stat") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def own_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure_block(call, seconds):
    """Calls for so many seconds: median wall and mean CPU milliseconds, share of the cores that others used."""
    call()
    walls = []
    machine, own, start = machine_cpu_seconds(), own_cpu_seconds(), time.perf_counter()
    while len(walls) < 3 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        walls.append(time.perf_counter() - before)
    wall, cpu = time.perf_counter() - start, own_cpu_seconds() - own
    foreign = max(0.0, (machine_cpu_seconds() - machine - cpu) / (wall * os.cpu_count()))
    return {"wall_ms": 1e3 * statistics.median(walls), "cpu_ms": 1e3 * cpu / len(walls), "foreign": foreign}


def prepare(session, inputs, results):
    """A call of the runtime that writes into `results`, without what Python does for a call."""
    library = session.library
    arrays = [inputs[value.name] for value in library.inputs]
    values, held = hone.library.to_values(arrays, library._codes[0])
    outputs = hone._interface.values(len(results))
    for output, result in zip(outputs, results, strict=True):
        output.kind = hone._interface.TENSOR
        output.tensor.data, output.capacity = result.ctypes.data, result.nbytes
    arguments = (session._handle, 0, values, len(arrays), outputs, len(results))

    def call(_alive=(session, arrays, held, results)):
        hone._interface.check(library._functions.run, *arguments)

    return call


def prepare_peer(session, inputs, results):
    """The same by ONNX Runtime's binding of inputs and outputs."""
    import onnxruntime  # not in processes that measure Hone alone

    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_cpu_input(name, array)
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(result) for result in results]
    for output, value in zip(session.get_outputs(), values, strict=True):
        binding.bind_ortvalue_output(output.name, value)
    return lambda: session.run_with_iobinding(binding)


# ---- compiles


def anonymous_mb(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon")), 0)
    except OSError:
        return 0


def measure_compile(model, library, *flags):
    """One run of `hone compile`: wall and CPU seconds, and the peak of its anonymous memory, sampled every 10 ms.
    Raises hone.CompileError."""
    command, peak = [find_program(), "compile", model, "-o", library, *flags], 0
    with tempfile.TemporaryFile("w+") as text:  # a pipe that nobody reads would stop the compiler
        before = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=text, stderr=text)
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            peak = max(peak, anonymous_mb(process.pid))
            time.sleep(0.01)
        seconds = time.perf_counter() - before
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            text.seek(0)
            raise hone.CompileError(text.read(), process.returncode)
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "anonymous_mb": peak}
