"""Every defect that a Nitro document can have, one at a time, with the check that refuses it.

    >>> for defect in NITRO_DEFECTS:
    ...     evidence = defect.evidence()

Each row is the honest document with one thing wrong and everything else signed anew, so that only
the named check can refuse it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.simulator.authority import Issued, key_usage
from verifiable.backends.tee.simulator.nitro_issuer import LEAF_LIFE, NitroAuthority, NitroIssuer
from verifiable.backends.tee.simulator.seeds import Seed
from verifiable.statement.attestation import AttestationPolicy, Reference

__all__ = [
    "NITRO_AT",
    "NITRO_DEFECTS",
    "NITRO_PCRS",
    "NITRO_REPORT_DATA",
    "NitroDefect",
    "nitro_document",
    "nitro_evidence",
    "nitro_issuer",
    "nitro_policy",
]

NITRO_AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""When everything is issued and judged."""

NITRO_PCRS = {number: hashlib.sha384(b"register %d" % number).digest() for number in (0, 1, 2, 16)}
NITRO_REPORT_DATA = hashlib.sha512(b"a statement, a nonce and a key").digest()

_SEED = Seed(value=b"verifiable.testing: a Nitro authority for defects")


@dataclass(frozen=True, slots=True, kw_only=True)
class NitroDefect:
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


@cache
def nitro_issuer() -> NitroIssuer:
    """The simulated hypervisor of all cases."""
    return NitroIssuer(_SEED)


def nitro_policy(**changes: Any) -> AttestationPolicy:
    """The policy that the honest document meets."""
    values = {f"pcr{number}": value for number, value in NITRO_PCRS.items()}
    demands: dict[str, Any] = {
        "references": (Reference(kind="nitro", values=values),),
        "simulated_roots": frozenset((hashlib.sha256(nitro_issuer().root_der).digest(),)),
        "report_data": NITRO_REPORT_DATA,
    }
    return AttestationPolicy(**demands | changes)


def nitro_document(issuer: NitroIssuer | None = None, **changes: Any) -> bytes:
    """The honest document, with members or arguments that are others."""
    arguments: dict[str, Any] = {
        "pcrs": NITRO_PCRS,
        "user_data": NITRO_REPORT_DATA,
        "now": NITRO_AT,
    }
    return (issuer or nitro_issuer()).document(**arguments | changes)


def nitro_evidence(document: bytes | None = None, **beside: Any) -> Evidence:
    """Evidence around a document; the honest one if it is left out."""
    return Evidence(
        kind="nitro", document=nitro_document() if document is None else document, **beside
    )


def _authority() -> NitroAuthority:
    return nitro_issuer().authority


def _leaf(**changes: Any) -> Issued:
    """A leaf that is issued otherwise."""
    authority = _authority()
    start = NITRO_AT - timedelta(seconds=10)
    arguments: dict[str, Any] = {
        "label": "leaf",
        "name": f"{authority.module_id}.nowhere.simulated",
        "issuer": authority.authorities[-1],
        "valid": (start, start + LEAF_LIFE),
    }
    return authority.issue(**arguments | changes)


def _with_leaf(**changes: Any) -> bytes:
    """A document under a leaf that is issued otherwise."""
    return nitro_document(leaf=_leaf(**changes))


def _payload(change: Callable[[dict[Any, Any]], object]) -> bytes:
    """A document whose decoded payload was changed before it was signed."""
    payload = cbor2.loads(cbor2.loads(nitro_document())[2])
    change(payload)
    return _seal(cbor2.dumps(payload))


def _raw(head: bytes) -> bytes:
    """A document whose encoded payload begins with these bytes in place of its map's head."""
    payload = cbor2.loads(nitro_document())[2]
    return _seal(head + payload[1:])


def _seal(payload: bytes, **changes: Any) -> bytes:
    issuer = nitro_issuer()
    key = changes.pop("key", issuer.leaf_at(NITRO_AT).key)
    return issuer.sign(payload, key, **changes)


def _sealed(**changes: Any) -> bytes:
    """The honest payload, signed otherwise."""
    return _seal(cbor2.loads(nitro_document())[2], **changes)


def _resigned(change: Callable[[list[Any]], object]) -> bytes:
    """The honest document with one of its four parts replaced, and not signed anew."""
    parts = list(cbor2.loads(nitro_document()))
    change(parts)
    encoded: bytes = cbor2.dumps(parts)
    return encoded


