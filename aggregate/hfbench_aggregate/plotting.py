"""Pictures by matplotlib, which only they need: the same data give the same bytes."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK: Final = "#333333"
FAINT: Final = "#999999"
COLOURS: Final = {
    "slower": "#d55e00",
    "faster": "#009e73",
    "equivalent": "#0072b2",
    "inconclusive": INK,
    "insufficient": FAINT,
}
"""Of verdicts: Okabe and Ito's palette, which people with any colour vision tell apart."""
MARKERS: Final = {
    "slower": ">",
    "faster": "<",
    "equivalent": "s",
    "inconclusive": "o",
    "insufficient": "x",
}
"""Of verdicts, so that colour is never alone."""
_NO_DATE: Final = {"svg": {"Date": None}, "png": {"Software": None}}


class PlottingError(Exception):
    """No picture can be drawn; the text says why, and what to do."""


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of all pictures, whatever a user's own settings are.

    Raises:
        PlottingError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise PlottingError(
            "--plot needs matplotlib, which is not installed: pip install 'hfbench[plot]'"
        ) from error
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rc("svg", hashsalt="hfbench", fonttype="none")
        mpl.rc("font", family="sans-serif", size=9)
        mpl.rc("text", parse_math=False)
        mpl.rc("axes.spines", top=False, right=False)
        yield


def bytes_of(figure: "Figure", kind: str, title: str) -> bytes:
    """Return a figure as a file of that kind, `svg` or `png`, with a title for machines to read."""
    stream = io.BytesIO()
    metadata = {"Title": title, **_NO_DATE[kind]}
    figure.savefig(stream, format=kind, dpi=144, bbox_inches="tight", metadata=metadata)
    return stream.getvalue()
