r"""Plain documents: canonical bytes that are seen to be so at a fraction of the cost.

Almost every document is printable ASCII without a fraction, an exponent or an escape but `\"` and
`\\`. Of such a one RFC 8785 leaves nothing to choose but the order of keys and the spaces, so
that bytes which a fast encoder reproduces are canonical: a duplicate key, a space or another
spelling would not come back. Whatever is not plain is looked at closely, by `rules_bytes`.
"""

import re
from typing import Any, Final, Never

import msgspec

from hfbench_schema.rules_bytes import MAXIMUM_BYTES

_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_ESCAPE: Final = re.compile(rb'\\[^"\\]')
"""Found as well where a letter follows an escaped backslash: a close look does no harm."""


def plain_document(data: bytes) -> Any | None:
    """Return what plain bytes say; None if they are not, or not seen to be, plain and canonical.

    Integers may be larger than canonical ones: the schema bounds all that a submission has.
    """
    if len(data) > MAXIMUM_BYTES or data.translate(None, _PRINTABLE) or _ESCAPE.search(data):
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
