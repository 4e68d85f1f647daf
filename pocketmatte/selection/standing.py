"""How what was measured on the devices of a class stands against a budget.

A class is as fast as its slowest measured device; a device is as fast as its best run.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from pocketmatte.selection.candidates import (
    MEGA,
    REFERENCE,
    Candidate,
    Key,
    Number,
    Ruling,
    candidates_of,
)
from pocketmatte.selection.classes import DeviceClass
from pocketmatte.selection.held import Held
from pocketmatte.selection.policy import Rules
from pocketmatte.selection.runs import Run, best_of, out_of

_FAILURES = {
    "parity_failed": "parity_failed_on_device",
    "load_failed": "load_failed_on_device",
    "run_failed": "run_failed_on_device",
}
_OTHER_FILES = "other_files"
_SHELL, _APP = "adb_shell", "app_foreground"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the devices of one class made of one candidate.

    Attributes:
        runs: The best of every device, of the delegate that does best; the slowest first.
        fault: ``too_slow``, ``too_large`` or ``memory_not_measured``; ``None`` where it fits.
        weak: Whether they ran in a shell where an app was asked for.
    """

    runs: tuple[Run, ...]
    fault: str | None
    weak: bool

    @property
    def p95_ms(self) -> float:
        """Of the slowest device."""
        return self.runs[0].measured.p95_ms or 0.0

    @property
    def peak_bytes(self) -> int | None:
        """Of the device that took most; ``None`` where one of them did not say."""
        peaks = [run.measured.peak_bytes for run in self.runs]
        known = [each for each in peaks if each is not None]
        return max(known) if len(known) == len(peaks) else None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Measurements:
    """All that was measured of one network on the devices of one class.

    Attributes:
        standings: By tier, format and recipe.
        failures: What did not even run as it should, likewise.
        faster: Of eight bits: how many times as fast as single precision, on the device and
            delegate where it gains least, likewise.
    """

    standings: Mapping[Key, Standing]
    failures: Mapping[Key, Ruling]
    faster: Mapping[Key, float]


def use_of(run: Run, candidates: Mapping[Key, Candidate], rules: Rules) -> str | None:
    """Return why a run of a network counts for no latency, or ``None``.

    The reasons are the protocol's; ``other_files`` is a run of files that the bundle has no more.
    A run in a shell counts where an app was asked for: it is weaker, and never beside one.
    """
    if reason := _out(run, rules):
        return reason
    return None if same_files(run, candidates) else _OTHER_FILES


def _out(run: Run, rules: Rules) -> str | None:
    wanted = run.measured.process
    if wanted != _SHELL or rules.process != _APP:
        wanted = rules.process
    return out_of(run, wanted)


def same_files(run: Run, candidates: Mapping[Key, Candidate]) -> bool:
    """Say whether a run was of the files that the bundle holds now."""
    candidate = candidates.get(run.key)
    if candidate is None:
        return False
    return run.files == {name: entry.sha256 for name, entry in candidate.files.items()}


def of_one_process(runs: Iterable[Run], rules: Rules) -> list[Run]:
    """Return the runs in the process that was asked for; where there are none, all of them."""
    found = list(runs)
    return [run for run in found if run.measured.process == rules.process] or found


def telling(runs: Iterable[Run], rules: Rules, held: Held | None = None) -> list[Run]:
    """Return the runs that tell a model of latencies how fast the classes of their devices are.

    They are of any network and orientation, and each class's of one process. Where the bundle holds
    anything of the network and orientation, their files must be those that it holds; where it holds
    nothing there is nothing to compare them with, and the device is as fast as they say.

    Args:
        runs: On any device.
        rules: Whose process counts.
        held: What the bundle holds; ``None`` where there is none.
    """
    found: dict[tuple[str, str], dict[Key, Candidate]] = {}
    by_class: dict[tuple[str | None, DeviceClass | None], list[Run]] = {}
    for run in runs:
        what = run.network, run.orientation
        if held is not None and what not in found:
            found[what] = {each.key: each for each in candidates_of(held, *what)}
        candidates = found.get(what)
        if _out(run, rules) is None and (not candidates or same_files(run, candidates)):
            by_class.setdefault((run.platform, run.device_class), []).append(run)
    return [run for same in by_class.values() for run in of_one_process(same, rules)]


def measurements(counted: Sequence[Run], failed: Iterable[Run], rules: Rules) -> Measurements:
    """Hold what was measured on one class against a budget.

    Args:
        counted: Runs whose latencies count, of one class and network.
        failed: Runs of the same that failed, of files that the bundle holds.
        rules: The budget.
    """
    runs = of_one_process(counted, rules)
    by_key: dict[Key, list[Run]] = {}
    for run in runs:
        by_key.setdefault(run.key, []).append(run)
    failures: dict[Key, Ruling] = {}
    for run in sorted(failed, key=lambda run: run.sha256):
        if not _made_good(run, counted):
            numbers: dict[str, Number] = {"device": run.device, "run_id": run.run_id}
            ruling = Ruling(reason=_FAILURES[run.measured.status], numbers=numbers)
            failures.setdefault(run.key, ruling)
    return Measurements(
        standings={key: _standing(found, rules) for key, found in by_key.items()},
        failures=failures,
        faster=dict(_gains(by_key)),
    )


def is_failure(run: Run) -> bool:
    """Say whether a run failed in a way that speaks against its files."""
    return run.measured.status in _FAILURES


def _made_good(failed: Run, counted: Iterable[Run]) -> bool:
    """Say whether the same device ran the same later; a wrong matte is never made good."""
    return failed.measured.status != "parity_failed" and any(
        run.device == failed.device and run.key == failed.key and run.started_at > failed.started_at
        for run in counted
    )


def _standing(runs: Sequence[Run], rules: Rules) -> Standing:
    """Return how a candidate stands with the delegate that does best."""
    found = [_with_delegate(same, rules) for same in _split(runs, "delegate").values()]
    return min(found, key=lambda each: (each.fault is not None, each.p95_ms, each.runs[0].delegate))


def _with_delegate(runs: Sequence[Run], rules: Rules) -> Standing:
    peak_bytes = None if rules.memory_mb is None else round(rules.memory_mb * MEGA)
    judged = [best_of(same, rules.frame_ms, peak_bytes) for same in _split(runs, "device").values()]
    judged.sort(key=lambda each: (-(each[0].measured.p95_ms or 0.0), each[0].sha256))
    faults = [fault for _, fault in judged if fault]
    return Standing(
        runs=tuple(run for run, _ in judged),
        # what was seen to break the budget counts before what was not seen
        fault=next((each for each in faults if each.startswith("too_")), next(iter(faults), None)),
        weak=runs[0].measured.process != rules.process,
    )


def _split(runs: Iterable[Run], by: str) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(getattr(run, by), []).append(run)
    return dict(sorted(found.items()))


def _gains(by_key: Mapping[Key, Sequence[Run]]) -> Iterable[tuple[Key, float]]:
    for key, runs in by_key.items():
        tier, form, recipe = key
        reference = _medians(by_key.get((tier, form, REFERENCE), ()))
        here = _medians(runs)
        ratios = [reference[where] / here[where] for where in here if where in reference]
        if recipe != REFERENCE and ratios:
            yield key, min(ratios)


def _medians(runs: Iterable[Run]) -> dict[tuple[str, str], float]:
    """Return the least median by device and delegate; one of nothing tells no ratio."""
    found: dict[tuple[str, str], float] = {}
    for run in runs:
        if run.p50_ms:
            where = run.device, run.delegate
            found[where] = min(found.get(where, run.p50_ms), run.p50_ms)
    return found
