"""Sorting, filtering, choosing and sharing: by keyboard, and by address."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.leaderboard.made_up_release import KEY, NEW, OLD

FIRST = "tbody tr:not([hidden]) th"
COMPARISON = f"compare.html?machine={KEY}&suite=smoke-1&baseline={OLD}&candidate={NEW}"
"""Leads to the comparison of one machine."""


@pytest.mark.parametrize("width", [390, 1280])
def test_table_is_filtered_and_sorted_by_keyboard_and_the_address_holds_it(
    page: Page, address: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{address}{COMPARISON}")
    page.locator(".toolbox summary").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("bert")
    expect(page.locator(f".verdicts {FIRST}")).to_have_count(1)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # opens the filters of the columns
    expect(page.get_by_label("Filter Baseline, ms")).to_be_visible()
    page.locator("input[type=search]").first.fill("")
    page.get_by_role("button", name="Baseline, ms").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.get_by_label("Filter Baseline, ms").fill(">40")
    names = page.locator(f".verdicts {FIRST} a").all_inner_texts()
    assert names == ["gpt2", "bert-base"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    shared = page.url
    page.goto(f"{address}index.html")
    page.goto(shared)
    assert page.locator(f".verdicts {FIRST} a").all_inner_texts() == names
    assert "release=2026.11.1" in shared


def test_strange_address_is_told(page: Page, address: str) -> None:
    page.goto(f"{address}regressions.html?release=2025.1.1&colour=red&changes.find=bert")
    said = page.locator("#notices").inner_text()
    assert "colour" in said
    assert "release 2025.1.1; the site shows 2026.11.1" in said
    assert "changes.find" not in said
    page.goto(f"{address}regressions.html?release=2026.11.1")
    assert page.locator("#notices").count() == 0


def test_two_versions_are_chosen_by_keyboard(page: Page, address: str) -> None:
    page.goto(f"{address}compare.html")
    expect(page.locator("#chooser")).to_be_visible()
    page.get_by_label("candidate").select_option(NEW)
    page.locator(".go").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("transformers 5.23.0 is slower than 4.57.6")


def test_permalink_leads_to_its_comparison(page: Page, address: str) -> None:
    names = f"machine={KEY}&suite=smoke-1&baseline={OLD}&candidate={NEW}"
    page.goto(f"{address}compare.html?release=2026.11.1&{names}")
    page.wait_for_url("**/compare/*.html?release=2026.11.1")
    expect(page.locator("h1")).to_contain_text("transformers 5.23.0 is slower than 4.57.6")
    page.goto(f"{address}compare.html?{names}0")
    expect(page.locator("#notices")).to_contain_text("does not compare these two")


def test_table_is_copied_and_downloaded_without_formulas(browser: Browser, address: str) -> None:
    with browser.new_context(permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        page.goto(f"{address}{COMPARISON}")
        page.locator(".toolbox summary").first.click()
        page.get_by_role("button", name="Copy as Markdown").first.click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        lines = page.evaluate("navigator.clipboard.readText()").splitlines()
        assert lines[0].startswith("| Cell | Verdict | Change, 95 % interval | q |")
        assert len(lines) == 2 + 4
        with page.expect_download() as told:
            page.get_by_role("button", name="Download CSV").first.click()
        text = Path(told.value.path()).read_text()
        assert "'+6.8 %" in text


def test_hundred_thousand_rows_are_filtered_and_only_those_in_view_are_drawn(
    page: Page, address: str
) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.route("**/explorer.json", lambda route: route.fulfill(body=json.dumps(many(100_000))))
    page.goto(f"{address}explore.html?ms=>99000&sort=ms.desc")
    expect(page.locator("output")).to_have_text("999 of 100,000 rows")
    drawn = page.locator("#explorer tbody tr:not(.space)")
    assert drawn.first.inner_text().split("\t")[5] == "99,999"
    assert 10 < drawn.count() < 100
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator("output")).to_have_text("100,000 rows")
    page.locator(".window").evaluate("node => { node.scrollTop = 50000 * 34 }")
    expect(page.locator("[aria-rowindex='50002']")).to_be_visible()
    assert drawn.count() < 100


def test_what_has_no_figure_stands_last_whichever_way_it_is_sorted(
    page: Page, address: str
) -> None:
    columns = many(4)
    columns["figures"]["ms"] = [3.5, None, 12, 0.25]
    page.route("**/explorer.json", lambda route: route.fulfill(body=json.dumps(columns)))
    times = (
        "[...document.querySelectorAll('#explorer tbody td:nth-child(6)')].map(c => c.innerText)"
    )
    for way, order in (("", ["0.2500", "3.500", "12.00"]), (".desc", ["12.00", "3.500", "0.2500"])):
        page.goto(f"{address}explore.html?sort=ms{way}")
        expect(page.locator("#explorer tbody tr:not(.space)")).to_have_count(4)
        assert page.evaluate(times) == [*order, "\N{EN DASH}"]


def many(rows: int) -> dict[str, Any]:
    """Return the explorer's columns with so many rows; the n-th takes n ms."""
    names = ("model", "detail", "environment", "machine", "suite", "page")
    texts = {
        name: {"texts": [f"{name} {n}" for n in range(100)], "at": [n % 100 for n in range(rows)]}
        for name in names
    }
    return {
        "texts": texts,
        "figures": {n: list(range(rows)) for n in ("ms", "low", "high", "runs")},
    }
