"""A pytest plugin: runs the tests of one check with it, then without each of its places.

    python -m pytest -p taking_out --check ST-4 --outcomes FILE tests/statement

Each run is a fork of the process that has collected the tests, so modules are imported once. In
the fork a function gets the code that its module would give it without the place; the files stay
as they are, and so does every other function. Only tests named after the check are run
(`test_st_4_...`, or with `ST-4` in the name of their case), and only until the first fails.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import os
import re
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol
from check_places import REPOSITORY, Place, module_name, places, stem, without

LIMIT_S = 300
"""A run that takes longer than this is ended, and counts as one that hangs."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("deletions")
    group.addoption("--check", help="id of the check that is taken out")
    group.addoption("--outcomes", help="file for the outcomes, JSON")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    check = config.getoption("--check")
    named = re.compile(rf"test_{stem(check)}_|.*\[.*\b{check}(?!\d)")
    chosen = [item for item in items if named.match(item.name)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen


def pytest_runtestloop(session: pytest.Session) -> bool:
    if session.testsfailed:
        raise session.Interrupted("not all tests could be collected")
    check = session.config.getoption("--check")
    with_all = _in_fork(partial(_run_watched, session.items))
    outcomes: dict[str, Any] = {"check": check, "with_all": with_all, "without": []}
    reached = {tuple(found) for found in with_all.get("reached", [])}
    for place in places():
        if place.check != check:
            continue
        if not place.certain and not any(_is_at(place, *found) for found in reached):
            continue  # another check's: this one never comes here
        done = _in_fork(partial(_run_without, session.items, place))
        outcomes["without"].append({"place": str(place), **done})
    Path(session.config.getoption("--outcomes")).write_text(json.dumps(outcomes, indent=1))
    return True


def _is_at(place: Place, path: str, function: str, line: int, check: str) -> bool:
    """Whether a refusal that was seen is the one of a place."""
    near = place.line <= line <= place.last if place.last else True
    return (place.path, place.function, place.check) == (path, function, check) and near


def _run_watched(items: list[pytest.Item]) -> dict[str, Any]:
    """Run with all checks, and note where checks refused."""
    from verifiable.statement.checks import CheckSpec

    reached: set[tuple[str, str, int, str]] = set()

    def watched(original: Callable[..., Any]) -> Callable[..., Any]:
        def refuse(spec: CheckSpec, *args: Any, **kwargs: Any) -> Any:
            frame = sys._getframe(1)
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(REPOSITORY):
                name = path.relative_to(REPOSITORY).as_posix()
                function = frame.f_code.co_qualname.partition(".<locals>")[0]
                reached.add((name, function, frame.f_lineno, spec.id))
            return original(spec, *args, **kwargs)

        return refuse

    for name in ("failed", "undecided"):
        setattr(CheckSpec, name, watched(getattr(CheckSpec, name)))
    return {**_run(items), "reached": sorted(reached)}


def _run_without(items: list[pytest.Item], place: Place) -> dict[str, Any]:
    take_out(place)
    return _run(items)


def _run(items: list[pytest.Item]) -> dict[str, Any]:
    """Run tests until one fails: how many passed, which failed, and in which words."""
    passed = skipped = 0
    start = time.monotonic()
    failed = why = ""
    for number, item in enumerate(items):
        following = items[number + 1] if number + 1 < len(items) else None
        reports = runtestprotocol(item, nextitem=following, log=False)
        bad = next((report for report in reports if report.failed), None)
        if bad is not None:
            crash = getattr(bad.longrepr, "reprcrash", None)
            why = f"{bad.when}: {crash.message if crash else bad.longreprtext}"[:300]
            if bad.when != "call":
                return {"broken": f"{item.nodeid}: {why}"}  # no test has looked at anything
            failed = item.nodeid
            break
        passed += any(report.when == "call" and report.passed for report in reports)
        skipped += any(report.skipped for report in reports)
    took_s = round(time.monotonic() - start, 2)
    return {"passed": passed, "skipped": skipped, "failed": failed, "why": why, "took_s": took_s}


def _in_fork(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `run` gives in a copy of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setsid()  # so that what the tests start ends with them
        signal.alarm(LIMIT_S + 10)  # and this, if nobody waits for it any more
        try:
            told = run()
        except BaseException:
            told = {"broken": traceback.format_exc()[-1500:]}
        os.write(writer, json.dumps(told).encode())  # smaller than a pipe's buffer
        os.close(writer)
        os._exit(0)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], LIMIT_S)
    data = os.read(reader, 1 << 16) if ready else b""
    os.close(reader)
    with contextlib.suppress(ProcessLookupError):  # it ended by itself, with all that it started
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    if not ready:
        return {"broken": f"no end after {LIMIT_S} s"}
    return dict(json.loads(data)) if data else {"broken": "the process ended"}


def take_out(place: Place) -> None:
    """Give the function around a place the code that it has without it."""
    path = REPOSITORY / place.path
    changed = without(ast.parse(path.read_text("utf-8")), place)
    codes = dict(_codes(compile(changed, str(path), "exec", dont_inherit=True)))
    module = importlib.import_module(module_name(place.path))
    owner: object = module
    *classes, last = place.function.split(".")
    for name in classes:
        owner = getattr(owner, name)
    function = _bare(vars(owner)[last])
    function.__code__ = codes[place.function]


def _bare(found: object) -> FunctionType:
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        inner = getattr(found, "__wrapped__", None) or getattr(found, "__func__", None)
        found = inner or getattr(found, "fget", None)
        if found is None:
            raise TypeError("no plain function")
    return found


def _codes(code: CodeType) -> Iterator[tuple[str, CodeType]]:
    for item in code.co_consts:
        if isinstance(item, CodeType):
            yield item.co_qualname, item
            yield from _codes(item)
