"""Compiling ezkl's verifier contract: where a Solidity compiler may be found, and one run of it.

No package on PyPI brings a compiler. npm's `solc` behind a small script (`contracts/bin/solc` of
this project's sources) and a native `solc` give the same bytes, and those are pinned, so it does
not matter whose compiler it is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import verifiable
from verifiable.errors import MissingDependency, ResourceLimit, SetupError

__all__ = ["SOLC_VARIABLE", "SOLC_VERSION", "compile_contract", "compiler_command"]

SOLC_VARIABLE = "VERIFIABLE_SOLC"
"""Names a compiler: a native solc, or a script for Node that takes `--standard-json`."""

SOLC_VERSION = "0.8.37"
_DEADLINE_S = 300.0

_SETTINGS = {
    "evmVersion": "cancun",
    "viaIR": False,
    "optimizer": {"enabled": True, "runs": 1},
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
    "outputSelection": {"*": {"*": ["evm.bytecode.object", "evm.deployedBytecode.object"]}},
}


def compiler_command() -> list[str]:
    """The command that runs a compiler: `$VERIFIABLE_SOLC`, that of the sources, or `solc`.

    Raises:
        MissingDependency: there is none, or it needs Node and there is no Node.
    """
    chosen = os.environ.get(SOLC_VARIABLE)
    if chosen:
        path = Path(chosen)
        if not path.is_file():
            raise _missing(f"{SOLC_VARIABLE} names {chosen}, which is no file")
        return _runnable(path)
    contracts = Path(verifiable.__file__).resolve().parent.parent / "contracts"
    if (contracts / "node_modules" / "solc").is_dir():
        return _runnable(contracts / "bin" / "solc")
    native = shutil.which("solc")
    if native is None:
        raise _missing("none is installed")
    return [native]


def compile_contract(source: bytes, *, name: str) -> tuple[bytes, bytes]:
    """Compile one file with one contract.

    Args:
        source: UTF-8 text.
        name: of the contract.

    Returns:
        What a deployment executes, and what then is the contract's code.

    Raises:
        MissingDependency: there is no compiler, or it is another version.
        SetupError: it refused the source, or gave no contract of this name.
        ResourceLimit: it did not come to an end.
    """
    command = compiler_command()
    _check_version(command)
    request = {
        "language": "Solidity",
        "sources": {f"{name}.sol": {"content": source.decode("utf-8")}},
        "settings": _SETTINGS,
    }
    text = _run([*command, "--standard-json"], json.dumps(request))
    try:
        output: dict[str, Any] = json.loads(text)
        errors = [item for item in output.get("errors", ()) if item["severity"] == "error"]
        if errors:
            raise _failed(errors[0]["formattedMessage"])
        evm = output["contracts"][f"{name}.sol"][name]["evm"]
        creation = bytes.fromhex(evm["bytecode"]["object"])
        return creation, bytes.fromhex(evm["deployedBytecode"]["object"])
    except (ValueError, KeyError, TypeError, AttributeError) as cause:
        raise _failed(f"it gave no contract {name}") from cause


def _runnable(path: Path) -> list[str]:
    """The command of a file: by Node, if its first line asks for Node."""
    try:
        with open(path, "rb") as stream:
            first = stream.readline(256)
    except OSError as cause:
        raise _missing(f"{path} cannot be read: {cause.strerror}") from cause
    if not first.startswith(b"#!") or b"node" not in first:
        return [str(path)]
    node = shutil.which("node")
    if node is None:
        raise _missing(f"{path} needs Node, and there is no `node`")
    return [node, str(path)]


def _check_version(command: list[str]) -> None:
    text = _run([*command, "--version"], "")
    if f"Version: {SOLC_VERSION}+" not in text:
        raise _missing(f"{command[-1]} says {text.strip().splitlines()[-1:] or 'nothing'}")


def _run(command: list[str], text: str) -> str:
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_DEADLINE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as cause:
        raise ResourceLimit(
            "the Solidity compiler did not come to an end",
            where=command[-2],
            why=f"stopped after {_DEADLINE_S:g} s",
            hint="try again on a machine with less work",
            code="time-limit",
        ) from cause
    except OSError as cause:
        raise _missing(f"{command[0]} cannot be run: {cause.strerror}") from cause
    if done.returncode:
        raise _missing(f"{command[-2]}: {done.stderr.strip()[-300:] or done.returncode}")
    return done.stdout


def _missing(why: str) -> MissingDependency:
    return MissingDependency(
        f"a Solidity compiler, solc {SOLC_VERSION}, is needed",
        why=why,
        hint="install Node 20 and run `npm ci` in contracts/ of the project's sources, or name a "
        f"compiler in {SOLC_VARIABLE}",
        code="no-compiler",
    )


def _failed(why: str) -> SetupError:
    return SetupError(
        "ezkl's verifier contract does not compile",
        where="solc",
        why=f"{why:.600}",
        hint=f"is {SOLC_VARIABLE} a compiler? ezkl and the compiler must be the pinned versions",
        code="compiler-failed",
    )
