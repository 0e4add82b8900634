# SPDX-License-Identifier: Apache-2.0
"""The row on a Magnolia that moves between PostgreSQL and MariaDB: Holdfast's migration beside a plain JDBC copy of the same rows."""

import contextlib
import os
import re
import shutil
import statistics
import subprocess

import mariadb
import postgresql
import servers
from measure import words
from report import Cell, Figure, Row
from servers import MEMORY_BASE_MIB, Place, Turn, take_turns

WHAT = "Magnolia, 200,000 bundles, to databases of another kind"
BYTES_MAX = 1_500_000_000
BUNDLES_PER_PAGE = 4
TARGET = 1.0  # of the rate of a plain JDBC copy
USER, PASSWORD = "bench", "bench"
HERE = os.path.dirname(os.path.realpath(__file__))
FIXTURE = os.path.join(HERE, "..", "fixtures", "magnolia")
DRIVERS = [f"/usr/share/java/{name}.jar" for name in ("derby", "h2", "postgresql", "mariadb-java-client")]
RATE = re.compile(r"converted [\d,]+ rows?, .* in ([\d.]+) s: ")


def address():
    """A loopback address of our own, so that ports need no choosing."""
    pid = os.getpid()
    return f"127.{201 + (pid >> 16) % 50}.{(pid >> 8) & 255}.{pid & 255}"


def has_java():
    return bool(shutil.which("javac")) and all(os.path.exists(jar) for jar in DRIVERS)


class Side:
    """A server that a JDBC driver reaches, with the words that the generator and the instance file have for it."""

    def __init__(self, variant, engine, server, jdbc, uri):
        self.variant, self.engine, self.server, self.jdbc, self.uri = variant, engine, server, jdbc, uri

    def renew(self, database):
        self.server.renew(database)
        if self.engine == "postgresql":
            self.server.psql("postgres", f"ALTER DATABASE {database} OWNER TO {USER};\n")

    def variables(self, database):
        prefix = "PG" if self.engine == "postgresql" else "MY"
        return {f"{prefix}_URL": f"{self.jdbc}/{database}", f"{prefix}_USER": USER, f"{prefix}_PASSWORD": PASSWORD}


