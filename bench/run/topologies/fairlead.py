"""Fairlead: pods wired by our CNI plugin, with our controller reading a folder and an agent a node."""

import contextlib
import json
import re
import socket
import time

import machine
import process
import services
from namespaces import Namespace, veth
from owner import Owner
from topologies.path import Path
from workspace import IN_MEMORY, Workspace

SERVICE_CIDR = "10.96.0.0/16"
OBJECTS_A_FILE = 1_000


def pod_address(number, index):
    """An address of node `number`, for pods that are told theirs."""
    return f"10.{243 + number}.{1 + index // 256}.{index % 256}"


def pod_cidr(number):
    """Wide, so that addresses that cool down after a DEL do not run short."""
    return f"10.{243 + number}.0.0/16"


def pod_cidr6(number):
    return f"fd00:10:244:{number}::/64"


def node_name(number):
    return f"node-{number}"


class Cluster(Owner):
    """A controller and `nodes` nodes on a common link, until closed."""

    def __init__(self, nodes=1, max_connections=None):
        super().__init__()
        self.workspace = self.own(Workspace())
        self.folder = self.workspace.path
        # On a disk's file system a rename takes 40 ms now and then, which is no part of what is measured.
        self.source = self.own(Workspace(IN_MEMORY)).path
        self.manifests = self.source / "manifests"
        self.manifests.mkdir()
        self.nodes = []
        with self.building():
            self._start(nodes, max_connections)

    def _start(self, count, max_connections):
        network = self.own(Namespace("underlay"))
        network.ip("link", "add", "underlay", "type", "bridge")
        network.ip("link", "set", "underlay", "up")
        self.apply(
            "namespace", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": services.NAMESPACE}}
        )
        for number in range(1, count + 1):
            self.apply(node_name(number), _node(number))
        controller = self.folder / "controller.sock"
        self.controller = self.own(
            process.Daemon(
                "fairlead-controller",
                [
                    machine.tool("fairlead-controller"),
                    "--manifests",
                    self.manifests,
                    "--listen",
                    f"unix:{controller}",
                    "--routing",
                    "direct",
                    "--service-cidr",
                    SERVICE_CIDR,
                ],
            )
        )
        process.wait_until(controller.exists, "fairlead-controller listening")
        for number in range(1, count + 1):
            self.nodes.append(self.own(Node(number, network, self.workspace, controller, max_connections)))

    def apply(self, name, *objects):
        """Puts objects into the folder as one file, replaced at once if it is there. Returns the
        CLOCK_MONOTONIC nanoseconds at which it was."""
        path = self.manifests / f"{name}.json"
        hidden = self.source / f"{name}.json.new"
        hidden.write_text("\n---\n".join(json.dumps(item) for item in objects))
        at = time.monotonic_ns()
        hidden.rename(path)
        return at

    def delete(self, name):
        (self.manifests / f"{name}.json").unlink()

    def apply_services(self, target_ports, server):
        """A Service for each of `target_ports`, with the one backend `server` on node 1."""
        objects = []
        for i, port in enumerate(target_ports):
            objects += [services.service(i, port), services.endpoint_slice(i, [server], port, node_name(1))]
        for first in range(0, len(objects), OBJECTS_A_FILE):
            self.apply(f"services-{first}", *objects[first : first + OBJECTS_A_FILE])


def _node(number):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node_name(number)},
        "spec": {"podCIDRs": [pod_cidr(number), pod_cidr6(number)]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": f"172.30.0.{10 + number}"},
                {"type": "InternalIP", "address": f"fd00:172:30::{10 + number:x}"},
            ]
        },
    }


