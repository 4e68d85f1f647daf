"""The studio at names that are commands, jobs that come between, and files that go meanwhile."""

import shlex
import threading
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from pocketmatte.studio.guard import Guard
from pocketmatte.studio.server import Served
from pocketmatte.studio.session import Session
from pocketmatte.studio.uploads import received
from tests.pocketmatte.studio.asking import TOKEN, at, error
from tests.pocketmatte.studio.steps import Steps
from tiers.errors import MediaError, UsageError


def test_a_file_that_was_sent_for_nothing_is_not_kept(
    client: TestClient, session: Session, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def other(_: object) -> None:
        go_on.wait(60)

    async def meanwhile(request: Any, path: Path, most_bytes: int) -> None:
        await received(request, path, most_bytes)
        session.jobs.start("something else", other)

    monkeypatch.setattr("pocketmatte.studio.server.received", meanwhile)
    said = error(client, "open?name=clip.mp4", 409, content=video.read_bytes())
    go_on.set()
    assert said == "busy with something else; wait for it, or stop it"
    assert list(session.folder.glob("upload-*")) == []


def test_a_file_name_is_no_command_of_a_shell_and_no_half_letters(
    client: TestClient, session: Session, video: Path
) -> None:
    steps = Steps(session)
    for name, argument in (
        ("$(touch x);'.mp4", "'$(touch x);'\"'\"'.mp4'"),
        ("-rf.mp4", "./-rf.mp4"),
        ("a b.mp4", "'a b.mp4'"),
        ("plain.mp4", "plain.mp4"),
        ("half\udcff\n.mp4", "half.mp4"),  # as Python names a file whose name is no UTF-8
    ):
        steps.end(session.open(video, name, uploaded=False))
        assert client.get(at("state")).json()["source"]["argument"] == argument
        assert shlex.split(argument)[0].endswith(session.required().name)


def test_an_error_with_half_letters_is_told_too(client: TestClient, session: Session) -> None:
    def fails(_: object) -> None:
        msg = "half\udcff\n: gone"
        raise UsageError(msg)

    Steps(session).ended(session.jobs.start("trying", fails))
    assert client.get(at("state")).json()["ended"]["error"] == "half? : gone"


def test_a_field_without_end_is_told_in_part(client: TestClient) -> None:
    said = error(client, "find", 400, json={"frame": 0, "x" * 100_000: 1})
    assert said.startswith("xxx")
    assert len(said) < 200


def test_what_is_made_anew_while_it_is_read_is_no_fault(
    client: TestClient, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.find()
    job_at_work = iter([True, False])

    def gone(*_: object) -> bytes:
        if next(job_at_work):
            steps.session.choose("right", steps.session.choices["right"])  # which is news
        msg = "masks/00000000.png is damaged"
        raise MediaError(msg)

    monkeypatch.setattr("pocketmatte.studio.server.pane_picture", gone)
    answer = client.get(at("picture/mask/left/0"))
    assert (answer.status_code, answer.headers["x-nothing"]) == (204, "this is being made anew")
    assert client.get(at("picture/mask/left/0")).status_code == 400


def test_a_port_that_browsers_leave_out_is_answered(session: Session) -> None:
    with TestClient(Guard(Served(session, 1).app, TOKEN, 80), base_url="http://127.0.0.1") as one:
        assert one.get(at("state")).status_code == 200
        assert one.get(at("state"), headers={"Host": "evil.example"}).status_code == 421
