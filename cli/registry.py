"""`verifiable registry`: look at records, and change what their registrant may change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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
from .console import Console
from .options import FILE, hex_digest, reporting
from .registrable import KeyFlags, key_options, registrable
from .registry_calls import (
    Standing,
    deployment_step,
    find_registry,
    key_steps,
    read_standing,
    step,
    unknown_record,
)
from .spending import Done, address_text, carry_out, hex_text, show_done, transactions

if TYPE_CHECKING:
    from verifiable.chain.client import Chain
    from verifiable.chain.contracts.model_registry import ModelRegistry, Record

__all__ = ["command"]

_UNKNOWN_HINT = "check the id, the chain and the registry"

record_argument = click.argument("record", callback=hex_digest)


@click.group("registry", short_help="Look at models on record, and change records.")
def command() -> None:
    """Look at records of models on a chain, and change what can change."""


@command.command("show")
@click.argument("record", callback=hex_digest, required=False)
@click.option("--program", type=FILE, help="Of this program, with --registrant.")
@click.option(
    "--registrant", callback=address, metavar="ADDRESS", help="Of this account, with --program."
)
@click.option("--backend", "backends", multiple=True, help="Also look for the key of this backend.")
@registry_option
@chain_options
@reporting
def show(
    record: bytes | None,
    program: Path | None,
    registrant: bytes | None,
    backends: tuple[str, ...],
    registry: bytes | None,
    chain: ChainFlags,
    *,
    console: Console,
) -> None:
    """Show a record: RECORD is its id; or name --program and --registrant."""
    if (record is None) != (program is not None and registrant is not None) or (
        record is not None and (program is not None or registrant is not None)
    ):
        raise click.UsageError("name the record by its id, or by --program and --registrant")
    from verifiable.backends.registry import backend_ids

    record_id = _named(program, registrant) if record is None else record
    with opened_chain(chain, reading=True) as opened:
        place = find_registry(opened, registry)
        assert place.registry is not None, "only a deployable one may be missing"  # noqa: S101
        wanted = dict.fromkeys((*backend_ids(), *backends))
        standing = read_standing(place.registry, record_id, tuple(wanted))
        if standing.record is None:
            raise unknown_record(opened, record_id, hint=_UNKNOWN_HINT)
        document = {
            "record": hex_text(record_id),
            "registry": address_text(place.address),
            "chain": opened.chain_id,
            "source": opened.source,
            "block": standing.block,
            **_record_document(standing, standing.record),
        }
    console.result(document, lambda out: _show_record(out, document, standing))


@command.command("add-backend")
@click.argument("program", type=FILE)
@key_options
@registry_option
@chain_options
@signing_options
@reporting
def add_backend(
    program: Path,
    key_flags: KeyFlags,
    registry: bytes | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Add keys to the signer's record of PROGRAM; those that stand there must be the same."""
    from verifiable.statement.view import record_id_of

    found = registrable(console, program, key_flags)
    with opened_chain(chain) as opened:
        signer = chosen_signer(signing, opened, console)
        contract = _registry(opened, registry)
        record_id = record_id_of(signer.address, found.header.program_root)
        standing = read_standing(contract, record_id, tuple(found.keys))
        if standing.record is None:
            raise unknown_record(opened, record_id, hint="make it by `verifiable register`")
        steps = key_steps(contract, signer, record_id, found.keys, standing)
        done = carry_out(console, opened, signer, signing, steps)
        _report(console, opened, contract, signing, done, record_id=record_id)


