"""What a class of devices may have of one network, and why not the rest: docs/selection.md."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from pocketmatte.selection.candidates import Candidate, Key, Numbers, Ruling, ruled_out
from pocketmatte.selection.classes import CLASSES, DeviceClass
from pocketmatte.selection.gains import Gain, gain_of
from pocketmatte.selection.policy import Rules
from pocketmatte.selection.rows import Platform

if TYPE_CHECKING:  # a choice without results or a prior does without these
    from pocketmatte.selection.latency_prior import Estimate
    from pocketmatte.selection.runs import Run
    from pocketmatte.selection.standing import Measurements, Standing

# A class and those below it, the highest first, by its tier.
_FROM = {each.tier: CLASSES[place::-1] for place, each in enumerate(CLASSES)}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """A candidate that a class may have, and what says so.

    Attributes:
        candidate: Which.
        standing: What was measured; ``None`` for a prior.
        of_class: Class of the devices that it was measured on.
        direct: Whether that is the class itself, and none below it.
        estimate: Of a model, in ms; ``None`` without one.
        faster, faster_by: Of eight bits, against single precision, and who measured it: ``device``
            or ``host``; ``None`` otherwise.
    """

    candidate: Candidate
    standing: "Standing | None" = None
    of_class: DeviceClass | None = None
    direct: bool = False
    estimate: "Estimate | None" = None
    faster: float | None = None
    faster_by: Literal["device", "host"] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is to be decided, of one network and platform.

    Attributes:
        platform: Of the devices.
        rules: Of the network.
        candidates: Of the network, by tier, format and recipe.
        runs: Of the network, on any device.
        estimate: A model's, of a candidate and class; gives ``None`` without one.
    """

    platform: Platform
    rules: Rules
    candidates: Mapping[Key, Candidate]
    runs: "Sequence[Run]"
    estimate: "Callable[[Candidate, DeviceClass], Estimate | None]"


class Judge:
    """Judges the candidates of a question for one class after the other.

    Args:
        question: What is to be decided.
    """

    def __init__(self, question: Question) -> None:
        self._question = question
        self._rules = question.rules
        self._out: dict[Key, Ruling] = {}
        for key, each in question.candidates.items():
            if ruling := ruled_out(each, question.rules, question.platform):
                self._out[key] = ruling
        self._out |= _failed_anywhere(question, self._out)
        self._left = [each for each in question.candidates.items() if each[0] not in self._out]
        self._measured = dict(_measured(question)) if question.runs else {}
        self._from = {
            tier: [each for each in below if each.tier in self._measured]
            for tier, below in _FROM.items()
        }
        self._priors: dict[Key, Allowed] = {}
        self._gains: dict[tuple[Key, float | None], Gain] = {}

    def judged(self, device_class: DeviceClass) -> tuple[list[Allowed], dict[Key, Ruling]]:
        """Return what a class may have, and why it may not have the others."""
        allowed: list[Allowed] = []
        out = dict(self._out)
        beyond = self._beyond(device_class)
        for key, candidate in self._left:
            found = self._one(key, candidate, device_class, beyond)
            if isinstance(found, Ruling):
                out[key] = found
            else:
                allowed.append(found)
        return allowed, out

    def _beyond(self, device_class: DeviceClass) -> str | None:
        """Return the tier above which nothing that was not measured is taken, or ``None``."""
        if self._rules.beyond_measured:
            return None
        direct = [key for key in self._fitting(device_class) if key not in self._out]
        if not direct:
            return None
        below = self._from[device_class.tier]
        fitting = [key for each in below for key in self._fitting(each) if key not in self._out]
        return max(tier for tier, _, _ in fitting)

    def _fitting(self, device_class: DeviceClass) -> list[Key]:
        here = self._measured.get(device_class.tier)
        standings = here.standings if here else {}
        return [key for key, each in standings.items() if each.fault is None]

    def _one(
        self, key: Key, candidate: Candidate, device_class: DeviceClass, beyond: str | None
    ) -> Allowed | Ruling:
        here = self._measured.get(device_class.tier)
        if here and key in here.failures:
            return here.failures[key]
        gain = self._gain(key, candidate, device_class)
        if not gain.pays:
            return gain.ruling
        standing = here.standings.get(key) if here else None
        if standing is not None and standing.fault in ("too_slow", "too_large"):
            return _over_budget(standing, self._rules)
        found = self._best_below(key, device_class) if self._measured else None
        if found is None:
            reason = self._no_prior(candidate, device_class, beyond, standing)
            if reason is not None:
                return reason
            estimate = None  # of what was measured to be fast enough there is none
            if not self._fast_enough(key, device_class):
                estimate = self._question.estimate(candidate, device_class)
            if estimate is None:
                found = self._prior(key, candidate)
            elif (late := _estimated_late(estimate, self._rules)) is not None:
                return late
            else:
                found = Allowed(candidate=candidate, estimate=estimate)
        if gain.faster is None:
            return found
        return dataclasses.replace(found, faster=gain.faster, faster_by=gain.by)

    def _too_slow(self, device_class: DeviceClass) -> "dict[str, Standing]":
        """Return the tiers that were too slow in every file measured, each with its fastest."""
        here = self._measured.get(device_class.tier)
        by_tier: dict[str, list[Standing]] = {}
        for (tier, _, _), each in sorted(here.standings.items()) if here else ():
            by_tier.setdefault(tier, []).append(each)
        return {
            tier: min(found, key=lambda each: each.p95_ms)
            for tier, found in by_tier.items()
            if all(each.fault == "too_slow" for each in found)
        }

    def _prior(self, key: Key, candidate: Candidate) -> Allowed:
        """Return what every class may have that is not below it: one object for all of them."""
        found = self._priors.get(key)
        if found is None:
            found = self._priors[key] = Allowed(candidate=candidate)
        return found

    def _gain(self, key: Key, candidate: Candidate, device_class: DeviceClass) -> Gain:
        known = key, self._faster(key, device_class) if self._measured else None
        found = self._gains.get(known)
        if found is None:
            found = self._gains[known] = gain_of(candidate, known[1])
        return found

    def _faster(self, key: Key, device_class: DeviceClass) -> float | None:
        """Return what eight bits gain on the nearest class, from this one down, that says it."""
        for each in self._from[device_class.tier]:
            if (found := self._measured[each.tier].faster.get(key)) is not None:
                return found
        return None

    def _best_below(self, key: Key, device_class: DeviceClass) -> Allowed | None:
        """Return the nearest class, from this one down, whose devices were fast enough."""
        for each in self._from[device_class.tier]:
            standing = self._measured[each.tier].standings.get(key)
            if standing is not None and standing.fault is None:
                candidate = self._question.candidates[key]
                direct = each is device_class
                return Allowed(candidate=candidate, standing=standing, of_class=each, direct=direct)
        return None

    def _fast_enough(self, key: Key, device_class: DeviceClass) -> bool:
        """Say whether a class, from this one down, kept the latency, whatever memory it took."""
        limit = math.inf if self._rules.frame_ms is None else self._rules.frame_ms
        found = (
            self._measured[each.tier].standings.get(key) for each in self._from[device_class.tier]
        )
        return any(each is not None and each.p95_ms <= limit for each in found)

    def _no_prior(
        self,
        candidate: Candidate,
        device_class: DeviceClass,
        beyond: str | None,
        standing: "Standing | None",
    ) -> Ruling | None:
        """Return why what nobody measured to fit is not taken for its class alone."""
        if self._rules.require_measurement:
            if standing is not None and standing.fault:
                return Ruling(reason=standing.fault, numbers={"p95_ms": standing.p95_ms})
            return Ruling(reason="not_measured")
        if candidate.tier > device_class.tier:
            return _above_class(device_class.tier)
        if beyond is not None and candidate.tier > beyond:
            return Ruling(reason="not_measured", numbers={"measured_up_to": beyond})
        slow = self._too_slow(device_class) if self._measured else {}
        for tier, fastest in slow.items():
            if tier <= candidate.tier:
                numbers = {"tier": tier, **_over_budget(fastest, self._rules).numbers}
                return Ruling(reason="tier_too_slow", numbers=numbers)
        return None


