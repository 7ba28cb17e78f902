#!/usr/bin/env python3
"""Writes an OCI image archive that `ctr images import` takes, without a registry or a container tool.

usage: oci_archive.py OUT.tar --tag NAME:TAG [--tag ...] [what is in it] [how it starts]
  --file SOURCE=DEST      a file or a folder of this machine
  --program SOURCE=DEST   a program of this machine, with the shared libraries that it needs
  --link TARGET=PATH      a symbolic link
  --folder PATH           an empty folder
  --base                  passwd, group, /tmp and the like
  --busybox               Debian's busybox-static, and links for its applets where no other file is
  --entrypoint, --cmd, --user; --env KEY=VALUE

One uncompressed layer. The same input gives the same archive, byte by byte.
"""
import argparse
import hashlib
import io
import json
import os
import re
import stat
import subprocess
import tarfile
import tempfile

BUSYBOX = "/bin/busybox"
BASE_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}
BASE_FOLDERS = {"tmp": 0o1777, "root": 0o700, "var/run": 0o755, "proc": 0o755, "sys": 0o755, "dev": 0o755, "home": 0o755}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Layer:
    """The files of an image by their path, without a leading slash."""

    def __init__(self):
        self._entries = {}  # path -> (tar's header, bytes | source file | None)

    def _add(self, path, kind, mode, content=None, target=""):
        path = path.strip("/")
        parent = os.path.dirname(path)
        if parent and parent not in self._entries:
            self.add_folder(parent)
        header = tarfile.TarInfo(path)
        header.type, header.mode, header.linkname = kind, mode, target
        self._entries[path] = (header, content)

    def add_folder(self, path, mode=0o755):
        self._add(path, tarfile.DIRTYPE, mode)

    def add_bytes(self, path, content, mode=0o644):
        self._add(path, tarfile.REGTYPE, mode, content)

    def add_link(self, target, path):
        self._add(path, tarfile.SYMTYPE, 0o777, target=target)

    def add_file(self, source, path, mode=None):
        source = os.path.realpath(source)
        self._add(path, tarfile.REGTYPE, mode or stat.S_IMODE(os.stat(source).st_mode), source)

    def add_tree(self, source, path):
        if not os.path.isdir(source):
            self.add_file(source, path)
            return
        self.add_folder(path)
        for entry in os.scandir(source):
            inside = f"{path}/{entry.name}"
            if entry.is_symlink():
                self.add_link(os.readlink(entry.path), inside)
            else:
                self.add_tree(entry.path, inside)

    def add_program(self, source, path):
        self.add_file(source, path, 0o755)
        libraries = subprocess.run(["ldd", source], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(?:=> )?(/\S+) \(0x", libraries):
            self.add_file(library, library, 0o755)

    def add_base(self):
        for path, text in BASE_FILES.items():
            self.add_bytes(path, text.encode())
        for path, mode in BASE_FOLDERS.items():
            self.add_folder(path, mode)

    def add_busybox(self):
        self.add_file(BUSYBOX, "bin/busybox", 0o755)
        names = {os.path.basename(path) for path in self._entries}
        applets = subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True, check=True).stdout
        for applet in applets.split():
            if os.path.basename(applet) not in names:
                self.add_link("/bin/busybox", applet)

    def write(self, out):
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(self._entries):
                header, content = self._entries[path]
                if isinstance(content, bytes):
                    header.size = len(content)
                    tar.addfile(header, io.BytesIO(content))
                elif content is not None:
                    header.size = os.path.getsize(content)
                    with open(content, "rb") as file:
                        tar.addfile(header, file)
                else:
                    tar.addfile(header)


def words(text):
    return json.loads(text) if text.startswith("[") else [text]


def image_config(options, layer_digest):
    config = {"Env": [f"PATH={PATH}", *options.env]}
    if options.entrypoint:
        config["Entrypoint"] = words(options.entrypoint)
    if options.cmd:
        config["Cmd"] = words(options.cmd)
    if options.user:
        config["User"] = options.user
    return {
        "created": "1970-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
    }


def write_archive(options, layer):
    with tempfile.TemporaryFile(dir=os.path.dirname(os.path.abspath(options.out))) as blob:
        layer.write(blob)
        size = blob.tell()
        blob.seek(0)
        layer_digest = hashlib.file_digest(blob, "sha256").hexdigest()
        blobs = {}

        def descriptor(kind, document):
            content = json.dumps(document, sort_keys=True).encode()
            digest = hashlib.sha256(content).hexdigest()
            blobs[digest] = content
            media_type = f"application/vnd.oci.image.{kind}.v1+json"
            return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

        manifest = descriptor(
            "manifest",
            {
                "schemaVersion": 2,
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": descriptor("config", image_config(options, layer_digest)),
                "layers": [
                    {
                        "mediaType": "application/vnd.oci.image.layer.v1.tar",
                        "digest": f"sha256:{layer_digest}",
                        "size": size,
                    }
                ],
            },
        )
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [
                {
                    **manifest,
                    "platform": {"architecture": "amd64", "os": "linux"},
                    "annotations": {
                        "io.containerd.image.name": tag,
                        "org.opencontainers.image.ref.name": tag.rsplit(":", 1)[-1],
                    },
                }
                for tag in options.tag
            ],
        }
        half_done = f"{options.out}.{os.getpid()}"
        with tarfile.open(half_done, "w") as tar:

            def add(name, file, length):
                header = tarfile.TarInfo(name)
                header.size, header.mode = length, 0o644
                tar.addfile(header, file)

            def add_bytes(name, content):
                add(name, io.BytesIO(content), len(content))

            add_bytes("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
            for digest, content in blobs.items():
                add_bytes(f"blobs/sha256/{digest}", content)
            blob.seek(0)
            add(f"blobs/sha256/{layer_digest}", blob, size)
            add_bytes("index.json", json.dumps(index).encode())
        os.rename(half_done, options.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--tag", action="append", required=True)
    for name in ("file", "program", "link", "folder", "env"):
        parser.add_argument(f"--{name}", action="append", default=[])
    for name in ("base", "busybox"):
        parser.add_argument(f"--{name}", action="store_true")
    for name in ("entrypoint", "cmd", "user"):
        parser.add_argument(f"--{name}", default="")
    options = parser.parse_args()

    layer = Layer()
    if options.base:
        layer.add_base()
    for path in options.folder:
        layer.add_folder(path)
    for spec in options.program:
        layer.add_program(*spec.split("=", 1))
    for spec in options.file:
        layer.add_tree(*spec.split("=", 1))
    for spec in options.link:
        layer.add_link(*spec.split("=", 1))
    if options.busybox:
        layer.add_busybox()
    write_archive(options, layer)


if __name__ == "__main__":
    main()
