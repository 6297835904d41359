"""A sweep of 12 cells: hfbench's client against optimum-benchmark.

BERT-base and RoBERTa-base (the peer fails on DistilBERT), batch 1 and 4, sequence 8, 64 and 128,
torch eager, fp32 on the CPU, 20 timed iterations each: one `hfbench-submit run` by either launch
method against one `optimum-benchmark` command for each cell, which reads random weights from a
checkpoint on the disk (it can build none without the Hub). The order is always the same: bare
loops, hfbench by spawning, hfbench by forking, optimum-benchmark, bare loops again, which say what
the latencies are. Prints wall times, and how far reported latencies lie from the bare loops'. The
wall time of an hfbench sitting includes its controls, the anchor workload and the A/A canary, which
the peer has not; the time of the cells' own process runs is printed beside it.

The peer's environment is made beforehand, its versions chosen to work together:

    python3 -m venv PEER
    PEER/bin/pip install torch==2.13.0
    PEER/bin/pip install optimum-benchmark==0.6.0 transformers==4.57.6
    python -m benchmarks.optimum_benchmark PEER
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import click
from benchmarks.setting import (
    BASES,
    SUITE,
    VERSION,
    cell_of,
    environment_for,
    tell_the_setting,
    timed_by_bare_loop,
)

from hfbench_schema.cells import Cell
from hfbench_schema.submission import FORK_SERVER, SPAWN, ProcessRun

CELLS = [
    cell_of(model, "torch-eager", batch_size, sequence_length)
    for model in ("bert-base", "roberta-base")
    for batch_size in (1, 4)
    for sequence_length in (8, 64, 128)
]
PEER = "optimum-benchmark"
WARMUP = 10  # its default
SAVE = """
import json, sys
from transformers import AutoConfig, AutoModel
fields = json.loads(sys.argv[1])
config = AutoConfig.for_model(fields.pop("model_type"), **fields)
AutoModel.from_config(config).save_pretrained(sys.argv[2])
"""
CONFIG = """
defaults: [benchmark, scenario: inference, launcher: process, backend: pytorch, _self_]
name: cell
scenario:
  latency: true
  iterations: {iterations}
  duration: 0
  warmup_runs: {warmup}
  input_shapes: {{batch_size: {batch_size}, sequence_length: {sequence_length}}}
backend:
  device: cpu
  model: {checkpoint}
  task: feature-extraction
  library: transformers
  model_type: {model_type}
hydra:
  run: {{dir: {folder}}}
  job: {{chdir: true, env_set: {{HF_HUB_OFFLINE: "1"}}}}
"""


@dataclass(frozen=True)
class Sweep:
    """Each cell's median in ms, and what all of it took in seconds.

    `cells_s` is what the cells' own process runs took of it, None where nothing else was run.
    """

    medians_ms: list[float]
    wall_s: float
    cells_s: float | None = None


@click.command()
@click.argument("peer", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--cells", "number", type=click.IntRange(1, len(CELLS)), default=len(CELLS))
def main(peer: Path, number: int) -> None:
    """Sweep the cells with hfbench and with optimum-benchmark from the environment PEER."""
    cells = CELLS[:number]
    tell_the_setting(f"a sweep of {number} cells, {SUITE.iterations} timed iterations each")
    with tempfile.TemporaryDirectory() as folder:
        swept_by_hfbench(cells[:1], SPAWN, Path(folder) / "builds-environments")
        first = swept_by_bare_loops(cells)
        sweeps = {
            f"hfbench, {launch}": swept_by_hfbench(cells, launch, Path(folder) / launch)
            for launch in (SPAWN, FORK_SERVER)
        }
        sweeps[PEER] = swept_by_peer(peer.resolve(), cells, Path(folder))
        second = swept_by_bare_loops(cells)
    report(cells, [(a * b) ** 0.5 for a, b in zip(first, second, strict=True)], sweeps)


def swept_by_bare_loops(cells: Sequence[Cell]) -> list[float]:
    """Return each cell's median in ms without a harness."""
    python = environment_for(cells[0]).python
    return [timed_by_bare_loop(python, cell).median_ms for cell in cells]


