"""Names of conversations, as the terminal and the page make them."""

from __future__ import annotations

import secrets

from core import clock


def new_session_id() -> str:
    """Short enough to type, and not to be guessed from another one."""
    return f"{clock.now():%Y%m%d-%H%M}-{secrets.token_hex(3)}"
