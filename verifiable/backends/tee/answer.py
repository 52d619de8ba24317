"""TEE-12 to TEE-15: that evidence was made for this statement, this nonce and this key.

Two kinds of evidence stand for an answer. A *statement quote* reports a hash of the statement, the
verifier's nonce and the key, if there is one. A *key quote* reports a key, which signs any number
of statements. Neither ever stands in for the other: a tag in a key quote keeps them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from verifiable.backends.tee.binding import (
    PUBLIC_KEY_BYTES,
    REPORT_DATA_BYTES,
    inference_digest,
    is_key_report_data,
    key_report_data,
    statement_report_data,
)
from verifiable.backends.tee.checks import TEE_12, TEE_13, TEE_14, TEE_15
from verifiable.backends.tee.evidence import Report
from verifiable.backends.tee.format import Mode
from verifiable.backends.tee.signatures import address_of, fault_of
from verifiable.statement.attestation import AttestationPolicy
from verifiable.statement.statement import Statement
from verifiable.statement.verdict import Check

__all__ = ["CLOCK_TOLERANCE_S", "Answer", "Freshness", "examine_answer"]

CLOCK_TOLERANCE_S = 60
"""How far the clocks of who attests and who verifies may differ, in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What evidence is claimed to stand for; the members are those of the payload."""

    statement: Statement
    mode: Mode = "statement"
    nonce: bytes = b""
    key: bytes = b""
    signature: bytes = b""
    challenge: bytes = b""

    @property
    def claimed_nonce(self) -> bytes:
        """What the evidence is said to have been made for."""
        return self.nonce if self.mode == "statement" else self.challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What is known of when evidence was made.

    Attributes:
        nonce: it was made for this verifier's own nonce.
        age_s: by its own time; None if it carries none.
    """

    nonce: bool
    age_s: int | None

    def __str__(self) -> str:
        age = "no time in the evidence" if self.age_s is None else f"made {self.age_s} s before"
        if self.nonce:
            return f"freshness: made for the verifier's nonce ({age})"
        return f"freshness: none, the verifier gave no nonce ({age})"


def examine_answer(
    report: Report,
    answer: Answer | None,
    policy: AttestationPolicy,
    *,
    now: datetime,
    age_demanded: bool,
) -> tuple[tuple[Check, Check, Check, Check], Freshness]:
    """Run TEE-12 to TEE-15.

    Args:
        report: verified.
        answer: what it is to stand for; None: the policy pins the report data instead.
        policy: the relying party's.
        now: the time of judging, with a time zone.
        age_demanded: the relying party set a limit on the age itself, so evidence that shows
            neither a time nor the verifier's nonce is refused.

    Raises:
        InvalidInput: a member of `answer` has a length that it cannot have.
        MissingDependency: the package that signatures are verified with is not installed.
    """
    bound = _examine_report_data(report, answer, policy)
    key = _examine_key(report, answer)
    fresh, freshness = _examine_freshness(report, answer, policy, now, age_demanded)
    return (bound, _examine_completeness(answer, bound, key), fresh, key), freshness


def _examine_report_data(report: Report, answer: Answer | None, policy: AttestationPolicy) -> Check:
    # TEE-12: all 64 bytes, recomputed here and compared in constant time.
    found = report.report_data
    pinned = policy.report_data
    if answer is None and pinned is None:
        return TEE_12.failed(
            "report-data-not-pinned",
            expected="a statement, or the report data that the policy pins",
            found=found.hex(),
            hint="say in the policy (`report_data`) what the evidence must report",
        )
    if pinned is not None and not compare_digest(pinned, found):
        return _mismatch(pinned, found, "the evidence reports something else than the policy pins")
    if answer is None:
        return TEE_12.ok(expected="pinned by the policy", found=found.hex())
    if len(found) == REPORT_DATA_BYTES and is_key_report_data(found) != (answer.mode == "key"):
        kinds = ("a key quote", "a statement quote")
        is_key = is_key_report_data(found)
        return TEE_12.failed(
            expected=kinds[is_key],
            found=kinds[not is_key],
            hint="a quote for a key does not stand for a statement, nor the other way round",
        )
    expected = _expected(answer)
    if compare_digest(expected, found):
        return TEE_12.ok(expected=expected.hex(), found=found.hex())
    return _mismatch(
        expected,
        found,
        "the evidence was made for another statement, nonce or key; through a paravisor or "
        "virtual TPM the report's data are not the workload's",
    )


def _expected(answer: Answer) -> bytes:
    if answer.mode == "statement":
        return statement_report_data(answer.statement, answer.nonce, answer.key)
    return key_report_data(address_of(answer.key), challenge=answer.challenge)


def _mismatch(expected: bytes, found: bytes, hint: str) -> Check:
    return TEE_12.failed(
        "report-data-mismatch", expected=expected.hex(), found=found.hex(), hint=hint
    )


