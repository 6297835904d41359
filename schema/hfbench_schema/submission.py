"""The submission document as Python sees it: typed views of plain JSON objects.

The truth is `schemas/submission-1.json`; these types follow it, so that code which has
validated a document can read it without casts. All durations are integer nanoseconds.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, NotRequired, TypedDict

from hfbench_schema.canonical import strict_json

SUBMISSION_SCHEMA: Final = "urn:hfbench:schema:submission:1"
MEASURED_STATUSES: Final = ("ok", "no_steady_state")
"""The statuses of a process run whose timed iterations count."""
HOPELESS_STATUSES: Final = ("unsupported", "skipped_dominated")
"""The statuses of which one process run says all, and which no worker need be launched for."""
OUT_OF_MEMORY: Final = ("oom_device", "oom_host")
"""The statuses that say a cell does not fit."""
DIVERGED: Final = "diverged"
"""The status of a training whose loss stopped being a finite number."""
RESULTS: Final = (*MEASURED_STATUSES, DIVERGED)
"""The statuses that answer what was asked: a training that diverges is a result of its arm."""
INFERENCE_ROLES: Final = ("latency", "cold", "memory", "energy")
TRAINING_ROLES: Final = ("training", "memory")
"""What process runs of a suite of each kind can be for, the usual one first."""
ROLES: Final = (*INFERENCE_ROLES, "training")
"""What a process run is for; only `latency` has timed iterations to compare."""
FEWER_PROCESS_RUNS: Final = {"cold": 3, "memory": 2, "energy": 2}
"""Roles that scatter less, or cost more: so many process runs at most."""
SPAWN: Final = "spawn"
FORK_SERVER: Final = "fork_server"
"""The launch methods; their figures are never mixed."""


COMPARED_PACKAGES: Final = ("transformers", "torch", "tensorflow")
"""The packages that make an environment another one, beside Python and the replica."""
_DISTRIBUTIONS: Final = {"tensorflow": ("tensorflow", "tensorflow-cpu", "tensorflow-intel")}
"""Under which names a package is distributed, where that is not its own alone."""
SECOND_ATTEMPTS: Final = 5
"""One in so many process runs may be repeated after contamination, and one in any sitting."""


class Client(TypedDict):
    """What wrote the document."""

    name: str
    version: str


class SuiteReference(TypedDict):
    """Which suite was run."""

    name: str
    version: int
    sha256: str


class Sitting(TypedDict):
    """One uninterrupted invocation; `invocations` has more than one moment if it was resumed."""

    id: str
    seed: int
    invocations: list[str]
    finished_at: str


class Protocol(TypedDict):
    """What was asked for."""

    launch: str
    order: str
    roles: NotRequired[list[str]]
    budget_s: NotRequired[int]
    detect_ppm: NotRequired[int]
    nodes: NotRequired[int]
    process_runs: int
    iterations: NotRequired[int]
    timeout_s: int


class Cpu(TypedDict):
    """The processor; `family` and `model` are x86's numbers."""

    vendor: NotRequired[str]
    name: str
    family: NotRequired[int]
    model: NotRequired[int]
    physical_cores: int
    logical_cores: int


class Accelerator(TypedDict):
    """One GPU."""

    vendor: str
    name: str
    memory_gib: int
    driver: NotRequired[str]


class Machine(TypedDict):
    """The allow-listed facts of the machine."""

    os: str
    kernel: NotRequired[str]
    architecture: str
    cpu: Cpu
    usable_cores: int
    memory_gib: int
    memory_limit_gib: NotRequired[int]
    numa_nodes: NotRequired[int]
    virtualised: bool | None
    accelerators: list[Accelerator]


class Source(TypedDict):
    """Where a package came from that no index has; `content` is a git commit or a SHA-256."""

    kind: str
    content: str


class EnvironmentFacts(TypedDict):
    """One isolated Python environment, as it resolved."""

    label: str
    replica: int
    python: str
    packages: dict[str, str]
    sources: NotRequired[dict[str, Source]]


class Threads(TypedDict):
    """Thread counts read back from the framework inside the worker."""

    intra_op: int
    inter_op: int


class Placement(TypedDict):
    """The logical CPUs that a worker may use, and whether hfbench chose them."""

    cpus: int
    pinned: bool
    numa_node: NotRequired[int]


class OutputCheck(TypedDict):
    """Distance from the eager fp32 output, relative, in parts per billion."""

    distance_ppb: int
    tolerance_ppb: int


class Memory(TypedDict):
    """Bytes: resident on the host, allocated on the device."""

    host_imported: int
    host_built: int
    host_peak: int
    device_built: NotRequired[int]
    device_peak: NotRequired[int]
    device_reserved: NotRequired[int]


class EnergyWindow(TypedDict):
    """What a hardware counter rose by, and how many calls were made meanwhile."""

    duration_ns: int
    millijoules: int
    calls: int


class Energy(TypedDict):
    """Windows of calls, and windows in which nothing ran."""

    source: str
    busy: list[EnergyWindow]
    idle: list[EnergyWindow]


class Contamination(TypedDict, total=False):
    """What else went on while a process run ran; an absent count is unknown."""

    foreign_cpu_ms: int
    steal_ms: int
    throttled_ms: int
    swapped_pages: int
    thermal_throttles: int
    foreign_gpu_processes: int
    gpu_throttled: bool
    on_battery: bool
    clock_step_ms: int


