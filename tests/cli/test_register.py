"""`verifiable register` on a chain in a file, and on one where gas costs money."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shlex
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from other_chain import CHAIN_ID, OtherChain, other_chain
from sample_models import MODELS

import verifiable
from verifiable.chain.addresses import checksummed
from verifiable.chain.anvil import find_anvil, run_anvil
from verifiable.chain.contracts.model_registry import CANONICAL_ADDRESS
from verifiable.errors import ChainError
from verifiable.statement.commitment import commit_program
from verifiable.statement.view import record_id_of

REGISTRANT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
SECOND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
SECOND_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"
OWN_KEY = "0x00000000000000000000000000000000000000000000000000000000c0ffee42"
OWN = "0xfFf05daE0e2F047ad1aA1B64732347Ae6b850DBC"
EMPTY_KEY = "0x00000000000000000000000000000000000000000000000000000000c0ffee43"
VARIABLES = ("ETH_RPC_URL", "CHAIN", "ETH_KEYSTORE", "ETH_KEYSTORE_ACCOUNT", "ETH_PASSWORD",
             "ETH_FROM", "ETH_PRIVATE_KEY", "ETH_GAS_PRICE", "ETH_PRIORITY_GAS_PRICE")  # fmt: skip


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that `local:chain.db` is a new chain."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def root(digits_program: Path) -> bytes:
    return commit_program(verifiable.load_program(digits_program)).program_root


def record_of(root: bytes, registrant: str = REGISTRANT) -> str:
    return "0x" + record_id_of(bytes.fromhex(registrant[2:]), root).hex()


def calls(document: dict[str, Any]) -> list[str]:
    return [item["call"] for item in document["transactions"]]


def test_a_new_record_on_a_new_chain(cli, digits_program: Path, root: bytes) -> None:
    ran = cli("register", digits_program, "--uri", "https://example.org", "--json")
    assert ran.code == 0, ran.err
    assert "deployed first" in ran.err
    found = ran.document
    assert found["record"] == record_of(root)
    assert found["registry"] == checksummed(CANONICAL_ADDRESS)
    assert (found["chain"], found["source"]) == (31337, "local:chain.db")
    assert found["registrant"] == REGISTRANT
    lock = verifiable.make_lock([digits_program])
    key = verifiable.setup(digits_program).key
    assert found["keys"] == {"gkr": "0x" + key.digest.hex()}
    assert dict(lock.models[0].backends["gkr"]) == dict(key.fields)
    assert (found["found"], found["added"], found["frozen"]) == (False, ["gkr"], False)
    assert calls(found) == ["ModelRegistry (deployment)", "ModelRegistry.registerModel"]
    assert [item["block"] for item in found["transactions"]] == [1, 2]
    assert all(item["gas_used"] > 100_000 for item in found["transactions"])
    shown = cli("registry", "show", found["record"], "--json").document
    assert shown["uri"] == "https://example.org"
    assert shown["keys"]["gkr"] == found["keys"]["gkr"]
    assert shown["program_root"] == "0x" + root.hex()


def test_people_get_the_record_and_a_line_that_verifies(
    cli, shell, digits_program: Path, workplace: Path, root: bytes
) -> None:
    """The whole way, the verifier in a process of its own."""
    proof = workplace / "PROOF.json"
    proved = cli("prove", digits_program, "--input", MODELS / "digits_input.npz", "-o", proof)
    assert proved.code == 0
    ran = cli("register", digits_program)
    assert ran.code == 0, ran.err
    assert f"record {record_of(root)} in registry " in ran.out
    (line,) = (line for line in ran.out.splitlines() if line.startswith("verify with: "))
    words = shlex.split(line.removeprefix("verify with: "))
    assert words[:3] == ["verifiable", "verify", "PROOF.json"]
    verified = subprocess.run(
        [sys.executable, "-c", "from verifiable.cli.main import main; main()", *words[1:]],
        capture_output=True,
        text=True,
        cwd=workplace,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "RG-5" in verified.stdout
    refused = cli(*[word for word in words[1:] if word != "--allow-local-chain"])
    assert refused.code == 1
    assert "RG-2" in refused.out


def test_the_same_again_sends_nothing(cli, digits_program: Path) -> None:
    first = cli("register", digits_program, "--json").document
    again = cli("register", digits_program)
    assert again.code == 0, again.err
    assert "stood there before and agrees" in again.out
    document = cli("register", digits_program, "--json").document
    assert (document["found"], document["added"], document["transactions"]) == (True, [], [])
    assert document["record"] == first["record"]


def test_another_key_is_an_error_and_changes_nothing(cli, digits_program: Path) -> None:
    first = cli("register", digits_program, "--json").document
    ran = cli("register", digits_program, "--weights", "public", "--uri", "x", "--json")
    assert ran.code == 1
    error = ran.document["error"]
    assert error["code"] == "registered-key-differs"
    assert first["keys"]["gkr"] in error["why"]
    shown = cli("registry", "show", first["record"], "--json").document
    assert (shown["keys"]["gkr"], shown["uri"]) == (first["keys"]["gkr"], "")


def test_further_backends_are_added_until_it_is_frozen(cli, echo, digits_program: Path) -> None:
    both = ("--backend", "gkr", "--backend", "echo")
    cli("register", digits_program)
    added = cli("register", digits_program, *both, "--json").document
    assert (calls(added), added["added"]) == (["ModelRegistry.addBackend"], ["echo"])
    frozen = cli("register", digits_program, *both, "--freeze", "--uri", "there", "--json")
    assert calls(frozen.document) == ["ModelRegistry.setMetadataURI", "ModelRegistry.freeze"]
    assert cli("register", digits_program, *both, "--freeze").code == 0
    shown = cli("registry", "show", added["record"], "--json").document
    assert (shown["frozen"], shown["uri"], shown["keys"]) == (True, "there", added["keys"] | {
        name: None for name in shown["keys"] if name not in added["keys"]
    })  # fmt: skip


def test_a_frozen_record_takes_no_key(cli, echo, digits_program: Path) -> None:
    assert cli("register", digits_program, "--freeze").code == 0
    ran = cli("register", digits_program, "--backend", "echo", "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "record-frozen"


def test_each_account_has_a_record_of_its_own(cli, digits_program: Path, root: bytes) -> None:
    """Nobody takes another's place: the second finds no record, and makes one."""
    first = cli("register", digits_program, "--json").document
    second = cli("register", digits_program, "--from", SECOND, "--weights", "public", "--json")
    assert second.code == 0, second.err
    assert second.document["found"] is False
    assert second.document["record"] == record_of(root, SECOND) != first["record"]
    shown = cli("registry", "show", first["record"], "--json").document
    assert (shown["registrant"], shown["keys"]["gkr"]) == (REGISTRANT, first["keys"]["gkr"])


