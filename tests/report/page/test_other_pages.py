"""The pages of a comparison and of a history, as a browser shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages import HOSTILE
from runs import footprint, one_test, run_of

from pytest_footprint.comparison.runs import compare_runs
from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.peak_history import PeakAt, PeakHistory
from pytest_footprint.report.page import history_page, run_comparison_page

if TYPE_CHECKING:
    from browser import Browser


def test_the_page_of_a_comparison_sorts_and_finds(browser: Browser) -> None:
    base = run_of(one_test("test_a", footprint(100)), one_test(f"test_b{HOSTILE}", footprint(10)))
    head = run_of(one_test("test_a", footprint(101)), one_test(f"test_b{HOSTILE}", footprint(40)))

    browser.show(run_comparison_page(compare_runs(base, head)))

    names = "#tests tbody tr:not([hidden]) th"
    assert [each.text[:6] for each in browser.all(names)] == ["test_b", "test_a"]
    assert [each.text for each in browser.all("#change-0 .types span")] == ["parameters", "activations"]
    browser.button("test").click()
    assert [each.text[:6] for each in browser.all(names)] == ["test_a", "test_b"]
    browser.one("#find").send_keys("test_a")
    assert browser.text("#found") == "1 of 2 shown"
    assert browser.js("return window.hacked") is None
    assert browser.errors() == []


def test_the_page_of_a_history_draws_each_footprint(browser: Browser) -> None:
    peaks = tuple(PeakAt(f"{n}" * 40, f"2026-11-0{n}T12:00:00", ByteSize(n * 2**20)) for n in range(1, 6))
    histories = [PeakHistory(f"test_{name}", "run", "cpu", peaks) for name in ("a", HOSTILE)]

    browser.show(history_page(histories, runs=5))

    assert len(browser.all(".chart canvas")) == 2
    assert "2 of 2 footprints changed in 5 runs." in browser.text("h1")
    assert browser.js("return window.hacked") is None
    assert browser.errors() == []
