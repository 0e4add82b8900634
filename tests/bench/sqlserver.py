# SPDX-License-Identifier: Apache-2.0
"""The row on files of SQL Server: how fast `inspect` reads its backups, and `migrate` loads a package into PostgreSQL."""

import os

import postgresql
import servers
import sqlserver_files
from measure import Failed, Side, words
from report import Figure, Row
from servers import Place, Turn, take_turns

WHAT = "backups of SQL Server, 2 GB plain and 2 GB compressed, and a .bacpac with 1 GB of rows, synthetic"
BYTES_MAX = 3_000_000_000  # what is loaded lies in memory
BACKUP_BYTES, ROW_BYTES = 2_000_000_000, 1_000_000_000
# What is wanted of one core: 1 GB/s, 150 MB/s of the file itself and not of what is unpacked from it, heads alone in
# milliseconds, all in less than 64 MiB; 30 MB/s of rows, as the package has them, into a database.
DEEP_LIMITS_S = {"plain": 1.0, "compressed": 1000 / 150}
HEADS_LIMIT_MS, READ_MEMORY_MAX_MIB, LOAD_LIMIT_S = 100, 64, 1000 / 30
ONE_CORE = ["taskset", "-c", "0"]


def make(path, scale):
    """Data that are the same every time. A note of how much is in them stands beside."""
    os.mkdir(path)
    size = int(BACKUP_BYTES * scale)
    sqlserver_files.write_plain(os.path.join(path, "plain.bak"), size)
    sqlserver_files.write_packed(os.path.join(path, "compressed.bak"), size)
    counts = sqlserver_files.write_package(os.path.join(path, "shop.bacpac"), int(ROW_BYTES * scale))
    with open(os.path.join(path, "counts"), "w") as file:
        file.write("%d %d" % counts)


def measured(bench, name, argv, path):
    side = Side(name, bench.shown(words(argv)))
    for _ in range(bench.runs):
        with open(path, "rb") as file:  # into the cache
            while file.read(1 << 20):
                pass
        side.runs.append(bench.runner.run(argv))
    return side


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


def load_figures(bench, row, directory):
    place = Place(bench, row.name)
    server = postgresql.Server(bench, place / "server")
    path = os.path.join(directory, "shop.bacpac")
    with open(os.path.join(directory, "counts")) as file:
        rows, row_bytes = (int(word) for word in file.read().split())

    def check():
        found = server.psql("loaded", "SELECT count(*), min(id), max(id), count(note) FROM orders").strip()
        wanted = f"{rows}|0|{rows - 1}|"
        if not found.startswith(wanted):
            raise Failed(f"{wanted} was to be loaded, and is {found}")

    with server.running():
        target = place.instance("target", "repository-unused", [("db", server.uri("loaded"), "postgres")])
        argv = place.holdfast(["migrate", "--from", path, "--to", target], target)[:-2]
        side = take_turns(bench, [Turn("migrate", [argv], lambda: server.renew("loaded"), check)], place.path)["migrate"]
        row.figures += [
            Figure("rows loaded into PostgreSQL, for each GB", side.median() / row_bytes * 1e9, LOAD_LIMIT_S, "s", side.command),
            Figure("rows loaded into PostgreSQL, memory", side.peak_mib(), servers.MEMORY_BASE_MIB, "MiB", side.command)]
    bench.end_place(place.path)


def measure_row(bench, name):
    row, directory = Row(name, WHAT), bench.make_data(name, make)
    read_figures(bench, row, directory)
    if postgresql.directory_of_binaries():
        load_figures(bench, row, directory)
    else:
        row.notes.append("not loaded: no PostgreSQL server is installed (apt-get install postgresql)")
    return row
