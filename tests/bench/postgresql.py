# SPDX-License-Identifier: Apache-2.0
"""The row on a PostgreSQL database of 2 GB: Holdfast beside pg_dump, alone and into restic, and beside pg_restore."""

import contextlib
import glob
import os
import shutil
import subprocess

import servers
from report import Cell, Figure, Row
from servers import MEMORY_BASE_MIB, MIB, Place, Turn, Writer, take_turns

WHAT = "PostgreSQL, 10,000,000 narrow and 200,000 wide rows, 2 GB"
BYTES_MAX = 3_000_000_000  # the source, what is loaded, a drill's copy and logs lie in memory at once
# Of the wall time of each peer.
TARGETS = {"pg_dump -Fc | restic": 1 / 2.7, "pg_dump -Fc -Z0 | restic": 1 / 1.6, "pg_dump -Fd -j2": 1 / 2.2,
           "pg_dump -Fd -j2 -Z0": None}  # the last packs and seals nothing: what two connections can carry
LOAD_TARGET, LOAD_PROVEN_TARGET = 1.0, 1.4
REPOSITORIES = {"holdfast": "repository-holdfast", "pg_dump -Fc | restic": "repository-Fc",
                "pg_dump -Fc -Z0 | restic": "repository-Z0"}
REPOSITORY_RATIO_MAX, IN_RUNS_MAX, AT_RANDOM_MAX = 1.08, 0.05, 0.30

DATA = """
BEGIN;
CREATE TABLE branches (bid int PRIMARY KEY, balance int, filler char(88));
INSERT INTO branches SELECT n, 0, '' FROM generate_series(1, 100) n;
CREATE TABLE accounts (aid int NOT NULL, bid int, balance int, filler char(84));
INSERT INTO accounts SELECT n, 1 + n / 100000, 0, '' FROM generate_series(1, {accounts}) n;
CREATE TABLE wide (id int NOT NULL, remark text, properties jsonb, picture bytea);
INSERT INTO wide SELECT n, 'Remark ' || n || ' ' || repeat(md5(n::text) || ' and so forth, ', 4),
  jsonb_build_object('id', n, 'name', 'customer ' || n % 5000, 'token', md5('t' || n), 'tags',
                     jsonb_build_array('red', 'tag ' || n % 7, 'new'), 'address', jsonb_build_object('street', n % 999)),
  (SELECT decode(string_agg(md5(n || ':' || k), ''), 'hex') FROM generate_series(1, 64) k)
  FROM generate_series(1, {wide}) n;
COMMIT;
ALTER TABLE accounts ADD PRIMARY KEY (aid);
ALTER TABLE wide ADD PRIMARY KEY (id);
CREATE INDEX accounts_of_branch ON accounts (bid);
VACUUM ANALYZE;
"""
# 1 % in twenty runs, 1 % more at the end.
IN_RUNS = """
UPDATE accounts SET balance = balance + 1 WHERE (aid - 1) % ({accounts} / 20) < {accounts} / 2000;
INSERT INTO accounts SELECT n, 1, 1, '' FROM generate_series({accounts} + 1, {accounts} + {accounts} / 100) n;
UPDATE wide SET remark = 'changed ' || remark WHERE (id - 1) % ({wide} / 20) < {wide} / 2000;
INSERT INTO wide SELECT n, remark, properties, picture FROM wide
  JOIN generate_series({wide} + 1, {wide} + {wide} / 100) n ON id = n - {wide};
"""
AT_RANDOM = """
UPDATE accounts SET balance = balance + 1 WHERE hashint4(aid) % 2000 = 0;
UPDATE wide SET remark = 'moved ' || remark WHERE hashint4(id) % 2000 = 0;
"""
WIDEST = """
CREATE TABLE widest AS SELECT n, (SELECT string_agg(md5(n || ':' || k), '') FROM generate_series(1, {md5s}) k) AS value
  FROM generate_series(1, 4) n;
"""
DIGEST = """
SELECT (SELECT sum(hashtext(t::text)::bigint) FROM branches t), (SELECT sum(hashtext(t::text)::bigint) FROM accounts t),
  (SELECT sum(hashtext(t::text)::bigint) FROM wide t),
  (SELECT string_agg(indexdef, ';' ORDER BY indexdef) FROM pg_indexes WHERE schemaname = 'public');
"""


