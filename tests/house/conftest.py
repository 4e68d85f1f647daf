"""What the tests of the house look at."""

import subprocess
from pathlib import Path, PurePosixPath

import pytest
import typer
from typer.core import TyperCommand, TyperGroup


@pytest.fixture(scope="session")
def project_files(root: Path) -> list[PurePosixPath]:
    """Every file that is tracked, or would be once added, relative to the repository."""
    git = ("git", "-c", f"safe.directory={root}", "ls-files")
    listing = subprocess.run(
        (*git, "-z", "--cached", "--others", "--exclude-standard"),
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip(f"needs a git checkout: {listing.stderr.strip()}")
    names = filter(None, listing.stdout.split("\0"))
    return sorted(PurePosixPath(name) for name in names if (root / name).is_file())


@pytest.fixture(scope="session")
def commands() -> dict[str, TyperCommand]:
    """The commands of the command line, by name."""
    from pocketmatte.cli import app

    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return {name: c for name, c in group.commands.items() if isinstance(c, TyperCommand)}
