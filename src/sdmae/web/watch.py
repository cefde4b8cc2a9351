"""For whoever watches the program: is it alive, does it do its work, what has it counted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from starlette.responses import JSONResponse

from sdmae.live.health import Health
from sdmae.web.parts import Given

router = APIRouter(tags=["watch"])


@router.get("/healthz", responses={503: {}})
def healthz(parts: Given) -> Response:
    """200 while every thread lives; 503: a restart may help."""
    return _answer(parts.service.healthz())


@router.get("/readyz", responses={503: {}})
def readyz(parts: Given) -> Response:
    """200 while events are seen and kept; 503: they are not."""
    return _answer(parts.service.readyz())


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
def metrics(parts: Given) -> Response:
    """What Prometheus reads."""
    text, kind = parts.service.metrics.render()
    return Response(text, headers={"content-type": kind})


def _answer(health: Health) -> Response:
    content: dict[str, Any] = {"ok": health.ok, "reasons": list(health.reasons)}
    return JSONResponse(content, 200 if health.ok else 503)
