"""Frozen dataclasses read from JSON and TOML, strictly, in a bare Python."""

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal, Never, TypeAlias, TypeVar

Shape = TypeVar("Shape")
Reader: TypeAlias = Callable[[Any], Any]

_SHOWN = 60


@dataclasses.dataclass(frozen=True)
class Match:
    """Of a text: what all of it must match.

    Attributes:
        pattern: A regular expression.
        words: What that comes to, for a reader; empty where the expression is said.
    """

    pattern: str
    words: str = ""


@dataclasses.dataclass(frozen=True)
class Within:
    """Of a number: its least and most; ``None`` is no bound."""

    least: float | None = None
    most: float | None = None


Sha256: TypeAlias = Annotated[str, Match(r"[0-9a-f]{64}")]
Count: TypeAlias = Annotated[int, Within(0, (1 << 63) - 1)]
Amount: TypeAlias = Annotated[float, Within(0)]


class MisfitError(ValueError):
    """A value that is not of its shape; the message says where."""

    def __init__(self, what: str, *place: str) -> None:
        super().__init__(what)
        self.what, self.place = what, place

    def __str__(self) -> str:
        return f"{'.'.join(self.place) or 'the whole file'}: {self.what}"

    def within(self, name: str) -> "MisfitError":
        """Return the same, of a field of that name."""
        return MisfitError(self.what, name, *self.place)


def refuse(what: str, *place: str) -> Never:
    """Say that a value is not of its shape.

    Raises:
        MisfitError: Always.
    """
    raise MisfitError(what, *place) from None


def parsed(value: object, kind: type[Shape], *, closed: bool) -> Shape:
    """Return a value of JSON or TOML as a dataclass.

    A whole number will do for a fraction, but nothing else for another type: no text for a number,
    no truth for a number. What is not finite, and text that UTF-8 cannot write, is refused.

    Args:
        value: What ``json`` or ``tomllib`` made.
        kind: A frozen dataclass of texts, numbers, truths, tuples, mappings and such.
        closed: Whether fields that it does not have are refused, rather than left alone.

    Raises:
        MisfitError: If it is not of that shape; the message names the place.
    """
    reader: Reader = _reader(typing.cast("Any", kind), closed)
    made: Shape = reader(value)
    return made


def shown(value: object) -> str:
    """Return a value in one line of ASCII, and not all of it where it is long."""
    try:
        text = ascii(value)
    except (ValueError, RecursionError):  # thousands of digits, or of brackets
        return f"a {type(value).__name__} without end"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def printable(text: str) -> str:
    """Return a text in one line, with a question mark for whatever a terminal would act on."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


@functools.cache
def _reader(kind: Any, closed: bool) -> Reader:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _ruled(_reader(inner[0], closed), inner[1:])
    if origin is Literal:
        return functools.partial(_one_of, inner)
    if origin in (typing.Union, types.UnionType):
        return functools.partial(_either, [_reader(each, closed) for each in inner])
    if origin is tuple:
        return functools.partial(_listed, _reader(inner[0], closed))
    if origin is Mapping:
        return functools.partial(_mapped, _reader(inner[1], closed))
    if dataclasses.is_dataclass(kind):
        return _Rows(kind, closed)
    plain: dict[Any, Reader] = {
        str: _text, int: _whole, float: _number, bool: _truth, types.NoneType: _nothing,
    }  # fmt: skip
    return plain[kind]


class _Rows:
    """Reads a dataclass; its fields are looked up once."""

    def __init__(self, kind: Any, closed: bool) -> None:
        self._kind, self._closed = kind, closed
        hints = typing.get_type_hints(kind, include_extras=True)
        self._fields = {
            each.name: (_reader(hints[each.name], closed), has_default(each))
            for each in dataclasses.fields(kind)
        }
        self._readers = tuple((name, read) for name, (read, _) in self._fields.items())

    def __call__(self, value: Any) -> Any:
        if not isinstance(value, dict):
            refuse(f"it is {shown(value)}, not an object")
        try:
            found = {name: read(value[name]) for name, read in self._readers}
        except (KeyError, MisfitError):  # something is missing or wrong: look what
            found = self._found(value)
        if len(found) < len(self._fields):
            for name, (_, optional) in self._fields.items():
                if name not in found and not optional:
                    refuse("it is missing", name)
        if self._closed:
            for name in value:
                if name not in self._fields:
                    refuse(f"there is no field {shown(name)}; take it out")
        return self._kind(**found)

    def _found(self, value: dict[Any, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, read in self._readers:
            if name in value:
                try:
                    found[name] = read(value[name])
                except MisfitError as error:
                    raise error.within(name) from None
        return found


def has_default(field: "dataclasses.Field[Any]") -> bool:
    """Say whether a field may be left out."""
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _text(value: Any) -> str:
    if not isinstance(value, str):
        refuse(f"it is {shown(value)}, not a text")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            refuse(f"it is {shown(value)}, which UTF-8 cannot write")
    return value


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(f"it is {shown(value)}, not a whole number")
    return value


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        refuse(f"it is {shown(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        refuse(f"it is {shown(value)}, not a finite number")
    return number


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        refuse(f"it is {shown(value)}, neither true nor false")
    return value


def _nothing(value: Any) -> None:
    if value is not None:
        refuse(f"it is {shown(value)}, not null")


def _one_of(known: tuple[Any, ...], value: Any) -> Any:
    for each in known:
        if type(value) is type(each) and value == each:
            return each
    refuse(f"it is {shown(value)}; there are {', '.join(map(repr, known))}")


def _either(readers: list[Reader], value: Any) -> Any:
    first: MisfitError | None = None
    for read in readers:
        try:
            return read(value)
        except MisfitError as error:
            first = first or error
    raise first or MisfitError("")


def _listed(read: Reader, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        refuse(f"it is {shown(value)}, not a list")
    try:
        return tuple([read(each) for each in value])
    except MisfitError:
        return tuple(_placed(read, value))


def _placed(read: Reader, values: list[Any]) -> Iterator[Any]:
    """Yield values, and say which of them is wrong."""
    for place, each in enumerate(values):
        try:
            yield read(each)
        except MisfitError as error:
            raise error.within(str(place)) from None


def _mapped(read: Reader, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        refuse(f"it is {shown(value)}, not an object")
    found = {}
    for key, each in value.items():
        try:
            found[_text(key)] = read(each)
        except MisfitError as error:
            raise error.within(shown(key)) from None
    return types.MappingProxyType(found)


def _ruled(read: Reader, rules: tuple[Any, ...]) -> Reader:
    patterns = [
        (re.compile(rule.pattern), rule.words or f"match {rule.pattern}")
        for rule in rules
        if isinstance(rule, Match)
    ]
    bounds = [rule for rule in rules if isinstance(rule, Within)]

    plain_text = read is _text and len(patterns) == 1 and not bounds
    fits = patterns[0][0].fullmatch if plain_text else re.compile("").fullmatch

    def matched(value: Any) -> Any:
        """Read what is right without a second look; what is not, ``ruled`` refuses."""
        return value if type(value) is str and value.isascii() and fits(value) else ruled(value)

    def ruled(value: Any) -> Any:
        found = read(value)
        for pattern, words in patterns:
            if not pattern.fullmatch(found):
                refuse(f"it is {shown(value)}; it must {words}")
        for bound in bounds:
            if bound.least is not None and found < bound.least:
                refuse(f"it is {shown(value)}; it must be {bound.least:g} or more")
            if bound.most is not None and found > bound.most:
                refuse(f"it is {shown(value)}; it must be {bound.most:g} or less")
        return found

    return matched if plain_text else ruled
