"""A bundle of one tier in two recipes, with its trace: alpha is half of the frame."""

import shutil
from pathlib import Path

import numpy as np

from export.artifact import sha256_of
from export.manifest import Artifact, Frame, Manifest, Tensor, Weights, write_manifest
from export.targets import target
from export.trace import TRACE_NAME, Limits, Output, Program, Shape, Step, Trace, trace_text
from export.trace_data import DataWriter

RECIPES = ("fp32", "w8a8")
FRAMES = 8
SHAPE = [1, 1, 4, 8]

_DIGEST = "1" * 64
_RUNNER = Path(__file__).parent / "device_programs" / "stand_in.py"


def write_bundle(
    root: Path,
    tiers: tuple[str, ...] = ("t01",),
    program: bytes | None = None,
    form: str = "executorch",
) -> Path:
    """Write the bundle of the network ``rvm``, as far as a device looks at it.

    Args:
        root: A folder that is not there yet.
        tiers: Of the bundle.
        program: Every file; noise where nothing computes.
        form: Of the files.
    """
    noise = np.random.default_rng(0)
    entries = []
    for tier in tiers:
        for recipe in RECIPES:
            path = root / f"rvm/{tier}/matte-{recipe}{target(form).suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(program or noise.bytes(20_000))
            entries.append(_entry(root, path, tier, recipe, form))
        _write_trace(root / "traces" / "rvm" / tier, tier)
    weights = Weights(path=None, network="rvm", digest=_DIGEST, origin="none", licence="none")
    write_manifest(
        root, Manifest(schema_version=1, pocketmatte="0", weights=[weights], artifacts=entries)
    )
    return root


def write_runner(folder: Path) -> Path:
    """Write a folder as the native runner's build does, with the stand-in in its place."""
    (folder / "lib").mkdir(parents=True)
    shutil.copy(_RUNNER, folder / "runner")
    (folder / "lib" / "libnothing.so").write_bytes(b"nothing")
    return folder


def _entry(root: Path, path: Path, tier: str, recipe: str, form: str) -> Artifact:
    def tensor(name: str) -> Tensor:
        return Tensor(name=name, shape=SHAPE, dtype="float32", low=0.0, high=1.0, meaning="test")

    return Artifact(
        path=path.relative_to(root).as_posix(),
        network="rvm",
        tier=tier,
        program="matte",
        format=form,
        recipe=recipe,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        frame=Frame(
            output_hw=[4, 8], working_hw=[4, 8], orientation="landscape", colour_order="RGB",
            low=0.0, high=1.0,
        ),
        inputs=[tensor("frame")],
        outputs=[tensor("alpha")],
        states=[],
        weights_digest=_DIGEST,
        tools={},
        notes={},
        build_key=_DIGEST,
    )  # fmt: skip


def _write_trace(folder: Path, tier: str) -> None:
    folder.mkdir(parents=True)
    noise = np.random.default_rng(1)
    steps = []
    with DataWriter(folder) as data:
        for frame in range(FRAMES):
            given = noise.random(SHAPE, dtype=np.float32)
            steps.append(
                Step(
                    frame=frame, program="matte", given=[data.add("frame", given)],
                    expected=[data.add("alpha", given * np.float32(0.5))],
                )
            )  # fmt: skip
        written = data.close()
    output = Output(
        name="alpha", shape=SHAPE, relative=False, seen=True, shown_by=None, judged="matte"
    )
    limits = Limits(
        psnr_db=30.0, others_psnr_db=15.0, max_abs=None, matte_mad=None, mask_flipped=None
    )
    program = Program(
        name="matte", inputs=[Shape(name="frame", shape=SHAPE)], outputs=[output], states=[]
    )
    trace = Trace(
        schema_version=1, network="rvm", tier=tier, orientation="landscape",
        weights_digest=_DIGEST, frames=FRAMES, feature_range=1e-3, programs=[program],
        limits=dict.fromkeys(RECIPES, limits), steps=steps, data=written,
    )  # fmt: skip
    (folder / TRACE_NAME).write_text(trace_text(trace))
