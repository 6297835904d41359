"""What the training benchmarks of 2019 claimed, and whether the data of a release bears it out.

The page of transformers 2.1 reported means of four runs without intervals. A claim is supported
where the whole interval lies within what it says, contradicted where none of the interval does, and
otherwise this data cannot tell.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

SUPPORTED: Final = "supported"
CONTRADICTED: Final = "contradicted"
CANNOT_TELL: Final = "cannot tell"
Group = Mapping[str, Any]
Estimate = Mapping[str, float | None]


@dataclass(frozen=True)
class Claim:
    """A claim about the arms that `of` chooses: a figure between `low` and `high`.

    `figure` is `throughput`, a speed-up by examples a second, `end_to_end`, one by the whole
    training, or `quality`, a difference in points.
    """

    text: str
    figure: str
    low: float
    high: float
    of: Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Checked:
    """A claim held against one arm of one group; `interval` is what the data say."""

    arm: str
    group: Group
    estimate: Estimate
    outcome: str


def _amp(arm: Mapping[str, Any]) -> bool:
    return "autocast" in arm["cell"]


def _compiled(arm: Mapping[str, Any]) -> bool:
    return "-compile/" in arm["cell"] or "-xla/" in arm["cell"]


def _alone(arm: Mapping[str, Any]) -> bool:
    return bool(arm.get("world_size", 1) == 1)


CLAIMS: Final = (
    Claim(
        "Mixed precision makes a training 1.4 to 1.6 times as fast.",
        "throughput", 1.4, 1.6, lambda arm: _amp(arm) and not _compiled(arm) and _alone(arm),
    ),
    Claim(
        "Mixed precision and a compiler together make it up to 2.5 times as fast, and no slower "
        "than neither.",
        "throughput", 1.0, 2.5, lambda arm: _amp(arm) and _compiled(arm) and _alone(arm),
    ),
    Claim(
        "Several devices make it 1.4 to 3.4 times as fast.",
        "throughput", 1.4, 3.4,
        lambda arm: not _amp(arm) and not _compiled(arm) and not _alone(arm),
    ),
    Claim(
        "All three together make it more than 2.5 and up to 9.1 times as fast.",
        "throughput", 2.5, 9.1, lambda arm: _amp(arm) and _compiled(arm) and not _alone(arm),
    ),
    Claim(
        "On a small task, compiling takes more time than it saves.",
        "end_to_end", 0.0, 1.0, lambda arm: _compiled(arm) and not _amp(arm) and _alone(arm),
    ),
    Claim(
        "Mixed precision costs no quality: less than one point.",
        "quality", -1.0, 1.0, lambda arm: _amp(arm) and not _compiled(arm),
    ),
)  # fmt: skip


def checked_claims(groups: list[Any]) -> list[tuple[Claim, list[Checked]]]:
    """Hold every claim against every arm that it is about, on ranked tasks only."""
    ranked = [group for group in groups if group["data"]["ranked"]]
    return [(claim, [*_checked(claim, ranked)]) for claim in CLAIMS]


def _checked(claim: Claim, groups: list[Any]) -> Iterator[Checked]:
    for group in groups:
        rows = group["quality"] if claim.figure == "quality" else group["arms"]
        arms = {arm["cell"]: arm for arm in group["arms"]}
        for row in rows:
            name = "difference" if claim.figure == "quality" else claim.figure
            if claim.of(arms.get(row["cell"], row)) and row[name]["value"] is not None:
                said = f"{row['name']}, {row['metric']}" if "metric" in row else row["name"]
                yield Checked(said, group, row[name], outcome(claim, row[name]))


def outcome(claim: Claim, estimate: Estimate) -> str:
    """Say whether an estimate with its interval bears out a claim."""
    low, high = estimate["low"], estimate["high"]
    if low is None or high is None:
        return CANNOT_TELL
    if claim.low <= low and high <= claim.high:
        return SUPPORTED
    return CONTRADICTED if high < claim.low or low > claim.high else CANNOT_TELL
