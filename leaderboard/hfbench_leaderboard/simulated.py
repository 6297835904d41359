"""Data that nobody measured: how it is known, so that no page shows it as if somebody had.

A simulated document names its client `hfbench-simulated`. That stands in its immutable bytes, and
the aggregator carries it into every release that counts the document, so that neither a copy of the
store nor a document that is added to it can hide it.
"""

from collections.abc import Iterable
from typing import Final

from hfbench_aggregate.tables import SubmissionRow

SIMULATED_CLIENT: Final = "hfbench-simulated"
"""The name of the client in the documents of `benchmarks/simulated_store.py`."""


def simulated_submissions(submissions: Iterable[SubmissionRow]) -> int:
    """Count the submissions of a release that say of themselves that they are simulated."""
    return sum(row["client"].split(" ")[0] == SIMULATED_CLIENT for row in submissions)
