"""`verifiable router ezkl-verifier` and `ezkl-register`: ezkl's own contract on a chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .chain_options import ChainFlags, SigningFlags, chain_options, signing_options
from .chain_session import chosen_signer, opened_chain
from .console import Console, bytes_text
from .options import (
    FILE,
    cache_option,
    hex_digest,
    interruptible,
    reporting,
    time_limit_option,
)
from .spending import Step, address_text, carry_out, hex_text, show_done, transactions

if TYPE_CHECKING:
    from verifiable.backends.ezkl.verifier_contract import VerifierCode
    from verifiable.chain.artifact import Artifact
    from verifiable.chain.contracts.genuine import Part
    from verifiable.chain.transaction import Plan, Receipt, TxOptions

__all__ = ["ceremony_option", "compile_verifier", "ezkl_contracts", "register_artifact"]

ceremony_option = click.option(
    "--ceremony",
    callback=hex_digest,
    metavar="HEX",
    help="Reference string whose proofs the door for ezkl does not call simulated, as "
    "`router ezkl-verifier` prints it; 32 zero bytes for none.  [default: the public ceremony, if "
    "a file of it is in the cache]",
)


@click.command("ezkl-verifier", short_help="Compile ezkl's verifier contract into the cache.")
@cache_option
@time_limit_option
@reporting
def compile_verifier(
    cache_dir: Path | None, time_limit_s: float | None, *, console: Console
) -> None:
    """Have ezkl write its verifier contract, and compile it into the cache.

    One contract serves all models; only checking ezkl proofs on a chain needs it. It needs ezkl,
    and a compiler: `npm ci` in contracts/ of the project's sources, or a solc that is named in
    VERIFIABLE_SOLC. Source and code must be those that this release knows.
    """
    from verifiable.backends.base import Options
    from verifiable.backends.ezkl.onchain import ceremony_held
    from verifiable.backends.ezkl.verifier_contract import (
        CODE_BYTES,
        CODE_HASH,
        SOURCE_SHA256,
        make_verifier,
    )
    from verifiable.cache import default_cache_dir

    with interruptible(console) as cancel, console.progress() as progress:
        options = Options(
            cache_dir=cache_dir or default_cache_dir(),
            time_limit_s=time_limit_s,
            progress=progress,
            cancel=cancel,
        )
        made = make_verifier(options)
    ceremony = ceremony_held(cache_dir)
    document = {
        "code_hash": hex_text(CODE_HASH),
        "code_bytes": CODE_BYTES,
        "source_sha256": SOURCE_SHA256,
        "ceremony": None if ceremony is None else hex_text(ceremony),
        "folder": str(made.folder),
    }

    def show(out: Console) -> None:
        out.line(f"code hash {hex_text(CODE_HASH)}, {bytes_text(CODE_BYTES)}")
        out.line(f"source sha256 {SOURCE_SHA256}")
        out.line(f"kept in {made.folder}")
        known = "not known here: import a file of it, or fetch one (`verifiable srs fetch K`)"
        out.line(f"public ceremony {known if ceremony is None else hex_text(ceremony)}")

    console.result(document, show)


@click.command("ezkl-register", short_help="Tell ezkl's verifier contract of a circuit.")
@click.argument("proof", type=FILE)
@cache_option
@chain_options
@signing_options
@reporting
def register_artifact(
    proof: Path,
    cache_dir: Path | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Make the circuit of PROOF known to ezkl's verifier contract, once for each model.

    Anybody may: what counts is which circuit a record pins.
    """
    from verifiable.backends.base import Options
    from verifiable.backends.ezkl.onchain import artifact_of
    from verifiable.backends.ezkl.vka import vka_digest
    from verifiable.cache import default_cache_dir
    from verifiable.chain.contracts.ezkl_door import ReusableVerifier, ezkl_parts
    from verifiable.sources import proof_of

    words = artifact_of(proof_of(proof), Options(cache_dir=cache_dir or default_cache_dir()))
    held = _verifier(cache_dir)  # last: a proof of another kind needs none compiled
    with opened_chain(chain) as opened:
        signer = chosen_signer(signing, opened, console)
        behind, _ = ezkl_parts(_artifact(held), bytes(32))
        verifier = ReusableVerifier.at(opened, behind.artifact, behind.address)

        def plan(options: TxOptions) -> Plan:
            return verifier.plan_artifact(signer.address, words, options=options)

        def send(options: TxOptions) -> Receipt:
            return verifier.register_artifact(signer, words, options=options)

        step = Step(
            what="register the circuit",
            call=f"{behind.artifact.name}.registerVka",
            to=verifier.address,
            plan=plan,
            send=send,
        )
        done = carry_out(console, opened, signer, signing, [step])
        document = {
            "vka_digest": hex_text(vka_digest(words)),
            "verifier": address_text(verifier.address),
            "chain": opened.chain_id,
            "source": opened.source,
            "dry_run": signing.dry_run,
            "transactions": transactions(done),
        }

    def show(out: Console) -> None:
        show_done(out, done)
        out.line(f"circuit {document['vka_digest']}")
        out.line(f"verifier {document['verifier']} on chain {document['chain']}")

    console.result(document, show)


def ezkl_contracts(ceremony: bytes | None, cache_dir: Path | None) -> tuple[Part, Part]:
    """ezkl's contract and the door before it, for a deployment.

    Raises:
        SetupError: `verifier-not-compiled`, `ceremony-not-held`.
    """
    from verifiable.backends.ezkl.onchain import ceremony_held
    from verifiable.chain.contracts.ezkl_door import ezkl_parts
    from verifiable.errors import SetupError

    held = _verifier(cache_dir)
    known = ceremony if ceremony is not None else ceremony_held(cache_dir)
    if known is None:
        raise SetupError(
            "it is not known which reference string the door is to accept",
            hint="fetch a file of the public ceremony (`verifiable srs fetch K`), or give "
            "--ceremony; with 32 zero bytes every proof counts as simulated",
            code="ceremony-not-held",
        )
    return ezkl_parts(_artifact(held), known)


def _verifier(cache_dir: Path | None) -> VerifierCode:
    from verifiable.backends.ezkl.verifier_contract import held_verifier
    from verifiable.errors import SetupError

    held = held_verifier(cache_dir)
    if held is None:
        raise SetupError(
            "ezkl's verifier contract is not in the cache",
            hint="run `verifiable router ezkl-verifier` once",
            code="verifier-not-compiled",
        )
    return held


def _artifact(held: VerifierCode) -> Artifact:
    from verifiable.chain.contracts.ezkl_door import verifier_artifact

    return verifier_artifact(held.creation, held.code)
