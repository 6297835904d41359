"""Pages: what each depends on, and how it becomes HTML, or is taken over from the last build.

Everything of a page up to the end of its main part follows from the templates and the page's inputs
alone. Where the hash of both is what it was, the part is taken from the old page; the foot, which
names the release, is always written anew.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hfbench_aggregate.environments import installed_versions
from hfbench_leaderboard import charts, words
from hfbench_schema.canonical import sha256_hex

NAVIGATION: Final = (
    ("leaderboard.html", "Leaderboard"),
    ("compare.html", "Compare"),
    ("regressions.html", "Changes"),
    ("explore.html", "Explore"),
    ("costs.html", "Costs"),
    ("training.html", "Training"),
    ("hardware.html", "Hardware"),
    ("coverage.html", "Coverage"),
    ("method.html", "Method"),
)
"""The pages that every page leads to, at its head."""
_END: Final = b"</main>\n"
View = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """One page of the site.

    `inputs` is JSON that holds everything the view is made from; `view` returns what the template
    shows. `path` is relative to the site, with slashes.
    """

    path: str
    template: str
    inputs: object
    view: Callable[[], View]

    @property
    def root(self) -> str:
        """The way from the page to the site's first folder."""
        return page_root(self.path)


@dataclass(frozen=True)
class Part:
    """What a page holds above its foot, and the hash of that."""

    content: bytes

    @cached_property
    def digest(self) -> str:
        """The sha256."""
        return sha256_hex(self.content)


def page_root(path: str) -> str:
    """Return the way from a page to the site's first folder."""
    return "../" * path.count("/")


class Renderer:
    """Turns pages into bytes; `shared` is what every template may show.

    `basis` is JSON that holds all of `shared` that pages show above the foot and that is not among
    their inputs.
    """

    def __init__(self, shared: View, basis: object) -> None:
        self._templates = environment(shared)
        self._basis = [_package_digest(), basis]

    def key(self, page: Page) -> str:
        """Return the hash of all that the part above the foot follows from."""
        parts = [self._basis, page.path, page.template, page.inputs]
        return sha256_hex(msgspec.json.encode(parts, order="deterministic"))

    def part_above_foot(self, page: Page) -> Part:
        """Render a page up to the end of its main part."""
        template = self._templates.get_template(page.template)
        current = page.path if "/" not in page.path else ""
        head = navigation(page.root, current)
        text: str = template.render(page=current, root=page.root, head=head, **page.view())
        return Part(text.encode())

    def foot(self, page: Page) -> bytes:
        """Return what every page of a folder ends with."""
        if page.root not in self._feet:
            template = self._templates.get_template("foot.html")
            self._feet[page.root] = template.render(root=page.root).encode()
        return self._feet[page.root]

    @cached_property
    def _feet(self) -> dict[str, bytes]:
        return {}


@cache
def navigation(root: str, page: str) -> Markup:
    """Return the links at the head of a page; put together once, as most pages have the same."""
    links = (
        f'<li><a href="{root}{path}"{" aria-current=page" if path == page else ""}>{label}</a></li>'
        for path, label in NAVIGATION
    )
    return Markup("\n".join(links))  # noqa: S704  made of the words above


def part_above_foot(page: bytes) -> bytes:
    """Return what of a page may be taken over; empty if it is no page of this site."""
    end = page.rfind(_END)
    return page[: end + len(_END)] if end >= 0 else b""


def environment(shared: View) -> Environment:
    """Return the templates: everything escaped, and nothing missing passed over."""
    found = _RowsFirst(
        loader=PackageLoader("hfbench_leaderboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    functions: Iterable[Callable[..., Any]] = (
        words.cell_name,
        words.change,
        words.counted,
        words.detectable,
        words.duration,
        words.environment_title,
        words.figure,
        words.mebibytes,
        words.interval,
        words.milliseconds,
        words.moment,
        words.percent,
        words.points,
        words.status_words,
        words.times,
        words.q_value,
        words.seconds,
        words.sentence,
        charts.forest_row,
        installed_versions,
    )
    found.filters |= {function.__name__: function for function in functions}
    found.globals |= {
        "symbols": words.VERDICT_SYMBOLS,
        "statuses": words.STATUS_EXPLANATIONS,
        "forest_backdrop": charts.forest_backdrop,
        "forest_scale": charts.forest_scale,
        "marker": charts.marker,
        "sample": charts.sample,
        "verdict_label": charts.verdict_label,
        **shared,
    }
    return found


class _RowsFirst(Environment):
    """Templates that look for `row.name` among the keys of a dict before its attributes.

    Nearly all that they name is in rows, where looking for an attribute first fails every time.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what a template names."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def _package_digest() -> str:
    """Return the hash of the package itself: another version of it makes other pages."""
    package = resources.files("hfbench_leaderboard")
    folders = (package, package / "templates", package / "assets")
    files = (file for folder in folders for file in folder.iterdir() if file.is_file())
    return sha256_hex(
        "".join(sorted(f"{file.name}{sha256_hex(file.read_bytes())}" for file in files)).encode()
    )
