"""Foundry's development node as a child process, gone when its user is.

Where it is looked for: the path that was given or `$ANVIL`, `PATH`, `~/.foundry/bin`, and the npm
package in the working directory and its parents. It runs with the rules of the embedded chain.

A shell waits beside it on a pipe that only this process holds: when this process ends in any way,
SIGKILL included, the pipe closes and the node is told to stop. Threads do not matter to it, unlike
to `PR_SET_PDEATHSIG`, and it works on every POSIX system. Processes forked from this one without
exec hold the pipe too, so the node then lives until the last of them ends.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from verifiable.errors import ChainError

__all__ = ["ANVIL_FLAGS", "Anvil", "find_anvil", "run_anvil"]

ANVIL_VARIABLE = "ANVIL"

ANVIL_FLAGS = ("--hardfork", "osaka", "--enable-tx-gas-limit")
"""What makes its rules those of the embedded chain."""

OLDEST = (1, 7)
"""Releases before this one have not been compared with the embedded chain."""

START_S = 20.0
STOP_S = 10.0
VERSION_S = 20.0
LAST_LINES = 40

_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_VERSION = re.compile(r"\b(\d+)\.(\d+)\.(\d+)")

# Becomes the node itself; what is left of the shell waits in the background for the end of
# descriptor 3. A line on it means that the node is gone and its number may be another's.
_SHELL = """
exec 3<&0 </dev/null
{ IFS= read -r line <&3 || kill -INT $$; } >/dev/null 2>&1 &
exec "$@" 3<&-
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anvil:
    """A running node: the URL of its JSON-RPC interface and its process id."""

    url: str
    pid: int


def find_anvil(path: Path | None = None) -> Path:
    """Find the executable and check its version.

    Args:
        path: where it is; nothing else is tried then. `$ANVIL` likewise.

    Raises:
        ChainError: (`no-anvil`) it is nowhere, with all places searched; (`anvil-version`) it is
            too old or is something else.
    """
    searched = []
    for place, found in _candidates(path):
        if found is not None and found.is_file() and os.access(found, os.X_OK):
            _check_version(found)
            return found
        searched.append(place)
    raise ChainError(
        "anvil was not found",
        why="searched " + ", ".join(searched),
        hint="install Foundry (https://getfoundry.sh) or run `npm install @foundry-rs/anvil`, or "
        "name the file by --anvil or ANVIL; `local:` needs neither",
        code="no-anvil",
    )


def _candidates(path: Path | None) -> Iterator[tuple[str, Path | None]]:
    if path is not None:
        yield str(path), path.expanduser().absolute()
        return
    named = os.environ.get(ANVIL_VARIABLE)
    if named:
        yield f"{named} (from ANVIL)", Path(named).expanduser().absolute()
        return
    on_path = shutil.which("anvil")
    yield "PATH", None if on_path is None else Path(on_path).absolute()
    foundry = Path("~/.foundry/bin/anvil")
    yield str(foundry), Path(os.path.expanduser(foundry))
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
    inside = Path("node_modules", "@foundry-rs", f"anvil-{system}-{machine}", "bin", "anvil")
    here = Path.cwd()
    for folder in (here, *here.parents):
        yield str(folder / inside), folder / inside


def _check_version(anvil: Path) -> None:
    hint = "install the current one, or name another by --anvil or ANVIL"
    try:
        run = subprocess.run(
            [anvil, "--version"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=VERSION_S,
            check=False,
        )
        first = run.stdout[:200].decode("utf-8", "replace").partition("\n")[0]
        why = ""
    except subprocess.TimeoutExpired:
        first, why = "", "it did not tell its version in time"
    except OSError as cause:
        first, why = "", (cause.strerror or "it cannot be run").lower()
    version = _VERSION.search(first)
    if version is None or not first.startswith("anvil"):
        raise ChainError(
            "this is not anvil",
            where=str(anvil),
            why=why or "`--version` does not say so",
            hint=hint,
            code="anvil-version",
        )
    if (int(version[1]), int(version[2])) < OLDEST:
        raise ChainError(
            f"anvil {version[0]} is too old",
            where=str(anvil),
            why=f"{OLDEST[0]}.{OLDEST[1]} or later has the rules of the embedded chain",
            hint=hint,
            code="anvil-version",
        )


@contextmanager
def run_anvil(anvil: Path, *, state: Path | None = None) -> Iterator[Anvil]:
    """Run a node for the length of the block: on a free port, reachable from this machine only.

    Args:
        anvil: the executable, see `find_anvil`.
        state: a file that is read at the start if it exists, and written at the end.

    Yields:
        The node, ready.

    Raises:
        ChainError: (`anvil-failed`) it did not start, with what it said.
    """
    command = [str(anvil), "--host", "127.0.0.1", "--port", "0", *ANVIL_FLAGS]
    if state is not None:
        command += ["--state", str(state)]
    reading, writing = os.pipe()
    try:
        process = _start(command, reading)
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    output = _Output(process)
    try:
        port = output.port(time.monotonic() + START_S)
        if port is None:
            raise _failed(anvil, output)
        yield Anvil(url=f"http://127.0.0.1:{port}", pid=process.pid)
    finally:
        try:
            _stop(process)
        finally:
            _end_watch(writing)
            output.close()


def _start(command: list[str], watched: int) -> subprocess.Popen[bytes]:
    failure = "it cannot be run"
    try:
        return subprocess.Popen(
            ["/bin/sh", "-c", _SHELL, "anvil", *command],
            stdin=watched,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process, which then stops the node
        )
    except OSError as cause:
        failure = (cause.strerror or failure).lower()
    raise ChainError("anvil cannot be started", why=failure, code="anvil-failed")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """SIGINT, at which it writes its state; SIGKILL after a while. Returns once it is gone."""
    process.send_signal(signal.SIGINT)
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _end_watch(writing: int) -> None:
    """Tell the shell beside the node that all is done."""
    try:
        os.write(writing, b"\n")
    except BrokenPipeError:
        return  # it is gone: the node was told to stop by someone else's signal to the session
    finally:
        os.close(writing)


def _failed(anvil: Path, output: _Output) -> ChainError:
    said = " ".join(output.lines())[-500:]
    return ChainError(
        "anvil did not start",
        where=str(anvil),
        why=said or "it said nothing",
        hint="run it by hand to see what it lacks",
        code="anvil-failed",
    )


class _Output:
    """Reads what a node prints, so that it never waits on a full pipe; keeps the last lines."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._port: int | None = None
        self._decided = threading.Event()
        self._thread = threading.Thread(target=self._read, name="anvil output", daemon=True)
        self._thread.start()

    def port(self, deadline: float) -> int | None:
        """The port once the node listens; None if it ended or the deadline passed."""
        self._decided.wait(max(0.0, deadline - time.monotonic()))
        return self._port

    def lines(self) -> list[str]:
        """The last lines, blank ones left out."""
        return [line.strip() for line in self._lines if line.strip()]

    def close(self) -> None:
        """Wait for the end of the output, after that of the process."""
        self._thread.join(STOP_S)
        if self._process.stdout is not None and not self._thread.is_alive():
            self._process.stdout.close()

    def _read(self) -> None:
        stream = self._process.stdout
        if stream is not None:
            for raw in stream:
                line = raw.decode("utf-8", "replace")
                self._lines.append(line)
                found = _LISTENING.search(line)
                if found is not None and not self._decided.is_set():
                    self._port = int(found[1])
                    self._decided.set()
        self._decided.set()
