"""Nobody gets past the guard: token, host, origin, on every route there is and on those there are not."""

from __future__ import annotations

import ast
import hmac
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from replay import Footage, Replay, replayed, settings_for
from sdmae.errors import ConfigError
from sdmae.live.settings import LiveSettings
from sdmae.web import create_app
from sdmae.web.access import SESSION, Access

TOKEN = "a-token-of-the-tests-0123456789"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
OUTSIDE = "http://cams.example:8765"
LIVE = "ws://cams.example:8765/api/live"
OWN_LIVE = "ws://127.0.0.1:8765/api/live"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
WEB = Path(__file__).parent.parent / "src/sdmae/web"


@pytest.fixture(scope="module")
def replay(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with replayed(tmp_path_factory.mktemp("access"), footage) as running:
        running.alarm("yard")
        yield running


@pytest.fixture(scope="module")
def open_page(replay: Replay) -> TestClient:
    """On this machine, without a token."""
    return TestClient(create_app(replay, replay.store, settings_for(replay)), base_url="http://127.0.0.1:8765")


@pytest.fixture
def page(replay: Replay) -> TestClient:
    """As other machines see it."""
    settings = settings_for(replay, "0.0.0.0:8765", TOKEN)
    app = create_app(replay, replay.store, settings)
    return TestClient(app, base_url=OUTSIDE, follow_redirects=False)


def addresses(page: TestClient) -> list[str]:
    """Every path of the OpenAPI document, with real values in it, and those that are in no document."""
    document = page.get("/api/openapi.json", headers=BEARER).json()
    assert len(document["paths"]) >= 17
    found = [path.replace("{name}", "yard").replace("{number}", "1") for path in document["paths"]]
    files = [f"/static/{path.name}" for path in (WEB / "static").iterdir()]
    more = [
        "/",
        "/api/openapi.json",
        "/api/live",
        "/login",
        "/logout",
        "/docs",
        "/redoc",
        "/nothing",
        "/static/../app.py",
    ]
    return [*found, *files, *more]


def test_no_route_is_open_without_the_token(page: TestClient) -> None:
    walked = list(itertools.product(addresses(page), METHODS))
    for path, method in walked:
        answer = page.request(method, path)
        assert answer.status_code == 401, (method, path)
        assert "yard" not in answer.text, (method, path)
        wrong = page.request(method, path, headers={"Authorization": "Bearer not-the-token-at-all-0123"})
        assert wrong.status_code == 401, (method, path)
    assert len(walked) > 200


def test_what_the_document_lists_opens_with_the_token(page: TestClient) -> None:
    """Otherwise the walk above would find nothing open where nothing works."""
    document = page.get("/api/openapi.json", headers=BEARER).json()
    for path in document["paths"]:
        real = path.replace("{name}", "yard").replace("{number}", "1")
        if "get" not in document["paths"][path]:
            continue
        asked = {"since": 0, "until": 1, "threshold": 1}
        assert page.get(real, params=asked, headers=BEARER).status_code == 200, path


def test_the_websocket_is_not_open_without_the_token(page: TestClient) -> None:
    refused: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong-wrong-wrong-wrong"},
        {"Cookie": "sdmae-8765=99999999999.abc"},
        {**BEARER, "Origin": "http://evil.example"},
        {**BEARER, "Origin": "null"},
    ]
    for headers in refused:
        with pytest.raises(WebSocketDisconnect), page.websocket_connect(LIVE, headers=headers):
            pass
    for headers in (BEARER, {**BEARER, "Origin": OUTSIDE}):
        with page.websocket_connect(LIVE, headers=headers) as socket:
            assert socket.receive_json()["kind"] == "cameras"


