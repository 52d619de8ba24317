"""`verifiable check`: compare the models of a repository with its lock."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from .console import Console, counted
from .exits import FAILED, OK, UNREADABLE
from .options import (
    FILE,
    attestation_trust_options,
    cache_option,
    hex_digest,
    interruptible,
    reporting,
    time_option,
)

if TYPE_CHECKING:
    from verifiable.integrity.report import Report

__all__ = ["command"]

_EXITS = {"passed": OK, "failed": FAILED, "undecided": UNREADABLE}
_MARKS = {"ok": "ok", "failed": "FAILED", "skipped": "not run", "undecided": "undecided"}
_STYLES = {"passed": "bold green", "failed": "bold red", "undecided": "bold yellow"}
_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
_ROOT_VARIABLE = "GITHUB_WORKSPACE"


@click.command("check", short_help="Compare the models of a repository with its lock.")
@click.argument("paths", type=click.Path(path_type=Path), nargs=-1)
@click.option(
    "--lock",
    type=FILE,
    default=Path("model.lock"),
    show_default=True,
    help="The lock; paths in it are relative to its folder.",
)
@click.option(
    "--level",
    type=click.Choice(("hash", "program", "golden", "proof")),
    default="hash",
    show_default=True,
    help="Hash files; load the programs too; run golden inputs too; judge proofs too.",
)
@click.option(
    "--derive",
    "keys",
    multiple=True,
    default=("gkr",),
    show_default=True,
    help="Whose keys to derive again (levels from `program`); repeatable.",
)
@click.option("--proof", "proofs", type=FILE, multiple=True, help="A proof to judge; repeatable.")
@click.option("--policy", type=FILE, help="What you demand of proofs, a JSON file.")
@time_option
@click.option(
    "--signature", type=FILE, help="An OpenSSF model signature (model.sig) beside the models."
)
@click.option(
    "--signature-key", type=FILE, help="The public key (PEM) that must have made the signature."
)
@click.option("--allow-insecure-setup", is_flag=True, help="For proofs, as for `verify`.")
@click.option("--registry", metavar="URL/ADDRESS", help="For proofs, as for `verify`.")
@click.option("--record", callback=hex_digest, metavar="ID", help="For proofs, as for `verify`.")
@click.option("-c", "--chain", "chain_id", type=click.IntRange(min=1), help="As for `verify`.")
@click.option("-r", "--rpc-url", metavar="URL", help="For proofs, as for `verify`.")
@click.option("--allow-local-chain", is_flag=True, help="For proofs, as for `verify`.")
@attestation_trust_options
@click.option("--sarif", type=FILE, help="Also write the findings to this file, as SARIF 2.1.0.")
@click.option(
    "--summary",
    type=FILE,
    envvar=_SUMMARY_VARIABLE,
    show_envvar=True,
    help="Also append the findings to this file, as Markdown.",
)
@click.option(
    "--in-toto", type=FILE, help="Also write what was found to this file, as in-toto statement."
)
@cache_option
@reporting
def command(
    paths: tuple[Path, ...],
    lock: Path,
    level: Literal["hash", "program", "golden", "proof"],
    keys: tuple[str, ...],
    proofs: tuple[Path, ...],
    policy: Path | None,
    now: datetime | None,
    signature: Path | None,
    signature_key: Path | None,
    allow_insecure_setup: bool,
    registry: str | None,
    record: bytes | None,
    chain_id: int | None,
    rpc_url: str | None,
    allow_local_chain: bool,
    allow_simulated: bool,
    simulated_roots: tuple[Path, ...],
    sarif: Path | None,
    summary: Path | None,
    in_toto: Path | None,
    cache_dir: Path | None,
    *,
    console: Console,
) -> None:
    """Compare the models in PATHS, or in the lock's folder, with the lock.

    Exit 0: all of it as locked; 1: something is not; 3: unreadable, undecided, or nothing to check.
    """
    console.judging = True
    from verifiable.integrity.check import check

    trust = {
        "allow_insecure_setup": allow_insecure_setup,
        "registry": registry,
        "record": record,
        "chain_id": chain_id,
        "rpc_url": rpc_url,
        "allow_local_chain": allow_local_chain,
        "allow_simulated": allow_simulated,
        "simulated_roots": simulated_roots,
    }
    if level == "proof" and now is None:
        from datetime import UTC

        now = datetime.now(UTC)
    with interruptible(console) as cancel, console.progress() as progress:
        report = check(
            paths,
            lock=lock,
            level=level,
            keys=keys,
            proofs=proofs,
            policy=policy,
            now=now,
            signature=signature,
            signature_key=signature_key,
            cache_dir=cache_dir,
            progress=progress,
            cancel=cancel,
            **{name: value for name, value in trust.items() if value},
        )
    _write_files(report, sarif=sarif, summary=summary, in_toto=in_toto)
    console.result(report.to_json(), lambda out: _show(out, report))
    click.get_current_context().exit(_EXITS[report.result])


def _write_files(
    report: Report, *, sarif: Path | None, summary: Path | None, in_toto: Path | None
) -> None:
    if (sarif, summary, in_toto) == (None, None, None):
        return
    from importlib.metadata import version

    from verifiable.files import write_bytes
    from verifiable.integrity.outputs import dump, in_toto_statement, sarif_log, step_summary

    release = version("verifiable")
    if sarif is not None:
        base = Path(os.environ.get(_ROOT_VARIABLE) or ".")
        write_bytes(sarif, dump(sarif_log(report, version=release, base=base)))
    if in_toto is not None:
        write_bytes(in_toto, dump(in_toto_statement(report, version=release)))
    if summary is not None:  # others' steps write to the same file
        with open(summary, "a", encoding="utf-8") as stream:
            stream.write(step_summary(report))


def _show(out: Console, report: Report) -> None:
    bad = report.bad
    listed = bad if report.level == "hash" else report.findings
    for item in listed:
        check = item.check
        about = f" {item.model!r}" if item.model else ""
        where = f" {item.path}" if item.path else ""
        code = f" [{check.code}]" if check.code and check.code != "check-not-run" else ""
        style = {"failed": "bold red", "undecided": "yellow"}.get(check.status, "")
        out.line(
            f"{_MARKS[check.status]}: {check.id} {check.name}{about}{where}{code}", style=style
        )
        if item in bad:
            for label, text in (
                ("expected", check.expected),
                ("found", check.found),
                ("what to do", check.hint),
            ):
                if text:
                    out.line(f"  {label}: {text}")
    out.line("Does not establish:")
    for sentence in report.does_not_establish:
        out.line(f"  - {sentence}")
    files = counted(len(report.files), "model file", "model files")
    checks = counted(len(report.findings), "check", "checks")
    told = f"{report.result.upper()}: {files}, {checks}, level {report.level}, {report.lock}"
    out.line(told, style=_STYLES[report.result])
