"""pip, as hfbench uses it: what requirements resolve to, installing just that, and its errors."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from hfbench_schema.submission import Source
from hfbench_submit.environments import guard
from hfbench_submit.environments.requirements import Wanted
from hfbench_submit.environments.sources import folder_sha256
from hfbench_submit.errors import SubmitError
from hfbench_submit.launching.process_groups import killed_at_exit

# These would let the client's own packages in, or lead pip away from the environment.
_HARMFUL = ("PYTHONPATH", "PYTHONHOME", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_REPORT")
_TELLING = re.compile(r"\s*(fatal: |ERROR: |error: (?!subprocess-exited)|\u00d7 |E: )")
_OUTPUT_OF_A_BUILD = re.compile(r"\[\d+ lines of output\]")
_MOST_LINES = 8


class BuildError(SubmitError):
    """A step of building an environment failed; `lines` are what its output says of why."""

    def __init__(self, message: str, lines: Sequence[str]) -> None:
        super().__init__(message)
        self.lines = list(lines)


@dataclass(frozen=True)
class Resolved:
    """One package that requirements resolve to.

    Attributes:
        name: normalised.
        version: as its metadata says.
        content: hash of its archive, commit, or hash of its folder; empty if pip tells none.
        kind: `index`, or the kind of a `Source`.
        requested: whether it was asked for, and is no dependency of another.
        requirement: what installs just this.
    """

    name: str
    version: str
    content: str
    kind: str
    requested: bool
    requirement: str

    @property
    def source(self) -> Source | None:
        """Where it came from, unless an index has it."""
        return None if self.kind == "index" else {"kind": self.kind, "content": self.content}


@dataclass(frozen=True)
class Pip:
    """A pip that works on other environments; its own holds nothing else.

    Attributes:
        home: the virtual environment that has it.
        log: where all it prints goes.
        what: what is being built, for messages.
    """

    home: Path
    log: Path
    what: str

    def resolve(self, target: Path, wanted: Sequence[Wanted], *, patient: bool) -> list[Resolved]:
        """Return what installing requirements into the environment `target` would install.

        Args:
            target: a virtual environment; what it has, or sees of its base, is not resolved again.
            wanted: the requirements; none need nothing.
            patient: whether to try again and again where the network fails.

        Raises:
            BuildError: nothing satisfies them, or the network is down.
        """
        if not wanted:
            return []
        report = target / "report.json"
        retries = [] if patient else ["--retries", "1"]
        options = ["--dry-run", "--report", str(report), *retries]
        self._install(target, options, [requirement.text for requirement in wanted])
        contents = {requirement.path: requirement.content for requirement in wanted}
        items = json.loads(report.read_bytes())["install"]
        return sorted((_resolved(item, contents) for item in items), key=lambda item: item.name)

    def install(self, target: Path, requirements: Sequence[str]) -> None:
        """Install just these packages, and no dependencies of theirs.

        Raises:
            BuildError: one cannot be fetched or built.
        """
        if requirements:
            self._install(target, ["--no-deps"], requirements)

    def run(self, command: Sequence[str]) -> None:
        """Run a command to its end, its output in the log.

        Raises:
            BuildError: it failed.
        """
        with self.log.open("ab") as stream:
            begin = stream.tell()
            returncode = _run_guarded(command, stream.fileno())
        if returncode != 0:
            lines = _telling_lines(self.log.read_bytes()[begin:].decode(errors="replace"))
            raise BuildError(
                f"the environment {self.what!r} cannot be built; pip says:\n  "
                + "\n  ".join(lines)
                + f"\nIts whole output is in {self.log}",
                lines,
            )

    def _install(self, target: Path, options: Sequence[str], requirements: Sequence[str]) -> None:
        pip = [
            str(self.home / "bin" / "python"),
            "-m",
            "pip",
            "--python",
            str(target / "bin" / "python"),
        ]
        settings = ["install", "--disable-pip-version-check", "--no-input"]
        self.run([*pip, *settings, *options, "--", *requirements])


def _run_guarded(command: Sequence[str], output: int) -> int:
    """Run a command that ends, with all its children, at the latest when this process does."""
    prefix = [sys.executable, "-I", str(guard.__file__)]
    process = subprocess.Popen(
        [*prefix, *command],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name not in _HARMFUL},
    )
    with process, killed_at_exit(process):
        return process.wait()


def _telling_lines(printed: str) -> list[str]:
    """Return the lines that say why: pip's errors, git's, and the end of a failed build's own."""
    lines = printed.splitlines()
    telling = [line.strip() for line in lines if _TELLING.match(line)]
    for place, line in enumerate(lines):
        if _OUTPUT_OF_A_BUILD.search(line):
            end = next((n for n in range(place, len(lines)) if "[end of out" in lines[n]), place)
            telling += [text.strip() for text in lines[max(place + 1, end - 3) : end]]
    if not telling:
        telling = [line.strip() for line in lines if line.strip()][-5:]
    return list(dict.fromkeys(telling))[-_MOST_LINES:]


def _resolved(item: dict[str, Any], contents: Mapping[Path | None, str]) -> Resolved:
    """Read one item of pip's installation report; `contents` are those of local paths."""
    name, version = canonicalize_name(item["metadata"]["name"]), item["metadata"]["version"]
    info, requested = item["download_info"], item["requested"]
    kind, content = _source(info, contents)
    if not item["is_direct"]:
        return Resolved(name, version, content, "index", requested, f"{name}=={version}")
    return Resolved(name, version, content, kind, requested, _direct_requirement(name, info))


def _source(info: dict[str, Any], contents: Mapping[Path | None, str]) -> tuple[str, str]:
    if "vcs_info" in info:
        return "git", info["vcs_info"]["commit_id"]
    parts = urlsplit(info["url"])
    path = Path(url2pathname(parts.path)) if parts.scheme == "file" else None
    if "dir_info" in info and path is not None:
        return "folder", contents.get(path) or folder_sha256(path)
    return "archive", contents.get(path) or _archive_sha256(info["archive_info"])


def _archive_sha256(info: dict[str, Any]) -> str:
    """Return what PEP 610 calls `hashes`; pip before 23.1 wrote `hash` alone."""
    hashes: dict[str, str] = info.get("hashes") or dict([info["hash"].split("=", 1)])
    return hashes["sha256"]


def _direct_requirement(name: str, info: dict[str, Any]) -> str:
    if "vcs_info" not in info:
        return f"{name} @ {info['url']}"
    part = f"&subdirectory={info['subdirectory']}" if "subdirectory" in info else ""
    return f"git+{info['url']}@{info['vcs_info']['commit_id']}#egg={name}{part}"
