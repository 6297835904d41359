"""What `hfbench-aggregate history --format json` prints, and a release has in `history.json`.

Ratios are after over before, above 1 is slower; what cannot be computed is null.
"""

from typing import Final, TypedDict

HISTORY_SCHEMA: Final = "urn:hfbench:schema:history:1"


class VersionPoint(TypedDict):
    """One version: its typical time, over several machines the geometric mean of theirs.

    `low_ms` and `high_ms` bound it at 95 % within its sittings; null over several machines, and of
    a suite index.
    """

    version: str
    ms: float | None
    low_ms: float | None
    high_ms: float | None


class ChangeRow(TypedDict):
    """One change point: `version` is the first at the new level, `previous` the last at the old.

    `low` and `high` bound `ratio` at 95 %. They ignore that the version was chosen for its change,
    and so are slightly too narrow. `called` is whether it is a finding: a change of
    LEAST_EFFECT, as for a verdict, whose interval leaves out 1, and which the error of measuring
    does not explain.
    """

    version: str
    previous: str
    ratio: float | None
    low: float | None
    high: float | None
    p: float | None
    called: bool
    wording: str


class SeriesRow(TypedDict):
    """The history of one cell, or of the suite index (`cell` is then `suite index`).

    `cells` counts those in it. `verdict` is `changed`, `none_found`, `no_spread` or `too_short`;
    `p` is that of no change in the whole series, `q` allows for the other series of its group.
    """

    cell: str
    cells: int
    verdict: str
    wording: str
    p: float | None
    q: float | None
    points: list[VersionPoint]
    changes: list[ChangeRow]


class HistoryGroup(TypedDict):
    """The series of one machine, or of several pooled: one suite, environment and device class.

    `machines` are those that count, with titles in the order of `machine_keys`. `environment` is
    all but the version of transformers. `notes` say what was left out.
    """

    machine_keys: list[str]
    machines: list[str]
    device_class: str
    suite: str
    environment: str
    notes: list[str]
    series: list[SeriesRow]


class History(TypedDict):
    """All histories, pooled ones first; `notes` are about documents that were set aside."""

    schema: str
    submissions: int
    notes: list[str]
    groups: list[HistoryGroup]
