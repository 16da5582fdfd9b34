"""What a person reads when a test goes above its limit."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_footprint.model.byte_size import ByteSize
from pytest_footprint.model.footprint import Footprint
from pytest_footprint.model.live_group import summed_up
from pytest_footprint.model.usage import USAGE_FIELDS
from pytest_footprint.report.table import indented, table
from pytest_footprint.report.tensors import live_rows, tensor_table
from pytest_footprint.report.words import kind, measured, percent

TOTAL = USAGE_FIELDS[0]
_GROUPS = 10


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that a test went above."""

    device: str
    limit: ByteSize
    of: str
    """``total`` or a reference type."""
    rule: str
    """What set the limit: ``@pytest.mark.max_peak_memory("2GiB")``."""


def breach_headline(footprint: Footprint, breach: Breach) -> str:
    """What the peak was, and by how much it is too high."""
    peak = footprint.peak[breach.device][breach.of]
    over = ByteSize(peak - breach.limit)
    what = "" if breach.of == TOTAL else f" of {kind(breach.of)}"
    share = f" ({percent(100 * over / breach.limit)})" if breach.limit else ""
    return f"{breach.device} peak{what} is {peak}, {over} over the limit of {breach.limit}{share} from {breach.rule}"


def breach_text(footprint: Footprint, breach: Breach, *, verbose: bool = False) -> str:
    """The headline, the peak by reference type, and the largest groups that were alive at it."""
    device, of = breach.device, breach.of
    usage = footprint.peak[device]
    sizes = [(kind(ref_type), str(nbytes)) for ref_type, nbytes in usage.items()]
    by_type = table((f"alive at the {device} peak", "bytes"), [*sizes, (TOTAL, str(usage.total))], right="bytes")
    groups = [group for group in footprint.at_peak if group.device == device and of in {TOTAL, group.ref_type.value}]
    parts = [breach_headline(footprint, breach), indented(by_type).removeprefix("  ")]
    if device in footprint.measured:
        parts.append(measured(device, footprint.measured[device]))
    if groups:
        # Whoever limits parameters wants to see which; to all others they are one row.
        rows = live_rows(summed_up(groups) if of == TOTAL else groups)
        parts.append(tensor_table("largest of it", rows, limit=None if verbose else _GROUPS))
    return "\n\n".join(parts)