def test_keys_of_a_lock(cli, echo, digits_program: Path, workplace: Path) -> None:
    lock = workplace / "model.lock"
    assert (
        cli("lock", digits_program, "--backend", "gkr", "--backend", "echo", "-o", lock).code == 0
    )
    one = cli("register", digits_program, "--lock", lock, "--backend", "echo", "--json").document
    assert list(one["keys"]) == ["echo"]
    both = cli("register", digits_program, "--lock", lock, "--json").document
    assert set(both["keys"]) == {"gkr", "echo"}
    assert both["added"] == ["gkr"]
    assert both["verify"][3:5] == ["--key", str(lock)]
    assert cli("register", digits_program, "--backend", "gkr").code == 0  # the key it derives


def test_a_lock_must_hold_the_program_and_the_backend(
    cli, echo, digits_program: Path, workplace: Path
) -> None:
    other = workplace / "other.onnx"
    rows = MODELS / "digits_calibration.npz"
    model = MODELS / "digits_mlp.onnx"
    made = cli("compile", model, "--calibration", rows, "--activation", "int16", "-o", other)
    assert made.code == 0
    lock = workplace / "model.lock"
    assert cli("lock", other, "-o", lock).code == 0
    for arguments, code in (
        ((digits_program, "--lock", lock), "program-not-in-lock"),
        ((other, "--lock", lock, "--backend", "echo"), "key-not-in-lock"),
    ):
        ran = cli("register", *arguments, "--json")
        assert ran.code == 2
        assert ran.document["error"]["code"] == code
    for option in (("--weights", "public"), ("--srs", lock), ("--insecure-local-setup",)):
        assert cli("register", other, "--lock", lock, *option).code == 2
    assert not (workplace / "chain.db").exists()