def _twice() -> bytes:
    """A payload in which the first key comes twice."""
    payload = cbor2.loads(nitro_document())[2]
    count = payload[0] & 31
    key = payload[1 : 2 + (payload[1] & 31)]
    return _seal(bytes((0xA0 + count + 1,)) + payload[1:] + key + b"\xf6")


def _longer() -> bytes:
    """A payload in which the first key's length is written in a longer form than needed."""
    payload = cbor2.loads(nitro_document())[2]
    return _seal(payload[:1] + bytes((0x78, payload[1] & 31)) + payload[2:])


def _set(name: str, value: object) -> Callable[[dict[Any, Any]], object]:
    return lambda payload: payload.update({name: value})


def _register(number: int, value: object) -> Callable[[dict[Any, Any]], object]:
    return lambda payload: payload["pcrs"].update({number: value})


def _altered(data: bytes) -> bytes:
    """Signed by the leaf, and changed afterwards."""
    at = data.index(NITRO_REPORT_DATA)
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def _other_root() -> bytes:
    return nitro_document(NitroIssuer(Seed(value=b"another authority for Nitro documents")))


def _bundle(*changed: Issued) -> bytes:
    """The honest document with the last authorities replaced; not that the leaf is theirs."""
    kept = _authority().authorities[: 4 - len(changed)]
    return nitro_document(cabundle=[item.der for item in (*kept, *changed)])


def _without(index: int) -> bytes:
    bundle = [item.der for item in _authority().authorities]
    del bundle[index]
    return nitro_document(cabundle=bundle)


def _instance(**changes: Any) -> Issued:
    """The authority above the leaf, issued otherwise."""
    authority = _authority()
    real = authority.authorities[-1].certificate
    arguments: dict[str, Any] = {
        "label": "authority/3",
        "name": f"{authority.instance_id}.sim-east-1.simulated.nitro-enclaves",
        "issuer": authority.authorities[-2],
        "path_length": 0,
        "valid": (real.not_valid_before_utc, real.not_valid_after_utc),
    }
    return authority.issue(**arguments | changes)


def _other_key() -> ec.EllipticCurvePrivateKey:
    return _authority().seed.p384("nitro/another-key")


_YESTERDAY = (NITRO_AT - timedelta(days=9), NITRO_AT - timedelta(days=1))

