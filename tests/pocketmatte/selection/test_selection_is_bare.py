"""The choice of a class runs where nothing but Python is installed."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, {root!r})
from pocketmatte.selection.facts import Facts
from pocketmatte.selection.lookup import find
print(find(Facts(platform="ios", model="iPhone17,3")).device_class.tier)
strangers = {{"numpy", "torch", "pydantic", "typer", "rich"}} & set(sys.modules)
print(sorted(strangers))
"""


def test_a_device_is_looked_up_in_a_bare_python(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", PROGRAM.format(root=str(root))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.split("\n") == ["t11", "[]", ""]
