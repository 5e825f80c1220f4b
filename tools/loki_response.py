"""What Loki's HTTP API answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

from pydantic import Field, TypeAdapter

from core.errors import BadResponse
from tools.response import Items, Wire, parse
from tools.response import Labels as LabelSet

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_Nanoseconds = Annotated[int, Field(ge=0, lt=2**63)]
_Value = tuple[_Nanoseconds, str] | tuple[_Nanoseconds, str, dict[str, Any]]


class _Stream(Wire):
    stream: LabelSet = Field(default_factory=dict)
    values: Items[_Value] = Field(default_factory=list)


class _Summary(Wire):
    bytes_processed: int = Field(0, alias="totalBytesProcessed")


class _Stats(Wire):
    summary: _Summary = Field(default_factory=_Summary)


class _Streams(Wire):
    result_type: str = Field(alias="resultType")
    result: Items[_Stream] = Field(default_factory=list)
    stats: _Stats = Field(default_factory=_Stats)


class _Sample(Wire):
    metric: LabelSet = Field(default_factory=dict)
    value: tuple[float, float]


class _Vector(Wire):
    result: Items[_Sample] = Field(default_factory=list)


_STREAMS, _VECTOR = TypeAdapter(_Streams), TypeAdapter(_Vector)
_NAMES = TypeAdapter(Items[str])
_BUILD = TypeAdapter(dict[str, Any])


class Entry(NamedTuple):
    """A line as Loki has it: when (nanoseconds since 1970), the words, the labels with the line's metadata, and its stream."""

    ns: int
    line: str
    labels: Mapping[str, str]
    stream: tuple[tuple[str, str], ...]

    @property
    def identity(self) -> tuple[Any, ...]:
        return (self.ns, self.line, self.stream)


def read_names(source: str, path: str, answer: Any) -> list[str]:
    """Names of labels, or values of one. An empty Loki leaves `data` out."""
    return parse(source, path, _NAMES, _data(source, path, answer))


def read_entries(source: str, path: str, answer: Any) -> tuple[list[Entry], int]:
    """The entries of all streams in no order, and how many bytes Loki had to read for them."""
    streams = parse(source, path, _STREAMS, _data(source, path, answer))
    if streams.result_type != "streams":
        raise BadResponse(source, f"{path}: the answer is a {streams.result_type}, and not log lines")
    entries = [entry for stream in streams.result for entry in _entries(stream)]
    return entries, streams.stats.summary.bytes_processed or sum(len(entry.line) for entry in entries)


def read_volumes(source: str, path: str, answer: Any) -> list[tuple[Mapping[str, str], int]]:
    """Bytes by label set."""
    vector = parse(source, path, _VECTOR, _data(source, path, answer))
    return [(sample.metric, int(sample.value[1])) for sample in vector.result]


def read_version(source: str, path: str, answer: Any) -> str:
    return str(parse(source, path, _BUILD, answer).get("version") or "unknown version")


def _data(source: str, path: str, answer: Any) -> Any:
    if not isinstance(answer, dict) or answer.get("status") != "success":
        raise BadResponse(source, f"{path}: the answer is not that of Loki's API; check the URL")
    return answer.get("data")


def _entries(stream: _Stream) -> Iterator[Entry]:
    identity = tuple(sorted(stream.stream.items()))
    for value in stream.values:
        labels: Mapping[str, str] = stream.stream
        if len(value) > 2:
            labels = {**labels, **_metadata(value[2])}
        yield Entry(value[0], value[1], labels, identity)


def _metadata(given: Mapping[str, Any]) -> dict[str, str]:
    """Structured metadata, plain or by category (`{"structuredMetadata": {…}, "parsed": {…}}`)."""
    flat: dict[str, str] = {}
    for name, value in given.items():
        flat |= _metadata(value) if isinstance(value, dict) else {name: str(value)}
    return flat


def nanoseconds(moment: datetime) -> int:
    """Since 1970, exact to the microsecond."""
    return (moment - EPOCH) // _MICROSECOND * 1000


def moment_of(ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=ns // 1000)
