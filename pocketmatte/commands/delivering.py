"""``pocketmatte deliver``: what the build of an app takes in, and whether it is there."""

from pathlib import Path
from typing import Annotated

import typer

from pocketmatte.console import Done, JsonFlag, finish, note, relative
from pocketmatte.selection.option_help import DELIVER


def deliver_(
    lock: Annotated[Path, typer.Argument(help=DELIVER["lock"])],
    out: Annotated[Path, typer.Option(help=DELIVER["--out"])],
    layout: Annotated[str, typer.Option(help=DELIVER["--layout"])] = "assets",
    bundle: Annotated[Path | None, typer.Option(help=DELIVER["--bundle"])] = None,
    platform: Annotated[str | None, typer.Option(help=DELIVER["--platform"])] = None,
    delivery: Annotated[str | None, typer.Option(help=DELIVER["--delivery"])] = None,
    pack_prefix: Annotated[str | None, typer.Option(help=DELIVER["--pack-prefix"])] = None,
    neighbours: Annotated[int | None, typer.Option(help=DELIVER["--neighbours"])] = None,
    policy: Annotated[Path | None, typer.Option(help=DELIVER["--policy"])] = None,
    network: Annotated[str | None, typer.Option(help=DELIVER["--network"])] = None,
    results: Annotated[list[Path] | None, typer.Option(help=DELIVER["--results"])] = None,
    frozen: Annotated[bool, typer.Option("--frozen", help=DELIVER["--frozen"])] = False,
    check: Annotated[bool, typer.Option("--check", help=DELIVER["--check"])] = False,
    as_json: JsonFlag = False,
) -> None:
    """Write the files that a lock takes as an app's build takes them in, and no others.

    assets is for an app that holds all its files: they keep their paths; beside them lie the lock
    and manifest.json, which says of each file what its tensors are. ai-packs makes a module for
    each network and the device targeting file of Google Play. background-assets makes the
    manifests and files of Apple's asset packs. For both, what lies beside the files goes into the
    app itself, with an index that says which pack holds which file.

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
