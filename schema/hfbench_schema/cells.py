"""A cell: one thing to measure, and the id that names it."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

_ID = re.compile(
    r"(?P<suite>[a-z0-9-]+)/(?P<model>[a-z0-9.-]+)"
    r"/(?P<framework>torch|tensorflow)-(?P<mode>eager|torchscript|compile|graph|xla)"
    r"/(?P<device>[a-z]+)/(?P<precision>[a-z0-9-]+)"
    r"/b(?P<batch_size>[1-9][0-9]{0,5})-s(?P<sequence_length>[1-9][0-9]{0,6})"
    r"(-w(?P<world_size>[1-9][0-9]{0,3})/(?P<task>[a-z0-9-]+))?",
)


@dataclass(frozen=True, order=True)
class Cell:
    """Model architecture x framework x mode x device x precision x batch size x sequence length.

    A cell of training has a `task` as well, which is empty for inference, and a world size: the
    number of devices, each of which gets a batch of that size in every step.
    """

    suite: str
    model: str
    framework: str
    mode: str
    device: str
    precision: str
    batch_size: int
    sequence_length: int
    world_size: int = 1
    task: str = ""

    @property
    def global_batch_size(self) -> int:
        """Examples in a step of all devices."""
        return self.batch_size * self.world_size

    @property
    def id(self) -> str:
        """The cell as text.

        As in `smoke/bert-base/torch-eager/cpu/fp32/b1-s64`, or, of training,
        `training/bert-mini/torch-compile/cuda/bf16-autocast/b32-s64-w2/sst2`.
        """
        return (
            f"{self.suite}/{self.model}/{self.framework}-{self.mode}/{self.device}"
            f"/{self.precision}/b{self.batch_size}-s{self.sequence_length}"
            + (f"-w{self.world_size}/{self.task}" if self.task else "")
        )


@lru_cache(maxsize=4096)  # more than any suite has cells; a document names each many times
def parse_cell(cell_id: str) -> Cell:
    """Read a cell id.

    Raises:
        ValueError: `cell_id` has neither the form suite/model/framework-mode/device/precision/bB-sS
            nor that with -wW/task at its end.
    """
    found = _ID.fullmatch(cell_id)
    if found is None:
        raise ValueError(
            f"{cell_id!r} is no cell id; one looks like smoke/bert-base/torch-eager/cpu/fp32/b1-s64"
        )
    return Cell(
        suite=found["suite"],
        model=found["model"],
        framework=found["framework"],
        mode=found["mode"],
        device=found["device"],
        precision=found["precision"],
        batch_size=int(found["batch_size"]),
        sequence_length=int(found["sequence_length"]),
        world_size=int(found["world_size"] or 1),
        task=found["task"] or "",
    )


def dominates(small: Cell, large: Cell) -> bool:
    """Tell whether `large` is `small` with a larger batch, a longer sequence, or both.

    Such a cell needs more memory, so that it cannot fit where `small` did not.
    """
    shaped = replace(small, batch_size=large.batch_size, sequence_length=large.sequence_length)
    return (
        small != large == shaped
        and small.batch_size <= large.batch_size
        and small.sequence_length <= large.sequence_length
    )
