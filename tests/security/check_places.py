"""Finds every place in the sources where a check can refuse, and takes one of them out.

A check with an id refuses in one of four ways, and each is found by reading the source:

* `branch`: `if bad: return ST_5.failed(...)`: the condition never holds;
* `answer`: `return TEE_16.failed(...)` as the last word, or `spec.ok if same else spec.failed`:
  what failed, or was undecided, is said to be ok;
* `require`: `side.require("GK-9", ...)` in the argument: the call is left out;
* `raise`: below or beside a comment `# ST-1: ...`, an `if` that raises, or a call that does: the
  condition never holds, or the call is left out.

Where the check is a variable (`spec.failed(...)`), the place is one of each check that the module
hands to that function; if it hands over none by name, of each that is seen to refuse there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

__all__ = ["PACKAGES", "REPOSITORY", "Place", "module_name", "places", "stem", "without"]

REPOSITORY = Path(__file__).parents[2]
PACKAGES = {"verifiable": "verifiable", "cli": "verifiable.cli", "circuits": "verifiable.circuits"}
"""Folders with checks, and the names that they are imported by."""

_SPEC = re.compile(r"[A-Z]+_[1-9][0-9]*")
_MARKER = re.compile(r"# ([A-Z]+-[1-9][0-9]*)(?::|$)")
_PERHAPS = re.compile(r"\.(?:failed|undecided)\b|\.require\(|# [A-Z]+-[1-9]")
_REFUSING = ("failed", "undecided")
# One that makes results for all of them, and what only tests use.
_NOT_CHECKING = ("verifiable/statement/checks.py", "verifiable/testing/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a check refuses.

    Attributes:
        check: its id.
        path: of the module, from the repository's root.
        line, column: where the statement or expression that is taken out begins.
        last: the last line of a call that refuses; 0 where the refusal is called elsewhere.
        kind: `branch`, `answer`, `require` or `raise`.
        variable: the check is the value of a variable here, so others refuse here too.
        certain: it surely comes here: it is named, or handed to this function by name.
        function: dotted name of the outermost function (or method) around it.
    """

    check: str
    path: str
    line: int
    column: int
    last: int
    kind: str
    variable: bool
    certain: bool
    function: str

    def __str__(self) -> str:
        return f"{self.check} at {self.path}:{self.line} ({self.kind})"


def stem(check: str) -> str:
    """How the names of a check's tests begin, after `test_`: `GK-3` is `gk_3`."""
    return check.lower().replace("-", "_")


def module_name(path: str) -> str:
    """The name that a module of the sources is imported by."""
    folder, *rest = Path(path).with_suffix("").parts
    return ".".join((PACKAGES[folder], *(part for part in rest if part != "__init__")))


@cache
def places() -> tuple[Place, ...]:
    """All places of all checks, in the order of the sources."""
    found: list[Place] = []
    for folder in PACKAGES:
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            name = path.relative_to(REPOSITORY).as_posix()
            text = path.read_text("utf-8")
            if not name.startswith(_NOT_CHECKING) and _PERHAPS.search(text):
                found += places_in(text, name)
    return tuple(found)


def places_in(text: str, path: str) -> Iterator[Place]:
    """The places of one module, the outermost name of each kind of refusal once.

    Args:
        text: its source.
        path: from the repository's root.
    """
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    taken: set[ast.AST] = set()
    for node in ast.walk(tree):
        refusing = isinstance(node, ast.Attribute) and node.attr in _REFUSING
        if refusing and _is_spec(node.value):
            call = parents[node]
            whole = call if isinstance(call, ast.Call) and call.func is node else node
            branch = _branch_of(whole, parents)
            target = whole if branch is None else branch
            taken.add(target)
            place = _place(target, path, parents, "answer" if branch is None else "branch")
            name = _name(node.value)
            if _SPEC.fullmatch(name):
                yield replace(place, check=name.replace("_", "-"))
            else:
                # A branch stays for the other checks: what is said is changed, for one only.
                said = _place(whole, path, parents, "answer")
                said = replace(said, variable=True)
                handed = _handed_over(tree, said.function)
                for check in handed or _named(tree):
                    yield replace(said, check=check, certain=bool(handed))
        elif _is_require(node):
            taken.add(node)
            yield replace(
                _place(node, path, parents, "require"), check=str(node.value.args[0].value)
            )
    yield from _raising(tree, text, path, parents, taken)


