#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests scripts/bench on data so small that it takes seconds: no time is looked at, only that everything is there.

  tests/bench/self_test.py HOLDFAST
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import data  # noqa: E402
import files  # noqa: E402

BENCH = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "scripts", "bench")
HOLDFAST = ""  # the program's path, from the command line

# Restores like ours, and damages a file of what it restored.
CARELESS = """#!/bin/sh
"%s" "$@" || exit
case " $* " in *" restore "*)
  for word; do target=$word; done
  echo more >>"$target/random/noise1"
esac
"""


class BenchTest(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        self.work = os.path.join(self.place.name, "work")
        os.mkdir(self.work)

    def bench(self, *words, holdfast=None):
        return subprocess.run([BENCH, "--runs", "1", "--directory", self.work, "--holdfast", holdfast or HOLDFAST, *words],
                              capture_output=True, text=True)

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.work), [])
        with open("/proc/self/mounts") as mounts:
            self.assertNotIn(self.work, mounts.read())

    def test_every_cell_of_a_row_is_there(self):
        report = os.path.join(self.place.name, "report.json")
        done = self.bench("small", "dump", "--scale", "0.001", "--json", report)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(report) as file:
            result = json.load(file)
        self.assertEqual([row["name"] for row in result["rows"]], ["small", "dump"])
        for name in ("sha256", "aes-ctr + poly1305", "memcpy", "tmpfs write", "read"):
            self.assertGreater(result["rates_mb_s"][name], 0)
        for row in result["rows"]:
            targets = files.KINDS[row["name"]].targets
            self.assertEqual([cell["name"] for cell in row["cells"]], ["open", *targets])
            self.assertEqual({cell["name"]: cell["target"] for cell in row["cells"]}, {"open": None, **targets})
            for cell in row["cells"]:
                self.assertGreater(cell["floor_s"], 0)
                for side in (cell["ours"], cell["peer"]):
                    self.assertEqual(len(side["runs"]), 1)
                    self.assertGreater(side["wall_s"], 0)
                    self.assertGreater(side["peak_anon_mib"], 1)
                    self.assertIn("--repo $RAM/", side["command"])
            for level in ("zstd -1", "zstd -3", "zstd open"):
                self.assertGreater(row["limits"][level], 0)
            values = {figure["name"]: figure["value"] for figure in row["figures"]}
            self.assertAlmostEqual(values["repository, ours to restic's"], 1, delta=0.1)
            for word in ("== " + row["name"], "backup", "restore", "check", "quiet"):
                self.assertIn(word, done.stdout)
        self.assert_nothing_left()

    def test_a_restore_that_differs_is_noticed(self):
        careless = os.path.join(self.place.name, "careless")
        with open(os.open(careless, os.O_CREAT | os.O_WRONLY, 0o700), "w") as file:
            file.write(CARELESS % HOLDFAST)
        done = self.bench("random", "--scale", "0.001", holdfast=careless)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("holdfast restored something else than was backed up", done.stderr)
        self.assert_nothing_left()

    def test_data_are_the_same_every_time(self):
        trees = [os.path.join(self.work, name) for name in ("one", "two")]
        for tree in trees:
            data.small(tree, 0.001)
            for folder, folders, names in os.walk(tree):
                for name in folders + names:
                    os.utime(os.path.join(folder, name), (1, 1))
        self.assertEqual(files.digest_of(trees[0]), files.digest_of(trees[1]))

    def test_too_little_memory_is_refused(self):
        done = self.bench("mixed", "--scale", "1000000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("of free memory are needed", done.stderr)
        self.assert_nothing_left()

    def test_unknown_rows_are_refused(self):
        done = self.bench("bigger")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no row bigger", done.stderr)


if __name__ == "__main__":
    HOLDFAST = os.path.realpath(sys.argv.pop(1))
    unittest.main()
