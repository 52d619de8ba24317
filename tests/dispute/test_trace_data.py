"""Published traces: what hashes is learned, and everything else counts as withheld."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from dispute_kit import honest, tiny_inputs

from verifiable.dispute.material import Material
from verifiable.dispute.shown import ShownTrace
from verifiable.dispute.trace_data import (
    FolderData,
    HttpData,
    data_at,
    learn_roots,
    learn_tensor,
    publish_trace,
)
from verifiable.errors import InvalidInput, ResourceLimit


@pytest.fixture
def trace(material: Material):
    return honest(material, tiny_inputs(90))


def test_a_folder_holds_what_a_challenger_needs(material: Material, trace, tmp_path: Path) -> None:
    data = FolderData(publish_trace(trace, tmp_path / "new" / "trace"))
    shown = ShownTrace()
    assert learn_roots(data, material, trace.root, shown)
    assert shown.tensor(trace.tree(None).at(0, 2)) == trace.roots[2]
    assert learn_tensor(data, material, 2, trace.roots[2], shown)
    assert shown.leaf(trace.tree(2).at(0, 1)) == trace.leaves(2)[32:64]


@pytest.mark.parametrize("damage", ["flip", "short", "long", "gone"])
def test_what_does_not_hash_counts_as_withheld(
    material: Material, trace, tmp_path: Path, damage: str
) -> None:
    folder = publish_trace(trace, tmp_path)
    for name in ("roots.bin", "tensor-2.bin"):
        path = folder / name
        content = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            changed = {
                "flip": content[:-1] + bytes((content[-1] ^ 1,)),
                "short": content[:-1],
                "long": content + b"\0",
            }
            path.write_bytes(changed[damage])
    shown = ShownTrace()
    assert not learn_roots(FolderData(folder), material, trace.root, shown)
    assert not learn_tensor(FolderData(folder), material, 2, trace.roots[2], shown)
    assert shown.children(trace.root, 3, 0) is None
    assert shown.leaf(trace.tree(2).at(0, 0)) is None


def test_a_folder_that_cannot_be_made_is_a_typed_error(trace, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ResourceLimit, match="cannot be made"):
        publish_trace(trace, tmp_path / "file" / "trace")


class Server(BaseHTTPRequestHandler):
    folder: Path
    mode = "good"

    def do_GET(self) -> None:
        if self.mode == "redirect":
            self.send_response(302)
            self.send_header("Location", f"/ok{self.path}")
            self.end_headers()
            return
        content = (self.folder / self.path.rpartition("/")[2]).read_bytes()
        self.send_response(200)
        self.end_headers()
        if self.mode == "endless":
            try:
                while True:
                    self.wfile.write(b"x" * 65536)
            except OSError:
                return
        if self.mode == "slow":
            try:
                for byte in content:
                    self.wfile.write(bytes((byte,)))
                    time.sleep(0.1)
            except OSError:
                return
        self.wfile.write(content)

    def log_message(self, *args) -> None:
        """Stay silent."""


@pytest.fixture
def server(trace, tmp_path: Path) -> Iterator[tuple[type[Server], str]]:
    handler = type("Handler", (Server,), {"folder": publish_trace(trace, tmp_path)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads = True
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield handler, f"http://127.0.0.1:{running.server_port}/some/folder/"
        running.shutdown()


def test_http_brings_the_same(material: Material, trace, server) -> None:
    data = data_at(server[1], private=True)
    shown = ShownTrace()
    assert learn_roots(data, material, trace.root, shown)
    assert learn_tensor(data, material, 4, trace.roots[4], shown)
    assert data.read("nothing.bin", 5) is None


@pytest.mark.parametrize("mode", ["redirect", "endless", "slow"])
def test_a_hostile_server_brings_nothing_and_costs_little(
    material: Material, trace, server, mode: str
) -> None:
    server[0].mode = mode
    data = HttpData(server[1], private=True, timeout_s=1.0)
    began_s = time.monotonic()
    assert not learn_roots(data, material, trace.root, ShownTrace())
    assert time.monotonic() - began_s < 10


def test_a_stranger_cannot_make_us_ask_private_hosts(material: Material, trace, server) -> None:
    assert not learn_roots(HttpData(server[1]), material, trace.root, ShownTrace())


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/x",
        "https://",
        "https://user:secret@example.org/",
        "http://example.org/a?b=c",
        "http://example.org:99999/",
        "http://example.org/a b",
        "http://example.org/\r\nHost: other",
        "http://[::1/x",
        "",
        "a folder",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    assert data_at(url) is None
    with pytest.raises(InvalidInput) as refused:
        HttpData(url)
    assert refused.value.code == "bad-trace-url"
    assert "secret" not in str(refused.value)
