"""Training, whatever the framework: the roles `training` and `memory` of a cell with a task."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any, Protocol

from hfbench_worker.answers import Answers
from hfbench_worker.examples import (
    Batch,
    confusion,
    load_examples,
    order_of_epoch,
    padded_batches,
)
from hfbench_worker.failures import placed, unsupported
from hfbench_worker.memory import built_bytes, peak_bytes, status_bytes
from hfbench_worker.progress import Progress
from hfbench_worker.timing import garbage_collection_off

MEMORY_STEPS = 8
"""As many as inference has calls: allocators reuse what the first steps took."""
MOST_MICRO = 2**53 - 1
"""The largest integer that every reader of JSON keeps; a loss beyond it is kept as this."""


class Trainer(Protocol):
    """One cell of one framework; the methods are called in the order in which they stand here.

    It is made with the plan, which may raise a MeasurementError for what the framework cannot do
    here; making it belongs to the phase `import`. `load`, `step` and `evaluate` are called over
    and over.

    Of every global batch of b x w rows (b: the cell's batch size, w: its world size), a process
    is given its own part: with `processes` processes, the `rank`-th of as many equal parts. A
    framework that drives all its devices from one process (TensorFlow) has `processes` 1 and gets
    all b x w rows; where each device has a process of its own (torch), `processes` is w, and each
    gets b rows.
    """

    rank: int
    """Which of the processes this is, from 0."""
    processes: int
    """How many processes train together; each times its own steps."""

    def loaded(self) -> dict[str, Any]:
        """Return `packages` (name to version) and `threads`, as the framework reports them."""

    def build(self, steps: int) -> None:
        """Build the network with two labels, on all its devices, and its optimiser.

        The weights are hfbench's own from the plan's seed, or the checkpoint's with such a head.
        The optimiser is AdamW (betas 0.9 and 0.999; weight decay on all weights) with the
        framework's own epsilon; its rate is `learning_rate` x (1 - k / `steps`) in step k from 0.
        After that, dropout's random numbers are seeded by the plan's seed and the rank. That the
        device computes in the cell's precision is found out here.

        Args:
            steps: how many steps the whole training has.

        Raises:
            MeasurementError: the network cannot be built, or the precision does not work.
        """

    def prepare(self) -> None:
        """Trace or wrap: all of the mode's work that does not wait for the first step."""

    def train(self, on: bool) -> None:
        """Switch to training, or to evaluation (no dropout); before the first of either."""

    def load(self, batch: Batch) -> Any:
        """Return this process's rows on its device, as `step` and `evaluate` take them.

        Args:
            batch: int32 arrays `input_ids`, `token_type_ids`, `attention_mask` of shape (rows,
                sequence length) and `labels` of shape (rows,).
        """

    def step(self, loaded: Any) -> float:
        """Do one training step and return its loss: all of this, and nothing else, is timed.

        Forward, backward (in fp16-autocast with a scaled loss), the gradients' global norm
        clipped to `clipping`, optimiser, gradients to zero, and the mean loss of this process's
        rows (unscaled), read back.
        """

    def evaluate(self, loaded: Any) -> Any:
        """Return the predicted label, 0 or 1, of each row: a numpy array of shape (rows,)."""

    def synchronize(self) -> None:
        """Return when the devices have finished all they were given."""

    def compilations(self) -> int:
        """Return how often this process traced or compiled so far, by the framework's counters.

        Read before and after each step, outside of what is timed; only a change matters.
        """

    def mean(self, value: float) -> float:
        """Return the mean of a number over all processes; every process calls it alike."""

    def gather(self, value: Any) -> list[Any] | None:
        """Return what every process gave, by rank, on rank 0, and None on all others."""

    def device_memory(self) -> dict[str, int]:
        """Return bytes `allocated`, `peak` and `reserved` on the device; nothing on the CPU."""

    def reset_device_memory(self) -> None:
        """Let the device's peaks begin anew."""


def measure(plan: dict[str, Any], trainer: Trainer, answers: Answers) -> dict[str, Any]:
    """Train from the plan's seed for as many epochs as its recipe has.

    Returns status, phases and the whole record on rank 0, the status alone on other ranks.

    Raises:
        MeasurementError: something failed; the reason begins with where it did.
    """
    begun_ns = perf_counter_ns()
    run = _Run(plan, trainer, answers)
    for epoch in range(run.epochs):
        if not run.train_epoch(epoch):
            break
        run.evaluate(epoch)
    end_to_end_ns = perf_counter_ns() - begun_ns
    records = trainer.gather(run.record)
    if records is None:
        return {"status": "ok"}
    outcome = {"status": "diverged", "reason": run.diverged} if run.diverged else {"status": "ok"}
    training = {"seed": plan["seed"], "end_to_end_ns": end_to_end_ns} | _merged(records)
    return outcome | {"phases_ns": answers.phases_ns, "training": training}


def measure_memory(plan: dict[str, Any], trainer: Trainer, answers: Answers) -> dict[str, Any]:
    """Return bytes resident on the host and allocated on the device: the largest of any rank.

    "Built" is when network, optimiser and examples stand ready; peaks are over the first
    `MEMORY_STEPS` steps, so that what compiling needs counts.

    Raises:
        MeasurementError: as `measure`, or the kernel's peak cannot be reset here.
    """
    memory = {"host_imported": status_bytes("VmRSS")}
    run = _Run(plan, trainer, answers)
    memory |= built_bytes(trainer)
    run.train_epoch(0, MEMORY_STEPS)
    memory |= peak_bytes(trainer)
    ranks = trainer.gather(memory)
    if ranks is None:
        return {"status": "ok"}
    return {"status": "ok", "memory": {name: max(rank[name] for rank in ranks) for name in memory}}


ROLES = {"training": measure, "memory": measure_memory}


@dataclass
class _Record:
    """What one process knows of a training; `losses` are the mean over all processes."""

    steps_ns: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    compiled_steps: list[int] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)


