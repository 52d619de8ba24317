"""Every defect that SEV-SNP evidence can have, one at a time, with the check that refuses it.

    >>> for defect in SNP_DEFECTS:
    ...     evidence = defect.evidence()

Each row is the honest report with one thing wrong and everything else signed anew, so that only the
named check can refuse it. `SNP_CONTROLS` stand beside: what looks odd and must be accepted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, Seed
from verifiable.backends.tee.simulator.snp_authority import (
    MILAN,
    TURIN,
    SnpAuthority,
    SnpChip,
    builtin_authority,
)
from verifiable.backends.tee.simulator.snp_issuer import POLICY, SnpIssuer
from verifiable.statement.attestation import AttestationPolicy, Reference

__all__ = [
    "SNP_AT",
    "SNP_CONTROLS",
    "SNP_DEFECTS",
    "SNP_HOST_DATA",
    "SNP_MEASUREMENT",
    "SNP_REPORT_DATA",
    "SnpControl",
    "SnpDefect",
    "other_snp_authority",
    "snp_evidence",
    "snp_policy",
    "snp_report",
]

SNP_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When everything is judged."""

SNP_MEASUREMENT = hashlib.sha384(b"a guest").digest()
SNP_HOST_DATA = hashlib.sha256(b"a program").digest()
SNP_REPORT_DATA = hashlib.sha512(b"a statement, a nonce and a key").digest()

_P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
_R, _S, _AFTER, _SIZE = 0x2A0, 0x2E8, 0x330, 1184
_TEST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class SnpDefect:
    """One defect.

    Attributes:
        name: in kebab case.
        check: id of the check that must refuse it.
        code: that the check must end with.
        evidence: makes it.
    """

    name: str
    check: str
    code: str
    evidence: Callable[[], Evidence]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnpControl:
    """Evidence that must be accepted, however odd it looks.

    Attributes:
        name: what is odd, in kebab case.
        evidence: makes it.
    """

    name: str
    evidence: Callable[[], Evidence]


@cache
def other_snp_authority() -> SnpAuthority:
    """An authority that nobody named: its keys are new in each process."""
    return SnpAuthority.generate(_TEST_RSA_BITS)


def snp_policy(**changes: Any) -> AttestationPolicy:
    """The policy that the honest report meets."""
    demands: dict[str, Any] = {
        "references": (
            Reference(
                kind="snp", values={"measurement": SNP_MEASUREMENT, "host_data": SNP_HOST_DATA}
            ),
        ),
        "simulated_roots": frozenset((hashlib.sha256(_chain()[2]).digest(),)),
        "report_data": SNP_REPORT_DATA,
    }
    return AttestationPolicy(**demands | changes)


def snp_report(issuer: SnpIssuer | None = None, **changes: Any) -> bytes:
    """The honest report, with arguments of `SnpIssuer.report` that are others."""
    arguments: dict[str, Any] = {
        "measurement": SNP_MEASUREMENT,
        "host_data": SNP_HOST_DATA,
        "report_data": SNP_REPORT_DATA,
    }
    return (issuer or _issuer()).report(**arguments | changes)


def snp_evidence(
    document: bytes | None = None, chain: tuple[bytes, ...] | None = None, **beside: Any
) -> Evidence:
    """Evidence around a report and its certificates; the honest ones where they are left out."""
    return Evidence(
        kind="snp",
        document=snp_report() if document is None else document,
        chain=_chain() if chain is None else chain,
        **beside,
    )


@cache
def _issuer() -> SnpIssuer:
    return SnpIssuer()


def _chain() -> tuple[bytes, ...]:
    return _issuer().chain


def _by(issuer: SnpIssuer, **changes: Any) -> Evidence:
    """A report of another chip, under its own chain."""
    return snp_evidence(snp_report(issuer, **changes), issuer.chain)


def _of_version(version: int) -> Evidence:
    return snp_evidence(snp_report(version=version))


def _turin(chip: SnpChip = TURIN, **changes: Any) -> Evidence:
    return _by(SnpIssuer(chip=chip), **{"version": 3} | changes)


