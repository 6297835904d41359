"""Aliases: which machine keys stand for one machine, as `registry/hardware.json` says.

A machine gets two keys where clients wrote its facts in two ways. Documents and the index keep the
key of the facts. Whatever puts submissions of one machine together asks `Accepted.machine_key`,
which heeds the aliases that the submissions were read with.
"""

from collections.abc import Mapping
from typing import Any, Final

from hfbench_aggregate.registry_files import read_registry_file
from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.tables import Alias
from hfbench_schema.tree import HARDWARE

Aliases = Mapping[str, Alias]
"""What each machine key is that is not to count by itself; none of these is what another one is."""

_KEY: Final = {"type": "string", "pattern": "^m[1-9][0-9]*-[0-9a-f]{16}$"}
_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "aliases": {
            "type": "object",
            "propertyNames": _KEY,
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["is", "reason"],
                "properties": {"is": _KEY, "reason": {"type": "string", "pattern": "\\S"}},
            },
        }
    },
}


def read_aliases(snapshot: Snapshot) -> Aliases:
    """Return the aliases of a store; without a file, there is none.

    Raises:
        StoreError: the file is not what it should be, or an alias leads to another.
    """
    found: Aliases = read_registry_file(snapshot, HARDWARE, _SCHEMA).get("aliases", {})
    if problem := chained(found):
        raise StoreError(f"{HARDWARE}, aliases: {problem}. Mend the file")
    return found


def chained(aliases: Aliases) -> str | None:
    """Say which alias leads to another, and what to write instead; None if none does."""
    start = next((key for key, alias in aliases.items() if alias["is"] in aliases), None)
    if start is None:
        return None
    names = [start]
    while (key := names[-1]) in aliases and key not in names[:-1]:
        names.append(aliases[key]["is"])
    told = " is ".join(names)
    if names[-1] in names[:-1]:
        return f"{told}, in a circle: take one of them out"
    return f"{told}: name {names[-1]}, the last of them, in each"


def counted_as(key: str, aliases: Aliases) -> str:
    """Return the machine key under which the submissions of one count."""
    return aliases[key]["is"] if key in aliases else key


def alias_differences(before: Aliases, after: Aliases) -> list[str]:
    """Say which keys count as others than before, as in `m1-... none / m1-...`, `before` first."""
    return [
        f"{key} {_told(key, before)} / {_told(key, after)}"
        for key in sorted(before.keys() | after.keys())
        if counted_as(key, before) != counted_as(key, after)
    ]


def _told(key: str, aliases: Aliases) -> str:
    return aliases[key]["is"] if key in aliases else "none"
