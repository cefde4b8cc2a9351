"""The page in a real Chromium: what a person sees, presses and types, on a desk and on a phone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from browser import Browser, chromium
from live_files import event_at
from replay import Footage, Replay, replayed, settings_for
from sdmae.live.store import NewEvent
from sdmae.web import PageServer, create_app

TOKEN = "a-token-of-the-tests-0123456789"
MARKUP = "<img src=x onerror=window.broken=1>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("chromium") / "profile") as opened:
        yield opened


@pytest.fixture
def replay(footage: Footage, tmp_path: Path) -> Iterator[Replay]:
    with replayed(tmp_path, footage) as running:
        yield running


@contextmanager
def page_of(replay: Replay, token: str | None = None, listen: str = "127.0.0.1:0") -> Iterator[PageServer]:
    settings = settings_for(replay, listen, token)
    with PageServer(settings) as server:
        server.start(create_app(replay, replay.store, settings))
        yield server


@pytest.fixture
def page(browser: Browser, replay: Replay) -> Iterator[Browser]:
    """Opened on a desk, with three events: the one that goes on, and two that are over."""
    now = time.time()
    for back in (200.0, 100.0):
        replay.alarm("yard", now - back)
    replay.alarm("door", now - 5, over=False)
    replay.remember("yard", every=6 * 3600)
    browser.complaints.clear()
    with page_of(replay) as server:
        browser.open(server.address)
        browser.until("document.querySelectorAll('.row').length === 3")
        yield browser
        assert browser.complaints == []
        browser.open("about:blank")


def test_the_wall_shows_every_camera_with_its_picture_and_strip(page: Browser, replay: Replay) -> None:
    page.until("document.querySelectorAll('.sight img:not([hidden])').length === 2")
    assert page.run("[...document.querySelectorAll('.card h2')].map(e => e.textContent)") == ["yard", "door"]
    assert page.run("[...document.querySelectorAll('.sight img')].every(e => e.naturalWidth > 50)")
    states = "[...document.querySelectorAll('.state')].map(e => e.textContent).join()"
    page.until(f"{states} === 'Watching,Alarm'")
    # A strip has something drawn in it, its threshold in red among it.
    pixels = "document.querySelector('.strip').getContext('2d').getImageData(0, 0, 400, 40).data"
    drawn = f"[...{pixels}].filter(Boolean).length"
    page.until(f"{drawn} > 1000")
    replay.change("yard", state="lost", why="connection refused")
    page.until("document.querySelector('.over').textContent.includes('connection refused')")
    page.until("document.querySelector('#summary').textContent.includes('1 of 2 cameras watched')")
    replay.change("yard", state="warming up", warm_up=0.4)
    page.until("document.querySelector('.over').textContent.includes('40 %')")


def test_the_heat_map_comes_when_asked_for(page: Browser) -> None:
    image = "document.querySelector('[data-camera=yard] img')"
    page.until(f"!{image}.hidden")
    page.click('[data-camera=yard] [aria-label^="Heat map"]')
    page.until("document.querySelector('[data-camera=yard]').dataset.heat === 'true'")
    assert "with the heat map" in page.run(f"{image}.alt")
    asked = "performance.getEntriesByType('resource').filter(e => e.name.endsWith('/yard/picture?heat=true')).length"
    assert page.run(asked) >= 1
    page.click('[data-camera=yard] [aria-label^="Heat map"]')
    page.until("document.querySelector('[data-camera=yard]').dataset.heat === 'false'")
    page.click('[data-camera=yard] [aria-label^="Larger"]')
    page.until("document.querySelector('[data-camera=yard] .sight').clientHeight > 400")


def test_an_event_says_what_where_and_why_and_takes_a_mark(page: Browser, replay: Replay) -> None:
    page.click(".list li:nth-child(3) .row")
    page.until("document.querySelector('.film video')?.readyState >= 1")
    assert (
        page.run("document.querySelector('.film video').videoWidth") == replay.cameras_of["yard"].images[0].shape[1]
    )
    event = replay.store.read.event(2)
    bars = page.run(
        "[...document.querySelectorAll('.bars li')].map(e => [e.dataset.carrier, e.lastChild.textContent])"
    )
    assert [carrier for carrier, _ in bars].count("true") == 1
    assert len(bars) == sum(part > 0 for part in event.peak.parts.values())
    assert event.peak.box is not None
    x_min, _, x_max, _ = event.peak.box
    assert f"x {round(x_min)} to {round(x_max)}" in page.text()
    page.click('.marks [data-mark="seen"]')
    page.until("document.querySelector('.marks [data-mark=seen]').getAttribute('aria-pressed') === 'true'")
    assert replay.store.read.event(2).acknowledged_by == "page"
    page.until("document.querySelector('.row[data-event=\"2\"]').dataset.mark === 'seen'")
    page.run("document.querySelector('.marks [data-mark=normal]').focus()")
    page.run("document.activeElement.click()")
    page.until("document.querySelector('.marks [data-mark=normal]').getAttribute('aria-pressed') === 'true'")
    assert page.run("document.activeElement.dataset.mark") == "normal"
    page.key("u")
    page.until("document.querySelector('.row[data-event=\"2\"]').dataset.mark === 'seen'")
    page.key("u")
    page.until("document.querySelector('.row[data-event=\"2\"]').dataset.mark === 'new'")
    assert replay.store.read.event(2).acknowledged_at is None
    page.click('.choice [data-what="still"]')
    page.until("document.querySelector('.film img').offsetHeight > 50")
    page.click(".marks .keep")
    page.until("document.querySelector('.keep').getAttribute('aria-pressed') === 'true'")
    assert replay.store.read.event(2).keep


def test_all_of_it_by_keyboard(page: Browser, replay: Replay) -> None:
    page.run("localStorage.setItem('sdmae-name', 'ann')")
    page.key("j")
    page.until("location.hash === '#/event/3'")
    page.key("j")
    page.key("j")
    page.key("j")  # there are no more
    page.until("location.hash === '#/event/1'")
    page.key("k")
    page.until("location.hash === '#/event/2' && document.querySelector('.row[aria-current]')?.dataset.event === '2'")
    for key, mark in {"n": "normal", "r": "real"}.items():
        page.key(key)
        page.until(f"document.querySelector('.row[data-event=\"2\"]').dataset.mark === '{mark}'")
    assert (replay.store.read.event(2).verdict, replay.store.read.event(2).acknowledged_by) == ("real", "ann")
    for mark in ("normal", "new"):
        page.key("u")
        page.until(f"document.querySelector('.row[data-event=\"2\"]').dataset.mark === '{mark}'")
    page.key("a")
    page.until("document.querySelector('.row[data-event=\"2\"]').dataset.mark === 'seen'")
    page.key("A")
    page.until("document.querySelectorAll('.row[data-mark=seen]').length === 3")
    page.key("u")
    page.until("document.querySelectorAll('.row[data-mark=new]').length === 2")
    assert [event.acknowledged_at is None for event in replay.store.read.events()] == [True, False, True]
    page.key("?")
    page.until("document.querySelector('#help').open")
    page.key("?")
    page.until("!document.querySelector('#help').open")
    page.key("t")
    page.until("location.hash === '#/threshold/yard'")
    page.key("Escape")
    page.until("location.hash === '' && document.querySelector('#panel').hidden")
    page.key("/")
    page.until("document.activeElement.id === 'camera'")
    page.key("j")  # typed into a field, it is no command
    assert page.run("location.hash") == ""
    page.key("Escape")
    page.key("h")
    page.until("document.querySelector('[data-camera=yard]').dataset.heat === 'true'")
    page.key("e")
    page.until("document.querySelector('#export-csv').getAttribute('href') === '/api/export/events.csv'")


def test_everything_that_can_be_pressed_has_a_name(page: Browser) -> None:
    page.send("Accessibility.enable")
    for address, there in {"": ".card", "#/event/1": ".marks", "#/threshold/yard": ".deeds"}.items():
        page.run(f"location.hash = '{address}'")
        page.until(f"document.querySelector('{there}')")
        nodes = page.send("Accessibility.getFullAXTree")["nodes"]
        roles = {"button", "link", "slider", "combobox", "textbox", "spinbutton", "radio", "image", "region"}
        named: dict[str, list[str]] = {role: [] for role in roles}
        for node in nodes:
            role = node.get("role", {}).get("value")
            if role in roles and not node.get("ignored"):
                named[role].append(node.get("name", {}).get("value", ""))
        assert len(named["button"]) >= 7
        assert [role for role, names in named.items() if "" in names] == [], address
    page.send("Accessibility.disable")


def test_the_slider_tells_how_many_alarms_there_would_have_been(page: Browser, replay: Replay) -> None:
    page.click('[data-camera=yard] [aria-label^="Threshold"]')
    figure = "document.querySelector('.figure')?.textContent"
    page.until(f"{figure} === '28'")
    assert "28 alarms last week, at the threshold that holds now" in page.text()
    page.run("document.querySelector('#slider').focus()")
    page.key("End")
    for kind in ("keyDown", "keyUp"):
        page.send("Input.dispatchKeyEvent", type=kind, key="End", code="End", windowsVirtualKeyCode=35)
    page.until(f"{figure} === '0'")
    assert "This would have been 0 alarms last week" in page.text()
    page.until("document.querySelectorAll('.days li[data-none=\"true\"]').length === 8")
    page.click(".deeds .primary")
    page.until("document.querySelector('.tune').textContent.includes('set on this page')")
    assert replay.page_thresholds["yard"] > replay.threshold
    page.click(".deeds button:not(.primary)")
    page.until(f"{figure} === '28'")
    assert replay.page_thresholds == {}


def test_what_happens_is_seen_at_once(page: Browser, replay: Replay) -> None:
    number = replay.alarm("yard", over=False).id
    page.until(f"document.querySelector('.row')?.dataset.event === '{number}'")
    assert page.run("document.querySelector('#spoken').textContent").startswith("Alarm: yard")
    page.until("document.querySelector('#summary').textContent.startsWith('Alarm: yard, door')")
    assert page.run("document.title").startswith("Alarm")
    # Somebody else says something of it.
    page.run(
        f"fetch('/api/events/{number}/mark', {{method: 'PUT', headers: {{'content-type': 'application/json'}}, "
        "body: JSON.stringify({mark: 'normal'})})"
    )
    page.until("document.querySelector('.row').dataset.mark === 'normal'")
    page.until("document.querySelector('#new-count').textContent === '3'")


def test_the_list_is_filtered(page: Browser) -> None:
    page.run(
        "(() => { const s = document.querySelector('#camera'); s.value = 'door'; "
        "s.dispatchEvent(new Event('change', {bubbles: true})) })()"
    )
    page.until("document.querySelectorAll('.row').length === 1")
    page.click(".switch label:nth-of-type(4)")  # real
    page.until("document.querySelector('#more').textContent.includes('No event is like that')")
    page.click("#more button")
    page.until("document.querySelectorAll('.row').length === 3")


def test_dark_and_light_by_system_and_by_hand(page: Browser) -> None:
    colours = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
    brightness = f"{colours}.slice(0, 3).reduce((a, b) => a + +b, 0)"
    assert page.run(brightness) > 600
    page.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    page.until(f"{brightness} < 150")
    page.key("d")
    page.until(f"{brightness} > 600")
    page.send("Page.reload")
    page.until("document.querySelectorAll('.row').length === 3")
    assert page.run(brightness) > 600
    page.run("localStorage.removeItem('sdmae-theme')")


@pytest.mark.parametrize("dark", [False, True])
def test_on_a_phone(page: Browser, replay: Replay, dark: bool) -> None:
    replay.change("door", event=None)
    address = page.run("location.origin")
    page.open(f"{address}/?phone={dark}", width=390, height=844, phone=True, dark=dark)
    page.until("document.querySelectorAll('.card').length === 2")
    wide = "document.documentElement.scrollWidth <= 390"
    assert page.run(wide)
    assert not page.run("document.querySelector('.events').offsetHeight")
    page.click('.tabs [data-tab="events"]')
    page.until("document.querySelectorAll('.row').length === 3 && document.querySelector('.row').offsetHeight > 40")
    assert page.run(wide)
    page.click(".list li:nth-child(3) .row")
    page.until("document.querySelector('.film video')?.readyState >= 1")
    assert page.run(wide)
    small = "[...document.querySelectorAll('.marks button')].every(e => e.offsetHeight >= 44 && e.offsetWidth >= 44)"
    assert page.run(small)
    page.click('.marks [data-mark="normal"]')
    page.until("document.querySelector('.marks [data-mark=normal]').getAttribute('aria-pressed') === 'true'")
    page.click(".head .back")
    page.until("document.querySelector('#panel').hidden")
    page.click('.tabs [data-tab="cameras"]')
    page.click('[data-camera=yard] [aria-label^="Threshold"]')
    page.until("document.querySelector('.figure')?.textContent === '28'")
    assert page.run(wide)


def test_it_says_when_it_is_cut_off_and_comes_back(browser: Browser, replay: Replay) -> None:
    with page_of(replay) as server:
        browser.open(server.address)
        browser.until("document.querySelector('#link').dataset.state === 'live'")
        browser.until("document.body.innerText.includes('No events yet')")
        port = server.address.rpartition(":")[2]
    browser.until("!document.querySelector('#banner').hidden")
    assert "does not answer" in browser.run("document.querySelector('#banner').textContent")
    assert browser.run("document.querySelector('#link').textContent") == "Cut off"
    replay.alarm("yard")  # while nobody listens
    with page_of(replay, listen=f"127.0.0.1:{port}"):
        browser.until("document.querySelector('#link').dataset.state === 'live'")
        browser.until("document.querySelectorAll('.row').length === 1")
        browser.until("document.querySelector('#banner').hidden")
        browser.open("about:blank")


def test_the_token_is_asked_for_once(browser: Browser, replay: Replay) -> None:
    with page_of(replay, TOKEN) as server:
        browser.open(server.address)
        browser.until("document.querySelector('#token')")
        assert browser.run("getComputedStyle(document.querySelector('form')).borderRadius") == "12px"
        for typed in ("not the token", TOKEN):
            browser.until("document.querySelector('#token')")
            browser.run(f"document.querySelector('#token').value = {json.dumps(typed)}")
            browser.click("form button")
            if typed != TOKEN:
                browser.until("document.querySelector('.wrong')?.textContent.includes('That is not the token')")
        browser.until("document.querySelector('#link')?.dataset.state === 'live'")
        assert browser.run("document.cookie") == ""  # it is not to be had by scripts
        browser.until("!document.querySelector('#leave').hidden")
        browser.click("#leave")
        browser.until("document.querySelector('#token')")
        browser.open("about:blank")


def test_markup_in_a_name_is_shown_and_never_run(browser: Browser, replay: Replay) -> None:
    """The settings allow no such name; a store, or a camera's own words, may hold anything."""
    replay.store.register(MARKUP, MARKUP, "d").result()
    peak = replace(event_at(0).peak, term=MARKUP, parts={MARKUP: 1.0, "error": 0.5})
    number = replay.store.start(NewEvent(MARKUP, time.time(), 0.5, MARKUP, peak)).result().id
    replay.store.judge(number, "real", MARKUP).result()
    replay.change("yard", state="lost", why=MARKUP, source=MARKUP)
    with page_of(replay) as server:
        browser.open(server.address)
        browser.until("document.querySelector('.over')?.textContent.includes('onerror')")
        browser.until("document.querySelector('.row b')?.textContent.includes('onerror')")
        browser.click(".row")
        browser.until("document.querySelector('.bars')?.textContent.includes('onerror')")
        browser.run(f"location.hash = '#/threshold/' + encodeURIComponent({json.dumps(MARKUP)})")
        browser.until("document.querySelector('#panel').textContent.includes('onerror')")
        time.sleep(0.3)
        assert browser.run("window.broken === undefined && !document.querySelector('img[src=x]')")
        # And where it got into the page none the less, its policy would not let it run.
        browser.run(
            "document.body.insertAdjacentHTML('beforeend', '<img src=/nothing.png onerror=\"window.broken=1\">')"
        )
        time.sleep(0.5)
        assert browser.run("window.broken === undefined")
        browser.open("about:blank")
