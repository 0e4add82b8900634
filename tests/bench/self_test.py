#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests scripts/bench on data so small that it takes seconds: no time is looked at, only that everything is there.

  tests/bench/self_test.py HOLDFAST INDEX_MAKER [Files|Servers]
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
import data  # noqa: E402
import files  # noqa: E402
import limits  # noqa: E402
import mariadb  # noqa: E402
import postgresql  # noqa: E402
import sqlserver_files  # noqa: E402

BENCH = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "scripts", "bench")
HOLDFAST, INDEX_MAKER = "", ""  # the programs' paths, from the command line

# Programs like ours. This one damages a file of what it restored,
CARELESS = """#!/bin/sh
"%s" "$@" || exit
case " $* " in *" restore "*)
  for word; do target=$word; done
  [ ! -d "$target/random" ] || echo more >>"$target/random/noise1"
esac
"""
# this one never comes to the end of a restore, and keeps a file open there by a child of its own,
ENDLESS = """#!/bin/sh
case " $* " in *" restore "*)
  for word; do target=$word; done
  mkdir "$target"
  (trap "" HUP INT TERM; touch "$0.restores"; sleep 1000) >"$target/file"
esac
exec "%s" "$@"
"""
# and this one notes what it was asked.
NOTING = """#!/bin/sh
echo "$@" >>"$0.notes"
exec "%s" "$@"
"""