_DOCUMENTS: tuple[tuple[str, str, str, Callable[[], bytes]], ...] = (
    ("another-root", "TEE-1", "root-not-trusted", _other_root),
    ("root-missing", "TEE-1", "root-not-trusted", lambda: _without(0)),
    ("authority-missing", "TEE-3", "bad-chain", lambda: _without(2)),
    ("authority-that-is-none", "TEE-3", "bad-chain",
     lambda: _bundle(_instance(path_length=None, usage=key_usage(True)))),
    ("authority-for-documents", "TEE-3", "bad-chain",
     lambda: _bundle(_instance(usage=key_usage(False)))),
    ("authority-expired", "TEE-3", "outside-validity",
     lambda: _bundle(_instance(valid=_YESTERDAY))),
    ("leaf-is-an-authority", "TEE-3", "bad-chain",
     lambda: _with_leaf(path_length=0, usage=key_usage(False))),
    ("leaf-expired", "TEE-3", "outside-validity",
     lambda: _with_leaf(valid=(NITRO_AT - timedelta(hours=4), NITRO_AT - timedelta(hours=1)))),
    ("leaf-of-the-future", "TEE-3", "outside-validity",
     lambda: _with_leaf(valid=(NITRO_AT + timedelta(hours=1), NITRO_AT + timedelta(hours=4)))),
    ("made-before-its-leaf", "TEE-3", "outside-validity",
     lambda: nitro_document(timestamp=int((NITRO_AT - timedelta(hours=9)).timestamp() * 1000))),
    ("payload-altered", "TEE-3", "bad-signature", lambda: _altered(nitro_document())),
    ("signed-by-another-key", "TEE-3", "bad-signature", lambda: _sealed(key=_other_key())),
    ("leaf-by-another-authority", "TEE-3", "bad-signature",
     lambda: _with_leaf(issuer=Issued(_authority().authorities[-1].certificate, _other_key()))),
    ("leaf-for-certificates", "TEE-4", "wrong-signer-role",
     lambda: _with_leaf(usage=key_usage(True))),
    ("authority-signs-documents", "TEE-4", "wrong-signer-role",
     lambda: _with_leaf(label="authority/1")),
    ("leaf-of-another-enclave", "TEE-5", "platform-mismatch",
     lambda: _with_leaf(name="i-0-enc0.nowhere.simulated")),
    ("another-enclave", "TEE-5", "platform-mismatch", lambda: nitro_document(module_id="i-0-enc0")),
    *(
        (f"debug-register-{number}", "TEE-8", "debug-enabled",
         lambda number=number: nitro_document(pcrs={**NITRO_PCRS, number: bytes(48)}))
        for number in range(3)
    ),
    ("empty", "TEE-18", "evidence-malformed", lambda: b""),
    ("too-large", "TEE-18", "evidence-too-large", lambda: bytes(1 << 15)),
    ("zero-after-the-end", "TEE-18", "trailing-bytes", lambda: nitro_document() + b"\0"),
    ("half", "TEE-18", "evidence-malformed", lambda: nitro_document()[:2000]),
    ("three-parts", "TEE-18", "evidence-malformed", lambda: _resigned(lambda p: p.pop())),
    ("payload-is-no-bytes", "TEE-18", "evidence-malformed",
     lambda: _resigned(lambda p: p.__setitem__(2, "text"))),
    ("unprotected-parameter", "TEE-18", "unsupported-evidence",
     lambda: _sealed(unprotected={4: b"key"})),
    ("another-algorithm", "TEE-18", "unsupported-evidence",
     lambda: _sealed(protected=bytes.fromhex("a10126"))),
    ("signature-too-short", "TEE-18", "evidence-malformed",
     lambda: _resigned(lambda p: p.__setitem__(3, p[3][:-1]))),
    ("key-twice", "TEE-18", "evidence-malformed", _twice),
    ("length-too-long", "TEE-18", "evidence-malformed", _longer),
    ("unknown-member", "TEE-18", "evidence-malformed", lambda: nitro_document(extra=b"")),
    ("member-missing", "TEE-18", "evidence-malformed", lambda: nitro_document(timestamp=None)),
    ("no-map", "TEE-18", "evidence-malformed", lambda: _raw(b"\x92")),
    ("another-hash", "TEE-18", "unsupported-evidence", lambda: nitro_document(digest="SHA256")),
    ("module-id-no-text", "TEE-18", "evidence-malformed", lambda: nitro_document(module_id=b"i")),
    ("time-no-number", "TEE-18", "evidence-malformed", lambda: nitro_document(timestamp="now")),
    ("time-beyond-reason", "TEE-18", "evidence-malformed",
     lambda: nitro_document(timestamp=1 << 60)),
    ("bundle-empty", "TEE-18", "evidence-malformed", lambda: nitro_document(cabundle=[])),
    ("bundle-no-list", "TEE-18", "evidence-malformed", lambda: nitro_document(cabundle=b"")),
    ("bundle-of-text", "TEE-18", "evidence-malformed", lambda: nitro_document(cabundle=["x"])),
    ("certificate-no-der", "TEE-18", "evidence-malformed",
     lambda: nitro_document(certificate=b"certificate")),
    ("registers-no-map", "TEE-18", "evidence-malformed", lambda: _payload(_set("pcrs", []))),
    ("register-32", "TEE-18", "evidence-malformed", lambda: _payload(_register(32, bytes(48)))),
    ("register-too-short", "TEE-18", "evidence-malformed",
     lambda: _payload(_register(3, bytes(32)))),
    ("register-0-missing", "TEE-18", "evidence-malformed",
     lambda: _payload(lambda payload: payload["pcrs"].pop(0))),
    ("user-data-too-long", "TEE-18", "evidence-malformed",
     lambda: _payload(_set("user_data", bytes(513)))),
    ("nonce-no-bytes", "TEE-18", "evidence-malformed", lambda: _payload(_set("nonce", "1"))),
)  # fmt: skip

_BESIDE: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("collateral-beside-it", {"collateral": b"{}"}),
    ("chain-beside-it", {"chain": (b"certificate",)}),
)


def _of(document: Callable[[], bytes]) -> Callable[[], Evidence]:
    return lambda: nitro_evidence(document())


def _beside(parts: Mapping[str, Any]) -> Callable[[], Evidence]:
    return lambda: nitro_evidence(**parts)


NITRO_DEFECTS: tuple[NitroDefect, ...] = (
    *(
        NitroDefect(name=name, check=check, code=code, evidence=_of(document))
        for name, check, code, document in _DOCUMENTS
    ),
    *(
        NitroDefect(name=name, check="TEE-18", code="evidence-malformed", evidence=_beside(parts))
        for name, parts in _BESIDE
    ),
)
"""All of them; those of the judge's checks (TEE-10 to TEE-16) are in the judge's own tests."""
