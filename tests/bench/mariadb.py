# SPDX-License-Identifier: Apache-2.0
"""The row on a MariaDB database of 1 GB: Holdfast beside mariadb-dump into restic, and beside mydumper and myloader."""

import contextlib
import os
import shutil
import subprocess

import servers
from report import Cell, Figure, Row
from servers import MEMORY_BASE_MIB, MIB, Place, Turn, Writer, take_turns

WHAT = "MariaDB, four tables as sysbench's of 1,000,000 rows, 1 GB"
BYTES_MAX = 1_500_000_000
# Of the wall time of each peer.
PIPE, PIPE_TARGET = "mariadb-dump | restic", 1 / 2.1
MYDUMPER, MYDUMPER_TARGET = "mydumper -t 2", 2.7
MYLOADER, LOAD_TARGET, LOAD_BY_INSERT_TARGET = "myloader -t 2", 1.0, 1.5
REPOSITORY_RATIO_MAX, IN_RUNS_MAX, AT_RANDOM_MAX = 1.08, 0.05, 0.30
TABLES = [f"sbtest{number}" for number in (1, 2, 3, 4)]

TABLE = """
CREATE TABLE {table} (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, k int NOT NULL, c char(120) NOT NULL, pad char(60) NOT NULL,
  KEY k_1 (k)) ENGINE=InnoDB CHARACTER SET latin1;
INSERT INTO {table} SELECT {row} FROM seq_1_to_{rows};
"""
# Groups of eleven digits, as sysbench has them, from checksums instead of chance.
ROW = "seq, 1 + crc32(concat('{table}', seq)) % {rows}, " + ", ".join(
    "concat_ws('-', " + ", ".join(f"lpad(crc32(concat('{{table}}', seq, '{column}{group}')), 11, '{group}')"
                                  for group in range(groups)) + ")" for column, groups in (("c", 10), ("p", 5)))
# 1 % in twenty runs, 1 % more at the end.
IN_RUNS = """
UPDATE {table} SET k = k + 1, pad = reverse(pad) WHERE (id - 1) % ({rows} DIV 20) < {rows} DIV 2000;
INSERT INTO {table} SELECT NULL, k, reverse(c), pad FROM {table} WHERE id <= {rows} DIV 100;
"""
AT_RANDOM = "UPDATE {table} SET k = k + 1, c = reverse(c) WHERE crc32(id) % 2000 = 0;\n"


class Server:
    def __init__(self, bench, home, address=""):
        self.bench, self.home, self.socket = bench, home, os.path.join(home, "s")
        self.network = [f"--bind-address={address}", "--port=3306"] if address else ["--skip-networking"]

    def client(self, program, *arguments):
        return [program, "--no-defaults", "--user=root", f"--socket={self.socket}", *arguments]

    def sql(self, schema, script):
        return servers.feed(self.bench, self.client("mariadb", "--batch", "--skip-column-names", schema), script)

    def is_ready(self):
        return subprocess.run(self.client("mariadb-admin", "ping"), env=self.bench.runner.environment,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def running(self):
        as_user = servers.user_of_server(["mysql", "mariadb", "daemon"])
        os.mkdir(self.home)
        if as_user:
            os.chown(self.home, as_user["user"], as_user["group"])
        data = os.path.join(self.home, "data")
        self.bench.runner.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--tmpdir={self.home}",
                               "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"],
                              directory="/", **as_user)
        argv = [program_of_server(), "--no-defaults", f"--datadir={data}", f"--socket={self.socket}",
                f"--tmpdir={self.home}", f"--pid-file={self.home}/pid", *self.network, "--skip-log-bin",
                "--local-infile=1", "--skip-name-resolve", "--max-allowed-packet=1G", "--innodb-buffer-pool-size=512M",
                "--innodb-log-file-size=512M", "--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"]
        return servers.running(self.bench, argv, as_user, self.is_ready)

    def uri(self, schema):
        return f"mysql:///{schema}?socket={self.socket}"

    def drop(self, schema):
        self.sql("mysql", f"DROP DATABASE IF EXISTS {schema};\n")

    def renew(self, schema):
        self.drop(schema)
        self.sql("mysql", f"CREATE DATABASE {schema};\n")

    def digest(self, schema):
        """Of rows and indexes: equal digests, equal tables."""
        sums = self.sql(schema, "".join(f"CHECKSUM TABLE {table};\n" for table in TABLES)).replace(f"{schema}.", "")
        return sums + self.sql(schema, "SELECT table_name, index_name, column_name, seq_in_index FROM "
                               f"information_schema.statistics WHERE table_schema = '{schema}' ORDER BY 1, 2, 4;\n")


