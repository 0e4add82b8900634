# SPDX-License-Identifier: Apache-2.0
"""What rows on files of other programs share: reading one from the cache, and loading one into PostgreSQL."""

import postgresql
import servers
from measure import Failed, Side, words
from report import Figure
from servers import Place, Turn, take_turns


def measured(bench, name, argv, path):
    """The side that runs `argv` as often as is wanted, the file at `path` in the cache."""
    side = Side(name, bench.shown(words(argv)))
    for _ in range(bench.runs):
        with open(path, "rb") as file:
            while file.read(1 << 20):
                pass
        side.runs.append(bench.runner.run(argv))
    return side


def load_figures(bench, row, path, what, size, limit_s, query, wanted):
    """Of `migrate` from `path` into PostgreSQL, for each GB of `size`: `query` answers what begins with `wanted` after it."""
    if not postgresql.directory_of_binaries():
        row.notes.append("not loaded: no PostgreSQL server is installed (apt-get install postgresql)")
        return
    place = Place(bench, row.name)
    server = postgresql.Server(bench, place / "server")

    def check():
        found = server.psql("loaded", query).strip()
        if not found.startswith(wanted):
            raise Failed(f"{wanted} was to be loaded, and is {found}")

    with server.running():
        target = place.instance("target", "repository-unused", [("db", server.uri("loaded"), "postgres")])
        argv = place.holdfast(["migrate", "--from", path, "--to", target], target)[:-2]
        side = take_turns(bench, [Turn("migrate", [argv], lambda: server.renew("loaded"), check)], place.path)["migrate"]
        row.figures += [Figure(f"{what}, for each GB", side.median() / size * 1e9, limit_s, "s", side.command),
                        Figure(f"{what}, memory", side.peak_mib(), servers.MEMORY_BASE_MIB, "MiB", side.command)]
    bench.end_place(place.path)
