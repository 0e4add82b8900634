# SPDX-License-Identifier: Apache-2.0
"""How cost grows: with bytes, with files, and what a second core is worth. Ours, and the peer's memory."""

import os
import random
import shutil

import data
from measure import Failed, Side, warm, words
from report import Figure, Row, memory_limit_beside

WHAT = "how cost grows with bytes, with files and with cores"
BYTES_MAX = 2_000_000_000  # a million files fill 4 GB of pages, beside one repository at a time; the large files lie on the disk
GB = (1, 4, 16)
FILES = (10_000, 100_000, 1_000_000)
# One of the largest size may cost so many times what one of the smallest does: linear, with what noise adds.
LINEAR_MAX = 1.25
# How many times as fast two cores are.
CORES_MIN = 1.7


def make_megabytes(path, count):
    """One file, half of it random, half digits; no megabyte like another."""
    rng = random.Random("growth")
    digits = bytes(value % 10 + 48 for value in range(256))
    with open(path, "wb") as file:
        for number in range(count):
            block = rng.randbytes(1_000_000)
            file.write(block if number % 2 else block.translate(digits))


def make_files(top, count):
    """Files of 100 bytes, a hundred in a directory."""
    for number in range(count):
        folder = os.path.join(top, f"{number // 10_000:03}", f"{number // 100 % 100:02}")
        if number % 100 == 0:
            os.makedirs(folder)
        with open(os.path.join(folder, f"{number % 100:02}"), "wb") as file:
            file.write(number.to_bytes(8, "big") * 12 + b"last")


def forget(path):
    """Drops a file from the kernel's cache: the greatest is in none, and reading a disk costs CPU time too."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Growth:
    def __init__(self, bench, name):
        self.bench, self.row = bench, Row(name, WHAT)
        self.place, self.fast = bench.new_place(name, is_on_disk=True), bench.new_place(name)
        self.empty = bench.make_empty(self.place)

    def backup(self, what, source, place, who="holdfast", prefix=(), runs=None):
        """What a first backup of `source` costs, into a repository in `place`."""
        bench, side = self.bench, None
        for _ in range(runs or bench.runs):
            repository, cache = os.path.join(place, "repository"), os.path.join(place, "cache")
            shutil.copytree(self.empty, repository)
            argv = [*prefix, *bench.program(who, repository, cache), "backup", "--quiet", source]
            side = side or Side(what, bench.shown(words(argv)))
            warm(source) if os.path.isdir(source) else forget(source)
            side.runs.append(bench.runner.run(argv))
            for used in (repository, cache):
                shutil.rmtree(used, ignore_errors=True)
        return side

    def key_s(self):
        """What every command costs before it begins."""
        argv = self.bench.program("holdfast", self.empty, os.path.join(self.place, "cache")) + ["cat", "config"]
        side = Side("open", self.bench.shown(words(argv)))
        for _ in range(self.bench.runs):
            side.runs.append(self.bench.runner.run(argv))
        return side.median("cpu_s")

    def grow(self, unit, sizes, make, top, place):
        """CPU time for each unit, of growing sizes, and memory beside one run of restic's."""
        key_s, costs = self.key_s(), []
        for size in sizes:
            source = os.path.join(top, f"growth-{size}")
            make(source, size)
            side = self.backup(f"{size:,} {unit}", source, place)
            peer = self.backup("restic", source, place, "restic", runs=1)
            costs.append((side.median("cpu_s") - key_s) / size)
            self.row.figures += [
                Figure(f"{size:,} {unit}, CPU for a thousand of them", costs[-1] * 1e6, unit="ms", command=side.command),
                Figure(f"{size:,} {unit}, memory", side.peak_mib(), memory_limit_beside(peer), "MiB", side.command)]
            shutil.rmtree(source) if os.path.isdir(source) else os.remove(source)
        self.row.figures.append(Figure(f"{unit}, one of the most to one of the least", costs[-1] / costs[0], LINEAR_MAX))

    def cores(self):
        """Files like sources, by one core and by two, into memory: a disk is no faster for two."""
        tree = self.bench.make_data("source", data.source)
        first, second = sorted(os.sched_getaffinity(0))[:2]
        one = self.backup("one core", tree, self.fast, prefix=["taskset", "--cpu-list", f"{first}"])
        two = self.backup("two cores", tree, self.fast, prefix=["taskset", "--cpu-list", f"{first},{second}"])
        share = two.median() / one.median()
        self.row.figures.append(Figure("sources by two cores, wall time in terms of one core's", share, 1 / CORES_MIN,
                                       command=two.command))


def measure_row(bench, name):
    if len(os.sched_getaffinity(0)) < 2:
        raise Failed("a second core is needed")
    growth = Growth(bench, name)
    # The large files fit on a disk only. A million files are in no cache of it, and reading them would be measured.
    growth.grow("MB", [max(8, int(gb * 1000 * bench.scale)) for gb in GB], make_megabytes, bench.data, growth.place)
    growth.grow("files", [max(200, int(files * bench.scale)) for files in FILES], make_files, growth.fast, growth.fast)
    growth.cores()
    bench.end_place(growth.fast)
    bench.end_place(growth.place)
    return growth.row
