"""The pytest plugin: hooks and fixtures only.

Every pytest run loads this module, whether it measures anything or not. What costs time to import (torch, syrupy's
machinery, tabulate, and our own packages that need them) is imported where a test asks for it.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Sequence

import pytest

from pytest_footprint.pytest_plugin import hookspecs
from pytest_footprint.pytest_plugin.baselines.collected import COLLECTING, Collecting
from pytest_footprint.pytest_plugin.baselines.explained import explanation_of
from pytest_footprint.pytest_plugin.baselines.stale import CollectedHere, StaleBaselines
from pytest_footprint.pytest_plugin.fixtures import (
    _fake_rank,
    child_footprints,
    fake_world,
    fsdp_mem_tracker,
    mem_baseline,
    mem_tracker,
    mod_tracker,
)
from pytest_footprint.pytest_plugin.lookout import RECEIVER, Lookout
from pytest_footprint.pytest_plugin.marks import ABOUT, FORMS, VARY_RANK, is_marked, problems_with_marks
from pytest_footprint.pytest_plugin.options import add_options
from pytest_footprint.pytest_plugin.output.header import header
from pytest_footprint.pytest_plugin.output.summary import Summary
from pytest_footprint.pytest_plugin.results import Receiver, Taker
from pytest_footprint.pytest_plugin.settings import SETTINGS, Settings

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
    # Now, so that its wrappers lie inside those of conftest files and around those of pytest.
    Lookout().register(pluginmanager)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


@pytest.hookimpl(tryfirst=True)  # before pytest reads where JUnit goes, which is another file on each rank
def pytest_configure(config: pytest.Config) -> None:
    for marker, form in FORMS.items():
        config.addinivalue_line("markers", f"{form.removeprefix('@pytest.mark.')}: {ABOUT[marker]}")
    config.stash[SETTINGS] = Settings.from_config(config)
    config.stash[COLLECTING] = Collecting()
    if os.environ.keys() >= _LAUNCHED:
        from pytest_footprint.pytest_plugin.ranks.launched import join_ranks  # noqa: PLC0415 - loads under a launcher

        if join_ranks(config):
            return
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(CollectedHere(), "footprint-collected")
        return  # a worker of xdist: its reports go to the process that prints
    # Of what is registered last, pytest shows the tables first.
    takers: dict[str, Taker] = {"footprint-stale": StaleBaselines(), "footprint-summary": Summary()}
    if config.stash[SETTINGS].findings_wanted:
        from pytest_footprint.pytest_plugin.output.writers import writers  # noqa: PLC0415 - loads when files are written

        takers |= writers(config)
    if getattr(config.option, "tx", None):
        from pytest_footprint.pytest_plugin.baselines.brought_home import BroughtHome  # noqa: PLC0415 - loads with workers

        takers["footprint-brought-home"] = BroughtHome(config)
    if os.environ.get("GITHUB_ACTIONS") or os.environ.get("GITHUB_STEP_SUMMARY"):
        from pytest_footprint.pytest_plugin.output.github import GitHub  # noqa: PLC0415 - loads where GitHub listens

        takers["footprint-github"] = GitHub(config, dict(os.environ))
    for name, taker in takers.items():
        config.pluginmanager.register(taker, name)
    config.pluginmanager.register(Receiver(list(takers.values())), RECEIVER)


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if is_marked(metafunc.definition) and metafunc.definition.get_closest_marker(VARY_RANK):
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
def pytest_assertrepr_compare(left: object, right: object) -> Generator[None, list[list[str]], list[Iterable[str]]]:
    own = explanation_of(left, right)
    others = yield
    return [own, *others] if own else list(others)
