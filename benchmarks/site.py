"""How long the site takes to build, how large it is, and how fast its largest table is.

A release is made up with more and more cells, three versions and five process runs of each. It is
built afresh; then a submission more changes thirty cells, and it is built again over the old site.
Beside that stands how long a copy of all its files takes, since the foot of every page names the
release, so that no build can do with less. Then what a browser fetches for its first view is added
up, and in Chromium the explorer's table of 100,000 rows is filtered, sorted and scrolled.

    python -m benchmarks.site --cells 1000 --cells 10000
"""

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import click
from benchmarks.setting import tell_the_setting
from playwright.sync_api import Page, sync_playwright
from tests.browser.test_tools import many
from tests.leaderboard.made_up_release import KEY, SUBMISSION, full_tables, write_release

from hfbench_leaderboard.build import build_site
from hfbench_leaderboard.server import site_server
from hfbench_schema.suites import latest_suite

VERSIONS: Final = ("4.57.6", "5.0.0", "5.23.0")
BLOCKS: Final = 5
CHANGED: Final = 30
ROWS: Final = 100_000
FIRST_VIEW: Final = ("index.html", "assets/site.css", "assets/icon.svg")
Row = dict[str, Any]


def title(version: str) -> str:
    """Return the title of the environment of a version."""
    return f"transformers {version}, torch 2.13.0, Python 3.11"


