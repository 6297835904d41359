"""How a sitting launches its workers: a fresh interpreter each, or a fork of a prepared one."""

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfbench_schema.submission import FORK_SERVER
from hfbench_submit.launching.fork_server import ForkServer
from hfbench_submit.launching.listening import OnMessage
from hfbench_submit.launching.spawn import WorkerOutcome, run_worker
from hfbench_submit.machine.placement import usable_cpus
from hfbench_submit.planning.plans import SittingPlan


@dataclass(frozen=True)
class Launched:
    """How one worker ended, and the PYTHONHASHSEED it had."""

    outcome: WorkerOutcome
    hash_seed: int


class Launcher:
    """Launches workers by the plan's method, on `cpus`, the logical CPUs they may use."""

    def __init__(self, plan: SittingPlan, caches: Path) -> None:
        self._plan = plan
        self._caches = caches
        self.cpus = usable_cpus()
        self._servers: dict[int, tuple[ForkServer, int]] = {}
        self._open = ExitStack()

    def close(self) -> None:
        """End the fork servers."""
        self._open.close()

    def launch(
        self,
        environment: int,
        worker_plan: dict[str, Any],
        caches: Path,
        on_message: OnMessage | None,
    ) -> Launched:
        """Run one worker to its end; `environment` is an index of the plan."""
        placed = {**worker_plan, "cpus": self.cpus}
        if self._plan.launch == FORK_SERVER:
            server, hash_seed = self._server(environment)
            return Launched(server.run(placed, self._plan.timeout_s, on_message), hash_seed)
        hash_seed = secrets.randbits(32)
        outcome = run_worker(
            self._plan.environments[environment].python,
            placed,
            len(self.cpus),
            self._plan.timeout_s,
            caches=caches,
            hash_seed=hash_seed,
            on_message=on_message,
        )
        return Launched(outcome, hash_seed)

    def _server(self, environment: int) -> tuple[ForkServer, int]:
        if environment not in self._servers:
            hash_seed = secrets.randbits(32)
            caches = self._caches / f"environment-{environment}"
            python = self._plan.environments[environment].python
            server = ForkServer(python, len(self.cpus), hash_seed, caches)
            self._servers[environment] = self._open.enter_context(server), hash_seed
        return self._servers[environment]
