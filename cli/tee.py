"""`verifiable tee`: attestations by themselves: simulate, judge, decode, pin, bundle."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .attestation_files import (
    KINDS,
    EvidenceFiles,
    evidence_options,
    read_policy,
)
from .attestation_view import claims_document, ruling_document, show_claims, show_ruling
from .console import Console, bytes_text
from .exits import FAILED, OK, UNREADABLE
from .options import (
    FILE,
    FOLDER,
    attestation_trust_options,
    hex_bytes,
    hex_digest,
    input_options,
    interruptible,
    output_option,
    reporting,
    time_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["command"]

_EXITS = {"proven": OK, "not_proven": FAILED, "undecided": UNREADABLE}


@click.group("tee")
def command() -> None:
    """Simulate, judge, decode, pin and bundle attestations of enclaves."""


@command.command("verify", short_help="Judge evidence by a policy.")
@click.argument("evidence", type=FILE)
@evidence_options
@click.option("--policy", type=FILE, required=True, help="What you demand (`tee policy init`).")
@time_option
@attestation_trust_options
@reporting
def verify(
    files: EvidenceFiles,
    policy: Path,
    now: datetime | None,
    allow_simulated: bool,
    simulated_roots: Sequence[Path],
    *,
    console: Console,
) -> None:
    """Judge EVIDENCE, raw bytes, hex, or a bundle. Exit 0: accepted; 1: refused; 3: undecided.

    Nothing is fetched, and the evidence's own word on its root, time or policy counts for nothing.
    """
    console.judging = True
    from verifiable.attestations import evaluate_evidence

    at = now or datetime.now(UTC)
    began_s = time.perf_counter()
    ruling, conclusions = evaluate_evidence(
        files.read(),
        policy=read_policy(policy),
        now=at,
        allow_simulated=allow_simulated,
        simulated_roots=simulated_roots,
    )
    took_s = time.perf_counter() - began_s
    document = ruling_document(ruling, conclusions, at=at, verify_s=took_s)
    console.result(document, lambda out: show_ruling(out, ruling, conclusions, took_s))
    click.get_current_context().exit(_EXITS[str(document["verdict"])])


@command.command("decode", short_help="Show what evidence says, without judging it.")
@click.argument("evidence", type=FILE)
@evidence_options
@reporting
def decode(files: EvidenceFiles, *, console: Console) -> None:
    """Decode EVIDENCE. Nothing in the output is verified."""
    from verifiable.backends.tee.claims import claims_of

    claims = claims_of(files.read())
    bundle = files.bundle()
    console.result(claims_document(claims, bundle), lambda out: show_claims(out, claims, bundle))


@command.command("bundle", short_help="Keep evidence with all that it is judged with.")
@click.argument("evidence", type=FILE)
@evidence_options
@click.option("--policy", type=FILE, help="The policy that it was judged by.")
@time_option
@output_option("the bundle")
@reporting
def bundle(
    files: EvidenceFiles,
    policy: Path | None,
    now: datetime | None,
    output: Path,
    *,
    console: Console,
) -> None:
    """Pack EVIDENCE, collateral, time and policy, so that anyone can judge it again, offline."""
    from verifiable.backends.tee.bundle import Bundle
    from verifiable.backends.tee.claims import claims_of
    from verifiable.files import write_bytes

    evidence = files.read()
    claims_of(evidence)  # refuses what no verifier could read
    at = (now or datetime.now(UTC)).replace(microsecond=0)
    data = Bundle(
        evidence=evidence, at=at, policy=None if policy is None else read_policy(policy)
    ).encode()
    write_bytes(output, data)
    console.result(
        {"bundle": str(output), "bytes": len(data)},
        lambda out: out.line(f"wrote {output} ({bytes_text(len(data))})"),
    )


@command.group("policy")
def policy() -> None:
    """Write what you demand of attestations."""


@policy.command("init", short_help="Pin what evidence holds, for you to review.")
@click.option("--from", "evidence", type=FILE, required=True, help="Evidence of your workload.")
@evidence_options
@output_option("the policy")
@reporting
def init(files: EvidenceFiles, output: Path, *, console: Console) -> None:
    """Write a policy that accepts this workload and report data, and no other.

    The evidence is decoded, not verified: review the measurements before you rely on the policy.
    All else in it is the strict default.
    """
    from verifiable.backends.tee.claims import claims_of, pinned_policy
    from verifiable.backends.tee.format import BACKEND_ID
    from verifiable.files import write_bytes
    from verifiable.statement.policy import Policy

    claims = claims_of(files.read())
    demands = pinned_policy(claims)
    write_bytes(output, Policy(backends={BACKEND_ID: None}, attestation=demands).encode())
    (reference,) = demands.references
    values = {name: value.hex() for name, value in reference.values.items()}
    console.warn("the evidence was decoded, not verified: compare the measurements with your own")

    def show(out: Console) -> None:
        out.table(("register", "pinned"), list(values.items()))
        out.line(f"wrote {output}; review it, then `verifiable tee verify ... --policy {output}`")

    console.result({"policy": str(output), "kind": claims.kind, "measurements": values}, show)


@command.command("simulate", short_help="Make evidence of a simulated enclave.")
@click.argument("program", type=FILE)
@input_options
@click.option("--kind", type=click.Choice(KINDS[:1] + KINDS[2:]), default="tdx", show_default=True)
@click.option(
    "--mode", type=click.Choice(("statement", "key")), default="statement", show_default=True
)
@click.option("--nonce", callback=hex_bytes(32), metavar="HEX", help="Made for this nonce.")
@click.option("--context", callback=hex_digest, metavar="HEX", help="Bind it to one use.")
@click.option("-o", "--output", type=FOLDER, required=True, help="Folder for the files.")
@reporting
def simulate(
    program: Path,
    input_path: Path,
    index: int | None,
    saturate: bool,
    kind: str,
    mode: str,
    nonce: bytes | None,
    context: bytes | None,
    output: Path,
    *,
    console: Console,
) -> None:
    """Let a simulated enclave run PROGRAM, and write proof, evidence, collateral and policy.

    SIMULATED - NOT A TEE: the wire formats are real, the root is public. For development and tests.
    """
    from verifiable.api import prove
    from verifiable.backends.tee.claims import claims_of, pinned_policy
    from verifiable.backends.tee.format import BACKEND_ID, Payload
    from verifiable.files import write_bytes
    from verifiable.statement.policy import Policy
    from verifiable.statement.statement import ZERO_CONTEXT

    with interruptible(console) as cancel, console.progress() as progress:
        result = prove(
            program,
            input_path,
            index=index,
            saturate=saturate,
            backend=BACKEND_ID,
            tee_kind=kind,
            tee_mode=mode,
            nonce=nonce,
            progress=progress,
            cancel=cancel,
            context=ZERO_CONTEXT if context is None else context,
        )
    evidence = Payload.decode(result.proof.payload).evidence
    demands = replace(pinned_policy(claims_of(evidence)), nonce=nonce)
    written = {
        "proof.json": result.proof.encode(),
        f"evidence.{kind}": evidence.document,
        "policy.json": Policy(backends={BACKEND_ID: None}, attestation=demands).encode(),
    }
    if evidence.collateral:
        written["collateral.json"] = evidence.collateral
    if evidence.event_log:
        written["event_log.json"] = evidence.event_log
    written |= {f"certificate_{n}.der": der for n, der in enumerate(evidence.chain)}
    output.mkdir(parents=True, exist_ok=True)
    for name, data in written.items():
        write_bytes(output / name, data)
    console.warn("SIMULATED - NOT A TEE: whoever has the public seed can sign anything")

    def show(out: Console) -> None:
        out.table(
            ("file", "size"),
            [(name, bytes_text(len(data))) for name, data in written.items()],
            right=("size",),
        )
        out.line(f"wrote {len(written)} files to {output}")

    console.result({"folder": str(output), "kind": kind, "files": sorted(written)}, show)
