"""Follow the subject: rounds in their order, each propagated to both sides and fused."""

from collections.abc import Callable

from pocketmatte.cut.footage import Footage, as_unit, in_bytes, shrunk, unit
from pocketmatte.cut.networks import Networks
from pocketmatte.cut.passes import Pass, Treat, as_found, play
from pocketmatte.cut.players import MatAnyone, Propagating
from pocketmatte.cut.request import Cut
from pocketmatte.cut.rounds import Round
from pocketmatte.cut.store import ArrayStore
from pocketmatte.cut.templates import NoSubjectError, RoundMasks, Templates
from pocketmatte.cut.work import Work
from pocketmatte.matting.fusion import Fuser
from pocketmatte.matting.stretches import Stretch, blended, stretches
from pocketmatte.matting.trimap_joining import drawn_of
from pocketmatte.pictures import UInt8Array
from pocketmatte.protocols.protocol import OpenTier
from pocketmatte.protocols.resizing import resized
from pocketmatte.runtimes.protocol import FloatArray
from tiers.errors import UsageError
from tiers.rows.fusion import FusionShape
from tiers.rows.propagation import PropagationShape

_SIDES = ("forwards", "backwards")


def followed(
    cut: Cut, work: Work, footage: Footage, networks: Networks, on_frame: Callable[[], None]
) -> tuple[RoundMasks, dict[int, FloatArray]]:
    """Follow the subject through all rounds.

    Returns:
        The masks, or with ``matanyone`` the alphas, of every frame; and the template of every frame
        that was given, ``(h, w)`` in 0..1 at the tier's size, in the order of their rounds.

    Raises:
        PocketMatteError: If a template does not fit, a network refuses, or the disk does.
    """
    following = Following(work, footage, networks, on_frame)
    for index, round_ in enumerate(cut.rounds):
        following.add(cut, index, round_, propagated=index in cut.propagated)
    return following.masks, following.templates


class Following:
    """A subject on its way through rounds.

    Args:
        work: Where masks are kept. What a pass there has done is not done again.
        footage: The video.
        networks: What runs.
        on_frame: Called after each frame.
    """

    def __init__(
        self, work: Work, footage: Footage, networks: Networks, on_frame: Callable[[], None]
    ) -> None:
        self._work, self._footage = work, footage
        self._networks, self._on_frame = networks, on_frame
        self._making = Templates(footage, networks, work)
        self._stores: list[ArrayStore] = []
        self.templates: dict[int, FloatArray] = {}

    @property
    def masks(self) -> RoundMasks:
        """Of every frame, after the rounds so far; there must be one that was propagated."""
        return RoundMasks(self._stores)

    def add(self, cut: Cut, index: int, round_: Round, *, propagated: bool = True) -> None:
        """Take a round, make its mask and propagate it.

        Args:
            cut: How; its rounds but for this one are not looked at.
            index: Number of the round, by which its passes are found again.
            round_: What the user gave.
            propagated: Whether the mask goes further than its own frame.

        Raises:
            NoSubjectError: If nothing of a subject is left; masks and templates stay as they were.
            PocketMatteError: If a template does not fit, a network refuses, or the disk does.
        """
        made: type[Propagating | MatAnyone] = Propagating
        if cut.method == "matanyone":
            made = MatAnyone
        tier = self._networks["matanyone" if cut.method == "matanyone" else "propagation"]
        size_hw = tier.spec.output_hw
        before = RoundMasks(self._stores) if self._stores else None
        mask = resized(self._making.make(round_, before), size_hw)
        if not propagated:
            return
        if not mask.any():
            msg = f"frame {round_.frame}: the subject is smaller than a pixel of {size_hw}; crop"
            raise NoSubjectError(msg)
        if "trimap" in cut.networks:  # a template without a core is refused before it is followed
            drawn_of(resized(mask, self._networks["trimap"].spec.output_hw), round_.frame)
        frame = shrunk(self._footage.template(round_.frame), size_hw)
        player = made(tier, frame, mask, cut.memory_every)
        name = f"round-{index:03}"
        reached = [self._work.store(f"{name}-{part}", size_hw) for part in ("template", *_SIDES)]
        to_both_sides = stretches(round_.frame, self.templates.keys(), self._footage.count)
        for side, stretch, into in zip(_SIDES, to_both_sides, reached[1:], strict=True):
            this = Pass(name=f"{name}-{side}", numbers=stretch.numbers, size_hw=size_hw, into=into)
            treat = _treatment(cut, self._networks, stretch, player, mask, before)
            play(self._work, self._footage, this, player, self._on_frame, treat)
        reached[0].write(range(round_.frame, round_.frame + 1), [in_bytes(player.first)])
        self._stores += reached
        self.templates.pop(round_.frame, None)  # given anew, it is the latest
        self.templates[round_.frame] = mask


