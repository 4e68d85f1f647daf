"""A bundle before and after it was signed, and how a command refuses it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.signing.keys import read_private
from pocketmatte.signing.sign import sign
from tests.pocketmatte.signing.vouched import Keys, write_keys, write_small


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return the keys of whoever signs here."""
    return write_keys(tmp_path_factory.mktemp("keys"), 1)


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Return the keys of somebody else."""
    return write_keys(tmp_path_factory.mktemp("keys"), 2)


@pytest.fixture(scope="session")
def _small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small(tmp_path_factory.mktemp("small") / "bundle")


@pytest.fixture(scope="session")
def signed_once(_small: Path, tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Path:
    """Return a signed bundle of all tests, to be left as it is found."""
    root = shutil.copytree(_small, tmp_path_factory.mktemp("signed") / "bundle")
    assert sign(root, read_private(keys.private)).faults == ()
    return root


@pytest.fixture
def small(_small: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of a bundle that nobody signed."""
    return shutil.copytree(_small, tmp_path / "small")


@pytest.fixture
def signed(signed_once: Path, tmp_path: Path) -> Path:
    """Return a fresh copy of a signed bundle."""
    return shutil.copytree(signed_once, tmp_path / "signed")


@pytest.fixture
def refused(cli: Callable[..., Any], keys: Keys) -> Callable[..., list[str]]:
    """Return the lines that ``verify --signature-only`` refuses a bundle with; none if it passes.

    The exit code must say the same.
    """

    def call(root: Path, key: Path = keys.public) -> list[str]:
        said = cli("verify", root, "--key", key, "--signature-only")
        lines = [
            line.removeprefix("refused: ")
            for line in said.err.splitlines()
            if line.startswith("refused: ")
        ]
        assert said.code == (1 if lines else 0), said.err
        return lines

    return call
