"""Addresses in `tests/frozen/permalinks.txt`, which only grows, lead where they always led."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from tests.browser.conftest import address as address
from tests.browser.conftest import browser as browser
from tests.browser.conftest import page as page
from tests.frozen.stores import FOLDER, frozen_methods, unpacked

from hfbench_leaderboard.build import build_site


class Permalink(NamedTuple):
    """An address, and what an element of the page shows there, if that is for the query to say."""

    address: str
    element: str = ""
    text: str = ""


def permalinks() -> Iterator[Permalink]:
    for line in (FOLDER / "permalinks.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            yield Permalink(*line.split(" | "))


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site of the oldest frozen release, as this hfbench builds it."""
    folder = tmp_path_factory.mktemp("frozen")
    store = unpacked(frozen_methods()[0], folder / "store")
    return build_site(store, folder / "site").parent


def test_every_address_leads_to_a_file_and_a_place_in_it(sites: Path) -> None:
    found = list(permalinks())
    assert len(found) > 40
    for link in found:
        target = urlsplit(link.address)
        assert (sites / target.path).is_file(), link.address
        if target.fragment:
            assert f'id="{target.fragment}"' in (sites / target.path).read_text(), link.address


def test_every_query_shows_what_it_names(page: Page, address: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    queries = [link for link in permalinks() if "?" in link.address]
    assert len(queries) > 5
    for link in queries:
        page.goto(f"{address}{link.address}")
        expect(page.locator(link.element).first).to_contain_text(link.text)
        assert page.locator("#notices").count() == 0, page.locator("#notices").inner_text()
