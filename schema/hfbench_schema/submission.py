"""The submission document as Python sees it: typed views of plain JSON objects.

The truth is `schemas/submission-1.json`; these types follow it, so that code which has
validated a document can read it without casts. All durations are integer nanoseconds.
"""

from functools import cache
from importlib import resources
from typing import Any, Final, NotRequired, TypedDict

from hfbench_schema.canonical import strict_json

SUBMISSION_SCHEMA: Final = "urn:hfbench:schema:submission:1"
MEASURED_STATUSES: Final = ("ok", "no_steady_state")
"""The statuses of a process run whose timed iterations count."""


COMPARED_PACKAGES: Final = ("transformers", "torch", "tensorflow")
"""The packages that make an environment another one, beside Python and the replica."""


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
    process_runs: int
    iterations: int
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
    virtualised: bool | None
    accelerators: list[Accelerator]


class EnvironmentFacts(TypedDict):
    """One isolated Python environment, as it resolved."""

    label: str
    replica: int
    python: str
    packages: dict[str, str]


class Threads(TypedDict):
    """Thread counts read back from the framework inside the worker."""

    intra_op: int
    inter_op: int


class ProcessRun(TypedDict):
    """One fresh worker process that measured one cell in one environment."""

    cell: str
    environment: int
    block: int
    started_at: str
    wall_ns: int
    status: str
    reason: NotRequired[str]
    warmup_iterations: NotRequired[int]
    iterations_ns: NotRequired[list[int]]
    threads: NotRequired[Threads]
    output_sha256: NotRequired[str]


class Submission(TypedDict):
    """The immutable document of one sitting."""

    schema: str
    client: Client
    suite: SuiteReference
    sitting: Sitting
    protocol: Protocol
    machine: Machine
    environments: list[EnvironmentFacts]
    process_runs: list[ProcessRun]


def compared_versions(
    environment: EnvironmentFacts,
) -> tuple[tuple[tuple[str, str], ...], str, int]:
    """Return what tells an environment from others.

    Package and version of COMPARED_PACKAGES as far as installed, in that order; Python's
    major.minor; the replica.
    """
    packages = environment["packages"]
    versions = tuple((name, packages[name]) for name in COMPARED_PACKAGES if name in packages)
    return versions, ".".join(environment["python"].split(".")[:2]), environment["replica"]


def timed_iterations(process_run: ProcessRun) -> list[int]:
    """Return the iterations after warm-up, in ns; empty if the process run was not measured."""
    if process_run["status"] not in MEASURED_STATUSES:
        return []
    return process_run["iterations_ns"][process_run["warmup_iterations"] :]


@cache
def submission_json_schema() -> dict[str, Any]:
    """Return the published JSON Schema (2020-12) of a submission."""
    file = resources.files("hfbench_schema") / "schemas" / "submission-1.json"
    schema: dict[str, Any] = strict_json(file.read_bytes())
    return schema