def _examine_completeness(answer: Answer | None, bound: Check, key: Check) -> Check:
    # TEE-13: program, input, output and context, by the report or by the attested key.
    expected = "program, input, output and context are bound"
    if answer is None:
        return TEE_13.ok(expected=expected, found="not claimed: no statement was given")
    if answer.mode == "key" and not answer.signature:
        return TEE_13.failed(
            expected=expected,
            found="a key, and no statement that it signed",
            hint="a key quote says nothing of any answer by itself",
        )
    bad = next((check for check in (bound, key) if not check.ok), None)
    if bad is not None:
        return TEE_13.skipped(hint=f"{bad.id} did not pass")
    how = "by the report data" if answer.mode == "statement" else "by the attested key's signature"
    return TEE_13.ok(expected=expected, found=how)


def _examine_key(report: Report, answer: Answer | None) -> Check:
    # TEE-15: the key that was attested signed this statement.
    expected = "the attested key's signature over the statement, or no key"
    if answer is None:
        return TEE_15.ok(expected=expected, found="no key is claimed")
    if report.kind == "nitro" and report.public_key != answer.key:
        return TEE_15.failed(
            "key-mismatch",
            expected=answer.key.hex() or "no key",
            found=report.public_key.hex() or "no key",
            hint="the document's own key field must hold the key that its report data bind",
        )
    if not answer.key:
        if answer.mode == "statement":
            return TEE_15.ok(expected=expected, found="no key")
        return TEE_15.failed("key-mismatch", expected=expected, found="key mode without a key")
    if len(answer.key) != PUBLIC_KEY_BYTES:
        return TEE_15.failed(
            "key-mismatch",
            expected=f"{PUBLIC_KEY_BYTES} bytes",
            found=f"{len(answer.key)} bytes",
        )
    fault = fault_of(answer.signature, inference_digest(answer.statement), answer.key)
    name = f"key 0x{address_of(answer.key).hex()}"
    if fault == "high-s":
        return TEE_15.failed(
            "high-s",
            expected="s in the lower half of the group's order",
            found="the other form of a signature",
            hint="anybody can make this form of another's signature",
        )
    if fault:
        return TEE_15.failed(
            "signature-mismatch",
            expected=f"signed by {name}",
            found="signed by another key, over another statement, or not at all",
            hint="the attested key did not give this answer",
        )
    return TEE_15.ok(expected=expected, found=f"signed by {name}")


def _examine_freshness(
    report: Report,
    answer: Answer | None,
    policy: AttestationPolicy,
    now: datetime,
    age_demanded: bool,
) -> tuple[Check, Freshness]:
    # TEE-14: the verifier's own nonce, and the evidence's own time where it has one.
    age_s = None
    if report.timestamp is not None:
        age_s = int((now - report.timestamp).total_seconds())
    freshness = Freshness(nonce=policy.nonce is not None, age_s=age_s)
    limit = policy.maximum_age_s
    expected = "the verifier's nonce" if policy.nonce is not None else "no nonce"
    if age_s is not None or age_demanded:
        expected += f", at most {limit} s old"
    bad = _nonce_fault(report, answer, policy.nonce, expected)
    if bad is not None:
        return bad, freshness
    if policy.nonce is None and policy.require_nonce:
        return TEE_14.failed(
            "nonce-needed",
            expected="a nonce of the verifier",
            found="none",
            hint="give --nonce with what you asked the prover to attest for",
        ), freshness
    if age_s is None:
        if age_demanded and policy.nonce is None:
            return TEE_14.failed(
                "nonce-needed",
                expected=expected,
                found=f"{report.kind} evidence carries no time",
                hint="its age shows only by a nonce of yours: give --nonce",
            ), freshness
    elif age_s < -CLOCK_TOLERANCE_S:
        return TEE_14.failed(
            "evidence-from-the-future",
            expected=expected,
            found=f"made {-age_s} s after the time of judging",
            hint="a clock is wrong, here or there",
        ), freshness
    elif age_s > limit:
        return TEE_14.failed(
            "evidence-too-old",
            expected=expected,
            found=f"made {age_s} s before the time of judging",
            hint="have it made again; or judge it at its time with --at, if that is what you ask",
        ), freshness
    return TEE_14.ok(expected=expected, found=str(freshness)), freshness


def _nonce_fault(
    report: Report, answer: Answer | None, own: bytes | None, expected: str
) -> Check | None:
    """The failed check where the nonces of verifier, answer and document are not one."""
    shown = report.nonce.hex() or "no nonce"
    if answer is None:
        if own is None or (report.kind == "nitro" and compare_digest(own, report.nonce)):
            return None
        visible = report.kind == "nitro"
        return TEE_14.failed(
            "nonce-mismatch",
            expected=f"{expected} {own.hex()}",
            found=shown if visible else "a nonce cannot be read from pinned report data",
            hint="" if visible else "leave the nonce out: the pinned report data stand for it",
        )
    claimed = answer.claimed_nonce
    if own is not None and not compare_digest(own, claimed):
        return TEE_14.failed(
            "nonce-mismatch",
            expected=own.hex(),
            found=claimed.hex() or "no nonce",
            hint="the evidence was made for somebody else's request, or for an earlier one",
        )
    if report.kind == "nitro" and not compare_digest(report.nonce, claimed):
        return TEE_14.failed(
            "nonce-mismatch",
            expected=claimed.hex() or "no nonce",
            found=shown,
            hint="the document's own nonce field must hold what its report data bind",
        )
    return None
