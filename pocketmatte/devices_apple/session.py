"""Runs in the app of ``ios_harness``: lay the bundle in, launch, take results out."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from export.artifact import inside
from export.manifest import FILE_NAME
from export.trace import DATA_NAME, TRACE_NAME
from pocketmatte.devices_adb.cargo import Run
from pocketmatte.devices_adb.errors import DeviceError
from pocketmatte.devices_adb.merge import stranger
from pocketmatte.devices_adb.outcome import Outcome, failed, succeeded
from pocketmatte.devices_apple.link import AppleLink
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.result import Plan, Result
from tiers.errors import BundleError, PocketMatteError

FORMAT = "coreml"
_REFUSED = ".refused"  # of a result that is none, kept to be looked at


class AppleSession:
    """One phone's runs, or one simulator's.

    Args:
        link: To the app on it.
        compute_units: As the app's ``--compute-units`` takes them.
        plan: Of every run.
        kept_in: Where results go, by the device's key.
        run_s: Patience with a run.
    """

    def __init__(
        self,
        link: AppleLink,
        compute_units: str,
        plan: Plan,
        kept_in: Path,
        run_s: float,
    ) -> None:
        self._link, self._units = link, compute_units
        self._plan, self._kept_in, self._run_s = plan, kept_in / link.key, run_s

    def measure(
        self, bundle: Path, runs: Sequence[Run], on_run: Callable[[str], None]
    ) -> list[Outcome]:
        """Make all runs; one that fails has an error in place of a result."""
        reason = None
        try:
            self._lay_in(bundle, runs)
        except PocketMatteError as error:
            reason = str(error)
        outcomes = []
        for run in runs:
            outcomes.append(self._outcome(run, reason))
            on_run(f"{run.network} {run.tier} {run.recipe}")
        return outcomes

    def _outcome(self, run: Run, reason: str | None) -> Outcome:
        key, model = self._link.key, self._link.model
        if reason is not None:
            return failed(run, key, model, reason)
        try:
            launched = None
            try:
                self._launch(run)
            except DeviceError as error:
                launched = error  # what the app wrote before counts
            kept = self._taken_out(run, launched)
            return succeeded(run, key, read_result(kept), kept)
        except PocketMatteError as error:
            return failed(run, key, model, str(error))

    def _lay_in(self, bundle: Path, runs: Sequence[Run]) -> None:
        """Copy what the runs read, and no more, to where the app looks for it."""
        paths = {FILE_NAME}
        for run in runs:
            paths |= {entry.path for entry in run.artifacts}
            paths |= {f"{run.trace}/{name}" for name in (TRACE_NAME, DATA_NAME)}
        with tempfile.TemporaryDirectory() as made:
            staged = Path(made, "bundle")
            for path in sorted(paths):
                source, to = inside(bundle, path), staged / path
                to.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, to)
                else:
                    shutil.copyfile(source, to)
            self._link.copy_in(staged, "Documents/bundle")

    def _launch(self, run: Run) -> None:
        plan = self._plan
        options: dict[str, object] = {
            "run-id": run.run_id,
            "network": run.network,
            "tier": run.tier,
            "recipe": run.recipe,
            "compute-units": self._units,
            "warmups": plan.warmups,
            "runs": plan.runs,
            "seconds": plan.seconds,
            "limit-seconds": plan.limit_seconds,
        }
        if plan.frames_per_second is not None:
            options["fps"] = plan.frames_per_second
            options["sustained-seconds"] = plan.sustained_seconds
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._link.launch(words, self._run_s)

    def _taken_out(self, run: Run, launched: DeviceError | None) -> Path:
        """Fetch a run's result and return where it lies.

        Raises:
            BundleError: If it is none, or cannot be written here.
            DeviceError: If there is none.
        """
        kept = self._kept_in / f"{run.run_id}.json"
        try:
            self._fetch(run, launched, kept)
        except OSError as error:
            msg = (
                f"could not write {kept} ({error.strerror or error}); free some space there; "
                "what the app wrote stays on the device"
            )
            raise BundleError(msg) from error
        return kept

    def _fetch(self, run: Run, launched: DeviceError | None, kept: Path) -> None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        fetched = kept.with_name(f".{kept.name}.fetched")
        try:
            try:
                self._link.copy_out(f"Documents/results/{run.run_id}.json", fetched)
            except DeviceError as error:
                raise (launched or error) from error
            try:
                result = read_result(fetched)
                if other := stranger(result, run) or self._other_kind(result):
                    msg = f"{fetched} is not the result that was asked for: {other}; run it again"
                    raise BundleError(msg)
            except BundleError as error:
                refused = kept.with_suffix(_REFUSED)
                with contextlib.suppress(FileNotFoundError):
                    fetched.replace(refused)
                msg = str(error).replace(str(fetched), str(refused))
                raise BundleError(msg) from error
            fetched.replace(kept)
        finally:
            with contextlib.suppress(OSError):
                fetched.unlink(missing_ok=True)

    def _other_kind(self, result: Result) -> str | None:
        """Return how a result shows that it comes from a phone where a simulator ran, or so."""
        kinds = ("a phone", "a simulator")
        if result.device.emulator == self._link.simulated:
            return None
        return f"it is of {kinds[result.device.emulator]}, not of {kinds[self._link.simulated]}"
