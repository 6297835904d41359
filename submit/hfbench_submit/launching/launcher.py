"""How a sitting launches its workers: a fresh interpreter each, or a fork of a prepared one.

A cell that several machines train together has a worker on each: see `nodes`.
"""

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfbench_schema.cells import Cell
from hfbench_schema.submission import FORK_SERVER
from hfbench_submit.launching.fork_server import ForkServer
from hfbench_submit.launching.listening import Beside, OnMessage
from hfbench_submit.launching.nodes import Team
from hfbench_submit.launching.spawn import WorkerOutcome, run_worker
from hfbench_submit.launching.worker_plans import worker_plan
from hfbench_submit.machine.placement import usable_cpus
from hfbench_submit.planning.devices import devices_of, machines_of
from hfbench_submit.planning.plans import SittingPlan
from hfbench_submit.planning.slots import Slot


@dataclass(frozen=True)
class Launched:
    """How one worker ended, and the PYTHONHASHSEED it had."""

    outcome: WorkerOutcome
    hash_seed: int


class Launcher:
    """Launches workers by the plan's method, on `cpus`, the logical CPUs they may use."""

    def __init__(self, plan: SittingPlan, caches: Path, team: Team | None = None) -> None:
        self._plan = plan
        self._caches = caches
        self._team = team
        self.cpus = usable_cpus()
        self._servers: dict[int, tuple[ForkServer, int]] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """End the fork servers."""
        self._open.close()

    def launch_slot(self, slot: Slot, caches: Path, on_message: OnMessage | None) -> Launched:
        """Run what measures a slot to its end: a worker, or one on each machine.

        Raises:
            SubmitError: another machine of the team is gone, so that nothing was launched.
        """
        if self._team is None or machines_of(self._cell(slot), self._plan.nodes) == 1:
            told = worker_plan(self._plan, slot)
            return self.launch(slot.environment, told, caches, on_message, self._gpus(slot))
        hash_seed = secrets.randbits(32)

        def own_worker(place: dict[str, Any], beside: Beside) -> WorkerOutcome:
            return self.launch_part(slot, place, hash_seed, caches, beside, on_message)

        outcome = self._team.launch(slot, hash_seed, self._plan.timeout_s, own_worker)
        return Launched(outcome, hash_seed)

    def launch_part(
        self,
        slot: Slot,
        place: dict[str, Any],
        hash_seed: int,
        caches: Path,
        beside: Beside,
        on_message: OnMessage | None = None,
    ) -> WorkerOutcome:
        """Run this machine's worker of a slot that several machines measure together.

        Args:
            slot: what is measured.
            place: what the worker is told of the machines and of its own number among them.
            hash_seed: PYTHONHASHSEED of all of them.
            caches: the folder for compile caches.
            beside: the other machines, to listen to meanwhile.
            on_message: as in `launch_slot`.
        """
        told = worker_plan(self._plan, slot) | place
        gpus = self._gpus(slot)
        return self._spawn(slot.environment, told, caches, hash_seed, gpus, on_message, beside)

    def launch(
        self,
        environment: int,
        told: dict[str, Any],
        caches: Path,
        on_message: OnMessage | None,
        gpus: int = 1,
    ) -> Launched:
        """Run one worker to its end; `environment` is an index of the plan."""
        if self._plan.launch == FORK_SERVER:
            server, hash_seed = self._server(environment)
            placed = {**told, "cpus": self.cpus}
            return Launched(server.run(placed, self._plan.timeout_s, on_message), hash_seed)
        hash_seed = secrets.randbits(32)
        outcome = self._spawn(environment, told, caches, hash_seed, gpus, on_message)
        return Launched(outcome, hash_seed)

    def _spawn(
        self,
        environment: int,
        told: dict[str, Any],
        caches: Path,
        hash_seed: int,
        gpus: int,
        on_message: OnMessage | None,
        beside: Beside | None = None,
    ) -> WorkerOutcome:
        return run_worker(
            self._plan.environments[environment].python,
            {**told, "cpus": self.cpus},
            len(self.cpus),
            self._plan.timeout_s,
            caches=caches,
            hash_seed=hash_seed,
            gpus=gpus,
            on_message=on_message,
            beside=beside,
        )

    def _cell(self, slot: Slot) -> Cell:
        return self._plan.cell(slot.cell)

    def _gpus(self, slot: Slot) -> int:
        """Return how many GPUs the worker of a slot is shown; one also where it needs none."""
        cell = self._cell(slot)
        return devices_of(cell, self._plan.nodes) if cell.device == "cuda" else 1

    def _server(self, environment: int) -> tuple[ForkServer, int]:
        if environment not in self._servers:
            hash_seed = secrets.randbits(32)
            caches = self._caches / f"environment-{environment}"
            python = self._plan.environments[environment].python
            server = ForkServer(python, len(self.cpus), hash_seed, caches)
            self._servers[environment] = self._open.enter_context(server), hash_seed
        return self._servers[environment]
