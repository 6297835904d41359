"""Environments: cached virtual environments, layered so that a framework is installed once.

A base holds the framework. A layer is a virtual environment of its own whose `.pth` file lets it
see the base's packages: installing another transformers version costs seconds, not gigabytes.
Requirements that name a framework choose the base, so that one sitting can hold environments of
several.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hfbench_schema.cache import cache_folder
from hfbench_schema.submission import EnvironmentFacts, compared_versions
from hfbench_submit.environments.builds import Builder
from hfbench_submit.environments.cache import Built, EnvironmentCache
from hfbench_submit.environments.requirements import Wanted, parse_requirements
from hfbench_submit.errors import SubmitError

DEFAULT_BASE = "torch"
"""What environments see that name no framework of their own."""


@dataclass(frozen=True)
class Environment:
    """A built environment: its interpreter, and the facts that a submission tells of it."""

    python: Path
    facts: EnvironmentFacts


def build_environments(
    base: str, layers: Sequence[str], say: Callable[[str], None], named: Sequence[str] = ()
) -> list[Environment]:
    """Build, or find in the cache, the environments of a sitting.

    Args:
        base: requirements of the base of those layers that name no framework, as a shell would
            split them, as in `torch==2.13.0`.
        layers: requirements of each environment. The same layer twice gives two environments
            with the same packages, for an A/A comparison.
        say: is told what is being built.
        named: names of environments that were created before; they come first.

    Raises:
        SubmitError: a requirement or a name means nothing, or an environment cannot be built; the
            message holds pip's error and where its whole output is.
    """
    default, wanted = parse_requirements(base), [parse_requirements(layer) for layer in layers]
    cache = environment_cache()
    with cache.locked(say):
        builder = Builder(cache, say)
        found = [_named(cache, name) for name in named]
        found += [_layer(builder, default, asked) for asked in wanted]
        copies: Counter[str] = Counter()
        environments = []
        for built in found:
            environments.append(builder.copy(built, copies[built.key]))
            copies[built.key] += 1
    return _described(environments)


def create_environment(name: str, base: str, layer: str, say: Callable[[str], None]) -> Built:
    """Build an environment, and let a name stand for it, as it resolved today.

    Raises:
        SubmitError: the name is taken, or the environment cannot be built.
    """
    default, asked = parse_requirements(base), parse_requirements(layer)
    cache = environment_cache()
    with cache.locked(say):
        if name in cache.names():
            raise SubmitError(
                f"there is an environment {name} already; remove it first, with\n"
                f"  hfbench-submit envs remove {name}"
            )
        built = _layer(Builder(cache, say), default, asked)
        cache.name(name, built.key)
    return built


def canary_of(environment: Environment, environments: Sequence[Environment]) -> Environment:
    """Return an environment once more, as a further replica: an A/A canary within a sitting.

    Args:
        environment: one of `environments`.
        environments: all of the sitting; the canary's label and replica differ from theirs.
    """
    facts = environment.facts
    alike = [e.facts for e in environments if _without_replica(e.facts) == _without_replica(facts)]
    replica = 1 + max(other["replica"] for other in alike)
    label = min(alike, key=lambda other: other["replica"])["label"]
    return Environment(
        environment.python, facts | {"replica": replica, "label": f"{label}~{replica}"}
    )


def environment_cache() -> EnvironmentCache:
    """Return the cache of this user's environments."""
    return EnvironmentCache(cache_folder() / "environments")


def _layer(builder: Builder, default: Sequence[Wanted], asked: Sequence[Wanted]) -> Built:
    """Build an environment over the base that its frameworks make, or over the default one."""
    frameworks = [requirement for requirement in asked if requirement.framework]
    return builder.ensure(asked, builder.ensure(frameworks or default, None))


def _named(cache: EnvironmentCache, name: str) -> Built:
    names = cache.names()
    if name not in names:
        there_are = f"there are {', '.join(names)}" if names else "there are none"
        raise SubmitError(f"no environment has the name {name}; {there_are}")
    if (built := cache.find(names[name])) is None:
        raise SubmitError(
            f"environment {name} is no longer whole; remove it with\n"
            f"  hfbench-submit envs remove {name}\nand create it again"
        )
    return built


def _described(built: Sequence[Built]) -> list[Environment]:
    """Describe environments; those with the same versions are numbered as replicas."""
    environments: list[Environment] = []
    replicas: Counter[tuple[object, ...]] = Counter()
    for one in built:
        facts = _facts(one)
        versions = _without_replica(facts)
        facts["replica"] = replicas[versions]
        facts["label"] += f"~{replicas[versions]}" if replicas[versions] else ""
        if facts["label"] in {environment.facts["label"] for environment in environments}:
            facts["label"] += f"#{one.key[:8]}"
        replicas[versions] += 1
        environments.append(Environment(one.interpreter, facts))
    return environments


def _facts(built: Built) -> EnvironmentFacts:
    facts: EnvironmentFacts = {
        "label": built.label,
        "replica": 0,
        "python": built.python,
        "packages": built.packages,
    }
    if built.sources:
        facts["sources"] = built.sources
    return facts


def _without_replica(facts: EnvironmentFacts) -> tuple[object, ...]:
    return compared_versions(facts)[:2]
