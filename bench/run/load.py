"""The load generator, from here: servers in namespaces and one measurement of a client."""

import dataclasses
import json

import machine
import process

PORT = 7000


@dataclasses.dataclass(frozen=True)
class Sample:
    """One block of one variant."""

    per_second: float
    p50_us: float
    p99_us: float
    errors: int
    bytes_per_second: float


def serve(namespace, address="0.0.0.0", port=PORT, concurrent=False):
    """A server in the background; `concurrent`: for many clients at once, TCP only."""
    command = [
        machine.tool("fairlead-load"),
        "serve",
        "--netns",
        namespace.path,
        "--cpu",
        machine.LOAD_CPU,
        "--address",
        address,
        "--port",
        port,
        *(["--concurrent"] if concurrent else []),
    ]
    return process.Daemon(f"load server in {namespace.name}", command, cpu=machine.LOAD_CPU, ready="ready")


def measure(namespace, workload, address, seconds, warm_up=0.3, port=PORT, cgroup=""):
    """One client in `namespace` (and in the folder `cgroup`) against a server of serve()."""
    out = machine.run(
        machine.tool("fairlead-load"),
        "client",
        workload,
        "--netns",
        namespace.path,
        "--cpu",
        machine.LOAD_CPU,
        "--address",
        address,
        "--port",
        port,
        "--seconds",
        seconds,
        "--warm-up",
        warm_up,
        "--cgroup",
        cgroup,
        timeout=seconds + warm_up + 60,
    )
    result = json.loads(out)
    latency = result["latency"]
    return Sample(
        result["per_second"],
        latency["p50_ns"] / 1e3,
        latency["p99_ns"] / 1e3,
        result["errors"],
        result["bytes_per_second"],
    )
