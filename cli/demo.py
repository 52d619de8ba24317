"""`verifiable demo`: the main job on a small model, then lies that are caught."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verifiable.backends.registry import DEFAULT_BACKEND

from .compile import show_accuracy
from .console import Console, bytes_text, seconds_text
from .exits import FAILED
from .options import cache_option, interruptible, reporting
from .prove import shown
from .verdicts import verdict_document

if TYPE_CHECKING:
    from verifiable.program.program import Program
    from verifiable.progress import Cancellation, Progress
    from verifiable.proving import ProveResult
    from verifiable.statement.proof import Proof
    from verifiable.statement.verdict import Verdict

__all__ = ["command"]

_MODEL = "digits_mlp.onnx"
_CALIBRATION = "digits_calibration.npz"
_INPUT = "digits_input.npz"
_BESIDE = "ezkl"
"""Shown beside the default where the package of this name is installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proven:
    """What one backend made of the demo, and how the proof was judged."""

    backend: str
    local_setup: bool
    result: ProveResult
    verdict: Verdict
    verify_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lie:
    """A proof that somebody changed, and how it was found out."""

    told: str
    refused: bool
    found: str
    document: dict[str, object]


@click.command("demo", short_help="Prove a small model, then catch lies about it.")
@click.option(
    "--backend",
    "backends",
    multiple=True,
    help=f"Kind of evidence; repeatable.  [default: {DEFAULT_BACKEND}, and {_BESIDE} if installed]",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to leave the program and the proofs in.",
)
@cache_option
@reporting
def command(
    backends: tuple[str, ...], keep: Path | None, cache_dir: Path | None, *, console: Console
) -> None:
    """Compile, prove and verify a small classifier of digits; then tamper with the proof."""
    with tempfile.TemporaryDirectory(prefix="verifiable-demo-") as temporary:
        folder = Path(temporary) if keep is None else keep
        folder.mkdir(parents=True, exist_ok=True)
        with (
            as_file(files("verifiable") / "samples") as samples,
            interruptible(console) as cancel,
        ):
            _run(samples, folder, tuple(dict.fromkeys(backends)), cache_dir, console, cancel)


