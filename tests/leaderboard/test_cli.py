"""The command: paths out, one message per error, and the exit status that says whose fault."""

import socket
from pathlib import Path

from click.testing import CliRunner
from tests.leaderboard.made_up_release import full_tables, write_release

from hfbench_leaderboard.cli import main


def test_build_prints_the_first_page(tmp_path: Path) -> None:
    write_release(tmp_path / "store", full_tables())
    result = CliRunner().invoke(main, ["build", str(tmp_path / "store")])
    assert result.exit_code == 0
    page = Path(result.output.strip())
    assert page == tmp_path / "site" / "index.html"
    assert page.is_file()


def test_errors_are_one_message_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        (tmp_path / "index.html").touch()
        cases = {
            ("build", str(tmp_path / "nowhere")): (2, "does not exist"),
            ("build", str(tmp_path / "store")): (1, "hfbench-aggregate release"),
            ("build", str(tmp_path / "store"), "--address", "bench.example"): (2, "https://HOST"),
            ("serve", str(tmp_path / "store")): (1, "hfbench-leaderboard build"),
            ("serve", str(tmp_path), "--port", port): (1, "choose another with --port"),
        }
        for arguments, (code, text) in cases.items():
            result = CliRunner().invoke(main, list(arguments))
            assert result.exit_code == code
            assert text in result.output
            assert isinstance(result.exception, SystemExit)
