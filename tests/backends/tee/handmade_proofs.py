"""Proofs whose evidence a test made itself, in the built-in simulator's name, at a fixed time."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from attested_answers import SECRET, key_of, signed

from verifiable.backends.tee.binding import key_report_data, statement_report_data
from verifiable.backends.tee.evidence import Evidence
from verifiable.backends.tee.format import BACKEND_ID, VERSION, Payload
from verifiable.backends.tee.signatures import address_of
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.collateral_issuer import collateral_json
from verifiable.backends.tee.simulator.tdx import TdxIssuer
from verifiable.program.execute import Trace, execute
from verifiable.program.program import Program
from verifiable.statement.commitment import commit_program
from verifiable.statement.hashing import ProgramRoot
from verifiable.statement.proof import Proof
from verifiable.statement.statement import Statement, statement_of
from verifiable.testing.demo_program import demo_inputs, demo_program

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
NONCE = bytes(range(32))
CONTEXT = b"\x0c" * 32


@cache
def program() -> Program:
    return demo_program()


@cache
def trace() -> Trace:
    return execute(program(), demo_inputs(1))


@cache
def statement() -> Statement:
    made = trace()
    return statement_of(commit_program(program()), made.inputs, made.outputs, context=CONTEXT)


@cache
def _authority() -> IntelAuthority:
    return builtin.authority(AT)


def tdx_evidence(report_data: bytes, **changes: Any) -> Evidence:
    authority = _authority()
    honest = {
        "mrtd": builtin.mrtd(),
        "rtmrs": builtin.rtmrs(statement().program_root),
        "report_data": report_data,
    }
    return Evidence(
        kind="tdx",
        document=TdxIssuer(authority).quote(**honest | changes),
        collateral=collateral_json(authority, "tdx"),
    )


def statement_payload(nonce: bytes = NONCE, **changes: Any) -> Payload:
    data = statement_report_data(statement(), nonce, b"")
    return Payload(mode="statement", evidence=tdx_evidence(data, **changes), nonce=nonce, at=AT)


def key_payload(challenge: bytes = NONCE) -> Payload:
    key = key_of(SECRET)
    return Payload(
        mode="key",
        evidence=tdx_evidence(key_report_data(address_of(key), challenge=challenge)),
        key=key,
        signature=signed(statement()),
        challenge=challenge,
        at=AT,
    )


def proof_with(payload: Payload, **changes: Any) -> Proof:
    made = trace()
    members = {
        "backend": BACKEND_ID,
        "backend_version": VERSION,
        "statement": statement(),
        "program": commit_program(program()),
        "inputs": made.inputs,
        "outputs": tuple(made.outputs[spec.name] for spec in program().outputs),
        "payload": payload.encode(),
    }
    return Proof(**members | changes)


OTHER_ROOT = ProgramRoot(b"\x77" * 32)
