"""Read Swift as far as it can be read without a compiler: brackets, structs, keys, cases."""

import dataclasses
import re
from collections.abc import Mapping

_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}


class SwiftError(ValueError):
    """Text that no compiler would take."""


def code_of(text: str) -> str:
    """Return a text with its comments and strings blanked out, its lines where they were."""
    out: list[str] = []
    place = 0
    while place < len(text):
        end = _skipped(text, place)
        if end == place:
            out.append(text[place])
            place += 1
        else:
            out.append(re.sub(r"[^\n]", " ", text[place:end]))
            place = end
    return "".join(out)


def unbalanced(text: str) -> str | None:
    """Return the first bracket of code that has no partner, with its line, or ``None``."""
    opened: list[tuple[str, int]] = []
    try:
        code = code_of(text)
    except SwiftError as error:
        return str(error)
    for number, line in enumerate(code.splitlines(), start=1):
        for character in line:
            if character in _CLOSED_BY:
                opened.append((character, number))
            elif character in _CLOSED_BY.values() and (
                not opened or _CLOSED_BY[opened.pop()[0]] != character
            ):
                return f"{character} on line {number}"
    return f"{opened[-1][0]} on line {opened[-1][1]}" if opened else None


def _skipped(text: str, place: int) -> int:
    """Return where the comment or string ends that begins here; here if none does."""
    if text.startswith("//", place):
        end = text.find("\n", place)
        return len(text) if end < 0 else end
    if text.startswith("/*", place):
        end = text.find("*/", place)
        if end < 0:
            msg = "a comment does not end"
            raise SwiftError(msg)
        return end + 2
    return _string_end(text, place) if text[place] == '"' else place


def _string_end(text: str, start: int) -> int:
    quote = '"""' if text.startswith('"""', start) else '"'
    place = start + len(quote)
    while place < len(text):
        if text.startswith(quote, place):
            return place + len(quote)
        if text.startswith("\\(", place):
            place = _interpolation_end(text, place + 2)
        elif text[place] == "\\":
            place += 2
        elif text[place] == "\n" and quote == '"':
            break
        else:
            place += 1
    msg = f"the string on line {text.count(chr(10), 0, start) + 1} does not end"
    raise SwiftError(msg)


def _interpolation_end(text: str, place: int) -> int:
    depth = 1
    while place < len(text):
        if text[place] == '"':
            place = _string_end(text, place)
            continue
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        place += 1
        if depth == 0:
            return place
    msg = "an interpolation does not end"
    raise SwiftError(msg)


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Struct:
    """A struct that is read from or written to JSON.

    Attributes:
        types: Of its stored properties, by name.
        keys: In JSON, by property; empty without ``CodingKeys``.
        encoded: The properties that its own ``encode`` writes, in order; empty without one.
    """

    types: Mapping[str, str]
    keys: Mapping[str, str]
    encoded: tuple[str, ...]


def structs(text: str) -> dict[str, Struct]:
    """Return the structs of a file by name, those inside of others too."""
    found = {}
    for match in re.finditer(r"\bstruct (\w+)[^{\n]*\{", text):
        own = _without_inner_types(_block(text, match.end() - 1))
        keys = re.search(r"enum CodingKeys: String, CodingKey \{", own)
        types = re.findall(r"^ *public let (\w+): ([^/\n]+)", own, re.MULTILINE)
        found[match[1]] = Struct(
            types={name: written.strip() for name, written in types},
            keys=cases(_block(own, keys.end() - 1)) if keys else {},
            encoded=tuple(re.findall(r"container\.encode\((\w+), forKey: \.\1\)", own)),
        )
    return found


def enum_cases(text: str, name: str) -> dict[str, str]:
    """Return the raw values of an enum of strings by case."""
    match = re.search(rf"\benum {name}: String\b[^{{\n]*\{{", text)
    if match is None:
        msg = f"there is no enum {name} of strings"
        raise SwiftError(msg)
    return cases(_block(text, match.end() - 1))


def cases(body: str) -> dict[str, str]:
    """Return the raw values of the cases of an enum's body."""
    found = {}
    for line in re.findall(r"^ *case (.+)$", body, re.MULTILINE):
        for one in line.split(", "):
            name, _, raw = one.partition(" = ")
            found[name.strip()] = raw.strip().strip('"') or name.strip()
    return found


def _block(text: str, brace: int) -> str:
    """Return what lies between a brace and its partner; no string of ours holds a brace alone."""
    depth = 0
    for place in range(brace, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[brace + 1 : place]
    msg = "a brace does not close"
    raise SwiftError(msg)


def _without_inner_types(body: str) -> str:
    """Return a struct's body without the structs and enums in it, but for its coding keys."""
    pattern = re.compile(r"\b(?:struct|enum) (?!CodingKeys\b)\w+[^{\n]*\{")
    while match := pattern.search(body):
        inner = _block(body, match.end() - 1)
        body = body[: match.start()] + body[match.end() + len(inner) + 1 :]
    return body
