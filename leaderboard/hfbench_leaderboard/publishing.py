"""Publish a built site as a static Space on the Hub: one commit, of what has changed and no more.

Data of earlier releases stays where it is, because its addresses are promised to hold. So do the
Space's card and its `.gitattributes`.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from hfbench_leaderboard.build import FIRST_PAGE
from hfbench_leaderboard.feeds import with_address
from hfbench_leaderboard.old_site import BUILD_FILE
from hfbench_schema.canonical import sha256_hex, strict_json

CARD: Final = "README.md"
_KEPT: Final = (CARD, ".gitattributes")
_LATEST: Final = "data/latest.json"
_SPACE: Final = re.compile(r"hf://spaces/([\w.-]+/[\w.-]+)")
_CARD_TEXT: Final = f"""---
title: hfbench
emoji: \N{STOPWATCH}
colorFrom: gray
colorTo: blue
sdk: static
app_file: {FIRST_PAGE}
pinned: false
---

Made by `hfbench-leaderboard publish`; what is changed here by hand is overwritten.
"""


class PublishError(Exception):
    """The site was not published; the message says why and what to do."""


@dataclass(frozen=True)
class Published:
    """What became of it: how many files were written and deleted; both 0 if all was there."""

    address: str
    written: int
    deleted: int


def publish_site(site: Path, space: str, *, create: bool = False) -> Published:
    """Make a Space show a site, by one commit on what it was when it was looked at.

    Args:
        site: the folder of a built site.
        space: as in `hf://spaces/ORG/NAME`.
        create: make the Space if there is none.

    Raises:
        PublishError: the folder is no site, there is no such Space, it cannot be reached or
            written, or somebody else has written it meanwhile; it then shows what it did before.
    """
    name = _name(space)
    files = site_content(site)
    try:
        return _publish(HfApi(library_name="hfbench"), name, files, create=create)
    except RepositoryNotFoundError as error:
        raise PublishError(
            f"there is no {space}, or the token may not see it; to make one, add --create"
        ) from error
    except PublishError:
        raise
    except Exception as error:  # the client's own, and those of this HTTP library or that
        raise PublishError(_said(space, error)) from error


def site_content(site: Path) -> dict[str, bytes]:
    """Return the files of a site as they are published, by path.

    Raises:
        PublishError: the folder holds no site.
    """
    if not (site / BUILD_FILE).is_file():
        raise PublishError(f"{site} holds no site; to build one: hfbench-leaderboard build STORE")
    paths = sorted(path for path in site.rglob("*") if path.is_file() and path.name != BUILD_FILE)
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in paths}


def _name(space: str) -> str:
    found = _SPACE.fullmatch(space)
    if found is None:
        raise PublishError(f"{space!r} is no Space; write hf://spaces/ORG/NAME")
    return found[1]


def _publish(api: HfApi, name: str, files: Mapping[str, bytes], *, create: bool) -> Published:
    if create:
        api.create_repo(name, repo_type="space", space_sdk="static", exist_ok=True)
    info = api.space_info(name, expand=["sha", "subdomain"])
    files, head = _addressed(files, info.subdomain or _subdomain(name)), info.sha
    held = {
        entry.path: entry
        for entry in api.list_repo_tree(name, recursive=True, revision=head, repo_type="space")
        if isinstance(entry, RepoFile)
    }
    wanted = dict(files) if CARD in held else {CARD: _CARD_TEXT.encode(), **files}
    written = {path: data for path, data in wanted.items() if not _is_held(held.get(path), data)}
    deleted = [path for path in held if path not in wanted and not _stays(path, wanted)]
    if written or deleted:
        operations: list[Any] = [*_additions(written), *map(CommitOperationDelete, deleted)]
        message = f"Show {len(files)} files: {len(written)} new or changed, {len(deleted)} gone"
        api.create_commit(name, operations, commit_message=message, repo_type="space",
                          revision="main", parent_commit=head)  # fmt: skip
    return Published(f"{api.endpoint}/spaces/{name}", len(written), len(deleted))


def _addressed(files: Mapping[str, bytes], subdomain: str) -> dict[str, bytes]:
    """Return the files, the links of feeds absolute: the Hub serves a static Space from there."""
    try:
        return {**files, **with_address(files, f"https://{subdomain}.static.hf.space")}
    except ValueError as error:
        raise PublishError(f"{error}; build the site again") from error


def _subdomain(name: str) -> str:
    """Return the subdomain of a Space of which the Hub says none."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def _additions(files: Mapping[str, bytes]) -> Iterator[CommitOperationAdd]:
    return (CommitOperationAdd(path, data) for path, data in files.items())


def _is_held(entry: RepoFile | None, data: bytes) -> bool:
    """Whether the Space has these bytes there: by git's name of them, or that of Git LFS."""
    if entry is None or entry.size != len(data):
        return False
    if entry.lfs is not None:
        return bool(entry.lfs.sha256 == sha256_hex(data))
    name = hashlib.sha1(b"blob %d\0%b" % (len(data), data), usedforsecurity=False).hexdigest()
    return bool(entry.blob_id == name)


def _stays(path: str, wanted: Mapping[str, bytes]) -> bool:
    """Whether a file that the site lacks is to stay: the card, and data of other releases.

    Of these a site has little more than the manifests; tables that were published stay.
    """
    shown = strict_json(wanted[_LATEST])["version"]
    return path in _KEPT or (path.startswith("data/") and not path.startswith(f"data/{shown}/"))


def _said(space: str, error: Exception) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (409, 412):
        return f"somebody else has written {space} meanwhile; run the same command again"
    if status in (401, 403):
        return f"the token may not write {space}: log in with one that may (hf auth login)"
    said = " ".join(str(error).split())[:300]
    return f"{space} gives no usable answer ({said}); run the same command again later"
