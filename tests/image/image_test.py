#!/usr/bin/python3
"""Makes the container image from the programs of a build and looks into it.

usage: image_test.py BIN_DIR
"""
import hashlib
import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(sys.argv.pop(1))


def image(*options):
    return subprocess.run([ROOT / "scripts/image", "--bin", BIN, *options], capture_output=True, text=True, timeout=300)


class Archive:
    def __init__(self, path):
        with tarfile.open(path) as archive:
            self.files = {info.name: archive.extractfile(info).read() for info in archive}
        self.index = json.loads(self.files["index.json"])
        self.manifest = json.loads(self.blob(self.index["manifests"][0]))
        self.config = json.loads(self.blob(self.manifest["config"]))

    def blob(self, descriptor):
        return self.files["blobs/" + descriptor["digest"].replace(":", "/")]


class ImageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        cls.made = image("--tag", "fairlead/fairlead:test", "-o", cls.path / "first.tar")
        assert cls.made.returncode == 0, cls.made.stderr
        cls.archive = Archive(cls.path / "first.tar")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_every_digest_is_its_content(self):
        for name, data in self.archive.files.items():
            if name.startswith("blobs/sha256/"):
                self.assertEqual(hashlib.sha256(data).hexdigest(), name.split("/")[-1])
        for descriptor in [self.archive.manifest["config"], *self.archive.manifest["layers"]]:
            self.assertEqual(len(self.archive.blob(descriptor)), descriptor["size"])

    def test_runtimes_find_it_by_its_whole_name(self):
        annotations = self.archive.index["manifests"][0]["annotations"]
        self.assertEqual(annotations["io.containerd.image.name"], "docker.io/fairlead/fairlead:test")

    def test_it_is_not_root_unless_somebody_says_so(self):
        self.assertEqual(self.archive.config["config"]["User"], "65532:65532")

    def test_the_same_input_gives_the_same_image(self):
        again = image("--tag", "fairlead/fairlead:test", "-o", self.path / "second.tar")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual((self.path / "first.tar").read_bytes(), (self.path / "second.tar").read_bytes())

    def test_it_holds_no_tools(self):
        names = set()
        for layer in self.archive.manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self.archive.blob(layer))) as files:
                names |= {info.name for info in files if info.isfile() or info.issym()}
        programs = {name for name in names if name.startswith(("usr/bin/", "usr/sbin/"))}
        self.assertEqual(programs, {f"usr/bin/{name}" for name in (
            "fairlead", "fairlead-agent", "fairlead-cni", "fairlead-controller", "fairlead-probe", "kubectl-fairlead")})
        self.assertTrue([name for name in names if name.startswith("usr/share/doc/libc6/")])
        self.assertTrue([name for name in names if name == "var/lib/dpkg/status.d/libc6"])

    def test_every_program_runs_in_it_alone(self):
        rootfs = self.path / "rootfs"
        made = image("--rootfs", rootfs)
        self.assertEqual(made.returncode, 0, made.stderr)
        for program in ("fairlead", "fairlead-agent", "fairlead-controller", "fairlead-probe", "kubectl-fairlead"):
            done = subprocess.run(["/usr/sbin/chroot", rootfs, f"/usr/bin/{program}", "--help"], capture_output=True, text=True,
                                  timeout=60)
            self.assertEqual(done.returncode, 0, f"{program}: {done.stderr}")
            self.assertIn("Usage:", done.stdout)
        done = subprocess.run(["/usr/sbin/chroot", rootfs, "/usr/bin/fairlead-cni"], env={"CNI_COMMAND": "VERSION"},
                              input='{"cniVersion":"1.1.0"}', capture_output=True, text=True, timeout=60)
        self.assertIn("supportedVersions", done.stdout)

    def test_what_is_missing_is_named(self):
        empty = self.path / "empty"
        empty.mkdir()
        done = subprocess.run([ROOT / "scripts/image", "--bin", empty, "-o", self.path / "x.tar"], capture_output=True,
                              text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("fairlead", done.stderr)
        self.assertIn("build first", done.stderr)


if __name__ == "__main__":
    unittest.main()
