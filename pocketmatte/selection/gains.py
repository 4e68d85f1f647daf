"""Whether eight bits pay for themselves: measured on a class, by size, or on the host."""

import dataclasses
from typing import Literal

from pocketmatte.selection.candidates import Candidate, Ruling

FASTER, SMALLER = 1.1, 1.8  # than single precision: eight bits are offered from either on


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """What eight bits are worth against single precision.

    Attributes:
        pays: Whether they are offered.
        faster: How many times as fast; ``None`` where not measured.
        by: Who measured that: a ``device`` of the class, or the ``host``, a weak prior.
        ruling: What to say where they do not pay.
    """

    pays: bool
    faster: float | None
    by: Literal["device", "host"] | None
    ruling: Ruling


_NEED_NOT = Gain(pays=True, faster=None, by=None, ruling=Ruling(reason="eight_bits_do_not_pay"))


def gain_of(candidate: Candidate, on_device: float | None) -> Gain:
    """Say whether eight bits are worth having on a class.

    Args:
        candidate: In eight bits, or not: floating point need not pay.
        on_device: How many times as fast it was measured to be on the class; ``None`` if not.
    """
    if not candidate.eight_bit:
        return _NEED_NOT
    by: Literal["device", "host"] | None = None
    faster = on_device
    if faster is not None:
        by = "device"
    elif candidate.host_faster is not None:
        faster, by = candidate.host_faster, "host"
    pays = (faster or 0.0) >= FASTER or (candidate.smaller or 0.0) >= SMALLER
    numbers = {
        "faster": faster, "faster_by": by, "smaller": candidate.smaller,
        "least_faster": FASTER, "least_smaller": SMALLER,
    }  # fmt: skip
    ruling = Ruling(reason="eight_bits_do_not_pay", numbers=numbers)
    return Gain(pays=pays, faster=faster, by=by, ruling=ruling)
