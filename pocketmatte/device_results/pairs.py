"""Which runs are compared with which: those of one device, run alike, of one tier and recipe."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from pocketmatte.device_results.reading import Kept
from pocketmatte.device_results.words import shown
from pocketmatte.harness.result import Result

_Key: TypeAlias = tuple[object, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Two runs of one tier, format and recipe that are not compared.

    Attributes:
        before, after: The runs.
        reason: What is otherwise, in one line.
    """

    before: Kept
    after: Kept
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """Runs of both sides, side by side.

    Attributes:
        pairs: That can be compared.
        refusals: That cannot.
        only_before, only_after: Runs that have nobody on the other side.
        older: Number of runs left out, since a newer one of the same is there.
    """

    pairs: tuple[tuple[Kept, Kept], ...]
    refusals: tuple[Refusal, ...]
    only_before: tuple[Kept, ...]
    only_after: tuple[Kept, ...]
    older: int


def subject_name(result: Result) -> str:
    """Return what ran, in a few words."""
    subject = result.subject
    held = () if subject.orientation == "landscape" else (subject.orientation,)
    return " ".join((subject.network, subject.tier, subject.format, subject.recipe, *held))


def device_name(result: Result) -> str:
    """Return the device's name as people know it."""
    device = result.device
    named = " ".join(filter(None, (device.manufacturer, device.model)))
    return shown(named or f"{device.platform} {device.cpu or device.abi or ''}".strip(), 40)


def pair(before: Sequence[Kept], after: Sequence[Kept]) -> Paired:
    """Pair the newest runs of each side that are alike."""
    old, new = _newest(before), _newest(after)
    pairs = [(old.pop(key), new.pop(key)) for key in sorted(old.keys() & new.keys(), key=repr)]
    refusals = [
        Refusal(before=one, after=same, reason="one and the same run on both sides")
        for one, same in pairs
        if one.sha256 == same.sha256
    ]
    compared = tuple((one, other) for one, other in pairs if one.sha256 != other.sha256)
    left = list(old.values())
    alone = []
    for other in new.values():
        alike = [each for each in left if _subject(each.result) == _subject(other.result)]
        if not alike:
            alone.append(other)
            continue
        nearest = min(alike, key=lambda each: len(_apart(each.result, other.result)))
        left.remove(nearest)
        reason = "; ".join(_apart(nearest.result, other.result))
        refusals.append(Refusal(before=nearest, after=other, reason=reason))
    return Paired(
        pairs=compared,
        refusals=tuple(refusals),
        only_before=tuple(left),
        only_after=tuple(alone),
        older=len(before) + len(after) - len(_newest(before)) - len(_newest(after)),
    )


def _newest(side: Iterable[Kept]) -> dict[_Key, Kept]:
    ordered = sorted(side, key=lambda e: (e.result.started_at, e.result.run_id, e.sha256))
    newest = {(_subject(each.result), *_how(each.result).values()): each for each in ordered}
    return dict(sorted(newest.items(), key=repr))


def _subject(result: Result) -> _Key:
    subject = result.subject
    return (
        subject.network, subject.tier, subject.orientation, subject.format, subject.recipe
    )  # fmt: skip


def _how(result: Result) -> dict[str, _Key]:
    """Return what two runs must have in common, by the words for it."""
    device, execution = result.device, result.execution
    processor = None if device.model else device.cpu  # of a machine that has no name
    return {
        "device": (
            device.platform, device.manufacturer, device.model, device.soc, device.abi, processor
        ),
        "kind of device": ("emulator" if device.emulator else "no emulator",),
        "process": (execution.process,),
        "runtime": (execution.runtime,),
        "asked delegate": (execution.delegate_requested,),
        "number of threads": (execution.threads,),
    }  # fmt: skip


def _apart(before: Result, after: Result) -> list[str]:
    """Return what two runs do not have in common, in words."""
    old, new = _how(before), _how(after)
    return [
        f"other {what}: {_told(old[what])}, then {_told(new[what])}"
        for what in old
        if old[what] != new[what]
    ]


def _told(values: _Key) -> str:
    return shown(" ".join(str(value) for value in values if value is not None), 80)
