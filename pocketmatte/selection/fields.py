"""Typed fields of one row of a TOML file; every refusal names the row and the field."""

import itertools
from collections.abc import Mapping
from typing import Any, Never

from pocketmatte.selection.errors import DeviceTableError


class Fields:
    """The fields of a row, taken one by one.

    Args:
        row: What TOML made of it.
        where: What messages call it, such as ``[soc.sm8650]``.
    """

    def __init__(self, row: object, where: str) -> None:
        self.where = where
        if not isinstance(row, Mapping):
            msg = f"{where} is {_shown(row)}; it must be a table of fields"
            raise DeviceTableError(msg)
        self._left = dict(row)

    def text(self, field: str) -> str:
        """Take a text that is not empty and has no space around it.

        Raises:
            DeviceTableError: If it is missing or none.
        """
        return self._as_text(field, self._take(field, "a text"))

    def optional_text(self, field: str) -> str | None:
        """Take a text, or ``None`` where the field is left out.

        Raises:
            DeviceTableError: If it is there and no text.
        """
        return self.text(field) if field in self._left else None

    def one_of(self, field: str, known: tuple[str, ...]) -> str:
        """Take a text that is among ``known``.

        Raises:
            DeviceTableError: If it is not; the message lists them.
        """
        value = self.text(field)
        return value if value in known else self.refuse(field, value, f"one of {', '.join(known)}")

    def texts(self, field: str, least: int = 1) -> tuple[str, ...]:
        """Take a list of different texts; a list that may be empty may be left out.

        Raises:
            DeviceTableError: If it is none, holds fewer than ``least`` or one twice.
        """
        values = [self._as_text(field, each) for each in self._list(field, least)]
        if len(set(values)) < len(values):
            self.refuse(field, values, "each entry once")
        return tuple(values)

    def flag(self, field: str) -> bool:
        """Take true or false.

        Raises:
            DeviceTableError: If it is missing or neither.
        """
        value = self._take(field, "true or false")
        return value if isinstance(value, bool) else self.refuse(field, value, "true or false")

    def integer(self, field: str, low: int, high: int) -> int:
        """Take a whole number from ``low`` to ``high``.

        Raises:
            DeviceTableError: If it is missing, none, or outside.
        """
        return self._as_integer(field, self._take(field, "a whole number"), low, high)

    def optional_integer(self, field: str, low: int, high: int) -> int | None:
        """Take a whole number, or ``None`` where the field is left out.

        Raises:
            DeviceTableError: If it is there and no whole number, or outside.
        """
        return self.integer(field, low, high) if field in self._left else None

    def rising_integers(self, field: str, low: int, high: int) -> tuple[int, ...]:
        """Take a list of whole numbers, each above the one before.

        Raises:
            DeviceTableError: If it is none, empty, not rising, or a number lies outside.
        """
        listed = self._list(field, 1)
        values = [self._as_integer(field, each, low, high) for each in listed]
        if any(later <= earlier for earlier, later in itertools.pairwise(values)):
            self.refuse(field, values, "rising numbers")
        return tuple(values)

    def tables(self, field: str) -> list["Fields"]:
        """Take a list of rows within this one.

        Raises:
            DeviceTableError: If it is none or empty.
        """
        listed = self._list(field, 1)
        return [Fields(each, f"{self.where} {field}[{place}]") for place, each in enumerate(listed)]

    def finish(self) -> None:
        """Refuse what nobody took.

        Raises:
            DeviceTableError: If there is any; the message names it.
        """
        for field in self._left:
            msg = f"{self.where} {_shown(field)}: no such field; take it out"
            raise DeviceTableError(msg)

    def refuse(self, field: str, value: object, limit: str) -> Never:
        """Say what is wrong with a field.

        Raises:
            DeviceTableError: Always.
        """
        msg = f"{self.where} {field} is {_shown(value)}; it must be {limit}"
        raise DeviceTableError(msg)

    def _take(self, field: str, limit: str) -> Any:
        if field not in self._left:
            msg = f"{self.where} {field} is missing; it must be {limit}"
            raise DeviceTableError(msg)
        return self._left.pop(field)

    def _list(self, field: str, least: int) -> list[Any]:
        if least == 0 and field not in self._left:
            return []
        value = self._take(field, "a list")
        if not isinstance(value, list) or len(value) < least:
            self.refuse(field, value, f"a list of {least} or more")
        return value

    def _as_text(self, field: str, value: object) -> str:
        if not isinstance(value, str) or not value or value != value.strip():
            self.refuse(field, value, "a text, not empty, without space around it")
        if not value.isprintable():
            self.refuse(field, value, "a text of one line that can be printed")
        return value

    def _as_integer(self, field: str, value: object, low: int, high: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.refuse(field, value, f"a whole number from {low} to {high}")
        return value


def _shown(value: object) -> str:
    """Return a value in one line, and not all of it where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
