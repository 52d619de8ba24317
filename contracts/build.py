"""Write the artifacts of the contracts: ABI, bytecode, settings and hashes of the sources.

    python contracts/build.py            write verifiable/chain/artifacts
    python contracts/build.py --check    compare byte for byte, write nothing

Needs Node and `npm ci` in this folder. Users of the package need neither: artifacts are committed.
The compiler gets all sources under `src` in one standard-JSON input; its settings are those of
`foundry.toml`, so forge tests what is shipped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ARTIFACTS = HERE.parent / "verifiable" / "chain" / "artifacts"
DEADLINE_S = 600


def main() -> int:
    """Write or compare; exit status 1 if a comparison fails."""
    parser = argparse.ArgumentParser(description="Write the artifacts of the contracts.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    artifacts = compile_all()
    stale = [name for name, text in artifacts.items() if _read(ARTIFACTS / name) != text]
    extra = sorted({path.name for path in ARTIFACTS.glob("*.json")} - set(artifacts))
    if check:
        for name in stale:
            print(f"{name}: not what the sources compile to; run `make contracts`")
        for name in extra:
            print(f"{name}: no contract has this name; delete it")
        return 1 if stale or extra else 0
    for name in stale:
        (ARTIFACTS / name).write_text(artifacts[name], encoding="utf-8")
        print(f"wrote {name}")
    for name in extra:
        (ARTIFACTS / name).unlink()
        print(f"deleted {name}")
    return 0


def compile_all() -> dict[str, str]:
    """File name and text of the artifact of every deployable contract under `src`."""
    sources = {
        path.relative_to(HERE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((HERE / "src").rglob("*.sol"))
    }
    output = _solc(
        {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in sources.items()},
            "settings": _settings(),
        }
    )
    problems = [item["formattedMessage"] for item in output.get("errors", ())]
    if problems:
        sys.exit("\n".join(problems))
    artifacts: dict[str, str] = {}
    for contracts in output["contracts"].values():
        for name, contract in contracts.items():
            if not _deployable(contract):
                continue
            if f"{name}.json" in artifacts:
                sys.exit(f"two contracts are called {name}")
            text = json.dumps(_artifact(name, contract, sources), indent=1, sort_keys=True)
            artifacts[f"{name}.json"] = text + "\n"
    return artifacts


def _deployable(contract: dict[str, Any]) -> bool:
    """Whether it can be called at an address: no interface, no library of internal functions."""
    entries = {item["type"] for item in contract["abi"]}
    return bool(contract["evm"]["bytecode"]["object"]) and not entries <= {"error", "event"}


def _settings() -> dict[str, Any]:
    """The compiler's settings, from `foundry.toml`."""
    profile = tomllib.loads((HERE / "foundry.toml").read_text(encoding="utf-8"))["profile"][
        "default"
    ]
    return {
        "evmVersion": profile["evm_version"],
        "viaIR": profile["via_ir"],
        "optimizer": {"enabled": profile["optimizer"], "runs": profile["optimizer_runs"]},
        "metadata": {
            "bytecodeHash": profile["bytecode_hash"],
            "appendCBOR": profile["cbor_metadata"],
        },
        "remappings": profile.get("remappings", []),
        "outputSelection": {
            "*": {"*": ["abi", "metadata", "evm.bytecode", "evm.deployedBytecode"]}
        },
    }


def _solc(request: dict[str, Any]) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None or not (HERE / "node_modules" / "solc").is_dir():
        sys.exit("the compiler needs Node (20 or newer) and `npm ci` in contracts/")
    command = [node, str(HERE / "bin" / "solc"), "--standard-json"]
    command += ["--base-path", str(HERE), "--include-path", str(HERE / "node_modules")]
    done = subprocess.run(
        command,
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_S,
        check=True,
    )
    output: dict[str, Any] = json.loads(done.stdout)
    return output


def _artifact(name: str, contract: dict[str, Any], sources: dict[str, str]) -> dict[str, Any]:
    """What is committed of one contract; its sources are all files that it was compiled from."""
    metadata = json.loads(contract["metadata"])
    creation, runtime = contract["evm"]["bytecode"], contract["evm"]["deployedBytecode"]
    if creation["linkReferences"] or runtime["linkReferences"]:
        sys.exit(f"{name} needs a library at an address; use internal functions")
    (target,) = metadata["settings"]["compilationTarget"]
    return {
        "contractName": name,
        "abi": sorted(contract["abi"], key=_abi_order),
        "bytecode": "0x" + creation["object"],
        "deployedBytecode": "0x" + runtime["object"],
        "immutableReferences": _immutables(runtime["immutableReferences"]),
        "compiler": {
            "version": metadata["compiler"]["version"],
            "settings": metadata["settings"],
        },
        "sources": {path: _sha256(path, sources) for path in metadata["sources"]},
        "license": metadata["sources"][target]["license"],
    }


def _immutables(references: dict[str, list[dict[str, int]]]) -> dict[str, list[dict[str, int]]]:
    """Places by immutable; solc's keys are node ids, which change with every file beside it."""
    places = [sorted(spans, key=lambda span: span["start"]) for spans in references.values()]
    places.sort(key=lambda spans: spans[0]["start"])
    return {str(index): spans for index, spans in enumerate(places)}


def _abi_order(item: dict[str, Any]) -> tuple[str, str, str]:
    """The order of entries differs between compilers' front ends; this one does not."""
    return (item["type"], item.get("name", ""), json.dumps(item.get("inputs", []), sort_keys=True))


def _sha256(path: str, sources: dict[str, str]) -> str:
    if path in sources:
        data = (HERE / path).read_bytes()
    else:
        data = (HERE / "node_modules" / path).read_bytes()  # an import from a library
    return hashlib.sha256(data).hexdigest()


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
