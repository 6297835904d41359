"""The timed loop: every call is kept, from the first on."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns

from hfbench_worker.steady_state import LEAST_WARMUP, is_steady, most_iterations

CALLS_PHASES = ("first call", "calls")
"""What a parent is told before the first call, which may compile, and before all others."""
ANNOUNCED_EVERY_NS = 10_000_000_000
"""Far less than any timeout; and what the parent does at it disturbs a call in 10 s at most."""


class Announcements:
    """Tells the parent that calls go on: at each it restarts its timeout.

    So a call may take the whole timeout, however many there are.
    """

    def __init__(self, begin: Callable[[str], None]) -> None:
        self._begin, self._last_ns = begin, 0

    def before(self, number: int) -> None:
        """Announce a call, outside what is timed, if it is time to."""
        self.at(CALLS_PHASES[min(number, 1)], number < len(CALLS_PHASES))

    def at(self, place: str, always: bool) -> None:
        """Announce a place if asked to always, or if it is time to."""
        if always or perf_counter_ns() - self._last_ns >= ANNOUNCED_EVERY_NS:
            self._begin(place)
            self._last_ns = perf_counter_ns()


def time_calls(
    call: Callable[[int], object],
    synchronize: Callable[[], None],
    timed: int,
    begin: Callable[[str], None],
) -> tuple[list[int], int, bool]:
    """Call until the last `timed` calls are at the level of the `timed` calls before them.

    Args:
        call: the work; it gets the number of the call, to rotate its inputs by.
        synchronize: returns when the device has finished all it was given.
        timed: how many calls count.
        begin: is told, outside what is timed, when one of `CALLS_PHASES` begins, and again every
            `ANNOUNCED_EVERY_NS`.

    Returns:
        Every call's duration in ns, the number of warm-up calls, and whether a steady state was
        found. Without one, the last `timed` calls count.
    """
    announcements = Announcements(begin)
    iterations_ns = _time_calls(call, synchronize, LEAST_WARMUP + 2 * timed, announcements)
    with garbage_collection_off():
        while not (steady := is_steady(iterations_ns[-2 * timed :])):
            if len(iterations_ns) >= most_iterations(timed):
                break
            announcements.before(len(iterations_ns))
            iterations_ns.append(_time_call(call, synchronize, len(iterations_ns)))
    return iterations_ns, len(iterations_ns) - timed, steady


def time_first_calls(
    call: Callable[[int], object],
    synchronize: Callable[[], None],
    calls: int,
    begin: Callable[[str], None],
) -> list[int]:
    """Return how long each of the first `calls` calls takes, in ns; arguments as `time_calls`."""
    return _time_calls(call, synchronize, calls, Announcements(begin))


def _time_calls(
    call: Callable[[int], object],
    synchronize: Callable[[], None],
    calls: int,
    announcements: Announcements,
) -> list[int]:
    iterations_ns: list[int] = []
    with garbage_collection_off():
        for number in range(calls):
            announcements.before(number)
            iterations_ns.append(_time_call(call, synchronize, number))
    return iterations_ns


def _time_call(call: Callable[[int], object], synchronize: Callable[[], None], number: int) -> int:
    synchronize()
    start = perf_counter_ns()
    call(number)
    synchronize()
    return perf_counter_ns() - start


@contextmanager
def garbage_collection_off() -> Iterator[None]:
    """Keep the collector from running inside a timed call."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
