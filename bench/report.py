"""What the benchmarks print about themselves.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import datetime
import importlib.metadata
import json
import os


def settings(path: str) -> dict:
    """What the file at `path` says, once the ONNX Runtime that is installed is the peer that it names, and the OpenVINO
    if it names one."""
    import onnxruntime  # not where there is nothing of the peer to be measured

    with open(path) as file:
        read = json.load(file)
    if onnxruntime.__version__ != read["peer"]:
        raise SystemExit(f"error: ONNX Runtime {onnxruntime.__version__} is installed, the peer is {read['peer']}")
    if "openvino" in read:
        installed = importlib.metadata.version("openvino")
        if installed != read["openvino"]:
            raise SystemExit(f"error: OpenVINO {installed} is installed, the peer is {read['openvino']}")
    return read


def machine(peer: str) -> str:
    """The machine, the day and the peer, in words. `peer`: the version of ONNX Runtime."""
    with open("/proc/cpuinfo") as file:
        cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown")
    return f"{cpu}, {os.cpu_count()} cores, {datetime.date.today()}, ONNX Runtime {peer}"


def write(bench: str, machine: str, rows: list, path: str | None) -> None:
    """A JSON line for each row: appended to the file at `path`, or printed if there is none."""
    lines = [json.dumps({"bench": bench, "machine": machine, **row}, ensure_ascii=False) for row in rows]
    if path:
        with open(path, "a") as file:
            file.writelines(line + "\n" for line in lines)
    else:
        print("", *lines, sep="\n")
