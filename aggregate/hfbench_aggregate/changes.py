"""What two releases say differently: verdicts, ranks, trust and figures, row by row."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from hfbench_aggregate.rounding import SIGNIFICANT_DIGITS

VERDICT: Final = "verdict"
RANK: Final = "rank"
TRUST: Final = "trust"
FIGURE: Final = "figure"
KINDS: Final = (VERDICT, RANK, TRUST, FIGURE)
_OF_BOTH: Final = (TRUST, FIGURE)
"""Kinds of which only what both releases have is compared: a new row is no change of another."""
ROUNDING: Final = 1.5 * 10.0 ** (1 - SIGNIFICANT_DIGITS)
"""Relative difference of two published figures that rounding alone can make: one in the last digit,
which is at most this much of a figure, and half of one for binary."""

Value = str | float | None
Tables = Mapping[str, Any]
"""The rows of each table of a release, by the name of its file."""

EVERYWHERE: Final = ""
"""Stands for the machine key in what is said across contributors."""
_PLACE: Final = ("machine_key", "suite", "environment", "cell")
_PAIR: Final = ("machine_key", "suite", "baseline", "candidate")
_ACROSS: Final = ("suite", "device_class", "baseline", "candidate")
_BOARD: Final = ("machine_key", "suite", "device", "alike")
_GROUP: Final = ("machine_key", "suite", "environment", "device", "model")
_FLAT: Final = {
    "cells.json": (_PLACE, ("centre_ms", "low_ms", "high_ms")),
    "break_even.json": ((*_PLACE, "caches"), ("calls", "low", "high")),
    "memory.json": (_PLACE, ("host_peak", "device_peak")),
    "energy.json": (_PLACE, ("joules", "net_joules")),
}


class Item(NamedTuple):
    """One thing that a release says: a field of a row, which its key names.

    The key begins with the machine key, by which causes are asked for, or with EVERYWHERE.
    """

    kind: str
    table: str
    key: tuple[str, ...]
    field: str


def items(tables: Tables) -> dict[Item, Value]:
    """Return everything that tables say, as far as releases are told apart by it."""
    return {
        **dict(_trusted(tables.get("submissions.json", ()))),
        **dict(_flat(tables)),
        **dict(_compared(tables.get("comparisons.json", ()))),
        **dict(_pooled(tables.get("pooled.json", ()))),
        **dict(_trained(tables.get("training.json", ()))),
        **dict(_ranked("ranks.json", tables.get("ranks.json", ()), ())),
        **dict(
            _ranked("mode_ranks.json", tables.get("mode_ranks.json", ()), ("model", "precision"))
        ),
    }


def changed(before: Mapping[Item, Value], after: Mapping[Item, Value]) -> list[Item]:
    """Return what differs beyond rounding, verdicts first; trust and figures if both have one."""
    found = [
        item
        for item in before.keys() | after.keys()
        if not same(before.get(item), after.get(item))
        and (item.kind not in _OF_BOTH or None not in (before.get(item), after.get(item)))
    ]
    return sorted(found, key=lambda item: (KINDS.index(item.kind), item))


def same(a: Value, b: Value) -> bool:
    """Whether two values are the same but for rounding."""
    if isinstance(a, str) or isinstance(b, str) or a is None or b is None:
        return a == b
    return math.isclose(a, b, rel_tol=ROUNDING)


def _trusted(submissions: Iterable[Any]) -> Iterator[tuple[Item, Value]]:
    """Yield tiers by the keys of the submissions' own facts, which no alias changes."""
    for row in submissions:
        key = row.get("own_machine_key", row["machine_key"]), row["sha256"]
        yield Item(TRUST, "submissions.json", key, "trust"), row["trust"]


def _flat(tables: Tables) -> Iterator[tuple[Item, Value]]:
    for table, (names, fields) in _FLAT.items():
        for row in tables.get(table, ()):
            yield from _figures(table, _key(row, names), row, fields)


def _compared(comparisons: Iterable[Any]) -> Iterator[tuple[Item, Value]]:
    for comparison in comparisons:
        yield from _verdicts("comparisons.json", _key(comparison, _PAIR), comparison["cells"])


def _pooled(comparisons: Iterable[Any]) -> Iterator[tuple[Item, Value]]:
    for pooled in comparisons:
        place = (EVERYWHERE, *_key(pooled, _ACROSS))
        yield from _verdicts("pooled.json", place, pooled["cells"])


def _verdicts(
    table: str, place: tuple[str, ...], cells: Iterable[Any]
) -> Iterator[tuple[Item, Value]]:
    for cell in cells:
        key = (*place, cell["cell"])
        yield Item(VERDICT, table, key, "verdict"), cell["verdict"]
        yield from _figures(table, key, cell, ("ratio", "low", "high", "q"))


def _trained(groups: Iterable[Any]) -> Iterator[tuple[Item, Value]]:
    for group in groups:
        place = (*_key(group, _GROUP), group["data"]["task"], group["data"]["sha256"])
        for arm in group["arms"]:
            key = (*place, arm["cell"])
            for name in ("throughput", "end_to_end"):
                yield Item(FIGURE, "training.json", key, name), arm[name]["value"]
        for row in group["quality"]:
            key = (*place, row["cell"], row["metric"])
            yield Item(VERDICT, "training.json", key, "quality"), row["verdict"]


def _ranked(
    table: str, boards: Iterable[Any], further: tuple[str, ...]
) -> Iterator[tuple[Item, Value]]:
    """Yield ranks; boards of the same kind on one machine are numbered in their order."""
    numbers: Counter[tuple[str, ...]] = Counter()
    for board in boards:
        place = _key(board, (*_BOARD, *further))
        numbers[place] += 1
        key = (*place, f"board {numbers[place]}")
        for number, entry in enumerate(board["entries"]):
            own = (*key, entry["name"])
            if entry["low"] is not None:
                yield Item(RANK, table, own, "rank"), _places(entry["low"], entry["high"])
            for cell in board["cells"]:
                if (low := cell["low"][number]) is not None:
                    rank = _places(low, cell["high"][number])
                    yield Item(RANK, table, (*own, cell["cell"]), "rank"), rank


def _places(low: int, high: int) -> str:
    """Write an interval of ranks: `1`, `2-4`."""
    return f"{low}" if low == high else f"{low}-{high}"


def _figures(
    table: str, key: tuple[str, ...], row: Mapping[str, Any], fields: Iterable[str]
) -> Iterator[tuple[Item, Value]]:
    for name in fields:
        yield Item(FIGURE, table, key, name), row[name]


def _key(row: Mapping[str, Any], names: Iterable[str]) -> tuple[str, ...]:
    return tuple(row[name] for name in names)
