"""Arms: what tells them apart, what they are called, and which make a complete factorial."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import total_ordering
from itertools import product
from typing import Final, TypeAlias

from hfbench_schema.cells import Cell

PLAIN: Final = "fp32"
_COMPILERS: Final = {"compile": "compile", "xla": "XLA"}
_PRECISIONS: Final = (PLAIN, "bf16-autocast", "fp16-autocast")
_AUTOCAST: Final = "-autocast"


@total_ordering
@dataclass(frozen=True)
class ArmKey:
    """One combination of the factors: compiler, precision, devices.

    `compiler` is empty without one; `world_size` devices in all, on `nodes` machines.
    """

    compiler: str
    precision: str
    world_size: int
    nodes: int

    @classmethod
    def of(cls, cell: Cell, nodes: int) -> "ArmKey":
        """Return the arm of a cell that was trained on so many machines."""
        return cls(_COMPILERS.get(cell.mode, ""), cell.precision, cell.world_size, nodes)

    @property
    def name(self) -> str:
        """The arm for people, as in `fp32`, `AMP bf16 + compile, 2 devices`."""
        precision = precision_name(self.precision) if self.precision != PLAIN else ""
        how = " + ".join(filter(None, [precision, self.compiler]))
        devices = devices_name(self) if self.world_size > 1 else ""
        return ", ".join(filter(None, [how, devices])) or PLAIN

    @property
    def is_single(self) -> bool:
        """Whether it trains on one device."""
        return (self.world_size, self.nodes) == (1, 1)

    @property
    def single(self) -> "ArmKey":
        """The same on one device."""
        return replace(self, world_size=1, nodes=1)

    @property
    def uncompiled(self) -> "ArmKey":
        """The same without a compiler."""
        return replace(self, compiler="")

    def __lt__(self, other: "ArmKey") -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[object, ...]:
        known = self.precision in _PRECISIONS
        precision = _PRECISIONS.index(self.precision) if known else len(_PRECISIONS)
        return (self.nodes, self.world_size, self.compiler, precision, self.precision)


BASELINE: Final = ArmKey("", PLAIN, 1, 1)
"""What all other arms are compared with."""


@dataclass(frozen=True)
class Factor:
    """One factor at two levels; `changes` are the fields of an arm's key at its upper level."""

    name: str
    changes: tuple[tuple[str, str | int], ...]

    def applied(self, key: ArmKey) -> ArmKey:
        """Return the arm at the factor's upper level."""
        return replace(key, **dict(self.changes))  # type: ignore[arg-type]


Design: TypeAlias = tuple[Factor, ...]


def precision_name(precision: str) -> str:
    """Name a precision: `bf16-autocast` is `AMP bf16`."""
    if precision.endswith(_AUTOCAST):
        return f"AMP {precision.removesuffix(_AUTOCAST)}"
    return precision


def devices_name(key: ArmKey) -> str:
    """Say on what an arm trains: `2 devices`, `4 devices on 2 machines`."""
    devices = f"{key.world_size} devices"
    return devices if key.nodes == 1 else f"{devices} on {key.nodes} machines"


def design_arms(design: Design) -> list[tuple[tuple[int, ...], ArmKey]]:
    """Return every combination of a design's factors, as levels 0 and 1, and its arm."""
    found = []
    for levels in product((0, 1), repeat=len(design)):
        key = BASELINE
        for factor, level in zip(design, levels, strict=True):
            key = factor.applied(key) if level else key
        found.append((levels, key))
    return found


def complete_designs(measured: Collection[ArmKey]) -> list[Design]:
    """Return the designs of two factors or more whose every combination was measured.

    Those that are part of a larger one are left out, as its main effects say more.
    """
    held, found = set(measured), {}
    for design in _designs(held):
        arms = {key for _, key in design_arms(design)}
        if arms <= held:
            found[design] = arms
    return [
        design
        for design, arms in found.items()
        if not any(arms < others for others in found.values())
    ]


def _designs(measured: set[ArmKey]) -> Iterator[Design]:
    """Yield every choice of levels, of at least two factors."""
    ordered = sorted(measured)
    precisions = dict.fromkeys(key.precision for key in ordered if key.precision != PLAIN)
    compilers = dict.fromkeys(key.compiler for key in ordered if key.compiler)
    places = {devices_name(key): key for key in ordered if not key.is_single}
    axes: list[list[Factor | None]] = [
        [None, *(Factor(precision_name(p), (("precision", p),)) for p in precisions)],
        [None, *(Factor(name, (("compiler", name),)) for name in compilers)],
        [None, *(_devices(name, key) for name, key in places.items())],
    ]
    for chosen in product(*axes):
        design = tuple(factor for factor in chosen if factor is not None)
        if len(design) > 1:
            yield design


def _devices(name: str, key: ArmKey) -> Factor:
    return Factor(name, (("world_size", key.world_size), ("nodes", key.nodes)))
