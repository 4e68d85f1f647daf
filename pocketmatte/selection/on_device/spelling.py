"""When two names are the same, as every language can say it: what ``names.same`` finds equal.

All names of an index are ASCII. What reported names become is compared with those alone, so only
that must be right which may end up in ASCII.
"""

import re
import unicodedata
from collections.abc import Iterator

# What str.split() splits at, as it is after NFKC.
_SPACES = re.compile("[\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
# All that case folding makes ASCII of after NFKC: capitals, and the sharp s.
_CAPITALS = {chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)}
_FOLDED = str.maketrans({**_CAPITALS, "\xdf": "ss", "\u1e9e": "ss"})
_BEFORE_SUFFIX = re.compile("[-/_]")
_MEDIATEK = re.compile("mt[0-9]{4}")
_MOST_WORDS = 8


def folded(name: str) -> str:
    """Return a name in the one spelling that an index holds."""
    plain = unicodedata.normalize("NFKC", name).translate(_FOLDED)
    return " ".join(word for word in _SPACES.split(plain) if word)


def spellings(reported: str) -> Iterator[str]:
    """Yield what may be the name of a processor in what is reported, the longest first.

    A maker may be written before it, a package behind it.
    """
    words = folded(reported).split(" ")
    for start in range(min(len(words), _MOST_WORDS)):
        name = " ".join(words[start:])
        yield name
        base = _BEFORE_SUFFIX.split(name)[0]
        if base != name:
            yield base
        packed = _MEDIATEK.match(name)
        if packed:
            yield packed[0]
