"""10,000 damaged and hostile files: none crashes, none escapes, none that lies is kept."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pocketmatte.device_results.adding import add, files_of
from pocketmatte.device_results.reading import parsed
from tests.pocketmatte.device_results.made import made, samples, tree
from tests.pocketmatte.device_results.mutations import mutated
from tiers.errors import BundleError

FILES = 10_000
PINNED = re.compile(
    r"schema_version|status|latency/0/what|parity/passed|parity/outputs/0/(faults"
    r"|finite).*|validity/(physical_device|latency_valid|thermal_ok)|device/emulator"
    r"|instructions_per_frame|execution/delegate_.*|started_at/.+"
)


def good() -> dict[str, Any]:
    def more(result: dict[str, Any]) -> None:
        result["battery"] = [
            {"seconds": 0.0, "percent": 80.0, "charging": False, "low_power_mode": False}
        ]
        result["errors"] = ["a note"]

    return made("one", samples(3, 12), more)


def by_path(content: Any, above: str = "") -> dict[str, Any]:
    """Return the leaves of JSON by their paths."""
    if isinstance(content, dict | list):
        items = content.items() if isinstance(content, dict) else enumerate(content)
        pairs = [by_path(value, f"{above}{key}/") for key, value in items]
        return {key: value for each in pairs for key, value in each.items()}
    return {above[:-1]: content}


def lie(result: dict[str, Any], true: dict[str, Any]) -> str | None:
    """Return what is wrong with a result that was kept, found out by other means."""
    found, expected = by_path(result), by_path(true)
    for path in found.keys() | expected.keys():
        if PINNED.fullmatch(path) and found.get(path) != expected.get(path):
            return f"{path}: {found.get(path)}, not {expected.get(path)}"
    frame = result["latency"][0]
    if sorted(frame["samples_ns"]) != sorted(true["latency"][0]["samples_ns"]):
        return "other samples"  # in another order they have the same statistics
    taken = np.array(frame["samples_ns"]) / 1e6
    figures = {
        "count": len(taken), "mean": taken.mean(), "min": taken.min(), "max": taken.max(),
        "stddev": taken.std(), **{f"p{q}": np.percentile(taken, q) for q in (50, 90, 95, 99)},
    }  # fmt: skip
    wrong = [name for name, value in figures.items() if not np.isclose(frame["ms"][name], value)]
    return f"statistics {wrong}" if wrong else None


@pytest.fixture(scope="module")
def cases() -> list[bytes]:
    return [mutated(good(), seed) for seed in range(FILES)]


def test_no_damage_makes_reading_fail_otherwise_and_none_that_lies_is_read(
    cases: list[bytes],
) -> None:
    true, read, lies, refusals = good(), 0, [], set()
    for seed, data in enumerate(cases):
        try:
            kept = parsed(data)
        except BundleError as error:
            refusals.add(str(error))
            continue
        read += 1
        assert parsed(kept.text.encode()) == kept, seed
        if wrong := lie(json.loads(kept.text), true):
            lies.append((seed, wrong))
    assert lies == []
    assert [line for line in refusals if not line.isprintable() or len(line) > 600] == []
    assert 0.02 * FILES < read < 0.5 * FILES  # some changes are true, such as another name


def test_a_lie_would_be_found_out() -> None:
    true = good()
    assert lie(true, good()) is None
    true["validity"]["latency_valid"] = False
    assert lie(true, good()) == "validity/latency_valid: False, not True"
    slower = good()
    slower["latency"][0]["ms"]["p50"] = 1.0
    assert lie(slower, good()) == "statistics ['p50']"
    slower["latency"][0]["samples_ns"][0] += 1
    assert lie(slower, good()) == "other samples"


def test_nothing_is_written_outside_of_the_store(tmp_path: Path, cases: list[bytes]) -> None:
    sources, store = tmp_path / "in" / "a", tmp_path / "deep" / "er" / "store"
    sources.mkdir(parents=True)
    for seed, data in enumerate(cases):
        (sources / f"{seed:05}.json").write_bytes(data)
    before = tree(tmp_path / "in")
    added = add(files_of([sources]), store)
    assert tree(tmp_path / "in") == before
    assert {part.name for part in tmp_path.iterdir()} == {"in", "deep"}
    assert [part.name for part in (tmp_path / "deep" / "er").iterdir()] == ["store"]
    assert len(added.added) == added.total > 50
    assert len(added.added) + added.known + len(added.refused) == FILES
    names = tree(store)
    assert set(names) == {*added.added, "results-index.json"}
    shape = re.compile(
        r"(android|ios|ipados)/[0-9a-z_-]{1,40}(/[0-9a-z_-]{1,40}){4}/[0-9a-f]{64}\.json"
    )
    assert [name for name in added.added if not shape.fullmatch(name)] == []
    assert all(f"/{digest}.json" in name for name, digest in names.items() if "/" in name)
