#!/usr/bin/env python3
"""Every command of the rig tells its usage, and refuses what it does not know without doing anything.

usage: usage_test.py SOURCE_ROOT
"""
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1))
COMMANDS = ("scripts/e2e", "e2e/programs/build", "e2e/images/build", "e2e/cluster/cluster")
SUITES = ("e2e/suites/chart", "e2e/suites/smoke", "e2e/suites/lifecycle", "e2e/suites/upstream", "e2e/suites/faults",
          "e2e/cluster/install-fairlead", "e2e/cluster/next-image", "e2e/cluster/node-state")


def run(command, *arguments):
    return subprocess.run([ROOT / command, *arguments], capture_output=True, text=True, timeout=30)


class Usage(unittest.TestCase):
    def test_help_tells_it(self):
        for command in COMMANDS + SUITES:
            with self.subTest(command):
                done = run(command, "--help")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("usage: ", done.stdout)
                self.assertNotIn("set -", done.stdout, "the help runs on into the script")

    def test_unknown_arguments_are_refused_by_name(self):
        for command in COMMANDS:
            with self.subTest(command):
                done = run(command, "--no-such-thing")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("--no-such-thing", done.stderr)

    def test_a_cluster_name_that_would_not_do_is_refused(self):
        done = run("scripts/e2e", "--name", "a-b", "smoke")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("'a-b'", done.stderr)


if __name__ == "__main__":
    unittest.main()
