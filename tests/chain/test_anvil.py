"""A real anvil: found, checked, with the embedded chain's rules, and gone whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from reference_node import find_anvil as find_installed

from verifiable.chain import anvil as anvil_module
from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.client import Chain
from verifiable.chain.endpoint import open_chain
from verifiable.chain.json_rpc import JsonRpcProvider
from verifiable.chain.node_url import parse_node_url
from verifiable.errors import ChainError

GONE_S = 30.0  # a loaded machine takes its time to end a process


@pytest.fixture
def anvil() -> Path:
    """The executable of this machine."""
    found = find_installed()
    if found is None:
        pytest.skip("anvil is not installed: set ANVIL, or `npm install @foundry-rs/anvil`")
    return found.absolute()


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory and a home without anvil, and a PATH with a shell only."""
    here = tmp_path / "here" / "below"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("ANVIL", raising=False)
    return tmp_path


def script(path: Path, text: str) -> Path:
    """An executable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def fake(path: Path, version: str = "anvil Version: 1.7.1") -> Path:
    """An executable that tells a version."""
    return script(path, f"echo '{version}'")


def refusal(path: Path | None = None) -> ChainError:
    with pytest.raises(ChainError) as caught:
        find_anvil(path)
    return caught.value


def is_running(pid: int) -> bool:
    """Whether a process lives; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(*pids: int) -> None:
    deadline = time.monotonic() + GONE_S
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, "anvil or its shell is still there"
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    """Processes whose parent is this one."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            fields = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:  # not a process, or gone meanwhile
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.name))
    return found


# --- looking for it


def test_a_missing_anvil_lists_every_place(nowhere: Path) -> None:
    error = refusal()
    assert error.code == "no-anvil"
    for place in ("PATH", "~/.foundry/bin/anvil", f"{nowhere}/here/below/node_modules/@foundry-rs"):
        assert place in error.why
    assert f"{nowhere}/node_modules/@foundry-rs" in error.why
    assert "--anvil" in error.hint


def test_places_in_order(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, machine = anvil_module.platform.system().lower(), "amd64"
    monkeypatch.setattr(anvil_module.platform, "machine", lambda: "x86_64")
    package = f"node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil"
    above = fake(nowhere / package)
    assert find_anvil() == above
    nearer = fake(nowhere / "here" / package)
    assert find_anvil() == nearer
    home = fake(nowhere / "home/.foundry/bin/anvil")
    assert find_anvil() == home
    on_path = fake(nowhere / "bin/anvil")
    assert find_anvil() == on_path
    named = fake(nowhere / "named")
    monkeypatch.setenv("ANVIL", str(named))
    assert find_anvil() == named
    given = fake(nowhere / "given")
    assert find_anvil(given) == given


def test_a_named_anvil_is_the_only_place(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(nowhere / "bin/anvil")
    monkeypatch.setenv("ANVIL", str(nowhere / "absent"))
    error = refusal()
    assert error.code == "no-anvil"
    assert "from ANVIL" in error.why
    assert refusal(nowhere / "other").code == "no-anvil"
    plain = nowhere / "plain"
    plain.write_text("not executable")
    assert refusal(plain).code == "no-anvil"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo 'anvil Version: 1.6.9'", "1.6.9 is too old"),
        ("echo 'anvil 0.3.0 (abc 2025-01-01)'", "0.3.0 is too old"),
        ("echo 'forge Version: 1.7.1'", "not anvil"),
        ("echo 'anvil of unknown age'", "not anvil"),
        ("exit 1", "not anvil"),
        ("sleep 60", "did not tell its version in time"),
    ],
)
def test_versions(text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anvil_module, "VERSION_S", 1.0)
    error = refusal(script(tmp_path / "anvil", text))
    assert error.code == "anvil-version"
    assert told in str(error)


def test_what_cannot_be_run(tmp_path: Path) -> None:
    broken = tmp_path / "anvil"
    broken.write_bytes(b"\x7fELF no program")
    broken.chmod(0o755)
    assert refusal(broken).code == "anvil-version"


def test_an_anvil_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = script(tmp_path / "anvil", "echo 'error: no such fork' >&2; exit 3")
    with pytest.raises(ChainError) as caught, run_anvil(failing):
        pass
    assert caught.value.code == "anvil-failed"
    assert "no such fork" in caught.value.why
    monkeypatch.setattr(anvil_module, "START_S", 0.5)
    with pytest.raises(ChainError) as caught, run_anvil(script(tmp_path / "mute", "exec sleep 60")):
        pass
    assert caught.value.code == "anvil-failed"


def test_an_anvil_that_does_not_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anvil_module, "STOP_S", 0.5)
    text = "trap '' INT\necho 'Listening on 127.0.0.1:9'\nwhile :; do sleep 0.1; done"
    with run_anvil(script(tmp_path / "anvil", text)) as node:
        assert is_running(node.pid)
    wait_until_gone(node.pid)


# --- the real one


def test_rules_are_those_of_the_embedded_chain(anvil: Path) -> None:
    with run_anvil(find_anvil(anvil)) as node:
        provider = JsonRpcProvider(parse_node_url(node.url), timeout_s=30)
        info = provider.make_request("anvil_nodeInfo", [])["result"]
        assert info["hardFork"].lower() == "osaka"
        sender = provider.make_request("eth_accounts", [])["result"][0]
        over = {"from": sender, "to": sender, "gas": hex((1 << 24) + 1)}
        refused = provider.make_request("eth_sendTransaction", [over])
        assert "gas" in refused["error"]["message"]
        within = {"from": sender, "to": sender, "gas": hex(1 << 24)}
        assert "result" in provider.make_request("eth_sendTransaction", [within])
        provider.close()


def test_http_websocket_and_one_client(anvil: Path) -> None:
    with run_anvil(anvil) as node:
        for url in (node.url, node.url.replace("http", "ws", 1)):
            with open_chain(url, chain_id=31337) as chain:
                assert isinstance(chain, Chain)
                assert chain.block("latest").number == 0


def test_it_is_gone_afterwards(anvil: Path) -> None:
    with run_anvil(anvil) as node:
        shell = children_of(node.pid)
        assert is_running(node.pid)
        assert len(shell) == 1
    wait_until_gone(node.pid, *shell)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_it_is_gone_after_an_exception(error: type[BaseException], anvil: Path) -> None:
    with pytest.raises(error), run_anvil(anvil) as node:
        raise error
    wait_until_gone(node.pid)


def test_it_is_gone_after_a_refused_chain(anvil: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = anvil_module._start

    def remember(command: list[str], watched: int) -> subprocess.Popen[bytes]:
        started.append(start(command, watched))
        return started[-1]

    monkeypatch.setattr(anvil_module, "_start", remember)
    with pytest.raises(ChainError) as caught, open_chain("anvil:", chain_id=1, anvil=anvil):
        pass
    assert caught.value.code == "wrong-chain"
    wait_until_gone(started[0].pid)


def test_one_that_ended_by_itself(anvil: Path) -> None:
    with run_anvil(anvil) as node:
        shell = children_of(node.pid)
        os.kill(node.pid, signal.SIGKILL)
        wait_until_gone(node.pid)
        provider = JsonRpcProvider(parse_node_url(node.url), timeout_s=5)
        with pytest.raises(ChainError) as caught:
            provider.probe()
        assert caught.value.code == "unreachable-node"
    wait_until_gone(*shell)


def test_threads_may_end_before_it(anvil: Path) -> None:
    """A node tied to the thread that started it would be killed here."""
    context = run_anvil(anvil)
    entered = []
    thread = threading.Thread(target=lambda: entered.append(context.__enter__()))
    thread.start()
    thread.join()
    try:
        time.sleep(0.3)
        assert is_running(entered[0].pid)
    finally:
        context.__exit__(None, None, None)
    wait_until_gone(entered[0].pid)


USER = """
import sys, time
from pathlib import Path
from verifiable.chain.anvil import run_anvil
with run_anvil(Path(sys.argv[1])) as node:
    print(node.pid, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def user(anvil: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Another process that runs a node, and the node's process id."""
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(anvil)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_is_gone_when_its_user_is_killed(
    number: signal.Signals, user: tuple[subprocess.Popen[str], int]
) -> None:
    process, pid = user
    shell = children_of(pid)
    assert is_running(pid)
    process.send_signal(number)
    process.wait()
    wait_until_gone(pid, *shell)


def test_state_is_kept_in_a_file(anvil: Path, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    with open_chain(f"anvil:{state}", anvil=anvil) as chain:
        assert chain.source == f"anvil:{state}"
        assert chain.block("latest").number == 0
    assert state.is_file()
    with run_anvil(anvil, state=state) as node:
        provider = JsonRpcProvider(parse_node_url(node.url), timeout_s=30)
        for _ in range(3):
            provider.make_request("evm_mine", [])
        provider.close()
    with open_chain(f"anvil:{state}", anvil=anvil) as chain:
        assert chain.block("latest").number == 3


def test_two_at_a_time(anvil: Path) -> None:
    with run_anvil(anvil) as one, run_anvil(anvil) as other:
        assert one.url != other.url
        assert is_running(one.pid)
        assert is_running(other.pid)
