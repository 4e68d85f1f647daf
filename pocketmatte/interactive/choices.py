"""What a scripted user can be told, by the names that the command line takes."""

from typing import Literal, TypeAlias

Drawing: TypeAlias = Literal["strokes", "mask"]
Metric: TypeAlias = Literal["jf", "j"]
