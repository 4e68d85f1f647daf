"""Video mode: which frames a template is propagated to, and how its masks meet the older ones.

After Cheng, Tai, Tang (MiVOS), CVPR 2021: a mask that the user gives or corrects is propagated to
both sides, up to the next frame that was given before, the reference frame, or to the end. Between
the two, new and older mask are fused by their distances in time; beyond, the new one counts.
"""

import dataclasses
from collections.abc import Collection

from pocketmatte.runtimes.protocol import FloatArray


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Frames that one template is propagated to, on one side of it.

    Attributes:
        template: Number of the frame whose mask is given.
        numbers: The frames, in the order of propagation; the template is not among them.
        reference: The older template that ends the stretch; ``None`` where the video does.
    """

    template: int
    numbers: range
    reference: int | None

    def distances(self, number: int) -> tuple[float, float]:
        """Return how far a frame is from the template and from the reference, as shares of 1.

        Raises:
            ValueError: If the stretch has no reference.
        """
        if self.reference is None:
            msg = f"the stretch from {self.template} ends with the video, not at a reference"
            raise ValueError(msg)
        whole = abs(self.reference - self.template)
        return abs(number - self.template) / whole, abs(number - self.reference) / whole


def stretches(template: int, older: Collection[int], count: int) -> tuple[Stretch, Stretch]:
    """Return where a template is propagated: forwards and backwards.

    Args:
        template: Number of its frame, from 0.
        older: Frames whose masks were given before.
        count: Frames of the video.

    Raises:
        ValueError: If the template is no frame of the video.
    """
    if not 0 <= template < count:
        msg = f"template {template} is no frame of a video of {count}"
        raise ValueError(msg)
    behind = min((number for number in older if number > template), default=None)
    before = max((number for number in older if number < template), default=None)
    forwards = range(template + 1, count if behind is None else behind)
    backwards = range(template - 1, -1 if before is None else before, -1)
    return (
        Stretch(template=template, numbers=forwards, reference=behind),
        Stretch(template=template, numbers=backwards, reference=before),
    )


def blended(
    stretch: Stretch, number: int, previous_mask: FloatArray, new_mask: FloatArray
) -> FloatArray:
    """Fuse two masks by time alone: each counts as much as the other's own end is far.

    ``d_r * new + d_t * previous``, with the distances to template and reference that sum to 1: the
    linear weighting that MiVOS compares its fusion with.
    """
    to_template, to_reference = stretch.distances(number)
    mask: FloatArray = to_reference * new_mask + to_template * previous_mask
    return mask.astype(new_mask.dtype)