@command.command("freeze")
@record_argument
@registry_option
@chain_options
@signing_options
@reporting
def freeze(
    record: bytes,
    registry: bytes | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Let no key be added to RECORD any more, for ever."""
    _change(console, chain, signing, registry, record, "freeze the record", "freeze")


@command.command("deprecate")
@record_argument
@click.option(
    "--successor", callback=hex_digest, metavar="RECORD", help="The record to use instead."
)
@registry_option
@chain_options
@signing_options
@reporting
def deprecate(
    record: bytes,
    successor: bytes | None,
    registry: bytes | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Advise against RECORD, for ever; its keys stay as they are."""
    what = "deprecate the record"
    _change(console, chain, signing, registry, record, what, "deprecate", successor or bytes(32))


@command.command("set-uri")
@record_argument
@click.argument("uri")
@registry_option
@chain_options
@signing_options
@reporting
def set_uri(
    record: bytes,
    uri: str,
    registry: bytes | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Change the URI of RECORD: where more may be found, a hint that nothing binds."""
    _change(console, chain, signing, registry, record, "change the URI", "setMetadataURI", uri)


@command.command("deploy")
@chain_options
@signing_options
@reporting
def deploy(chain: ChainFlags, signing: SigningFlags, *, console: Console) -> None:
    """Deploy the registry at its canonical address, if it does not stand there already."""
    with opened_chain(chain) as opened:
        from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS, ModelRegistry

        signer = chosen_signer(signing, opened, console)
        steps = []
        if opened.code(CANONICAL_ADDRESS):
            ModelRegistry.at(opened)  # other code there is an error
        else:
            steps.append(deployment_step(opened, signer))
        done = carry_out(console, opened, signer, signing, steps)
        document = {
            "registry": address_text(CANONICAL_ADDRESS),
            "chain": opened.chain_id,
            "source": opened.source,
            "found": not steps,
            "dry_run": signing.dry_run,
            "transactions": transactions(done),
        }

    def shown(out: Console) -> None:
        show_done(out, done)
        there = " stands there already" if not steps else ""
        out.line(f"registry {document['registry']} on chain {document['chain']}{there}")

    console.result(document, shown)


def _named(program: Path | None, registrant: bytes | None) -> bytes:
    from verifiable.api import load_program
    from verifiable.statement.commitment import commit_program
    from verifiable.statement.view import record_id_of

    root = commit_program(load_program(str(program))).program_root
    return record_id_of(registrant or b"", root)


def _registry(chain: Chain, at: bytes | None) -> ModelRegistry:
    registry = find_registry(chain, at).registry
    assert registry is not None, "only a deployable one may be missing"  # noqa: S101
    return registry


def _change(
    console: Console,
    chain: ChainFlags,
    signing: SigningFlags,
    registry: bytes | None,
    record: bytes,
    what: str,
    name: str,
    *arguments: object,
) -> None:
    """Send one function of a record's registrant, and report it."""
    with opened_chain(chain) as opened:
        signer = chosen_signer(signing, opened, console)
        contract = _registry(opened, registry)
        if read_standing(contract, record, ()).record is None:
            raise unknown_record(opened, record, hint=_UNKNOWN_HINT)
        steps = [step(contract, signer, what, name, record, *arguments)]
        done = carry_out(console, opened, signer, signing, steps)
        _report(console, opened, contract, signing, done, record_id=record)


def _report(
    console: Console,
    chain: Chain,
    registry: ModelRegistry,
    signing: SigningFlags,
    done: Sequence[Done],
    *,
    record_id: bytes,
) -> None:
    document = {
        "record": hex_text(record_id),
        "registry": address_text(registry.address),
        "chain": chain.chain_id,
        "source": chain.source,
        "dry_run": signing.dry_run,
        "transactions": transactions(done),
    }

    def shown(out: Console) -> None:
        show_done(out, done)
        if not done:
            out.line("the record is so already: nothing was sent")
        elif signing.dry_run:
            out.line("nothing was sent", style="bold")

    console.result(document, shown)


def _record_document(standing: Standing, record: Record) -> dict[str, object]:
    return {
        "registrant": address_text(record.registrant),
        "registered_at_block": record.registered_at,
        "program_root": hex_text(record.program_root),
        "spec_version": record.spec_version,
        "leaf_log2": record.leaf_log2,
        "graph_root": hex_text(record.graph_root),
        "weights_root": hex_text(record.weights_root),
        "tables_root": hex_text(record.tables_root),
        "schema_hash": hex_text(record.schema_hash),
        "keys": {
            name: None if digest is None else hex_text(digest)
            for name, digest in standing.keys.items()
        },
        "frozen": standing.frozen,
        "deprecated": standing.deprecated,
        "successor": None if standing.successor is None else hex_text(standing.successor),
        "uri": standing.uri,
    }


def _show_record(out: Console, document: dict[str, object], standing: Standing) -> None:
    out.line(f"record {document['record']}", style="bold")
    out.line(
        f"registry {document['registry']} on chain {document['chain']}, as {document['source']} "
        f"answered at block {standing.block}"
    )
    for label, name in (
        ("registrant", "registrant"),
        ("registered at block", "registered_at_block"),
        ("program root", "program_root"),
        ("  graph", "graph_root"),
        ("  weights", "weights_root"),
        ("  tables", "tables_root"),
        ("  schema", "schema_hash"),
    ):
        out.line(f"{label} {document[name]}")
    for name, digest in standing.keys.items():
        out.line(f"{name} key {'none' if digest is None else hex_text(digest)}")
    out.line(f"uri {standing.uri or 'none'} (a hint that nothing binds)")
    out.line("frozen: no key can be added" if standing.frozen else "not frozen: keys can be added")
    if standing.deprecated:
        after = "" if standing.successor is None else f"; use {hex_text(standing.successor)}"
        out.line(f"DEPRECATED by its registrant{after}", style="bold red")
