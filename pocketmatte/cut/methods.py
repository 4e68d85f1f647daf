"""The ways to choose among, by the names that the command line takes."""

from typing import Literal, TypeAlias

Method: TypeAlias = Literal["propagate", "matanyone", "rvm"]
AlphaOf: TypeAlias = Literal["stfam", "mask"]
FusionBy: TypeAlias = Literal["network", "linear", "none"]
