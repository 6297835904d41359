"""Energy from counters: packages added up, wraps taken into account, and reasons where none is."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.submit.kernel_tree import lay_out

from hfbench_schema.submission import submission_json_schema
from hfbench_submit.machine import nvml
from hfbench_submit.machine.energy_meter import EnergyWindows, MeterUnavailableError, open_meter

POWERCAP = "sys/class/powercap"
NOBODY = 65534


def zone(name: str, kind: str, microjoules: int) -> dict[str, str | int]:
    folder = f"{POWERCAP}/{name}"
    return {
        f"{folder}/name": kind,
        f"{folder}/energy_uj": microjoules,
        f"{folder}/max_energy_range_uj": 1_000_000,
    }


def machine(first_uj: int, second_uj: int) -> dict[str, str | int]:
    """Return two packages, and what must not be added to them."""
    return {
        **zone("intel-rapl:0", "package-0", first_uj),
        **zone("intel-rapl:1", "package-1", second_uj),
        **zone("intel-rapl:0:0", "core", 2 * first_uj),
        **zone("intel-rapl:2", "psys", 3 * first_uj),
        **zone("intel-rapl-mmio:0", "package-0", first_uj),
    }


def test_packages_are_added_up_and_may_wrap_around(tmp_path: Path) -> None:
    meter = open_meter("cpu", lay_out(tmp_path, machine(900_000, 100_000)))
    start = meter.read_mj()
    lay_out(tmp_path, machine(950_000, 300_000))
    assert meter.read_mj() - start == 250
    lay_out(tmp_path, machine(50_000, 300_000))  # beyond the first one's range of a joule
    assert meter.read_mj() - start == 350
    assert meter.source == "rapl"


@contextmanager
def as_nobody() -> Iterator[None]:
    """Let root's rights go meanwhile, if this is root."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(NOBODY)
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_counter_for_root_alone_says_how_to_permit_it() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = lay_out(Path(folder), machine(1, 1))
        root.chmod(0o755)
        (root / POWERCAP / "intel-rapl:0" / "energy_uj").chmod(0o000)
        with as_nobody(), pytest.raises(MeterUnavailableError, match=r"sudo chmod a\+r"):
            open_meter("cpu", root)


def test_a_machine_without_a_counter_gives_a_reason(tmp_path: Path) -> None:
    with pytest.raises(MeterUnavailableError, match="virtual machines and containers hide it"):
        open_meter("cpu", tmp_path)
    with pytest.raises(MeterUnavailableError, match="device mps"):
        open_meter("mps", tmp_path)


def test_a_gpu_is_metered_where_there_is_one() -> None:
    if nvml.chosen_gpu():
        assert open_meter("cuda").source == "nvml"
    else:
        with pytest.raises(MeterUnavailableError, match="no NVIDIA GPU"):
            open_meter("cuda")


def edge(kind: str, name: str, **fields: int) -> dict[str, Any]:
    return {"event": "window", "kind": kind, "edge": name, **fields}


def test_windows_hold_what_the_counter_rose_by(tmp_path: Path) -> None:
    windows = EnergyWindows(open_meter("cpu", lay_out(tmp_path, machine(0, 0))))
    counted = 0
    for kind, calls, used in (("idle", 0, 10_000), ("busy", 7, 90_000), ("busy", 8, 95_000)):
        windows.on_message({"event": "phase", "name": "calls"})
        windows.on_message(edge(kind, "begin"))
        lay_out(tmp_path, machine(counted := counted + used, 0))
        windows.on_message(edge(kind, "end", duration_ns=10**10, calls=calls))
        lay_out(tmp_path, machine(counted := counted + 5_000, 0))  # between windows: nobody's
    windows.on_message(edge("idle", "begin"))  # cut off by the worker's end
    energy = windows.energy()
    assert [window["millijoules"] for window in energy["busy"]] == [90, 95]
    assert energy["idle"] == [{"duration_ns": 10**10, "millijoules": 10, "calls": 0}]
    schema = submission_json_schema()
    record = schema["$defs"]["process_run"]["properties"]["energy"]
    Draft202012Validator({**record, "$defs": schema["$defs"]}).validate(energy)


def test_a_meter_that_fails_disturbs_no_worker_and_is_told_at_the_end(tmp_path: Path) -> None:
    windows = EnergyWindows(open_meter("cpu", lay_out(tmp_path, machine(0, 0))))
    windows.on_message(edge("idle", "begin"))
    (tmp_path / POWERCAP / "intel-rapl:1" / "energy_uj").unlink()
    windows.on_message(edge("idle", "end", duration_ns=1, calls=0))
    with pytest.raises(MeterUnavailableError, match="cannot be read"):
        windows.energy()


def test_without_a_window_of_each_kind_there_is_no_energy(tmp_path: Path) -> None:
    windows = EnergyWindows(open_meter("cpu", lay_out(tmp_path, machine(0, 0))))
    windows.on_message(edge("busy", "begin"))
    lay_out(tmp_path, machine(500_000, 0))
    windows.on_message(edge("busy", "end", duration_ns=1_000_000_000, calls=1))
    with pytest.raises(MeterUnavailableError, match="no complete idle window"):
        windows.energy()


@pytest.mark.skipif(nvml.gpu_uuid(0) is not None, reason="there is a driver, and it answers")
def test_a_driver_that_no_longer_answers_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "_started", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-gone")
    assert nvml.gpus() == []
    assert nvml.chosen_gpu() is nvml.gpu_uuid(0) is nvml.pci_address("GPU-gone") is None
