"""What a build holds is counted over all of its processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.build_memory import held_bytes, main

# A process that starts another one; each holds so many bytes of its own.
_OWN = 64 << 20
_HOLDER = f"held = bytearray(b'1' * {_OWN}); print('held', flush=True); input()"
_BOTH = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {_HOLDER!r}], stdin=0)
{_HOLDER}
child.wait()
"""

pytestmark = pytest.mark.skipif(
    not Path(f"/proc/{os.getpid()}/smaps_rollup").is_file(), reason="needs Linux's /proc"
)


def test_processes_that_a_process_starts_count_with_it() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _BOTH], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for _ in range(2):
            assert process.stdout.readline() == b"held\n"
        held = held_bytes(process.pid)
    finally:
        process.communicate(b"\n\n")
    assert 2 * _OWN < held < 3 * _OWN
    assert held_bytes(process.pid) == 0


def test_a_process_that_ends_while_it_is_looked_at_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "12").mkdir()
    (tmp_path / "13").mkdir()
    (tmp_path / "13" / "stat").write_text("13 (a) b) S 1 12 12 0")
    assert held_bytes(12, tmp_path) == 0
    (tmp_path / "13" / "smaps_rollup").write_text("55-7f [rollup]\nRss:  9 kB\nPss:  7 kB\n")
    assert held_bytes(12, tmp_path) == 7 * 1024
    assert held_bytes(13, tmp_path) == 0


@pytest.mark.parametrize(("within", "code"), [("0.01", 1), ("64", 2)])
def test_more_than_is_allowed_fails_and_else_the_build_decides(
    within: str, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    given = ["--within", within, "--every", "0.05", "--", "--network", "no such network"]
    assert main(given) == code
    assert ("lower --memory-gib" in capfd.readouterr().err) == (code == 1)
