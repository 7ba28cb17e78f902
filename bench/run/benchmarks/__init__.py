"""One module a benchmark; the numbers are those of the table in docs/benchmarks.md.

Each has NUMBER, WHAT and measure(plan) -> report.Row.
"""

import importlib

NUMBERS = {
    1: "same_node",
    2: "service_scale",
    4: "fast_path",
    6: "policy_compile",
    7: "policy_latency",
    9: "cni_calls",
    11: "map_memory",
    14: "agent_kills",
    15: "first_connection",
    16: "controller_scale",
}


def load(number):
    return importlib.import_module(f"benchmarks.{NUMBERS[number]}")
