"""When a video ends: as its container declares it, and as its last frame shows it.

Trimming an MP4 without encoding anew leaves an edit list, which hides frames that are in the file
and counted. So of an MP4 fewer frames than are counted are no damage: an early end is.
"""

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream


def declared_end(container: InputContainer, stream: VideoStream) -> Fraction | None:
    """Return when a stream of an MP4 ends as the file declares it, in seconds.

    ``None`` for other containers: no edit list hides frames there, and of an AVI that was cut
    short FFmpeg estimates the time from what is left.
    """
    if "mp4" not in container.format.name or stream.duration is None or stream.time_base is None:
        return None
    return ((stream.start_time or 0) + stream.duration) * stream.time_base


def end_of(frame: av.VideoFrame, rate: Fraction) -> Fraction:
    """Return when a frame ends, in seconds; 0 where it says no time.

    Args:
        frame: As it was decoded.
        rate: Frames a second, where a frame does not say how long it lasts.
    """
    if frame.pts is None or frame.time_base is None:
        return Fraction(0)
    lasts = frame.duration * frame.time_base if frame.duration else 1 / rate
    return frame.pts * frame.time_base + lasts
