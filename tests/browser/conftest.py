"""What the browser's tests share: sites of every kind, served by the real command, and a page.

Each module has its own, so that neither browser nor server is still there when the tests of
launching count processes.
"""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright
from tests.leaderboard.made_up_release import HOSTILE, KINDS, write_release
from tests.leaderboard.made_up_tables import further_tables

from hfbench_leaderboard.build import build_site
from hfbench_leaderboard.simulated import SIMULATED_CLIENT

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
    "--disable-sync --no-first-run"
)


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the full site, and one of each kind below it; `lone` is simulated."""
    root = tmp_path_factory.mktemp("sites")
    further = {"full": further_tables(), "hostile": further_tables(HOSTILE)}
    for kind, tables in KINDS.items():
        found = tables()
        if kind == "lone":
            found.submissions[0]["client"] = f"{SIMULATED_CLIENT} 1"
        write_release(root / "stores" / kind, found, further=further.get(kind))
        build_site(root / "stores" / kind, root / "sites" / kind)
    shutil.copytree(root / "sites" / "full", root / "sites", dirs_exist_ok=True)
    return root / "sites"


@pytest.fixture(scope="module")
def address(sites: Path) -> Iterator[str]:
    """Serve the sites by `hfbench-leaderboard serve`."""
    command = Path(sys.executable).with_name("hfbench-leaderboard")
    arguments = [str(command), "serve", str(sites), "--port", "0"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[0]
            server.send_signal(signal.SIGINT)
            assert server.wait(10) == 0
        finally:
            server.kill()  # where tests run in the background of a shell, SIGINT is ignored


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone's page that fails the test on any console message, error or dialog.

    A breach of the content security policy is a console message.
    """
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


def pages_of(site: Path) -> list[str]:
    """Return the paths of all pages of one site, those of other kinds below it left out."""
    found = (path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    return sorted(path for path in found if path.split("/")[0] not in KINDS)
