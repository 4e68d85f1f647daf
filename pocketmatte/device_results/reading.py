"""Read a result that comes from outside: whole, once, and believed in nothing.

What a harness wrote, a phone, a cable and people had in their hands. ``harness.reading`` refuses a
result that denies itself; here it is also held to a size, to numbers that mean something, to
names that a bundle can have, and to what the protocol says follows from what.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydantic

from pocketmatte.device_results.doubts import doubt
from pocketmatte.device_results.words import shown
from pocketmatte.harness.reading import contradiction
from pocketmatte.harness.result import Result
from tiers.errors import BundleError

MOST_BYTES = 16 * 2**20  # a run of two minutes with half a millisecond a frame takes a quarter
_LARGEST = 2**53  # beyond it a double skips integers; in nanoseconds, a hundred days
_LONGEST_TEXT = 65_536
_AGAIN = "run it again"


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A result as a store keeps it.

    Attributes:
        result: What it says.
        text: The one way to write that: two files that say the same are the same.
        sha256: Of the text.
    """

    result: Result
    text: str
    sha256: str


def read_kept(path: Path) -> Kept:
    """Read a result from a file.

    Raises:
        BundleError: With the path, if it is no file, too large, no result, or denies itself.
    """
    try:
        return parsed(_bytes(path))
    except (OSError, BundleError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        msg = f"{shown(str(path), 300)}: {reason}"
        raise BundleError(msg) from error


def parsed(data: bytes) -> Kept:
    """Return what the bytes of a file say.

    Raises:
        BundleError: If they are no result, or one that denies itself.
    """
    try:
        text = data.decode("utf-8")
        result = Result.model_validate_json(text)
    except UnicodeDecodeError as error:
        msg = f"no UTF-8 at byte {error.start}; {_AGAIN}"
        raise BundleError(msg) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(shown(str(part)) for part in first["loc"]) or "the whole file"
        msg = f"no result: {where}: {shown(first['msg'], 200)}; {_AGAIN}"
        raise BundleError(msg) from error
    # pydantic has bounded the depth by now, and takes the last of two equal keys without a word
    wrong = _unbounded(json.loads(text, object_pairs_hook=_once))
    if wrong := wrong or contradiction(result) or doubt(result):
        msg = f"contradicts itself or the protocol: {shown(wrong, 300)}; {_AGAIN}"
        raise BundleError(msg)
    return _kept(result)


def _bytes(path: Path) -> bytes:
    if not path.is_file():
        msg = "no file; give results or folders of them"
        raise BundleError(msg)
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        msg = f"more than {MOST_BYTES} bytes; no result is so large: {_AGAIN} for fewer seconds"
        raise BundleError(msg)
    return data


def _kept(result: Result) -> Kept:
    content = result.model_dump(mode="json")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
    return Kept(result=result, text=text, sha256=hashlib.sha256(text.encode()).hexdigest())


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        msg = f"contradicts itself: {shown(twice)} is said twice in one place; {_AGAIN}"
        raise BundleError(msg)
    return found


def _unbounded(content: Any) -> str | None:
    """Return which number or text no measurement can be, or ``None``."""
    for value in _leaves(content):
        if isinstance(value, int | float) and abs(value) > _LARGEST:
            return f"a number beyond {_LARGEST}"
        if isinstance(value, str) and len(value) > _LONGEST_TEXT:
            return f"a text of {len(value)} characters; {_LONGEST_TEXT} are the most"
    return None


def _leaves(content: Any) -> Iterator[Any]:
    if isinstance(content, dict):
        for value in content.values():
            yield from _leaves(value)
    elif isinstance(content, list):
        for value in content:
            yield from _leaves(value)
    else:
        yield content
