"""Serve one ONNX file over standard input and output, as the native runner serves its files.

It runs under a Python of 64-bit Arm that has numpy and onnxruntime and nothing of ours. What it
speaks is written in ``native_runner/src/serve.h``.
"""

import ctypes
import json
import struct
import sys
import time

import numpy as np
import onnxruntime

_DTYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_MARK = 0x504D4D4B  # of instruction_counter.c; to any kernel an unknown prctl, which it refuses
_prctl = ctypes.CDLL(None).prctl


def main() -> int:
    """Serve the file named first with as many threads as named second."""
    back = sys.stdout.buffer
    start = time.perf_counter()
    try:
        session = _session(sys.argv[1], int(sys.argv[2]))
    except Exception as error:  # whatever it is, the host must hear of it
        _say(back, {"error": f"ONNX Runtime refuses {sys.argv[1]}: {str(error).splitlines()[0]}"})
        return 1
    inputs, outputs = session.get_inputs(), session.get_outputs()
    _say(back, {
        "runtime": "onnxruntime", "version": onnxruntime.__version__,
        "delegate": ",".join(session.get_providers()),
        "inputs": [each.shape for each in inputs], "outputs": [each.shape for each in outputs],
        "dtype": ",".join(sorted({np.dtype(_DTYPES[x.type]).name for x in (*inputs, *outputs)})),
        "load_ms": (time.perf_counter() - start) * 1e3,
    })  # fmt: skip
    while (given := _taken(inputs)) is not None:
        try:
            _prctl(_MARK, 0, 0, 0, 0)
            results = session.run(None, given)
            _prctl(_MARK, 1, 0, 0, 0)
        except Exception as error:
            reason = str(error).splitlines()[0].encode()
            back.write(b"\1" + struct.pack("<I", len(reason)) + reason)
        else:
            back.write(b"\0")
            for result in results:
                back.write(np.ascontiguousarray(result, dtype="<f4").tobytes())
        back.flush()
    return 0


def _session(path: str, threads: int) -> "onnxruntime.InferenceSession":
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _taken(inputs: list) -> dict | None:
    """Return the inputs of a run, or ``None`` at the end of the input."""
    given = {}
    for each in inputs:
        size = int(np.prod(each.shape)) * 4
        data = sys.stdin.buffer.read(size)
        if len(data) < size:
            return None
        values = np.frombuffer(data, dtype="<f4").reshape(each.shape)
        given[each.name] = values.astype(_DTYPES[each.type])
    return given


def _say(back, line: dict) -> None:
    back.write(json.dumps(line).encode() + b"\n")
    back.flush()


if __name__ == "__main__":
    sys.exit(main())
