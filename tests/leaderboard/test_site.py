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


def test_all_releases_are_listed_and_a_broken_one_says_so(tmp_path: Path) -> None:
    write_release(tmp_path / "store", empty_tables(), "2026.9.2", {"diff.json": _DIFF})
    write_release(tmp_path / "store", empty_tables(), "2026.9.1", {"diff.json": {"age": "another"}})
    broken = write_release(tmp_path / "store", empty_tables(), "2026.9.10")
    (broken / "manifest.json").write_text("{")
    site = built(tmp_path, full_tables())
    page = markup(site)["releases.html"]
    text = " ".join(page.text.split())
    assert (
        text.index("2026.11.1 shown") < text.index("2026.9.10") < text.index("2026.9.2 not shown")
    )
    assert "Cannot be read: manifest.json is not JSON" in text
    assert "2 submissions more, 0 fewer; 1 rank because of new data" in text
    assert "tables: releases/2026.9.2 in the store" in text
    kept = contents(site / "data" / "2026.9.2")
    assert sorted(kept) == ["NOTES.md", "diff.json", "manifest.json"]
    assert kept.items() <= contents(tmp_path / "store" / "releases" / "2026.9.2").items()
    assert all((site / link).is_file() for link in page.links if link.startswith("data/2026.9.2"))
    older = markup(build_site(tmp_path / "store", tmp_path / "older", "2026.9.2").parent)
    text = " ".join(older["releases.html"].text.split())
    assert "These pages show release 2026.9.2." in text
    assert "2026.11.1 not shown" in text


_DIFF = {
    "added": ["a", "b"],
    "removed": [],
    "counts": [{"kind": "rank", "causes": ["new data"], "count": 1}],
    **dict.fromkeys(("before", "after", "registry_changed", "events"), ""),
    **dict.fromkeys(("method", "limits", "changes"), ()),
}


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
    assert HOSTILE in below(hostile, "pooled")


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


def test_feeds_have_what_their_specifications_ask_for(tmp_path: Path) -> None:
    """RFC 4287, sections 4.1.1 and 4.1.2; JSON Feed 1.1, "Top-level" and "Items"."""
    write_release(tmp_path / "store", full_tables())
    address = "https://bench.example/board"
    found = [
        contents(build_site(tmp_path / "store", tmp_path / "site", address=where).parent)
        for where in (None, address)
    ]
    ids = []
    for site in found:
        feed = ElementTree.fromstring(site["feeds/regressions.atom"])  # noqa: S314  written above
        elements = [feed, *feed.iter("{http://www.w3.org/2005/Atom}entry")]
        names = [[child.tag.partition("}")[2] for child in element] for element in elements]
        for own in names:
            assert [own.count(name) for name in ("id", "title", "updated")] == [1, 1, 1]
            assert "link" in own
        assert "author" in names[0]
        told = json.loads(site["feeds/regressions.json"])
        assert told["version"] == "https://jsonfeed.org/version/1.1"
        assert told["title"]
        assert all(item["id"] and item["content_text"] for item in told["items"])
        ids.append([item["id"] for item in told["items"]])
        links = [link.get("href", "") for link in feed.iter("{http://www.w3.org/2005/Atom}link")]
        links += [told["home_page_url"], told["feed_url"], *(item["url"] for item in told["items"])]
        if site is found[1]:
            assert {link.startswith(f"{address}/") for link in links} == {True}
            links = [link.removeprefix(f"{address}/") for link in links]
        else:
            links = [urljoin("feeds/", link) for link in links]
        assert set(links) <= site.keys()
    assert ids[0] == ids[1] != []


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
    across = below(pages, "pooled")
    assert "transformers 5.23.0 is slower than 4.57.6 in 1 of 2 cells; 1 insufficient." in across
    assert "\N{MINUS SIGN}0.9 %to +15.1 % sd 1.3 %" in across
    assert "screened out: AMD EPYC 7B13, 8 cores, far slower" in across
    assert "Each alone: 1 slower" in across
    assert "+7.1 %, +5.2 to +9.0 %; 3 contributors" in below(pages, "cell")
    assert "AMD EPYC 7B13, 8 cores, 3 contributors: transformers 5.23.0" in below(pages, "compare")
    assert "+7.1 % +5.2 to +9.0 %" in text["index.html"]
    assert text["regressions.html"].index("3 contributors") < text["regressions.html"].index("+6.8")
    assert "2 change points, the newest versions first" in text["regressions.html"]
    assert "transformers 5.23.0 after 4.57.6; torch 2.13.0" in text["regressions.html"]
    cells = below(pages, "cell")
    assert "On this machine, torch 2.13.0, Python 3.11: 7 % slower since" in cells
    assert "Over 2 machines, torch 2.13.0, Python 3.11: No change found in 8 versions." in cells
    assert "Not enough versions of this cell" in cells
    modes = below(pages, "modes")
    assert "1 model in one precision and shape each" in modes
    fastest = (
        "AMD EPYC 7B13, 8 cores 28.10 ms place 1; 5 process runs torch, eager 44.10 ms place 2"
    )
    assert fastest in modes
    assert "Which way to run each model is fastest" in below(pages, "leaderboard")
    assert "tied for first, 1 to 2" in below(pages, "leaderboard")
    assert "not ranked" in below(pages, "leaderboard")
    assert "--with 'transformers==4.57.6 torch==2.13.0'" in below(pages, "coverage")
    assert "b4-s64" in below(pages, "coverage")
    assert "From 2026.10.3 to 2026.11.1: 1 submission more" in text["release.html"]
    assert "2 verdicts are otherwise because of new data." in text["release.html"]
    assert "2 of 40 differ at p \N{LESS-THAN OR EQUAL TO} 0.05" in text["release.html"]
    assert "supported 1.50 (1.45 to 1.55)" in text["training.html"]
    assert "cannot tell 0.40 points" in text["training.html"]
    feed = (tmp_path / "site" / "feeds" / "regressions.atom").read_text()
    assert feed.index("on AMD EPYC 7B13, 8 cores, 3 contributors: +7.1") < feed.index("+6.8")
    assert "<updated>2026-10-30T08:00:00Z</updated>" in feed


@pytest.mark.parametrize(
    "name",
    [
        "ranks.json",
        "coverage.json",
        "training.json",
        "diff.json",
        "pooled.json",
        "history.json",
        "mode_ranks.json",
    ],
)
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
