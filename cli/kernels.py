"""The compiled kernels of this package's own prover: are they there, and compiling them ahead.

numba compiles a kernel when it is first called, and keeps the result in a cache of its own, so only
the first proof on a machine waits for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verifiable.progress import Progress

__all__ = ["Compiled", "KernelsFound", "Warmed", "find_kernels", "warm_kernels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelsFound:
    """The compiler of this machine.

    Attributes:
        numba: version.
        threads: that kernels are spread over.
        total: how many kernels there are.
        kept: how many of them lie compiled in numba's cache.
        folder: where that is.
    """

    numba: str
    threads: int
    total: int
    kept: int
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """One kernel that was compiled, and the seconds that it took without those it calls."""

    name: str
    compile_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Warmed:
    """What running every kernel once took; `compiled` is empty if all came from the cache."""

    kernels: str
    warm_s: float
    compiled: tuple[Compiled, ...]


def find_kernels() -> KernelsFound:
    """Load the compiled kernels without compiling any.

    Raises:
        ImportError: numba is not installed, or does not fit this machine.
    """
    import numba

    from verifiable.argument.numba_kernels.threads import Threads

    places = list(_places())
    return KernelsFound(
        numba=numba.__version__,
        threads=Threads().count,
        total=len(places),
        kept=sum(any(folder.glob(f"*.{name}-*.nbi")) for folder, name in places),
        folder=places[0][0],
    )


def warm_kernels(progress: Progress) -> Warmed:
    """Run every kernel once, so that all are compiled; without numba there is nothing to compile.

    Raises:
        ImportError: numba is installed and does not fit this machine.
    """
    from verifiable.argument.kernels import load_kernels, warm
    from verifiable.progress import ProgressEvent

    kernels = load_kernels()
    progress(ProgressEvent(phase="compile kernels", message=f"the {kernels.name} kernels"))
    began_s = time.perf_counter()
    if kernels.name != "numba":
        warm(kernels)
        return Warmed(kernels=kernels.name, warm_s=time.perf_counter() - began_s, compiled=())
    from numba.core import event

    with event.install_recorder("numba:compile") as recorder:
        warm(kernels)
    return Warmed(
        kernels=kernels.name,
        warm_s=time.perf_counter() - began_s,
        compiled=_by_kernel(recorder.buffer),
    )


def _places() -> Iterator[tuple[Path, str]]:
    """Of each kernel that is kept when compiled, the folder and the name that its files have."""
    from numba.core.registry import CPUDispatcher

    from verifiable.argument.numba_kernels import kernels

    modules = [item for item in vars(kernels).values() if isinstance(item, ModuleType)]
    found = {
        item: None  # one module may import another's
        for module in modules
        for item in vars(module).values()
        if isinstance(item, CPUDispatcher) and item.stats.cache_path is not None
    }
    for kernel in found:
        yield Path(kernel.stats.cache_path), kernel.py_func.__qualname__


def _by_kernel(events: list[tuple[float, Any]]) -> tuple[Compiled, ...]:
    """The longest first; a kernel that was compiled for several types counts once.

    Args:
        events: numba's record of compilations: time in seconds, and the beginning or end of one.
            Kernels that a kernel calls are compiled while it is.
    """
    own_s: dict[str, float] = {}
    running: list[str] = []
    last_s = 0.0
    for at_s, item in events:
        if running:
            own_s[running[-1]] = own_s.get(running[-1], 0.0) + at_s - last_s
        last_s = at_s
        if item.is_start:
            running.append(_name(item.data["dispatcher"].py_func, running))
        else:
            running.pop()
    longest = sorted(own_s.items(), key=lambda pair: (-pair[1], pair[0]))
    return tuple(Compiled(name=name, compile_s=seconds) for name, seconds in longest)


def _name(function: Any, running: list[str]) -> str:
    """A kernel by module and function; what numba adds counts for the kernel that needs it."""
    package, _, module = function.__module__.rpartition(".")
    if running and not package.startswith("verifiable."):
        return running[-1]
    return f"{module}.{function.__name__}"
