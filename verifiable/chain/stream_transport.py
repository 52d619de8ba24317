"""One JSON-RPC exchange over a connection that stays: a WebSocket, or a node's IPC socket.

web3 has both for asyncio only. Answers are matched by id: one that comes after its request was
given up is passed over.
"""

from __future__ import annotations

import json
import logging
import socket
import stat
import threading
from contextlib import ExitStack
from pathlib import Path

from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect

from verifiable.chain.dialing import Failure, dial, lost, remaining_s, shut_at, tls_context
from verifiable.chain.http_transport import ANSWER_BYTES
from verifiable.chain.json_text import read_json
from verifiable.chain.node_url import NodeUrl
from verifiable.chain.redaction import basic_credentials

__all__ = ["IpcTransport", "WebSocketTransport"]

READ_BYTES = 1 << 18
CLOSE_S = 1.0

_SILENT = logging.Logger("verifiable.chain.websocket")
"""Outside of the tree of loggers: handshakes, which would be logged, hold keys."""
_SILENT.disabled = True


class WebSocketTransport:
    """Sends requests over one WebSocket, one at a time. Opens it again after it broke."""

    def __init__(self, url: NodeUrl) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._connection: ClientConnection | None = None
        self._opened = ExitStack()

    def exchange(self, request: bytes, *, deadline: float, again: bool) -> bytes:
        """Send a request and wait for the answer of the same id.

        Args:
            request: JSON with an `id`.
            deadline: of `time.monotonic()`.
            again: the request may be sent twice; here only the provider's retries do that.

        Raises:
            Failure: no answer, or the server is no WebSocket.
        """
        with self._lock:
            if self._connection is None:
                self._connection = self._open(deadline)
            connection = self._connection
            try:
                with shut_at(connection.socket, deadline):  # a node may stop reading
                    connection.send(request.decode("utf-8"))
                while True:
                    answer = connection.recv(timeout=remaining_s(deadline), decode=False)
                    if not _of_another(answer, request):
                        return answer
            except ConnectionClosed as cause:
                failure = _closed(cause)
            except WebSocketException:
                failure = _no_websocket("it breaks the WebSocket protocol")
            except OSError as cause:
                failure = lost(cause, sent=True)
            self._drop()
            raise failure

    def close(self) -> None:
        """Close the WebSocket."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        self._connection = None
        self._opened.close()

    def _open(self, deadline: float) -> ClientConnection:
        headers = {}
        if self._url.user or self._url.password:
            headers["Authorization"] = basic_credentials(self._url.user, self._url.password)
        raw = dial(self._url, deadline, tunnel=True, tls=False)
        try:
            raw.settimeout(None)
            opening = connect(
                f"{self._url.kind}://{self._url.authority}{self._url.target}",
                sock=raw,  # also keeps it from following a redirect
                ssl=tls_context() if self._url.secure else None,
                additional_headers=headers,
                compression=None,
                open_timeout=remaining_s(deadline),
                ping_interval=None,
                close_timeout=CLOSE_S,
                max_size=ANSWER_BYTES,
                max_queue=2,
                logger=_SILENT,
            )
            return self._opened.enter_context(opening)
        except InvalidStatus as cause:
            failure = _status(cause.response.status_code)
        except InvalidMessage:
            failure = _no_websocket("it does not answer in HTTP")
        except (OSError, EOFError) as cause:  # before ValueError, which a bad certificate is too
            failure = lost(cause, sent=False)
        except (InvalidHandshake, ValueError):  # ValueError: a redirect, see `sock`
            failure = _no_websocket("it does not answer as a WebSocket, or leads elsewhere")
        raw.close()
        raise failure


def _of_another(answer: bytes, request: bytes) -> bool:
    """Whether an answer has an id, and it is not the request's; notifications have none."""
    try:
        found = read_json(answer)
        wanted = json.loads(request)["id"]
    except ValueError:
        return False  # for the provider to refuse
    if not isinstance(found, dict):
        return False
    return "method" in found or found.get("id") not in (wanted, None)


