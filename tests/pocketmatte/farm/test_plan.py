"""What a build is made of: one search for all the eight-bit recipes of a tier, and what waits."""

from pathlib import Path

import pytest

from export.artifact import write_text
from pocketmatte.build_key import quantisation_key
from pocketmatte.bundle import described
from pocketmatte.farm.jobs import CaptureJob, RecordJob, records_with
from pocketmatte.farm.plan import planned, tasks_of
from pocketmatte.quantisation import record as module
from pocketmatte.request import Request
from tiers.ladder import tier
from tiers.spec import TierSpec
from tiers.weights import network_of, untrained

SPEC = tier("fusion", "t01")
WEIGHTS = described(untrained(SPEC))
PORTRAIT = SPEC.oriented("portrait")


def captures(spec: TierSpec = SPEC) -> list[CaptureJob]:
    """Both programs in three recipes."""
    return [
        CaptureJob(
            spec=spec,
            program=program,
            recipe=recipe,
            formats=("onnx",),
            weights=WEIGHTS,
        )
        for program in ("attend", "fuse")
        for recipe in ("fp32", "w8", "w8a8")
    ]


def test_recipes_of_a_tier_share_a_search_and_their_files_wait_for_it(tmp_path: Path) -> None:
    tasks = {task.name: task for task in tasks_of(tmp_path, captures())}
    searches = {name: task.job for name, task in tasks.items() if isinstance(task.job, RecordJob)}
    assert list(searches) == ["fusion/t01/search-w8-w8a8"]
    for name, task in tasks.items():
        eight_bit = name.endswith(("-w8", "-w8a8")) and name not in searches
        assert task.after == (tuple(searches) if eight_bit else ())


def test_orientations_are_searched_apart(tmp_path: Path) -> None:
    tasks = tasks_of(tmp_path, [*captures(), *captures(PORTRAIT)])
    found = [task.name for task in tasks if isinstance(task.job, RecordJob)]
    assert found == ["fusion/t01/search-w8-w8a8", "fusion/t01-portrait/search-w8-w8a8"]


@pytest.mark.parametrize("refused", [False, True])
def test_what_is_recorded_is_not_searched_again(tmp_path: Path, refused: bool) -> None:
    ((_, record),) = module.made_records(
        SPEC, network_of(SPEC, untrained(SPEC)), {"w8": quantisation_key(SPEC, "w8", WEIGHTS)}
    )
    place = tmp_path / (module.refusal_path if refused else module.record_path)(SPEC, "w8")
    write_text(place, record.model_dump_json())
    tasks = {task.name: task for task in tasks_of(tmp_path, captures())}
    assert tasks["fusion/t01/attend-w8"].after == ()
    assert tasks["fusion/t01/attend-w8a8"].after == ("fusion/t01/search-w8a8",)
    job = tasks["fusion/t01/search-w8a8"].job
    assert records_with(job) == {
        "w8a8": ("fusion/t01/quantisation-w8a8.json", "results/refused-fusion-t01-w8a8.json")
    }
    assert records_with(tasks["fusion/t01/attend-fp32"].job) == {}


@pytest.mark.parametrize(("excess", "fails"), [(0.9, False), (1.7, True)])
def test_what_a_recipe_was_found_not_to_hold_fails_before_anything_is_tried(
    tmp_path: Path, excess: float, fails: bool
) -> None:
    key = quantisation_key(SPEC, "w8", WEIGHTS)
    ((_, record),) = module.made_records(SPEC, network_of(SPEC, untrained(SPEC)), {"w8": key})
    place = tmp_path / (module.refusal_path if fails else module.record_path)(SPEC, "w8")
    write_text(place, record.model_copy(update={"excess": excess}).model_dump_json())
    request = Request(
        network="fusion", tiers=("t01",), formats=("onnx",), recipes=("fp32", "w8", "w8a8"),
    )  # fmt: skip
    plan = planned(tmp_path, [request], {("fusion", "t01"): WEIGHTS}, [], None)
    assert ("w8" in {job.recipe for job in plan.jobs}) == (not fails)
    assert {"fp32", "w8a8"} <= {job.recipe for job in plan.jobs}
    assert [(event.path, event.outcome) for event in plan.events] == [
        (f"fusion/t01/{program}-w8.onnx", "failed") for program in ("attend", "fuse") if fails
    ]
    assert all("fusion t01 cannot be held in w8: " in str(event.reason) for event in plan.events)
