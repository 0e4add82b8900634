# SPDX-License-Identifier: Apache-2.0
"""The row on an export of TypeDB: how fast `inspect` counts what is in it, and compares identities."""

import base64
import os

from foreign import measured
from report import Figure, Row

WHAT = "a TypeDB export of 1 GiB: people, their names, and who employs them"
BYTES_MAX = 1_080_000_000
# What is wanted: 300 MB/s and 60 MB/s, in less than 256 MiB.
MODES = {"counts": ([], 1000 / 300), "identities": (["--deep"], 1000 / 60)}
MEMORY_MAX_MIB = 256
TRIPLES = 4_380_000
TRIPLES_PER_WRITE = 10_000


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def item(kind, *fields):
    message = field(kind, b"".join(fields))
    return varint(len(message)) + message


def id_of(number):
    return base64.b64encode(b"%015x" % number)


def reference(number, identity):
    return field(number, field(1, identity))


def role(label, player):
    return field(4, field(1, label) + reference(2, player))


def template(company):
    """A person, a name and an employment, with a place for each id; all have the same length."""
    person, name, relation, text = (letter * 20 for letter in (b"\1", b"\2", b"\3", b"\4"))
    made = (item(2, field(1, person), field(2, b"person"), reference(3, name))
            + item(1, field(1, name), field(2, b"name"), field(4, field(1, text)))
            + item(3, field(1, relation), field(2, b"employment"), role(b"employment:employee", person),
                   role(b"employment:employer", company)))
    for place, key in ((person, b"person"), (name, b"name"), (relation, b"relation"), (text, b"text")):
        made = made.replace(place, b"%%(%s)b" % key)
    return made


def make(path, scale):
    """Data that are the same every time."""
    triples, company = max(100, int(TRIPLES * scale)), id_of(0)
    with open(path, "wb") as file:
        file.write(item(15, field(1, b"2.29.1"), field(2, b"bench")) + item(2, field(1, company), field(2, b"company")))
        triple = template(company)
        for first in range(1, triples + 1, TRIPLES_PER_WRITE):
            file.write(b"".join(
                triple % {b"person": id_of(n), b"name": id_of(10**9 + n), b"relation": id_of(2 * 10**9 + n),
                          b"text": b"%020d" % n} for n in range(first, min(first + TRIPLES_PER_WRITE, triples + 1))))
        counts = (triples + 1, triples, triples, 2 * triples, triples)
        file.write(item(16, *(varint(number + 1 << 3) + varint(count) for number, count in enumerate(counts))))


def measure_row(bench, name):
    row, path = Row(name, WHAT), bench.make_data(name, make)
    size = os.path.getsize(path)
    for mode, (flags, limit) in MODES.items():
        argv = [bench.programs["holdfast"], "inspect", *flags, path]
        side = measured(bench, mode, argv, path)
        row.figures.append(Figure(f"{mode}, for each GB", side.median() / size * 1e9, limit, "s", side.command))
        row.figures.append(Figure(f"{mode}, memory", side.peak_mib(), MEMORY_MAX_MIB, "MiB", side.command))
    return row
