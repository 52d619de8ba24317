"""Options that several commands share, spelled once."""

from __future__ import annotations

import functools
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import click

from verifiable.backends.registry import DEFAULT_BACKEND
from verifiable.progress import Cancellation

from .console import Console

__all__ = [
    "FILE",
    "FOLDER",
    "attestation_trust_options",
    "backend_option",
    "cache_option",
    "hex_bytes",
    "hex_digest",
    "input_options",
    "interruptible",
    "local_setup_option",
    "output_option",
    "quorum_option",
    "reporting",
    "shape_option",
    "shapes_of",
    "srs_option",
    "time_limit_option",
    "time_option",
    "visibility_option",
    "weights_option",
]

FILE = click.Path(path_type=Path, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", re.ASCII)

Function = Callable[..., Any]


def hex_bytes(size: int) -> Callable[[click.Context, click.Parameter, str | None], bytes | None]:
    """A callback of options: read `size` bytes in hex, `0x` in front or not."""

    def read(ctx: click.Context, parameter: click.Parameter, value: str | None) -> bytes | None:
        if value is None:
            return None
        digits = value.removeprefix("0x")
        if not re.fullmatch(rf"[0-9a-fA-F]{{{2 * size}}}", digits):
            told = f"{2 * size} hex digits are needed ({size} bytes)"
            raise click.BadParameter(told, ctx, parameter)
        return bytes.fromhex(digits)

    return read


hex_digest = hex_bytes(32)


def reporting(function: Function) -> Function:
    """Add `--json` and `--quiet`, and pass the `Console` that they make as `console`."""

    @click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
    @click.option("-q", "--quiet", is_flag=True, help="No progress and no remarks on stderr.")
    @click.pass_context
    @functools.wraps(function)
    def wrapper(ctx: click.Context, /, *args: Any, as_json: bool, quiet: bool, **kw: Any) -> Any:
        console = Console(as_json=as_json, quiet=quiet)
        ctx.find_root().obj = console
        return function(*args, console=console, **kw)

    return wrapper


backend_option = click.option(
    "--backend", default=DEFAULT_BACKEND, show_default=True, help="Kind of evidence."
)
cache_option = click.option(
    "--cache-dir",
    type=FOLDER,
    envvar="VERIFIABLE_CACHE_DIR",
    show_envvar=True,
    help="Folder of the cached keys.",
)
local_setup_option = click.option(
    "--insecure-local-setup",
    is_flag=True,
    help="Use a setup made on this machine: for tests and demos, its maker can forge proofs.",
)
srs_option = click.option(
    "--srs", type=FILE, help="File with the public setup (structured reference string)."
)
quorum_option = click.option(
    "--quorum", type=FILE, help="The quorum that counts, a file of `verifiable quorum key`."
)
time_limit_option = click.option(
    "--time-limit",
    "time_limit_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Seconds that each phase may take.",
)
visibility_option = click.option(
    "--visibility",
    type=click.Choice(("public", "hashed")),
    default="public",
    show_default=True,
    help="`hashed` keeps the input out of the proof file; the verifier must then hold it.",
)
weights_option = click.option(
    "--weights",
    type=click.Choice(("committed", "public")),
    help="Whether a verifier needs the key alone (`committed`), or the program (`public`), which "
    "is cheaper. Only for backends that offer both, which take `committed` by default.",
)
shape_option = click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="NAME=1,3,48,48",
    help="Fix the shape of an input with dynamic axes; repeat for more inputs.",
)


def _time(ctx: click.Context, parameter: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    if _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError as cause:
            raise click.BadParameter(str(cause), ctx, parameter) from cause
    raise click.BadParameter("a UTC time such as 2030-01-31T12:00:00Z is needed", ctx, parameter)


time_option = click.option(
    "--at",
    "now",
    callback=_time,
    metavar="TIME",
    help="The time of judging, in UTC; now, if it is left out. Attestations have dates.",
)


def attestation_trust_options(function: Function) -> Function:
    """Add `--allow-simulated` and `--trust-simulated-root`: which roots count beside vendors'."""
    for option in (
        click.option(
            "--trust-simulated-root",
            "simulated_roots",
            type=FILE,
            multiple=True,
            metavar="CERT",
            help="Also trust this root, a certificate; what it signs counts as simulated.",
        ),
        click.option(
            "--allow-simulated",
            is_flag=True,
            help="Accept the built-in simulated enclave, whose seed is public (tests and demos).",
        ),
    ):
        function = option(function)
    return function


def output_option(what: str, *, required: bool = True) -> Callable[[Function], Function]:
    """`-o FILE`, the file that the command writes."""
    return click.option(
        "-o", "--output", "output", type=FILE, required=required, help=f"Where to write {what}."
    )


def input_options(function: Function) -> Function:
    """Add `--input`, `--index` and `--saturate`: which raw input to take."""
    for option in (
        click.option(
            "--saturate",
            is_flag=True,
            help="Clip input values that the program cannot hold, instead of refusing them.",
        ),
        click.option("--index", type=click.IntRange(min=0), help="Row of a file with several."),
        click.option(
            "--input", "input_path", type=FILE, required=True, help="The raw input, an .npz file."
        ),
    ):
        function = option(function)
    return function


def shapes_of(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Read repeated `NAME=1,3,48,48`.

    Raises:
        click.UsageError: a text has another form, or a name comes twice.
    """
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, numbers = text.rpartition("=")
        if not (name and equals and re.fullmatch(r"[1-9]\d{0,8}(,[1-9]\d{0,8})*", numbers)):
            raise click.UsageError(f"--shape {text!r} is not of the form NAME=1,3,48,48")
        if name in found:
            raise click.UsageError(f"--shape names the input {name!r} twice")
        found[name] = tuple(int(number) for number in numbers.split(","))
    return found


@contextmanager
def interruptible(console: Console) -> Iterator[Cancellation]:
    """Yield a cancellation that the first Ctrl-C sets; the second one stops at once.

    Stopping between steps leaves no child process and no temporary file behind.
    """
    cancel = Cancellation()

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        if cancel.cancelled:
            raise KeyboardInterrupt
        cancel.cancel()
        console.say("stopping (press Ctrl-C again to stop at once)")

    if threading.current_thread() is not threading.main_thread():
        yield cancel
        return
    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, previous)
