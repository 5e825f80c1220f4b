"""Text from outside as HTML that can do nothing: Markdown without HTML, links only to the homelab's own servers, no images."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from markdown_it import MarkdownIt
from markdown_it.token import Token

from core.settings import Settings

_CITATION = re.compile(r"\[((?:[EKC]\d{1,3})(?:,\s*[EKC]\d{1,3})*)\]")
_TAG = re.compile(r"(<[^>]*>)")
_MAX_MARKDOWN = 50_000
"""Characters; beyond that nothing was meant to be read."""
A_YEAR = range(0, 365, 30)
"""Days on one of which a zone has its other name, where it has two."""


def hosts_of(settings: Settings) -> Mapping[str, str]:
    """The host:port of each server that is configured, and what it is called: links go nowhere else."""
    urls = {
        "MLflow": settings.mlflow_tracking_uri,
        "ARA": settings.ara_url,
        "Loki": settings.loki_url,
        "Alertmanager": settings.alertmanager_url,
        "Grafana": settings.grafana_url,
        "Prometheus": settings.prometheus_external_url or settings.prometheus_url,
    }
    return {_place(url): name for name, url in urls.items() if url and url.startswith(("http://", "https://"))}


def may_link(url: str | None, hosts: Collection[str]) -> bool:
    """Not with a backslash: a browser reads it as a slash, so that what stands before it is the host."""
    text = url or ""
    return text.startswith(("http://", "https://")) and "\\" not in text and _place(text) in hosts


def link(url: str | None, hosts: Mapping[str, str]) -> str:
    """A link named after its server, where that is one of the homelab's own, else nothing."""
    if not may_link(url, hosts):
        return ""
    told = f"open in {escape(hosts[_place(str(url))])}"
    return f'<a href="{escape(str(url))}" target="_blank" rel="noopener noreferrer">{told}</a>'


def markdown(text: str, hosts: Collection[str], *, cites: str = "") -> str:
    """Markdown as HTML. `cites` is put before the numbers in brackets, which become links to what they stand for."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")
    tokens = parser.parse(text[:_MAX_MARKDOWN])
    for token in tokens:
        if token.children:
            token.children = list(_without_foreign_links(token.children, hosts))
    rendered = str(parser.renderer.render(tokens, parser.options, {}))
    return _in_text(_CITATION, lambda match: _cited(match, cites), rendered) if cites else rendered


def _in_text(pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str], html: str) -> str:
    """Wherever it stands between tags, and not within a link; what stands in an attribute is left alone."""
    parts, linked = _TAG.split(html), 0
    for place, part in enumerate(parts):
        if place % 2:
            linked += part.startswith("<a ") - part.startswith("</a>")
        elif not linked:
            parts[place] = pattern.sub(replace, part)
    return "".join(parts)


def _without_foreign_links(tokens: Iterable[Token], hosts: Collection[str]) -> Iterable[Token]:
    """A link to somewhere else is its text alone."""
    dropped: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            dropped.append(not may_link(str(token.attrs.get("href", "")), hosts))
            token.attrs |= {"target": "_blank", "rel": "noopener noreferrer"}
            if dropped[-1]:
                continue
        elif token.type == "link_close" and dropped and dropped.pop():
            continue
        yield token


def _cited(match: re.Match[str], cites: str) -> str:
    numbers = [number.strip() for number in match[1].split(",")]
    return " ".join(f'<a class="cite" href="#{cites}-{number}">{number}</a>' for number in numbers)


def when(at: datetime, zone: ZoneInfo, *, now: datetime | None = None) -> str:
    """A time in the reader's zone, with UTC on hover; the date only where it is not today's."""
    local = at.astimezone(zone)
    today = now is not None and now.astimezone(zone).date() == local.date()
    shown = local.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
    utc = at.astimezone(UTC)
    return f'<time datetime="{utc.isoformat()}" title="{utc:%Y-%m-%d %H:%M:%S} UTC" tabindex="0">{shown}</time>'


def with_utc(html: str, at: datetime, zone: ZoneInfo) -> str:
    """Clock times of the zone ("21:17:49 CET") in a text of about `at`, each with UTC on hover."""
    local = at.astimezone(zone)
    names = {(local + timedelta(days=days)).strftime("%Z") for days in A_YEAR}
    spoken = re.compile(
        rf"\b(?:(\d{{4}}-\d\d-\d\d) )?(\d\d:\d\d(?::\d\d)?) ({'|'.join(map(re.escape, sorted(names)))})\b"
    )

    def hover(match: re.Match[str]) -> str:
        try:
            told = datetime.fromisoformat(f"{match[1] or f'{local:%Y-%m-%d}'}T{match[2]}")
            # An hour comes twice when clocks go back.
            either = [told.replace(tzinfo=zone, fold=fold) for fold in (0, 1)]
            said = next((each for each in either if each.strftime("%Z") == match[3]), None)
            if said is None or not said.utcoffset():
                return match[0]
            utc = said.astimezone(UTC)
        except (ValueError, OverflowError):
            return match[0]
        return f'<abbr title="{utc:%Y-%m-%d %H:%M:%S} UTC">{match[0]}</abbr>'

    return _in_text(spoken, hover, html)


def _place(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""
