import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from export import targets
from export.targets import TARGETS, makeable, target
from tiers.errors import RuntimeUnavailableError, UnknownFormatError


def test_an_unknown_format_is_refused_with_the_list() -> None:
    listed = ", ".join(TARGETS)
    assert listed.startswith("onnx, coreml, coreml-image, ")
    with pytest.raises(UnknownFormatError, match=f"no format 'tflite'; there are {listed}"):
        target("tflite")


def test_a_target_is_found_by_its_name_and_no_two_share_a_suffix() -> None:
    assert target("onnx") is TARGETS["onnx"]
    assert len({row.suffix for row in TARGETS.values()}) == len(TARGETS)


def test_listing_the_formats_needs_no_torch(root: Path) -> None:
    code = "import export.targets, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_a_format_whose_optional_extra_is_missing_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(targets, "_installed", lambda name: name != "coreai-torch")
    reason = "coreai needs coreai-torch; install with: pip install 'pocketmatte[coreai]'"
    assert TARGETS["coreai"].unavailable() == reason
    with pytest.raises(RuntimeUnavailableError) as refused:
        makeable("coreai")
    assert str(refused.value) == reason
    monkeypatch.setattr(targets, "_installed", lambda _: True)
    assert makeable("coreai") is TARGETS["coreai"]


def test_a_format_without_an_extra_can_always_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_installed", lambda _: False)
    lacking = [name for name, row in TARGETS.items() if row.unavailable()]
    assert lacking == ["coreai"]


@pytest.mark.parametrize("name", [name for name, row in TARGETS.items() if row.extra])
def test_an_extra_pins_what_its_format_is_written_with(root: Path, name: str) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    pins = [Requirement(line) for line in project["optional-dependencies"][name]]
    assert sorted(pin.name for pin in pins) == sorted(TARGETS[name].extra)
    for pin in pins:
        assert [part.operator for part in pin.specifier] == ["=="]
        if TARGETS[name].unavailable() is None:
            assert importlib.metadata.version(pin.name) in pin.specifier
