"""The command line: ``pocketmatte COMMAND --help``.

Exit codes: 0 good, 1 a check failed or a file or machine will not do, 2 wrong use, 130 stopped by
Ctrl-C.
"""

import sys
from collections.abc import Sequence

import click
import typer

from pocketmatte.commands.catalogue import tiers
from pocketmatte.commands.demo import demo
from pocketmatte.commands.making import build_, export_, import_
from pocketmatte.commands.matting import evaluate_, matte_
from pocketmatte.commands.proving import bench_, verify_
from pocketmatte.console import stderr
from tiers.errors import PocketMatteError, UsageError

_WRONG_USE = 2
_FAILED = 1
_STOPPED = 130

app = typer.Typer(
    name="pocketmatte",
    help="Video-matting networks in twelve tiers, exported for phones and proven against PyTorch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("tiers")(tiers)
app.command("import")(import_)
app.command("export")(export_)
app.command("build")(build_)
app.command("verify")(verify_)
app.command("bench")(bench_)
app.command("matte")(matte_)
app.command("evaluate")(evaluate_)
app.command("demo")(demo)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(given))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        code = app(spread(arguments), standalone_mode=False)
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UsageError as error:
        return _said(error, _WRONG_USE)
    except PocketMatteError as error:
        return _said(error, _FAILED)
    except (KeyboardInterrupt, click.Abort):
        stderr.print("stopped; what was finished is kept, nothing is half-written")
        return _STOPPED
    return code if isinstance(code, int) else 0


def spread(arguments: Sequence[str], option: str = "--clips") -> list[str]:
    """Let ``--clips A B`` stand for ``--clips A --clips B``."""
    spread_out: list[str] = []
    after = 0  # values seen since the option
    inside = False
    for word in arguments:
        if word.startswith("-") and word != "-":
            inside, after = word == option, 0
        elif inside:
            if after:
                spread_out.append(option)
            after += 1
        spread_out.append(word)
    return spread_out


def _said(error: PocketMatteError, code: int) -> int:
    stderr.print(f"pocketmatte: {' '.join(str(error).split())}", markup=False, soft_wrap=True)
    return code
