"""Text of devices and files as a terminal may show it."""

_LONGEST = 60


def shown(text: str, longest: int = _LONGEST) -> str:
    """Return text in one line, without what steers a terminal, and cut where it is long.

    Devices and files are named by others: their names may hold escapes, or turn what follows round.
    """
    plain = "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))
    return plain if len(plain) <= longest else f"{plain[: longest - 3]}..."
