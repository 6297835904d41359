"""The pages in a real browser, served by the real command."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright
from tests.leaderboard.made_up_release import KINDS, full_tables, write_release

from hfbench_leaderboard.build import build_site
from hfbench_leaderboard.site_pages import SINGLE_PAGES as PAGES

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)
# The WCAG contrast of an element's text with the nearest background that is not transparent.
CONTRAST = """
element => {
  const parse = color => color.match(/[\\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = parse(color).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  const clear = node => parse(getComputedStyle(node).backgroundColor)[3] === 0;
  while (ground.parentElement && clear(ground)) ground = ground.parentElement;
  const [a, b] = [getComputedStyle(element).color, getComputedStyle(ground).backgroundColor]
    .map(light).sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}
"""
GROUNDS = {"light": "rgb(250, 249, 246)", "dark": "rgb(19, 21, 25)"}
TEXTS = "h1, h2, p, a, dt, dd, th, td, small, summary, caption, figcaption, .label, .legend li"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the full site by `hfbench-leaderboard serve`, and one of each kind in a sub-path."""
    root = tmp_path_factory.mktemp("sites")
    for kind, tables in KINDS.items():
        write_release(root / "stores" / kind, tables())
        build_site(root / "stores" / kind, root / "sites" / kind)
    shutil.copytree(root / "sites" / "full", root / "sites", dirs_exist_ok=True)
    command = Path(sys.executable).with_name("hfbench-leaderboard")
    arguments = [str(command), "serve", str(root / "sites"), "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[0]
        server.send_signal(signal.SIGINT)
        assert server.wait(10) == 0


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone's page that fails the test on any console message, error or dialog."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    trouble: list[str] = []
    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.extend(real_failure(request)))
    page.on("dialog", lambda dialog: trouble.append(dialog.message))
    yield page
    page.close()
    assert trouble == []


def real_failure(request: Request) -> list[str]:
    """Leave out what the browser gave up itself, because the test went on to the next page."""
    aborted = request.failure == "net::ERR_ABORTED"
    return [] if aborted else [f"{request.url}: {request.failure}"]


@pytest.mark.parametrize("kind", KINDS)
def test_page_is_quiet_fits_a_phone_and_asks_for_nothing_else(
    page: Page, address: str, kind: str
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name in PAGES:
        page.goto(f"{address}{kind}/{name}")
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.set_viewport_size({"width": 1280, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") == 1280
        page.set_viewport_size({"width": 390, "height": 844})
    assert asked
    assert all(url.startswith(f"{address}{kind}/") for url in asked)


@pytest.mark.parametrize("scheme", GROUNDS)
@pytest.mark.parametrize("name", ["index.html", "costs.html", "submissions.html", "method.html"])
def test_text_can_be_read(page: Page, address: str, scheme: str, name: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{address}{name}")
    page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == GROUNDS[scheme]
    contrasts = page.eval_on_selector_all(TEXTS, f"all => all.map({CONTRAST})")
    assert len(contrasts) > 20
    assert min(contrasts) >= 4.5


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


def test_pages_work_from_a_folder(page: Page, tmp_path: Path) -> None:
    write_release(tmp_path / "store", full_tables())
    page.goto(build_site(tmp_path / "store", tmp_path / "site").as_uri())
    assert page.evaluate("document.styleSheets.length") == 1
    page.click("text=Method")
    assert page.inner_text("h1") == "How we measure, and how we judge"


def test_unknown_address_gets_a_page_of_the_site(browser: Browser, address: str) -> None:
    page = browser.new_page()
    answer = page.goto(f"{address}nowhere.html")
    assert answer is not None
    assert answer.status == 404
    assert page.inner_text("h1") == "There is no such page."
    page.close()
