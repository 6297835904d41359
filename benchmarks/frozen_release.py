"""Freezes a small store with two releases, for later versions of hfbench to rebuild and to show.

All of it is simulated, and says so. It lies in `tests/frozen`, packed, one for each version of
the method: tests prove that the newest rebuilds byte for byte, that older ones are told to be of
another method, and that the addresses in `tests/frozen/permalinks.txt` still lead somewhere.

    python -m benchmarks.frozen_release

Run it after METHOD_VERSION went up: what it writes then lies beside the older ones, which stay as
they are.
"""

import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import click
from benchmarks.simulated_store import BEGIN, AttributedStore, Contributor, Document, Size
from tests.aggregate.made_up_training import Trainer, Truth, cell_id
from tests.frozen.stores import store_of

from hfbench_aggregate.manifest import METHOD_VERSION
from hfbench_aggregate.publication import publish
from hfbench_leaderboard.simulated import SIMULATED_CLIENT

SIZE: Final = Size(contributors=4, versions=6, cells=15, process_runs=3)
"""Four kinds of machine, and the versions around the slower cache of gpt2, which make findings."""
FIRST: Final = 3
"""So many contributors are in the first release; the second has all of them, and a training."""


def freeze(store: AttributedStore) -> None:
    """Fill an empty store with submissions and two releases."""
    contributors = [Contributor(number, SIZE) for number in range(SIZE.contributors)]
    for one in contributors[:FIRST]:
        store.take(one.document(), one.name)
    publish(store)
    for one in contributors[FIRST:]:
        store.take(one.document(), one.name)
    store.take(_training(), "simulated-trainer")
    publish(store)


def _training() -> Document:
    """Return three arms of MRPC, few seeds of each."""
    arms = {("eager", "fp32"): 24.0, ("compile", "fp32"): 20.0, ("eager", "bf16-autocast"): 15.0}
    truths = {
        cell_id(mode, precision, device="cuda", task="mrpc"): Truth(
            step_ms=step_ms, compiling_s=20.0 if mode == "compile" else 0.0, right=351, noise=0.006
        )
        for (mode, precision), step_ms in arms.items()
    }
    trainer = Trainer(Random(0), BEGIN + timedelta(days=30))  # noqa: S311  no secret hangs on it
    return trainer.document(truths, seeds=3) | {
        "client": {"name": SIMULATED_CLIENT, "version": "1"}
    }


def pack(folder: Path, path: Path) -> None:
    """Write all files of a folder into an archive that depends on nothing else."""
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        for file in _files(folder):
            info = ZipInfo(file.relative_to(folder).as_posix())  # of 1980, on any day
            info.compress_type = ZIP_DEFLATED
            archive.writestr(info, file.read_bytes())


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


@click.command(help=__doc__)
def main() -> None:
    """Freeze the releases of this method."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "store"
        (folder / "proposals").mkdir(parents=True)
        freeze(AttributedStore(folder))
        path = store_of(METHOD_VERSION)
        replaced = " (it took the place of another)" if path.exists() else ""
        pack(folder, path)
    click.echo(f"{path}: {path.stat().st_size / 1000:.0f} kB{replaced}")


if __name__ == "__main__":
    main()
