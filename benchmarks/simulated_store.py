"""A store made up by a program: contributors, machines, versions and cells, with known truth.

Every document is a valid submission, judged and taken in by the real intake, and names its client
`hfbench-simulated`, so that every page made from it says that nothing in it was measured. What is
true is in `simulated_truth.py`, and is written beside the store as `truth.json`.

    python -m benchmarks.simulated_store build/simulated/store
    hfbench-leaderboard build build/simulated/store

The same arguments give the same bytes. The whole of it, 40 contributors, 12 versions and 300 cells,
takes two minutes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import click
from benchmarks.simulated_roles import further_runs
from benchmarks.simulated_truth import (
    GONE,
    MACHINES,
    SUITE,
    VERSIONS,
    MachineClass,
    base_seconds,
    cells_of,
    is_gone,
    true_ratio,
    truth_table,
)
from tests.aggregate.made_up_training import Trainer, Truth, cell_id

from hfbench_aggregate.intake import take_in
from hfbench_aggregate.publication import publish
from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import Proposal, StoreError
from hfbench_leaderboard.simulated import SIMULATED_CLIENT
from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.cells import Cell
from hfbench_schema.machine_key import machine_title
from hfbench_schema.submission import SUBMISSION_SCHEMA
from hfbench_schema.timestamps import format_moment
from hfbench_schema.tolerances import TOLERANCES_PPB
from hfbench_schema.tree import proposal_path

BEGIN: Final = datetime(2026, 2, 2, 9, 0, 0, tzinfo=UTC)
TOGETHER: Final = 4
"""So many versions are measured in one sitting; the next window begins with the last of them."""
SHARE: Final = 0.8
"""Of the cells of a machine, so many are measured by each contributor."""
HOST_SD: Final = 0.01
"""Between contributors' machines of one key, of log time: the same in all cells of a sitting."""
ITERATION_SD: Final = 0.02
_S: Final = 10**9
Document = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How much is made up."""

    contributors: int = 40
    versions: int = 12
    cells: int = 300
    process_runs: int = 5

    @property
    def held(self) -> tuple[str, ...]:
        """The newest versions."""
        return VERSIONS[-self.versions :]


@dataclass
class Contributor:
    """One contributor with a machine: measures some versions in one sitting."""

    number: int
    size: Size
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(f"hfbench {self.number}")  # noqa: S311  no secret hangs on it
        self.host = self.random.gauss(0, HOST_SD)

    @property
    def name(self) -> str:
        """As the Hub would know it."""
        return f"simulated-{self.number + 1:02}"

    @property
    def machine(self) -> MachineClass:
        """Contributors take the kinds of machine in turn."""
        return MACHINES[self.number % len(MACHINES)]

    @property
    def versions(self) -> tuple[str, ...]:
        """What this one measures: windows that overlap in one version."""
        held, width = self.size.held, min(TOGETHER, self.size.versions)
        starts = [*range(0, len(held) - width, width - 1), len(held) - width]
        start = starts[self.number // len(MACHINES) % len(starts)]
        return held[start : start + width]

    def document(self) -> Document:
        """Return the document of the sitting."""
        began = BEGIN + timedelta(days=6 * self.number, minutes=self.random.randrange(600))
        runs = [*self._timed(began)]
        runs += further_runs(self.random, self.machine, self._cells(), _ended(runs))
        facts = {**self.machine.facts, "kernel": self.random.choice(("6.8.0-45", "6.1.0-31"))}
        return {
            "schema": SUBMISSION_SCHEMA,
            "client": {"name": SIMULATED_CLIENT, "version": "1"},
            "suite": {"name": SUITE.name, "version": SUITE.version, "sha256": SUITE.sha256},
            "sitting": {
                "id": f"{self.random.getrandbits(128):032x}",
                "seed": self.number,
                "invocations": [format_moment(began)],
                "finished_at": format_moment(_ended(runs)),
            },
            "protocol": {
                "launch": "spawn",
                "order": "abba",
                "roles": ["latency", "cold", "memory", "energy"],
                "process_runs": self.size.process_runs,
                "iterations": SUITE.iterations,
                "timeout_s": 600,
            },
            "machine": facts,
            "environments": [
                *(_environment(version, 0) for version in self.versions),
                _environment(self.versions[0], 1),
            ],
            "process_runs": runs,
        }

    def _cells(self) -> list[Cell]:
        """Return the cells measured, always the first one, in which A/A is compared."""
        every = cells_of(self.machine, self.size.cells)
        chosen = [cell for cell in every[1:] if self.random.random() < SHARE]
        return [every[0], *chosen]

    def _timed(self, moment: datetime) -> Iterator[Document]:
        """Yield the process runs of role latency: block by block, there and back."""
        cells = self._cells()
        for block in range(self.size.process_runs):
            for place, cell in enumerate(self.random.sample(cells, len(cells))):
                arms = len(self.versions) + (cell == cells[0])
                order = range(arms) if (block + place) % 2 == 0 else reversed(range(arms))
                for environment in order:
                    for run in self._attempts(cell, environment, block):
                        moment = moment + timedelta(seconds=1)
                        yield {**run, "started_at": format_moment(moment)}
                        moment += timedelta(seconds=run["wall_ns"] / _S)

    def _attempts(self, cell: Cell, environment: int, block: int) -> Iterator[Document]:
        """Yield one process run, or a disturbed one and its second attempt."""
        where = {"cell": cell.id, "environment": environment, "block": block}
        version = (*self.versions, self.versions[0])[environment]
        if why := self._why_not(cell, version):
            # Said twice in a row, a cell is given up in that environment.
            if block < (1 if why["status"] == "unsupported" else 2):
                yield where | why | {"wall_ns": 6 * _S}
            return
        seconds = base_seconds(cell.id, self.machine)
        seconds *= true_ratio(version, cell.id, machine_title(self.machine.facts))
        if self.random.random() < 0.004:
            yield where | self._disturbed(cell, seconds)
            where["attempt"] = 1
        yield where | self._measured(cell, seconds)

    def _why_not(self, cell: Cell, version: str) -> Document | None:
        if is_gone(cell.id, version):
            reason = f"transformers {version} has no {cell.model}; {GONE[cell.model]} dropped it"
            return {"status": "unsupported", "reason": reason}
        gpus = self.machine.facts["accelerators"]
        if gpus and gpus[0]["memory_gib"] < 40 and (cell.model, cell.batch_size) == ("ctrl", 8):
            reason = "CUDA out of memory. Tried to allocate 1.20 GiB"
            return {"status": "oom_device", "reason": reason}
        return None

    def _measured(self, cell: Cell, seconds: float) -> Document:
        noise = self.random.gauss(0, self.machine.noise) + self.host
        level, scatter = seconds * _S * math.exp(noise), self.random.gauss
        timed = [level * (1 + abs(scatter(0, ITERATION_SD))) for _ in range(SUITE.iterations)]
        calls = [int(call) for call in (4 * level, 1.6 * level, 1.2 * level, *timed)]
        run: Document = {
            "status": "ok",
            "warmup_iterations": 3,
            "iterations_ns": calls,
            "wall_ns": sum(calls) + 5 * _S,
            "threads": {"intra_op": self.machine.facts["usable_cores"], "inter_op": 1},
            "output_sha256": sha256_hex(cell.id.encode()),
            "contamination": {"foreign_cpu_ms": self.random.randrange(60)},
        }
        if (cell.mode, cell.precision) != ("eager", "fp32"):
            tolerance = TOLERANCES_PPB[cell.precision]
            run["output_check"] = {"distance_ppb": tolerance // 9, "tolerance_ppb": tolerance}
        return run

    def _disturbed(self, cell: Cell, seconds: float) -> Document:
        """Return a process run beside which other programs kept half of the cores busy."""
        run = self._measured(cell, 1.3 * seconds)
        foreign_ms = self.machine.facts["usable_cores"] * run["wall_ns"] // (2 * 10**6)
        run.update(status="contaminated", contamination={"foreign_cpu_ms": foreign_ms})
        return run | {"reason": "foreign CPU time: other programs kept half of the cores busy"}


def _environment(version: str, replica: int) -> Document:
    newer = version.startswith("5")
    return {
        "label": f"transformers-{version}" + (f"~{replica}" if replica else ""),
        "replica": replica,
        "python": "3.11.14",
        "packages": {
            "transformers": version,
            "torch": "2.13.0",
            "tokenizers": "0.23.0" if newer else "0.22.1",
            "huggingface-hub": "1.1.4" if newer else "0.36.0",
            "numpy": "2.4.0",
        },
    }


def _ended(runs: Sequence[Document]) -> datetime:
    last = runs[-1]
    begun = datetime.strptime(last["started_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return begun + timedelta(seconds=1 + last["wall_ns"] / _S)


def trainings() -> Iterator[Document]:
    """Yield the documents of two contributors who fine-tuned: eight arms on MRPC, four on CoLA."""
    for number, (task, model, devices) in enumerate((("mrpc", 86.0, (1, 2)), ("cola", 80.0, (1,)))):
        truths = {}
        for mode, compiled in (("eager", 1.0), ("compile", 1.2)):
            for precision, amp in (("fp32", 1.0), ("bf16-autocast", 1.6)):
                for world in devices:
                    cell = cell_id(mode, precision, world, device="cuda", task=task)
                    examples = 408 if task == "mrpc" else 1043
                    truths[cell] = Truth(
                        step_ms=24 / (compiled * amp) * (1.15 if world > 1 else 1),
                        compiling_s=20.0 if compiled > 1 else 0.0,
                        right=examples * model / 100,
                        noise=0.006,
                    )
        trainer = Trainer(Random(number), BEGIN + timedelta(days=240 + number))  # noqa: S311
        document = trainer.document(truths, seeds=5)
        machine = MACHINES[1].facts
        four = [gpu for gpu in machine["accelerators"] for _ in range(2)]
        yield document | {
            "client": {"name": SIMULATED_CLIENT, "version": "1"},
            "machine": {**machine, "accelerators": four},
        }


class AttributedStore(LocalStore):
    """A folder that knows who proposed what, as the Hub does."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.authors: dict[str, str] = {}

    def proposal(self, proposal_id: str) -> Proposal:
        """Look at a proposal, and say whose it is."""
        return replace(super().proposal(proposal_id), author=self.authors.get(proposal_id))

    def take(self, document: Document, author: str) -> None:
        """Propose a document, and have it taken in an hour after its sitting.

        Raises:
            StoreError: the intake refused it, or set it aside.
        """
        data = canonical_bytes(document)
        path = self.root / proposal_path(sha256_hex(data))
        path.write_bytes(data)
        self.authors[path.name] = author
        moment = datetime.fromisoformat(document["sitting"]["finished_at"]) + timedelta(hours=1)
        for decision in take_in(self, lambda: moment).decisions:
            if decision.outcome != "accepted":
                found = "; ".join(f"{f.rule} {f.message}" for f in decision.report.findings[:5])
                raise StoreError(f"{author}: {decision.outcome}: {found}")


