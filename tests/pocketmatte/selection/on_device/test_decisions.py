"""Whatever a lock, a device file and a device say: an answer, or a clear refusal."""

import copy
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pocketmatte.selection.on_device.deciding import Decision, decide
from pocketmatte.selection.on_device.device_file import DeviceFile, device_file_of
from pocketmatte.selection.on_device.device_lock import DeviceLock, lock_of
from pocketmatte.selection.on_device.placing import facts_of
from pocketmatte.selection.shapes import MisfitError
from tests.pocketmatte.selection.test_lookup_hostile import random_facts
from tests.pocketmatte.selection.test_select_hostile import STRANGE
from tiers.errors import UsageError

RUNS = 600


@pytest.fixture(scope="module")
def vectors(root: Path) -> Path:
    return root / "docs" / "protocol" / "vectors" / "on_device"


@pytest.fixture(scope="module")
def read(vectors: Path) -> tuple[DeviceLock, DeviceFile]:
    lock, sha256 = lock_of((vectors / "lock.json").read_bytes())
    return lock, device_file_of((vectors / "device.json").read_bytes(), lock, sha256)


def decided(
    read: tuple[DeviceLock, DeviceFile], model: str, damaged: Callable[[str], bool]
) -> Decision:
    facts = facts_of({"platform": "android", "manufacturer": "samsung", "model": model})
    return decide(*read, facts, "rvm", lambda held: not damaged(held.path))


def test_a_device_runs_what_was_taken_for_its_class(read: tuple[DeviceLock, DeviceFile]) -> None:
    found = decided(read, "SM-S928B", lambda _: False)
    assert (found.placed.device_class, found.group_class, found.refused) == ("t11", "t11", None)
    assert found.at is not None
    group = next(each for each in read[0].groups if each.device_class == "t11")
    assert group.choices[0].taken is not None
    assert found.steps[found.at].tier == group.choices[0].taken.tier


def test_a_damaged_file_gives_way_to_the_next_lower_tier_and_never_to_a_higher(
    read: tuple[DeviceLock, DeviceFile],
) -> None:
    whole = decided(read, "SM-S928B", lambda _: False)
    assert whole.at is not None
    for at in range(len(whole.steps)):
        gone = {held.path for step in whole.steps[at : whole.at + 1] for held in step.files}
        found = decided(read, "SM-S928B", gone.__contains__)
        assert set(found.damaged) == gone
        if at == 0:
            assert (found.refused, found.steps, found.at) == ("files_damaged", (), None)
        elif at <= whole.at:
            assert found.at == at - 1
            assert found.steps[found.at] == whole.steps[at - 1]


def test_a_class_without_a_group_gets_what_the_highest_below_it_gets(
    read: tuple[DeviceLock, DeviceFile],
) -> None:
    facts = facts_of({"platform": "android", "soc": "SM8750", "ram_bytes": 2**34})
    found = decide(*read, facts, "rvm", lambda _: True)
    assert (found.placed.device_class, found.group_class) == ("t12", "t11")


def test_a_platform_without_a_group_low_enough_is_refused(
    read: tuple[DeviceLock, DeviceFile],
) -> None:
    found = decide(*read, facts_of({"platform": "ios"}), "rvm", lambda _: True)
    assert (found.refused, found.at) == ("no_group", None)


def _corrupted(source: random.Random, value: Any) -> None:
    """Change one place of a JSON value."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = source.choice(keys)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and source.random() < 0.8:
            value = inner
            continue
        if source.random() < 0.3:
            del value[key]
        else:
            value[key] = source.choice([*STRANGE, copy.deepcopy(inner)])
        return


def test_thousands_of_corrupted_files_give_an_answer_or_a_refusal(vectors: Path) -> None:
    source = random.Random(6)
    cases = [json.loads((vectors / name).read_text()) for name in ("lock.json", "device.json")]
    index = cases[1]["index"]
    index["devices"] = [each for each in index["devices"] if each["soc"] < 12][:20]
    index["socs"] = index["socs"][:12]
    said: Counter[str] = Counter()
    for _ in range(RUNS):
        lock_value, device_value = copy.deepcopy(cases[0]), copy.deepcopy(cases[1])
        _corrupted(source, source.choice((lock_value, device_value)))
        lock_data = json.dumps(lock_value).encode()
        device_value["lock_sha256"] = hashlib.sha256(lock_data).hexdigest()
        try:
            lock, sha256 = lock_of(lock_data)
            file = device_file_of(json.dumps(device_value).encode(), lock, sha256)
        except MisfitError as error:
            said["refused" if str(error).isprintable() else "not printable"] += 1
            continue
        try:
            facts = facts_of(random_facts(source))
        except UsageError:
            continue
        found = decide(lock, file, facts, "rvm", lambda _: source.random() < 0.8)
        assert (found.at is None) == (found.refused is not None)
        said["answered"] += 1
    assert said["not printable"] == 0
    assert said["refused"] > RUNS / 10
    assert said["answered"] > RUNS / 10


def test_what_only_some_languages_can_read_is_refused_and_the_largest_size_is_not(
    vectors: Path,
) -> None:
    text = (vectors / "lock.json").read_text()
    size = '"size_bytes": '
    assert text.count(size) > 1
    number = text.split(size, 1)[1].split("\n")[0].split("}")[0].split(",")[0]

    def sized(other: str) -> bytes:
        return text.replace(f"{size}{number}", f"{size}{other}", 1).encode()

    lock_of(sized(str(2**63 - 1)))
    for wrong in (sized(str(2**63)), sized("5.0"), b"\xef\xbb\xbf" + text.encode()):
        with pytest.raises(MisfitError):
            lock_of(wrong)
    lock, sha256 = lock_of(text.encode())
    device = json.loads((vectors / "device.json").read_text())
    device["index"]["socs"][0]["names"][0] = "\ud83d"
    with pytest.raises(MisfitError, match="UTF-8"):
        device_file_of(json.dumps(device).encode(), lock, sha256)