def _closed(cause: ConnectionClosed) -> Failure:
    sent_code = None if cause.sent is None else cause.sent.code
    if sent_code == 1009:  # ours: the message is larger than `max_size`
        return Failure(
            f"the node's answer is larger than {ANSWER_BYTES >> 20} MiB",
            code="node-answer-too-large",
        )
    return lost(ConnectionResetError(), sent=True)


def _no_websocket(why: str) -> Failure:
    return Failure(
        "this is no JSON-RPC node over WebSocket",
        why=f"the server speaks something else: {why}",
        hint="check the URL; most nodes have a port or a path of its own for it",
        code="not-json-rpc",
        sent=False,
    )


def _status(status: int) -> Failure:
    if status in (401, 403):
        return Failure(
            "the node refuses access",
            why=f"HTTP status {status}",
            hint="check the key in the URL, and that it is allowed to use this network",
            code="node-denies-access",
            sent=False,
        )
    if status == 429:
        return Failure(
            "the node answers no more requests for now",
            why="HTTP status 429, too many requests",
            hint="wait a while, or use a node with a higher limit",
            code="node-rate-limit",
            again=True,
            sent=False,
        )
    if status >= 500:
        return Failure(
            "the node's server failed",
            why=f"HTTP status {status}",
            hint="try again later, or use another node",
            code="node-http-error",
            again=True,
            sent=False,
        )
    return _no_websocket(f"HTTP status {status}")


class IpcTransport:
    """Sends requests over a node's Unix socket, one at a time. Opens it again after it broke."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    def exchange(self, request: bytes, *, deadline: float, again: bool) -> bytes:
        """Send a request and wait for the answer of the same id; see `WebSocketTransport`."""
        with self._lock:
            if self._connection is None:
                self._connection = self._open(deadline)
            connection = self._connection
            try:
                with shut_at(connection, deadline):
                    connection.sendall(request + b"\n")
                    while _of_another(answer := _read_value(connection), request):
                        pass
                    return answer
            except Failure as found:
                failure = found
            except OSError as cause:
                failure = lost(cause, sent=True)
            except BaseException:
                self._drop()  # the rest of the answer would be taken for the next one
                raise
            self._drop()
            raise failure

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self, deadline: float) -> socket.socket:
        try:
            is_socket = stat.S_ISSOCK(self._path.stat().st_mode)
            why = "" if is_socket else "the path is not a socket"
        except (OSError, ValueError) as cause:
            why = (getattr(cause, "strerror", None) or "the path cannot be used").lower()
        if why:
            raise Failure(
                "there is no IPC socket of a node",
                why=why,
                hint="check the path, and that the node is running with IPC",
                code="not-a-socket",
                sent=False,
            )
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(remaining_s(deadline))
            connection.connect(str(self._path))
            connection.settimeout(None)
            return connection
        except OSError as cause:
            failure = lost(cause, sent=False)
        connection.close()
        raise failure


def _read_value(connection: socket.socket) -> bytes:
    """Read up to the end of one JSON value; not every node ends it with a newline."""
    answer = bytearray()
    while True:
        piece = connection.recv(READ_BYTES)
        if not piece:
            raise ConnectionResetError
        answer += piece
        if len(answer) > ANSWER_BYTES:
            raise Failure(
                f"the node's answer is larger than {ANSWER_BYTES >> 20} MiB",
                code="node-answer-too-large",
            )
        text = bytes(answer.strip())
        if text.endswith(b"}") and _is_json(text):
            return text
        if answer.endswith(b"\n") and text[:1] not in (b"", b"{", b"["):
            return text  # no JSON at all, for the provider to refuse


def _is_json(text: bytes) -> bool:
    try:
        read_json(text)
    except ValueError:
        return False
    return True
