"""The check of killed builds holds what the next one makes to the bytes of one left alone."""

import sys
from pathlib import Path

import pytest

from runtime_tests import build_kills

# A build of one file in two steps; the careless one goes on with whatever it finds half-written.
BUILD = """
import sys, time
from pathlib import Path
out = Path(sys.argv[1])
out.mkdir(exist_ok=True)
file = out / "file"
if {careless} and file.exists():
    sys.exit()
file.write_text("half")
time.sleep(0.5)
file.write_text("half and half")
"""


@pytest.mark.parametrize(("careless", "code"), [(False, 0), (True, 1)])
def test_other_bytes_after_a_restart_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], careless: bool, code: int
) -> None:
    def command(out: Path, _: int) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", BUILD.format(careless=careless), str(out)]

    monkeypatch.setattr(build_kills, "command", command)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert build_kills.main(["--kills", "8"]) == code
    assert ("exit 0, other bytes or files" in capsys.readouterr().out) == careless
