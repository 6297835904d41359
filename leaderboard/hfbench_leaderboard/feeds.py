"""The feeds of what became slower or faster: Atom (RFC 4287) and JSON Feed 1.1.

A build need not know where its site will be. Links are then relative to the feed, which not every
reader resolves; `with_address` makes them absolute, and leaves alone those that are. What a feed or
an entry is known by never holds an address, so that nothing is news again when a site moves.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urljoin
from xml.etree import ElementTree

from hfbench_leaderboard.findings import Finding
from hfbench_schema.canonical import canonical_bytes, strict_json

ENTRIES: Final = 100
"""Findings in a feed, the newest and largest first."""
ATOM: Final = "feeds/regressions.atom"
JSON: Final = "feeds/regressions.json"
_TITLE: Final = "hfbench: what became slower or faster"
_HOME: Final = "../regressions.html"
_NAMESPACE: Final = "http://www.w3.org/2005/Atom"

ElementTree.register_namespace("", _NAMESPACE)


def feeds(found: Sequence[Finding], as_of: str) -> dict[str, bytes]:
    """Return the feeds of a site by their paths; `as_of` dates what has no date of its own."""
    return {ATOM: _atom_feed(found, as_of), JSON: _json_feed(found, as_of)}


def with_address(files: Mapping[str, bytes], address: str) -> dict[str, bytes]:
    """Return the feeds among the files of a site, their links absolute for a site at `address`.

    Raises:
        ValueError: a feed is not as it was built.
    """
    changes = {ATOM: _absolute_atom, JSON: _absolute_json}
    base = address.rstrip("/")
    return {path: changes[path](files[path], f"{base}/{path}") for path in changes.keys() & files}


def _json_feed(found: Sequence[Finding], as_of: str) -> bytes:
    return canonical_bytes(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": _TITLE,
            "home_page_url": _HOME,
            "feed_url": _name(JSON),
            "language": "en",
            "authors": [{"name": "hfbench"}],
            "items": [
                {
                    "id": f"urn:hfbench:finding:{one.id}",
                    "url": f"../{one.path}",
                    "title": one.title,
                    "content_text": one.text,
                    "date_published": one.since or as_of,
                    "tags": [one.cell["verdict"]],
                }
                for one in found[:ENTRIES]
            ],
        }
    )


def _absolute_json(data: bytes, base: str) -> bytes:
    try:
        feed: Any = strict_json(data)
        for holder in (feed, *feed["items"]):
            links = {name: urljoin(base, link) for name, link in holder.items() if "url" in name}
            holder.update(links)
    except (AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"{JSON} is no feed of hfbench") from error
    return canonical_bytes(feed)


def _atom_feed(found: Sequence[Finding], as_of: str) -> bytes:
    feed = ElementTree.Element(_tag("feed"))
    _add(feed, "title", _TITLE)
    _add(feed, "id", "urn:hfbench:findings")
    _add(feed, "updated", as_of)
    _add(feed, "link", rel="self", href=_name(ATOM))
    _add(feed, "link", rel="alternate", href=_HOME)
    _add(_add(feed, "author"), "name", "hfbench")
    feed.extend(_entries(found, as_of))
    return _written(feed)


def _entries(found: Sequence[Finding], as_of: str) -> Iterator[ElementTree.Element]:
    for one in found[:ENTRIES]:
        entry = ElementTree.Element(_tag("entry"))
        _add(entry, "title", one.title)
        _add(entry, "id", f"urn:hfbench:finding:{one.id}")
        _add(entry, "updated", one.since or as_of)
        _add(entry, "link", rel="alternate", href=f"../{one.path}")
        _add(entry, "category", term=one.cell["verdict"])
        _add(entry, "summary", one.text)
        yield entry


def _absolute_atom(data: bytes, base: str) -> bytes:
    try:
        feed = ElementTree.fromstring(data)  # noqa: S314  this program's own, of this folder
    except ElementTree.ParseError as error:
        raise ValueError(f"{ATOM} is no feed of hfbench") from error
    for link in feed.iter(_tag("link")):
        link.set("href", urljoin(base, link.get("href", "")))
    return _written(feed)


def _written(feed: ElementTree.Element) -> bytes:
    ElementTree.indent(feed)
    text: bytes = ElementTree.tostring(feed, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add(
    parent: ElementTree.Element, name: str, text: str | None = None, **attributes: str
) -> ElementTree.Element:
    """Add an element with a text, without what XML cannot hold."""
    child = ElementTree.SubElement(parent, _tag(name), attributes)
    if text is not None:
        child.text = "".join(
            sign for sign in text if sign == "\n" or " " <= sign not in "\ufffe\uffff"
        )
    return child


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"


def _name(path: str) -> str:
    return path.rpartition("/")[2]
