"""What the aggregator's tests share: a maker of valid synthetic submissions, and a store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hfbench_schema.canonical import canonical_bytes, sha256_hex
from hfbench_schema.submission import SUBMISSION_SCHEMA
from hfbench_schema.suites import Suite, latest_suite
from hfbench_schema.timestamps import format_moment
from hfbench_schema.tree import proposal_path

OLD, NEW = "4.57.6", "5.23.0"
BASE_MS = {"bert-base": 35.0, "gpt2": 60.0, "vit-tiny": 9.0}
MEASURED = {"status": "ok", "threads": {"intra_op": 4, "inter_op": 1}, "output_sha256": "0" * 64}

Document = dict[str, Any]


@dataclass
class Maker:
    """Makes submissions of the smoke suite with planted effects; one seed, always the same."""

    random: Random = field(default_factory=lambda: Random(2019))
    started: datetime = datetime(2026, 11, 2, 9, 0, 0, tzinfo=UTC)

    def document(
        self,
        versions: Sequence[str] = (OLD, NEW),
        *,
        effects: Mapping[tuple[str, str], float] | None = None,
        process_runs: int = 5,
        iterations: int = 20,
        noise: float = 0.004,
    ) -> Document:
        """Return a sitting over `versions`, interleaved; a version twice gets a replica.

        `effects` multiplies the times of (model, version). The sd between process runs is
        `noise`, in log time.
        """
        suite = latest_suite("smoke")
        cells = [cell for cell in suite.cells if cell.device == "cpu"]
        environments = [
            environment(version, versions[:place].count(version))
            for place, version in enumerate(versions)
        ]
        moment = self.started = self.started + timedelta(hours=1)
        runs: list[Document] = []
        for block in range(process_runs):
            for cell in cells:
                for place, version in enumerate(versions):
                    factor = (effects or {}).get((cell.model, version), 1.0)
                    times = self.times(BASE_MS[cell.model] * factor, iterations, noise)
                    runs.append(process_run(cell.id, place, block, moment, times))
                    moment += timedelta(seconds=20)
        protocol = {"process_runs": process_runs, "iterations": iterations}
        parts = {"environments": environments, "process_runs": runs}
        return framed(suite, self.random, (self.started, moment), protocol) | parts

    def times(self, typical_ms: float, iterations: int, noise: float) -> list[int]:
        """Return three warm-up iterations and `iterations` timed ones of a process run, in ns."""
        level = typical_ms * 1e6 * self.random.lognormvariate(0, noise)
        timed = [int(level * self.random.lognormvariate(0, 0.02)) for _ in range(iterations)]
        return [int(level * 3), int(level * 1.5), int(level * 1.1), *timed]


def framed(
    suite: Suite, random: Random, span: tuple[datetime, datetime], protocol: Document
) -> Document:
    """Return what every document of a sitting on one machine has, but for what was measured.

    `span` is from when to when it lasted; `protocol` is what its kind of suite is asked for.
    """
    started, finished = map(format_moment, span)
    return {
        "schema": SUBMISSION_SCHEMA,
        "client": {"name": "hfbench", "version": "0.1.0"},
        "suite": {"name": suite.name, "version": suite.version, "sha256": suite.sha256},
        "sitting": {
            "id": f"{random.getrandbits(128):032x}",
            "seed": 1,
            "invocations": [started],
            "finished_at": finished,
        },
        "protocol": {"launch": "spawn", "order": "abba", "timeout_s": 600, **protocol},
        "machine": {
            "os": "Linux",
            "architecture": "x86_64",
            "cpu": {"name": "AMD EPYC 9R14", "physical_cores": 4, "logical_cores": 8},
            "usable_cores": 4,
            "memory_gib": 16,
            "virtualised": True,
            "accelerators": [],
        },
    }


def environment(version: str, replica: int) -> Document:
    """Return the facts of an environment with a version of transformers."""
    return {
        "label": f"transformers=={version} {replica}",
        "replica": replica,
        "python": "3.11.4",
        "packages": {
            "transformers": version,
            "torch": "2.13.0+cpu",
            "tokenizers": "0.22.1" if version == OLD else "0.23.0",
            "numpy": "2.4.6",
        },
    }


def process_run(
    cell: str, environment: int, block: int, moment: datetime, times: list[int]
) -> Document:
    """Return a measured process run."""
    return {
        "cell": cell,
        "environment": environment,
        "block": block,
        "started_at": format_moment(moment),
        "wall_ns": sum(times) + 4 * 10**9,
        "warmup_iterations": 3,
        "iterations_ns": times,
        "contamination": {"foreign_cpu_ms": 0},
        **MEASURED,
    }


def propose(store: Path, document: Document) -> str:
    """Put a document into a store's proposals; return its sha256."""
    data = canonical_bytes(document)
    sha256 = sha256_hex(data)
    path = store / proposal_path(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return sha256


@pytest.fixture
def maker() -> Maker:
    """Return a maker of submissions."""
    return Maker()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of an empty store."""
    (tmp_path / "store" / "proposals").mkdir(parents=True)
    return tmp_path / "store"
