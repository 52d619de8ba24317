"""Write the tables of checks into `security.md`, from the code that makes the checks.

python docs/security_table.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from verifiable.backends.registry import backend_ids, get_backend
from verifiable.integrity.checks import INTEGRITY_CHECKS
from verifiable.statement.checks import STATEMENT_CHECKS, markdown_table
from verifiable.statement.registry import REGISTRY_CHECKS

PAGE = Path(__file__).parent / "security.md"
BEGIN = "<!-- checks: written by docs/security_table.py -->\n"
END = "<!-- end of checks -->\n"


def tables() -> str:
    """All tables: the shared checks, then those of each backend."""
    parts = [
        "### Statement, policy and key\n\n" + markdown_table(STATEMENT_CHECKS),
        "### Record on chain\n\n" + markdown_table(REGISTRY_CHECKS),
    ]
    for name in backend_ids():
        backend = get_backend(name)
        if type(backend).__module__.startswith("verifiable."):  # not third parties'
            parts.append(f"### Backend `{name}`\n\n{markdown_table(backend.checks)}")
    parts.append("### Models of a repository\n\n" + markdown_table(INTEGRITY_CHECKS))
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