class Measuring:
    """One run of the row."""

    def __init__(self, bench, place, sides):
        self.bench, self.place, self.sides = bench, place, sides
        self.row = Row("magnolia", WHAT)
        self.classes = place / "classes"
        os.mkdir(self.classes)
        bench.runner.run(["javac", "-nowarn", "-XDignore.symbol.file", "-d", self.classes,
                          os.path.join(FIXTURE, "MgnlFixture.java"), os.path.join(HERE, "JdbcCopy.java")])

    def java(self, *arguments):
        return ["java", "-cp", ":".join([self.classes, *DRIVERS]), *arguments]

    def web_app(self, name):
        return os.path.join(self.place / name, "apache-tomcat", "webapps", "magnoliaAuthor")

    def fixture(self, mode, name, *arguments):
        """What the generator says of an instance."""
        folder = os.path.join(self.web_app(name), "WEB-INF", "config", "repo-conf")
        conf = next(file for file in sorted(os.listdir(folder)) if file.startswith("jackrabbit-bundle-"))
        argv = self.java("MgnlFixture", mode, os.path.join(folder, conf),
                         os.path.join(self.web_app(name), "repositories", "magnolia"), *arguments)
        done = subprocess.run(argv, env=self.bench.runner.environment, capture_output=True, text=True, cwd=self.place.path)
        if done.returncode != 0:
            raise servers.Failed(f"{words(argv)}: {done.stdout[-1000:]}{done.stderr[-1000:]}")
        return done.stdout

    def total(self, name):
        return next(line.split()[1] for line in self.fixture("verify", name).splitlines() if line.startswith("TOTAL "))

    def make_source(self, side):
        name = f"from-{side.variant}"
        side.renew(f"source_{side.variant}")
        environment = self.bench.runner.environment | side.variables(f"source_{side.variant}")
        subprocess.run(["bash", os.path.join(FIXTURE, "mkconf.sh"), side.variant, self.place / name, "magnoliaAuthor"],
                       env=environment, check=True, stdout=subprocess.DEVNULL)
        pages = max(100, int(200_000 / BUNDLES_PER_PAGE * self.bench.scale))
        self.fixture("create", name, f"pages={pages}", "assets=4", "assetkb=4", "versions=1", "seed=1")
        return name

    def instance(self, name, home, more=""):
        path = self.place / f"{name}.toml"
        with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(f'name = "magnoliaAuthor"\nprofile = "magnolia"\nhome = "{self.web_app(home)}"\n{more}')
        return path

    def move(self, source, target):
        """Both ways to get one's rows to the other, in turn."""
        old, new, way = self.make_source(source), f"to-{target.variant}", f"{source.engine} to {target.engine}"
        digest, rows = self.total(old), self.count(source, f"source_{source.variant}")
        key = self.place / "key"
        with open(os.open(key, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(PASSWORD)
        to = self.instance(new, new, f'[magnolia]\npersistence = "{target.engine}"\n[[database]]\nname = "db"\n'
                           f'uri = "{target.uri}/moved"\nuser = "{USER}"\npassword_file = "{key}"\n')
        output = self.place / f"{new}.out"
        ours = [self.bench.programs["holdfast"], "migrate", "-I", self.instance(old, old), "--to", to]
        peer = self.java("JdbcCopy", f"{source.jdbc}/source_{source.variant}", USER, PASSWORD, f"{target.jdbc}/moved", USER,
                         PASSWORD)
        seconds, compared = [], set()

        def clear():
            shutil.rmtree(self.place / new, ignore_errors=True)
            target.renew("moved")

        def after_ours():
            with open(output) as file:
                seconds.append(float(RATE.findall(file.read())[-1]))
            if "ours" not in compared and self.total(new) != digest:
                raise servers.Failed(f"{way}: something else arrived than was there")
            compared.add("ours")

        def after_peer():
            if self.count(target, "moved") != rows:
                raise servers.Failed(f"{way}: the plain copy lost rows")

        with contextlib.ExitStack() as stack:
            turns = [Turn("holdfast", [ours], clear, after_ours, stack.enter_context(open(output, "w"))),
                     Turn("JDBC", [peer], clear, after_peer)]
            sides = take_turns(self.bench, turns, self.place.path)
        self.row.cells.append(Cell(f"{way}, all of it", sides["holdfast"], sides["JDBC"], memory_max_mib=MEMORY_BASE_MIB))
        ours_s, peer_s = statistics.median(seconds), sides["JDBC"].median()
        for who, took in (("holdfast", ours_s), ("JDBC", peer_s)):
            self.row.figures.append(Figure(f"{way}, {who}", rows / took, unit="rows/s"))
        self.row.figures.append(Figure(f"{way}, rows alone, ours to JDBC's", ours_s / peer_s, TARGET))
        shutil.rmtree(self.place / old)
        clear()

    def count(self, side, database):
        """Bundles and references of all workspaces."""
        if side.engine == "postgresql":
            tables = side.server.psql(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'").split()
            ask = side.server.psql
        else:
            tables = side.server.sql(database, "SHOW TABLES").split()
            ask = side.server.sql
        wanted = [table for table in tables if table.lower().endswith(("_bundle", "_refs"))]
        return sum(int(ask(database, f"SELECT count(*) FROM {table};\n")) for table in wanted)


def measure_row(bench, name):
    if not postgresql.directory_of_binaries() or not mariadb.program_of_server() or not has_java():
        return Row(name, WHAT, notes=["left out: PostgreSQL, MariaDB, a JDK or the drivers are not installed "
                                      "(scripts/install_dependencies test)"])
    place, host = Place(bench, name), address()
    one = postgresql.Server(bench, place / "postgresql", host)
    other = mariadb.Server(bench, place / "mariadb", host)
    with one.running(), other.running():
        one.psql("postgres", f"CREATE ROLE {USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}';\n")
        other.sql("mysql", f"CREATE USER {USER}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
                  f"GRANT ALL ON *.* TO {USER}@'127.0.0.1' WITH GRANT OPTION;\n")
        sides = (Side("pg", "postgresql", one, f"jdbc:postgresql://{host}:5432", f"postgresql://{host}:5432"),
                 Side("mariadb", "mariadb", other, f"jdbc:mariadb://{host}:3306", f"mysql://{host}:3306"))
        measuring = Measuring(bench, place, sides)
        for source, target in (sides, sides[::-1]):
            bench.say(f"making the Magnolia on {source.engine}")
            measuring.move(source, target)
    bench.end_place(place.path)
    return measuring.row
