"""What a footprint and its baseline prove together, where their numbers alone would leave the cause to be guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.ref_type import RefType


@dataclass(frozen=True, slots=True)
class Trained:
    """Modules with parameters that ran in both, and whose backward ran in one of the two only."""

    fqn: str
    """Folded over repeated layers."""
    modules: int
    """How many modules this is, those inside ``fqn`` included."""
    now: bool
    """Whether backward reaches them now, and did not in the baseline."""
    states: ByteSize
    """How many more bytes of optimizer states there are; negative when fewer."""
    gradients: ByteSize
    """Bytes of their gradients that are alive at the peak or after the step, in the one that has them."""


@dataclass(frozen=True, slots=True)
class StaysWhole:
    """FSDP modules that are unsharded for forward and no more for backward, which they run in: whole all the time."""

    fqn: str
    """Folded over repeated layers."""


@dataclass(frozen=True, slots=True)
class NotSharded:
    """Modules that FSDP unsharded on their own, and that still run, but have no all-gather of their own any more."""

    fqn: str
    """Folded over repeated layers."""
    root: str
    """The FSDP module around them that is unsharded now; ``""`` when there is none."""


@dataclass(frozen=True, slots=True)
class NowSharded:
    """Modules that ran before, and that FSDP unshards on their own now."""

    fqn: str
    """Folded over repeated layers."""


@dataclass(frozen=True, slots=True)
class Resharded:
    """The same parameters, sharded over another number of ranks."""

    before: int
    after: int


@dataclass(frozen=True, slots=True)
class KeptGradients:
    """Gradients that live on where the baseline has none."""

    device: str
    nbytes: ByteSize
    at_peak: bool
    """Whether those of the step before are alive at the peak; or else those of the step are after it."""
    start: ByteSize
    """Bytes of gradients that were there when the step began."""


@dataclass(frozen=True, slots=True)
class Doubled:
    """Twice as many tensors and bytes of a type, for a model that is the same."""

    ref_type: RefType
    device: str
    before: int
    """Number of tensors."""
    after: int
    elsewhere: bool
    """Whether the new ones are of modules that do not run."""


@dataclass(frozen=True, slots=True)
class ParameterCopies:
    """Copies of what the ``state_dict`` holds: made by an operator that copies, with the shapes of the module."""

    now: bool
    """Whether they are new; or else they are no more."""

    fqn: str
    """The innermost module around all of them, repeated layers folded; ``""`` outside all modules."""
    op: str
    dtype: str
    device: str
    count: int
    nbytes: ByteSize
    cast: bool
    """Whether they have another dtype than what they are copies of."""
    after_step: bool
    """Whether this is after the step; or else at the peak."""
    source: str | None


@dataclass(frozen=True, slots=True)
class FlatCopy:
    """New flat tensors, each as large as all gradients, or all parameters, together."""

    of: RefType
    op: str
    count: int
    source: str | None


@dataclass(frozen=True, slots=True)
class Remade:
    """Modules that save tensors of the same look, made by another operator, one of the two of an activation function.

    An operator in place makes no tensor: what it writes into was made by the one before.
    """

    fqn: str
    """Folded over repeated layers."""
    before: str
    """The operator that made them in the baseline."""
    after: str
    in_place: bool
    """Whether the function may be in place now; or else in the baseline."""


@dataclass(frozen=True, slots=True)
class NewDtype:
    """Tensors of a dtype that the baseline has none of."""

    dtype: str
    fqn: str
    """The innermost module around most of them, repeated layers folded; ``""`` outside all modules."""


Finding: TypeAlias = (
    Trained
    | StaysWhole
    | NotSharded
    | NowSharded
    | Resharded
    | Doubled
    | KeptGradients
    | ParameterCopies
    | FlatCopy
    | NewDtype
    | Remade
)
