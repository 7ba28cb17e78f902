"""6: the policy compiler, a large cluster whole, and one pod's change."""

import json

import machine
from report import Goal, Row

NUMBER = 6
WHAT = "policy compile, 10,000 policies x 100,000 pods; one pod's change"
PODS = 100_000


def measure(plan):
    pods = plan.scaled(PODS, 10_000)
    row = Row(NUMBER, WHAT, floor="none", peer="none: kube-proxy compiles no policy")
    try:
        out = machine.run(
            "taskset",
            "-c",
            machine.LOAD_CPU,
            machine.tool("policy_bench"),
            "--benchmark_format=json",
            f"--benchmark_filter=/{pods}/",
            timeout=600,
        )
    except machine.Missing as error:
        row.measured, row.missing = "not measured", [str(error)]
        return row
    found = {entry["name"].split("/")[0]: entry for entry in json.loads(out)["benchmarks"]}
    whole, change = found["BM_WholeCompile"], found["BM_PodChange"]
    seconds = whole["real_time"] / 1e3
    row.measured = (
        f"{whole['policies']:,.0f} policies, {whole['pods']:,.0f} pods: {seconds:.3f} s, "
        f"{whole['megabytes']:.0f} MB; one pod p50 {change['p50_us']:.1f} us, p99 {change['p99_us']:.1f} us"
    )
    row.goals = [
        Goal("whole", seconds, 0.5, unit=" s"),
        Goal("memory", whole["megabytes"], 100, unit=" MB"),
        Goal("one pod p99", change["p99_us"], 50, unit=" us"),
    ]
    row.details = {"one pod's change, longest": f"{change['max_us']:.0f} us"}
    return row
