"""Rules on what process runs trained: as long as planned, from their seed, with losses that fit."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.reports import Finding, finding
from hfbench_schema.rules_measurements import PHASES, check_end
from hfbench_schema.submission import DIVERGED, ProcessRun, Submission, Training, role_of
from hfbench_schema.suites import Suite

ENDED_STATUSES: Final = ("ok", DIVERGED, "contaminated")
"""The statuses of a training that came to its end, and of which there is a record."""
MEMORY_STEPS: Final = 8
"""Steps that the role `memory` trains."""
RANKS_APART_NS: Final = 10**9
"""Ranks begin their first step together, and wait for each other in every one: to within this."""


@dataclass(frozen=True)
class Length:
    """How long a training is by its cell, its task's data, and its model's recipe."""

    cell: Cell
    epochs: int
    epoch_steps: int
    validation_examples: int

    @property
    def steps(self) -> int:
        """The number of steps of a training that does not diverge."""
        return self.epochs * self.epoch_steps

    @property
    def ranks(self) -> int:
        """How many processes time their own steps; tensorflow's is one for all devices."""
        return self.cell.world_size if self.cell.framework == "torch" else 1

    @property
    def evaluation_batches(self) -> int:
        """The number of batches in which all validation examples are judged once."""
        return -(-self.validation_examples // self.cell.global_batch_size)

    @property
    def epoch_tokens(self) -> int:
        """The most tokens that there can be in an epoch: all steps full, and nothing padded."""
        cell = self.cell
        return self.epoch_steps * cell.global_batch_size * cell.sequence_length


def lengths_of(document: Submission, suite: Suite) -> dict[str, Length]:
    """Return how long a training is, by cell; without those that other rules refuse.

    Args:
        document: its cells, and its tasks' data.
        suite: the one that the document refers to.
    """
    known, lengths = set(suite.cell_ids), {}
    for cell in map(parse_cell, {run["cell"] for run in document["process_runs"]} & known):
        data, recipe = document.get("tasks", {}).get(cell.task), suite.models[cell.model].recipe
        if data is not None and recipe is not None:
            steps = data["train_examples"] // cell.global_batch_size
            lengths[cell.id] = Length(
                cell, int(recipe["epochs"]), steps, data["validation_examples"]
            )
    return lengths


def check_trainings(document: Submission, suite: Suite) -> Iterator[Finding]:
    """HFB062 to HFB068, HFB073: what a training says of itself can be true."""
    lengths = lengths_of(document, suite)
    for index, run in enumerate(document["process_runs"]):
        pointer = f"/process_runs/{index}"
        yield from _check_record(run, pointer)
        if "training" not in run:
            continue
        yield from _check_seed(run, suite.seed, pointer)
        yield from _check_losses(run, pointer)
        yield from _check_compiled_steps(run["training"], pointer)
        length = lengths.get(run["cell"])
        if length is None:
            continue
        # What is not as long as it should be cannot be cut into its epochs.
        if counts := [*_check_counts(run, length, f"{pointer}/training")]:
            yield from counts
        else:
            yield from _check_times(run, length, pointer)
            yield from _check_epochs(run["training"], length, pointer)


def check_training_ends(document: Submission, suite: Suite) -> Iterator[Finding]:
    """HFB033: a training was ended when one of its parts took the whole timeout."""
    lengths, timeout_s = lengths_of(document, suite), document["protocol"]["timeout_s"]
    for index, run in enumerate(document["process_runs"]):
        if (length := lengths.get(run["cell"])) is None:
            continue
        steps = len(PHASES) + _timed_parts(run, length)
        yield from check_end(run, steps, timeout_s, f"/process_runs/{index}")


def _timed_parts(run: ProcessRun, length: Length) -> int:
    """Return how often the timeout may begin anew: with each step, epoch, and batch judged."""
    if role_of(run) == "memory":
        return MEMORY_STEPS
    return length.steps + length.epochs * (2 + length.evaluation_batches)


def _check_record(run: ProcessRun, pointer: str) -> Iterator[Finding]:
    """HFB062: what a training did is on record where it came to its end, and only there."""
    ended = role_of(run) == "training" and run["status"] in ENDED_STATUSES
    # Of one that was contaminated another rule asks for it, as in all roles.
    missing = ended and "training" not in run and run["status"] != "contaminated"
    if missing or ("training" in run and not ended):
        yield finding(
            "HFB062", pointer, role=role_of(run), status=run["status"], has="no" if ended else "a"
        )


def _check_seed(run: ProcessRun, seed: int, pointer: str) -> Iterator[Finding]:
    """HFB063: a block has its own seed, the same in every cell and environment."""
    if (found := run["training"]["seed"]) != (wanted := seed + run["block"]):
        yield finding("HFB063", f"{pointer}/training/seed", seed=found, wanted=wanted)


def _check_losses(run: ProcessRun, pointer: str) -> Iterator[Finding]:
    """HFB065: a loss that is not finite ends a training, and makes it a diverged one."""
    losses = run["training"]["losses_micro"]
    early = next((step for step, loss in enumerate(losses[:-1]) if loss is None), None)
    diverged = losses[-1] is None
    if early is not None:
        what = f"is not finite in step {early} already"
    elif run["status"] in ("ok", DIVERGED) and diverged != (run["status"] == DIVERGED):
        what = "is not finite" if diverged else "is finite to the end"
    else:
        return
    yield finding("HFB065", f"{pointer}/training/losses_micro", status=run["status"], what=what)


def _check_compiled_steps(training: Training, pointer: str) -> Iterator[Finding]:
    """HFB066: numbers of steps there are, each once, in order."""
    compiled, steps = training["compiled_steps"], len(training["losses_micro"])
    ordered = all(a < b for a, b in pairwise(compiled))
    if compiled and not (ordered and compiled[-1] < steps):
        yield finding("HFB066", f"{pointer}/training/compiled_steps", steps=steps)


def _check_counts(run: ProcessRun, length: Length, pointer: str) -> Iterator[Finding]:
    """HFB064: as many epochs, steps and ranks as the plan has, and a figure for each."""
    training = run["training"]
    steps, epochs = _ended_at(training, length)
    wanted = [
        ("steps_ns", "ranks", len(training["steps_ns"]), length.ranks),
        ("losses_micro", "steps", len(training["losses_micro"]), steps),
        ("epochs", "epochs", len(training["epochs"]), epochs),
    ]
    wanted += [
        (f"steps_ns/{rank}", "steps", len(durations), steps)
        for rank, durations in enumerate(training["steps_ns"])
    ]
    wanted += [
        (f"epochs/{number}/loading_ns", "ranks", len(epoch["loading_ns"]), length.ranks)
        for number, epoch in enumerate(training["epochs"])
    ]
    for place, what, count, right in wanted:
        if count != right:
            yield finding("HFB064", f"{pointer}/{place}", count=count, what=what, wanted=right)


def _ended_at(training: Training, length: Length) -> tuple[int, int]:
    """Return how many steps and whole epochs a training has, which ends where it diverges."""
    losses = training["losses_micro"]
    if losses[-1] is not None:
        return length.steps, length.epochs
    steps = min(len(losses), length.steps)
    return steps, (steps - 1) // max(1, length.epoch_steps)


def _check_times(run: ProcessRun, length: Length, pointer: str) -> Iterator[Finding]:
    """HFB067: steps fit into their epochs, epochs into the whole, and that into the process run."""
    training = run["training"]
    whole_ns = training["end_to_end_ns"]
    parts = [
        *_epoch_times(training, length),
        ("end_to_end_ns", _inside_ns(run, length), whole_ns),
        ("end_to_end_ns", whole_ns, run["wall_ns"]),
        *_rank_times(training),
    ]
    for place, inner_ns, outer_ns in parts:
        if inner_ns > outer_ns:
            yield finding(
                "HFB067", f"{pointer}/training/{place}", inner_ns=inner_ns, outer_ns=outer_ns
            )


def _epoch_times(training: Training, length: Length) -> Iterator[tuple[str, int, int]]:
    """Yield for each epoch what its steps and loading took, and what the epoch took: on rank 0."""
    for number, epoch in enumerate(training["epochs"]):
        steps_ns = training["steps_ns"][0][number * length.epoch_steps :][: length.epoch_steps]
        inner_ns = sum(steps_ns) + epoch["loading_ns"][0]
        yield f"epochs/{number}/training_ns", inner_ns, epoch["training_ns"]


def _inside_ns(run: ProcessRun, length: Length) -> int:
    """Sum what lies between the imported framework and the end of a training, on rank 0."""
    phases, epochs = run.get("phases_ns", {}), run["training"]["epochs"]
    unfinished = run["training"]["steps_ns"][0][len(epochs) * length.epoch_steps :]
    return (
        sum(phases.get(name, 0) for name in ("build", "prepare"))
        + sum(epoch["training_ns"] + epoch["evaluation_ns"] for epoch in epochs)
        + sum(unfinished)
    )


def _rank_times(training: Training) -> Iterator[tuple[str, int, int]]:
    """Yield for each further rank what its steps and loading took, and the most that they can.

    Its first step of an epoch waits for the ranks that still evaluate, so that only the whole
    bounds them.
    """
    most_ns = training["end_to_end_ns"] + RANKS_APART_NS
    for rank, steps_ns in enumerate(training["steps_ns"][1:], start=1):
        loading_ns = sum(epoch["loading_ns"][rank] for epoch in training["epochs"])
        yield f"steps_ns/{rank}", sum(steps_ns) + loading_ns, most_ns


def _check_epochs(training: Training, length: Length, pointer: str) -> Iterator[Finding]:
    """HFB068, HFB073: each epoch trained on tokens that there are, and judged all examples."""
    examples, most = length.validation_examples, length.epoch_tokens
    for number, epoch in enumerate(training["epochs"]):
        place = f"{pointer}/training/epochs/{number}"
        if (count := sum(epoch["confusion"])) != examples:
            yield finding("HFB068", f"{place}/confusion", count=count, wanted=examples)
        if not 0 < (tokens := epoch["tokens"]) <= most:
            yield finding("HFB073", f"{place}/tokens", tokens=tokens, most=most)
