"""The `verifiable` command: finds the subcommand, and turns every failure into a message.

Subcommands are imported when they are asked for, and import the library only when they run.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from typing import Any

import click

from verifiable.errors import VerifiableError

from .console import Console
from .exits import FAILED, INTERRUPTED, exit_code

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

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except VerifiableError as error:
            _show_traceback()
            _console(ctx).failure(error)
            ctx.exit(exit_code(error))
        except KeyboardInterrupt:
            _console(ctx).interrupted()
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit, click.Abort, OSError):
            # click reports these itself; of OSErrors only a closed pipe can reach this point
            raise
        except MemoryError:
            _console(ctx).defect("out-of-memory", "this machine has too little memory for the work")
            ctx.exit(FAILED)
        except Exception as error:
            _show_traceback()
            _console(ctx).defect(
                "internal-error",
                f"a defect of this program: {type(error).__name__}: {error} "
                f"(set {DEBUG_VARIABLE}=1 to see where, and please report it)",
            )
            ctx.exit(FAILED)


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
    epilog="Exit codes: 0 done (verify: proven), 1 failed (verify: not proven), 2 usage, "
    "3 unreadable or undecided. Start with `verifiable demo`.",
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
