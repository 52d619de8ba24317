"""`verifiable quorum`: keys of parties that re-execute, and their signatures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, bytes_text
from .options import (
    FILE,
    hex_digest,
    input_options,
    interruptible,
    output_option,
    quorum_option,
    reporting,
    visibility_option,
)

if TYPE_CHECKING:
    from verifiable.backends.quorum.keys import QuorumKey

__all__ = ["command"]

_PASSWORD_HELP = "File with the keystore's password; asked for without it."  # noqa: S105
_context_option = click.option(
    "--context", callback=hex_digest, help="32 bytes in hex that bind the proof to one use."
)


@click.group("quorum")
def command() -> None:
    """Let k of n named parties re-execute a program and sign the result."""


@command.command("keygen", short_help="Make a party's secret key and its public file.")
@click.argument("name")
@click.option(
    "--keystore", type=FILE, required=True, help="Where to write the secret key, encrypted."
)
@output_option("name, public key and proof of possession")
@click.option("--password-file", type=FILE, help=_PASSWORD_HELP)
@reporting
def keygen(
    name: str, keystore: Path, output: Path, password_file: Path | None, *, console: Console
) -> None:
    """Make a key for the party NAME: a keystore (EIP-2335) to keep, and a file to give away."""
    from verifiable.quorums import make_keystore

    member = make_keystore(
        name,
        keystore=keystore,
        public=output,
        password=_password(password_file, confirm=True),
    )
    console.result(
        {
            "name": member.name,
            "public_key": "0x" + member.public_key.hex(),
            "keystore": str(keystore),
            "member": str(output),
        },
        lambda out: out.line(
            f"{keystore}: secret key of {member.name!r}, keep it; {output}: give it to whoever "
            "makes the quorum"
        ),
    )


@command.command("key", short_help="Make a quorum's key from its members' files.")
@click.argument("members", type=FILE, nargs=-1, required=True)
@click.option("--threshold", type=click.IntRange(min=1), required=True, help="How many must sign.")
@output_option("the quorum's key")
@reporting
def key(members: tuple[Path, ...], threshold: int, output: Path, *, console: Console) -> None:
    """Make the key of a quorum of MEMBERS; each must show that it holds its key.

    Ask each party by another way whether the file is its own: who uses the key trusts you for that.
    """
    from verifiable.files import write_bytes
    from verifiable.quorums import make_quorum
    from verifiable.sources import check_output

    check_output(output, sources=members)
    made = make_quorum(members, threshold)
    write_bytes(output, made.encode())
    _show_key(console, made, output)


@command.command("show", short_help="Check a quorum's key and show its members.")
@click.argument("quorum", type=FILE)
@reporting
def show(quorum: Path, *, console: Console) -> None:
    """Check the file QUORUM, proofs of possession included, and show who is in it."""
    from verifiable.backends.quorum.held import read_quorum
    from verifiable.backends.quorum.signing import require_possession

    found = read_quorum(quorum)
    require_possession(found)
    _show_key(console, found, quorum)


@command.command("sign", short_help="Execute a program and sign the result as a member.")
@click.argument("program", type=FILE)
@input_options
@quorum_option
@click.option("--keystore", type=FILE, required=True, help="Your secret key.")
@click.option("--password-file", type=FILE, help=_PASSWORD_HELP)
@_context_option
@click.option(
    "--statement",
    "expected",
    callback=hex_digest,
    metavar="DIGEST",
    help="The statement that was proposed to you; another result is not signed.",
)
@output_option("the signature")
@reporting
def sign(
    program: Path,
    input_path: Path,
    index: int | None,
    saturate: bool,
    quorum: Path | None,
    keystore: Path,
    password_file: Path | None,
    context: bytes | None,
    expected: bytes | None,
    output: Path,
    *,
    console: Console,
) -> None:
    """Execute PROGRAM on an input, and sign what this machine computed."""
    from verifiable.files import write_bytes
    from verifiable.quorums import sign_result
    from verifiable.sources import check_output
    from verifiable.statement.statement import ZERO_CONTEXT

    path = _named(quorum)
    check_output(output, sources=(program, input_path, path, keystore))
    with interruptible(console) as cancel, console.progress() as progress:
        partial = sign_result(
            program,
            input_path,
            quorum=path,
            keystore=keystore,
            password=_password(password_file),
            expected=expected,
            index=index,
            saturate=saturate,
            context=ZERO_CONTEXT if context is None else context,
            progress=progress,
            cancel=cancel,
        )
    write_bytes(output, partial.encode())
    digest = "0x" + partial.statement.digest.hex()
    console.result(
        {
            "signature": str(output),
            "statement_digest": digest,
            "public_key": "0x" + partial.public_key.hex(),
        },
        lambda out: out.line(f"{output}: signature of statement {digest}"),
    )


@command.command("combine", short_help="Make a proof of enough members' signatures.")
@click.argument("program", type=FILE)
@click.argument("signatures", type=FILE, nargs=-1, required=True)
@input_options
@quorum_option
@_context_option
@visibility_option
@output_option("the proof")
@reporting
def combine(
    program: Path,
    signatures: tuple[Path, ...],
    input_path: Path,
    index: int | None,
    saturate: bool,
    quorum: Path | None,
    context: bytes | None,
    visibility: str,
    output: Path,
    *,
    console: Console,
) -> None:
    """Execute PROGRAM, and add up the members' SIGNATURES of the result; each is checked."""
    from verifiable.files import write_bytes
    from verifiable.quorums import combine_signatures
    from verifiable.sources import check_output
    from verifiable.statement.statement import ZERO_CONTEXT

    path = _named(quorum)
    check_output(output, sources=(program, input_path, path, *signatures))
    with interruptible(console) as cancel, console.progress() as progress:
        proof = combine_signatures(
            program,
            input_path,
            signatures,
            quorum=path,
            index=index,
            saturate=saturate,
            context=ZERO_CONTEXT if context is None else context,
            visibility=visibility,
            progress=progress,
            cancel=cancel,
        )
    data = proof.encode()
    write_bytes(output, data)
    digest = "0x" + proof.statement.digest.hex()
    console.result(
        {"proof": str(output), "statement_digest": digest, "proof_bytes": len(data)},
        lambda out: out.line(
            f"{output}: quorum proof file of {bytes_text(len(data))}, statement {digest}"
        ),
    )


def _named(quorum: Path | None) -> Path:
    if quorum is None:
        raise click.UsageError("--quorum is needed: the file of the quorum that the proof is for")
    return quorum


def _password(path: Path | None, *, confirm: bool = False) -> str:
    """The password in a file, or as typed."""
    if path is None:
        typed: str = click.prompt(
            "Password of the keystore", hide_input=True, confirmation_prompt=confirm, err=True
        )
        return typed
    from verifiable.backends.quorum.held import read_password

    return read_password(str(path))


def _show_key(console: Console, key: QuorumKey, path: Path) -> None:
    document = {
        "quorum": str(path),
        "key_digest": "0x" + key.digest.hex(),
        "threshold": key.threshold,
        "members": [
            {"name": item.name, "public_key": "0x" + item.public_key.hex()} for item in key.members
        ],
    }

    def lines(out: Console) -> None:
        for item in key.members:
            out.line(f"{item.name}: 0x{item.public_key.hex()}")
        out.line(
            f"{path}: {key.threshold} of {len(key.members)} must sign, key 0x{key.digest.hex()}"
        )

    console.result(document, lines)
