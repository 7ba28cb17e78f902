"""Fairlead: pods wired by our CNI plugin, with our controller reading a folder and an agent a node."""
import json
import os
import pathlib
import tempfile
import time

import load
import machine
import process
import services
from namespaces import Namespace, veth
from topologies.path import Path

SERVICE_CIDR = "10.96.0.0/16"


def pod_cidr(number):
    return f"10.244.{number}.0/24"


def pod_cidr6(number):
    return f"fd00:10:244:{number}::/64"


def node_name(number):
    return f"node-{number}"


class Cluster:
    """A controller and `nodes` nodes on a common link, for the life of a with block."""

    def __init__(self, nodes=1, max_connections=None):
        self._folder = tempfile.TemporaryDirectory(prefix="fairlead-bench-")
        self.folder = pathlib.Path(self._folder.name)
        self.manifests = self.folder / "manifests"
        self.manifests.mkdir()
        self.nodes = []
        self._network = None
        self._controller = None
        try:
            self._start(nodes, max_connections)
        except BaseException:
            self.close()
            raise

    def _start(self, count, max_connections):
        self._network = Namespace("underlay")
        self._network.ip("link", "add", "underlay", "type", "bridge")
        self._network.ip("link", "set", "underlay", "up")
        self.apply("namespace", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": services.NAMESPACE}})
        for number in range(1, count + 1):
            self.apply(node_name(number), _node(number))
        self.socket = self.folder / "controller.sock"
        self._controller = process.Daemon("fairlead-controller", [
            machine.tool("fairlead-controller"), "--manifests", self.manifests, "--listen", f"unix:{self.socket}",
            "--routing", "direct", "--service-cidr", SERVICE_CIDR])
        process.wait_until(self.socket.exists, "fairlead-controller listening")
        for number in range(1, count + 1):
            self.nodes.append(Node(number, self._network, self.folder, self.socket, max_connections))

    def apply(self, name, *objects):
        """Puts objects into the folder as one file, replaced at once if it is there. Returns the
        CLOCK_MONOTONIC nanoseconds at which it was."""
        path = self.manifests / f"{name}.json"
        hidden = self.folder / f"{name}.json.new"
        hidden.write_text("\n---\n".join(json.dumps(item) for item in objects))
        at = time.monotonic_ns()
        hidden.rename(path)
        return at

    def delete(self, name):
        (self.manifests / f"{name}.json").unlink()

    def close(self):
        for node in self.nodes:
            node.close()
        for thing in (self._controller, self._network):
            if thing:
                thing.close()
        self._folder.cleanup()


def _node(number):
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": node_name(number)},
            "spec": {"podCIDRs": [pod_cidr(number), pod_cidr6(number)]},
            "status": {"addresses": [{"type": "InternalIP", "address": f"172.30.0.{10 + number}"},
                                     {"type": "InternalIP", "address": f"fd00:172:30::{10 + number:x}"}]}}


