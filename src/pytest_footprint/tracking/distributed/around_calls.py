"""Methods of one of torch's classes that tell of their calls, for as long as somebody listens."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from pytest_footprint.tracking.internals import unsupported

Around = Callable[[Any, str], Callable[[], None] | None]
"""Is called with the object and the method's name before the method; what it returns is called after it."""


class AroundCalls:
    """Reports the calls of some methods to all listeners; the class is as it was when nobody listens any more.

    The class is patched and no object of it, so what holds bound methods or hooks keeps them.

    Args:
        find: gives the class, which may not be loaded yet.
        name: the class, for the message.
        methods: which of its methods.
    """

    def __init__(self, find: Callable[[], Any], name: str, methods: Sequence[str]) -> None:
        self._find = find
        self._name = name
        self._methods = methods
        self._listeners: list[Around] = []
        self._undo = ExitStack()

    @contextmanager
    def reported_to(self, around: Around) -> Generator[None]:
        """Call ``around`` at every call until the context ends.

        Raises:
            UnsupportedTorchError: this torch's class lacks one of the methods.
        """
        if not self._listeners:
            self._install(self._find())
        self._listeners.append(around)
        try:
            yield
        finally:
            self._listeners.remove(around)
            if not self._listeners:
                self._undo.close()

    def _install(self, kind: Any) -> None:
        missing = [f"{self._name}.{method} is missing" for method in self._methods if not hasattr(kind, method)]
        if missing:
            raise unsupported(missing)
        for method in self._methods:
            original = getattr(kind, method)
            setattr(kind, method, self._reporting(method, original))
            self._undo.callback(setattr, kind, method, original)

    def _reporting(self, method: str, original: Callable[..., Any]) -> Callable[..., Any]:
        listeners = self._listeners

        @functools.wraps(original)
        def reporting(owner: Any, *args: Any, **kwargs: Any) -> Any:
            after = [around(owner, method) for around in tuple(listeners)]
            try:
                return original(owner, *args, **kwargs)
            finally:
                for each in reversed(after):
                    if each is not None:
                        each()

        return reporting
