from __future__ import annotations

import pytest

from pytest_footprint.report.markdown import cell_code, code, code_block, details, escaped


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("plain", "`plain`"),
        ("a|b", "`a|b`"),
        ("a`b", "``a`b``"),
        ("`a``", "``` `a`` ```"),
        ("two\nlines", "`two lines`"),
        ("<script>@all", "`<script>@all`"),
        ("", "`  `"),
    ],
)
def test_a_name_is_shown_as_it_is(text: str, markdown: str) -> None:
    assert code(text) == markdown


def test_a_pipe_in_a_cell_is_no_border() -> None:
    assert cell_code("a|b") == r"`a\|b`"


def test_text_in_a_cell_is_no_markup() -> None:
    assert escaped("a|b `c` <b> __d__ *e* @f\ng") == r"a\|b \`c\` \<b\> \_\_d\_\_ \*e\* @<!-- -->f g"


def test_a_block_is_closed_by_its_own_fence_alone() -> None:
    assert code_block("a\n````\nb") == "`````text\na\n````\nb\n`````"


def test_a_summary_is_no_html() -> None:
    assert details("</summary>&", "body").startswith("<details><summary>&lt;/summary&gt;&amp;</summary>\n\nbody")