def _raising(
    tree: ast.Module, text: str, path: str, parents: dict[ast.AST, ast.AST], taken: set[ast.AST]
) -> Iterator[Place]:
    lines = text.splitlines()
    for node in ast.walk(tree):
        raises = isinstance(node, ast.If) and any(isinstance(step, ast.Raise) for step in node.body)
        calls = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if node in taken or not (raises or calls):
            continue
        marked = _MARKER.search(lines[node.lineno - 1])
        above = node.lineno - 2
        while marked is None and above >= 0 and lines[above].lstrip().startswith("#"):
            marked = _MARKER.search(lines[above])
            above -= 1
        if marked is None or (calls and any(item in taken for item in ast.walk(node))):
            continue
        yield replace(_place(node, path, parents, "raise"), check=marked[1])


def without(tree: ast.Module, place: Place) -> ast.Module:
    """The module without one place; the rest stays as it is."""

    class Remover(ast.NodeTransformer):
        done = 0

        def visit(self, node: ast.AST) -> ast.AST:
            at = (getattr(node, "lineno", 0), getattr(node, "col_offset", -1))
            if at != (place.line, place.column) or not _is_target(node, place):
                return self.generic_visit(node)
            self.done += 1
            return ast.copy_location(_passed(node, place), node)

    remover = Remover()
    changed = ast.fix_missing_locations(remover.visit(tree))
    if remover.done != 1:
        raise ValueError(f"{place} was found {remover.done} times")
    return changed


def _is_target(node: ast.AST, place: Place) -> bool:
    if place.kind == "answer":
        inner = node.func if isinstance(node, ast.Call) else node
        return (
            isinstance(inner, ast.Attribute) and inner.attr in _REFUSING and _is_spec(inner.value)
        )
    return isinstance(node, ast.If | ast.Expr)


def _passed(node: ast.AST, place: Place) -> ast.AST:
    if isinstance(node, ast.If):
        # What the condition reads is read all the same: a reader stands where it stood.
        node.test = ast.BoolOp(ast.And(), [node.test, ast.Constant(False)])
        return node
    if isinstance(node, ast.Expr):
        return ast.Pass()
    inner = node.func if isinstance(node, ast.Call) else node
    assert isinstance(inner, ast.Attribute)
    said: ast.expr = ast.Attribute(inner.value, "ok", ast.Load())
    if isinstance(node, ast.Call):
        said = ast.Call(said, [], node.keywords)  # the code is what `ok` does not take
    if not place.variable:
        return said
    other = ast.Compare(
        ast.Attribute(inner.value, "id", ast.Load()), [ast.Eq()], [ast.Constant(place.check)]
    )
    assert isinstance(node, ast.expr)
    return ast.IfExp(other, said, node)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_spec(node: ast.expr) -> bool:
    name = _name(node)
    return _SPEC.fullmatch(name) is not None or name in ("spec", "check_spec")


def _is_require(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "require"
        and isinstance(node.value.args[0], ast.Constant)
    )


def _branch_of(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> ast.If | None:
    """The `if` whose body has the statement with a refusal, if it has no other refusal."""
    while not isinstance(node, ast.stmt):
        if isinstance(node, ast.IfExp | ast.Lambda | ast.comprehension):
            return None
        node = parents[node]
    branch = parents[node]
    if not isinstance(branch, ast.If) or node not in branch.body:
        return None
    refusals = [
        item
        for step in branch.body
        for item in ast.walk(step)
        if isinstance(item, ast.Attribute) and item.attr in _REFUSING and _is_spec(item.value)
    ]
    return branch if len(refusals) == 1 else None


def _place(node: ast.AST, path: str, parents: dict[ast.AST, ast.AST], kind: str) -> Place:
    names: list[str] = []
    at: ast.AST | None = node
    while at is not None:
        if isinstance(at, ast.FunctionDef):
            names = [at.name]  # what is inside of it is compiled with it
        elif isinstance(at, ast.ClassDef) and names:
            names.insert(0, at.name)
        at = parents.get(at)
    assert isinstance(node, ast.stmt | ast.expr)
    return Place(
        check="",
        path=path,
        line=node.lineno,
        column=node.col_offset,
        last=(node.end_lineno or 0) if isinstance(node, ast.Call) else 0,
        kind=kind,
        variable=False,
        certain=True,
        function=".".join(names),
    )


def _handed_over(tree: ast.Module, function: str) -> list[str]:
    """Checks that a module hands to a function of its own."""
    last = function.rpartition(".")[2]
    given: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == last:
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            given |= {_name(item) for item in arguments}
    return sorted(name.replace("_", "-") for name in given if _SPEC.fullmatch(name))


def _named(tree: ast.Module) -> list[str]:
    """Checks that a module names anywhere."""
    names = {_name(node) for node in ast.walk(tree) if isinstance(node, ast.expr)}
    return sorted(name.replace("_", "-") for name in names if _SPEC.fullmatch(name))
