"""7: from a policy's change in the controller's source to the first packet with the new verdict."""

import threading
import time

import machine
import paired
import process
from namespaces import Namespace
from report import Goal, Row
from topologies import fairlead

NUMBER = 7
WHAT = "policy event to packet verdict, under 100 events/s; packets before a new pod's policy"
EVENTS_PER_SECOND = 100
PROBE_US = 50


class Prober:
    """fairlead-prober verdict: tells when packets of a client begin or cease to reach a server."""

    def __init__(self, client, server, address):
        command = [
            machine.tool("fairlead-prober"),
            "verdict",
            "--client-netns",
            client.path,
            "--server-netns",
            server.path,
            "--address",
            address,
            "--interval-us",
            PROBE_US,
        ]
        self._daemon = process.Daemon(
            "fairlead-prober", ["stdbuf", "-oL", *command], cpu=machine.LOAD_CPU, piped=True
        )

    def await_change(self, state):
        """The CLOCK_MONOTONIC nanoseconds at which the first packet with the verdict `state` ("up", "down") was sent."""
        while True:
            words = self._daemon.line(timeout=10).split()
            if words and words[0] == state:
                return int(words[1])

    def finish(self):
        """(packets sent, packets received)."""
        self._daemon.stdin.close()
        while True:
            words = self._daemon.line(timeout=10).split()
            if words and words[0] == "end":
                return int(words[1]), int(words[2])

    def close(self):
        self._daemon.close()


class Background:
    """Changes a policy of another pod, at an even rate, until closed."""

    def __init__(self, cluster, per_second):
        self._cluster, self._apart = cluster, 1 / per_second
        self._over = threading.Event()
        self.events = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        while not self._over.wait(self._apart):
            self.events += 1
            self._cluster.apply(
                "background",
                fairlead.policy("background", {"app": "client"}, "Ingress", {"app": f"peer-{self.events}"}),
            )

    def close(self):
        self._over.set()
        self._thread.join()


def measure(plan):
    row = Row(
        NUMBER, WHAT, floor=f"the prober looks every {PROBE_US} us", peer="none: P1 and P2 enforce no policy"
    )
    try:
        times, early = _change_policies(plan), _start_guarded_pods(plan)
    except machine.Missing as error:
        row.measured, row.missing = "not measured", [str(error)]
        return row
    both = times["up"] + times["down"]
    p50, p99 = paired.percentile(both, 50), paired.percentile(both, 99)
    row.measured = f"p50 {p50:.2f} ms, p99 {p99:.2f} ms of {len(both)} changes; {early[1]} of {early[0]} early packets passed"
    row.goals = [
        Goal("p50", p50, 1, unit=" ms"),
        Goal("p99", p99, 5, unit=" ms"),
        Goal("packets before policy", early[1], 0),
    ]
    row.details = {
        f"{name}, p50/p99 ms": f"{paired.percentile(values, 50):.2f}/{paired.percentile(values, 99):.2f}"
        for name, values in (("allowing", times["up"]), ("forbidding a live flow", times["down"]))
    }
    return row


def _change_policies(plan):
    """{"up": [ms], "down": [ms]}: how long allowing and forbidding took, each time."""
    times = {"up": [], "down": []}
    with fairlead.SameNode() as path:
        prober = path.own(Prober(path.client, path.server, path.address))
        path.own(Background(path.cluster, EVENTS_PER_SECOND))
        prober.await_change("up")
        for _ in range(plan.scaled(250, 10)):
            for state, peer in (("down", "nobody"), ("up", "client")):
                at = path.cluster.apply(
                    "policies", fairlead.policy("server-in", {"app": "server"}, "Ingress", {"app": peer})
                )
                times[state].append((prober.await_change(state) - at) / 1e6)
                time.sleep(0.01)
    return times


def _start_guarded_pods(plan):
    """(packets sent, packets received) over the starts of pods that nobody may reach."""
    total = [0, 0]
    with fairlead.SameNode() as path:
        path.cluster.apply("guard", fairlead.policy("guard", {"app": "guarded"}, "Ingress", None))
        count = plan.scaled(30, 3)
        path.cluster.apply(
            "guarded", *(fairlead.pod(f"guarded-{i}", 1, {"app": "guarded"}) for i in range(count))
        )
        for i in range(count):
            address = fairlead.pod_address(1, 150 + i)
            pod = path.own(Namespace("guarded"))
            prober = path.own(Prober(path.client, pod, address))
            given = path.node.add(pod, f"guarded-{i}", addresses=[address])
            if given != address:
                raise machine.CommandError(f"guarded-{i} got {given} instead of {address}")
            time.sleep(0.1)  # what is measured: packets go on being sent at the running pod
            sent, received = prober.finish()
            total[0] += sent
            total[1] += received
    return total
