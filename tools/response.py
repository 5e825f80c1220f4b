"""Turns a source's JSON into typed values, or into a BadResponse that names the field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from core.clock import to_utc
from core.errors import BadResponse

T = TypeVar("T")


class Wire(BaseModel):
    """Base of what a source sends: fields that we do not know are fine (a newer version), wrong ones are not."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


def _in_utc(moment: datetime) -> datetime:
    try:
        return to_utc(moment)
    except OverflowError:
        raise ValueError("the time is out of range") from None


def _empty_for_null(empty: Callable[[], Any]) -> BeforeValidator:
    return BeforeValidator(lambda value: empty() if value is None else value)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""RFC 3339 with any number of decimals and any zone offset, as Go writes it. Microseconds are kept."""
Labels = Annotated[dict[str, str], _empty_for_null(dict)]
"""A set of labels or annotations; Go writes an empty one as null."""
Text = Annotated[str, _empty_for_null(str)]
Items = Annotated[list[T], _empty_for_null(list)]
"""A list; Go writes an empty one as null."""


def since_epoch(moment: datetime | None) -> datetime | None:
    """`moment`, or None for Go's zero time (year 1), which means "not set"."""
    return moment if moment and moment.year > 1 else None


def parse(source: str, path: str, adapter: TypeAdapter[T], body: Any) -> T:
    """`body`, which `source` answered on `path`, as a typed value. Raises BadResponse for the first wrong field."""
    try:
        return adapter.validate_python(body)
    except ValidationError as error:
        raise BadResponse(
            source, f"{path}: {first_wrong_field(error)}; check that the URL is that of {source}"
        ) from None


def first_wrong_field(error: ValidationError) -> str:
    """Where and what, in one line: `[0].startsAt: Field required`."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
    return f"{place.removeprefix('.') or 'body'}: {first['msg'].removeprefix('Value error, ')}"
