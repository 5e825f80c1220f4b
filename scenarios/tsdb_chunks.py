"""Chunks of samples as Prometheus stores them, encoded for all series at once.

The XOR encoding of https://github.com/prometheus/prometheus/blob/main/tsdb/chunkenc/xor.go: time stamps as differences of
differences, values as the bits that differ from the value before. Every differing value brings its own window of bits instead of using
the one before again; readers take both, and so nothing has to be worked out sample after sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_SAMPLES = 120
"""Of one chunk, as Prometheus itself writes them."""
STALE_BITS = np.uint64(0x7FF0000000000002)
"""The NaN that says: this series ended here."""

_XOR = b"\x01"
_BATCH_ROWS = 512
_VARINT_BYTES = 6
"""Enough for milliseconds since the epoch, until 2039."""
_VARINT_LIMITS = np.array([1 << 7 * k for k in range(1, _VARINT_BYTES)], dtype=np.uint64)
_LONGEST_GAP_MS = (1 << 19) - 1
"""After a longer one a new chunk begins, so that every difference fits into 20 bits."""
_CASTAGNOLI = 0x82F63B78

Words = NDArray[np.uint64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Chunks:
    """The chunk of each of `rows` (a row has several where it has gaps): its first and last time in milliseconds, its samples, and the bytes of a chunk file."""

    rows: Ints
    first: Ints
    last: Ints
    samples: Ints
    records: list[bytes]


def encode(stamps: Ints, bits: Words, kept: NDArray[np.bool_]) -> Chunks:
    """The chunks of every row (series) that keeps a sample, ordered by row and time.

    `stamps` are milliseconds, at most MAX_SAMPLES and ascending; `bits` (series x stamps) are the floats as integers.
    """
    if len(stamps) > MAX_SAMPLES:
        raise ValueError(f"{len(stamps)} samples do not fit into a chunk of {MAX_SAMPLES}")
    parts = [
        _encode(stamps, bits[begin : begin + _BATCH_ROWS], kept[begin : begin + _BATCH_ROWS], begin)
        for begin in range(0, len(bits), _BATCH_ROWS)
    ]
    rows, first, last, samples = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "first", "last", "samples")
    )
    return Chunks(rows, first, last, samples, [record for part in parts for record in part.records])


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum of one piece of data."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _encode(stamps: Ints, bits: Words, kept: NDArray[np.bool_], row_offset: int) -> Chunks:
    row, column = np.nonzero(kept)
    if not len(row):
        none = np.zeros(0, dtype=np.int64)
        return Chunks(none, none, none, none, [])
    times = stamps[column]
    is_first = np.append(True, (row[1:] != row[:-1]) | (np.diff(times) > _LONGEST_GAP_MS))
    begins = np.flatnonzero(is_first)
    counts = np.diff(np.append(begins, len(row)))
    time_code, time_width = _times(times, is_first, counts)
    control, control_width, value, value_width = _values(bits[row, column], is_first)
    # A time stamp and what follows it fit into one word, except at the start of a chunk, where nothing follows.
    codes = np.stack([time_code << control_width.astype(np.uint64) | control, value], axis=1)
    widths = np.stack([time_width + control_width, value_width], axis=1)
    data, starts, lengths = _pack(codes.ravel(), widths.ravel(), begins * 2)
    ends = np.append(begins[1:], len(row)) - 1
    records = _records(data, starts, lengths)
    return Chunks(row[begins] + row_offset, times[begins], times[ends], counts, records)


def _times(times: Ints, is_first: NDArray[np.bool_], counts: Ints) -> tuple[Words, Ints]:
    """(code, bits) of each time stamp; a chunk's first one has the number of its samples before it."""
    delta = np.diff(times, prepend=0)
    change = np.diff(delta, prepend=0)
    is_second = np.append(False, is_first[:-1]) & ~is_first
    code, width = np.zeros(len(times), dtype=np.uint64), np.ones(len(times), dtype=np.int64)
    for size, prefix, prefix_bits in ((14, 0b10, 2), (17, 0b110, 3), (20, 0b1110, 4)):
        fits = (width == 1) & (change != 0) & (np.abs(change) < 1 << (size - 1))
        code = np.where(fits, (prefix << size | change & ((1 << size) - 1)).astype(np.uint64), code)
        width = np.where(fits, prefix_bits + size, width)
    varint, varint_bits = _uvarint(np.where(is_first, times * 2, delta).astype(np.uint64))
    code = np.where(is_first | is_second, varint, code)
    width = np.where(is_first | is_second, varint_bits, width)
    code[is_first] |= counts.astype(np.uint64) << varint_bits[is_first].astype(np.uint64)
    width[is_first] += 16
    return code, width


