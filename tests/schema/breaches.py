"""Documents that keep every rule, and changes that break one: a rule is tested by both."""

import copy
import random
from collections.abc import Callable
from typing import Any

from hfbench_schema.suites import latest_suite

Document = dict[str, Any]
Change = Callable[[Document], None]


def drop(*keys: str) -> Change:
    def change(document: Document) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[int(key)] if isinstance(place, list) else place[key]
        del place[keys[-1]]

    return change


def put(value: Any, *keys: str | int) -> Change:
    def change(document: Document) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def repeat_last_run(document: Document) -> None:
    document["process_runs"].append(copy.deepcopy(document["process_runs"][-1]))


def copy_iterations(document: Document) -> None:
    first, second = document["process_runs"][:2]
    second["iterations_ns"] = first["iterations_ns"]
    second["warmup_iterations"] = first["warmup_iterations"]


def same_versions(document: Document) -> None:
    first, second = document["environments"]
    second["packages"] = first["packages"]


def hours_within_seconds(document: Document) -> None:
    for run in document["process_runs"]:
        run["wall_ns"] = 500 * 10**9


def fail_at_an_address(document: Document) -> None:
    run = document["process_runs"][0]
    document["process_runs"][0] = {
        name: run[name] for name in ("cell", "environment", "block", "started_at", "wall_ns")
    } | {"status": "error", "reason": "no route to 10.1.2.3"}


def measured_again(times: list[int], seed: int) -> list[int]:
    """Return times of another process run: as long, with noise of their own."""
    noise = random.Random(seed)
    return [round(time * noise.uniform(1, 1.01)) for time in noise.sample(times, len(times))]


def disguise(change: Callable[[list[int]], list[int]]) -> Change:
    """Let the second process run's timed iterations be the first one's, changed."""

    def apply(document: Document) -> None:
        first, second = document["process_runs"][:2]
        warmup = first["warmup_iterations"]
        timed = first["iterations_ns"][warmup:]
        second["iterations_ns"] = [*first["iterations_ns"][:warmup], *change(timed)]
        second["warmup_iterations"] = warmup

    return apply


BREACHES: dict[str, list[Change]] = {
    "HFB002": [put("bidi \u202e text", "client", "name"), put("e\u0301", "client", "name")],
    "HFB010": [drop("schema"), put("urn:elsewhere:1", "schema")],
    "HFB011": [
        drop("machine"),
        put("laptop.example", "machine", "hostname"),
        put(1.5, "process_runs", 0, "wall_ns"),
        put(True, "process_runs", 0, "block"),
        put([-5] * 20, "process_runs", 0, "iterations_ns"),
        put("error", "process_runs", 0, "status"),
        put(123.4, "process_runs", 0, "median_ms"),
    ],
    "HFB014": [put("urn:hfbench:schema:submission:2", "schema")],
    "HFB020": [put(99, "suite", "version"), put("0" * 64, "suite", "sha256")],
    "HFB021": [put("smoke/bert-huge/torch-eager/cpu/fp32/b1-s64", "process_runs", 0, "cell")],
    "HFB024": [put(7, "process_runs", 0, "environment")],
    "HFB025": [put("transformers-5.23.0", "environments", 0, "label")],
    "HFB026": [repeat_last_run],
    "HFB027": [put(5, "process_runs", 0, "block")],
    "HFB028": [same_versions],
    "HFB033": [put(10**15, "process_runs", 0, "wall_ns")],
    "HFB034": [hours_within_seconds],
    "HFB081": [put(512, "machine", "usable_cores")],
    "HFB030": [
        put(["2026-11-23T13:00:00Z", "9999-99-99T99:99:99Z"], "sitting", "invocations"),
        put("2026-02-31T00:00:00Z", "process_runs", 0, "started_at"),
        put("2025-01-01T00:00:00Z", "process_runs", 3, "started_at"),
        put("2026-12-01T00:00:00Z", "process_runs", 0, "started_at"),
    ],
    "HFB031": [put(1000, "process_runs", 0, "wall_ns")],
    "HFB032": [put("2031-01-01T00:00:00Z", "sitting", "finished_at")],
    "HFB040": [put(9, "protocol", "process_runs")],
    "HFB041": [
        put(12, "process_runs", 0, "warmup_iterations"),
        put(5, "process_runs", 0, "warmup_iterations"),
    ],
    "HFB042": [put(2, "process_runs", 0, "warmup_iterations")],
    "HFB043": [copy_iterations],
    "HFB048": [put({"steal_ms": 0}, "process_runs", 0, "contamination")],
    "HFB080": [drop("environments", "0", "packages", "transformers")],
    "HFB085": [put("0.1 hf_" + "aB3" * 12, "machine", "kernel")],
    "HFB084": [
        put("in /home/ada/models", "environments", 0, "label"),
        put("6.1-ada@laptop.example.com", "machine", "kernel"),
        fail_at_an_address,
    ],
}


