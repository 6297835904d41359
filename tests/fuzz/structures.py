"""Hypothesis strategies over the structure of a submission, read from its JSON Schema.

What they make is right by the schema and absurd otherwise: the rules behind the schema get to see
every combination of parts, each value at its limits, and times in no order.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from hypothesis import strategies as st

from hfbench_schema.submission import submission_json_schema
from hfbench_schema.suites import latest_suite

Node = Mapping[str, Any]

SCHEMA: Final = submission_json_schema()
_MOST_ITEMS: Final = 3
_MOST_NUMBERS: Final = 24
"""So that the rules on copied times, which want ten different ones, have something to look at."""
_LONGEST_TEXT: Final = 40
_SUITES: Final = [latest_suite(name) for name in ("smoke", "inference", "training")]


def submissions() -> st.SearchStrategy[dict[str, Any]]:
    """Return documents that the schema accepts."""
    return st.builds(_of_a_suite, _of(SCHEMA), st.sampled_from(_SUITES), st.randoms())


def _of_a_suite(document: dict[str, Any], suite: Any, random: Any) -> dict[str, Any]:
    """Let a document be of a published suite, and most process runs be of its cells."""
    document["suite"] = {"name": suite.name, "version": suite.version, "sha256": suite.sha256}
    for run in document["process_runs"]:
        if random.random() < 0.9:
            run["cell"] = random.choice(suite.cells).id
            run["environment"] %= len(document["environments"])
    return document


def _of(node: Node) -> st.SearchStrategy[Any]:
    """Return what one node of the schema accepts."""
    if "$ref" in node:
        return _of(SCHEMA["$defs"][node["$ref"].rpartition("/")[2]])
    if "const" in node:
        return st.just(node["const"])
    if "enum" in node:
        return st.sampled_from(node["enum"])
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return st.one_of([_KINDS[kind](node) for kind in kinds])


def _text(node: Node) -> st.SearchStrategy[str]:
    if "pattern" in node:
        return st.from_regex(node["pattern"].replace("$", r"\Z"))
    longest = min(node.get("maxLength", _LONGEST_TEXT), _LONGEST_TEXT)
    return st.text(min_size=node.get("minLength", 0), max_size=longest)


def _list(node: Node) -> st.SearchStrategy[list[Any]]:
    items = _of(node["items"])
    numbers = node["items"].get("$ref", "").endswith("nanoseconds")
    return st.lists(
        items,
        min_size=node.get("minItems", 0),
        max_size=max(
            node.get("minItems", 0),
            min(node.get("maxItems", 100), _MOST_NUMBERS if numbers else _MOST_ITEMS),
        ),
        unique=node.get("uniqueItems", False),
    )


def _object(node: Node) -> st.SearchStrategy[dict[str, Any]]:
    if "propertyNames" in node:
        names = _text(node["propertyNames"])
        return st.dictionaries(names, _of(node["additionalProperties"]), max_size=_MOST_ITEMS)
    parts = {name: _of(part) for name, part in node["properties"].items()}
    required = {name: parts.pop(name) for name in node.get("required", ())}
    made = st.fixed_dictionaries(required, optional=parts)
    return st.builds(_completed, made, st.fixed_dictionaries(parts)) if "if" in node else made


def _completed(run: dict[str, Any], parts: dict[str, Any]) -> dict[str, Any]:
    """Add what the schema's conditions want of a process run: by its status and its role."""
    conditions = SCHEMA["$defs"]["process_run"]
    if run["status"] not in conditions["if"]["properties"]["status"]["enum"]:
        wanted = conditions["else"]["required"]
    else:
        role = run.get("role", "latency")
        wanted = [
            name
            for case in conditions["then"]["allOf"]
            if case["if"]["properties"]["role"]["const"] == role
            for name in case["then"]["required"]
        ]
    return {**{name: parts[name] for name in wanted if name in parts}, **run}


_KINDS: Final[Mapping[str, Callable[[Node], st.SearchStrategy[Any]]]] = {
    "string": _text,
    "array": _list,
    "object": _object,
    "integer": lambda node: st.integers(node.get("minimum"), node.get("maximum")),
    "boolean": lambda _: st.booleans(),
    "null": lambda _: st.none(),
}
