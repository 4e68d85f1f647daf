import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pocketmatte.cli import run
from pocketmatte.host import host_facts
from pocketmatte.mac_report import seen_on
from pocketmatte.runtimes.coreml_macos import CoreMlMacOs
from pocketmatte.runtimes.coreml_reference import CoreMlReference, CoreMlReferenceSession
from pocketmatte.runtimes.table import CORE_ML
from tests.pocketmatte.conftest import Said
from tiers.contract import ProgramContract
from tiers.errors import BundleError, UsageError


class Refusing(CoreMlReference):
    """A Core ML that does not take any package."""

    def load(
        self, path: Path, contract: ProgramContract, *, threads: int
    ) -> CoreMlReferenceSession:
        del contract, threads
        msg = f"Core ML refuses {path}"
        raise BundleError(msg)


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of t01 as Core ML packages, its states outside and inside."""
    out = tmp_path_factory.mktemp("mac") / "bundle"
    words = "build --network rvm --tier t01 --format coreml,coreml-stateful --recipe fp16 --out"
    assert run([*words.split(), str(out)]) == 0
    return out


def test_every_package_is_seen_in_every_runtime_beside_pytorch_and_the_evaluator(
    packages: Path,
) -> None:
    ours = CoreMlReference()
    tiers: list[str] = []
    runtimes = {"stand-in": CoreMlReference(), "refusing": Refusing()}
    seen = list(seen_on(packages, runtimes, ours, frames=3, on_tier=tiers.append))
    assert tiers == ["rvm t01"]
    by_name = {(each.path.partition("fp16")[2], each.runtime): each for each in seen}
    for suffix in (".mlpackage", ".stateful.mlpackage"):
        stand_in, refusing, own = (
            by_name[suffix, name] for name in ("stand-in", "refusing", ours.name)
        )
        assert stand_in.against_torch is not None
        assert stand_in.against_torch.passed
        assert stand_in.against_evaluator is not None
        assert set(stand_in.against_evaluator.max_abs.values()) == {0.0}
        assert own.against_torch == stand_in.against_torch
        assert own.against_evaluator is None
        assert "Core ML refuses" in (refusing.refused or "")
        assert str(packages) not in (refusing.refused or "")
        assert refusing.against_torch is None
        assert (stand_in.verdict, refusing.verdict, own.verdict) == ("ran", "refused", "ran")
    assert len(seen) == 6


def test_a_bundle_without_core_ml_packages_is_refused(bundle: Path) -> None:
    with pytest.raises(UsageError, match="build it with --format coreml"):
        list(seen_on(bundle, {}, CoreMlReference(), frames=1))


def test_a_changed_package_is_refused_before_anything_runs(packages: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(packages, tmp_path / "bundle")
    weights = next(copy.rglob("weight.bin"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(BundleError, match="it changed since it was built"):
        list(seen_on(copy, {}, CoreMlReference(), frames=1))


def test_the_command_writes_what_it_found_into_one_file(
    cli: Callable[..., Said], packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pocketmatte.runtimes.table.CORE_ML", {"coreml": CoreMlReference()})
    out = tmp_path / "report.json"
    said = cli("mac", packages, "--out", out, "--frames", 2)
    assert said.code == 0, said.err
    report = json.loads(out.read_text())
    assert (report["finished"], report["frames"], report["left_out"]) == (True, 2, {})
    assert report["host"] == host_facts()
    rows = report["packages"]
    assert [row["verdict"] for row in rows] == ["ran"] * 4
    assert {row["runtime"] for row in rows} == {"coreml", "coreml-reference"}
    assert all(row["against_torch"]["frames"] == 2 for row in rows)
    beside = [row["against_evaluator"] for row in rows if row["runtime"] == "coreml"]
    assert [set(each["max_abs"].values()) for each in beside] == [{0.0}, {0.0}]
    assert str(packages) not in out.read_text()
    assert "4 runs of 2 packages" in said.err
    assert all(row["path"] in said.out for row in rows)


@pytest.mark.skipif(sys.platform == "darwin", reason="asks what happens without Core ML")
def test_off_macos_the_command_says_so_in_one_line(
    cli: Callable[..., Said], packages: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report.json"
    assert "Core ML runs on macOS only" in cli("mac", packages, "--out", out).refusal(1)
    assert not out.exists()


def test_the_compute_units_are_those_that_core_ml_names() -> None:
    coremltools = pytest.importorskip("coremltools")
    units = [each.units for each in CORE_ML.values() if isinstance(each, CoreMlMacOs)]
    assert units == [coremltools.ComputeUnit[name].name for name in units]
    assert (units[0], len(units)) == ("ALL", len(CORE_ML))
    assert set(units) == {each.name for each in coremltools.ComputeUnit}
