"""Which two environments to compare: from what a person asks for to pairs that are alike else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from hfbench_aggregate.environments import (
    BUILD,
    PYTHON,
    REPLICA,
    Environment,
    differing,
    installed_versions,
    version_key,
)
from hfbench_aggregate.reduction import Family

# A comma before a name, unless it is one between extras, as in `transformers[torch,vision]`.
_BETWEEN_REQUIREMENTS = re.compile(r",\s*(?=[A-Za-z])(?![^\[]*\])")


_CONTENT = re.compile(r"[0-9a-f]{4,64}")


class SelectionError(Exception):
    """What was asked for is not in the store; the text says what is, or how to measure it."""


@dataclass(frozen=True)
class Pair:
    """Two environments of one family."""

    family: Family
    baseline: Environment
    candidate: Environment


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
        """The names of the packages it speaks of."""
        return {requirement.name for requirement in self.requirements}

    def matches(self, family: Family, environment: Environment) -> bool:
        """Whether the environment meets every requirement in every submission."""
        return all(
            versions and all(_meets(requirement, version) for version in versions)
            for requirement in self.requirements
            for versions in [_versions(family, environment, requirement.name)]
        )


def _requirement(text: str) -> Requirement:
    """Parse one requirement; refuse what a store cannot answer, it knows versions only.

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
    varying = {REPLICA} if same else a.names | b.names
    pairs = [
        pair
        for family in families
        for pair in _pairs(family)
        if a.matches(family, pair.baseline)
        and b.matches(family, pair.candidate)
        and differing(pair.baseline, pair.candidate) <= varying
        and (not same or pair.baseline.replica == 0)
    ]
    if not pairs:
        raise SelectionError(_no_replicas(a) if same else _nothing_alike(families, a, b))
    return pairs


def version_pairs(family: Family) -> list[Pair]:
    """Return what a release compares: every two transformers versions, older first, and A/A."""
    return [
        pair
        for pair in _pairs(family)
        if family.environments.index(pair.baseline) < family.environments.index(pair.candidate)
        and (
            differing(pair.baseline, pair.candidate) == {"transformers"}
            or (differing(pair.baseline, pair.candidate) == {REPLICA} and not pair.baseline.replica)
        )
    ]


def _pairs(family: Family) -> list[Pair]:
    every = family.environments
    return [Pair(family, a, b) for a in every for b in every if a != b]


def _versions(family: Family, environment: Environment, name: str) -> set[str]:
    """Return the versions of a package in one environment, over its submissions."""
    if name == PYTHON:
        return {environment.python}
    packages = [installed_versions(facts) for facts in family.facts[environment]]
    return {held[name] for held in packages if name in held}


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
            for environment in family.facts
            if selector.matches(family, environment)
            for version in _versions(family, environment, requirement.name)
        }
        versions = {version.partition(BUILD)[0] for version in builds}
        if requirement.specifier and len(versions) < len(builds):
            name, one = requirement.name, max(builds, key=version_key)
            raise SelectionError(
                f"{requirement} is more than one build: {_in_order(name, builds)}. To choose one, "
                f"write what follows its {BUILD}, as in '{name} {BUILD} {one.partition(BUILD)[2]}'"
            )


def _in_order(name: str, versions: set[str]) -> str:
    return ", ".join(f"{name} {version}" for version in sorted(versions, key=version_key))


def _no_replicas(selector: Selector) -> str:
    return (
        f"both sides are {selector.text}: that is an A/A comparison, and the store has no two "
        f"replicas of it. To measure them: hfbench-submit run smoke "
        f"--with {selector.text} --with {selector.text}"
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


def _titles(environments: Iterable[Environment]) -> str:
    ordered = sorted(environments, key=lambda environment: environment.sort_key)
    return "\n".join(f"  {environment.title}" for environment in ordered)