def _vcek(chip: SnpChip = MILAN, **changes: Any) -> Evidence:
    """The honest report under a certificate that is issued otherwise."""
    key = changes.pop("key", BUILTIN_SEED.p384("snp/vcek"))
    authority = changes.pop("authority", builtin_authority())
    leaf = authority.vcek(key.public_key(), chip, **changes)
    return snp_evidence(chain=(leaf, *_chain()[1:]))


def _other_key() -> ec.EllipticCurvePrivateKey:
    return Seed(value=b"verifiable.testing: another chip").p384("snp/vcek")


def _altered(at: int, document: bytes | None = None) -> Evidence:
    """The honest report with one bit of a byte changed and not signed anew."""
    changed = bytearray(snp_report() if document is None else document)
    changed[at] ^= 1
    return snp_evidence(bytes(changed))


def _patched(at: int, value: bytes) -> Evidence:
    document = snp_report()
    return snp_evidence(document[:at] + value + document[at + len(value) :])


def _high_s() -> Evidence:
    """The other signature of the same report: `(r, n - s)`."""
    s = int.from_bytes(snp_report()[_S : _S + 48], "little")
    return _patched(_S, (_P384_ORDER - s).to_bytes(48, "little"))


def _swapped_certificate(index: int) -> Evidence:
    other = other_snp_authority()
    chain = list(_chain())
    chain[index] = (b"", other.ask_der, other.root_der)[index]
    return snp_evidence(chain=tuple(chain))


def _ark_as_ask() -> Evidence:
    """The root signs chips' certificates itself, as if it were the authority below it."""
    root = builtin_authority()
    own = SnpAuthority(ark=root.ark, ark_key=root.ark_key, ask=root.ark, ask_key=root.ark_key)
    issuer = SnpIssuer(own, MILAN)
    return _by(issuer)


def _pkcs1() -> Evidence:
    """A VCEK that is signed with RSA, and not with PSS."""
    leaf = builtin_authority().vcek(
        BUILTIN_SEED.p384("snp/vcek").public_key(), serial=1, with_pss=False
    )
    return snp_evidence(chain=(leaf, *_chain()[1:]))


_P256 = Seed(value=b"verifiable.testing: a key on another curve").p256("snp/vcek")
_BITS = POLICY  # of an honest guest

