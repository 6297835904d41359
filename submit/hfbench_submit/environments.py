"""Environments: cached virtual environments, layered so that torch is installed once.

A base holds the framework. A layer is a virtual environment of its own whose `.pth` file lets it
see the base's packages: installing another transformers version costs seconds, not gigabytes.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO, Any

import platformdirs
from filelock import FileLock
from packaging.requirements import Requirement

from hfbench_schema.canonical import document_sha256
from hfbench_schema.files import write_atomically
from hfbench_schema.submission import EnvironmentFacts, compared_versions
from hfbench_submit.errors import SubmitError
from hfbench_submit.process_groups import killed_at_exit

_PROBE = """
import importlib.metadata, json, platform, re
names = {}
for d in importlib.metadata.distributions():
    if d.metadata["Name"] and d.version:
        names.setdefault(re.sub(r"[-_.]+", "-", d.metadata["Name"]).lower(), d.version)
print(json.dumps({"python": platform.python_version(), "packages": names}))
"""
_TOOLS = ("pip", "setuptools", "wheel")


@dataclass(frozen=True)
class Environment:
    """A built environment: its interpreter, and the facts that a submission tells of it."""

    python: Path
    facts: EnvironmentFacts


def cache_folder() -> Path:
    """Return where environments are kept: `$HFBENCH_CACHE`, or the user's cache folder."""
    named = os.environ.get("HFBENCH_CACHE")
    return Path(named) if named else Path(platformdirs.user_cache_dir("hfbench"))


def build_environments(
    base: str, layers: Sequence[str], say: Callable[[str], None]
) -> list[Environment]:
    """Build, or find in the cache, one environment per layer over one base.

    Args:
        base: requirements of the base, as a shell would split them, as in `torch==2.13.0`.
        layers: requirements of each environment. The same layer twice gives two environments
            with the same packages, for an A/A comparison.
        say: is told what is being built.

    Raises:
        SubmitError: pip failed; the message holds its error and where its whole output is.
    """
    wanted = [_requirements(layer) for layer in layers]
    folder = cache_folder() / "environments"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "building.lock"):
        base_record = _ensure(folder, _requirements(base), None, 0, say)
        copies: Counter[tuple[str, ...]] = Counter()
        records = []
        for requirements in wanted:
            copy = copies[tuple(requirements)]
            records.append(_ensure(folder, requirements, base_record, copy, say))
            copies[tuple(requirements)] += 1
    return _environments(wanted, records)


def _requirements(text: str) -> list[str]:
    """Split requirements as a shell would, and refuse what cannot be told apart by its version."""
    try:
        requirements = [Requirement(word) for word in shlex.split(text)]
    except ValueError:  # InvalidRequirement is one
        requirements = []
    if not requirements or any(requirement.url for requirement in requirements):
        raise SubmitError(
            f"{text!r} is no list of requirements such as transformers==5.23.0; folders and git "
            "commits are not supported yet"
        )
    return [str(requirement) for requirement in requirements]


def _environments(
    wanted: Sequence[Sequence[str]], records: Sequence[dict[str, Any]]
) -> list[Environment]:
    """Describe the environments; those with the same versions are numbered as replicas."""
    environments = []
    replicas: Counter[tuple[object, ...]] = Counter()
    for requirements, record in zip(wanted, records, strict=True):
        label = "+".join(requirements).replace("==", "-")[:120]
        facts: EnvironmentFacts = {
            "label": label,
            "replica": 0,
            "python": record["python"],
            "packages": record["packages"],
        }
        versions = compared_versions(facts)
        facts["replica"] = replicas[versions]
        facts["label"] += f"~{replicas[versions]}" if replicas[versions] else ""
        replicas[versions] += 1
        environments.append(Environment(_python(Path(record["folder"])), facts))
    return environments


def _ensure(
    folder: Path,
    requirements: Sequence[str],
    base: dict[str, Any] | None,
    copy: int,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Return the record of a cached environment, building it first if need be.

    The record is written last, and names a folder that was never used before: an interrupted
    build leaves no record, and what is left of it can disturb no later one.
    """
    key = _key(requirements, base, copy)
    record_path = folder / f"{key}.json"
    if (record := _read_record(record_path)) is not None:
        if not all("==" in requirement for requirement in requirements):
            say(f"environment {' '.join(requirements)}: as it was resolved when it was built")
        return record
    for abandoned in folder.glob(f"{key}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    target = Path(tempfile.mkdtemp(prefix=f"{key}-", dir=folder))
    begun = monotonic()
    say(f"building environment {' '.join(requirements)}: usually under a minute")
    _install(target, requirements, base)
    say(f"built in {monotonic() - begun:.0f} s")
    record = {"folder": str(target), "site_packages": _site_packages(target)} | _probe(target)
    write_atomically(record_path, json.dumps(record).encode())
    _log_path(target).unlink()
    return record


def _key(requirements: Sequence[str], base: dict[str, Any] | None, copy: int) -> str:
    facts = {
        "python": sys.version,
        "requirements": list(requirements),
        "base": base["folder"] if base else None,
        "copy": copy,
        "constraints": _constraints(),
    }
    return document_sha256(facts)[:16]


def _constraints() -> str:
    """Return what pip's own constraints file says, since it decides what gets installed."""
    path = os.environ.get("PIP_CONSTRAINT")
    return Path(path).read_text() if path and Path(path).exists() else ""


def _read_record(path: Path) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return record if _python(Path(record["folder"])).exists() else None


def _install(target: Path, requirements: Sequence[str], base: dict[str, Any] | None) -> None:
    _run([sys.executable, "-m", "venv", str(target)], target, requirements)
    if base is not None:
        link = Path(_site_packages(target)) / "hfbench-base.pth"
        link.write_text(base["site_packages"] + "\n")
    pip = [
        str(_python(target)),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
    ]
    _run([*pip, "--", *requirements], target, requirements)


def _run(command: Sequence[str], target: Path, requirements: Sequence[str]) -> None:
    log = _log_path(target)
    with log.open("ab") as stream:
        returncode = _run_group(command, stream)
    if returncode == 0:
        return
    printed = log.read_text(errors="replace").splitlines()
    errors = [line for line in printed if line.upper().startswith("ERROR")] or printed[-5:]
    shutil.rmtree(target, ignore_errors=True)
    raise SubmitError(
        f"the environment {' '.join(requirements)!r} cannot be built; pip says:\n  "
        + "\n  ".join(errors[-5:])
        + f"\nIts whole output is in {log}"
    )


def _run_group(command: Sequence[str], stream: IO[bytes]) -> int:
    """Run a command to its end, or end it with all its children: pip starts some of its own."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
    )
    with killed_at_exit(process):
        return process.wait()


def _python(target: Path) -> Path:
    return target / "bin" / "python"


def _log_path(target: Path) -> Path:
    return target.with_suffix(".log")


def _site_packages(target: Path) -> str:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return str(target / "lib" / version / "site-packages")


def _probe(target: Path) -> dict[str, Any]:
    """Ask the environment itself what it holds; installers are no part of what is measured."""
    command = [str(_python(target)), "-I", "-c", _PROBE]
    answer = subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)
    facts: dict[str, Any] = json.loads(answer.stdout)
    facts["packages"] = {n: v for n, v in sorted(facts["packages"].items()) if n not in _TOOLS}
    return facts
