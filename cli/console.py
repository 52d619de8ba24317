"""Where words go: results to stdout, everything else to stderr.

Texts may come from files of strangers, so control characters are shown, never sent to a terminal,
and nothing is read as markup.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click

from verifiable.errors import Reverted, UnsupportedModel, VerifiableError, VerificationError
from verifiable.progress import Progress, ProgressEvent, silent

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.console import RenderableType
    from rich.progress import Progress as RichProgress

__all__ = [
    "Console",
    "bytes_text",
    "counted",
    "mebibytes_text",
    "plain",
    "printable",
    "seconds_text",
    "silence",
]

PIPE_COLUMNS = 110  # width of tables where there is no terminal to ask


def printable(text: object) -> str:
    """`text` on one line, with every character that could steer a terminal as an escape.

    A line break counts: what follows it would look like a line of this program's own.
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text)
    )


def plain(value: object) -> object:
    """A value of a contract as JSON can hold it: bytes become hex."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def silence(stream: Any) -> None:
    """Let what a broken stream still holds go nowhere, so that leaving does not fail again."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or no file at all
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def seconds_text(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None:
        return "unknown"
    if seconds < 0.001:
        return "< 1 ms"
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def bytes_text(count: float | None) -> str:
    """A size for people."""
    if count is None:
        return "unknown"
    if count < 10_000:
        return f"{count:,.0f} bytes"
    for unit, size in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 1000 * size or unit == "GB":
            return (
                f"{count / size:.3g} {unit}" if count < 1000 * size else f"{count / size:,.0f} GB"
            )
    raise AssertionError("unreachable")


def counted(count: int, one: str, many: str) -> str:
    """A number of things for people."""
    return f"{count} {one if count == 1 else many}"


def mebibytes_text(count: float | None) -> str:
    """An amount of memory for people, in the unit of `peak_rss_mib`."""
    return "unknown" if count is None else f"{count / 2**20:,.0f} MiB"


class Console:
    """Writes one command's result and its talk.

    Args:
        as_json: the result is one JSON object on stdout.
        quiet: no talk but errors and warnings.

    Attributes:
        judging: the command judges a proof, so that whatever ends it otherwise than by a verdict
            leaves the proof undecided.
        sending: the command has begun to send transactions, which no interrupt calls back.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.judging = False
        self.sending = False

    # -- the result ----------------------------------------------------------------------------

    def result(self, document: Mapping[str, object], show: Callable[[Console], None]) -> None:
        """Write the result: `document` as JSON, or what `show` writes for people."""
        if self.as_json:
            click.echo(json.dumps(_rounded(document), indent=2, ensure_ascii=True, allow_nan=False))
        else:
            show(self)

    def line(self, text: str = "", *, style: str = "") -> None:
        """Write one line of the result for people; it is never wrapped or cut."""
        if style and sys.stdout.isatty():
            self._rich(sys.stdout).print(_text(text, style), soft_wrap=True)
        else:
            click.echo(printable(text))

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        styles: Mapping[str, str] | None = None,
        right: Sequence[str] = (),
    ) -> None:
        """Write a table; `styles` maps the whole text of a cell to a style.

        The columns named in `right` hold numbers, which end at one place.
        """
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in columns:
            justify: Literal["left", "right"] = "right" if column in right else "left"
            table.add_column(column, overflow="fold", justify=justify)
        for row in rows:
            table.add_row(*(_text(cell, (styles or {}).get(cell, "")) for cell in row))
        self._rich(sys.stdout).print(table)

    # -- the talk ------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Write one line of talk."""
        if not self.quiet:
            click.echo(printable(text), err=True)

    def warn(self, text: str) -> None:
        """Write a warning, also under `--quiet`."""
        click.echo(f"warning: {printable(text)}", err=True)

    def failure(self, error: VerifiableError) -> None:
        """Report the error that ended the command; under `--json` as an object on stdout too."""
        if isinstance(error, UnsupportedModel) and len(error.problems) > 1:
            head = f"{error.where}: {error.what}" if error.where else error.what
            lines = [head, *(f"  - {problem}" for problem in error.problems)]
        else:
            lines = [str(error)]
        text = "\n".join(printable(line) for line in lines)
        click.echo(f"error [{error.code}]: {text}", err=True)
        if not self.quiet and not isinstance(error, VerificationError):
            click.echo(f"`verifiable explain {error.code}` tells more", err=True)
        if self.as_json:
            self._no_result({"error": _error_document(error)})

    def defect(self, code: str, what: str) -> None:
        """Report the end of a command by something that is not a typed error."""
        click.echo(f"error [{code}]: {printable(what)}", err=True)
        if self.as_json:
            self._no_result({"error": {"code": code, "what": what}})

    def usage(self, what: str) -> None:
        """Give the error of a command line, which click has told on stderr, as an object too."""
        self._no_result({"error": _with_code(what, code="usage-error")})

    def _no_result(self, document: dict[str, object]) -> None:
        verdict = {"verdict": "undecided"} if self.judging else {}
        self.result({**verdict, **document}, lambda _: None)

    def interrupted(self) -> None:
        """Say that the user stopped the work."""
        told = (
            "a transaction may have been sent; look before you try again"
            if self.sending
            else "nothing was written"
        )
        click.echo(f"interrupted: {told}", err=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Yield a progress callback: bars on a terminal, one line a phase elsewhere."""
        if self.quiet:
            yield silent
        elif sys.stderr.isatty():
            with _Bars(self._rich(sys.stderr)) as bars:
                yield bars.report
        else:
            lines = _Lines(self.say)
            yield lines.report
            lines.close()

    # -- the terminal --------------------------------------------------------------------------

    def _rich(self, stream: Any) -> RichConsole:
        from rich.console import Console as RichConsole

        class Plain(RichConsole):
            def on_broken_pipe(self) -> None:
                """Leave the exit code to this program: rich's own is that of a false proof."""
                raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

        width = None if stream.isatty() else PIPE_COLUMNS
        return Plain(
            file=stream,
            width=width,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
        )


_SECONDS_DIGITS = 6
_VALUES = ("inputs", "outputs", "output_values")
"""Keys of a result whose members are named by the model, and are not rounded."""


def _rounded(value: object, *, seconds: bool = False) -> object:
    """A result with its times (keys that end in `_s`, and all below them) to the microsecond."""
    if isinstance(value, Mapping):
        return {
            key: item
            if key in _VALUES
            else _rounded(item, seconds=seconds or str(key).endswith("_s"))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_rounded(item, seconds=seconds) for item in value]
    return round(value, _SECONDS_DIGITS) if seconds and isinstance(value, float) else value


def _text(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(printable(text), style=style)


def _with_code(what: str, *, code: str) -> dict[str, object]:
    return {"code": code, "what": what}


def _error_document(error: VerifiableError) -> dict[str, object]:
    document: dict[str, object] = {
        "code": error.code,
        "what": error.what,
        "where": error.where,
        "why": error.why,
        "hint": error.hint,
    }
    if isinstance(error, UnsupportedModel):
        document["problems"] = [
            {"code": item.code, "node": item.node, "what": item.what, "hint": item.hint}
            for item in error.problems
        ]
    transaction = getattr(error, "transaction", None)  # of errors after something was sent
    if transaction is not None:
        document["transaction"] = plain(transaction)
    if isinstance(error, Reverted):
        document["revert"] = {"name": error.name, "arguments": plain(error.arguments)}
    return document


class _Lines:
    """Progress without a terminal: a line when a phase begins and one when it ends."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._lock = threading.Lock()
        self._phase = ""
        self._began_s = 0.0

    def report(self, event: ProgressEvent) -> None:
        with self._lock:
            if event.phase == self._phase:
                return
            self._end()
            self._phase = event.phase
            self._began_s = time.monotonic() - event.elapsed_s
            expected = f" (about {seconds_text(event.estimate_s)})" if event.estimate_s else ""
            detail = f": {event.message}" if event.message else ""
            self._say(f"{event.phase}{detail}{expected}")

    def close(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._phase:
            self._say(f"{self._phase}: done in {seconds_text(time.monotonic() - self._began_s)}")
            self._phase = ""


class _Bars:
    """Progress on a terminal: one bar a phase, the running one moving."""

    def __init__(self, console: RichConsole) -> None:
        from rich.progress import BarColumn, SpinnerColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bars: RichProgress = RichProgress(
            SpinnerColumn(finished_text="+"),
            TextColumn("{task.fields[phase]:<10}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.description}", markup=False),
            console=console,
        )
        self._lock = threading.Lock()
        self._phase = ""
        self._began_s = 0.0
        self._task: Any = None

    def __enter__(self) -> _Bars:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._lock:
            self._end(failed=kind is not None)
        self._bars.stop()

    def report(self, event: ProgressEvent) -> None:
        with self._lock:
            if event.phase != self._phase:
                self._end(failed=False)
                self._phase = event.phase
                self._began_s = time.monotonic() - event.elapsed_s
                self._task = self._bars.add_task("", phase=printable(event.phase), total=None)
            fraction = event.fraction
            if fraction is None and event.estimate_s:
                fraction = min(0.95, event.elapsed_s / event.estimate_s)
            expected = f" of about {seconds_text(event.estimate_s)}" if event.estimate_s else ""
            message = printable(event.message)[:70]
            self._bars.update(
                self._task,
                total=None if fraction is None else 1.0,
                completed=fraction or 0.0,
                description=f"{event.elapsed_s:.1f} s{expected}  {message}",
            )

    def _end(self, *, failed: bool) -> None:
        if self._task is not None and not failed:
            taken = seconds_text(time.monotonic() - self._began_s)
            self._bars.update(self._task, total=1.0, completed=1.0, description=taken)
        self._task = None
        self._phase = ""
