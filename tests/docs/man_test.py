#!/usr/bin/python3
"""Manual pages and docs/cli.md say what --help says.

usage: man_test.py BIN_DIR
"""
import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(sys.argv.pop(1))


def load(path):
    loader = importlib.machinery.SourceFileLoader(path.name, str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(path.name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


class ManTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = list(load(ROOT / "scripts/man").pages(BIN))

    def test_every_option_and_command_has_its_paragraph(self):
        self.assertGreater(len(self.pages), 20)
        for name, _, about, text in self.pages:
            plain = text.replace("\\-", "-").replace("\\&", "")
            listed = about.text.split("\nExamples:")[0]
            for word in re.findall(r"^ {2,4}(-\S+)", listed, re.M) + about.commands():
                self.assertIn(f"\\fB{word}", plain, f"{name}: {word}")
            for heading in (".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS"):
                self.assertIn(heading, text, name)

    def test_formatters_have_nothing_to_complain_about(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, section, _, text in self.pages:
                path = pathlib.Path(folder) / f"{name}.{section}"
                path.write_text(text)
                try:
                    done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", path], capture_output=True, text=True,
                                          timeout=60)
                except FileNotFoundError:
                    self.skipTest("there is no groff")
                self.assertEqual(done.stderr, "", name)

    def test_the_guide_knows_every_command(self):
        guide = (ROOT / "docs/cli.md").read_text()
        for name, _, about, _ in self.pages:
            if about.words[0] not in ("fairlead", "kubectl-fairlead") or len(about.words) < 2:
                continue
            if about.words[1] == "version":
                continue
            self.assertIn(" ".join(about.words[1:]), guide, f"docs/cli.md does not mention {' '.join(about.words)}")

    def test_the_guide_knows_no_others(self):
        known = {" ".join(about.words) for _, _, about, _ in self.pages}
        for page in ("docs/cli.md", "docs/install.md", "README.md"):
            for program, command in re.findall(r"^ *(?:sudo )?((?:kubectl )?fairlead) ([a-z]+)", (ROOT / page).read_text(), re.M):
                self.assertIn(f"{program.replace(' ', '-')} {command}", known, page)


if __name__ == "__main__":
    unittest.main()
