"""The command `hfbench-leaderboard`: build the website of a release, and look at it."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from hfbench_aggregate.stores.store import StoreError
from hfbench_leaderboard.build import SiteError, build_site
from hfbench_leaderboard.publishing import PublishError, publish_site
from hfbench_leaderboard.release_reader import ReleaseError
from hfbench_leaderboard.server import HOST, ServeError, site_server
from hfbench_leaderboard.sources import is_address, open_address
from hfbench_schema import __version__

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class _Store(click.ParamType[Path | str]):
    """The path of a folder that is there, or an address, which is looked at later."""

    name = "store"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Return an address as it is; refuse what is neither."""
        if is_address(value):
            return str(value)
        return Path(_FOLDER.convert(value, param, ctx))


class _WebAddress(click.ParamType[str]):
    """Where a site will be: http or https, and a host."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse what no link could begin with."""
        found = urlsplit(str(value))
        if found.scheme not in ("http", "https") or not found.hostname or found.query:
            self.fail(f"{value!r} is no address of a site; write https://HOST/FOLDER", param, ctx)
        return str(value)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hfbench-leaderboard")
def main() -> None:
    """Turn a release into a website that says which version is faster, and how we know.

    Exit status: 0 all well, 1 it could not be done, 2 the command is wrong.
    """


@main.command()
@click.argument("store", type=_Store())
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the site.  [default: site, beside the store's folder, or here]",
)
@click.option("--release", "version", help="Version to show.  [default: the newest]")
@click.option("--address", type=_WebAddress(), help="Where the site will be, for links in feeds.")
def build(store: Path | str, output: Path | None, version: str | None, address: str | None) -> None:
    """Build the website of a release in STORE: a folder, or hf://datasets/ORG/NAME."""
    beside = Path() if isinstance(store, str) else store.resolve().parent
    try:
        source = open_address(store) if isinstance(store, str) else store
        page = build_site(source, output or beside / "site", version, address)
    except (ReleaseError, SiteError, StoreError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    click.echo(page)


@main.command()
@click.argument("site", type=_FOLDER)
@click.argument("space", metavar="hf://spaces/ORG/NAME")
@click.option("--create", is_flag=True, help="Make the Space if there is none.")
def publish(site: Path, space: str, create: bool) -> None:
    """Publish a built SITE as a static Space on the Hub.

    One commit, of what has changed; data of earlier releases stays. Links in feeds lead to the
    Space, unless SITE was built with --address. Any other web server takes the folder as it is.
    """
    try:
        done = publish_site(site, space, create=create)
    except PublishError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{done.address}: {done.written} files written, {done.deleted} deleted")


@main.command()
@click.argument("site", type=_FOLDER)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(site: Path, port: int) -> None:
    """Serve a built SITE to this machine only, until Ctrl-C."""
    try:
        server = site_server(site, port)
    except ServeError as error:
        raise click.ClickException(str(error)) from error
    with server:
        click.echo(f"http://{HOST}:{server.server_port}/ (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()
