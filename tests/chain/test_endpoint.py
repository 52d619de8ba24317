"""Every way in which a node's URL or a node can be wrong, and that none of them shows a key."""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from leaks import leaks_of
from scripted_node import (
    Behaviour,
    answers,
    certificate,
    drips,
    floods,
    reply,
    result_for,
    rpc_of,
    serving,
    serving_ipc,
    silent,
)
from websockets.sync.server import ServerConnection, serve
from websockets.utils import accept_key

from verifiable.chain import dialing, http_transport, json_rpc, stream_transport
from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS
from verifiable.chain.endpoint import open_chain, parse_registry_url
from verifiable.chain.json_rpc import JsonRpcProvider
from verifiable.chain.node_url import parse_node_url
from verifiable.errors import ChainError

SECRET = "S3cr3tMark3r0123456789"  # noqa: S105, a marker to look for
ADDRESS = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
SHORT_S = 0.6


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of this machine, and no waiting between tries."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(json_rpc, "BACKOFF_S", 0.01)


def secret_url(port: int, scheme: str = "http", host: str = "127.0.0.1") -> str:
    """A URL that holds the marker in every place where a key can stand."""
    return f"{scheme}://{SECRET}u:{SECRET}p@{host}:{port}/v2/{SECRET}k?key={SECRET}q"


def refusal(url: str, *, timeout_s: float = 10) -> ChainError:
    """The error of opening a chain; checked for the marker on the way."""
    with pytest.raises(ChainError) as caught, open_chain(url, request_timeout_s=timeout_s):
        pass
    assert not leaks_of(caught.value, SECRET)
    return caught.value


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# --- texts


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "empty"),
        ("local", "lacks its colon"),
        ("local//x", "lacks its colon"),
        ("anvil", "lacks its colon"),
        ("local://chain.db", "no host"),
        (f"local:{ADDRESS}", "followed by an address"),
        ("local:nowhere/chain.db", "folder of the chain's file does not exist"),
        ("anvil:nowhere/state.json", "folder of the chain's file does not exist"),
        ("local:.", "is a folder"),
        (f"htps://{SECRET}", "unknown scheme `htps`"),
        (f"ftp://u:{SECRET}@host/", "unknown scheme `ftp`"),
        (f"{SECRET}{SECRET}://host", "unknown scheme of"),
        (f"http:{SECRET}", "lacks its two slashes"),
        (f"{SECRET}@host", "not the URL of a chain"),
        (SECRET, "not the URL of a chain"),
        (f"http://host name/{SECRET}", "space"),
        (f"http://host/{SECRET} x", "space"),
        (f"http://host/{SECRET}\r\nX: y", "control character"),
        (f"http://host/\0{SECRET}", "control character"),
        (f"http://host/{SECRET}#x", "backslash or a `#`"),
        (f"http://host\\@{SECRET}/", "backslash or a `#`"),
        (f"http:///{SECRET}", "names no host"),
        (f"http://:8545/{SECRET}", "names no host"),
        (f"http://u:{SECRET}@/", "names no host"),
        (f"http://host:{SECRET}/", "bad host or port"),
        (f"http://host:0/{SECRET}", "bad host or port"),
        (f"http://host:70000/{SECRET}", "bad host or port"),
        (f"http://[::1/{SECRET}", "bad host or port"),
        (f"http://-host/{SECRET}", "bad host or port"),
        (f"http://ho..st/{SECRET}", "bad host or port"),
        (f"http://ho%st/{SECRET}", "bad host or port"),
        ("~nobodyofthisname/geth.ipc", "unknown user"),
    ],
)
def test_malformed_urls(
    url: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    error = refusal(url)
    assert error.code == "malformed-chain-url"
    assert told in str(error)


def test_urls_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_node_url("local:").path is None
    assert parse_node_url("local:chain.db").path == Path("chain.db")
    assert parse_node_url("anvil:state.json").source == "anvil:state.json"
    assert parse_node_url("./geth.ipc").kind == "ipc"
    assert parse_node_url("node.ipc").path == Path("node.ipc")
    url = parse_node_url(f"HTTPS://us%40er:{SECRET}@Node.Example/v2/ä?a=b c".replace(" ", "%20"))
    assert (url.kind, url.host, url.port, url.user) == ("https", "node.example", 443, "us@er")
    assert url.target == "/v2/%C3%A4?a=b%20c"
    assert url.source == "https://node.example"
    assert SECRET not in repr(url)
    six = parse_node_url("ws://[::1]:8546")
    assert (six.host, six.authority, six.target, six.loopback) == ("::1", "[::1]:8546", "/", True)
    assert six.host_header == "[::1]:8546"
    assert parse_node_url("wss://[::1]/x").host_header == "[::1]"
    assert parse_node_url("https://h:443/x").host_header == "h"
    assert parse_node_url("https://h:80/x").host_header == "h:80"
    assert parse_node_url("http://bücher.example").host == "xn--bcher-kva.example"


def test_registry_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    raw = bytes.fromhex(ADDRESS[2:])
    assert parse_registry_url(f"https://h/v2/{SECRET}/{ADDRESS}") == (f"https://h/v2/{SECRET}", raw)
    assert parse_registry_url(f"https://h/?key={SECRET}/{ADDRESS.lower()}")[1] == raw
    assert parse_registry_url(f"local:chain.db/{ADDRESS}") == ("local:chain.db", raw)
    assert parse_registry_url(f"local:/{ADDRESS}") == ("local:", raw)
    assert parse_registry_url(f"anvil:/{ADDRESS}") == ("anvil:", raw)
    assert parse_registry_url(f"/run/geth.ipc/{ADDRESS}") == ("/run/geth.ipc", raw)
    for url in ("local:", "local:./chain.db", "https://host/", f"https://h/{SECRET}", "/geth.ipc"):
        assert parse_registry_url(url) == (url, CANONICAL_ADDRESS)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"https://{SECRET}@h/{ADDRESS[:-1]}", "malformed-registry-url"),
        (f"https://{SECRET}@h/{ADDRESS}0", "malformed-registry-url"),
        (f"https://h/0x{SECRET}", "malformed-registry-url"),
        (f"https://{SECRET}@h/{ADDRESS.replace('F', 'f')}", "malformed-registry-url"),
        (f"local:{ADDRESS}", "malformed-chain-url"),
        (f"htps://{SECRET}/{ADDRESS}", "malformed-chain-url"),
        (f"/{ADDRESS}", "malformed-chain-url"),
        (ADDRESS, "malformed-chain-url"),
    ],
)
def test_malformed_registry_urls(text: str, code: str) -> None:
    with pytest.raises(ChainError) as caught:
        parse_registry_url(text)
    assert caught.value.code == code
    assert not leaks_of(caught.value, SECRET)


