"""Arrows point one way, names load late, and what is packaged is what lies in the folders."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import verifiable

REPOSITORY = Path(__file__).resolve().parents[2]
INPUT = REPOSITORY / "models" / "digits_input.npz"

# A part may import the parts that its row names, and itself.
LAYERS = {
    "cli": {
        "api",
        "auditing",
        "testing",
        "integrity",
        "dispute",
        "chain",
        "backends",
        "argument",
        "statement",
        "program",
        "base",
    },
    "api": {"dispute", "chain", "backends", "statement", "program", "base"},
    "pytest_plugin": {"integrity", "base"},
    "auditing": {"api", "integrity", "chain", "backends", "statement", "program", "base"},
    "integrity": {"api", "backends", "statement", "program", "base"},
    "dispute": {"chain", "backends", "statement", "program", "base"},
    "chain": {"statement", "base"},
    "backends": {"circuits", "argument", "statement", "program", "base"},
    "circuits": {"argument", "program", "base"},
    "argument": {"base"},
    "testing": {"dispute", "chain", "backends", "statement", "program", "base"},
    "statement": {"program", "base"},
    "program": {"base"},
    "base": set(),
}
API_MODULES = {
    "anchoring",
    "api",
    "asserting",
    "attestations",
    "combining",
    "deriving",
    "doors",
    "games",
    "judging",
    "key_origin",
    "locking",
    "options",
    "proving",
    "quorums",
    "sources",
    "survey",
    "verification",
}
BASE_MODULES = {"cache", "errors", "files", "progress", "recursion", "scratch"}
# `verifiable.export` stands alone: it turns torch modules into ONNX and uses errors and files only
ALONE = {"export": {"base"}}


def part_of(module: str) -> str | None:
    """The part that a dotted module name of this project belongs to."""
    names = module.split(".")
    if names[0] != "verifiable":
        return None
    if len(names) == 1:
        return None
    if names[1] in API_MODULES:
        return "api"
    if names[1] in BASE_MODULES:
        return "base"
    return names[1]


def sources() -> Iterator[tuple[str, Path]]:
    """Dotted module names and files of the library, of cli/ and of circuits/."""
    for folder, package in (
        ("verifiable", ""),
        ("cli", "verifiable."),
        ("circuits", "verifiable."),
    ):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            yield package + ".".join(path.relative_to(REPOSITORY).with_suffix("").parts), path


def imports_of(path: Path, module: str) -> Iterator[str]:
    """Modules that a file imports at run time, relative ones resolved."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            for _ in range(node.level - 1):
                package = package.rpartition(".")[0]
            base = ".".join(filter(None, (package if node.level else "", node.module or "")))
            yield base
            yield from (f"{base}.{item.name}" for item in node.names)


def test_arrows_point_one_way() -> None:
    seen: set[str] = set()
    wrong = []
    for module, path in sources():
        part = part_of(module.removesuffix(".__init__"))
        if part is None:  # verifiable/__init__.py loads names of every part, late
            continue
        allowed = LAYERS.get(part, ALONE.get(part))
        assert allowed is not None, f"{module}: say in this test where the part {part} stands"
        for imported in imports_of(path, module):
            target = part_of(imported)
            if target is None or target not in (LAYERS | ALONE):
                continue
            seen.add(f"{part} -> {target}")
            if target != part and target not in allowed:
                wrong.append(f"{module} imports {imported}")
    assert not wrong
    assert {"cli -> api", "api -> backends", "backends -> statement"} <= seen
    assert "statement -> program" in seen


def test_the_library_names_no_backend() -> None:
    """Only the registry knows backends; the command line knows ezkl's own commands."""
    found = {
        module
        for module, path in sources()
        if module.startswith("verifiable.")
        and not module.startswith(("verifiable.backends", "verifiable.testing"))
        for imported in imports_of(path, module)
        if imported.startswith("verifiable.backends.ezkl")
    }
    assert found == {
        "verifiable.cli.doctor",
        "verifiable.cli.ezkl_verifier",
        "verifiable.cli.srs",
    }


def modules_after(statement: str) -> set[str]:
    code = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    return set(json.loads(run.stdout))


HEAVY = {"numpy", "onnx", "onnxruntime", "rich", "ezkl", "torch"}
CHAIN = {"web3", "eth_account", "eth_keys", "eth", "verifiable.chain"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not modules_after("import verifiable") & (HEAVY | CHAIN | {"click"})


def test_the_help_page_loads_nothing_heavy() -> None:
    loaded = modules_after(
        "import io, contextlib\n"
        "from verifiable.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    main(['--help'], standalone_mode=False)"
    )
    assert "click" in loaded
    assert not loaded & (HEAVY | CHAIN)


@pytest.mark.parametrize("command", ["register", "registry", "verify"])
def test_help_of_the_chains_commands_loads_no_chain(command: str) -> None:
    loaded = modules_after(
        "import io, contextlib\n"
        "from verifiable.cli.main import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        f"    main(['{command}', '--help'], standalone_mode=False)"
    )
    assert f"verifiable.cli.{command}" in loaded
    assert not loaded & (HEAVY | CHAIN)


def test_proving_and_verifying_load_no_chain(digits_program: Path, tmp_path: Path) -> None:
    """web3 alone takes a second, and a verifier without a chain has no business with a node."""
    proof = tmp_path / "proof.json"
    prove = ["prove", str(digits_program), "--input", str(INPUT), "-o", str(proof), "-q"]
    verify = ["verify", str(proof), "--program", str(digits_program), "-q"]
    for arguments in (prove, verify):
        loaded = modules_after(
            "import io, contextlib\n"
            "from verifiable.cli.main import main\n"
            "with contextlib.redirect_stdout(io.StringIO()):\n"
            f"    assert not main({arguments!r}, standalone_mode=False)"
        )
        assert "verifiable.backends.gkr.verify" in loaded
        assert not loaded & CHAIN
    assert proof.exists()


@pytest.mark.parametrize("name", verifiable.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(verifiable, name) is not None
    assert name in dir(verifiable)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = verifiable.nonsense


def test_every_package_is_listed() -> None:
    """setuptools installs what pyproject.toml lists: a forgotten package breaks wheels only."""
    listed = set(
        tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"][
            "packages"
        ]
    )
    present = {
        module.removesuffix(".__init__") for module, path in sources() if path.name == "__init__.py"
    }
    assert listed == present


def test_every_module_has_a_docstring_and_public_ones_say_what_is_public() -> None:
    silent = []
    for module, path in sources():
        tree = ast.parse(path.read_text("utf-8"))
        if not ast.get_docstring(tree):
            silent.append(module)
    assert not silent


def test_packaged_samples_are_the_models() -> None:
    """The demo ships copies; the originals are the ones that the scripts in models/ write."""
    samples = sorted((REPOSITORY / "verifiable" / "samples").iterdir())
    assert {path.name for path in samples} == {
        "digits_calibration.npz",
        "digits_input.npz",
        "digits_mlp.onnx",
    }
    for path in samples:
        assert path.read_bytes() == (REPOSITORY / "models" / path.name).read_bytes(), path.name
