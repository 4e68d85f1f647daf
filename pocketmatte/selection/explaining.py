"""A lock in words: a line for each choice and one for each alternative."""

import itertools
from collections.abc import Iterator

from pocketmatte.selection.candidates import MEGA
from pocketmatte.selection.lock import Group, Judged, Lock, NetworkChoice, Taken
from pocketmatte.selection.reasons import RESULTS, said, words
from pocketmatte.selection.shapes import printable

_SHOWN = 3

_BASIS = {
    "measured": "measured on devices of this class",
    "measured_on_weaker_class": "measured on devices of class {0}, which are no stronger",
    "estimate": "by its class and an estimate, which is no measurement",
    "prior": "by its class alone, which is no measurement",
}


def explained(lock: Lock) -> list[str]:
    """Return a lock in words, line by line."""
    lines = itertools.chain(*map(_group, lock.groups), _results(lock), _model(lock))
    return [f"{_indent(line)}{printable(line)}" for line in lines]


def _indent(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" ")))


def missing(lock: Lock) -> list[tuple[Group, NetworkChoice]]:
    """Return the groups that get nothing of a network that they may not go without."""
    return [
        (group, choice)
        for group in lock.groups
        for choice in group.choices
        if choice.taken is None and not lock.rules[choice.network].optional
    ]


def of_nothing(group: Group, choice: NetworkChoice) -> str:
    """Say that a group gets nothing of a network, and why not the alternative that is nearest."""
    # what is not built, or of another platform, is no news
    dull = ("not_built", "format_not_allowed", "recipe_not_allowed")
    near = [each for each in choice.ruled_out if each.reason not in dull] or choice.ruled_out[-1:]
    lowest = min(near, key=lambda each: each.tier, default=None)
    why = f": {lowest.tier}: {words(lowest.reason, lowest.numbers)}" if lowest else ""
    return printable(f"{group.platform} {group.device_class} gets no {choice.network}{why}")


def headline(taken: Taken) -> str:
    """Return what was taken, and what it rests on."""
    size_mb = sum(file.size_bytes for file in taken.files) / MEGA
    basis = _BASIS[taken.basis].format(taken.measured_class)
    weak = ", in a shell: weaker than in an app" if taken.weak else ""
    return f"{taken.tier} {taken.format} {taken.recipe}, {size_mb:.2f} MB, {basis}{weak}"


def _group(group: Group) -> Iterator[str]:
    names = ", ".join(group.devices[:_SHOWN]) or "no device of the table"
    more = len(group.devices) - _SHOWN
    others = f" and {more} more" if more > 0 else ""
    yield f"{group.platform} {group.device_class}: {names}{others}"
    if group.why:
        yield f"  class {group.device_class}, an estimate: {group.why}"
    for choice in group.choices:
        yield from _choice(choice)


def _choice(choice: NetworkChoice) -> Iterator[str]:
    taken = choice.taken
    if taken is None:
        yield f"  {choice.network}: nothing will do"
    else:
        yield f"  {choice.network}: {headline(taken)}"
        yield from _details(taken)
    for each in choice.ruled_out:
        what = " ".join(part for part in (each.tier, each.format, each.recipe) if part)
        yield f"    not {what}: {words(each.reason, each.numbers)} ({each.reason})"


def _details(taken: Taken) -> Iterator[str]:
    yield f"    a frame: {_judged(taken.frame_ms, 'ms')}"
    yield f"    memory: {_judged(taken.memory_mb, 'MB')}"
    yield f"    verify: {taken.verified}"
    if taken.delegate is not None:
        requested, actual = taken.delegate.requested, taken.delegate.actual
        yield f"    delegate: {actual or 'unknown'}, {requested} was asked for"
    for each in taken.evidence:
        p95 = said(each.p95_ms)
        yield f"    run {each.run_id} on {each.device}: p95 {p95} ms, sha256 {each.sha256[:12]}"
    if taken.eight_bits is not None:
        bits = taken.eight_bits
        by = f" by {bits.faster_by}" if bits.faster_by else ""
        weak = ", a weak prior" if bits.faster_by == "host" else ""
        yield (
            f"    eight bits: {said(bits.smaller)} times smaller than fp32, "
            f"{said(bits.faster)} times as fast{by}{weak}"
        )


def _judged(judged: Judged, unit: str) -> str:
    if judged.state == "no limit":
        measured = "" if judged.value is None else f", {judged.value:.4g} {unit} measured"
        return f"no limit{measured}"
    if judged.value is None:
        return f"limit {judged.limit:g} {unit}, {judged.state}"
    return f"{judged.value:.4g} {unit} of {judged.limit:g} {unit}, {judged.state}"


def _model(lock: Lock) -> Iterator[str]:
    if lock.inputs.latency_prior is not None:
        model = lock.inputs.latency_prior
        yield f"where nobody measured, {model} estimated latencies; no estimate is a measurement"


def _results(lock: Lock) -> Iterator[str]:
    for each in lock.results:
        if each.reason is not None:
            why = f"{RESULTS[each.reason]} ({each.reason})"
            yield f"result {each.run_id} of {each.device} does not count: {why}"
