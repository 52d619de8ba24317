"""`verifiable verify`: judge a proof, and say what it establishes and what not."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .chain_options import address
from .console import Console
from .exits import FAILED, OK, UNREADABLE
from .options import (
    FILE,
    attestation_trust_options,
    cache_option,
    hex_digest,
    interruptible,
    quorum_option,
    reporting,
    srs_option,
    time_limit_option,
    time_option,
)
from .verdicts import composite_document, show_composite, show_verdict, timed_document

__all__ = ["command"]

_EXITS = {"proven": OK, "not_proven": FAILED, "undecided": UNREADABLE}


@click.command("verify", short_help="Check a proof.")
@click.argument("proofs", metavar="PROOF...", type=FILE, nargs=-1, required=True)
@click.option(
    "--require",
    metavar="TEXT",
    help="Which backends' proofs are enough, where several are given, as in 'ezkl or (tee and "
    "optimistic)' or '2 of (gkr, ezkl, tee)'.",
)
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
@quorum_option
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
    proofs: tuple[Path, ...],
    require: str | None,
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
    quorum: Path | None,
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

    Several proofs of one statement are judged together, by --require or the policy's requirement.
    A proof whose evidence lies on a chain is undecided until its assertion is final there.
    """
    console.judging = True
    if index is not None and input_path is None:
        raise click.UsageError("--index chooses a row of --input, which is not given")
    if srs is not None and program is None:
        raise click.UsageError("--srs derives the key of --program, which is not given")
    from verifiable.api import evaluate, evaluate_all
    from verifiable.sources import policy_of

    demanded = policy_of(policy)
    options: dict[str, Any] = {
        "program": program,
        "lock": lock,
        "key_file": key_file,
        "inputs": input_path,
        "index": index,
        "allow_insecure_setup": allow_insecure_setup,
        "registry": registry,
        "record": record,
        "chain_id": chain_id,
        "rpc_url": rpc_url,
        "game": game,
        "quorum": quorum,
        "recheck": recheck,
        "allow_local_chain": allow_local_chain,
        "nonce": nonce,
        "allow_simulated": allow_simulated,
        "simulated_roots": simulated_roots,
        "now": now or datetime.now(UTC),
        "srs": srs,
        "cache_dir": cache_dir,
        "time_limit_s": time_limit_s,
    }
    with interruptible(console) as cancel, console.progress() as progress:
        options |= {"progress": progress, "cancel": cancel}
        if len(proofs) == 1 and require is None and demanded.require is None:
            phases_s: dict[str, float] = {}
            verdict = evaluate(proofs[0], policy=demanded, phases_s=phases_s, **options)
            outcome = verdict.outcome
            document = timed_document(verdict, phases_s)
            show = functools.partial(show_verdict, verdict=verdict, verify_s=phases_s["verify"])
        else:
            seconds: list[dict[str, float]] = []
            together = evaluate_all(
                proofs,
                require=require,
                policy=None if policy is None else demanded,
                phases_s=seconds,
                **options,
            )
            outcome = together.outcome
            judged = tuple(zip(map(str, proofs), together.verdicts, seconds, strict=True))
            document = composite_document(together, judged)
            show = functools.partial(show_composite, verdict=together, judged=judged)
    console.result(document, show)
    click.get_current_context().exit(_EXITS[outcome])
