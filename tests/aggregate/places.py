"""Places that stores are in, and what strangers and maintainers do there without a store."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from huggingface_hub import CommitOperationAdd, HfApi
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub

from hfbench_aggregate.stores.hub import HubStore
from hfbench_aggregate.stores.local import LocalStore
from hfbench_aggregate.stores.store import Store


class Place(Protocol):
    """Where a store is."""

    def open(self) -> Store:
        """Return one more store at this place."""

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Put files there by other means than a store."""

    def propose(self, name: str, data: bytes) -> str:
        """Propose one file; return the id of the proposal."""

    def replace(self, proposal_id: str, name: str, data: bytes) -> None:
        """Put another file into a proposal that waits, as by a force-push."""

    def told(self, proposal_id: str) -> list[str]:
        """Return the notes that the proposal's author got."""


@dataclass
class Folder:
    """A store in a folder."""

    root: Path

    def open(self) -> LocalStore:
        """Return one more store."""
        return LocalStore(self.root)

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Write files."""
        for name, data in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(data)

    def propose(self, name: str, data: bytes) -> str:
        """Write a file into proposals/."""
        self.fill({f"proposals/{name}": data})
        return name

    def replace(self, proposal_id: str, name: str, data: bytes) -> None:
        """Move another file over it."""
        self.fill({"proposals/.new": data})
        (self.root / "proposals" / proposal_id).unlink()
        (self.root / "proposals" / ".new").rename(self.root / "proposals" / name)

    def told(self, proposal_id: str) -> list[str]:
        """Return all reports on refused files."""
        assert not (self.root / "proposals" / proposal_id).exists()
        return [path.read_text() for path in (self.root / "refused").glob("*.txt")]


@dataclass
class Dataset:
    """A store in the dataset hfbench/results of the test Hub; grace proposes to it."""

    hub: Hub

    def open(self) -> HubStore:
        """Return one more store, of the maintainer."""
        return HubStore(RESULTS, self.hub.endpoint, "hf_maintainer")

    def fill(self, files: Mapping[str, bytes]) -> None:
        """Push files to main."""
        self.hub.push(RESULTS, "main", files)

    def propose(self, name: str, data: bytes) -> str:
        """Open a pull request."""
        return self.pull_request({f"proposals/{name}": data})

    def pull_request(self, files: Mapping[str, bytes]) -> str:
        """Open a pull request that adds files; return its number."""
        made = HfApi(self.hub.endpoint, "hf_grace").create_commit(
            RESULTS,
            [CommitOperationAdd(path, data) for path, data in files.items()],
            commit_message="a measurement",
            repo_type="dataset",
            create_pr=True,
        )
        return str(made.pr_num)

    def replace(self, proposal_id: str, name: str, data: bytes) -> None:
        """Let the pull request start anew with another commit."""
        repository = self.hub.repositories[RESULTS]
        with self.hub.lock:
            base = repository.refs["refs/heads/main"]
            repository.move(f"refs/pr/{proposal_id}", base)
        self.hub.push(RESULTS, f"refs/pr/{proposal_id}", {f"proposals/{name}": data})

    def told(self, proposal_id: str) -> list[str]:
        """Return the comments."""
        requests = self.hub.pull_requests(RESULTS)
        return [text for r in requests if r.num == int(proposal_id) for _, text in r.comments]
