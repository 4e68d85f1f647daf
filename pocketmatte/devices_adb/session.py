"""All runs on one device: put things there, run, fetch, and leave nothing behind."""

import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from export.artifact import sha256_of, size_bytes_of, write_text
from pocketmatte.devices_adb.adb import Adb
from pocketmatte.devices_adb.cargo import Piece, Run
from pocketmatte.devices_adb.errors import DeviceError, TransportError
from pocketmatte.devices_adb.facts import Facts, read_facts
from pocketmatte.devices_adb.job import (
    RESULTS,
    Left,
    end_jobs,
    finish_job,
    forget_failed,
    gather,
    write_scripts,
)
from pocketmatte.devices_adb.merge import Observed, merged, stranger
from pocketmatte.devices_adb.outcome import Outcome, failed, succeeded
from pocketmatte.devices_adb.place import place
from pocketmatte.harness.reading import read_result
from pocketmatte.harness.result import Result
from tiers.errors import BundleError, PocketMatteError

HOME = "/data/local/tmp/pocketmatte"
_REFUSED = ".refused"  # of a result that is none, kept to be looked at


class Mode(Protocol):
    """How runs are made on a device.

    Attributes:
        copies: How often the bundle lies on the device in the end.
    """

    copies: int

    def pieces(self, facts: Facts, scratch: Path) -> list[Piece]:
        """Return what a device needs besides the bundle; what is made for it lies in scratch."""

    def begin(self, adb: Adb, folder: str) -> None:
        """Make ready what was put there."""

    def script(self, run: Run) -> str:
        """Return what a run does on the device."""

    def missing(self, left: Left, run: Run) -> str:
        """Return why there is no result."""

    def observed(self, left: Left, result: Result) -> Observed:
        """Return what was seen around a run."""

    def clean(self, adb: Adb) -> None:
        """Remove what lies outside the run's folder."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is asked of every device.

    Attributes:
        name: Of the folder on the device.
        runs: In order.
        bundle_pieces: What the device needs of the bundle.
        kept_in: Where results go, by the device's key.
        resume: Whether to go on with what lies on the device.
    """

    name: str
    runs: Sequence[Run]
    bundle_pieces: Sequence[Piece]
    kept_in: Path
    resume: bool


