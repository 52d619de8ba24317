"""Defects of Intel evidence in what a quote reports, and in its bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from verifiable.backends.tee.simulator import builtin
from verifiable.testing.tee_intel_cases import (
    PROGRAM_ROOT,
    DefectRow,
    IntelCase,
    defect_rows,
    intel_authority,
    intel_case,
    intel_policy,
    sgx_quote,
    td_quote,
)
from verifiable.testing.tee_intel_changes import (
    SEPT_VE_DISABLE,
    SERVICE_TD,
    certified,
    quote_bytes,
    quoting_enclave,
    signed_bytes,
    td_attributes,
)

__all__ = ["BODY_DEFECTS", "BYTE_DEFECTS"]


def _enclave(flags: int) -> IntelCase:
    attributes = flags.to_bytes(8, "little") + bytes.fromhex("e700000000000000")
    return intel_case(kind="sgx", quote=sgx_quote(attributes=attributes))


def _wrong_register(number: int) -> IntelCase:
    registers = list(builtin.rtmrs(PROGRAM_ROOT))
    registers[number] = b"\1" * 48
    return intel_case(quote=td_quote(rtmrs=registers))


def _wrong_registers() -> Iterator[DefectRow]:
    for number in range(4):
        case = partial(_wrong_register, number)
        yield f"wrong-rtmr{number}", "TEE-10", "wrong-measurement", case


_DEBUG_QE = bytes.fromhex("1700000000000000e700000000000000")
_NOT_ACCEPTED = ("TEE-9", "attributes-not-accepted")
BODY_DEFECTS = defect_rows(
    "body",
    ("debug-td", "TEE-8", "debug-enabled", lambda: td_attributes(SEPT_VE_DISABLE | 1)),
    ("debug-enclave", "TEE-8", "debug-enabled", lambda: _enclave(0x07)),
    ("debug-qe", "TEE-8", "debug-quoting-enclave", lambda: quoting_enclave(attributes=_DEBUG_QE)),
    (
        "debug-qe-where-debug-is-allowed",
        "TEE-8",
        "debug-quoting-enclave",
        lambda: replace(
            quoting_enclave(attributes=_DEBUG_QE), policy=intel_policy(insecure_allow_debug=True)
        ),
    ),
    ("sept-ve-disable-clear", *_NOT_ACCEPTED, lambda: td_attributes(0)),
    (
        "sept-ve-disable-clear-and-listed",
        *_NOT_ACCEPTED,
        lambda: td_attributes(0, td_attributes=frozenset((bytes(8),))),
    ),
    ("profiling-bit", *_NOT_ACCEPTED, lambda: td_attributes(SEPT_VE_DISABLE | 1 << 4)),
    ("reserved-bit", *_NOT_ACCEPTED, lambda: td_attributes(SEPT_VE_DISABLE | 1 << 20)),
    ("perfmon-unlisted", *_NOT_ACCEPTED, lambda: td_attributes(SEPT_VE_DISABLE | 1 << 63)),
    ("migratable", "TEE-9", "migratable", lambda: td_attributes(SEPT_VE_DISABLE | 1 << 29)),
    (
        "xfam-unlisted",
        *_NOT_ACCEPTED,
        lambda: intel_case(quote=td_quote(xfam=bytes.fromhex("e718060000000000"))),
    ),
    (
        "service-td",
        "TEE-9",
        "service-td",
        lambda: intel_case(quote=td_quote(version=5, mrservicetd=SERVICE_TD)),
    ),
    ("enclave-with-provision-key", *_NOT_ACCEPTED, lambda: _enclave(0x15)),
    ("enclave-with-launch-key", *_NOT_ACCEPTED, lambda: _enclave(0x25)),
    (
        "wrong-mrtd",
        "TEE-10",
        "wrong-measurement",
        lambda: intel_case(quote=td_quote(mrtd=b"\1" * 48)),
    ),
    *_wrong_registers(),
    (
        "wrong-mrenclave",
        "TEE-10",
        "wrong-measurement",
        lambda: intel_case(kind="sgx", quote=sgx_quote(mrenclave=b"\1" * 32)),
    ),
    (
        "other-report-data",
        "TEE-12",
        "report-data-mismatch",
        lambda: intel_case(quote=td_quote(report_data=bytes(64))),
    ),
)


def _flipped(offset: int) -> IntelCase:
    quote = td_quote()
    return quote_bytes(offset, bytes((quote[offset] ^ 1,)))


def _cut(size: int) -> IntelCase:
    return intel_case(quote=td_quote()[:size])


_FIELDS = {
    "nothing": 0,
    "version": 1,
    "header": 47,
    "measurement": 200,
    "report-data": 631,
    "length": 635,
    "signature": 699,
    "key": 763,
    "outer-type": 765,
    "outer-size": 769,
    "qe-report": 1153,
    "qe-signature": 1217,
    "auth-size": 1219,
    "auth-data": 1251,
    "inner-type": 1253,
    "inner-size": 1257,
    "certificates": 1300,
    "last-byte": -1,
}
"""Of version 4: where a quote is cut off, within this field."""


def _truncated() -> Iterator[DefectRow]:
    for name, size in _FIELDS.items():
        yield f"truncated-in-{name}", "TEE-18", "evidence-malformed", partial(_cut, size)


_BAD = ("TEE-18", "evidence-malformed")
_UNSUPPORTED = ("TEE-18", "unsupported-evidence")
BYTE_DEFECTS = defect_rows(
    "bytes",
    *_truncated(),
    ("garbage-after-the-end", "TEE-18", "trailing-bytes",
        lambda: intel_case(quote=td_quote() + bytes(69) + b"\1")),
    ("oversize", "TEE-18", "evidence-too-large",
        lambda: intel_case(quote=td_quote() + bytes(16 * 1024))),
    ("auth-size-0", *_UNSUPPORTED, lambda: certified(auth_data=b"")),
    ("auth-size-64", *_UNSUPPORTED, lambda: certified(auth_data=bytes(64))),
    ("outer-type-5", *_UNSUPPORTED, lambda: certified(outer_type=5)),
    ("inner-type-7", *_UNSUPPORTED, lambda: certified(certification=(7, b"{}"))),
    ("inner-type-1-of-wrong-size", *_BAD, lambda: certified(certification=(1, bytes(35)))),
    ("no-chain", *_BAD, lambda: certified(certification=(5, b"\0"))),
    ("chain-with-other-text", *_BAD, lambda: certified(
        certification=(5, b"x" + intel_authority().pck_chain_pem.encode()))),
    ("version-6", *_UNSUPPORTED, lambda: signed_bytes(0, b"\6\0")),
    ("key-type-3", *_UNSUPPORTED, lambda: signed_bytes(2, b"\3\0")),
    ("unknown-tee", *_UNSUPPORTED, lambda: signed_bytes(4, b"\x82\0\0\0")),
    ("header-reserved", *_BAD, lambda: signed_bytes(8, b"\1")),
    ("qe-report-data-end", *_BAD, lambda: quoting_enclave(report_data_end=b"\1" + bytes(31))),
    ("sgx-quote-as-tdx", *_UNSUPPORTED, lambda: intel_case(quote=sgx_quote())),
    ("length-too-long", *_BAD, lambda: quote_bytes(632, struct.pack("<I", 0xFFFFFFFF))),
    ("body-flipped", "TEE-3", "bad-signature", lambda: _flipped(600)),
    ("signature-flipped", "TEE-3", "bad-signature", lambda: _flipped(690)),
    ("signature-zero", "TEE-3", "bad-signature", lambda: quote_bytes(636, bytes(64))),
    ("key-flipped", "TEE-3", "bad-signature", lambda: _flipped(700)),
    ("qe-report-flipped", "TEE-3", "bad-signature", lambda: _flipped(840)),
    ("qe-signature-flipped", "TEE-3", "bad-signature", lambda: _flipped(1200)),
    ("auth-data-flipped", "TEE-3", "bad-signature", lambda: _flipped(1230)),
)  # fmt: skip
