"""What `--with` and `--base` ask for: pip requirements, local folders and archives, git commits."""

import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from hfbench_submit.environments.sources import file_sha256, folder_sha256
from hfbench_submit.errors import SubmitError

FRAMEWORKS = frozenset(
    {
        "torch",
        "tensorflow",
        "tensorflow-cpu",
        "tensorflow-macos",
        "tensorflow-rocm",
        "tf-nightly",
        "tf-nightly-cpu",
        "tf-keras",
        "tf-keras-nightly",
    }
)
"""Packages that are installed once, in a base, and shared by all environments that name them."""

_ARCHIVES = (".whl", ".tar.gz", ".zip")
_URL = re.compile(r"[a-z][a-z0-9+.-]*:/")
_PATH = re.compile(r"[.~/]|[^@;]*/")
_PATH_AND_EXTRAS = re.compile(r"(.+?)(\[[\w., -]*\])?")
_PIN = re.compile(r"==[^*]+|===.+")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CREDENTIALS = re.compile(r"(?<=://)[^/@]*@")


@dataclass(frozen=True)
class Wanted:
    """One requirement, and as much of it as is known without asking pip.

    Attributes:
        text: what pip is told.
        name: the package's normalised name, or None if only building it tells.
        extras: as in `[torch]`; may be empty.
        path: the local folder or archive, if it is one.
        content: the sha256 of that folder's files, or of the archive.
        direct: whether it names a place instead of a version.
        identity: what it will install, as far as no index can change that: a pinned version, a
            commit, a hash. None if pip must be asked.
    """

    text: str
    name: str | None = None
    extras: str = ""
    path: Path | None = None
    content: str = ""
    direct: bool = False
    identity: str | None = None

    @property
    def framework(self) -> bool:
        """Whether it belongs into a base."""
        return self.name in FRAMEWORKS

    @property
    def shown(self) -> str:
        """The requirement for people, without the credentials of its URL."""
        return _CREDENTIALS.sub("", self.text)

    def at(self, path: Path) -> "Wanted":
        """Return the same requirement, to be installed from a copy of its folder."""
        return replace(self, text=f"{path}{self.extras}", path=path)


def parse_requirements(text: str) -> list[Wanted]:
    """Split requirements as a shell would, and look at each.

    Raises:
        SubmitError: there is none, one is malformed, or names a path that is no Python project.
    """
    try:
        words = list(_words(text))
    except ValueError as error:
        raise SubmitError(f"{text!r} cannot be split into requirements: {error}") from error
    if not words:
        raise SubmitError(f"{text!r} names no package; write for example transformers==5.23.0")
    return [_parse(word) for word in words]


def shown(wanted: Sequence[Wanted]) -> str:
    """Return requirements for people, on one line."""
    return " ".join(requirement.shown for requirement in wanted)


def _words(text: str) -> Iterator[str]:
    """Split as a shell would, but keep `name @ url` together: that is how pip prints it."""
    words = iter(shlex.split(text))
    previous = None
    for word in words:
        if word == "@" and previous is not None:
            previous = f"{previous} @ {next(words, '')}"
            continue
        if previous is not None:
            yield previous
        previous = word
    if previous is not None:
        yield previous


def _parse(word: str) -> Wanted:
    if word.startswith("-"):
        raise SubmitError(f"{word!r} is an option of pip; here only requirements can be given")
    if _URL.match(word):
        return _direct(word, None, "")
    if _PATH.match(word) or ("@" not in word and word.endswith(_ARCHIVES)):
        return _local(*_path_and_extras(word), None)
    return _by_name(word)


def _by_name(word: str) -> Wanted:
    try:
        requirement = Requirement(word)
    except InvalidRequirement as error:
        raise SubmitError(
            f"{word!r} is no requirement such as transformers==5.23.0, no path such as "
            "./transformers and no commit such as git+https://host/repository@commit"
        ) from error
    name = canonicalize_name(requirement.name)
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    if requirement.url:
        return _direct(requirement.url, name, extras)
    pinned = _PIN.fullmatch(str(requirement.specifier)) is not None
    identity = f"{name}{extras}{requirement.specifier}" if pinned else None
    return Wanted(str(requirement), name, extras, identity=identity)


def _path_and_extras(word: str) -> tuple[Path, str]:
    match = _PATH_AND_EXTRAS.fullmatch(word)
    path, extras = (word, None) if match is None else match.groups()
    if Path(word).expanduser().exists():
        path, extras = word, None
    return Path(path).expanduser(), extras or ""


def _direct(url: str, name: str | None, extras: str) -> Wanted:
    parts = urlsplit(url)
    if parts.scheme == "file":
        return _local(Path(url2pathname(parts.path)), extras, name)
    if parts.scheme not in ("http", "https") and not parts.scheme.startswith("git+"):
        raise SubmitError(f"{url!r}: of version control systems, only git+... can be installed")
    text = f"{name}{extras} @ {url}" if name else url
    if name and parts.scheme == "git+file":  # pip before 24 refuses it behind a name
        text = f"{url}{'&' if parts.fragment else '#'}egg={name}{extras}"
    commit = _COMMIT.fullmatch(parts.path.rpartition("@")[2])
    return Wanted(text, name, extras, direct=True, identity=text if commit else None)


def _local(path: Path, extras: str, name: str | None) -> Wanted:
    """Look at a folder or an archive: its bytes, not its place, tell what will be installed."""
    path = path.resolve() if path.is_dir() else path.absolute()
    if path.is_dir():
        content, found = _folder_content(path), _folder_name(path)
    elif path.is_file():
        content, found = _archive_content(path), _archive_name(path.name)
    else:
        raise SubmitError(f"{path} does not exist; it was asked for as a local path")
    text = f"{name}{extras} @ {path.as_uri()}" if name else f"{path}{extras}"
    identity = f"{name or ''}{extras} {content}"
    return Wanted(text, name or found, extras, path, content, direct=True, identity=identity)


def _folder_content(path: Path) -> str:
    if not any((path / file).is_file() for file in ("pyproject.toml", "setup.py")):
        raise SubmitError(
            f"{path} is no Python project: it has neither a pyproject.toml nor a setup.py"
        )
    return folder_sha256(path)


def _archive_content(path: Path) -> str:
    if not path.name.endswith(_ARCHIVES):
        raise SubmitError(f"{path} is neither a folder nor one of {', '.join(_ARCHIVES)}")
    return file_sha256(path)


def _folder_name(path: Path) -> str | None:
    """Return the name that a folder's pyproject.toml gives; a setup.py has to be run to tell."""
    try:
        project = tomllib.loads((path / "pyproject.toml").read_text()).get("project", {})
        return canonicalize_name(project["name"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _archive_name(file: str) -> str | None:
    try:
        named = parse_wheel_filename(file) if file.endswith(".whl") else parse_sdist_filename(file)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return named[0]
