"""A bundle of two programs that no file is read of, and Core MLs that are none."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from torch import nn

from export.manifest import Artifact, Frame, Manifest, Package
from pocketmatte import mac_report
from pocketmatte.matting.board import Moment, Run
from pocketmatte.runtimes.protocol import FloatArray, Session
from pocketmatte.runtimes.torch_eager import TorchSession
from tiers.contract import ProgramContract
from tiers.errors import BundleError
from tiers.ladder import tier

Change = Callable[[Mapping[str, FloatArray]], Mapping[str, FloatArray]]
DIGEST = "0" * 64
FIRST, SECOND = "first", "second"  # of which only the first is called in the first frame


def same(outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
    return outputs


def infinite(outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
    return {name: array + np.float32(np.inf) for name, array in outputs.items()}


def shifted(outputs: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
    return {name: array + np.float32(0.2) for name, array in outputs.items()}


def refused(_: Mapping[str, FloatArray]) -> Mapping[str, FloatArray]:
    msg = "Core ML cannot run it"
    raise BundleError(msg)


class File:
    """A file that computes what PyTorch does, but for a change."""

    facts: ClassVar[Mapping[str, str | int]] = {"version": "1"}

    def __init__(self, session: Session, change: Change) -> None:
        self._session, self._change = session, change

    def run(self, inputs: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        return dict(self._change(self._session.run(inputs)))

    def close(self) -> None:
        """Nothing is held."""


class Units:
    """A Core ML that changes what some programs give, or refuses them; all others are PyTorch's.

    Args:
        name: Its name.
        reference: PyTorch, by program.
        changes: By program; ``None`` where it refuses the file.
    """

    def __init__(
        self, name: str, reference: Mapping[str, Session], changes: Mapping[str, Change | None]
    ) -> None:
        self.name, self._reference, self._changes = name, reference, changes

    def unavailable(self) -> str | None:
        return None

    def load(self, path: Path, contract: ProgramContract, *, threads: int) -> Session:
        change = self._changes.get(contract.name, same)
        if change is None:
            msg = f"Core ML refuses {path} on {threads} thread(s)"
            raise BundleError(msg)
        return File(self._reference[contract.name], change)


@dataclasses.dataclass
class Programs:
    """In place of ``groups.Group``: two programs, of which the second follows the first."""

    contracts: tuple[ProgramContract, ...]
    reference: Mapping[str, Session]
    spec = tier("rvm", "t01")

    def contract(self, entry: Artifact) -> ProgramContract:
        return next(each for each in self.contracts if each.name == entry.program)

    def scene(self, frames: int) -> Iterator[Moment]:
        drawn = np.random.default_rng(0)
        for _ in range(frames):
            frame = drawn.random((1, 3, 8, 16), np.float32)
            yield Moment(frame=frame, mask=frame[:, :1])

    def play(self, run: Run, scene: Iterable[Moment]) -> Iterator[object]:
        state = np.zeros((1, 1, 8, 16), np.float32)
        for index, moment in enumerate(scene):
            outputs = run(FIRST, {"frame": moment.frame, "r1": state})
            state = outputs["r1_next"]
            if index:
                outputs = run(SECOND, {"frame": moment.frame, "r1": outputs["alpha"]})
            yield outputs


@pytest.fixture
def programs(running: Callable[..., nn.Module], running_contract: ProgramContract) -> Programs:
    contracts = tuple(
        dataclasses.replace(running_contract, name=name, judged=None) for name in (FIRST, SECOND)
    )
    reference = {each.name: TorchSession(running(keep=0.5), each, 1) for each in contracts}
    return Programs(contracts, reference)


def _artifact(tier_name: str, program: str, form: str = "coreml") -> Artifact:
    return Artifact(
        path=f"rvm/{tier_name}/{program}.{form}",
        network="rvm",
        tier=tier_name,
        program=program,
        format=form,
        recipe="fp16",
        sha256=DIGEST,
        size_bytes=1,
        frame=Frame(
            output_hw=[8, 16],
            working_hw=[8, 16],
            orientation="landscape",
            colour_order="RGB",
            low=0.0,
            high=1.0,
        ),
        inputs=[],
        outputs=[],
        states=[],
        weights_digest=DIGEST,
        tools={},
        notes={},
        build_key=DIGEST,
    )


@pytest.fixture
def manifest(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Return a bundle of two tiers, of which no file is read, with the others that it may hold."""
    files = [_artifact(name, program) for name in ("t01", "t02") for program in (FIRST, SECOND)]
    others = [_artifact("t01", FIRST, form) for form in ("onnx", "coreml-image")]
    package = Package(
        path="rvm/t01/all-fp16.mlpackage",
        network="rvm",
        tier="t01",
        recipe="fp16",
        minimum_runtime="iOS 18",
        sha256=DIGEST,
        size_bytes=1,
        functions={},
        default=FIRST,
        weights_digest=DIGEST,
        tools={},
        build_key=DIGEST,
    )
    made = Manifest(
        schema_version=1,
        pocketmatte="0",
        weights=[],
        artifacts=[*files, *others],
        packages=[package],
    )
    monkeypatch.setattr(mac_report, "read_bundle", lambda _: made)
    monkeypatch.setattr("pocketmatte.bundle.read_bundle", lambda _: made)
    monkeypatch.setattr(mac_report, "fault", lambda *_: None)
    monkeypatch.setattr(mac_report, "open_group", lambda *_: programs)
    return made
