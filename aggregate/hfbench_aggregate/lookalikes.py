"""Machines that may be one under two keys: their facts differ in how they are written.

Candidates for an alias, and no more: whether they are one machine, only people can tell.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from typing import Final

from hfbench_aggregate.tables import MachineRow
from hfbench_schema.submission import Machine

_DECORATION: Final = re.compile(r"\((r|tm|c)\)|[®™©]|@.*|\b(cpu|processor)\b|[^a-z0-9]")


def lookalikes(machines: Sequence[MachineRow]) -> list[tuple[MachineRow, MachineRow]]:
    """Return each two machines that differ in spelling, virtualisation or what is not recorded."""
    found: defaultdict[tuple[object, ...], list[MachineRow]] = defaultdict(list)
    for row in machines:
        found[_written_plainly(row["facts"])].append(row)
    pairs = (pair for alike in found.values() for pair in combinations(alike, 2))
    return [(a, b) for a, b in pairs if _may_be_one(a["facts"], b["facts"])]


def _written_plainly(machine: Machine) -> tuple[object, ...]:
    cpu = machine["cpu"]
    cores = (cpu["physical_cores"], cpu["logical_cores"], machine["usable_cores"])
    devices = [(_plain(a["name"]), a["memory_gib"]) for a in machine["accelerators"]]
    return (machine["architecture"], _plain(cpu["name"]), *cores, *devices)


def _plain(name: str) -> str:
    """Write a name as all vendors' strings of it read: `intelxeon8488c`."""
    return _DECORATION.sub("", name.lower())


def _may_be_one(a: Machine, b: Machine) -> bool:
    """Whether no fact that both record says that the processors are two."""
    pairs = ((a["cpu"].get(name), b["cpu"].get(name)) for name in ("family", "model"))
    return all(None in pair or pair[0] == pair[1] for pair in pairs)
