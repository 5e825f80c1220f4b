"""Blocks in a Prometheus data directory, written without Prometheus.

The layout is the stable version 2 of https://github.com/prometheus/prometheus/tree/main/tsdb/docs/format (index.md, chunks.md). promtool
can make blocks too, out of text: it takes ten times as long, and text has no way to say that a series ended (a staleness marker).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from scenarios.tsdb_chunks import MAX_SAMPLES, STALE_BITS, Chunks, crc32c, encode

Labels = tuple[tuple[str, str], ...]
"""Sorted by name; `__name__` is one of them."""

_CHUNKS_HEADER = bytes.fromhex("85bd40dd 01 000000")
_INDEX_HEADER = bytes.fromhex("baaad700 02")
_SERIES_ALIGNMENT = 16
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def labels_of(name: str, labels: dict[str, str]) -> Labels:
    return tuple(sorted([("__name__", name), *((key, value) for key, value in labels.items() if value)]))


class BlockWriter:
    """One block of the data directory `tsdb`; it appears there, complete, when the context ends without an error."""

    def __init__(self, tsdb: Path, series: Sequence[Labels]) -> None:
        self._series = series
        self._order = sorted(range(len(series)), key=series.__getitem__)
        self._ulid = _ulid()
        self._final = tsdb / self._ulid
        self._directory = tsdb / f"{self._ulid}.tmp-for-creation"
        self._chunks: list[Chunks] = []
        self._references: list[int] = []
        self.samples = 0

    def __enter__(self) -> Self:
        (self._directory / "chunks").mkdir(parents=True)
        self._file = (self._directory / "chunks" / "000001").open("wb", buffering=1 << 20)
        self._file.write(_CHUNKS_HEADER)
        return self

    def add(self, times: np.ndarray, values: np.ndarray, *, ended: np.ndarray) -> None:
        """Samples at `times` (unix seconds, later than those before): `values` is series x times, NaN where there is none.

        A staleness marker stands wherever `ended` (of the same shape) is true.
        """
        present = ~np.isnan(values)
        bits = np.where(ended, STALE_BITS, np.ascontiguousarray(values, dtype=np.float64).view(np.uint64))
        stamps = np.round(np.asarray(times) * 1000).astype(np.int64)
        for begin in range(0, len(stamps), MAX_SAMPLES):
            part = slice(begin, begin + MAX_SAMPLES)
            self._append(encode(stamps[part], bits[:, part], (present | ended)[:, part]))

    def _append(self, chunks: Chunks) -> None:
        for record in chunks.records:
            self._references.append(self._file.tell())
            self._file.write(record)
        self._chunks.append(chunks)
        self.samples += int(chunks.samples.sum())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is not None or not self.samples:
            shutil.rmtree(self._directory, ignore_errors=True)
            return
        first = min(int(chunks.first.min()) for chunks in self._chunks if len(chunks.rows))
        last = max(int(chunks.last.max()) for chunks in self._chunks if len(chunks.rows))
        metas = self._chunk_metas()
        (self._directory / "index").write_bytes(_index(self._series, [row for row in self._order if metas[row]], metas))
        stats = {
            "numSamples": self.samples,
            "numSeries": sum(bool(each) for each in metas.values()),
            "numChunks": len(self._references),
        }
        compaction = {"level": 1, "sources": [self._ulid]}
        meta = {
            "ulid": self._ulid,
            "minTime": first,
            "maxTime": last + 1,
            "stats": stats,
            "compaction": compaction,
            "version": 1,
        }
        (self._directory / "meta.json").write_text(json.dumps(meta, indent="\t"), encoding="utf-8")
        os.replace(self._directory, self._final)  # noqa: PTH105 - atomic

    def _chunk_metas(self) -> dict[int, list[tuple[int, int, int]]]:
        """(first, last, place in the file) of every series' chunks, in order of time."""
        metas: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        references = iter(self._references)
        for chunks in self._chunks:
            for row, first, last in zip(chunks.rows.tolist(), chunks.first.tolist(), chunks.last.tolist(), strict=True):
                metas[row].append((first, last, next(references)))
        return metas


def _index(series: Sequence[Labels], order: Sequence[int], metas: dict[int, list[tuple[int, int, int]]]) -> bytes:
    """The whole index file; `order` are the rows that have chunks, sorted by their labels."""
    out = bytearray(_INDEX_HEADER)
    names = sorted({text for row in order for pair in series[row] for text in pair})
    symbol = {text: number for number, text in enumerate(names)}
    symbols_at = _section(out, struct.pack(">I", len(names)) + b"".join(map(_text, names)))
    series_at = len(out)
    postings: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in order:
        out += bytes(-len(out) % _SERIES_ALIGNMENT)
        reference = len(out) // _SERIES_ALIGNMENT
        for pair in (("", ""), *series[row]):
            postings[pair].append(reference)
        body = _series_entry([(symbol[name], symbol[value]) for name, value in series[row]], metas[row])
        out += _uvarint(len(body)) + body + crc32c(body).to_bytes(4, "big")
    out += bytes(-len(out) % 4)
    # Readers of version 2 take nothing from the label indices; their table is empty.
    label_indices_at = len(out)
    postings_at, places = len(out), []
    for (name, value), references in sorted(postings.items()):
        out += bytes(-len(out) % 4)
        places.append((name, value, len(out)))
        _section(out, struct.pack(f">{len(references) + 1}I", len(references), *references))
    label_table_at = _section(out, struct.pack(">I", 0))
    entries = [b"\x02" + _text(name) + _text(value) + _uvarint(place) for name, value, place in places]
    table_at = _section(out, struct.pack(">I", len(entries)) + b"".join(entries))
    contents = struct.pack(">6Q", symbols_at, series_at, label_indices_at, label_table_at, postings_at, table_at)
    return bytes(out + contents + crc32c(contents).to_bytes(4, "big"))


def _series_entry(labels: Iterable[tuple[int, int]], chunks: Sequence[tuple[int, int, int]]) -> bytes:
    pairs = [_uvarint(name) + _uvarint(value) for name, value in labels]
    body = [_uvarint(len(pairs)), *pairs, _uvarint(len(chunks))]
    before_end, before_place = 0, 0
    for number, (first, last, place) in enumerate(chunks):
        begin, where = (_varint(first), _uvarint(place)) if number == 0 else (
            _uvarint(first - before_end), _varint(place - before_place),
        )  # fmt: skip
        body += [begin, _uvarint(last - first), where]
        before_end, before_place = last, place
    return b"".join(body)


def _section(out: bytearray, body: bytes) -> int:
    """Append it with its length and checksum; returns where it begins."""
    begin = len(out)
    out += len(body).to_bytes(4, "big") + body + crc32c(body).to_bytes(4, "big")
    return begin


def _text(text: str) -> bytes:
    raw = text.encode()
    return _uvarint(len(raw)) + raw


def _uvarint(number: int) -> bytes:
    found = bytearray()
    while number >= 0x80:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def _varint(number: int) -> bytes:
    """Zigzag: small numbers of either sign are short."""
    return _uvarint(number << 1 if number >= 0 else (-number << 1) - 1)


def _ulid() -> str:
    """26 characters of random; the part that elsewhere is a time is not needed by any reader."""
    return "0" + "".join(secrets.choice(_CROCKFORD) for _ in range(25))
