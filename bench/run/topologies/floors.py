"""Paths with nothing but the kernel in them: the least that a packet can cost."""

import machine
import process
from namespaces import Namespace, veth
from topologies.path import Path

CLIENT, SERVER, GATEWAY = "10.99.0.1", "10.99.0.2", "169.254.1.1"


class Loopback(Path):
    label = "L0"
    what = "loopback"

    def build(self):
        self.client = self.server = self.own(Namespace("pod"))
        self.address = "127.0.0.1"


class _TwoPods(Path):
    def build(self):
        self.client = self.own(Namespace("client"))
        self.server = self.own(Namespace("server"))
        self.address = SERVER
        self.connect()
        for pod, address in ((self.client, CLIENT), (self.server, SERVER)):
            pod.ip("addr", "add", f"{address}/32", "dev", "eth0")
            self.route(pod)

    def connect(self):
        raise NotImplementedError

    def route(self, pod):
        raise NotImplementedError


class VethPair(_TwoPods):
    label = "L1"
    what = "one veth pair"

    def connect(self):
        veth(self.client, "eth0", self.server, "eth0")

    def route(self, pod):
        pod.ip("route", "add", "10.99.0.0/24", "dev", "eth0")


class HostRouting(_TwoPods):
    """What the kernel does for two pods by itself: a node that routes, without netfilter."""

    label = "L2"
    what = "two veths and host routing, no netfilter"

    def connect(self):
        self.node = self.own(Namespace("node"))
        self.node.sysctl(net__ipv4__ip_forward=1)
        for pod, device, address in ((self.client, "to-client", CLIENT), (self.server, "to-server", SERVER)):
            veth(self.node, device, pod, "eth0")
            self.node.ip("route", "add", f"{address}/32", "dev", device)
            self.node.ip(
                "neigh", "replace", address, "lladdr", pod.mac("eth0"), "dev", device, "nud", "permanent"
            )
            pod.ip(
                "neigh",
                "replace",
                GATEWAY,
                "lladdr",
                self.node.mac(device),
                "dev",
                "eth0",
                "nud",
                "permanent",
            )

    def route(self, pod):
        pod.ip("route", "add", f"{GATEWAY}/32", "dev", "eth0")
        pod.ip("route", "add", "default", "via", GATEWAY)


class RedirectPeer(HostRouting):
    """The same two veths with an eBPF program on each that does nothing but bpf_redirect_peer: what
    is left when policy, conntrack and Services cost nothing."""

    label = "LR"
    what = "empty redirect_peer"

    def connect(self):
        super().connect()
        command = [machine.tool("fairlead-floor"), "--netns", self.node.path, "to-client", "to-server"]
        self.own(process.Daemon("fairlead-floor", command, ready="ready"))
