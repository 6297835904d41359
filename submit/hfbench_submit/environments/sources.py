"""The content of local folders and archives: what tells apart what has the same version."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

_JUNK = frozenset({".git", ".hg", ".eggs", "__pycache__", "node_modules", ".venv", "venv"}) | {
    f".{tool}" for tool in ("tox", "nox", "mypy_cache", "pytest_cache", "ruff_cache", "hypothesis")
}
_JUNK_ON_TOP = frozenset({"build", "dist"})
_JUNK_SUFFIXES = (".egg-info", ".pyc")


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def folder_sha256(folder: Path) -> str:
    """Return the sha256 of the files of a project folder: of their names and their bytes.

    Raises:
        OSError: a file cannot be read.
    """
    return _sha256_of(folder, folder_files(folder))


def copy_folder(folder: Path, target: Path) -> str:
    """Copy the files of a project to `target`, which must not exist; return the copy's sha256.

    Building from a copy leaves nothing behind in the folder, and nothing that an earlier build
    left there gets in.

    Raises:
        OSError: a file cannot be read, or the disk is full.
    """
    names = folder_files(folder)
    for name in names:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / name, copy, follow_symlinks=False)
    return _sha256_of(target, names)


def folder_files(folder: Path) -> list[str]:
    """Return the files that make a project what it is, relative to its folder, sorted.

    Of a git checkout, those that git tracks or would track, as they lie there; of any other
    folder, all but what builds and tools leave behind.
    """
    listed = _tracked(folder)
    if not {"pyproject.toml", "setup.py"} & listed:
        return sorted(_walk(folder, ""))
    return sorted(name for listed_name in listed for name in _existing(folder, listed_name))


def _sha256_of(folder: Path, names: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for name in names:
        path = folder / name
        link = path.is_symlink()
        content = os.fsencode(path.readlink()).hex() if link else file_sha256(path)
        digest.update(b"%d\0%s\0%s\0" % (link, os.fsencode(name), content.encode()))
    return digest.hexdigest()


def _tracked(folder: Path) -> set[str]:
    """Return what git tracks or would track; nothing if it is no checkout or there is no git."""
    command = ["git", "-C", str(folder), "ls-files", "-z", "--cached", "--others"]
    try:
        answer = subprocess.run(
            [*command, "--exclude-standard"], capture_output=True, stdin=subprocess.DEVNULL
        )
    except OSError:
        return set()
    return {os.fsdecode(name) for name in answer.stdout.split(b"\0") if name}


def _existing(folder: Path, name: str) -> Iterator[str]:
    """Yield a file that git lists if it is still there; of a submodule, all its files."""
    path = folder / name
    if path.is_dir() and not path.is_symlink():
        yield from _walk(path, name.rstrip("/") + "/")
    elif path.is_symlink() or path.is_file():
        yield name


def _walk(folder: Path, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_junk(entry.name, on_top=not prefix):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            elif entry.is_symlink() or entry.is_file():
                yield prefix + entry.name


def _is_junk(name: str, *, on_top: bool) -> bool:
    return name in _JUNK or name.endswith(_JUNK_SUFFIXES) or (on_top and name in _JUNK_ON_TOP)
