"""A decision as a lock holds it: what is taken and on what grounds, and why nothing else is."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from pocketmatte.selection.candidates import MEGA, Candidate, Key, Ruling
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
from pocketmatte.selection.networks import TIERS
from pocketmatte.selection.policy import Rules

if TYPE_CHECKING:  # a choice without results does without it
    from pocketmatte.selection.runs import Run

_NOT_BUILT = Ruling(reason="not_built")
# An app asks its runtime by the words of a lock; the native runner says those of ExecuTorch itself.
_AN_APPS_WORDS = MappingProxyType({"XnnpackBackend": "xnnpack", "none": "portable"})


class Said:
    """What was ruled out for some class and network: what holds for many is one object."""

    def __init__(self) -> None:
        self._found: dict[tuple[Key, int], RuledOut] = {}
        self._kept: list[Ruling] = []  # an id is given again when its ruling is gone

    def of(self, keys: Sequence[Key], out: Mapping[Key, Ruling]) -> tuple[RuledOut, ...]:
        """Return rulings as a lock holds them; what there is none of is not built."""
        whys = [out.get(key, _NOT_BUILT) for key in keys]
        known = list(zip(keys, map(id, whys), strict=True))
        try:
            return tuple([self._found[each] for each in known])
        except KeyError:  # said for the first time
            for each, why in zip(known, whys, strict=True):
                if each not in self._found:
                    self._found[each] = _ruled_out(each[0], why)
                    self._kept.append(why)
            return tuple([self._found[each] for each in known])


def alternatives_of(candidates: Mapping[Key, Candidate]) -> list[Key]:
    """Return what a lock speaks of, from the highest tier down: what is not built by its tier."""
    built = {tier for tier, _, _ in candidates}
    keys = [*candidates, *((tier, "", "") for tier in TIERS if tier not in built)]
    keys.sort(key=lambda key: key[1:])
    keys.sort(key=lambda key: key[0], reverse=True)
    return keys


def choice_of(
    network: str, alternatives: Sequence[Key], rules: Rules, decision: Decision, said: Said
) -> NetworkChoice:
    """Return what a class gets of a network, as a lock holds it.

    Args:
        network: Its name.
        alternatives: Of it, see ``alternatives_of``.
        rules: Of it.
        decision: Of the class.
        said: What was ruled out for other classes already, added to.
    """
    taken, out = decision.taken, list(alternatives)
    if taken is not None:
        out.remove(taken.candidate.key)
    return NetworkChoice(
        network=network, taken=None if taken is None else _taken(taken, rules),
        ruled_out=said.of(out, decision.out),
    )  # fmt: skip


def _ruled_out(key: Key, why: Ruling) -> RuledOut:
    tier, form, recipe = key
    return RuledOut(
        tier=tier, format=form or None, recipe=recipe or None, reason=why.reason,
        numbers=why.numbers,
    )  # fmt: skip


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


def _delegate(run: "Run") -> Delegate:
    actual = run.delegate_actual
    return Delegate(
        requested=_as_an_app_says(run.delegate_requested),
        actual=None if actual is None else _as_an_app_says(actual),
    )


def _as_an_app_says(delegates: str) -> str:
    return ",".join(_AN_APPS_WORDS.get(each, each) for each in delegates.split(","))


def _evidence(run: "Run") -> Evidence:
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
