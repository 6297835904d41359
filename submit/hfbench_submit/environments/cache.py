"""The cache of environments: what was built, for which requests, under which names.

In its folder: `<key>.json` and `<key>~<copy>.json`, a record of each built environment;
`requests/`, what each request last resolved to; `names/`, which environment a name stands for.
A record is written last and names a folder that was never used before: an interrupted build
leaves no record, and what is left of it can disturb no later one.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hfbench_schema.files import write_atomically
from hfbench_schema.submission import Source

_KEPT = ("requests", "names", "pip-")


@dataclass(frozen=True)
class Built:
    """One built environment.

    Attributes:
        key: hash of what it was resolved to; copies have the same.
        copy: 0, or the number of a further copy for A/A comparisons.
        folder: its virtual environment.
        base: the folder of the base that it sees, or None if it is a base.
        label: how people call it.
        python: version of its interpreter.
        packages: all it holds and sees, normalised name to version.
        sources: those of them that no index has.
        created: when, as in a submission.
        size: what its folder takes on disk, in bytes, without its base.
    """

    key: str
    copy: int
    folder: str
    base: str | None
    label: str
    python: str
    packages: dict[str, str]
    created: str
    size: int
    sources: dict[str, Source] = field(default_factory=dict)

    @property
    def interpreter(self) -> Path:
        """Its Python."""
        return Path(self.folder) / "bin" / "python"


@dataclass(frozen=True)
class EnvironmentCache:
    """The environments in one folder."""

    folder: Path

    @contextlib.contextmanager
    def locked(self, say: Callable[[str], None]) -> Iterator[None]:
        """Keep other builds out, and clear away what interrupted ones left."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "building.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say("waiting: another hfbench-submit is at work on environments")
            lock.acquire()
        try:
            self._sweep()
            yield
        finally:
            lock.release()

    def find(self, key: str, copy: int = 0) -> Built | None:
        """Return an environment, and mark it as used; None if it or its base is not there."""
        record = self._record(key, copy)
        built = _read(record)
        if built is None or not built.interpreter.exists():
            return None
        if built.base is not None and not Path(built.base).is_dir():
            return None
        with contextlib.suppress(OSError):
            os.utime(record)
        return built

    def add(self, built: Built) -> None:
        """Record an environment, now that it is whole."""
        write_atomically(self._record(built.key, built.copy), _bytes(asdict(built)))

    def all(self) -> list[Built]:
        """Return what was built, bases and copies included."""
        records = (_read(path) for path in sorted(self.folder.glob("*.json")))
        return [built for built in records if built is not None]

    def used(self, built: Built) -> float:
        """Return when an environment was last used, in seconds since the epoch."""
        return self._record(built.key, built.copy).stat().st_mtime

    def answer(self, request: str) -> tuple[str, str] | None:
        """Return the key that a request last resolved to, and the label it asked for."""
        answer = _json(self.folder / "requests" / f"{request}.json")
        return (answer["key"], answer["label"]) if answer else None

    def remember(self, request: str, key: str, label: str) -> None:
        """Keep what a request resolved to."""
        path = self.folder / "requests" / f"{request}.json"
        write_atomically(path, _bytes({"key": key, "label": label}))

    def names(self) -> dict[str, str]:
        """Return the key of each name."""
        paths = sorted((self.folder / "names").glob("*.json"))
        return {path.stem: answer["key"] for path in paths if (answer := _json(path))}

    def name(self, name: str, key: str) -> None:
        """Let a name stand for an environment."""
        write_atomically(self.folder / "names" / f"{name}.json", _bytes({"key": key}))

    def forget_name(self, name: str) -> None:
        """Take a name away; the environment stays."""
        (self.folder / "names" / f"{name}.json").unlink(missing_ok=True)

    def free(self, key: str) -> list[Built]:
        """Delete an environment with its copies, then the base that no other uses; return them."""
        freed = [built for built in self.all() if built.key == key]
        for built in freed:
            self._record(built.key, built.copy).unlink(missing_ok=True)
            shutil.rmtree(built.folder, ignore_errors=True)
        left = self.all()
        for base in {built.base for built in freed} - {built.base for built in left}:
            freed += [
                gone for built in left if built.folder == base for gone in self.free(built.key)
            ]
        return freed

    def new_folder(self, prefix: str) -> Path:
        """Return an empty folder of a name that was never used; unrecorded, it is swept away."""
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.folder))

    def _record(self, key: str, copy: int) -> Path:
        return self.folder / (f"{key}~{copy}.json" if copy else f"{key}.json")

    def _sweep(self) -> None:
        records = (_json(path) or {} for path in self.folder.glob("*.json"))
        recorded = {Path(record.get("folder", "")).name for record in records}
        for path in self.folder.iterdir():
            if path.is_dir() and path.name not in recorded and not path.name.startswith(_KEPT):
                shutil.rmtree(path, ignore_errors=True)


def _bytes(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _json(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _read(path: Path) -> Built | None:
    """Read a record; one of another version of hfbench is none."""
    try:
        return Built(**(_json(path) or {}))
    except TypeError:
        return None
