"""Build the native runner as a folder that runs wherever it is carried to."""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import pydantic
from pydantic import BaseModel, ConfigDict

from export.atomic import whole
from pocketmatte.native.tools import Target, fetched_wheels, missing, ran, target, unbuildable
from tiers.errors import BundleError, RuntimeUnavailableError

DESCRIPTION = "runner.json"
COUNTER = "instruction_counter.so"
RUNNER = "runner"
VECTORS_TEST = "vectors_test"

_SOURCE = Path(__file__).parents[2] / "native_runner"
_SOURCES = frozenset({".c", ".cmake", ".cpp", ".h"})
_NEEDED = re.compile(r"\(NEEDED\)\s+Shared library: \[(.+)\]")
_JOBS = os.cpu_count() or 1


class RunnerFolder(BaseModel):
    """What ``runner.json`` says of a built folder.

    Attributes:
        target: Name of the target.
        command: That starts the runner, from within the folder.
        executorch: Its version.
        source: Hash of what it was built from.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    target: str
    command: list[str]
    executorch: str
    source: str


def build_runner(to: Target, out: Path) -> Path:
    """Build the runner for a target into ``out/<target>``.

    The folder holds ``runner``, ``lib/`` with all that it loads, ``runner.json``, its test of the
    shared vectors and, where there is a C compiler, the plugin that counts an emulator's
    instructions.

    Returns:
        The folder.

    Raises:
        RuntimeUnavailableError: If a tool is missing, or fails.
        BundleError: If the disk refuses.
    """
    if reason := unbuildable(to):
        msg = f"the runner cannot be built for {to.name}: {reason}"
        raise RuntimeUnavailableError(msg)
    if not _SOURCE.is_dir():
        msg = f"{_SOURCE} is missing: the runner is built from a checkout, not from a wheel"
        raise RuntimeUnavailableError(msg)
    folder = out / to.name
    with tempfile.TemporaryDirectory() as scratch, whole(folder) as partial:
        executorch = _executorch(to, Path(scratch))
        built = Path(scratch, "built")
        _compile(to, executorch, built)
        partial.mkdir()
        for program in (RUNNER, VECTORS_TEST):
            shutil.copy2(built / program, partial / program)
        _libraries(to, executorch, partial)
        if missing(["gcc"]) is None:
            source = _SOURCE / "qemu" / "instruction_counter.c"
            ran(["gcc", "-O2", "-shared", "-fPIC", "-o", partial / COUNTER, source], "gcc")
        described = RunnerFolder(
            target=to.name,
            command=["./runner"] if to.loader is None else [f"lib/{to.loader}", "--library-path",
                                                            "lib", "./runner"],
            executorch=metadata.version("executorch"), source=source_digest(),
        )  # fmt: skip
        text = json.dumps(described.model_dump(), indent=1) + "\n"
        (partial / DESCRIPTION).write_text(text, encoding="utf-8")
    return folder


def read_runner(folder: Path) -> RunnerFolder:
    """Return what is said of a built runner.

    Raises:
        RuntimeUnavailableError: If there is none, or it is damaged.
    """
    path = folder / DESCRIPTION
    way_out = f"build it with: pocketmatte runner --target {folder.name} --out {folder.parent}"
    try:
        described = RunnerFolder.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, pydantic.ValidationError) as error:
        msg = f"no native runner in {folder}; {way_out}"
        raise RuntimeUnavailableError(msg) from error
    if described.executorch != metadata.version("executorch"):
        msg = (
            f"the runner in {folder} is of executorch {described.executorch}, installed is "
            f"{metadata.version('executorch')}; {way_out}"
        )
        raise RuntimeUnavailableError(msg)
    if _SOURCE.is_dir() and described.source != source_digest():
        msg = f"the runner in {folder} is of other sources than those in {_SOURCE}; {way_out}"
        raise RuntimeUnavailableError(msg)
    target(described.target)
    if not os.access(folder / RUNNER, os.X_OK):
        msg = f"{folder} holds no program {RUNNER}; {way_out}"
        raise RuntimeUnavailableError(msg)
    return described


def source_digest() -> str:
    """Return the hash of all that the runner is built from."""
    total = hashlib.sha256()
    for path in sorted(_SOURCE.rglob("*")):
        if path.suffix in _SOURCES or path.name == "CMakeLists.txt":
            total.update(f"{path.relative_to(_SOURCE).as_posix()}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def _executorch(to: Target, scratch: Path) -> Path:
    """Return the folder of ExecuTorch's package for a target; it is fetched where it is foreign."""
    if to.wheel_platform is None:
        found = importlib.util.find_spec("executorch")
        if found is None or not found.submodule_search_locations:
            msg = "executorch is not installed; install it with: pip install executorch"
            raise RuntimeUnavailableError(msg)
        return Path(found.submodule_search_locations[0])
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    (wheel,) = fetched_wheels(["executorch"], [to.wheel_platform], python, scratch / "wheels")
    shutil.unpack_archive(wheel, scratch / "site", "zip")
    return scratch / "site" / "executorch"


def _compile(to: Target, executorch: Path, built: Path) -> None:
    options = [f"-Dexecutorch_DIR={executorch / 'share' / 'cmake'}"]
    if to.toolchain is not None:
        options.append(f"-DCMAKE_TOOLCHAIN_FILE={_SOURCE / to.toolchain}")
        options.append(f"-Dnlohmann_json_DIR={_json_package()}")
    ran(["cmake", "-S", _SOURCE, "-B", built, *options], "cmake")
    ran(
        ["cmake", "--build", built, "--target", RUNNER, VECTORS_TEST, "-j", str(_JOBS)], "the build"
    )


def _json_package() -> Path:
    for folder in (
        Path("/usr/share/cmake"),
        Path("/usr/lib/cmake"),
        Path("/usr/local/share/cmake"),
    ):
        if (found := folder / "nlohmann_json").is_dir():
            return found
    msg = "CMake's files of nlohmann_json not found (Debian: nlohmann-json3-dev)"
    raise RuntimeUnavailableError(msg)


def _libraries(to: Target, executorch: Path, folder: Path) -> None:
    """Copy what the runner loads, and what that loads; the host's own libraries stay out."""
    (folder / "lib").mkdir()
    places = [executorch / "lib", *([to.libraries] if to.libraries else [])]
    pending = [folder / "runner"]
    if to.loader is not None and to.libraries is not None:
        shutil.copy2(to.libraries / to.loader, folder / "lib" / to.loader)
    while pending:
        for name in _NEEDED.findall(ran(["readelf", "-d", pending.pop()], "readelf")):
            copied = folder / "lib" / name
            source = next((place / name for place in places if (place / name).exists()), None)
            if copied.exists() or (source is None and to.libraries is None):
                continue
            if source is None:
                msg = f"{name}, which the runner loads, is in none of {', '.join(map(str, places))}"
                raise BundleError(msg)
            shutil.copy2(source, copied)
            pending.append(copied)
