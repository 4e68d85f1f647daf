"""What the studio answers, to its page and to others."""

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from pocketmatte.studio.guard import Guard
from pocketmatte.studio.server import Served
from pocketmatte.studio.session import Session
from tests.pocketmatte.studio.asking import HERE, MOST_BYTES, PORT, TOKEN, at, error
from tests.pocketmatte.studio.steps import Steps

STROKE = {"frame": 0, "positive": True, "size_px": 5, "points": [[80, 60], [90, 70]]}


def test_the_page_is_served_with_headers_that_shut_others_out(client: TestClient) -> None:
    answer = client.get(at(""))
    assert answer.status_code == 200
    assert "<title>PocketMatte studio</title>" in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1", "127.0.0.1:80", f"evil.example:{PORT}", ""]
)
def test_a_name_that_was_made_to_lead_here_is_refused(client: TestClient, host: str) -> None:
    answer = client.get(at("state"), headers={"Host": host})
    assert answer.status_code == 421
    assert "127.0.0.1 and localhost alone" in answer.text


def test_localhost_is_this_machine_too(client: TestClient) -> None:
    assert client.get(at("state"), headers={"Host": f"localhost:{PORT}"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.post(at("cancel"), headers=headers)
    assert answer.status_code == 403
    assert "pages of other sites" in answer.text


@pytest.mark.parametrize("path", ["/", "/state", "/wrong/state", "/{token}", "/{shorter}/state"])
def test_nothing_is_answered_without_the_token(client: TestClient, path: str) -> None:
    answer = client.get(path.format(token=TOKEN, shorter=TOKEN[:-1]))
    assert answer.status_code == 403
    assert "the address lacks its token" in answer.text
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "page/../session.py",
        "page/%2e%2e/session.py",
        "page/..%2f..%2fcli.py",
        "page//etc/passwd",
        "page/%2fetc%2fpasswd",
        "page/session.py",
        "download/..%2f..%2fx",
        "download/-1",
        "picture/frame/..%2f0",
        "picture/secret/0",
    ],
)
def test_no_path_leads_to_a_file_of_the_disk(client: TestClient, path: str) -> None:
    answer = client.get(at(path))
    assert answer.status_code == 404
    assert "import" not in answer.text
    assert "root:" not in answer.text


def test_a_name_that_escapes_is_a_name_and_no_place(
    client: TestClient, session: Session, video: Path
) -> None:
    name = "../../evil%00/../x%2f..%2fclip.m%0ap4"
    answer = client.post(at(f"open?name={name}"), content=video.read_bytes())
    Steps(session).end(answer.json()["job"])
    assert session.required().name == "clip.mp4"
    assert session.required().reel.source.path.parent.parent == session.folder


def test_what_is_larger_than_may_be_is_refused_and_not_kept(
    client: TestClient, session: Session
) -> None:
    said = error(client, "open?name=a.mp4", 413, content=b"x" * (MOST_BYTES + 1))
    assert "0.3 MB are more than 0.3 MB" in said

    def dribbled() -> Iterator[bytes]:  # without a declared length
        for _ in range(4):
            yield b"x" * (MOST_BYTES // 3)

    assert "--most-mb" in error(client, "open?name=a.mp4", 413, content=dribbled())
    assert [path for path in session.folder.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_told_and_nothing_is_kept(
    client: TestClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("pocketmatte.studio.uploads.run_in_threadpool", full)
    said = error(client, "open?name=a.mp4", 507, content=b"x" * 1000)
    assert said == "No space left on device"
    assert [path for path in session.folder.rglob("*") if path.is_file()] == []


def test_an_empty_file_is_refused(client: TestClient) -> None:
    assert error(client, "open?name=a.mp4", 400, content=b"") == "the file is empty (0 bytes)"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.mp4", b"\0" * 3000, "is no readable video"),
        ("a.png", b"\x89PNG\r\n\x1a\nbroken", "is no readable picture"),
        ("a.html", b"<script>", "is no readable video"),
    ],
)
def test_what_is_no_video_is_told_in_one_line_without_our_folder(
    client: TestClient, session: Session, name: str, content: bytes, message: str
) -> None:
    job = client.post(at(f"open?name={name}"), content=content).json()["job"]
    Steps(session).ended(job)
    said = client.get(at("state")).json()["ended"]["error"]
    assert message in said
    assert str(session.folder) not in said


def test_a_picture_without_a_pixel_is_refused(client: TestClient, session: Session) -> None:
    # a GIF whose screen is 0x0
    content = b"GIF89a\0\0\0\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\0\0\0\0\0\x02\x02D\x01\0;"
    for name in ("a.png", "a.gif"):
        job = client.post(at(f"open?name={name}"), content=content).json()["job"]
        assert Steps(session).ended(job).error
    assert session.loaded is None


def test_of_a_truncated_video_the_readable_start_is_opened(
    client: TestClient, session: Session, seven: Any, tmp_path: Path
) -> None:
    from tests.pocketmatte.cut.made import write_video

    data = write_video(tmp_path / "a.mkv", seven.frames).read_bytes()
    job = client.post(at("open?name=a.mkv"), content=data[: int(len(data) * 0.6)]).json()["job"]
    ended = Steps(session).ended(job)
    assert ended.error is None
    assert 0 < session.required().reel.count < 7


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('"points": [[NaN, 1]]', "points.0.0: Input should be a finite number"),
        ('"points": [[1, Infinity]]', "points.0.1: Input should be a finite number"),
        ('"points": [[1e999, 1]]', "points.0.0: Input should be a finite number"),
        ('"points": []', "points: List should have at least 1 item"),
        ('"points": [[1, 2, 3]]', "points.0"),
        ('"points": [["1", 2]]', "points.0.0: Input should be a valid number"),
        ('"points": [[5000, 5]]', "lies outside the picture"),
        ('"frame": -1', "frame: Input should be greater than or equal to 0"),
        ('"frame": 99', "frame 99 is no frame of 0 to 6"),
        ('"frame": true', "frame: Input should be a valid integer"),
        ('"size_px": 0', "size_px: Input should be greater than or equal to 1"),
        ('"size_px": NaN', "size_px"),
        ('"other": 1', "other: Extra inputs are not permitted"),
    ],
)
def test_a_stroke_that_is_none_is_refused(
    client: TestClient, steps: Steps, change: str, message: str
) -> None:
    key = json.loads("{" + change.replace("NaN", "0").replace("Infinity", "0") + "}")
    body = json.dumps({name: value for name, value in STROKE.items() if name not in key})
    said = error(client, "stroke", 400, content=f"{body[:-1]}, {change}}}")
    assert message in said
    assert steps.session.rounds == ()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_request_is_refused(client: TestClient, body: bytes) -> None:
    assert error(client, "stroke", 400, content=body)