def _values(bits: Words, is_first: NDArray[np.bool_]) -> tuple[Words, Ints, Words, Ints]:
    """(control code, bits, the differing bits, how many) of each value; a chunk's first one stands as it is."""
    differing = bits ^ np.append(bits[:1], bits[:-1])
    differing[is_first] = 0
    changed = differing != 0
    # frexp may round up to the next power of two; a leading zero less is still a valid window.
    leading = np.clip(64 - np.frexp(differing.astype(np.float64))[1], 0, 31)
    lowest = differing & (~differing + np.uint64(1))
    trailing = np.where(changed, np.frexp(lowest.astype(np.float64))[1] - 1, 0)
    size = np.where(changed, 64 - leading - trailing, 0)
    control = np.where(changed, 0b11 << 11 | leading << 6 | (size & 63), 0).astype(np.uint64)
    control_width = np.where(is_first, 0, np.where(changed, 13, 1))
    value = np.where(is_first, bits, differing >> trailing.astype(np.uint64))
    return control, control_width, value, np.where(is_first, 64, size)


def _uvarint(numbers: Words) -> tuple[Words, Ints]:
    """Seven bits a byte, the lowest first, the top bit on all but the last byte; as one big-endian number and its bits."""
    size = 1 + np.searchsorted(_VARINT_LIMITS, numbers, side="right").astype(np.int64)
    code = np.zeros(len(numbers), dtype=np.uint64)
    for k in range(_VARINT_BYTES):
        byte = (numbers >> np.uint64(7 * k)) & np.uint64(0x7F) | np.where(k < size - 1, 0x80, 0).astype(np.uint64)
        code = np.where(k < size, code << np.uint64(8) | byte, code)
    return code, size * 8


def _pack(codes: Words, widths: Ints, begins: Ints) -> tuple[NDArray[np.uint8], Ints, Ints]:
    """Put the codes one after the other, each chunk from a new word on. Returns the bytes, and where each chunk starts and how long it is."""
    end = np.cumsum(widths)
    before = end - widths
    bit_count = np.append(before[begins[1:]], end[-1]) - before[begins]
    words_of = (bit_count + 63) // 64
    first_word = np.cumsum(words_of) - words_of
    codes_of = np.diff(np.append(begins, len(codes)))
    position = before + np.repeat(first_word * 64 - before[begins], codes_of)
    used = widths > 0
    codes, widths, position = codes[used], widths[used], position[used]
    word, offset = position >> 6, position & 63
    aligned = codes << (64 - widths).astype(np.uint64)
    found = np.zeros(int(words_of.sum()), dtype=np.uint64)
    runs = np.flatnonzero(np.append(True, word[1:] != word[:-1]))
    found[word[runs]] = np.bitwise_or.reduceat(aligned >> offset.astype(np.uint64), runs)
    spilt = offset + widths > 64
    found[word[spilt] + 1] |= aligned[spilt] << (64 - offset[spilt]).astype(np.uint64)
    return found.astype(">u8").view(np.uint8), first_word * 8, (bit_count + 7) // 8


def _records(data: NDArray[np.uint8], starts: Ints, lengths: Ints) -> list[bytes]:
    """Each chunk with its length, encoding and checksum."""
    sums = _checksums(data, starts, lengths)
    raw = data.tobytes()
    return [
        _length(length) + _XOR + raw[start : start + length] + crc.to_bytes(4, "big")
        for start, length, crc in zip(starts.tolist(), lengths.tolist(), sums.tolist(), strict=True)
    ]


def _length(number: int) -> bytes:
    """As uvarint; no chunk of 120 samples has more than two bytes of it."""
    return bytes([number]) if number < 0x80 else bytes([number & 0x7F | 0x80, number >> 7])


def _checksums(data: NDArray[np.uint8], starts: Ints, lengths: Ints) -> NDArray[np.uint32]:
    """crc32c of every chunk and the byte of its encoding before it, worked out side by side: the longest chunks first."""
    order = np.argsort(-lengths, kind="stable")
    start, length = starts[order], lengths[order]
    table = np.array(_TABLE, dtype=np.uint32)
    crc = np.full(len(order), 0xFFFFFFFF, dtype=np.uint32)
    crc = table[(crc ^ _XOR[0]) & 0xFF] ^ (crc >> 8)
    active = np.searchsorted(-length, -np.arange(int(length[0])), side="left")
    for place, count in enumerate(active.tolist()):
        own = crc[:count]
        crc[:count] = table[(own ^ data[start[:count] + place]) & 0xFF] ^ (own >> 8)
    sums: NDArray[np.uint32] = np.empty_like(crc)
    sums[order] = crc ^ 0xFFFFFFFF
    return sums


def _table() -> list[int]:
    found = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
        found.append(crc)
    return found


_TABLE = _table()
