"""Videos whose frames tell their number."""

from pathlib import Path

import av
import numpy as np


def make_video(path: Path, count: int = 30) -> Path:
    """Frame ``n`` shows the five binary digits of ``n`` as bars."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=15)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for number in range(count):
            digits = np.array([255 * (number >> digit & 1) for digit in range(5)], np.uint8)
            bars = np.broadcast_to(np.repeat(digits, 20)[:96, None], (64, 96, 3))
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(bars), "rgb24")
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
