"""`verifiable router`: what contracts accept as evidence, asked from outside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chain_options import (
    ChainFlags,
    SigningFlags,
    address,
    chain_options,
    registry_option,
    signing_options,
)
from .chain_session import chosen_signer, opened_chain
from .console import Console, counted
from .deploying import part_step
from .exits import FAILED
from .ezkl_verifier import ceremony_option, compile_verifier, ezkl_contracts, register_artifact
from .options import FILE, Function, cache_option, hex_digest, reporting
from .registry_calls import find_registry
from .spending import Done, Step, address_text, carry_out, hex_text, show_done, transactions

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.contracts.genuine import Part
    from verifiable.chain.contracts.inference_verifier import InferenceVerifier
    from verifiable.chain.signing import Signer
    from verifiable.chain.transaction import Plan, Receipt, TxOptions
    from verifiable.doors import RouterCall
    from verifiable.errors import Reverted

__all__ = ["command"]

_DOORS = ("optimistic", "tee", "quorum")
"""Those that need nothing to be made."""

_ALL_DOORS = ("ezkl", *_DOORS)


@click.group("router", short_help="Ask contracts whether they accept evidence.")
def command() -> None:
    """Deploy the router of evidence on a chain, and ask it what a contract would."""


command.add_command(compile_verifier)
command.add_command(register_artifact)


@command.command("deploy")
@click.option(
    "--door",
    "doors",
    multiple=True,
    type=click.Choice(_ALL_DOORS),
    help=f"Backends whose evidence it takes; repeatable.  [default: {', '.join(_DOORS)}]",
)
@ceremony_option
@cache_option
@registry_option
@chain_options
@signing_options
@reporting
def deploy(
    doors: tuple[str, ...],
    ceremony: bytes | None,
    cache_dir: Path | None,
    registry: bytes | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Deploy a router over a model registry, with its doors, where they do not stand yet.

    Registry and doors are for ever, and part of the address. The door for ezkl stands before
    ezkl's own contract, which `router ezkl-verifier` compiles, and knows one ceremony.
    """
    chosen = tuple(name for name in _ALL_DOORS if name in (doors or _DOORS))
    behind = ezkl_contracts(ceremony, cache_dir) if "ezkl" in chosen else ()
    with opened_chain(chain) as opened:
        from verifiable.chain.contracts.inference_verifier import InferenceVerifier

        signer = chosen_signer(signing, opened, console)
        place = find_registry(opened, registry)
        parts = _parts(place.address, chosen, behind)
        missing = [part for part in (*behind[:1], *parts) if not opened.code(part.address)]
        steps = [part_step(opened, signer, part) for part in missing]
        done = carry_out(console, opened, signer, signing, steps)
        at = parts[-1].address
        if not signing.dry_run and signing.wait:
            InferenceVerifier.at(opened, at)  # other code there is an error
        standing = {
            name: address_text(part.address) for name, part in zip(chosen, parts[:-1], strict=True)
        }
        document = {
            "router": address_text(at),
            "registry": address_text(place.address),
            "doors": standing,
            "chain": opened.chain_id,
            "source": opened.source,
            "found": not steps,
            "dry_run": signing.dry_run,
            "transactions": transactions(done),
        }

    def shown(out: Console) -> None:
        show_done(out, done)
        there = " stands there already" if not steps else ""
        out.line(f"router {document['router']} on chain {document['chain']}{there}")
        for name, door in standing.items():
            out.line(f"  {name} by {door}")

    console.result(document, shown)


def asking(function: Function) -> Function:
    """Add the options of commands that ask a router."""

    decorated = function
    for option in reversed(
        (
            click.option(
                "--router",
                "router_address",
                callback=address,
                required=True,
                metavar="ADDRESS",
                help="The router that the contract relies on.",
            ),
            click.option(
                "--record",
                callback=hex_digest,
                required=True,
                metavar="ID",
                help="The record that the contract relies on.",
            ),
            click.option(
                "--lock",
                type=FILE,
                help="A lock that holds the key, whoever wrote it: the record has its digest.",
            ),
            click.option(
                "--policy",
                type=FILE,
                help="Which code may attest, and where keys are registered (backend tee).",
            ),
            click.option(
                "--simulated",
                is_flag=True,
                help="Ask as a contract under development, which takes simulated evidence too.",
            ),
            click.option(
                "--send",
                is_flag=True,
                help="Verify in a transaction, which stores nothing: to see what it costs.",
            ),
            registry_option,
            cache_option,
            chain_options,
            signing_options,
            reporting,
        )
    ):
        decorated = option(decorated)
    return decorated


@command.command("verify", short_help="Ask a router about one proof.")
@click.argument("proof", type=FILE)
@asking
def verify(proof: Path, **given: Any) -> None:
    """Ask whether a router accepts PROOF. Exit 0: accepted; 1: refused; 3: undecided.

    The answer is worth what the node is worth that gives it; a contract needs no such trust.
    """
    _ask((proof,), None, **given)