def test_a_form_and_an_address_are_exchanged_for_a_cookie(page: TestClient) -> None:
    form = page.get("/", headers={"Accept": "text/html"})
    assert form.status_code == 401
    assert 'action="/login"' in form.text
    assert "script" not in form.headers["content-security-policy"]
    origin = {"Origin": OUTSIDE}
    assert page.post("/login", data={"token": "wrong"}, headers=origin).status_code == 401
    assert page.post("/login", data={"token": "x" * 5000}, headers=origin).status_code == 413
    assert page.post("/login", data={"token": TOKEN}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert not page.cookies
    answer = page.post("/login", data={"token": TOKEN}, headers=origin)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert page.get("/api/events").status_code == 200
    assert page.post("/logout", headers=origin).status_code == 303
    assert page.get("/api/events").status_code == 401
    by_address = page.get(f"/?token={TOKEN}&tab=2")
    assert (by_address.status_code, by_address.headers["location"]) == (303, "/?tab=2")
    assert page.get("/api/events").status_code == 200
    with page.websocket_connect(LIVE, headers=origin) as socket:
        assert socket.receive_json()["kind"] == "cameras"
    with pytest.raises(WebSocketDisconnect), page.websocket_connect(LIVE):
        pass
    # Cookies of other programs on the same host, however odd, hide ours from nobody.
    session = page.cookies["sdmae-8765"]
    page.cookies.clear()
    odd = {"Cookie": f'a=b;; c="x y; d=[{{;f,g=1; sdmae-8765={session}; e'}
    assert page.get("/api/events", headers=odd).status_code == 200
    assert page.get("/?token=wrong").status_code == 401
    assert page.get(f"{OUTSIDE}//evil.example/?token={TOKEN}").headers["location"] == "/evil.example/"


@pytest.mark.parametrize("host", ["[::1", "a b", "", "é", "x:y:z", "cams.example:99999999"])
def test_odd_hosts_break_nothing(page: TestClient, host: str) -> None:
    odd = {"Host": host.encode()}
    assert page.get("/api/events", headers=odd).status_code == 401  # type: ignore[arg-type]
    assert page.get(f"/?token={TOKEN}", headers=odd).status_code == 303  # type: ignore[arg-type]
    assert page.get("/api/events", headers={**odd, **BEARER}).status_code == 200  # type: ignore[arg-type]


def test_a_session_ends_and_cannot_be_made_up(replay: Replay) -> None:
    access = Access(settings_for(replay, "0.0.0.0:8765", TOKEN))
    session = access.session(1000.0)
    assert access.is_session(session, 1000.0 + SESSION - 1)
    assert not access.is_session(session, 1000.0 + SESSION + 1)
    ends, _, signature = session.partition(".")
    for made_up in (
        f"{int(ends) + 1}.{signature}",
        f"{ends}.",
        f"{ends}.{signature[:-1]}0x",
        "",
        ".",
        f"٣.{signature}",
        "9" * 99,
    ):
        assert not access.is_session(made_up, 1000.0), made_up
    other = Access(settings_for(replay, "0.0.0.0:8765", TOKEN + "x"))
    assert not other.is_session(session, 1000.0)
    open_access = Access(settings_for(replay))
    assert not open_access.is_session(session, 1000.0)
    assert not open_access.is_token("")


def test_secrets_are_compared_in_constant_time(replay: Replay, monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access(settings_for(replay, "0.0.0.0:8765", TOKEN))
    seen: list[tuple[bytes, bytes]] = []
    real: Callable[[bytes, bytes], bool] = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        seen.append((one, other))
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert not access.bears_token("Bearer b")
    assert not access.bears_token("Bearer ünicode")
    assert access.bears_token(f"bearer {TOKEN}")
    assert access.is_session(access.session())
    assert len(seen) == 4
    # And nowhere is the token taken out to be compared in another way.
    for path in WEB.glob("*.py"):
        tree = ast.parse(path.read_text())
        compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
        assert not any("reveal" in ast.dump(node) or "_sign" in ast.dump(node) for node in compared), path


@pytest.mark.parametrize("listen", ["0.0.0.0:8765", "192.168.1.4:80", "[::]:8765", "cams.example:80"])
def test_other_addresses_need_a_token(replay: Replay, listen: str) -> None:
    settings = LiveSettings(settings_for(replay).cameras, listen=listen)
    with pytest.raises(ConfigError, match=f"listen: {re.escape(listen)} .*needs a token"):
        create_app(replay, replay.store, settings)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "localhost:0"])
def test_this_machine_needs_none(replay: Replay, listen: str) -> None:
    app = create_app(replay, replay.store, settings_for(replay, listen))
    assert TestClient(app, base_url="http://localhost").get("/api/events").status_code == 200


def test_a_foreign_name_is_refused_where_there_is_no_token(open_page: TestClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1:8765"):
        answer = open_page.get("/api/events", headers={"Host": host})
        assert answer.status_code == 403, host
        assert "not known by that name" in answer.json()["detail"]
    for host in ("127.0.0.1:8765", "localhost:9999", "[::1]:8765", "LOCALHOST"):
        assert open_page.get("/api/events", headers={"Host": host}).status_code == 200
    with (
        pytest.raises(WebSocketDisconnect),
        open_page.websocket_connect("ws://evil.example/api/live"),
    ):
        pass


def test_another_page_changes_nothing(open_page: TestClient, replay: Replay) -> None:
    foreign = [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8765.evil.example"},
        {"Cookie": "a=b"},
        {"Sec-Fetch-Site": "cross-site"},
    ]
    changing = {
        "/api/events/1/mark": {"mark": "normal"},
        "/api/events/1/keep": {"keep": True},
        "/api/cameras/yard/threshold": {"threshold": 9.0},
    }
    for path, body in changing.items():
        for headers in foreign:
            assert open_page.put(path, json=body, headers=headers).status_code == 403, (path, headers)
    event = replay.store.read.event(1)
    assert (event.verdict, event.keep, replay.page_thresholds) == (None, False, {})
    own = {"Origin": "http://127.0.0.1:8765"}
    assert open_page.put("/api/events/1/keep", json={"keep": False}, headers=own).status_code == 200
    document = open_page.get("/api/openapi.json").json()
    methods = {
        (path, method)
        for path, entry in document["paths"].items()
        for method in entry
        if method not in ("get", "head")
    }
    assert {path.replace("1", "{number}").replace("yard", "{name}") for path in changing} == {
        path for path, _ in methods
    }
    for headers in ({}, own):
        with open_page.websocket_connect(OWN_LIVE, headers=headers) as socket:
            assert socket.receive_json()["kind"] == "cameras"
    for headers in foreign[:4]:
        with pytest.raises(WebSocketDisconnect), open_page.websocket_connect(OWN_LIVE, headers=headers):
            pass


def test_every_answer_forbids_what_is_not_the_pages_own(open_page: TestClient) -> None:
    for path in ("/", "/static/main.js", "/api/events", "/nothing", "/api/events/1/thumbnail"):
        headers = open_page.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in open_page.get("/api/events", headers={"Origin": "http://a.b"}).headers


def test_the_page_holds_no_code_and_fetches_nothing_from_elsewhere() -> None:
    for path in [*(WEB / "static").iterdir(), WEB / "login.html"]:
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text), (
            path
        )
        if path.suffix == ".html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", text), path


def test_bodies_that_are_too_large_are_not_read(open_page: TestClient) -> None:
    large = b"x" * 70_000
    assert open_page.put("/api/events/1/mark", content=large).status_code == 413
    pieces = (large[k : k + 1000] for k in range(0, 70_000, 1000))
    assert open_page.put("/api/events/1/mark", content=pieces).status_code in (400, 413, 422)
    assert open_page.get("/api/events", headers={"Content-Length": "-1"}).status_code == 413
