# SPDX-License-Identifier: Apache-2.0
"""The row on files of SQL Server: how fast `inspect` reads its backups, and `migrate` loads a package into PostgreSQL."""

import os

import sqlserver_files
from foreign import load_figures, measured
from report import Figure, Row

WHAT = "backups of SQL Server, 2 GB plain and 2 GB compressed, and a .bacpac with 1 GB of rows, synthetic"
BYTES_MAX = 3_000_000_000  # what is loaded lies in memory
BACKUP_BYTES, ROW_BYTES = 2_000_000_000, 1_000_000_000
# What is wanted of one core: 1 GB/s, 150 MB/s of the file itself and not of what is unpacked from it, heads alone in
# milliseconds, all in less than 64 MiB; 30 MB/s of rows, as the package has them, into a database.
DEEP_LIMITS_S = {"plain": 1.0, "compressed": 1000 / 150}
HEADS_LIMIT_MS, READ_MEMORY_MAX_MIB, LOAD_LIMIT_S = 100, 64, 1000 / 30
ONE_CORE = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]


def make(path, scale):
    """Data that are the same every time. A note of how much is in them stands beside."""
    os.mkdir(path)
    size = int(BACKUP_BYTES * scale)
    sqlserver_files.write_plain(os.path.join(path, "plain.bak"), size)
    sqlserver_files.write_packed(os.path.join(path, "compressed.bak"), size)
    counts = sqlserver_files.write_package(os.path.join(path, "shop.bacpac"), int(ROW_BYTES * scale))
    with open(os.path.join(path, "counts"), "w") as file:
        file.write("%d %d" % counts)


def read_figures(bench, row, directory):
    for kind, limit in DEEP_LIMITS_S.items():
        path = os.path.join(directory, f"{kind}.bak")
        inspect = [*ONE_CORE, bench.programs["holdfast"], "inspect"]
        deep = measured(bench, f"{kind}, deep", [*inspect, "--deep", path], path)
        heads = measured(bench, f"{kind}, heads", [*inspect, path], path)
        row.figures += [
            Figure(f"{kind}, deep, for each GB", deep.median() / os.path.getsize(path) * 1e9, limit, "s", deep.command),
            Figure(f"{kind}, deep, memory", deep.peak_mib(), READ_MEMORY_MAX_MIB, "MiB", deep.command),
            Figure(f"{kind}, heads", heads.median() * 1000, HEADS_LIMIT_MS, "ms", heads.command)]


def measure_row(bench, name):
    row, directory = Row(name, WHAT), bench.make_data(name, make)
    read_figures(bench, row, directory)
    with open(os.path.join(directory, "counts")) as file:
        rows, row_bytes = (int(word) for word in file.read().split())
    load_figures(bench, row, os.path.join(directory, "shop.bacpac"), "rows loaded into PostgreSQL", row_bytes, LOAD_LIMIT_S,
                 "SELECT count(*), min(id), max(id), count(note) FROM orders", f"{rows}|0|{rows - 1}|")
    return row
