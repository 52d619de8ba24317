"""Proofs made once for all tests and all workers: the cache folder is shared and locked."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ezkl_samples import Proven, prove, tiny_program


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one process at a time in; xdist's workers are separate processes."""
    lock = folder / "lock"
    while True:
        try:
            os.mkdir(lock)
            break
        except FileExistsError:
            time.sleep(0.1)
    try:
        yield
    finally:
        os.rmdir(lock)


@pytest.fixture(scope="session")
def ezkl_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache folder for this run, common to all workers."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    folder = base / "ezkl-cache"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def proven(ezkl_cache: Path) -> Proven:
    """A real proof of the tiny program, inputs public."""
    with _locked(ezkl_cache):
        return prove(tiny_program(), ezkl_cache)


@pytest.fixture(scope="session")
def other_program(ezkl_cache: Path) -> Proven:
    """A real proof of a program of the same shape with other weights."""
    with _locked(ezkl_cache):
        return prove(tiny_program(mirrored=True), ezkl_cache)


@pytest.fixture(scope="session")
def hashed(ezkl_cache: Path) -> Proven:
    """A real proof of the tiny program, inputs hashed."""
    with _locked(ezkl_cache):
        return prove(tiny_program(), ezkl_cache, visibility="hashed")
