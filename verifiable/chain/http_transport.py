"""One JSON-RPC exchange over HTTP: bounded answers, no redirects, nothing logged.

The standard library's client, not requests: netrc, redirects and debug logs of the latter can
carry what a URL keeps secret to other hosts and files, and its answers have no bound.
"""

from __future__ import annotations

import http.client
import socket
from collections import deque
from importlib.metadata import version

from verifiable.chain.dialing import Failure, dial, lost, proxy_for, shut_at
from verifiable.chain.node_url import NodeUrl
from verifiable.chain.redaction import basic_credentials

__all__ = ["ANSWER_BYTES", "HttpTransport"]

ANSWER_BYTES = 16 << 20
"""Largest answer that is read; logs that are larger are asked for again in smaller ranges."""

READ_BYTES = 1 << 16
RETRIED_STATUSES = (502, 503, 504)
LONGEST_WAIT_S = 10.0
"""However long a node asks to wait, a person waits no longer for the next try."""


class HttpTransport:
    """Posts requests to one node; keeps connections open between them. Thread-safe."""

    def __init__(self, url: NodeUrl) -> None:
        self._url = url
        self._idle: deque[socket.socket] = deque()
        self._headers = {
            "Host": url.host_header,
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"verifiable/{version('verifiable')}",
        }
        if url.user or url.password:
            self._headers["Authorization"] = basic_credentials(url.user, url.password)

    def exchange(self, request: bytes, *, deadline: float, again: bool) -> bytes:
        """Post a request and read the answer.

        Args:
            request: JSON.
            deadline: of `time.monotonic()`.
            again: the request may be sent twice, so that an idle connection, which the node may
                have closed meanwhile, can be used.

        Raises:
            Failure: no answer, or one that no JSON-RPC node gives.
        """
        kept = self._take() if again else None
        if kept is not None:
            try:
                return self._exchange(kept, request, deadline)
            except Failure as failure:
                if failure.code != "unreachable-node":
                    raise
        return self._exchange(
            dial(self._url, deadline, tunnel=self._url.secure, tls=True), request, deadline
        )

    def close(self) -> None:
        """Close the idle connections."""
        while (connection := self._take()) is not None:
            connection.close()

    def _take(self) -> socket.socket | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _exchange(self, connection: socket.socket, request: bytes, deadline: float) -> bytes:
        client = http.client.HTTPConnection(self._url.host, self._url.port)
        client.sock = connection
        keep = False
        try:
            with shut_at(connection, deadline):
                headers, target = self._headers, self._url.target
                proxy = None if self._url.secure else proxy_for(self._url)
                if proxy is not None:
                    target = f"http://{self._url.authority}{target}"
                    if proxy.authorization:
                        headers = {**headers, "Proxy-Authorization": proxy.authorization}
                client.request("POST", target, body=request, headers=headers)
                response = client.getresponse()
                _judge_status(response)
                answer = _read(response)
                keep = not response.will_close
                return answer
        except http.client.HTTPException as cause:
            # RemoteDisconnected is both: the connection was closed before an answer came
            failure = lost(cause, sent=True) if isinstance(cause, OSError) else _not_http(cause)
        except OSError as cause:
            failure = lost(cause, sent=True)
        finally:
            if keep:
                self._idle.append(connection)
            else:
                client.close()  # and the response, which holds the socket open
        raise failure


def _read(response: http.client.HTTPResponse) -> bytes:
    if response.length is not None and response.length > ANSWER_BYTES:
        raise _too_large()
    pieces, size = [], 0
    while piece := response.read1(READ_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > ANSWER_BYTES:
            raise _too_large()
    if response.length:  # read1 takes an early end for the end
        raise ConnectionResetError
    return b"".join(pieces)


def _too_large() -> Failure:
    return Failure(
        f"the node's answer is larger than {ANSWER_BYTES >> 20} MiB", code="node-answer-too-large"
    )


def _not_http(cause: http.client.HTTPException) -> Failure:
    if isinstance(cause, http.client.IncompleteRead):
        return lost(ConnectionResetError(), sent=True)
    return Failure(
        "this is no JSON-RPC node",
        why="the server does not answer in HTTP",
        hint="check scheme and port (`https://` where the node speaks TLS)",
        code="not-json-rpc",
    )


def _judge_status(response: http.client.HTTPResponse) -> None:
    """Raise for a status whose body is of no interest; 400 and 500 may bring a JSON-RPC error."""
    status = response.status
    if status in (200, 400, 404, 405, 415, 500):
        return
    if status in (401, 403, 407):
        raise Failure(
            "the node refuses access",
            why=f"HTTP status {status}",
            hint="check the key in the URL, and that it is allowed to use this network",
            code="node-denies-access",
        )
    if status == 429:
        asked = response.headers.get("Retry-After", "")
        wait_s = min(float(asked), LONGEST_WAIT_S) if asked.isdecimal() else 0.0
        raise Failure(
            "the node answers no more requests for now",
            why="HTTP status 429, too many requests",
            hint="wait a while, or use a node with a higher limit",
            code="node-rate-limit",
            again=True,
            sent=False,
            wait_s=wait_s,
        )
    if 300 <= status < 400:
        raise Failure(
            "the node's URL leads elsewhere",
            why=f"HTTP status {status}, a redirect, which is not followed",
            hint="give the URL where the node itself is",
            code="not-json-rpc",
        )
    raise Failure(
        "the node's server failed",
        why=f"HTTP status {status}",
        hint="try again later, or use another node",
        code="node-http-error",
        again=status in RETRIED_STATUSES,
    )
