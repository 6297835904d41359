"""What is true in a simulated store: machines, versions, cells, and the changes that were planted.

A call takes what launching its layers takes, and what computing takes at a share of the device's
peak. A version multiplies that by the changes planted until then, and by nothing else, so that
every other difference that a comparison finds is a false one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Final

from hfbench_schema.cells import Cell, parse_cell
from hfbench_schema.devices import accelerator_peak
from hfbench_schema.submission import Machine
from hfbench_schema.suites import latest_suite
from hfbench_schema.work import least_operations, least_weights

SUITE: Final = latest_suite("inference")
VERSIONS: Final = (
    "4.51.3", "4.52.4", "4.53.3", "4.54.1", "4.55.4", "4.56.2",
    "4.57.6", "5.0.0", "5.5.0", "5.11.0", "5.17.0", "5.23.0",
)  # fmt: skip
_LAUNCH_S: Final = {"eager": 1.6e-4, "torchscript": 1.1e-4, "compile": 4e-5}
"""What a layer takes before anything is computed, in seconds."""
_BUSY: Final = {"cpu": 0.55, "cuda": 0.35}
"""The share of the peak that is reached."""
_CPU_PEAK: Final = {"fp32": 6e10, "half": 2e11}
"""Operations of a core in a second."""
_PER_CLASS: Final = 100
"""Of 300 cells a third is on the CPU, two thirds are on GPUs."""


@dataclass(frozen=True)
class Planted:
    """A change of time from `version` on, in the cells that match `cells`, on machines of a class.

    `machines` is a pattern of machine titles, as `cells` is one of cell ids.
    """

    version: str
    cells: str
    ratio: float
    why: str
    machines: str = "*"

    def holds(self, version: str, cell_id: str, machine: str) -> bool:
        """Whether a cell takes longer or shorter by it, in a version on a machine."""
        return (
            VERSIONS.index(version) >= VERSIONS.index(self.version)
            and fnmatchcase(cell_id, self.cells)
            and fnmatchcase(machine, self.machines)
        )


PLANTED: Final = (
    Planted("4.53.3", "*/vit-base/torch-eager/cpu/*", 1.09, "slower for two versions"),
    Planted("4.55.4", "*/vit-base/torch-eager/cpu/*", 1 / 1.09, "and repaired"),
    Planted("4.55.4", "*/bert-base/torch-compile/*", 0.87, "a faster attention when compiled"),
    Planted("4.56.2", "*/whisper-*/cuda/*", 0.93, "faster on every GPU"),
    Planted("5.0.0", "*/gpt2/*", 1.12, "a slower cache"),
    Planted("5.0.0", "*/distilgpt2/*", 1.08, "the same slower cache, in fewer layers"),
    Planted("5.5.0", "*-decode/*", 0.80, "decoding in fewer launches"),
    Planted("5.11.0", "*/t5-base/torch-eager/*", 1.05, "a check in every layer"),
    Planted("5.17.0", "*/roberta-base/*/cuda/*", 1.06, "on one GPU alone", "*RTX 4090*"),
    Planted("5.23.0", "*/modernbert-base/*", 0.95, "a faster rotary embedding"),
    Planted("5.23.0", "*/bart-base/*", 1.004, "too little to matter"),
)
GONE: Final = {"transfo-xl-wt103": "5.0.0"}
"""Since which version a model is not there any more."""


def _machine(cpu: str, cores: int, memory: int, gpu: tuple[str, int] | None = None) -> Machine:
    accelerators = [{"vendor": "nvidia", "name": gpu[0], "memory_gib": gpu[1]}] if gpu else []
    return {
        "os": "Linux",
        "architecture": "x86_64",
        "cpu": {"name": cpu, "physical_cores": cores, "logical_cores": 2 * cores},
        "usable_cores": cores,
        "memory_gib": memory,
        "virtualised": gpu is None,
        "accelerators": accelerators,  # type: ignore[typeddict-item]  # a literal, as it should be
    }


@dataclass(frozen=True, eq=False)
class MachineClass:
    """Machines of one key: their facts, and the sd of log time between process runs on them."""

    facts: Machine
    noise: float

    @property
    def device(self) -> str:
        """What its cells run on."""
        return "cuda" if self.facts["accelerators"] else "cpu"


MACHINES: Final = (
    MachineClass(_machine("AMD EPYC 9654 96-Core Processor", 16, 64), 0.009),
    MachineClass(_machine("AMD EPYC 9654 96-Core Processor", 32, 256, ("NVIDIA H100", 80)), 0.005),
    MachineClass(_machine("AMD Ryzen 9 7950X", 16, 64, ("NVIDIA RTX 4090", 24)), 0.012),
    MachineClass(_machine("Intel(R) Xeon(R) Platinum 8480+", 8, 32), 0.012),
)
"""Three device classes; of the CPU two machine keys, which are never mixed."""
_SHAPES: Final = {
    "cpu": (
        "torch-eager/cpu/fp32/b1", "torch-compile/cpu/fp32/b1", "torch-eager/cpu/bf16/b1",
        "torch-torchscript/cpu/fp32/b1", "torch-eager/cpu/fp32/b4",
    ),
    "cuda": (
        "torch-eager/cuda/fp32/b1", "torch-eager/cuda/fp16/b1", "torch-compile/cuda/fp16/b1",
        "torch-eager/cuda/bf16/b8", "torch-compile/cuda/bf16/b8",
        "torch-eager/cuda/bf16-autocast/b8",
    ),
}  # fmt: skip
_LENGTHS: Final = (128, 256, 512, 64, 197, 1500)


@cache
def cells(device: str, count: int) -> tuple[Cell, ...]:
    """Return `count` cells of the suite on a device: of all models first, in one length first."""
    models = list(SUITE.models)
    found = [
        cell
        for cell in SUITE.cells
        if cell.sequence_length in _LENGTHS and _shape(cell) in _SHAPES[device]
    ]
    found.sort(
        key=lambda cell: (
            _LENGTHS.index(cell.sequence_length) % 4,
            _SHAPES[device].index(_shape(cell)),
            models.index(cell.model),
        )
    )
    return tuple(found[:count])


def cells_of(machine: MachineClass, total: int) -> tuple[Cell, ...]:
    """Return the cells that are measured on a machine, of `total` different ones in the store."""
    on_cpu = max(1, total * _PER_CLASS // 300)
    return cells(machine.device, on_cpu if machine.device == "cpu" else total - on_cpu)


def _shape(cell: Cell) -> str:
    mode = f"{cell.framework}-{cell.mode}"
    return f"{mode}/{cell.device}/{cell.precision}/b{cell.batch_size}"


@cache
def base_seconds(cell_id: str, machine: MachineClass) -> float:
    """Return what a call takes in the oldest version."""
    cell = parse_cell(cell_id)
    operations, layers = least_operations(SUITE, cell), _layers(cell.model)
    computing = operations / (_BUSY[cell.device] * _peak(machine, cell.precision))
    reading = least_weights(SUITE, cell.model) * (4 if cell.precision == "fp32" else 2) / 6e11
    saved = 0.85 if cell.mode == "compile" else 1.0
    return layers * _LAUNCH_S[cell.mode] + saved * max(computing, reading)


def _layers(model: str) -> int:
    config = SUITE.models[model].config
    names = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers")
    return next((int(config[name]) for name in names if name in config), 12)


def _peak(machine: MachineClass, precision: str) -> float:
    if machine.device == "cpu":
        each = _CPU_PEAK["fp32" if precision == "fp32" else "half"]
        return each * machine.facts["usable_cores"]
    peak = accelerator_peak(machine.facts["accelerators"][0]["name"])
    return 0.0 if peak is None else peak.operations(precision)


def true_ratio(version: str, cell_id: str, machine: str) -> float:
    """Return time in a version over time in the oldest one, on machines of a title."""
    ratio = 1.0
    for change in PLANTED:
        if change.holds(version, cell_id, machine):
            ratio *= change.ratio
    return ratio


def is_gone(cell_id: str, version: str) -> bool:
    """Whether a version has dropped the model."""
    since = GONE.get(parse_cell(cell_id).model)
    return since is not None and VERSIONS.index(version) >= VERSIONS.index(since)


def truth_table(versions: Sequence[str], total: int, titles: dict[str, MachineClass]) -> object:
    """Return what was planted, and every ratio to the oldest version that differs from 1."""
    ratios = {
        title: {
            cell.id: {
                version: round(true_ratio(version, cell.id, title), 6)
                for version in versions
                if true_ratio(version, cell.id, title) != 1
            }
            for cell in cells_of(machine, total)
        }
        for title, machine in titles.items()
    }
    return {
        "simulated": True,
        "planted": [vars(change) for change in PLANTED],
        "gone": GONE,
        "ratios": {title: {c: r for c, r in by.items() if r} for title, by in ratios.items()},
    }
