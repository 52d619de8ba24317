"""Write the tables of checks into `security.md`, from the code that makes the checks.

python docs/security_table.py
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

import verifiable
from verifiable.backends.registry import backend_ids, get_backend
from verifiable.statement.checks import CheckSpec, markdown_table

PAGE = Path(__file__).parent / "security.md"
BEGIN = "<!-- checks: written by docs/security_table.py -->\n"
END = "<!-- end of checks -->\n"

# By the prefix of a table's first check; a backend's table bears the backend's name.
BEFORE = {
    "ST": "Statement, policy and key",
    "RG": "Record on chain",
    "RQ": "Several proofs of one statement",
}
AFTER = {"CI": "Models of a repository", "AU": "Audit"}


def _tables() -> dict[str, tuple[CheckSpec, ...]]:
    """Every table of checks in the package, by the prefix of its first check.

    A table is a tuple of a module that makes checks. Where some checks stand in several, the
    table is the longest; a check that stands in none is an error.
    """
    found: dict[str, tuple[CheckSpec, ...]] = {}
    made: set[CheckSpec] = set()
    root = Path(verifiable.__path__[0])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[0] == "testing" or "CheckSpec(" not in path.read_text("utf-8"):
            continue
        name = ".".join(("verifiable", *(part for part in parts if part != "__init__")))
        for value in vars(importlib.import_module(name)).values():
            if isinstance(value, CheckSpec):
                made.add(value)
            elif isinstance(value, tuple) and value and isinstance(value[0], CheckSpec):
                prefix = value[0].id.partition("-")[0]
                found[prefix] = max(found.get(prefix, ()), value, key=len)
    lost = made - {spec for specs in found.values() for spec in specs}
    if lost:
        raise ValueError(f"in no table: {', '.join(sorted(spec.id for spec in lost))}")
    return found


def sections() -> list[tuple[str, tuple[CheckSpec, ...]]]:
    """Heading and checks of each table on the page: the shared ones, then each backend's."""
    found = _tables()
    backends: list[tuple[str, tuple[CheckSpec, ...]]] = []
    for name in backend_ids():
        backend = get_backend(name)
        if type(backend).__module__.startswith("verifiable."):  # not third parties'
            backends.append((f"Backend `{name}`", backend.checks))
            found.pop(backend.checks[0].id.partition("-")[0])
    unknown = set(found) - set(BEFORE) - set(AFTER)
    if unknown:
        raise ValueError(f"no heading for {', '.join(sorted(unknown))}")

    def of(headings: dict[str, str]) -> Iterable[tuple[str, tuple[CheckSpec, ...]]]:
        return ((title, found[prefix]) for prefix, title in headings.items() if prefix in found)

    return [*of(BEFORE), *backends, *of(AFTER)]


def tables() -> str:
    """All tables, as they stand on the page."""
    parts = [f"### {title}\n\n{markdown_table(specs)}" for title, specs in sections()]
    return "\n" + "\n".join(parts) + "\n"


def updated(page: str) -> str:
    """The page with its tables written again."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return head + BEGIN + tables() + END + tail


if __name__ == "__main__":
    before = PAGE.read_text()
    PAGE.write_text(updated(before))
    sys.stdout.write("unchanged\n" if PAGE.read_text() == before else "written\n")
