"""Which tier of one network every class of a platform gets: docs/selection.md.

Whatever was measured, a higher class never gets a lower tier: see ``decide``.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

from pocketmatte.selection.candidates import Key, Ruling, listed_order
from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.judging import Allowed, Judge, Question


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What one class gets of one network.

    Attributes:
        taken: ``None`` where nothing will do.
        out: Why every other is out, by tier, format and recipe.
    """

    taken: Allowed | None
    out: Mapping[Key, Ruling]


def decide(question: Question, lowest: str = CLASSES[0].tier) -> dict[str, Decision]:
    """Return what classes get, by the name of their tier.

    From the highest class down, none gets more than the one above it, so that a higher class never
    gets a lower tier: what a strong device was too slow with is nothing for a weaker one.

    Args:
        question: What is to be decided.
        lowest: Tier of the lowest class that is asked for; those below it are left out.
    """
    judge = Judge(question)
    decisions: dict[str, Decision] = {}
    above: Decision | None = None
    for device_class in reversed(CLASSES):
        if device_class.tier < lowest:
            break
        allowed, out = judge.judged(device_class)
        if above is not None:
            allowed, capped = _capped(allowed, above)
            out |= capped
        above = _decision(allowed, out, question)
        decisions[device_class.tier] = above
    return decisions


def _capped(allowed: list[Allowed], above: Decision) -> tuple[list[Allowed], dict[Key, Ruling]]:
    most = above.taken.candidate.tier if above.taken else ""
    over = [each for each in allowed if each.candidate.tier > most]
    kept = [each for each in allowed if each.candidate.tier <= most]
    return kept, {each.candidate.key: _above_higher_class(most) for each in over}


# What is said to many classes is one object: a lock spells it once.
@functools.cache
def _above_higher_class(most: str) -> Ruling:
    return Ruling(reason="above_higher_class", numbers={"higher_class_tier": most or None})


@functools.cache
def _lower_tier(highest: str) -> Ruling:
    return Ruling(reason="lower_tier", numbers={"tier": highest})


@functools.cache
def _not_preferred(p95_ms: float | None, size_bytes: int) -> Ruling:
    return Ruling(reason="not_preferred", numbers={"p95_ms": p95_ms, "size_bytes": size_bytes})


def _decision(allowed: Sequence[Allowed], out: dict[Key, Ruling], question: Question) -> Decision:
    if not allowed:
        return Decision(taken=None, out=out)
    highest = max(each.candidate.tier for each in allowed)
    alike = [each for each in allowed if each.candidate.tier == highest]
    taken = min(alike, key=lambda each: _order(each, question))
    for each in allowed:
        if each.candidate.tier < highest:
            out[each.candidate.key] = _lower_tier(highest)
        elif each is not taken:
            p95_ms = each.standing.p95_ms if each.standing else None
            out[each.candidate.key] = _not_preferred(p95_ms, each.candidate.size_bytes)
    return Decision(taken=taken, out=out)


def _order(each: Allowed, question: Question) -> tuple[object, ...]:
    listed = (*listed_order(each.candidate, question.rules, question.platform), each.candidate.key)
    if question.rules.prefer == "size":
        return each.standing is None, each.candidate.size_bytes, *listed
    if question.rules.prefer == "listed" or each.standing is None:
        return each.standing is None, *listed
    # a run in a shell is not compared with one of an app: see docs/harness-protocol.md
    return (False, not each.direct, each.standing.weak, each.standing.p95_ms, *listed)
