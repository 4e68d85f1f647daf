"""Kotlin compiled and run with what a Debian machine has: kotlinc 1.3, JUnit 4 and Gson."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

_JARS = Path("/usr/share/java")
_NEEDED = {
    "kotlin-stdlib.jar": "kotlin",
    "gson.jar": "libgoogle-gson-java",
    "junit4.jar": "junit4",
    "hamcrest.jar": "libhamcrest-java",
}
_LIBRARIES = [_JARS / name for name in _NEEDED]
_PASSED = re.compile(r"^OK \((\d+) tests?\)$", re.MULTILINE)
_FAILED = re.compile(r"^Tests run: (\d+),  Failures: (\d+)$", re.MULTILINE)
_FAILURE = re.compile(r"^\d+\) (.+)\(([\w.]+)\)$", re.MULTILINE)
# The compiler says of Java, not of the sources: it starts it with options that Java deprecates.
_NOISE = re.compile(r"^OpenJDK 64-Bit Server VM warning: .*\n", re.MULTILINE)


def skip_without_kotlin() -> None:
    """Skip, naming the first thing that is missing and the package that brings it."""
    for program, package in {"kotlinc": "kotlin", "java": "default-jdk"}.items():
        if shutil.which(program) is None:
            pytest.skip(f"not run: {program} is not installed (Debian: {package})")
    for jar, package in _NEEDED.items():
        if not (_JARS / jar).exists():
            pytest.skip(f"not run: {jar} is not installed (Debian: {package})")


def compile_kotlin(sources: Sequence[Path], into: Path, *classes: Path) -> str:
    """Compile files and folders; return what the compiler said, which is nothing if all is well.

    Args:
        sources: Of Kotlin; Java among them is read and not compiled.
        into: Folder of the classes.
        classes: Folders of classes that the sources need beside the libraries.
    """
    path = ":".join(map(str, [*classes, *_LIBRARIES]))
    command = ["kotlinc", "-Werror", "-jvm-target", "1.8", "-cp", path, "-d", str(into)]
    done = subprocess.run(
        [*command, *map(str, sources)], capture_output=True, text=True, check=False
    )
    said = _NOISE.sub("", done.stdout + done.stderr).strip()
    return said if said or not done.returncode else f"kotlinc ended with {done.returncode}"


class JUnitReport:
    """What JUnit found.

    Attributes:
        run: Tests that ran.
        failed: Their names.
    """

    def __init__(self, output: str) -> None:
        passed, failed = _PASSED.search(output), _FAILED.search(output)
        if (passed is None) == (failed is None):
            msg = f"JUnit says neither that all passed nor that some failed:\n{output[-2000:]}"
            raise AssertionError(msg)
        self.run = int(passed[1] if passed else failed[1] if failed else 0)
        self.failed = [name for name, _ in _FAILURE.findall(output)]


def run_junit(classes: Path, tests: Sequence[str], **properties: Path) -> JUnitReport:
    """Run test classes by name; ``vectors`` becomes the property ``pocketmatte.vectors``."""
    path = ":".join(map(str, [classes, *_LIBRARIES]))
    given = [f"-Dpocketmatte.{name}={value}" for name, value in properties.items()]
    done = subprocess.run(
        ["java", *given, "-cp", path, "org.junit.runner.JUnitCore", *tests],
        capture_output=True,
        text=True,
        check=False,
    )
    return JUnitReport(done.stdout + done.stderr)


def write_declarations(text: str, folder: Path) -> None:
    """Write ``declarations.txt`` as the Java files that it is made of."""
    for part in text.split("\n=== ")[1:]:
        name, body = part.split("\n", 1)
        package, _, simple = name.rpartition(".")
        path = folder.joinpath(*package.split("."), f"{simple}.java")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"package {package};\n{body}\n")
