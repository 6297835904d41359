"""A sweep of 12 cells: hfbench's client against optimum-benchmark.

BERT-base and DistilBERT, batch 1 and 4, sequence 8, 64 and 128, torch eager, fp32 on the CPU, 20
timed iterations each: one `hfbench-submit run` by either launch method against one
`optimum-benchmark` command for each cell, which reads random weights from a checkpoint on the disk
(it can build none without the Hub). Bare loops before and after say what the latencies are.
Prints wall times, and how far reported latencies lie from the bare loops'.

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
    for model in ("bert-base", "distilbert-base")
    for batch_size in (1, 4)
    for sequence_length in (8, 64, 128)
]
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
        walls: dict[str, float] = {}
        medians: dict[str, list[float]] = {}
        for launch in (SPAWN, FORK_SERVER):
            name = f"hfbench, {launch}"
            medians[name], walls[name] = swept_by_hfbench(cells, launch, Path(folder) / launch)
        medians["optimum-benchmark"], walls["optimum-benchmark"] = swept_by_peer(
            peer.resolve(), cells, Path(folder)
        )
        second = swept_by_bare_loops(cells)
    report(cells, [(a * b) ** 0.5 for a, b in zip(first, second, strict=True)], medians, walls)


def swept_by_bare_loops(cells: Sequence[Cell]) -> list[float]:
    """Return each cell's median in ms without a harness."""
    python = environment_for(cells[0]).python
    return [timed_by_bare_loop(python, cell).median_ms for cell in cells]


def swept_by_hfbench(cells: Sequence[Cell], launch: str, folder: Path) -> tuple[list[float], float]:
    """Return each cell's median in ms, and the seconds that the one command took."""
    command = [str(Path(sys.executable).with_name("hfbench-submit")), "run", SUITE.name]
    command += ["--base", BASES["torch"], "--with", VERSION, "--process-runs", "1"]
    command += ["--launch", launch, "--output", str(folder)]
    for cell in cells:
        command += ["--cells", cell.id]
    wall_s = seconds_of(command, accepted=(0, 1))  # 1: every process run was disturbed
    document = json.loads(next(folder.glob("*.json")).read_bytes())
    runs = {run["cell"]: run for run in document["process_runs"] if run["environment"] == 0}
    for run in runs.values():
        if run["status"] != "ok":
            print(f"hfbench, {launch}: {run['cell']}: {run['status']}: {run['reason']}")
    return [timed_median_ms(runs[cell.id]) for cell in cells], wall_s


def timed_median_ms(run: ProcessRun) -> float:
    """Return a median also of a process run that was disturbed, for the peer's may have been."""
    return median(run["iterations_ns"][run["warmup_iterations"] :]) / 1e6


def swept_by_peer(peer: Path, cells: Sequence[Cell], folder: Path) -> tuple[list[float], float]:
    """Return each cell's median in ms, and the seconds that all commands took together."""
    for model in {cell.model for cell in cells}:
        config = json.dumps(SUITE.models[model].config)
        seconds_of([str(peer / "bin" / "python"), "-c", SAVE, config, str(folder / model)])
    medians, wall_s = [], 0.0
    for number, cell in enumerate(cells):
        results = folder / f"peer-{number}"
        results.mkdir()
        (results / "cell.yaml").write_text(peer_config(cell, folder, results), encoding="utf-8")
        command = [str(peer / "bin" / "optimum-benchmark")]
        wall_s += seconds_of([*command, "--config-dir", str(results), "--config-name", "cell"])
        measured = json.loads((results / "benchmark_report.json").read_bytes())
        medians.append(median(measured["forward"]["latency"]["values"]) * 1e3)
        print(f"optimum-benchmark {number + 1}/{len(cells)}: {medians[-1]:.2f} ms", flush=True)
    return medians, wall_s


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


def seconds_of(command: Sequence[str], accepted: Sequence[int] = (0,)) -> float:
    """Run a command and return how long it took.

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
    if done.returncode not in accepted:
        raise SystemExit(f"{command[0]} failed:\n{done.stdout[-3000:]}")
    return perf_counter() - start


def report(
    cells: Sequence[Cell],
    bare_ms: Sequence[float],
    medians: dict[str, list[float]],
    walls: dict[str, float],
) -> None:
    """Print each cell's latencies, then wall times and ratios to the bare loops."""
    for number, cell in enumerate(cells):
        told = ", ".join(f"{name} {values[number]:.2f}" for name, values in medians.items())
        print(f"{cell.id}: bare loop {bare_ms[number]:.2f}, {told} ms")
    for name, values in medians.items():
        ratios = [value / bare for value, bare in zip(values, bare_ms, strict=True)]
        share = walls[name] / walls["optimum-benchmark"]
        print(
            f"{name}: {walls[name]:.0f} s, {share:.2f} of optimum-benchmark's (target: at most "
            f"0.5); latency over the bare loop's {median(ratios):.2f} "
            f"[{min(ratios):.2f} .. {max(ratios):.2f}]"
        )


if __name__ == "__main__":
    main()
