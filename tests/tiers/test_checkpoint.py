import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor

from tiers.checkpoint import digest, read_pytorch, read_safetensors, write_safetensors
from tiers.errors import CheckpointError

Reader = Callable[[Path], object]
READERS = {"safetensors": read_safetensors, "pth": read_pytorch}


def tensors() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "conv.weight": torch.rand(4, 3, 3, 3, generator=generator),
        "norm.num_batches_tracked": torch.tensor(7),
    }


def saved(folder: Path, kind: str, content: dict[str, Tensor]) -> Path:
    path = folder / f"weights.{kind}"
    if kind == "pth":
        torch.save(content, path)
    else:
        write_safetensors(path, content, {"network": "rvm"})
    return path


def refused(reader: Reader, path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        reader(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_safetensors_file_gives_back_tensors_and_metadata(tmp_path: Path) -> None:
    read, metadata = read_safetensors(saved(tmp_path, "safetensors", tensors()))
    assert metadata == {"network": "rvm"}
    assert digest(read) == digest(tensors())


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pytorch_file_gives_back_its_tensors(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "weights.pth"
    torch.save(tensors(), path, _use_new_zipfile_serialization=zipped)
    assert digest(read_pytorch(path)) == digest(tensors())


@pytest.mark.parametrize("kind", READERS)
def test_a_missing_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "nothing"
    assert refused(READERS[kind], path) == f"no weight file {path}; check the path"
    assert refused(READERS[kind], tmp_path) == f"no weight file {tmp_path}; check the path"


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    path = saved(tmp_path, kind, tensors())
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    assert "fetch it again" in refused(READERS[kind], path)


@pytest.mark.parametrize("kind", READERS)
def test_changed_bytes_are_read_or_refused_but_never_crash(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path, kind, tensors())
    data = path.read_bytes()
    generator = random.Random(0)
    outcomes = set()
    for _ in range(200):
        broken = bytearray(data)
        for _ in range(3):
            broken[generator.randrange(len(broken))] = generator.randrange(256)
        path.write_bytes(broken)
        try:
            READERS[kind](path)
            outcomes.add("read")
        except CheckpointError:
            outcomes.add("refused")
    assert "refused" in outcomes


class _Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def test_code_in_a_pickle_does_not_run(tmp_path: Path) -> None:
    path, marker = tmp_path / "hostile.pth", tmp_path / "ran"
    torch.save({"conv.weight": _Hostile(marker)}, path)
    message = refused(read_pytorch, path)
    assert "holds more than tensors, or is not whole; nothing in it was run" in message
    assert "torch.save(model.state_dict(), FILE)" in message
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists(), "the file was harmless, so the test above proves nothing"


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_named(tmp_path: Path, kind: str, value: float) -> None:
    content = tensors()
    content["conv.weight"][1, 2, 0, 1] = value
    message = refused(READERS[kind], saved(tmp_path, kind, content))
    assert "holds values that are not finite in conv.weight; train it again" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "holds a list, not a state dict of named tensors"),
        (torch.zeros(1), "holds a Tensor, not a state dict of named tensors"),
        ({}, "holds a dict, not a state dict of named tensors"),
        ({"epoch": 3, "model": {}}, "is no state dict: epoch, model hold no plain tensors ("),
        ({"a": torch.eye(2).to_sparse()}, "is no state dict: a hold no plain tensors (float16"),
        ({"a": torch.zeros(2, dtype=torch.complex64)}, "is no state dict: a hold no plain"),
        ({"a": torch.zeros(2, dtype=torch.float8_e4m3fn)}, "is no state dict: a hold no plain"),
        ({"a": torch.zeros(2, dtype=torch.int32)}, "is no state dict: a hold no plain"),
        ({"a": torch.zeros(2, device="meta")}, "is no state dict: a hold no plain"),
        ({"a": torch.zeros(2)._neg_view()}, "is no state dict: a hold no plain"),
        ({"a": torch.zeros(1).expand(1 << 45)}, "is no state dict: a hold no plain"),
    ],
    ids=["list", "tensor", "empty", "training-state", "sparse", "complex", "float8", "int32",
         "meta", "negated", "140-TB"],
)  # fmt: skip
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    assert message in refused(read_pytorch, path)


@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64, torch.int32, torch.bool]
)
def test_a_safetensors_file_of_a_type_that_no_weight_has_is_refused(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(4).to(dtype), "b": torch.zeros(1)}, path)
    message = refused(read_safetensors, path)
    assert "is no state dict: a hold no plain tensors (float16, bfloat16, float32" in message


@pytest.mark.parametrize("kind", READERS)
def test_a_number_beyond_single_precision_is_refused(tmp_path: Path, kind: str) -> None:
    content = {"a": torch.ones(2, dtype=torch.float64), "b": torch.ones(2, dtype=torch.float64)}
    content["b"][1] = 1e300
    path = saved(tmp_path, kind, content)
    assert "holds values that are not finite in b; train it again" in refused(READERS[kind], path)


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64]
)
def test_every_type_that_weights_have_is_read(
    tmp_path: Path, kind: str, dtype: torch.dtype
) -> None:
    assert READERS[kind](saved(tmp_path, kind, {"a": torch.ones(3, dtype=dtype)}))


def test_a_parameter_is_read(tmp_path: Path) -> None:
    content = {"a": torch.nn.Parameter(torch.ones(3))}
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    assert digest(read_pytorch(path)) == digest(content)


def test_a_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, "safetensors", tensors())
    before = path.read_bytes()

    def full_disk(partial: Path, data: bytes) -> int:
        with partial.open("wb") as file:
            file.write(data[:50])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full_disk)
    with pytest.raises(CheckpointError, match=r"could not write .*No space left.*free some space"):
        write_safetensors(path, tensors(), {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    metadata = {f"key {index}": "é" * index for index in range(20)}
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    write_safetensors(paths[0], tensors(), metadata)
    write_safetensors(paths[1], tensors(), dict(reversed(metadata.items())))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert read_safetensors(paths[0])[1] == metadata


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match=r"could not write .*; free some space or choose"):
        write_safetensors(tmp_path / "file" / "weights.safetensors", tensors(), {})


def test_tensors_that_share_memory_are_written(tmp_path: Path) -> None:
    whole = torch.arange(6.0).view(2, 3)
    content = {"a": whole, "b": whole, "turned": whole.T, "part": whole[:, 1:]}
    read, _ = read_safetensors(saved(tmp_path, "safetensors", content))
    assert digest(read) == digest(content)


def test_a_digest_is_of_values_not_of_order_or_memory_layout() -> None:
    a, b = torch.rand(2, 3), torch.tensor(3)
    expected = digest({"a": a, "b": b})
    assert len(expected) == 64
    assert digest({"b": b.clone(), "a": a.T.contiguous().T}) == expected


@pytest.mark.parametrize(
    "other",
    [
        {"b": torch.ones(2, 3)},
        {"a": torch.ones(3, 2)},
        {"a": torch.ones(2, 3, dtype=torch.float16)},
        {"a": torch.ones(2, 3, dtype=torch.int32)},
        {"a": torch.ones(2, 3) + torch.finfo(torch.float32).eps},
        {"a": torch.ones(2, 3), "b": torch.ones(0)},
    ],
    ids=["name", "shape", "half", "whole-numbers", "value", "one-more"],
)
def test_a_digest_depends_on_name_shape_type_and_value(other: dict[str, Tensor]) -> None:
    assert digest(other) != digest({"a": torch.ones(2, 3)})
