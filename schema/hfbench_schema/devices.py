"""What devices can do at most: dense matrix products, and reading their memory.

A figure is of the largest product under a name, so that no honest result is above it: without
sparsity, fp32 with TF32 where the device has it, half precision with fp16 accumulation where that
is faster. Sources are the vendors' data sheets and architecture white papers of each device.
"""

import re
from dataclasses import dataclass
from typing import Final

from hfbench_schema.submission import Machine

HALF: Final = ("bf16", "fp16")
"""Precisions, autocast included, that matrix units compute faster than fp32."""


@dataclass(frozen=True)
class Peak:
    """Operations in a second in fp32 and in half precision, bytes in a second; None if unknown."""

    name: str
    fp32: float
    half: float
    bandwidth: float | None

    def operations(self, precision: str) -> float:
        """Return the peak in a precision, as cells name it."""
        return self.half if precision.startswith(HALF) else self.fp32


_TERA, _GIGA = 1e12, 1e9
_GPUS: Final = (
    # name, TFLOP/s in fp32 or TF32, TFLOP/s in half precision, GB/s
    (r"\bG?B300\b", 1250, 2500, 8000),
    (r"\bG?B200\b", 1250, 2500, 8000),
    (r"\b(G?H200|GH200)\b", 495, 990, 4900),
    (r"\bH(100|800|20)\b", 495, 990, 3900),
    (r"\bA(100|800)\b", 156, 312, 2039),
    (r"\bA30\b", 82, 165, 933),
    (r"\bA10G?\b", 63, 125, 600),
    (r"\b(RTX )?A(40|6000)\b", 78, 155, 768),
    (r"\bL40S?\b", 183, 362, 864),
    (r"\bRTX 6000 Ada\b", 183, 364, 960),
    (r"\bL4\b", 60, 121, 300),
    (r"\bT4\b", 8.2, 65, 320),
    (r"\bV100\b", 16.4, 130, 1134),
    (r"\bP100\b", 10.6, 21.2, 732),
    (r"\bRTX 5090\b", 105, 419, 1792),
    (r"\bRTX 50\d\d\b", 57, 225, 960),
    (r"\bRTX 4090\b", 83, 330, 1008),
    (r"\bRTX 40\d\d\b", 52, 209, 736),
    (r"\bRTX 3090( Ti)?\b", 40, 160, 1008),
    (r"\bRTX 30\d\d\b", 34, 136, 912),
    (r"\bRTX 20\d\d\b", 13.5, 108, 616),
    (r"\bMI300[AX]\b", 654, 1307, 5300),
    (r"\bMI250X?\b", 96, 383, 3277),
)
_CLOCK: Final = 6e9
"""Faster than any processor that is sold, in Hz."""
_CYCLE: Final = {
    "x86_64": (64, 2048),
    "AMD64": (64, 2048),
    "aarch64": (256, 2048),
    "arm64": (256, 2048),
}
"""Operations of a core in a cycle, fp32 and half: AVX-512 twice, AMX; Arm SVE, SME: at most."""


def accelerator_peak(name: str) -> Peak | None:
    """Return the peak of an accelerator by its name, None if none is known."""
    for pattern, fp32, half, bandwidth in _GPUS:
        if re.search(pattern, name):
            return Peak(name, fp32 * _TERA, half * _TERA, bandwidth * _GIGA)
    return None


def processor_peak(machine: Machine) -> Peak | None:
    """Return what the usable cores cannot exceed, None for an architecture that is not known.

    No figure for memory: what is read may lie in caches.
    """
    if machine["architecture"] not in _CYCLE:
        return None
    fp32, half = (_CLOCK * one * machine["usable_cores"] for one in _CYCLE[machine["architecture"]])
    return Peak(machine["cpu"]["name"], fp32, half, None)
