"""How fast stored iterations become one number a process run, and what one more submission costs.

Ratios, measured side by side in one run: (a) 200 million iterations reduced, against DuckDB, Polars
and reading the bytes, every way in a process of its own and in turn; (b) one more submission in an
index of a thousand, ten thousand and a hundred thousand; (c) documents taken in, against `json`,
`jsonschema` and `pandas`. The best time of each counts: disturbances only ever add. On a machine
that others use too, look at the ratios of CPU time; the load average is printed.

    python -m benchmarks.reduction --folder build/benchmarks/reduction

It needs the extra `benchmarks`, 2.2 GB in FOLDER, which it deletes at the end, and some minutes.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import click
from benchmarks.reduction_data import make
from benchmarks.reduction_index import tell_the_cost_of_one_more
from benchmarks.reduction_taking_in import tell_the_speed_of_taking_in
from benchmarks.reduction_ways import THREADS, WAYS

ROUNDS: Final = 3
SLOW: Final = ("duckdb_long",)
"""Ways that are measured once."""
Measured = tuple[float, float, float, int, float]
"""Seconds, CPU seconds, peak MiB, groups, and the sum of all medians."""


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--iterations", type=click.IntRange(1), default=200_000_000, show_default=True)
@click.option("--most-stored", type=click.IntRange(1), default=100_000, show_default=True)
def main(folder: Path, iterations: int, most_stored: int) -> None:
    """Measure, and print the ratios with their targets."""
    folder.mkdir(parents=True, exist_ok=True)
    click.echo(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    try:
        tell_the_speed_of_taking_in()
        tell_the_speed_of_reducing(folder, iterations)
        tell_the_cost_of_one_more(folder / "index", most_stored)
    finally:
        shutil.rmtree(folder)


def tell_the_speed_of_reducing(folder: Path, iterations: int) -> None:
    """Print what each way took, and how it stands to the others."""
    count = make(folder, iterations)
    size = sum(path.stat().st_size for path in folder.glob("flat/*/samples.parquet"))
    click.echo(f"reducing {count:,} iterations, {size / count:.2f} bytes each")
    best: dict[str, Measured] = {}
    for number in range(ROUNDS):
        for name in WAYS:
            if not (number and name in SLOW):
                _keep(best, name, _measured(name, folder, "warm"))
        for name in ("reading", "flat"):
            _keep(best, f"{name}, cold", _measured(name, folder, "cold"))
    _check(best)
    for name, (seconds, cpu_s, peak, _, _) in best.items():
        click.echo(f"{name:>14}: {seconds:6.2f} s, {cpu_s:6.2f} s of CPU, {peak:6.0f} MiB at most")
    ours, read = best["flat"], best["reading, cold"]
    for what, name, target in (
        ("duckdb, lists", "duckdb_nested", "at least 6"),
        ("duckdb, a row an iteration", "duckdb_long", "at least 6"),
        ("polars, lists", "polars_nested", "none"),
    ):
        wall, cpu = (best[name][which] / ours[which] for which in (0, 1))
        click.echo(f"{what} takes {wall:.1f} times as long, {cpu:.1f} in CPU (target: {target})")
    click.echo(
        f"cold, {best['flat, cold'][0] / read[0]:.2f} times the time to read the bytes (target: at"
        f" most 1.3), {best['flat, cold'][1] / THREADS / read[0]:.2f} if {THREADS} cores were free;"
        f" from the page cache {ours[0] / best['reading'][0]:.1f} times"
    )
    click.echo(f"peak of memory {ours[2] / 1024:.2f} GiB (target: below 0.5)")


def _measured(name: str, folder: Path, cache: str) -> Measured:
    command = [sys.executable, "-m", "benchmarks.reduction_ways", name, str(folder), cache]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: Measured = tuple(json.loads(done.stdout))
    return found


def _keep(best: dict[str, Measured], name: str, measured: Measured) -> None:
    best[name] = min(best.get(name, measured), measured)


def _check(best: dict[str, Measured]) -> None:
    """Raise unless all ways found the same number of groups and the same sum of medians."""
    results = {name: found[3:] for name, found in best.items() if not name.startswith("reading")}
    groups, total = results["flat"]
    for name, (count, other) in results.items():
        if count != groups or abs(other - total) > 1e-9 * total:
            raise click.ClickException(f"{name} found {count} medians of sum {other}, not {total}")


if __name__ == "__main__":
    main()