def directory_of_binaries():
    found = [path for path in glob.glob("/usr/lib/postgresql/*/bin") if os.path.exists(f"{path}/initdb")]
    if found:
        return max(found, key=lambda path: int(path.split("/")[4]))
    return os.path.dirname(shutil.which("initdb") or "")


class Server:
    def __init__(self, bench, home, address=""):
        self.bench, self.home, self.address = bench, home, address
        self.binaries = directory_of_binaries()
        self.environment = {"PGHOST": home, "PGUSER": "postgres", "PGDATABASE": "postgres"}

    def program(self, name, *arguments):
        return [os.path.join(self.binaries, name), *arguments]

    def psql(self, database, script):
        return servers.feed(self.bench, self.program("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", database), script)

    def is_ready(self):
        return subprocess.run(self.program("pg_isready", "-q"), env=self.bench.runner.environment).returncode == 0

    def running(self):
        as_user = servers.user_of_server(["postgres"])
        os.mkdir(self.home)
        if as_user:
            os.chown(self.home, as_user["user"], as_user["group"])
        self.bench.runner.environment.update(self.environment)
        data = os.path.join(self.home, "data")
        self.bench.runner.run(self.program("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
                                           "--locale=C.UTF-8", "--no-sync"), directory="/", **as_user)
        settings = {"listen_addresses": self.address, "unix_socket_directories": self.home, "fsync": "off", "autovacuum": "off",
                    "shared_buffers": "256MB", "maintenance_work_mem": "128MB", "max_wal_size": "2GB",
                    "checkpoint_timeout": "1h", "wal_level": "minimal", "max_wal_senders": "0"}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return servers.running(self.bench, self.program("postgres", "-D", data, *options), as_user, self.is_ready)

    def uri(self, database):
        return f"postgresql:///{database}?host={self.home}"

    def renew(self, database):
        self.psql("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE);\nCREATE DATABASE {database};\n")

    def drop(self, database):
        self.psql("postgres", f"DROP DATABASE IF EXISTS {database} WITH (FORCE);\n")


