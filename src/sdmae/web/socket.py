"""The WebSocket: what has become of cameras, scores and events, as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import time

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from sdmae.web.feed import Listener, Message, camera_fields
from sdmae.web.parts import Parts

PATH = "/api/live"
BEAT = 2.0
"""Seconds after which all cameras are told of, whether anything is new or not: who hears nothing knows that it is cut
off."""

router = APIRouter()


@router.websocket(PATH)
async def live(socket: WebSocket) -> None:
    """Sends JSON; hears nothing. Every message has a `kind`: cameras, camera, score, start, update, end or mark."""
    parts: Parts = socket.app.state.parts
    await socket.accept()
    with parts.feed.listen() as listener:
        listening = asyncio.create_task(_until_gone(socket))
        sending = asyncio.create_task(_send(socket, parts, listener))
        done, rest = await asyncio.wait({listening, sending}, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        # Both end alike when the browser goes in the middle of a message.
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            for task in done:
                task.result()


async def _send(socket: WebSocket, parts: Parts, listener: Listener) -> None:
    beat = -BEAT
    while True:
        if time.monotonic() - beat >= BEAT:
            beat = time.monotonic()
            await socket.send_json(_cameras(parts))
        try:
            message = await asyncio.wait_for(listener.next(), max(beat + BEAT - time.monotonic(), 0.01))
        except TimeoutError:
            continue
        if message is None:
            await socket.close(1012)
            return
        await socket.send_json(message)


async def _until_gone(socket: WebSocket) -> None:
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


def _cameras(parts: Parts) -> Message:
    cameras = [camera_fields(camera) for camera in parts.service.cameras()]
    return {"kind": "cameras", "cameras": cameras, "now": time.time()}
