import contextlib
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import coremltools as ct
import pytest

from export.artifact import members, sha256_of, size_bytes_of
from export.packing import check_functions, write_functions
from export.program import capture
from export.recipe import recipe
from export.to_coreml import to_coreml
from tiers.errors import BundleError, ExportError
from tiers.networks.rvm import Rvm
from tiers.spec import TierSpec

WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"
DEFAULT = "matte"

# Another process, whose sets and dictionaries are in another order.
_PACK = """
import sys
from pathlib import Path
from export.packing import write_functions
names, target = sys.argv[1:-1], Path(sys.argv[-1])
write_functions({n: target.parent / f"{n}.mlpackage" for n in names}, names[0], target)
"""


@pytest.fixture(scope="module")
def sources(
    network: Rvm, spec: TierSpec, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Path]:
    """Return one network's packages for both orientations, by function."""
    folder = tmp_path_factory.mktemp("sources")
    paths = {}
    for name, orientation in ((DEFAULT, "landscape"), ("matte_portrait", "portrait")):
        oriented = spec.oriented(orientation)  # type: ignore[arg-type]
        held = "x".join(str(side) for side in oriented.output_hw)
        facts = {"pocketmatte.tier": spec.name, "pocketmatte.frame_hw": held, "other": "text"}
        paths[name] = folder / f"{name}.mlpackage"
        to_coreml(capture(network, oriented, "matte", recipe("fp16")), paths[name], facts)
    return paths


@pytest.fixture(scope="module")
def package(sources: Mapping[str, Path]) -> Path:
    path = sources[DEFAULT].parent / "all.mlpackage"
    write_functions(sources, DEFAULT, path)
    return path


def refused(path: Path, sources: Mapping[str, Path], default: str = DEFAULT) -> str:
    with pytest.raises(BundleError) as caught:
        check_functions(path, sources, default)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def test_functions_share_their_weights(package: Path, sources: Mapping[str, Path]) -> None:
    assert (package / WEIGHTS).stat().st_size == (sources[DEFAULT] / WEIGHTS).stat().st_size
    assert size_bytes_of(package) < 0.75 * sum(map(size_bytes_of, sources.values()))


def test_each_function_is_its_source_as_an_app_sees_it(
    package: Path, sources: Mapping[str, Path]
) -> None:
    check_functions(package, sources, DEFAULT)
    spec = ct.utils.load_spec(str(package))
    assert spec.specificationVersion == 9
    assert [function.name for function in spec.description.functions] == list(sources)
    shapes = [list(f.input[0].type.multiArrayType.shape) for f in spec.description.functions]
    assert shapes[0] == [1, 3, shapes[1][3], shapes[1][2]]
    assert all(each.shortDescription for f in spec.description.functions for each in f.input)


def test_the_metadata_is_kept_once_where_all_agree(package: Path, spec: TierSpec) -> None:
    height, width = spec.output_hw
    assert dict(ct.utils.load_spec(str(package)).description.metadata.userDefined) == {
        "pocketmatte.tier": spec.name,
        "pocketmatte.frame_hw.matte": f"{height}x{width}",
        "pocketmatte.frame_hw.matte_portrait": f"{width}x{height}",
    }


def test_two_processes_write_the_same_bytes_and_say_nothing(
    package: Path, sources: Mapping[str, Path], root: Path
) -> None:
    other = package.with_name("elsewhere.mlpackage")
    done = subprocess.run(
        [sys.executable, "-c", _PACK, *sources, str(other)],
        cwd=root,
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        check=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.stdout == ""
    assert sha256_of(other) == sha256_of(package)
    assert sorted(path.name for path in package.parent.iterdir()) == sorted(
        [package.name, other.name, *(path.name for path in sources.values())]
    )


def test_a_package_of_other_functions_is_refused(
    package: Path, sources: Mapping[str, Path]
) -> None:
    assert refused(package, {DEFAULT: sources[DEFAULT]}) == (
        "its functions are matte, matte_portrait; expected matte: "
        "delete it and run pocketmatte pack again"
    )
    assert refused(package, sources, "matte_portrait") == (
        "its default function is 'matte'; the manifest says 'matte_portrait': "
        "delete it and run pocketmatte pack again"
    )
    turned = dict(zip(sources, reversed(list(sources.values())), strict=True))
    assert refused(package, turned) == (
        f"function matte: its input frame is not that of {turned[DEFAULT]}"
    )


def test_a_package_for_older_systems_is_refused(
    package: Path, sources: Mapping[str, Path], tmp_path: Path
) -> None:
    older = shutil.copytree(package, tmp_path / "older.mlpackage")
    spec = ct.utils.load_spec(str(older))
    spec.specificationVersion = 8
    (older / "Data/com.apple.CoreML/model.mlmodel").write_bytes(spec.SerializeToString())
    assert refused(older, sources).startswith("of specification 8; several functions take 9")


def test_a_package_that_is_cut_short_is_refused(
    package: Path, sources: Mapping[str, Path], tmp_path: Path
) -> None:
    cut = shutil.copytree(package, tmp_path / "cut.mlpackage")
    model = cut / "Data/com.apple.CoreML/model.mlmodel"
    model.write_bytes(model.read_bytes()[:-1000])
    assert refused(cut, sources).startswith("not a Core ML package that can be read (")


@contextlib.contextmanager
def largest_file(size_bytes: int) -> Iterator[None]:
    """Let the disk refuse what a file holds beyond a size, as a full one refuses."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_refuses_a_package_leaves_the_old_one(
    package: Path, sources: Mapping[str, Path], tmp_path: Path
) -> None:
    path = shutil.copytree(package, tmp_path / "all.mlpackage")
    before = {part: part.read_bytes() for part in members(path)}
    with largest_file(300_000), pytest.raises(ExportError) as caught:
        write_functions(sources, DEFAULT, path)
    message = str(caught.value)
    assert message.startswith(f"coremltools could not merge matte, matte_portrait into {path} (")
    assert message.endswith("); free some space, or build them again")
    assert "\n" not in message
    assert {part: part.read_bytes() for part in members(path)} == before
    assert list(tmp_path.iterdir()) == [path]
