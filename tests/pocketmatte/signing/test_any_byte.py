"""No byte of the manifest or the signature can change unseen."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from export.manifest import FILE_NAME as MANIFEST
from pocketmatte.signing.check import check
from pocketmatte.signing.keys import read_private, read_public
from pocketmatte.signing.signature import FILE_NAME as SIGNATURE
from pocketmatte.signing.signature import read_signature, write_signature
from tests.pocketmatte.signing.vouched import Keys

# Of the group that Ed25519 signs in (RFC 8032, 5.1): a signature's second half is below it.
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def trusted(keys: Keys) -> Ed25519PublicKey:
    """Return the public key of whoever signs here."""
    return read_public(keys.public)


def faults(root: Path, trusted: Ed25519PublicKey) -> tuple[str, ...]:
    return check(root, trusted).faults


@given(data=st.data())
def test_a_manifest_with_any_change_is_refused(
    signed_once: Path, trusted: Ed25519PublicKey, data: st.DataObject
) -> None:
    original = (signed_once / MANIFEST).read_bytes()
    begin = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(begin, min(begin + 8, len(original))))
    changed = original[:begin] + data.draw(st.binary(max_size=8)) + original[end:]
    try:
        (signed_once / MANIFEST).write_bytes(changed)
        found = faults(signed_once, trusted)
    finally:
        (signed_once / MANIFEST).write_bytes(original)
    assert bool(found) == (changed != original)
    assert all(line.startswith(f"{MANIFEST}: its sha256 is ") for line in found)


def test_a_signature_file_with_any_changed_byte_is_refused(
    signed: Path, trusted: Ed25519PublicKey
) -> None:
    path = signed / SIGNATURE
    original = path.read_bytes()
    # another bit of every byte, and every bit of the end: base64 has spare ones
    changes = [(position, 1 << position % 8) for position in range(len(original))]
    changes += [(len(original) - back, 1 << bit) for back in range(1, 8) for bit in range(8)]
    for position, bit in changes:
        changed = bytearray(original)
        changed[position] ^= bit
        path.write_bytes(changed)
        assert len(faults(signed, trusted)) == 1, (position, bit)
    path.write_bytes(original)
    assert faults(signed, trusted) == ()


def test_a_signature_file_that_is_cut_anywhere_is_refused(
    signed: Path, trusted: Ed25519PublicKey
) -> None:
    path = signed / SIGNATURE
    original = path.read_bytes()
    ends_of_lines = [at + more for at, byte in enumerate(original) if byte == 10 for more in (0, 1)]
    for length in {*range(0, len(original), 11), *ends_of_lines} - {len(original)}:
        path.write_bytes(original[:length])
        (line,) = faults(signed, trusted)
        assert "damaged" in line, length


@pytest.mark.parametrize("more", [b"\n", b" ", b"signature: ", b"0" * 64 + b"  more\n", b"\0"])
def test_nothing_can_follow_or_precede_a_signature(
    signed: Path, trusted: Ed25519PublicKey, more: bytes
) -> None:
    path = signed / SIGNATURE
    original = path.read_bytes()
    for changed in (original + more, more + original, original + original):
        path.write_bytes(changed)
        assert len(faults(signed, trusted)) == 1


@given(noise=st.binary(max_size=300))
def test_noise_after_the_title_is_refused_in_one_line(
    signed_once: Path, trusted: Ed25519PublicKey, noise: bytes
) -> None:
    path = signed_once / SIGNATURE
    original = path.read_bytes()
    try:
        path.write_bytes(original.split(b"\n", 1)[0] + b"\n" + noise)
        found = faults(signed_once, trusted)
    finally:
        path.write_bytes(original)
    assert len(found) == 1
    assert "\n" not in found[0]


def test_lines_in_another_order_are_another_text(signed: Path, trusted: Ed25519PublicKey) -> None:
    path = signed / SIGNATURE
    *head, first, second, last = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*head, second, first, last]))
    (line,) = faults(signed, trusted)
    assert "is cut short or damaged" in line


def test_a_second_writing_of_the_same_signature_is_refused(
    signed: Path, trusted: Ed25519PublicKey
) -> None:
    path, value = signed / SIGNATURE, read_signature(signed).value
    second = int.from_bytes(value[32:], "little") + ORDER
    forged = value[:32] + second.to_bytes(32, "little")
    text = path.read_text()
    path.write_text(
        text.replace(base64.b64encode(value).decode(), base64.b64encode(forged).decode())
    )
    (line,) = faults(signed, trusted)
    assert line.startswith(f"{SIGNATURE} was changed after it was signed")


def test_a_signature_of_another_version_says_so(signed: Path, trusted: Ed25519PublicKey) -> None:
    path = signed / SIGNATURE
    path.write_text(path.read_text().replace("signature 1", "signature 2", 1))
    (line,) = faults(signed, trusted)
    assert "begins with b'pocketmatte signature 2', not with b'pocketmatte signature 1'" in line


def test_a_huge_signature_file_is_not_read(signed: Path, trusted: Ed25519PublicKey) -> None:
    with (signed / SIGNATURE).open("r+b") as file:
        file.truncate(1 << 40)
    (line,) = faults(signed, trusted)
    assert f"has {1 << 40} bytes, a signature at most {1 << 25}" in line


def test_a_signature_of_no_manifest_is_refused(
    signed: Path, keys: Keys, trusted: Ed25519PublicKey
) -> None:
    write_signature(signed, read_private(keys.private), {})
    (line,) = faults(signed, trusted)
    assert f"does not list {MANIFEST}" in line
