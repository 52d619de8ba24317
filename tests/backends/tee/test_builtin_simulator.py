"""What the built-in simulator measures, computed once more from the files on disk."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from simulated_intel import NOW

import verifiable
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED

PACKAGE = Path(verifiable.__file__).parent
PROGRAM_ROOT = b"\x11" * 32
# tee.md gives this vector for a register that was extended by the program 11..11
PROGRAM_REGISTER = bytes.fromhex(
    "1061f657aaef6bc962366a4a835c434c730337447992952008b06599d90fc036"
    "d15bc287cadbe98602be00dbe5e34de5"
)


def test_the_code_digest_covers_every_file_by_path_and_bytes() -> None:
    folders = (PACKAGE / "backends/tee/simulator", PACKAGE / "program")
    files = sorted(
        (path.relative_to(PACKAGE).as_posix(), path.read_bytes())
        for folder in folders
        for path in folder.rglob("*.py")
    )
    digest = hashlib.sha384()
    for name, data in files:
        for part in (name.encode(), data):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    assert builtin.mrtd() == digest.digest()
    assert builtin.enclave_sources() == tuple(name for name, _ in files)
    for name in ("program/execute.py", "program/lowering/lower.py"):
        assert name in builtin.enclave_sources()
    assert "backends/tee/simulator/tdx.py" in builtin.enclave_sources()


def test_a_tdx_workload_measures_code_and_program() -> None:
    reference = builtin.reference("tdx", PROGRAM_ROOT)
    assert reference.kind == "tdx"
    assert set(reference.values) == {"mrtd", "rtmr0", "rtmr1", "rtmr2", "rtmr3"}
    assert reference.values["mrtd"] == builtin.mrtd()
    assert reference.values["rtmr3"] == PROGRAM_REGISTER
    assert tuple(reference.values[f"rtmr{i}"] for i in range(4)) == builtin.rtmrs(PROGRAM_ROOT)


def test_a_nitro_enclave_measures_code_and_program() -> None:
    reference = builtin.reference("nitro", PROGRAM_ROOT)
    assert set(reference.values) == {"pcr0", "pcr1", "pcr2", "pcr16"}
    assert reference.values["pcr16"] == PROGRAM_REGISTER
    assert builtin.nitro_pcrs(PROGRAM_ROOT) == {
        number: reference.values[f"pcr{number}"] for number in (0, 1, 2, 16)
    }


def test_an_snp_guest_measures_code_and_is_told_its_program() -> None:
    reference = builtin.reference("snp", PROGRAM_ROOT)
    assert dict(reference.values) == {
        "measurement": builtin.snp_measurement(),
        "host_data": PROGRAM_ROOT,
    }


@pytest.mark.parametrize("kind", ["tdx", "nitro", "snp"])
def test_every_register_has_its_own_value(kind: str) -> None:
    values = builtin.reference(kind, PROGRAM_ROOT).values
    assert len(set(values.values())) == len(values)
    assert all(any(value) for value in values.values())
    other = builtin.reference(kind, b"\x22" * 32).values
    changed = {name for name in values if values[name] != other[name]}
    assert changed == {{"tdx": "rtmr3", "nitro": "pcr16", "snp": "host_data"}[kind]}


def test_its_authority_has_the_public_seed() -> None:
    authority = builtin.authority(NOW)
    assert authority.seed == BUILTIN_SEED
    assert authority.seed.is_public
