"""The site builds without a warning; `tox run -e docs` does the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("sphinx", reason="needs the dependency group docs")
    folder = tmp_path_factory.mktemp("site")
    strictly = ["--quiet", "--fail-on-warning", "--nitpicky"]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *strictly, DOCS, folder], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_reached_from_the_first(site: Path) -> None:
    index = (site / "index.html").read_text("utf-8")

    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}

    assert [page for page in sorted(pages) if f'href="{page}.html"' not in index] == []


@pytest.mark.parametrize(
    "name", ["MemTracker.assert_saves", "Footprint.assert_no_growth", "compare", "RefType.ACTIVATION"]
)
def test_the_reference_has_the_public_names(site: Path, name: str) -> None:
    assert f'id="pytest_footprint.{name}"' in (site / "api.html").read_text("utf-8")


def test_annotations_lead_to_the_public_name(site: Path) -> None:
    assert 'href="#pytest_footprint.Footprint" title="pytest_footprint.Footprint"' in (site / "api.html").read_text(
        "utf-8"
    )


def test_nothing_is_fetched_when_a_page_is_read(site: Path) -> None:
    page = (site / "index.html").read_text("utf-8")

    assert [piece for piece in page.split("<")[1:] if piece.startswith(("script", "link")) and "://" in piece] == []
