"""COSE_Sign1 with ES384 over CBOR, as Nitro documents use it: one strict decoder.

Only what such a document consists of is read: unsigned integers, -35, strings, arrays, maps, null
and tag 18. Lengths are the shortest, keys differ, nothing follows, and no more is allocated than
the bytes that are there. Maps and arrays within a payload may have indefinite length, as some
encoders write them; strings may not. What breaks a rule raises `MalformedProof`.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from verifiable.errors import MalformedProof

__all__ = ["ES384", "CborValue", "Sign1", "decode_cbor"]

CborValue = int | bytes | str | list["CborValue"] | dict["CborValue", "CborValue"] | None
"""What a document consists of."""

ES384 = bytes.fromhex("a1013822")
"""The protected header `{1: -35}`: ECDSA with SHA-384."""

_TAG_SIGN1 = 0xD2
_MAX_DEPTH = 4
_MAX_ITEMS = 256
_SIGNATURE_BYTES = 96
_BREAK = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign1:
    """One signed message.

    Attributes:
        payload: as received, which is what was signed.
        signature: `r || s`, 96 bytes; unsigned itself, and `(r, n - s)` is as good.
    """

    payload: bytes
    signature: bytes

    @classmethod
    def decode(cls, data: bytes) -> Sign1:
        """Decode, with or without tag 18.

        Args:
            data: the whole message; bounded by the caller.

        Raises:
            MalformedProof: (codes `evidence-malformed`, `trailing-bytes`; `unsupported-evidence`
                for another algorithm, or headers that nobody signed).
        """
        body = data[1:] if data[:1] == bytes((_TAG_SIGN1,)) else data
        if body[:1] != b"\x84":
            raise _malformed("not a COSE_Sign1: an array of four is expected")
        message = decode_cbor(body)
        if not isinstance(message, list):  # the first byte says so
            raise _malformed("not an array")
        protected, unprotected, payload, signature = message
        if protected != ES384:
            shown = protected.hex()[:64] if isinstance(protected, bytes) else "no byte string"
            raise MalformedProof(
                "another algorithm than ES384",
                where="COSE_Sign1",
                why=f"the protected header is {shown}",
                code="unsupported-evidence",
            )
        if unprotected != {} or body[6:7] != b"\xa0":
            raise MalformedProof(
                "a header outside the signature", where="COSE_Sign1", code="unsupported-evidence"
            )
        if not isinstance(payload, bytes):
            raise _malformed("the payload is no byte string")
        if not isinstance(signature, bytes) or len(signature) != _SIGNATURE_BYTES:
            raise _malformed(f"the signature is not {_SIGNATURE_BYTES} bytes")
        return cls(payload=payload, signature=signature)

    @property
    def signed_bytes(self) -> bytes:
        """The `Sig_structure`: what the signature covers, and the identity of the message."""
        return (
            b"\x84\x6aSignature1\x44" + ES384 + b"\x40" + _head(2, len(self.payload)) + self.payload
        )

    def is_signed_by(self, key: ec.EllipticCurvePublicKey) -> bool:
        """Whether the signature is `key`'s, which is on P-384; s may be high or low."""
        half = _SIGNATURE_BYTES // 2
        r = int.from_bytes(self.signature[:half], "big")
        s = int.from_bytes(self.signature[half:], "big")
        try:
            key.verify(
                utils.encode_dss_signature(r, s), self.signed_bytes, ec.ECDSA(hashes.SHA384())
            )
        except InvalidSignature:
            return False
        return True


def decode_cbor(data: bytes) -> CborValue:
    """Decode one value and nothing after it.

    Raises:
        MalformedProof: (code `evidence-malformed`, or `trailing-bytes`) another form than is
            described above, more than 256 items in a container, or more than four levels.
    """
    reader = _Reader(data)
    value = reader.value(0)
    if reader.position != len(data):
        raise MalformedProof(
            f"{len(data) - reader.position} bytes after the end",
            where="CBOR",
            code="trailing-bytes",
        )
    return value


class _Reader:
    """Reads from the front; every length is compared with what is left before anything is made."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def value(self, depth: int) -> CborValue:
        if depth > _MAX_DEPTH:
            raise _malformed("nested too deep")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if first == 0xF6:
            return None
        if major in (4, 5) and info == 31:
            return self._array(None, depth) if major == 4 else self._map(None, depth)
        if major > 5 or info > 27:
            raise _malformed(f"byte {first:#04x} where a value starts")
        argument = self._argument(info)
        if major == 0:
            return argument
        if major == 1:
            return -1 - argument
        if major == 2:
            return self._take(argument)
        if major == 3:
            try:
                return self._take(argument).decode("utf-8")
            except UnicodeDecodeError as cause:
                raise _malformed("text that is not UTF-8") from cause
        if argument > _MAX_ITEMS:
            raise _malformed(f"more than {_MAX_ITEMS} items")
        return self._array(argument, depth) if major == 4 else self._map(argument, depth)

    def _take(self, size: int) -> bytes:
        if size > len(self.data) - self.position:
            raise _malformed("it ends too early")
        self.position += size
        return self.data[self.position - size : self.position]

    def _argument(self, info: int) -> int:
        if info < 24:
            return info
        size = 1 << (info - 24)
        value = int.from_bytes(self._take(size), "big")
        if value < (24 if size == 1 else 1 << (4 * size)):
            raise _malformed("a number that is not in its shortest form")
        return value

    def _more(self, count: int | None, done: int) -> bool:
        """Whether another item follows; eats the end of a container without a length."""
        if count is not None:
            return done < count
        if self.data[self.position : self.position + 1] == bytes((_BREAK,)):
            self.position += 1
            return False
        if done == _MAX_ITEMS:
            raise _malformed(f"more than {_MAX_ITEMS} items")
        return True

    def _array(self, count: int | None, depth: int) -> list[CborValue]:
        found: list[CborValue] = []
        while self._more(count, len(found)):
            found.append(self.value(depth + 1))
        return found

    def _map(self, count: int | None, depth: int) -> dict[CborValue, CborValue]:
        found: dict[CborValue, CborValue] = {}
        while self._more(count, len(found)):
            key = self.value(depth + 1)
            if not isinstance(key, int | str):
                raise _malformed("a key that is neither a number nor text")
            if key in found:
                raise _malformed(f"key {str(key)[:40]!r} occurs twice")
            found[key] = self.value(depth + 1)
        return found


def _head(major: int, length: int) -> bytes:
    """Type and length in the shortest form; a payload is shorter than 64 KiB."""
    if length < 24:
        return bytes(((major << 5) | length,))
    if length < 1 << 8:
        return bytes(((major << 5) | 24, length))
    return bytes(((major << 5) | 25,)) + length.to_bytes(2, "big")


def _malformed(what: str) -> MalformedProof:
    return MalformedProof(what, where="CBOR", code="evidence-malformed")
