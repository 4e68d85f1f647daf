"""Every fault of the device server against the real adb client: how many struck, what was lost.

    python -m runtime_tests.adb_faults

Exits with 1 if a result was lost, with 2 where there is no adb.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from tests.adb.fault_menu import MENU
from tests.adb.isolated import NO_ADB, isolated_adb
from tests.adb.scenario import run_fault


def main() -> int:
    """Try every fault and print what came of it."""
    if shutil.which("adb") is None:
        sys.stderr.write(f"{NO_ADB}\n")
        return 2
    struck = written = lost = 0
    with tempfile.TemporaryDirectory() as made, isolated_adb(Path(made)):
        for number, fault in enumerate(MENU):
            came = run_fault(fault, Path(made) / str(number))
            struck, written = struck + came.struck, written + len(set(came.written))
            lost += len(came.lost)
            said = next((each.error for each in came.outcomes if each.error), "all results good")
            sys.stdout.write(f"{fault.name}: {len(came.kept)} kept; {said}\n")
    sys.stdout.write(
        f"{struck} faults injected in {len(MENU)} ways, {written} results written, "
        f"{lost} results lost\n"
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
