"""Every fault that is tried, and what must come of it.

Two runs are asked of a device; ``good`` is how many must end well. A fault that leaves a result
on the device must not lose it.
"""

import dataclasses
from collections.abc import Callable

from tests.adb.device_server import Device


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to fail.

    Attributes:
        name: Of the test.
        arrange: Sets it.
        good: Results that must be good in the end, of two.
        says: What must be said of the others.
        app: Whether an app runs in place of the native runner.
        resume: Whether the fault passes, and going on is tried.
        host: Whether it is this machine, which cannot keep a result.
        run_s: Patience with a run.
        constant: How often it strikes where the device does not count that itself.
    """

    name: str
    arrange: Callable[[Device], None]
    good: int
    says: str = ""
    app: bool = False
    resume: bool = False
    host: bool = False
    run_s: float = 60.0
    constant: int = 0


def _faults(**values: object) -> Callable[[Device], None]:
    def arrange(device: Device) -> None:
        for name, value in values.items():
            setattr(device.faults, name, value)

    return arrange


def _in_runner(fault: str) -> Callable[[Device], None]:
    def arrange(device: Device) -> None:
        device.environment["RUNNER_FAULT"] = f"fp32:{fault}"

    return arrange


def _of_runner(name: str, fault: str, says: str, good: int = 1) -> Fault:
    run_s = 2.0 if fault == "forever" else 60.0
    return Fault(
        name=name, arrange=_in_runner(fault), good=good, says=says, run_s=run_s, constant=1
    )


def _of_app(name: str, fault: str, says: str, good: int = 0) -> Fault:
    def arrange(device: Device) -> None:
        device.environment["APP_FAULT"] = fault

    return Fault(name=name, arrange=arrange, good=good, says=says, app=True, constant=1)


def _setting(name: str, text: str) -> Callable[[Device], None]:
    def arrange(device: Device) -> None:
        (device.settings / name).write_text(text)

    return arrange


def _drop_in_slow_run(device: Device, *, away: bool) -> None:
    _in_runner("slow")(device)
    _faults(drops_in_run=1, away_after_drop=away)(device)


def _older_shell(device: Device) -> None:
    device.features = "cmd"
    device.faults.crlf = True


MENU = (
    Fault(name="drop in a push", arrange=_faults(drops_in_push=2), good=2),
    Fault(name="drop in a pull", arrange=_faults(drops_in_pull=1), good=2),
    Fault(name="drop in a run", arrange=lambda d: _drop_in_slow_run(d, away=False), good=2),
    Fault(
        name="gone in a run",
        arrange=lambda d: _drop_in_slow_run(d, away=True),
        good=2,
        says="the connection broke",
        resume=True,
    ),
    Fault(
        name="full as it writes",
        arrange=_faults(space_bytes=30_000),
        good=0,
        says="No space left on device; free some",
    ),
    Fault(
        name="too little space",
        arrange=_setting("free_kib", "60000"),
        good=0,
        says="MB are needed on the device, 61 MB are free",
        constant=1,
    ),
    Fault(
        name="no room for results here",
        arrange=lambda _: None,
        good=2,
        says="could not write .*results/android/.*; free some space",
        resume=True,
        host=True,
        constant=1,
    ),
    Fault(name="slow", arrange=_faults(slow_s=0.05), good=2, constant=1),
    Fault(
        name="never answers",
        arrange=_faults(hangs_on="getprop"),
        good=0,
        says="no answer to adb shell within 0.5 s",
    ),
    Fault(name="CRLF", arrange=_faults(crlf=True), good=2, constant=1),
    Fault(name="shell of the first form", arrange=_older_shell, good=2, constant=1),
    Fault(name="damage in transfer", arrange=_faults(damages=2), good=2),
    Fault(name="damage each time", arrange=_faults(damages=999), good=0, says="arrives damaged"),
    Fault(
        name="no runner",
        arrange=_faults(loses="runner"),
        good=0,
        says="ended with 127; .*not found",
    ),
    _of_runner("exit code", "code", "ended with 3; no kernel of that name"),
    _of_runner("signal", "signal", "it was killed by signal 11"),
    _of_runner("job killed", "job_killed", "was killed on the device"),
    _of_runner("output not UTF-8", "not_utf8", "ended with 3; no file .* here"),
    _of_runner("run without end", "forever", "took longer than 2 s"),
    _of_runner("garbage", "garbage", "refused is no result"),
    _of_runner("truncated", "truncated", "refused is no result"),
    _of_runner("result not UTF-8", "not_utf8_result", "refused cannot be read"),
    _of_runner("another run", "other_run", "it is of run another, not a-run"),
    _of_runner("death after the result", "after", "", good=2),
    _of_app("app crash", "crash", "the app crashed: Process crashed"),
    _of_app("app without result", "no_result", "the app's files hold no results/a-run"),
    _of_app("app's test fails", "failure", "a failed check: java.lang.AssertionError"),
    _of_app("app crash after the result", "crash_after", "", good=2),
    Fault(
        name="app not debuggable",
        arrange=_setting("not_debuggable", ""),
        good=0,
        says="the files of com.example.app cannot be reached .*; install a debug build, or open",
        app=True,
        constant=1,
    ),
    Fault(
        name="app not installed",
        arrange=_setting("pm_fails", "INSTALL_FAILED_OLDER_SDK"),
        good=0,
        says="INSTALL_FAILED_OLDER_SDK",
        app=True,
        constant=1,
    ),
)
