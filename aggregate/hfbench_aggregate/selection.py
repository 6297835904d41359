"""Which two environments to compare: from what a person asks for to pairs that are alike else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, product
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from hfbench_aggregate.environments import (
    BUILD,
    PYTHON,
    REPLICA,
    Environment,
    differing,
    version_key,
)
from hfbench_aggregate.pairs import Pair, replica_pair, version_pair
from hfbench_aggregate.reduction import Family
from hfbench_schema.submission import installed_version, package_of

# A comma before a name, unless it is one between extras, as in `transformers[torch,vision]`.
_BETWEEN_REQUIREMENTS = re.compile(r",\s*(?=[A-Za-z])(?![^\[]*\])")


TRANSFORMERS: Final = "transformers"
_CONTENT = re.compile(r"[0-9a-f]{4,64}")


class SelectionError(Exception):
    """What was asked for is not there; the text says what is, or how to measure it."""


@dataclass(frozen=True)
class Selector:
    """Requirements that an environment must meet, as in `transformers==4.57.6,torch==2.13.0`."""

    text: str

    @cached_property
    def requirements(self) -> tuple[Requirement, ...]:
        """The requirements, parsed, with names as installed packages are listed.

        Raises:
            SelectionError: the text is not of that form, or asks for more than versions.
        """
        try:
            return tuple(_requirement(part) for part in _BETWEEN_REQUIREMENTS.split(self.text))
        except InvalidRequirement as error:
            raise SelectionError(
                f"cannot read {self.text!r}: write package==version, as in transformers==5.23.0, "
                f"and a comma between several"
            ) from error

    @property
    def names(self) -> set[str]:
        """The names of the packages it speaks of: `tensorflow` where it says `tensorflow-cpu`."""
        return {package_of(requirement.name) for requirement in self.requirements}

    def matches(self, family: Family, environment: Environment) -> bool:
        """Whether the environment meets every requirement in every submission."""
        return all(
            versions and all(_meets(requirement, version) for version in versions)
            for requirement in self.requirements
            for versions in [_versions(family, environment, requirement.name)]
        )

    def chosen(self, family: Family) -> list[Environment]:
        """Return the environments it asks for, from old to new.

        A version that was released is preferred to builds of it.
        """
        found = [each for each in family.environments if self.matches(family, each)]
        for requirement in self.requirements:
            held = {each: _versions(family, each, requirement.name) for each in found}
            released = {
                version for each in held.values() for version in each if BUILD not in version
            }
            if requirement.specifier:
                found = [each for each in found if not _builds_of(released, held[each])]
        return found


def _builds_of(released: set[str], versions: set[str]) -> set[str]:
    """Return those versions that are builds of one that was released."""
    return {v for v in versions if BUILD in v and v.partition(BUILD)[0] in released}


def _requirement(text: str) -> Requirement:
    """Parse one requirement; refuse what documents cannot answer, they know versions only.

    What follows an @ is the content of what no index has: a commit, or the start of one.
    """
    requirement = Requirement(text)
    for value, name in (
        (requirement.url and not _CONTENT.fullmatch(requirement.url), "a URL"),
        (requirement.extras, "extras"),
        (requirement.marker, "a marker"),
    ):
        if value:
            raise SelectionError(
                f"{text!r} has {name}: environments are selected by version alone, "
                f"as in transformers==5.23.0"
            )
    requirement.name = canonicalize_name(requirement.name)
    return requirement


def selected_pairs(families: list[Family], baseline: str, candidate: str) -> list[Pair]:
    """Return the pairs that differ only in what the selectors name, in every family.

    The same selector twice asks for an A/A comparison: replica 0 against each further replica.

    Raises:
        SelectionError: there are no such pairs; the text says what there is.
    """
    a, b = Selector(baseline), Selector(candidate)
    for selector in (a, b):
        _require_known(families, selector)
        _require_one_build(families, selector)
    same = sorted(map(str, a.requirements)) == sorted(map(str, b.requirements))
    make = replica_pair if same else version_pair
    alike = [
        make(family, baseline, candidate)
        for family in families
        for baseline, candidate in product(a.chosen(family), b.chosen(family))
        if differing(baseline, candidate) <= ({REPLICA} if same else a.names | b.names)
    ]
    pairs = [pair for pair in alike if pair is not None]
    if not pairs:
        raise SelectionError(_no_replicas(a) if same else _nothing_alike(families, a, b))
    if not (comparable := [pair for pair in pairs if pair.has_common_cells]):
        raise SelectionError(_nothing_in_common(pairs))
    return comparable


def version_pairs(family: Family) -> list[Pair]:
    """Return what a release compares: every two transformers versions, older first, and A/A.

    Two builds of one version have no order, and environments without a common cell no verdict.
    """
    pairs = []
    for baseline, candidate in combinations(family.environments, 2):
        names = differing(baseline, candidate)
        if names == {REPLICA}:
            pairs.append(replica_pair(family, baseline, candidate))
        elif names == {TRANSFORMERS} and not _are_one_version(baseline, candidate):
            pairs.append(version_pair(family, baseline, candidate))
    return [pair for pair in pairs if pair is not None and pair.has_common_cells]


def _are_one_version(a: Environment, b: Environment) -> bool:
    first, second = (dict(side.versions)[TRANSFORMERS].partition(BUILD)[0] for side in (a, b))
    return first == second


def _versions(family: Family, environment: Environment, name: str) -> set[str]:
    """Return the versions of a package in one environment, over its submissions.

    A package has those of its distributions: `tensorflow` that of `tensorflow-cpu`.
    """
    if name == PYTHON:
        return {environment.python}
    found = (
        installed_version(facts["packages"], facts.get("sources", {}), name)
        for facts in family.facts[environment]
    )
    return {version for _, version in filter(None, found)}


def _meets(requirement: Requirement, text: str) -> bool:
    """Whether a version, or a build of one as in `5.24.0.dev0@1f2e3d4c5b6a`, is asked for."""
    version, _, content = text.partition(BUILD)
    if requirement.url:
        return content.startswith(requirement.url[: len(content)]) and bool(content)
    try:
        return requirement.specifier.contains(version, prereleases=True)
    except InvalidVersion:
        return False


def _require_known(families: list[Family], selector: Selector) -> None:
    """Raise if a requirement, or all of them together, is met by no environment."""
    for requirement in selector.requirements:
        known = {
            version
            for family in families
            for environment in family.facts
            for version in _versions(family, environment, requirement.name)
        }
        if not any(_meets(requirement, version) for version in known):
            raise SelectionError(
                f"no environment has {requirement}; there are: "
                + (_in_order(requirement.name, known) or f"none with {requirement.name}")
            )
    every = [(family, environment) for family in families for environment in family.facts]
    if not any(selector.matches(*place) for place in every):
        raise SelectionError(
            f"no environment has all of {selector.text}; there are:\n"
            + _titles({environment for _, environment in every})
        )


def _require_one_build(families: list[Family], selector: Selector) -> None:
    """Raise if a version that is asked for stands for several builds of it."""
    for family, requirement in product(families, selector.requirements):
        builds = {
            version
            for environment in selector.chosen(family)
            for version in _versions(family, environment, requirement.name)
        }
        versions = {version.partition(BUILD)[0] for version in builds}
        if requirement.specifier and len(versions) < len(builds):
            name = requirement.name
            one = max((build for build in builds if BUILD in build), key=version_key)
            raise SelectionError(
                f"{requirement} is more than one build: {_in_order(name, builds)}. To choose one, "
                f"write what follows its {BUILD}, as in '{name} {BUILD} {one.partition(BUILD)[2]}'"
            )


def _in_order(name: str, versions: set[str]) -> str:
    return ", ".join(f"{name} {version}" for version in sorted(versions, key=version_key))


def _no_replicas(selector: Selector) -> str:
    return (
        f"both sides are {selector.text}: that is an A/A comparison, and there is no sitting with "
        f"two replicas of it that hold the same packages. To measure them: "
        f"hfbench-submit run smoke --with {selector.text} --with {selector.text}"
    )


def _nothing_alike(families: list[Family], a: Selector, b: Selector) -> str:
    """Say why no pair is comparable: other versions differ as well, or no machine has both."""
    sides = [
        _titles({e for family in families for e in family.facts if selector.matches(family, e)})
        for selector in (a, b)
    ]
    return (
        f"no machine has measured {a.text} and {b.text} in environments that are alike else, in "
        f"one suite and launched in one way.\n"
        f"Baseline:\n{sides[0]}\nCandidate:\n{sides[1]}\n"
        "To compare across another difference, name it on both sides, as in "
        "transformers==5.23.0,torch==2.13.0. To measure both on one machine: "
        f"hfbench-submit run smoke --with {a.text} --with {b.text}"
    )


def _nothing_in_common(pairs: list[Pair]) -> str:
    """Say that no latency can be compared; other roles have no verdicts."""
    sides = "\n".join(f"  {p.baseline.title} / {p.candidate.title}" for p in pairs)
    return (
        f"there is no cell whose latency both sides have process runs of, and not only "
        f"unsupported ones:\n{sides}\n"
        "To compare them, measure the same cells in the role latency in both"
    )


def _titles(environments: Iterable[Environment]) -> str:
    ordered = sorted(environments, key=lambda environment: environment.sort_key)
    return "\n".join(f"  {environment.title}" for environment in ordered)
