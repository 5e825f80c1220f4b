"""`sre serve`: the web page and the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.screen import say


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on (SRE_HOST).", show_default=False)] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (SRE_PORT).", show_default=False)] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Serve the web page, and POST /ask, GET /alerts, /health and /metrics, until Ctrl-C."""
    from core.settings import load_settings

    settings = load_settings(**{name: value for name, value in (("host", host), ("port", port)) if value is not None})
    if settings.mlflow_tracking_uri is not None:
        from app.program import fetch_champion

        say(fetch_champion(settings))
    from app.access import require_access
    from app.server import page_url, run

    require_access(settings)
    documentation = "" if settings.api_token else f", the API's documentation: {page_url(settings)}/docs"
    say(f"the page: {page_url(settings)}{documentation}")
    run(settings, open_page=open_page)
