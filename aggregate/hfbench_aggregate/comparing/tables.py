"""What `hfbench-aggregate compare --format json` prints.

The rows of single machines are those of a release's `comparisons.json`, with more beside them.
Ratios are candidate over baseline, above 1 is slower; intervals are of 95 %; what cannot be
computed is null.
"""

from typing import Final, Literal, TypedDict

from hfbench_aggregate.tables import Comparison, VerdictFigures

REPORT_SCHEMA: Final = "urn:hfbench:schema:comparison-report:1"

Why = Literal["never run", "unsupported", "set aside", "failed", "too few"]
"""Why a side of a cell has fewer process runs than a verdict needs; `set aside` if contaminated."""


class Gap(TypedDict):
    """One side of a cell that has fewer process runs than a verdict needs.

    `side` is `baseline` or `candidate`; `detail` says more: a reason, or how many there are.
    """

    cell: str
    side: str
    why: Why
    detail: str


class Census(TypedDict):
    """Which cells two versions have in common on one machine, and which are missing.

    `matched` counts the cells that have enough process runs on both sides, `untouched` those of the
    suite, for this framework and these devices, that neither side ran. `command` measures what can
    be measured of the gaps, null where there is nothing to measure, or where a version has no name
    that pip knows.
    """

    matched: int
    untouched: int
    gaps: list[Gap]
    command: str | None


class Index(TypedDict):
    """The geometric mean of the ratios of `cells` matched cells.

    `low` and `high` allow for measurement error alone: they are about these cells, on one machine
    or on the mean machine. `general_low` and `general_high` take the cells for a sample, of cells
    like these.
    """

    cells: int
    ratio: float | None
    low: float | None
    high: float | None
    general_low: float | None
    general_high: float | None


class ComparedMachine(Comparison):
    """One machine: its title, its grade (A is quiet, D noisy), and who measured on it."""

    machine: str
    grade: str | None
    submitters: list[str]
    index: Index | None
    census: Census


class Study(TypedDict):
    """One contributor to a pooled comparison: one submitter on one machine key.

    `cells` counts those that were used; `submitter` is null where the source does not know.
    """

    submitter: str | None
    machine_key: str
    machine: str
    grade: str | None
    cells: int


class PooledCell(VerdictFigures):
    """One verdict across contributors.

    `contributors` and `process_runs` ([baseline, candidate]) are those that count.
    `prediction_low` and `prediction_high` bound the ratio on the next machine. Machines' effects
    differ by a factor of `spread` (1 is not at all), one sd of their logarithms; `q_heterogeneity`
    is that of all having one effect. `wording` says the verdict in a sentence.
    """

    cell: str
    wording: str
    prediction_low: float | None
    prediction_high: float | None
    spread: float | None
    q_heterogeneity: float | None
    contributors: int
    process_runs: list[int]
    flags: list[str]


class Pooled(TypedDict):
    """One family across contributors: the cells of one suite on one device class.

    `tested` is the number of cells in the Benjamini-Hochberg family.
    """

    device_class: str
    suite: str
    baseline: str
    candidate: str
    same_versions: bool
    studies: list[Study]
    tested: int
    index: Index | None
    warnings: list[str]
    cells: list[PooledCell]


class Deciding(TypedDict):
    """The verdict that decides a cell: the pooled one, or where there is none, each machine's.

    `machine_key` is null for a pooled one, `device_class` for one of a machine; the others name its
    table.
    """

    suite: str
    baseline: str
    candidate: str
    device_class: str | None
    machine_key: str | None
    cell: str
    verdict: str


class Report(TypedDict):
    """All that is said of two versions; `baseline` and `candidate` are as asked for.

    `notes` are about documents: what was set aside, and why.
    """

    schema: str
    baseline: str
    candidate: str
    submissions: int
    notes: list[str]
    pooled: list[Pooled]
    machines: list[ComparedMachine]
    deciding: list[Deciding]
