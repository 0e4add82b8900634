# SPDX-License-Identifier: Apache-2.0
"""The rows that compare Holdfast with restic on trees of files: open, backup, unchanged, restore, check --read-data."""

import dataclasses
import hashlib
import os
import shutil

import data
import limits
from measure import Failed, Side, size_of, take_memory, warm, words
from report import Cell, Figure, Row


@dataclasses.dataclass
class Kind:
    what: str
    make: object  # of data
    targets: dict  # cell -> wall time as a fraction of restic's
    is_on_disk: bool = False
    bytes_max: int = 0  # at scale 1, roughly


KINDS = {
    "source": Kind("60,000 source-like files, 1 GB", data.source,
                   {"backup": 0.45, "unchanged": 0.45, "restore": 0.35, "check": 0.50}, bytes_max=1_200_000_000),
    "mixed": Kind("3 GB: half random, half compressible binary", data.mixed,
                  {"backup": 0.55, "restore": 0.40, "check": 0.55}, bytes_max=3_100_000_000),
    "random": Kind("2 GB random alone", data.noise,
                   {"backup": 0.25, "restore": 0.35, "check": 0.40}, bytes_max=2_100_000_000),
    "dump": Kind("2 GB database dump, one file", data.dump,
                 {"backup": 0.60, "restore": 0.40, "check": 0.60}, bytes_max=2_100_000_000),
    "small": Kind("200,000 files of 0 to 4 KiB", data.small,
                  {"backup": 0.33, "unchanged": 0.40, "restore": 0.25, "check": 0.45}, bytes_max=1_000_000_000),
    "disk": Kind("source again, with repository and restores on a disk, and each program's own syncs", data.source,
                 {"backup": None, "unchanged": None, "restore": None, "check": None}, is_on_disk=True,
                 bytes_max=1_200_000_000),
}
# What a program itself may take beside what it writes.
PROGRAM_BYTES = 256 << 20
REPOSITORY_RATIO_MAX = 1.01


def digest_of(top):
    """Of names, modes, times and contents of a tree: equal digests, equal trees."""
    digest = hashlib.sha256()
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names) + folders:
            path = os.path.join(folder, name)
            stat = os.lstat(path)
            digest.update(f"{os.path.relpath(path, top)}\0{stat.st_mode}\0{stat.st_mtime_ns}\0".encode())
            if name in folders:
                continue
            digest.update(f"{stat.st_size}\0".encode())
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
    return digest.hexdigest()


class Sides:
    """The commands of both sides on one row's data."""

    def __init__(self, bench, place, name):
        self.bench, self.place, self.name = bench, place, name
        self.sides = {}  # (cell, who) -> Side

    def repository(self, who, number):
        return os.path.join(self.place, f"repository-{who}-{number}")

    def cache(self, who, use, number):
        return os.path.join(self.place, f"cache-{who}-{use}-{number}")

    def command(self, cell, who, number):
        """Restores and checks read the same repository, the one that restic filled; backups each their own.

        All repositories have the same id, and so would share a cache: whoever reads what restic filled begins without one.
        """
        shared = cell in ("restore", "check", "open")
        program = self.bench.program(who, self.repository("restic" if shared else who, number),
                                     self.cache(who, "shared" if shared else "own", number))
        return program + {
            "open": ["cat", "config"],
            "backup": ["backup", "--quiet", "--compression", "auto", self.name],
            "unchanged": ["backup", "--quiet", "--compression", "auto", self.name],
            "restore": ["restore", "latest", "--quiet", "--target", self.target(who, number)],
            "check": ["check", "--read-data", "--quiet"],
        }[cell]

    def target(self, who, number):
        return os.path.join(self.place, f"restored-{who}-{number}")

    def measure(self, cell, who, number):
        argv = self.command(cell, who, number)
        side = self.sides.setdefault((cell, who), Side(who, self.bench.shown(words(argv))))
        side.runs.append(self.bench.runner.run(argv, directory=self.bench.data))


def measure_row(bench, name):
    kind = KINDS[name]
    source = "source" if name == "disk" else name
    tree = bench.make_data(source, kind.make)
    place = bench.new_place(name, is_on_disk=kind.is_on_disk)
    sides = Sides(bench, place, source)
    empty = bench.make_empty(place)
    wanted = digest_of(tree)
    for number in range(bench.runs):
        one_round(bench, sides, kind, tree, empty, number, wanted if number == 0 else None)
    row = finish_row(name, kind, sides, bench, tree, empty)
    bench.end_place(place)
    return row


def one_round(bench, sides, kind, tree, empty, number, wanted):
    """Each cell by both, who comes first changing from round to round; restores are compared with the digest, if given."""
    order = ("holdfast", "restic") if number % 2 == 0 else ("restic", "holdfast")
    for who in order:
        if number > 0 and not kind.is_on_disk:  # there, files made soon after many were removed are slow
            for used in (sides.repository(who, number - 1), sides.cache(who, "own", number - 1),
                         sides.cache(who, "shared", number - 1)):
                shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(empty, sides.repository(who, number))
    for cell in ("open", "backup", "unchanged", "restore", "check"):
        if cell != "open" and cell not in kind.targets:
            continue
        for who in order:
            warm(tree if cell in ("backup", "unchanged") else sides.repository("restic", number))
            if not kind.is_on_disk:
                take_memory(sides.place, size_of(tree) + PROGRAM_BYTES)
            sides.measure(cell, who, number)
            if cell != "restore":
                continue
            target = sides.target(who, number)
            if wanted and digest_of(os.path.join(target, os.path.basename(tree))) != wanted:
                look = f"see {target}" if bench.keep else "--keep leaves it to be looked at"
                raise Failed(f"{who} restored something else than was backed up; {look}")
            if not kind.is_on_disk:
                shutil.rmtree(target)


def finish_row(name, kind, sides, bench, tree, empty):
    files = sum(len(names) for _, _, names in os.walk(tree))
    size, stored = size_of(tree), {who: size_of(sides.repository(who, bench.runs - 1)) for who in ("holdfast", "restic")}
    row = Row(name, f"{kind.what} (here {files:,} files, {size / 1e6:,.1f} MB)")
    row.limits = limits.zstd_rates(limits.sample_of(tree, 16 << 20))
    key_one_s, key_s = limits.key_s(empty)
    floors = limits.floors_s({**bench.rates, **row.limits}, bench.file_us, key_s, files, size, stored["restic"])
    for cell in ("open", *kind.targets):
        row.cells.append(Cell(cell, sides.sides[cell, "holdfast"], sides.sides[cell, "restic"],
                              kind.targets.get(cell), floors[cell]))
    row.figures = [
        Figure("repository after backup, ours", stored["holdfast"] / 1e6, unit="MB"),
        Figure("repository after backup, restic", stored["restic"] / 1e6, unit="MB"),
        Figure("repository, ours to restic's", stored["holdfast"] / stored["restic"], REPOSITORY_RATIO_MAX),
        Figure("deriving the key on one core, in the times above", key_one_s, unit="s"),
    ]
    return row
