"""What the tabs stand on, handed in by the API that the page is mounted on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from app.page.asking import Asking
from app.transcript import Transcript
from core.settings import Settings
from core.vocabulary import Timeline
from pipeline.sources import Sources


@dataclass(frozen=True)
class Backing:
    """`hosts` are the servers that the page may link to, by their host:port."""

    settings: Settings
    sources: Sources
    asking: Asking
    transcript: Transcript
    hosts: Mapping[str, str]
    timeline: Callable[[datetime | None, timedelta], Awaitable[Timeline]]

    @property
    def zone(self) -> ZoneInfo:
        return self.settings.zone