_DEFECTS: tuple[tuple[str, str, str, Callable[[], Evidence]], ...] = (
    ("another-root", "TEE-1", "root-not-trusted",
     lambda: _by(SnpIssuer(other_snp_authority(), MILAN))),
    ("root-of-another-chain", "TEE-1", "root-not-trusted", lambda: _swapped_certificate(2)),
    ("another-ask-of-the-same-name", "TEE-3", "bad-signature", lambda: _swapped_certificate(1)),
    ("vcek-by-another-authority", "TEE-3", "bad-signature",
     lambda: _vcek(authority=other_snp_authority())),
    ("vcek-by-another-authority-serial-1", "TEE-3", "bad-signature",
     lambda: _vcek(authority=other_snp_authority(), serial=1)),
    ("vcek-expired", "TEE-3", "outside-validity",
     lambda: _vcek(valid_until=SNP_AT - timedelta(seconds=1))),
    ("vcek-is-an-authority", "TEE-3", "bad-chain", lambda: _vcek(is_ca=True)),
    ("signed-by-another-key", "TEE-3", "bad-signature",
     lambda: snp_evidence(snp_report(SnpIssuer(builtin_authority(), key=_other_key())))),
    ("vcek-of-another-key", "TEE-3", "bad-signature", lambda: _vcek(key=_other_key())),
    ("report-data-altered", "TEE-3", "bad-signature", lambda: _altered(0x50)),
    ("measurement-altered", "TEE-3", "bad-signature", lambda: _altered(0x90)),
    ("reserved-byte-altered", "TEE-3", "bad-signature", lambda: _altered(0x29F)),
    ("signature-altered", "TEE-3", "bad-signature", lambda: _altered(_R)),
    ("signature-zero", "TEE-3", "bad-signature", lambda: _patched(_R, bytes(0x90))),
    ("numbers-big-endian", "TEE-3", "bad-signature",
     lambda: _patched(_R, snp_report()[_R : _R + 48][::-1])),
    ("vcek-of-another-name", "TEE-4", "wrong-signer-role", lambda: _vcek(name="SEV-VLEK")),
    ("vcek-on-another-curve", "TEE-4", "wrong-signer-role", lambda: _vcek(key=_P256)),
    ("vcek-signed-without-pss", "TEE-4", "wrong-signer-role", _pkcs1),
    ("root-as-its-own-ask", "TEE-4", "wrong-signer-role", _ark_as_ask),
    ("chip-id-of-another", "TEE-5", "platform-mismatch",
     lambda: snp_evidence(snp_report(chip_id=bytes(range(64))))),
    ("chip-id-masked", "TEE-5", "platform-mismatch",
     lambda: snp_evidence(snp_report(chip_id=bytes(64)))),
    ("chip-id-longer-than-turins", "TEE-5", "platform-mismatch",
     lambda: _turin(chip_id=TURIN.hwid + bytes(55) + b"\1")),
    *(
        (f"tcb-byte-{index}", "TEE-5", "platform-mismatch",
         lambda index=index: snp_evidence(snp_report(reported_tcb=_raised(MILAN, index))))
        for index in range(8)
    ),
    ("tcb-in-milans-order-on-turin", "TEE-5", "platform-mismatch",
     lambda: _turin(reported_tcb=replace(TURIN.tcb, fmc=None).encode())),
    ("turin-under-a-milan-vcek", "TEE-5", "platform-mismatch",
     lambda: snp_evidence(snp_report(version=3, cpuid=TURIN.cpuid))),
    ("milan-under-a-turin-vcek", "TEE-5", "platform-mismatch",
     lambda: _turin(cpuid=MILAN.cpuid)),
    ("debug", "TEE-8", "debug-enabled",
     lambda: snp_evidence(snp_report(policy=_BITS | 1 << 19))),
    ("migration-agent", "TEE-8", "migration-agent",
     lambda: snp_evidence(snp_report(policy=_BITS | 1 << 18))),
    ("vmpl-1", "TEE-8", "not-vmpl-0", lambda: snp_evidence(snp_report(vmpl=1))),
    ("vmpl-of-the-host", "TEE-8", "not-vmpl-0",
     lambda: snp_evidence(snp_report(vmpl=0xFFFFFFFF))),
    ("chip-key-masked", "TEE-8", "chip-masked", lambda: snp_evidence(snp_report(key_info=2))),
    ("no-key", "TEE-8", "chip-masked", lambda: snp_evidence(snp_report(key_info=7 << 2))),
    ("bit-17-clear", "TEE-9", "attributes-not-accepted",
     lambda: snp_evidence(snp_report(policy=_BITS & ~(1 << 17)))),
    ("reserved-bit", "TEE-9", "attributes-not-accepted",
     lambda: snp_evidence(snp_report(policy=_BITS | 1 << 26))),
    ("highest-reserved-bit", "TEE-9", "attributes-not-accepted",
     lambda: snp_evidence(snp_report(policy=_BITS | 1 << 63))),
    ("smt-against-the-guests-policy", "TEE-9", "attributes-not-accepted",
     lambda: snp_evidence(snp_report(policy=_BITS & ~(1 << 16)))),
    ("empty", "TEE-18", "evidence-malformed", lambda: snp_evidence(b"")),
    ("one-byte-short", "TEE-18", "evidence-malformed", lambda: snp_evidence(snp_report()[:-1])),
    ("byte-after-the-end", "TEE-18", "trailing-bytes",
     lambda: snp_evidence(snp_report() + b"\0\1")),
    ("too-large", "TEE-18", "evidence-too-large", lambda: snp_evidence(snp_report() + bytes(4096))),
    ("version-1", "TEE-18", "unsupported-evidence", lambda: _patched(0, b"\1\0\0\0")),
    ("version-6", "TEE-18", "unsupported-evidence", lambda: _patched(0, b"\6\0\0\0")),
    ("another-algorithm", "TEE-18", "unsupported-evidence",
     lambda: snp_evidence(snp_report(signature_algorithm=2))),
    ("vlek", "TEE-18", "unsupported-evidence",
     lambda: snp_evidence(snp_report(key_info=1 << 2))),
    ("reserved-signing-key", "TEE-18", "unsupported-evidence",
     lambda: snp_evidence(snp_report(key_info=5 << 2))),
    ("r-longer-than-the-curve", "TEE-18", "evidence-malformed", lambda: _altered(_R + 48)),
    ("s-longer-than-the-curve", "TEE-18", "evidence-malformed", lambda: _altered(_S + 71)),
    ("first-unsigned-byte", "TEE-18", "evidence-malformed", lambda: _altered(_AFTER)),
    ("last-unsigned-byte", "TEE-18", "evidence-malformed", lambda: _altered(_SIZE - 1)),
    ("no-certificates", "TEE-18", "evidence-malformed", lambda: snp_evidence(chain=())),
    ("no-root", "TEE-18", "evidence-malformed", lambda: snp_evidence(chain=_chain()[:2])),
    ("four-certificates", "TEE-18", "evidence-malformed",
     lambda: snp_evidence(chain=(*_chain(), _chain()[2]))),
    ("vcek-no-certificate", "TEE-18", "evidence-malformed",
     lambda: snp_evidence(chain=(b"vcek", *_chain()[1:]))),
    ("root-first", "TEE-18", "unsupported-evidence", lambda: snp_evidence(chain=_chain()[::-1])),
    ("vcek-without-extensions", "TEE-18", "unsupported-evidence",
     lambda: _vcek(extensions=False)),
    ("hwid-too-short", "TEE-18", "evidence-malformed",
     lambda: _vcek(replace(MILAN, hwid=MILAN.hwid[:63]))),
    ("collateral-beside-it", "TEE-18", "evidence-malformed",
     lambda: snp_evidence(collateral=b"{}")),
)  # fmt: skip


