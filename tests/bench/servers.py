# SPDX-License-Identifier: Apache-2.0
"""What the rows on servers share: a private server, commands that take turns, repositories, and writers that are watched."""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import statistics
import subprocess
import threading
import time

from measure import Failed, Side, size_of, words
from report import Figure

# What a backup may keep in memory, whatever the database: this and 4.5 times the widest row.
MEMORY_BASE_MIB = 200
MEMORY_PER_ROW = 4.5
MIB = 1 << 20


@dataclasses.dataclass
class Turn:
    """A command that takes turns with others: its stages, and what happens untimed before and after it."""

    name: str
    stages: list
    before: object = None
    after: object = None
    output: object = None  # a file


def take_turns(bench, turns, place):
    """Runs the commands in turn, the first one another in each round. Their sides by name."""
    sides = {turn.name: Side(turn.name, bench.shown(words(*turn.stages))) for turn in turns}
    for number in range(bench.runs):
        first = number % len(turns)
        for turn in turns[first:] + turns[:first]:
            if turn.before:
                turn.before()
            os.sync()
            sides[turn.name].runs.append(bench.runner.run(*turn.stages, directory=place, output=turn.output))
            if turn.after:
                turn.after()
    return sides


class Place:
    """A directory with repositories that restic made, and instance files that lead to them."""

    def __init__(self, bench, name):
        self.bench, self.path = bench, bench.new_place(name)
        self.repositories = {}  # instance file -> name
        bench.make_empty(self.path)

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def cache(self, repository):
        """Of its own for each repository, as all of them have the same id."""
        return self / f"{repository}-cache"

    def renew(self, name):
        for used in (self / name, self.cache(name)):
            shutil.rmtree(used, ignore_errors=True)
        shutil.copytree(self / "empty", self / name)

    def instance(self, name, repository, databases, limits=""):
        """An instance file for (component, uri, user) of each database."""
        lines = ['name = "bench"', "[repository]", f'location = "{self / repository}"',
                 f'password_file = "{self.bench.password}"']
        for component, uri, user in databases:
            lines += ["[[database]]", f'name = "{component}"', f'uri = "{uri}"', f'user = "{user}"']
        path = self / f"{name}.toml"
        with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write("\n".join(lines) + f"\n{limits}\n")
        self.repositories[path] = repository
        return path

    def holdfast(self, verb, instance):
        program = self.bench.program("holdfast", None, self.cache(self.repositories[instance]))
        return program + [*verb, "-I", instance]

    def backup(self, instance):
        return self.holdfast(["backup"], instance) + ["--quiet", "--compression", "auto"]

    def restore(self, instance):
        return self.holdfast(["restore", "latest"], instance) + ["--quiet"]

    def restic_stdin(self, repository):
        return self.bench.program("restic", self / repository, self.cache(repository)) + [
            "backup", "--stdin", "--stdin-filename", "dump", "--quiet", "--compression", "auto"]

    def stored_by(self, repository, *stages):
        """How many bytes a command adds to a repository."""
        before = size_of(self / repository)
        self.bench.runner.run(*stages, directory=self.path)
        return size_of(self / repository) - before


class Drill:
    """Turns of `holdfast drill`, which loads without proving and says how long that took, and compares only then."""

    def __init__(self, place, databases):
        self.place, self.seconds = place, []
        instance = place.instance("drill", "repository-holdfast", databases, f'[drill]\nscratch_dir = "{place.bench.ram}"')
        self.argv = place.holdfast(["drill", "latest"], instance) + ["--json"]
        self.path = place / "drill.json"

    def turn(self, stack):
        return Turn("drill", [self.argv], output=stack.enter_context(open(self.path, "w")), after=self.read)

    def read(self):
        with open(self.path) as file:
            reports = [json.loads(line) for line in file if "restore_seconds" in line]
        self.seconds.append(reports[-1]["restore_seconds"])

    def figure(self, peer, limit):
        return Figure(f"load without proof (restore_seconds of a drill), of {peer.name}",
                      statistics.median(self.seconds) / peer.median(), limit,
                      command=self.place.bench.shown(words(self.argv)))


