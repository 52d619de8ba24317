"""The `verifiable` command: finds the subcommand, and turns every failure into a message.

Subcommands are imported when they are asked for, and import the library only when they run.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from verifiable.errors import VerifiableError

from .console import Console, silence
from .exits import FAILED, INTERRUPTED, OK, UNREADABLE, exit_code

__all__ = ["COMMANDS", "main"]

COMMANDS = (
    "inspect",
    "estimate",
    "compile",
    "setup",
    "prove",
    "verify",
    "run",
    "lock",
    "check",
    "audit",
    "register",
    "registry",
    "router",
    "dispute",
    "tee",
    "quorum",
    "explain",
    "srs",
    "cache",
    "doctor",
    "demo",
)
"""In the order of the help page; each is the module of the same name."""

DEBUG_VARIABLE = "VERIFIABLE_DEBUG"


class _Commands(click.Group):
    """A group that loads its commands late and lets no exception through."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f".{cmd_name}", __package__).command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            told = error.format_message()
            near = get_close_matches(args[0], COMMANDS, n=1)
            if not near or "Did you mean" in told:  # newer versions of click say it themselves
                raise
            raise click.UsageError(f"{told} Did you mean '{near[0]}'?", error.ctx) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VerifiableError as error:
            _show_traceback()
            _console(ctx).failure(error)
            ctx.exit(exit_code(error, judging=_console(ctx).judging))
        except KeyboardInterrupt:
            _console(ctx).interrupted()
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise  # click reports these itself
        except OSError as error:
            _show_traceback()
            _broken(error)
            ctx.exit(_failed(ctx))
        except MemoryError:
            _console(ctx).defect("out-of-memory", "this machine has too little memory for the work")
            ctx.exit(_failed(ctx))
        except Exception as error:
            _show_traceback()
            _console(ctx).defect(
                "internal-error",
                f"a defect of this program: {type(error).__name__}: {error} "
                f"(set {DEBUG_VARIABLE}=1 to see where, and please report it)",
            )
            ctx.exit(_failed(ctx))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command; adds to click's own: JSON for usage errors, broken streams."""
        given = sys.argv[1:] if args is None else list(args)

        def run() -> Any:
            return super(_Commands, self).main(
                given,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )

        if not standalone_mode:
            return run()
        _open_streams(given)
        try:
            ended = run()
        except click.ClickException as error:
            error.show()
            if "--json" in given and isinstance(error, click.UsageError):
                _print_usage_error(error)
            sys.exit(error.exit_code)
        except click.Abort:
            sys.exit(INTERRUPTED)
        except OSError as error:  # while a page of help was written
            _broken(error)
            sys.exit(FAILED)
        sys.exit(ended if isinstance(ended, int) else OK)


def _open_streams(arguments: Sequence[str]) -> None:
    """Refuse to work without stdout: the next file opened would take its place, and the result.

    A closed stderr is replaced for the same reason; its reader has chosen to read nothing.
    """
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the end
    if sys.stdout is None:
        Console().defect("stdout-closed", "stdout is closed, so there is no place for a result")
        sys.exit(UNREADABLE if arguments[:1] in (["verify"], ["check"]) else FAILED)


def _failed(ctx: click.Context) -> int:
    """The exit code of an end that says nothing of a proof."""
    return UNREADABLE if _console(ctx).judging else FAILED


def _broken(error: OSError) -> None:
    """Report in one line what the system refused; a reader who left needs no report."""
    silence(sys.stdout)
    if error.errno != errno.EPIPE:
        place = f"{error.filename}: " if error.filename is not None else ""
        Console().defect("system-error", f"{place}{error.strerror or error}")


def _print_usage_error(error: click.UsageError) -> None:
    """The JSON of a command line that makes no sense, for those who parse what comes."""
    judging = error.ctx is not None and error.ctx.info_name in ("verify", "check")
    console = Console(as_json=True)
    console.judging = judging
    console.usage(error.format_message())


def _console(ctx: click.Context) -> Console:
    found = ctx.find_root().obj
    return found if isinstance(found, Console) else Console()


def _show_traceback() -> None:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exc(file=sys.stderr)


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"verifiable {version('verifiable')}")
        ctx.exit()


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done (verify: proven, check: passed), 1 failed (verify: not proven), "
    "2 usage, 3 unreadable or undecided. Start with `verifiable demo`.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def main() -> None:
    """Prove that an output is what a committed model computes, and verify such proofs."""
