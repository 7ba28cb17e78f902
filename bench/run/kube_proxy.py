"""The real kube-proxy, fed by our ApiServer, inside a node's namespace.

It is built once from the module proxy as bench/peers/kube-proxy pins it, and kept outside the tree.
"""

import json
import os
import pathlib
import re
import shutil

import machine
import process
from api_server import ApiServer
from owner import Owner
from workspace import Workspace

MODULE = machine.ROOT / "bench/peers/kube-proxy"
# Where Debian's own Go is older than the module asks for, Go fetches this one from the module proxy.
TOOLCHAIN = "go1.26.8"
BUILD_TIMEOUT_S = 1500


def version():
    return re.search(r"k8s\.io/kubernetes (v[0-9.]+)", (MODULE / "go.mod").read_text()).group(1)


def program():
    """Path of the built kube-proxy; builds it when it is not there yet (3 minutes on two cores)."""
    path = machine.PEER_CACHE / f"kube-proxy-{version()}"
    if not path.exists():
        _build(path)
    return path


def _go():
    debian = sorted(pathlib.Path("/usr/lib").glob("go-1.*/bin/go"))
    for candidate in (shutil.which("go"), "/usr/local/go/bin/go", *debian):
        if candidate and pathlib.Path(candidate).exists():
            return str(candidate)
    raise machine.Missing("no Go compiler (1.21 or newer): apt-get install -t bookworm-backports golang-go")


def _build(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cache = machine.PEER_CACHE.parent / "go"
    env = {
        "GOMODCACHE": os.environ.get("GOMODCACHE", str(cache / "mod")),
        "GOCACHE": os.environ.get("GOCACHE", str(cache / "build")),
        "CGO_ENABLED": "0",
    }
    go = _go()
    found = re.search(r"go1\.(\d+)", machine.run(go, "version", env={"GOTOOLCHAIN": "local"}))
    if found and int(found.group(1)) < int(TOOLCHAIN.split(".")[1]):
        env["GOTOOLCHAIN"] = TOOLCHAIN
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={version()}"
    half_done = path.with_suffix(f".{os.getpid()}")
    try:
        machine.run(
            go,
            "build",
            "-C",
            MODULE,
            "-trimpath",
            "-ldflags",
            flags,
            "-o",
            half_done,
            "k8s.io/kubernetes/cmd/kube-proxy",
            env=env,
            timeout=BUILD_TIMEOUT_S,
        )
    except machine.CommandError as error:
        raise machine.Missing(f"kube-proxy {version()} could not be built: {error}") from error
    half_done.rename(path)


class KubeProxy(Owner):
    """kube-proxy in `mode` ("iptables" or "nftables") for the node that `namespace` is."""

    def __init__(self, namespace, mode, node_name, node_ip, pod_cidr):
        super().__init__()
        folder = self.own(Workspace()).path
        self.api = self.own(ApiServer(namespace))
        self.api.put(
            "nodes",
            {
                "metadata": {"name": node_name},
                "spec": {"podCIDRs": [pod_cidr], "podCIDR": pod_cidr},
                "status": {"addresses": [{"type": "InternalIP", "address": node_ip}]},
            },
        )
        (folder / "kubeconfig").write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "bench",
                    "clusters": [{"name": "bench", "cluster": {"server": self.api.url}}],
                    "users": [{"name": "bench", "user": {}}],
                    "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
                }
            )
        )
        (folder / "config.yaml").write_text(
            json.dumps(
                {
                    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
                    "kind": "KubeProxyConfiguration",
                    "mode": mode,
                    "clientConnection": {
                        "kubeconfig": str(folder / "kubeconfig"),
                        "contentType": "application/json",
                        "acceptContentTypes": "application/json",
                        "qps": 1000,
                        "burst": 1000,
                    },
                    "clusterCIDR": pod_cidr,
                    "detectLocalMode": "ClusterCIDR",
                    "hostnameOverride": node_name,
                    "bindAddress": "0.0.0.0",
                    "oomScoreAdj": 0,
                    "conntrack": {"maxPerCore": 0, "min": 0},
                    "metricsBindAddress": "127.0.0.1:10249",
                    "healthzBindAddress": "127.0.0.1:10256",
                }
            )
        )
        with self.building():
            self._daemon = self.own(
                process.Daemon(
                    f"kube-proxy ({mode})",
                    namespace.command(program(), f"--config={folder / 'config.yaml'}", "--v=1"),
                )
            )

    def set_services(self, services, slices):
        self.api.put("endpointslices", *slices)
        self.api.put("services", *services)

    def said(self):
        return self._daemon.said()
