"""What is fastest on each kind of device, and what changed from each version to the next."""

import re
from pathlib import Path
from typing import Any

from tests.leaderboard.made_up_release import (
    BERT,
    HOSTILE,
    NEW,
    OLD,
    Tables,
    empty_tables,
    full_tables,
    hostile_tables,
)
from tests.leaderboard.made_up_tables import further_tables
from tests.leaderboard.test_site import Markup, built

ENTRY = re.compile(
    r'data-label="(?P<device>[^"]*)" data-value="(?P<ms>[^"]*)"><a href="(?P<path>[^"]*)">'
    r".*?<small>(?P<way>[^<;]*); (?P<version>[^<]*)</small>"
    r"( <small>(?P<machine>[^<]*)</small>)?"
)
COMPILED = BERT.replace("eager", "compile")
LONGER = BERT.replace("b1-s64", "b1-s128")
OTHER = "m1-0123456789abcdef"


def entries(site: Path) -> list[dict[str, str | None]]:
    page = (site / "leaderboard.html").read_text()
    return [found.groupdict() for found in ENTRY.finditer(page)]


def text(site: Path) -> str:
    return " ".join(Markup((site / "leaderboard.html").read_text()).text.split())


def with_times(*times: tuple[str, str, str, float]) -> Tables:
    """Return the full tables with times of another machine, cell and environment each."""
    tables = full_tables()
    (machine,), row = tables.machines, tables.cells[0]
    if any(key == OTHER for key, *_ in times):
        tables.machines.append({**machine, "machine_key": OTHER, "title": "EPYC, 16 cores"})
    names = ("machine_key", "cell", "environment", "centre_ms")
    tables.cells.extend({**row, **dict(zip(names, values, strict=True))} for values in times)
    return tables


def test_an_entry_is_the_fastest_way_in_the_newest_version_and_leads_to_it(tmp_path: Path) -> None:
    key = full_tables().machines[0]["machine_key"]
    tables = with_times(
        (key, COMPILED, NEW, 28.1),
        (key, COMPILED, OLD, 20.0),  # of an older version
        (key, LONGER, NEW, 7.0),  # of another shape
        (key, BERT.replace("b1", "b4"), NEW, 6.0),
    )
    site = built(tmp_path, tables)
    bert = entries(site)[0]
    assert bert["ms"] == "28.1"
    assert (bert["device"], bert["way"]) == ("CPU", "torch compile, fp32")
    assert (bert["version"], bert["machine"]) == ("5.23.0", None)
    page = Markup((site / str(bert["path"])).read_text())
    assert "28.10" in page.text
    assert "torch compile" in page.text
    assert [one["ms"] for one in entries(site)[1:]] == ["128.9", "10.13"]


def test_of_several_machines_an_entry_and_the_ranks_name_theirs(tmp_path: Path) -> None:
    tables = with_times((OTHER, BERT, NEW, 30.5))
    site = built(tmp_path, tables, further_tables())
    assert [one["machine"] for one in entries(site)] == [
        "EPYC, 16 cores", "AMD EPYC 7B13, 8 cores", "AMD EPYC 7B13, 8 cores",
    ]  # fmt: skip
    assert entries(site)[0]["ms"] == "30.5"
    assert "5 cells measured on 2 machines." in text(site)
    ranked = "5.23.0 and 1 other are tied for first of 2 versions measured together"
    assert f"{ranked} on AMD EPYC 7B13, 8 cores." in text(site)


def test_ranks_that_cannot_be_told_are_said_so(tmp_path: Path) -> None:
    further = further_tables()
    (board,) = further["ranks.json"]
    for entry in board["entries"]:
        entry.update(low=None, high=None, tied_for_first=False)
    board["unranked"] = "needs >= 6 cells that all entries measured, has 3"
    found = text(built(tmp_path, full_tables(), further))
    assert "No version is ranked: needs >= 6 cells that all entries measured, has 3." in found


def test_an_empty_store_asks_for_the_first_time(tmp_path: Path) -> None:
    site = built(tmp_path, empty_tables())
    assert "Nobody has measured a latency yet." in text(site)
    assert "<table" not in (site / "leaderboard.html").read_text()


def test_the_step_to_a_version_leads_to_its_comparisons(tmp_path: Path) -> None:
    site = built(tmp_path, full_tables(), further_tables())
    page = (site / "compare.html").read_text()
    table = page[page.index('<table class="plain-table neighbours">') :].partition("</table>")[0]
    found = Markup(table)
    said = " ".join(found.text.split())
    assert "all with torch 2.13.0, Python 3.11, smoke-1 Versions" in said
    assert "transformers 5.23.0 after 4.57.6" in said
    assert "1 slower ? 1 inconclusive \N{ALMOST EQUAL TO} 1 equivalent" in said
    across, machine = (link for link in found.links if "hardware" not in link)
    assert "3 contributors" in (site / across).read_text()
    assert "transformers 5.23.0 is slower than 4.57.6 in 1 of 4" in (site / machine).read_text()


def test_names_of_devices_add_no_markup(tmp_path: Path) -> None:
    pages = {name: _on_devices_named(tmp_path, name) for name in ("harmless", HOSTILE)}
    assert pages[HOSTILE].elements == pages["harmless"].elements
    assert HOSTILE in pages[HOSTILE].text
    assert "img" not in {name for name, _ in pages[HOSTILE].elements}


def _on_devices_named(folder: Path, name: str) -> Markup:
    """Return the page where accelerators, machines and versions have a stranger's name."""
    tables: Any = hostile_tables(name)
    for row in tables.cells:
        row["cell"] = row["cell"].replace("/cpu/", "/cuda/")
    site = built(folder / str(len(name)), tables, further_tables(name))
    page = Markup((site / "leaderboard.html").read_text())
    assert "table" in {element for element, _ in page.elements}
    return page
