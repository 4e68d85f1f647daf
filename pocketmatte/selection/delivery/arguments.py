"""The options of ``deliver`` in a bare Python, and what it says."""

import argparse
import json
import sys
from pathlib import Path

from pocketmatte.results import plain
from pocketmatte.selection.delivery.delivering import Request, deliver
from pocketmatte.selection.delivery.writing import Written
from pocketmatte.selection.option_help import DELIVER
from pocketmatte.selection.shapes import printable

_FAILED = 1


def add_deliver(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``deliver``."""
    parser.add_argument("lock", type=Path, help=DELIVER["lock"])
    parser.add_argument("--out", type=Path, required=True, help=DELIVER["--out"])
    parser.add_argument("--layout", default="assets", help=DELIVER["--layout"])
    for name in ("--bundle", "--policy"):
        parser.add_argument(name, type=Path, help=DELIVER[name])
    for name in ("--platform", "--delivery", "--pack-prefix", "--network"):
        parser.add_argument(name, help=DELIVER[name])
    parser.add_argument("--neighbours", type=int, help=DELIVER["--neighbours"])
    parser.add_argument("--results", type=Path, action="append", help=DELIVER["--results"])
    for name in ("--frozen", "--check", "--json"):
        parser.add_argument(name, action="store_true", help=DELIVER[name])


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
