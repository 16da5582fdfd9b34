"""Hooks that syrupy renames would become dead code without a word."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.base import AbstractSyrupyExtension
from syrupy.location import PyTestLocation

from pytest_footprint.pytest_plugin.baselines.explained import Explained
from pytest_footprint.pytest_plugin.baselines.syrupy_adaptor import MemBaseline
from pytest_footprint.pytest_plugin.baselines.syrupy_files import BaselineExtension, BaselineLocation

OURS = {
    "__init__",
    "__module__",
    "__doc__",
    "__qualname__",
    "__static_attributes__",
    "__firstlineno__",
    "__abstractmethods__",
    "_abc_impl",
}


@pytest.mark.parametrize(
    ("ours", "upstream", "added"),
    [
        (BaselineExtension, AbstractSyrupyExtension, set()),
        (BaselineLocation, PyTestLocation, set()),
        (
            MemBaseline,
            SnapshotAssertion,
            {
                "_check",
                "_check_name",
                "_compare",
                "_files_of",
                "_order_note",
                "_recording",
                "_judge",
                "_number",
                "_stored",
                "_write",
                *vars(Explained),
            },
        ),
    ],
    ids=["extension", "location", "assertion"],
)
def test_every_overridden_name_exists_upstream(ours: type, upstream: type, added: set[str]) -> None:
    overridden = set(vars(ours)) - OURS - added

    assert overridden
    assert not {name for name in overridden if not hasattr(upstream, name)}


def test_nothing_abstract_is_left() -> None:
    assert BaselineExtension().file_extension == "toml"


def test_what_the_adaptor_reads_of_an_assertion_exists_upstream(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function")
    pytester.makepyfile("""
        def test_it(snapshot, request):
            assert request.config._syrupy is snapshot.session
            assert 1 != snapshot
            result = snapshot.executions[snapshot.num_executions - 1]
            assert (result.created, result.updated, result.exception) == (False, False, None)
    """)

    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)
