"""The peers: pods wired by the reference bridge and host-local plugins, Services by the real kube-proxy."""

import json
import pathlib

import load
import machine
import process
import services
from kube_proxy import KubeProxy
from namespaces import Namespace, veth
from owner import Owner
from topologies.path import Path
from workspace import Workspace

PLUGINS = pathlib.Path("/usr/lib/cni")
NODE_NAME, NODE_IP, POD_CIDR = "node-1", "192.0.2.11", "10.244.1.0/24"


def cni_config(data_dir):
    """As most clusters have it: a bridge with hairpin, and addresses by host-local."""
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": "bench",
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "ipMasq": False,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": str(data_dir),
                "ranges": [[{"subnet": POD_CIDR}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    )


class ReferenceNode(Owner):
    """A node with a bridge; br_netfilter on, as kubeadm demands."""

    def __init__(self):
        if machine.leave_peers_out:
            raise machine.Missing("left out by --no-peers")
        if not (PLUGINS / "bridge").exists():
            raise machine.Missing(
                "the reference CNI plugins are not installed: apt-get install containernetworking-plugins"
            )
        super().__init__()
        self.config = cni_config(self.own(Workspace()).path)
        with self.building():
            self.namespace = self.own(Namespace("node"))
            self._configure()

    def _configure(self):
        self.namespace.sysctl(net__ipv4__ip_forward=1, **{"net.bridge.bridge-nf-call-iptables": 1})
        # An address that is the node's, on a link that leads nowhere.
        veth(self.namespace, "uplink", self.namespace, "uplink-end")
        self.namespace.ip("addr", "add", f"{NODE_IP}/24", "dev", "uplink")
        self.namespace.ip("route", "add", "default", "via", "192.0.2.1", "dev", "uplink")

    def add(self, pod):
        """Wires a pod; returns its address."""
        out = self.namespace.run(PLUGINS / "bridge", input=self.config, env=self.environment("ADD", pod))
        return json.loads(out)["ips"][0]["address"].split("/")[0]

    @staticmethod
    def environment(command, pod):
        return {
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod.name,
            "CNI_NETNS": pod.path,
            "CNI_IFNAME": "eth0",
            "CNI_PATH": str(PLUGINS),
        }


class Reference(Path):
    """Client and server pods on one node with kube-proxy."""

    mode = ""

    def __init__(self, service_count=1):
        """Every Service leads to the server."""
        super().__init__()
        self._service_count = service_count

    def build(self):
        node = self.own(ReferenceNode())
        self.node = node.namespace
        self.client, self.server = (self.own(Namespace(role)) for role in ("client", "server"))
        node.add(self.client)
        self.address = node.add(self.server)
        self.proxy = self.own(KubeProxy(self.node, self.mode, NODE_NAME, NODE_IP, POD_CIDR))
        numbers = range(self._service_count)
        self.proxy.set_services(
            [services.service(i, load.PORT) for i in numbers],
            [services.endpoint_slice(i, [self.address], load.PORT, NODE_NAME) for i in numbers],
        )
        process.wait_until(
            lambda: self.programmed(services.address(numbers[-1])),
            f"kube-proxy programming {len(numbers)} Services",
            timeout=300,
            every=0.2,
        )

    def before_block(self):
        # Tens of thousands of connections in TIME_WAIT to one server make netfilter search for free
        # source ports, for milliseconds: no cluster looks like that.
        self.node.run("conntrack", "-F")

    def programmed(self, address):
        raise NotImplementedError


class IptablesProxy(Reference):
    label = "P1"
    what = "bridge + kube-proxy iptables"
    mode = "iptables"

    def programmed(self, address):
        return f"-d {address}/32" in self.node.run("iptables-save", "-t", "nat")


class NftablesProxy(Reference):
    label = "P2"
    what = "bridge + kube-proxy nftables"
    mode = "nftables"

    def programmed(self, address):
        try:
            return address in self.node.run("nft", "list", "map", "ip", "kube-proxy", "service-ips")
        except machine.CommandError:
            return False
