"""The JSON Schema of a frozen dataclass that ``shapes`` reads."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pocketmatte.selection.shapes import Match, has_default

_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}


def schema_of(kind: type[Any], title: str) -> dict[str, Any]:
    """Return the JSON Schema of a dataclass."""
    definitions: dict[str, Any] = {}
    top = _described(kind, definitions)
    return {
        "$defs": dict(sorted(definitions.items())),
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **top,
    }


def _described(kind: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        found = dict(_described(inner[0], definitions))
        for rule in inner[1:]:
            found |= _rule(rule)
        return found
    if origin is Literal:
        return {"enum": list(inner)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_described(each, definitions) for each in inner]}
    if origin is tuple:
        return {"type": "array", "items": _described(inner[0], definitions)}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _described(inner[1], definitions)}
    if not dataclasses.is_dataclass(kind):
        return {"type": _NAMES[kind]}
    name = getattr(kind, "__name__", "")
    if name not in definitions:
        definitions[name] = {}
        hints = typing.get_type_hints(kind, include_extras=True)
        fields = dataclasses.fields(kind)
        definitions[name] = {
            "type": "object",
            "description": (kind.__doc__ or "").split("\n\n")[0],
            "properties": {f.name: _described(hints[f.name], definitions) for f in fields},
            "required": [f.name for f in fields if not has_default(f)],
            "additionalProperties": False,
        }
    return {"$ref": f"#/$defs/{name}"}


def _rule(rule: Any) -> dict[str, Any]:
    if isinstance(rule, Match):
        return {"pattern": f"^(?:{rule.pattern})$"}
    bounds = {"minimum": rule.least, "maximum": rule.most}
    return {name: bound for name, bound in bounds.items() if bound is not None}
