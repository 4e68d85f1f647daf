"""Bundles that are manifests and results alone: what the page is made of, and no files."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HOST = {"cpu": "Test CPU", "cores": 2, "os": "Linux", "machine": "x86_64", "python": "3.11"}
DIGEST = "a" * 64


def sha256(path: str, salt: str = "") -> str:
    return hashlib.sha256(f"{path}{salt}".encode()).hexdigest()


def artifact(
    network: str = "rvm",
    tier: str = "t01",
    recipe: str = "fp32",
    form: str = "onnx",
    program: str = "matte",
    **changed: Any,
) -> dict[str, Any]:
    """An entry of a manifest."""
    suffix = {"onnx": "onnx", "coreml": "mlpackage", "executorch": "pte"}.get(form, "bin")
    path = changed.pop("path", f"{network}/{tier}/{program}-{recipe}.{suffix}")
    return {
        "path": path, "network": network, "tier": tier, "program": program, "format": form,
        "recipe": recipe, "sha256": sha256(path), "size_bytes": 1_000_000,
        "frame": {
            "output_hw": [288, 512], "working_hw": [144, 256], "orientation": "landscape",
            "colour_order": "RGB", "low": 0.0, "high": 1.0,
        },
        "inputs": [], "outputs": [], "states": [], "weights_digest": DIGEST, "tools": {},
        "notes": {}, "build_key": DIGEST, **changed,
    }  # fmt: skip


def verdict(entry: dict[str, Any], status: str = "proven", **changed: Any) -> dict[str, Any]:
    """What verify found of a file; ``changed`` is of its parity, but for ``reasons``."""
    reasons = changed.pop("reasons", [])
    parity = {
        "recipe": entry["recipe"], "frames": 52, "max_abs": {"alpha": 1e-6},
        "psnr_db": {"alpha": 90.0}, "judged": "alpha", "drift": 1.0, "failures": [], "notes": [],
        "mad": 1e-4, "flipped": 0.0, "rise": 0.0, "flicker": 0.0, **changed,
    }  # fmt: skip
    return {
        "path": entry["path"], "sha256": entry["sha256"], "size_bytes": entry["size_bytes"],
        "status": status, "reasons": reasons, "parity": None if status == "checked" else parity,
    }  # fmt: skip


def latency(entry: dict[str, Any], p50_ms: float = 10.0, **changed: Any) -> dict[str, Any]:
    """What bench measured of a file."""
    return {
        "network": entry["network"], "tier": entry["tier"], "program": entry["program"],
        "path": entry["path"], "sha256": entry["sha256"], "p50_ms": p50_ms, "p90_ms": p50_ms * 1.2,
        "min_ms": p50_ms * 0.9,
        "threads_requested": 1, "host": HOST, "samples_ms": [p50_ms], **changed,
    }  # fmt: skip


def written(
    root: Path,
    artifacts: Sequence[dict[str, Any]],
    verdicts: Sequence[dict[str, Any]] | None = None,
    latencies: Sequence[dict[str, Any]] | None = None,
    origin: str = "trained for a test",
) -> Path:
    """Write a bundle's manifest and results; ``None`` leaves a result out."""
    (root / "results").mkdir(parents=True, exist_ok=True)
    weights = {
        "path": None, "network": "rvm", "digest": DIGEST, "origin": origin, "licence": "Apache-2.0",
    }  # fmt: skip
    manifest = {
        "schema_version": 1, "pocketmatte": "0.1.0", "weights": [weights],
        "artifacts": list(artifacts), "packages": [], "traces": [],
    }  # fmt: skip
    (root / "manifest.json").write_text(json.dumps(manifest))
    if verdicts is not None:
        held = {
            "runtime": None, "frames": 52, "drift_judged": True, "passed": True,
            "artifacts": list(verdicts),
        }  # fmt: skip
        (root / "results" / "parity.json").write_text(json.dumps(held))
    if latencies is not None:
        timed = {"latencies": list(latencies), "processor": None}
        (root / "results" / "latency.json").write_text(json.dumps(timed))
    return root


def typical(root: Path) -> Path:
    """A bundle of two tiers with a cell of every state and latencies of some."""
    proven, mixed = artifact(), artifact(recipe="w8a8", notes={"kept": {"stem": "too much"}})
    failed, unrun = artifact(tier="t02", recipe="w8a8"), artifact(tier="t02")
    evaluated = artifact(tier="t02", form="coreml")
    entries = [proven, mixed, evaluated, failed, unrun]
    return written(
        root,
        entries,
        [
            verdict(proven),
            verdict(mixed, psnr_db={"alpha": 38.5}),
            verdict(evaluated, "evaluated", psnr_db={"alpha": None}),
            verdict(
                failed, "failed", psnr_db={"alpha": 29.0}, reasons=["PSNR of alpha is 29.0 dB"]
            ),
        ],
        [latency(proven), latency(mixed, 6.0), latency(unrun, 25.0)],
    )
