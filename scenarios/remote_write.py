"""Samples for a running Prometheus, through its remote-write receiver (version 1.0 of the protocol).

https://prometheus.io/docs/specs/remote_write_spec/: `POST /api/v1/write` takes the protobuf message `prometheus.WriteRequest`, in
snappy's block format. Unlike any text, it can say that a series ended. Both are written here by hand: three nested messages, and
snappy without compression, which any reader of it takes.
"""

from __future__ import annotations

import http.client
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.errors import LabError

STALE = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))[0]
"""The NaN that ends a series."""

_DEADLINE_S = 30
_MAX_SAMPLES = 20_000
"""Of one request, about: a series is not divided."""
_LITERAL_BYTES = 65_536
_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


@dataclass(frozen=True)
class TimeSeries:
    """`samples` are (unix seconds, value) in order of time."""

    labels: dict[str, str]
    samples: Sequence[tuple[float, float]]


def remote_write(port: int, series: Iterable[TimeSeries]) -> None:
    """Send all of it to the Prometheus on a port of this machine; LabError when it does not take it."""
    batch: list[TimeSeries] = []
    for each in series:
        batch.append(each)
        if sum(len(one.samples) for one in batch) >= _MAX_SAMPLES:
            _post(port, batch)
            batch = []
    if batch:
        _post(port, batch)


def _post(port: int, batch: list[TimeSeries]) -> None:
    body = _uncompressed(b"".join(_field(1, _time_series(each)) for each in batch))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_DEADLINE_S)
    try:
        connection.request("POST", "/api/v1/write", body, _HEADERS)
        response = connection.getresponse()
        said = response.read(2000).decode("utf-8", "replace").strip()
        if response.status != http.HTTPStatus.NO_CONTENT:
            raise LabError(f"Prometheus (port {port}) refuses the alerts with {response.status}: {said}")
    except (OSError, http.client.HTTPException) as error:
        raise LabError(f"Prometheus (port {port}) does not take the alerts: {error}") from None
    finally:
        connection.close()


def _time_series(series: TimeSeries) -> bytes:
    labels = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in sorted(series.labels.items()))
    samples = (b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(round(at * 1000)) for at, value in series.samples)
    return b"".join([*(_field(1, each) for each in labels), *(_field(2, each) for each in samples)])


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def _uncompressed(content: bytes) -> bytes:
    """The block format of snappy, all literals: a tag, the length less one in two bytes, the bytes themselves."""
    parts = [_varint(len(content))]
    for begin in range(0, len(content), _LITERAL_BYTES):
        literal = content[begin : begin + _LITERAL_BYTES]
        parts += [b"\xf4", (len(literal) - 1).to_bytes(2, "little"), literal]
    return b"".join(parts)