def test_timeouts_are_numbers_of_seconds() -> None:
    for seconds in (0, -1, float("nan"), float("inf"), 1e9):
        with pytest.raises(ChainError) as caught, open_chain("local:", request_timeout_s=seconds):
            pass
        assert caught.value.code == "bad-timeout"


# --- HTTP


def test_an_honest_node_is_opened_and_closed() -> None:
    with serving(answers()) as served:
        with open_chain(secret_url(served.port), chain_id=31337) as chain:
            assert chain.chain_id == 31337
            assert chain.source == f"http://127.0.0.1:{served.port}"
            assert SECRET not in repr(chain)
            assert not served.closed.is_set()
        assert served.closed.wait(5)
    assert served.connections == 1
    head = served.requests[0].decode()
    assert f"POST /v2/{SECRET}k?key={SECRET}q HTTP/1.1" in head
    assert "Authorization: Basic " in head


def test_connections_are_closed_after_an_exception() -> None:
    with serving(answers()) as served:
        with pytest.raises(KeyError), open_chain(f"http://127.0.0.1:{served.port}"):
            raise KeyError
        assert served.closed.wait(5)


def test_the_wrong_chain_is_refused_and_left() -> None:
    with serving(answers()) as served:
        with pytest.raises(ChainError) as caught, open_chain(secret_url(served.port), chain_id=1):
            pass
        assert caught.value.code == "wrong-chain"
        assert not leaks_of(caught.value, SECRET)
        assert served.closed.wait(5)


def test_an_unreachable_node() -> None:
    error = refusal(secret_url(free_port()))
    assert error.code == "unreachable-node"
    assert "refused" in str(error)


def test_an_unknown_host() -> None:
    error = refusal(secret_url(80, host="no-such-node.invalid"))
    assert error.code == "unreachable-node"


def _broken(sent: bytes) -> Behaviour:
    def behave(connection: socket.socket, _request: bytes, _count: int) -> None:
        connection.sendall(sent)

    return behave


