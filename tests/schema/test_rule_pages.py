"""Every rule is documented, by the page that the catalogue makes, and by nothing older."""

from pathlib import Path

from hfbench_schema.reports import RULES_VERSION, message_catalogue
from hfbench_schema.rule_pages import GROUPS, SEVERITIES, pages


def test_the_pages_in_the_source_are_those_of_the_catalogue() -> None:
    folder = Path("docs/rules")
    written = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert written == pages(), "the catalogue has changed: run `make rules`, and commit docs/rules"


def test_every_rule_says_what_it_is_for() -> None:
    for name, rule in message_catalogue().items():
        assert rule.group in GROUPS, name
        assert rule.severity in SEVERITIES, name
        assert 1 <= rule.since <= RULES_VERSION, name
        assert rule.why.endswith("."), name
        assert not rule.mend.endswith("."), name
        assert f"]({name}.md)" in pages()["README.md"]
