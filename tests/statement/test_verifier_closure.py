"""What the verifier may import: no model runtime, no command line, no clock, network or chance.

Two looks at the same thing. What a fresh interpreter loads shows third-party packages; the import
statements of this package's own modules show the standard library too, since numpy itself loads
half of it. Imports inside functions count.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import json, sys
import verifiable.verification
import verifiable.statement
import pkgutil, importlib
for info in pkgutil.iter_modules(verifiable.statement.__path__, "verifiable.statement."):
    importlib.import_module(info.name)
from verifiable.backends.registry import get_backend
get_backend("gkr")
get_backend("optimistic")
get_backend("tee")
import verifiable.backends.tee as tee
for info in pkgutil.iter_modules(tee.__path__, "verifiable.backends.tee."):
    if not info.ispkg and info.name != "verifiable.backends.tee.prove":
        importlib.import_module(info.name)
print(json.dumps(sorted(sys.modules)))
"""

FORBIDDEN_PACKAGES = {
    "click",
    "ezkl",
    "httpx",
    "numba",
    "onnx",
    "onnxruntime",
    "py_ecc",
    "requests",
    "rich",
    "torch",
    "urllib3",
    "web3",
}
FORBIDDEN_IMPORTS = FORBIDDEN_PACKAGES | {
    "asyncio",
    "ctypes",
    "http",
    "marshal",
    "multiprocessing",
    "pickle",
    "random",
    "secrets",
    "select",
    "shelve",
    "socket",
    "ssl",
    "subprocess",
    "time",
    "urllib",
    "uuid",
}
CLOCKS_AND_CHANCE = {"now", "utcnow", "today", "urandom", "default_rng", "getrandom"}


def _loaded() -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    names: list[str] = json.loads(done.stdout)
    return names


LOADED = _loaded()
OWN = [name for name in LOADED if name.split(".")[0] == "verifiable"]


def test_no_heavy_package_is_loaded() -> None:
    assert not FORBIDDEN_PACKAGES & {name.split(".")[0] for name in LOADED}


GKR_VERIFIER = {
    *("backend", "derive", "format", "limits", "plan", "protocol", "schedule", "verify", "vk"),
    "weight_ranges",
}
ARGUMENT_PROVER = {
    *("kernels", "numba_kernels", "prover_side", "reference_kernels", "stack_commit"),
}


def test_the_closure_is_what_it_is_meant_to_be() -> None:
    assert "verifiable.verification" in OWN
    assert "verifiable.statement.proof" in OWN
    allowed = (
        *("verifiable.statement", "verifiable.backends.base", "verifiable.backends.registry"),
        *("verifiable.argument", "verifiable.circuits", "verifiable.backends.gkr"),
        *("verifiable.backends.optimistic", "verifiable.backends.tee"),
    )
    # Intervals are for a verifier with the program: it derives the key that the program has.
    names = ("border", "intervals", "multiplier", "operators", "program", "shapes")
    program = {f"verifiable.program.{name}" for name in names}
    others = {
        name
        for name in OWN
        if not name.startswith(allowed) and name not in program and name.count(".") > 1
    }
    assert not others


def test_the_verifier_of_gkr_loads_no_prover() -> None:
    found = {name.split(".")[-1] for name in OWN if name.startswith("verifiable.backends.gkr.")}
    assert found == GKR_VERIFIER
    argument = {name.split(".")[2] for name in OWN if name.startswith("verifiable.argument.")}
    assert {"verifier_side", "opening", "lookup", "transcript"} <= argument
    assert not argument & ARGUMENT_PROVER
    present = {path.stem for path in Path(_origin("verifiable.argument")).parent.iterdir()}
    assert present >= ARGUMENT_PROVER


def test_the_verifier_of_assertions_loads_no_chain_and_no_hashing_kernels() -> None:
    prefix = "verifiable.backends.optimistic."
    found = {name.removeprefix(prefix) for name in OWN if name.startswith(prefix)}
    assert found == {"backend", "format", "keys", "verify"}
    assert not any(name.startswith("verifiable.chain") for name in OWN)


def test_the_verifier_of_attestations_loads_no_issuer() -> None:
    """Where the simulator is allowed, its values are computed: from files, by `builtin` alone."""
    prefix = "verifiable.backends.tee."
    found = {name.removeprefix(prefix) for name in OWN if name.startswith(prefix)}
    assert {"backend", "judge", "answer", "workload", "dcap", "keys", "roots"} <= found
    assert "prove" not in found
    assert not any(name.startswith("simulator") for name in found)


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def _origin(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return spec.origin


def _source(name: str) -> str:
    return Path(_origin(name)).read_text()


# `verifiable.files` writes files by temporary names for the prover; the verifier reads only.
@pytest.mark.parametrize("name", [name for name in OWN if name != "verifiable.files"])
def test_no_module_reaches_for_clock_network_or_chance(name: str) -> None:
    tree = ast.parse(_source(name))
    assert not _imports(tree) & FORBIDDEN_IMPORTS
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & CLOCKS_AND_CHANCE


def test_the_look_at_imports_can_see() -> None:
    """A control: the test above does find what it looks for."""
    tree = ast.parse("def f():\n    from socket import socket\n    import os.path, random as r\n")
    assert _imports(tree) == {"socket", "os", "random"}


def test_the_statement_imports_no_backend() -> None:
    for name in OWN:
        if name.startswith("verifiable.statement."):
            assert "verifiable.backends" not in _source(name)
            assert "verifiable.verification" not in _source(name).replace(
                "`verifiable.verification`", ""
            )
