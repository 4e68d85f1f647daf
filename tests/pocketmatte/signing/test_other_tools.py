"""What docs/signing.md promises: a signature can be checked without this project."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.pocketmatte.signing.vouched import FILE, Keys, flip

SHELL = re.compile(r"^```sh\n(?P<lines>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def script(root: Path) -> str:
    """Return the page's lines for other tools."""
    for tool in ("openssl", "sha256sum"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    blocks = [found["lines"] for found in SHELL.finditer((root / "docs/signing.md").read_text())]
    (lines,) = (block for block in blocks if "openssl" in block)
    return lines


def run(script: str, bundle: Path, key: Path, scratch: Path) -> subprocess.CompletedProcess[str]:
    lines = script.replace("build/bundle", str(bundle)).replace("release.pub.pem", str(key))
    return subprocess.run(
        ["sh", "-e", "-c", lines], cwd=scratch, capture_output=True, text=True, check=False
    )


def test_openssl_and_sha256sum_pass_a_signed_bundle(
    script: str, signed: Path, keys: Keys, tmp_path: Path
) -> None:
    said = run(script, signed, keys.public, tmp_path)
    assert said.returncode == 0, said.stderr
    assert "Signature Verified Successfully" in said.stdout
    assert f"{FILE}: OK" in said.stdout


def test_openssl_refuses_another_key(
    script: str, signed: Path, other_keys: Keys, tmp_path: Path
) -> None:
    said = run(script, signed, other_keys.public, tmp_path)
    assert said.returncode != 0
    assert "Signature Verification Failure" in said.stdout + said.stderr


def test_sha256sum_refuses_a_changed_file(
    script: str, signed: Path, keys: Keys, tmp_path: Path
) -> None:
    flip(signed / FILE)
    said = run(script, signed, keys.public, tmp_path)
    assert said.returncode != 0
    assert f"{FILE}: FAILED" in said.stdout
