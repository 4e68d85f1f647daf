"""A decision as a lock holds it: what is taken and on what grounds, and why nothing else is."""

from collections.abc import Mapping
from typing import TypeAlias

from pocketmatte.selection.candidates import MEGA, Candidate, Ruling, tiers_of
from pocketmatte.selection.deciding import Decision
from pocketmatte.selection.judging import Allowed
from pocketmatte.selection.lock import (
    Basis,
    Delegate,
    EightBits,
    Evidence,
    Judged,
    LockedFile,
    NetworkChoice,
    RuledOut,
    Taken,
)
from pocketmatte.selection.policy import Rules
from pocketmatte.selection.runs import Run
from pocketmatte.selection.standing import Key

Said: TypeAlias = tuple[str, str, str, int]  # tier, format, recipe, id of the ruling

_NOT_BUILT = Ruling(reason="not_built")


def choice_of(
    network: str,
    candidates: Mapping[Key, Candidate],
    rules: Rules,
    decision: Decision,
    said: dict[Said, RuledOut],
) -> NetworkChoice:
    """Return what a class gets of a network, as a lock holds it.

    Args:
        network: Its name.
        candidates: Of it.
        rules: Of it.
        decision: Of the class.
        said: What was ruled out for other classes already, added to.
    """
    out = [(tier, form, recipe, each) for (tier, form, recipe), each in decision.out.items()]
    built = {tier for tier, _, _ in candidates}
    out += [(tier, "", "", _NOT_BUILT) for tier in tiers_of(network) if tier not in built]
    out.sort(key=lambda each: each[1:3])
    out.sort(key=lambda each: each[0], reverse=True)
    ruled_out = tuple(_ruled_out(said, *each) for each in out)
    taken = None if decision.taken is None else _taken(decision.taken, rules)
    return NetworkChoice(network=network, taken=taken, ruled_out=ruled_out)


def _ruled_out(
    said: dict[Said, RuledOut], tier: str, form: str, recipe: str, why: Ruling
) -> RuledOut:
    """Return one ruling as a lock holds it; what holds for many classes is one object.

    An id may be given again when its ruling is gone, so the ruling itself is compared, too.
    """
    key = tier, form, recipe, id(why)
    found = said.get(key)
    if found is None or found.numbers is not why.numbers or found.reason != why.reason:
        found = said[key] = RuledOut(
            tier=tier, format=form or None, recipe=recipe or None, reason=why.reason,
            numbers=why.numbers,
        )  # fmt: skip
    return found


def _taken(allowed: Allowed, rules: Rules) -> Taken:
    candidate, standing = allowed.candidate, allowed.standing
    runs = standing.runs if standing else ()
    return Taken(
        tier=candidate.tier,
        format=candidate.format,
        recipe=candidate.recipe,
        delegate=_delegate(runs[0]) if runs else None,
        files=tuple(
            LockedFile(path=e.path, program=e.program, sha256=e.sha256, size_bytes=e.size_bytes)
            for e in candidate.files.values()
        ),
        verified=candidate.status,
        basis=_basis(allowed),
        measured_class=allowed.of_class.tier if allowed.of_class else None,
        process=runs[0].measured.process if runs else None,
        weak=standing.weak if standing else False,
        evidence=tuple(_evidence(run) for run in runs),
        frame_ms=_judged_ms(allowed, rules),
        memory_mb=_judged_mb(allowed, rules),
        eight_bits=_eight_bits(allowed),
    )


def _basis(allowed: Allowed) -> Basis:
    if allowed.standing is not None:
        return "measured" if allowed.direct else "measured_on_weaker_class"
    return "prior" if allowed.estimate is None else "estimate"


def _delegate(run: Run) -> Delegate:
    return Delegate(requested=run.delegate_requested, actual=run.delegate_actual)


def _evidence(run: Run) -> Evidence:
    return Evidence(
        run_id=run.run_id, sha256=run.sha256, device=run.device,
        p95_ms=run.measured.p95_ms, peak_bytes=run.measured.peak_bytes,
    )  # fmt: skip


def _judged_ms(allowed: Allowed, rules: Rules) -> Judged:
    measured = allowed.standing.p95_ms if allowed.standing else None
    if measured is None and allowed.estimate is not None and rules.frame_ms is not None:
        return Judged(limit=rules.frame_ms, value=allowed.estimate[2], state="estimated")
    return _judged(rules.frame_ms, measured)


def _judged_mb(allowed: Allowed, rules: Rules) -> Judged:
    peak_bytes = allowed.standing.peak_bytes if allowed.standing else None
    return _judged(rules.memory_mb, None if peak_bytes is None else peak_bytes / MEGA)


def _judged(limit: float | None, value: float | None) -> Judged:
    if limit is None:
        return Judged(limit=None, value=value, state="no limit")
    if value is None:
        return Judged(limit=limit, value=None, state="not judged: no measurement")
    return Judged(limit=limit, value=value, state="kept")


def _eight_bits(allowed: Allowed) -> EightBits | None:
    if not allowed.candidate.eight_bit:
        return None
    smaller = allowed.candidate.smaller
    return EightBits(smaller=smaller, faster=allowed.faster, faster_by=allowed.faster_by)
