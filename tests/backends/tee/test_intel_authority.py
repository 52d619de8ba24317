"""The simulated Intel authority: deterministic, in the vendor's form, and marked by its names."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from simulated_intel import NOW, SEED

from verifiable.backends.tee.certificates import check_chain, check_revocation, load_crl
from verifiable.backends.tee.collateral import Collateral
from verifiable.backends.tee.pck import PckExtension
from verifiable.backends.tee.roots import BUILTIN_SIMULATED_ROOTS
from verifiable.backends.tee.simulator import builtin
from verifiable.backends.tee.simulator.authority import IntelAuthority, Issued
from verifiable.backends.tee.simulator.collateral_issuer import (
    collateral_fields,
    collateral_json,
    tcb_info,
)
from verifiable.backends.tee.simulator.intel_platform import PLATFORM_LEVELS, simulated_platform
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, Seed
from verifiable.errors import InvalidInput

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def authority() -> IntelAuthority:
    return IntelAuthority(SEED, NOW)


def everything(authority: IntelAuthority) -> list[bytes]:
    return [
        authority.pck_chain_pem.encode(),
        collateral_json(authority, "tdx"),
        collateral_json(authority, "sgx"),
    ]


def certificates(authority: IntelAuthority) -> list[Issued]:
    return [authority.root, authority.intermediate, authority.pck, authority.tcb_signer]


def test_the_same_seed_and_time_give_the_same_bytes(authority: IntelAuthority) -> None:
    assert everything(authority) == everything(IntelAuthority(SEED, NOW))


def test_certificates_depend_on_the_seed_and_lists_on_the_time(authority: IntelAuthority) -> None:
    later = IntelAuthority(SEED, NOW + timedelta(days=400))
    assert later.pck_chain_pem == authority.pck_chain_pem
    assert later.tcb_signer.der == authority.tcb_signer.der
    assert later.root_crl != authority.root_crl
    assert later.pck_crl != authority.pck_crl
    stranger = IntelAuthority(Seed(value=bytes(32)), NOW)
    for own, other in zip(certificates(authority), certificates(stranger), strict=True):
        assert own.der != other.der
        assert own.certificate.serial_number != other.certificate.serial_number


def test_other_time_zones_and_parts_of_seconds_change_nothing(authority: IntelAuthority) -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    same = IntelAuthority(SEED, elsewhere + timedelta(microseconds=999))
    assert everything(same) == everything(authority)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        IntelAuthority(SEED, NOW.replace(tzinfo=None))
    assert caught.value.code == "naive-time"


def test_every_certificate_says_what_it_is(authority: IntelAuthority) -> None:
    for issued in certificates(authority):
        for name in (issued.certificate.subject, issued.certificate.issuer):
            (organisation,) = name.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
            assert organisation.value == "SIMULATED - NOT A TEE"


def test_the_chain_holds_at_any_time_of_a_generation(authority: IntelAuthority) -> None:
    pck = [authority.pck, authority.intermediate, authority.root]
    signer = [authority.tcb_signer, authority.root]
    for year in (2021, 2026, 2049):
        now = datetime(year, 6, 1, tzinfo=UTC)
        for chain in (pck, signer):
            found = check_chain([issued.certificate for issued in chain], now=now, what="chain")
            assert found is None


def test_roles_are_apart(authority: IntelAuthority) -> None:
    keys = {issued.key.private_numbers().private_value for issued in certificates(authority)}
    assert len(keys) == 4
    assert authority.tcb_signer.certificate.issuer == authority.root.certificate.subject
    assert authority.pck.certificate.issuer == authority.intermediate.certificate.subject
    for issued, is_ca in zip(certificates(authority), (True, True, False, False), strict=True):
        basic = issued.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = issued.certificate.extensions.get_extension_for_class(x509.KeyUsage)
        assert basic.value.ca is usage.value.crl_sign is usage.value.key_cert_sign is is_ca


def test_the_leaf_says_which_machine(authority: IntelAuthority) -> None:
    found = PckExtension.of(authority.pck.certificate)
    assert found == authority.platform == simulated_platform(SEED)
    assert bytes(found.components) == found.cpusvn
    assert found.ppid != simulated_platform(BUILTIN_SEED).ppid
    assert any(found.components[7:])  # not only zeros behind the first ones
    carriers = [
        issued
        for issued in certificates(authority)
        if b"\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01" in issued.der
    ]
    assert carriers == [authority.pck]


def test_a_machine_of_the_processor_ca_says_less() -> None:
    platform = replace(simulated_platform(SEED), sgx_type=0, platform_instance_id=None, flags=None)
    authority = IntelAuthority(SEED, NOW, platform)
    assert "Processor" in authority.pck.certificate.issuer.rfc4514_string()
    assert PckExtension.of(authority.pck.certificate) == platform


def test_lists_are_current_for_thirty_days(authority: IntelAuthority) -> None:
    for der, issuer, certificate in (
        (authority.root_crl, authority.root, authority.intermediate),
        (authority.pck_crl, authority.intermediate, authority.pck),
    ):
        crl = load_crl(der, "list")
        assert crl.last_update_utc == NOW - FIVE_MINUTES
        assert crl.next_update_utc == NOW - FIVE_MINUTES + timedelta(days=30)
        assert len(crl) > 0, "a list that names nobody leaves its reader untested"
        found = check_revocation(
            crl, issuer.certificate, [certificate.certificate], now=NOW, what="list"
        )
        assert found is None


def test_a_list_can_revoke(authority: IntelAuthority) -> None:
    serial = authority.pck.certificate.serial_number
    crl = load_crl(authority.crl(authority.intermediate, [serial]), "list")
    found = check_revocation(
        crl,
        authority.intermediate.certificate,
        [authority.pck.certificate],
        now=NOW,
        what="list",
    )
    assert found is not None
    assert found.code == "certificate-revoked"


@pytest.mark.parametrize("kind", ["tdx", "sgx"])
def test_the_texts_are_signed_to_the_byte(authority: IntelAuthority, kind: str) -> None:
    fields = collateral_fields(authority, kind)
    for name in ("tcb_info", "qe_identity"):
        signature = bytes.fromhex(fields[f"{name}_signature"])
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        authority.tcb_signer.key.public_key().verify(
            utils.encode_dss_signature(r, s), fields[name].encode(), ec.ECDSA(hashes.SHA256())
        )


@pytest.mark.parametrize("kind", ["tdx", "sgx"])
def test_the_verifier_reads_the_collateral_as_written(authority: IntelAuthority, kind: str) -> None:
    text = collateral_json(authority, kind)
    assert Collateral.from_json(text).to_json() == text
    assert 9_000 < len(text) < 20_000


@pytest.mark.parametrize("kind", ["tdx", "sgx"])
def test_levels_are_worth_choosing_from(authority: IntelAuthority, kind: str) -> None:
    document = json.loads(collateral_fields(authority, kind)["tcb_info"])
    assert document["id"] == kind.upper()
    assert document["fmspc"] == authority.platform.fmspc.hex().upper()
    levels = document["tcbLevels"]
    assert [level["tcbStatus"] for level in levels] == [
        "UpToDate",
        "SWHardeningNeeded",
        "ConfigurationNeeded",
        "ConfigurationAndSWHardeningNeeded",
        "OutOfDate",
        "OutOfDateConfigurationNeeded",
        "Revoked",
    ]
    svns = [
        (*(c["svn"] for c in level["tcb"]["sgxtcbcomponents"]), level["tcb"]["pcesvn"])
        for level in levels
    ]
    assert svns == sorted(set(svns), reverse=True)
    assert all(level["advisoryIDs"] for level in levels[1:])
    for level in levels:
        for components in ("sgxtcbcomponents", "tdxtcbcomponents"):
            assert (components in level["tcb"]) == (kind == "tdx" or components[0] == "s")
            assert len(level["tcb"].get(components, [0] * 16)) == 16


def test_texts_can_be_changed_before_they_are_signed(authority: IntelAuthority) -> None:
    document = tcb_info(authority, "sgx", levels=PLATFORM_LEVELS[4:])
    assert document["tcbLevels"][0]["tcbStatus"] == "OutOfDate"
    assert "tdxModule" not in document


@pytest.mark.parametrize("kind", ["tdx", "sgx"])
def test_the_builtin_root_is_the_one_that_this_release_names(kind: str) -> None:
    root = builtin.authority(NOW).root
    assert hashlib.sha256(root.der).digest() == BUILTIN_SIMULATED_ROOTS[kind]


def test_the_builtin_root_stays_what_it_is() -> None:
    assert BUILTIN_SIMULATED_ROOTS["tdx"].hex() == (
        "8ce987105ab0f0f395ffeadfa294ddf887ad8e9ccc63c3172a67b61ebfe0b3be"
    )
