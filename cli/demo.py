"""`verifiable demo`: the main job on a small model, then a lie that is caught."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .compile import show_accuracy
from .console import Console, seconds_text
from .exits import FAILED
from .options import backend_option, cache_option, interruptible, reporting
from .prove import shown
from .verify import verdict_document

if TYPE_CHECKING:
    from verifiable.progress import Cancellation, Progress
    from verifiable.statement.proof import Proof
    from verifiable.statement.verdict import Verdict

__all__ = ["command"]

_MODEL = "digits_mlp.onnx"
_CALIBRATION = "digits_calibration.npz"
_INPUT = "digits_input.npz"


@click.command("demo", short_help="Prove a small model, then catch a lie about it.")
@backend_option
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to leave the program and the proof in.",
)
@cache_option
@reporting
def command(backend: str, keep: Path | None, cache_dir: Path | None, *, console: Console) -> None:
    """Compile, prove and verify a small classifier of digits; then tamper with the output."""
    with tempfile.TemporaryDirectory(prefix="verifiable-demo-") as temporary:
        folder = Path(temporary) if keep is None else keep
        folder.mkdir(parents=True, exist_ok=True)
        with (
            as_file(files("verifiable") / "samples") as samples,
            interruptible(console) as cancel,
        ):
            _run(samples, folder, backend, cache_dir, console, cancel)


def _run(
    samples: Path,
    folder: Path,
    backend: str,
    cache_dir: Path | None,
    console: Console,
    cancel: Cancellation,
) -> None:
    from verifiable import api
    from verifiable.files import write_bytes

    program_path = folder / "digits_mlp.program.onnx"
    proof_path = folder / "proof.json"
    began_s = time.perf_counter()
    with console.progress() as progress:
        program = api.compile(
            samples / _MODEL,
            calibration=samples / _CALIBRATION,
            output=program_path,
            progress=progress,
            cancel=cancel,
        )
        compile_s = time.perf_counter() - began_s
        result = api.prove(
            program,
            samples / _INPUT,
            backend=backend,
            insecure_local_setup=True,
            cache_dir=cache_dir,
            progress=progress,
            cancel=cancel,
        )
        write_bytes(proof_path, result.proof.encode())

        def judged(proof: Proof) -> tuple[Verdict, float]:
            return _judged(proof, program_path, cache_dir, progress, cancel)

        verdict, verify_s = judged(result.proof)
        plain, recommitted, wrong, right = _lies(result.proof)
        lies = [judged(plain), judged(recommitted)]
    rejected = all(lie.outcome == "not_proven" for lie, _ in lies)
    good = verdict.outcome == "proven" and rejected
    document = {
        "ok": good,
        "backend": backend,
        "statement_digest": "0x" + result.statement.digest.hex(),
        "compile_s": compile_s,
        "setup_s": result.setup_s,
        "execute_s": result.execute_s,
        "prove_s": result.prove_s,
        "verify_s": verify_s,
        "proof_bytes": result.proof_bytes,
        "peak_rss_mib": result.peak_rss_mib,
        "honest": verdict_document(verdict, verify_s),
        "tampered": [verdict_document(lie, taken_s) for lie, taken_s in lies],
    }

    def show(out: Console) -> None:
        out.line("1. compiled digits_mlp (a 64-32-10 perceptron) to an integer program")
        show_accuracy(out, program)
        scores = next(iter(result.outputs.values())).reshape(-1).tolist()
        out.line(f"2. proved that its output on a handwritten digit is {shown(scores)},")
        out.line(f"   so that the digit is a {scores.index(max(scores))}")
        _show_verdict(out, "3. verified the proof", verdict, expected="proven")
        out.line(f"4. changed one byte of the output in the proof: {right} became {wrong}")
        _show_verdict(out, "   verified again", lies[0][0], expected="not_proven")
        out.line("5. made the statement fit the changed output, as a cleverer liar would")
        _show_verdict(out, "   verified again", lies[1][0], expected="not_proven")
        out.line(
            "The setup of this demo was made on this machine, so its maker could forge; real use "
            "takes the public one."
        )
        out.line(
            f"{'proven' if good else 'NOT PROVEN'}: these scores are what digits_mlp computes on "
            f"this digit ({backend}; compile {seconds_text(compile_s)}, "
            f"setup {seconds_text(result.setup_s)}, execute {seconds_text(result.execute_s)}, "
            f"prove {seconds_text(result.prove_s)}, verify {seconds_text(verify_s)})",
            style="bold green" if good else "bold red",
        )

    console.result(document, show)
    if not good:
        click.get_current_context().exit(FAILED)


def _show_verdict(out: Console, what: str, verdict: Verdict, *, expected: str) -> None:
    style = "green" if verdict.outcome == expected else "bold red"
    out.line(f"{what}: {verdict.outcome}", style=style)
    if verdict.failed:
        first = verdict.failed[0]
        out.line(f"   {first.id} {first.name} [{first.code}]: {first.hint or first.found}")


def _judged(
    proof: Proof, program: Path, cache_dir: Path | None, progress: Progress, cancel: Cancellation
) -> tuple[Verdict, float]:
    from verifiable.api import evaluate

    began_s = time.perf_counter()
    verdict = evaluate(
        proof.encode(),
        program=program,
        allow_insecure_setup=True,
        cache_dir=cache_dir,
        progress=progress,
        cancel=cancel,
    )
    return verdict, time.perf_counter() - began_s


def _lies(proof: Proof) -> tuple[Proof, Proof, int, int]:
    """Two proofs of a wrong first output value: statement left, and statement made to fit."""
    from verifiable.statement.commitment import outputs_root

    first, *others = proof.outputs
    changed = first.copy()
    right = int(changed.reshape(-1)[0])
    wrong = right ^ 1
    changed.reshape(-1)[0] = wrong
    plain = replace(proof, outputs=(changed, *others))
    root = outputs_root(proof.program.schema, plain.outputs, leaf_log2=proof.program.leaf_log2)
    fitting = replace(plain, statement=replace(proof.statement, output_root=root))
    return plain, fitting, wrong, right
