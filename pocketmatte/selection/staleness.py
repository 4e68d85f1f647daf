"""Whether a lock is still what would be chosen, and what changed if not."""

import dataclasses
from collections.abc import Iterator, Mapping

from pocketmatte.results import plain
from pocketmatte.selection.lock import Group, Inputs, Lock, NetworkChoice, ResultUse, lock_text
from pocketmatte.selection.shapes import printable

_INPUTS = {
    "manifest_sha256": "the manifest of the bundle",
    "verdicts_sha256": "results/parity.json of the bundle, which verify writes,",
    "host_times_sha256": "results/latency.json of the bundle, which bench writes,",
    "devices_sha256": "the device table",
    "latency_prior": "the model of latencies",
}


def changes(before: Lock, after: Lock) -> list[str]:
    """Return what is not as it was, in lines; none where both are the same.

    Args:
        before: The lock as it was written.
        after: What would be written now.
    """
    if lock_text(before) == lock_text(after):
        return []
    found = [
        *_inputs(before.inputs, after.inputs),
        *_rules(before, after),
        *_results(before, after),
        *_groups(before, after),
    ]
    return [printable(line) for line in found] or ["the lock was changed since it was written"]


def _inputs(before: Inputs, after: Inputs) -> Iterator[str]:
    for field, what in _INPUTS.items():
        was, now = getattr(before, field), getattr(after, field)
        if was != now:
            yield f"{what} changed: {_short(was)} before, {_short(now)} now"


def _short(digest: str | None) -> str:
    return "none" if digest is None else digest[:12]


def _rules(before: Lock, after: Lock) -> Iterator[str]:
    for network in sorted({*before.rules, *after.rules}):
        was, now = before.rules.get(network), after.rules.get(network)
        if was is None or now is None:
            yield f"policy: {network} is {'new' if was is None else 'left out now'}"
            continue
        for field in dataclasses.fields(was):
            old, new = plain(getattr(was, field.name)), plain(getattr(now, field.name))
            if old != new:
                yield f"policy: {field.name} of {network} was {_told(old)}, is {_told(new)}"


def _told(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {_told(each)}" for key, each in sorted(value.items()))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _results(before: Lock, after: Lock) -> Iterator[str]:
    was, now = _by_hash(before), _by_hash(after)
    for sha256 in sorted({*was, *now}):
        old, new = was.get(sha256), now.get(sha256)
        run = next(each.run_id for each in (old, new) if each is not None)
        if old is None or new is None:
            yield f"result {run} ({sha256[:12]}) is {'new' if old is None else 'gone'}"
        elif old.reason != new.reason:
            yield f"result {run} ({sha256[:12]}): {_counts(old)} before, {_counts(new)} now"


def _by_hash(lock: Lock) -> dict[str, ResultUse]:
    return {each.sha256: each for each in lock.results}


def _counts(use: ResultUse) -> str:
    return "counted" if use.reason is None else f"did not count ({use.reason})"


def _groups(before: Lock, after: Lock) -> Iterator[str]:
    was, now = _by_class(before), _by_class(after)
    for key in sorted({*was, *now}):
        old, new = was.get(key), now.get(key)
        where = " ".join(key)
        if old is None or new is None:
            yield f"{where} is {'new' if old is None else 'gone'}"
            continue
        if old.devices != new.devices or old.why != new.why:
            yield f"the devices of {where} are not as they were"
        yield from _choices(where, old, new)


def _by_class(lock: Lock) -> dict[tuple[str, str], Group]:
    return {(each.platform, each.device_class): each for each in lock.groups}


def _choices(where: str, before: Group, after: Group) -> Iterator[str]:
    was = {each.network: each for each in before.choices}
    for choice in after.choices:
        old = was.get(choice.network)
        if old is not None and _taken(old) != _taken(choice):
            yield f"{where} {choice.network} was {_taken(old)}, is {_taken(choice)}"
        elif old is not None and plain(old) != plain(choice):
            yield f"{where} {choice.network} is still {_taken(choice)}, for other reasons"


def _taken(choice: NetworkChoice) -> str:
    taken = choice.taken
    return "nothing" if taken is None else f"{taken.tier} {taken.format} {taken.recipe}"
