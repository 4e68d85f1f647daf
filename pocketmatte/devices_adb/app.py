"""An app on a device, run by ``am instrument``.

Files of a debug build are reached by ``run-as``; its latencies are marked as such, and its parity
counts. Those of a release build lie on shared storage, where the app made a folder for them.
"""

import shlex
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from export.artifact import sha256_of, size_bytes_of
from pocketmatte.devices_adb.adb import Adb, Said
from pocketmatte.devices_adb.cargo import ANDROID_FORMAT, Piece, Run
from pocketmatte.devices_adb.errors import DeviceError
from pocketmatte.devices_adb.facts import Facts
from pocketmatte.devices_adb.instrument import instrumentation_fault
from pocketmatte.devices_adb.job import Left, base_of, script_text
from pocketmatte.devices_adb.merge import Observed
from pocketmatte.harness.result import Plan, Result

_DELEGATE = "xnnpack"


class AppMode:
    """Runs an app that takes its orders from ``am instrument``.

    Args:
        package: Of the app.
        component: Its instrumentation: ``package/class``.
        apks: To install first, in order; names must differ.
        plan: Of every run.
        threads: Of the runtime.
    """

    copies = 2

    def __init__(
        self, package: str, component: str, apks: Sequence[Path], plan: Plan, threads: int
    ) -> None:
        self._package, self._component, self._apks = package, component, apks
        self._plan, self._threads = plan, threads

    def pieces(self, facts: Facts, scratch: Path) -> list[Piece]:  # noqa: ARG002
        """Return what is to be installed, under its own names."""
        return [
            Piece(local=apk, remote=apk.name, sha256=sha256_of(apk), size_bytes=size_bytes_of(apk))
            for apk in self._apks
        ]

    def begin(self, adb: Adb, folder: str) -> None:
        """Install the app where that is asked, and lay the bundle into its files.

        Raises:
            DeviceError: If it cannot be installed, is not there, or keeps its files to itself.
        """
        begun = f"{folder}/begun"  # what is resumed may be at work: it is left alone
        if adb.persist(lambda: adb.shell(f"[ -e {begun} ]")).code == 0:
            return
        for apk in self._apks:
            install = f"pm install -r -t {folder}/{shlex.quote(apk.name)}"
            said = adb.persist(partial(adb.shell, install))
            if "Success" not in said.out:
                words = (said.out + said.err).strip() or "pm install said nothing"
                msg = f"{apk.name} was not installed: {words.splitlines()[-1]}"
                raise DeviceError(msg)
        said = self._cleared(adb)
        if said.code:
            lines = (said.err.strip() or said.out.strip() or "no word of why").splitlines()
            msg = (
                f"the files of {self._package} cannot be reached ({lines[-1]}); install a debug "
                "build, or open a release build once, so that it makes its folder"
            )
            raise DeviceError(msg)
        copied = 'in_app "mkdir -p files/$(dirname "$f") && cat >files/$f" <"$f"'
        each = f"for f in $(find bundle -type f); do {copied} || exit 1; done"
        done = f"in_app 'mkdir -p files/results' && : >{begun}"
        command = f"{self._in_app}; cd {folder} && {each} && {done}"
        said = adb.persist(lambda: adb.shell(command))
        if said.code:
            msg = f"the bundle could not be laid into the app's files: {said.err.strip()[-200:]}"
            raise DeviceError(msg)

    def script(self, run: Run) -> str:
        """Return what a run does on the device; the app's result is copied beside the others."""
        plan = self._plan
        extras: dict[str, object] = {
            "run_id": run.run_id,
            "network": run.network,
            "tier": run.tier,
            "format": ANDROID_FORMAT,
            "recipe": run.recipe,
            "orientation": run.orientation,
            "delegate": _DELEGATE,
            "threads": self._threads,
            "warmups": plan.warmups,
            "runs": plan.runs,
            "seconds": plan.seconds,
            "limit_seconds": plan.limit_seconds,
        }
        if plan.frames_per_second is not None:
            extras["frames_per_second"] = plan.frames_per_second
            extras["sustained_seconds"] = plan.sustained_seconds
        given = [word for name, value in extras.items() for word in ("-e", name, str(value))]
        words = ["am", "instrument", "-w", "-r", *given, self._component]
        base = base_of(run.run_id)
        theirs = f"in_app 'cat files/results/{run.run_id}.json'"
        fetched = f"{self._in_app}; {theirs} >{base}.app 2>/dev/null && mv {base}.app {base}.json"
        return script_text(run.run_id, words, fetched)

    def missing(self, left: Left, run: Run) -> str:
        """Return why there is no result."""
        if fault := instrumentation_fault(left.out + left.err):
            return f"no result of {run.run_id}: {fault}"
        return (
            f"no result of {run.run_id}: am instrument says that all went well, but the app's "
            f"files hold no results/{run.run_id}.json"
        )

    def observed(self, left: Left, result: Result) -> Observed:  # noqa: ARG002
        """Return what am instrument said; the app takes its own readings."""
        fault = instrumentation_fault(left.out + left.err)
        errors = [f"the app wrote its result, then: {fault}"] if fault else []
        return Observed(thermal=[], battery=[], memory=None, errors=errors)

    def clean(self, adb: Adb) -> None:
        """Take the bundle and the results out of the app's files."""
        self._cleared(adb)

    def _cleared(self, adb: Adb) -> Said:
        command = f"{self._in_app}; in_app 'rm -rf files/bundle files/results'"
        return adb.persist(lambda: adb.shell(command))

    @property
    def _in_app(self) -> str:
        """A shell function that runs its argument beside the app's folder of files."""
        granted = f'run-as {self._package} sh -c "$1"'
        shared = f'cd "${{EXTERNAL_STORAGE:-/sdcard}}/Android/data/{self._package}" && sh -c "$1"'
        return (
            f"if run-as {self._package} true 2>/dev/null; then in_app() {{ {granted}; }}; "
            f"else in_app() {{ ( {shared} ); }}; fi"
        )