class _Run:
    """One training, ready to be trained epoch by epoch: the network is built and prepared.

    `epochs` is how many there are to be; `record` grows; `diverged` says where the loss stopped
    being finite, if it did.
    """

    def __init__(self, plan: dict[str, Any], trainer: Trainer, answers: Answers) -> None:
        self._seed, self.epochs = plan["seed"], int(plan["recipe"]["epochs"])
        self._batch = plan["cell"]["batch_size"] * plan["cell"]["world_size"]
        self._trainer, self.record, self.diverged = trainer, _Record(), ""
        with answers.phase("build"):
            self._train_split, self._validation = (
                load_examples(plan["data"], split) for split in ("train", "validation")
            )
            self._epoch_steps = self._steps_of_an_epoch()
            trainer.build(self.epochs * self._epoch_steps)
            trainer.synchronize()
        with answers.phase("prepare"):
            trainer.prepare()
            trainer.synchronize()
        self._progress = Progress(answers.begin, plan.get("progress"))

    def train_epoch(self, epoch: int, most_steps: int | None = None) -> bool:
        """Train an epoch, or its first `most_steps`; return whether the loss stayed finite."""
        order = order_of_epoch(self._seed, epoch, len(self._train_split), self._batch)
        self._trainer.train(True)
        self._progress.at(f"epoch {epoch + 1} of {self.epochs}", announce=True)
        with garbage_collection_off(), self._places_failures():
            start, loading_ns = perf_counter_ns(), 0
            for numbers in order[:most_steps]:
                self._progress.at(self._next_step(epoch))
                loading_ns += self._step(numbers)
                if not math.isfinite(self.record.losses[-1]):
                    self.diverged = f"the loss is not finite in {self._progress.place}"
                    return False
            training_ns = perf_counter_ns() - start
        tokens = self._train_split.tokens(order.ravel())
        figures = {"training_ns": training_ns, "loading_ns": loading_ns, "tokens": tokens}
        self.record.epochs.append(figures)
        return True

    def evaluate(self, epoch: int) -> None:
        """Evaluate all validation examples, and complete the epoch's record."""
        self._trainer.train(False)
        place = f"evaluation {epoch + 1} of {self.epochs}"
        self._progress.at(place, announce=True)
        start, counts = perf_counter_ns(), [0, 0, 0, 0]
        with self._places_failures():
            for numbers, real in padded_batches(len(self._validation), self._batch):
                part = self._confusion(self._own(numbers), self._own(real))
                counts = [sum(pair) for pair in zip(counts, part, strict=True)]
                self._progress.at(place)
        own = {"evaluation_ns": perf_counter_ns() - start, "confusion": counts}
        self.record.epochs[-1] |= own

    def _step(self, numbers: Any) -> int:
        """Train on these examples; return how long loading them took, in ns."""
        trainer, record = self._trainer, self.record
        start = perf_counter_ns()
        loaded = trainer.load(self._train_split.rows(self._own(numbers)))
        trainer.synchronize()
        loading_ns = perf_counter_ns() - start
        compilations = trainer.compilations()
        start = perf_counter_ns()
        loss = trainer.step(loaded)
        trainer.synchronize()
        step_ns = perf_counter_ns() - start
        if trainer.compilations() != compilations:
            record.compiled_steps.append(len(record.steps_ns))
        record.steps_ns.append(step_ns)
        record.losses.append(trainer.mean(loss))
        return loading_ns

    def _confusion(self, numbers: Any, real: Any) -> list[int]:
        batch = self._validation.rows(numbers)
        predicted = self._trainer.evaluate(self._trainer.load(batch))
        return confusion(batch["labels"][real], predicted[real])

    def _own(self, numbers: Any) -> Any:
        """Return this process's part of what belongs to a global batch."""
        part = len(numbers) // self._trainer.processes
        return numbers[self._trainer.rank * part : (self._trainer.rank + 1) * part]

    def _steps_of_an_epoch(self) -> int:
        steps: int = len(self._train_split) // self._batch
        if steps == 0:
            raise unsupported(
                f"one step takes {self._batch} examples, and the task has only"
                f" {len(self._train_split)} to train on"
            )
        return steps

    def _next_step(self, epoch: int) -> str:
        step, steps = len(self.record.steps_ns) + 1, self.epochs * self._epoch_steps
        return f"step {step} of {steps} (epoch {epoch + 1})"

    @contextmanager
    def _places_failures(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            raise placed(error, f"in {self._progress.place}") from error


def _merged(records: list[_Record]) -> dict[str, Any]:
    """Return what all ranks recorded as one training; times that all share are rank 0's."""
    compiled = {number for record in records for number in record.compiled_steps}
    return {
        "epochs": [
            _merged_epoch(list(ranks)) for ranks in zip(*(r.epochs for r in records), strict=True)
        ],
        "steps_ns": [record.steps_ns for record in records],
        "losses_micro": [_micro(loss) for loss in records[0].losses],
        "compiled_steps": sorted(compiled),
    }


def _merged_epoch(ranks: list[dict[str, Any]]) -> dict[str, Any]:
    counts = zip(*(rank["confusion"] for rank in ranks), strict=True)
    return ranks[0] | {
        "loading_ns": [rank["loading_ns"] for rank in ranks],
        "confusion": [sum(count) for count in counts],
    }


def _micro(loss: float) -> int | None:
    return min(round(loss * 1e6), MOST_MICRO) if math.isfinite(loss) else None