def references(
    templates: dict[int, FloatArray], footage: Footage, size_hw: tuple[int, int]
) -> list[tuple[FloatArray, FloatArray]]:
    """Return frames and trimaps of templates, at the size of ``trimap``."""
    return [
        (unit(shrunk(footage.template(number), size_hw)), drawn_of(resized(mask, size_hw), number))
        for number, mask in templates.items()
    ]


class _Fusing:
    """Fuse new masks with older ones by the network; see ``passes.Treat``.

    Args:
        tier: Of ``fusion``.
        stretch: With a reference.
        player: Whose keys are looked at.
        mask: ``(h, w)``, the template.
        before: Masks of the rounds before.
    """

    def __init__(
        self,
        tier: OpenTier,
        stretch: Stretch,
        reference: int,
        player: Propagating | MatAnyone,
        mask: FloatArray,
        before: RoundMasks,
    ) -> None:
        self._fuser = Fuser(tier.spec, tier.run)
        self._channels = tier.spec.shaped(FusionShape).key
        self._stretch, self._reference = stretch, reference
        self._player, self._mask, self._before = player, mask, before
        self._begun = False

    def __call__(self, number: int, frame: UInt8Array, new: FloatArray) -> FloatArray:
        """Fuse the masks of one frame."""
        latest = self._player.run.latest
        if not self._begun:
            template = self._stretch.template
            # the first slot of the memory is the template's for good; of keys that depend on the
            # object, the first object's come first
            key = latest["memory_key_next"][:1, : self._channels]
            self._fuser.interact(template, key, self._previous(template), self._mask[None, None])
            self._begun = True
        fused: FloatArray = self._fuser.fuse(
            number,
            self._reference,
            unit(frame),
            latest["key"],
            self._previous(number),
            new[None, None],
        )[0, 0]
        return fused

    def _previous(self, number: int) -> FloatArray:
        return as_unit(self._before.read(number))[None, None]


def _treatment(
    cut: Cut,
    networks: Networks,
    stretch: Stretch,
    player: Propagating | MatAnyone,
    mask: FloatArray,
    before: RoundMasks | None,
) -> Treat:
    """Return what becomes of new masks: fused where older ones lie between two templates."""
    if before is None or stretch.reference is None or cut.fusion == "none":
        return as_found
    if cut.fusion == "network":
        tier = networks["fusion"]
        return _Fusing(tier, stretch, stretch.reference, player, mask, before)
    return lambda number, _, new: blended(stretch, number, as_unit(before.read(number)), new)


def require_alike(networks: Networks) -> None:
    """Refuse a tier of ``fusion`` that does not take the keys of that of ``propagation``.

    Raises:
        UsageError: With a tier that does.
    """
    fusion, propagation = networks["fusion"].spec, networks["propagation"].spec
    keys = fusion.shaped(FusionShape).key, propagation.shaped(PropagationShape).key
    if fusion.output_hw != propagation.output_hw or keys[0] != keys[1]:
        msg = (
            f"fusion {fusion.name} does not take the keys of propagation {propagation.name}; "
            f"give fusion={propagation.name}"
        )
        raise UsageError(msg)
