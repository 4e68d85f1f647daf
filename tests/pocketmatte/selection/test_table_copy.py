"""The copy of the device table is what its TOML says, and counts beside no other TOML."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from pocketmatte.selection import devices, table_copy
from pocketmatte.selection.devices import device_table, table_sha256
from pocketmatte.selection.table_copy import COPY, TABLE, copied, copy_text


def test_the_committed_copy_is_that_of_the_table() -> None:
    again = "write it again with: python -m pocketmatte.selection.table_copy"
    assert COPY.read_text() == copy_text(TABLE.read_bytes()), again


def test_the_copy_decodes_to_what_toml_decodes_to() -> None:
    assert copied(table_sha256()) == tomllib.loads(TABLE.read_text())


def test_a_copy_of_another_table_is_none() -> None:
    assert copied(hashlib.sha256(TABLE.read_bytes() + b"\n").hexdigest()) is None


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"{}", b"\xff", b'{"toml_sha256": "a"}', None]
)
def test_a_damaged_or_missing_copy_is_none_and_the_table_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes | None
) -> None:
    copy = tmp_path / "devices.json"
    if data is not None:
        copy.write_bytes(data)
    monkeypatch.setattr(table_copy, "COPY", copy)
    assert copied(table_sha256()) is None
    assert device_table.__wrapped__() == device_table()


def test_a_changed_table_outranks_its_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TABLE.read_text()
    changed = text.replace('name = "Galaxy S24 Ultra"', 'name = "Galaxy S24 Ultra, changed"')
    assert changed != text
    monkeypatch.setattr(devices, "_own_bytes", changed.encode)
    monkeypatch.setattr(devices, "table_sha256", table_sha256.__wrapped__)
    names = {each.name for each in device_table.__wrapped__().devices}
    assert names - {each.name for each in device_table().devices} == {"Galaxy S24 Ultra, changed"}


def test_a_table_that_says_what_json_cannot_has_no_copy() -> None:
    with pytest.raises(ValueError, match="Out of range float values are not JSON compliant"):
        copy_text(b"[row.one]\nnumber = nan\n")


def test_writing_the_copy_writes_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_copy, "COPY", tmp_path / "devices.json")
    table_copy.main()
    assert (tmp_path / "devices.json").read_bytes() == COPY.read_bytes()
