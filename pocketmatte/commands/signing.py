"""``pocketmatte keygen`` and ``pocketmatte sign``: who vouches for a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.console import Done, JsonFlag, finish, note, relative
from pocketmatte.results import plain

if TYPE_CHECKING:
    from pocketmatte.signing.check import Finding


def keygen(
    private: Annotated[Path, typer.Argument(help="Where the private key goes: release.pem.")],
    as_json: JsonFlag = False,
) -> None:
    """Make an Ed25519 key pair to sign bundles with.

    The private key, release.pem, is for its owner alone (mode 600); the public key beside it,
    release.pub.pem, is for whoever checks bundles. Nothing is overwritten. Where the environment
    holds POCKETMATTE_KEY_PASSPHRASE, the private key is encrypted with it. Keep it out of bundles
    and repositories.

    Examples:
        pocketmatte keygen release.pem

        pocketmatte keygen keys/release.pem --json
    """
    from pocketmatte.signing.keys import PASSPHRASE, make_pair

    pair = make_pair(private)
    kept = "encrypted" if pair.encrypted else f"not encrypted; set {PASSPHRASE} to have the next so"
    note(f"{relative(pair.private)}: private, {kept}")
    note(f"{relative(pair.public)}: public, give it to whoever checks; key {pair.key_id}")
    finish(Done(result=pair), as_json=as_json)


def sign_(
    bundle: Annotated[Path, typer.Argument(help="Folder that pocketmatte build wrote.")],
    key: Annotated[Path, typer.Option(help="Private key that pocketmatte keygen wrote.")],
    as_json: JsonFlag = False,
) -> None:
    """Sign every file of a bundle, and write its bill of materials.

    manifest.sig holds the sha256 of every file and an Ed25519 signature of all of them;
    bom.cdx.json, signed with the rest, is a CycloneDX 1.6 bill of materials: models, weights with
    origin and licence, exporters. Files must be those of the manifest, and no other may be there:
    else nothing is written and the exit code is 1. What files compute is not looked at: verify
    before you sign. Figures under results/ are not signed. An encrypted key takes its passphrase
    from POCKETMATTE_KEY_PASSPHRASE. The same bundle and key give the same bytes.

    Examples:
        pocketmatte sign build/bundle --key release.pem

        pocketmatte sign build/bundle --key release.pem --json
    """
    from pocketmatte.signing.keys import open_to_others, read_private
    from pocketmatte.signing.sign import sign

    private = read_private(key)
    if open_to_others(key):
        note(f"{relative(key)} can be read by others; run chmod 600 on it")
    found = sign(bundle, private)
    _tell("not signed", found)
    if not found.faults:
        note(f"{relative(bundle)}: signed {_counted(found)}, with key {found.key_id}")
    finish(
        Done(result={"bundle": bundle, **_result(found)}, passed=not found.faults), as_json=as_json
    )


def signature_checked(bundle: Path, key: Path) -> Done:
    """Hold a bundle against a public key, and say what was found."""
    from pocketmatte.signing.check import check
    from pocketmatte.signing.keys import read_public

    found = check(bundle, read_public(key))
    _tell("refused", found)
    if not found.faults:
        note(f"{relative(bundle)}: {_counted(found)} are as key {found.key_id} signed them")
    result = {"passed": not found.faults, "signature": _result(found)}
    return Done(result=result, passed=not found.faults)


def note_stale(bundle: Path) -> None:
    """Say that a bundle has to be signed again, if its signature is of another state of it."""
    from pocketmatte.signing.check import stale

    if line := stale(bundle):
        note(line)


def _tell(outcome: str, found: "Finding") -> None:
    for line in found.faults:
        note(f"{outcome}: {line}")


def _counted(found: "Finding") -> str:
    return f"{found.files} files of {found.size_bytes / 1e6:.2f} MB"


def _result(found: "Finding") -> dict[str, object]:
    return dict(plain(found))
