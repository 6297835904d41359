r"""Plain documents: canonical bytes that are seen to be so at a fraction of the cost.

Every document is UTF-8 without a control character of ASCII, a fraction, an exponent or an escape
but `\"` and `\\`. Of such a one RFC 8785 leaves nothing to choose but the order of keys and the
spaces, so that bytes which a fast encoder reproduces are canonical, if their keys are ASCII: a
duplicate key, a space or another spelling would not come back. Whatever is not plain is looked at
closely, by `rules_bytes`.
"""

import re
from typing import Any, Final, Never

import msgspec

from hfbench_schema.rules_bytes import MAXIMUM_BYTES

_ALLOWED: Final = bytes([*range(0x20, 0x7F), *range(0x80, 0x100)])
_ESCAPE: Final = re.compile(rb'\\[^"]')
"""Any but that of a quote, where those of backslashes were taken out."""


def plain_document(data: bytes) -> Any | None:
    """Return what plain bytes say; None if they are not, or not seen to be, plain and canonical.

    Integers may be larger than canonical ones, and keys not ASCII: the schema bounds all that a
    submission has. Texts that are not ASCII are still to be looked at.
    """
    if len(data) > MAXIMUM_BYTES or data.translate(None, _ALLOWED):
        return None
    if _ESCAPE.search(data.replace(b"\\\\", b"")):
        return None
    try:
        document = _DECODER.decode(data)
        return document if _ENCODER.encode(document) == data else None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _refuse_fraction(text: str) -> Never:
    raise ValueError(f"{text} may be spelt in several ways")


_DECODER: Final = msgspec.json.Decoder(float_hook=_refuse_fraction)
_ENCODER: Final = msgspec.json.Encoder(order="sorted")
