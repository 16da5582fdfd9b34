from __future__ import annotations

from importlib.metadata import version

import pytest

from pytest_footprint.cli import COMMANDS, main


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])

    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"pytest-footprint {version('pytest-footprint')}\n"


def test_without_a_command_it_shows_how_to_begin_as_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    status = main([])

    assert status == 2
    said = capsys.readouterr()
    assert "pytest --mem-baseline-update   store what is measured now" in said.err
    assert not said.out


def test_help_lists_every_command_by_the_name_of_its_module(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])

    assert stopped.value.code == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_own_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])

    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: pytest-footprint {command} ")
