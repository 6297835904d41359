"""Rules on what a machine can do (HFB100 to HFB102): a call has a least work, a device a peak.

A breach does not refuse a document, because tables of devices are incomplete and names lie: it is
stored, and counted once a maintainer has looked.
"""

from collections.abc import Iterator
from functools import cache, partial
from typing import Final

from hfbench_schema.cells import Cell
from hfbench_schema.devices import Peak, accelerator_peak, processor_peak
from hfbench_schema.reports import Finding, finding
from hfbench_schema.rules_places import cell_of
from hfbench_schema.submission import Machine, Submission, timed_iterations
from hfbench_schema.suites import Suite
from hfbench_schema.work import least_operations, least_weights

ALLOWANCE: Final = 1.05
"""Clocks above the ones that a data sheet counts with."""
LARGEST_CACHE: Final = 512 * 2**20
"""Bytes; weights beyond it must be read from memory in every call."""


def check_physics(document: Submission, suite: Suite) -> Iterator[Finding]:
    """HFB100, HFB101, HFB102: no call was faster than its device can be, as far as is known."""
    unknown = set()
    # A document has few cells and many process runs.
    device_of = cache(partial(_device, document["machine"]))
    work_of = cache(partial(_least_work, suite))
    for index, run in enumerate(document["process_runs"]):
        cell, timed = cell_of(run), timed_iterations(run)
        if cell is None or not timed or cell.model not in suite.models:
            continue
        device, peak = device_of(cell)
        if peak is None:
            unknown.add(device)
            continue
        yield from _check_call(cell, work_of(cell), min(timed) / 1e9, peak, index)
    yield from (finding("HFB102", "/machine", device=device) for device in sorted(unknown))


def _device(machine: Machine, cell: Cell) -> tuple[str, Peak | None]:
    """Return what computed a cell, and its peak: the fastest accelerator, if it was one."""
    if cell.device == "cpu":
        return f"{machine['architecture']} processors", processor_peak(machine)
    names = [accelerator["name"] for accelerator in machine["accelerators"]]
    peaks = [accelerator_peak(name) for name in names]
    known = [peak for peak in peaks if peak is not None]
    if len(known) < len(peaks) or not known:
        return ", ".join(dict.fromkeys(names)) or "an accelerator that is not named", None
    return ", ".join(dict.fromkeys(names)), max(known, key=lambda peak: peak.half)


def _least_work(suite: Suite, cell: Cell) -> tuple[int, int]:
    """Return the operations of a call, and the bytes of weights that it uses, at least."""
    size = least_weights(suite, cell.model) * (4 if cell.precision == "fp32" else 2)
    return least_operations(suite, cell), size


def _check_call(
    cell: Cell, work: tuple[int, int], seconds: float, peak: Peak, index: int
) -> Iterator[Finding]:
    pointer, (operations, size) = f"/process_runs/{index}/iterations_ns", work
    rate, limit = operations / seconds, peak.operations(cell.precision)
    if rate > ALLOWANCE * limit:
        yield finding(
            "HFB100", pointer, cell=cell.id, rate=_tera(rate), limit=_tera(limit),
            device=peak.name,
        )  # fmt: skip
    if peak.bandwidth and size > LARGEST_CACHE and size / seconds > ALLOWANCE * peak.bandwidth:
        yield finding(
            "HFB101", pointer, cell=cell.id, rate=f"{size / seconds / 1e9:.3g}",
            limit=f"{peak.bandwidth / 1e9:.3g}", device=peak.name,
        )  # fmt: skip


def _tera(rate: float) -> str:
    return f"{rate / 1e12:.3g}"
