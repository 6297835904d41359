"""Building environments: resolve first, then build what no cached environment already holds."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from hfbench_schema.timestamps import format_moment, now
from hfbench_submit.environments.cache import Built, EnvironmentCache
from hfbench_submit.environments.pip import BuildError, Pip
from hfbench_submit.environments.requirements import Wanted, shown
from hfbench_submit.environments.resolution import Resolution, digest
from hfbench_submit.environments.sources import copy_folder
from hfbench_submit.environments.venvs import (
    copy_venv,
    installed,
    make_layer,
    make_venv,
    size_on_disk,
)
from hfbench_submit.errors import SubmitError

_TOOLS = ("pip", "setuptools", "wheel")
# Beside the requirements, these decide what pip chooses.
_CHOOSING = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_PRE", "PIP_NO_BINARY")


@dataclass(frozen=True)
class Builder:
    """Finds or builds environments in a cache that this process has locked.

    Attributes:
        cache: where they are.
        say: is told what is being built.
    """

    cache: EnvironmentCache
    say: Callable[[str], None]

    def ensure(self, asked: Sequence[Wanted], base: Built | None) -> Built:
        """Return the environment that was asked for, building it unless it is cached.

        What is pinned is looked up by request; anything else is resolved first.

        Args:
            asked: all its requirements; those that name a framework are left to the base.
            base: the base that it is to see, or None to build a base.

        Raises:
            SubmitError: it cannot be built, or a source changed meanwhile.
        """
        request = _request_key(asked, base)
        known = self._known(request)
        if known is not None and all(requirement.identity for requirement in asked):
            return known
        with self._scratch(base) as scratch, self._pip(request, shown(asked)) as pip:
            try:
                resolution = self._resolve(pip, scratch, asked, base, patient=known is None)
            except BuildError as error:
                if known is None:
                    raise
                return self._as_last_resolved(known, pip.what, error)
            built = self.cache.find(resolution.key) or self._build(pip, resolution)
        self.cache.remember(request, resolution.key, resolution.label)
        return replace(built, label=resolution.label)

    def copy(self, built: Built, number: int) -> Built:
        """Return a further copy of an environment: the same files at another place."""
        if number == 0:
            return built
        if (found := self.cache.find(built.key, number)) is None:
            self.say(f"copying environment {built.label}, to compare it with itself")
            folder = self.cache.new_folder(f"{built.key}~{number}")
            copy_venv(Path(built.folder), folder)
            found = replace(built, copy=number, folder=str(folder), created=format_moment(now()))
            self.cache.add(found)
        return replace(found, label=built.label)

    def _known(self, request: str) -> Built | None:
        """Return the environment that a request last resolved to, if it is still there."""
        if (answer := self.cache.answer(request)) is None:
            return None
        key, label = answer
        built = self.cache.find(key)
        return None if built is None else replace(built, label=label)

    def _resolve(
        self,
        pip: Pip,
        scratch: Path,
        asked: Sequence[Wanted],
        base: Built | None,
        *,
        patient: bool,
    ) -> Resolution:
        own = [requirement for requirement in asked if base is None or not requirement.framework]
        if own:
            self.say(f"resolving {pip.what}")
        staged = [_staged(requirement, scratch) for requirement in own]
        packages = pip.resolve(scratch, staged, patient=patient)
        return Resolution(asked, staged, packages, base)

    def _as_last_resolved(self, known: Built, what: str, error: BuildError) -> Built:
        why = error.lines[-1] if error.lines else "pip failed"
        self.say(
            f"{what} cannot be resolved now ({why}); taking {known.label} as it was resolved and "
            f"built on {known.created[:10]}"
        )
        return known

    def _build(self, pip: Pip, resolution: Resolution) -> Built:
        """Build an environment of what was resolved, and record it."""
        base, label = resolution.base, resolution.label
        self.say(f"building {'base' if base is None else 'environment'} {label}")
        begun = monotonic()
        with self._new_folder(resolution.key, keep=True) as folder:
            if base is None:
                # A complete one: some frameworks count on the setuptools that it comes with.
                copy_venv(pip.home, folder)
            else:
                make_layer(folder, Path(base.folder))
            pip.install(folder, resolution.requirements)
            built = _built(folder, resolution)
            self.cache.add(built)
        self.say(f"built {label} in {monotonic() - begun:.0f} s")
        return built

    @contextmanager
    def _scratch(self, base: Built | None) -> Iterator[Path]:
        """Lend an environment that sees the base and holds nothing, to resolve in."""
        with self._new_folder("scratch", keep=False) as folder:
            make_layer(folder, None if base is None else Path(base.folder))
            yield folder

    @contextmanager
    def _pip(self, request: str, what: str) -> Iterator[Pip]:
        """Lend a pip in an environment of its own; its log stays if what it is lent for fails."""
        log = self.cache.folder / f"{request}.log"
        log.unlink(missing_ok=True)
        home = self.cache.folder / f"pip-{digest(sys.version)}"
        if not home.is_dir():
            with self._new_folder("unfinished", keep=True) as folder:
                make_venv(folder, pip=True)
                folder.rename(home)
        yield Pip(home, log, what)
        log.unlink(missing_ok=True)

    @contextmanager
    def _new_folder(self, prefix: str, *, keep: bool) -> Iterator[Path]:
        """Lend a new folder, and delete it afterwards: if it is to be kept, on failure only."""
        folder = self.cache.new_folder(prefix)
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _request_key(asked: Sequence[Wanted], base: Built | None) -> str:
    """Name a request: with the same one, an index that has not changed gives the same answer."""
    constraints = os.environ.get("PIP_CONSTRAINT", "").split()
    return digest(
        {
            "python": sys.version,
            "requirements": sorted(w.identity or w.text for w in asked),
            "base": base.folder if base else None,
            "constraints": [Path(p).read_text() if Path(p).exists() else p for p in constraints],
            "choosing": [os.environ.get(name) for name in _CHOOSING],
        }
    )


def _staged(requirement: Wanted, scratch: Path) -> Wanted:
    """Return a local folder's requirement as one of a copy of it; any other as it is."""
    if requirement.path is None or not requirement.path.is_dir():
        return requirement
    copy = Path(tempfile.mkdtemp(dir=scratch)) / requirement.path.name
    if copy_folder(requirement.path, copy) != requirement.content:
        raise SubmitError(f"{requirement.path} changed while it was being read; repeat the command")
    return requirement.at(copy)


def _built(folder: Path, resolution: Resolution) -> Built:
    return Built(
        key=resolution.key,
        copy=0,
        folder=str(folder),
        base=None if resolution.base is None else resolution.base.folder,
        label=resolution.label,
        python=platform.python_version(),
        packages=_checked_packages(folder, resolution),
        sources=resolution.sources,
        created=format_moment(now()),
        size=size_on_disk(folder),
    )


def _checked_packages(folder: Path, resolution: Resolution) -> dict[str, str]:
    """Return what an environment holds and sees; installers are no part of what is measured.

    Raises:
        SubmitError: it is not what was resolved: an index or a branch moved meanwhile.
    """
    packages, commits = installed(folder)
    for resolved in resolution.packages:
        moved = resolved.kind == "git" and commits[resolved.name] != resolved.content
        if packages.get(resolved.name) != resolved.version or moved:
            raise SubmitError(
                f"{resolved.name} changed at its source while it was being installed; repeat the "
                "command"
            )
    return {name: packages[name] for name in sorted(packages) if name not in _TOOLS}
