"""Which module call a backward node belongs to."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator

from pytest_footprint.trace.events import OUTSIDE, node_of
from pytest_footprint.trace.trace import Trace

_NOWHERE = OUTSIDE - 1


class Scopes:
    """Resolves scopes to module calls.

    Autograd numbers its nodes in the order in which they are made, for each thread. The recording notes that number
    whenever a module is entered or left, so the number of a node says during which call it was made.
    What is recorded later is read when it is needed: earlier answers stay right.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._sequences: dict[int, list[int]] = {}
        self._scopes: dict[int, list[int]] = {}
        self._marks = 0
        self._resolved: dict[int, int] = {}
        self._owners: dict[int, int] | None = None

    def call(self, scope: int) -> int:
        """The innermost module call of a scope, `OUTSIDE` where there is none."""
        if scope >= OUTSIDE:
            return scope
        found = self._resolved.get(scope)
        if found is None:
            self._resolved[scope] = OUTSIDE  # a node that stands for itself ends here
            node = node_of(scope)
            found = self.made_in(self._trace.node_thread[node], self._trace.node_sequence[node])
            self._resolved[scope] = found
        return found

    def made_in(self, thread: int, sequence: int) -> int:
        """The call during which ``thread`` made its node number ``sequence``."""
        if sequence < 0:
            return OUTSIDE
        if self._marks < len(self._trace.mark_scope):
            self._read_marks()
        found = self._lookup(thread, sequence)
        if found is None:
            # Backward ran in a thread that made no forward: take the thread that did.
            others = (self._lookup(other, sequence) for other in self._sequences if other != thread)
            found = next((scope for scope in others if scope is not None), OUTSIDE)
        return self.call(found)

    def finder(self, thread: int) -> Callable[[int], int]:
        """`made_in` for many nodes of one thread, quicker; right until the next mark is recorded."""
        if self._marks < len(self._trace.mark_scope):
            self._read_marks()
        sequences, scopes = self._sequences.get(thread, []), self._scopes.get(thread, [])

        def find(sequence: int) -> int:
            place = bisect_right(sequences, sequence)
            scope = scopes[place - 1] if place else _NOWHERE
            return scope if scope >= OUTSIDE else self.made_in(thread, sequence)

        return find

    def _read_marks(self) -> None:
        trace, first = self._trace, self._marks
        threads = trace.mark_thread[first:]
        self._marks = first + len(threads)
        if threads.count(threads[0]) == len(threads):  # by far the commonest
            self._sequences.setdefault(threads[0], []).extend(trace.mark_sequence[first : self._marks])
            self._scopes.setdefault(threads[0], []).extend(trace.mark_scope[first : self._marks])
            return
        for row, thread in enumerate(threads, first):
            self._sequences.setdefault(thread, []).append(trace.mark_sequence[row])
            self._scopes.setdefault(thread, []).append(trace.mark_scope[row])

    def _lookup(self, thread: int, sequence: int) -> int | None:
        sequences = self._sequences.get(thread)
        if not sequences:
            return None
        place = bisect_right(sequences, sequence) - 1
        return self._scopes[thread][place] if place >= 0 else None

    def path(self, call: int) -> Iterator[int]:
        """The call and those around it, innermost first."""
        while call >= 0:
            yield call
            call = self.call(self._trace.call_parent[call])

    def module(self, scope: int) -> int:
        """The module of a scope; -1 outside all modules. Accumulating a gradient belongs to the leaf's owner."""
        call = self.call(scope)
        if call >= 0:
            return self._trace.call_module[call]
        if scope < OUTSIDE and (storage := self._trace.node_storage[node_of(scope)]) >= 0:
            return self._leaf_owners().get(storage, -1)
        return -1

    def _leaf_owners(self) -> dict[int, int]:
        if self._owners is None:
            labels = zip(self._trace.label_storage, self._trace.label_module, strict=True)
            self._owners = {storage: module for storage, module in labels if module >= 0}
        return self._owners
