"""Each place of each gkr check is taken out of the code, and a test named after the check fails.

The checks are found in the source: every `require(...)` of the argument, every branch in which a
check of the verifier fails or is undecided, the end of the proof. A subprocess imports the module
without that one place (the files stay as they are) and runs the tests of the check's name; they
must fail, and they pass if nothing is taken out.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
CHECKING = (
    *sorted((REPOSITORY / "circuits").glob("*.py")),
    *sorted((REPOSITORY / "verifiable" / "argument").glob("*.py")),
    *sorted((REPOSITORY / "verifiable" / "backends" / "gkr").glob("*.py")),
)

PLUGIN = """
import ast, importlib.abc, importlib.machinery, sys
from pathlib import Path

sys.path.insert(0, {here!r})
from test_checks_are_needed import without

PATH, LINE = {path!r}, {line}


class Loader(importlib.machinery.SourceFileLoader):
    def source_to_code(self, data, path, **_):
        return compile(without(ast.parse(data), LINE), path, "exec")

    def get_code(self, fullname):
        return self.source_to_code(self.get_data(PATH), PATH)


class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        found = importlib.machinery.PathFinder.find_spec(name, path)
        if found is None or found.origin is None or Path(found.origin).resolve() != Path(PATH):
            return None
        found.loader = Loader(name, found.origin)
        return found


if LINE:
    sys.meta_path.insert(0, Finder())
"""


def named(check: ast.expr) -> str:
    """The id that a check in the verifier is written with: `GK_3` is GK-3."""
    return ast.unparse(check).replace("_", "-")


def sites(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Each place of a check: its id, and the statement to take out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = node.value
            name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if name == "require" and isinstance(call.args[0], ast.Constant):
                yield str(call.args[0].value), node
            if name == "finish" and ast.unparse(call.func) == "self._reader.finish":
                yield "GK-15", node
        if isinstance(node, ast.If):
            for inner in ast.walk(ast.Module(body=node.body, type_ignores=[])):
                if not isinstance(inner, ast.Return) or inner.value is None:
                    continue
                for call in ast.walk(inner.value):
                    if (
                        isinstance(call, ast.Call)
                        and isinstance(call.func, ast.Attribute)
                        and call.func.attr in ("failed", "undecided")
                        and named(call.func.value).startswith("GK-")
                        and inner in node.body
                    ):
                        yield named(call.func.value), node


def without(tree: ast.Module, line: int) -> ast.Module:
    """The module without the check that begins at a line."""

    class Remover(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if isinstance(node, ast.stmt) and node.lineno == line:
                if isinstance(node, ast.If):
                    node.test = ast.Constant(False)
                elif isinstance(node, ast.Expr):
                    return ast.copy_location(ast.Pass(), node)
            return self.generic_visit(node)

    return ast.fix_missing_locations(Remover().visit(tree))


SITES = [
    (check, path, node.lineno)
    for path in CHECKING
    for check, node in sites(ast.parse(path.read_text("utf-8")))
]


def run_tests_of(
    check: str, path: Path, line: int, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run the tests that bear the check's name, without the check at a line (0: with all)."""
    here = Path(__file__).parent
    (folder / "take_out.py").write_text(PLUGIN.format(here=str(here), path=str(path), line=line))
    stem = check.lower().replace("-", "_")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "take_out",
        "-p",
        "no:cacheprovider",
    ]
    command += ["-k", f"test_{stem}_", "-m", "not slow"]
    command += [str(file) for file in sorted(here.glob("test_*_cheats.py"))]
    path_of_plugin = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": path_of_plugin},
        check=False,
    )


def test_all_checks_have_places() -> None:
    assert {check for check, _, _ in SITES} == {f"GK-{number}" for number in range(1, 16)}
    assert len({(path, line) for _, path, line in SITES}) == len(SITES) > 30


def test_the_remover_takes_out_one_statement() -> None:
    text = "if bad:\n    return GK_1.failed()\nside.require('GK-9', 'code', holds, 'x')\n"
    found = list(sites(ast.parse(text)))
    assert [(check, node.lineno) for check, node in found] == [("GK-1", 1), ("GK-9", 3)]
    assert ast.unparse(without(ast.parse(text), 3)).endswith("pass")
    assert ast.unparse(without(ast.parse(text), 1)).startswith("if False:")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 16))
def test_with_all_checks_the_tests_pass(number: int, tmp_path: Path) -> None:
    done = run_tests_of(f"GK-{number}", CHECKING[0], 0, tmp_path)
    assert done.returncode == 0, done.stdout[-2000:]
    assert " passed" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "path", "line"),
    SITES,
    ids=[f"{check}-{path.stem}-{line}" for check, path, line in SITES],
)
def test_without_a_check_a_test_of_its_name_fails(
    check: str, path: Path, line: int, tmp_path: Path
) -> None:
    done = run_tests_of(check, path, line, tmp_path)
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert " failed" in done.stdout
    assert "INTERNALERROR" not in done.stdout