def _run(
    samples: Path,
    folder: Path,
    backends: tuple[str, ...],
    cache_dir: Path | None,
    console: Console,
    cancel: Cancellation,
) -> None:
    from verifiable import api

    program_path = folder / "digits_mlp.program.onnx"
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
        stage = _Stage(
            program=program,
            program_path=program_path,
            input_path=samples / _INPUT,
            folder=folder,
            cache_dir=cache_dir,
            progress=progress,
            cancel=cancel,
        )
        made = [stage.prove(name) for name in backends or (DEFAULT_BACKEND,)]
        if not backends and DEFAULT_BACKEND != _BESIDE and find_spec(_BESIDE):
            made += stage.prove_beside(_BESIDE, console)
        lies = stage.lies(made[0])
    same = len({item.result.statement.digest for item in made}) == 1
    proven = all(item.verdict.outcome == "proven" for item in made)
    good = proven and same and all(lie.refused for lie in lies)
    document = {
        "ok": good,
        "compile_s": compile_s,
        "statement_digest": "0x" + made[0].result.statement.digest.hex(),
        "same_statement": same,
        "backends": {item.backend: _document(item) for item in made},
        "tampered": [{"lie": lie.told, "refused": lie.refused, **lie.document} for lie in lies],
    }
    console.result(
        document,
        lambda out: _show(out, program, made, lies, compile_s, same=same, good=good),
    )
    if not good:
        click.get_current_context().exit(FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """The compiled program, and all that proofs about it are made and judged with."""

    program: Program
    program_path: Path
    input_path: Path
    folder: Path
    cache_dir: Path | None
    progress: Progress
    cancel: Cancellation

    def prove(self, name: str) -> _Proven:
        """Prove by one backend, with a setup made here if it rests on one; keep and judge it."""
        from verifiable import api
        from verifiable.backends.base import SetupOrigins
        from verifiable.backends.registry import get_backend
        from verifiable.files import write_bytes

        local_setup = isinstance(get_backend(name), SetupOrigins)
        result = api.prove(
            self.program,
            self.input_path,
            backend=name,
            insecure_local_setup=local_setup,
            cache_dir=self.cache_dir,
            progress=self.progress,
            cancel=self.cancel,
        )
        write_bytes(self.folder / f"{name}.proof.json", result.proof.encode())
        verdict, verify_s = self.judge(result.proof, local_setup=local_setup)
        return _Proven(
            backend=name,
            local_setup=local_setup,
            result=result,
            verdict=verdict,
            verify_s=verify_s,
        )

    def prove_beside(self, name: str, console: Console) -> list[_Proven]:
        """Prove by a backend that nobody asked for: what is in its way spoils nothing."""
        from verifiable.errors import Cancelled, VerifiableError

        try:
            return [self.prove(name)]
        except Cancelled:
            raise
        except VerifiableError as error:
            console.warn(f"{name} is left out: {error}")
            return []

    def judge(self, proof: Proof, *, local_setup: bool) -> tuple[Verdict, float]:
        """The verdict of somebody who holds the program, and its seconds."""
        from verifiable.api import evaluate
        from verifiable.statement.policy import Policy

        began_s = time.perf_counter()
        verdict = evaluate(
            proof.encode(),
            policy=Policy(
                backends={proof.backend: None},
                allow_insecure=frozenset(("local_setup",) if local_setup else ()),
            ),
            program=self.program_path,
            cache_dir=self.cache_dir,
            progress=self.progress,
            cancel=self.cancel,
        )
        return verdict, time.perf_counter() - began_s

    def lies(self, made: _Proven) -> list[_Lie]:
        """Tell every lie about a proof, and see what becomes of it."""
        from verifiable.errors import MalformedProof

        found = []
        for told, proof in _lies(made.result.proof):
            try:
                verdict, verify_s = self.judge(proof, local_setup=made.local_setup)
            except MalformedProof as error:
                code = {"code": error.code, "what": error.what}
                refusal = f"no proof at all [{error.code}]: {error.what}"
                found.append(_Lie(told=told, refused=True, found=refusal, document={"error": code}))
                continue
            found.append(
                _Lie(
                    told=told,
                    refused=verdict.outcome == "not_proven",
                    found=_outcome(verdict),
                    document=verdict_document(verdict, verify_s),
                )
            )
        return found


def _lies(proof: Proof) -> list[tuple[str, Proof]]:
    """Lies about a proof: what was done to it, and the result."""
    from verifiable.statement.commitment import outputs_root

    first, *others = proof.outputs
    changed = first.copy()
    right = int(changed.reshape(-1)[0])
    changed.reshape(-1)[0] = right ^ 1
    plain = replace(proof, outputs=(changed, *others))
    root = outputs_root(proof.program.schema, plain.outputs, leaf_log2=proof.program.leaf_log2)
    fitting = replace(plain, statement=replace(proof.statement, output_root=root))
    middle = len(proof.payload) // 2
    flipped = bytearray(proof.payload)
    flipped[middle] ^= 1
    return [
        (f"changed the output in the proof: {right} became {right ^ 1}", plain),
        ("made the statement fit the changed output, as a cleverer liar would", fitting),
        (
            f"left the output, and changed one bit of the evidence (byte {middle:,} of "
            f"{len(flipped):,})",
            replace(proof, payload=bytes(flipped)),
        ),
    ]


def _document(made: _Proven) -> dict[str, object]:
    result = made.result
    return {
        "statement_digest": "0x" + result.statement.digest.hex(),
        "local_setup": made.local_setup,
        "setup_s": result.setup_s,
        "setup_cached": result.setup_cached,
        "execute_s": result.execute_s,
        "prove_s": result.prove_s,
        "phases_s": dict(result.phases_s),
        "verify_s": made.verify_s,
        "proof_bytes": result.proof_bytes,
        "payload_bytes": len(result.proof.payload),
        "peak_rss_mib": result.peak_rss_mib,
        "honest": verdict_document(made.verdict, made.verify_s),
    }


def _show(
    out: Console,
    program: Program,
    made: list[_Proven],
    lies: list[_Lie],
    compile_s: float,
    *,
    same: bool,
    good: bool,
) -> None:
    first = made[0]
    out.line("1. compiled digits_mlp (a 64-32-10 perceptron) to an integer program")
    show_accuracy(out, program)
    scores = next(iter(first.result.outputs.values())).reshape(-1).tolist()
    out.line(f"2. proved that its output on a handwritten digit is {shown(scores)},")
    out.line(f"   so that the digit is a {scores.index(max(scores))}")
    for item in made:
        _show_outcome(
            out,
            f"3. verified the proof of {item.backend}",
            _outcome(item.verdict),
            good=item.verdict.outcome == "proven",
        )
    if len(made) > 1:
        word = "carry one statement" if same else "DIFFER in their statements"
        digest = first.result.statement.digest.hex()
        out.line(f"   all proofs {word}: 0x{digest}", style="" if same else "bold red")
    for number, lie in enumerate(lies, start=4):
        out.line(f"{number}. {lie.told}")
        _show_outcome(out, "   verified again", lie.found, good=lie.refused)
    _show_costs(out, made)
    for item in made:
        if item.local_setup:
            out.line(
                f"{item.backend}: the setup of this demo was made on this machine, so its maker "
                "could forge; real use takes the public one."
            )
    result = first.result
    out.line(
        f"{'proven' if good else 'NOT PROVEN'}: these scores are what digits_mlp computes on "
        f"this digit ({first.backend}; compile {seconds_text(compile_s)}, "
        f"setup {seconds_text(result.setup_s)}, execute {seconds_text(result.execute_s)}, "
        f"prove {seconds_text(result.prove_s)}, verify {seconds_text(first.verify_s)})",
        style="bold green" if good else "bold red",
    )


def _outcome(verdict: Verdict) -> str:
    """The outcome, and the first check that did not pass."""
    if not verdict.failed:
        return verdict.outcome
    first = verdict.failed[0]
    return f"{verdict.outcome}, {first.id} {first.name} [{first.code}]: {first.hint or first.found}"


def _show_outcome(out: Console, what: str, outcome: str, *, good: bool) -> None:
    out.line(f"{what}: {outcome}", style="green" if good else "bold red")


def _show_costs(out: Console, made: list[_Proven]) -> None:
    columns = ("setup", "prove", "verify", "proof file", "memory")
    out.table(
        ("backend", *columns),
        [
            (
                item.backend,
                "cached" if item.result.setup_cached else seconds_text(item.result.setup_s),
                seconds_text(item.result.prove_s),
                seconds_text(item.verify_s),
                bytes_text(item.result.proof_bytes),
                f"{item.result.peak_rss_mib:,.0f} MiB",
            )
            for item in made
        ],
        right=columns,
    )
