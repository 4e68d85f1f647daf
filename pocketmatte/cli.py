"""The command line: ``pocketmatte COMMAND --help``.

Exit codes: 0 good, 1 a check failed or a file or machine will not do, 2 wrong use, 130 stopped by
Ctrl-C.
"""

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence

import typer

from pocketmatte.commands.benching import bench_
from pocketmatte.commands.building import build_
from pocketmatte.commands.catalogue import tiers
from pocketmatte.commands.cutting import cut_
from pocketmatte.commands.delivering import deliver_
from pocketmatte.commands.demo import demo
from pocketmatte.commands.estimating import estimate_, tier_table
from pocketmatte.commands.interacting import evaluate_cut_
from pocketmatte.commands.labelling import label_
from pocketmatte.commands.linting import lint_
from pocketmatte.commands.making import export_, import_
from pocketmatte.commands.matting import evaluate_, matte_
from pocketmatte.commands.native import runner_, trace_
from pocketmatte.commands.on_android import bench_android_
from pocketmatte.commands.on_ios import bench_ios_
from pocketmatte.commands.on_mac import mac
from pocketmatte.commands.packing import pack_
from pocketmatte.commands.parting import parity
from pocketmatte.commands.proving import verify_
from pocketmatte.commands.quantising import quantize_report
from pocketmatte.commands.recalibrating import recalibrate
from pocketmatte.commands.reporting import report
from pocketmatte.commands.resulting import results_add, results_compare, results_list
from pocketmatte.commands.selecting import bundle_, select_
from pocketmatte.commands.signing import keygen, sign_
from pocketmatte.commands.studio import studio
from pocketmatte.commands.training import train
from pocketmatte.console import note
from pocketmatte.stopped import StoppedError
from tiers.errors import PocketMatteError, UsageError, was_interrupted

_WRONG_USE = 2
_FAILED = 1
_STOPPED = 130
_NOTHING_LOST = "stopped; what was finished is kept, nothing is half-written"

app = typer.Typer(
    name="pocketmatte",
    help="Video-matting networks in twelve tiers, exported for phones and proven against PyTorch.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _help(command: Callable[..., None]) -> str:
    r"""Return a command's docstring, its examples marked with ``\b``: one line each, not filled."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(
        f"\b\n{text}" if text.startswith(("Examples:", " ")) else text for text in paragraphs
    )


_COMMANDS: Mapping[str, Callable[..., None]] = {
    "tiers": tiers,
    "import": import_,
    "export": export_,
    "build": build_,
    "pack": pack_,
    "keygen": keygen,
    "sign": sign_,
    "verify": verify_,
    "parity": parity,
    "lint": lint_,
    "mac": mac,
    "runner": runner_,
    "trace": trace_,
    "bench": bench_,
    "bench-android": bench_android_,
    "bench-ios": bench_ios_,
    "quantize-report": quantize_report,
    "select": select_,
    "bundle": bundle_,
    "estimate": estimate_,
    "tier-table": tier_table,
    "deliver": deliver_,
    "report": report,
    "results-add": results_add,
    "results-list": results_list,
    "results-compare": results_compare,
    "matte": matte_,
    "cut": cut_,
    "studio": studio,
    "evaluate": evaluate_,
    "evaluate-cut": evaluate_cut_,
    "label": label_,
    "train": train,
    "recalibrate": recalibrate,
    "demo": demo,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, help=_help(_command))(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given or ["--help"]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        code = app(spread(arguments), standalone_mode=False)
    except typer.TyperException as error:
        return _said(error.format_message(), _WRONG_USE)
    except UsageError as error:
        return _said(str(error), _WRONG_USE)
    except StoppedError as error:
        return _said(str(error), _STOPPED)
    except (PocketMatteError, OSError) as error:
        if not was_interrupted(error):
            return _said(_words(error), _FAILED)
        code = _STOPPED
    except KeyboardInterrupt:
        code = _STOPPED
    if code == _STOPPED:  # typer turns Ctrl-C into this code
        return _said(_NOTHING_LOST, _STOPPED)
    return code if isinstance(code, int) else 0


def _words(error: PocketMatteError | OSError) -> str:
    if isinstance(error, PocketMatteError):
        return str(error)
    # what no module below foresaw of a disk
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or error}; check the path and the disk"


def spread(arguments: Sequence[str], option: str = "--clips") -> list[str]:
    """Let ``--clips A B`` stand for ``--clips A --clips B``."""
    spread_out: list[str] = []
    after = 0  # values seen since the option
    inside = False
    for word in arguments:
        if word.startswith("-") and word != "-":
            name, equals, _ = word.partition("=")
            inside, after = name == option, len(equals)
        elif inside:
            if after:
                spread_out.append(option)
            after += 1
        spread_out.append(word)
    return spread_out


def _said(message: str, code: int) -> int:
    note(f"pocketmatte: {message}")
    return code
