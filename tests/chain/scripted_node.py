"""Servers on this machine that answer as they are told: honest nodes, and nodes that are not."""

from __future__ import annotations

import datetime
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Behaviour = Callable[[socket.socket, bytes, int], bool | None]
"""Answers one request (head and body, counted from 0) on a socket; True keeps the connection."""


@dataclass
class Served:
    """What a server saw.

    Attributes:
        requests: head and body of each, as they came.
        closed: set by every connection that the client closed.
    """

    port: int
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    closed: threading.Event = field(default_factory=threading.Event)


def reply(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    """An HTTP answer."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n"
    ).encode() + body


def rpc_of(request: bytes) -> dict[str, object]:
    """The JSON-RPC request in an HTTP request, or alone."""
    return json.loads(request.rpartition(b"\r\n\r\n")[2])


def result_for(request: bytes, result: object = "0x7a69") -> bytes:
    """The JSON of an honest answer."""
    return json.dumps({"jsonrpc": "2.0", "id": rpc_of(request)["id"], "result": result}).encode()


def answers(body: bytes | None = None, *, status: str = "200 OK", headers: str = "") -> Behaviour:
    """Always the same answer; without a body, an honest one."""

    def behave(connection: socket.socket, request: bytes, _count: int) -> bool:
        text = result_for(request) if body is None else body
        connection.sendall(reply(text, status=status, headers=headers))
        return True

    return behave


def drips(connection: socket.socket, _request: bytes, _count: int) -> None:
    """A byte now and then, for ever: no timeout of the socket ever passes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.05)


def floods(connection: socket.socket, _request: bytes, _count: int) -> None:
    """An answer without an end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"10000\r\n" + b"[" * 0x10000 + b"\r\n"
    while True:
        connection.sendall(piece)


def silent(connection: socket.socket, _request: bytes, _count: int) -> None:
    """Nothing, until the client leaves."""
    connection.settimeout(20)
    if not connection.recv(1):
        raise ConnectionResetError


@contextmanager
def serving(behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Run a server whose requests are HTTP."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = Served(port=listener.getsockname()[1])
    stop = threading.Event()

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            served.connections += 1
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        try:
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            with connection:
                while (request := _request_on(connection)) is not None:
                    served.requests.append(request)
                    if not behave(connection, request, len(served.requests) - 1):
                        return
                served.closed.set()
        except OSError:  # the client left in the middle
            served.closed.set()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield served
    finally:
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _request_on(connection: socket.socket) -> bytes | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length: (\d+)", head)
    size = int(found[1]) if found else 0
    while len(body) < size:
        piece = connection.recv(65536)
        if not piece:
            return None
        body += piece
    return head + b"\r\n\r\n" + body


@contextmanager
def serving_ipc(path: Path, behave: Behaviour) -> Iterator[Served]:
    """Run a server on a Unix socket whose requests are lines."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()
    served = Served(port=0)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            served.connections += 1
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def serve(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            for line in lines:
                served.requests.append(line)
                try:
                    if not behave(connection, line, len(served.requests) - 1):
                        return
                except OSError:  # the client left in the middle
                    break
            served.closed.set()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield served
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost that signs itself, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost")]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_path = folder / "key.pem"
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key_path)
    return path, context
