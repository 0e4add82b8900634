# SPDX-License-Identifier: Apache-2.0
"""What was measured, and how it is printed: cells that compare two commands, and figures that are compared with a limit."""

import dataclasses

from measure import QUIET_SHARE, Side


def memory_limit_beside(peer):
    """MiB that a command on files may take beside what a peer takes for the same."""
    return max(128.0, peer.peak_mib())


@dataclasses.dataclass
class Cell:
    """Ours beside a peer's. `target`: the greatest ratio of wall times that is wanted, if one is."""

    name: str
    ours: Side
    peer: Side
    target: float = None
    floor_s: float = None  # by the machine's limits
    memory_max_mib: float = None  # instead of what holds for files

    def ratio(self):
        return self.ours.median() / self.peer.median()

    def memory_limit_mib(self):
        return self.memory_max_mib or memory_limit_beside(self.peer)


@dataclasses.dataclass
class Figure:
    """A number that is no time, and the greatest one that is wanted."""

    name: str
    value: float
    limit: float = None
    unit: str = ""
    command: str = ""


@dataclasses.dataclass
class Row:
    name: str
    what: str
    cells: list = dataclasses.field(default_factory=list)
    figures: list = dataclasses.field(default_factory=list)
    limits: dict = dataclasses.field(default_factory=dict)  # rates that depend on its data
    notes: list = dataclasses.field(default_factory=list)  # what was left out, and why


def verdict(value, limit):
    if limit is None:
        return ""
    return f"<= {limit:.2f} {'reached' if value <= limit else 'MISSED'}"


def times_of(side):
    walls = [run.wall_s for run in side.counted()]
    return f"{side.median():.2f} [{min(walls):.2f}-{max(walls):.2f}]"


def table(head, lines):
    columns = [max(len(line[at]) for line in [head] + lines) for at in range(len(head))]
    return "\n".join("  ".join(word.ljust(width) for word, width in zip(line, columns)).rstrip()
                     for line in [head] + lines)


def text_of(row):
    lines = [f"== {row.name}: {row.what}"]
    if row.limits:
        lines.append("   " + ", ".join(f"{name} {rate:,.0f} MB/s" for name, rate in row.limits.items()))
    lines += [f"   {note}" for note in row.notes]
    cells = []
    for cell in row.cells:
        runs = cell.ours.runs + cell.peer.runs
        floor = "" if cell.floor_s is None else f"{cell.floor_s:.2f} (x {cell.ours.median() / cell.floor_s:.1f})"
        cells.append([cell.name, times_of(cell.ours), cell.peer.name, times_of(cell.peer), f"{cell.ratio():.2f}",
                      verdict(cell.ratio(), cell.target), floor,
                      f"{cell.ours.median('cpu_s'):.2f} / {cell.peer.median('cpu_s'):.2f}",
                      f"{cell.ours.peak_mib():.0f} / {cell.peer.peak_mib():.0f}"
                      + (" MISSED" if cell.ours.peak_mib() > cell.memory_limit_mib() else ""),
                      f"{sum(run.is_quiet() for run in runs)}/{len(runs)}"])
    if cells:
        lines.append(table(["cell", "ours s", "peer", "peer s", "ratio", "target", "floor s", "cpu s", "anon MiB",
                            "quiet"], cells))
    if row.figures:
        lines.append(table(["figure", "value", "target"],
                           [[figure.name, f"{figure.value:.4g} {figure.unit}", verdict(figure.value, figure.limit)]
                            for figure in row.figures]))
    commands = {}  # a side may stand in several cells
    for cell in row.cells:
        for side in (cell.ours, cell.peer):
            commands.setdefault(side.command, f"   {cell.name}, {side.name}: {side.command}")
    for figure in row.figures:
        if figure.command:
            commands.setdefault(figure.command, f"   {figure.name}: {figure.command}")
    return "\n".join(lines + list(commands.values())) + "\n"


def json_of(row):
    """The same for programs: every run, not only medians."""
    def side(of):
        return {"name": of.name, "command": of.command, "wall_s": of.median(), "cpu_s": of.median("cpu_s"),
                "peak_anon_mib": of.peak_mib(), "runs": [dataclasses.asdict(run) for run in of.runs]}

    cells = [{"name": cell.name, "ours": side(cell.ours), "peer": side(cell.peer), "ratio": cell.ratio(),
              "target": cell.target, "reached": None if cell.target is None else cell.ratio() <= cell.target,
              "floor_s": cell.floor_s, "memory_limit_mib": cell.memory_limit_mib()} for cell in row.cells]
    return {"name": row.name, "what": row.what, "limits": row.limits, "notes": row.notes, "cells": cells,
            "figures": [dataclasses.asdict(figure) for figure in row.figures]}


LEGEND = f"""Times are medians [least-greatest] of wall seconds over the quiet runs: those during which other programs took at
most {QUIET_SHARE:.0%} of the machine (last column: how many of both sides' runs); over all runs, if none was. Floor: what the
work would take if straightforward code kept all cores busy, by the limits above (and how many times that ours took).
Memory is the peak of RssAnon of a command with its children, wanted at most the greater of 128 MiB and the peer's for
trees of files, and 200 MiB for servers, which are not counted in it.
"""
