"""Tables about a release as a whole: ranks, findings, coverage, its audit, and what has changed.

Rounded and named as in `hfbench_aggregate.tables`.
"""

from typing import NotRequired, TypedDict


class RankedEntry(TypedDict):
    """One entry of a board, and between which places it ranks over all its cells.

    `low` and `high` are null where there are too few common cells to say anything about the whole;
    `tied_for_first` is then false of all. `trust` is that of its least trusted submission.
    """

    name: str
    environment: str
    low: int | None
    high: int | None
    tied_for_first: bool
    process_runs: int
    contributors: int
    trust: str


class RankedCell(TypedDict):
    """One cell of a board; every list has the order of the board's entries.

    `ms` is the typical time at the mean level of the sittings used. An entry that has not measured
    the cell has nulls and no process run.
    """

    cell: str
    ms: list[float | None]
    low: list[int | None]
    high: list[int | None]
    process_runs: list[int]


class RankBoard(TypedDict):
    """Entries on one machine, ranked by latency, the fastest over their common cells first.

    In `ranks.json` they are versions of transformers; `model` and `precision` are null there. In
    `mode_ranks.json` they are ways to run one model, a framework and a mode, in one version; the
    precision is the same for all, since another one computes other numbers, and the cells are
    `MODEL/PRECISION/SHAPE`. All entries were measured in the same sittings, in environments that
    are `alike` else. `device` is `cpu`, or the name of the accelerator. Throughput is batch size /
    latency, and has the same ranks. `unranked` says why the whole has no ranks, or is null.
    """

    machine_key: str
    machine: str
    suite: str
    device: str
    model: str | None
    precision: str | None
    metric: str
    alike: str
    submissions: list[str]
    common_cells: int
    unranked: str | None
    entries: list[RankedEntry]
    cells: list[RankedCell]


class FindingRow(TypedDict):
    """One cell that became slower or faster: in `findings.json`, the newest and largest first.

    `id` stays the same as long as the verdict on this cell of this pair of environments does;
    `since` is the release that said so first, without interruption, and `since_at` its moment.
    A finding of one machine has no `device_class` and no `contributors`, one across contributors
    no `machine_key` and no `machine`. `provisional` is said of the comparison that it is in.
    """

    id: str
    since: str
    since_at: str
    machine_key: str | None
    machine: str | None
    device_class: str | None
    contributors: int | None
    suite: str
    baseline: str
    candidate: str
    cell: str
    verdict: str
    wording: str
    ratio: float | None
    low: float | None
    high: float | None
    q: float | None
    process_runs: list[int]
    provisional: bool


class CoverageGroup(TypedDict):
    """The cells `SUITE/GROUP/SHAPE` of one model, mode, device and precision, by their state.

    `few` have too few process runs for a verdict.
    """

    group: str
    measured: list[str]
    few: list[str]
    unsupported: list[str]
    failed: list[str]
    never_run: list[str]


class CoverageRow(TypedDict):
    """What one machine has measured in one environment of a suite: in `coverage.json`.

    Of the cells for devices that the machine has. `counts` has the states of `CoverageGroup`;
    `groups` those that any process run was of, `never_run` the names of the others. `command`
    measures what is missing, or is null.
    """

    machine_key: str
    machine: str
    suite: str
    environment: str
    counts: dict[str, int]
    groups: list[CoverageGroup]
    never_run: list[str]
    command: str | None


class RateRow(TypedDict):
    """A share of tests, with its exact binomial interval at 95 %; null without tests.

    `p` is the two-sided p value of the share that is expected.
    """

    tests: int
    found: int
    share: float | None
    low: float | None
    high: float | None
    p: float | None


class AuditRow(TypedDict):
    """What a release says about itself: in `audit.json`.

    `replicas` and `halves` are A/A comparisons: the share with p <= ALPHA should be near ALPHA.
    `replicas` compares environments that hold the same, `halves` one half of the process runs of
    an environment with the other half, of the same sittings. `slower` is the share of slower among
    findings, of which a half is expected. `overlap` is the Jaccard index of this release's findings
    and the last one's, null where neither has any.
    """

    replicas: RateRow
    halves: RateRow
    slower: RateRow
    previous: str | None
    kept: int
    gone: int
    added: int
    overlap: float | None


class ChangeRow(TypedDict):
    """One thing that two releases say differently: in `diff.json`.

    `table` and `key` name the row, `field` what differs; `kind` is `verdict`, `rank`, `trust` or
    `figure`. `before` and `after` are null where a release has no such row or figure. `causes` are
    what it takes: several of them jointly.
    """

    kind: str
    table: str
    key: list[str]
    field: str
    before: str | float | None
    after: str | float | None
    causes: list[str]


class ChangeCount(TypedDict):
    """How many changes of one kind have the same causes."""

    kind: str
    causes: list[str]
    count: int


class DiffRow(TypedDict):
    """How a release differs from another, and why: in `diff.json`, from the release before.

    `added` and `removed` are submissions by sha256; of `removed`, `events` says what the ledger
    has of each. `method` lists what differs in how they were computed. `aliases` are the machine
    keys that count as others than before, left out where none do. `limits` says which causes could
    not be told apart, and why. `counts` is of all changes; `changes` in a release has no figures,
    of which `hfbench-aggregate diff` gives each.
    """

    before: str
    after: str
    added: list[str]
    removed: list[str]
    events: dict[str, str]
    registry_changed: bool
    aliases: NotRequired[list[str]]
    method: list[str]
    limits: list[str]
    counts: list[ChangeCount]
    changes: list[ChangeRow]
