"""The timed loop: every call is kept, from the first on."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns

from hfbench_worker.steady_state import LEAST_WARMUP, is_steady, most_iterations


def time_calls(
    call: Callable[[int], object], synchronize: Callable[[], None], timed: int
) -> tuple[list[int], int, bool]:
    """Call until the last `timed` calls are at the level of the `timed` calls before them.

    Args:
        call: the work; it gets the number of the call, to rotate its inputs by.
        synchronize: returns when the device has finished all it was given.
        timed: how many calls count.

    Returns:
        Every call's duration in ns, the number of warm-up calls, and whether a steady state was
        found. Without one, the last `timed` calls count.
    """
    iterations_ns: list[int] = []
    with _garbage_collection_off():
        while len(iterations_ns) < most_iterations(timed):
            iterations_ns.append(_time_call(call, synchronize, len(iterations_ns)))
            enough = len(iterations_ns) >= LEAST_WARMUP + 2 * timed
            if enough and is_steady(iterations_ns[-2 * timed :]):
                return iterations_ns, len(iterations_ns) - timed, True
    return iterations_ns, len(iterations_ns) - timed, False


def _time_call(call: Callable[[int], object], synchronize: Callable[[], None], number: int) -> int:
    synchronize()
    start = perf_counter_ns()
    call(number)
    synchronize()
    return perf_counter_ns() - start


@contextmanager
def _garbage_collection_off() -> Iterator[None]:
    """Keep the collector from running inside a timed call."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
