import subprocess
import sys
from pathlib import Path

import pytest

from pocketmatte import host
from pocketmatte.host import host_facts, nameless


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Make this machine say of itself what a Mac says."""
    monkeypatch.setattr(host, "_CPUINFO", tmp_path / "none")
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    monkeypatch.setattr("platform.release", lambda: "25.1.0")
    monkeypatch.setattr("platform.processor", lambda: "arm")
    monkeypatch.setattr("platform.mac_ver", lambda: ("26.1", ("", "", ""), "arm64"))


def _answering(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let a line of Python answer in place of ``sysctl``."""
    monkeypatch.setattr(host, "_SYSCTL", (sys.executable, "-I", "-S", "-c", program))


@pytest.mark.usefixtures("mac")
def test_a_mac_is_named_by_its_chip_and_its_release_of_macos(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _answering(monkeypatch, "print('Apple M4 Pro')")
    facts = host_facts()
    assert (facts["cpu"], facts["os"]) == ("Apple M4 Pro", "macOS 26.1")


@pytest.mark.usefixtures("mac")
@pytest.mark.parametrize("fault", ["raise SystemExit(1)", "print()"])
def test_a_mac_that_does_not_say_its_chip_is_described_all_the_same(
    monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    _answering(monkeypatch, fault)
    assert host_facts()["cpu"] == "arm"


@pytest.mark.usefixtures("mac")
def test_a_mac_without_sysctl_is_described_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "_SYSCTL", ("/nowhere/sysctl",))
    assert host_facts()["cpu"] == "arm"


def test_other_systems_are_not_asked_for_an_apple_chip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("platform.release", lambda: "6.1")
    monkeypatch.setattr("platform.mac_ver", lambda: ("", ("", "", ""), ""))
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("sysctl was run"))
    assert host_facts()["os"] == "Linux 6.1"


@pytest.mark.parametrize(
    ("root", "reason", "told"),
    [
        (
            "/people/ann/b",
            "refuses /people/ann/b/rvm/m.mlpackage: no",
            "refuses rvm/m.mlpackage: no",
        ),
        ("/people/ann/b", "at file:///people/ann/b/rvm/m", "at file://rvm/m"),
        ("/people/ann/b", "/people/ann/bb/m", "~/bb/m"),
        ("/people/ann/b", "of the bundle /people/ann/b", "of the bundle ~/b"),
        ("/people/ann/b", "/people/anna/b/m", "/people/anna/b/m"),
        ("build/mac", "refuses build/mac/rvm/m", "refuses rvm/m"),
        ("mac", "/other/mac/m and mac/m", "/other/mac/m and m"),
        (".", "refuses rvm/m.mlpackage", "refuses rvm/m.mlpackage"),
    ],
)
def test_a_reason_names_neither_the_bundles_folder_nor_the_users(
    monkeypatch: pytest.MonkeyPatch, root: str, reason: str, told: str
) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/people/ann"))
    assert nameless(reason, Path(root)) == told


def test_the_folder_that_a_relative_one_is_in_is_not_named_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert nameless(f"refuses {tmp_path}/build/rvm/m", Path("build")) == "refuses rvm/m"
