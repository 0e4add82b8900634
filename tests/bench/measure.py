# SPDX-License-Identifier: Apache-2.0
"""Runs commands and measures them: wall time, CPU, peak anonymous memory, and how busy the machine was with other things.

A command is one program, or a pipe of several. What it starts is counted with it.
"""

import contextlib
import ctypes
import dataclasses
import os
import shlex
import signal
import statistics
import subprocess
import threading
import time

PR_SET_CHILD_SUBREAPER = 36  # of linux/prctl.h
TICKS = os.sysconf("SC_CLK_TCK")
# A run during which others used more of the machine than this is noisy.
QUIET_SHARE = 0.10


class Failed(Exception):
    """A command ended with another exit code than 0, or what it made is not what it had to make."""


@dataclasses.dataclass
class Run:
    wall_s: float
    cpu_s: float
    anon_mib: float
    other: float  # the share of the machine's CPU time that something else used

    def is_quiet(self):
        return self.other <= QUIET_SHARE


@dataclasses.dataclass
class Side:
    """One of the two that are compared in a cell, and its runs."""

    name: str
    command: str
    runs: list = dataclasses.field(default_factory=list)

    def counted(self):
        """The quiet runs; all, if none was quiet."""
        return [run for run in self.runs if run.is_quiet()] or self.runs

    def median(self, what="wall_s"):
        return statistics.median(getattr(run, what) for run in self.counted())

    def peak_mib(self):
        return max(run.anon_mib for run in self.runs)


def children_of(pid):
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass
    return found


def family_of(pids):
    found, ahead = [], list(pids)
    while ahead:
        pid = ahead.pop()
        found.append(pid)
        ahead += children_of(pid)
    return found


def anon_kib(pid):
    try:
        with open(f"/proc/{pid}/status") as file:
            for line in file:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def family_cpu_s(pid):
    """CPU time of a process that goes on, of its children, and of those it has buried."""
    ticks = 0
    for member in family_of([pid]):
        try:
            with open(f"/proc/{member}/stat") as file:
                ticks += sum(int(word) for word in file.read().rpartition(")")[2].split()[11:15])
        except OSError:
            pass
    return ticks / TICKS


def machine_busy_s():
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = (int(word) for word in file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


class Watch(threading.Thread):
    """Looks at the anonymous memory of some processes and their children every few milliseconds."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids = pids
        self.peak_kib = 0
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.01):
            self.peak_kib = max(self.peak_kib, sum(anon_kib(pid) for pid in family_of(self.pids)))


class Runner:
    """Starts commands with an environment of our own, and ends all there are on request."""

    def __init__(self, environment, log):
        # Whoever loses the program that has started it becomes our child, so that end_all can wait for it.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.environment = environment
        self.log = log  # the file that gets what commands say
        self.servers = []  # process ids whose CPU time counts with every command

    def start(self, argv, **options):
        return subprocess.Popen(argv, env=self.environment, stderr=self.log, **options)

    def end_all(self):
        """Ends what was started and what that has started; nothing of it runs when this returns."""
        while family := family_of([os.getpid()])[1:]:
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            os.wait()

    def start_pipe(self, stages, directory, output, options):
        """Starts programs, each reading what the one before it writes."""
        processes, before = [], subprocess.DEVNULL
        for number, argv in enumerate(stages):
            is_last = number == len(stages) - 1
            process = self.start(argv, cwd=directory, stdin=before, stdout=output if is_last else subprocess.PIPE,
                                 **options)
            if processes:
                before.close()
            before = process.stdout
            processes.append(process)
        return processes

    def run(self, *stages, directory="/", output=None, **options):
        """Runs a program (a list of words), or a pipe of several, to its end; its output goes to a file, or to the log.

        Failed if one of them fails.
        """
        servers_before = sum(family_cpu_s(pid) for pid in self.servers)
        busy_before, began = machine_busy_s(), time.monotonic()
        processes = self.start_pipe(stages, directory, output or self.log, options)
        watch = Watch([process.pid for process in processes])
        watch.start()
        cpu_s = 0.0
        for process in processes:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu_s += usage.ru_utime + usage.ru_stime
        wall_s = time.monotonic() - began
        watch.ended.set()
        watch.join()
        cpu_s += sum(family_cpu_s(pid) for pid in self.servers) - servers_before
        other = (machine_busy_s() - busy_before - cpu_s) / (wall_s * os.cpu_count())
        failed = [f"exit code {process.returncode}: {shlex.join(argv)}"
                  for process, argv in zip(processes, stages) if process.returncode != 0]
        if failed:
            raise Failed("\n".join(failed))
        return Run(wall_s, cpu_s, watch.peak_kib / 1024, min(1.0, max(0.0, other)))


def words(*stages):
    return " | ".join(shlex.join(argv) for argv in stages)


def warm(directory):
    """Reads everything below a directory, so that it lies in the page cache, and has written what waits to be."""
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb", buffering=0) as file:
                while file.read(1 << 20):
                    pass
    os.sync()


def take_memory(directory, size):
    """Fills so much of a tmpfs and gives it back, so that a virtual machine's host has that memory ready."""
    path = os.path.join(directory, "taken")
    block = bytes(1 << 20)
    try:
        with open(path, "wb", buffering=0) as file:
            for _ in range(size >> 20):
                file.write(block)
    finally:
        os.remove(path)


def size_of(directory):
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(directory) for name in names)
