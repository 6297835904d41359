"""The site as files: the same bytes each time, whole or not at all, inert, no dead link."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from tests.leaderboard.made_up_release import (
    HOSTILE,
    KINDS,
    Tables,
    empty_tables,
    full_tables,
    hostile_tables,
    lone_tables,
    write_release,
)

from hfbench_leaderboard import words
from hfbench_leaderboard.build import PAGES, SiteError, build_site
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


def built(folder: Path, tables: Tables) -> Path:
    write_release(folder / "store", tables)
    return build_site(folder / "store", folder / "site").parent


def contents(site: Path) -> dict[str, bytes]:
    files = (path for path in site.rglob("*") if path.is_file())
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in files}


def markup(site: Path) -> dict[str, Markup]:
    return {name: Markup((site / name).read_text()) for name in PAGES}


def test_same_release_gives_same_bytes(tmp_path: Path) -> None:
    first = contents(built(tmp_path / "a", full_tables()))
    again = contents(built(tmp_path / "elsewhere", full_tables()))
    build_site(tmp_path / "a" / "store", tmp_path / "a" / "site")
    assert first == again == contents(tmp_path / "a" / "site")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["site", "store"]


def test_data_is_what_was_published(tmp_path: Path) -> None:
    site = built(tmp_path, full_tables())
    published = contents(tmp_path / "store" / "releases")
    assert contents(site / "data") == published | {
        "latest.json": b'{"manifest":"2026.11.1/manifest.json","version":"2026.11.1"}'
    }


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
    harmless = markup(built(tmp_path / "harmless", hostile_tables("harmless")))
    hostile = markup(built(tmp_path / "hostile", hostile_tables(HOSTILE)))
    for name in PAGES:
        assert hostile[name].elements == harmless[name].elements
        assert not hostile[name].comments
    assert HOSTILE in hostile["index.html"].text
    assert HOSTILE in hostile["submissions.html"].text


@pytest.mark.parametrize("kind", KINDS)
def test_every_link_leads_somewhere_inside(tmp_path: Path, kind: str) -> None:
    site = built(tmp_path, KINDS[kind]())
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
    text = " ".join(pages["index.html"].text.split())
    assert "second attempt" in text
    assert "set aside as disturbed: foreign CPU time 40 % of a core" in text
    assert "2.4.0@1f2e3d4c5b6a" in pages["submissions.html"].text
    without = markup(built(tmp_path / "without", lone_tables()))["costs.html"]
    assert not {"break-even", "memory", "energy"} & set(without.ids)
    assert "--role energy" in without.text


def test_what_is_assumed_is_said_of_the_cells_it_is_assumed_for(tmp_path: Path) -> None:
    tables = full_tables()
    tables.comparisons[1].update(design="default", interleaved=[2, 3], sitting_sd=0.005)
    page = markup(built(tmp_path, tables))["index.html"]
    text = " ".join(page.text.split())
    assert "Interleaved in 2 of 3 cells." in text
    assert "is in the intervals of those cells only" in text
    assert "it is in every interval" not in text


def test_every_status_is_explained() -> None:
    run = submission_json_schema()["$defs"]["process_run"]
    assert set(words.STATUS_EXPLANATIONS) == set(run["properties"]["status"]["enum"])


def test_overview_gives_the_answer_and_its_grounds(tmp_path: Path) -> None:
    page = markup(built(tmp_path, full_tables()))["index.html"]
    text = " ".join(page.text.split())
    assert "transformers 5.23.0 is slower than 4.57.6 in 1 of 4 cells; 1 equivalent" in text
    assert "+6.8\N{NO-BREAK SPACE}%" in page.text
    assert "+6.1 to +7.4\N{NO-BREAK SPACE}%" in page.text
    assert "A/A check passed: transformers 4.57.6 shows no difference from itself" in text
    assert "killed by the kernel: the worker's memory reached 31.2 GiB of 32 GiB" in text
