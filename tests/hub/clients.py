"""The real client, as one of the Hub's users."""

from collections.abc import Callable
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError
from tests.hub.fixtures import RESULTS
from tests.hub.state import Hub


def client(hub: Hub, user: str | None) -> HfApi:
    """Return the client of a user of the fixture `hub`; None is nobody."""
    return HfApi(endpoint=hub.endpoint, token=f"hf_{user}" if user else False)


def send(api: HfApi, files: dict[str, bytes], **options: Any) -> CommitInfo:
    """Commit files on the dataset of the fixture `hub`."""
    made: CommitInfo = api.create_commit(
        RESULTS,
        [CommitOperationAdd(path, content) for path, content in files.items()],
        commit_message=options.pop("title", "Add results"),
        repo_type="dataset",
        **options,
    )
    return made


def outcome(call: Callable[[], object]) -> int | str:
    """Return the status the client was refused with, or else the name of its error, or `fine`."""
    try:
        call()
    except HfHubHTTPError as error:
        return error.response.status_code
    except Exception as error:
        return type(error).__name__
    return "fine"
