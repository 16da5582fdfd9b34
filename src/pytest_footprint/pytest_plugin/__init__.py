"""The pytest plugin: hooks and fixtures only.

Every pytest run loads this module, whether it measures anything or not. What costs time to import (torch, syrupy's
machinery, tabulate, and our own packages that need them) is imported where a test asks for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import TYPE_CHECKING

import pytest

from pytest_footprint.pytest_plugin import hookspecs
from pytest_footprint.pytest_plugin.collected import COLLECTING, Collecting
from pytest_footprint.pytest_plugin.explained import explanation_of, show_in_full
from pytest_footprint.pytest_plugin.failures import clear_failures, remember_failure
from pytest_footprint.pytest_plugin.fixtures import (
    _fake_rank,
    child_footprints,
    fake_world,
    fsdp_mem_tracker,
    mem_baseline,
    mem_tracker,
    mod_tracker,
)
from pytest_footprint.pytest_plugin.header import header
from pytest_footprint.pytest_plugin.marks import ABOUT, FORMS, VARY_RANK, problems_with_marks
from pytest_footprint.pytest_plugin.options import add_options
from pytest_footprint.pytest_plugin.phase import results_of
from pytest_footprint.pytest_plugin.recording import RECORDING, Recording, forget
from pytest_footprint.pytest_plugin.results import Receiver, Taker
from pytest_footprint.pytest_plugin.settings import CHECKS, RANKS, SETTINGS, Settings
from pytest_footprint.pytest_plugin.stale import CollectedHere, StaleBaselines
from pytest_footprint.pytest_plugin.summary import Summary
from pytest_footprint.pytest_plugin.surroundings import SURROUNDINGS, Surroundings

if TYPE_CHECKING:
    from pytest_footprint.pytest_plugin.ranks import Ranks

_LAUNCHED = frozenset({"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"})
"""What launchers such as torchrun set."""

__all__ = [
    "_fake_rank",
    "child_footprints",
    "fake_world",
    "fsdp_mem_tracker",
    "mem_baseline",
    "mem_tracker",
    "mod_tracker",
]


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)  # before pytest reads where JUnit goes, which is another file on each rank
def pytest_configure(config: pytest.Config) -> None:
    for marker, form in FORMS.items():
        config.addinivalue_line("markers", f"{form.removeprefix('@pytest.mark.')}: {ABOUT[marker]}")
    config.stash[SETTINGS] = Settings.from_config(config)
    config.stash[COLLECTING] = Collecting()
    if os.environ.keys() >= _LAUNCHED:
        from pytest_footprint.pytest_plugin.launched import join_ranks  # noqa: PLC0415 - loads under a launcher

        if join_ranks(config):
            return
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(CollectedHere(), "footprint-collected")
        return  # a worker of xdist: its reports go to the process that prints
    # Of what is registered last, pytest shows the tables first.
    takers: dict[str, Taker] = {"footprint-stale": StaleBaselines(), "footprint-summary": Summary()}
    if config.stash[SETTINGS].findings_wanted:
        from pytest_footprint.pytest_plugin.writers import writers  # noqa: PLC0415 - loads when files are written

        takers |= writers(config)
    if getattr(config.option, "tx", None):
        from pytest_footprint.pytest_plugin.brought_home import BroughtHome  # noqa: PLC0415 - loads with workers

        takers["footprint-brought-home"] = BroughtHome(config)
    if os.environ.get("GITHUB_ACTIONS") or os.environ.get("GITHUB_STEP_SUMMARY"):
        from pytest_footprint.pytest_plugin.github import GitHub  # noqa: PLC0415 - loads where GitHub listens

        takers["footprint-github"] = GitHub(config, dict(os.environ))
    for name, taker in takers.items():
        config.pluginmanager.register(taker, name)
    config.pluginmanager.register(Receiver(list(takers.values())), "footprint-receiver")


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker(VARY_RANK):
        from pytest_footprint.pytest_plugin.fake_marks import vary  # noqa: PLC0415 - loads when a test asks

        vary(metafunc)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if problems := problems_with_marks(report.result or ()):
        report.outcome, report.longrepr, report.result = "failed", problems, []
    collector.config.stash[COLLECTING].note(collector, report)
    return report


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items:
        items[0].config.stash[COLLECTING].note_deselected(len(items))


def pytest_report_header(config: pytest.Config) -> list[str]:
    return header(config, None)


def pytest_report_collectionfinish(config: pytest.Config, items: Sequence[pytest.Item]) -> list[str]:
    return header(config, items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    try:
        return (yield)
    finally:
        clear_failures(item)
        forget(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    __tracebackhide__ = True
    surroundings = item.stash[SURROUNDINGS] = Surroundings.of(item)
    recording = item.stash[RECORDING] = Recording.of(item)
    if ranks := item.config.stash.get(RANKS, None):
        ranks.begin(item)
    yield
    surroundings.begin_if_wanted()
    recording.start_if_wanted()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(request: pytest.FixtureRequest) -> Generator[None, object, object]:
    __tracebackhide__ = True
    # Only function-scoped fixtures have the test as their node.
    if recording := request.node.stash.get(RECORDING, None):
        request.node.stash[SURROUNDINGS].begin_if_wanted()
        recording.start_if_wanted()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    __tracebackhide__ = True
    recording = item.stash[RECORDING]
    try:
        yield
    finally:
        recording.read()
    if (ranks := item.config.stash.get(RANKS, None)) is not None and ranks.shares_limit(item, recording):
        from pytest_footprint.pytest_plugin.joint_limit import check_limit_together  # noqa: PLC0415 - as above

        check_limit_together(item, recording, ranks)
    else:
        recording.check_limit()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    __tracebackhide__ = True
    clear_failures(item)
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    said = show_in_full(item, call)
    report = yield
    remember_failure(item, call)
    results_of(item, report, said).attach_to(report)
    if (ranks := _ranks(item)) is not None:
        ranks.note(item, report, call)
    return report


def _ranks(item: pytest.Item) -> Ranks | None:
    """The ranks of this run, which without a launcher are known by their process group."""
    if RANKS in item.config.stash or "torch.distributed" not in sys.modules:
        return item.config.stash.get(RANKS, None)
    if CHECKS not in getattr(item, "fixturenames", ()):
        return None
    from pytest_footprint.pytest_plugin.ranks import ranks_of  # noqa: PLC0415 - loads with several ranks

    return ranks_of(item)


@pytest.hookimpl(wrapper=True)
def pytest_assertrepr_compare(left: object, right: object) -> Generator[None, list[list[str]], list[Iterable[str]]]:
    own = explanation_of(left, right)
    others = yield
    return [own, *others] if own else list(others)
