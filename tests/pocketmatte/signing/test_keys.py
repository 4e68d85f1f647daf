import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from pocketmatte.signing.keys import PASSPHRASE, key_id, read_private, read_public
from tests.pocketmatte.signing.vouched import Keys, flip
from tiers.errors import UsageError


@pytest.fixture(autouse=True)
def _no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE, raising=False)


def test_a_pair_fits_and_the_private_half_is_its_owners_alone(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    before = os.umask(0)  # a mode that the mask happens to give would prove nothing
    try:
        said = cli("keygen", tmp_path / "release.pem", "--json")
    finally:
        os.umask(before)
    assert said.code == 0, said.err
    made = said.json()
    private, public = Path(made["private"]), Path(made["public"])
    assert (private.name, public.name) == ("release.pem", "release.pub.pem")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert key_id(read_private(private).public_key()) == key_id(read_public(public))
    assert made["key_id"] == key_id(read_public(public))
    assert made["encrypted"] is False
    assert f"not encrypted; set {PASSPHRASE}" in said.err


@pytest.mark.parametrize("name", ["release.pem", "release.pub.pem"])
def test_a_key_is_never_overwritten(cli: Callable[..., Any], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("kept")
    line = cli("keygen", tmp_path / "release.pem").refusal(2)
    assert line == f"{tmp_path / name} exists and a key is never overwritten; choose another name"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "kept"


def test_a_link_that_leads_nowhere_is_not_written_through(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "release.pem").symlink_to(tmp_path / "elsewhere")
    assert "never overwritten" in cli("keygen", tmp_path / "release.pem").refusal(2)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_wrong_use(cli: Callable[..., Any], tmp_path: Path) -> None:
    line = cli("keygen", tmp_path / "none" / "release.pem").refusal(2)
    assert line.endswith("(No such file or directory); choose another place")


def test_where_the_public_half_cannot_be_written_no_private_one_stays(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Path, *words: Any) -> int:
        if str(path).endswith(".pub.pem"):
            raise OSError(28, "No space left on device", str(path))
        return opened(path, *words)

    monkeypatch.setattr("pocketmatte.signing.keys.os.open", refuse)
    assert "No space left on device" in cli("keygen", tmp_path / "release.pem").refusal(2)
    assert list(tmp_path.iterdir()) == []


def test_a_private_key_is_not_named_like_a_public_one(
    cli: Callable[..., Any], tmp_path: Path
) -> None:
    line = cli("keygen", tmp_path / "release.pub.pem").refusal(2)
    assert line.endswith("is named like a public key; name the private one, such as release.pem")


def test_a_passphrase_of_the_environment_encrypts_and_opens(
    cli: Callable[..., Any], tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "release.pem"
    monkeypatch.setenv(PASSPHRASE, "open sésame")
    assert cli("keygen", key, "--json").json()["encrypted"] is True
    assert b"ENCRYPTED" in key.read_bytes()
    assert cli("sign", small, "--key", key).code == 0
    monkeypatch.setenv(PASSPHRASE, "wrong")
    line = cli("sign", small, "--key", key).refusal(2)
    assert line == f"{key} does not open with the passphrase in {PASSPHRASE}; set the right one"
    monkeypatch.delenv(PASSPHRASE)
    line = cli("sign", small, "--key", key).refusal(2)
    assert line == f"{key} is encrypted; put its passphrase into the environment as {PASSPHRASE}"


def test_an_empty_passphrase_is_no_passphrase(
    cli: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE, "")
    line = cli("keygen", tmp_path / "release.pem").refusal(2)
    assert line == f"{PASSPHRASE} is empty; set a passphrase, or unset it to go without"
    assert list(tmp_path.iterdir()) == []


def test_a_key_without_a_passphrase_opens_where_one_is_set(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE, "of another key")
    assert read_private(keys.private).public_key() == read_public(keys.public)


def test_a_private_key_that_others_read_is_told(
    cli: Callable[..., Any], keys: Keys, small: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "shared.pem"
    copy.write_bytes(keys.private.read_bytes())
    copy.chmod(0o640)
    assert "can be read by others; run chmod 600" in cli("sign", small, "--key", copy).err
    copy.chmod(0o600)
    assert "can be read by others" not in cli("sign", small, "--key", copy).err


def test_each_half_is_refused_in_the_place_of_the_other(
    cli: Callable[..., Any], keys: Keys, signed: Path
) -> None:
    line = cli("sign", signed, "--key", keys.public).refusal(2)
    assert line == f"{keys.public} is no private key in PEM; make one with pocketmatte keygen"
    line = cli("verify", signed, "--key", keys.private).refusal(2)
    assert (
        line == f"{keys.private} is a private key, which only signs; give its public one, .pub.pem"
    )


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private, public = tmp_path / "rsa.pem", tmp_path / "rsa.pub.pem"
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    for read, path in ((read_private, private), (read_public, public)):
        with pytest.raises(UsageError, match=r"is no Ed25519 key"):
            read(path)


def test_a_file_that_is_missing_or_huge_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be read \(No such file or directory\)"):
        read_public(tmp_path / "none.pem")
    huge = tmp_path / "huge.pem"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match="is larger than 65536 bytes and no key"):
        read_private(huge)


@given(data=st.data())
def test_a_damaged_key_file_is_a_key_or_a_usage_error(
    keys: Keys, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.pem"
    for original, read in ((keys.private, read_private), (keys.public, read_public)):
        content = original.read_bytes()
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        if path.stat().st_size:
            position = data.draw(st.integers(0, path.stat().st_size - 1))
            flip(path, position, data.draw(st.integers(1, 255)))
        assert "\n" not in refusal(read, path)


def refusal(read: Callable[[Path], object], path: Path) -> str:
    try:
        read(path)
    except UsageError as error:
        return str(error)
    return ""
