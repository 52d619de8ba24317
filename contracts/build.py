"""Write the artifacts of the contracts: ABI, bytecode, settings and hashes of the sources.

    python contracts/build.py            write verifiable/chain/artifacts, and those of examples
    python contracts/build.py --check    compare byte for byte, write nothing

Needs Node and `npm ci` in this folder. Users of the package need neither: artifacts are committed.
The compiler gets all sources under `src` in one standard-JSON input; its settings are those of
`foundry.toml`, so forge tests what is shipped. The contracts of an example are compiled by
themselves, against those sources, and their artifacts lie in the example's folder.
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
ROOT = HERE.parent
ARTIFACTS = ROOT / "verifiable" / "chain" / "artifacts"
EXAMPLES = ROOT / "examples"
DEADLINE_S = 600


def main() -> int:
    """Write or compare; exit status 1 if a comparison fails."""
    parser = argparse.ArgumentParser(description="Write the artifacts of the contracts.")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    artifacts = compile_all() | compile_examples()
    stale = [path for path, text in artifacts.items() if _read(path) != text]
    extra = sorted(set(ARTIFACTS.glob("*.json")) - set(artifacts))
    if check:
        for path in stale:
            print(f"{path.name}: not what the sources compile to; run `make contracts`")
        for path in extra:
            print(f"{path.name}: no contract has this name; delete it")
        return 1 if stale or extra else 0
    for path in stale:
        path.write_text(artifacts[path], encoding="utf-8")
        print(f"wrote {path.name}")
    for path in extra:
        path.unlink()
        print(f"deleted {path.name}")
    return 0


def compile_all() -> dict[Path, str]:
    """File and text of the artifact of every deployable contract under `src`."""
    sources = {
        path.relative_to(HERE).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((HERE / "src").rglob("*.sol"))
    }
    return _compiled(sources, _settings(), ARTIFACTS)


def compile_examples() -> dict[Path, str]:
    """The same of the contracts of examples: what they import of ours is found under `src`."""
    artifacts: dict[Path, str] = {}
    settings = _settings() | {"remappings": ["verifiable/=src/"]}
    for folder in sorted(path.parent for path in EXAMPLES.glob("*/src")):
        sources = {
            path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted((folder / "src").rglob("*.sol"))
        }
        artifacts |= _compiled(sources, settings, folder)
    return artifacts


def _compiled(sources: dict[str, str], settings: dict[str, Any], folder: Path) -> dict[Path, str]:
    """Artifacts of the deployable contracts that these sources define."""
    output = _solc(
        {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in sources.items()},
            "settings": settings,
        }
    )
    problems = [item["formattedMessage"] for item in output.get("errors", ())]
    if problems:
        sys.exit("\n".join(problems))
    artifacts: dict[Path, str] = {}
    for source, contracts in output["contracts"].items():
        for name, contract in contracts.items():
            if source not in sources or not _deployable(contract):
                continue
            path = folder / f"{name}.json"
            if path in artifacts:
                sys.exit(f"two contracts are called {name}")
            text = json.dumps(_artifact(name, contract), indent=1, sort_keys=True)
            artifacts[path] = text + "\n"
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


def _artifact(name: str, contract: dict[str, Any]) -> dict[str, Any]:
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
        "sources": {path: _sha256(path) for path in metadata["sources"]},
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


def _sha256(path: str) -> str:
    """Of a source of ours, of an example, or of a library."""
    first = path.partition("/")[0]
    root = {"src": HERE, "examples": ROOT}.get(first, HERE / "node_modules")
    return hashlib.sha256((root / path).read_bytes()).hexdigest()


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
