"""Environments over submissions: the versions by which process runs are pooled and compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from packaging.version import InvalidVersion, Version

from hfbench_aggregate.wording import counted
from hfbench_schema.submission import (
    COMPARED_PACKAGES,
    EnvironmentFacts,
    compared_versions,
    package_of,
)

PYTHON: Final = "python"
REPLICA: Final = "replica"
BUILD: Final = "@"
"""Before the content of what no index has; no version holds this sign."""
_MOST_NAMED = 6
# What moves timings most often; named before the rest.
_TELLING = ("tokenizers", "numpy", "huggingface-hub", "safetensors", "accelerate", "triton")


@dataclass(frozen=True)
class Environment:
    """One environment as all submissions share it.

    `versions` holds distribution and version of COMPARED_PACKAGES as far as installed, in that
    order, as in `tensorflow-cpu` and `2.20.0`; `python` is major.minor; `replica` tells
    environments with the same packages apart (A/A).
    """

    versions: tuple[tuple[str, str], ...]
    python: str
    replica: int

    @property
    def title(self) -> str:
        """The environment for people, as in `transformers 5.23.0, torch 2.13.0, Python 3.11`."""
        parts = [f"{name} {version}" for name, version in self.versions]
        parts.append(f"Python {self.python}")
        if self.replica:
            parts.append(f"replica {self.replica}")
        return ", ".join(parts)

    @property
    def dimensions(self) -> dict[str, str]:
        """What is installed of each package, `python` and `replica` included.

        Two distributions of one package are two values of one dimension.
        """
        held = {package_of(name): f"{name} {version}" for name, version in self.versions}
        return {**held, PYTHON: self.python, REPLICA: str(self.replica)}

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Orders environments from old to new, replicas side by side."""
        versions = tuple(version_key(version) for _, version in self.versions)
        return (versions, version_key(self.python), self.replica, self.title)


def environment_of(facts: EnvironmentFacts) -> Environment:
    """Return the environment that a submission's facts belong to."""
    return Environment(*compared_versions(facts))


def installed_versions(facts: EnvironmentFacts) -> dict[str, str]:
    """Return every package's version, with the content of what no index has."""
    sources = facts.get("sources", {})
    builds = {name: f"{BUILD}{source['content'][:12]}" for name, source in sources.items()}
    return {name: text + builds.get(name, "") for name, text in facts["packages"].items()}


def version_key(text: str) -> tuple[int, Version, str]:
    """Order versions as pip does; what is no version comes before all that are.

    Two builds of a version, as in `5.24.0.dev0@1f2e3d4c5b6a`, have no order but their text's.
    """
    try:
        return (1, Version(text.partition(BUILD)[0]), text)
    except InvalidVersion:
        return (0, Version("0"), text)


def differing(a: Environment, b: Environment) -> set[str]:
    """Return the names of the dimensions in which two environments differ."""
    names = a.dimensions.keys() | b.dimensions.keys()
    return {name for name in names if a.dimensions.get(name) != b.dimensions.get(name)}


def hidden_differences(
    baseline: Iterable[EnvironmentFacts], candidate: Iterable[EnvironmentFacts]
) -> str | None:
    """Name what differs between or within two sides beyond the versions compared, or None.

    As in `also differ: tokenizers 0.22.1 / 0.23.0, 3 packages in one of them only`, baseline
    first, at most six by name.
    """
    a, b = _all_versions(baseline), _all_versions(candidate)
    names = [name for name in a.keys() & b.keys() if a[name] != b[name] or len(a[name]) > 1]
    names.sort(key=lambda name: (_rank(name), name))
    texts = [f"{name} {_listed(a[name])} / {_listed(b[name])}" for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        texts.append(f"{counted(len(names) - _MOST_NAMED, 'more package')}")
    if one_sided := len(a.keys() ^ b.keys()):
        texts.append(f"{counted(one_sided, 'package')} in one of them only")
    return f"also differ: {', '.join(texts)}" if texts else None


def _all_versions(all_facts: Iterable[EnvironmentFacts]) -> dict[str, set[str]]:
    """Collect what an environment holds besides COMPARED_PACKAGES, over its submissions."""
    found: dict[str, set[str]] = {}
    for facts in all_facts:
        for name, version in [("Python", facts["python"]), *installed_versions(facts).items()]:
            if package_of(name) not in COMPARED_PACKAGES:
                found.setdefault(name, set()).add(version)
    return found


def _rank(name: str) -> int:
    return _TELLING.index(name) if name in _TELLING else len(_TELLING)


def _listed(versions: set[str]) -> str:
    return " and ".join(sorted(versions))
