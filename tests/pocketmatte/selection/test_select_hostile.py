"""Whatever devices say and whatever results hold, there is an answer or a clear refusal."""

import copy
import dataclasses
import functools
import json
import random
import types
import typing
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.harness.reading import read_result
from pocketmatte.selection.asked import plain_facts, targets_of
from pocketmatte.selection.candidates import candidates_of
from pocketmatte.selection.deciding import decide
from pocketmatte.selection.device_result import DeviceResult
from pocketmatte.selection.evidence import read_run, run_from
from pocketmatte.selection.held import read_held
from pocketmatte.selection.judging import Question
from pocketmatte.selection.lock import Asked
from pocketmatte.selection.policy import USUAL
from pocketmatte.selection.runs import Run
from tests.pocketmatte.selection.shipped import (
    TIERS,
    device_result,
    write_bundle,
)
from tests.pocketmatte.selection.test_lookup_hostile import random_facts
from tiers.errors import PocketMatteError

RUNS = 10_000
STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2**63, 10**30, 1.5, -0.0, 1e308, "", " ", "\n", "\ud800", "nan",
    "t05", "ok", "fp16", "../../x", "x" * 5000, [], {}, [[]], {"a": 1}, [None], "app_foreground",
]  # fmt: skip


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of one network in all tiers."""
    return write_bundle(tmp_path_factory.mktemp("one") / "bundle", recipes=("fp16",))


def refused_or(answer: Callable[[], object]) -> str:
    """Return which it was; a refusal must be one line that can be printed."""
    said = None
    try:
        answer()
    except PocketMatteError as error:
        said = str(error)
    if said is None:
        return "answered"
    assert said.isprintable(), repr(said)
    assert len(said) < 1000
    return "refused"


def test_ten_thousand_devices_get_a_class_or_a_refusal() -> None:
    source = random.Random(31)

    def answer() -> None:
        facts = random_facts(source)
        if source.random() < 0.05:
            facts[source.choice(["", "ram", "PLATFORM", "\ud800"])] = source.choice(STRANGE)
        if source.random() < 0.05:
            facts.pop("platform")
        asked = Asked(by="facts", name=None, facts=plain_facts(facts), platform=None)
        (target,) = targets_of(asked)
        assert target.device_class.tier in TIERS
        assert target.why

    said = Counter(refused_or(answer) for _ in range(RUNS))
    assert said["answered"] > RUNS / 4
    assert said["refused"] > RUNS / 20


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value inside."""
    found = [path] if path else []
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in items:
            found += places(each, (*path, key))
    return found


def corrupted(text: str, ways: list[tuple[Any, ...]], source: random.Random) -> bytes:
    """Return a result with something wrong, or with another value that may be right."""
    changed = json.loads(text)
    for _ in range(source.choice((1, 1, 2))):
        put(changed, source.choice(ways), source.choice(STRANGE), gone=source.random() < 0.2)
    data = json.dumps(changed).encode()
    if source.random() < 0.2:
        data = data[: source.randrange(len(data))]
    elif source.random() < 0.2:
        at = source.randrange(len(data))
        data = data[:at] + bytes([source.randrange(256)]) + data[at + 1 :]
    return data


def put(value: Any, way: tuple[Any, ...], new: Any, *, gone: bool = False) -> None:
    """Put a new value where a way leads, as far as it goes, or take away what is there."""
    for key in way[:-1]:
        if not holds(value, key):
            return
        value = value[key]
    if holds(value, way[-1]):
        if gone:
            del value[way[-1]]
        else:
            value[way[-1]] = copy.deepcopy(new)


def holds(value: Any, key: Any) -> bool:
    if isinstance(value, dict):
        return key in value
    return isinstance(value, list) and isinstance(key, int) and key < len(value)


def test_ten_thousand_corrupted_results_choose_or_are_refused(root: Path) -> None:
    source = random.Random(32)
    candidates = {each.key: each for each in candidates_of(read_held(root), "rvm", "landscape")}

    def answer(data: bytes) -> None:
        run: Run = run_from(data, "result.json")
        decisions = decide(
            Question(
                platform="android", rules=USUAL, candidates=candidates, runs=[run],
                estimate=lambda *_: None,
            )
        )  # fmt: skip
        assert set(decisions) == set(TIERS)
        decided.append(decisions["t11"].taken is not None)

    decided: list[bool] = []
    whole = [device_result(root, tier) for tier in ("t01", "t05", "t12")]
    given = [(json.dumps(each), places(each)) for each in whole]
    said = Counter(
        refused_or(functools.partial(answer, corrupted(*source.choice(given), source)))
        for _ in range(RUNS)
    )
    assert said["answered"] > RUNS / 10
    assert said["refused"] > RUNS / 4
    assert all(decided)


def looked_at(way: tuple[Any, ...]) -> bool:
    """Say whether a choice reads the value that a way leads to."""
    kind: Any = DeviceResult
    for key in way:
        while typing.get_origin(kind) in (types.UnionType, typing.Annotated):
            kind = typing.get_args(kind)[0]
        if dataclasses.is_dataclass(kind):
            hints = typing.get_type_hints(kind, include_extras=True)
            if key not in hints:
                return False
            kind = hints[key]
        else:
            kind = typing.get_args(kind)[0]
    return True


def test_what_the_protocol_refuses_is_refused_here(root: Path, tmp_path: Path) -> None:
    source, path = random.Random(33), tmp_path / "result.json"
    good = device_result(root, peak_bytes=10)
    good["sustained"] = {
        "frames_per_second": 30.0, "seconds": 1.0, "frames": 2, "late": 0,
        "ms": good["latency"][0]["ms"], "last_quarter_p95_ms": 20.0,
    }  # fmt: skip
    ways = [way for way in places(good) if looked_at(way)]
    said: Counter[tuple[str, str]] = Counter()
    for _ in range(3000):
        changed = copy.deepcopy(good)
        for way in source.sample(ways, source.choice((1, 1, 2))):
            put(changed, way, source.choice([*STRANGE[:14], *STRANGE[15:]]))
        path.write_text(json.dumps(changed))
        both = plainly(lambda: read_result(path)), refused_or(lambda: read_run(path))
        if both == ("answered", "refused"):  # the protocol does not know what no device can say
            with pytest.raises(
                PocketMatteError, match=r"no device can say|schema_version: it is True"
            ):
                read_run(path)
            continue
        said[both] += 1
    assert set(said) == {("answered", "answered"), ("refused", "refused")}, said


def plainly(answer: Callable[[], object]) -> str:
    """Return which it was; how it is said does not matter here."""
    try:
        answer()
    except PocketMatteError:
        return "refused"
    return "answered"