def swept_by_hfbench(cells: Sequence[Cell], launch: str, folder: Path) -> Sweep:
    """Measure all cells with one command.

    Raises:
        SystemExit: it wrote no submission; the end of what it said is printed.
    """
    command = [str(Path(sys.executable).with_name("hfbench-submit")), "run", SUITE.name]
    command += ["--base", BASES["torch"], "--with", VERSION, "--process-runs", "1"]
    command += ["--launch", launch, "--output", str(folder)]
    for cell in cells:
        command += ["--cells", cell.id]
    wall_s, said = timed_command(command, accepted=(0, 1))  # 1: all was disturbed
    written = next(folder.glob("*.json"), None)
    if written is None:
        raise SystemExit(f"{command[0]} wrote no submission:\n{said}")
    document = json.loads(written.read_bytes())
    runs = {run["cell"]: run for run in document["process_runs"] if run["environment"] == 0}
    for run in runs.values():
        if run["status"] != "ok":
            print(f"hfbench, {launch}: {run['cell']}: {run['status']}: {run['reason']}")
    cells_s = sum(r["wall_ns"] for r in document["process_runs"] if r["environment"] == 0) / 1e9
    return Sweep([timed_median_ms(runs[cell.id]) for cell in cells], wall_s, cells_s)


def timed_median_ms(run: ProcessRun) -> float:
    """Return a median also of a process run that was disturbed, for the peer's may have been."""
    return median(run["iterations_ns"][run["warmup_iterations"] :]) / 1e6


def swept_by_peer(peer: Path, cells: Sequence[Cell], folder: Path) -> Sweep:
    """Measure each cell with a command of its own."""
    for model in {cell.model for cell in cells}:
        config = json.dumps(SUITE.models[model].config)
        timed_command([str(peer / "bin" / "python"), "-c", SAVE, config, str(folder / model)])
    medians, wall_s = [], 0.0
    for number, cell in enumerate(cells):
        results = folder / f"peer-{number}"
        results.mkdir()
        (results / "cell.yaml").write_text(peer_config(cell, folder, results), encoding="utf-8")
        command = [str(peer / "bin" / PEER), "--config-dir", str(results), "--config-name", "cell"]
        wall_s += timed_command(command)[0]
        measured = json.loads((results / "benchmark_report.json").read_bytes())
        medians.append(median(measured["forward"]["latency"]["values"]) * 1e3)
        print(f"{PEER} {number + 1}/{len(cells)}: {medians[-1]:.2f} ms", flush=True)
    return Sweep(medians, wall_s)


def peer_config(cell: Cell, checkpoints: Path, results: Path) -> str:
    """Return the configuration of one cell for optimum-benchmark."""
    return CONFIG.format(
        iterations=SUITE.iterations,
        warmup=WARMUP,
        batch_size=cell.batch_size,
        sequence_length=cell.sequence_length,
        checkpoint=checkpoints / cell.model,
        model_type=SUITE.models[cell.model].config["model_type"],
        folder=results,
    )


def timed_command(command: Sequence[str], accepted: Sequence[int] = (0,)) -> tuple[float, str]:
    """Run a command and return how long it took, in s, and the end of what it said.

    Raises:
        SystemExit: it failed; the end of what it said is printed.
    """
    start = perf_counter()
    done = subprocess.run(
        command,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wall_s, said = perf_counter() - start, done.stdout[-3000:]
    if done.returncode not in accepted:
        raise SystemExit(f"{command[0]} failed:\n{said}")
    return wall_s, said


def report(cells: Sequence[Cell], bare_ms: Sequence[float], sweeps: dict[str, Sweep]) -> None:
    """Print each cell's latencies, then wall times and ratios to the bare loops."""
    for number, cell in enumerate(cells):
        told = ", ".join(f"{name} {s.medians_ms[number]:.2f}" for name, s in sweeps.items())
        print(f"{cell.id}: bare loop {bare_ms[number]:.2f}, {told} ms")
    for name, sweep in sweeps.items():
        ratios = [value / bare for value, bare in zip(sweep.medians_ms, bare_ms, strict=True)]
        print(
            f"{name}: {took(sweep, sweeps[PEER].wall_s)}; latency over the bare loop's "
            f"{median(ratios):.2f} [{min(ratios):.2f} .. {max(ratios):.2f}]"
        )


def took(sweep: Sweep, peer_s: float) -> str:
    """Say how long a sweep took, with its controls and without."""
    text = f"{sweep.wall_s:.0f} s, {sweep.wall_s / peer_s:.2f} of {PEER}'s"
    if sweep.cells_s is None:
        return text
    return (
        f"{text} (target: at most 0.5), with the anchor workload and the A/A canary; the cells' "
        f"own process runs {sweep.cells_s:.0f} s, {sweep.cells_s / peer_s:.2f}"
    )


if __name__ == "__main__":
    main()
