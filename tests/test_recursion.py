"""No optional package leaves a recursion limit behind at which the process could end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from verifiable.recursion import EVM_RECURSION_LIMIT, recursion_limit_kept

LOADERS = {
    "embedded chain": (
        "from verifiable.chain.local.chain import LocalChain\nLocalChain.open(None).close()",
        EVM_RECURSION_LIMIT,
    ),
    "signing": (
        "from verifiable.chain.accounts import KeySigner\n"
        "KeySigner(bytes(31) + b'\\x07').sign({'chainId': 5, 'nonce': 0, 'gas': 21000, "
        "'gasPrice': 1, 'to': bytes(20), 'value': 0, 'data': b''})",
        1000,
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_the_limit_is_given_back(name: str) -> None:
    code, limit = LOADERS[name]
    check = f"import sys\n{code}\nprint(sys.getrecursionlimit())"
    run = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert int(run.stdout) == limit


def test_the_limit_is_given_back_after_an_error_too() -> None:
    before = sys.getrecursionlimit()

    def raise_the_limit_and_stop() -> None:
        with recursion_limit_kept():
            sys.setrecursionlimit(before + 5000)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        raise_the_limit_and_stop()
    assert sys.getrecursionlimit() == before
