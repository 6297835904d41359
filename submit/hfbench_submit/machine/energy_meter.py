"""Energy as hardware counts it: NVML's counter of a GPU, RAPL's counters of processor packages.

Nothing is estimated: without a counter there is no figure, but a reason and what would mend it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hfbench_schema.rules_measurements import MOST_WATTS
from hfbench_schema.submission import Energy, EnergyWindow
from hfbench_submit.machine import nvml
from hfbench_submit.machine.kernel_files import ROOT, number_in


class MeterUnavailableError(Exception):
    """No energy counter can be read here; the text says why and what would mend it."""


class Meter(Protocol):
    """A counter of energy; only differences between two readings mean anything."""

    @property
    def source(self) -> str:
        """What counts: `nvml` or `rapl`."""

    def read_mj(self) -> int:
        """Return the millijoules counted so far.

        Raises:
            MeterUnavailableError: the counter can no longer be read.
        """


def open_meter(device: str, root: Path = ROOT) -> Meter:
    """Return the meter of the device that cells of `device` compute on.

    Raises:
        MeterUnavailableError: there is none, or this user may not read it.
    """
    meter = _meter_of(device, root)
    meter.read_mj()
    return meter


class EnergyWindows:
    """Reads a meter at the edges of a worker's windows; `on_message` is for its launch.

    The parent reads, so that nothing runs beside the worker; a window takes seconds, and news of
    an edge arrives within a millisecond.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._begun_mj: int | None = None
        self._windows: dict[str, list[EnergyWindow]] = {"busy": [], "idle": []}
        self._failure: MeterUnavailableError | None = None

    def on_message(self, message: dict[str, Any]) -> None:
        """Take one of the worker's messages; all but a window's edges are passed over.

        A meter that fails does not disturb the worker: `energy` tells.
        """
        if message.get("event") != "window" or self._failure:
            return
        try:
            self._edge(message)
        except MeterUnavailableError as failure:
            self._failure = failure

    def energy(self) -> Energy:
        """Return all complete windows.

        Raises:
            MeterUnavailableError: the meter failed, or no window of one kind is complete.
        """
        if self._failure:
            raise self._failure
        for kind, windows in self._windows.items():
            if not windows:
                raise MeterUnavailableError(f"the worker reported no complete {kind} window")
        busy, idle = self._windows["busy"], self._windows["idle"]
        return {"source": self._meter.source, "busy": busy, "idle": idle}

    def _edge(self, message: dict[str, Any]) -> None:
        now_mj = self._meter.read_mj()
        if message["edge"] == "begin":
            self._begun_mj = now_mj
        elif self._begun_mj is not None:
            risen_mj, self._begun_mj = now_mj - self._begun_mj, None
            _check_rise(risen_mj, message["duration_ns"])
            self._windows[message["kind"]].append(
                {
                    "duration_ns": message["duration_ns"],
                    "millijoules": risen_mj,
                    "calls": message["calls"],
                }
            )


def _check_rise(risen_mj: int, duration_ns: int) -> None:
    """Refuse what no counter of a running machine can say, and no validator accepts."""
    if risen_mj < 0:
        raise MeterUnavailableError("the energy counter went back: its driver was reloaded")
    watts = risen_mj * 1e6 / duration_ns
    if not 0 < watts < MOST_WATTS:
        raise MeterUnavailableError(f"the energy counter says {watts:.0f} W, which cannot be")


@dataclass(frozen=True)
class _NvmlMeter:
    uuid: str
    source: str = "nvml"

    def read_mj(self) -> int:
        millijoules = nvml.energy_mj(self.uuid)
        if millijoules is None:
            raise MeterUnavailableError(
                "the GPU's driver tells no energy; GPUs before NVIDIA's Volta have no counter"
            )
        return millijoules


@dataclass
class _RaplMeter:
    """The packages' counters added up; each begins again at zero when it has reached its range.

    It has to be read more often than a counter wraps around: at 400 W after ten minutes.
    """

    packages: list[Path]
    source: str = "rapl"
    _last_uj: dict[Path, int] = field(default_factory=dict)
    _total_uj: int = 0

    def read_mj(self) -> int:
        for package in self.packages:
            now_uj = _read_uj(package)
            rise_uj = now_uj - self._last_uj.get(package, now_uj)
            if rise_uj < 0:  # wrapped around; how much that is has to be known
                rise_uj += number_in(package / "max_energy_range_uj") or -rise_uj
            self._last_uj[package] = now_uj
            self._total_uj += rise_uj
        return self._total_uj // 1000


def _meter_of(device: str, root: Path) -> Meter:
    if device == "cpu":
        return _RaplMeter(_rapl_packages(root))
    if device == "cuda":
        return _NvmlMeter(_gpu())
    raise MeterUnavailableError(f"hfbench reads no energy counter of device {device} yet")


def _gpu() -> str:
    uuid = nvml.chosen_gpu()
    if uuid is None:
        raise MeterUnavailableError(
            "there is no NVIDIA GPU with a driver here, or CUDA_VISIBLE_DEVICES leaves none"
        )
    return uuid


def _rapl_packages(root: Path) -> list[Path]:
    """Return the folders of whole processor packages.

    Not their parts (cores, memory), and not `intel-rapl-mmio`, the same counter a second time.
    """
    zones = sorted((root / "sys/class/powercap").glob("intel-rapl:*"))
    packages = [zone for zone in zones if _name(zone).startswith("package")]
    if not packages:
        raise MeterUnavailableError(
            "this machine shows no energy counter of its processor (RAPL); virtual machines and "
            "containers hide it: measure energy on the machine itself"
        )
    return packages


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text()
    except OSError:
        return ""


def _read_uj(package: Path) -> int:
    file = package / "energy_uj"
    try:
        return int(file.read_text())
    except PermissionError as error:
        raise MeterUnavailableError(
            f"only root may read the processor's energy counter {file}; to permit it until the "
            "next start of the machine: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"
        ) from error
    except (OSError, ValueError) as error:
        raise MeterUnavailableError(f"the energy counter {file} cannot be read: {error}") from error