def user_of_server(names):
    """Options for subprocess: who a server runs as, which refuses root. Not nobody: drills want him for their own."""
    if os.geteuid() != 0:
        return {}
    import pwd
    for name in names:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise Failed(f"servers refuse to run as root, and there is no user {names[0]}")


@contextlib.contextmanager
def running(bench, argv, as_user, is_ready):
    """A server, from when it answers; stopped at the end as it wants to be, and by force if that takes too long."""
    process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *argv], stdin=subprocess.DEVNULL,
                               stdout=bench.runner.log, stderr=bench.runner.log, cwd="/", **as_user)
    try:
        deadline = time.monotonic() + 60
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{argv[0]} does not come up")
            time.sleep(0.05)
        bench.runner.servers.append(process.pid)
        yield process
    finally:
        if process.pid in bench.runner.servers:
            bench.runner.servers.remove(process.pid)
        process.send_signal(signal.SIGINT if "postgres" in argv[0] else signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Writer(threading.Thread):
    """A client that commits one small transaction after the other, and remembers how long each took."""

    def __init__(self, argv, environment, transaction, log):
        super().__init__(daemon=True)
        self.transaction = transaction  # of a number; prints one line at its end
        self.waits_ms, self.ended = [], threading.Event()
        self.client = subprocess.Popen(argv, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                       text=True, bufsize=1)

    def run(self):
        while not self.ended.is_set():
            began = time.monotonic()
            self.client.stdin.write(self.transaction(len(self.waits_ms)))
            self.client.stdin.flush()
            if not self.client.stdout.readline():  # it ends at the first error
                return
            self.waits_ms.append((time.monotonic() - began) * 1000)
            time.sleep(0.002)

    def stop(self):
        self.ended.set()
        self.join()
        self.client.stdin.close()
        if self.client.wait() != 0:
            raise Failed("a writer met an error")
        return sorted(self.waits_ms)


def waits_of_writers(make_writer, work):
    """How long transactions took while something was done, and as long without it: two sorted lists of milliseconds."""
    writer = make_writer()
    writer.start()
    began = time.monotonic()
    work()
    lasted = time.monotonic() - began
    during = writer.stop()
    writer = make_writer()
    writer.start()
    time.sleep(lasted)
    return during, writer.stop()


def stall_figures(row, make_writer, place, argv):
    during, without = waits_of_writers(make_writer, lambda: place.bench.runner.run(argv, directory=place.path))
    for name, waits in (("with a backup", during), ("without", without)):
        row.figures.append(Figure(f"a writer's transactions {name}, longest", waits[-1], unit="ms",
                                  command=place.bench.shown(words(argv))))
        for percent in (99, 50):
            row.figures.append(Figure(f"a writer's transactions {name}, {percent} of 100 within",
                                      waits[len(waits) * percent // 100], unit="ms"))
        row.figures.append(Figure(f"a writer's transactions {name}, number", len(waits)))


def widest_figures(row, place, size, source, clone):
    """Memory of both ways of a table with rows of that many bytes, by these two instances."""
    place.renew("repository-widest")
    for name, argv in (("backup", place.backup(source)), ("load", place.restore(clone))):
        run = place.bench.runner.run(argv, directory=place.path)
        row.figures.append(Figure(f"memory of {name}, rows of {size / MIB:.0f} MiB", run.anon_mib,
                                  MEMORY_BASE_MIB + MEMORY_PER_ROW * size / MIB, "MiB", place.bench.shown(words(argv))))


def storing_figures(row, place, first, changes, commands):
    """What each side stores after each change, in terms of its first backup. `changes`: (name, what makes it, limit)."""
    for name, make, limit in changes:
        make()
        for who, (repository, stages) in commands.items():
            stored = place.stored_by(repository, *stages)
            row.figures.append(Figure(f"stored after {name}, of the first, {who}", stored / first[who],
                                      limit if who == "holdfast" else None))


def feed(bench, argv, script):
    """Feeds a client a script; what it prints."""
    done = subprocess.run(argv, env=bench.runner.environment, input=script, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{words(argv)}: {done.stderr[-2000:]}")
    return done.stdout
