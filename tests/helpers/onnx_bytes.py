"""An ONNX file made byte by byte, so that no test needs the package that writes them.

Protocol buffers: a field is its number and wire type, then a varint or a length and bytes. Field numbers are those of
onnx.proto.
"""

from __future__ import annotations


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _tensor(name: str, shape: list[int | str]) -> bytes:
    """A ValueInfoProto of floats; a string is a dimension left open."""
    dims = b"".join(_bytes(1, _number(1, d) if isinstance(d, int) else _bytes(2, d)) for d in shape)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, dims)))


def average_pool_onnx(channels: int, size: int, batch: int | str = "batch") -> bytes:
    """A model that averages (batch, channels, size, size) over places: (batch, channels, 1, 1)."""
    node = _bytes(1, "x") + _bytes(2, "y") + _bytes(4, "GlobalAveragePool")
    graph = _bytes(1, node) + _bytes(2, "pool")
    graph += _bytes(11, _tensor("x", [batch, channels, size, size]))
    graph += _bytes(12, _tensor("y", [batch, channels, 1, 1]))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, "") + _number(2, 13))
