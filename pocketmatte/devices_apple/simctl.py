"""Apple's ``xcrun simctl``: simulators, whose apps keep their files in folders of this Mac.

What a simulator shows is that the app and the files work; how long it takes says nothing of a
phone, and results of it are held to say that they are a simulator's. The forms of simctl's JSON
are those of Apple's documentation and of public programs that read it; none was at hand to record
them from.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pocketmatte.devices_adb.errors import DeviceError
from pocketmatte.devices_apple.devicectl import key_of, last_line, run_xcrun
from tiers.errors import UsageError

_STEP_S = 60.0
_BOOTED = "Booted"


class SimulatorLink:
    """See ``link.AppleLink``: a booted simulator, through simctl.

    Args:
        identifier: As simctl lists it.
        model: Its name.
        app: Bundle identifier of the app, which is installed already.
    """

    simulated = True

    def __init__(self, identifier: str, model: str | None, app: str) -> None:
        self._identifier, self._app = identifier, app
        self.key, self.model = key_of(identifier), model

    def copy_in(self, local: Path, remote: str) -> None:
        """See ``link.AppleLink``; what is there of the folder is replaced."""
        target = self._container() / remote
        try:
            if target.exists():
                shutil.rmtree(target)
            shutil.copytree(local, target)
        except OSError as error:
            msg = f"cannot copy into the simulator ({error}); free space and run again"
            raise DeviceError(msg) from error

    def copy_out(self, remote: str, local: Path) -> None:
        """See ``link.AppleLink``."""
        try:
            shutil.copyfile(self._container() / remote, local)
        except OSError as error:
            msg = f"the app left no {PurePosixPath(remote).name} ({error.strerror}); run it again"
            raise DeviceError(msg) from error

    def launch(self, words: Sequence[str], seconds: float) -> None:
        """See ``link.AppleLink``."""
        started = ("launch", "--console", "--terminate-running-process")
        simctl(*started, self._identifier, self._app, *words, timeout_s=seconds)

    def _container(self) -> Path:
        said = simctl("get_app_container", self._identifier, self._app, "data")
        folder = Path(said.strip())
        if not folder.is_absolute() or not folder.is_dir():
            msg = f"simctl names {said.strip()!r} as the app's folder; install the app again"
            raise DeviceError(msg)
        return folder


def simctl(*words: str, timeout_s: float = _STEP_S) -> str:
    """Run simctl once and return what it printed.

    Raises:
        RuntimeUnavailableError: If there is no xcrun.
        DeviceError: If it fails or does not end in time.
    """
    done = run_xcrun(["simctl", *words], f"simctl {words[0]}", timeout_s)
    if done.returncode:
        msg = f"simctl {words[0]} failed ({last_line(done)}); look at the simulator"
        raise DeviceError(msg)
    return done.stdout.decode("utf-8", errors="replace")


def choose_simulator(app: str, wanted: str | None) -> SimulatorLink:
    """Return the booted simulator to use; without a choice there must be one alone.

    Args:
        app: Bundle identifier of the app.
        wanted: A simulator's identifier or name.

    Raises:
        UsageError: If it must be said which, or the one that was named is not booted.
        DeviceError: If none is booted, or simctl fails.
    """
    booted = _booted()
    names = ", ".join(f"{identifier} ({name})" for identifier, name in booted)
    if not booted:
        msg = "no simulator is booted; boot one with: xcrun simctl boot NAME"
        raise DeviceError(msg)
    found = [each for each in booted if wanted is None or wanted in each]
    if not found:
        msg = f"no booted simulator {wanted}; booted are {names}"
        raise UsageError(msg)
    if len(found) > 1:
        msg = f"{len(found)} simulators ({names}); name one with --device"
        raise UsageError(msg)
    return SimulatorLink(*found[0], app)


def _booted() -> list[tuple[str, str]]:
    """Return identifier and name of each booted simulator of a phone or tablet."""
    said = simctl("list", "devices", "booted", "--json")
    try:
        listed = json.loads(said)["devices"]
        return [
            (str(each["udid"]), str(each["name"]))
            for runtime, devices in sorted(listed.items())
            for each in devices
            if ".iOS-" in runtime and each["state"] == _BOOTED
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = "simctl list wrote other JSON than is known; look at xcrun simctl list devices"
        raise DeviceError(msg) from error
