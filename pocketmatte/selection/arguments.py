"""The options of ``select`` and ``bundle`` in a bare Python; a parser that refuses in one line."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from pocketmatte.selection.front import OPTIONS
from pocketmatte.selection.option_help import BUNDLE, SELECT
from pocketmatte.selection.shapes import printable

_WRONG_USE = 2
_NUMBERS = ("--budget-ms", "--budget-fps", "--memory-mb", "--download-mb", "--minimum-psnr-db")


class Parser(argparse.ArgumentParser):
    """Refuses as commands do: in one line, by which a build step tells it from a crash."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong, and end with the code of wrong use."""
        sys.stderr.write(f"pocketmatte: {printable(message)}; {self.prog} --help lists options\n")
        sys.exit(_WRONG_USE)


def add_select(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``select``."""
    parser.add_argument("bundle", type=Path, help=SELECT["bundle"])
    for name in ("--device", "--platform", "--network", "--prior"):
        parser.add_argument(name, help=SELECT[name])
    parser.add_argument("--class", dest="class_name", help=SELECT["--class"])
    for name in ("--facts", "--policy", "--out", "--check"):
        parser.add_argument(name, type=Path, help=SELECT[name])
    parser.add_argument("--results", type=Path, action="append", help=SELECT["--results"])
    for name in OPTIONS:
        kind = float if name in _NUMBERS else str
        parser.add_argument(name, type=kind, help=SELECT[name])
    for name in ("--all", "--explain", "--json"):
        parser.add_argument(name, action="store_true", help=SELECT[name])


def add_bundle(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of ``bundle``."""
    parser.add_argument("lock", type=Path, help=BUNDLE["lock"])
    parser.add_argument("--bundle", type=Path, help=BUNDLE["--bundle"])
    parser.add_argument("--out", type=Path, required=True, help=BUNDLE["--out"])
    parser.add_argument("--platform", help=BUNDLE["--platform"])
    parser.add_argument("--neighbours", type=int, help=BUNDLE["--neighbours"])
    parser.add_argument("--json", action="store_true", help=BUNDLE["--json"])