class Session:
    """One device's share of an order.

    Args:
        adb: The device.
        key: The device, without its serial number.
        mode: How to run.
        order: What to run.
        on_run: Told of each run that came to something.
        say: Told of what should be known besides.
    """

    def __init__(
        self,
        adb: Adb,
        key: str,
        mode: Mode,
        order: Order,
        on_run: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        self._adb, self._key, self._mode, self._order = adb, key, mode, order
        self._on_run, self._say = on_run, say
        self._folder = f"{HOME}/{order.name}"
        self._model: str | None = None
        self._cut_off = False  # the connection stayed broken: the device may still be at work

    def measure(self) -> list[Outcome]:
        """Make all runs; one that fails has an error in place of a result.

        Raises:
            StoppedError: If Ctrl-C fell; what was finished is kept, the device is clean.
        """
        outcomes: list[Outcome] = []
        reason = None
        try:
            try:
                self._prepare()
            except PocketMatteError as error:
                self._cut_off = isinstance(error, TransportError)
                reason = str(error)
            for run in self._order.runs:
                outcomes.append(self._outcome(run, reason))
                if self._cut_off and reason is None:
                    reason = f"not run: {outcomes[-1].error}"
        finally:
            self._close()
        return outcomes

    def _prepare(self) -> None:
        facts = self._adb.persist(lambda: read_facts(self._adb))
        self._model = facts.device.model
        if not self._order.resume:
            self._adb.persist(lambda: self._adb.shell(f"rm -rf {self._folder}"))
        with tempfile.TemporaryDirectory() as made:
            scratch = Path(made)
            own = self._mode.pieces(facts, scratch)
            scripts = {run.run_id: self._mode.script(run) for run in self._order.runs}
            steps = [
                Piece(
                    local=path, remote=f"{RESULTS}/{path.name}", sha256=sha256_of(path),
                    size_bytes=size_bytes_of(path),
                )
                for path in write_scripts(scratch, scripts)
            ]  # fmt: skip
            pieces = [*own, *self._order.bundle_pieces, *steps]
            place(self._adb, self._folder, pieces, facts.free_bytes, self._mode.copies)
        if self._order.resume:
            forget_failed(self._adb, self._folder)
        self._mode.begin(self._adb, self._folder)

    def _outcome(self, run: Run, reason: str | None) -> Outcome:
        try:
            if reason is not None:
                return failed(run, self._key, self._model, reason)
            result = self._result(run)
            return succeeded(run, self._key, result, self._kept(run))
        except PocketMatteError as error:
            self._cut_off = isinstance(error, TransportError)
            return failed(run, self._key, self._model, str(error))
        finally:
            self._on_run(f"{run.network} {run.tier} {run.recipe}")

    def _result(self, run: Run) -> Result:
        kept = self._kept(run)
        if self._order.resume and kept.is_file():
            return read_result(kept)
        finish_job(self._adb, self._folder, run.run_id)
        return self._fetch(self._adb, run)

    def _fetch(self, adb: Adb, run: Run) -> Result:
        """Fetch a result and keep it; one that is none is kept under another name.

        Raises:
            BundleError: If it is none, or cannot be kept here.
            DeviceError: If it is not there, or not to be had.
        """
        left = gather(adb, self._folder, run.run_id)
        if not left.has_result:
            raise DeviceError(self._mode.missing(left, run))
        kept = self._kept(run)
        try:
            return self._keep(adb, run, left, kept)
        except OSError as error:
            msg = f"could not write {kept} ({error.strerror or error}); free some space there"
            raise BundleError(msg) from error

    def _keep(self, adb: Adb, run: Run, left: Left, kept: Path) -> Result:
        kept.parent.mkdir(parents=True, exist_ok=True)
        fetched = kept.with_name(f".{kept.name}.fetched")
        remote = f"{self._folder}/{RESULTS}/{run.run_id}.json"
        try:
            adb.persist(lambda: adb.pull(remote, fetched))
            try:
                result = read_result(fetched)
                if other := stranger(result, run):
                    msg = f"{fetched} is not the result that was asked for: {other}; run it again"
                    raise BundleError(msg)
            except BundleError as error:
                refused = kept.with_suffix(_REFUSED)
                fetched.replace(refused)
                msg = str(error).replace(str(fetched), str(refused))
                raise BundleError(msg) from error
            whole = merged(result, self._mode.observed(left, result))
            write_text(kept, whole.model_dump_json(indent=1) + "\n")
            kept.with_suffix(_REFUSED).unlink(missing_ok=True)
        finally:
            fetched.unlink(missing_ok=True)
        return whole

    def _kept(self, run: Run) -> Path:
        return self._order.kept_in / self._key / f"{run.run_id}.json"

    def _close(self) -> None:
        """Leave the device as it was, unless a result there is not here yet."""
        where = f"{self._folder} may be left on device {self._key}"
        again = f"run again with --resume {self._order.name}"
        if self._cut_off:
            self._say(f"{where}, and its job at work; {again}")
            return
        adb = self._adb.unstoppable()
        try:
            end_jobs(adb, self._folder)
            if fault := self._salvage(adb):
                self._say(f"{where}, with a result that is not here ({fault}); {again}")
                return
            self._mode.clean(adb)
            adb.shell(f"rm -rf {self._folder}; rmdir {HOME} 2>/dev/null; true")
        except (DeviceError, OSError) as error:
            self._say(f"{where} ({error}); {again}")

    def _salvage(self, adb: Adb) -> str | None:
        """Fetch what is finished and not here; return why one of it cannot be kept."""
        listing = adb.shell(f"cd {self._folder}/{RESULTS} 2>/dev/null && ls").out.split()
        fault = None
        for run in self._order.runs:
            if f"{run.run_id}.json" in listing and not self._is_here(run):
                try:
                    self._fetch(adb, run)
                except BundleError as error:
                    if not self._is_here(run):
                        fault = str(error)
        return fault

    def _is_here(self, run: Run) -> bool:
        kept = self._kept(run)
        return kept.is_file() or kept.with_suffix(_REFUSED).is_file()
