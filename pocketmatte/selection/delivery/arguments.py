"""The options of ``deliver`` in a bare Python, and what it says."""

import argparse
import json
import sys
from pathlib import Path

from pocketmatte.results import plain
from pocketmatte.selection.delivery.delivering import LAYOUTS, Request, deliver
from pocketmatte.selection.delivery.writing import Written
from pocketmatte.selection.shapes import printable

_FAILED = 1


def add_deliver(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``deliver``."""
    parser.add_argument("lock", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--layout", choices=LAYOUTS, default="assets")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--platform")
    parser.add_argument("--delivery")
    parser.add_argument("--pack-prefix")
    parser.add_argument("--neighbours", type=int)
    parser.add_argument("--policy", type=Path)
    parser.add_argument("--network")
    parser.add_argument("--results", type=Path, action="append")
    parser.add_argument("--frozen", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")


def run_deliver(given: argparse.Namespace) -> int:
    """Deliver, say what was done, and return the exit code."""
    outcome = deliver(
        Request(
            lock=given.lock,
            out=given.out,
            layout=given.layout,
            bundle=given.bundle,
            platform=given.platform,
            delivery=given.delivery,
            pack_prefix=given.pack_prefix,
            neighbours=given.neighbours,
            policy=given.policy,
            networks=given.network,
            results=tuple(given.results or ()),
            frozen=given.frozen,
            check=given.check,
        )
    )
    for line in (*outcome.reasons, *said(outcome.done, given.out)):
        sys.stderr.write(f"pocketmatte: {printable(line)}\n")
    if given.json:
        result = {"check": given.check, "reasons": outcome.reasons, "done": outcome.done}
        sys.stdout.write(json.dumps(plain(result), indent=1) + "\n")
    return _FAILED if outcome.reasons else 0


def said(done: Written | None, out: Path) -> list[str]:
    """Return what was done in a line; nothing of a check."""
    if done is None:
        return []
    if not done.written and not done.removed:
        return [f"{out} is up to date: {done.kept} files, {done.size_bytes / 1e6:.2f} MB"]
    return [
        f"{out}: {len(done.written)} written, {len(done.removed)} removed, {done.kept} left as "
        f"they were, {done.size_bytes / 1e6:.2f} MB"
    ]
