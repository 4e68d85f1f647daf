"""``pocketmatte mac``: what it writes and when, and how it ends."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from export.manifest import Artifact, Manifest
from pocketmatte import mac_report
from pocketmatte.mac_report import Seen
from tests.pocketmatte.conftest import Said
from tests.pocketmatte.mac_report.conftest import FIRST, SECOND, Change, Programs, Units, shifted
from tiers.errors import UsageError


class Mac:
    """The command on a Mac whose Core ML is a stand-in."""

    def __init__(self, call: Callable[..., Said], out: Path) -> None:
        self.call, self.out = call, out

    def __call__(self, *words: object) -> Said:
        return self.call("mac", "bundle", "--out", self.out, "--frames", 3, *words)

    def report(self) -> dict[str, object]:
        read: dict[str, object] = json.loads(self.out.read_text())
        return read


@pytest.fixture
def mac(
    cli: Callable[..., Said],
    manifest: Manifest,
    programs: Programs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Mac:
    assert manifest.artifacts
    ours = Units("coreml-reference", programs.reference, {})
    runtimes = {"coreml": Units("coreml", programs.reference, {})}
    monkeypatch.setattr("pocketmatte.runtimes.table.CORE_ML", runtimes)
    monkeypatch.setattr("pocketmatte.runtimes.table.RUNTIMES", {"coreml-reference": ours})
    return Mac(cli, tmp_path / "made" / "report.json")


def test_the_command_says_what_it_leaves_out(mac: Mac) -> None:
    said = mac()
    assert said.code == 0, said.err
    assert "left out: 1 package(s) of 8-bit images" in said.err
    assert "left out: 1 package(s) of several files" in said.err
    report = mac.report()
    assert isinstance(report["left_out"], dict)
    assert set(report["left_out"]) == {"rvm/t01/first.coreml-image", "rvm/t01/all-fp16.mlpackage"}
    assert report["finished"] is True


@pytest.mark.parametrize(
    ("own", "evaluated", "frames", "verdict"),
    [
        ({FIRST: None}, {}, 3, "refused"),
        ({SECOND: shifted}, {}, 3, "failed"),
        ({}, {SECOND: shifted}, 3, "failed"),
        ({}, {}, 1, "not called"),
    ],
)
def test_the_command_ends_with_1_unless_everything_ran_and_kept_its_limits(
    mac: Mac,
    programs: Programs,
    monkeypatch: pytest.MonkeyPatch,
    own: Mapping[str, Change | None],
    evaluated: Mapping[str, Change | None],
    frames: int,
    verdict: str,
) -> None:
    runtimes = {"coreml": Units("coreml", programs.reference, own)}
    ours = Units("coreml-reference", programs.reference, evaluated)
    monkeypatch.setattr("pocketmatte.runtimes.table.CORE_ML", runtimes)
    monkeypatch.setattr("pocketmatte.runtimes.table.RUNTIMES", {"coreml-reference": ours})
    said = mac("--frames", frames, "--json")
    assert said.code == 1
    assert verdict in {row["verdict"] for row in said.json()["packages"]}
    assert f"{verdict}: rvm/t01/" in said.err


def test_an_interruption_leaves_the_tiers_that_were_done(
    mac: Mac, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(_: Path, __: Manifest, same_tier: list[Artifact], ___: int) -> Programs:
        if same_tier[0].tier == "t02":
            raise KeyboardInterrupt
        return programs

    monkeypatch.setattr(mac_report, "open_group", opened)
    assert mac().code not in (0, None)
    report = mac.report()
    assert report["finished"] is False
    assert isinstance(report["packages"], list)
    assert {row["path"] for row in report["packages"]} == {
        f"rvm/t01/{program}.coreml" for program in (FIRST, SECOND)
    }


@pytest.mark.parametrize(
    ("place", "reason"), [("folder", "it is a folder"), ("file/report.json", "")]
)
def test_a_place_that_takes_no_file_is_refused_before_anything_runs(
    mac: Mac, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, reason: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    monkeypatch.setattr(mac_report, "seen_on", lambda *_, **__: pytest.fail("something ran"))
    mac.out = tmp_path / place
    message = mac().refusal(2)
    assert message.startswith(f"--out {mac.out} cannot be written ({reason}")
    assert message.endswith("); choose another file")
    assert (tmp_path / "file").read_text() == "kept"


def test_an_older_report_stays_until_there_is_something_new(
    mac: Mac, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> Iterator[Seen]:
        msg = "nothing to play"
        raise UsageError(msg)

    mac.out.parent.mkdir()
    mac.out.write_text("older")
    monkeypatch.setattr(mac_report, "seen_on", failing)
    said = mac()
    assert (said.code, said.err.splitlines()[-1]) == (2, "pocketmatte: nothing to play")
    assert mac.out.read_text() == "older"
