"""Build the website of one release: static files, the same bytes for the same release."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import UndefinedError

from hfbench_leaderboard.feeds import with_address
from hfbench_leaderboard.index import Index
from hfbench_leaderboard.pages import Old, Renderer, part_above_foot
from hfbench_leaderboard.release_reader import MANIFEST, Release, ReleaseError, read_release
from hfbench_leaderboard.simulated import simulated_submissions
from hfbench_leaderboard.site_pages import Site
from hfbench_leaderboard.sources import Source
from hfbench_schema.canonical import StrictJSONError, canonical_bytes, sha256_hex, strict_json

FIRST_PAGE: Final = "index.html"
BUILD_FILE: Final = ".build.json"
"""What each page was made from: the next build takes over what is still the same."""
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
    release = read_release(store, version)
    _refuse_strangers(output)
    files = _site_files_or_error(release, _old_pages(output))
    files |= with_address(files, address) if address else {}
    try:
        with _replaced(output) as folder:
            _write(folder, files)
    except OSError as error:
        raise SiteError(f"the site cannot be written to {output}: {error.strerror}") from error
    return output / FIRST_PAGE


def _site_files_or_error(release: Release, old: Mapping[str, Old]) -> dict[str, bytes]:
    try:
        return site_files(release, old)
    except (LookupError, ValueError, TypeError, AttributeError, UndefinedError) as error:
        version = release.manifest["version"]
        raise ReleaseError(
            f"release {version}: its tables do not fit together ({error!r}); was it made by "
            "another version of hfbench?"
        ) from error


def site_files(release: Release, old: Mapping[str, Old] | None = None) -> dict[str, bytes]:
    """Return every file of the site, by its path within it; `old` holds pages to take over."""
    version = release.manifest["version"]
    site = Site(Index(release), _constant(release, "EQUIVALENCE_MARGIN"))
    pages, built = _pages(release, site, old or {})
    data = {f"data/{version}/{name}": content for name, content in release.files.items()}
    latest = {"version": version, "manifest": f"{version}/{MANIFEST}"}
    return {
        **pages,
        **data,
        **site.files(),
        **_assets(),
        _LATEST.as_posix(): canonical_bytes(latest),
        BUILD_FILE: canonical_bytes(built),
    }


def _pages(
    release: Release, site: Site, old: Mapping[str, Old]
) -> tuple[dict[str, bytes], dict[str, list[str]]]:
    """Return all pages, and of each the key and the hash of what may be taken over."""
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
    pages: dict[str, bytes] = {}
    built: dict[str, list[str]] = {}
    for page in site.pages():
        key = renderer.key(page)
        pages[page.path] = renderer.render(page, key, old.get(page.path))
        built[page.path] = [key, sha256_hex(part_above_foot(pages[page.path]))]
    return pages, built


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


def _assets() -> dict[str, bytes]:
    folder = resources.files("hfbench_leaderboard") / "assets"
    return {f"assets/{file.name}": file.read_bytes() for file in folder.iterdir()}


def _old_pages(output: Path) -> dict[str, Old]:
    """Return the pages of a site that is there, as far as nobody has changed them since."""
    try:
        built: Any = strict_json((output / BUILD_FILE).read_bytes())
        found = {name: _old_page(output / name, *entry) for name, entry in built.items()}
    except (OSError, StrictJSONError, AttributeError, TypeError):
        return {}
    return {name: page for name, page in found.items() if page is not None}


def _old_page(path: Path, key: str, digest: str) -> Old | None:
    try:
        part = part_above_foot(path.read_bytes())
    except FileNotFoundError:
        return None
    return Old(key, part) if sha256_hex(part) == digest else None


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


def _write(folder: Path, files: dict[str, bytes]) -> None:
    made: set[Path] = set()
    for name, content in files.items():
        path = folder / name
        if path.parent not in made:
            path.parent.mkdir(parents=True, exist_ok=True)
            made.add(path.parent)
        path.write_bytes(content)