def test_a_dry_run_sends_nothing(cli, digits_program: Path) -> None:
    fresh = cli("register", digits_program, "--dry-run", "--json").document
    assert calls(fresh) == ["ModelRegistry (deployment)", "ModelRegistry.registerModel"]
    deployment, registration = fresh["transactions"]
    assert deployment["gas_limit"] > 500_000
    assert "gas_limit" not in registration  # not known before the deployment
    assert not any(item["sent"] for item in fresh["transactions"])
    assert cli("registry", "deploy", "--json").document["transactions"][0]["block"] == 1
    shown = cli("register", digits_program, "--dry-run", "--uri", "somewhere")
    assert shown.code == 0
    assert "would register the program" in shown.out
    assert "uri: somewhere" in shown.out
    assert "ether" in shown.out
    assert "nothing was sent" in shown.out
    planned = cli("register", digits_program, "--dry-run", "--json").document
    (registration,) = planned["transactions"]
    assert registration["max_cost_wei"] == (
        registration["gas_limit"] * registration["max_fee_per_gas_wei"]
    )
    made = cli("register", digits_program, "--json").document
    assert made["found"] is False
    assert made["record"] == planned["record"]
    assert made["transactions"][0]["block"] == 2
    assert made["transactions"][0]["gas_used"] <= registration["gas_limit"]


def test_a_dry_run_counts_nonces_as_sending_does(cli, digits_program: Path) -> None:
    assert cli("register", digits_program).code == 0
    change = ("register", digits_program, "--uri", "somewhere", "--freeze", "--json")
    planned = cli(*change, "--dry-run").document["transactions"]
    assert [item["call"] for item in planned] == [
        "ModelRegistry.setMetadataURI",
        "ModelRegistry.freeze",
    ]
    assert [item["nonce"] for item in planned] == [2, 3]


def test_numbers_set_by_hand(cli, digits_program: Path) -> None:
    """The nonce counts on over the transactions of one command; prices are those of the options."""
    prices = ("--gas-price", "5gwei", "--priority-gas-price", "1gwei", "--gas-limit", "2000000")
    ran = cli("register", digits_program, "--nonce", "0", *prices, "--json")
    assert ran.code == 0, ran.err
    assert [item["block"] for item in ran.document["transactions"]] == [1, 2]
    for item in ran.document["transactions"]:
        assert item["cost_wei"] == item["gas_used"] * 2 * 10**9  # base fee and tip
    record = ran.document["record"]
    low = cli("registry", "freeze", record, "--nonce", "1", "--json")
    assert (low.code, low.document["error"]["code"]) == (1, "nonce-too-low")
    plan = cli(
        "registry", "freeze", record, "--nonce", "2", *prices, "--dry-run", "--json"
    ).document
    (planned,) = plan["transactions"]
    assert (planned["nonce"], planned["gas_limit"]) == (2, 2_000_000)
    assert planned["max_fee_per_gas_wei"] == 5 * 10**9
    assert planned["priority_fee_per_gas_wei"] == 10**9
    legacy = cli("registry", "freeze", record, "--legacy", "--dry-run", "--json").document
    assert legacy["transactions"][0]["priority_fee_per_gas_wei"] is None


