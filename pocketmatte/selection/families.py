"""The platforms of an app: what ``--platform`` of ``bundle`` and ``deliver`` may be."""

from pocketmatte.selection.rows import Platform
from tiers.errors import UsageError

# An app of Apple's runs on both of its own.
FAMILIES: dict[str, tuple[Platform, ...]] = {
    "android": ("android",),
    "ios": ("ios",),
    "ipados": ("ipados",),
    "apple": ("ios", "ipados"),
}


def family_of(name: str) -> tuple[Platform, ...]:
    """Return the platforms that an app runs on.

    Raises:
        UsageError: If there is no such family.
    """
    if name not in FAMILIES:
        msg = f"no platform {name!a:.60}; there are {', '.join(FAMILIES)}"
        raise UsageError(msg)
    return FAMILIES[name]