def test_a_body_too_large_for_a_request_is_refused(client: TestClient) -> None:
    assert "are more than" in error(client, "stroke", 413, content=b" " * 2_000_000)


def test_nothing_runs_before_a_source_is_open(client: TestClient) -> None:
    for path, body in (
        ("stroke", STROKE), ("find", {"frame": 0}), ("follow", {"pane": "left"}),
        ("matte", {"pane": "left"}), ("export", {"pane": "left", "kind": "webm"}),
    ):  # fmt: skip
        assert error(client, path, 400, json=body).startswith("nothing is open yet; open a ")
    assert error(client, "undo", 400) == "nothing to undo"


def test_a_tier_or_way_that_is_not_there_is_refused(client: TestClient, steps: Steps) -> None:
    choice = {"pane": "left", "way": "stfam", "tier": "t99", "form": "torch", "recipe": "fp32"}
    assert "has no tier t99 of stfam" in error(client, "choose", 400, json=choice)
    assert "way: Input should be" in error(client, "choose", 400, json={**choice, "way": "x"})
    assert "pane: Input should be" in error(client, "choose", 400, json={**choice, "pane": "mid"})
    assert steps.session.choices["left"].tier == "t01"


def test_a_background_is_a_picture(client: TestClient, tmp_path: Path) -> None:
    assert "a background is a picture" in error(client, "background?name=a.mp4", 400, content=b"x")
    assert "is no readable picture" in error(client, "background?name=a.png", 400, content=b"x")
    Image.new("RGB", (30, 20), "red").save(tmp_path / "red.png")
    data = (tmp_path / "red.png").read_bytes()
    assert client.post(at("background?name=red.png"), content=data).status_code == 200
    assert client.get(at("behind")).headers["content-type"] == "image/png"


def test_a_behind_that_is_a_path_is_refused(client: TestClient) -> None:
    body = {"pane": "left", "kind": "mp4", "behind": "../secret.png"}
    assert "behind: String should match pattern" in error(client, "export", 400, json=body)


def test_one_job_at_a_time_and_it_can_be_stopped(client: TestClient, steps: Steps) -> None:
    assert client.post(at("find"), json={"frame": 0}).status_code == 202
    busy = client.post(at("follow"), json={"pane": "left"})
    assert (busy.status_code, busy.json()["error"][:4]) == (409, "busy")
    steps.session.jobs.wait(60)
    job = client.post(at("matte"), json={"pane": "left"}).json()["job"]
    client.post(at("cancel"))
    assert steps.ended(job).cancelled
    lane = steps.session.lane("left")
    assert lane is not None
    assert not lane.is_matted
    steps.matte()


def test_pictures_of_frames_come_and_others_are_empty(client: TestClient, steps: Steps) -> None:
    assert client.get(at("picture/frame/3")).headers["content-type"] == "image/jpeg"
    nothing = client.get(at("picture/mask/left/3"))
    assert (nothing.status_code, nothing.headers["x-nothing"]) == (204, "this pane has not run yet")
    assert client.get(at("picture/frame/7")).status_code == 400
    steps.find()
    assert client.get(at("picture/mask/left/0")).headers["content-type"] == "image/png"
    assert client.get(at("picture/mask/left/3")).status_code == 204


def test_the_news_hold_the_state_and_end_with_the_studio(session: Session) -> None:
    served = Served(session, MOST_BYTES)
    asked = iter([False, False, True])
    served.ending = lambda: next(asked, True)
    with TestClient(Guard(served.app, TOKEN, PORT), base_url=HERE) as client:
        lines = client.get(at("events")).text.split("\n\n")
    assert json.loads(lines[0].removeprefix("data: "))["source"] is None
