"""The native runner on a device, from a shell."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import pydantic

from export.artifact import sha256_of, size_bytes_of
from pocketmatte.devices_adb.adb import Adb
from pocketmatte.devices_adb.cargo import LOADER, RUNNER, Piece, Run, check_abi, runner_pieces
from pocketmatte.devices_adb.errors import DeviceError
from pocketmatte.devices_adb.facts import Facts
from pocketmatte.devices_adb.job import Left, base_of, script_text
from pocketmatte.devices_adb.merge import Observed
from pocketmatte.devices_adb.readings import parse_battery, parse_heat
from pocketmatte.harness.result import Memory, Plan, Result

_DEVICE = "device.json"
_WRITTEN = (0, 1)  # how the runner ends where it wrote a result


class NativeMode:
    """Runs the native runner.

    Args:
        runner: The folder that its build wrote.
        plan: Of every run.
        threads: Of the runtime.
    """

    copies = 1

    def __init__(self, runner: Path, plan: Plan, threads: int) -> None:
        self._runner, self._plan, self._threads = runner, plan, threads
        self._pieces = runner_pieces(runner)

    def pieces(self, facts: Facts, scratch: Path) -> list[Piece]:
        """Return the runner's files and what it is told of the device.

        Raises:
            RuntimeUnavailableError: If it was built for another processor.
        """
        check_abi(self._runner, facts.abis)
        path = scratch / _DEVICE
        path.write_text(facts.device.model_dump_json(indent=1) + "\n", encoding="utf-8")
        told = Piece(
            local=path, remote=_DEVICE, sha256=sha256_of(path), size_bytes=size_bytes_of(path)
        )
        return [*self._pieces, told]

    def begin(self, adb: Adb, folder: str) -> None:
        """Make the runner a program: a push from Windows brings no such mark."""
        said = adb.persist(lambda: adb.shell(f"chmod -R 755 {folder}/{RUNNER}"))
        if said.code:
            msg = f"the runner cannot be made a program: {said.err.strip()}"
            raise DeviceError(msg)

    def script(self, run: Run) -> str:
        """Return what a run does on the device."""
        words = self._words(run)
        base = base_of(run.run_id)
        memory = f"{shlex.join([*words, '--memory'])} >{base}.memory 2>{base}.memory_err"
        return script_text(run.run_id, words, f"if [ -e {base}.json ]; then {memory}; fi")

    def missing(self, left: Left, run: Run) -> str:
        """Return why there is no result."""
        return f"the runner wrote no result of {run.run_id}: it {left.ending}"

    def observed(self, left: Left, result: Result) -> Observed:
        """Return what the job saw around the runner."""
        errors = []
        if left.code not in _WRITTEN:
            errors.append(f"the runner wrote its result, then it {left.ending}")
        memory = None
        try:
            memory = Memory.model_validate_json(left.memory)
        except pydantic.ValidationError:
            said = left.memory.strip().splitlines()
            errors.append(f"memory was not measured: {said[-1] if said else 'nothing was said'}")
        took_s = _took_s(left, result)
        times = {"before": 0.0} if took_s is None else {"before": 0.0, "after": took_s}
        texts = left.readings
        return Observed(
            thermal=[parse_heat(texts[f"{w}.thermal"], s) for w, s in times.items()],
            battery=[
                parse_battery(texts[f"{when}.battery"], texts[f"{when}.power"], seconds)
                for when, seconds in times.items()
            ],
            memory=memory,
            errors=errors,
        )

    def clean(self, adb: Adb) -> None:
        """Leave the run's folder to whoever made it: there is nothing else."""

    def _words(self, run: Run) -> Sequence[str]:
        program = [f"{RUNNER}/{RUNNER}"]
        if (self._runner / LOADER).is_file():
            program = [f"{RUNNER}/{LOADER}", "--library-path", f"{RUNNER}/lib", *program]
        plan = self._plan
        options: dict[str, object] = {
            "bundle": "bundle",
            "network": run.network,
            "tier": run.tier,
            "recipe": run.recipe,
            "orientation": run.orientation,
            "trace": f"bundle/{run.trace}",
            "out": f"{base_of(run.run_id)}.json",
            "run-id": run.run_id,
            "process": "adb_shell",
            "device": _DEVICE,
            "threads": self._threads,
            "warmups": plan.warmups,
            "runs": plan.runs,
            "seconds": plan.seconds,
            "limit-seconds": plan.limit_seconds,
        }
        if plan.frames_per_second is not None:
            options["fps"] = plan.frames_per_second
            options["sustained-seconds"] = plan.sustained_seconds
        given = [word for name, value in options.items() for word in (f"--{name}", _word(value))]
        return [*program, "run", *given]


def _word(value: object) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _took_s(left: Left, result: Result) -> float | None:
    """Return the seconds between the readings, at least to the runner's own last one."""
    clocks = [left.readings[f"{when}.clock"].strip() for when in ("before", "after")]
    if not all(clock.isdecimal() for clock in clocks):
        return None
    own = [heat.seconds for heat in result.thermal]
    own += [battery.seconds for battery in result.battery]
    return max([0.0, float(int(clocks[1]) - int(clocks[0])), *own])
