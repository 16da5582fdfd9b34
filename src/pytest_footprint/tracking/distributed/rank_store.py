"""The key-value store through which the ranks of a run talk: torch's own, with a time limit on every call."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

import torch.distributed as dist

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

T = TypeVar("T")

_torchs: Any = dist
"""A torch that is built without distributed has none of the names; its stubs hide some."""

_PREFIX = "pytest-footprint"
_CHUNK = 4 << 20
"""Bytes of one value: torch's TCPStore drops the connection above 8 MiB."""
_CALL = 10.0
_HEAD = 4
"""Bytes that tell how many chunks there are."""
_NOT_REAL = frozenset({"fake", "threaded"})
"""Backends whose ranks are no processes of their own."""


class RankStoreError(Exception):
    """The store does not answer; the message says why."""


class RankStore:
    """Texts under keys, set once each, seen by all ranks.

    Args:
        store: of torch, shared by all ranks.
        seconds: how long ranks wait for each other. A call may take so long, and on a busy machine ten seconds.
    """

    def __init__(self, store: Store, seconds: float) -> None:
        self._store = _torchs.PrefixStore(_PREFIX, store)
        self._seconds = max(seconds, _CALL)
        self._problem = ""
        """Why it is given up: a connection that failed once does not come back, and each wait would be as long."""

    @classmethod
    def of_launcher(cls, host: str, port: int, *, serve: bool, attempt: str, seconds: float) -> RankStore:
        """The store from which ``env://`` makes process groups.

        Args:
            host: where it is.
            port: of it.
            serve: be its server, as rank 0 is where no launcher is. A process group that is made from the environment
                later, or was made before, shares it.
            attempt: tells runs apart that one store sees.
            seconds: how long one call may take; the first waits so long for the server.

        Raises:
            RankStoreError: there is no such store.
        """
        limit = timedelta(seconds=seconds)

        def connect() -> Any:
            # No world size: it would wait for all ranks, and be counted among theirs.
            store = _torchs.TCPStore(
                host, port, is_master=serve, timeout=limit, wait_for_workers=False, multi_tenant=serve
            )
            return _torchs.PrefixStore(attempt, store)

        return cls(_within(seconds, connect, f"no answer from {host}:{port}"), seconds)

    @classmethod
    def of_group(cls, seconds: float) -> RankStore:
        """The store of the default process group."""
        # Private, and looked up here: a torch without it lacks this one way to meet, and can record all the same.
        return cls(_torchs.distributed_c10d._get_default_store(), seconds)

    def set(self, key: str, text: str) -> None:
        """Put ``text``, of any length, under ``key``."""
        data = zlib.compress(text.encode("utf-8"), 1)
        chunks = [data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK)]
        # The first goes last: who sees it finds all.
        for number in reversed(range(len(chunks))):
            head = b"" if number else len(chunks).to_bytes(_HEAD)
            self._call(partial(self._put, _part(key, number), head + chunks[number]))

    def _put(self, key: str, data: bytes) -> None:
        self._store.set(key, data)

    def get(self, key: str) -> str | None:
        """The text under ``key``; ``None`` when there is none yet."""
        if not self._call(lambda: self._store.check([key])):
            return None
        first = self._call(partial(self._store.get, key))
        parts = [self._call(partial(self._store.get, _part(key, number))) for number in range(1, _count(first))]
        return zlib.decompress(b"".join([first[_HEAD:], *parts])).decode("utf-8")

    def forget(self, key: str) -> None:
        """Drop what is under ``key``, which must be there."""
        for number in range(_count(self._call(partial(self._store.get, key)))):
            self._call(partial(self._store.delete_key, _part(key, number)))

    def claim(self, key: str, text: str) -> str:
        """Put ``text`` under ``key`` unless another rank was first; what is there now."""
        return str(self._call(lambda: self._store.compare_set(key, "", text)).decode("utf-8"))

    def claimed(self, key: str) -> str | None:
        """What was claimed under ``key``, if anything."""
        if not self._call(lambda: self._store.check([key])):
            return None
        return str(self._call(lambda: self._store.get(key)).decode("utf-8"))

    def _call(self, call: Callable[[], T]) -> T:
        if not self._problem:
            try:
                return _within(self._seconds, call, "the store of the ranks does not answer")
            except RankStoreError as problem:
                self._problem = str(problem)
        raise RankStoreError(self._problem)


def _part(key: str, number: int) -> str:
    return f"{key}/{number}" if number else key


def _count(first: bytes) -> int:
    return int.from_bytes(first[:_HEAD])


def _within(seconds: float, call: Callable[[], T], said: str) -> T:
    """What ``call`` returns, from a thread of its own: torch waits without end for a server that is stopped.

    Raises:
        RankStoreError: it failed or took too long.
    """
    done: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            done.append(call())
        except BaseException as problem:  # noqa: BLE001 - told by the caller
            failed.append(problem)

    thread = Thread(target=run, daemon=True, name=_PREFIX)
    thread.start()
    thread.join(seconds)
    if done:
        return done[0]
    why = str(failed[0]).partition("\n")[0] if failed else f"nothing within {seconds:g} s"
    msg = f"{said}: {why}"
    raise RankStoreError(msg) from None


def real_group() -> tuple[int, int] | None:
    """This rank and the number of ranks of the default process group; ``None`` without one of several processes."""
    if not (dist.is_available() and dist.is_initialized()) or dist.get_backend() in _NOT_REAL:
        return None
    return (dist.get_rank(), dist.get_world_size()) if dist.get_world_size() > 1 else None


def has_fake_group() -> bool:
    """Whether the default process group is one whose ranks are no processes of their own."""
    return dist.is_available() and dist.is_initialized() and dist.get_backend() in _NOT_REAL
