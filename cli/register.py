"""`verifiable register`: put a program and its keys on record."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .chain_options import (
    IN_MEMORY,
    ChainFlags,
    SigningFlags,
    chain_options,
    registry_option,
    signing_options,
)
from .chain_session import chosen_signer, opened_chain
from .console import Console
from .options import FILE, reporting
from .registrable import KeyFlags, Registrable, key_options, registrable
from .registry_calls import (
    Place,
    Standing,
    deployment_step,
    find_registry,
    key_steps,
    read_standing,
    registration_step,
    step,
)
from .spending import Done, Step, address_text, carry_out, hex_text, show_done, transactions

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.signing import Signer

__all__ = ["command"]


@click.command("register", short_help="Put a program and its keys on record, on a chain.")
@click.argument("program", type=FILE)
@key_options
@click.option("--uri", help="Where more may be found: a hint that nothing binds.")
@click.option("--freeze", is_flag=True, help="Let no key be added to the record later.")
@registry_option
@chain_options
@signing_options
@reporting
def command(
    program: Path,
    key_flags: KeyFlags,
    uri: str | None,
    freeze: bool,
    registry: bytes | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Register PROGRAM: who signs vouches in public for the program under these keys.

    The record is the signer's own. If it stands already, its keys are compared, and those of
    further backends added; a key that differs is an error, since keys are set once.
    """
    from verifiable.statement.view import record_id_of

    found = registrable(console, program, key_flags)
    with opened_chain(chain) as opened:
        signer = chosen_signer(signing, opened, console)
        place = find_registry(opened, registry, deployable=True)
        record_id = record_id_of(signer.address, found.header.program_root)
        standing = (
            Standing(keys=dict.fromkeys(found.keys))
            if place.registry is None
            else read_standing(place.registry, record_id, tuple(found.keys))
        )
        steps = _steps(opened, signer, place, record_id, found, standing, uri=uri, freeze=freeze)
        if place.registry is None:
            console.say("no registry stands on this development chain yet: it is deployed first")
        if standing.deprecated:
            console.warn("this record is deprecated, and stays so")
        done = carry_out(console, opened, signer, signing, steps)
        document = {
            "record": hex_text(record_id),
            "found": standing.record is not None,
            "dry_run": signing.dry_run,
            "registry": address_text(place.address),
            "chain": opened.chain_id,
            "source": opened.source,
            "registrant": address_text(signer.address),
            "program_root": hex_text(found.header.program_root),
            "keys": {name: hex_text(digest) for name, digest in found.keys.items()},
            "added": [name for name in found.keys if standing.keys[name] is None],
            "frozen": standing.frozen or freeze,
            "deprecated": standing.deprecated,
            "uri": standing.uri if uri is None else uri,
            "transactions": transactions(done),
            "verify": None
            if chain.url in IN_MEMORY
            else _verify_command(program, key_flags, chain, opened, place, record_id),
        }
    console.result(document, lambda out: _show(out, document, done))


def _steps(
    chain: Chain,
    signer: Signer,
    place: Place,
    record_id: bytes,
    found: Registrable,
    standing: Standing,
    *,
    uri: str | None,
    freeze: bool,
) -> list[Step]:
    """What has to be sent so that the record is as asked for; nothing if it is."""
    if standing.record is None:
        deploy = [] if place.registry is not None else [deployment_step(chain, signer)]
        register = registration_step(
            chain, signer, place, found.header, found.keys, freeze=freeze, uri=uri or ""
        )
        return [*deploy, register]
    registry = place.registry
    assert registry is not None, "a record was found in it"  # noqa: S101 - tells the type checker
    steps = key_steps(registry, signer, record_id, found.keys, standing)
    if uri is not None and uri != standing.uri:
        steps.append(step(registry, signer, "change the URI", "setMetadataURI", record_id, uri))
    if freeze and not standing.frozen:
        steps.append(step(registry, signer, "freeze the record", "freeze", record_id))
    return steps


def _verify_command(
    program: Path,
    key_flags: KeyFlags,
    flags: ChainFlags,
    chain: Chain,
    place: Place,
    record_id: bytes,
) -> list[str]:
    """The arguments that verify a proof against the record; no secret of a URL is in them.

    Whoever relies on the record need not trust the lock's author too.
    """
    from verifiable.statement.view import DEVELOPMENT_CHAIN_ID

    trusted = (
        ["--program", str(program)] if key_flags.lock is None else ["--key", str(key_flags.lock)]
    )
    node = flags.url if chain.source == flags.url else "$ETH_RPC_URL"
    local = ["--allow-local-chain"] if chain.chain_id == DEVELOPMENT_CHAIN_ID else []
    return [
        "verifiable",
        "verify",
        "PROOF.json",
        *trusted,
        "--registry",
        f"{node}/{address_text(place.address)}",
        "--chain",
        str(chain.chain_id),
        "--record",
        hex_text(record_id),
        *local,
    ]


def _show(out: Console, document: dict[str, Any], done: Sequence[Done]) -> None:
    show_done(out, done)
    where = f"in registry {document['registry']} on chain {document['chain']}"
    out.line(f"record {document['record']} {where}")
    out.line(f"registrant {document['registrant']}, program root {document['program_root']}")
    for name, digest in document["keys"].items():
        known = "" if name in document["added"] else " (there already)"
        out.line(f"  {name} key {digest}{known}")
    if document["uri"]:
        out.line(f"  uri {document['uri']}")
    if document["frozen"]:
        out.line("  frozen: no key can be added")
    if document["dry_run"]:
        out.line("nothing was sent", style="bold")
        return
    if document["found"] and not done:
        out.line("the record stood there before and agrees: nothing was sent")
    if document["verify"] is None:
        out.line("this chain was in memory and is gone: name a file, as in local:chain.db")
    else:
        out.line(f"verify with: {_shell_line(document['verify'])}")


def _shell_line(arguments: Sequence[str]) -> str:
    """Arguments as one line for a shell, in which `$ETH_RPC_URL` is the variable."""
    return " ".join(
        f'"{word}"' if word.startswith("$ETH_RPC_URL/") else shlex.quote(word) for word in arguments
    )
