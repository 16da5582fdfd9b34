"""The monkeypatch of ``nn.Module.__call__``, by which plain modules are called on a shorter way than torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from pytest_footprint.tracking.internals import has_known_hooks_only

WORTH = 16
"""From so many module calls on: to set a special method takes some 60 ns for each class of modules that there is."""


class ShortWay:
    """Puts another function in the place of ``nn.Module.__call__``, for as long as it is open."""

    def __init__(self) -> None:
        self._original: Any = None
        self._call: Any = None

    def open(self, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        """Install what ``make`` makes of torch's.

        Only where nobody else has put something there, and torch calls no hooks that we do not know.
        """
        if self._call is None and nn.Module.__call__ is nn.Module._wrapped_call_impl and has_known_hooks_only():
            self._original = nn.Module.__call__
            self._call = make(self._original)
            nn.Module.__call__ = self._call  # type: ignore[method-assign]

    def close(self) -> None:
        """Put torch's back. Who has kept ours meanwhile is sent torch's way by it, for our hooks are gone."""
        if self._call is not None and nn.Module.__call__ is self._call:
            nn.Module.__call__ = self._original  # type: ignore[method-assign]
        self._call = self._original = None
