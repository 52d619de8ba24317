"""Honest answers of a simulated TDX machine in both modes, and reports of other kinds by hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from coincurve import PrivateKey

from verifiable.backends.tee.answer import Answer
from verifiable.backends.tee.binding import (
    inference_digest,
    key_report_data,
    statement_report_data,
)
from verifiable.backends.tee.evidence import Evidence, Report
from verifiable.backends.tee.judge import Ruling, judge_evidence
from verifiable.backends.tee.signatures import address_of, wire_form
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.hashing import ProgramRoot, TensorRoot
from verifiable.statement.statement import Statement
from verifiable.testing.tee_intel_cases import (
    AT,
    PROGRAM_ROOT,
    intel_case,
    intel_policy,
    td_quote,
)

STATEMENT = Statement(
    program_root=ProgramRoot(PROGRAM_ROOT),
    input_root=TensorRoot(hashlib.sha256(b"input").digest()),
    output_root=TensorRoot(hashlib.sha256(b"output").digest()),
    context=hashlib.sha256(b"use").digest(),
)
NONCE = hashlib.sha256(b"nonce").digest()
SECRET = PrivateKey(hashlib.sha256(b"the enclave's key").digest())
OTHER_SECRET = PrivateKey(hashlib.sha256(b"another key").digest())
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def key_of(secret: PrivateKey) -> bytes:
    return secret.public_key.format(compressed=False)[1:]


def signed(statement: Statement, secret: PrivateKey = SECRET) -> bytes:
    return wire_form(secret.sign_recoverable(inference_digest(statement), hasher=None))


def other_form(signature: bytes) -> bytes:
    """The signature that anybody can make of another's: r, n - s, the other v."""
    s = ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes((signature[64] ^ 7,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """Everything that a judge is asked."""

    evidence: Evidence
    answer: Answer | None
    policy: AttestationPolicy
    now: datetime | None = AT

    def ruled(self, **others: Any) -> Ruling:
        arguments = {"allow_builtin_simulator": False} | others
        return judge_evidence(
            self.evidence,
            answer=self.answer,
            policy=self.policy,
            now=self.now,
            **arguments,
        )

    def answering(self, **changes: Any) -> Attested:
        return replace(self, answer=replace(self.answer, **changes))

    def demanding(self, **changes: Any) -> Attested:
        return replace(self, policy=replace(self.policy, **changes))

    def with_evidence(self, **changes: Any) -> Attested:
        return replace(self, evidence=replace(self.evidence, **changes))


def tdx_evidence(report_data: bytes, **changes: Any) -> Evidence:
    return intel_case(quote=td_quote(report_data=report_data, **changes)).evidence


@cache
def statement_quote() -> Attested:
    """A quote for the statement, made for the verifier's nonce, without a key."""
    return Attested(
        evidence=tdx_evidence(statement_report_data(STATEMENT, NONCE, b"")),
        answer=Answer(statement=STATEMENT, nonce=NONCE),
        policy=intel_policy(report_data=None, nonce=NONCE),
    )


@cache
def signed_statement_quote() -> Attested:
    """A quote for statement and key, and the key's signature."""
    key = key_of(SECRET)
    return Attested(
        evidence=tdx_evidence(statement_report_data(STATEMENT, NONCE, key)),
        answer=Answer(statement=STATEMENT, nonce=NONCE, key=key, signature=signed(STATEMENT)),
        policy=intel_policy(report_data=None, nonce=NONCE),
    )


@cache
def key_quote() -> Attested:
    """A quote for a key, which signed the statement."""
    key = key_of(SECRET)
    return Attested(
        evidence=tdx_evidence(key_report_data(address_of(key), challenge=NONCE)),
        answer=Answer(
            statement=STATEMENT,
            mode="key",
            key=key,
            signature=signed(STATEMENT),
            challenge=NONCE,
        ),
        policy=intel_policy(report_data=None, nonce=NONCE),
    )


def report_of(kind: str, **changes: Any) -> Report:
    """A verified report of any kind, as its vendor's module would give it."""
    members: dict[str, Any] = {
        "kind": kind,
        "root_sha256": bytes(32),
        "root_spki_sha256": bytes(32),
        "report_data": statement_report_data(STATEMENT, NONCE, b""),
        "measurements": {},
        "program_register": {"nitro": "pcr16", "snp": "host_data", "tdx": "rtmr3"}.get(kind, ""),
        "platform_id": b"a machine",
        "flags": {},
        "details": {},
    }
    if kind == "nitro":
        members |= {"timestamp": AT, "nonce": NONCE}
    return Report(**members | changes)
