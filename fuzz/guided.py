"""Fuzz the validator guided by coverage, with atheris (`pip install atheris`).

    python -m fuzz.guided -runs=100000 -seed=1

Arguments are libFuzzer's. Inputs that reach new lines of hfbench_schema are changed further, by
the mutations of `fuzz.mutations` where they are JSON, else by libFuzzer's own.
"""

import sys
from random import Random

import atheris

with atheris.instrument_imports(include=["hfbench_schema"]):
    from fuzz.mutations import mutated
    from fuzz.validation import LONGEST_S, examine, seeds


def one_input(data: bytes) -> None:
    """Examine one input; libFuzzer keeps the bytes if it raises.

    Raises:
        TimeoutError: the validator took LONGEST_S or longer.
    """
    _, seconds = examine(data)
    if seconds >= LONGEST_S:
        raise TimeoutError(f"took {seconds:.1f} s")


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Change an input: as a document where it is one, starting anew from a seed now and then.

    What was buried again and again is deeper than Python's own JSON reads or writes.
    """
    random = Random(seed)
    start = random.choice(seeds()[:-1]) if random.random() < 0.05 else data
    try:
        return mutated(start, random)[:most]
    except (ValueError, RecursionError):
        return bytes(atheris.Mutate(data, most))


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-max_len=200000"], one_input, custom_mutator=mutate)
    atheris.Fuzz()
