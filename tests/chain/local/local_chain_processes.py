"""What tests let other processes do with a chain's file, and how those processes die.

They are forked from a server that has loaded py-evm already, so one costs milliseconds.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from verifiable.chain.local import database
from verifiable.chain.local.chain import LocalChain

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    ["verifiable.chain.local.chain", "verifiable.chain.pyevm_engine", "local_chain_processes"]
)

WAIT_S = 60


def start(target: Any, *args: Any) -> BaseProcess:
    process = CONTEXT.Process(target=target, args=args)
    process.start()
    return process


def end_of(process: BaseProcess) -> int:
    """Wait for its end: the exit code, negative for a signal."""
    process.join(WAIT_S)
    assert process.exitcode is not None, "the process hangs"
    return process.exitcode


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def request_and_die(path: Path, method: str, params: list[Any], place: int) -> None:
    """Open the file and make a request; die before the write number `place` on the way.

    A write is every statement that is no query: insertions, but also where a transaction begins
    and ends.
    """
    connect = sqlite3.connect
    seen = 0

    def count(statement: str) -> None:
        nonlocal seen
        if statement.startswith("SELECT"):
            return
        if seen == place:
            _die()
        seen += 1

    def traced(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.set_trace_callback(count)
        return connection

    database.sqlite3.connect = traced
    with LocalChain.open(path) as chain:
        response = chain.request(method, params)
        os._exit(0 if "result" in response else 1)


def request_and_die_before_the_answer(path: Path, method: str, params: list[Any]) -> None:
    chain = LocalChain.open(path)
    chain.request(method, params)
    _die()


def send_all(path: Path, raws: list[str], acknowledged: Path, first: int) -> None:
    """Send transactions and write down the number of each one that was acknowledged."""
    handle = os.open(acknowledged, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with LocalChain.open(path) as chain:
        for number in range(first, len(raws)):
            response = chain.request("eth_sendRawTransaction", [raws[number]])
            assert "result" in response, response
            os.write(handle, f"{number}\n".encode())


def send_together(path: Path, raws: list[str], barrier: Barrier) -> None:
    """Open the file, that may not be there yet, and send, at the same time as others."""
    barrier.wait(WAIT_S)
    with LocalChain.open(path) as chain:
        for raw in raws:
            response = chain.request("eth_sendRawTransaction", [raw])
            assert "result" in response, response


def hold(path: Path, held: Event, release: Event) -> None:
    """Keep the file locked for writing."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    held.set()
    release.wait(WAIT_S)
    connection.execute("ROLLBACK")
