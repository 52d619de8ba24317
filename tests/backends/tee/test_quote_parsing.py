"""Quotes are read strictly: every offset, every size, and nothing but zeros after the end."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifiable.backends.tee.quote import MAX_QUOTE_BYTES, EnclaveReport, Quote, TdReport
from verifiable.errors import MalformedProof
from verifiable.testing.tee_intel_cases import REPORT_DATA, sgx_quote, td_quote

CODES = {"evidence-malformed", "trailing-bytes", "evidence-too-large", "unsupported-evidence"}
QUOTES = {
    "v3": sgx_quote(),
    "v4": td_quote(),
    "v5-td10": td_quote(version=5),
    "v5-td15": td_quote(version=5, mrservicetd=bytes(48)),
}
STARTS = {"v3": 432, "v4": 632, "v5-td10": 638, "v5-td15": 702}  # of the signature's length


def refused(data: bytes) -> str:
    with pytest.raises(MalformedProof) as caught:
        Quote.parse(data)
    assert caught.value.code in CODES
    return caught.value.code


@pytest.mark.parametrize("name", QUOTES)
def test_parts_lie_where_the_layout_says(name: str) -> None:
    data, start = QUOTES[name], STARTS[name]
    quote = Quote.parse(data)
    assert quote.signed == data[:start]
    assert quote.signature == data[start + 4 : start + 68]
    assert quote.attestation_key == data[start + 68 : start + 132]
    assert quote.size == len(data)
    assert quote.trailing_zeros == 0
    assert quote.certification == "pck-chain"
    assert quote.certification_data.startswith(b"-----BEGIN CERTIFICATE-----")
    assert quote.body.report_data == REPORT_DATA
    if name == "v3":
        assert isinstance(quote.body, EnclaveReport)
        assert quote.body.raw == data[48:432]
        assert quote.qe_report.raw == data[564:948]
    if name == "v4":
        assert isinstance(quote.body, TdReport)
        assert quote.body.mrtd == data[184:232]
        assert quote.body.rtmrs[3] == data[520:568]
        assert quote.qe_report.raw == data[770:1154]
        assert quote.qe_auth_data == data[1220:1252]
        assert quote.body.mrservicetd is None
    if name == "v5-td15":
        assert quote.body_type == 3
        assert quote.body.mrservicetd == data[654:702]


@pytest.mark.parametrize("name", QUOTES)
def test_a_quote_cut_off_anywhere_is_refused(name: str) -> None:
    data = QUOTES[name]
    assert {refused(data[:size]) for size in range(len(data))} == {"evidence-malformed"}


@pytest.mark.parametrize("name", QUOTES)
def test_only_zeros_may_follow(name: str) -> None:
    data = QUOTES[name]
    padded = Quote.parse(data + bytes(70))
    assert padded.trailing_zeros == 70
    assert padded.size == len(data)
    assert refused(data + b"\1") == "trailing-bytes"
    assert refused(data + bytes(69) + b"\1") == "trailing-bytes"


def test_size_is_bounded_before_anything_is_read() -> None:
    data = QUOTES["v4"]
    largest = data + bytes(MAX_QUOTE_BYTES - len(data))
    assert Quote.parse(largest).size == len(data)
    assert refused(largest + b"\0") == "evidence-too-large"
    assert refused(bytes(MAX_QUOTE_BYTES + 1)) == "evidence-too-large"


def changed(name: str, offset: int, value: bytes) -> bytes:
    data = bytearray(QUOTES[name])
    data[offset : offset + len(value)] = value
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "offset", "value", "code"),
    [
        ("v4", 0, b"\6\0", "unsupported-evidence"),  # another version
        ("v4", 0, b"\3\0", "unsupported-evidence"),  # TDX in a version for SGX
        ("v3", 0, b"\4\0", "unsupported-evidence"),  # and SGX in one for TDX
        ("v4", 2, b"\3\0", "unsupported-evidence"),  # P-384
        ("v4", 4, b"\x82", "unsupported-evidence"),  # another TEE
        ("v4", 8, b"\1", "evidence-malformed"),  # reserved
        ("v5-td10", 48, b"\1\0", "unsupported-evidence"),  # an SGX body
        ("v5-td10", 48, b"\4\0", "unsupported-evidence"),  # TD 1.5 extended
        ("v5-td10", 48, b"\3\0", "evidence-malformed"),  # TD 1.5 of the size of 1.0
        ("v5-td10", 50, struct.pack("<I", 583), "evidence-malformed"),
        ("v4", 632, struct.pack("<I", 0xFFFFFFFF), "evidence-malformed"),
        ("v4", 764, b"\5\0", "unsupported-evidence"),  # outer certification type
        ("v4", 766, struct.pack("<I", 0xFFFFFFFF), "evidence-malformed"),
        ("v4", 1122, b"\1", "evidence-malformed"),  # REPORTDATA[32:64] of the quoting enclave
        ("v4", 1218, struct.pack("<H", 0xFFFF), "evidence-malformed"),
        ("v4", 1252, b"\4\0", "unsupported-evidence"),  # inner certification type
        ("v4", 1252, b"\1\0", "evidence-malformed"),  # a PPID of the size of a chain
        ("v3", 1046, b"\6\0", "unsupported-evidence"),
    ],
)
def test_what_is_not_of_a_known_form_is_refused(
    name: str, offset: int, value: bytes, code: str
) -> None:
    assert refused(changed(name, offset, value)) == code


@pytest.mark.parametrize("name", ["v3", "v4"])
def test_sizes_inside_add_up(name: str) -> None:
    """Bytes that no part claims, in the signature data or in the certification data."""
    data, start = QUOTES[name], STARTS[name]
    size = int.from_bytes(data[start : start + 4], "little")
    longer = data[:start] + struct.pack("<I", size + 1) + data[start + 4 :] + b"\0"
    assert refused(longer) == "evidence-malformed"
    if name == "v4":
        inner = int.from_bytes(data[766:770], "little")
        assert refused(longer[:766] + struct.pack("<I", inner + 1) + longer[770:]) == (
            "evidence-malformed"
        )


def test_bodies_have_their_size() -> None:
    for parse, size in ((EnclaveReport.parse, 383), (TdReport.parse, 585), (TdReport.parse, 0)):
        with pytest.raises(MalformedProof, match="bytes where"):
            parse(bytes(size))


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_authentication_data_has_the_size_that_intel_writes(size: int) -> None:
    code = refused(td_quote(quoting={"auth_data": bytes(size)}))
    assert code == "unsupported-evidence"


@settings(max_examples=300, deadline=1000)
@given(data=st.binary(max_size=2048))
def test_arbitrary_bytes_end_in_a_typed_error(data: bytes) -> None:
    refused(data)


@settings(max_examples=400, deadline=1000)
@given(
    name=st.sampled_from(sorted(QUOTES)),
    edits=st.lists(
        st.tuples(st.integers(0, 1400), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4
    ),
    cut=st.integers(0, 5000),
    tail=st.binary(max_size=8),
)
def test_an_altered_quote_is_read_within_its_bytes_or_refused(
    name: str, edits: list[tuple[int, bytes]], cut: int, tail: bytes
) -> None:
    data = bytearray(QUOTES[name])
    for offset, value in edits:
        data[offset : offset + len(value)] = value
    altered = bytes(data[: max(cut, 1)] if cut < 1500 else data) + tail
    try:
        quote = Quote.parse(altered)
    except MalformedProof:
        refused(altered)
        return
    assert quote.size + quote.trailing_zeros == len(altered)
    assert quote.signed == altered[: len(quote.signed)]
