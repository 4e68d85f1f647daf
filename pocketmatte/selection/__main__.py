"""``python3 -m pocketmatte.selection``: select, bundle, deliver where Python alone is installed.

A build step of Gradle or Xcode runs it with this project on ``PYTHONPATH``. Exit codes are those of
``pocketmatte``: 0 good, 1 a check failed, 2 wrong use.
"""

import gc

if __name__ == "__main__":
    gc.disable()  # before the imports: this ends before there is anything worth collecting

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pocketmatte.selection.arguments import Parser, add_bundle, add_select
from pocketmatte.selection.explaining import explained, headline
from pocketmatte.selection.front import OPTIONS, Outcome, Request, run
from pocketmatte.selection.lock import lock_text
from pocketmatte.selection.shapes import printable
from tiers.errors import PocketMatteError, UsageError

_FAILED, _WRONG_USE = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    given = _parser(words).parse_args(words)
    try:
        if given.command == "deliver":
            from pocketmatte.selection.delivery.arguments import run_deliver

            return run_deliver(given)
        return _bundle(given) if given.command == "bundle" else _select(given)
    except UsageError as error:
        return _said(str(error), _WRONG_USE)
    except PocketMatteError as error:
        return _said(str(error), _FAILED)
    except OSError as error:
        return _said(f"{error.filename}: {error.strerror}; check the path and the disk", _FAILED)


def _select(given: argparse.Namespace) -> int:
    outcome = run(
        Request(
            bundle=given.bundle,
            device=given.device,
            class_name=given.class_name,
            facts=given.facts,
            every=given.all,
            platform=given.platform,
            networks=given.network,
            policy=given.policy,
            prior=given.prior,
            results=tuple(given.results or ()),
            options={name: getattr(given, name[2:].replace("-", "_")) for name in OPTIONS},
            out=given.out,
            check=given.check,
        )
    )
    for line in (*outcome.changes, *outcome.nothing):
        _said(line, 0)
    sys.stdout.write(_shown(outcome, given))
    return 0 if outcome.passed else _FAILED


def _shown(outcome: Outcome, given: argparse.Namespace) -> str:
    if given.check is not None:
        found = {"stale": bool(outcome.changes), "changes": outcome.changes}
        return f"{json.dumps(found, indent=1)}\n" if given.json else ""
    if outcome.lock is None:
        return ""
    if given.json:
        return lock_text(outcome.lock)
    if given.explain:
        return "".join(f"{line}\n" for line in explained(outcome.lock))
    return "".join(
        f"{group.platform} {group.device_class} {choice.network}: {headline(choice.taken)}\n"
        for group in outcome.lock.groups
        for choice in group.choices
        if choice.taken
    )


def _bundle(given: argparse.Namespace) -> int:
    from pocketmatte.results import plain  # not needed to select, as what follows
    from pocketmatte.selection.shipping import bundle_of, ship

    root = bundle_of(given.lock, given.bundle)
    done = ship(given.lock, root, given.out, given.neighbours, given.platform)
    _said(f"{len(done.files)} files, {done.size_bytes / 1e6:.2f} MB in {done.out}", 0)
    if given.json:
        sys.stdout.write(f"{json.dumps(plain(done), indent=1)}\n")
    return 0


def _parser(words: Sequence[str]) -> Parser:
    parser = Parser(
        prog="python3 -m pocketmatte.selection",
        description="Choose the tier that an app ships on a device, and copy its files.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    add_select(commands.add_parser("select", help="Choose, and write a lock."))
    add_bundle(commands.add_parser("bundle", help="Copy what a lock takes."))
    deliver = commands.add_parser("deliver", help="Write what an app's build takes in.")
    if words[:1] == ["deliver"]:  # what it needs takes longer to import than a choice takes
        from pocketmatte.selection.delivery.arguments import add_deliver

        add_deliver(deliver)
    return parser


def _end(code: int) -> NoReturn:
    """End the process, and leave what was read to the system: object by object it takes longer."""
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None where it was closed
            stream.flush()
    except OSError:  # nobody reads it to its end
        sys.exit(code)
    os._exit(code)


def _said(message: str, code: int) -> int:
    sys.stderr.write(f"pocketmatte: {printable(message)}\n")
    return code


if __name__ == "__main__":
    _end(main())
