#!/usr/bin/env python3
"""Image archives of the rig hold what they are told to, under digests that are right.

usage: oci_archive_test.py SOURCE_ROOT
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

TOOL = pathlib.Path(sys.argv.pop(1)) / "e2e/images/oci_archive.py"


class OciArchive(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def make(self, name, *options):
        out = self.folder / name
        subprocess.run([sys.executable, TOOL, out, "--tag", "a.example/b:1", *options], check=True)
        return out

    def open(self, archive):
        """(blobs by digest, index, manifest, config, members of the layer by name)"""
        with tarfile.open(archive) as tar:
            files = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
        blobs = {n.rsplit("/", 1)[1]: b for n, b in files.items() if n.startswith("blobs/sha256/")}
        index = json.loads(files["index.json"])
        manifest = json.loads(blobs[index["manifests"][0]["digest"].split(":")[1]])
        config = json.loads(blobs[manifest["config"]["digest"].split(":")[1]])
        layer = tarfile.open(fileobj=io.BytesIO(blobs[manifest["layers"][0]["digest"].split(":")[1]]))
        return blobs, index, manifest, config, {m.name: m for m in layer.getmembers()}

    def test_every_blob_has_its_own_digest_and_size(self):
        blobs, index, manifest, config, _ = self.open(self.make("a.tar", "--base", "--cmd", "sh"))
        for digest, content in blobs.items():
            self.assertEqual(digest, hashlib.sha256(content).hexdigest())
        for part in (index["manifests"][0], manifest["config"], manifest["layers"][0]):
            self.assertEqual(part["size"], len(blobs[part["digest"].split(":")[1]]))
        self.assertEqual(config["rootfs"]["diff_ids"], [manifest["layers"][0]["digest"]])

    def test_every_tag_names_the_image(self):
        _, index, *_ = self.open(self.make("a.tar", "--base", "--tag", "a.example/c:2"))
        names = [m["annotations"]["io.containerd.image.name"] for m in index["manifests"]]
        self.assertEqual(names, ["a.example/b:1", "a.example/c:2"])

    def test_holds_files_folders_and_links(self):
        tree = self.folder / "tree"
        (tree / "inner").mkdir(parents=True)
        (tree / "inner/file").write_text("text")
        (tree / "link").symlink_to("inner/file")
        *_, config, layer = self.open(
            self.make("a.tar", "--file", f"{tree}=opt/tree", "--link", "opt/tree=t", "--folder", "empty", "--cmd", '["a", "b"]')
        )
        self.assertEqual(layer["opt/tree/inner/file"].size, 4)
        self.assertEqual(layer["opt/tree/link"].linkname, "inner/file")
        self.assertEqual(layer["t"].linkname, "opt/tree")
        self.assertTrue(layer["empty"].isdir())
        self.assertEqual(config["config"]["Cmd"], ["a", "b"])

    def test_a_program_brings_its_libraries(self):
        *_, layer = self.open(self.make("a.tar", "--program", f"{pathlib.Path('/bin/cat').resolve()}=bin/cat"))
        self.assertIn("bin/cat", layer)
        self.assertTrue(any(name.endswith("libc.so.6") for name in layer), list(layer))

    def test_the_same_input_gives_the_same_bytes(self):
        first = self.make("a.tar", "--base", "--cmd", "sh").read_bytes()
        self.assertEqual(first, self.make("b.tar", "--base", "--cmd", "sh").read_bytes())


if __name__ == "__main__":
    unittest.main()