class Epoch(TypedDict):
    """One pass over the training examples, and the evaluation after it.

    `training_ns` holds all of its steps and the loading of their batches; `loading_ns` has what
    loading took each rank. `tokens` counts what all ranks trained on, padding left out;
    `confusion` counts the validation examples: [label 0 taken for 0, label 0 taken for 1, label 1
    taken for 0, label 1 taken for 1].
    """

    training_ns: int
    loading_ns: list[int]
    evaluation_ns: int
    tokens: int
    confusion: list[int]


class Training(TypedDict):
    """One training from its seed, epoch by epoch and step by step.

    `steps_ns` has a list for each rank, of one duration for each step; `losses_micro` the loss of
    each step in millionths, the mean over ranks, null where it is not finite. `compiled_steps` are
    the numbers of the steps in which a rank traced or compiled. `end_to_end_ns` runs from the
    imported framework to the end of the last evaluation.
    """

    seed: int
    end_to_end_ns: int
    epochs: list[Epoch]
    steps_ns: list[list[int]]
    losses_micro: list[int | None]
    compiled_steps: list[int]


class TokenizerFacts(TypedDict):
    """Where a tokenizer came from: `checkpoint` or `trained`; the SHA-256 of its JSON form."""

    kind: str
    sha256: str
    vocabulary: int


class TaskData(TypedDict):
    """What a task's examples are.

    `source` is `hub`, `local` or `built_in`; `sha256` is that of the text and labels of both
    splits, in order; `tokenizers` go by model.
    """

    source: str
    sha256: str
    train_examples: int
    validation_examples: int
    tokenizers: dict[str, TokenizerFacts]


class Anchor(TypedDict):
    """One measurement of the fixed workload."""

    environment: int
    started_at: str
    matmul_ns: list[int]
    copy_ns: list[int]


class ProcessRun(TypedDict):
    """One fresh worker process that measured one cell in one environment."""

    cell: str
    environment: int
    block: int
    role: NotRequired[str]
    caches: NotRequired[str]
    attempt: NotRequired[int]
    hash_seed: NotRequired[int]
    started_at: str
    wall_ns: int
    status: str
    reason: NotRequired[str]
    warmup_iterations: NotRequired[int]
    iterations_ns: NotRequired[list[int]]
    phases_ns: NotRequired[dict[str, int]]
    threads: NotRequired[Threads]
    placement: NotRequired[Placement]
    output_sha256: NotRequired[str]
    output_check: NotRequired[OutputCheck]
    memory: NotRequired[Memory]
    energy: NotRequired[Energy]
    training: NotRequired[Training]
    contamination: NotRequired[Contamination]


class Submission(TypedDict):
    """The immutable document of one sitting."""

    schema: str
    client: Client
    suite: SuiteReference
    sitting: Sitting
    protocol: Protocol
    machine: Machine
    environments: list[EnvironmentFacts]
    tasks: NotRequired[dict[str, TaskData]]
    anchors: NotRequired[list[Anchor]]
    process_runs: list[ProcessRun]


def role_of(process_run: ProcessRun) -> str:
    """Return what a process run is for."""
    return process_run.get("role", "latency")


def wanted_process_runs(role: str, process_runs: int) -> int:
    """Return how many process runs a role gets where latency gets `process_runs`."""
    return min(process_runs, FEWER_PROCESS_RUNS.get(role, process_runs))


def is_adaptive(protocol: Protocol) -> bool:
    """Tell whether process runs were chosen as the sitting went, and not planned beforehand."""
    return "budget_s" in protocol or "detect_ppm" in protocol


def compared_versions(
    environment: EnvironmentFacts,
) -> tuple[tuple[tuple[str, str], ...], str, int]:
    """Return what tells an environment from others.

    Distribution and version of COMPARED_PACKAGES as far as installed, in that order, as in
    `tensorflow-cpu` and `2.20.0`; Python's major.minor; the replica. What no index has is told
    apart by its content, as in `5.24.0.dev0@1f2e3d4c5b6a`.
    """
    packages, sources = environment["packages"], environment.get("sources", {})
    found = (installed_version(packages, sources, name) for name in COMPARED_PACKAGES)
    versions = tuple(version for version in found if version is not None)
    return versions, ".".join(environment["python"].split(".")[:2]), environment["replica"]


def package_of(distribution: str) -> str:
    """Return the package that a distribution holds: `tensorflow` for `tensorflow-cpu`."""
    found = (name for name, names in _DISTRIBUTIONS.items() if distribution in names)
    return next(found, distribution)


def installed_version(
    packages: Mapping[str, str], sources: Mapping[str, Source], package: str
) -> tuple[str, str] | None:
    """Return which distribution of a package is installed, and its version; None if none is.

    The version of what no index has ends with its content.
    """
    for name in _DISTRIBUTIONS.get(package, (package,)):
        if name in packages:
            source = sources.get(name)
            content = f"@{source['content'][:12]}" if source else ""
            return name, packages[name] + content
    return None


def timed_iterations(process_run: ProcessRun) -> list[int]:
    """Return the iterations after warm-up, in ns; empty unless it measured latency."""
    if process_run["status"] not in MEASURED_STATUSES or role_of(process_run) != "latency":
        return []
    return process_run["iterations_ns"][process_run["warmup_iterations"] :]


@cache
def submission_json_schema() -> dict[str, Any]:
    """Return the published JSON Schema (2020-12) of a submission."""
    file = resources.files("hfbench_schema") / "schemas" / "submission-1.json"
    schema: dict[str, Any] = strict_json(file.read_bytes())
    return schema
