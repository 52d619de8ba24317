"""Opening a connection to a node: proxy, TLS, and a deadline that nothing can stretch.

A socket's own timeout restarts with each byte; a node that sends one now and then would hold us
for ever. So the deadline of an exchange shuts the socket down, whatever waits on it.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from verifiable.chain.node_url import NodeUrl
from verifiable.chain.redaction import basic_credentials

__all__ = ["Failure", "Proxy", "dial", "lost", "proxy_for", "remaining_s", "shut_at", "tls_context"]

CONNECT_ANSWER_BYTES = 65536


class Failure(Exception):
    """An exchange failed; what the provider makes a `ChainError` of, without this as its cause.

    Attributes:
        code, what, why, hint: of the error to come; none quotes a URL.
        again: another try may succeed.
        sent: the node may have got the request.
        wait_s: the node asked to wait so long before another try.
    """

    def __init__(
        self,
        what: str,
        *,
        code: str,
        why: str = "",
        hint: str = "",
        again: bool = False,
        sent: bool = True,
        wait_s: float = 0.0,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.code = code
        self.why = why
        self.hint = hint
        self.again = again
        self.sent = sent
        self.wait_s = wait_s


def lost(cause: BaseException, *, sent: bool) -> Failure:
    """What a broken or impossible connection means; texts of the system only."""
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Failure(
            "the node's certificate is not trusted",
            why=cause.verify_message,
            hint="check the host's name; SSL_CERT_FILE may name your own authority's certificate",
            code="node-tls",
            sent=False,
        )
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        return Failure(
            "no encrypted connection to the node",
            why=(cause.reason or "TLS failed").replace("_", " ").lower(),
            hint="check whether the node speaks TLS at this port (`http://` and `ws://` do not)",
            code="node-tls",
            sent=False,
        )
    if isinstance(cause, TimeoutError):
        return Failure(
            "the node did not answer in time",
            hint="try again, or allow more time",
            code="node-timeout",
            again=True,
            sent=sent,
        )
    if isinstance(cause, socket.gaierror):
        why = "its host name is not known"
    else:
        why = getattr(cause, "strerror", None) or "the connection broke off"
    return Failure(
        "the node cannot be reached" if not sent else "the connection to the node was lost",
        why=why.lower(),
        hint="check the URL, and that the node is running",
        code="unreachable-node",
        again=True,
        sent=sent,
    )


def remaining_s(deadline: float) -> float:
    """Seconds until a deadline of `time.monotonic()`; TimeoutError once it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@contextmanager
def shut_at(connection: socket.socket, deadline: float) -> Iterator[None]:
    """Shut a socket down at the deadline, and raise TimeoutError for whatever that breaks."""
    expired = threading.Event()

    def shut() -> None:
        expired.set()
        try:  # not SSLSocket's own shutdown, which another thread's read does not survive
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        except OSError:
            expired.set()  # closed meanwhile: nobody waits on it

    timer = threading.Timer(remaining_s(deadline), shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if expired.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if expired.is_set():
        raise TimeoutError


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Verify against the system's authorities and certifi's; SSL_CERT_FILE and _DIR count."""
    import certifi  # comes with web3

    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Proxy:
    """An HTTP proxy from the environment; `authorization` is empty if it wants none."""

    host: str
    port: int
    authorization: str


def proxy_for(url: NodeUrl) -> Proxy | None:
    """The proxy that the environment sets for this node; never one for this machine itself.

    Raises:
        Failure: the proxy is not an HTTP proxy. Its URL may hold a password and is not shown.
    """
    if url.loopback:
        return None
    text = getproxies().get("https" if url.secure else "http")
    if not text or proxy_bypass(url.authority):
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme != "http" or not host:
        raise Failure(
            "the proxy that the environment sets cannot be used",
            why="it is not the URL of an HTTP proxy",
            hint="correct HTTP_PROXY or HTTPS_PROXY, or add the node's host to NO_PROXY",
            code="bad-proxy",
            sent=False,
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Proxy(
        host=host,
        port=port or 80,
        authorization=basic_credentials(user, password) if user or password else "",
    )


def dial(url: NodeUrl, deadline: float, *, tunnel: bool, tls: bool) -> socket.socket:
    """Connect to a node.

    Args:
        url: of kind `http(s)` or `ws(s)`.
        deadline: of `time.monotonic()`.
        tunnel: through a proxy, ask it for a tunnel; otherwise return the connection to the proxy.
        tls: encrypt what is secure by its scheme.

    Raises:
        Failure: there is no connection; the request was not sent.
    """
    proxy = proxy_for(url)
    connection: socket.socket | None = None
    try:
        place = (url.host, url.port) if proxy is None else (proxy.host, proxy.port)
        connection = socket.create_connection(place, timeout=remaining_s(deadline))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None and tunnel:
            with shut_at(connection, deadline):
                _ask_for_tunnel(connection, url, proxy)
        if tls and url.secure:
            connection = tls_context().wrap_socket(
                connection, server_hostname=url.host, do_handshake_on_connect=False
            )
            with shut_at(connection, deadline):
                connection.do_handshake()
        return connection
    except (OSError, ValueError) as cause:  # ValueError: a host that no socket takes
        failure = lost(cause, sent=False)
    except Failure as refused:
        failure = refused
    if connection is not None:
        connection.close()
    raise failure


def _ask_for_tunnel(connection: socket.socket, url: NodeUrl, proxy: Proxy) -> None:
    request = f"CONNECT {url.authority} HTTP/1.1\r\nHost: {url.authority}\r\n"
    if proxy.authorization:
        request += f"Proxy-Authorization: {proxy.authorization}\r\n"
    connection.sendall((request + "\r\n").encode("ascii"))
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = connection.recv(1)  # one byte at a time: what follows belongs to the node
        if not piece or len(answer) > CONNECT_ANSWER_BYTES:
            _refused_by_proxy("it does not answer as an HTTP proxy")
        answer += piece
    status = re.match(rb"HTTP/1\.[01] (\d{3})", answer)
    if status is None:
        _refused_by_proxy("it does not answer as an HTTP proxy")
    elif status[1] != b"200":
        _refused_by_proxy(f"its status is {status[1].decode('ascii')}")


def _refused_by_proxy(why: str) -> NoReturn:
    raise Failure(
        "the proxy that the environment sets does not reach the node",
        why=why,
        hint="correct HTTP_PROXY or HTTPS_PROXY, or add the node's host to NO_PROXY",
        code="bad-proxy",
        sent=False,
    )
