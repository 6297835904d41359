"""The process runs of a family as columns, and as objects where somebody looks at single ones."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hfbench_aggregate.engine.runs import NONE, RUN, Runs, joined
from hfbench_aggregate.environments import Environment
from hfbench_schema.submission import Threads

Place = tuple[Environment, str]
"""An environment and a cell."""


@dataclass(frozen=True)
class ReducedRun:
    """One process run: its median as the integer pair in the middle, and why if it has none.

    `sitting` is the number of its submission within the family, `order` its place in the
    submission, in the order of launching; `iterations` counts the timed ones. A contaminated
    first attempt has no median, so that a place counts once, by its second. `watched` says
    whether other programs' CPU time was counted, `wall_ns` how long its worker ran.
    """

    submission: str
    sitting: int
    block: int
    attempt: int
    order: int
    status: str
    reason: str | None
    iterations: int
    warmup_iterations: int
    middle_ns: tuple[int, int] | None
    threads: Threads | None
    watched: bool
    wall_ns: int

    @property
    def median_ms(self) -> float | None:
        """The median of the timed iterations in ms; None if not measured."""
        return sum(self.middle_ns) / 2e6 if self.middle_ns else None

    @property
    def x(self) -> float:
        """The logarithm of that median in seconds, the unit of all statistics; NaN if not there."""
        return log_seconds(sum(self.middle_ns)) if self.middle_ns else math.nan


@dataclass(frozen=True, eq=False)
class Arm:
    """The measured process runs of one environment, in arrays (cells, process runs).

    `x` is log seconds, NaN for padding; `sittings` numbers the sitting of each, -1 for padding.
    """

    x: npt.NDArray[np.float64]
    sittings: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RunTable(Mapping[Place, list[ReducedRun]]):
    """The process runs of role latency of a family, by environment and cell.

    `runs` has all of them, in the order of submissions and launching, and `sittings` the number of
    the submission of each; `submissions` are their names. The environments in `runs` are numbers
    of `environments`.
    """

    submissions: Sequence[str]
    environments: Sequence[Environment]
    runs: Runs
    sittings: npt.NDArray[np.int64]

    @classmethod
    def of(cls, submissions: Sequence[tuple[str, Sequence[Environment], Runs]]) -> "RunTable":
        """Return the table of submissions: the name, the environments and the runs of each."""
        numbers: dict[Environment, int] = {}
        parts: list[npt.NDArray[np.int32]] = [np.empty(0, np.int32)]
        for _, environments, runs in submissions:
            own = [numbers.setdefault(each, len(numbers)) for each in environments]
            parts.append(np.array(own, np.int32)[runs.rows["environment"]])
        whole = joined(runs for _, _, runs in submissions)
        whole.rows["environment"] = np.concatenate(parts)
        counts = [len(runs.rows) for _, _, runs in submissions]
        sittings = np.repeat(np.arange(len(counts)), counts)
        return cls([name for name, _, _ in submissions], list(numbers), whole, sittings)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Place]:
        return iter(self._rows)

    def __getitem__(self, place: Place) -> list[ReducedRun]:
        rows = self._rows[place]
        values = zip(self.sittings[rows].tolist(), self.runs.rows[rows].tolist(), strict=True)
        return [
            self._run(sitting, dict(zip(RUN.names or (), row, strict=True)))
            for sitting, row in values
        ]

    def arm(self, environment: Environment, cells: Sequence[str]) -> Arm:
        """Return the measured process runs of an environment, one row for each of `cells`."""
        found = [self._measured(self._rows.get((environment, cell))) for cell in cells]
        counts = np.array([len(rows) for rows in found], np.int64)
        shape = (len(cells), int(counts.max(initial=0)))
        held = np.arange(shape[1]) < counts[:, None]
        rows = np.concatenate([np.empty(0, np.int64), *found])
        arm = Arm(np.full(shape, np.nan), np.full(shape, -1))
        arm.x[held] = _log_seconds(self.runs.rows[rows])
        arm.sittings[held] = self.sittings[rows]
        return arm

    @cached_property
    def _rows(self) -> dict[Place, npt.NDArray[np.int64]]:
        """The rows of each environment and cell, in the order in which they first appear."""
        texts, rows = self.runs.texts, self.runs.rows
        keys = rows["environment"].astype(np.int64) * len(texts) + rows["cell"]
        order = np.argsort(keys, kind="stable")
        held, starts = np.unique(keys[order], return_index=True)
        groups = np.split(order, starts[1:]) if len(held) else []
        places = [(self.environments[key // len(texts)], texts[key % len(texts)]) for key in held]
        found = sorted(zip(places, groups, strict=True), key=lambda entry: int(entry[1][0]))
        return dict(found)

    def _measured(self, rows: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        """Return those rows that have a median."""
        if rows is None:
            return np.empty(0, np.int64)
        return rows[self.runs.rows["iterations"][rows] > 0]

    def _run(self, sitting: int, row: dict[str, Any]) -> ReducedRun:
        known = row["intra_op"] != NONE
        threads: Threads = {"intra_op": row["intra_op"], "inter_op": row["inter_op"]}
        return ReducedRun(
            submission=self.submissions[sitting],
            sitting=sitting,
            block=row["block"],
            attempt=row["attempt"],
            order=row["order"],
            status=self.runs.texts[row["status"]],
            reason=self.runs.text(row["reason"]),
            iterations=row["iterations"],
            warmup_iterations=row["warmup_iterations"],
            middle_ns=(row["low_ns"], row["high_ns"]) if row["iterations"] else None,
            threads=threads if known else None,
            watched=row["watched"],
            wall_ns=row["wall_ns"],
        )


def log_seconds(doubled_ns: int) -> float:
    """Return the logarithm, in seconds, of half of `doubled_ns`.

    By the C library, one number at a time: numpy's differs from processor to processor, and is no
    faster once the number of process runs, not of iterations, is what counts.
    """
    return math.log(doubled_ns / 2e9)


def _log_seconds(rows: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    doubled = (rows["low_ns"] + rows["high_ns"]).tolist()
    return np.fromiter(map(log_seconds, doubled), np.float64, len(doubled))
