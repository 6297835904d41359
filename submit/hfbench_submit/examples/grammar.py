"""hfbench's own task: sentences of a small grammar, which need no download.

A sentence praises or blames, and its label says which. In the simplest a single word tells; in
others a negation turns it round, or only one of two clauses counts, so that a small network learns
most of it and not all. The same numbers of examples give the same bytes on every machine and in
every Python, for ever: what `Random.random` makes of an integer seed is all that Python promises
never to change, so nothing else of `random` is used.
"""

from random import Random
from typing import Final

from hfbench_submit.examples.examples import Examples, Task

_SEED: Final = 2019
_SIGNS: Final = "-+"
"""Blame and praise, by label."""

# A symbol has the sign of what it is a part of, the opposite one after `~`; a rule is drawn by its
# weight. What is neither a rule nor a list of words stands for itself.
_RULES: Final[dict[str, list[tuple[int, str]]]] = {
    "sentence": [
        (10, "clause ."),
        (2, "~clause , but clause ."),
        (1, "although ~clause , clause ."),
    ],
    "clause": [
        (16, "the part was degree quality"),
        (3, "the part was not degree ~quality"),
        (8, "viewers verb the part"),
        (2, "viewers did not ~verb the part"),
        (6, "this is a quality film with a part of its own"),
    ],
    "degree": [(4, ""), (2, "very"), (1, "really"), (1, "rather"), (1, "quite")],
}
# The first words of a list are drawn the most often, as in any language.
_WORDS: Final[dict[str, list[str]]] = {
    name: words.split()
    for name, words in {
        "part": "plot story acting ending music dialogue pace script cast camera humour opening "
        "direction romance villain hero chase costume lighting twist journey soundtrack scenery",
        "+quality": "good great funny charming clever moving lovely brilliant fresh sincere warm "
        "polished witty gripping tender bright vivid subtle graceful superb thoughtful lively "
        "daring delightful radiant",
        "-quality": "bad dull boring weak silly clumsy flat stale poor lazy cold noisy tedious "
        "shallow hollow bland crude messy dreary pointless lifeless tiresome predictable "
        "forgettable grating",
        "+verb": "like love enjoy admire praise treasure recommend cherish applaud remember",
        "-verb": "dislike hate avoid regret mock endure dread resent forget deplore",
    }.items()
}


def grammar_task(train: int, validation: int) -> Task:
    """Return so many examples of each split: labels in equal numbers, no sentence twice.

    Numbers of examples are even, and some thousands at most.
    """
    random, seen = Random(_SEED), set[str]()  # noqa: S311 - to be the same everywhere
    return Task("built_in", _draw(random, train, seen), _draw(random, validation, seen))


def _draw(random: Random, examples: int, seen: set[str]) -> Examples:
    texts, labels = [], [index % 2 for index in range(examples)]
    for label in labels:
        while (text := _expand(random, "sentence", _SIGNS[label])) in seen:
            pass
        seen.add(text)
        texts.append((text,))
    return Examples(texts, labels)


def _expand(random: Random, symbol: str, sign: str) -> str:
    """Return what a symbol becomes, its words parted by one space."""
    if symbol.startswith("~"):
        return _expand(random, symbol[1:], _SIGNS[sign == _SIGNS[0]])
    if symbol in _RULES:
        weights, rules = zip(*_RULES[symbol], strict=True)
        rule = rules[_place(random, weights)]
        return " ".join(filter(None, (_expand(random, part, sign) for part in rule.split())))
    words = _WORDS.get(symbol) or _WORDS.get(sign + symbol) or [symbol]
    return words[_place(random, tuple(24 // rank + 1 for rank in range(1, len(words) + 1)))]


def _place(random: Random, weights: tuple[int, ...]) -> int:
    """Draw a place, by whole weights."""
    point = int(random.random() * sum(weights))
    return next(i for i in range(len(weights)) if point < sum(weights[: i + 1]))
