"""Build the website of one release: static files, the same bytes for the same release."""

import gc
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

import msgspec
from jinja2 import UndefinedError

from hfbench_leaderboard.feeds import with_address
from hfbench_leaderboard.index import Index
from hfbench_leaderboard.old_site import BUILD_FILE, Built, OldSite
from hfbench_leaderboard.pages import Renderer
from hfbench_leaderboard.release_reader import MANIFEST, Release, ReleaseError, read_release
from hfbench_leaderboard.simulated import simulated_submissions
from hfbench_leaderboard.site_pages import Site
from hfbench_leaderboard.sources import Source
from hfbench_schema.canonical import canonical_bytes

FIRST_PAGE: Final = "index.html"
_LATEST = Path("data") / "latest.json"


class SiteError(Exception):
    """The site cannot be written; the message says why and what to do."""


def build_site(
    store: Path | Source, output: Path, version: str | None = None, address: str | None = None
) -> Path:
    """Build the site of a release, the newest by default, and return the path of its first page.

    A reader of `output` sees the old site or the new one, never a part of either. Of a site that is
    there already, pages that would be the same are taken over. `address` is where the site will be:
    links in feeds are then absolute.

    Raises:
        ReleaseError: the release is not there, or not as it was published.
        StoreError: the store does not answer.
        SiteError: `output` holds something that is not such a site, or cannot be written.
    """
    with _collecting_no_garbage():
        release = read_release(store, version)
        _refuse_strangers(output)
        try:
            with _replaced(output) as folder:
                _write(folder, _files_or_error(release, OldSite(output), address))
        except OSError as error:
            raise SiteError(f"the site cannot be written to {output}: {error.strerror}") from error
    return output / FIRST_PAGE


@contextmanager
def _collecting_no_garbage() -> Iterator[None]:
    """Let the rows of a large release alone: they live to the end, and are no garbage.

    Going through them again and again would take a quarter of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _files_or_error(
    release: Release, old: OldSite, address: str | None
) -> Iterator[tuple[str, bytes]]:
    try:
        yield from site_files(release, old, address)
    except (LookupError, ValueError, TypeError, AttributeError, UndefinedError) as error:
        version = release.manifest["version"]
        raise ReleaseError(
            f"release {version}: its tables do not fit together ({error!r}); was it made by "
            "another version of hfbench?"
        ) from error


def site_files(
    release: Release, old: OldSite, address: str | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the site by its path within it, each as soon as it is made."""
    version = release.manifest["version"]
    site = Site(Index(release), _constant(release, "EQUIVALENCE_MARGIN"))
    built: Built = {}
    yield from _pages(release, site, old, built)
    yield from ((f"data/{version}/{name}", content) for name, content in release.files.items())
    beside = site.files()
    yield from (beside | with_address(beside, address) if address else beside).items()
    yield from _assets()
    latest = {"version": version, "manifest": f"{version}/{MANIFEST}"}
    yield _LATEST.as_posix(), canonical_bytes(latest)
    yield BUILD_FILE, msgspec.json.encode(built, order="sorted")


def _pages(release: Release, site: Site, old: OldSite, built: Built) -> Iterator[tuple[str, bytes]]:
    """Yield all pages, and enter into `built` what the next build has to know of them."""
    simulated = simulated_submissions(release.submissions)
    told = _told(simulated, len(release.submissions))
    shared = {
        "release": release,
        "manifest": release.manifest,
        "submission_count": len(release.submissions),
        "simulated": told,
        "constant": lambda name: _constant(release, name),
    }
    renderer = Renderer(shared, [told, release.manifest["constants"]])
    for page in site.pages():
        key = renderer.key(page)
        part = old.part(page.path, key) or renderer.part_above_foot(page)
        built[page.path] = (key, part.digest)
        yield page.path, part.content + renderer.foot(page)


def _told(simulated: int, total: int) -> str | None:
    """Say on every page that nobody measured this; None where all was measured."""
    if not simulated:
        return None
    if simulated == total:
        return "Simulated: nothing here was measured."
    return "Partly simulated: some of the submissions behind this release were made up."


def _constant(release: Release, name: str) -> float:
    constants = release.manifest["constants"]
    if name not in constants:
        raise ReleaseError(f"{MANIFEST} has no constant {name}; this hfbench cannot show it")
    return constants[name]


def _assets() -> Iterator[tuple[str, bytes]]:
    folder = resources.files("hfbench_leaderboard") / "assets"
    return ((f"assets/{file.name}", file.read_bytes()) for file in folder.iterdir())


def _refuse_strangers(output: Path) -> None:
    """Refuse to replace anything but a site: the folder may have been named by mistake."""
    is_site = (output / _LATEST).is_file()
    is_empty = output.is_dir() and not any(output.iterdir())
    if output.exists() and not is_site and not is_empty:
        raise SiteError(f"{output} is there and is no site of hfbench; choose another --output")


@contextmanager
def _replaced(output: Path) -> Iterator[Path]:
    """Yield an empty folder beside `output` that takes its place if all goes well."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as scratch:
        new, old = Path(scratch) / "new", Path(scratch) / "old"
        new.mkdir()
        yield new
        if output.exists():
            output.rename(old)
        try:
            new.rename(output)
        except OSError:
            if old.exists():
                old.rename(output)
            raise


def _write(folder: Path, files: Iterable[tuple[str, bytes]]) -> None:
    made: set[str] = set()
    for name, content in files:
        parent = name.rpartition("/")[0]
        if parent not in made:
            (folder / parent).mkdir(parents=True, exist_ok=True)
            made.add(parent)
        (folder / name).write_bytes(content)
