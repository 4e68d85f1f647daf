"""What a proof has found so far, on disk: what one goes on with that was stopped.

``results/parity.unfinished.jsonl`` of a bundle holds a line for every tier in which nothing failed.
A line counts only in a proof of the same kind by the same code and tools on the same machine, and
only for files with the same hashes; the file is removed when the proof ends.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

import export
import pocketmatte
import tiers
from export.artifact import inside
from export.manifest import Artifact, Manifest
from pocketmatte.bundle import bundle_weights, weights_entry
from pocketmatte.host import host_facts
from pocketmatte.parity_figures import Parity, Verdict
from pocketmatte.results import FOLDER
from tiers.errors import BundleError, PocketMatteError
from tiers.ladder import tier as tier_of

SUFFIX = ".unfinished.jsonl"

Files: TypeAlias = tuple[tuple[str, str], ...]  # paths and their hashes, sorted

_PICTURES = "scikit-image"  # whose photographs the scene is made of
# shipped weights are those of no bundle, which has its own
_NO_CODE = frozenset({".pyc", ".safetensors"})
_LISTS = ("failures", "notes", "frame_rms")


class ProofMemory:
    """Verdicts of a proof that is under way.

    Args:
        root: The bundle.
        name: Of its results, such as ``parity``.
        request: What of the request decides verdicts, ready for JSON.
        resume: Whether lines that are there count; they are removed otherwise.

    Raises:
        BundleError: If the disk refuses it, or a link leads out of the bundle.
    """

    def __init__(
        self, root: Path, name: str, request: Mapping[str, object], *, resume: bool
    ) -> None:
        self._path = inside(root, f"{FOLDER}/{name}{SUFFIX}")
        self._kind = _kind(request)
        self._root = root
        self._sound: dict[str, bool] = {}  # weights, by digest
        self._found: dict[Files, list[Verdict]] = {}
        if resume:
            self._found = dict(self._read())
        else:
            self.forget()

    def is_kept(self) -> bool:
        """Say whether there is anything on disk that one could go on with."""
        return self._path.is_file()

    def recall(self, manifest: Manifest, artifacts: Sequence[Artifact]) -> list[Verdict] | None:
        """Return what was found of a tier, or ``None`` if it is to be judged.

        Its files are taken to have the hashes of the manifest; its weights are looked at.

        Args:
            manifest: Of the bundle.
            artifacts: Of one tier and set of weights, in it.
        """
        verdicts = self._found.get(_files(artifacts))
        if verdicts is None:
            return None
        digest = artifacts[0].weights_digest
        if digest not in self._sound:
            self._sound[digest] = self._has_weights(manifest, artifacts[0])
        return verdicts if self._sound[digest] else None

    def _has_weights(self, manifest: Manifest, artifact: Artifact) -> bool:
        spec = tier_of(artifact.network, artifact.tier)
        try:
            bundle_weights(self._root, weights_entry(self._root, manifest, artifact), spec)
        except PocketMatteError:
            return False  # judged again, the tier says what is wrong with them
        return True

    def keep(self, verdicts: Sequence[Verdict]) -> None:
        """Add the verdicts of a tier, unless one of them is a failure.

        Raises:
            BundleError: If the disk refuses it.
        """
        if any(verdict.status == "failed" for verdict in verdicts):
            return  # that may have been the machine's: it is judged again
        told = [dataclasses.asdict(verdict) for verdict in verdicts]
        line = json.dumps({"kind": self._kind, "verdicts": told})
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}\n")  # the line before may have been torn
        except OSError as error:
            msg = f"cannot write {self._path}: {error.strerror}; free space or mend the folder"
            raise BundleError(msg) from error

    def forget(self) -> None:
        """Remove what was found.

        Raises:
            BundleError: If the disk refuses it.
        """
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            msg = f"cannot remove {self._path}: {error.strerror}; mend the folder"
            raise BundleError(msg) from error

    def _read(self) -> Iterator[tuple[Files, list[Verdict]]]:
        """Yield the lines of a proof of this kind; a torn or strange one is left out."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return
        except OSError as error:
            msg = f"cannot read {self._path}: {error.strerror}; remove it"
            raise BundleError(msg) from error
        for line in lines:
            try:
                told = json.loads(line)
                if told["kind"] != self._kind:
                    continue
                verdicts = [_verdict(each) for each in told["verdicts"]]
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
                continue
            if verdicts:
                yield _files(verdicts), verdicts


def _files(entries: Iterable[Artifact | Verdict]) -> Files:
    """Return paths and hashes of artifacts, or of what was judged."""
    return tuple(sorted((entry.path, entry.sha256) for entry in entries))


def _verdict(told: Mapping[str, Any]) -> Verdict:
    parity = told["parity"]
    if parity is not None:
        lists = {key: None if parity[key] is None else tuple(parity[key]) for key in _LISTS}
        ranges = {name: tuple(each) for name, each in parity["reference_range"].items()}
        parity = Parity(**{**parity, **lists, "reference_range": ranges})
    return Verdict(**{**told, "reasons": tuple(told["reasons"]), "parity": parity})


def _kind(request: Mapping[str, object]) -> str:
    """Return the hash of all but the files that decides verdicts."""
    total = hashlib.sha256()
    for package in (export, pocketmatte, tiers):
        folder = Path(str(package.__file__)).parent
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.suffix in _NO_CODE:
                continue
            total.update(path.relative_to(folder.parent).as_posix().encode() + path.read_bytes())
    pictures = metadata.version(_PICTURES)
    parts = {"request": request, "machine": host_facts(), "pictures": pictures}
    total.update(json.dumps(parts, sort_keys=True).encode())
    return total.hexdigest()
