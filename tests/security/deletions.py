"""Takes each place of a check out of the code and tells which tests of its name notice.

python tests/security/deletions.py ST-4 KEY-1      # some checks
python tests/security/deletions.py                 # all of them
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from check_places import REPOSITORY, stem

__all__ = ["Deletions", "delete", "files_with_tests_of"]

HERE = Path(__file__).parent
TESTS = HERE.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """What came of taking one check out.

    Attributes:
        check: its id.
        with_all: the run of its tests with all checks in place.
        without: one run for each place: `place`, `failed` (the test that noticed), `why`.
    """

    check: str
    with_all: dict[str, Any]
    without: tuple[dict[str, Any], ...]

    @property
    def faults(self) -> list[str]:
        """Why the check counts as not needed, one line each; empty if all its places are."""
        whole = self.with_all
        found = []
        if not whole.get("passed") or whole.get("failed") or "broken" in whole:
            found.append(f"{self.check}: its tests do not pass with all checks: {whole}")
        if not self.without:
            found.append(f"{self.check}: no place in the code refuses for it")
        for run in self.without:
            if not run.get("failed"):
                found.append(f"{run['place']}: no test named test_{stem(self.check)}_* fails")
        return found


@cache
def _test_modules() -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in sorted(TESTS.rglob("test_*.py"))}


def files_with_tests_of(check: str) -> list[Path]:
    """The test modules that have tests named after a check."""
    start = f"def test_{stem(check)}_"
    return [path for path, text in _test_modules().items() if start in text]


def _with_cases_of(check: str, files: list[Path]) -> list[Path]:
    """These and their neighbours whose tables of cases name the check, or any check."""
    mentioned = re.compile(rf"\b{check}\b|\.check\}}")
    folders = {file.parent for file in files}
    return [
        path
        for path, text in _test_modules().items()
        if path in files or (path.parent in folders and mentioned.search(text))
    ]


def delete(check: str) -> Deletions:
    """Run the tests of a check with it and without each of its places, in another process."""
    files = files_with_tests_of(check)
    if files:
        files = _with_cases_of(check, files)
    else:
        return Deletions(check=check, with_all={"passed": 0}, without=())
    with tempfile.TemporaryDirectory() as folder:
        outcomes = Path(folder) / "outcomes.json"
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("-p", "taking_out", "-m", "not slow", "--basetemp", f"{folder}/tests"),
            *("--check", check, "--outcomes", str(outcomes), *map(str, files)),
        ]
        search = os.pathsep.join(filter(None, (str(HERE), os.environ.get("PYTHONPATH", ""))))
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": search},
            check=False,
        )
        if not outcomes.exists():
            raise RuntimeError(f"{check}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
        told = json.loads(outcomes.read_text())
    return Deletions(check=check, with_all=told["with_all"], without=tuple(told["without"]))


def main(checks: list[str]) -> int:
    """Print a row for each place; the exit status says whether each is needed."""
    from declared_checks import declared

    status = 0
    for check in checks or [spec.id for spec in declared()]:
        deletions = delete(check)
        for run in deletions.without:
            seen = run.get("failed") or run.get("broken") or "NO TEST FAILS"
            print(f"{run['place']} | {seen} | {run.get('took_s')} s", flush=True)
        for fault in deletions.faults:
            status = 1
            print(f"FAULT {fault}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
