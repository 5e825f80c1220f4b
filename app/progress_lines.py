"""What a person reads of the events of a question's work, in the terminal and on the page."""

from __future__ import annotations

from pipeline.progress import PassagesFound, Plan, Progress, SourceRead, Understood, Verification


def line_of(event: Progress) -> str | None:
    """None for an event that says nothing by itself."""
    match event:
        case Plan():
            return f"asking {', '.join(event.sources) or 'nobody: no source is configured'}"
        case Understood():
            about = ", ".join((*event.alert_names, *event.subjects))
            return f"understood as {event.intent.replace('_', ' ')}{f' about {about}' if about else ''}"
        case SourceRead():
            return f"{'✓' if event.ok else '✗'} {event.source}: {event.finding} ({event.seconds:.2f} s)"
        case PassagesFound():
            return f"pages: {', '.join(dict.fromkeys(passage.document for passage in event.passages))}"
        case Verification(checked=True):
            return f"checked: {len(event.cut)} of its sentences do not stand"
    return None
