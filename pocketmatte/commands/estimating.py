"""``pocketmatte estimate`` and ``tier-table``: what nobody measured, and what follows from it."""

import dataclasses
import functools
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pocketmatte.console import Done, JsonFlag, chosen, finish, note, relative, stdout, table
from tiers.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pocketmatte.selection.latency_prior import DeviceGroup, Estimate
    from pocketmatte.selection.runs import Run
    from pocketmatte.selection.tier_table import Row

_RECIPES = ("fp32", "fp16", "w8", "w8a8")
_LEAST_FPS, _MOST_FPS = 0.001, 1000.0  # as of a policy


def estimate_(
    network: Annotated[str, typer.Argument(help="A network, such as rvm.")],
    tier: Annotated[str, typer.Option(help="Tiers, comma-separated, or all.")] = "all",
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="executorch, onnx, coreml or a form of it; without it coreml of Apple's devices, "
            "executorch of others.",
        ),
    ] = None,
    recipe: Annotated[str, typer.Option(help="Recipes, comma-separated, or all.")] = "fp32,fp16",
    device: Annotated[
        str | None, typer.Option(help="Name, model or device name of a device of the table.")
    ] = None,
    class_name: Annotated[
        str | None, typer.Option("--class", help="A class of devices, t01 to t12.")
    ] = None,
    platform: Annotated[
        str, typer.Option(help="With --class: android, ios or ipados.")
    ] = "android",
    host: Annotated[
        bool, typer.Option("--host", help="The machine that the model was fitted on.")
    ] = False,
    results: Annotated[
        list[Path] | None, typer.Option(help="Results of devices, which tell of their class.")
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Estimate how long a frame takes where nobody timed it. No estimate is a measurement.

    Of a device or class: the 95th percentile of a whole frame, every program once, on the slowest
    device that is meant, with four threads on the processor. With --host: the fastest frame, one
    thread. The true time may lie anywhere between low and high, and now and then beyond.
    docs/cost-model.md says what this rests on and how wrong it was found to be.

    Examples:
        pocketmatte estimate rvm --device "Galaxy S24 Ultra"

        pocketmatte estimate foreground --class t06 --tier t04,t05 --recipe all --json

        pocketmatte estimate matanyone --host --format onnx --recipe w8a8
    """
    if host + (device is not None) + (class_name is not None) != 1:
        msg = "give one of --device, --class and --host"
        raise UsageError(msg)
    from pocketmatte.cost_model.prior import RooflinePrior
    from pocketmatte.selection.delivery.background_assets import APPLE
    from tiers.ladder import ladder

    tiers = chosen(tier, list(ladder(network)), f"tier of {network}")
    recipes = chosen(recipe, list(_RECIPES), "recipe")
    prior, group = RooflinePrior(_telling(results)), None
    if not host:
        group = _group(device, class_name, platform)
    if form is None:
        form = "coreml" if group is not None and group.platform in APPLE else "executorch"

    def find(of_tier: str, of_form: str, of_recipe: str) -> "Estimate | None":
        if group is None:
            return prior.on_host(network, of_tier, of_form, of_recipe)
        return prior.estimate(network, of_tier, of_form, of_recipe, group)

    rows = []
    for each, precision in itertools.product(tiers, recipes):
        found = find(each, form, precision)
        if found is not None:
            ms, low_ms, high_ms = (round(value, 3) for value in found)
            rows.append(
                {"network": network, "tier": each, "format": form, "recipe": precision,
                 "basis": "estimate", "ms": ms, "low_ms": low_ms, "high_ms": high_ms}
            )  # fmt: skip
    if not rows:
        there_is = functools.partial(find, tiers[0])
        msg = f"the model has nothing of {network} {_instead(there_is, form, recipe)}"
        raise UsageError(msg)
    cells = [
        (f"{r['network']} {r['tier']}", r["format"], r["recipe"], f"{r['ms']:.1f}",
         f"{r['low_ms']:.1f}", f"{r['high_ms']:.1f}")
        for r in rows
    ]  # fmt: skip
    where = "this kind of host" if group is None else f"{group.platform} {group.device_class.tier}"
    note(f"of {where}, by {prior.name}: estimates, of measured files too; docs/cost-model.md")
    columns = ("tier", "format", "recipe", "ms, estimated", "low", "high")
    finish(
        Done(result={"model": prior.name, "estimates": rows}, table=table("", columns, cells)),
        as_json=as_json,
    )


def tier_table(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles that belong together.")],
    budget_fps: Annotated[
        str, typer.Option(help="Budgets in frames a second, comma-separated.")
    ] = "30,60",
    prior: Annotated[str, typer.Option(help="Model for what nobody measured, or none.")] = (
        "roofline"
    ),
    policy: Annotated[Path | None, typer.Option(help="TOML file of what the app asks for.")] = None,
    results: Annotated[
        list[Path] | None, typer.Option(help="Results of devices, or folders of them.")
    ] = None,
    platform: Annotated[str | None, typer.Option(help="android, ios or ipados alone.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Where the SVG picture goes.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a table for a page.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Print which tier every class of devices gets of every network, under several budgets.

    It is what select chooses, class by class, from all files of the given bundles together: a
    higher class never gets a lower tier.

    Examples:
        pocketmatte tier-table build/bundle

        pocketmatte tier-table small/bundle large/bundle --budget-fps 30 --picture tiers.svg

        pocketmatte tier-table build/bundle --results results --prior none --markdown
    """
    from export.artifact import write_text
    from pocketmatte.selection.asked import asked_of
    from pocketmatte.selection.front import prior_of
    from pocketmatte.selection.held import read_held
    from pocketmatte.selection.policy import Policy, read_policy
    from pocketmatte.selection.tier_picture import picture as drawn
    from pocketmatte.selection.tier_table import merged, rows_of

    runs, make = _runs(results), prior_of(prior)
    rows = rows_of(
        merged([read_held(root) for root in bundles]),
        runs,
        Policy() if policy is None else read_policy(policy),
        make,
        _budgets(budget_fps),
        asked_of(every=True, platform=platform).platform,
    )
    by = f"where nobody measured, by {make(()).name}" if make else "by class where nobody measured"
    if picture is not None:
        write_text(picture, drawn(rows, f"{by}; {len(runs)} results of devices"))
        note(f"wrote {relative(picture)}")
    note(f"{by}, which is no measurement; {len(runs)} results of devices")
    if markdown and not as_json:
        stdout.print(_markdown(rows), soft_wrap=True)
        return
    columns, cells = _cells(rows)
    result = [dataclasses.asdict(row) for row in rows]
    finish(Done(result={"rows": result}, table=table("", columns, cells)), as_json=as_json)


def _budgets(text: str) -> list[float]:
    made = []
    for part in text.split(","):
        try:
            value = float(part)
        except ValueError:
            value = 0.0
        if not _LEAST_FPS <= value <= _MOST_FPS:  # a NaN is not
            limits = f"from {_LEAST_FPS:g} to {_MOST_FPS:g}"
            msg = f"--budget-fps holds {part.strip()[:40]!r}; give numbers {limits}"
            raise UsageError(msg)
        made.append(value)
    return made


def _runs(results: "list[Path] | None") -> "tuple[Run, ...]":
    if not results:
        return ()
    from pocketmatte.selection.evidence import read_runs

    return read_runs(results)


def _telling(results: "list[Path] | None") -> "list[Run]":
    """Return the results that tell of their class, of apps where there are any of these."""
    if not results:
        return []
    from pocketmatte.selection.policy import USUAL
    from pocketmatte.selection.standing import telling

    return telling(_runs(results), USUAL)


def _instead(there_is: "Callable[[str, str], Estimate | None]", form: str, recipe: str) -> str:
    """Return what there is no estimate of, format or recipe, and of which others there are some."""
    from pocketmatte.selection.policy import FORMATS

    recipes = [each for each in _RECIPES if there_is(form, each)]
    if recipes:
        return f"as {form} {recipe}; give another --recipe: {', '.join(recipes)}"
    formats = [each for each in FORMATS if any(there_is(each, other) for other in _RECIPES)]
    return f"as {form[:40]!r}; give another --format: {', '.join(formats)}"


def _group(device: str | None, class_name: str | None, platform: str) -> "DeviceGroup":
    from pocketmatte.selection.asked import asked_of, targets_of
    from pocketmatte.selection.choosing import group_of
    from pocketmatte.selection.devices import device_table
    from pocketmatte.selection.latency_prior import DeviceGroup

    if device is None:
        (target,) = targets_of(asked_of(class_name=class_name, platform=platform))
        return group_of(target.platform, target.device_class)
    (target,) = targets_of(asked_of(device=device))
    rows = tuple(each for each in device_table().devices if each.name in target.devices)
    return DeviceGroup(platform=target.platform, device_class=target.device_class, devices=rows)


def _cells(rows: "Sequence[Row]") -> tuple[list[str], list[tuple[object, ...]]]:
    networks = list(dict.fromkeys(name for row in rows for name in row.taken))
    cells = [
        (f"{row.frames_per_second:g}", f"{row.platform} {row.device_class}", row.devices,
         *[_said(row, name) for name in networks])
        for row in rows
    ]  # fmt: skip
    return ["fps", "class", "devices", *networks], cells


def _said(row: "Row", network: str) -> str:
    taken = row.taken.get(network)
    return "nothing" if taken is None else f"{taken.tier} {taken.recipe}"


def _markdown(rows: "Sequence[Row]") -> str:
    columns, cells = _cells(rows)
    lines = [columns, ["---"] * len(columns), *cells]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
