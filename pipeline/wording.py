"""How values, moments and lists read in a sentence. Every narrator words them through here, so that they agree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from core.vocabulary import Window
from pipeline.brief import Finding
from pipeline.signals import Signal

SLOWEST_FILL_PER_HOUR = 0.0005
"""A disk that fills slower than this, 5 % in 100 hours, is not called filling."""
_BYTES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def quantity(signal: Signal, value: float) -> str:
    """A value in its signal's unit: 0.963 of a ratio is "96.3 %", 9663676416 bytes are "9.0 GiB"."""
    match signal.unit:
        case "ratio":
            return percent(value)
        case "bytes":
            return size(value)
        case "bytes_per_second":
            return f"{size(value)}/s"
        case "seconds":
            return duration(value)
        case "days":
            days = f"{abs(value):.1f}".removesuffix(".0")
            return f"{days} days" if value >= 0 else f"{days} days ago"
        case "per_second":
            return f"{number(value)}/s"
        case "state":
            return signal.says.get(round(value), number(value))
        case "celsius":
            return f"{value:.0f} °C"
        case "count":
            return number(value)


def percent(ratio: float) -> str:
    return f"{ratio * 100:.1f}".removesuffix(".0") + " %"


def size(value: float) -> str:
    """Bytes in binary units with one decimal."""
    power = 0
    while abs(value) >= 1024 and power < len(_BYTES) - 1:
        value /= 1024
        power += 1
    return f"{value:.1f} {_BYTES[power]}" if power else f"{value:.0f} B"


def number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.2f}".rstrip("0").rstrip(".")


def duration(seconds: float) -> str:
    """ "340 ms", "12 s", "4 min", "2.5 h", "3.1 days"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 129_600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} days"


def moment(at: datetime, zone: ZoneInfo, *, now: datetime | None = None) -> str:
    """A clock time in the reader's zone; with the date when it is not the day of `now`."""
    local = at.astimezone(zone)
    same_day = now is not None and now.astimezone(zone).date() == local.date()
    return local.strftime("%H:%M:%S %Z" if same_day else "%Y-%m-%d %H:%M:%S %Z")


def bounds(window: Window, zone: ZoneInfo, *, now: datetime) -> tuple[str, str]:
    """Both ends of a window as clock times; both with their date unless both are on the day of `now`."""
    days = {at.astimezone(zone).date() for at in (window.start, window.end, now)}
    today = now if len(days) == 1 else None
    return moment(window.start, zone, now=today), moment(window.end, zone, now=today)


def plain(text: str) -> str:
    """Text from outside (alerts, labels, log lines) as one line of Markdown that reads as it stands.

    What could forge a citation, a link, emphasis, code or HTML is escaped; what is harmless where it stands stays readable.
    """
    escaped = re.sub(r"[\\\[\]*`<|]|^[>#]", r"\\\g<0>", " ".join(text.split()))
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", escaped)


def ago(at: datetime, now: datetime) -> str:
    seconds = (now - at).total_seconds()
    return f"{duration(seconds)} ago" if seconds >= 1 else "just now"


def listed(names: Sequence[str], *, limit: int = 6) -> str:
    """ "a, b and c"; beyond `limit` the rest is counted, not dropped."""
    if len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return names[0] if names else "none"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def subject(finding: Finding) -> str:
    """Whose signal it is; a file system is named by its mount point."""
    mount = finding.labels.get("mountpoint")
    return f"{finding.entity} ({mount})" if mount else finding.entity


def compared(finding: Finding) -> str:
    """ "96.3 % (at this time: 41 % yesterday, 40.2 % last week; usually 40 %, …)"."""
    signal = finding.signal
    parts = [
        f"{quantity(signal, value)} {when}"
        for value, when in (
            (finding.yesterday, "yesterday"),
            (finding.last_week, "last week"),
            (finding.an_hour_ago, "an hour ago"),
        )
        if value is not None
    ]
    known = [f"at this time: {', '.join(parts)}"] if parts else []
    known += [usually(finding)] if finding.usual else []
    return f"{quantity(signal, finding.value)} ({'; '.join(known) or 'no earlier measurement to compare with'})"


def usually(finding: Finding) -> str:
    """ "usually 84 %, between 80 % and 88 %, at this hour of the week, as learnt from 4 weeks"; empty where that was not learnt."""
    usual, signal = finding.usual, finding.signal
    if usual is None:
        return ""
    low, middle, high = (quantity(signal, value) for value in (usual.low, usual.middle, usual.high))
    band = f"usually {middle}" if low == high else f"usually {middle}, between {low} and {high},"
    hour, seen = ("week", plural(usual.seen, "week")) if usual.weekly else ("day", plural(usual.seen, "day"))
    return f"{band} at this hour of the {hour}, as learnt from {seen}"


def summary_of(finding: Finding, now: datetime, zone: ZoneInfo) -> str:
    """What a finding's evidence item says: its value, what it was, and its course."""
    return f"{subject(finding)}'s {finding.signal.phrase}: {compared(finding)}{course_of(finding, now, zone)}"


def course_of(finding: Finding, now: datetime, zone: ZoneInfo) -> str:
    """ "; it began to move at 02:55:00 UTC, 15 min ago; at the present trend it is full in 3.0 h"; empty when neither is known."""
    words = ""
    onset = finding.series.onset if finding.series else None
    if onset and onset <= now and finding.abnormal:
        words += f"; it began to move at {moment(onset, zone, now=now)}, {ago(onset, now)}"
    fills = time_to_full(finding, now)
    if fills is not None:
        words += f"; at the present trend it is full in {duration(fills)}"
    return words


def time_to_full(finding: Finding, now: datetime) -> float | None:
    """Seconds until a disk that fills is full: by its rise since it began to move, else by its trend; None when it does not rise."""
    series = finding.series
    if finding.signal.name != "disk_used" or series is None:
        return None
    per_hour = series.trend_per_hour
    if series.onset and series.before is not None:
        hours = (now - series.onset).total_seconds() / 3600
        per_hour = (finding.value - series.before) / hours if hours > 0 else 0.0
    if per_hour <= SLOWEST_FILL_PER_HOUR:
        return None
    return max(0.0, (1 - finding.value) / per_hour * 3600)


def cite(finding: Finding) -> str:
    """The finding's citation with a space before it; empty when it carries no evidence."""
    return f" [{finding.evidence_id}]" if finding.evidence_id else ""
