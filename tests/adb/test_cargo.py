"""What is put on a device: what the runs read and nothing more, and only if it is whole."""

from pathlib import Path

import pytest

from export.manifest import read_manifest
from export.trace import DATA_NAME, TRACE_NAME
from pocketmatte.devices_adb.cargo import Asked, bundle_pieces, check_abi, runner_pieces, runs_of
from tests.adb.small_bundle import RECIPES, write_bundle
from tiers.errors import BundleError, RuntimeUnavailableError, UsageError


def asked(*recipes: str) -> Asked:
    return Asked(networks=("rvm",), tiers=("t01",), recipes=recipes, orientation="landscape")


def pieces_of(bundle: Path, *recipes: str) -> set[str]:
    runs = runs_of(bundle, read_manifest(bundle), asked(*recipes), "a")
    return {piece.remote for piece in bundle_pieces(bundle, runs)}


def refusal(bundle: Path) -> str:
    with pytest.raises(BundleError) as error:
        pieces_of(bundle, *RECIPES)
    return str(error.value)


def test_only_what_is_asked_is_put_on_a_device(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "bundle", tiers=("t01", "t02"))
    (bundle / "weights").mkdir()
    assert pieces_of(bundle, "fp32") == {
        "bundle/manifest.json",
        "bundle/rvm/t01/matte-fp32.pte",
        f"bundle/traces/rvm/t01/{TRACE_NAME}",
        f"bundle/traces/rvm/t01/{DATA_NAME}",
    }


def test_what_the_bundle_does_not_hold_is_refused(bundle: Path) -> None:
    upright = Asked(networks=("rvm",), tiers=("t01",), recipes=RECIPES, orientation="portrait")
    with pytest.raises(UsageError, match="no executorch file of what was asked, portrait"):
        runs_of(bundle, read_manifest(bundle), upright, "a")


def test_a_program_that_changed_is_refused(bundle: Path) -> None:
    (bundle / "rvm/t01/matte-fp32.pte").write_bytes(b"other")
    assert "matte-fp32.pte changed since it was built" in refusal(bundle)


def test_a_missing_trace_is_refused_with_the_way_out(bundle: Path) -> None:
    (bundle / "traces/rvm/t01" / TRACE_NAME).unlink()
    assert "record it with pocketmatte trace" in refusal(bundle)


def test_damaged_numbers_of_a_trace_are_refused(bundle: Path) -> None:
    path = bundle / "traces/rvm/t01" / DATA_NAME
    path.write_bytes(b"?" + path.read_bytes()[1:])
    assert "is not the one of its trace" in refusal(bundle)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"1111', '"2222', "is of other weights"),
        ('"tier": "t01"', '"tier": "t02"', "is of other frames or another network or tier"),
        ('"matte",', '"encode",', "lacks encode, which the trace plays"),
    ],
)
def test_a_trace_of_something_else_is_refused(bundle: Path, old: str, new: str, words: str) -> None:
    path = bundle / "traces/rvm/t01" / TRACE_NAME
    path.write_text(path.read_text().replace(old, new))
    assert words in refusal(bundle)


def test_a_folder_without_a_runner_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no program runner"):
        runner_pieces(tmp_path)


@pytest.mark.parametrize(
    ("machine", "abis", "fits"),
    [
        (183, ("arm64-v8a",), True),
        (62, ("arm64-v8a",), False),
        (62, ("x86_64", "arm64-v8a"), True),
        (40, ("arm64-v8a",), False),
    ],
)
def test_a_runner_for_another_processor_is_refused(
    tmp_path: Path, machine: int, abis: tuple[str, ...], fits: bool
) -> None:
    (tmp_path / "runner").write_bytes(b"\x7fELF" + bytes(14) + bytes([machine, 0]))
    if fits:
        check_abi(tmp_path, abis)
    else:
        with pytest.raises(RuntimeUnavailableError, match="the device runs arm64-v8a"):
            check_abi(tmp_path, abis)
