"""Switches each guard of the contracts off, and tells which forge tests of its name notice.

    python tests/security/guard_deletions.py OP-12 AR-4     # some guards
    python tests/security/guard_deletions.py                # all of them
    python tests/security/guard_deletions.py --in FOLDER    # keep what is compiled

The contracts are copied, made switchable and compiled once (minutes, for the compiler is npm's).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from check_places import REPOSITORY
from guard_places import SWITCH, guards, switchable

__all__ = ["Outcome", "Switchable", "forge_binary"]

CONTRACTS = REPOSITORY / "contracts"
# Switches make warnings and larger contracts; neither is what is tried here.
_OTHER_SETTINGS = 'deny = "never"\ncode_size_limit = 1_000_000'


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of the tests of one guard.

    Attributes:
        passed, failed: names of the tests.
    """

    passed: tuple[str, ...]
    failed: tuple[str, ...]


def forge_binary() -> Path | None:
    """forge itself, not npm's launcher, which forgets how a run ended; None if not installed."""
    found = sorted(CONTRACTS.glob("node_modules/@foundry-rs/forge-*/bin/forge"))
    return found[0] if found and shutil.which("node") else None


class Switchable:
    """A compiled copy of the contracts in which each guard can be switched off."""

    def __init__(self, folder: Path, forge: Path) -> None:
        self.forge = forge
        self.root = folder / "contracts"
        self.root.mkdir(exist_ok=True)
        for name in ("test", "bin", "snapshots"):
            shutil.copytree(CONTRACTS / name, self.root / name, symlinks=True, dirs_exist_ok=True)
        for link, target in (
            (self.root / "node_modules", CONTRACTS),
            (folder / "tests", REPOSITORY),
        ):
            if not link.is_symlink():
                link.symlink_to(target / link.name)
        settings = (CONTRACTS / "foundry.toml").read_text("utf-8")
        before, settings = settings, settings.replace('deny = "warnings"', _OTHER_SETTINGS)
        if settings == before:
            raise RuntimeError("foundry.toml denies no warnings any more")
        (self.root / "foundry.toml").write_text(settings)
        for path in sorted((CONTRACTS / "src").rglob("*.sol")):
            name = path.relative_to(CONTRACTS / "src").as_posix()
            copy = self.root / "src" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(switchable(name))
        (self.root / "src" / "Switch.sol").write_text(SWITCH)
        done = self._forge("build")
        if done.returncode != 0:
            raise RuntimeError(f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
        self._answer_for_the_compiler()

    def _answer_for_the_compiler(self) -> None:
        """From here on all that forge asks it is its version, and each answer takes a second."""
        compiler = self.root / "bin" / "solc"
        told = subprocess.run(
            [str(compiler), "--version"], capture_output=True, text=True, cwd=self.root, check=True
        ).stdout
        lines = "".join(f"echo {shlex.quote(line)}\n" for line in told.splitlines())
        compiler.unlink()
        compiler.write_text(f'#!/bin/sh\n[ "$1" = --version ] || exit 1\n{lines}')
        compiler.chmod(0o755)

    def _forge(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if "FOUNDRY" not in name}
        return subprocess.run(
            [str(self.forge), *arguments],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, guard: str, number: int) -> Outcome:
        """Run the tests named after a guard with one place switched off; 0: with all of them."""
        done = self._forge(
            *("test", "--json", "--match-test", f"_{guard.replace('-', '')}_"),
            *("--block-prevrandao", f"0x{number:064x}"),
        )
        start = done.stdout.find("{")
        if start < 0:
            raise RuntimeError(f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
        told: dict[str, Any] = json.loads(done.stdout[start:])
        passed, failed = [], []
        for suite in told.values():
            for test, found in suite["test_results"].items():
                name = re.sub(r"\(.*", "", test)
                (passed if found["status"] == "Success" else failed).append(name)
        return Outcome(passed=tuple(passed), failed=tuple(failed))


def main(names: list[str]) -> int:
    """Print a row for each guard; the exit status says whether each is needed."""
    forge = forge_binary()
    if forge is None:
        print("forge or node is not installed")
        return 2
    status = 0
    kept = names[names.index("--in") + 1] if "--in" in names else ""
    names = [name for name in names if name not in ("--in", kept)]
    with tempfile.TemporaryDirectory() as temporary:
        contracts = Switchable(Path(kept or temporary), forge)
        whole: dict[str, Outcome] = {}
        for number, guard in enumerate(guards(), 1):
            if names and guard.name not in names:
                continue
            if guard.name not in whole:
                whole[guard.name] = contracts.run(guard.name, 0)
                if whole[guard.name].failed or not whole[guard.name].passed:
                    status = 1
                    print(f"FAULT {guard.name}: with all guards {whole[guard.name]}", flush=True)
            failed = contracts.run(guard.name, number).failed
            status = status if failed else 1
            print(f"{guard} | {', '.join(failed) or 'NO TEST FAILS'}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