def _raised(chip: SnpChip, index: int) -> bytes:
    """The chip's versions with one byte higher by one; half of these bytes are reserved."""
    found = bytearray(chip.tcb.encode())
    found[index] += 1
    return bytes(found)


SNP_DEFECTS: tuple[SnpDefect, ...] = tuple(
    SnpDefect(name=name, check=check, code=code, evidence=evidence)
    for name, check, code, evidence in _DEFECTS
)
"""All of them; those of the judge's checks (TEE-10 to TEE-16) are in the judge's own tests."""

SNP_CONTROLS: tuple[SnpControl, ...] = (
    SnpControl(name="version-2", evidence=snp_evidence),
    *(
        SnpControl(
            name=f"version-{version}",
            evidence=partial(_of_version, version),
        )
        for version in (3, 4, 5)
    ),
    SnpControl(name="turin", evidence=_turin),
    SnpControl(name="turin-version-5", evidence=lambda: _turin(version=5)),
    SnpControl(name="turin-version-2", evidence=lambda: _turin(version=2)),
    SnpControl(name="high-s", evidence=_high_s),
    SnpControl(name="zeros-after-it", evidence=lambda: snp_evidence(snp_report() + bytes(999))),
    SnpControl(name="serial-number-1", evidence=lambda: _vcek(serial=1)),
    SnpControl(name="serial-number-0-anew", evidence=_vcek),
    SnpControl(
        name="hwid-as-octet-string",
        evidence=lambda: _vcek(replace(MILAN, hwid=b"\x04\x40" + MILAN.hwid)),
    ),
    SnpControl(name="author-key", evidence=lambda: snp_evidence(snp_report(key_info=1))),
    SnpControl(
        name="platform-without-smt",
        evidence=lambda: snp_evidence(snp_report(platform_info=0, policy=_BITS & ~(1 << 16))),
    ),
    SnpControl(
        name="known-policy-bits", evidence=lambda: snp_evidence(snp_report(policy=_BITS | 1 << 25))
    ),
)
"""What looks odd, and is accepted all the same."""
