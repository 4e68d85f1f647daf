"""The twelve rows of every network, from an entry-level phone to a flagship."""

from collections.abc import Mapping
from types import MappingProxyType

from tiers.errors import UnknownNetworkError, UnknownTierError
from tiers.spec import RvmShape, TierSpec


def _rvm(
    name: str,
    device_class: str,
    working_hw: tuple[int, int],
    scale: int,
    shape: RvmShape,
    weights_of: str | None,
) -> TierSpec:
    height, width = working_hw
    return TierSpec(
        network="rvm",
        name=name,
        device_class=device_class,
        working_hw=working_hw,
        output_hw=(scale * height, scale * width),
        recipe="fp16",
        shape=shape,
        weights_of=weights_of,
    )


_OFFICIAL = RvmShape()
_RESNET50 = RvmShape(backbone="resnet50", aspp=256, decoder=(128, 64, 32, 16))


def _slice(
    width: float, depth: tuple[int, ...], aspp: int, decoder: tuple[int, int, int, int]
) -> RvmShape:
    return RvmShape(width=width, depth=depth, aspp=aspp, decoder=decoder)


# t01-t07 are slices of the elastic network; each row costs about 1.4 to 1.8 times the one below.
_RVM = (
    _rvm("t01", "entry, 2 GB, four little cores", (144, 256), 2,
         _slice(0.33, (1, 1, 2, 2, 1, 2), 40, (20, 12, 8, 4)), "t01"),
    _rvm("t02", "entry, 3 GB", (144, 256), 2,
         _slice(0.45, (1, 2, 2, 2, 1, 2), 56, (28, 20, 12, 6)), "t02"),
    _rvm("t03", "low, 4 GB", (144, 256), 2,
         _slice(0.6, (1, 2, 2, 3, 2, 2), 80, (48, 24, 16, 8)), "t03"),
    _rvm("t04", "low to middle, 4 GB", (160, 288), 2,
         _slice(0.7, (1, 2, 2, 3, 2, 3), 88, (56, 28, 20, 8)), "t04"),
    _rvm("t05", "middle, 6 GB", (176, 320), 2,
         _slice(0.8, (1, 2, 3, 4, 2, 3), 96, (64, 32, 24, 12)), "t05"),
    _rvm("t06", "middle to high, 6 GB", (208, 368), 2,
         _slice(0.9, (1, 2, 3, 4, 2, 3), 112, (72, 36, 24, 14)), "t06"),
    _rvm("t07", "high, 8 GB", (240, 416), 2,
         _slice(0.95, (1, 2, 3, 4, 2, 3), 120, (80, 40, 28, 16)), "t07"),
    _rvm("t08", "high, 8 GB, official MobileNetV3 size", (288, 512), 2, _OFFICIAL, "t08"),
    _rvm("t09", "last year's flagship, 720p class", (368, 640), 2, _OFFICIAL, "t08"),
    _rvm("t10", "flagship, 8 GB", (432, 768), 2, _OFFICIAL, "t08"),
    _rvm("t11", "flagship, 12 GB, 1080p class", (544, 960), 2, _OFFICIAL, "t08"),
    _rvm("t12", "flagship, 16 GB, 1080p class, official ResNet-50", (272, 480), 4, _RESNET50, None),
)  # fmt: skip

LADDERS: Mapping[str, Mapping[str, TierSpec]] = MappingProxyType(
    {"rvm": MappingProxyType({row.name: row for row in _RVM})}
)


def ladder(network: str) -> Mapping[str, TierSpec]:
    """Return the twelve rows of ``network``, by tier name, from small to large.

    Raises:
        UnknownNetworkError: If there is no such network; the message lists those there are.
    """
    try:
        return LADDERS[network]
    except KeyError:
        msg = f"no network {network!r}; there are {', '.join(LADDERS)}"
        raise UnknownNetworkError(msg) from None


def tier(network: str, name: str) -> TierSpec:
    """Return one row.

    Raises:
        UnknownNetworkError: If there is no such network.
        UnknownTierError: If its ladder has no such row; the message lists those it has.
    """
    rows = ladder(network)
    try:
        return rows[name]
    except KeyError:
        msg = f"no tier {name!r}; the ladder of {network} has {', '.join(rows)}"
        raise UnknownTierError(msg) from None
