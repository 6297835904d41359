"""Build the website of one release: static files, the same bytes for the same release."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from hfbench_aggregate.environments import installed_versions
from hfbench_leaderboard import charts, words
from hfbench_leaderboard.comparison_view import comparison_views
from hfbench_leaderboard.release_reader import MANIFEST, Release, ReleaseError, read_release
from hfbench_leaderboard.sources import Source
from hfbench_leaderboard.submission_view import submission_views
from hfbench_schema.canonical import canonical_bytes

PAGES = (
    "index.html",
    "costs.html",
    "submissions.html",
    "method.html",
    "release.html",
    "404.html",
)
_LATEST = Path("data") / "latest.json"
_ASSETS = ("site.css", "icon.svg")


class SiteError(Exception):
    """The site cannot be written; the message says why and what to do."""


def build_site(store: Path | Source, output: Path, version: str | None = None) -> Path:
    """Build the site of a release, the newest by default, and return the path of its first page.

    A reader of `output` sees the old site or the new one, never a part of either.

    Raises:
        ReleaseError: the release is not there, or not as it was published.
        StoreError: the store does not answer.
        SiteError: `output` holds something that is not such a site, or cannot be written.
    """
    release = read_release(store, version)
    files = _site_files_or_error(release)
    _refuse_strangers(output)
    try:
        with _replaced(output) as folder:
            _write(folder, files)
    except OSError as error:
        raise SiteError(f"the site cannot be written to {output}: {error.strerror}") from error
    return output / PAGES[0]


def _site_files_or_error(release: Release) -> dict[str, bytes]:
    try:
        return site_files(release)
    except (LookupError, ValueError, TypeError, UndefinedError) as error:
        version = release.manifest["version"]
        raise ReleaseError(
            f"release {version}: its tables do not fit together ({error!r}); was it made by "
            "another version of hfbench?"
        ) from error


def site_files(release: Release) -> dict[str, bytes]:
    """Return every file of the site, by its path within it."""
    version = release.manifest["version"]
    pages = {name: page.encode() for name, page in _pages(release)}
    data = {f"data/{version}/{name}": content for name, content in release.files.items()}
    latest = {"version": version, "manifest": f"{version}/{MANIFEST}"}
    assets = resources.files("hfbench_leaderboard") / "assets"
    return {
        **pages,
        **data,
        _LATEST.as_posix(): canonical_bytes(latest),
        **{f"assets/{name}": (assets / name).read_bytes() for name in _ASSETS},
    }


def _pages(release: Release) -> Iterator[tuple[str, str]]:
    margin, context = _constant(release, "EQUIVALENCE_MARGIN"), _environment()
    context.globals.update(
        release=release,
        manifest=release.manifest,
        comparisons=comparison_views(release, margin),
        submissions=submission_views(release),
        machine_titles={row["machine_key"]: row["title"] for row in release.machines},
        constant=lambda name: _constant(release, name),
    )
    for name in PAGES:
        yield name, context.get_template(name).render(page=name)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hfbench_leaderboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (
        words.cell_name,
        words.change,
        words.counted,
        words.detectable,
        words.duration,
        words.environment_title,
        words.figure,
        words.mebibytes,
        words.interval,
        words.milliseconds,
        words.moment,
        words.percent,
        words.status_words,
        words.q_value,
        words.sentence,
        charts.dot_text,
        installed_versions,
    ):
        environment.filters[function.__name__] = function
    environment.globals["symbols"] = words.VERDICT_SYMBOLS
    environment.globals["statuses"] = words.STATUS_EXPLANATIONS
    return environment


def _constant(release: Release, name: str) -> float:
    constants = release.manifest["constants"]
    if name not in constants:
        raise ReleaseError(f"{MANIFEST} has no constant {name}; this hfbench cannot show it")
    return constants[name]


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
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
