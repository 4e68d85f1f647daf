"""The adb program is asked with patience, and a cut answer is never taken for a whole one."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pocketmatte.devices_adb.adb import Adb, Patience
from pocketmatte.devices_adb.errors import DeviceError, StoppedError, TransportError
from pocketmatte.devices_adb.job import Left, forget_failed
from tests.adb.device_server import Device
from tests.adb.scenario import hasty

GONE = "the connection broke"


def adb_of(device: Device, stop: threading.Event | None = None) -> Adb:
    return Adb("adb", device.serial, hasty(), stop or threading.Event())


def test_a_command_gives_its_output_and_code(connect: Callable[..., Device]) -> None:
    said = adb_of(connect()).shell("printf out; echo err >&2; exit 255")
    assert (said.out, said.err, said.code) == ("out", "err\n", 255)


def test_a_device_with_a_shell_of_the_first_form_gives_codes_too(
    connect: Callable[..., Device],
) -> None:
    device = connect("cmd")
    device.faults.crlf = True
    said = adb_of(device).shell("echo out; exit 3")
    assert (said.out, said.code) == ("out\n", 3)


def test_a_connection_that_breaks_in_a_command_is_no_answer(
    connect: Callable[..., Device],
) -> None:
    device = connect()
    device.faults.drops_in_run = 1
    (device.root / "a.began").touch()
    with pytest.raises(TransportError):
        adb_of(device).shell("echo setsid; sleep 5")


def test_a_command_that_kills_its_own_shell_is_no_answer(connect: Callable[..., Device]) -> None:
    with pytest.raises(TransportError):
        adb_of(connect()).shell("kill -9 $$")


def test_sections_keep_what_each_command_said_apart(connect: Callable[..., Device]) -> None:
    commands = {"one": "printf a", "none": "false", "two": "echo b; echo c"}
    found = adb_of(connect()).sections(commands)
    assert {name: text.strip() for name, text in found.items()} == {
        "one": "a",
        "none": "",
        "two": "b\nc",
    }


def test_what_asking_again_does_not_mend_says_the_way_out(
    connect: Callable[..., Device], tmp_path: Path
) -> None:
    with pytest.raises(DeviceError, match="does not exist; run it again") as error:
        adb_of(connect()).pull("/data/local/tmp/none", tmp_path / "none")
    assert not isinstance(error.value, TransportError)


def test_a_file_that_cannot_be_written_here_is_not_put_down_to_the_device(
    connect: Callable[..., Device], tmp_path: Path
) -> None:
    device = connect()
    (device.root / "there").touch()
    with pytest.raises(DeviceError, match="its folder on this computer") as error:
        adb_of(device).pull("/data/local/tmp/there", tmp_path / "none" / "there")
    assert not isinstance(error.value, TransportError)


def test_a_broken_connection_is_tried_so_often_and_no_more(
    connect: Callable[..., Device],
) -> None:
    tries = []

    def step() -> None:
        tries.append(time.monotonic())
        raise TransportError(GONE)

    with pytest.raises(TransportError, match=GONE):
        adb_of(connect()).persist(step)
    assert len(tries) == hasty().attempts


def test_ctrl_c_ends_a_command_that_would_go_on(connect: Callable[..., Device]) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        adb_of(connect(), stop).shell("sleep 30")


def test_ctrl_c_ends_the_wait_before_another_attempt() -> None:
    stop = threading.Event()
    stop.set()
    tries = []

    def step() -> None:
        tries.append(1)
        raise TransportError(GONE)

    with pytest.raises(StoppedError):
        Adb("adb", None, Patience(first_delay_s=1000.0), stop).persist(step)
    assert len(tries) == 1


def test_only_jobs_that_ended_without_a_result_are_made_again(
    connect: Callable[..., Device],
) -> None:
    device = connect()
    results = device.root / "run" / "results"
    results.mkdir(parents=True)
    for name in ("good.code", "good.json", "bad.code", "at-work.pid"):
        (results / name).touch()
    forget_failed(adb_of(device), "/data/local/tmp/run")
    left = {path.name for path in results.iterdir()}
    assert left == {"good.code", "good.json", "at-work.pid"}


@pytest.mark.parametrize(
    ("code", "err", "words"),
    [
        (3, "first\nlast\n", "ended with 3; last"),
        (139, "", "was killed by signal 11; it said nothing"),
    ],
)
def test_how_a_program_ended_is_told_in_one_line(code: int, err: str, words: str) -> None:
    left = Left(code=code, out="", err=err, has_result=False, memory="", readings={})
    assert left.ending == words
