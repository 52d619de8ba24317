"""`verifiable verify`: judge a proof, and say what it establishes and what not."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .chain_options import address
from .console import Console, seconds_text
from .exits import FAILED, OK, UNREADABLE
from .options import (
    FILE,
    attestation_trust_options,
    cache_option,
    hex_digest,
    interruptible,
    reporting,
    srs_option,
    time_limit_option,
    time_option,
)
from .prove import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifiable.statement.verdict import Check, Verdict

__all__ = ["command", "show_checks", "show_verdict", "verdict_document"]

_EXITS = {"proven": OK, "not_proven": FAILED, "undecided": UNREADABLE}
_ALWAYS_FOUND = (
    "KEY-1", "RG-4", "RG-5", "EZ-6", "GK-4", "OP-21", "OP-27", "OP-29", "OP-25",
    "TEE-2", "TEE-6", "TEE-14", "TEE-16",
)  # fmt: skip
"""Passed or not, what one relies on is worth a look: who derived the key, which block was read, who
made the record and the setup, how many bits of soundness there are, which game it was, and of an
attestation its assurance, patch level, age and machine."""

_ROOT = re.compile(r"(?<![0-9a-f])(0x)?([0-9a-f]{8})[0-9a-f]{52}([0-9a-f]{4})(?![0-9a-f])")
_MARKS = {"ok": "ok", "failed": "FAILED", "skipped": "not run", "undecided": "undecided"}


@click.command("verify", short_help="Check a proof.")
@click.argument("proof", type=FILE)
@click.option("--program", type=FILE, help="The program; its key is derived here if need be.")
@click.option("--lock", type=FILE, help="Trusted programs and keys (see `verifiable lock`).")
@click.option(
    "--key",
    "key_file",
    type=FILE,
    metavar="LOCK",
    help="A lock by anybody, whose key counts if the --record holds its digest.",
)
@click.option("--policy", type=FILE, help="What you demand of a proof, a JSON file.")
@time_option
@click.option(
    "--input", "input_path", type=FILE, help="The raw input (.npz), where the proof hides it."
)
@click.option("--index", type=click.IntRange(min=0), help="Row of an input with several.")
@click.option(
    "--allow-insecure-setup",
    is_flag=True,
    help="Accept a setup whose maker can forge proofs (tests and demos).",
)
@click.option(
    "--registry",
    metavar="URL/ADDRESS",
    help="A node and the model registry there, whose --record must name program and key.",
)
@click.option("--record", callback=hex_digest, metavar="ID", help="The record that you trust.")
@click.option(
    "-c", "--chain", "chain_id", type=click.IntRange(min=1), help="Id of the chain it stands on."
)
@click.option(
    "-r",
    "--rpc-url",
    metavar="URL",
    help="Your node, for a proof whose evidence lies on a chain (--registry names one too).",
)
@click.option(
    "--game",
    callback=address,
    metavar="ADDRESS",
    help="The dispute game that you trust and accept, where no lock and no record holds its key.",
)
@click.option(
    "--recheck",
    is_flag=True,
    help="Also run --program, and demand the same output and trace (optimistic proofs).",
)
@click.option(
    "--allow-local-chain",
    is_flag=True,
    help="Accept a development chain, whose holder can rewrite it (tests and demos).",
)
@click.option(
    "--nonce",
    callback=hex_digest,
    metavar="HEX",
    help="What you asked the prover to attest for, 32 bytes (tee proofs).",
)
@attestation_trust_options
@srs_option
@cache_option
@time_limit_option
@reporting
def command(
    proof: Path,
    program: Path | None,
    lock: Path | None,
    key_file: Path | None,
    policy: Path | None,
    now: datetime | None,
    input_path: Path | None,
    index: int | None,
    allow_insecure_setup: bool,
    registry: str | None,
    record: bytes | None,
    chain_id: int | None,
    rpc_url: str | None,
    game: bytes | None,
    recheck: bool,
    allow_local_chain: bool,
    nonce: bytes | None,
    allow_simulated: bool,
    simulated_roots: tuple[Path, ...],
    srs: Path | None,
    cache_dir: Path | None,
    time_limit_s: float | None,
    *,
    console: Console,
) -> None:
    """Check PROOF. Exit 0: proven; 1: not proven; 3: unreadable or undecided.

    A proof whose evidence lies on a chain is undecided until its assertion is final there.
    """
    console.judging = True
    if index is not None and input_path is None:
        raise click.UsageError("--index chooses a row of --input, which is not given")
    if srs is not None and program is None:
        raise click.UsageError("--srs derives the key of --program, which is not given")
    from verifiable.api import evaluate

    phases_s: dict[str, float] = {}
    with interruptible(console) as cancel, console.progress() as progress:
        verdict = evaluate(
            proof,
            policy=policy,
            program=program,
            lock=lock,
            key_file=key_file,
            inputs=input_path,
            index=index,
            allow_insecure_setup=allow_insecure_setup,
            registry=registry,
            record=record,
            chain_id=chain_id,
            rpc_url=rpc_url,
            game=game,
            recheck=recheck,
            allow_local_chain=allow_local_chain,
            nonce=nonce,
            allow_simulated=allow_simulated,
            simulated_roots=simulated_roots,
            now=now or datetime.now(UTC),
            srs=srs,
            cache_dir=cache_dir,
            time_limit_s=time_limit_s,
            progress=progress,
            cancel=cancel,
            phases_s=phases_s,
        )
    verify_s = phases_s["verify"]
    before_s = {f"{name}_s": phases_s[name] for name in ("read_chain", "derive_key")}
    document = {**verdict_document(verdict, verify_s), **before_s}
    console.result(document, lambda out: show_verdict(out, verdict, verify_s))
    click.get_current_context().exit(_EXITS[verdict.outcome])


def verdict_document(verdict: Verdict, verify_s: float) -> dict[str, object]:
    """The verdict as one JSON object; verified values only if it is proven."""
    document = {**verdict.to_json(), "verify_s": verify_s}
    for name, values in (("inputs", verdict.inputs), ("outputs", verdict.outputs)):
        document[name] = (
            None if values is None else {key: item.tolist() for key, item in values.items()}
        )
    reals = verdict.output_values
    document["output_values"] = (
        None if reals is None else {key: item.tolist() for key, item in reals.items()}
    )
    return document


def show_verdict(out: Console, verdict: Verdict, verify_s: float) -> None:
    """Write the table of checks, what they mean, and the verdict as the last line."""
    if verdict.assurance == "simulated":
        out.line("SIMULATED - NOT A TEE: evidence of a simulator", style="bold yellow")
    show_checks(out, verdict.checks)
    if verdict.outcome != "proven":
        out.line("Establishes: nothing", style="bold")
    limits = verdict.does_not_establish if verdict.outcome == "proven" else ()
    for title, sentences in (
        ("Establishes", verdict.establishes),
        ("Does not establish", limits),
        ("Reveals", verdict.reveals),
        ("Details of the evidence", verdict.details),
    ):
        if sentences:
            out.line(f"{title}:", style="bold")
            for sentence in sentences:
                out.line(f"  - {sentence}")
    for name, values in (verdict.outputs or {}).items():
        out.line(f"verified output {name!r} = {shown(values.reshape(-1).tolist())}")
    out.line(_last_line(verdict, verify_s), style=_STYLES[verdict.outcome])


def show_checks(out: Console, checks: Sequence[Check]) -> None:
    """Write the table of checks, and all that is known of those that did not pass."""
    out.table(
        ("check", "what", "result", "found"),
        [
            (
                check.id,
                check.name,
                _MARKS[check.status],
                "" if check.ok and check.id not in _ALWAYS_FOUND else _short(check.found),
            )
            for check in checks
        ],
        styles={"ok": "green", "FAILED": "bold red", "undecided": "yellow", "not run": "dim"},
    )
    for check in sorted(checks, key=lambda item: item.status != "failed"):
        if check.status not in ("failed", "undecided"):
            continue
        out.line(f"{check.id} {check.name} [{check.code}]", style="bold")
        for label, text in (
            ("expected", check.expected),
            ("found", check.found),
            ("what to do", check.hint),
        ):
            if text:
                out.line(f"  {label}: {text}")


def _short(text: str) -> str:
    """A text with its roots and digests cut in the middle; the lines below give them whole."""
    return _ROOT.sub(r"\1\2...\3", text)


_STYLES = {"proven": "bold green", "not_proven": "bold red", "undecided": "bold yellow"}


def _last_line(verdict: Verdict, verify_s: float) -> str:
    took = f"({verdict.backend}, {seconds_text(verify_s)})"
    mark = " (SIMULATED)" if verdict.assurance == "simulated" else ""
    if verdict.outcome == "proven":
        return f"PROVEN{mark}: statement 0x{verdict.statement_digest.hex()} {took}"
    first = verdict.failed[0]
    word = "UNDECIDED" if verdict.outcome == "undecided" else "NOT PROVEN"
    return f"{word}{mark}: {first.id} {first.name} [{first.code}] {took}"
