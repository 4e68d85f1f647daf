"""Several sources of training videos as one."""

from collections.abc import Sequence

import numpy as np

from pocketmatte.training.video import Video, VideoSource

_OWN_CHANCE = 3  # which source it is has nothing to do with what the source draws


class Mixture:
    """Draws each video from one of several sources, by share; a `VideoSource`.

    Which source a video comes from depends on seed and index alone.

    Args:
        sources: Sources of videos of one shape.
        shares: How often each is drawn, in any unit.
        seed: Of the draws.

    Raises:
        ValueError: If shares and sources do not pair, or no share is above 0.
    """

    def __init__(self, sources: Sequence[VideoSource], shares: Sequence[float], seed: int) -> None:
        if len(sources) != len(shares) or min(shares, default=-1.0) < 0.0 or sum(shares) <= 0.0:
            msg = (
                f"{len(sources)} sources with shares {tuple(shares)}; give each a share of at"
                " least 0, and one of them more"
            )
            raise ValueError(msg)
        self._sources, self._seed = tuple(sources), seed
        self._odds = np.array(shares, np.float64) / sum(shares)

    def chosen(self, index: int) -> int:
        """The number of the source that video ``index`` comes from."""
        random = np.random.default_rng((self._seed, index, _OWN_CHANCE))
        return int(random.choice(len(self._odds), p=self._odds))

    def video(self, index: int) -> Video:
        """Return the video that the chosen source has at ``index``."""
        return self._sources[self.chosen(index)].video(index)