@functools.cache
def _above_class(tier: str) -> Ruling:
    return Ruling(reason="above_class", numbers={"device_class": tier})


def _measured(question: Question) -> "Iterator[tuple[str, Measurements]]":
    """Yield what was measured on the classes of a platform, by tier; others are left out."""
    from pocketmatte.selection.standing import is_failure, measurements, same_files, use_of

    candidates, rules = question.candidates, question.rules
    for device_class in CLASSES:
        runs = [
            run
            for run in question.runs
            if run.platform == question.platform and run.device_class == device_class
        ]
        counted = [run for run in runs if use_of(run, candidates, rules) is None]
        failed = [run for run in runs if is_failure(run) and same_files(run, candidates)]
        if runs:
            yield device_class.tier, measurements(counted, failed, rules)


def _over_budget(standing: "Standing", rules: Rules) -> Ruling:
    where: Numbers = {"device": standing.runs[0].device, "weak": standing.weak}
    numbers: Numbers = {"p95_ms": standing.p95_ms, "limit_ms": rules.frame_ms}
    if standing.fault != "too_slow":
        numbers = {"peak_bytes": standing.peak_bytes, "limit_mb": rules.memory_mb}
    return Ruling(reason=str(standing.fault), numbers={**numbers, **where})


def _estimated_late(estimate: "Estimate", rules: Rules) -> Ruling | None:
    if rules.frame_ms is None or estimate[2] <= rules.frame_ms:
        return None
    names = ("estimated_ms", "low_ms", "high_ms")
    numbers = dict(zip(names, estimate, strict=True)) | {"limit_ms": rules.frame_ms}
    return Ruling(reason="estimated_too_slow", numbers=numbers)


def _failed_anywhere(question: Question, out: Mapping[Key, Ruling]) -> Iterator[tuple[Key, Ruling]]:
    """Yield what computed something else off a device: its parity counts, its latency does not."""
    if not question.runs:
        return
    from pocketmatte.selection.standing import same_files

    for run in question.runs:
        failed = run.platform is None and run.measured.status == "parity_failed"
        if failed and run.key not in out and same_files(run, question.candidates):
            numbers: Numbers = {"process": run.measured.process, "run_id": run.run_id}
            yield run.key, Ruling(reason="parity_failed_elsewhere", numbers=numbers)
