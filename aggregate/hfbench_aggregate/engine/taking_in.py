"""Taking documents in: from their bytes to partitions, one for each bucket.

They were validated when they were accepted, and whoever reads them has compared their bytes with
their names, so a fast parser suffices here.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from hfbench_aggregate.engine.partitions import Part, reduced_pairs, together
from hfbench_aggregate.engine.runs import NONE, RUN, Runs
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema import submission as documents
from hfbench_schema.contamination import was_watched
from hfbench_schema.machine_key import machine_key
from hfbench_schema.submission import MEASURED_STATUSES, ProcessRun, Submission, role_of

Batch = Sequence[tuple[str, bytes]]
"""Documents, each with the sha256 that names it."""
Placed = Sequence[tuple[int, ProcessRun]]
"""Process runs, each with its place in its document."""
_UNKNOWN: Final[dict[str, int]] = {"intra_op": NONE, "inter_op": NONE}


@dataclass(frozen=True)
class Draft:
    """A partition that is still to be written: its bucket, what it holds, its files."""

    bucket: str
    submissions: tuple[str, ...]
    files: dict[str, bytes]


def take_in(batch: Batch) -> list[Draft]:
    """Return the partitions of some documents, reduced.

    Pure: it depends on the documents alone, and on every executor gives the same bytes.

    Raises:
        StoreError: one of them is no submission, or of a schema that this version does not read.
    """
    buckets: dict[str, list[Part]] = {}
    for sha256, data in batch:
        # Each document is freed before the next is parsed: a million live integers cost more time
        # in the collector and the caches than everything else here.
        part = part_of(sha256, parsed(sha256, data))
        buckets.setdefault(bucket_of(part.submissions[0]["machine_key"]), []).append(part)
    return [_draft(bucket, together(parts)) for bucket, parts in sorted(buckets.items())]


def bucket_of(key: str) -> str:
    """Return the bucket of a machine key, one of 256, in which all of its submissions are."""
    return key.rpartition("-")[2][:2]


def parsed(sha256: str, data: bytes) -> Submission:
    """Parse a document that was validated before.

    Raises:
        StoreError: it is no submission, or of a schema that this version does not read.
    """
    try:
        document: Submission = msgspec.json.decode(data)
        schema = document["schema"]
    except (msgspec.DecodeError, TypeError, KeyError) as error:
        raise StoreError(f"{sha256}.json is no submission: it was never taken in") from error
    if schema != documents.SUBMISSION_SCHEMA:
        raise StoreError(
            f"{sha256}.json has schema {schema}; this version reads {documents.SUBMISSION_SCHEMA}"
        )
    return document


def part_of(sha256: str, document: Submission) -> Part:
    """Return one document as a partition in memory."""
    latency, others = by_role(document["process_runs"])
    counts, samples = _iterations([run for _, run in latency])
    row = _row(sha256, document, len(latency), others)
    return Part([row], columns(latency, counts), counts, samples)


def reduced(process_runs: Sequence[ProcessRun]) -> Runs:
    """Return the process runs of role latency in a document, reduced."""
    placed, _ = by_role(process_runs)
    counts, samples = _iterations([run for _, run in placed])
    runs = columns(placed, counts)
    pairs = reduced_pairs(runs.rows, counts, samples)
    runs.rows["low_ns"], runs.rows["high_ns"] = pairs.low, pairs.high
    return runs


def by_role(runs: Sequence[ProcessRun]) -> tuple[Placed, list[ProcessRun]]:
    """Return the process runs of role latency with their places, and all others."""
    placed = [(order, run) for order, run in enumerate(runs) if role_of(run) == "latency"]
    if len(placed) == len(runs):
        return placed, []
    return placed, [run for run in runs if role_of(run) != "latency"]


def columns(placed: Placed, counts: npt.NDArray[np.int32]) -> Runs:
    """Return process runs of role latency as columns, their middle pairs still to come.

    `counts` has the iterations of each, warm-up included.
    """
    runs, numbers = [run for _, run in placed], dict[str, int]()
    rows = np.zeros(len(runs), RUN)
    rows["order"] = [order for order, _ in placed]
    for name in ("environment", "block", "wall_ns"):
        rows[name] = [run[name] for run in runs]
    for name in ("cell", "status", "reason"):
        rows[name] = _numbered((run.get(name) for run in runs), numbers)
    rows["attempt"] = [run.get("attempt", 0) for run in runs]
    rows["warmup_iterations"] = [run.get("warmup_iterations", 0) for run in runs]
    rows["watched"] = [was_watched(run) for run in runs]
    for name in ("intra_op", "inter_op"):
        threads = (run.get("threads", _UNKNOWN) for run in runs)
        rows[name] = [each[name] for each in threads]  # type: ignore[literal-required]
    measured = np.array([run["status"] in MEASURED_STATUSES for run in runs], np.bool_)
    rows["iterations"] = np.where(measured, counts - rows["warmup_iterations"], 0)
    return Runs(rows, list(numbers))


def _draft(bucket: str, part: Part) -> Draft:
    return Draft(bucket, tuple(row["sha256"] for row in part.submissions), part.files())


def _numbered(texts: Iterable[Any], numbers: dict[str, int]) -> list[int]:
    """Return the number of each text, NONE for none; new texts are added to `numbers`."""
    return [NONE if text is None else numbers.setdefault(text, len(numbers)) for text in texts]


def _iterations(
    runs: Sequence[ProcessRun],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return how many iterations each process run has, and all of them one after the other."""
    lists = [run.get("iterations_ns", []) for run in runs]
    counts = np.array([len(each) for each in lists], np.int32)
    total = int(counts.sum(dtype=np.int64))
    return counts, np.fromiter(chain.from_iterable(lists), np.int64, total)


def _row(
    sha256: str, document: Submission, latency: int, others: list[ProcessRun]
) -> dict[str, Any]:
    outline = {name: value for name, value in document.items() if name != "process_runs"}
    tally = Counter((role_of(run), run["status"]) for run in document["process_runs"])
    statuses = [[*ended, count] for ended, count in tally.items()]
    return {
        "sha256": sha256,
        "machine_key": machine_key(document["machine"]),
        "process_runs": latency,
        "outline": msgspec.json.encode(outline),
        "statuses": msgspec.json.encode(statuses),
        "other_runs": msgspec.json.encode(others),
    }