class Measuring:
    """One run of the row."""

    def __init__(self, bench, server, place):
        self.bench, self.server, self.place = bench, server, place
        self.row = Row("postgresql", WHAT)
        self.counts = {"accounts": max(2000, int(10_000_000 * bench.scale)), "wide": max(2000, int(200_000 * bench.scale))}
        self.source = place.instance("source", "repository-holdfast", [("db", server.uri("source"), "postgres")])
        self.clone = place.instance("clone", "repository-holdfast", [("db", server.uri("loaded"), "postgres")])
        self.dump = place / "dump"

    def figure(self, *arguments, **options):
        self.row.figures.append(Figure(*arguments, **options))

    def make_data(self):
        self.server.renew("source")
        self.server.psql("source", DATA.format(**self.counts))
        size = int(self.server.psql("source", "SELECT pg_database_size('source')"))
        self.row.what += f" (here {self.counts['accounts']:,} and {self.counts['wide']:,} rows, {size / 1e6:,.1f} MB)"

    def cell(self, name, ours, peer, target):
        self.row.cells.append(Cell(name, ours, peer, target, memory_max_mib=MEMORY_BASE_MIB))

    def pipe(self, repository, *options):
        return [self.server.program("pg_dump", "-Fc", *options, "source"), self.place.restic_stdin(repository)]

    def backup(self):
        place, server = self.place, self.server
        turns = [
            Turn("holdfast", [place.backup(self.source)], lambda: place.renew("repository-holdfast")),
            Turn("pg_dump -Fc | restic", self.pipe("repository-Fc"), lambda: place.renew("repository-Fc")),
            Turn("pg_dump -Fc -Z0 | restic", self.pipe("repository-Z0", "-Z0"), lambda: place.renew("repository-Z0")),
            Turn("pg_dump -Fd -j2", [server.program("pg_dump", "-Fd", "-j2", "-f", self.dump, "source")],
                 lambda: shutil.rmtree(self.dump, ignore_errors=True)),
            Turn("pg_dump -Fd -j2 -Z0", [server.program("pg_dump", "-Fd", "-j2", "-Z0", "-f", place / "plain", "source")],
                 after=lambda: shutil.rmtree(place / "plain")),
        ]
        sides = take_turns(self.bench, turns, place.path)
        for peer, target in TARGETS.items():
            self.cell("backup", sides["holdfast"], sides[peer], target)
        self.first = {who: servers.size_of(place / repository) for who, repository in REPOSITORIES.items()}
        for who, size in self.first.items():
            self.figure(f"repository after backup, {who}", size / 1e6, unit="MB")
        self.figure("repository, ours to restic's of -Z0", self.first["holdfast"] / self.first["pg_dump -Fc -Z0 | restic"],
                    REPOSITORY_RATIO_MAX)

    def load(self):
        wanted, compared = self.server.psql("source", DIGEST), set()

        def compare(who):
            if who not in compared and self.server.psql("loaded", DIGEST) != wanted:
                raise servers.Failed(f"{who} loaded something else than was backed up")
            compared.add(who)

        turns = [
            Turn("holdfast", [self.place.restore(self.clone)], lambda: self.server.drop("loaded"),
                 lambda: compare("holdfast")),
            Turn("pg_restore -j2", [self.server.program("pg_restore", "-j2", "-d", "loaded", self.dump)],
                 lambda: self.server.renew("loaded"), lambda: compare("pg_restore")),
        ]
        drill = servers.Drill(self.place, [("db", self.server.uri("source"), "postgres")])
        with contextlib.ExitStack() as stack:
            sides = take_turns(self.bench, [*turns, drill.turn(stack)], self.place.path)
        self.cell("load, proven", sides["holdfast"], sides["pg_restore -j2"], LOAD_PROVEN_TARGET)
        self.row.figures.append(drill.figure(sides["pg_restore -j2"], LOAD_TARGET))
        self.server.drop("loaded")
        shutil.rmtree(self.dump)

    def change(self):
        def psql(script):
            return lambda: self.server.psql("source", script.format(**self.counts))

        servers.storing_figures(
            self.row, self.place, self.first,
            [("1 % in runs and 1 % appended", psql(IN_RUNS), IN_RUNS_MAX),
             ("0.05 % at random", psql(AT_RANDOM), AT_RANDOM_MAX)],
            {"holdfast": ("repository-holdfast", [self.place.backup(self.source)]),
             "pg_dump -Fc -Z0 | restic": ("repository-Z0", self.pipe("repository-Z0", "-Z0"))})

    def widest(self):
        size = max(MIB, int(64 * MIB * self.bench.scale))
        self.server.renew("widest")
        self.server.psql("widest", WIDEST.format(md5s=size // 32))
        source = self.place.instance("widest", "repository-widest", [("db", self.server.uri("widest"), "postgres")])
        clone = self.place.instance("widest-clone", "repository-widest", [("db", self.server.uri("loaded"), "postgres")])
        servers.widest_figures(self.row, self.place, size, source, clone)
        for database in ("widest", "loaded"):
            self.server.drop(database)

    def stall(self):
        """Two databases, so that there is a fence, and a writer to one of them."""
        self.server.renew("ledger")
        self.server.psql("ledger", "CREATE TABLE entries (id int PRIMARY KEY, amount int);")
        self.place.renew("repository-stall")
        fenced = self.place.instance("fenced", "repository-stall", [
            ("db", self.server.uri("source"), "postgres"), ("ledger", self.server.uri("ledger"), "postgres")])

        def transaction(number):
            return (f"BEGIN; UPDATE branches SET balance = balance + 1 WHERE bid = {1 + number % 100}; UPDATE accounts "
                    f"SET balance = balance - 1 WHERE aid = {1 + number * 7919 % self.counts['accounts']}; COMMIT;\n"
                    "\\echo done\n")

        def writer():
            return Writer(self.server.program("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "source"),
                          self.bench.runner.environment, transaction, self.bench.runner.log)

        servers.stall_figures(self.row, writer, self.place, self.place.backup(fenced))


def measure_row(bench, name):
    binaries = directory_of_binaries()
    if not binaries:
        return Row(name, WHAT, notes=["left out: no PostgreSQL server is installed (apt-get install postgresql)"])
    place = Place(bench, name)
    server = Server(bench, place / "server")
    with server.running():
        measuring = Measuring(bench, server, place)
        bench.say("making the database of postgresql")
        measuring.make_data()
        for part in (measuring.backup, measuring.load, measuring.change, measuring.widest, measuring.stall):
            part()
    bench.end_place(place.path)
    return measuring.row
