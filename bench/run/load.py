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


def serve(namespace, address="0.0.0.0", port=PORT):
    command = [machine.tool("fairlead-load"), "serve", "--netns", namespace.path, "--cpu", machine.LOAD_CPU,
               "--address", address, "--port", port]
    return process.Daemon(f"load server in {namespace.name}", command, cpu=machine.LOAD_CPU, ready="ready")


def measure(namespace, workload, address, seconds, warm_up=0.3, port=PORT):
    out = machine.run(machine.tool("fairlead-load"), "client", workload, "--netns", namespace.path, "--cpu",
                      machine.LOAD_CPU, "--address", address, "--port", port, "--seconds", seconds, "--warm-up",
                      warm_up, timeout=seconds + warm_up + 60)
    result = json.loads(out)
    latency = result["latency"]
    return Sample(result["per_second"], latency["p50_ns"] / 1e3, latency["p99_ns"] / 1e3, result["errors"],
                  result["bytes_per_second"])
