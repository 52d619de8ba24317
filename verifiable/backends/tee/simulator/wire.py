"""Frames between an enclave and its host, and the fields that messages are made of.

A frame is the length of its body (4 bytes), its type (1), the request that it belongs to (8), all
little-endian, and the body. A body is a sequence of fields without tags: the type says which. Both
sides bound a frame before they read it, every field before they copy it, and refuse a body with
anything after its last field. There is no other encoding: no pickle, no JSON.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

from verifiable.errors import ProvingError

__all__ = ["HEADER_BYTES", "Fields", "Frame", "Reader", "encode_frame", "receive", "refused"]

_HEADER = struct.Struct("<IBQ")
HEADER_BYTES = _HEADER.size

_SHORT = 1 << 12
"""Texts and small fields are no longer than this, in bytes."""

_CHUNK = 1 << 20

_U8, _U32, _U64, _I64 = (struct.Struct(f"<{code}") for code in "BIQq")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One message as it was received.

    Attributes:
        type: what its body is.
        request: the number that the host gave its request, which the answer repeats.
        body: not yet decoded.
    """

    type: int
    request: int
    body: bytes


def encode_frame(type_: int, request: int, body: bytes) -> bytes:
    """The bytes of a frame.

    Raises:
        ProvingError: (code `enclave-protocol`) the body is larger than a frame can be.
    """
    if len(body) >= 1 << 32:
        raise refused(f"a body of {len(body)} bytes")
    return _HEADER.pack(len(body), type_, request) + body


def receive(connection: socket.socket, *, limit_bytes: int) -> Frame | None:
    """Wait for the next frame of a blocking socket; None where the other side has closed it.

    Args:
        connection: nobody else reads it.
        limit_bytes: largest body; a larger one is refused before it is read.

    Raises:
        ProvingError: (code `enclave-protocol`) it is too large, or ends too early.
        OSError: the connection broke.
    """
    header = _exactly(connection, HEADER_BYTES, at_border=True)
    if header is None:
        return None
    size, type_, request = _HEADER.unpack(header)
    if size > limit_bytes:
        raise refused(f"a body of {size} bytes where at most {limit_bytes} are expected")
    body = _exactly(connection, size)
    return Frame(type=type_, request=request, body=body or b"")


def refused(what: str) -> ProvingError:
    """The error for bytes that are no message."""
    return ProvingError(
        "host and enclave do not understand each other",
        where="simulated enclave",
        why=what,
        hint="both have to be of the same release; start the enclave again",
        code="enclave-protocol",
    )


class Fields:
    """Builds a body, one field after another."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    @property
    def body(self) -> bytes:
        """All fields so far."""
        return b"".join(self._parts)

    def u8(self, value: int) -> Fields:
        """A number of one byte."""
        self._parts.append(_U8.pack(value))
        return self

    def u32(self, value: int) -> Fields:
        """A number of four bytes."""
        self._parts.append(_U32.pack(value))
        return self

    def u64(self, value: int) -> Fields:
        """A number of eight bytes."""
        self._parts.append(_U64.pack(value))
        return self

    def i64(self, value: int) -> Fields:
        """A number of eight bytes with a sign."""
        self._parts.append(_I64.pack(value))
        return self

    def fixed(self, value: bytes) -> Fields:
        """Bytes whose number the message's type says."""
        self._parts.append(value)
        return self

    def blob(self, value: bytes) -> Fields:
        """Bytes after their number."""
        self._parts += (_U32.pack(len(value)), value)
        return self

    def text(self, value: str) -> Fields:
        """Text, cut to what a reader takes."""
        data = value.encode("utf-8", "replace")
        return self.blob(data[:_SHORT].decode("utf-8", "ignore").encode("utf-8"))


class Reader:
    """Takes a body apart.

    Every method raises `ProvingError` (code `enclave-protocol`) where the body ends too early or a
    field is larger than it may be.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def fixed(self, size: int) -> bytes:
        """The next `size` bytes."""
        end = self._at + size
        if end > len(self._body):
            raise refused(f"a body that ends {end - len(self._body)} bytes too early")
        found = self._body[self._at : end]
        self._at = end
        return found

    def u8(self) -> int:
        """A number of one byte."""
        return self.fixed(1)[0]

    def u32(self) -> int:
        """A number of four bytes."""
        return int.from_bytes(self.fixed(4), "little")

    def u64(self) -> int:
        """A number of eight bytes."""
        return int.from_bytes(self.fixed(8), "little")

    def i64(self) -> int:
        """A number of eight bytes with a sign."""
        return int.from_bytes(self.fixed(8), "little", signed=True)

    def count(self, limit: int) -> int:
        """How many of something follow, at most `limit`."""
        found = self.u32()
        if found > limit:
            raise refused(f"a list of {found} where at most {limit} are expected")
        return found

    def blob(self, limit_bytes: int = _SHORT) -> bytes:
        """Bytes after their number."""
        return self.fixed(self.count(limit_bytes))

    def text(self) -> str:
        """UTF-8."""
        try:
            return self.blob().decode("utf-8")
        except UnicodeDecodeError:
            raise refused("a text that is not UTF-8") from None

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._body):
            raise refused(f"{len(self._body) - self._at} bytes after the last field")


def _exactly(connection: socket.socket, size: int, *, at_border: bool = False) -> bytes | None:
    """`size` bytes; None where the connection ends before the first and `at_border`."""
    if not size:
        return b""
    first = connection.recv(min(size, _CHUNK))
    if len(first) == size:
        return first
    if not first and at_border:
        return None
    data = bytearray(first)
    while first and len(data) < size:
        first = connection.recv(min(size - len(data), _CHUNK))
        data += first
    if len(data) < size:
        raise refused(f"a frame that ends {size - len(data)} bytes too early")
    return bytes(data)