class Node:
    """A node's namespace, its agent and its bpffs."""

    def __init__(self, number, network, folder, controller, max_connections):
        self.number = number
        self.name = node_name(number)
        self.namespace = Namespace(self.name)
        self.folder = folder / self.name
        self.bpf = self.folder / "bpf"
        self.bpf.mkdir(parents=True)
        veth(network, self.name, self.namespace, "eth0")
        network.ip("link", "set", self.name, "master", "underlay")
        self.namespace.ip("addr", "add", f"172.30.0.{10 + number}/24", "dev", "eth0")
        self.namespace.ip("addr", "add", f"fd00:172:30::{10 + number:x}/64", "dev", "eth0", "nodad")
        self.namespace.ip("route", "add", "default", "via", "172.30.0.1", "dev", "eth0")
        machine.run("mount", "-t", "bpf", "bpf", self.bpf)
        self.cgroup = pathlib.Path(f"/sys/fs/cgroup/unified/{self.namespace.name}")
        self.cgroup.mkdir()
        self._command = self.namespace.command(
            machine.tool("fairlead-agent"), "--node", self.name, "--controller", f"unix:{controller}",
            "--state-dir", self.folder / "state", "--run-dir", self.folder / "run", "--pin-dir", self.bpf / "fairlead",
            "--cgroup-dir", self.cgroup, "--node-device", "eth0", "--metrics-listen", "127.0.0.1:9964",
            *(["--max-connections", max_connections] if max_connections else []))
        self.agent = None
        self.start_agent()

    def start_agent(self):
        self.agent = process.Daemon(f"fairlead-agent on {self.name}", self._command)
        self.wait_ready()

    def wait_ready(self):
        """Until the agent says by CNI STATUS that it can wire pods."""
        process.wait_until(lambda: self._status_ok(), f"the agent of {self.name} becoming ready ({self.agent.said()})")

    def _status_ok(self):
        try:
            self.call_plugin("STATUS")
            return True
        except machine.CommandError:
            return False

    def config(self, addresses=()):
        """The CNI configuration of this node; `addresses`: what the pod is to get."""
        config = {"cniVersion": "1.1.0", "name": "fairlead", "type": "fairlead-cni",
                  "agentSocket": str(self.folder / "run/cni.sock"), "queueDir": str(self.folder / "run/cni-queue")}
        if addresses:
            config["runtimeConfig"] = {"ips": list(addresses)}
        return json.dumps(config)

    def call_plugin(self, command, pod=None, arguments="", addresses=()):
        env = {"CNI_COMMAND": command, "CNI_CONTAINERID": pod.name if pod else "", "CNI_NETNS": pod.path if pod else "",
               "CNI_IFNAME": "eth0", "CNI_PATH": str(machine.BIN), "CNI_ARGS": arguments}
        return self.namespace.run(machine.tool("fairlead-cni"), input=self.config(addresses), env=env)

    def add(self, pod, name):
        """Wires the namespace `pod` as the pod bench/`name`, which the manifests must hold; its IPv4 address."""
        out = json.loads(self.call_plugin("ADD", pod, pod_arguments(name)))
        return next(ip["address"].split("/")[0] for ip in out["ips"] if ":" not in ip["address"])

    def delete(self, pod, name):
        self.call_plugin("DEL", pod, pod_arguments(name))

    def map_bytes(self):
        """name -> (bytes, entries at most) of the agent's pinned maps."""
        found = {}
        for item in json.loads(machine.run("bpftool", "-j", "-f", "map", "show", timeout=60)):
            for pin in item.get("pinned", []):
                if pin.startswith(str(self.bpf)):
                    found[pathlib.Path(pin).name] = (item.get("bytes_memlock", 0), item["max_entries"])
        return found

    def close(self):
        if self.agent:
            self.agent.close()
        machine.run("umount", "-l", self.bpf)
        self.namespace.close()
        try:
            self.cgroup.rmdir()
        except OSError:
            pass  # a process of the measurement is still in it: the next run's names differ


def pod_arguments(name):
    return f"IgnoreUnknown=1;K8S_POD_NAMESPACE={services.NAMESPACE};K8S_POD_NAME={name};K8S_POD_UID=uid-{name}"


def pod(name, number, labels=None):
    """The manifest of a pod that runs on node `number`."""
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": services.NAMESPACE, "name": name, "uid": f"uid-{name}", "labels": labels or {"app": name}},
            "spec": {"nodeName": node_name(number), "containers": [{"name": "main", "image": "bench"}]}}


def policy(name, subject, direction, peer):
    """Pods with the labels `subject` are isolated in `direction`, but for pods with the labels `peer`; None: for none."""
    side = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[direction]
    rules = [] if peer is None else [{side[1]: [{"podSelector": {"matchLabels": peer}}]}]
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"namespace": services.NAMESPACE, "name": name},
            "spec": {"podSelector": {"matchLabels": subject}, "policyTypes": [direction], side[0]: rules}}


class SameNode(Path):
    """Client and server pods on one node; both isolated, and what is measured allowed."""

    label = "FL"
    what = "Fairlead, policy and conntrack on"

    def build(self):
        self.cluster = self.own(Cluster())
        self.node = self.cluster.nodes[0]
        self.cluster.apply("pods", pod("client", 1), pod("server", 1))
        self.cluster.apply("policies", policy("server-in", {"app": "server"}, "Ingress", {"app": "client"}),
                           policy("client-out", {"app": "client"}, "Egress", {"app": "server"}))
        self.client, self.server = (self.own(Namespace(role)) for role in ("client", "server"))
        self.node.add(self.client, "client")
        self.address = self.node.add(self.server, "server")
