"""The application: routes behind the guard, and every error as one line."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from sdmae.errors import SdmaeError, StoreError
from sdmae.live.settings import LiveSettings
from sdmae.live.store import Store
from sdmae.web import cameras, events, export, media, page, socket, watch
from sdmae.web.access import Access
from sdmae.web.feed import Feed
from sdmae.web.guard import Guard
from sdmae.web.login import log_out
from sdmae.web.parts import NotThereError, Parts
from sdmae.web.service import Service


def create_app(service: Service, store: Store, settings: LiveSettings) -> FastAPI:
    """The page of a running service. Raises `ConfigError` where it would be open to others without a token."""
    access = Access(settings)
    feed = Feed(service)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        feed.close()

    app = FastAPI(
        title="sdmae serve",
        version=version("sdmae"),
        description="Cameras, events and thresholds of a running `sdmae serve`.",
        openapi_url="/api/openapi.json",
        # Their pages fetch scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.parts = Parts(service, store, feed)
    for room in (cameras, events, media, export, watch, socket, page):
        app.include_router(room.router)

    @app.post("/logout", include_in_schema=False)
    def logout() -> Response:
        return log_out(access)

    @app.get("/api/session", tags=["watch"])
    def session() -> dict[str, bool]:
        """Whether there is a token, and so something to log out of."""
        return {"token": access.needs_token}

    app.add_exception_handler(NotThereError, _not_there)
    app.add_exception_handler(StoreError, _store_trouble)
    app.add_exception_handler(SdmaeError, _not_now)
    app.add_middleware(Guard, access=access)
    return app


def _not_there(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 404)


def _store_trouble(request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 503)


def _not_now(request: Request, error: Exception) -> Response:
    """Such as a threshold of a camera that was never seen."""
    return JSONResponse({"detail": str(error)}, 409)
