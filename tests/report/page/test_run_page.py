"""The page of a run, as a browser shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from pages import HOSTILE, page_of, taken, training
from runs import ENVIRONMENT, one_test
from runs import footprint as small

from pytest_footprint import Footprint, MemTracker
from pytest_footprint.model.lifetimes import Lifetimes
from pytest_footprint.model.picture import Picture
from pytest_footprint.model.run import Outcome, Run
from pytest_footprint.report.page import run_page
from pytest_footprint.report.page.columns import packed

if TYPE_CHECKING:
    from browser import Browser

ALIVE = "[aria-label='what was alive']"
SAVED = "[aria-label='saved for backward']"


@pytest.fixture(scope="module")
def step() -> tuple[Footprint, Lifetimes]:
    return taken(training("first", "second"))


def shown_bytes(browser: Browser, selector: str = ALIVE) -> str:
    """The sum that stands over a table."""
    return browser.until(lambda: browser.text(f"{selector} caption"), selector).partition(" in ")[0]


def test_the_page_shows_the_peak_that_the_footprint_has(browser: Browser, step: tuple[Footprint, Lifetimes]) -> None:
    footprint, course = step

    browser.show(page_of(footprint, course))

    assert shown_bytes(browser) == str(footprint.peak.total)
    assert browser.js("return document.querySelector('.u-over') !== null")
    facts = browser.text(".facts")
    assert f"cpu peak\n{footprint.peak.total}" in facts
    assert f"saved for backward\n{footprint.saved.bytes()}" in facts
    assert browser.errors() == []


def test_each_type_is_as_large_at_the_peak_as_the_footprint_says(
    browser: Browser, step: tuple[Footprint, Lifetimes]
) -> None:
    footprint, course = step

    browser.show(page_of(footprint, course))

    shown_bytes(browser)
    legend = [each.text for each in browser.all("[data-type]")]
    for kind, nbytes in footprint.peak["cpu"].items():
        assert f"{kind.replace('_', ' ')} {nbytes}" in legend


def test_a_click_on_a_type_shows_only_that_type(browser: Browser, step: tuple[Footprint, Lifetimes]) -> None:
    browser.show(page_of(*step))
    before = shown_bytes(browser)

    browser.one("[data-type=parameters]").click()

    browser.until(lambda: shown_bytes(browser) != before, "another sum")
    assert shown_bytes(browser) == str(step[0].peak.parameters)
    browser.button("Show all").click()
    browser.until(lambda: shown_bytes(browser) == before, "all of it again")


def test_a_click_on_a_module_shows_only_what_is_its_own(browser: Browser, step: tuple[Footprint, Lifetimes]) -> None:
    footprint, course = step
    browser.show(page_of(footprint, course))
    shown_bytes(browser)

    next(each for each in browser.all(".spans button") if each.get_attribute("title") == "forward Model.second").click()

    mine = [row for row in footprint.saved if row.fqn.startswith("Model.second")]
    assert mine
    browser.until(lambda: "of Model.second" in browser.text(f"{SAVED} caption"), "the module's name")
    assert shown_bytes(browser, SAVED) == str(footprint.saved.bytes("Model.second"))
    assert {each.text for each in browser.all(f"{ALIVE} td.name")} <= {
        f"Model.second{part}" for part in ("", ".up", ".down")
    }


def test_the_slider_moves_through_the_moments_with_the_keyboard(
    browser: Browser, step: tuple[Footprint, Lifetimes]
) -> None:
    browser.show(page_of(*step))
    shown_bytes(browser)
    slider = browser.one("input[type=range]")

    slider.send_keys("\ue011")  # Home

    browser.until(lambda: "Alive at event 0" in browser.text(ALIVE), "the first moment")
    assert (slider.get_attribute("aria-valuetext") or "").startswith("at event 0 of ")
    browser.button("To the peak").click()
    browser.until(lambda: "Alive at the peak" in browser.text(ALIVE), "the peak")


def test_pointing_at_the_picture_tells_what_is_alive_there(browser: Browser, step: tuple[Footprint, Lifetimes]) -> None:
    browser.show(page_of(*step))
    shown_bytes(browser)

    browser.js(
        "const o = document.querySelector('.u-over'), r = o.getBoundingClientRect();"
        "const at = {clientX: r.left + r.width / 2, clientY: r.top + 50, bubbles: true};"
        "o.dispatchEvent(new MouseEvent('mousemove', at));"
    )

    tip = browser.until(
        lambda: browser.js("return document.querySelector('.tip:not([hidden])')?.textContent"), "the tip"
    )
    assert "event" in tip
    assert "float32[256, 64] Model.first.up" in tip


def test_zooming_in_shows_fewer_events_and_leaves_the_peak_where_it_is(browser: Browser) -> None:
    browser.show(page_of(*taken(_forty_steps)))
    total = shown_bytes(browser)
    steps = "return document.querySelectorAll('.spans .what-step').length"
    assert browser.js(steps) == 40

    browser.button("Zoom in").click()

    browser.until(lambda: browser.js(steps) < 20, "fewer steps")
    assert shown_bytes(browser) == total
    browser.button("Zoom out").click()
    browser.until(lambda: browser.js(steps) == 40, "all steps again")
    assert browser.errors() == []


def _forty_steps(tracker: MemTracker) -> Footprint:
    with tracker:
        for _ in range(40):
            with tracker.step():
                for size in range(100):
                    torch.ones(size + 1)
        return tracker.footprint()


def test_a_thinned_course_keeps_real_moments_with_the_highest_and_the_lowest(browser: Browser) -> None:
    browser.show(run_page(Run(ENVIRONMENT, (one_test("test_a", small(1)),))))

    moments = browser.js(
        "const total = Float64Array.from({length: 200000}, (_, i) => 1000 + i % 7);"
        "total[123456] = 5000; total[98765] = 1; return thinned(total, 0, 199999, 2000);"
    )

    assert {123456, 98765, 0, 199999} <= set(moments)
    assert len(moments) <= 2002
    assert moments == sorted(set(moments))


def test_limit_failure_and_baseline_are_told(browser: Browser, step: tuple[Footprint, Lifetimes]) -> None:
    footprint, course = step
    picture = Picture("test", "", footprint, packed(course))

    browser.show(page_of(footprint, course, limit=1024, failure="cpu peak is too high\nmore of it", picture=picture))

    assert shown_bytes(browser)
    text = browser.text("#detail")
    assert "over the limit of 1 KiB from --max-peak-memory" in text
    assert "cpu peak is too high" in text
    assert "limit 1 KiB" in text
    assert f"peak in the baseline\n{footprint.peak.total}" in text
    assert "an earlier run here, which the baseline held for" in text
    assert browser.errors() == []


def test_a_baseline_without_an_earlier_run_is_a_level_and_the_page_says_so(
    browser: Browser, step: tuple[Footprint, Lifetimes]
) -> None:
    browser.show(page_of(*step, picture=Picture("test", "", step[0])))

    assert shown_bytes(browser)
    assert "no earlier run with a page is remembered here" in browser.text(".keys")


def test_hostile_names_are_shown_and_nothing_of_them_runs(browser: Browser) -> None:
    module = HOSTILE.replace(".", "")
    test = f"test_x.py::test[{HOSTILE}]"

    browser.show(page_of(*taken(training(module, mark=HOSTILE)), test=test, failure=f"{HOSTILE}\n{HOSTILE}"))

    assert shown_bytes(browser)
    assert browser.js("return document.querySelector('#detail h1').textContent") == test
    titles = [each.get_attribute("title") for each in browser.all(".spans button")]
    assert f"forward Model.{module}" in titles
    browser.js("location.hash = 'all'")
    browser.until(lambda: browser.one("#overview").is_displayed(), "the list")
    assert browser.js("return [window.hacked, document.images.length, document.scripts.length]") == [None, 0, 2]
    assert browser.errors() == []


def test_the_list_sorts_finds_and_opens_a_test(browser: Browser) -> None:
    tests = tuple(one_test(f"test_{name}", small(mib)) for name, mib in (("a", 1), ("b", 5), ("c", 3)))
    browser.show(run_page(Run(ENVIRONMENT, tests)))
    names = "#tests tbody tr:not([hidden]) th"

    assert [each.text for each in browser.all(names)] == ["test_b", "test_c", "test_a"]
    browser.button("test").click()
    assert [each.text for each in browser.all(names)] == ["test_a", "test_b", "test_c"]
    browser.button("peak").click()
    browser.button("peak").click()
    assert [each.text for each in browser.all(names)] == ["test_a", "test_c", "test_b"]
    browser.one("#find").send_keys("_C")
    assert [each.text for each in browser.all(names)] == ["test_c"]
    assert browser.text("#found") == "1 of 3 shown"
    browser.one(f"{names} a").click()
    assert browser.text("#detail h1") == "test_c"
    assert "was not recorded" in browser.text("#detail")
    assert browser.errors() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_in_both_schemes(browser: Browser, step: tuple[Footprint, Lifetimes], scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    browser.show(page_of(*step, failure="too much", limit=1))

    shown_bytes(browser)
    for name in ("ink", "quiet", "link", "bad", "good"):
        assert browser.js(_CONTRAST, name) >= 4.5, name


_CONTRAST = """
    const light = (name) => {
      const [r, g, b] = paint(name).match(/[\\d.]+/g).map((each) => {
        const part = each / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const [one, other] = [light(arguments[0]), light("ground")].sort((a, b) => b - a);
    return (one + 0.05) / (other + 0.05);
"""


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, step: tuple[Footprint, Lifetimes], width: int) -> None:
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    try:
        browser.show(page_of(*step, failure="x" * 300))

        shown_bytes(browser)
        assert browser.js("return document.documentElement.scrollWidth") <= width
    finally:
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_every_control_has_a_name(browser: Browser, step: tuple[Footprint, Lifetimes]) -> None:
    browser.show(page_of(*step))
    shown_bytes(browser)

    for control in browser.all("button, input, select, summary"):
        if control.is_displayed():
            assert control.accessible_name, control.get_attribute("outerHTML")


def test_a_page_without_tracked_tests_says_so() -> None:
    page = run_page(Run(ENVIRONMENT, (one_test("test_a", outcome=Outcome.PASSED),)))

    assert "No test of this run was tracked, of 1." in page


def test_the_page_asks_the_network_for_nothing() -> None:
    page = run_page(Run(ENVIRONMENT, (one_test("test_a", small(1)),)))

    assert "default-src 'none'" in page
    assert 'src="' not in page
    assert "@import" not in page


def test_a_run_that_was_stopped_says_so() -> None:
    page = run_page(Run(ENVIRONMENT, (one_test("test_a", small(1)),), complete=False))

    assert "stopped before all of its tests ran" in page


@pytest.mark.parametrize(
    ("outcomes", "title", "verdict"),
    [
        (
            [Outcome.PASSED, Outcome.ERROR],
            "1 broke in set-up or teardown, memory of 1 test",
            "1 test broke in set-up or teardown: test_b. The test that was tracked passed.",
        ),
        (
            [Outcome.FAILED, Outcome.ERROR],
            "1 failed, 1 broke in set-up or teardown, memory of 1 test",
            "1 test broke in set-up or teardown: test_b. 1 of 1 test failed for another reason.",
        ),
    ],
)
def test_the_headline_counts_what_broke_before_it_was_measured(
    outcomes: list[Outcome], title: str, verdict: str
) -> None:
    measured, broken = outcomes

    page = run_page(
        Run(ENVIRONMENT, (one_test("test_a", small(1), outcome=measured), one_test("test_b", outcome=broken)))
    )

    assert f"<title>{title} \N{MIDDLE DOT} pytest-footprint</title>" in page
    assert verdict in page