class Bench(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.addCleanup(self.place.cleanup)
        os.chmod(self.place.name, 0o711)  # for the users of servers
        self.work = os.path.join(self.place.name, "w")  # short, as sockets lie below it
        os.mkdir(self.work)

    def start(self, *words, holdfast=None):
        """All paths are relative ones, and so TMPDIR."""
        return subprocess.Popen(
            [BENCH, "--runs", "1", "--holdfast", f"./{os.path.relpath(holdfast or HOLDFAST, self.place.name)}", *words],
            cwd=self.place.name, env=os.environ | {"TMPDIR": os.path.basename(self.work)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def bench(self, *words, holdfast=None):
        process = self.start(*words, holdfast=holdfast)
        out, err = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def make_program(self, script):
        path = os.path.join(self.place.name, "program")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o700), "w") as file:
            file.write(script % HOLDFAST)
        return path

    def assert_nothing_left(self):
        self.assertEqual(os.listdir(self.work), [])
        with open("/proc/self/mounts") as mounts:
            self.assertNotIn(self.work, mounts.read())


class Files(Bench):
    def test_every_cell_of_a_row_is_there(self):
        report = os.path.join(self.place.name, "report.json")
        done = self.bench("small", "dump", "--scale", "0.001", "--json", "report.json")
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

    def test_a_restore_that_differs_is_noticed_and_rows_before_it_are_kept(self):
        done = self.bench("small", "random", "--scale", "0.001", "--json", "report.json",
                          holdfast=self.make_program(CARELESS))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("holdfast restored something else than was backed up; --keep leaves it", done.stderr)
        with open(os.path.join(self.place.name, "report.json")) as file:
            self.assertEqual([row["name"] for row in json.load(file)["rows"]], ["small"])
        self.assert_nothing_left()

    def test_a_report_that_cannot_be_written_is_refused_before_anything_is_measured(self):
        done = self.bench("small", "--scale", "0.001", "--json", "not/there.json")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn("not/there.json", done.stderr)

    def test_nothing_is_left_by_whom_a_signal_ends(self):
        program = self.make_program(ENDLESS)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            with self.subTest(number):
                bench = self.start("random", "--scale", "0.001", holdfast=program)
                while not os.path.exists(program + ".restores") and bench.poll() is None:
                    time.sleep(0.05)
                bench.send_signal(number)
                _, err = bench.communicate()
                self.assertEqual(bench.returncode, 128 + number, err)
                self.assert_nothing_left()
                os.remove(program + ".restores")

    def test_a_disk_gets_new_directories_in_each_round(self):
        """As files are slow that are made where others were removed; and whoever reads what restic filled has no cache."""
        program = self.make_program(NOTING)
        done = self.bench("disk", "--scale", "0.001", "--runs", "2", holdfast=program)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(program + ".notes") as file:
            notes = [line.split() for line in file if "--repo" in line]
        self.assertEqual(len(notes), 10)
        places = {}
        for words in notes:
            places.setdefault("backup" if "backup" in words else "others", set()).add(
                (words[words.index("--repo") + 1], words[words.index("--cache-dir") + 1]))
        for at in (0, 1):  # repositories, then caches
            self.assertEqual(len({place[at] for places_of in places.values() for place in places_of}), 4, places)
        self.assertEqual({name: len(places_of) for name, places_of in places.items()}, {"backup": 2, "others": 2})
        self.assert_nothing_left()

    def test_growth_has_each_size_once_and_both_numbers_of_cores(self):
        done = self.bench("growth", "--scale", "0.01", "--json", "report.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.place.name, "report.json")) as file:
            figures = json.load(file)["rows"][0]["figures"]
        for unit in ("MB", "files"):
            sizes = [int(figure["name"].split()[0].replace(",", "")) for figure in figures
                     if figure["name"].endswith(f" {unit}, memory")]
            self.assertEqual(sizes, [10, 40, 160] if unit == "MB" else [200, 1000, 10000])
        names = [figure["name"] for figure in figures]
        for name in ("MB, one of the most to one of the least", "sources by two cores, wall time in terms of one core's"):
            self.assertIn(name, names)
        self.assert_nothing_left()

    def test_a_large_index_is_made_and_has_its_figures(self):
        program = self.make_program(NOTING)
        done = self.bench("index", "--scale", "0.002", "--index-maker", INDEX_MAKER, "--json", "report.json", holdfast=program)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.place.name, "report.json")) as file:
            figures = {figure["name"]: figure for figure in json.load(file)["rows"][0]["figures"]}
        for verb in ("backup", "check", "prune"):
            self.assertEqual(figures[f"{verb}, memory"]["limit"], 256)
            self.assertGreater(figures[f"{verb}, memory"]["value"], 1)
            self.assertGreater(figures[f"{verb}, CPU time"]["value"], 0)
        self.assert_nothing_left()

    def test_an_index_maker_that_is_not_there_is_told(self):
        done = self.bench("index", "--scale", "0.001", "--index-maker", "not/there")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("scripts/build release holdfast holdfast_index_maker", done.stderr)
        self.assert_nothing_left()

    def test_a_row_without_a_peer_has_its_figures(self):
        done = self.bench("typedb", "--scale", "0.0005", "--json", "report.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.place.name, "report.json")) as file:
            figures = {figure["name"]: figure for figure in json.load(file)["rows"][0]["figures"]}
        for mode in ("counts", "identities"):
            self.assertGreater(figures[f"{mode}, for each GB"]["value"], 0)
            self.assertEqual(figures[f"{mode}, memory"]["limit"], 256)
        self.assert_nothing_left()

    def test_a_dump_is_read_and_loaded(self):
        done = self.bench("oracle", "--scale", "0.0005", "--json", "report.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.place.name, "report.json")) as file:
            row = json.load(file)["rows"][0]
        figures = {figure["name"]: figure for figure in row["figures"]}
        for what in ("rows counted", "values decoded"):
            self.assertGreater(figures[f"{what}, for each GB"]["value"], 0)
            self.assertEqual(figures[f"{what}, memory"]["limit"], 64)
        self.assertTrue("loaded into PostgreSQL, for each GB" in figures or row["notes"])
        self.assert_nothing_left()

    def test_backups_are_read_and_a_package_is_loaded(self):
        done = self.bench("sqlserver", "--scale", "0.002", "--json", "report.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.place.name, "report.json")) as file:
            row = json.load(file)["rows"][0]
        figures = {figure["name"]: figure for figure in row["figures"]}
        for kind, limit in (("plain", 1), ("compressed", 1000 / 150)):
            self.assertEqual(figures[f"{kind}, deep, for each GB"]["limit"], limit)
            self.assertGreater(figures[f"{kind}, heads"]["value"], 0)
            self.assertEqual(figures[f"{kind}, deep, memory"]["limit"], 64)
        self.assertTrue("rows loaded into PostgreSQL, for each GB" in figures or row["notes"])
        self.assert_nothing_left()

    def test_files_of_sql_server_are_whole(self):
        """All that is told of them is what was put there: 5 of 5 pieces, every page's checksum, every row."""
        size = 5 * sqlserver_files.PIECE_PAGES * sqlserver_files.PAGE_BYTES
        for name, write in (("plain.bak", sqlserver_files.write_plain), ("packed.bak", sqlserver_files.write_packed)):
            path = os.path.join(self.work, name)
            pages = write(path, size)
            found = self.inspect(path)
            self.assertEqual((found["facts"]["state"], found["findings"]), ("complete", []), found)
            counts = found["facts"]["sets"][0]["pages"]
            self.assertEqual((counts["read"], counts["right"]), (pages, pages))
        path = os.path.join(self.work, "shop.bacpac")
        rows, row_bytes = sqlserver_files.write_package(path, 1_000_000)
        found = self.inspect(path)
        self.assertEqual((found["facts"]["state"], found["facts"]["rows"]), ("complete", rows))
        self.assertEqual(found["facts"]["tables"][0]["row_bytes"], row_bytes)

    def inspect(self, path):
        done = subprocess.run([HOLDFAST, "inspect", "--deep", "--json", path], capture_output=True, text=True, check=True)
        return json.loads(done.stdout.splitlines()[0])

    def test_limits_are_measured_on_all_of_a_file(self):
        path = os.path.join(self.work, "file")
        with open(path, "wb") as file:
            for number in range(20):
                file.write(bytes([number]) * (1 << 20))
        blocks = limits.sample_of(self.work, 5 << 20)
        self.assertEqual([(block[0], len(block)) for block in blocks], [(number, 1 << 20) for number in (0, 4, 8, 12, 16)])

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


class Servers(Bench):
    def test_every_cell_of_a_server_is_there(self):
        if not postgresql.directory_of_binaries() or not mariadb.program_of_server():
            self.skipTest("a PostgreSQL or MariaDB server is not installed")
        report = os.path.join(self.place.name, "report.json")
        done = self.bench("servers", "--scale", "0.0005", "--json", report)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(report) as file:
            rows = {row["name"]: row for row in json.load(file)["rows"]}
        cells = {name: [(cell["name"], cell["peer"]["name"]) for cell in row["cells"]] for name, row in rows.items()}
        self.assertEqual(cells["postgresql"], [*(("backup", peer) for peer in postgresql.TARGETS),
                                               ("load, proven", "pg_restore -j2")])
        wanted = [("backup", mariadb.PIPE)]
        if not rows["mariadb"]["notes"]:  # mydumper is installed
            wanted += [("backup", mariadb.MYDUMPER), ("load, proven", mariadb.MYLOADER),
                       ("load, proven, by INSERT", mariadb.MYLOADER)]
        self.assertEqual(cells["mariadb"], wanted)
        if not rows["magnolia"]["notes"]:  # a JDK is installed
            self.assertEqual([cell[0] for cell in cells["magnolia"]],
                             ["postgresql to mariadb, all of it", "mariadb to postgresql, all of it"])
            self.assertEqual(len(rows["magnolia"]["figures"]), 6)
        for row in (rows["postgresql"], rows["mariadb"]):
            names = [figure["name"] for figure in row["figures"]]
            for word in ("repository, ours", "1 % in runs and 1 % appended, of the first, holdfast", "0.05 % at random",
                         "memory of backup", "memory of load"):
                self.assertTrue([name for name in names if word in name], f"{word}: {names}")
            values = {figure["name"]: figure["value"] for figure in row["figures"]}
            for when in ("with a backup", "without"):
                waits = [values[f"a writer's transactions {when}, {what}"]
                         for what in ("50 of 100 within", "99 of 100 within", "longest")]
                self.assertEqual(waits, sorted(waits))
                self.assertGreater(waits[0], 0)
                self.assertGreater(values[f"a writer's transactions {when}, number"], 0)
        self.assert_nothing_left()

    def test_no_server_is_left_by_whom_a_signal_ends(self):
        program = self.make_program(NOTING)
        for name, is_installed in (("postgresql", postgresql.directory_of_binaries()),
                                   ("mariadb", mariadb.program_of_server())):
            with self.subTest(name):
                if not is_installed:
                    self.skipTest("not installed")
                bench = self.start(name, "--scale", "0.0005", holdfast=program)
                while not self.has_noted(program, "source.toml") and bench.poll() is None:
                    time.sleep(0.05)
                bench.send_signal(signal.SIGTERM)
                _, err = bench.communicate()
                self.assertEqual(bench.returncode, 128 + signal.SIGTERM, err)
                self.assert_nothing_left()
                os.remove(program + ".notes")

    def has_noted(self, program, word):
        if not os.path.exists(program + ".notes"):
            return False
        with open(program + ".notes") as file:
            return word in file.read()


if __name__ == "__main__":
    HOLDFAST, INDEX_MAKER = (os.path.realpath(sys.argv.pop(1)) for _ in range(2))
    unittest.main()