BERT = "inference/bert-base/torch-eager/cpu/fp32/b1-s64"
GPT = "inference/gpt2/torch-eager/cpu/fp32/b1-s64"
LARGER = GPT.replace("/b1-", "/b2-")
COMPILED = "inference/gpt2/torch-compile/cpu/bf16/b1-s64"
CUDA = "inference/gpt2/torch-eager/cuda/fp32/b1-s64"
SECOND = 10**9
BUSY = {"duration_ns": 2 * SECOND, "millijoules": 90_000, "calls": 40}
IDLE = {"duration_ns": 2 * SECOND, "millijoules": 30_000, "calls": 0}
MOMENT = "2026-11-23T13:57:53Z"
# In the order of `extended`; the corpus has four process runs before them.
CONTAMINATED, AGAIN, COLD, WARM, MEMORY, ENERGY, EXHAUSTED, SKIPPED = range(4, 12)


def extended(document: Document) -> Document:
    """Return a document with every role, a contaminated first attempt, and a skipped cell."""
    result, suite = copy.deepcopy(document), latest_suite("inference")
    result["suite"] = {"name": suite.name, "version": suite.version, "sha256": suite.sha256}
    result["protocol"] |= {"roles": ["latency", "cold", "memory", "energy"], "budget_s": 600}
    first = result["environments"][0]
    first["sources"] = {"transformers": {"kind": "git", "content": "1f2e3d4c5b" * 4}}
    anchor = {"environment": 0, "started_at": MOMENT, "matmul_ns": [7, 8], "copy_ns": [9]}
    result["anchors"] = [anchor, anchor]
    for run in result["process_runs"]:
        run["cell"] = BERT
        run["contamination"] = {"foreign_cpu_ms": 0, "steal_ms": 0}
        run["output_check"] = {"distance_ppb": 0, "tolerance_ppb": 1_000_000}
    result["process_runs"] += added_runs(result["process_runs"][0])
    return result


