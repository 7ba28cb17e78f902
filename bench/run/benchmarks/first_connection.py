"""15: from ADD on one node to the first permitted connection from a pod of another node."""

import contextlib
import json

import load
import machine
import paired
import process
from namespaces import Namespace
from benchmarks.cni_calls import Plugin
from report import Goal, Row
from topologies import fairlead

NUMBER = 15
WHAT = "ADD on one node to the first permitted connection from another"
CLIENT_NODE, SERVER_NODE = 1, 2


def measure(plan):
    row = Row(
        NUMBER, WHAT, floor="0: the connection works when ADD returns", peer="none: P1 enforces no policy"
    )
    try:
        beyond = _measure(plan.scaled(100, 5))
    except machine.Missing as error:
        row.measured, row.missing = "not measured", [str(error)]
        return row
    p50, p99 = paired.percentile(beyond, 50), paired.percentile(beyond, 99)
    row.measured = f"p50 {p50:.2f} ms, p99 {p99:.2f} ms beyond ADD, {len(beyond)} pods (a try takes 0.5 ms)"
    row.goals = [Goal("p50 beyond ADD", p50, 10, unit=" ms")]
    return row


def _measure(count):
    """Milliseconds between the end of ADD and the connection, of each of `count` pods."""
    beyond = []
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(contextlib.closing(fairlead.Cluster(nodes=2)))
        cluster.apply(
            "pods",
            fairlead.pod("client", CLIENT_NODE),
            *(fairlead.pod(f"server-{i}", SERVER_NODE, {"app": "server"}) for i in range(count)),
        )
        cluster.apply(
            "policies",
            fairlead.policy("in", {"app": "server"}, "Ingress", {"app": "client"}),
            fairlead.policy("out", {"app": "client"}, "Egress", {"app": "server"}),
        )
        client = stack.enter_context(contextlib.closing(Namespace("client")))
        cluster.nodes[CLIENT_NODE - 1].add(client, "client")
        for index in range(count):
            beyond.append(_one(cluster.nodes[SERVER_NODE - 1], client, index))
    return beyond


def _one(node, client, index):
    address = fairlead.pod_address(SERVER_NODE, 20 + index)
    with contextlib.ExitStack() as stack:
        pod = stack.enter_context(contextlib.closing(Namespace("server")))
        stack.enter_context(contextlib.closing(load.serve(pod)))
        prober = stack.enter_context(
            contextlib.closing(
                process.Daemon(
                    "fairlead-prober",
                    [
                        machine.tool("fairlead-prober"),
                        "connect",
                        "--netns",
                        client.path,
                        "--address",
                        address,
                        "--port",
                        load.PORT,
                    ],
                    cpu=machine.LOAD_CPU,
                    piped=True,
                )
            )
        )
        plugin = stack.enter_context(
            contextlib.closing(
                Plugin(
                    node.namespace,
                    machine.tool("fairlead-cni"),
                    node.config([address]),
                    machine.BIN,
                    lambda _: fairlead.pod_arguments(f"server-{index}"),
                )
            )
        )
        added = plugin.call("ADD", [pod])[0]
        given = [ip["address"].split("/")[0] for ip in json.loads(added["output"])["ips"]]
        if address not in given:
            raise machine.CommandError(f"server-{index} got {given} instead of {address}")
        connected = int(prober.line(timeout=30).split()[1])
        node.delete(pod, f"server-{index}")
    return (connected - added["ended_ns"]) / 1e6
