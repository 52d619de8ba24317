"""Intel's extension of a PCK certificate: which platform, at which patch level. Decode and encode.

The extension (`1.2.840.113741.1.13.1`) is a SEQUENCE of SEQUENCE {OID, value}, some of whose values
are such sequences again. Read is DER only, every field once; what is written is what Intel writes,
so that simulated certificates take the same path as real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from cryptography import x509

from verifiable.errors import MalformedProof

__all__ = ["PCK_EXTENSION", "PckExtension", "PlatformFlags"]

PCK_EXTENSION = x509.ObjectIdentifier("1.2.840.113741.1.13.1")

_PREFIX = bytes.fromhex("2a864886f84d010d01")  # the OID's content; suffixes follow, all below 128
_MAX_EXTENSION_BYTES = 4096
_BOOLEAN, _INTEGER, _OCTETS, _OID, _ENUMERATED, _SEQUENCE = 0x01, 0x02, 0x04, 0x06, 0x0A, 0x30
_COMPONENTS = 16
_SGX_TYPES = ("standard", "scalable", "scalable with integrity")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformFlags:
    """What the Platform CA certified of a machine.

    Attributes:
        dynamic_platform: packages may be added.
        cached_keys: Intel keeps its root keys.
        smt: hyper-threading is on.
    """

    dynamic_platform: bool
    cached_keys: bool
    smt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PckExtension:
    """One decoded extension.

    Attributes:
        ppid: the platform's id, 16 bytes.
        components: the sixteen component SVNs.
        pcesvn: of the provisioning certification enclave.
        cpusvn: 16 bytes; in real certificates those of `components`.
        pceid: 2 bytes.
        fmspc: family, model, stepping, platform and SKU, 6 bytes.
        sgx_type: 0 standard, 1 scalable, 2 scalable with integrity.
        platform_instance_id: 16 bytes; None where the Processor CA issued.
        flags: None where the Processor CA issued.
    """

    ppid: bytes
    components: tuple[int, ...]
    pcesvn: int
    cpusvn: bytes
    pceid: bytes
    fmspc: bytes
    sgx_type: int
    platform_instance_id: bytes | None = None
    flags: PlatformFlags | None = None

    @property
    def sgx_type_name(self) -> str:
        """The type in words."""
        return _SGX_TYPES[self.sgx_type]

    @classmethod
    def of(cls, certificate: x509.Certificate) -> PckExtension:
        """Decode the extension of a PCK certificate.

        Raises:
            MalformedProof: (code `evidence-malformed`) there is none, or it breaks the form.
        """
        for extension in certificate.extensions:
            if extension.oid == PCK_EXTENSION:
                value = extension.value
                if isinstance(value, x509.UnrecognizedExtension):
                    return cls.decode(value.value)
        _refuse(f"no extension {PCK_EXTENSION.dotted_string}")

    @classmethod
    def decode(cls, data: bytes) -> PckExtension:
        """Decode the extension's value.

        Raises:
            MalformedProof: (code `evidence-malformed`) the bytes break the form.
        """
        if len(data) > _MAX_EXTENSION_BYTES:
            _refuse(f"larger than {_MAX_EXTENSION_BYTES} bytes")
        fields = _fields(data, _PREFIX)
        svns = _fields(_value(fields, 2, _SEQUENCE), _PREFIX + b"\x02", inner=True)
        sgx_type = _integer(fields, 5, kind=_ENUMERATED, limit=len(_SGX_TYPES) - 1)
        flags = None
        if 7 in fields:
            booleans = _fields(_value(fields, 7, _SEQUENCE), _PREFIX + b"\x07", inner=True)
            flags = PlatformFlags(
                dynamic_platform=_boolean(booleans, 1),
                cached_keys=_boolean(booleans, 2),
                smt=_boolean(booleans, 3),
            )
        return cls(
            ppid=_octets(fields, 1, 16),
            components=tuple(
                _integer(svns, number, limit=0xFF) for number in range(1, _COMPONENTS + 1)
            ),
            pcesvn=_integer(svns, 17, limit=0xFFFF),
            cpusvn=_octets(svns, 18, 16),
            pceid=_octets(fields, 3, 2),
            fmspc=_octets(fields, 4, 6),
            sgx_type=sgx_type,
            platform_instance_id=_octets(fields, 6, 16) if 6 in fields else None,
            flags=flags,
        )

    def encode(self) -> bytes:
        """The extension's value, as Intel writes it."""
        svns = [
            _entry(b"\x02" + bytes([number]), _der_integer(svn))
            for number, svn in enumerate(self.components, start=1)
        ]
        svns.append(_entry(b"\x02\x11", _der_integer(self.pcesvn)))
        svns.append(_entry(b"\x02\x12", _der(_OCTETS, self.cpusvn)))
        entries = [
            _entry(b"\x01", _der(_OCTETS, self.ppid)),
            _entry(b"\x02", _der(_SEQUENCE, b"".join(svns))),
            _entry(b"\x03", _der(_OCTETS, self.pceid)),
            _entry(b"\x04", _der(_OCTETS, self.fmspc)),
            _entry(b"\x05", _der(_ENUMERATED, bytes([self.sgx_type]))),
        ]
        if self.platform_instance_id is not None:
            entries.append(_entry(b"\x06", _der(_OCTETS, self.platform_instance_id)))
        if self.flags is not None:
            named = (self.flags.dynamic_platform, self.flags.cached_keys, self.flags.smt)
            booleans = [
                _entry(b"\x07" + bytes([number]), _der(_BOOLEAN, b"\xff" if flag else b"\0"))
                for number, flag in enumerate(named, start=1)
            ]
            entries.append(_entry(b"\x07", _der(_SEQUENCE, b"".join(booleans))))
        return _der(_SEQUENCE, b"".join(entries))


