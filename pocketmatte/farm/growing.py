"""A bundle while it is built: its manifest, and what goes out of date with every file."""

from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from export.artifact import inside
from export.atomic import remove
from export.manifest import Manifest, ManifestWriter
from export.manifest import Weights as WeightsEntry
from pocketmatte.farm.jobs import Done, Event
from pocketmatte.farm.plan import Plan
from pocketmatte.harness.traces import AGAIN as RECORD_AGAIN
from pocketmatte.harness.traces import is_current, remove_unlisted_traces, tier_key, trace_key
from pocketmatte.packages import AGAIN, remove_unlisted, unchanged


class GrowingBundle:
    """The manifest as it grows, and what its bundle no longer needs.

    Args:
        out: The bundle.
        before: Its manifest before the build.
        plan: What is there already, and what is to be done.
        placed: Weights of the build.
        restored: Folders that an earlier build had moved aside when it was killed.
    """

    def __init__(
        self,
        out: Path,
        before: Manifest,
        plan: Plan,
        placed: Sequence[WeightsEntry],
        restored: Sequence[Path] = (),
    ) -> None:
        self._out, self._before, self._entries = out, before, plan.entries
        self._writer, self._hashes = ManifestWriter(), plan.hashes
        self._weights = {entry.digest: entry for entry in (*before.weights, *placed)}
        held = {tier_key(entry) for entry in plan.entries.values()} | {
            (job.spec.network, job.spec.name, job.spec.orientation, job.weights.digest)
            for job in plan.jobs
        }
        self._stray = {path.relative_to(out).as_posix() for path in restored}
        self._stray |= {event.path for event in plan.events if event.outcome == "failed"}
        self._packages = [p for p in before.packages if unchanged(p, plan.entries)]
        self._traces = [
            trace for trace in before.traces if trace_key(trace) in held and is_current(trace)
        ]

    def add(self, done: Done) -> None:
        """Take in what was built."""
        self._stray |= {event.path for event, entry in done.files if entry is None}
        for _, entry in done.files:
            if entry is not None:
                self._entries[entry.path] = entry
                self._hashes.learn(inside(self._out, entry.path), entry.sha256)
        self.save()

    def sweep(self) -> None:
        """Delete what a bundle no longer rests on: nothing in it may be of no entry.

        Weights that nothing is made of now, files that could not be built again or that were put
        back and are no longer listed, and what tiers were quantised with of which nothing is there.

        Raises:
            BundleError: If a link leads out of the bundle.
        """
        listed = {entry.path for entry in self._weights.values() if entry.digest in self._used()}
        listed |= {str(entry.notes.get("quantisation")) for entry in self._entries.values()}
        for pattern in ("weights/*.safetensors", "*/*/quantisation-*.json"):
            for path in self._out.glob(pattern):
                relative = path.relative_to(self._out).as_posix()
                if relative not in listed:
                    remove(inside(self._out, relative))
        held = {*self._entries, *(each.path for each in self._packages)}
        held |= {trace.path for trace in self._traces}
        for relative in self._stray - held:
            remove(inside(self._out, relative))

    def _used(self) -> set[str]:
        return {entry.weights_digest for entry in self._entries.values()}

    def save(self) -> None:
        """Write the manifest of what is there."""
        used = self._used()
        whole = Manifest(
            schema_version=1,
            pocketmatte=metadata.version("pocketmatte"),
            weights=[entry for digest, entry in self._weights.items() if digest in used],
            artifacts=list(self._entries.values()),
            packages=self._packages,
            traces=self._traces,
        )
        self._writer.write(self._out, whole)

    def drop(self) -> Iterator[Event]:
        """Delete what was made of files that are built again, an event each."""
        remove_unlisted(self._out, self._packages)
        remove_unlisted_traces(self._out, self._traces)
        again = f"its files are built again; {AGAIN} afterwards"
        other = f"it is of other weights, code or limits; {RECORD_AGAIN} afterwards"
        for package in self._before.packages:
            if package not in self._packages:
                yield Event(path=package.path, outcome="dropped", reason=again)
        for trace in self._before.traces:
            if trace not in self._traces:
                yield Event(path=trace.path, outcome="dropped", reason=other)
