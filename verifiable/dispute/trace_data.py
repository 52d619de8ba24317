"""Trace data in a folder or behind HTTP(S): the roots of all tensors, and each tensor's leaves.

    trace.json      {"format": "verifiable-trace-1", "leafLog2": 10, "nodes": 4,
                     "traceRoot": "0x.."}
    roots.bin       32 bytes for each node
    tensor-N.bin    the leaves of node N's tensor, back to back

A reader needs the roots and one tensor. Nothing is believed: what does not hash to what was
committed to, has another size, or does not come in time counts as withheld. The address comes from
a stranger, so only public hosts are asked unless it is allowed otherwise, redirects are not
followed, and never more is read than the program implies.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from verifiable.dispute.claimed_trace import ClaimedTrace, trace_tree
from verifiable.dispute.material import Material
from verifiable.dispute.shown import ShownTrace
from verifiable.dispute.trees import data_tree
from verifiable.errors import InvalidInput, ResourceLimit
from verifiable.files import write_bytes
from verifiable.statement.hashing import DIGEST_BYTES, TensorRoot

__all__ = [
    "FolderData",
    "HttpData",
    "TraceData",
    "data_at",
    "learn_roots",
    "learn_tensor",
    "publish_trace",
]

_FORMAT = "verifiable-trace-1"
_TIMEOUT_S = 60.0
_PIECE_BYTES = 1 << 16


class TraceData(Protocol):
    """A place where a trace may be found."""

    def read(self, name: str, size: int) -> bytes | None:
        """A file of exactly `size` bytes; None if it is not there, or is none of that size."""


def publish_trace(trace: ClaimedTrace, folder: str | os.PathLike[str]) -> Path:
    """Write a trace to a folder, `trace.json` last.

    Raises:
        ResourceLimit: the folder cannot be made or written to.
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise ResourceLimit(
            "the folder for the trace cannot be made",
            where=os.fspath(folder),
            why=cause.strerror or str(cause),
            code="unwritable-file",
        ) from cause
    for node in range(len(trace.roots)):
        write_bytes(path / f"tensor-{node}.bin", trace.leaves(node))
    write_bytes(path / "roots.bin", b"".join(trace.roots))
    entry = {
        "format": _FORMAT,
        "leafLog2": trace.material.leaf_log2,
        "nodes": len(trace.roots),
        "traceRoot": f"0x{trace.root.hex()}",
    }
    write_bytes(path / "trace.json", json.dumps(entry, sort_keys=True).encode() + b"\n")
    return path


def learn_roots(data: TraceData, material: Material, trace_root: bytes, shown: ShownTrace) -> bool:
    """Learn the roots of all tensors, if they are there and are those that were committed to."""
    raw = data.read("roots.bin", material.node_count * DIGEST_BYTES)
    if raw is None:
        return False
    roots = [
        TensorRoot(raw[start : start + DIGEST_BYTES]) for start in range(0, len(raw), DIGEST_BYTES)
    ]
    tree = trace_tree(roots)
    if tree.root != trace_root:
        return False
    shown.add_tree(tree)
    for node, root in enumerate(roots):
        shown.add_tensor(node, root)
    return True


def learn_tensor(
    data: TraceData, material: Material, node: int, root: bytes, shown: ShownTrace
) -> bool:
    """Learn a tensor, if it is there and is the one that was committed to.

    Args:
        root: of the tensor, as committed.
    """
    size = material.leaf_bytes
    leaves = data.read(f"tensor-{node}.bin", material.leaf_count(node) * size)
    if leaves is None:
        return False
    tree = data_tree(leaves, material.leaf_log2)
    if tree.root != root:
        return False
    shown.add_tree(tree)
    shown.add_leaves(leaves, size)
    return True


class FolderData:
    """Trace data in a folder of this machine, named by its owner and never by a stranger."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def read(self, name: str, size: int) -> bytes | None:
        """A file of exactly `size` bytes; None if there is none."""
        try:
            with open(self.folder / name, "rb") as stream:
                data = stream.read(size + 1)
        except OSError:
            return None
        return data if len(data) == size else None


class HttpData:
    """Trace data below an HTTP(S) address.

    Args:
        url: of the folder; the names of the files are appended.
        timeout_s: seconds for one file.
        private: ask hosts of private networks and of this machine too.
        monotonic: seconds of a clock that nobody sets.

    Raises:
        InvalidInput: `bad-trace-url`: it is not an HTTP(S) address.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = _TIMEOUT_S,
        private: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise _bad_url("it cannot be read as an address") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _bad_url("it does not begin with http:// or https://")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise _bad_url("a user, a query or a fragment has no place in it")
        if any(not 0x21 <= ord(character) <= 0x7E for character in url):
            raise _bad_url("it holds a space, a control character or other than ASCII")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = port or (443 if self._secure else 80)
        self._authority = parts.netloc
        self._path = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._private = private
        self._monotonic = monotonic

    def read(self, name: str, size: int) -> bytes | None:
        """A file of exactly `size` bytes; None if it does not come, whatever the reason."""
        deadline = self._monotonic() + self._timeout_s
        try:
            connection = self._connect()
        except (OSError, ValueError):
            return None
        try:
            connection.request(
                "GET",
                f"{self._path}/{name}",
                headers={"Host": self._authority, "Accept-Encoding": "identity"},
            )
            response = connection.getresponse()
            if response.status != 200:
                return None
            return self._body(response, size, deadline)
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse, size: int, deadline: float) -> bytes | None:
        data = bytearray()
        while len(data) <= size:
            if self._monotonic() > deadline:
                return None
            piece = response.read1(min(_PIECE_BYTES, size + 1 - len(data)))
            if not piece:
                break
            data += piece
        return bytes(data) if len(data) == size else None

    def _connect(self) -> http.client.HTTPConnection:
        """A connection to an address that was checked: the name is not looked up again."""
        connection = http.client.HTTPConnection(
            self._host, self._port, timeout=min(self._timeout_s, 10.0)
        )
        connection.sock = self._socket()
        return connection

    def _socket(self) -> socket.socket:
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        failure: OSError = OSError("the host has no public address")
        for *_, address in found:
            if not (self._private or ipaddress.ip_address(str(address[0]).split("%")[0]).is_global):
                continue
            try:
                raw = socket.create_connection(
                    (str(address[0]), self._port), timeout=min(self._timeout_s, 10.0)
                )
            except OSError as cause:
                failure = cause
                continue
            if not self._secure:
                return raw
            try:
                return ssl.create_default_context().wrap_socket(raw, server_hostname=self._host)
            except OSError as cause:
                raw.close()
                failure = cause
        raise failure


def data_at(trace_uri: str, *, private: bool = False) -> HttpData | None:
    """The data behind the hint of an assertion; None if the hint is no HTTP(S) address.

    Args:
        trace_uri: a stranger's text.
        private: ask hosts of private networks and of this machine too.
    """
    try:
        return HttpData(trace_uri, private=private)
    except InvalidInput:
        return None


def _bad_url(why: str) -> InvalidInput:
    return InvalidInput("a trace cannot be read from this address", why=why, code="bad-trace-url")
