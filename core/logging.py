"""Structured logs of the serving process: one JSON object a line on stderr, secrets removed."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

from core.redact import redact_mapping


def configure_logging(level: str) -> None:
    """Send the standard library's logging through structlog; call once, at the start of a door that keeps running."""
    # structlog takes a quarter of a second to import, and a short command logs nothing.
    import structlog

    shared: list[Any] = [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    clean: MutableMapping[str, Any] = redact_mapping(dict(event))
    return clean
