"""The tools that build and emulate the native runner, and what to install where one is missing."""

import dataclasses
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from tiers.errors import RuntimeUnavailableError, UsageError

# Debian's package of each tool.
_PACKAGES: Mapping[str, str] = MappingProxyType(
    {
        "cmake": "cmake",
        "g++": "g++",
        "gcc": "gcc",
        "readelf": "binutils",
        "aarch64-linux-gnu-g++": "g++-aarch64-linux-gnu",
        "qemu-aarch64": "qemu-user",
        "apt-get": "apt",
        "dpkg-deb": "dpkg",
    }
)
_JSON_HEADERS = (
    Path("/usr/include/nlohmann/json.hpp"),
    Path("/usr/local/include/nlohmann/json.hpp"),
)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A machine that the runner is built for.

    Attributes:
        name: As in the name of its folder.
        compiler: Of C++.
        toolchain: CMake's file for cross compilation, in ``native_runner``; ``None`` for the host.
        libraries: Folder of the C and C++ libraries that go into the folder, so that it runs where
            there are none; ``None`` where the host's are used.
        loader: Of those libraries.
        wheel_platform: Of ExecuTorch's wheel, to be fetched; ``None`` for the installed one.
    """

    name: str
    compiler: str
    toolchain: str | None
    libraries: Path | None
    loader: str | None
    wheel_platform: str | None


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "linux-x86_64": Target(
            name="linux-x86_64",
            compiler="g++",
            toolchain=None,
            libraries=None,
            loader=None,
            wheel_platform=None,
        ),
        "linux-aarch64": Target(
            name="linux-aarch64",
            compiler="aarch64-linux-gnu-g++",
            toolchain="cmake/linux-aarch64.cmake",
            libraries=Path("/usr/aarch64-linux-gnu/lib"),
            loader="ld-linux-aarch64.so.1",
            wheel_platform="manylinux_2_28_aarch64",
        ),
    }
)


def target(name: str) -> Target:
    """Return one target.

    Raises:
        UsageError: If there is none of that name.
    """
    try:
        return TARGETS[name]
    except KeyError:
        msg = f"no target {name!r}; there are {', '.join(TARGETS)}"
        raise UsageError(msg) from None


def missing(names: Sequence[str]) -> str | None:
    """Return which tools this machine lacks and what installs them, or ``None``."""
    lacking = [name for name in names if shutil.which(name) is None]
    if not lacking:
        return None
    packages = " ".join(_PACKAGES[name] for name in lacking)
    return f"{', '.join(lacking)} not found (Debian: {packages})"


def unbuildable(to: Target) -> str | None:
    """Return why the runner cannot be built here for a target, or ``None``."""
    own = f"{platform.system().lower()}-{platform.machine()}"
    if to.toolchain is None and own != to.name:
        return f"{to.name} is built on such a machine only; this is {own}"
    if reason := missing(["cmake", "readelf", to.compiler]):
        return reason
    if not any(header.exists() for header in _JSON_HEADERS):
        return "nlohmann/json.hpp not found (Debian: nlohmann-json3-dev)"
    return None


def unemulatable() -> str | None:
    """Return why 64-bit Arm cannot be emulated here, or ``None``."""
    return missing(["qemu-aarch64"])


def fetched_wheels(
    names: Sequence[str], platforms: Sequence[str], python: str, to: Path
) -> list[Path]:
    """Fetch wheels of installed packages, in the installed versions, for other machines.

    Args:
        names: Of the packages.
        platforms: Tags, any of which will do.
        python: Version, ``3.11``.
        to: Folder for them.

    Raises:
        RuntimeUnavailableError: If one cannot be fetched.
    """
    wanted = [f"{name}=={metadata.version(name).partition('+')[0]}" for name in names]
    tags = [word for name in platforms for word in ("--platform", name)]
    ran(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--only-binary=:all:", *tags, "--python-version", python, "--dest", to,
         *wanted],
        f"fetching {', '.join(wanted)} for {platforms[0]}",
    )  # fmt: skip
    return sorted(to.glob("*.whl"))


def ran(command: Sequence[str | Path], what: str) -> str:
    """Run a tool to its end and return what it printed.

    Raises:
        RuntimeUnavailableError: If it fails; the message holds the last line it printed.
    """
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        errors = (
            [line for line in said if "error" in line.lower()] or said[-1:] or ["no word of why"]
        )
        msg = f"{what} failed with {done.returncode}: {errors[0].strip()}"
        raise RuntimeUnavailableError(msg)
    return done.stdout
