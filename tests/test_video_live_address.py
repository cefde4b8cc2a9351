"""What a live source's string names, and that its password goes nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdmae.config import SourceConfig
from sdmae.errors import SourceError
from sdmae.video.live import Camera, is_live, parse_address
from sdmae.video.say import named, without_secrets


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://admin:geheim@10.0.0.7:554/main", "rtsp://…@10.0.0.7:554/main"),
        ("rtsp://admin:ge@heim/x@10.0.0.7/main", "rtsp://…@10.0.0.7/main"),
        ("rtsps://admin@cam/1", "rtsps://…@cam/1"),
        ("http://cam/flv?stream=0&user=admin&password=geheim&x=1", "http://cam/flv?stream=0&user=…&password=…&x=1"),
        ("rtsp://cam:554/user=admin_password=geheim_channel=1.sdp", "rtsp://cam:554/user=…"),
        ("https://cam/mjpg?access_token=geheim#x", "https://cam/mjpg?access_token=…#x"),
        ("rtsp://cam/mon@east?monkey=3", "rtsp://cam/mon@east?monkey=3"),
    ],
)
def test_addresses_are_shown_without_what_lets_one_in(source: str, shown: str) -> None:
    assert named(source) == shown
    assert named(f"cannot open {source}") == f"cannot open {shown}"
    address = parse_address(source) if " " not in source else None
    assert address is None or address.shown == shown
    assert "geheim" not in repr(address)


def test_a_password_is_taken_out_in_whatever_form_it_comes() -> None:
    source = "rtsp://admin:ge%40heim@cam/x"
    for said in (source, "admin was refused", "ge@heim?", "ge%40heim", f"{source}: 401"):
        clean = without_secrets(said, source)
        assert "heim" not in clean
        assert "admin" not in clean


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("file:///etc/passwd", "a live source begins with"),
        ("rtmp://admin:geheim@cam/x", "a live source begins with"),
        ("concat:a|b", "a live source begins with"),
        ("rtsp:///x", "is no address"),
        ("rtsp://admin:geheim@cam:port/x", "is no address"),
        ("http://admin:geheim@cam/a b", "is no address"),
        ("webcam:front", "by its number"),
        ("webcam:", "by its number"),
        ("realtime:none.mp4", "no such video file"),
    ],
)
def test_what_is_no_live_source_is_refused_in_one_line(source: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as error:
        Camera(source)
    assert "geheim" not in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_live_is_known_by_its_beginning(tmp_path: Path) -> None:
    assert all(map(is_live, ["rtsp://cam", "RTSPS://cam", "http://cam", "webcam:0", "realtime:a.mp4", "loop:a.mp4"]))
    assert not any(map(is_live, ["a.mp4", "*.mp4", "c:\\a.mp4", "a:b.mp4", "file:///a.mp4", str(tmp_path)]))


def test_only_what_a_scheme_needs_may_be_reached() -> None:
    config = SourceConfig()
    reaches = {
        source: parse_address(source).options(config)["protocol_whitelist"].split(",")
        for source in ("rtsp://cam", "rtsps://cam", "http://cam", "https://cam")
    }
    assert not any("file" in found for found in reaches.values())
    assert set(reaches["http://cam"]) == {"http", "tcp"}
    assert "udp" not in reaches["rtsp://cam"]
    udp = parse_address("rtsp://cam").options(SourceConfig(transport="udp"))
    assert udp["rtsp_transport"] == "udp"
    assert "udp" in udp["protocol_whitelist"]
