"""How fast the arms of a family train: speed-ups, effects of factors, break-even, scaling.

x = log seconds of a steady step, and of the whole training from end to end, one of each a process
run. Whatever compares arms is a contrast of the means of x.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from statistics import median

import numpy as np

from hfbench_aggregate.break_even import published_payoff, wording
from hfbench_aggregate.rounding import published
from hfbench_aggregate.statistics.constants import LEAST_INTERVAL_RUNS
from hfbench_aggregate.statistics.factorial import (
    Contrast,
    FamilyFit,
    effect_coefficients,
    fit_family,
)
from hfbench_aggregate.statistics.moments import FloatArray, IntArray, padded
from hfbench_aggregate.statistics.payoff import payoff
from hfbench_aggregate.training.arms import (
    ArmKey,
    Design,
    complete_designs,
    design_arms,
)
from hfbench_aggregate.training.groups import Arm, Group
from hfbench_aggregate.training.tables import (
    EffectRow,
    Estimate,
    ScalingRow,
    TrainingBreakEvenRow,
)
from hfbench_aggregate.training.wording import effect_wording
from hfbench_schema.training_figures import Speed

_NS = 1e9
_NOTHING: Estimate = {"value": None, "low": None, "high": None}
_EXACT: Estimate = {"value": 1.0, "low": 1.0, "high": 1.0}


@dataclass(frozen=True, eq=False)
class FamilySpeed:
    """The fits of all groups of a family, by what is compared."""

    step: FamilyFit
    end_to_end: FamilyFit

    @classmethod
    def of(cls, groups: list[Group]) -> "FamilySpeed":
        """Fit a family."""
        return cls(
            fit_family([_measured(group, lambda speed: speed.step) for group in groups]),
            fit_family([_measured(group, lambda speed: speed.end_to_end) for group in groups]),
        )

    def group(self, number: int, group: Group) -> "GroupSpeed":
        """Return one of its groups."""
        return GroupSpeed(self, number, group, group.measured)


@dataclass(frozen=True, eq=False)
class GroupSpeed:
    """One group of a family: everything that is said about its speed."""

    family: FamilySpeed
    number: int
    group: Group
    arms: list[Arm]

    def speed_ups(self, arm: Arm, over: ArmKey) -> tuple[Estimate, Estimate]:
        """Return how much faster an arm is than another: in throughput, and from end to end."""
        if arm.key == over:
            return (_EXACT, _EXACT) if arm.timed else (_NOTHING, _NOTHING)
        if over not in self.keys:
            return _NOTHING, _NOTHING
        return self._estimates([(arm.key, 1.0), (over, -1.0)])

    def is_interleaved(self, arm: Arm, over: ArmKey) -> bool:
        """Whether a speed-up needs no allowance for sittings that differ."""
        weights = self._weights([(arm.key, 1.0), (over, -1.0)])
        return self.family.step.contrast(self.number, weights).interleaved

    def unstable(self, arm: Arm) -> int:
        """Count the process runs of an arm whose step or end-to-end time was pulled in."""
        place = self.arms.index(arm)
        fits = (self.family.step, self.family.end_to_end)
        return max(int(fit.unstable[self.number][place]) for fit in fits)

    @property
    def keys(self) -> set[ArmKey]:
        """The arms that have a speed."""
        return {arm.key for arm in self.arms if arm.timed}

    def effects(self) -> list[EffectRow]:
        """Return main effects and interactions of every design that is complete."""
        replicated = [a.key for a in self.arms if len(a.timed) >= LEAST_INTERVAL_RUNS]
        return [row for design in complete_designs(replicated) for row in self._effects(design)]

    def _effects(self, design: Design) -> list[EffectRow]:
        """Return the main effects of one design, then its interactions, smaller ones first."""
        levels, keys = zip(*design_arms(design), strict=True)
        rows = []
        for size in range(1, len(design) + 1):
            for places in combinations(range(len(design)), size):
                terms = zip(keys, effect_coefficients(levels, places).tolist(), strict=True)
                rows.append(self._effect(design, places, [*terms]))
        return [row for row in rows if row is not None]

    def _effect(
        self, design: Design, places: tuple[int, ...], terms: list[tuple[ArmKey, float]]
    ) -> EffectRow | None:
        """Return one row; None if no common sittings connect the arms."""
        contrast = self.family.step.contrast(self.number, self._weights(terms))
        if not contrast.interleaved:
            return None
        throughput, end_to_end = self._estimates(terms)
        names = [factor.name for factor in design]
        factors = [names[place] for place in places]
        return {
            "design": names,
            "factors": factors,
            "throughput": throughput,
            "end_to_end": end_to_end,
            "wording": effect_wording(factors, throughput["value"]),
        }

    def break_even(self) -> list[TrainingBreakEvenRow]:
        """Return a row for each arm with a compiler and its like without one."""
        by_key = {arm.key: arm for arm in self.arms if arm.timed}
        return [
            self._break_even(arm, by_key[key.uncompiled])
            for key, arm in by_key.items()
            if key.compiler and key.uncompiled in by_key
        ]

    def _break_even(self, arm: Arm, without: Arm) -> TrainingBreakEvenRow:
        cost, cost_before = ([s.compiling for s in side.speeds] for side in (arm, without))
        after, before = ([s.step for s in side.speeds] for side in (arm, without))
        steps, low, high = published_payoff(payoff(cost, before, after, cost_before))
        extra = max(median(cost) - median(cost_before), 0.0)
        return {
            "cell": arm.cell.id,
            "name": arm.key.name,
            "compiling_s": published(extra / _NS) or 0.0,
            "step_ms": published(median(after) / 1e6) or 0.0,
            "step_ms_without": published(median(before) / 1e6) or 0.0,
            "steps": steps,
            "low": low,
            "high": high,
            "trained_steps": _trained_steps(arm),
            "end_to_end": self.speed_ups(arm, without.key)[1],
            "wording": wording(steps, low, high, "step"),
            "process_runs": [len(cost), len(cost_before)],
        }

    def scaling(self) -> list[ScalingRow]:
        """Return what each arm of several devices gains over its like on one."""
        rows = []
        for arm in self.arms:
            if arm.timed and not arm.key.is_single and arm.key.single in self.keys:
                speed_up = self.speed_ups(arm, arm.key.single)[0]
                rows.append(_scaling(arm, speed_up))
        return rows

    def _estimates(self, terms: list[tuple[ArmKey, float]]) -> tuple[Estimate, Estimate]:
        """Return a contrast as ratios: of throughput, and of speed from end to end."""
        weights = self._weights(terms)
        examples = sum(weight * math.log(key.world_size) for key, weight in terms)
        step = self.family.step.contrast(self.number, weights)
        end_to_end = self.family.end_to_end.contrast(self.number, weights)
        return _ratio(step, examples), _ratio(end_to_end, 0.0)

    def _weights(self, terms: list[tuple[ArmKey, float]]) -> FloatArray:
        weights = np.zeros(len(self.arms))
        places = {arm.key: place for place, arm in enumerate(self.arms)}
        for key, weight in terms:
            weights[places[key]] = weight
        return weights


def _trained_steps(arm: Arm) -> int:
    """Return how many steps one training of an arm has."""
    return max(len(run.training["losses_micro"]) for run in arm.timed if run.training)


def _ratio(contrast: Contrast, log_examples: float) -> Estimate:
    """Turn a contrast of log times into a ratio of speeds, above 1 faster.

    `log_examples` is the same contrast of the examples that a step takes.
    """
    middle, reach = log_examples - contrast.theta, contrast.half_width
    with np.errstate(over="ignore"):  # an absurd interval has no end that could be published
        value, low, high = np.exp([middle, middle - reach, middle + reach])
    return {"value": published(value), "low": published(low), "high": published(high)}


def _scaling(arm: Arm, speed_up: Estimate) -> ScalingRow:
    # Ranks on one machine's CPU share its cores: more of them are no more hardware.
    hardware = arm.key.world_size if arm.cell.device == "cuda" else arm.key.nodes
    ends = (speed_up[name] for name in ("value", "low", "high"))
    value, low, high = (None if end is None else published(end / hardware) for end in ends)
    return {
        "cell": arm.cell.id,
        "name": arm.key.name,
        "hardware": hardware,
        "speed_up": speed_up,
        "efficiency": {"value": value, "low": low, "high": high},
    }


def _measured(group: Group, figure: Callable[[Speed], float]) -> tuple[FloatArray, IntArray]:
    """Return log seconds of a figure in ns, and the sittings, shape (arms, process runs)."""
    arms = group.measured
    x = padded([[math.log(figure(speed) / _NS) for speed in arm.speeds] for arm in arms])
    sittings = padded([[run.sitting for run in arm.timed] for arm in arms], -1)
    return x, sittings.astype(np.int64)
