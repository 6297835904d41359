"""How far an output may lie from the framework's eager fp32 one, by precision.

The worker judges by its own copy of these numbers, because it imports nothing of hfbench; a test
holds the two equal. They tell a network that was computed in lower precision from another
network: rounding stays well inside, a wrong operator or a wrong weight lies far beyond.
"""

from typing import Final

TOLERANCES_PPB: Final = {
    "fp32": 1_000_000,
    "fp16": 10_000_000,
    "fp16-autocast": 10_000_000,
    "bf16": 50_000_000,
    "bf16-autocast": 50_000_000,
}
"""Greatest relative Euclidean distance, in parts per billion.

fp32: additions in another order, or TF32 convolutions. fp16: a result keeps 11 bits, and a deep
network adds up a few dozen roundings. bf16: a result keeps 8 bits, and as many add up.
"""
