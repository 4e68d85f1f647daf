"""When two spellings are the same name."""

import unicodedata


def same(name: str) -> str:
    """Return what all spellings of a name have in common: case, width and spacing do not count."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
