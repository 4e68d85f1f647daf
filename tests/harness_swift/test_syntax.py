"""Every Swift file can be read: brackets close, and a parser, where there is one, has no doubt."""

import importlib
from math import isqrt
from pathlib import Path

import pytest

from tests.harness_swift.swift_source import code_of, unbalanced

FOLDER = Path("ios_harness")


def swift_files(root: Path) -> list[Path]:
    """Return every Swift file of the harness that is not a build output."""
    found = sorted((root / FOLDER).rglob("*.swift"))
    return [path for path in found if ".build" not in path.parts]


def test_every_bracket_has_its_partner(root: Path) -> None:
    files = swift_files(root)
    assert len(files) > 40
    assert {str(p): fault for p in files if (fault := unbalanced(p.read_text()))} == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("func f() { g(1]", "] on line 1"),
        ("struct A {\n  let x = [1, 2]\n", "{ on line 1"),
        ("}\n", "} on line 1"),
        ('let x = "a', "the string on line 1 does not end"),
        ("/* a", "a comment does not end"),
        ('let x = "\\(y', "an interpolation does not end"),
    ],
)
def test_a_bracket_without_partner_is_found(text: str, fault: str) -> None:
    assert fault in (unbalanced(text) or "")


def test_brackets_of_strings_and_comments_do_not_count() -> None:
    text = 'f("}\\"", """\n{ "(" \\(g("]"))\n""") // {\n/* [ */\n'
    assert unbalanced(text) is None
    assert code_of(text).count("\n") == text.count("\n")


def test_no_file_is_longer_than_a_reader_likes(root: Path) -> None:
    lengths = {p.name: len(p.read_text().splitlines()) for p in swift_files(root)}
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def parse_errors(source: bytes) -> list[str]:
    """Return what tree-sitter's grammar of Swift cannot read, or skip where it is not there."""
    try:
        tree_sitter = importlib.import_module("tree_sitter")
        grammar = importlib.import_module("tree_sitter_swift")
    except ModuleNotFoundError as error:
        pytest.skip(f"needs tree-sitter and tree-sitter-swift: {error.name} is not installed")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    waiting = [parser.parse(source).root_node]
    errors = []
    while waiting:
        node = waiting.pop()
        if node.type == "ERROR" or node.is_missing:
            errors.append(f"line {node.start_point[0] + 1}")
        waiting += node.children if node.has_error else []
    return errors


def test_a_parser_of_swift_reads_every_file(root: Path) -> None:
    errors = {str(path): parse_errors(path.read_bytes()) for path in swift_files(root)}
    assert {path: found for path, found in errors.items() if found} == {}


def test_the_parser_finds_a_mistake() -> None:
    assert parse_errors(b"public struct A {\n    let x Int\n}\n")


def _primes(count: int) -> list[int]:
    found: list[int] = []
    candidate = 2
    while len(found) < count:
        if all(candidate % prime for prime in found):
            found.append(candidate)
        candidate += 1
    return found


def _cube_root(number: int) -> int:
    low, high = 0, number
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def constants(text: str, name: str) -> list[int]:
    """Return the numbers of a Swift array of constants."""
    listed = text.partition(f"private let {name}: [UInt32] = [")[2].partition("]")[0]
    return [int(word, 16) for word in listed.replace("\n", " ").split(",") if word.strip()]


def test_the_constants_of_the_hash_are_those_of_fips_180_4(root: Path) -> None:
    text = (root / FOLDER / "Sources/MatteCore/Sha256.swift").read_text()
    squares = [isqrt(prime << 64) & 0xFFFFFFFF for prime in _primes(8)]
    cubes = [_cube_root(prime << 96) & 0xFFFFFFFF for prime in _primes(64)]
    assert constants(text, "initial") == squares
    assert constants(text, "roundConstants") == cubes
    assert constants(text.replace("0xc67178f2", "0xc67178f3"), "roundConstants") != cubes
