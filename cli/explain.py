"""`verifiable explain`: a code, a check or a proof file in plain words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .codes import CODES
from .console import Console, bytes_text
from .options import reporting
from .prove import shown

if TYPE_CHECKING:
    from verifiable.statement.checks import CheckSpec
    from verifiable.statement.proof import Proof

__all__ = ["command"]


@click.command("explain", short_help="Explain an error code, a check or a proof file.")
@click.argument("subject")
@reporting
def command(subject: str, *, console: Console) -> None:
    """Explain SUBJECT: an error code, the id of a check, or a proof file.

    Of a proof file it says what is claimed. It checks nothing: use `verifiable verify` for that.
    """
    checks = _checks()
    if subject.upper() in checks:
        _explain_check(console, checks[subject.upper()])
    elif subject in CODES or any(subject in spec.codes for spec in checks.values()):
        _explain_code(console, subject, checks)
    elif os.path.exists(subject) or subject.endswith(".json"):
        _explain_proof(console, Path(subject))
    else:
        raise click.UsageError(
            f"{subject!r} is no error code, no check and no file; a list of all checks is in "
            "docs/security.md"
        )


def _checks() -> dict[str, CheckSpec]:
    from verifiable.backends.registry import backend_ids, get_backend
    from verifiable.errors import VerifiableError
    from verifiable.statement.checks import STATEMENT_CHECKS
    from verifiable.statement.registry import REGISTRY_CHECKS

    found = {spec.id: spec for spec in (*STATEMENT_CHECKS, *REGISTRY_CHECKS)}
    for name in backend_ids():
        try:
            found.update({spec.id: spec for spec in get_backend(name).checks})
        except VerifiableError:  # a backend that is not installed has nothing to explain
            continue
    return found


def _explain_check(console: Console, spec: CheckSpec) -> None:
    document = {
        "check": spec.id,
        "name": spec.name,
        "codes": list(spec.codes),
        "refuses": spec.refuses,
    }

    def show(out: Console) -> None:
        out.line(f"{spec.id}: {spec.name}", style="bold")
        out.line(f"Refuses: {spec.refuses}")
        for code in spec.codes:
            out.line(f"  {code}: {CODES[code]}" if code in CODES else f"  {code}")

    console.result(document, show)


def _explain_code(console: Console, code: str, checks: dict[str, CheckSpec]) -> None:
    sources = [spec for spec in checks.values() if code in spec.codes]
    document = {
        "code": code,
        "meaning": CODES.get(code, ""),
        "checks": [spec.id for spec in sources],
    }

    def show(out: Console) -> None:
        out.line(f"{code}: {CODES[code]}" if code in CODES else code, style="bold")
        for spec in sources:
            out.line(f"Code of check {spec.id} ({spec.name}). Refuses: {spec.refuses}")

    console.result(document, show)


def _explain_proof(console: Console, path: Path) -> None:
    import numpy as np

    from verifiable.program.border import dequantise
    from verifiable.statement.proof import Proof

    proof = Proof.load(path)
    statement = proof.statement
    schema = proof.program.schema
    document: dict[str, object] = {
        "proof": str(path),
        "checked": False,
        "backend": proof.backend,
        "backend_version": proof.backend_version,
        "statement_digest": "0x" + statement.digest.hex(),
        "program_root": "0x" + statement.program_root.hex(),
        "input_root": "0x" + statement.input_root.hex(),
        "output_root": "0x" + statement.output_root.hex(),
        "context": "0x" + statement.context.hex(),
        "visibility": proof.visibility,
        "saturated": proof.saturated,
        "inputs": [{"name": spec.name, "shape": list(spec.shape)} for spec in schema.inputs],
        "outputs": [
            {"name": spec.name, "shape": list(spec.shape), "values": values.tolist()}
            for spec, values in zip(schema.outputs, proof.outputs, strict=True)
        ],
        "payload_bytes": len(proof.payload),
        "reveals": _reveals(proof),
    }

    def show(out: Console) -> None:
        out.line(f"{path} claims (nothing of it has been checked here):", style="bold")
        out.line(f"  The program 0x{statement.program_root.hex()},")
        out.line(f"  a straight line of {schema.node_count} integer operations,")
        for spec in schema.inputs:
            out.line(
                f"  given {spec.name!r} {list(spec.shape)}, integers in [{spec.lo}, {spec.hi}],"
            )
        for spec, values in zip(schema.outputs, proof.outputs, strict=True):
            with np.errstate(over="ignore"):  # the values may lie far outside the schema
                real = dequantise(values, scale=spec.scale, zero_point=spec.zero_point)
            out.line(f"  computes {spec.name!r} = {shown(values.reshape(-1).tolist())},")
            out.line(f"  which stands for {shown(real.reshape(-1).tolist())}.")
        if any(statement.context):
            out.line(f"  Made for the use 0x{statement.context.hex()} only.")
        else:
            out.line("  Bound to no use: it can be shown again anywhere.")
        if proof.saturated:
            out.line("  The prover clipped input values that the program cannot hold.")
        out.line(
            f"Evidence: {proof.backend} {proof.backend_version}, "
            f"{bytes_text(len(proof.payload))}. Statement 0x{statement.digest.hex()}"
        )
        out.line("Reveals:")
        for sentence in _reveals(proof):
            out.line(f"  - {sentence}")
        out.line(f"To check it: verifiable verify {path} --program FILE (or --lock FILE)")

    console.result(document, show)


def _reveals(proof: Proof) -> list[str]:
    if proof.visibility == "public":
        first = "the input and the output, value by value"
    else:
        first = "the output; of the input a hash, from which few possible inputs can be guessed"
    return [first, "names, shapes and scales of the program's inputs and outputs"]
