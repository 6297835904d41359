"""What the machine key leaves out and yet may move a timing: shown where it varies.

Kernel, driver or memory make no other machine. Pooled over a value that changed, a comparison is
about the mixture, and whoever reads it must be told.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hfbench_aggregate.environments import Environment, environment_of
from hfbench_aggregate.loading import Accepted
from hfbench_aggregate.pairs import Pair
from hfbench_schema.submission import Machine, Submission

_MOST_VALUES: Final = 4
_Facts = Mapping[str, set[str]]


def _drivers(machine: Machine) -> str | None:
    found = {accelerator.get("driver") for accelerator in machine["accelerators"]} - {None}
    return " + ".join(sorted(map(str, found))) or None


def _client(document: Submission) -> str:
    return f"{document['client']['name']} {document['client']['version']}"


_FACTS: Final[Mapping[str, Callable[[Submission], object]]] = {
    "driver": lambda document: _drivers(document["machine"]),
    "OS": lambda document: document["machine"]["os"],
    "kernel": lambda document: document["machine"].get("kernel"),
    "memory": lambda document: f"{document['machine']['memory_gib']} GiB",
    "memory limit": lambda document: document["machine"].get("memory_limit_gib"),
    "NUMA nodes": lambda document: document["machine"].get("numa_nodes"),
    "client": _client,
}


def machine_differences(pair: Pair) -> str | None:
    """Name the facts in which the two sides differ, or that vary within them; None if none do.

    As in `the machine varies: kernel 6.1 / 6.8, memory 16 GiB and 32 GiB in both`, baseline first.
    """
    a, b = (_of_side(pair, side) for side in (pair.baseline, pair.candidate))
    texts = [
        f"{name} {_both(a[name], b[name])}"
        for name in _FACTS
        if a[name] != b[name] or len(a[name]) > 1
    ]
    return f"the machine varies: {', '.join(texts)}" if texts else None


def varying_facts(submissions: Iterable[Accepted]) -> list[str]:
    """Return the facts that differ between submissions, as in `kernel 6.1 and 6.8`."""
    found = _facts(submissions)
    return [f"{name} {listed(found[name])}" for name in _FACTS if len(found[name]) > 1]


def listed(values: set[str]) -> str:
    """Write values in order, at most four by name, as in `6.1, 6.12 and 6.8`."""
    shown = sorted(values)[:_MOST_VALUES]
    more = len(values) - len(shown)
    *others, last = [*shown, *([f"{more} more"] if more else [])] or ["not recorded"]
    return f"{', '.join(others)} and {last}" if others else last


def _both(a: set[str], b: set[str]) -> str:
    return f"{listed(a)} in both" if a == b else f"{listed(a)} / {listed(b)}"


def _of_side(pair: Pair, side: Environment) -> _Facts:
    return _facts(each for each in pair.family.submissions if _holds(each, side))


def _holds(submission: Accepted, side: Environment) -> bool:
    return any(environment_of(facts) == side for facts in submission.document["environments"])


def _facts(submissions: Iterable[Accepted]) -> _Facts:
    """Collect the values of each fact, what is not recorded left out."""
    found: dict[str, set[str]] = {name: set() for name in _FACTS}
    for submission in submissions:
        for name, read in _FACTS.items():
            value = read(submission.document)
            found[name] |= {str(value)} if value is not None else set()
    return found