_Fields = dict[int, tuple[int, bytes]]  # by the last arc of the OID: tag and content


def _fields(data: bytes, prefix: bytes, *, inner: bool = False) -> _Fields:
    """The {OID, value} pairs of a sequence (of its content, if `inner`), each OID once."""
    if not inner:
        items = list(_items(data))
        if len(items) != 1 or items[0][0] != _SEQUENCE:
            _refuse("not one SEQUENCE")
        data = items[0][1]
    found: _Fields = {}
    for tag, content in _items(data):
        pair = list(_items(content)) if tag == _SEQUENCE else []
        if len(pair) != 2 or pair[0][0] != _OID:
            _refuse("an entry is not a SEQUENCE of OID and value")
        oid, value = pair[0][1], pair[1]
        if not oid.startswith(prefix) or len(oid) != len(prefix) + 1:
            _refuse(f"an entry has the OID {oid.hex()}")
        if oid[-1] in found:
            _refuse(f"field {oid[-1]} appears twice")
        found[oid[-1]] = value
    return found


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each DER value: definite lengths in their shortest form."""
    position = 0
    while position < len(data):
        header = data[position : position + 2]
        if len(header) < 2 or header[0] & 0x1F == 0x1F:
            _refuse("not DER")
        tag, length = header
        position += 2
        if length >= 0x80:
            count = length & 0x7F
            octets = data[position : position + count]
            length = int.from_bytes(octets, "big")
            if not 1 <= count <= 2 or len(octets) != count or length < 0x80 or octets[0] == 0:
                _refuse("not DER: a length is not in its shortest form")
            position += count
        if length > len(data) - position:
            _refuse("not DER: a value is cut off")
        yield tag, data[position : position + length]
        position += length


def _value(fields: _Fields, number: int, tag: int) -> bytes:
    if number not in fields:
        _refuse(f"field {number} is missing")
    found, content = fields[number]
    if found != tag:
        _refuse(f"field {number} has tag {found:#x} where {tag:#x} is expected")
    return content


def _octets(fields: _Fields, number: int, size: int) -> bytes:
    content = _value(fields, number, _OCTETS)
    if len(content) != size:
        _refuse(f"field {number} has {len(content)} bytes where {size} are expected")
    return content


def _integer(fields: _Fields, number: int, *, limit: int, kind: int = _INTEGER) -> int:
    content = _value(fields, number, kind)
    value = int.from_bytes(content, "big", signed=True)
    if not content or _integer_content(value) != content or not 0 <= value <= limit:
        _refuse(f"field {number} is not a DER integer in [0, {limit}]")
    return value


def _boolean(fields: _Fields, number: int) -> bool:
    content = _value(fields, number, _BOOLEAN)
    if content not in (b"\0", b"\xff"):
        _refuse(f"field {number} is not a DER boolean")
    return content == b"\xff"


def _entry(suffix: bytes, value: bytes) -> bytes:
    return _der(_SEQUENCE, _der(_OID, _PREFIX + suffix) + value)


def _der_integer(value: int) -> bytes:
    return _der(_INTEGER, _integer_content(value))


def _integer_content(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _refuse(what: str) -> NoReturn:
    raise MalformedProof(what, where="Intel's PCK extension", code="evidence-malformed")