def write_store(store: Path, cells: int, version: str, *, changed: int = 0) -> None:
    """Write a release with so many cells; in the first `changed` a process run is another one."""
    tables = full_tables()
    ids = latest_suite("inference").cell_ids
    names = [ids[n % len(ids)] + ("0" * (n // len(ids))) for n in range(cells)]
    for facts, held in zip(tables.submissions[0]["environments"], VERSIONS, strict=True):
        facts.update(replica=0, label=held)
        facts["packages"]["transformers"] = held
    rows = [
        cell_row(name, n, place, n < changed) for n, name in enumerate(names) for place in (0, 1, 2)
    ]
    pairs = [(0, 1), (0, 2), (1, 2)]
    compared = [comparison(tables.comparisons[1], names, pair, changed) for pair in pairs]
    write_release(store, tables._replace(cells=rows, comparisons=compared), version)


def cell_row(name: str, number: int, place: int, changed: bool) -> Row:
    """Return the row of a cell in one version."""
    base = 5 + number % 97 + (0.01 if changed else 0)
    runs = [
        {
            "submission": SUBMISSION,
            "block": block,
            "attempt": 0,
            "order": 3 * block + place,
            "status": "ok",
            "reason": None,
            "iterations": 20,
            "warmup_iterations": 3,
            "median_ms": round(base * (1 + 0.002 * ((7 * number + 3 * block + place) % 11)), 4),
        }
        for block in range(BLOCKS)
    ]
    return {
        "machine_key": KEY,
        "suite": "inference-1",
        "environment": title(VERSIONS[place]),
        "cell": name,
        "measured": BLOCKS,
        "sittings": 1,
        "centre_ms": base,
        "low_ms": 0.99 * base,
        "high_ms": 1.01 * base,
        "flags": [],
        "process_runs": runs,
    }


def comparison(pattern: Row, names: list[str], pair: tuple[int, int], changed: int) -> Row:
    """Return the comparison of two versions, every cell like one of the pattern's."""
    cells = [
        {**pattern["cells"][n % 3], "cell": name, "q": 0.04 if n < changed else 0.03}
        for n, name in enumerate(names)
    ]
    sides = {"baseline": title(VERSIONS[pair[0]]), "candidate": title(VERSIONS[pair[1]])}
    return {**pattern, **sides, "suite": "inference-1", "cells": cells, "tested": len(cells)}


def built(folder: Path) -> float:
    """Build the newest release of a store, over what is there, and return the seconds."""
    start = perf_counter()
    build_site(folder / "store", folder / "site")
    return perf_counter() - start


def copied(site: Path) -> float:
    """Copy every file of the site, and return the seconds."""
    start = perf_counter()
    shutil.copytree(site, site.with_name("copy"))
    seconds = perf_counter() - start
    shutil.rmtree(site.with_name("copy"))
    return seconds


def sizes(site: Path) -> str:
    """Tell how many pages there are, how large they are, and the largest."""
    pages = {path: path.stat().st_size for path in site.rglob("*.html")}
    largest = max(pages, key=lambda path: pages[path])
    total = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    return (
        f"{len(pages):,} pages of {sum(pages.values()) / 1e6:.0f} MB, "
        f"{total / 1e6:.0f} MB with tables; largest page {pages[largest] / 1e3:.0f} kB "
        f"({largest.relative_to(site)})"
    )


def first_view(site: Path) -> str:
    """Tell what a browser fetches for the first view, compressed as web servers do."""
    modules = sorted((site / "assets").glob("*.js"))
    packed = {path: len(gzip.compress(path.read_bytes(), 6)) for path in modules}
    data = sum(len(gzip.compress((site / name).read_bytes(), 6)) for name in FIRST_VIEW)
    return f"{sum(packed.values()) / 1e3:.1f} kB of JavaScript, {data / 1e3:.1f} kB of all else"


def explored(site: Path) -> Iterator[tuple[str, float]]:
    """Yield what is done to the table of 100,000 rows, and the milliseconds until it is drawn."""
    source = next((site / "data").glob("*/tables/explorer.json"))
    source.write_text(json.dumps(many(ROWS)))
    server = site_server(site, 0)
    with sync_playwright() as playwright, server:
        import threading

        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://127.0.0.1:{server.server_port}/explore.html")
        page.wait_for_selector(".window tbody th")
        yield from timed_steps(page)
        browser.close()
        server.shutdown()


STEPS: Final = {
    "filter by text": "type(0, 'model 42')",
    "filter by a bound": "type(0, ''); type(5, '>50000')",
    "sort by a figure, the first time": "type(5, ''); press(5)",
    "sort by it the other way": "press(5)",
    "sort by a text, the first time": "press(0)",
    "scroll to the middle": "view.scrollTop = 1700000; view.dispatchEvent(new Event('scroll'))",
}
_HARNESS: Final = """
async (step) => {
  const view = document.querySelector(".window");
  const boxes = document.querySelectorAll(".filters input");
  const heads = document.querySelectorAll(".window thead button");
  const type = (n, text) => { boxes[n].value = text; boxes[n].dispatchEvent(new Event("input")); };
  const press = (n) => heads[n].click();
  const start = performance.now();
  eval(step);
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - start;
}
"""


def timed_steps(page: Page) -> Iterator[tuple[str, float]]:
    """Yield each step, and how long it took until the second frame after it."""
    for name, step in STEPS.items():
        # The page forbids `eval`; the step is part of the harness instead.
        yield name, page.evaluate(_HARNESS.replace("eval(step);", f"{step};"), None)


@click.command(help=__doc__)
@click.option("--cells", multiple=True, default=[300, 3000, 10_000], show_default=True)
@click.option("--browser/--no-browser", default=True)
def main(cells: tuple[int, ...], browser: bool) -> None:
    """Tell how long, how large, how fast."""
    tell_the_setting("building the site, and its table of 100,000 rows")
    for count in cells:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_store(folder / "store", count, "2026.11.1")
            afresh = built(folder)
            write_store(folder / "store", count, "2026.11.2", changed=CHANGED)
            again = built(folder)
            copy = copied(folder / "site")
            print(
                f"{count:,} cells: built in {afresh:.2f} s, after a submission in {again:.2f} s, "
                f"which is {again / copy:.1f} times a copy of its files ({copy:.2f} s)"
            )
            print(f"  {sizes(folder / 'site')}")
            print(f"  first view: {first_view(folder / 'site')}", flush=True)
            if browser and count == cells[-1]:
                for step, milliseconds in explored(folder / "site"):
                    print(f"  {ROWS:,} rows, {step}: {milliseconds:.0f} ms")


if __name__ == "__main__":
    main()
