"""Intel's extension of PCK certificates: written as Intel writes it, read in that form only."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.pck import PCK_EXTENSION, PckExtension, PlatformFlags
from verifiable.errors import MalformedProof
from verifiable.testing.tee_intel_cases import intel_authority

HONEST = PckExtension(
    ppid=bytes(range(16)),
    components=(0, 1, 127, 128, 254, 255, 7, 0, 0, 0, 0, 0, 0, 0, 0, 16),
    pcesvn=13,
    cpusvn=bytes((0, 1, 127, 128, 254, 255, 7, 0, 0, 0, 0, 0, 0, 0, 0, 16)),
    pceid=b"\0\1",
    fmspc=bytes.fromhex("b0c06f000000"),
    sgx_type=1,
    platform_instance_id=bytes(16),
    flags=PlatformFlags(dynamic_platform=True, cached_keys=False, smt=True),
)

extensions = st.builds(
    PckExtension,
    ppid=st.binary(min_size=16, max_size=16),
    components=st.tuples(*[st.integers(0, 255)] * 16),
    pcesvn=st.integers(0, 0xFFFF),
    cpusvn=st.binary(min_size=16, max_size=16),
    pceid=st.binary(min_size=2, max_size=2),
    fmspc=st.binary(min_size=6, max_size=6),
    sgx_type=st.integers(0, 2),
    platform_instance_id=st.none() | st.binary(min_size=16, max_size=16),
    flags=st.none()
    | st.builds(
        PlatformFlags, dynamic_platform=st.booleans(), cached_keys=st.booleans(), smt=st.booleans()
    ),
)


@settings(max_examples=200, deadline=1000)
@given(extension=extensions)
def test_what_is_written_is_read(extension: PckExtension) -> None:
    assert PckExtension.decode(extension.encode()) == extension


def test_integers_are_in_der() -> None:
    encoded = HONEST.encode()
    oid = bytes.fromhex("060b2a864886f84d010d0102") + b"\6"  # component 6, which is 255
    assert oid + bytes.fromhex("020200ff") in encoded
    assert PCK_EXTENSION.dotted_string == "1.2.840.113741.1.13.1"


def test_a_certificate_has_it() -> None:
    authority = intel_authority()
    assert PckExtension.of(authority.pck.certificate) == authority.platform
    with pytest.raises(MalformedProof, match="no extension"):
        PckExtension.of(authority.root.certificate)


@settings(max_examples=300, deadline=1000)
@given(data=st.binary(max_size=600))
def test_arbitrary_bytes_end_in_a_typed_error(data: bytes) -> None:
    with pytest.raises(MalformedProof):
        PckExtension.decode(data)


def test_each_altered_byte_is_seen() -> None:
    """No byte of the extension is without meaning: a change is refused, or read as a change."""
    encoded = HONEST.encode()
    for offset in range(len(encoded)):
        for bit in (0x01, 0x80):
            altered = bytearray(encoded)
            altered[offset] ^= bit
            try:
                read = PckExtension.decode(bytes(altered))
            except MalformedProof:
                continue
            assert read != HONEST


@pytest.mark.parametrize(
    ("what", "altered"),
    [
        ("field 1 appears twice", lambda data: data[:4] + data[4:36] * 2 + data[36:]),
        ("not one SEQUENCE", lambda data: data + data),
        ("not one SEQUENCE", lambda data: b""),
        ("cut off", lambda data: data[:-1]),
        ("shortest form", lambda data: b"\x30\x84\0\0" + data[2:]),
    ],
)
def test_der_is_strict(what: str, altered) -> None:
    data = HONEST.encode()
    assert data[:2] == b"\x30\x82"
    changed = altered(data)
    if what == "field 1 appears twice":
        changed = changed[:2] + (len(changed) - 4).to_bytes(2, "big") + changed[4:]
    with pytest.raises(MalformedProof, match=what):
        PckExtension.decode(changed)


PREFIX = bytes.fromhex("2a864886f84d010d01")


def altered(suffix: bytes, value: bytes) -> bytes:
    """The honest extension with the value of one field put in the place of its own."""
    data = HONEST.encode()
    oid = bytes((6, 9 + len(suffix))) + PREFIX + suffix
    start = data.index(oid) + len(oid)
    size = 2 + data[start + 1]
    assert len(value) == size, "sizes around it would have to change, too"
    return data[:start] + value + data[start + size :]


@pytest.mark.parametrize(
    ("suffix", "value", "what"),
    [
        (b"\1", b"\x0c\x10" + bytes(16), "tag"),  # UTF8String for PPID
        (b"\3", b"\x02\x02\1\1", "tag"),
        (b"\2\5", b"\2\2\0\x10", "DER integer"),  # 16 in two bytes
        (b"\2\5", b"\2\2\1\0", "DER integer"),  # 256
        (b"\2\5", b"\2\2\xff\x01", "DER integer"),  # below zero
        (b"\2\1", b"\2\1\x80", "DER integer"),
        (b"\5", b"\x0a\1\3", "DER integer"),  # a type that there is not
        (b"\5", b"\2\1\1", "tag"),  # INTEGER for ENUMERATED
        (b"\7\1", b"\1\1\1", "DER boolean"),
        (b"\7\2", b"\2\1\0", "tag"),
    ],
)
def test_values_are_of_their_type_and_range(suffix: bytes, value: bytes, what: str) -> None:
    with pytest.raises(MalformedProof, match=what):
        PckExtension.decode(altered(suffix, value))


@pytest.mark.parametrize(
    ("field", "value"),
    [("ppid", bytes(15)), ("cpusvn", bytes(17)), ("pceid", b"\0"), ("fmspc", bytes(7)),
     ("platform_instance_id", bytes(8))],
)  # fmt: skip
def test_octets_have_their_size(field: str, value: bytes) -> None:
    with pytest.raises(MalformedProof, match="bytes where"):
        PckExtension.decode(replace(HONEST, **{field: value}).encode())


def test_other_oids_are_refused() -> None:
    data = HONEST.encode()
    with pytest.raises(MalformedProof, match="OID"):
        PckExtension.decode(data.replace(PREFIX + b"\1", PREFIX[:-1] + b"\2\1", 1))
    position = data.index(b"\6\x0a" + PREFIX + b"\1")
    with pytest.raises(MalformedProof, match="OID and value"):
        PckExtension.decode(data[:position] + b"\4" + data[position + 1 :])


def test_a_missing_field_is_named() -> None:
    entry = replace(HONEST, flags=None, platform_instance_id=None).encode()
    position = entry.index(bytes.fromhex("060a2a864886f84d010d0104"))  # FMSPC
    start, size = position - 2, entry[position - 1] + 2
    cut = entry[:start] + entry[start + size :]
    cut = cut[:2] + (len(cut) - 4).to_bytes(2, "big") + cut[4:]
    with pytest.raises(MalformedProof, match="field 4 is missing"):
        PckExtension.decode(cut)


def test_a_large_extension_is_refused_unread() -> None:
    with pytest.raises(MalformedProof, match="larger than"):
        PckExtension.decode(bytes(5000))
