"""What the event column may hold: one signed 64-bit integer an event, ``argument << 4 | code``."""

from __future__ import annotations

from enum import IntEnum, unique

CODE_BITS = 4
CODE_MASK = (1 << CODE_BITS) - 1


@unique
class Event(IntEnum):
    """The code of an event; the argument is a row of the column named here."""

    BORN = 0
    """A storage appeared (storage)."""
    FREED = 1
    """A storage died (storage)."""
    RESIZED = 2
    """A storage changed its size (row of ``resized_*``)."""
    ENTER = 3
    """A module's forward began (call)."""
    EXIT = 4
    """A module's forward is over (call)."""
    NODE = 5
    """Backward reached a node (row of ``node_*``)."""
    GRAPH_BEGIN = 6
    """A backward began (its number)."""
    GRAPH_END = 7
    """A backward is over (its number)."""
    OPTIMIZER_BEGIN = 8
    """An optimizer step began."""
    OPTIMIZER_END = 9
    """An optimizer step is over."""
    STEP_BEGIN = 10
    """A measured step began."""
    STEP_END = 11
    """A measured step is over."""
    MARK = 12
    """The program named a moment (row of ``marks``)."""
    SHARDING = 13
    """FSDP did something with a group of parameters (row of ``sharding_*``)."""


@unique
class Phase(IntEnum):
    """What the program was doing when a storage was born."""

    EXISTING = 0
    """It is older than the recording: it counts from the first event on."""
    FORWARD = 1
    RECOMPUTE = 2
    """A forward inside backward (activation checkpointing)."""
    BACKWARD = 3
    BACKWARD_GRAPH = 4
    """A backward that records a graph of its own (``create_graph=True``)."""
    OPTIMIZER = 5


@unique
class Sharding(IntEnum):
    """What FSDP does with a group of parameters."""

    PRE_FORWARD = 0
    PRE_FORWARD_END = 1
    POST_FORWARD = 2
    POST_FORWARD_END = 3
    PRE_BACKWARD = 4
    PRE_BACKWARD_END = 5
    POST_BACKWARD = 6
    POST_BACKWARD_END = 7
    UNSHARD_IN_FORWARD = 8
    """Its all-gather was issued, outside backward."""
    UNSHARD_IN_BACKWARD = 9
    RESHARD = 10
    """Its whole parameters are gone."""
    UNSHARDED = 11
    """It was met with whole parameters."""


OUTSIDE = -1
"""The scope outside all modules."""


def node_scope(node: int) -> int:
    """The scope that stands for row ``node`` of ``node_*``: whatever module that backward node belongs to."""
    return -2 - node


def node_of(scope: int) -> int:
    """The row of ``node_*`` behind a scope below `OUTSIDE`."""
    return -2 - scope
