"""The networks by name, with their programs and tiers: a choice asks for no more of them.

``tiers`` says the rest, and these too: the tests hold them to it. Importing its rows would add to
the time of every choice.
"""

from collections.abc import Mapping
from types import MappingProxyType

# In the order of ``tiers.ladder.LADDERS``; the programs in that of their calls.
PROGRAMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "rvm": ("matte",),
        "foreground": ("segment",),
        "scribble": ("correct",),
        "propagation": ("encode_key", "encode_value", "read"),
        "fusion": ("attend", "fuse"),
        "trimap": ("encode_reference", "propagate"),
        "stfam": ("matte",),
        "matanyone": ("encode", "memorise", "read"),
    }
)
NETWORKS = tuple(PROGRAMS)

# Of every network, from small to large.
TIERS = ("t01", "t02", "t03", "t04", "t05", "t06", "t07", "t08", "t09", "t10", "t11", "t12")
