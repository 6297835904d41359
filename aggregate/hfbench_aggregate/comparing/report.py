"""The report on two versions: every machine, contributors pooled, and what decides each cell."""

from collections.abc import Iterator, Sequence

from hfbench_aggregate.comparing.census import census
from hfbench_aggregate.comparing.index import machine_index
from hfbench_aggregate.comparing.pooling import pooled_comparisons
from hfbench_aggregate.comparing.tables import (
    REPORT_SCHEMA,
    ComparedMachine,
    Deciding,
    Pooled,
    PooledCell,
    Report,
)
from hfbench_aggregate.comparison import Judged, comparison_of, judge
from hfbench_aggregate.ledger_entries import UNKNOWN_SUBMITTER
from hfbench_aggregate.selection import selected_pairs
from hfbench_aggregate.sources import Gathered
from hfbench_aggregate.statistics.verdict import Verdict
from hfbench_aggregate.tables import ComparedCell


def compare(gathered: Gathered, baseline: str, candidate: str) -> Report:
    """Compare two versions on every machine that measured both, and across contributors.

    Raises:
        SelectionError: there is nothing to compare; the text says what there is.
    """
    judged = [judge(pair) for pair in selected_pairs(gathered.families(), baseline, candidate)]
    pooled = pooled_comparisons(judged)
    machines = [_machine(one) for one in judged]
    return {
        "schema": REPORT_SCHEMA,
        "baseline": baseline,
        "candidate": candidate,
        "submissions": len(gathered.submissions),
        "notes": gathered.notes,
        "pooled": pooled,
        "machines": machines,
        "deciding": list(_deciding(pooled, machines)),
    }


def _machine(judged: Judged) -> ComparedMachine:
    family, grade = judged.pair.family, judged.grade
    submitters = {each.submitter for each in family.submissions} - {UNKNOWN_SUBMITTER}
    return {
        **comparison_of(judged),
        "machine": family.machine_title,
        "grade": None if grade is None else grade.value,
        "submitters": sorted(submitters),
        "index": machine_index(judged),
        "census": census(judged.pair),
    }


def _deciding(pooled: Sequence[Pooled], machines: Sequence[ComparedMachine]) -> Iterator[Deciding]:
    """Yield the pooled verdicts, and those of machines in the cells that have no pooled one.

    With two contributors there is none: how far machines differ is then not known.
    """
    covered: set[tuple[str, ...]] = set()
    for group in pooled:
        keys = [study["machine_key"] for study in group["studies"]]
        for row in group["cells"]:
            if row["verdict"] != Verdict.INSUFFICIENT:
                yield _decided(group, row, device_class=group["device_class"])
                covered |= {(*_family(group), key, row["cell"]) for key in keys}
    for machine in machines:
        key = machine["machine_key"]
        for cell in machine["cells"]:
            if (*_family(machine), key, cell["cell"]) not in covered:
                yield _decided(machine, cell, machine_key=key)


def _decided(
    table: Pooled | ComparedMachine,
    row: PooledCell | ComparedCell,
    *,
    device_class: str | None = None,
    machine_key: str | None = None,
) -> Deciding:
    return {
        "suite": table["suite"],
        "baseline": table["baseline"],
        "candidate": table["candidate"],
        "device_class": device_class,
        "machine_key": machine_key,
        "cell": row["cell"],
        "verdict": row["verdict"],
    }


def _family(table: Pooled | ComparedMachine) -> tuple[str, str, str]:
    return table["suite"], table["baseline"], table["candidate"]
