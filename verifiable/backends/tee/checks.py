"""The nineteen lines of the attestation policy as checks, with every code they can end with."""

from __future__ import annotations

from verifiable.statement.checks import CheckSpec

__all__ = ["TEE_CHECKS", "VENDOR_CHECKS"]

TEE_1 = CheckSpec(
    id="TEE-1",
    name="root of trust",
    codes=("root-not-trusted",),
    refuses="Evidence under a root that neither this release nor the verifier's policy names by "
    "its digest: the evidence never brings its own.",
)
TEE_2 = CheckSpec(
    id="TEE-2",
    name="assurance",
    codes=("simulated-evidence", "assurance-not-met"),
    refuses="Evidence of a simulator where the policy does not allow one, or of another assurance "
    "than the policy asks for.",
)
TEE_3 = CheckSpec(
    id="TEE-3",
    name="certificates and signatures",
    codes=(
        "evidence-not-verified",
        "bad-signature",
        "bad-chain",
        "outside-validity",
        "certificate-revoked",
        "collateral-missing",
        "collateral-stale",
        "collateral-not-yet-valid",
        "time-needed",
    ),
    refuses="Evidence whose signatures, chain, dates or revocation lists do not hold at the time "
    "of judging; a missing, stale or future list fails. Undecided without a time.",
)
TEE_4 = CheckSpec(
    id="TEE-4",
    name="roles of the signers",
    codes=("wrong-signer-role",),
    refuses="A key that vouches for what its certificate does not let it: a quoting key that "
    "signs its own patch level, a list by another issuer.",
)
TEE_5 = CheckSpec(
    id="TEE-5",
    name="platform identity",
    codes=(
        "platform-mismatch",
        "wrong-quoting-enclave",
        "wrong-module",
        "wrong-vendor",
    ),
    refuses="Collateral of another platform (FMSPC, PCEID, TCB, chip), a quoting enclave or a "
    "module that is not the vendor's.",
)
TEE_6 = CheckSpec(
    id="TEE-6",
    name="patch level",
    codes=(
        "tcb-status-not-accepted",
        "no-tcb-level",
        "advisory-denied",
        "tcb-evaluation-too-old",
    ),
    refuses="A platform, module or quoting enclave whose patches are not at an accepted level, or "
    "collateral of an older evaluation than the policy asks for.",
)
TEE_7 = CheckSpec(
    id="TEE-7",
    name="platform flags",
    codes=("platform-flag-not-accepted",),
    refuses="A platform with a property that the policy does not list (dynamic platform, cached "
    "keys, SMT).",
)
TEE_8 = CheckSpec(
    id="TEE-8",
    name="no debugger",
    codes=(
        "debug-enabled",
        "debug-quoting-enclave",
        "migration-agent",
        "not-vmpl-0",
        "chip-masked",
    ),
    refuses="A workload or quoting enclave that its host can read, an SNP guest with a migration "
    "agent, at another privilege level than 0, or without its chip's key.",
)
TEE_9 = CheckSpec(
    id="TEE-9",
    name="attributes",
    codes=("attributes-not-accepted", "migratable", "service-td"),
    refuses="A workload with attributes that the policy does not list, reserved bits, that may be "
    "migrated, or beside a service TD that nobody named.",
)
TEE_10 = CheckSpec(
    id="TEE-10",
    name="code identity",
    codes=("wrong-measurement", "no-reference-values", "program-not-measured"),
    refuses="Code or a program other than the policy's reference values; there is no `any`: "
    "without reference values nothing is accepted.",
)
TEE_11 = CheckSpec(
    id="TEE-11",
    name="event log",
    codes=("event-log-mismatch", "event-log-malformed", "program-event"),
    refuses="A log that does not replay to its register, or one in which the program's event is "
    "missing, doubled, late, or of another program.",
)
TEE_12 = CheckSpec(
    id="TEE-12",
    name="report data",
    codes=("report-data-mismatch", "report-data-not-pinned"),
    refuses="Evidence made for another statement, nonce or key: all 64 bytes are recomputed and "
    "compared.",
)
TEE_13 = CheckSpec(
    id="TEE-13",
    name="statement complete",
    codes=("statement-not-bound",),
    refuses="Evidence that binds less than program, input, output and context.",
)
TEE_14 = CheckSpec(
    id="TEE-14",
    name="freshness",
    codes=("nonce-mismatch", "nonce-needed", "evidence-too-old", "evidence-from-the-future"),
    refuses="Evidence for another nonce than the verifier's, or older than the policy allows.",
)
TEE_15 = CheckSpec(
    id="TEE-15",
    name="key binding",
    codes=("signature-mismatch", "key-mismatch", "high-s"),
    refuses="An answer that was not signed by the attested key, or in the second form that a "
    "signature has.",
)
TEE_16 = CheckSpec(
    id="TEE-16",
    name="platform pinned",
    codes=("platform-not-listed",),
    refuses="A machine that is not on the policy's list, where there is one.",
)
TEE_17 = CheckSpec(
    id="TEE-17",
    name="graphics processor",
    codes=("gpu-verdict-missing",),
    refuses="Evidence without its vendor's verdict on a graphics processor, where the policy asks "
    "for one; this release judges none by itself.",
)
TEE_18 = CheckSpec(
    id="TEE-18",
    name="encoding",
    codes=("evidence-malformed", "trailing-bytes", "evidence-too-large", "unsupported-evidence"),
    refuses="Evidence that is not in its vendor's exact form: sizes are bounded before parsing, "
    "and only zeros may follow.",
)
TEE_19 = CheckSpec(
    id="TEE-19",
    name="can be judged again",
    codes=("evidence-incomplete",),
    refuses="A verdict that nobody else could repeat offline: evidence, collateral, time and "
    "policy belong to it.",
)

VENDOR_CHECKS = (TEE_1, TEE_2, TEE_3, TEE_4, TEE_5, TEE_6, TEE_7, TEE_8, TEE_9, TEE_18)
"""Those that each vendor's own module reports, see `evidence.Findings`."""

TEE_CHECKS = (
    TEE_1, TEE_2, TEE_3, TEE_4, TEE_5, TEE_6, TEE_7, TEE_8, TEE_9, TEE_10, TEE_11, TEE_12,
    TEE_13, TEE_14, TEE_15, TEE_16, TEE_17, TEE_18, TEE_19,
)  # fmt: skip
"""All of them, in the order of the verdict."""
