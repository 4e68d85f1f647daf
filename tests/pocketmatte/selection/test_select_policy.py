"""Policies: what they may say, and what outranks what."""

import dataclasses
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.lock import (
    Evidence,
    Group,
    LockedFile,
    NetworkChoice,
    RuledOut,
    Taken,
)
from pocketmatte.selection.policy import USUAL, Wanted, policy_of, read_policy
from pocketmatte.selection.shapes import MisfitError
from tests.pocketmatte.selection.shipped import policy
from tiers.errors import BundleError, UsageError

TEXT = """
schema_version = 1
networks = ["rvm", "fusion"]
recipes = ["fp16", "w8a8"]
frames_per_second = 50
memory_mb = 300

[formats]
android = ["onnx", "executorch"]

[network.fusion]
frame_ms = 100
recipes = ["fp32"]
optional = true
"""


def test_a_policy_is_read(tmp_path: Path) -> None:
    path = tmp_path / "app.toml"
    path.write_text(TEXT)
    read = read_policy(path)
    assert read.networks == ("rvm", "fusion")
    rvm, fusion = (read.rules(name, Wanted()) for name in ("rvm", "fusion"))
    assert (rvm.frame_ms, rvm.recipes, rvm.optional) == (20.0, ("fp16", "w8a8"), False)
    assert (fusion.frame_ms, fusion.recipes, fusion.optional) == (100.0, ("fp32",), True)
    assert rvm.memory_mb == fusion.memory_mb == 300
    assert rvm.formats == {
        "android": ("onnx", "executorch"), "ios": ("coreml",), "ipados": ("coreml",),
    }  # fmt: skip


def test_without_a_policy_the_usual_holds() -> None:
    assert policy().rules("rvm", Wanted()) == USUAL


def test_options_outrank_what_a_network_has_of_its_own() -> None:
    own = policy(frame_ms=50, network={"rvm": {"frame_ms": 40}})
    assert own.rules("rvm", Wanted(frame_ms=30.0)).frame_ms == 30.0
    assert own.rules("rvm", Wanted(frames_per_second=100.0)).frame_ms == 10.0
    assert own.rules("fusion", Wanted()).frame_ms == 50.0


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ({"schema_version": 2}, "schema_version: it is 2; there are 1"),
        ({"frame_msec": 3}, "there is no field 'frame_msec'; take it out"),
        ({"frame_ms": 0}, "frame_ms: it is 0; it must be 0.001 or more"),
        ({"frame_ms": float("nan")}, "frame_ms: it is nan, not a finite number"),
        ({"frame_ms": float("inf")}, "frame_ms: it is inf, not a finite number"),
        ({"frame_ms": "33"}, "frame_ms: it is '33', not a number"),
        ({"frame_ms": True}, "frame_ms: it is True, not a number"),
        ({"frame_ms": 3, "frames_per_second": 3}, "give frame_ms or frames_per_second"),
        ({"recipes": []}, "recipes: it must name one or more"),
        ({"recipes": ["fp16", "fp16"]}, "recipes: it must name one or more, each once"),
        ({"recipes": ["int4"]}, "recipes: no 'int4'; there are fp32, fp16, w8, w8a8"),
        ({"formats": {"android": ["tflite"]}}, "formats.android: no 'tflite'; there are"),
        ({"formats": {"windows": ["onnx"]}}, "formats: no 'windows'; there are android"),
        ({"minimum_tier": "t13"}, "minimum_tier: it is 't13'; it must be one of t01 to t12"),
        ({"prefer": "beauty"}, "prefer: it is 'beauty'; there are 'speed', 'size', 'listed'"),
        ({"process": "emulated"}, "process: it is 'emulated'; there are 'app_foreground'"),
        ({"networks": ["unknown"]}, "networks: no 'unknown'; there are rvm"),
        ({"network": {"unknown": {}}}, "network: no 'unknown'; there are rvm"),
        ({"network": {"rvm": {"frame_ms": -1}}}, "network.rvm.frame_ms: it is -1"),
        ({"network": {"rvm": 3}}, "network.rvm: it is 3, not a table"),
        ({"network": 3}, "network: it is 3, not tables"),
    ],
)
def test_what_no_policy_may_say_is_refused_by_its_field(top: dict[str, Any], said: str) -> None:
    with pytest.raises(MisfitError) as caught:
        policy_of({"schema_version": 1, **top})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"a = ", UsageError, "is no TOML"),
        (b"\xff", UsageError, "is no TOML"),
        (b"a = " + b"[" * 100_000, UsageError, "is no TOML"),
        (b"schema_version = 1\nframe_ms = 0", UsageError, "is no policy: frame_ms: it is 0"),
        (b"", UsageError, "schema_version: it is missing"),
        (b"#" * 2**21, BundleError, "at most 1048576 are read"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(
    tmp_path: Path, data: bytes, error: type[Exception], said: str
) -> None:
    path = tmp_path / "app.toml"
    path.write_bytes(data)
    with pytest.raises(error) as caught:
        read_policy(path)
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_policy_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="No such file"):
        read_policy(tmp_path / "app.toml")


def blocks(root: Path, language: str) -> list[str]:
    """Return the blocks of a language in the page."""
    page = (root / "docs" / "selection.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_policy_of_the_page_says_every_field_and_the_usual_formats(root: Path) -> None:
    (text,) = blocks(root, "toml")
    whole = tomllib.loads(text)
    read = policy_of(whole)
    assert read.rules("rvm", Wanted()).formats == USUAL.formats
    fields = {each.name for each in dataclasses.fields(Wanted)} - {"optional", "frames_per_second"}
    assert fields <= set(whole)
    assert "frames_per_second" in text
    assert read.rules("foreground", Wanted()).optional


def test_the_lock_of_the_page_has_the_fields_of_the_schema(root: Path) -> None:
    (text,) = blocks(root, "json")
    group = json.loads(text)
    (choice,) = group["choices"]
    for kind, shown in (
        (Group, group),
        (NetworkChoice, choice),
        (Taken, choice["taken"]),
        (LockedFile, choice["taken"]["files"][0]),
        (Evidence, choice["taken"]["evidence"][0]),
        (RuledOut, choice["ruled_out"][0]),
    ):
        known = {each.name for each in dataclasses.fields(kind)}
        assert set(shown) <= known
        assert known - set(shown) <= {"why"}  # it is shortened
