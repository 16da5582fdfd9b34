"""What `docs/traces.md` shows is what one gets."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_footprint.cli import _parser, main

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "traces.md").read_text("utf-8")
RUN = ["-p", "no:cacheprovider", "-p", "no:asyncio", "--mem-trace", "traces"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_test_that_is_shown_leaves_the_files_that_are_shown(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    [test, program], [ending, replayed] = blocks("python"), blocks("text")
    pytester.makepyfile(test_mlp=test)

    result = pytester.runpytest_inprocess(*RUN)

    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([line.strip("-") and f"*{line.strip('-').rstrip()}*" for line in ending.splitlines()])
    capsys.readouterr()
    assert main(["replay", "traces/test_mlp/test_step.trace"]) == 0
    head, *rest = capsys.readouterr().out.splitlines()
    shown_head, *shown = replayed.splitlines()
    assert head.split(", ")[:2] == shown_head.split(", ")[:2]
    assert rest[: len(shown)] == shown
    exec(program, {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == "test 654.02 KiB\nrun 654.02 KiB\n"
    for block in blocks("sh"):
        for command in re.findall(r"^python (-m torch.*)$", block, re.MULTILINE):
            subprocess.run([sys.executable, *shlex.split(command)], check=True, capture_output=True)
    assert Path("step.html").exists()


def test_every_command_that_is_shown_takes_these_options() -> None:
    commands = re.findall(r"^pytest-footprint ([^#>\n]*)", "".join(blocks("sh")), re.MULTILINE)

    assert len(commands) == 3
    for command in commands:
        assert _parser().parse_args(shlex.split(command)).command.name == "replay"
