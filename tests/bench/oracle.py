# SPDX-License-Identifier: Apache-2.0
"""The row on a classic dump of Oracle's: how fast `inspect` reads it, and `migrate` loads it into PostgreSQL."""

import os

from foreign import load_figures, measured
from report import Figure, Row

WHAT = "a classic dump of one table, 18,000,000 rows, 2 GB, synthetic"
BYTES_MAX = 3_000_000_000  # what is loaded lies in memory
BLOCK_BYTES = 4096
ROWS, ROWS_PER_GROUP = 18_000_000, 99
# What is wanted: 400 MB/s in less than 64 MiB; 30 MB/s of the dump into a database.
READ_LIMIT_S, READ_MEMORY_MAX_MIB, LOAD_LIMIT_S = 1000 / 400, 64, 1000 / 30
# Which four bytes of a group are its number.
GROUP = b"\xaa\xbb\xcc\xdd"
COLUMNS = (("ID", 2, 22), ("PRICE", 2, 22), ("NAME", 1, 60), ("MADE", 12, 7), ("NOTE", 1, 60))
CHARACTER_SET, NATIONAL_SET = 873, 2000  # AL32UTF8, AL16UTF16


def le16(number):
    return number.to_bytes(2, "little")


def descriptor(first, second):
    record = b"\x64\0\0\0\0\x60".ljust(0x3A, b"\5") + b"\0\x83" + first.to_bytes(2, "big") + second.to_bytes(2, "big")
    return (record + b"\x03").ljust(102, b"\0")


def head():
    sets = CHARACTER_SET.to_bytes(2, "big")
    front = (b"\x03" + sets + b"EXPORT:V11.02.00\nUBENCH\nRUSERS\n%d\n0\n72\n0\n" % BLOCK_BYTES + sets * 2
             + NATIONAL_SET.to_bytes(2, "big") + b"\0\1" + b"\0" * 9 + le16(9) + b" " * 30
             + b"Sun Nov 22 4:5:6 2026bench.dmp").ljust(BLOCK_BYTES, b"\0")
    texts = (b"+00:00", b"", b"BYTE", b"UNUSED", b"2", b"INTERPRETED", b"DISABLE:ALL")
    return (front + descriptor(CHARACTER_SET, NATIONAL_SET) + descriptor(CHARACTER_SET, CHARACTER_SET)
            + b"".join(le16(len(text)) + text for text in texts) + b"\0\0\nMETRICSU\n")


def table():
    names = b", ".join(b'"%s"' % name.encode() for name, _, _ in COLUMNS)
    places = b", ".join(b":%d" % (number + 1) for number in range(len(COLUMNS)))
    columns = b"".join(le16(kind) + le16(size) + (le16(CHARACTER_SET) + le16(1) if kind == 1 else b"")
                       for _, kind, size in COLUMNS)
    return (b'TABLE "T"\nCREATE TABLE "T" ("ID" NUMBER(12, 0) NOT NULL ENABLE, "PRICE" NUMBER(12, 2), "NAME" '
            b'VARCHAR2(60), "MADE" DATE, "NOTE" VARCHAR2(60))  PCTFREE 10 TABLESPACE "USERS" LOGGING\n'
            b'INSERT INTO "T" (' + names + b") VALUES (" + places + b")\n" + le16(len(COLUMNS)) + columns + le16(0) * 2)


def group():
    """Rows whose first values begin with the group's number in four digits to the base of a hundred, none of them 0."""
    rows = []
    for last in range(1, ROWS_PER_GROUP + 1):
        values = (b"\xc5" + GROUP + bytes([last + 1]), b"\xc2" + bytes([last + 1, 51]),
                  b"customer number %04d of the group, by name" % last, b"\x78\x7e\x0b" + bytes([last % 28 + 1]) + b"\x09\x1e\x01",
                  b"a remark of some length on row %04d" % last)
        rows.append(b"".join(le16(len(value)) + value for value in values) + le16(0))
    return b"".join(rows)


def make(path, scale):
    """Data that are the same every time."""
    groups, rows = max(2, int(ROWS * scale) // ROWS_PER_GROUP), group()
    with open(path, "wb") as file:
        file.write(head() + table())
        for number in range(groups):
            digits = [number // 99**place % 99 + 2 for place in (3, 2, 1, 0)]
            file.write(rows.replace(GROUP, bytes(digits)))
        file.write(b'\xff\xff\nCREATE UNIQUE INDEX "T_PK" ON "T" ("ID" )  PCTFREE 10\nALTER TABLE "T" ADD  CONSTRAINT "T_PK" '
                   b'PRIMARY KEY ("ID") USING INDEX PCTFREE 10 ENABLE \nENDTABLE\nMETRICEUG0\nEXIT\nEXIT\n')
        file.write(b"\0" * (-file.tell() % BLOCK_BYTES))


def read_figures(bench, row, path):
    size = os.path.getsize(path)
    for mode, flags, limit in (("rows counted", [], READ_LIMIT_S), ("values decoded", ["--deep"], None)):
        argv = [bench.programs["holdfast"], "inspect", *flags, path]
        side = measured(bench, mode, argv, path)
        row.figures.append(Figure(f"{mode}, for each GB", side.median() / size * 1e9, limit, "s", side.command))
        row.figures.append(Figure(f"{mode}, memory", side.peak_mib(), READ_MEMORY_MAX_MIB, "MiB", side.command))


def measure_row(bench, name):
    row, path = Row(name, WHAT), bench.make_data(name, make)
    read_figures(bench, row, path)
    rows = max(2, int(ROWS * bench.scale) // ROWS_PER_GROUP) * ROWS_PER_GROUP
    load_figures(bench, row, path, "loaded into PostgreSQL", os.path.getsize(path), LOAD_LIMIT_S,
                 'SELECT count(*), min("ID"), sum("PRICE") FROM "T"', f"{rows}|")
    return row
