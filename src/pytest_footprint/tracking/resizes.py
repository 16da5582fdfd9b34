"""The one monkeypatch: ``UntypedStorage.resize_`` bypasses the dispatcher, so no mode can see it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import torch

Report = Callable[[torch.UntypedStorage], None]

_listeners: list[Report] = []


@contextmanager
def resizes_reported_to(report: Report) -> Generator[None]:
    """Call ``report`` with every storage that was resized directly, until the context ends.

    However the contexts of several recordings overlap, torch's own method is back after the last one.
    """
    if not _listeners:
        _install()
    _listeners.append(report)
    try:
        yield
    finally:
        _listeners.remove(report)
        if not _listeners:
            _uninstall()


def _install() -> None:
    original: Callable[..., Any] = torch.UntypedStorage.resize_

    @functools.wraps(original)
    def resize_(storage: torch.UntypedStorage, *args: Any, **kwargs: Any) -> Any:
        result = original(storage, *args, **kwargs)
        for report in tuple(_listeners):
            report(storage)
        return result

    torch.UntypedStorage.resize_ = resize_  # type: ignore[method-assign, assignment]


def _uninstall() -> None:
    # The method is inherited from a C class: what shadows it goes away, and the original shows again.
    del torch.UntypedStorage.resize_
