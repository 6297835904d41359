"""The site as files: the same bytes each time, whole or not at all, inert, no dead link."""

import csv
import io
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import pytest
from tests.leaderboard.made_up_release import (
    HOSTILE,
    KEY,
    KINDS,
    SUBMISSION,
    Tables,
    empty_tables,
    full_tables,
    hostile_tables,
    lone_tables,
    write_release,
)
from tests.leaderboard.made_up_tables import further_tables

from hfbench_leaderboard import words
from hfbench_leaderboard.build import SiteError, build_site
from hfbench_leaderboard.old_site import BUILD_FILE
from hfbench_leaderboard.release_reader import ReleaseError, read_release
from hfbench_schema.submission import submission_json_schema


class Markup(HTMLParser):
    """Collects every element with its attributes, the ids, the links, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.comments: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_data(self, data: str) -> None:
        self.text += data


def built(folder: Path, tables: Tables, further: dict[str, Any] | None = None) -> Path:
    write_release(folder / "store", tables, further=further)
    return build_site(folder / "store", folder / "site").parent


def contents(site: Path) -> dict[str, bytes]:
    files = (path for path in site.rglob("*") if path.is_file())
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in files}


def markup(site: Path) -> dict[str, Markup]:
    pages = sorted(site.rglob("*.html"))
    return {page.relative_to(site).as_posix(): Markup(page.read_text()) for page in pages}


def below(pages: dict[str, Markup], folder: str) -> str:
    """Return the text of all pages in a folder."""
    return " ".join(
        " ".join(page.text.split()) for name, page in pages.items() if name.startswith(f"{folder}/")
    )


def test_same_release_gives_same_bytes(tmp_path: Path) -> None:
    first = contents(built(tmp_path / "a", full_tables()))
    again = contents(built(tmp_path / "elsewhere", full_tables()))
    build_site(tmp_path / "a" / "store", tmp_path / "a" / "site")
    assert first == again == contents(tmp_path / "a" / "site")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["site", "store"]


def test_data_is_what_was_published(tmp_path: Path) -> None:
    site = built(tmp_path, full_tables())
    published = contents(tmp_path / "store" / "releases") | {
        "latest.json": b'{"manifest":"2026.11.1/manifest.json","version":"2026.11.1"}'
    }
    held = contents(site / "data")
    assert {name: data for name, data in held.items() if "/tables/" not in name} == published


@pytest.mark.parametrize("name", ["cells.json", "comparisons.json", "NOTES.md"])
@pytest.mark.parametrize("fault", ["changed", "missing"])
def test_broken_table_is_named_and_the_old_site_stays(
    tmp_path: Path, name: str, fault: str
) -> None:
    before = contents(built(tmp_path, full_tables()))
    table = tmp_path / "store" / "releases" / "2026.11.1" / name
    if fault == "changed":
        table.write_bytes(table.read_bytes().replace(b"1", b"2", 1))
    else:
        table.unlink()
    with pytest.raises(
        ReleaseError, match=rf"{name} is (corrupt|missing).*hfbench-aggregate release"
    ):
        build_site(tmp_path / "store", tmp_path / "site")
    assert contents(tmp_path / "site") == before


def test_newest_release_is_the_highest_number(tmp_path: Path) -> None:
    for version in ("2026.9.2", "2026.11.1", "2026.9.10"):
        write_release(tmp_path, empty_tables(), version)
    assert read_release(tmp_path).manifest["version"] == "2026.11.1"
    assert read_release(tmp_path, "2026.9.2").manifest["version"] == "2026.9.2"
    with pytest.raises(ReleaseError, match=r"it holds 2026\.9\.2, 2026\.9\.10, 2026\.11\.1"):
        read_release(tmp_path, "2026.12.1")


def test_manifest_cannot_lead_out_of_the_site(tmp_path: Path) -> None:
    folder = write_release(tmp_path, empty_tables())
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace("NOTES.md", "../NOTES.md"))
    with pytest.raises(ReleaseError, match="no plain file name"):
        read_release(tmp_path)


def test_what_is_no_site_is_never_replaced(tmp_path: Path) -> None:
    write_release(tmp_path / "store", empty_tables())
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("precious")
    with pytest.raises(SiteError, match="is no site of hfbench"):
        build_site(tmp_path / "store", tmp_path / "thesis")
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "precious"


def test_strangers_text_adds_no_markup(tmp_path: Path) -> None:
    texts = {"harmless": "harmless", "hostile": HOSTILE}
    harmless, hostile = (
        markup(built(tmp_path / name, hostile_tables(text), further_tables(text)))
        for name, text in texts.items()
    )
    assert not any(page.comments for page in hostile.values())
    # Pages that are named by what strangers write have other names; together they are the same.
    elements = [
        sorted(str(page.elements) for page in pages.values()) for pages in (hostile, harmless)
    ]
    assert elements[0] == elements[1]
    for name in TOLD:
        assert HOSTILE in hostile[name].text, name
    assert HOSTILE in below(hostile, "cell")
    assert HOSTILE in below(hostile, "compare")


TOLD = (
    "coverage.html",
    "hardware.html",
    "index.html",
    "regressions.html",
    "release.html",
    "submissions.html",
    "training.html",
)
"""Pages that show what strangers wrote."""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t="])
def test_strangers_text_is_no_formula_in_a_spreadsheet(tmp_path: Path, start: str) -> None:
    site = built(tmp_path, hostile_tables(f"{start}cmd|' /C calc'!A0"))
    for file in (site / "data" / "2026.11.1" / "tables").glob("*.csv"):
        rows = list(csv.reader(io.StringIO(file.read_bytes().decode())))
        assert len(rows) > 1, file
        for value in (value for row in rows[1:] for value in row):
            assert not value.startswith(("=", "+", "-", "@", "\t")), value


def test_feeds_hold_the_findings_and_no_markup_of_strangers(tmp_path: Path) -> None:
    site = built(tmp_path, hostile_tables(HOSTILE))
    data = (site / "feeds" / "regressions.atom").read_bytes()
    feed = ElementTree.fromstring(data)  # noqa: S314  written above
    atom = "{http://www.w3.org/2005/Atom}"
    entries = feed.findall(f"{atom}entry")
    items = json.loads((site / "feeds" / "regressions.json").read_bytes())["items"]
    assert [entry.findtext(f"{atom}id") for entry in entries] == [item["id"] for item in items]
    assert len(items) == 1
    assert "slower (+6.8" in items[0]["title"]
    assert HOSTILE in items[0]["content_text"]
    assert {element.tag.removeprefix(atom) for element in feed.iter()} <= ATOM
    link = entries[0].find(f"{atom}link")
    assert link is not None
    assert (site / "feeds" / link.attrib["href"]).resolve().is_file()


ATOM = {"feed", "title", "id", "updated", "link", "author", "name", "entry", "category", "summary"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_link_leads_somewhere_inside(tmp_path: Path, kind: str) -> None:
    further = further_tables() if kind == "full" else None
    site = built(tmp_path, KINDS[kind](), further)
    pages = markup(site)
    for name, link in links(pages):
        target = urlsplit(urljoin(name, link))
        assert not target.scheme, link
        assert not target.netloc, link
        assert (site / target.path).is_file(), link
        if target.fragment:
            assert target.fragment in pages[target.path].ids, link
    for page in pages.values():
        assert len(page.ids) == len(set(page.ids))


def links(pages: dict[str, Markup]) -> Iterator[tuple[str, str]]:
    for name, page in pages.items():
        yield from ((name, link) for link in page.links)


def test_addresses_that_were_shared_still_lead_there(tmp_path: Path) -> None:
    """A list that only grows: links to these stand in issues and papers."""
    site = built(tmp_path, full_tables(), further_tables())
    for address in (
        "index.html",
        "compare.html",
        "regressions.html",
        "training.html",
        "rules.html",
        f"cell/{KEY}/smoke-1/smoke_bert-base_torch-eager_cpu_fp32_b1-s64.html",
        "compare/a162dad65b35.html",
        "leaderboard/d6dd2679bd37.html",
        f"submission/{SUBMISSION}.html",
        "coverage/670ec724d923.html",
        "feeds/regressions.atom",
        "feeds/regressions.json",
        "data/latest.json",
        "data/2026.11.1/manifest.json",
        "data/2026.11.1/tables/cells.csv",
    ):
        assert (site / address).is_file(), address
    assert 'id="HFB100"' in (site / "rules.html").read_text()


@pytest.mark.parametrize("kind", ["empty", "lone"])
def test_nothing_to_compare_says_what_to_run(tmp_path: Path, kind: str) -> None:
    text = markup(built(tmp_path, KINDS[kind]()))["index.html"].text
    assert "Nothing to compare yet" in text
    assert "hfbench-submit run smoke" in text


def test_what_else_was_measured_has_its_sections(tmp_path: Path) -> None:
    pages = markup(built(tmp_path / "with", full_tables()))
    text = " ".join(pages["costs.html"].text.split())
    assert "Pays after 2,367 calls (2,105 to 2,655)." in text
    assert "Never: it saves nothing." in text
    assert "torch compile, cpu, bf16-autocast, batch 1, length 64" in text
    assert "2,010 framework 412, with model 862; 2 process runs" in text
    assert "0.2100 without idle \N{MINUS SIGN}0.003100; 2 process runs" in text
    assert "without idle 1.525; 2 process runs, spread 1.3 %" in text
    assert "idle \N{EN DASH}; no counter" in text
    assert "2 process runs failed: unsupported (no counter)" in text
    assert "inference-1, fork server; AMD EPYC 7B13, 8 cores; host_peak differs" in text
    text = below(pages, "cell")
    assert "second attempt" in text
    assert "set aside as disturbed: foreign CPU time 40 % of a core" in text
    assert "2.4.0@1f2e3d4c5b6a" in below(pages, "submission")
    without = markup(built(tmp_path / "without", lone_tables()))["costs.html"]
    assert not {"break-even", "memory", "energy"} & set(without.ids)
    assert "--role energy" in without.text


def test_further_tables_are_shown(tmp_path: Path) -> None:
    pages = markup(built(tmp_path, full_tables(), further_tables()))
    text = {name: " ".join(page.text.split()) for name, page in pages.items()}
    assert "tied for first, 1 to 2" in below(pages, "leaderboard")
    assert "not ranked" in below(pages, "leaderboard")
    assert "--with 'transformers==4.57.6 torch==2.13.0'" in below(pages, "coverage")
    assert "b4-s64" in below(pages, "coverage")
    assert "From 2026.10.3 to 2026.11.1: 1 submission more" in text["release.html"]
    assert "2 verdicts are otherwise because of new data." in text["release.html"]
    assert "2 of 40 differ at p \N{LESS-THAN OR EQUAL TO} 0.05" in text["release.html"]
    assert "supported 1.50 (1.45 to 1.55)" in text["training.html"]
    assert "cannot tell 0.4000 points" in text["training.html"]
    feed = (tmp_path / "site" / "feeds" / "regressions.atom").read_text()
    assert "<updated>2026-10-30T08:00:00Z</updated>" in feed


@pytest.mark.parametrize("name", ["ranks.json", "coverage.json", "training.json", "diff.json"])
def test_pages_say_which_table_is_missing_and_refuse_one_that_is_broken(
    tmp_path: Path, name: str
) -> None:
    without = {key: rows for key, rows in further_tables().items() if key != name}
    pages = markup(built(tmp_path / "without", full_tables(), without))
    assert any(name in page.text for page in pages.values()) or name == "diff.json"
    broken = further_tables() | {name: [{"machine_key": KEY}]}
    with pytest.raises(ReleaseError, match="do not fit together"):
        built(tmp_path / "broken", full_tables(), broken)


def test_what_is_assumed_is_said_of_the_cells_it_is_assumed_for(tmp_path: Path) -> None:
    tables = full_tables()
    tables.comparisons[1].update(design="default", interleaved=[2, 3], sitting_sd=0.005)
    text = below(markup(built(tmp_path, tables)), "compare")
    assert "Interleaved in 2 of 3 cells." in text
    assert "is in the intervals of those cells only" in text
    assert "it is in every interval" not in text


def test_every_status_is_explained() -> None:
    run = submission_json_schema()["$defs"]["process_run"]
    assert set(words.STATUS_EXPLANATIONS) == set(run["properties"]["status"]["enum"])


def test_rebuilding_takes_over_pages_that_are_the_same_and_only_these(tmp_path: Path) -> None:
    site = built(tmp_path, full_tables())
    tables = full_tables()
    changed = tables.cells[2]["cell"].replace("/", "_")
    tables.cells[2]["centre_ms"] = 41.9
    other = write_release(tmp_path / "store", tables, "2026.11.2")
    with (site / "method.html").open("a") as page:
        page.write("tampered with")
    build_site(tmp_path / "store", site)
    afresh = build_site(tmp_path / "store", tmp_path / "afresh").parent
    assert contents(site) == contents(afresh)
    before = json.loads((built(tmp_path / "old", full_tables()) / BUILD_FILE).read_bytes())
    after = json.loads((site / BUILD_FILE).read_bytes())
    same = {name for name in before if before[name] == after.get(name)}
    cells = {name for name in after if name.startswith("cell/")}
    assert {name for name in cells if name not in same} == {n for n in cells if changed in n}
    assert other.name in (site / "method.html").read_text()


def test_overview_gives_the_answer_and_its_grounds(tmp_path: Path) -> None:
    pages = markup(built(tmp_path, full_tables()))
    page = pages["index.html"]
    text = " ".join(page.text.split())
    assert "transformers 5.23.0 is slower than 4.57.6 in 1 of 4 cells; 1 equivalent" in text
    assert "+6.8\N{NO-BREAK SPACE}%" in page.text
    assert "+6.1 to +7.4\N{NO-BREAK SPACE}%" in page.text
    assert "A/A check passed: transformers 4.57.6 shows no difference from itself" in text
    assert "killed by the kernel: the worker's memory reached 31.2 GiB of 32 GiB" in below(
        pages, "cell"
    )
