"""What the page may ask for, checked before anything is done."""

from typing import Annotated, Literal, TypeAlias, TypeVar

import pydantic

from pocketmatte.studio.choices import Way
from tiers.errors import UsageError

MOST_BODY_BYTES = 1 << 20  # of a request that is no upload: 20,000 points have less
_MOST_POINTS = 20_000
_MOST_BRUSH_PX = 2_000

Pane: TypeAlias = Literal["left", "right"]

_Coordinate = Annotated[float, pydantic.Field(allow_inf_nan=False)]
_Name = Annotated[str, pydantic.Field(min_length=1, max_length=32)]


class _Request(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True)


class StrokeRequest(_Request):
    """One stroke of the brush, on one frame."""

    frame: Annotated[int, pydantic.Field(ge=0, lt=10**9)]
    positive: bool
    size_px: Annotated[float, pydantic.Field(ge=1, le=_MOST_BRUSH_PX, allow_inf_nan=False)]
    fresh: bool = False
    points: Annotated[
        list[tuple[_Coordinate, _Coordinate]],
        pydantic.Field(min_length=1, max_length=_MOST_POINTS),
    ]


class FindRequest(_Request):
    """The frame whose subject ``foreground`` finds."""

    frame: Annotated[int, pydantic.Field(ge=0, lt=10**9)]


class PaneRequest(_Request):
    """Which pane."""

    pane: Pane


class ChooseRequest(_Request):
    """What a pane runs from now on."""

    pane: Pane
    way: Way
    tier: _Name
    form: _Name
    recipe: _Name


class ExportRequest(_Request):
    """What is written.

    Attributes:
        pane: Whose alphas.
        kind: Of the result; ``mask`` is that of one frame.
        behind: ``none`` for alpha, ``picture`` for the picture that was given, or ``RRGGBB``.
        frame: Of ``mask``.
    """

    pane: Pane
    kind: Literal["webm", "mov", "mp4", "png", "mask", "trace"]
    behind: Annotated[str, pydantic.Field(pattern=r"^(none|picture|[0-9a-fA-F]{6})$")] = "none"
    frame: Annotated[int, pydantic.Field(ge=0, lt=10**9)] = 0


_Asked = TypeVar("_Asked", bound=_Request)


def parsed(body: bytes, kind: type[_Asked]) -> _Asked:
    """Read a request.

    Raises:
        UsageError: If it is not of its kind; the message names the first thing that is wrong.
    """
    try:
        return kind.model_validate_json(body)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the request"
        msg = f"{where:.80}: {first['msg']}"
        raise UsageError(msg) from None
