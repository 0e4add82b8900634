# SPDX-License-Identifier: Apache-2.0
"""A large index: what backup, check and prune need of memory where a repository has millions of blobs. Ours alone."""

import os

import growth
from measure import Failed, Side, words
from report import Figure, Row

WHAT = "a repository whose index has 5 million blobs in 333,000 packs"
BYTES_MAX = 1_000_000  # the repository lies on the disk
BLOBS = 5_000_000
MEMORY_MAX_MIB = 256
FILES = 200
# One after the other: the backup adds to what is there, the prune takes out and packs anew.
VERBS = {"backup": ["backup", "--quiet"], "check": ["check"], "prune": ["prune", "--max-unused", "0"]}


def measure_row(bench, name):
    """Each command once, as a prune leaves another repository than it found."""
    if not os.access(bench.programs["index maker"], os.X_OK):
        raise Failed(f"{bench.programs['index maker']} is not there; scripts/build release holdfast holdfast_index_maker "
                     "makes it")
    row, place = Row(name, WHAT), bench.new_place(name, is_on_disk=True)
    repository, source = bench.make_empty(place), os.path.join(place, "source")
    bench.say("making the repository of index")
    bench.runner.run([bench.programs["index maker"], repository, bench.password, str(max(3000, int(BLOBS * bench.scale)))])
    growth.make_files(source, FILES)
    for verb, asked in VERBS.items():
        argv = bench.program("holdfast", repository, os.path.join(place, "cache")) + asked
        side = Side(verb, bench.shown(words(argv)))
        side.runs.append(bench.runner.run(argv + [source] if verb == "backup" else argv))
        row.figures += [Figure(f"{verb}, memory", side.peak_mib(), MEMORY_MAX_MIB, "MiB", side.command),
                        Figure(f"{verb}, CPU time", side.median("cpu_s"), unit="s", command=side.command)]
    bench.end_place(place)
    return row