class Measuring:
    """One run of the row."""

    def __init__(self, bench, server, place):
        self.bench, self.server, self.place = bench, server, place
        self.row = Row("mariadb", WHAT)
        self.rows = max(2000, int(1_000_000 * bench.scale))
        self.source = place.instance("source", "repository-holdfast", [("db", server.uri("source"), "root")])
        self.clone = place.instance("clone", "repository-holdfast", [("db", server.uri("loaded"), "root")])
        self.dump = place / "dump"
        self.has_mydumper = all(shutil.which(program) for program in ("mydumper", "myloader"))
        if not self.has_mydumper:
            self.row.notes.append("left out: mydumper and myloader are not installed (apt-get install mydumper)")

    def script(self, text):
        return "".join(text.format(table=table, rows=self.rows, row=ROW.format(table=table, rows=self.rows))
                       for table in TABLES)

    def make_data(self):
        self.server.renew("source")
        self.server.sql("source", self.script(TABLE))
        self.row.what += f" (here 4 times {self.rows:,} rows)"

    def cell(self, name, ours, peer, target):
        self.row.cells.append(Cell(name, ours, peer, target, memory_max_mib=MEMORY_BASE_MIB))

    def pipe(self):
        return [self.server.client("mariadb-dump", "--single-transaction", "--quick", "source"),
                self.place.restic_stdin("repository-restic")]

    def backup(self):
        place = self.place
        turns = [Turn("holdfast", [place.backup(self.source)], lambda: place.renew("repository-holdfast")),
                 Turn(PIPE, self.pipe(), lambda: place.renew("repository-restic"))]
        if self.has_mydumper:
            argv = ["mydumper", "-t", "2", "-F", "64", "-B", "source", "-o", self.dump, "-u", "root", "-S",
                    self.server.socket]
            turns.append(Turn(MYDUMPER, [argv], lambda: shutil.rmtree(self.dump, ignore_errors=True)))
        sides = take_turns(self.bench, turns, place.path)
        for peer, target in ((PIPE, PIPE_TARGET), (MYDUMPER, MYDUMPER_TARGET)):
            if peer in sides:
                self.cell("backup", sides["holdfast"], sides[peer], target)
        self.first = {"holdfast": servers.size_of(place / "repository-holdfast"),
                      PIPE: servers.size_of(place / "repository-restic")}
        for who, size in self.first.items():
            self.row.figures.append(Figure(f"repository after backup, {who}", size / 1e6, unit="MB"))
        self.row.figures.append(Figure("repository, ours to restic's", self.first["holdfast"] / self.first[PIPE],
                                       REPOSITORY_RATIO_MAX))

    def load(self):
        wanted, compared = self.server.digest("source"), set()

        def compare(who):
            if who not in compared and self.server.digest("loaded") != wanted:
                raise servers.Failed(f"{who} loaded something else than was backed up")
            compared.add(who)

        def before(may_read_files, drop):
            self.server.sql("mysql", f"SET GLOBAL local_infile = {may_read_files};\n")
            drop("loaded")

        ours = [self.place.restore(self.clone)]
        turns = [Turn("holdfast", ours, lambda: before(1, self.server.drop), lambda: compare("holdfast")),
                 Turn("holdfast by INSERT", ours, lambda: before(0, self.server.drop),
                      lambda: compare("holdfast by INSERT"))]
        if self.has_mydumper:
            argv = ["myloader", "-t", "2", "-d", self.dump, "-B", "loaded", "-u", "root", "-S", self.server.socket]
            turns.append(Turn(MYLOADER, [argv], lambda: before(1, self.server.renew), lambda: compare(MYLOADER)))
        drill = servers.Drill(self.place, [("db", self.server.uri("source"), "root")])
        with contextlib.ExitStack() as stack:
            sides = take_turns(self.bench, [*turns, drill.turn(stack)], self.place.path)
        if self.has_mydumper:
            self.row.figures.append(drill.figure(sides[MYLOADER], LOAD_TARGET))
            self.cell("load, proven", sides["holdfast"], sides[MYLOADER], LOAD_TARGET)
            self.cell("load, proven, by INSERT", sides["holdfast by INSERT"], sides[MYLOADER], LOAD_BY_INSERT_TARGET)
        self.server.drop("loaded")
        shutil.rmtree(self.dump, ignore_errors=True)

    def change(self):
        def sql(text):
            return lambda: self.server.sql("source", self.script(text))

        servers.storing_figures(
            self.row, self.place, self.first,
            [("1 % in runs and 1 % appended", sql(IN_RUNS), IN_RUNS_MAX),
             ("0.05 % at random", sql(AT_RANDOM), AT_RANDOM_MAX)],
            {"holdfast": ("repository-holdfast", [self.place.backup(self.source)]),
             PIPE: ("repository-restic", self.pipe())})

    def widest(self):
        size = max(MIB, int(64 * MIB * self.bench.scale))
        self.server.renew("widest")
        self.server.sql("widest", "SET group_concat_max_len = 1073741824;\nCREATE TABLE widest (id int PRIMARY KEY, value "
                        "longtext CHARACTER SET latin1);\n" + "".join(
                            f"INSERT INTO widest SELECT {row}, group_concat(md5(concat({row}, seq)) SEPARATOR '') "
                            f"FROM seq_1_to_{size // 32};\n" for row in (1, 2, 3, 4)))
        source = self.place.instance("widest", "repository-widest", [("db", self.server.uri("widest"), "root")])
        clone = self.place.instance("widest-clone", "repository-widest", [("db", self.server.uri("loaded"), "root")])
        servers.widest_figures(self.row, self.place, size, source, clone)
        for schema in ("widest", "loaded"):
            self.server.drop(schema)

    def stall(self):
        """Two schemas, so that there is a fence, and a writer to one of them."""
        self.server.renew("ledger")
        self.server.sql("ledger", "CREATE TABLE entries (id int PRIMARY KEY, amount int) ENGINE=InnoDB;\n")
        self.place.renew("repository-stall")
        fenced = self.place.instance("fenced", "repository-stall", [
            ("db", self.server.uri("source"), "root"), ("ledger", self.server.uri("ledger"), "root")])

        def transaction(number):
            at = 1 + number * 7919 % self.rows
            return (f"BEGIN; UPDATE sbtest1 SET k = k + 1 WHERE id = {at}; UPDATE sbtest2 SET k = k - 1 WHERE id = {at}; "
                    "COMMIT; SELECT 'done';\n")

        def writer():
            argv = self.server.client("mariadb", "--batch", "--unbuffered", "--skip-column-names", "source")
            return Writer(argv, self.bench.runner.environment, transaction, self.bench.runner.log)

        servers.stall_figures(self.row, writer, self.place, self.place.backup(fenced))


def program_of_server():
    return shutil.which("mariadbd", path=os.environ["PATH"] + ":/usr/sbin")


def measure_row(bench, name):
    if not program_of_server():
        return Row(name, WHAT, notes=["left out: no MariaDB server is installed (apt-get install mariadb-server)"])
    place = Place(bench, name)
    server = Server(bench, place / "server")
    with server.running():
        measuring = Measuring(bench, server, place)
        bench.say("making the database of mariadb")
        measuring.make_data()
        for part in (measuring.backup, measuring.load, measuring.change, measuring.widest, measuring.stall):
            part()
    bench.end_place(place.path)
    return measuring.row
