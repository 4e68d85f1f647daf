import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tiers.contract_table import contracts
from tiers.cost import cost
from tiers.ladder import ladder, tier
from tiers.networks import build, programs
from tiers.networks.propagation import Propagation
from tiers.networks.propagation_official import StmPropagation
from tiers.official import expected_shapes, recognise
from tiers.rows.propagation import OBJECTS, PropagationShape
from tiers.spec import TierSpec

ROWS = ladder("propagation")
SMALL_HW = (32, 48)
BOTH = torch.ones(OBJECTS, 1, 1, 1)

# Rows of little size, so that the official network takes no time either.
SMALL = {
    name: dataclasses.replace(tier("propagation", name), working_hw=SMALL_HW, output_hw=SMALL_HW)
    for name in ("t01", "t07", "t12")
}
FORMS = ["t01", "t12"]  # either topology


class Bank:
    """The programs of a row with their states, called by name."""

    def __init__(self, spec: TierSpec) -> None:
        torch.manual_seed(5)
        self.spec = spec
        self.network = build(spec).requires_grad_(requires_grad=False)
        self._settle()
        self._programs = programs(self.network.eval(), spec)
        self._contracts = {contract.name: contract for contract in contracts(spec)}
        self.forget()

    def forget(self) -> None:
        self.tensors: dict[str, Tensor] = {"present": BOTH}
        for name, tensor in self._contracts["encode_value"].state_inputs.items():
            self.tensors[name] = torch.zeros(tensor.shape)

    def call(self, program: str, **given: Tensor) -> dict[str, Tensor]:
        contract = self._contracts[program]
        self.tensors |= given
        with torch.inference_mode():
            outputs = self._programs[program](*(self.tensors[t.name] for t in contract.inputs))
        made = dict(zip((tensor.name for tensor in contract.outputs), outputs, strict=True))
        self.tensors |= made | {p.input: made[p.output] for p in contract.states}
        return made

    def memorise(self, frame: Tensor, masks: Tensor, slot: int) -> None:
        slots = self.spec.shaped(PropagationShape).slots
        self.call("encode_key", frame=frame)
        self.call("encode_value", masks=masks, slot=torch.eye(slots)[slot].view(slots, 1, 1, 1))

    def read(self, frame: Tensor, present: Tensor = BOTH) -> Tensor:
        self.call("encode_key", frame=frame)
        return self.call("read", present=present)["masks"]

    def _settle(self) -> None:
        """Give BatchNorm the statistics of a frame, so that no signal fades or overflows."""
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = 1.0
        picture, masks = frame(0), halves()
        network: Any = self.network
        if isinstance(network, Propagation):
            features = network.encode_key(torch.cat([picture, picture]))
            value = network.encode_value(
                torch.cat([picture, picture]), masks, masks.flip(0), features[1]
            )
            network.decode(value, *features[1:])
        else:
            network.query(picture)
            network.memorise(torch.cat([picture, picture]), masks, masks.flip(0))


def frame(seed: int) -> Tensor:
    return torch.rand((1, 3, *SMALL_HW), generator=torch.Generator().manual_seed(seed))


def halves() -> Tensor:
    """Return two masks: the left and the right third of a frame."""
    masks = torch.zeros(OBJECTS, 1, *SMALL_HW)
    masks[0, :, :, :16] = 1
    masks[1, :, :, 32:] = 1
    return masks


@functools.cache
def bank_of(name: str) -> Bank:
    return Bank(SMALL[name])


@pytest.fixture(params=FORMS)
def bank(request: pytest.FixtureRequest) -> Bank:
    bank = bank_of(request.param)
    bank.forget()
    return bank


def test_masks_share_every_pixel_with_the_background(bank: Bank) -> None:
    bank.memorise(frame(0), halves(), slot=0)
    masks = bank.read(frame(1))
    assert masks.shape == (OBJECTS, 1, *SMALL_HW)
    assert masks.min() >= 0
    assert masks.sum(0).max() <= 1 + 1e-6
    assert masks.std() > 0.01, "masks that are the same everywhere prove nothing"


def test_what_is_found_depends_on_what_was_memorised(bank: Bank) -> None:
    bank.memorise(frame(0), halves(), slot=0)
    first = bank.read(frame(1))
    bank.memorise(frame(0), 0.5 * halves(), slot=0)
    assert (bank.read(frame(1)) - first).abs().max() > 1e-4


def test_objects_that_change_places_change_masks(bank: Bank) -> None:
    bank.memorise(frame(0), halves(), slot=0)
    masks = bank.read(frame(1))
    bank.memorise(frame(0), halves().flip(0), slot=0)
    assert torch.allclose(bank.read(frame(1)), masks.flip(0), atol=1e-5)
    assert (masks[0] - masks[1]).abs().max() > 1e-4


def test_an_object_sees_where_the_other_one_is(bank: Bank) -> None:
    bank.memorise(frame(0), halves(), slot=0)
    with_other = bank.tensors["memory_value"]
    alone = halves()
    alone[1] = 0
    bank.memorise(frame(0), alone, slot=0)
    half = with_other.shape[1] // 2
    assert (bank.tensors["memory_value"] - with_other)[:, :half].abs().max() > 1e-4


def test_an_object_that_is_not_there_has_no_mask_and_leaves_the_other_its_own(bank: Bank) -> None:
    alone = halves()
    alone[1] = 0
    bank.memorise(frame(0), alone, slot=0)
    one = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1)
    masks = bank.read(frame(1), present=one)
    assert not masks[1].any()
    assert masks[0].std() > 0.01
    twice = bank.read(frame(1), present=torch.zeros(2, 1, 1, 1))
    assert not twice.any()


