"""Whatever a device says, there is an answer or a clear refusal."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pocketmatte.selection.classes import CLASSES
from pocketmatte.selection.devices import device_table
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.lookup import find
from tiers.errors import UsageError

TABLE = device_table()
RUNS = 10_000
NAMES = sorted(
    {device.manufacturer for device in TABLE.devices}
    | {model for device in TABLE.devices for model in device.models}
    | {name for device in TABLE.devices for name in device.devices}
    | {name for soc in TABLE.socs.values() for name in (soc.name, *soc.reported)}
)
STRANGE: list[Any] = [
    None, "", " ", "\n", "\x00", "\u202e", "\U0001f4f1", "\u0130", "a" * 10_000, "-", "/", "MT",
    "mt" + "9" * 500, "../../devices.toml", "'; --", "%s%n", 3, 1.5, b"x", [], {},
]  # fmt: skip
NUMBERS: list[Any] = [
    None, 0, 1, -1, 4, 8, 30, 33, 34, 2**30, 4 * 2**30, 8 * 2**30, 2**40, 2**63, 10**400, 1e30,
    float("nan"), float("inf"), True, "8",
]  # fmt: skip


def answer_or_refusal(facts: dict[str, Any]) -> str:
    """Return which of the two it was; anything else is an error of the test."""
    try:
        found = find(Facts(**facts))
    except UsageError:
        return "refused"
    assert found.device_class in CLASSES
    assert found.reason
    assert found.reason.isprintable()
    return "answered"


def random_facts(source: random.Random) -> dict[str, Any]:
    def name() -> Any:
        text = source.choice(NAMES)
        if source.random() < 0.6:
            return text
        if source.random() < 0.5:
            return "".join(source.choice((c.upper(), c.lower(), c + " ")) for c in text)
        return source.choice(STRANGE)

    texts = ("manufacturer", "model", "device", "soc", "os_version")
    numbers = ("ram_bytes", "api_level", "media_performance_class", "cores")
    facts: dict[str, Any] = {"platform": source.choice(("android", "ios", "ipados"))}
    if source.random() < 0.02:
        facts["platform"] = source.choice((*STRANGE, "linux"))
    facts |= {field: name() for field in texts if source.random() < 0.5}
    for field in numbers:
        if source.random() < 0.3:
            facts[field] = source.choice(NUMBERS)
        elif source.random() < 0.3:
            facts[field] = source.randrange(1, 2**35 if field == "ram_bytes" else 60)
    return facts


def test_ten_thousand_random_devices_are_answered_or_refused() -> None:
    source = random.Random(20)
    said = [answer_or_refusal(random_facts(source)) for _ in range(RUNS)]
    assert said.count("answered") > RUNS / 4
    assert said.count("refused") > RUNS / 20


@given(
    st.fixed_dictionaries(
        {"platform": st.sampled_from(["android", "ios", "ipados"])},
        optional={
            "manufacturer": st.text(max_size=20),
            "model": st.text(max_size=20),
            "device": st.text(max_size=20),
            "soc": st.text(max_size=40),
            "os_version": st.text(max_size=12),
            "ram_bytes": st.integers(),
            "api_level": st.integers(),
            "media_performance_class": st.integers(),
            "cores": st.integers(),
        },
    )
)
def test_any_text_and_any_number_is_answered_or_refused(facts: dict[str, Any]) -> None:
    assert answer_or_refusal(facts) in ("answered", "refused")


@pytest.mark.parametrize("model", ["sm-s928b\n", "SM-S928B\u200b", "\ud800"])
def test_characters_that_cannot_be_written_do_no_harm(model: str) -> None:
    assert answer_or_refusal({"platform": "android", "model": model}) == "answered"
