"""What faults and ill will make of a good result: seeded, so that every case can be had again."""

import json
import random
from collections.abc import Callable
from typing import Any

Place = tuple[dict[str, Any] | list[Any], str | int]

_NAMES = (
    "../../escape", "/escape", "..", ".", "", "a/../../escape", "..\\escape", "C:\\escape", "con",
    "a\0b", "a\nb", "\x1b[2J", "\u202eexe.nosj", "\u0130\u0131", "\U0001f4f1" * 50, "x" * 5000,
    "~", "$HOME", "-rf", ".lock", "results-index.json", "e\u0301",
)  # fmt: skip
_NUMBERS = ("1e400", "-1e400", "1e308", str(10**400), str(2**63), "-1", "0", "1e-320", "-0.0")
_TOKENS = ("NaN", "Infinity", "-Infinity", "nan", "undefined", "0x10", "01", "'a'", "\\ud800")
_OTHERS: tuple[Any, ...] = (None, True, False, 0, 1, -1, 1.5, "", "ok", "1", [], {}, [[]], [None])
_MARK = "\u2603mark\u2603"


def mutated(result: dict[str, Any], seed: int) -> bytes:
    """Return the file of a result that one thing, or a few bytes, went wrong with."""
    chance = random.Random(seed)
    return chance.choice(_KINDS)(json.loads(json.dumps(result)), chance)


def leaves(content: Any) -> list[Place]:
    """Return where everything in it lies, whatever it is."""
    found: list[Place] = []
    items = (
        content.items() if isinstance(content, dict)
        else enumerate(content) if isinstance(content, list) else ()
    )  # fmt: skip
    for key, value in items:
        found += [(content, key), *leaves(value)]
    return found


def _truncated(result: dict[str, Any], chance: random.Random) -> bytes:
    data = json.dumps(result).encode()
    return data[: chance.randrange(len(data))]


def _flipped(result: dict[str, Any], chance: random.Random) -> bytes:
    data = bytearray(json.dumps(result).encode())
    for _ in range(chance.randint(1, 4)):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def _cut_out(result: dict[str, Any], chance: random.Random) -> bytes:
    data = json.dumps(result).encode()
    start = chance.randrange(len(data))
    end = start + chance.randint(1, 40)
    again = data[start:end] if chance.random() < 0.5 else b""
    return data[:start] + again + again + data[end:]


def _nested(result: dict[str, Any], chance: random.Random) -> bytes:
    depth = chance.choice((2, 50, 150, 250, 5000))
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
    return _spliced(result, chance, opening * depth + "1" + closing * depth)


def _numbered(result: dict[str, Any], chance: random.Random) -> bytes:
    return _spliced(result, chance, chance.choice(_NUMBERS))


def _tokened(result: dict[str, Any], chance: random.Random) -> bytes:
    return _spliced(result, chance, chance.choice(_TOKENS))


def _spliced(result: dict[str, Any], chance: random.Random, text: str) -> bytes:
    """Put text, which may be no JSON, in the place of a value."""
    holder, key = chance.choice(leaves(result))
    holder[key] = _MARK  # type: ignore[index]
    return json.dumps(result, ensure_ascii=False).replace(f'"{_MARK}"', text).encode()


def _doubled(result: dict[str, Any], chance: random.Random) -> bytes:
    """Say something twice, the other thing first."""
    holder, key = chance.choice([each for each in leaves(result) if isinstance(each[1], str)])
    said = f"{json.dumps(key)}: {json.dumps(holder[key])}"  # type: ignore[index]
    text = json.dumps(result)
    return text.replace(said, f"{json.dumps(key)}: {chance.choice(('1', 'true'))}, {said}").encode()


def _retyped(result: dict[str, Any], chance: random.Random) -> bytes:
    holder, key = chance.choice(leaves(result))
    holder[key] = chance.choice(_OTHERS)  # type: ignore[index]
    return json.dumps(result).encode()


def _renamed(result: dict[str, Any], chance: random.Random) -> bytes:
    holder, key = chance.choice([e for e in leaves(result) if isinstance(e[0][e[1]], str)])  # type: ignore[index]
    holder[key] = chance.choice(_NAMES)  # type: ignore[index]
    return json.dumps(result, ensure_ascii=chance.random() < 0.5).encode()


def _model(result: dict[str, Any], chance: random.Random) -> bytes:
    result["device"][chance.choice(("model", "manufacturer"))] = chance.choice(_NAMES)
    return json.dumps(result).encode()


def _swapped(result: dict[str, Any], chance: random.Random) -> bytes:
    """Exchange two values."""
    (one, key), (other, name) = chance.sample(leaves(result), 2)
    if isinstance(one[key], dict | list) or isinstance(other[name], dict | list):  # type: ignore[index]
        return json.dumps(result).encode()[1:]
    one[key], other[name] = other[name], one[key]  # type: ignore[index]
    return json.dumps(result).encode()


_KINDS: tuple[Callable[[dict[str, Any], random.Random], bytes], ...] = (
    _truncated, _flipped, _cut_out, _nested, _numbered, _tokened, _doubled, _retyped, _renamed,
    _model, _swapped,
)  # fmt: skip
