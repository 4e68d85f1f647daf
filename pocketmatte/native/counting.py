"""Instructions of one run of a file on an emulated processor, whatever wrote the file."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pocketmatte.native.arm_python import PYTHON_FOLDER, onnx_server, read_arm_python
from pocketmatte.native.building import COUNTER
from pocketmatte.native.emulation import Cpu, emulated, plugin, read_counts
from pocketmatte.native.served import ServedSession
from pocketmatte.runtimes.arm64 import ARM_RUNNER, BUILT
from pocketmatte.runtimes.protocol import FloatArray
from tiers.contract import ProgramContract


def instructions_of(
    path: Path,
    contract: ProgramContract,
    inputs: Mapping[str, FloatArray],
    model: Cpu,
    *,
    runner: Path = ARM_RUNNER,
    python: Path = BUILT / PYTHON_FOLDER,
) -> int:
    """Return the instructions of the second run of a file, with one thread.

    The first run does what is done once. The count repeats exactly for a ``.pte`` file, and to some
    millionths for an ``.onnx`` file, whose runtime runs under a Python.

    Args:
        path: A ``.onnx`` or a ``.pte`` file.
        contract: Of the program that it holds.
        inputs: By name, as of ``contract``.
        model: The processor.
        runner: Folder of ``building.build_runner`` for 64-bit Arm, which holds the counter.
        python: Folder of ``arm_python.build_arm_python``; for ``.onnx`` files alone.

    Raises:
        RuntimeUnavailableError: If something of it is not there.
        BundleError: If the file cannot be run.
    """
    with tempfile.TemporaryDirectory() as scratch:
        counts = Path(scratch, "counts")
        file = path.absolute()
        command = emulated(runner, model, counts)
        folder = runner
        if path.suffix == ".onnx":
            read_arm_python(python)
            counter = (runner / COUNTER).absolute()
            name, *rest = onnx_server(python, model, file, 1)
            command, folder = [name, *plugin(counter, counts), *rest], python
        else:
            command += ["serve", "--file", str(file), "--threads", "1"]
        session = ServedSession(command, folder, path, contract, {})
        try:
            for _ in range(2):
                session.run(inputs)
        finally:
            session.close()
        return read_counts(counts)[-1]
