"""`verifiable doctor`: is this machine ready, and what to do if not."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import Console, bytes_text, counted, mebibytes_text, seconds_text
from .exits import FAILED, OK
from .options import cache_option, reporting

if TYPE_CHECKING:
    from .kernels import Warmed

__all__ = ["command", "memory_bytes"]

_TESTED = ("Linux", "x86_64", (3, 11))
_REQUIRED = ("numpy", "onnx", "onnxruntime", "pycryptodome", "click", "rich", "cryptography")
_CHAIN = ("web3", "eth-account", "py-evm")
_LITTLE_MEMORY_BYTES = 4 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finding:
    """One line of the report; `level` is `ok`, `note` (works with limits) or `problem`."""

    name: str
    level: str
    found: str
    hint: str = ""


@click.command("doctor", short_help="Check whether this machine is ready.")
@click.option(
    "--warm",
    is_flag=True,
    help="Compile all kernels of this package's own prover now, so that no proof waits for it.",
)
@cache_option
@reporting
def command(warm: bool, cache_dir: Path | None, *, console: Console) -> None:
    """Check this machine: Python, packages, kernels, cache folder, memory, public setups."""
    warmed = _warm(console) if warm else None
    probes: tuple[Callable[[], _Finding], ...] = (
        _python,
        _packages,
        _kernels,
        _ezkl,
        _chain,
        _anvil,
        _home,
        lambda: _cache_folder(cache_dir),
        _memory,
        lambda: _reference_strings(cache_dir),
    )
    findings = [probe() for probe in probes]
    ready = not any(item.level == "problem" for item in findings)
    document = {
        "ready": ready,
        "version": version("verifiable"),
        "findings": [
            {"name": item.name, "level": item.level, "found": item.found, "hint": item.hint}
            for item in findings
        ],
        "warmed": None if warmed is None else asdict(warmed),
    }

    def show(out: Console) -> None:
        out.table(
            ("check", "result", "found"),
            [(item.name, item.level, item.found) for item in findings],
            styles={"ok": "green", "note": "yellow", "problem": "bold red"},
        )
        for item in findings:
            if item.hint:
                out.line(f"{item.name}: {item.hint}")
        if warmed is not None:
            _show_warmed(out, warmed)
        out.line("ready" if ready else "not ready", style="green" if ready else "bold red")

    console.result(document, show)
    click.get_current_context().exit(OK if ready else FAILED)


def _warm(console: Console) -> Warmed | None:
    """Compile the kernels; None, and a warning, if numba does not work here."""
    from .kernels import warm_kernels

    try:
        with console.progress() as progress:
            return warm_kernels(progress)
    except ImportError as error:
        console.warn(f"the kernels cannot be compiled: {error}")
        return None


def _show_warmed(out: Console, warmed: Warmed) -> None:
    if warmed.compiled:
        rows = [(item.name, seconds_text(item.compile_s)) for item in warmed.compiled]
        out.table(("kernel", "compiled in"), rows, right=("compiled in",))
        count = counted(len(warmed.compiled), "kernel", "kernels")
        out.line(f"compiled {count} in {seconds_text(warmed.warm_s)}")
    elif warmed.kernels == "numba":
        out.line(f"all kernels were compiled before; loaded in {seconds_text(warmed.warm_s)}")
    else:
        out.line(f"the {warmed.kernels} kernels need no compiling")


def _kernels() -> _Finding:
    from .kernels import find_kernels

    try:
        found = find_kernels()
    except ImportError as error:
        return _Finding(
            name="kernels",
            level="note",
            found=f"no numba: {error}",
            hint="pip install numba: without it proving takes the slow reference kernels; "
            "verifying needs none",
        )
    threads = counted(found.threads, "thread", "threads")
    kept = f"{found.kept} of {found.total} kernels compiled, in {found.folder}"
    return _Finding(
        name="kernels",
        level="ok",
        found=f"numba {found.numba}, {threads}, {kept}",
        hint=""
        if found.kept == found.total
        else "the first proof compiles the others, or `verifiable doctor --warm` does it now",
    )


def _python() -> _Finding:
    found = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if (platform.system(), platform.machine(), sys.version_info[:2]) != _TESTED:
        return _Finding(
            name="python",
            level="note",
            found=found,
            hint="only Python 3.11 on Linux x86-64 is tested",
        )
    return _Finding(name="python", level="ok", found=found)


def _packages() -> _Finding:
    versions, missing = [], []
    for name in _REQUIRED:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return _Finding(
            name="packages",
            level="problem",
            found=f"missing: {', '.join(missing)}",
            hint="pip install --upgrade verifiable",
        )
    return _Finding(name="packages", level="ok", found=", ".join(versions))


def _ezkl() -> _Finding:
    from verifiable.backends.ezkl.format import EZKL_VERSION

    hint = (
        "pip install 'verifiable[ezkl]': without it this machine neither makes nor verifies the "
        "proofs of ezkl; those of other backends need nothing of it"
    )
    try:
        found = version("ezkl")
    except PackageNotFoundError:
        return _Finding(name="ezkl", level="note", found="not installed", hint=hint)
    if found != EZKL_VERSION:
        return _Finding(
            name="ezkl", level="note", found=f"{found}, but {EZKL_VERSION} is needed", hint=hint
        )
    return _Finding(name="ezkl", level="ok", found=found)


def _chain() -> _Finding:
    versions, missing = [], []
    for name in _CHAIN:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return _Finding(
            name="chain",
            level="note",
            found=f"not installed: {', '.join(missing)}",
            hint="pip install 'verifiable[chain]': without it this machine reads and writes no "
            "registry; proving and verifying need none",
        )
    return _Finding(name="chain", level="ok", found=", ".join(versions))


def _anvil() -> _Finding:
    from verifiable.chain.anvil import find_anvil
    from verifiable.errors import ChainError

    try:
        found = find_anvil()
    except ChainError as error:
        if error.code != "no-anvil":
            return _Finding(name="anvil", level="note", found=str(error))
        return _Finding(name="anvil", level="ok", found="not installed; only `anvil:` needs it")
    return _Finding(name="anvil", level="ok", found=str(found))


def _home() -> _Finding:
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    if home:
        return _Finding(name="home", level="ok", found=home)
    return _Finding(
        name="home",
        level="note",
        found="HOME is not set",
        hint="set HOME or VERIFIABLE_CACHE_DIR, so that keys are found again",
    )


def _cache_folder(cache_dir: Path | None) -> _Finding:
    from verifiable.cache import Cache

    root = Cache(cache_dir).root
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        return _Finding(
            name="cache",
            level="problem",
            found=f"{root}: {error.strerror}",
            hint="name a writable folder in VERIFIABLE_CACHE_DIR",
        )
    size = bytes_text(Cache(cache_dir).size_bytes())
    return _Finding(name="cache", level="ok", found=f"{root} is writable and holds {size}")


def memory_bytes() -> int | None:
    """The memory of this machine; None if the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _memory() -> _Finding:
    total = memory_bytes()
    if total is None:
        return _Finding(name="memory", level="ok", found="this system does not say")
    found = f"{mebibytes_text(total)}, {os.cpu_count()} processors"
    if total < _LITTLE_MEMORY_BYTES:
        return _Finding(
            name="memory",
            level="note",
            found=found,
            hint="proving needs gigabytes: see `verifiable estimate`",
        )
    return _Finding(name="memory", level="ok", found=found)


def _reference_strings(cache_dir: Path | None) -> _Finding:
    from verifiable.backends.ezkl.srs import stored_srs
    from verifiable.cache import Cache

    found = stored_srs(Cache(cache_dir))
    public = sorted(item.logrows for item in found if item.label == "public")
    if public:
        listed = ", ".join(map(str, public))
        return _Finding(name="public setup", level="ok", found=f"logrows {listed}")
    return _Finding(
        name="public setup",
        level="note",
        found="none stored",
        hint="fetched when needed; offline, import a file: `verifiable srs import FILE`",
    )