def added_runs(measured: Document) -> list[Document]:
    """Return the process runs that CONTAMINATED to SKIPPED number."""
    times, threads = measured["iterations_ns"], measured["threads"]
    disturbed = {"foreign_cpu_ms": measured["wall_ns"] // 10**6}
    again = {"cell": GPT, "iterations_ns": measured_again(times, 1)}
    cold = {
        "role": "cold", "threads": threads,
        "phases_ns": {"import": 2 * SECOND, "build": SECOND, "prepare": SECOND},
    }  # fmt: skip
    memory = {"host_imported": 300, "host_built": 700, "host_peak": 900}
    out = {"status": "oom_host", "reason": "killed by the kernel"}
    skipped = {"status": "skipped_dominated", "reason": f"{GPT} ran out of memory.", "wall_ns": 0}
    clean = {name: measured[name] for name in measured.keys() - {"output_check"}}
    return [
        clean | again | {
            "iterations_ns": measured_again(times, 2), "contamination": disturbed,
            "status": "contaminated", "reason": "foreign CPU time 100 %",
        },
        clean | again | {"attempt": 1},
        bare(cold | {"caches": "empty", "iterations_ns": [90, 10]}),
        bare(cold | {"caches": "warm", "iterations_ns": [50, 11]}),
        bare({"role": "memory", "memory": memory}),
        bare({"role": "energy", "energy": {"source": "rapl", "busy": [BUSY], "idle": [IDLE]}}),
        bare({"environment": 1} | out),
        bare({"environment": 1, "block": 1, "cell": LARGER} | skipped),
    ]  # fmt: skip


def bare(fields: Document) -> Document:
    """Return a process run with what every one has, and `fields`."""
    common = {"cell": GPT, "environment": 0, "block": 0, "started_at": MOMENT}
    quiet = {"contamination": {"foreign_cpu_ms": 0}}
    return {**common, **quiet, "wall_ns": 5 * SECOND, "status": "ok", **fields}


def at(index: int, **fields: Any) -> Change:
    """Return a change of one process run; a field that is None goes."""

    def change(document: Document) -> None:
        run = document["process_runs"][index]
        run |= fields
        for name in [name for name, value in fields.items() if value is None]:
            del run[name]

    return change


def repeat(index: int) -> Change:
    """Return a change that puts a process run there twice."""

    def change(document: Document) -> None:
        document["process_runs"].append(copy.deepcopy(document["process_runs"][index]))

    return change


def window(kind: str, **fields: Any) -> Change:
    """Return a change of an energy window."""

    def change(document: Document) -> None:
        windows = document["process_runs"][ENERGY]["energy"][kind]
        windows[0] = windows[0] | fields

    return change


def fork_on_a_gpu(document: Document) -> None:
    """Change the launch method, and one cell to what it cannot launch."""
    document["protocol"]["launch"] = "fork_server"
    document["process_runs"][COLD]["cell"] = CUDA


def copied_energy(document: Document) -> None:
    """Measure energy twice with the same windows, but for what the counter said."""
    copied = copy.deepcopy(document["process_runs"][ENERGY])
    copied["block"] = 1
    copied["energy"]["busy"][0]["millijoules"] += 1
    document["process_runs"].append(copied)


def repeated_too_often(document: Document) -> None:
    """Turn what was measured in both environments into second attempts."""
    for run in document["process_runs"][:4]:
        run["attempt"] = 1


FAR = {"distance_ppb": 2_000_000, "tolerance_ppb": 1_000_000}
NEAR = {"distance_ppb": 10, "tolerance_ppb": 1_000_000}
WRONG = {"status": "wrong_output", "reason": "0.002 from the reference, of 0.001 allowed"}
EXAMPLES = {
    "source": "local", "sha256": "3d" * 32, "train_examples": 100, "validation_examples": 40,
    "tokenizers": {},
}  # fmt: skip
ARCHIVE = {"kind": "archive", "content": "1f2e3d4c5b" * 4}

EXTENDED: dict[str, list[Change]] = {
    "HFB024": [put(2, "anchors", 1, "environment")],
    "HFB026": [repeat(COLD), repeat(AGAIN)],
    "HFB029": [at(CONTAMINATED, status="error"), at(AGAIN, block=1), at(CONTAMINATED, block=1)],
    "HFB030": [put("2026-02-31T00:00:00Z", "anchors", 0, "started_at")],
    "HFB031": [
        at(COLD, phases_ns={"prepare": 6 * SECOND}),
        window("idle", duration_ns=4 * SECOND, millijoules=60_000),
    ],
    "HFB033": [at(0, wall_ns=200 * 600 * SECOND), at(ENERGY, wall_ns=300 * 600 * SECOND)],
    "HFB035": [at(EXHAUSTED, wall_ns=0), at(MEMORY, wall_ns=0)],
    "HFB036": [put(["latency", "cold", "energy"], "protocol", "roles")],
    "HFB037": [at(MEMORY, caches="warm"), at(0, caches="empty")],
    "HFB038": [
        at(SKIPPED, reason="too large"),
        at(SKIPPED, environment=0),
        at(EXHAUSTED, status="timeout"),
        at(EXHAUSTED, role="memory"),
        at(EXHAUSTED, cell=LARGER),
        at(SKIPPED, cell=GPT),
        at(SKIPPED, reason=f"{GPT}0 ran out of memory"),
    ],
    "HFB039": [fork_on_a_gpu, put("fork_server", "protocol", "launch")],
    "HFB043": [copied_energy],
    "HFB044": [at(CONTAMINATED, contamination={}), at(CONTAMINATED, contamination=None)],
    "HFB045": [at(CONTAMINATED, status="ok"), at(CONTAMINATED, status="no_steady_state")],
    "HFB046": [at(CONTAMINATED, iterations_ns=None)],
    "HFB047": [
        at(COLD, phases_ns={"import": SECOND, "build": SECOND}),
        at(WARM, iterations_ns=[90]),
    ],
    "HFB049": [repeated_too_often],
    "HFB050": [at(0, output_check=FAR), at(0, output_check=NEAR, **WRONG)],
    "HFB051": [at(0, output_check={"distance_ppb": 10, "tolerance_ppb": 1_000_001})],
    "HFB052": [at(AGAIN, cell=COMPILED)],
    "HFB053": [
        window("busy", millijoules=0),
        window("busy", millijoules=40_000_000),
        window("busy", calls=0),
        window("idle", calls=3),
    ],
    "HFB054": [
        at(MEMORY, memory={"host_imported": 0, "host_built": 700, "host_peak": 900}),
        at(MEMORY, memory={"host_imported": 300, "host_built": 700, "host_peak": 26 * 2**30}),
    ],
    "HFB060": [at(MEMORY, role="training", status="error", reason="no such thing")],
    "HFB061": [at(0, status="diverged", reason="the loss is not finite in step 3 of 9")],
    "HFB070": [put({"cola": EXAMPLES}, "tasks")],
    "HFB074": [drop("protocol", "iterations")],
    "HFB075": [put(2, "protocol", "nodes")],
    "HFB082": [
        put({"torchvision": ARCHIVE}, "environments", 0, "sources"),
        put({"torch": ARCHIVE}, "environments", 0, "sources"),
    ],
}  # fmt: skip