class Node(Owner):
    """A node's namespace, its agent and its bpffs."""

    def __init__(self, number, network, workspace, controller, max_connections):
        super().__init__()
        self.name = node_name(number)
        self.folder = workspace.path / self.name
        self.bpf = self.folder / "bpf"
        self.agent = None
        with self.building():
            self.namespace = self.own(Namespace(self.name))
            self._connect(number, network)
            workspace.mount_bpf(self.bpf)
            self.cgroup = workspace.cgroup(self.namespace.name)
            self._command = self.namespace.command(
                machine.tool("fairlead-agent"),
                "--node",
                self.name,
                "--controller",
                f"unix:{controller}",
                "--state-dir",
                self.folder / "state",
                "--run-dir",
                self.folder / "run",
                "--pin-dir",
                self.bpf / "fairlead",
                "--cgroup-dir",
                self.cgroup,
                "--node-device",
                "eth0",
                "--metrics-listen",
                "127.0.0.1:9964",
                *(["--max-connections", max_connections] if max_connections else []),
            )
            self.start_agent()
            self.at_close(lambda: self.agent.close())

    def _connect(self, number, network):
        veth(network, self.name, self.namespace, "eth0")
        network.ip("link", "set", self.name, "master", "underlay")
        self.namespace.ip("addr", "add", f"172.30.0.{10 + number}/24", "dev", "eth0")
        self.namespace.ip("addr", "add", f"fd00:172:30::{10 + number:x}/64", "dev", "eth0", "nodad")
        self.namespace.ip("route", "add", "default", "via", "172.30.0.1", "dev", "eth0")

    def start_agent(self):
        """Starts the agent; returns when it can wire pods."""
        self.agent = process.Daemon(f"fairlead-agent on {self.name}", self._command)
        with contextlib.ExitStack() as failed:
            failed.callback(self.agent.close)
            self.wait_ready()
            failed.pop_all()

    def wait_ready(self):
        """Until the agent says on its CNI socket that it can wire pods."""
        try:
            process.wait_until(self._status_ok, f"the agent of {self.name} becoming ready", every=0.002)
        except machine.CommandError as error:
            raise machine.CommandError(f"{error}: {self.agent.said()}") from error

    def _status_ok(self):
        try:
            with socket.socket(socket.AF_UNIX) as agent:
                agent.settimeout(5)
                agent.connect(str(self.folder / "run/cni.sock"))
                agent.sendall(b'{"version":1,"command":"STATUS"}\n')
                return b'"done"' in agent.recv(65536)
        except OSError:
            return False

    def config(self, addresses=()):
        """The CNI configuration of this node; `addresses`: what the pod is to get."""
        config = {
            "cniVersion": "1.1.0",
            "name": "fairlead",
            "type": "fairlead-cni",
            "agentSocket": str(self.folder / "run/cni.sock"),
            "queueDir": str(self.folder / "run/cni-queue"),
        }
        if addresses:
            config["runtimeConfig"] = {"ips": list(addresses)}
        return json.dumps(config)

    def call_plugin(self, command, pod=None, arguments="", addresses=()):
        env = {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod.name if pod else "",
            "CNI_NETNS": pod.path if pod else "",
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(machine.BIN),
            "CNI_ARGS": arguments,
        }
        return self.namespace.run(machine.tool("fairlead-cni"), input=self.config(addresses), env=env)

    def add(self, pod, name, addresses=()):
        """Wires the namespace `pod` as the pod bench/`name`, which the manifests must hold; its IPv4 address."""
        out = json.loads(self.call_plugin("ADD", pod, pod_arguments(name), addresses))
        return next(ip["address"].split("/")[0] for ip in out["ips"] if ":" not in ip["address"])

    def delete(self, pod, name):
        self.call_plugin("DEL", pod, pod_arguments(name))

    def host_side(self, pod):
        """(device, its MAC) of the host's end of a pod's link."""
        index = json.loads(pod.ip("-j", "link", "show", "eth0"))[0]["link_index"]
        for link in json.loads(self.namespace.ip("-j", "link", "show")):
            if link["ifindex"] == index:
                return link["ifname"], link["address"]
        raise machine.CommandError(f"no device of {self.name} has the index {index}")

    def map_bytes(self):
        """name -> (bytes, entries at most) of the agent's pinned maps."""
        return {
            name: (item.get("bytes_memlock", 0), item["max_entries"]) for name, item in self._maps().items()
        }

    def map_entries(self, name):
        """How many entries a pinned map holds."""
        dump = machine.run("bpftool", "-j", "map", "dump", "id", self._maps()[name]["id"], timeout=60)
        return len(json.loads(dump))

    def _maps(self):
        """Map name, without its layout version -> what bpftool says, of the maps pinned in this node's bpffs."""
        found = {}
        for pin in self.bpf.rglob("*"):
            if pin.is_file():
                with contextlib.suppress(machine.CommandError):  # programs and links are pinned there too
                    item = json.loads(machine.run("bpftool", "-j", "map", "show", "pinned", pin))
                    found[re.sub(r"_v\d+$", "", pin.name)] = item
        return found


def pod_arguments(name):
    return (
        f"IgnoreUnknown=1;K8S_POD_NAMESPACE={services.NAMESPACE};K8S_POD_NAME={name};K8S_POD_UID=uid-{name}"
    )


def pod(name, number, labels=None):
    """The manifest of a pod that runs on node `number`."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": services.NAMESPACE,
            "name": name,
            "uid": f"uid-{name}",
            "labels": labels or {"app": name},
        },
        "spec": {"nodeName": node_name(number), "containers": [{"name": "main", "image": "bench"}]},
    }


def policy(name, subject, direction, peer):
    """Pods with the labels `subject` are isolated in `direction`, but for pods with the labels `peer`; None: for none."""
    side = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[direction]
    rules = [] if peer is None else [{side[1]: [{"podSelector": {"matchLabels": peer}}]}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"namespace": services.NAMESPACE, "name": name},
        "spec": {"podSelector": {"matchLabels": subject}, "policyTypes": [direction], side[0]: rules},
    }


class SameNode(Path):
    """Client and server pods on one node; both isolated, and what is measured allowed."""

    label = "FL"
    what = "Fairlead, policy and conntrack on"

    def __init__(self, max_connections=None, policies=None):
        """`policies`: instead of those that allow the client to the server."""
        super().__init__()
        self._max_connections = max_connections
        self._policies = policies or [
            policy("server-in", {"app": "server"}, "Ingress", {"app": "client"}),
            policy("client-out", {"app": "client"}, "Egress", {"app": "server"}),
        ]

    def build(self):
        self.cluster = self.own(Cluster(max_connections=self._max_connections))
        self.node = self.cluster.nodes[0]
        # In this order: who knows of the pods knows of their policies.
        self.cluster.apply("policies", *self._policies)
        self.cluster.apply("pods", pod("client", 1), pod("server", 1))
        self.client, self.server = (self.own(Namespace(role)) for role in ("client", "server"))
        self.client_address = self.node.add(self.client, "client")
        self.address = self.node.add(self.server, "server")
