"""Options with which a run is not complete, whatever it collects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_FLAGS = {
    "lf": "--lf",
    "stepwise": "--stepwise",
    "collectonly": "--collect-only",
    "setuponly": "--setup-only",
    "setupplan": "--setup-plan",
}
"""Name of the option -> how users write it."""


def partial_flags(config: pytest.Config) -> list[str]:
    """Those that were given."""
    return [flag for name, flag in _FLAGS.items() if getattr(config.option, name, False)]
