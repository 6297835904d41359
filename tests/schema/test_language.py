"""What is promised to be stable: suites, machine keys, cell ids, canonical names."""

import pytest

from hfbench_schema.cells import dominates, parse_cell
from hfbench_schema.machine_key import machine_key
from hfbench_schema.privacy import find_address, find_private, scrub
from hfbench_schema.rules_measurements import LEAST_WARMUP
from hfbench_schema.rules_tasks import BUILT_IN_SHA256
from hfbench_schema.submission import Machine
from hfbench_schema.suites import UnknownSuiteError, find_suite, latest_suite, published_suites
from hfbench_schema.tolerances import TOLERANCES_PPB
from hfbench_submit.examples.grammar import grammar_task
from hfbench_worker import steady_state
from hfbench_worker.latency import TOLERANCES

PUBLISHED = {
    ("inference", 1): "2fa7a56c9247f22ddfd09152300cb7823fb83fe59ee08add13812a2ff97ddc48",
    ("smoke", 1): "5804b765f995c5fd4a1d1e694497bfad6bd4dc43dbbe85e72015da1d0ca94afb",
    ("training", 1): "5172e88e2740ca026c813f7166230981a7376e61f08792d1df558f81a781f362",
}


def test_a_published_suite_never_changes() -> None:
    assert {(s.name, s.version): s.sha256 for s in published_suites()} == PUBLISHED


def test_a_suite_names_its_models_and_cells() -> None:
    suite = latest_suite("smoke")
    assert {cell.model for cell in suite.cells} == set(suite.models)
    assert all(cell.suite == "smoke" for cell in suite.cells)
    assert find_suite("smoke", 99) is None
    with pytest.raises(UnknownSuiteError, match="there are: inference, smoke, training"):
        latest_suite("smoek")


def test_cell_ids_read_back() -> None:
    for cell in latest_suite("smoke").cells:
        assert parse_cell(cell.id) == cell
    for wrong in ("", "smoke/bert", "smoke/bert-base/torch-eager/cpu/fp32/b0-s64"):
        with pytest.raises(ValueError, match="is no cell id"):
            parse_cell(wrong)


def test_worker_and_validator_have_the_same_tolerances() -> None:
    own = {name: share / 1e9 for name, share in TOLERANCES_PPB.items()}
    assert own == TOLERANCES
    assert {cell.precision for suite in published_suites() for cell in suite.cells} <= own.keys()


def test_who_measures_and_who_judges_count_alike() -> None:
    assert steady_state.LEAST_WARMUP == LEAST_WARMUP


def test_the_grammar_that_is_measured_is_the_published_one() -> None:
    task = latest_suite("training").tasks["grammar"]
    made = grammar_task(task.train_examples, task.validation_examples)
    assert {task.name: made.sha256()} == BUILT_IN_SHA256


def test_a_cell_dominates_what_is_larger_and_alike_else() -> None:
    small = parse_cell("inference/gpt2/torch-eager/cpu/fp32/b2-s64")
    larger = ("cpu/fp32/b4-s64", "cpu/fp32/b2-s128", "cpu/fp32/b4-s128")
    others = ("cpu/fp32/b2-s64", "cpu/fp32/b1-s128", "cpu/fp32/b4-s8", "cpu/bf16/b4-s64")
    for shape in (*larger, *others):
        cell = parse_cell(f"inference/gpt2/torch-eager/{shape}")
        assert dominates(small, cell) == (shape in larger), shape


def machine(**changes: object) -> Machine:
    facts: dict[str, object] = {
        "os": "Linux",
        "architecture": "x86_64",
        "cpu": {"vendor": "GenuineIntel", "name": "Xeon", "physical_cores": 2, "logical_cores": 2},
        "usable_cores": 2,
        "memory_gib": 24,
        "virtualised": True,
        "accelerators": [],
    }
    return facts | changes  # type: ignore[return-value]


def test_the_machine_key_holds_what_makes_numbers_incomparable_and_nothing_else() -> None:
    key = machine_key(machine())
    assert key == "m1-b13af38b8da66dd5"
    assert machine_key(machine(kernel="6.1", memory_gib=32)) == key
    assert machine_key(machine(usable_cores=1)) != key
    gpu = {"vendor": "NVIDIA", "name": "H200", "memory_gib": 140}
    assert machine_key(machine(accelerators=[gpu])) != key
    assert machine_key(machine(accelerators=[gpu | {"driver": "580.1"}])) == machine_key(
        machine(accelerators=[gpu])
    )


def test_private_names_do_not_leave_the_machine() -> None:
    traceback = 'File "/home/ada/venv/lib/torch/nn.py", line 3; ada@example.org at 10.1.2.3'
    assert find_private(traceback)
    clean = scrub(traceback)
    assert find_private(clean) is None
    assert find_address(clean) is None
    assert "nn.py" in clean
    assert "ada" not in clean
