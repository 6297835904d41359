"""The report on training in words."""

from typing import Final

from hfbench_aggregate.statistics.constants import LEAST_SEEDS, QUALITY_MARGIN
from hfbench_aggregate.statistics.quality import QualityVerdict
from hfbench_aggregate.training.tables import QualityRow, TrainingData
from hfbench_aggregate.wording import NOTHING, counted

_METRICS: Final = {"accuracy": "accuracy", "f1": "F1", "matthews": "Matthews correlation"}
_SOURCES: Final = {
    "hub": "the published data",
    "local": "a local copy, not the published data",
    "built_in": "hfbench's own grammar: ranked with nothing",
}


def metric_name(metric: str) -> str:
    """Name a metric for people."""
    return _METRICS.get(metric, metric)


def data_wording(data: TrainingData) -> str:
    """Say what a group trained on, with the start of its hash."""
    source = _SOURCES.get(data["source"], data["source"])
    examples = f"{data['train_examples']:,} + {data['validation_examples']:,} examples"
    return f"{data['task']}: {source} ({examples}, sha256 {data['sha256'][:12]})"


def start_wording(checkpoint: str | None) -> str:
    """Say what the trainings began with."""
    if checkpoint is None:
        return "trained from scratch: initial weights from the seed"
    return f"fine-tuned from {checkpoint}"


def times(value: float | None) -> str:
    """Write a speed-up: `1.52`, `0.98`, `12.3`."""
    if value is None:
        return NOTHING
    for limit, digits in ((0.0995, 3), (9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def effect_wording(factors: list[str], throughput: float | None) -> str:
    """Say a main effect or an interaction on throughput in a sentence."""
    if throughput is None:
        return "cannot be told"
    *first, last = factors
    if not first:
        return f"{last}: {times(throughput)} times the throughput, on average over the others"
    levels = f"{last} as on one" if "device" in last else f"{last} as without it"
    what = "speed-up" if len(first) == 1 else "interaction"
    which = " and ".join(first)
    return f"the {what} of {which} is {times(throughput)} times as large with {levels}"


def points(value: float) -> str:
    """Write points: `1.00 point` is `1 point`, `1.25 points`."""
    text = f"{abs(value):.2f}".removesuffix(".00")
    return f"{text} point{'' if text == '1' else 's'}"


def quality_wording(row: QualityRow) -> str:
    """Say the verdict of one arm by one metric in a sentence."""
    verdict, difference = row["verdict"], row["difference"]
    value, low, high = difference["value"], difference["low"], difference["high"]
    if verdict == QualityVerdict.INSUFFICIENT or value is None or low is None or high is None:
        counts = "/".join(map(str, row["seeds"]))
        return f"needs >= {LEAST_SEEDS} seeds in both, has {counts}"
    if verdict == QualityVerdict.EQUIVALENT:
        # Its own test decides, which is a little less strict than the interval shown.
        text = f"surely within {points(QUALITY_MARGIN)} of the baseline"
    elif verdict == QualityVerdict.INCONCLUSIVE:
        text = f"could be between {_span(low, high)}: no evidence of a difference, none of equality"
    else:
        text = f"{_direction(value)} than the baseline (between {_span(low, high)})"
    return text + _shown(row)


def _span(low: float, high: float) -> str:
    return f"{_direction(low)} and {_direction(high)}"


def _direction(difference: float) -> str:
    return f"{points(difference)} {'better' if difference >= 0 else 'worse'}"


def _shown(row: QualityRow) -> str:
    if row["detectable"] is None:
        return ""
    baseline, arm = row["seeds"]
    seeds = counted(arm, "seed") if arm == baseline else f"{baseline} and {arm} seeds"
    return f"; {seeds} could have shown {points(row['detectable'])} or more"