@command.command("policy", short_help="Ask a router about several proofs together.")
@click.argument("proofs", metavar="PROOF...", type=FILE, nargs=-1, required=True)
@click.option(
    "--require",
    required=True,
    metavar="TEXT",
    help="What the contract asks for, as in 'ezkl or (tee and optimistic)' or '2 of (ezkl, tee, "
    "quorum)'.",
)
@asking
def policy(proofs: tuple[Path, ...], require: str, **given: Any) -> None:
    """Ask whether a router accepts PROOFs of one statement together. All of them must hold."""
    _ask(proofs, require, **given)


def _ask(
    proofs: Sequence[Path],
    require: str | None,
    *,
    router_address: bytes,
    record: bytes,
    lock: Path | None,
    policy: Path | None,
    simulated: bool,
    send: bool,
    registry: bytes | None,
    cache_dir: Path | None,
    chain: ChainFlags,
    signing: SigningFlags,
    console: Console,
) -> None:
    console.judging = True
    with opened_chain(chain, reading=not send) as opened:
        from verifiable.doors import router_call
        from verifiable.errors import Reverted

        router = _router(opened, router_address, registry)
        call = router_call(
            proofs,
            router,
            record,
            require=require,
            simulated=simulated,
            lock=lock,
            policy=policy,
            cache_dir=cache_dir,
        )
        done: tuple[Done, ...] = ()
        refused: Reverted | None = None
        try:
            if send:
                signer = chosen_signer(signing, opened, console)
                done = carry_out(console, opened, signer, signing, [_step(call, signer)])
            else:
                call.ask()
        except Reverted as refusal:
            refused = refusal
        document = _document(opened, call, record, refused, done)
    console.result(document, lambda out: _show(out, document, call, refused, done))
    if refused is not None:
        click.get_current_context().exit(FAILED)


def _router(chain: Chain, at: bytes, registry: bytes | None) -> InferenceVerifier:
    """The router at an address, which must ask the registry that is meant."""
    from verifiable.chain.contracts.inference_verifier import InferenceVerifier
    from verifiable.errors import ChainError

    router = InferenceVerifier.at(chain, at)
    meant = find_registry(chain, registry).address
    if router.wiring.registry != meant:
        raise ChainError(
            "the router asks another model registry",
            where=f"router {address_text(at)}",
            why=f"it asks {address_text(router.wiring.registry)}, not {address_text(meant)}",
            hint="name its registry by --registry, if records there are the ones that you trust",
            code="router-of-another-registry",
        )
    return router


def _step(call: RouterCall, signer: Signer) -> Step:
    """The transaction that verifies."""
    name, *arguments = call.router.call_of(
        call.record_id,
        call.statement,
        call.evidence,
        any_of=call.any_of,
        simulated=call.simulated,
    )
    contract = call.router.contract

    def plan(options: TxOptions) -> Plan:
        return contract.plan(signer.address, name, *arguments, options=options)

    def send(options: TxOptions) -> Receipt:
        return contract.send(signer, name, *arguments, options=options)

    return Step(
        what="verify on chain",
        call=f"{contract.artifact.name}.{name}",
        to=contract.address,
        plan=plan,
        send=send,
    )


def _parts(registry: bytes, doors: Sequence[str], ezkl: Sequence[Part]) -> tuple[Part, ...]:
    from verifiable.chain.contracts.router_release import default_doors, router_parts

    known = {**default_doors(), **dict(zip(("ezkl",), ezkl[1:], strict=False))}
    return router_parts(registry, {name: known[name] for name in doors})


def _document(
    chain: Chain,
    call: RouterCall,
    record: bytes,
    refused: Reverted | None,
    done: Sequence[Done],
) -> dict[str, object]:
    return {
        "verdict": "accepted" if refused is None else "refused",
        "statement_digest": hex_text(call.statement.digest),
        "record": hex_text(record),
        "router": address_text(call.router.address),
        "registry": address_text(call.router.wiring.registry),
        "chain": chain.chain_id,
        "source": chain.source,
        "backends": [item.backend for item in call.evidence],
        "evidence_bytes": [len(item.proof) for item in call.evidence],
        "clauses": None if call.any_of is None else [clause.text for clause in call.any_of],
        "simulated_too": call.simulated,
        "error": None if refused is None else refused.name,
        "why": None if refused is None else refused.why,
        "transactions": transactions(done),
    }


def _show(
    out: Console,
    document: dict[str, object],
    call: RouterCall,
    refused: Reverted | None,
    done: Sequence[Done],
) -> None:
    show_done(out, done)
    pieces = ", ".join(item.backend for item in call.evidence)
    if refused is None:
        out.line(f"ACCEPTED: evidence of {pieces}", style="bold green")
    else:
        out.line(f"REFUSED: evidence of {pieces}", style="bold red")
        out.line(f"  {refused.why}")
    out.line(f"statement {document['statement_digest']}")
    out.line(f"record {document['record']}")
    out.line(
        f"router {document['router']} on chain {document['chain']}, as {document['source']} "
        "answered"
    )
    if call.any_of is not None:
        clauses = " or ".join(f"({clause.text})" for clause in call.any_of)
        out.line(f"{counted(len(call.any_of), 'clause', 'clauses')}: {clauses}")
    if call.simulated:
        out.line("SIMULATED evidence was taken too: it shows nothing", style="bold yellow")
