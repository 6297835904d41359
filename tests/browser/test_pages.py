"""Every page in a real browser: it is quiet, fits, and can be read and used by everybody."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from tests.browser.conftest import pages_of
from tests.leaderboard.made_up_release import KINDS, full_tables, write_release

from hfbench_leaderboard.build import build_site

GROUNDS = {"light": "rgb(250, 249, 246)", "dark": "rgb(19, 21, 25)"}
UNLABELLED = ".plain-table td.number:not([data-label])"  # where a row is a list, on a phone
OPEN = "all => all.forEach(one => { one.open = true })"


@pytest.mark.parametrize("kind", KINDS)
def test_page_is_quiet_fits_a_phone_and_asks_for_nothing_else(
    page: Page, address: str, sites: Path, kind: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in pages_of(sites / kind):
        page.goto(f"{address}{kind}/{name}")
        page.eval_on_selector_all("details", OPEN)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
        assert page.locator(UNLABELLED).count() == 0, name
        page.set_viewport_size({"width": 1280, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == 1280, name
        page.set_viewport_size({"width": 390, "height": 844})
    assert asked
    assert all(url.startswith(f"{address}{kind}/") for url in asked)


@pytest.mark.parametrize("scheme", GROUNDS)
def test_page_has_no_barrier(page: Page, address: str, sites: Path, scheme: str) -> None:
    """Axe finds nothing: contrast, names, roles, order and what else of WCAG a program can see."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    # A phone in the dark, for a table that scrolls there is one more barrier.
    page.set_viewport_size({"width": 1280 if scheme == "light" else 390, "height": 900})
    found = [f"full/{name}" for name in one_of_each(pages_of(sites / "full"), scheme)]
    for name in [*found, "lone/index.html"]:
        page.goto(f"{address}{name}")
        page.eval_on_selector_all("details", OPEN)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == GROUNDS[scheme]
        assert barriers(page) == [], name


def one_of_each(names: list[str], scheme: str) -> list[str]:
    """Return a page made from each template; in the dark, those that have all colours together."""
    found = {name.split("/")[0]: name for name in names}
    colours = ("cell", "compare", "leaderboard", "explore.html", "index.html", "method.html")
    return [*found.values()] if scheme == "light" else [found[kind] for kind in colours]


def barriers(page: Page) -> list[str]:
    options = {"resultTypes": ["violations"]}
    found: Any = Axe().run(page, options=options).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


def test_keyboard_reaches_the_content_first(page: Page, address: str) -> None:
    page.goto(f"{address}index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")


def test_answer_is_on_the_first_screen(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(f"{address}index.html")
    bottom = "node => node.getBoundingClientRect().bottom"
    assert page.eval_on_selector(".answer", bottom) < 400
    assert page.eval_on_selector(".verdicts", bottom) < 900


def test_pages_work_from_a_folder_without_scripts(browser: Browser, tmp_path: Path) -> None:
    write_release(tmp_path / "store", full_tables())
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(build_site(tmp_path / "store", tmp_path / "site").as_uri())
        assert page.locator(".verdicts tbody tr").count() == 4
        page.click("text=gpt2 >> nth=0")
        assert page.locator("svg.history").is_visible()
        page.click("summary")
        assert page.locator(".runs tbody tr").first.is_visible()
        page.click("text=Explore")
        assert page.locator("noscript").inner_text().startswith("This page needs scripts")
        assert not page.locator("#explorer").is_visible()
        page.click("text=Method")
        assert page.inner_text("h1") == "How we measure, and how we judge"


@pytest.mark.parametrize("path", ["nowhere.html", "cell/of/nobody.html?release=1"])
def test_unknown_address_gets_a_page_of_the_site(browser: Browser, address: str, path: str) -> None:
    page = browser.new_page()
    answer = page.goto(f"{address}{path}")
    assert answer is not None
    assert answer.status == 404
    assert page.inner_text("h1") == "There is no such page."
    assert page.evaluate("document.styleSheets[0].cssRules.length") > 100
    page.click(".lead a")
    assert page.url == f"{address}index.html"
    page.close()
