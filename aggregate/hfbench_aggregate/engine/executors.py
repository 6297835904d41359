"""Executors: where the same pure function is applied to many items, and nothing else.

An executor only moves items and results. It applies no arithmetic of its own, so what it gives is
the same, bit for bit, whichever is chosen.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Executor as Pool

# Each imports its pool when it runs: the option that names them all should cost no command time.

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD: Final = 2
"""Items under way for each worker: one that is worked on, one that waits for it."""


class Executor(Protocol):
    """Applies a function to items, and yields the results in the order of the items.

    It takes items as results are taken from it, so that only a few are in memory at a time.
    """

    def __call__(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[Result]:
        """Yield `function(item)` for each item.

        `function` must be importable by name and pure, items and results must be picklable.
        """


class ExecutorError(Exception):
    """An executor cannot be used here; the text says why, and how to mend it."""


def serial(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply it here, one item after the other."""
    return map(function, items)


def threads(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply it in one thread for each usable core."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(usable_cores()) as pool:
        yield from _pooled(pool, function, items)


def processes(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply it in one fresh process for each usable core."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(usable_cores(), get_context("spawn")) as pool:
        yield from _pooled(pool, function, items)


def ray(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Apply it on a Ray cluster: the one at `RAY_ADDRESS`, else one on this machine.

    What items name by path must be readable under that path on every node.

    Raises:
        ExecutorError: Ray is not installed, or no cluster can be reached.
    """
    if find_spec("ray") is None:
        raise ExecutorError(
            "--executor ray needs Ray, which is not installed: pip install 'hfbench[cluster]'"
        )
    import ray as cluster

    started = _joined(cluster)
    try:
        remote = cluster.remote(function)

        def submit(item: Item) -> Callable[[], Result]:
            reference = remote.remote(item)
            return lambda: _result(cluster, reference)

        cores = int(cluster.cluster_resources().get("CPU", 1))
        yield from _in_order(submit, items, AHEAD * cores)
    finally:
        if started:
            cluster.shutdown()


EXECUTORS: Final[dict[str, Executor]] = {
    "serial": serial,
    "threads": threads,
    "processes": processes,
    "ray": ray,
}
"""By the name that `--executor` takes."""


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _pooled(
    pool: "Pool", function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    def submit(item: Item) -> Callable[[], Result]:
        return pool.submit(function, item).result

    return _in_order(submit, items, AHEAD * usable_cores())


def _in_order(
    submit: Callable[[Item], Callable[[], Result]], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Submit items, `ahead` of the results at most; `submit` returns what waits for one result."""
    waiting: deque[Callable[[], Result]] = deque()
    for item in items:
        waiting.append(submit(item))
        if len(waiting) >= ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def _result(cluster: Any, reference: Any) -> Any:
    """Wait for a result; raise what the function raised, as other executors do."""
    try:
        return cluster.get(reference)
    except cluster.exceptions.RayTaskError as error:
        raise error.cause from None


def _joined(cluster: Any) -> bool:
    """Connect to a cluster unless that has been done; return whether it is ours to leave."""
    if cluster.is_initialized():
        return False
    try:
        cluster.init(include_dashboard=False, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ExecutorError(f"no Ray cluster can be used: {error}") from error
    return True
