"""The machines of submissions, and what varies between the submissions of one.

Kernel, driver or memory make no other machine, but may move a timing, and under aliases even facts
of the machine key vary. Pooled over a value that changed, a comparison is about the mixture, and
whoever reads it must be told.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from hfbench_aggregate.environments import Environment, environment_of
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.pairs import Pair
from hfbench_aggregate.reduction import Family, machine_of
from hfbench_aggregate.tables import AliasRow, MachineRow
from hfbench_schema.machine_key import machine_title
from hfbench_schema.submission import Machine, Submission

_MOST_VALUES: Final = 4
_Facts = Mapping[str, set[str]]
_Reads = Mapping[str, Callable[[Submission], object]]
_NOT_RECORDED: Final = "not recorded"


def _drivers(machine: Machine) -> str | None:
    found = {accelerator.get("driver") for accelerator in machine["accelerators"]} - {None}
    return " + ".join(sorted(map(str, found))) or None


def _accelerators(machine: Machine) -> str:
    found = [f"{a['vendor']} {a['name']} {a['memory_gib']} GiB" for a in machine["accelerators"]]
    return " + ".join(found) or "none"


def _virtualised(machine: Machine) -> str:
    return {True: "yes", False: "no", None: "cannot be told"}[machine["virtualised"]]


def _of_machine(read: Callable[[Machine], object], document: Submission) -> object:
    return read(document["machine"])


def _client(document: Submission) -> str:
    return f"{document['client']['name']} {document['client']['version']}"


_IN_THE_KEY: Final[Mapping[str, Callable[[Machine], object]]] = {
    "architecture": lambda machine: machine["architecture"],
    "processor": lambda machine: machine["cpu"]["name"],
    "processor vendor": lambda machine: machine["cpu"].get("vendor", _NOT_RECORDED),
    "processor family": lambda machine: machine["cpu"].get("family", _NOT_RECORDED),
    "processor model": lambda machine: machine["cpu"].get("model", _NOT_RECORDED),
    "physical cores": lambda machine: machine["cpu"]["physical_cores"],
    "logical cores": lambda machine: machine["cpu"]["logical_cores"],
    "usable cores": lambda machine: machine["usable_cores"],
    "virtualised": _virtualised,
    "accelerators": _accelerators,
}
"""What `hfbench_schema.machine_key` hashes, for people: it varies under aliases alone."""
_BESIDE_IT: Final[_Reads] = {
    "driver": lambda document: _drivers(document["machine"]),
    "OS": lambda document: document["machine"]["os"],
    "kernel": lambda document: document["machine"].get("kernel"),
    "memory": lambda document: f"{document['machine']['memory_gib']} GiB",
    "memory limit": lambda document: document["machine"].get("memory_limit_gib"),
    "NUMA nodes": lambda document: document["machine"].get("numa_nodes"),
    "client": _client,
}
_ALL: Final[_Reads] = {
    **{name: partial(_of_machine, read) for name, read in _IN_THE_KEY.items()},
    **_BESIDE_IT,
}


def machine_rows(submissions: Iterable[Accepted]) -> list[MachineRow]:
    """Return one row a machine key under which submissions count, sorted."""
    found: dict[str, list[Accepted]] = {}
    for submission in submissions:
        found.setdefault(submission.machine_key, []).append(submission)
    return [_machine_row(key, found[key]) for key in sorted(found)]


def _machine_row(key: str, submissions: Sequence[Accepted]) -> MachineRow:
    facts = machine_of(submissions)
    row: MachineRow = {
        "machine_key": key,
        "title": machine_title(facts),
        "facts": facts,
        "submissions": [one.sha256 for one in submissions],
    }
    others = sorted({one.own_machine_key for one in submissions} - {key})
    if others:
        row["aliases"] = [_alias_row(other, submissions, facts) for other in others]
    return row


def _alias_row(key: str, submissions: Sequence[Accepted], facts: Machine) -> AliasRow:
    """Return the row of an alias of the machine that has these submissions and facts."""
    own = [one for one in submissions if one.own_machine_key == key]
    latest = own[-1].document["machine"]
    return {
        "machine_key": key,
        "reason": own[-1].aliases[key]["reason"],
        "differing": key_differences(latest, facts),
        "facts": latest,
        "submissions": [one.sha256 for one in own],
    }


def key_differences(a: Machine, b: Machine) -> list[str]:
    """Name the facts of the machine key in which two differ, as in `usable cores 3 / 4`."""
    return [
        f"{name} {read(a)} / {read(b)}" for name, read in _IN_THE_KEY.items() if read(a) != read(b)
    ]


def machine_differences(pair: Pair) -> str | None:
    """Name the facts in which the two sides differ, or that vary within them; None if none do.

    As in `the machine varies: kernel 6.1 / 6.8, memory 16 GiB and 32 GiB in both`, baseline first.
    """
    reads = _ALL if len(_own_keys(pair.family.submissions)) > 1 else _BESIDE_IT
    a, b = (_facts(_with(side, pair.family), reads) for side in (pair.baseline, pair.candidate))
    texts = [
        f"{name} {_both(a[name], b[name])}"
        for name in reads
        if a[name] != b[name] or len(a[name]) > 1
    ]
    return f"the machine varies: {', '.join(texts)}" if texts else None


def varying_facts(submissions: Iterable[Accepted]) -> list[str]:
    """Return the facts beside the key that differ, as in `kernel 6.1 and 6.8`."""
    return _varying(_facts(submissions, _BESIDE_IT))


def alias_remark(submissions: Sequence[Accepted]) -> str | None:
    """Say that submissions of several machine keys count as one machine, and what varies.

    As in `m1-... and m1-... count as one machine: processor A and B`; None for one key.
    """
    keys = _own_keys(submissions)
    if len(keys) < 2:
        return None
    varying = ", ".join(_varying(_facts(submissions, _ALL)))
    return f"{listed(keys)} count as one machine: {varying or 'its facts are the same'}"


def listed(values: set[str]) -> str:
    """Write values in order, at most four by name, as in `6.1, 6.12 and 6.8`."""
    shown = sorted(values)[:_MOST_VALUES]
    more = len(values) - len(shown)
    *others, last = [*shown, *([f"{more} more"] if more else [])] or [_NOT_RECORDED]
    return f"{', '.join(others)} and {last}" if others else last


def _both(a: set[str], b: set[str]) -> str:
    return f"{listed(a)} in both" if a == b else f"{listed(a)} / {listed(b)}"


def _own_keys(submissions: Iterable[Accepted]) -> set[str]:
    return {submission.own_machine_key for submission in submissions}


def _with(side: Environment, family: Family) -> list[Accepted]:
    return [each for each in family.submissions if _holds(each, side)]


def _holds(submission: Accepted, side: Environment) -> bool:
    return any(environment_of(facts) == side for facts in submission.document["environments"])


def _varying(facts: _Facts) -> list[str]:
    return [f"{name} {listed(values)}" for name, values in facts.items() if len(values) > 1]


def _facts(submissions: Iterable[Accepted], reads: _Reads) -> _Facts:
    """Collect the values of each fact, what is not recorded left out."""
    found: dict[str, set[str]] = {name: set() for name in reads}
    for submission in submissions:
        for name, read in reads.items():
            value = read(submission.document)
            found[name] |= {str(value)} if value is not None else set()
    return found
