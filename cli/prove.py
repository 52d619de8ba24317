"""`verifiable prove`: run a program on an input and prove the output."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .asserting import asserting_session, trace_options
from .chain_options import (
    ChainFlags,
    SigningFlags,
    account_options,
    chain_options,
    given_options,
    plainly,
)
from .chain_session import chosen_signer, opened_chain
from .console import Console, bytes_text, seconds_text
from .dispute_calls import find_game, game_option
from .options import (
    FILE,
    backend_option,
    cache_option,
    hex_digest,
    input_options,
    interruptible,
    local_setup_option,
    output_option,
    quorum_option,
    reporting,
    srs_option,
    time_limit_option,
    visibility_option,
    weights_option,
)

if TYPE_CHECKING:
    from verifiable.dispute.session import AssertingSession
    from verifiable.progress import Cancellation, Progress
    from verifiable.proving import ProveResult

__all__ = ["command"]


@click.command("prove", short_help="Run a program on an input, and prove the output.")
@click.argument("program", type=FILE)
@input_options
@backend_option
@output_option("the proof")
@visibility_option
@click.option(
    "--context", callback=hex_digest, help="32 bytes in hex that bind the proof to one use."
)
@local_setup_option
@srs_option
@weights_option
@quorum_option
@click.option(
    "--quorum-secret",
    "quorum_secrets",
    type=FILE,
    multiple=True,
    help="Keystore of a member that signs here (backend quorum); repeatable.",
)
@click.option(
    "--quorum-password-file", type=FILE, help="File with the password of these keystores."
)
@click.option("--tee-kind", type=click.Choice(("tdx", "nitro", "snp")), help="Whose attestation.")
@click.option(
    "--tee-mode",
    type=click.Choice(("statement", "key")),
    help="An attestation for each statement, or one for a key that signs them.",
)
@click.option(
    "--nonce",
    callback=hex_digest,
    metavar="HEX",
    help="What the verifier wants attestations made for, 32 bytes.",
)
@click.option(
    "--salt",
    callback=hex_digest,
    metavar="HEX",
    help="32 random bytes that hide the root of a hidden input (attestations).",
)
@cache_option
@time_limit_option
@game_option
@trace_options
@click.option(
    "--journal",
    type=FILE,
    help="The account's own file of what it sends.  [default: one for each chain and account, in "
    "the working directory]",
)
@plainly(chain_options)
@plainly(account_options)
@reporting
def command(
    program: Path,
    input_path: Path,
    index: int | None,
    saturate: bool,
    backend: str,
    output: Path,
    visibility: str,
    context: bytes | None,
    insecure_local_setup: bool,
    srs: Path | None,
    weights: str | None,
    quorum: Path | None,
    quorum_secrets: tuple[Path, ...],
    quorum_password_file: Path | None,
    tee_kind: str | None,
    tee_mode: str | None,
    nonce: bytes | None,
    salt: bytes | None,
    cache_dir: Path | None,
    time_limit_s: float | None,
    game_address: bytes | None,
    trace_dir: Path | None,
    trace_url: str | None,
    journal: Path | None,
    chain: ChainFlags,
    signing: SigningFlags,
    *,
    console: Console,
) -> None:
    """Run PROGRAM on an input, and prove that the output is what PROGRAM computes.

    The backend `optimistic` asserts it on a chain under a bond; the options of node, account and
    game are for it alone.
    """
    from verifiable.api import prove
    from verifiable.files import write_bytes
    from verifiable.progress import silent
    from verifiable.sources import check_output
    from verifiable.statement.statement import ZERO_CONTEXT

    check_output(output, sources=(program, input_path, srs, quorum, *quorum_secrets))
    with ExitStack() as opened:
        cancel = opened.enter_context(interruptible(console))
        session: AssertingSession | None = None
        progress: Progress = silent
        if _on_chain(backend):
            session = opened.enter_context(
                _session(
                    console,
                    cancel,
                    chain,
                    signing,
                    game_address,
                    journal=journal,
                    trace_dir=trace_dir,
                    trace_url=trace_url,
                )
            )
        else:
            progress = opened.enter_context(console.progress())
        result = prove(
            program,
            input_path,
            index=index,
            backend=backend,
            context=ZERO_CONTEXT if context is None else context,
            visibility=visibility,
            saturate=saturate,
            insecure_local_setup=insecure_local_setup,
            srs=srs,
            weights=weights,
            quorum=quorum,
            quorum_secrets=quorum_secrets,
            quorum_password_file=quorum_password_file,
            tee_kind=tee_kind,
            tee_mode=tee_mode,
            nonce=nonce,
            salt=salt,
            cache_dir=cache_dir,
            time_limit_s=time_limit_s,
            session=session,
            progress=progress,
            cancel=cancel,
        )
    write_bytes(output, result.proof.encode())
    if result.proof.saturated:
        console.warn("input values were clipped; the proof says so, and strict policies refuse it")
    document = _document(result, output)
    console.result(document, lambda out: _show(out, result, output))


def _on_chain(backend: str) -> bool:
    """Whether a backend proves by transactions.

    Raises:
        click.UsageError: it does not, and options of a chain are given.
        InvalidInput, MissingDependency: there is no such backend here.
    """
    from verifiable.backends.base import ChainProver
    from verifiable.backends.registry import get_backend

    if isinstance(get_backend(backend), ChainProver):
        return True
    given = given_options(chain_options, account_options, game_option, trace_options)
    if given:
        raise click.UsageError(
            f"{given[0]} is for a backend that proves on a chain, and {backend} does not"
        )
    return False


@contextmanager
def _session(
    console: Console,
    cancel: Cancellation,
    flags: ChainFlags,
    signing: SigningFlags,
    game: bytes | None,
    *,
    journal: Path | None,
    trace_dir: Path | None,
    trace_url: str | None,
) -> Iterator[AssertingSession]:
    with opened_chain(flags) as chain:
        found = find_game(chain, game)
        signer = chosen_signer(signing, chain, console)
        with asserting_session(
            console,
            cancel,
            chain,
            found,
            signer,
            signing,
            journal=journal,
            trace_dir=trace_dir,
            trace_url=trace_url,
        ) as session:
            yield session


def _document(result: ProveResult, output: Path) -> dict[str, object]:
    proof = result.proof
    return {
        "proof": str(output),
        "backend": proof.backend,
        "backend_version": proof.backend_version,
        "statement_digest": "0x" + result.statement.digest.hex(),
        "program_root": "0x" + result.statement.program_root.hex(),
        "input_root": "0x" + result.statement.input_root.hex(),
        "output_root": "0x" + result.statement.output_root.hex(),
        "context": "0x" + result.statement.context.hex(),
        "visibility": proof.visibility,
        "saturated": proof.saturated,
        "outputs": {name: values.tolist() for name, values in result.outputs.items()},
        "setup_s": result.setup_s,
        "setup_cached": result.setup_cached,
        "execute_s": result.execute_s,
        "prove_s": result.prove_s,
        "verify_s": result.verify_s,
        "phases_s": dict(result.phases_s),
        "proof_bytes": result.proof_bytes,
        "payload_bytes": len(proof.payload),
        "peak_rss_mib": result.peak_rss_mib,
    }


def _show(out: Console, result: ProveResult, output: Path) -> None:
    for name, values in result.outputs.items():
        out.line(f"{name!r} = {shown(values.reshape(-1).tolist())}")
    out.line(f"statement 0x{result.statement.digest.hex()}")
    keys = "keys cached" if result.setup_cached else f"setup {seconds_text(result.setup_s)}"
    out.line(
        f"{output}: {result.proof.backend} proof file of {bytes_text(result.proof_bytes)}; {keys}, "
        f"execute {seconds_text(result.execute_s)}, prove {seconds_text(result.prove_s)}, "
        f"verify {seconds_text(result.verify_s)}, peak {result.peak_rss_mib:,.0f} MiB"
    )


def finite(value: Any) -> Any:
    """Nested lists of numbers with None for those that JSON cannot write."""
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value if math.isfinite(value) else None


def shown(values: list[int] | list[float], *, limit: int = 16) -> str:
    """A flat list for people; long ones are cut."""
    texts = [f"{value:.6g}" if isinstance(value, float) else str(value) for value in values]
    more = f", ... {len(texts) - limit} more" if len(texts) > limit else ""
    return f"[{', '.join(texts[:limit])}{more}]"
