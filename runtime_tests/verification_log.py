"""Which sources were never compiled, as docs/verification.md says it: hashes, so that it is held.

``python -m runtime_tests.verification_log`` writes the table anew.
"""

import sys
from pathlib import Path

from export.artifact import sha256_of, write_text
from tiers.errors import BundleError, UsageError

PATTERNS = Path("docs", "never_compiled.txt")
PAGE = Path("docs", "verification.md")
_BEGIN = "<!-- written by python -m runtime_tests.verification_log -->"
_END = "<!-- end -->"


def never_compiled(root: Path) -> dict[str, str]:
    """Return what was done instead, by file from ``root``, in the order of names.

    Raises:
        UsageError: If a line of ``docs/never_compiled.txt`` is no pattern and remark, or its
            pattern finds no file: it would hide that a folder moved.
    """
    found: dict[str, str] = {}
    for number, line in enumerate((root / PATTERNS).read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        pattern, bar, instead = (part.strip() for part in line.partition("|"))
        files = [path for path in root.glob(pattern) if path.is_file()] if pattern else []
        if not bar or not instead or not files:
            msg = f"{PATTERNS}:{number} finds {len(files)} files; write `pattern | what was done`"
            raise UsageError(msg)
        found |= {path.relative_to(root).as_posix(): instead for path in files}
    return dict(sorted(found.items()))


def table(root: Path) -> str:
    """Return the table of ``docs/verification.md``."""
    rows = [
        f"| `{name}` | {instead} | `{sha256_of(root / name)}` |"
        for name, instead in never_compiled(root).items()
    ]
    return "\n".join(["| file | done instead | sha256 |", "|---|---|---|", *rows])


def renewed(root: Path, page: str) -> str:
    """Return a page with its table as it is now.

    Raises:
        BundleError: If the page has no place for it.
    """
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        msg = f"{PAGE} has no lines {_BEGIN} and {_END}; the table goes between them"
        raise BundleError(msg)
    return f"{before}{_BEGIN}\n{table(root)}\n{_END}{after}"


def main() -> int:
    """Write the table into the page."""
    root = Path(__file__).parent.parent
    write_text(root / PAGE, renewed(root, (root / PAGE).read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