def test_an_interrupt_while_sending_says_what_may_be(
    cli, digits_program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("verifiable.chain.client.Chain.send", interrupted)
    ran = cli("register", digits_program)
    assert ran.code == 130
    assert ran.out == ""
    assert ran.err.endswith(
        "interrupted: a transaction may have been sent; look before you try again\n"
    )


def test_async_prints_the_hash(cli, digits_program: Path) -> None:
    document = cli("register", digits_program, "--async", "--json").document
    deployment, registration = document["transactions"]
    assert deployment["block"] == 1
    assert registration["block"] is None
    assert len(registration["transaction"]) == 66
    assert cli("registry", "show", document["record"]).code == 0


def test_a_chain_in_memory_is_gone_afterwards(cli, digits_program: Path, workplace: Path) -> None:
    ran = cli("register", digits_program, "-r", "local:")
    assert ran.code == 0
    assert "is gone: name a file" in ran.out
    assert "verify with" not in ran.out
    assert list(workplace.iterdir()) == []


@pytest.fixture(scope="module")
def anvil() -> Iterator[str]:
    """The URL of a running anvil."""
    try:
        found = find_anvil()
    except ChainError as error:
        pytest.skip(f"registered on anvil too only where it is installed: {error.what}")
    with run_anvil(found) as node:
        yield node.url


def test_the_same_on_anvil(cli, digits_program: Path, anvil: str, workplace: Path) -> None:
    """The same record at the same address for the same gas, and the same verdict."""
    here = cli("register", digits_program, "--uri", "u", "--json").document
    there = cli("register", digits_program, "--uri", "u", "-r", anvil, "--json").document
    for name in ("record", "registry", "keys", "registrant", "chain"):
        assert here[name] == there[name]
    gas = [[item["gas_used"] for item in one["transactions"]] for one in (here, there)]
    assert len(gas[0]) == 2
    assert gas[0] == gas[1]
    shown = [cli("registry", "show", here["record"], "-r", url, "--json").document
             for url in ("local:chain.db", anvil)]  # fmt: skip
    assert {**shown[0], "source": ""} == {**shown[1], "source": ""}
    proof, rows = workplace / "PROOF.json", MODELS / "digits_input.npz"
    assert cli("prove", digits_program, "--input", rows, "-o", proof).code == 0
    for document in (here, there):
        assert cli(*document["verify"][1:]).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("--rpc-url", "nonsense"), "malformed-chain-url", 2),
        (("--rpc-url", "local:no/such/folder/chain.db"), "malformed-chain-url", 2),
        (("--chain", "sepolia"), "wrong-chain", 1),
        (("--registry", SECOND), "no-registry", 1),
        (("--account", "nobody-has-this"), "no-such-keystore", 2),
        (("--keystore", "nowhere.json"), "no-such-keystore", 2),
        (("--private-key", "0x1234"), "malformed-private-key", 2),
        (("--private-key", SECOND_KEY, "--from", REGISTRANT), "sender-mismatch", 2),
        (("--from", OWN), "no-account", 2),
        (("--backend", "magic"), "unknown-backend", 2),
        (("--gas-limit", "16777217"), "gas-above-limit", 1),
    ],
)
def test_failures(
    cli, digits_program: Path, arguments: tuple[str, ...], code: str, exit_code: int
) -> None:
    ran = cli("register", digits_program, *arguments, "--json")
    assert ran.document["error"]["code"] == code, ran.err
    assert ran.code == exit_code
    assert SECOND_KEY[2:] not in ran.out + ran.err


def test_an_unreadable_program_is_3_and_makes_no_chain(cli, workplace: Path) -> None:
    ran = cli("register", workplace / "absent.onnx")
    assert ran.code == 3
    assert not (workplace / "chain.db").exists()


@pytest.fixture
def money(workplace: Path) -> Any:
    """A chain whose gas costs money, and on which `OWN` has some."""
    with other_chain(workplace, rich=(OWN,)) as chain:
        yield chain


def test_development_accounts_are_refused_elsewhere(
    cli, digits_program: Path, money: OtherChain
) -> None:
    for arguments, code in (
        ((), "no-account"),
        (("--from", REGISTRANT), "no-account"),
        (("--private-key", SECOND_KEY), "development-key"),
    ):
        ran = cli("registry", "deploy", "-r", money.url, *arguments, "--yes", "--json")
        assert ran.document["error"]["code"] == code
        assert ran.code == 2
    assert money.sent == 0


