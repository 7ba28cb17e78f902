"""Network namespaces of a measurement. Names carry our process id, so that two runs do not meet and
what a killed run left behind is found and removed by the next."""

import contextlib
import ctypes
import itertools
import os
import pathlib
import re
import socket

import machine

PREFIX = "flbench"
NETNS_DIR = pathlib.Path("/run/netns")
CLONE_NEWNET = 0x40000000

_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A network namespace with loopback up, removed by close()."""

    def __init__(self, role):
        self.name = f"{PREFIX}{os.getpid()}-{next(_numbers)}-{role}"
        self.path = str(NETNS_DIR / self.name)
        machine.run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        return machine.run("ip", "-n", self.name, *arguments)

    def command(self, *words):
        """A command line that runs inside."""
        return ["nsenter", f"--net={self.path}", *map(str, words)]

    def run(self, *words, **options):
        return machine.run(*self.command(*words), **options)

    def sysctl(self, **settings):
        """sysctl(net__ipv4__ip_forward=1): two underscores stand for a dot, and "all" needs no more."""
        for key, value in settings.items():
            self.run("sysctl", "-qw", f"{key.replace('__', '.')}={value}")

    def mac(self, device):
        return self.ip("-br", "link", "show", device).split()[2]

    def close(self):
        with contextlib.suppress(machine.CommandError):
            machine.run("ip", "netns", "del", self.name)


@contextlib.contextmanager
def entered(namespace):
    """The calling thread is inside `namespace` for the block."""
    with open("/proc/thread-self/ns/net", "rb") as home, open(namespace.path, "rb") as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "enter a network namespace")


def tcp_listener(namespace, address):
    """A listening socket on a free port inside `namespace`; None: where we are."""
    with entered(namespace) if namespace else contextlib.nullcontext():
        listener = socket.create_server((address, 0), backlog=64)
    return listener


def veth(left, left_name, right, right_name):
    """A veth pair between two namespaces, both ends up. Left and right may be the same one."""
    left.ip("link", "add", left_name, "type", "veth", "peer", "name", right_name, "netns", right.name)
    left.ip("link", "set", left_name, "up")
    right.ip("link", "set", right_name, "up")


def sweep():
    """Removes namespaces of benchmark processes that are gone."""
    for entry in NETNS_DIR.glob(f"{PREFIX}*") if NETNS_DIR.exists() else []:
        match = re.match(rf"{PREFIX}(\d+)-", entry.name)
        if match and not pathlib.Path(f"/proc/{match.group(1)}").exists():
            with contextlib.suppress(machine.CommandError):
                machine.run("ip", "netns", "del", entry.name)
