"""Why two releases differ: each change by the causes that it takes, found by making releases anew.

A cause is one of what differs between their inputs (submissions that came, submissions that count
no more, the registry, aliases of machines) or between the methods. Taken by itself into the older
release, or out of the newer one, it is a cause of what then changes: a counterfactual release
tells. What is said of one machine follows from its own submissions, so that each machine is asked
by itself, with those that either release takes for the same one, and only where there is more than
one cause to choose from. Only this hfbench's method is here to ask with.
Where it gives what both releases say of a row, it speaks for both; where it gives what one of them
says, it tells a new method from the rest, as far as that goes; where it gives neither, nothing can
be told.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from hfbench_aggregate.aliases import Aliases, counted_as
from hfbench_aggregate.changes import Item, Tables, Value, items, same
from hfbench_aggregate.loading import Accepted, aliased
from hfbench_aggregate.stores.store import StoreError
from hfbench_aggregate.trust import Trusted

NEW_DATA: Final = "new data"
RETRACTION: Final = "retraction"
REGISTRY: Final = "registry"
ALIAS: Final = "alias"
METHOD: Final = "new method"
METHOD_OR_JOINT: Final = "new method, or joint"
"""The method at least; whether other causes would have done so under the other one is not known."""
UNTOLD: Final = "cannot be told"
UNEXPLAINED: Final = "not explained: inputs and method are the same"

Make = Callable[[Sequence[Accepted], Trusted], Tables]
"""Makes the tables of a release from submissions, with their aliases, and trusted accounts."""
Read = Callable[[Iterable[str]], list[Accepted]]
"""Reads submissions by name, in the order of the ledger; StoreError where one is not there."""


@dataclass(frozen=True, eq=False)
class Side:
    """A release as far as causes go.

    `machines` has the machine key of each submission's own facts, by its name, and `aliases` says
    which of them count as others; `trusted` are the accounts that vouch for some, and `said` is
    what it says.
    """

    machines: Mapping[str, str]
    aliases: Aliases
    trusted: Trusted
    said: Mapping[Item, Value]

    @property
    def names(self) -> set[str]:
        """The names of its submissions."""
        return set(self.machines)

    def of(self, keys: frozenset[str] | None) -> "Side":
        """Return the part of it that is about machines with these keys, or all of it for None."""
        if keys is None:
            return self
        own = {name: key for name, key in self.machines.items() if key in keys}
        return replace(self, machines=own)


def causes_of(
    changes: Sequence[Item], sides: tuple[Side, Side], other_method: bool, make: Make, read: Read
) -> tuple[list[list[str]], list[str]]:
    """Return the causes of each change, and what limits the answer.

    Args:
        changes: what differs; the first part of a key is the machine that it is about, or
            `changes.EVERYWHERE`.
        sides: the older release and the newer one.
        other_method: whether they were made by different methods, or libraries.
        make: makes the tables of releases in between.
        read: reads their submissions.
    """
    before, after = sides
    limits: set[str] = set()
    found: dict[Item, list[str]] = {}
    machines = _one_machine(sides)
    for keys in {machines.get(item.key[0]) for item in changes}:
        own = [item for item in changes if machines.get(item.key[0]) == keys]
        part = Attribution(before.of(keys), after.of(keys), other_method, make, read)
        try:
            found |= {item: part.causes(item) for item in own}
        except StoreError as error:
            limits.add(str(error))
            found |= {item: [UNTOLD] for item in own}
    return [found[item] for item in changes], sorted(limits)


def _one_machine(sides: tuple[Side, Side]) -> dict[str, frozenset[str]]:
    """Return with each machine key all those that count as one machine with it in either release.

    Counting as one in the older release and as one in the newer may make a chain.
    """
    found: dict[str, frozenset[str]] = {}
    for key in {key for side in sides for key in side.machines.values()}:
        names = {key, *(counted_as(key, side.aliases) for side in sides)}
        whole = frozenset(names).union(*(found[name] for name in names & found.keys()))
        found |= dict.fromkeys(whole, whole)
    return found


@dataclass(frozen=True, eq=False)
class Attribution:
    """What two releases say of one machine, and how to make others between them."""

    before: Side
    after: Side
    other_method: bool
    make: Make
    read: Read

    @cached_property
    def factors(self) -> list[str]:
        """What differs between the inputs."""
        a, b = self.before, self.after
        differs = {
            NEW_DATA: bool(b.names - a.names),
            RETRACTION: bool(a.names - b.names),
            REGISTRY: a.trusted != b.trusted,
            ALIAS: any(
                counted_as(key, a.aliases) != counted_as(key, b.aliases)
                for key in {*a.machines.values(), *b.machines.values()}
            ),
        }
        return [name for name, there in differs.items() if there]

    def causes(self, item: Item) -> list[str]:
        """Return the causes of one change.

        Raises:
            StoreError: a submission is not there any more to be asked about.
        """
        if len(self.factors) + self.other_method <= 1:
            return self.factors or [METHOD if self.other_method else UNEXPLAINED]
        a, b = self.before.said.get(item), self.after.said.get(item)
        here_a, here_b = (end.get(item) for end in self._ends)
        data = [name for name in self.factors if self._matters(name, item)]
        if same(here_a, a) and same(here_b, b):
            return data or self.factors
        if not self.other_method:
            return [UNEXPLAINED]
        if not same(here_a, a) and not same(here_b, b):
            return [UNTOLD]
        return [METHOD] if same(here_a, here_b) or not data else [METHOD_OR_JOINT, *data]

    def _matters(self, name: str, item: Item) -> bool:
        """Whether a factor changes an item, taken into the one release or out of the other."""
        start, end = self._ends
        into, out_of = self._one_by_one[name]
        return not same(into.get(item), start.get(item)) or not same(
            out_of.get(item), end.get(item)
        )

    @cached_property
    def _ends(self) -> tuple[Mapping[Item, Value], Mapping[Item, Value]]:
        """What both releases would say by the method at hand."""
        return self._with([]), self._with(self.factors)

    @cached_property
    def _one_by_one(self) -> dict[str, tuple[Mapping[Item, Value], Mapping[Item, Value]]]:
        return {
            name: (self._with([name]), self._with([n for n in self.factors if n != name]))
            for name in self.factors
        }

    def _with(self, factors: Sequence[str]) -> Mapping[Item, Value]:
        """Return what a release would say with these differences made to the older one."""
        key = frozenset(factors)
        if key not in self._made:
            self._made[key] = items(self.make(*self._inputs(key)))
        return self._made[key]

    def _inputs(self, factors: frozenset[str]) -> tuple[list[Accepted], Trusted]:
        a, b = self.before, self.after
        names = a.names
        if RETRACTION in factors:
            names -= a.names - b.names
        if NEW_DATA in factors:
            names |= b.names - a.names
        submissions = aliased(self.read(names), (b if ALIAS in factors else a).aliases)
        return submissions, (b if REGISTRY in factors else a).trusted

    @cached_property
    def _made(self) -> dict[frozenset[str], Mapping[Item, Value]]:
        return {}