def test_a_missing_registry_is_deployed_on_development_chains_only(
    cli, digits_program: Path, money: OtherChain
) -> None:
    ran = cli("register", digits_program, "-r", money.url, "--private-key", OWN_KEY, "-y", "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "no-registry"
    assert "verifiable registry deploy" in ran.document["error"]["hint"]
    assert money.sent == 0


def test_spending_is_shown_and_confirmed(
    cli, digits_program: Path, money: OtherChain, monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> None:
    """Without --yes and without a terminal nothing is sent; what was shown is what is sent."""
    monkeypatch.setenv("ETH_RPC_URL", money.url)
    monkeypatch.setenv("ETH_PRIVATE_KEY", OWN_KEY)
    ran = cli("registry", "deploy", "--json", "--quiet")
    assert ran.code == 2
    assert ran.document["error"]["code"] == "confirmation-needed"
    assert f"chain {CHAIN_ID}" in ran.err
    assert OWN in ran.err
    assert "at most" in ran.err
    assert "ether" in ran.err
    assert money.sent == 0
    planned = cli("registry", "deploy", "--dry-run", "--json").document["transactions"][0]
    assert money.sent == 0
    deployed = cli("registry", "deploy", "--yes", "--json")
    assert deployed.code == 0, deployed.err
    assert f"chain {CHAIN_ID}" in deployed.err
    sent = deployed.document["transactions"][0]
    assert sent["cost_wei"] <= planned["max_cost_wei"]
    made = cli("register", digits_program, "--yes", "--json", "--chain", str(CHAIN_ID))
    assert made.code == 0, made.err
    assert made.document["registrant"] == OWN
    words = made.document["verify"]
    assert f"$ETH_RPC_URL/{made.document['registry']}" in words
    assert "--allow-local-chain" not in words
    proof = workplace / "proof.json"
    assert (
        cli("prove", digits_program, "--input", MODELS / "digits_input.npz", "-o", proof).code == 0
    )
    arguments = [word.replace("$ETH_RPC_URL", money.url) for word in words[1:]]
    arguments[1] = str(proof)
    verified = cli(*arguments)
    assert verified.code == 0, verified.out
    for everything in (ran, deployed, made, verified):
        assert money.secret not in everything.out + everything.err
        assert OWN_KEY[2:] not in everything.out + everything.err


def answered(answers: str, *arguments: object) -> tuple[int, str]:
    """Run a command on a terminal, type answers, and return exit code and all that was shown."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", "from verifiable.cli.main import main; main()"]
        + [str(item) for item in arguments],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,  # the terminal becomes its own, for prompts that open /dev/tty
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(follower)
    shown = b""
    asked = False
    while True:
        try:
            chunk = os.read(leader, 4096)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        shown += chunk
        if not asked and shown.rstrip().endswith((b"[y/N]:", b".json:", b"key:")):
            os.write(leader, answers.encode())
            asked = True
    os.close(leader)
    return process.wait(60), shown.decode("utf-8", "replace")


def test_answering_at_the_terminal(money: OtherChain) -> None:
    """`no` is no failure of the work, and sends nothing."""
    deploy = ("registry", "deploy", "-r", money.url, "--private-key", OWN_KEY)
    code, shown = answered("n\n", *deploy)
    assert code == 130, shown
    assert "nothing was sent" in shown
    assert f"signed by {OWN}" in shown
    assert money.sent == 0
    code, shown = answered("y\n", *deploy)
    assert code == 0, shown
    assert money.sent == 1


def test_secrets_are_asked_for_and_not_shown(
    digits_program: Path, workplace: Path, root: bytes
) -> None:
    from eth_account import Account

    code, shown = answered(f"{SECOND_KEY}\n", "register", digits_program, "--interactive")
    assert code == 0, shown
    assert record_of(root, SECOND) in shown
    assert SECOND_KEY[2:] not in shown
    keystore = workplace / "key.json"
    keystore.write_text(json.dumps(Account.encrypt(SECOND_KEY, "open sesame", iterations=4096)))
    keystore.chmod(0o600)
    code, shown = answered("open sesame\n", "register", digits_program, "--keystore", keystore)
    assert code == 0, shown
    assert "stood there before" in shown
    assert "sesame" not in shown


def test_what_was_sent_is_named_if_it_fails(cli, money: OtherChain) -> None:
    """Too little gas is spent in vain: the hash is told, for people and for programs."""
    deploy = ("registry", "deploy", "-r", money.url, "--private-key", OWN_KEY, "-y")
    ran = cli(*deploy, "--gas-limit", "400000", "--json")
    assert ran.code == 1
    assert money.sent == 1
    error = ran.document["error"]
    assert error["code"] == "reverted"
    assert len(error["transaction"]) == 66
    assert error["transaction"] in ran.err


def test_an_empty_account_is_told_before_anything_is_sent(cli, money: OtherChain) -> None:
    ran = cli("registry", "deploy", "-r", money.url, "--private-key", EMPTY_KEY, "-y", "--json")
    assert ran.code == 1
    assert ran.document["error"]["code"] == "insufficient-funds"
    assert money.sent == 0


def test_keys_are_in_no_output(
    cli, digits_program: Path, money: OtherChain, monkeypatch: pytest.MonkeyPatch, workplace: Path
) -> None:
    """Whatever goes wrong, tracebacks of the debug variable included."""
    monkeypatch.setenv("VERIFIABLE_DEBUG", "1")
    short = OWN_KEY[:-1]
    for key, arguments in (
        (OWN_KEY, ("register", digits_program)),
        (OWN_KEY, ("register", digits_program, "--dry-run", "--json")),
        (OWN_KEY, ("register", digits_program, "-r", money.url, "-y")),
        (OWN_KEY, ("registry", "deploy", "-r", money.url, "--gas-limit", "30000", "-y", "--json")),
        (OWN_KEY, ("register", digits_program, "-r", "http://127.0.0.1:9/", "--timeout", "1")),
        (short, ("register", digits_program)),
        (short, ("register", digits_program, "--account", "me")),
    ):
        given = texts(cli, *arguments, "--private-key", key)
        assert key.removeprefix("0x").lstrip("0") not in given
        monkeypatch.setenv("ETH_PRIVATE_KEY", key)
        kept = texts(cli, *arguments)
        assert key.removeprefix("0x").lstrip("0") not in kept
        monkeypatch.delenv("ETH_PRIVATE_KEY")


def texts(cli: Any, *arguments: object) -> str:
    result = cli(*arguments, tracebacks=True)
    return result.out + result.err


def test_a_key_on_the_command_line_is_warned_of(cli, digits_program: Path, root: bytes) -> None:
    ran = cli("register", digits_program, "--private-key", SECOND_KEY, "--json", "--quiet")
    assert ran.code == 0
    assert ran.err.startswith("warning: a private key on the command line")
    assert ran.document["record"] == record_of(root, SECOND)
    quiet = cli(
        "register", digits_program, "--json", "--quiet", env={"ETH_PRIVATE_KEY": SECOND_KEY}
    )
    assert quiet.err == ""
    assert quiet.document["record"] == record_of(root, SECOND)


def test_a_keystore_signs(cli, digits_program: Path, workplace: Path, root: bytes) -> None:
    from eth_account import Account

    keystore, password = workplace / "key.json", workplace / "password"
    keystore.write_text(json.dumps(Account.encrypt(SECOND_KEY, "open sesame", iterations=4096)))
    keystore.chmod(0o600)
    password.write_text("open sesame\n")
    password.chmod(0o600)
    arguments = ("register", digits_program, "--keystore", keystore, "--json")
    ran = cli(*arguments, "--password-file", password)
    assert ran.code == 0, ran.err
    assert ran.document["record"] == record_of(root, SECOND)
    asked = cli(*arguments)
    assert (asked.code, asked.document["error"]["code"]) == (2, "no-password")
    password.write_text("close sesame\n")
    wrong = cli(*arguments, env={"ETH_PASSWORD": str(password)})
    assert (wrong.code, wrong.document["error"]["code"]) == (2, "wrong-password")
    assert "close sesame" not in wrong.out + wrong.err


@pytest.mark.parametrize("blocked", ["web3", "eth", "eth_account"])
def test_without_the_extra(cli, digits_program: Path, workplace: Path, blocked: str) -> None:
    """In a process of its own, in which a package of the extra cannot be imported."""
    proof, rows = workplace / "proof.json", MODELS / "digits_input.npz"
    assert cli("prove", digits_program, "--input", rows, "-o", proof).code == 0
    record = "0x" + "11" * 32
    for arguments in (
        ("register", digits_program),
        ("registry", "show", record, "-r", "local:"),
        ("registry", "deploy"),
        ("verify", proof, "--registry", "local:", "--record", record),
    ):
        words = [str(word) for word in arguments]
        code = (
            f"import sys; sys.modules[{blocked!r}] = None\n"
            f"from verifiable.cli.main import main; main({words!r})"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=workplace
        )
        assert done.returncode == 2, (arguments, done.stderr)
        assert "error [missing-dependency]" in done.stderr
        assert "pip install 'verifiable[chain]'" in done.stderr
    assert not (workplace / "chain.db").exists()
