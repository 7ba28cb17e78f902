"""Folders, mounts and cgroups of a measurement. Their names carry our process id, like those of our namespaces:
what a killed run left behind is found and removed by the next."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile

import machine
from owner import Owner

PREFIX = "fairlead-bench-"
CGROUPS = pathlib.Path("/sys/fs/cgroup/unified")


# Files here are in place as soon as they are renamed: no disk is waited for.
IN_MEMORY = pathlib.Path("/dev/shm")


class Workspace(Owner):
    """A temporary folder, removed by close()."""

    def __init__(self, within=None):
        super().__init__()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=within))
        self.at_close(shutil.rmtree, self.path)

    def mount_bpf(self, folder):
        """A bpffs of its own at `folder`, which is made."""
        folder.mkdir(parents=True)
        machine.run("mount", "-t", "bpf", "bpf", folder)
        self.at_close(machine.run, "umount", "-l", folder)

    def cgroup(self, name):
        """A cgroup v2 folder."""
        folder = CGROUPS / f"{PREFIX}{os.getpid()}-{name}"
        folder.mkdir()
        self.at_close(_remove_cgroup, folder)
        return folder


def _remove_cgroup(folder):
    with contextlib.suppress(
        OSError
    ):  # a process of the measurement is still ending in it: for the next sweep
        folder.rmdir()


def _is_dead(name):
    match = re.match(rf"{PREFIX}(\d+)-", name)
    return bool(match) and not pathlib.Path(f"/proc/{match.group(1)}").exists()


def sweep():
    """Removes what benchmark processes that are gone have left."""
    for line in pathlib.Path("/proc/mounts").read_text().splitlines():
        folder = pathlib.Path(line.split()[1])
        if any(_is_dead(part) for part in folder.parts):
            machine.run("umount", "-l", folder)
    places = (pathlib.Path(tempfile.gettempdir()), IN_MEMORY)
    for folder in (found for place in places for found in place.glob(f"{PREFIX}*")):
        if _is_dead(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    for folder in CGROUPS.glob(f"{PREFIX}*"):
        if _is_dead(folder.name):
            _remove_cgroup(folder)
