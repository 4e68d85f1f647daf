import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from pocketmatte.training.mask_faults import Fault, faulty, random_fault

NONE = Fault(bites=(), blobs=(), shift_xy=(0.0, 0.0), swell=0.0, leak=None)


def box(top: int, left: int, bottom: int, right: int) -> Tensor:
    mask = torch.zeros(1, 1, 48, 64)
    mask[:, :, top:bottom, left:right] = 1
    return mask


EMPTY = box(0, 0, 0, 0)
OBJECT = box(12, 20, 32, 40)  # 20 x 20 pixels


def of(**changes: object) -> Fault:
    return dataclasses.replace(NONE, **changes)  # type: ignore[arg-type]


def pixels(mask: Tensor) -> set[tuple[int, int]]:
    return {(int(y), int(x)) for _, _, y, x in mask.nonzero().tolist()}


def test_no_fault_and_no_severity_change_nothing() -> None:
    assert torch.equal(faulty(OBJECT, EMPTY, NONE, 1.0), OBJECT)
    for seed in range(10):
        fault = random_fault(np.random.default_rng(seed))
        assert torch.equal(faulty(OBJECT, box(0, 0, 48, 10), fault, 0.0), OBJECT)


def test_an_object_that_is_not_there_stays_away() -> None:
    fault = of(blobs=((0.5, 0.5, 0.3),), leak=(0.5, 0.5, 1.0))
    assert not faulty(EMPTY, OBJECT, fault, 1.0).any()


@pytest.mark.parametrize("severity", [0.4, 1.0])
def test_bites_and_blobs_are_disks_in_shares_of_the_object(severity: float) -> None:
    bitten = faulty(OBJECT, EMPTY, of(bites=((0.25, 0.5, 0.2),)), severity)
    radius = 0.2 * 20 * severity
    disk = {
        (y, x)
        for y, x in np.ndindex(48, 64)
        if (y - (12 + 0.5 * 20)) ** 2 + (x - (20 + 0.25 * 20)) ** 2 < radius**2
    }
    assert disk
    assert pixels(bitten) == pixels(OBJECT) - disk
    blobbed = faulty(OBJECT, EMPTY, of(blobs=((1.2, 0.5, 0.2),)), severity)
    added = {(y, x + 19) for y, x in disk}  # 1.2 - 0.25 of 20 pixels farther right
    assert pixels(blobbed) == pixels(OBJECT) | added


def test_lumps_lie_in_the_box_of_an_object_that_is_no_square() -> None:
    wide = box(4, 10, 14, 50)  # 10 x 40 pixels, of size 20
    bitten = wide - faulty(wide, EMPTY, of(bites=((0.75, 0.5, 0.1),)), 1.0)
    assert pixels(bitten) == {
        (y, x) for y, x in np.ndindex(48, 64) if (y - 9) ** 2 + (x - 40) ** 2 < 2**2
    }


def test_shifts_follow_the_objects_size_and_the_severity() -> None:
    slid = faulty(OBJECT, EMPTY, of(shift_xy=(0.5, -0.25)), 1.0)
    assert torch.equal(slid, box(7, 30, 27, 50))
    half = faulty(OBJECT, EMPTY, of(shift_xy=(0.5, -0.25)), 0.4)
    assert torch.equal(half, box(10, 24, 30, 44))
    # what leaves the picture is lost, and nothing comes in from the other side
    gone = faulty(OBJECT, EMPTY, of(shift_xy=(2.0, 0.0)), 1.0)
    assert torch.equal(gone, box(12, 60, 32, 64))
    assert not faulty(OBJECT, EMPTY, of(shift_xy=(-9.0, 9.0)), 1.0).any()


def test_swelling_moves_the_border_out_and_in() -> None:
    assert torch.equal(faulty(OBJECT, EMPTY, of(swell=0.1), 1.0), box(10, 18, 34, 42))
    assert torch.equal(faulty(OBJECT, EMPTY, of(swell=-0.1), 0.5), box(13, 21, 31, 39))


def test_a_leak_takes_of_other_objects_alone() -> None:
    other = box(12, 40, 32, 60)
    leaked = faulty(OBJECT, other, of(leak=(1.0, 0.5, 1.0)), 0.5)
    assert (pixels(OBJECT) | pixels(other)) > pixels(leaked) > pixels(OBJECT)
    assert torch.equal(faulty(OBJECT, EMPTY, of(leak=(1.0, 0.5, 1.0)), 0.5), OBJECT)


def test_a_fault_moves_and_grows_with_its_object() -> None:
    fault = of(bites=((0.3, 0.2, 0.3),), blobs=((1.0, 0.9, 0.2),), swell=0.1)
    there = faulty(box(20, 10, 40, 30), EMPTY, fault, 0.8)
    here = faulty(box(16, 14, 36, 34), EMPTY, fault, 0.8)
    assert torch.equal(torch.roll(there, (-4, 4), (2, 3)), here)


def test_random_faults_are_of_all_kinds_and_repeat_with_the_seed() -> None:
    faults = [random_fault(np.random.default_rng(seed)) for seed in range(60)]
    assert faults[7] == random_fault(np.random.default_rng(7))
    assert {len(fault.bites) for fault in faults} == {1, 2, 3}
    assert {len(fault.blobs) for fault in faults} == {1, 2, 3}
    assert 15 < sum(fault.leak is None for fault in faults) < 45
    assert 15 < sum(fault.swell == 0 for fault in faults) < 45
    assert 15 < sum(fault.shift_xy == (0.0, 0.0) for fault in faults) < 45


def test_damage_grows_with_the_severity() -> None:
    def wrong(severity: float) -> float:
        share = 0.0
        for seed in range(40):
            mask = faulty(OBJECT, EMPTY, random_fault(np.random.default_rng(seed)), severity)
            share += (mask - OBJECT).abs().sum().item() / OBJECT.sum().item()
        return share / 40

    shares = [wrong(severity) for severity in (0.1, 0.3, 0.6, 1.0)]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] > 0.4