def simulate(folder: Path, size: Size, *, training: bool = True) -> None:
    """Write a store with a release, and the truth beside it."""
    (folder / "proposals").mkdir(parents=True)
    store = AttributedStore(folder)
    contributors = [Contributor(number, size) for number in range(size.contributors)]
    documents = [(one.document(), one.name) for one in contributors]
    documents += [(one, "simulated-trainer") for one in trainings()] if training else []
    for document, author in sorted(documents, key=_by_end):
        store.take(document, author)
    titles = {machine_title(machine.facts): machine for machine in MACHINES}
    truth = canonical_bytes(truth_table(size.held, size.cells, titles))
    (folder.parent / "truth.json").write_bytes(truth)
    publish(store)


def _by_end(document: tuple[Document, str]) -> str:
    return str(document[0]["sitting"]["finished_at"])


@click.command(help=__doc__)
@click.argument("store", type=click.Path(path_type=Path))
@click.option("--contributors", default=40, show_default=True)
@click.option("--versions", type=click.IntRange(2, len(VERSIONS)), default=12, show_default=True)
@click.option("--cells", type=click.IntRange(3, 300), default=300, show_default=True)
@click.option("--process-runs", default=5, show_default=True)
def main(store: Path, contributors: int, versions: int, cells: int, process_runs: int) -> None:
    """Write a simulated store."""
    if store.exists():
        raise click.UsageError(f"{store} is there already; choose another folder")
    simulate(store, Size(contributors, versions, cells, process_runs))
    click.echo(store)


if __name__ == "__main__":
    main()
