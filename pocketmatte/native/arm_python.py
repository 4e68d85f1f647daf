"""A Python of 64-bit Arm with ONNX Runtime's own wheel, to be run on an emulated processor.

Debian's packages are unpacked into a folder; nothing is installed on this machine. ONNX Runtime
ends with a crash where it reads the host's ``/proc/cpuinfo``, and takes instructions that a
processor lacks where the part there is not the emulated one's: each processor has a file of its
own.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

from export.atomic import whole
from pocketmatte.native.emulation import CPUS, Cpu
from pocketmatte.native.tools import fetched_wheels, missing, ran, unemulatable
from tiers.errors import RuntimeUnavailableError

PYTHON_FOLDER = "linux-aarch64-python"
DESCRIPTION = "python.json"

_SERVER = Path(__file__).parents[2] / "native_runner" / "qemu" / "serve_onnx.py"
_PACKAGES = ("python3.11-minimal", "libpython3.11-stdlib", "libstdc++6")
_WHEELS = ("onnxruntime", "numpy")
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
# Implementer and part of each processor's identification register. Of i8mm, which is no real one,
# those of a Neoverse N2: with parts that it does not know ONNX Runtime ends with a crash.
_PARTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"cortex-a72": ("0x41", "0xd08"), "cortex-a76": ("0x41", "0xd0b"), "i8mm": ("0x41", "0xd49")}
)


def build_arm_python(out: Path) -> Path:
    """Fetch and unpack it into ``out/linux-aarch64-python``; return that folder.

    Raises:
        RuntimeUnavailableError: If this is no Debian, or something cannot be fetched.
        BundleError: If the disk refuses.
    """
    if reason := missing(["apt-get", "dpkg-deb"]):
        msg = f"a Python of 64-bit Arm is made of Debian's packages: {reason}"
        raise RuntimeUnavailableError(msg)
    folder = out / PYTHON_FOLDER
    with tempfile.TemporaryDirectory() as scratch, whole(folder) as partial:
        partial.mkdir()
        _debian(Path(scratch), partial / "root")
        for wheel in fetched_wheels(_WHEELS, _PLATFORMS, "3.11", Path(scratch, "wheels")):
            shutil.unpack_archive(wheel, partial / "site", "zip")
        for name in CPUS:
            _root_of(partial, name)
        described = _versions()
        (partial / DESCRIPTION).write_text(json.dumps(described) + "\n", encoding="utf-8")
    return folder


def read_arm_python(folder: Path) -> None:
    """Check that a folder holds one, of the installed versions, and that it can be emulated.

    Raises:
        RuntimeUnavailableError: If it does not, or cannot.
    """
    if reason := unemulatable():
        raise RuntimeUnavailableError(reason)
    way_out = f"fetch it with: pocketmatte runner --target {PYTHON_FOLDER} --out {folder.parent}"
    try:
        described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        held = {name: str(described[name]) for name in _WHEELS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"no Python of 64-bit Arm in {folder}; {way_out}"
        raise RuntimeUnavailableError(msg) from error
    if held != _versions():
        msg = f"{folder} holds {_listed(held)}, installed are {_listed(_versions())}; {way_out}"
        raise RuntimeUnavailableError(msg)
    if not _SERVER.is_file():
        msg = f"{_SERVER} is missing: ONNX files are served from a checkout, not from a wheel"
        raise RuntimeUnavailableError(msg)


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in _WHEELS}


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def onnx_server(folder: Path, model: Cpu, path: Path, threads: int) -> list[str]:
    """Return the command line that serves an ONNX file on a processor, from within ``folder``."""
    held = folder.absolute()
    settings = {
        "LD_LIBRARY_PATH": "",
        "PYTHONHOME": str(held / "root" / "usr"),
        "PYTHONPATH": str(held / "site"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    words = ["qemu-aarch64", "-cpu", model.qemu, "-L", str(held / f"root-{model.name}")]
    for name, value in settings.items():
        words += ["-E", f"{name}={value}"]
    python = held / "root" / "usr" / "bin" / "python3.11"
    return [*words, str(python), str(_SERVER), str(path), str(threads)]


def _debian(scratch: Path, root: Path) -> None:
    """Unpack Debian's packages for 64-bit Arm; what this machine has of Debian stays as it is."""
    state = scratch / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    settings = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "Dir::State::Lists": state / "lists",
        "Dir::State::status": state / "status",
        "Dir::Cache::archives": state / "archives",
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        "Debug::NoLocking": "true",
    }
    words = ["apt-get", "-qq"]
    for name, value in settings.items():
        words += ["-o", f"{name}={value}"]
    ran([*words, "update"], "fetching Debian's lists")
    fetch = ["install", "--download-only", "--yes", "--no-install-recommends"]
    ran([*words, *fetch, *_PACKAGES], "fetching Debian's packages")
    root.mkdir()
    for package in sorted((state / "archives").glob("*.deb")):
        ran(["dpkg-deb", "--extract", package, root], f"unpacking {package.name}")


def _root_of(folder: Path, name: str) -> None:
    """Make the root that a processor sees: the common one, and its own ``/proc/cpuinfo``."""
    own = folder / f"root-{name}"
    (own / "proc").mkdir(parents=True)
    for shared in ("lib", "usr"):
        (own / shared).symlink_to(Path("..", "root", shared))
    implementer, part = _PARTS[name]
    text = (
        "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n"
        f"CPU implementer\t: {implementer}\nCPU architecture: 8\nCPU variant\t: 0x0\n"
        f"CPU part\t: {part}\nCPU revision\t: 0\n"
    )
    (own / "proc" / "cpuinfo").write_text(text, encoding="utf-8")