def _answer(**fields: object) -> Behaviour:
    def behave(connection: socket.socket, request: bytes, _count: int) -> bool:
        body = {"jsonrpc": "2.0", "id": rpc_of(request)["id"], **fields}
        connection.sendall(reply(json.dumps(body).encode()))
        return True

    return behave


ECHO = f"key {SECRET}k of {SECRET}u is not known".encode()


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (answers(ECHO, status="401 Unauthorized"), "node-denies-access"),
        (answers(ECHO, status="403 Forbidden"), "node-denies-access"),
        (answers(ECHO, status="429 Too Many Requests"), "node-rate-limit"),
        (answers(ECHO, status="503 Unavailable"), "node-http-error"),
        (answers(ECHO, status="418 Teapot"), "node-http-error"),
        (answers(ECHO, status="404 Not Found"), "not-json-rpc"),
        (answers(b"<html>" + ECHO), "not-json-rpc"),
        (answers(b""), "not-json-rpc"),
        (answers(b"[]"), "not-json-rpc"),
        (answers(b"null"), "not-json-rpc"),
        (answers(b"NaN"), "not-json-rpc"),
        (answers(b"\xff\xfe"), "not-json-rpc"),
        (answers(b'{"id":1,"result":' + b"[" * 100_000), "not-json-rpc"),
        (answers(b'{"id":1,"result":' + b"9" * 100_000 + b"}"), "not-json-rpc"),
        (answers(json.dumps({"id": 77, "result": "0x1"}).encode()), "not-json-rpc"),
        (_answer(), "not-json-rpc"),
        (_answer(result=None), "not-json-rpc"),
        (_answer(result=SECRET), "not-json-rpc"),
        (_answer(result={"0x1": SECRET}), "not-json-rpc"),
        (_answer(error=[1]), "not-json-rpc"),
        (_answer(error={"code": 1, "message": {}}), "not-json-rpc"),
        (_answer(error={"code": -32000, "message": ECHO.decode()}), "node-refuses"),
        (_answer(error=ECHO.decode()), "node-refuses"),
        (
            answers(b'{"error":{"code":1,"message":"","data":' + b"[" * 700 + b"]" * 700 + b"}}"),
            "not-json-rpc",
        ),
        (_broken(b"SSH-2.0-OpenSSH_9\r\n" + ECHO), "not-json-rpc"),
        (_broken(b""), "unreachable-node"),
        (_broken(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), "unreachable-node"),
        (
            _broken(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"),
            "unreachable-node",
        ),
        (
            _broken(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{"),
            "node-answer-too-large",
        ),
        (_broken(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"), "not-json-rpc"),
    ],
)
def test_what_is_no_node(behave: Behaviour, code: str) -> None:
    with serving(behave) as served:
        assert refusal(secret_url(served.port)).code == code
        assert served.requests


def test_an_endless_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_transport, "ANSWER_BYTES", 1 << 20)
    with serving(floods) as served:
        assert refusal(secret_url(served.port)).code == "node-answer-too-large"
        assert served.closed.wait(5)


@pytest.mark.parametrize("behave", [silent, drips])
def test_nothing_stretches_the_deadline(behave: Behaviour) -> None:
    with serving(behave) as served:
        start = time.monotonic()
        assert refusal(secret_url(served.port), timeout_s=SHORT_S).code == "node-timeout"
        assert time.monotonic() - start < 10 * SHORT_S
        assert served.closed.wait(5)


def test_redirects_are_not_followed() -> None:
    with serving(answers()) as other:
        place = f"Location: http://127.0.0.1:{other.port}/{SECRET}\r\n"
        with serving(answers(b"", status="307 Temporary Redirect", headers=place)) as served:
            assert refusal(secret_url(served.port)).code == "not-json-rpc"
        assert not other.requests


def test_netrc_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text(f"default login me password {SECRET}\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(answers()) as served, open_chain(f"http://127.0.0.1:{served.port}"):
        pass
    assert b"Authorization" not in served.requests[0]


def test_logs_do_not_show_keys(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("test").debug("is captured")
    with serving(answers()) as served, open_chain(secret_url(served.port)) as chain:
        assert chain.chain_id == 31337
    with serving(answers(b"", status="500 Failed")) as served:
        refusal(secret_url(served.port))
        refusal(secret_url(served.port, "ws"))
    assert "is captured" in caplog.text
    assert SECRET not in caplog.text


def test_a_broken_connection_is_tried_again() -> None:
    def behave(connection: socket.socket, request: bytes, count: int) -> bool:
        if count in (1, 2):
            return False
        connection.sendall(reply(result_for(request)))
        return True

    with serving(behave) as served:
        provider = JsonRpcProvider(parse_node_url(f"http://127.0.0.1:{served.port}"), timeout_s=10)
        assert provider.probe() == 31337
        assert provider.make_request("eth_blockNumber", [])["result"] == "0x7a69"
        provider.close()
    assert len(served.requests) == 4


@pytest.mark.parametrize("method", ["eth_sendTransaction", "evm_mine", "anvil_setBalance"])
def test_what_would_happen_twice_is_sent_once(method: str) -> None:
    with serving(_broken(b"")) as served:
        provider = JsonRpcProvider(parse_node_url(secret_url(served.port)), timeout_s=10)
        with pytest.raises(ChainError) as caught:
            provider.make_request(method, [])
        assert caught.value.code == "unreachable-node"
        assert "lost" in caught.value.what
    assert len(served.requests) == 1


def test_a_limited_node_is_asked_five_times() -> None:
    with serving(answers(b"", status="429 Too Many", headers="Retry-After: 0\r\n")) as served:
        assert refusal(secret_url(served.port)).code == "node-rate-limit"
    assert len(served.requests) == 5


def test_an_idle_connection_that_the_node_closed_is_replaced() -> None:
    def behave(connection: socket.socket, request: bytes, _count: int) -> bool:
        connection.sendall(reply(result_for(request)))  # keep-alive, and yet it closes
        return False

    with serving(behave) as served:
        provider = JsonRpcProvider(parse_node_url(f"http://127.0.0.1:{served.port}"), timeout_s=10)
        for _ in range(5):
            assert provider.probe() == 31337
        provider.close()
    assert len(served.requests) == served.connections == 5


def test_threads_share_a_provider() -> None:
    with serving(answers()) as served:
        provider = JsonRpcProvider(parse_node_url(f"http://127.0.0.1:{served.port}"), timeout_s=30)
        seen: list[int] = []

        def ask() -> None:
            for _ in range(20):
                seen.append(provider.probe())

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        provider.close()
    assert seen == [31337] * 160
    assert served.connections <= 8


def test_an_error_keeps_its_data_and_loses_its_keys() -> None:
    error = {"code": 3, "message": ECHO.decode(), "data": "0x08c379a0", "more": [SECRET + "k"]}
    with serving(_answer(error=error)) as served:
        provider = JsonRpcProvider(parse_node_url(secret_url(served.port)), timeout_s=10)
        answer = provider.make_request("eth_call", [])
        provider.close()
    assert answer["error"]["data"] == "0x08c379a0"
    assert answer["error"]["code"] == 3
    assert SECRET not in json.dumps(answer)
    assert "is not known" in answer["error"]["message"]
    assert SECRET not in repr(provider) + str(provider)


# --- TLS and proxies


def test_an_untrusted_certificate(tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    for scheme in ("https", "wss"):
        with serving(answers(), tls=context) as served:
            error = refusal(secret_url(served.port, scheme, host="localhost"))
            assert error.code == "node-tls"
            assert "self-signed" in str(error)
            assert not served.requests


def test_a_trusted_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    dialing.tls_context.cache_clear()
    try:
        with serving(answers(), tls=context) as served:
            with open_chain(secret_url(served.port, "https", host="localhost")) as chain:
                assert chain.chain_id == 31337
            wrong = refusal(secret_url(served.port, "https", host="127.0.0.1"))
            assert wrong.code == "node-tls"
    finally:
        dialing.tls_context.cache_clear()


def test_tls_to_a_port_without(tmp_path: Path) -> None:
    for scheme in ("https", "wss"):
        with serving(_broken(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as served:
            listener_error = refusal(secret_url(served.port, scheme), timeout_s=SHORT_S)
            # this server waits for the end of a request's head that TLS never sends
            assert listener_error.code in ("node-tls", "node-timeout")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 mail ready\r\n")
                connection.recv(4096)

        threading.Thread(target=greet, daemon=True).start()
        assert refusal(secret_url(listener.getsockname()[1], "https")).code == "node-tls"


def test_a_node_of_this_machine_is_never_reached_by_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(answers()) as proxy, serving(answers()) as served:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        for host in ("127.0.0.1", "localhost"):
            with open_chain(f"http://{host}:{served.port}"):
                pass
        assert not proxy.requests


def test_a_proxy_forwards_and_has_its_own_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answers()) as proxy:
        monkeypatch.setenv("http_proxy", f"http://pu:pp@127.0.0.1:{proxy.port}")
        with open_chain("http://node.invalid/x") as chain:
            assert chain.chain_id == 31337
    head = proxy.requests[0]
    assert head.startswith(b"POST http://node.invalid:80/x HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic cHU6cHA=" in head
    assert b"\r\nAuthorization" not in head


@pytest.mark.parametrize("scheme", ["https", "wss", "ws"])
def test_a_proxy_that_tunnels_sees_no_key(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(_broken(b"HTTP/1.1 502 No\r\n\r\n")) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        error = refusal(secret_url(443, scheme, host="node.invalid"))
    assert error.code == "bad-proxy"
    assert "502" in str(error)
    assert proxy.requests == [
        b"CONNECT node.invalid:443 HTTP/1.1\r\nHost: node.invalid:443\r\n\r\n"
    ]


@pytest.mark.parametrize("proxy", [f"socks5://u:{SECRET}@h:1", f"http://u:{SECRET}@h:x", "http://"])
def test_a_proxy_that_is_none(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    assert refusal("https://node.invalid").code == "bad-proxy"


# --- WebSocket


@pytest.fixture
def websocket() -> Iterator[tuple[int, list[str], list[ServerConnection]]]:
    """An honest node over WebSocket: its port, requests, connections."""
    requests: list[str] = []
    connections: list[ServerConnection] = []

    def handle(connection: ServerConnection) -> None:
        connections.append(connection)
        for message in connection:
            requests.append(str(message))
            request = json.loads(message)
            connection.send(json.dumps({"jsonrpc": "2.0", "method": "eth_subscription"}))
            if request["method"] == "flood":
                connection.send("[" * (3 << 20))
            elif request["method"] == "garbage":
                connection.send("garbage")
            elif request["method"] != "silence":
                connection.send(json.dumps({"jsonrpc": "2.0", "id": 0, "result": "late"}))
                connection.send(result_for(str(message).encode()).decode())

    with serve(handle, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1], requests, connections
        server.shutdown()


def test_a_websocket(websocket: tuple[int, list[str], list[ServerConnection]]) -> None:
    port, requests, connections = websocket
    with open_chain(secret_url(port, "ws")) as chain:
        assert chain.chain_id == 31337
        assert chain.source == f"ws://127.0.0.1:{port}"
    assert len(requests) == 2
    assert len(connections) == 1
    request = connections[0].request
    assert request is not None
    assert request.path == f"/v2/{SECRET}k?key={SECRET}q"
    assert request.headers["Authorization"].startswith("Basic ")


def test_a_websocket_is_opened_again(
    websocket: tuple[int, list[str], list[ServerConnection]],
) -> None:
    port, _, connections = websocket
    provider = JsonRpcProvider(parse_node_url(f"ws://127.0.0.1:{port}"), timeout_s=10)
    assert provider.probe() == 31337
    connections[0].close()
    assert provider.make_request("eth_chainId", [])["result"] == "0x7a69"
    provider.close()
    assert len(connections) == 2


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("flood", "node-answer-too-large"),
        ("garbage", "not-json-rpc"),
        ("silence", "node-timeout"),
    ],
)
def test_a_websocket_that_misbehaves(
    method: str,
    code: str,
    websocket: tuple[int, list[str], list[ServerConnection]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_transport, "ANSWER_BYTES", 1 << 20)
    url = parse_node_url(secret_url(websocket[0], "ws"))
    provider = JsonRpcProvider(url, timeout_s=2)
    with pytest.raises(ChainError) as caught:
        provider.make_request(method, [])
    provider.close()
    assert caught.value.code == code
    assert not leaks_of(caught.value, SECRET)


def _deaf(connection: socket.socket, request: bytes, _count: int) -> None:
    """Opens a WebSocket and reads nothing of what comes."""
    key = re.search(rb"sec-websocket-key: (\S+)", request, re.IGNORECASE)
    assert key is not None
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + f"Sec-WebSocket-Accept: {accept_key(key[1].decode())}\r\n\r\n".encode()
    )
    time.sleep(20 * SHORT_S)


def test_a_websocket_that_does_not_read() -> None:
    with serving(_deaf) as served:
        url = parse_node_url(f"ws://127.0.0.1:{served.port}")
        provider = JsonRpcProvider(url, timeout_s=SHORT_S)
        start = time.monotonic()
        with pytest.raises(ChainError) as caught:
            provider.make_request("eth_sendTransaction", ["0x" + "00" * (8 << 20)])
        provider.close()
        assert caught.value.code == "node-timeout"
        assert time.monotonic() - start < 10 * SHORT_S


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (answers(ECHO, status="401 Unauthorized"), "node-denies-access"),
        (answers(ECHO, status="429 Too Many"), "node-rate-limit"),
        (answers(ECHO, status="503 Unavailable"), "node-http-error"),
        (answers(ECHO, status="404 Not Found"), "not-json-rpc"),
        (answers(ECHO), "not-json-rpc"),
        (_broken(b"SSH-2.0-OpenSSH_9\r\n"), "not-json-rpc"),
        (_broken(b""), "not-json-rpc"),
        (
            answers(b"", status="307 Elsewhere", headers=f"Location: ws://h/{SECRET}\r\n"),
            "not-json-rpc",
        ),
        (silent, "node-timeout"),
        (drips, "node-timeout"),
    ],
)
def test_what_is_no_websocket(behave: Behaviour, code: str) -> None:
    with serving(behave) as served:
        error = refusal(secret_url(served.port, "ws"), timeout_s=SHORT_S if "time" in code else 10)
        assert error.code == code


def test_an_unreachable_websocket() -> None:
    assert refusal(secret_url(free_port(), "ws")).code == "unreachable-node"


# --- IPC


@pytest.fixture
def short_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A path for a socket, which may have a hundred characters only."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="ipc") as folder:
        yield Path(folder, "node.ipc")


def _line(answer: bytes) -> Behaviour:
    def behave(connection: socket.socket, _request: bytes, _count: int) -> bool:
        connection.sendall(answer)
        return True

    return behave


@pytest.mark.parametrize("end", [b"\n", b""])
def test_ipc(end: bytes, short_path: Path) -> None:
    def behave(connection: socket.socket, request: bytes, _count: int) -> bool:
        answer = result_for(request)
        for start in range(0, len(answer), 10):
            connection.sendall(answer[start : start + 10])
            time.sleep(0.002)
        connection.sendall(end)
        return True

    with serving_ipc(short_path, behave) as served:
        with open_chain(str(short_path)) as chain:
            assert chain.chain_id == 31337
            assert chain.source == str(short_path)
        assert served.closed.wait(5)
    assert served.connections == 1


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (_line(b"garbage\n"), "not-json-rpc"),
        (_line(b"\n"), "node-timeout"),
        (_line(b"{}\n"), "not-json-rpc"),
        (silent, "node-timeout"),
        (_line(b'{"id":'), "node-timeout"),
        (_broken(b""), "unreachable-node"),
        (_line(b"[" * (2 << 20)), "node-answer-too-large"),
    ],
)
def test_what_is_no_node_behind_a_socket(
    behave: Behaviour, code: str, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_transport, "ANSWER_BYTES", 1 << 20)
    with serving_ipc(short_path, behave):
        error = refusal(str(short_path), timeout_s=SHORT_S if "time" in code else 10)
        assert error.code == code


def test_paths_that_are_no_sockets(tmp_path: Path, short_path: Path) -> None:
    plain = tmp_path / "plain.ipc"
    plain.write_text("no socket")
    assert refusal(str(plain)).code == "not-a-socket"
    assert refusal(str(tmp_path / "absent.ipc")).code == "not-a-socket"
    assert refusal(f"{tmp_path}/").code == "not-a-socket"
    with serving_ipc(short_path, answers()):
        pass
    assert refusal(str(short_path)).code == "unreachable-node"  # nobody listens any more


def test_the_embedded_chain(tmp_path: Path) -> None:
    url = f"local:{tmp_path / 'chain.db'}"
    with open_chain(url, chain_id=31337) as chain:
        first = chain.block("latest")
    with open_chain(url) as chain:
        assert chain.block("latest") == first
        assert chain.source == url
    with pytest.raises(ChainError) as caught, open_chain("local:", chain_id=1):
        pass
    assert caught.value.code == "wrong-chain"
