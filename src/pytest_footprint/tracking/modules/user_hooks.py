"""The hooks that users of `ModTracker` give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PreForward = Callable[[Any, Any], object]
"""``(module, input)``"""
PostForward = Callable[[Any, Any, Any], object]
"""``(module, input, output)``"""
Backward = Callable[[Any, Any], object]
"""``(module or None, gradients)``"""


@dataclass(slots=True)
class UserHooks:
    """At most one of each kind; ``None`` where there is none."""

    pre_fw_hook: PreForward | None = None
    post_fw_hook: PostForward | None = None
    pre_bw_hook: Backward | None = None
    post_bw_hook: Backward | None = None
    registered: bool = False
    """Whether there is any."""

    @property
    def need_gradients(self) -> bool:
        """Whether one of them waits for a backward."""
        return self.pre_bw_hook is not None or self.post_bw_hook is not None

    def register(self, **given: Callable[..., object] | None) -> None:
        """Take over the hooks that are given; those that are not stay as they are.

        Raises:
            AssertionError: there is one of that kind already; none of those given was taken over.
        """
        hooks = {name: hook for name, hook in given.items() if hook is not None}
        for name in hooks:
            if getattr(self, name) is not None:
                msg = (
                    f"Only one {name} can be registered at a time"
                    " Clear the existing hook by calling ``clear_user_hooks`` before registering a new one"
                )
                raise AssertionError(msg)
        for name, hook in hooks.items():
            setattr(self, name, hook)
            self.registered = True

    def clear(self) -> None:
        """Forget all of them."""
        self.pre_fw_hook = self.post_fw_hook = self.pre_bw_hook = self.post_bw_hook = None
        self.registered = False
