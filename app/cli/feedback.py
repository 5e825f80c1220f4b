"""`sre feedback`: what people thought of the page's answers, as eval cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.screen import say
from core.errors import InvalidInput


def feedback(
    *,
    output: Annotated[
        Path | None, typer.Option(help="Write the file instead of printing it.", show_default=False)
    ] = None,
) -> None:
    """Export the answers that were judged on the page as eval cases (YAML)."""
    from app.transcript import Transcript
    from core.settings import load_settings
    from core.store import FILE_NAME, Store
    from optimise.feedback_cases import Judged, as_yaml

    database = load_settings().data_dir / FILE_NAME
    transcript = Transcript(Store(database))
    judged = [
        Judged(each.id, each.at, each.question, each.answer, each.verdict, each.comment, transcript.before(each))
        for each in (transcript.judged() if database.exists() else [])
        if each.answer is not None and each.verdict is not None
    ]
    if not judged:
        say("nothing was judged yet: the page has thumbs under each answer")
        return
    text = as_yaml(judged)
    if output is None:
        print(text, end="")
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"--output: cannot write {output}: {error.strerror}") from None
    say(f"wrote {len(judged)} cases to {output}")
