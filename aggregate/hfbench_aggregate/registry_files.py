"""Reading a file of the registry: people write it by hand, so it is refused with a reason."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from jsonschema_rs import Draft202012Validator

from hfbench_aggregate.snapshot import Snapshot
from hfbench_aggregate.stores.store import StoreError
from hfbench_schema.canonical import StrictJSONError, strict_json


def read_registry_file(
    snapshot: Snapshot, path: PurePosixPath, schema: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a file of the registry says; nothing if there is none.

    Raises:
        StoreError: the file is not what it should be.
    """
    try:
        found: dict[str, Any] = strict_json(snapshot.read(path))
    except FileNotFoundError:
        return {}
    except StrictJSONError as error:
        raise StoreError(f"{path} is no JSON ({error}): restore or mend it") from error
    problem = next(Draft202012Validator(dict(schema)).iter_errors(found), None)
    if problem is not None:
        place = "/".join(map(str, problem.instance_path)) or "its whole"
        raise StoreError(f"{path}, {place}: {problem.message}. Mend the file")
    return found
