"""Write the generated pages again: `make docs`. A test compares them with the committed ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from verifiable.backends.registry import backend_ids, get_backend
from verifiable.circuits.catalogue import Refusals, render

ROOT = Path(__file__).resolve().parent.parent


def catalogue() -> str:
    """The operator catalogue, with a column for each backend of this package."""
    backends = {name: get_backend(name) for name in backend_ids()}
    return render(
        {
            name: _refusals(backend.support)
            for name, backend in backends.items()
            if type(backend).__module__.startswith("verifiable.")
        }
    )


def _refusals(support: Callable) -> Refusals:
    return lambda program: [found.why for found in support(program) if not found.supported]


PAGES: dict[str, Callable[[], str]] = {"circuits/catalogue.md": catalogue}
"""Each generated page by its path in the repository."""


if __name__ == "__main__":
    for path, page in PAGES.items():
        (ROOT / path).write_text(page(), encoding="utf-8")
        print(path)
