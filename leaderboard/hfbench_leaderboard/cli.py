"""The command `hfbench-leaderboard`: build the website of a release, and look at it."""

from pathlib import Path

import click

from hfbench_leaderboard.build import SiteError, build_site
from hfbench_leaderboard.publishing import PublishError, publish_site
from hfbench_leaderboard.release_reader import ReleaseError
from hfbench_leaderboard.server import HOST, ServeError, site_server
from hfbench_schema import __version__

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hfbench-leaderboard")
def main() -> None:
    """Turn a release into a website that says which version is faster, and how we know.

    Exit status: 0 all well, 1 it could not be done, 2 the command is wrong.
    """


@main.command()
@click.argument("store", type=_FOLDER)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="Folder of the site.  [default: site, beside the store]",
)
@click.option("--release", "version", help="Version to show.  [default: the newest]")
def build(store: Path, output: Path | None, version: str | None) -> None:
    """Build the website of a release in STORE."""
    try:
        page = build_site(store, output or store.resolve().parent / "site", version)
    except (ReleaseError, SiteError) as error:
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

    One commit, of what has changed; data of earlier releases stays. Any other web server takes the
    folder as it is.
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
