"""``pocketmatte deliver``: what the build of an app takes in, and whether it is there."""

from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.console import Done, JsonFlag, finish, note, relative


def deliver_(
    lock: Annotated[Path, typer.Argument(help="Lock that pocketmatte select wrote.")],
    out: Annotated[Path, typer.Option(help="Folder that is brought to what the lock takes.")],
    layout: Annotated[
        str, typer.Option(help="assets, ai-packs (Google Play) or background-assets (Apple).")
    ] = "assets",
    bundle: Annotated[
        Path | None,
        typer.Option(help="Bundle that the lock is of; the folder of the lock if not given."),
    ] = None,
    platform: Annotated[
        str | None, typer.Option(help="Of the app, with assets: android, ios, ipados or apple.")
    ] = None,
    delivery: Annotated[
        str | None,
        typer.Option(
            help="When packs come: install-time, fast-follow or on-demand of Play; essential, "
            "prefetch or on-demand of Apple."
        ),
    ] = None,
    pack_prefix: Annotated[
        str | None, typer.Option(help="What the ids of Apple's packs begin with: pocketmatte.")
    ] = None,
    neighbours: Annotated[
        int | None,
        typer.Option(help="Also what the device needs to choose, and so many tiers on each side."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Policy that the lock was chosen by, to choose again.")
    ] = None,
    network: Annotated[
        str | None, typer.Option(help="Networks that the lock was chosen for, comma-separated.")
    ] = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Results that the lock was chosen by; repeatable."),
    ] = None,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Do not choose again: take the lock as it is.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say what is not as the lock has it.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the files that a lock takes as an app's build takes them in, and no others.

    assets is for an app that holds all its files: they keep their paths, the lock lies beside them.
    ai-packs makes a module for each network and the device targeting file of Google Play.
    background-assets makes the manifests and files of Apple's asset packs. Both add an index that
    says which pack holds which file.

    The lock is chosen again first: where bundle, policy, results or device table are not what it
    was chosen by, nothing is written and the exit code is 1. Options of select other than these
    belong into the policy; --frozen looks at bundle, verdicts and device table alone. Files that
    are the same are not touched, so a build is up to date when nothing changed. docs/delivery.md
    has Gradle, Xcode and SwiftPM. In a Python without any library:
    python3 -m pocketmatte.selection deliver.

    Examples:
        pocketmatte deliver tiers.lock.json --bundle build/bundle --platform android --out assets

        pocketmatte deliver tiers.lock.json --bundle build/bundle --layout ai-packs --out packs

        pocketmatte deliver matte/tiers.lock.json --frozen --layout background-assets --out packs

        pocketmatte deliver app.lock.json --bundle build/bundle --policy app.toml --out out --check
    """
    from pocketmatte.selection.delivery.arguments import said
    from pocketmatte.selection.delivery.delivering import Request, deliver

    outcome = deliver(
        Request(
            lock=lock,
            out=out,
            layout=layout,
            bundle=bundle,
            platform=platform,
            delivery=delivery,
            pack_prefix=pack_prefix,
            neighbours=neighbours,
            policy=policy,
            networks=network,
            results=tuple(results or ()),
            frozen=frozen,
            check=check,
        )
    )
    for line in (*outcome.reasons, *said(outcome.done, Path(relative(out)))):
        note(line)
    if check and not outcome.reasons:
        note(f"{relative(out)} is what the lock takes")
    result = {"check": check, "reasons": outcome.reasons, "done": outcome.done}
    finish(Done(result=result, passed=not outcome.reasons), as_json=as_json)
