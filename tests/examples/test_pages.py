"""A page of the documentation that says what is not so fails its test."""

from __future__ import annotations

from pathlib import Path

import pytest
from shown import difference, difference_of_part

REPOSITORY = Path(__file__).parents[2]
CONFTEST = """
from page_blocks import blocks, remove_project
from sybil import Sybil

pytest_collect_file = Sybil(
    [blocks], patterns=["*.md"], fixtures=["pytester", "monkeypatch"], teardown=remove_project
).pytest()
"""

TEST = """
```python
def test_of_one():
    assert ONE == 1
```
"""
ONE = """
```python
ONE = 1
```
"""


@pytest.fixture
def page(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY / "tests" / "support"))
    pytester.makeconftest(CONFTEST)
    return pytester


def run(page: pytest.Pytester, *blocks: str) -> pytest.RunResult:
    page.makefile(".md", page="\n".join(blocks))
    return page.runpytest("-p", "no:asyncio", "-p", "pytester", "page.md")


def test_blocks_build_up_one_project(page: pytest.Pytester) -> None:
    run(page, ONE, TEST, "```console\n$ pytest -q\n...\n1 passed in 0.01s\n```").assert_outcomes(passed=3)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("```console\n$ pytest -q\n...\n2 passed in 0.01s\n```", "*+1 passed in*"),
        ("```console\n$ pytest --no-such-option\n```", "*exit status 4*"),
        ("```diff\n-ONE = 3\n+ONE = 4\n```", "*holds this 0 times*"),
        ("```text\nnobody says this\n```", "*-nobody says this*"),
        ("```sh\npytest --mem-nothing\n```", "*no option {'--mem-nothing'}*"),
        ("```sh\npytest-footprint compare a.json\n```", "*SystemExit: 2*"),
        ("```json\n{}\n```", "*'schema' is a required property*"),
        ("```python\ndef test_wrong():\n    assert ONE == 2\n```", "*assert 1 == 2*"),
        ("```python\ndef\n```", "*SyntaxError*"),
        ("```cobol\nSTOP RUN.\n```", "*nothing checks a block of 'cobol'*"),
    ],
    ids=["output", "status", "diff", "text", "option", "arguments", "json", "python", "syntax", "language"],
)
def test_a_block_that_is_wrong_fails(page: pytest.Pytester, wrong: str, said: str) -> None:
    result = run(page, ONE, TEST, wrong)

    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines([said])


def test_a_diff_holds_until_it_is_undone(page: pytest.Pytester) -> None:
    diff = "```diff\n-ONE = 1\n+ONE = 2\n```"
    failing, passing = (f"```console\n$ pytest -q\n...\n1 {word} in 1.00s\n```" for word in ("failed", "passed"))

    run(page, ONE, TEST, diff, failing, "<!-- undo -->", passing).assert_outcomes(passed=6)


@pytest.mark.parametrize(
    ("shown", "holds"),
    [
        ("a\nb\nc", True),
        ("a\n...\nc", True),
        ("...\nb\n...", True),
        ("...\nc", True),
        ("a\n...", True),
        ("b\nc", False),
        ("a\nb", False),
        ("...\nb", False),
        ("b\n...", False),
        ("a\n...\na\n...", False),
        ("...\nc\n...\nb\n...", False),
    ],
)
def test_what_is_left_out_is_said(shown: str, holds: bool) -> None:  # noqa: FBT001 - a table of yes and no
    assert (difference(shown, "a\nb\nc\n") == "") is holds


def test_times_do_not_count_and_numbers_do() -> None:
    assert difference("1 passed in 0.01s", "1 passed in 62.70s (0:01:02)") == ""
    assert difference("1 passed in 0.01s", "2 passed in 0.01s") != ""


def test_a_message_is_found_without_the_type_of_its_exception() -> None:
    assert difference_of_part("too much\n  more", "E\nAssertionError: too much\n  more\nend") == ""
    assert difference_of_part("too much\n  less", "E\nAssertionError: too much\n  more\nend") != ""
