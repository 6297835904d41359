"""Executors: the same bytes wherever the functions run, a few items at a time."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.aggregate.conftest import Maker
from tests.aggregate.engine.made_up_store import manifold

from hfbench_aggregate.engine.executors import EXECUTORS, Executor
from hfbench_aggregate.engine.partitions import REDUCED, reduce_part, reduced_bytes
from hfbench_aggregate.engine.taking_in import Batch, take_in
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.canonical import canonical_bytes, sha256_hex

WORKERS = 2


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A Ray cluster of two workers on this machine."""
    import ray

    ray.init(num_cpus=WORKERS, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(params=list(EXECUTORS))
def executor(request: pytest.FixtureRequest) -> Executor:
    if request.param == "ray":
        if find_spec("ray") is None:
            pytest.skip("Ray is not installed: pip install 'hfbench[cluster]'")
        request.getfixturevalue("cluster")
    return EXECUTORS[request.param]


@pytest.fixture
def batches(maker: Maker) -> list[Batch]:
    found = [canonical_bytes(document) for document in manifold(maker)]
    return [[(sha256_hex(data), data)] for data in found]


def test_every_executor_gives_the_same_bytes(
    executor: Executor, batches: list[Batch], tmp_path: Path
) -> None:
    wanted = [take_in(batch) for batch in batches]
    assert list(executor(take_in, batches)) == wanted
    folders = [tmp_path / str(place) for place in range(len(batches))]
    for folder, (draft,) in zip(folders, wanted, strict=True):
        folder.mkdir()
        for name, data in draft.files.items():
            (folder / name).write_bytes(data)
    tables = executor(reduce_part, map(str, folders))
    reduced = [sha256_hex(reduced_bytes(table)) for table in tables]
    assert reduced == [sha256_hex(draft.files[REDUCED]) for (draft,) in wanted]


def test_what_a_function_raises_is_raised(executor: Executor, batches: list[Batch]) -> None:
    results = executor(take_in, [batches[0], [("0" * 64, b"{}")]])
    next(results)
    with pytest.raises(StoreError, match=r"^0{64}\.json is no submission: it was never taken in$"):
        next(results)


def test_items_are_taken_as_results_are(executor: Executor, batches: list[Batch]) -> None:
    """Documents of a whole store must not be in memory at once."""
    taken = 0

    def counted() -> Iterator[Batch]:
        nonlocal taken
        for _ in range(200):
            taken += 1
            yield batches[0]

    results = executor(take_in, counted())
    next(results)
    assert taken < 100
