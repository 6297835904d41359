"""`hfbench-submit envs`: which environments are cached, and giving them names."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click
from rich.console import Console
from rich.table import Table

from hfbench_schema.submission import COMPARED_PACKAGES, installed_version
from hfbench_submit.environments.cache import Built, EnvironmentCache
from hfbench_submit.environments.environments import (
    DEFAULT_BASE,
    create_environment,
    environment_cache,
)
from hfbench_submit.errors import SubmitError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BASE = "base:"
_WIDE = 400
_COLUMNS = ("environment", "Python", "packages", "size", "created", "last used")


@click.group()
def envs() -> None:
    """List, create and remove the environments that are measured."""


@envs.command("list")
def list_environments() -> None:
    """Print what is cached, by name or label; bases are shared, and go with their last user."""
    cache = environment_cache()
    groups = _groups(cache)
    if not groups:
        click.echo("no environments yet; `run` and `envs create` build them")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in _COLUMNS:
        table.add_column(column, no_wrap=True)
    for shown, group in groups.items():
        table.add_row(shown, *_row(cache, group))
    # Wider than any row: names are for typing in again, so a line is never broken or cut.
    Console(highlight=False, markup=False, width=_WIDE).print(table)
    click.echo(f"\n{_megabytes(cache.all())} in {cache.folder}")


@envs.command()
@click.argument("name")
@click.option(
    "--with",
    "layers",
    multiple=True,
    required=True,
    metavar="REQUIREMENTS",
    help="What it holds: pip requirements, local paths or git commits, all in one argument.",
)
@click.option(
    "--base",
    default=DEFAULT_BASE,
    show_default=True,
    metavar="REQUIREMENTS",
    help="What it shares with others, unless it names a framework itself.",
)
def create(name: str, layers: tuple[str, ...], base: str) -> None:
    """Build an environment as it resolves today, and call it NAME: `run --env NAME` measures it."""
    if not _NAME.fullmatch(name):
        raise click.UsageError(f"{name!r} is no name: letters, digits, and . _ - within")
    if len(layers) > 1:
        raise click.UsageError("a name stands for one environment: put all into one --with")
    console = Console(stderr=True, highlight=False, markup=False)
    built = create_environment(name, base, layers[0], console.print)
    click.echo(f"{name} is {built.label}")


@envs.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def remove(names: tuple[str, ...]) -> None:
    """Remove environments by the name or label that `list` shows, and bases nobody uses then."""
    cache = environment_cache()
    with cache.locked(click.echo):
        for name in names:
            freed = _remove(cache, name)
            what = f", {_megabytes(freed)} freed" if freed else "; its environment has other names"
            click.echo(f"removed {name}{what}")


def _remove(cache: EnvironmentCache, name: str) -> list[Built]:
    """Take a name away, and free its environment if no other name needs it."""
    groups = _groups(cache)
    key = cache.names().get(name) or (groups[name][0].key if name in groups else None)
    if key is None:
        there_are = f"there are {', '.join(groups)}" if groups else "there are none"
        raise SubmitError(f"no environment is called {name}; {there_are}")
    if users := [shown for shown, group in groups.items() if _over(group, groups.get(name))]:
        raise SubmitError(f"{name} is used by {', '.join(users)}; remove them, and it goes too")
    cache.forget_name(name)
    return [] if key in cache.names().values() else cache.free(key)


def _over(group: Sequence[Built], base: Sequence[Built] | None) -> bool:
    return base is not None and group[0].base == base[0].folder


def _groups(cache: EnvironmentCache) -> dict[str, list[Built]]:
    """Return environments with their copies, by name, or label where they have none."""
    copies: dict[str, list[Built]] = defaultdict(list)
    for built in sorted(cache.all(), key=lambda built: (built.base is None, built.copy)):
        copies[built.key].append(built)
    names = cache.names()
    groups = {name: copies[key] for name, key in names.items() if key in copies}
    unnamed = {key: group for key, group in copies.items() if key not in names.values()}
    return groups | {shown: unnamed[key] for shown, key in _unique_labels(unnamed).items()}


def _unique_labels(groups: Mapping[str, Sequence[Built]]) -> dict[str, str]:
    """Return the key of each label; a label that several share gets a part of its key."""
    labels = {key: (_BASE if g[0].base is None else "") + g[0].label for key, g in groups.items()}
    counts = Counter(labels.values())
    return {f"{x}#{key[:8]}" if counts[x] > 1 else x: key for key, x in labels.items()}


def _held(built: Built, package: str) -> tuple[str, str] | None:
    return installed_version(built.packages, built.sources, package)


def _row(cache: EnvironmentCache, group: Sequence[Built]) -> tuple[str, ...]:
    first = group[0]
    used = datetime.fromtimestamp(max(cache.used(built) for built in group), UTC)
    return (
        first.python,
        " ".join(" ".join(found) for name in COMPARED_PACKAGES if (found := _held(first, name))),
        _megabytes(group),
        first.created[:10],
        f"{used:%Y-%m-%d}",
    )


def _megabytes(group: Sequence[Built]) -> str:
    return f"{sum(built.size for built in group) / 1e6:.0f} MB"
