"""`verifiable audit`: derive every commitment of a model again, and compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .chain_options import address
from .console import Console, counted, seconds_text
from .exits import FAILED, OK, UNREADABLE
from .options import (
    FILE,
    cache_option,
    hex_digest,
    interruptible,
    local_setup_option,
    reporting,
    srs_option,
    time_limit_option,
    visibility_option,
    weights_option,
)

if TYPE_CHECKING:
    from verifiable.auditing.report import AuditReport

__all__ = ["command"]

_EXITS = {"passed": OK, "failed": FAILED, "undecided": UNREADABLE}
_MARKS = {"ok": "ok", "failed": "DIFFERS", "skipped": "not compared", "undecided": "undecided"}
_STYLES = {"passed": "bold green", "failed": "bold red", "undecided": "bold yellow"}


@click.command("audit", short_help="Derive every commitment of a model again, and compare.")
@click.argument("model", type=FILE)
@click.argument("program", type=FILE, required=False)
@click.option("--lock", type=FILE, help="Compare with this lock.")
@click.option("--name", help="Of the lock's entry.  [default: the one of this program]")
@click.option("--registry", metavar="URL/ADDRESS", help="Compare with a record in this registry.")
@click.option("--record", callback=hex_digest, metavar="ID", help="The record.")
@click.option("-c", "--chain", "chain_id", type=click.IntRange(min=1), help="The node's chain.")
@click.option("-r", "--rpc-url", metavar="URL", help="A node, for the key of a dispute game.")
@click.option("--allow-local-chain", is_flag=True, help="Accept a development chain (tests).")
@click.option(
    "--game",
    callback=address,
    metavar="ADDRESS",
    help="The dispute game (backend optimistic).  [default: the one that the lock names]",
)
@click.option(
    "--policy",
    type=FILE,
    help="The code that may attest (backend tee); else the simulator's. May pin the record.",
)
@click.option(
    "--quorum", type=FILE, help="The quorum that counts (backend quorum), as its members say."
)
@click.option(
    "--backends",
    metavar="NAME,NAME",
    help="Whose keys to derive; one that is left out stays undecided.  [default: all that lock "
    "and record hold]",
)
@click.option(
    "--data", type=FILE, help="Raw inputs (.npz), with `labels` or without: is the program as good?"
)
@click.option(
    "--floor",
    type=click.IntRange(1, 10_000),
    help="With --data: the smallest share of rows, in basis points (9700 is 97 %), that the "
    "program must decide as the float model does.",
)
@visibility_option
@weights_option
@local_setup_option
@srs_option
@cache_option
@time_limit_option
@reporting
def command(
    model: Path,
    program: Path | None,
    lock: Path | None,
    name: str | None,
    registry: str | None,
    record: bytes | None,
    chain_id: int | None,
    rpc_url: str | None,
    allow_local_chain: bool,
    game: bytes | None,
    policy: Path | None,
    quorum: Path | None,
    backends: str | None,
    data: Path | None,
    floor: int | None,
    visibility: str,
    weights: str | None,
    insecure_local_setup: bool,
    srs: Path | None,
    cache_dir: Path | None,
    time_limit_s: float | None,
    *,
    console: Console,
) -> None:
    """Compile MODEL again, with the scales that PROGRAM names, derive its keys, and compare all of
    it with PROGRAM, a lock and a record.

    Exit 0: all equal; 1: something differs; 2: usage; 3: unreadable, or undecided for some key.
    """
    console.judging = True
    from verifiable.auditing.audit import audit

    with interruptible(console) as cancel, console.progress() as progress:
        report = audit(
            model,
            program,
            lock=lock,
            name=name,
            registry=registry,
            record=record,
            chain_id=chain_id,
            rpc_url=rpc_url,
            game=game,
            policy=policy,
            quorum=quorum,
            allow_local_chain=allow_local_chain,
            backends=None if backends is None else _names(backends),
            visibility=visibility,
            weights=weights,
            insecure_local_setup=insecure_local_setup,
            srs=srs,
            data=data,
            floor=floor,
            cache_dir=cache_dir,
            time_limit_s=time_limit_s,
            progress=progress,
            cancel=cancel,
        )
    console.result(report.to_json(), lambda out: _show(out, report))
    click.get_current_context().exit(_EXITS[report.result])


def _names(text: str) -> tuple[str, ...]:
    names = tuple(item.strip() for item in text.split(","))
    if not all(names):
        raise click.UsageError(f"--backends {text!r} is not of the form NAME,NAME")
    return names


def _show(out: Console, report: AuditReport) -> None:
    out.line(f"derived: program root 0x{report.commitment.program_root.hex()}")
    if report.same_source is False:
        out.line("  the model's file is another one than PROGRAM says it was compiled from")
    for key in report.keys:
        if key.digest is None:
            estimate = f" (about {seconds_text(key.estimate_s)})" if key.estimate_s else ""
            out.line(f"  {key.backend} key: not derived{estimate}: {key.why_not}")
        else:
            source = f", from {key.follows_from}" if key.follows_from else ""
            cached = ", from the cache" if key.from_cache else ""
            out.line(f"  {key.backend} key: 0x{key.digest.hex()}{source}{cached}")
    for item in report.findings:
        check = item.check
        about = f"{item.subject}, {item.backend}" if item.backend else item.subject
        code = f" [{check.code}]" if check.code and check.code != "check-not-run" else ""
        style = {"failed": "bold red", "undecided": "yellow"}.get(check.status, "")
        out.line(f"{_MARKS[check.status]}: {check.id} {check.name} ({about}){code}", style=style)
        if not check.ok:
            for label, text in (
                ("expected", check.expected),
                ("found", check.found),
                ("why" if check.status == "skipped" else "what to do", check.hint),
            ):
                if text:
                    out.line(f"  {label}: {text}")
    _show_agreement(out, report)
    out.line("Does not establish:")
    for sentence in report.does_not_establish:
        out.line(f"  - {sentence}")
    told = {"equal": "EQUAL", "differ": "DIFFERENT", "undecided": "UNDECIDED"}[report.commitments]
    checks = counted(len(report.findings), "check", "checks")
    floor = "; the floor of agreement is not reached" if report.below_floor else ""
    out.line(f"COMMITMENTS {told}: {checks}{floor}", style=_STYLES[report.result])


def _show_agreement(out: Console, report: AuditReport) -> None:
    found = report.agreement
    if found is None:
        return
    out.line(f"against the float model, {counted(found.compared.rows, 'row', 'rows')}:")
    if found.compared.saturated_rows:
        out.line(f"  {found.compared.saturated_rows} with values beyond the program's range")
    for item in found.compared.outputs:
        share = item.label_agreement
        alike = "" if share is None else f", {share * 100:.2f} % decided alike"
        out.line(
            f"  {item.name}: error mean {item.mean_error:.4g}, largest {item.max_error:.4g}{alike}"
        )
    if found.labelled is not None:
        out.line(
            f"  right: float model {found.labelled.float_right}, program "
            f"{found.labelled.program_right}, of {found.labelled.rows}"
        )