def test_only_the_slot_that_is_written_changes(bank: Bank) -> None:
    for seed, slot in enumerate((0, 1, 0)):
        before = {name: bank.tensors[name] for name in ("memory_key", "memory_value")}
        bank.memorise(frame(seed), halves(), slot=slot)
        for name, memory in before.items():
            changed = (bank.tensors[name] != memory).flatten(1).any(1)
            assert changed.nonzero().flatten().tolist() == [slot], name
    slots = bank.spec.shaped(PropagationShape).slots
    assert bank.tensors["memory_valid"].flatten().tolist() == [1, 1] + [0] * (slots - 2)


def test_what_lies_in_a_slot_that_was_not_written_is_not_read(bank: Bank) -> None:
    bank.memorise(frame(0), halves(), slot=0)
    masks = bank.read(frame(1))
    for name in ("memory_key", "memory_value"):
        bank.tensors[name] = bank.tensors[name].clone()
        bank.tensors[name][1:] = 3.0
    assert torch.equal(bank.read(frame(1)), masks)


def test_objects_share_the_keys_of_a_frame(bank: Bank) -> None:
    bank.memorise(frame(0), halves(), slot=0)
    key, memory = bank.tensors["key"], bank.tensors["memory_key"]
    if isinstance(bank.network, Propagation):
        assert torch.equal(memory[:1], key)
    else:  # but for the official memory, which is encoded with each object's mask
        first, second = memory[:1, : key.shape[1]], memory[:1, key.shape[1] :]
        assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize("name", ["t07", "t12"])
def test_the_exported_attention_is_the_published_one_in_the_network(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = bank_of(name)
    network: Any = bank.network
    for slot in range(4):
        bank.memorise(frame(slot), halves(), slot=slot)
    bank.read(frame(7))
    # of 24 pixels in all, so that most are left out
    monkeypatch.setattr(network.attention, "top_k", 4)
    inputs = [bank.tensors[n] for n in ("key", "memory_key", "memory_value", "memory_valid")]
    exact = network.attention.exactly(*inputs)
    far = (network.attention(*inputs) - exact).abs() > 1e-4
    # a tie at the fourth-best pixel is all that may differ
    assert far.float().mean() < 0.1
    assert exact.std() > 1e-3


def test_the_auxiliary_decoder_draws_a_coarse_mask_that_no_program_needs() -> None:
    bank = Bank(SMALL["t01"])
    bank.memorise(frame(0), halves(), slot=0)
    masks = bank.read(frame(1))
    network: Any = bank.network
    value = bank.tensors["memory_value"][0].view(OBJECTS, -1, 2, 3)
    assert network.auxiliary(value).shape == (OBJECTS, 1, 2, 3)
    for parameter in network.auxiliary.parameters():
        parameter.fill_(torch.nan)
    bank.memorise(frame(0), halves(), slot=0)
    assert torch.equal(bank.read(frame(1)), masks)


def test_t01_fits_an_entry_level_phone() -> None:
    assert cost(ROWS["t01"]).gmacs <= 0.15
    assert cost(ROWS["t01"]).params <= 1_000_000


def test_t12_is_the_official_network() -> None:
    with torch.device("meta"):
        shapes = expected_shapes(build(ROWS["t12"]))
    assert len(shapes) == 597
    assert cost(ROWS["t12"]).params == 53_685_953
    layout, _ = recognise("propagation", {k: torch.zeros(()).expand(v) for k, v in shapes.items()})
    assert (layout.name, layout.tier, layout.licence) == ("mivos_propagation", "t12", "MIT")


def test_the_official_layout_is_that_of_the_official_file(shared_dir: Path) -> None:
    path = shared_dir / "reference" / "mivos_propagation.json"
    if not path.is_file():
        pytest.skip(f"needs {path}")
    with torch.device("meta"):
        shapes = expected_shapes(build(ROWS["t12"]))
    assert shapes == {key: tuple(shape) for key, shape in json.loads(path.read_text()).items()}


@pytest.mark.parametrize("name", ROWS)
def test_no_row_keeps_more_memory_pixels_than_one_frame_has(name: str) -> None:
    height, width = ROWS[name].working_hw
    assert ROWS[name].shaped(PropagationShape).top_k <= height * width // 256


def test_the_memory_grows_with_the_rows() -> None:
    shapes = [row.shaped(PropagationShape) for row in ROWS.values()]
    for sizes in ([s.slots for s in shapes], [s.key for s in shapes], [s.value for s in shapes]):
        assert sizes == sorted(sizes)
    assert (shapes[0].slots, shapes[-1].slots) == (2, 6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"slots": 1}, "^slots is 1; the pinned first frame and a ring need at least 2$"),
        ({"key": 0}, "^key 0, value 8, .*: every one has at least one channel$"),
        ({"skips": (8, 8, 0, 8)}, r"skips \(8, 8, 0, 8\)"),
        ({"top_k": -1}, "^top_k is -1 and residuals .*; neither is below 0$"),
        ({"residuals": (0, 0, -1, 0)}, "neither is below 0"),
        ({"width": 2.1}, r"^width is 2.1; it must lie in \(0, 2\]$"),
        ({"value_depth": (1, 2)}, r"^depth is \(1, 2\)"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(wrong: dict[str, Any], message: str) -> None:
    given = {"key": 8, "value": 8, "slots": 2, "top_k": 0} | wrong
    with pytest.raises(ValueError, match=message):
        PropagationShape(**given)


def test_programs_need_the_network_of_their_row() -> None:
    with pytest.raises(TypeError, match="propagation t01 need its network, not a Identity"):
        programs(nn.Identity(), ROWS["t01"])


def test_either_topology_is_built() -> None:
    with torch.device("meta"):
        assert isinstance(build(ROWS["t11"]), Propagation)
        assert isinstance(build(ROWS["t12"]), StmPropagation)
