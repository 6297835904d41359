"""The rows of the report on training, as JSON has them, and `training.json` of a release.

Rounded and named as in `hfbench_aggregate.tables`, but for ratios: these are speed-ups, above 1
faster.
"""

from typing import TypedDict


class Estimate(TypedDict):
    """A figure with its 95 % interval; null where there is nothing to compute it from."""

    value: float | None
    low: float | None
    high: float | None


class ScoreRow(TypedDict):
    """The quality of one arm by one metric, in points (hundredths).

    `points` is the score of each of `seeds`; `mean` has Student's interval over them. `floored`
    says that they agree more closely than whole validation examples can tell.
    """

    metric: str
    mean: Estimate
    seeds: list[int]
    points: list[float]
    floored: bool


class TrainingArmRow(TypedDict):
    """One way to train that was measured; seconds and rates over `seeds`.

    `world_size` devices on `nodes` machines. Rates, `step_ms` and `end_to_end_s` are geometric
    means, `compiling_s`, `loading_s` and `evaluation_s` medians over process runs, `peak_mib` the
    median of the role memory. `throughput` and `end_to_end` are speed-ups over the group's
    baseline, above 1 faster. `diverged` counts seeds.
    """

    cell: str
    name: str
    mode: str
    precision: str
    world_size: int
    nodes: int
    seeds: list[int]
    process_runs: int
    examples_per_s: float | None
    tokens_per_s: float | None
    step_ms: float | None
    compiling_s: float | None
    loading_s: float | None
    evaluation_s: float | None
    end_to_end_s: float | None
    peak_mib: float | None
    throughput: Estimate
    end_to_end: Estimate
    scores: list[ScoreRow]
    diverged: int
    flags: list[str]


class MissingArmRow(TypedDict):
    """One way to train that gave nothing: how many process runs ended so, and why."""

    cell: str
    name: str
    status: str
    reason: str
    process_runs: int


class EffectRow(TypedDict):
    """What one factor does, or several beyond each by itself, over a complete `design`.

    One factor: its speed-up, averaged over the levels of the design's others. Several: the ratio
    of the speed-ups of one with and without another, and so on; 1 if they do not interact.
    """

    design: list[str]
    factors: list[str]
    throughput: Estimate
    end_to_end: Estimate
    wording: str


class TrainingBreakEvenRow(TypedDict):
    """After how many steps a compiler has paid for itself, against the same arm without it.

    `compiling_s` is what compiling took more than without it. `steps` is null if no step is saved:
    never; `low` and `high` bound it as in `BreakEvenRow`. One training has `trained_steps`, at
    which its end-to-end time is `end_to_end` times as short. `process_runs` is [with, without].
    """

    cell: str
    name: str
    compiling_s: float
    step_ms: float
    step_ms_without: float
    steps: float | None
    low: float | None
    high: float | None
    trained_steps: int
    end_to_end: Estimate
    wording: str
    process_runs: list[int]


class ScalingRow(TypedDict):
    """What more devices give: `speed_up` in throughput over one, `hardware` times as much of it."""

    cell: str
    name: str
    hardware: int
    speed_up: Estimate
    efficiency: Estimate


class QualityRow(TypedDict):
    """One verdict on an arm against the baseline, by one metric, in points.

    `difference` is the arm's mean less the baseline's; `detectable` the smallest that this many
    seeds show with 80 % power. `seeds` is [baseline, arm].
    """

    cell: str
    name: str
    metric: str
    verdict: str
    wording: str
    difference: Estimate
    p: float | None
    q: float | None
    p_equivalent: float | None
    detectable: float | None
    seeds: list[int]


class DivergedRow(TypedDict):
    """One training that learnt nothing, or broke down."""

    cell: str
    name: str
    seed: int
    reason: str


class TrainingData(TypedDict):
    """What a group trained on; `source` is `hub`, `local` or `built_in`."""

    task: str
    source: str
    sha256: str
    train_examples: int
    validation_examples: int
    ranked: bool


class TrainingGroup(TypedDict):
    """All ways to train one model on one task's data, on one machine in one environment.

    In `training.json`. `checkpoint` is what was fine-tuned, null if weights came from the seed.
    `baseline` names the arm that others are compared with, null if it was not measured. `tested`
    counts the quality tests of the machine and environment, the Benjamini-Hochberg family.
    """

    machine_key: str
    machine: str
    suite: str
    environment: str
    framework: str
    device: str
    model: str
    checkpoint: str | None
    batch_size: int
    sequence_length: int
    data: TrainingData
    submissions: list[str]
    baseline: str | None
    tested: int
    arms: list[TrainingArmRow]
    missing: list[MissingArmRow]
    effects: list[EffectRow]
    break_even: list[TrainingBreakEvenRow]
    scaling: list[ScalingRow]
    quality: list[QualityRow]
    diverged: list[DivergedRow]
    warnings: list[str]
    notes: list[str]
