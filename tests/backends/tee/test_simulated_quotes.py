"""Simulated quotes: accepted by an implementation that is not ours, and as the layout says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import pairwise

import dcap_qvl
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from simulated_intel import (
    MRENCLAVE,
    MRSIGNER,
    MRTD,
    NOW,
    REPORT_DATA,
    RTMRS,
    SEED,
    judged_by_dcap_qvl,
    sgx_quote,
    tdx_quote,
)

from verifiable.backends.tee.quote import Quote
from verifiable.backends.tee.simulator.authority import IntelAuthority
from verifiable.backends.tee.simulator.collateral_issuer import collateral_json
from verifiable.backends.tee.simulator.intel_platform import (
    MODULE_LEVELS,
    PLATFORM_LEVELS,
    QE_LEVELS,
    TD_QE,
    TdxModule,
    with_level,
)
from verifiable.backends.tee.simulator.quoting import Quoting
from verifiable.backends.tee.simulator.seeds import BUILTIN_SEED, Seed
from verifiable.backends.tee.simulator.sgx import SgxIssuer
from verifiable.backends.tee.simulator.tdx import TdxIssuer

TD_15 = {"version": 5, "mrservicetd": bytes(48)}
FORMS = [
    pytest.param({}, id="v4"),
    pytest.param({"version": 5}, id="v5-td10"),
    pytest.param(TD_15, id="v5-td15"),
]


@pytest.fixture(scope="module")
def authority() -> IntelAuthority:
    return IntelAuthority(SEED, NOW)


@pytest.fixture(scope="module")
def tdx(authority: IntelAuthority) -> TdxIssuer:
    return TdxIssuer(authority)


@pytest.fixture(scope="module")
def sgx(authority: IntelAuthority) -> SgxIssuer:
    return SgxIssuer(authority)


def verifies(key: bytes, signature: bytes, message: bytes) -> bool:
    numbers = [int.from_bytes(key[i : i + 32], "big") for i in (0, 32)]
    r, s = (int.from_bytes(signature[i : i + 32], "big") for i in (0, 32))
    public = ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()
    public.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    return True


@pytest.mark.parametrize("form", FORMS)
def test_an_independent_client_accepts_tdx(authority, tdx, form) -> None:
    quote = tdx_quote(tdx, **form)
    verified = judged_by_dcap_qvl(quote, authority, "tdx")
    assert verified.status == "UpToDate"
    assert verified.advisory_ids == []
    assert verified.ppid == authority.platform.ppid
    report = dcap_qvl.parse_quote(quote).report
    assert report.mr_td == MRTD
    assert (report.rt_mr0, report.rt_mr1, report.rt_mr2, report.rt_mr3) == RTMRS
    assert report.report_data == REPORT_DATA
    assert report.td_attributes.hex() == "0000001000000000"
    assert report.xfam.hex() == "e702060000000000"


def test_an_independent_client_accepts_sgx(authority, sgx) -> None:
    quote = sgx_quote(sgx)
    verified = judged_by_dcap_qvl(quote, authority, "sgx")
    assert (verified.status, verified.advisory_ids) == ("UpToDate", [])
    report = dcap_qvl.parse_quote(quote).report
    assert (report.mr_enclave, report.mr_signer) == (MRENCLAVE, MRSIGNER)
    assert report.report_data == REPORT_DATA


def test_the_builtin_machine_is_accepted_as_well() -> None:
    authority = IntelAuthority(BUILTIN_SEED, NOW)
    verified = judged_by_dcap_qvl(tdx_quote(TdxIssuer(authority)), authority, "tdx")
    assert verified.status == "UpToDate"


def test_an_independent_client_refuses_it_under_intels_root(authority, tdx) -> None:
    collateral = dcap_qvl.QuoteCollateralV3.from_json(collateral_json(authority, "tdx").decode())
    with pytest.raises(ValueError, match=r"(?i)verif"):
        dcap_qvl.verify(tdx_quote(tdx), collateral, int(NOW.timestamp()))


def test_an_independent_client_refuses_it_under_another_seeds_root(authority, tdx) -> None:
    stranger = IntelAuthority(Seed(value=bytes(32)), NOW)
    with pytest.raises(ValueError, match=r"(?i)verif"):
        judged_by_dcap_qvl(tdx_quote(tdx), stranger, "tdx", collateral_json(authority, "tdx"))


def test_an_independent_client_sees_a_changed_body(authority, tdx) -> None:
    quote = bytearray(tdx_quote(tdx))
    quote[600] ^= 1
    with pytest.raises(ValueError, match=r"(?i)signature"):
        judged_by_dcap_qvl(bytes(quote), authority, "tdx")


@pytest.mark.parametrize("level", PLATFORM_LEVELS[:-1], ids=lambda level: level.status)
def test_each_status_can_be_had(authority, level) -> None:
    patched = IntelAuthority(SEED, NOW, with_level(authority.platform, level))
    for quote, kind in (
        (tdx_quote(TdxIssuer(patched)), "tdx"),
        (sgx_quote(SgxIssuer(patched)), "sgx"),
    ):
        verified = judged_by_dcap_qvl(quote, patched, kind)
        assert verified.status == level.status
        assert tuple(verified.advisory_ids) == level.advisories


def test_a_revoked_machine_can_be_had(authority) -> None:
    revoked = IntelAuthority(SEED, NOW, with_level(authority.platform, PLATFORM_LEVELS[-1]))
    with pytest.raises(ValueError, match="Revoked"):
        judged_by_dcap_qvl(tdx_quote(TdxIssuer(revoked)), revoked, "tdx")


def test_an_old_module_and_an_old_quoting_enclave_count(authority) -> None:
    old_module = TdxIssuer(authority, module=TdxModule(isv_svn=MODULE_LEVELS[1].isv_svn))
    verified = judged_by_dcap_qvl(tdx_quote(old_module), authority, "tdx")
    assert (verified.status, verified.advisory_ids) == ("OutOfDate", ["INTEL-SA-01036"])

    enclave = replace(TD_QE, isv_svn=QE_LEVELS[1].isv_svn)
    old_enclave = TdxIssuer(authority, quoting=Quoting(authority, enclave))
    verified = judged_by_dcap_qvl(tdx_quote(old_enclave), authority, "tdx")
    assert (verified.status, verified.advisory_ids) == ("OutOfDate", ["INTEL-SA-00615"])


def test_version_4_has_every_field_at_its_offset(authority, tdx) -> None:
    quote = tdx_quote(tdx)
    module = tdx.module
    assert quote[0:12].hex() == "040002008100000000000000"
    assert quote[12:28].hex() == "939a7233f79c4ca9940a0db3957f0607"
    assert quote[44:48] == bytes(4)
    assert quote[48:51] == bytes((module.isv_svn, module.version, module.late_microcode))
    assert quote[64:112] == module.mrseam
    assert not any(quote[112:168])
    assert quote[184:232] == MRTD
    assert quote[376:568] == b"".join(RTMRS)
    assert quote[568:632] == REPORT_DATA
    assert int.from_bytes(quote[632:636], "little") == len(quote) - 636
    assert verifies(quote[700:764], quote[636:700], quote[:632])
    assert quote[764:766] == b"\x06\x00"
    assert int.from_bytes(quote[766:770], "little") == len(quote) - 770
    assert quote[1090:1122] == hashlib.sha256(quote[700:764] + quote[1220:1252]).digest()
    assert not any(quote[1122:1154])
    assert quote[1218:1220] == b"\x20\x00"
    assert quote[1220:1252] == bytes(range(32))
    assert quote[1252:1254] == b"\x05\x00"
    assert int.from_bytes(quote[1254:1258], "little") == len(quote) - 1258
    assert quote[-1:] == b"\0"
    chain = x509.load_pem_x509_certificates(quote[1258:-1])
    assert chain == [
        issued.certificate for issued in (authority.pck, authority.intermediate, authority.root)
    ]
    numbers = chain[0].public_key().public_numbers()
    key = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    assert verifies(key, quote[1154:1218], quote[770:1154])
    assert 4_000 < len(quote) < 5_500


def test_the_quoting_enclave_is_as_the_registry_reads_it(tdx) -> None:
    quote = tdx_quote(tdx)
    assert quote[818] & 0x02 == 0
    assert quote[818:826].hex() == "1500000000000000"
    assert quote[898:930] == TD_QE.mrsigner
    assert quote[1026:1030] == b"\x02\x00\x08\x00"


def test_version_5_has_its_body_behind_six_bytes(tdx) -> None:
    old, short, long = (tdx_quote(tdx, **form.values[0]) for form in FORMS)
    assert short[48:54] == b"\x02\x00" + (584).to_bytes(4, "little")
    assert long[48:54] == b"\x03\x00" + (648).to_bytes(4, "little")
    assert short[54:638] == long[54:638] == old[48:632]
    assert long[638:654] == tdx.module.tee_tcb_svn
    assert long[654:702] == bytes(48)
    assert verifies(long[770:834], long[706:770], long[:702])


def test_version_3_needs_no_outer_certification(sgx) -> None:
    quote = sgx_quote(sgx)
    assert quote[0:8].hex() == "0300020000000000"
    assert quote[48 + 64 : 48 + 96] == MRENCLAVE
    assert quote[48 + 128 : 48 + 160] == MRSIGNER
    assert quote[48 + 320 : 432] == REPORT_DATA
    assert int.from_bytes(quote[432:436], "little") == len(quote) - 436
    assert verifies(quote[500:564], quote[436:500], quote[:432])
    assert quote[1012:1014] == b"\x20\x00"
    assert quote[1046:1048] == b"\x05\x00"


@pytest.mark.parametrize("form", FORMS)
def test_our_parser_reads_what_was_asked_for(tdx, form) -> None:
    quote = Quote.parse(tdx_quote(tdx, **form))
    assert quote.version == form.get("version", 4)
    assert quote.body.mrtd == MRTD
    assert quote.body.rtmrs == RTMRS
    assert quote.body.mrservicetd == form.get("mrservicetd")
    assert quote.trailing_zeros == 0


def test_the_same_words_give_the_same_quote(authority, tdx, sgx) -> None:
    again = IntelAuthority(SEED, NOW)
    assert tdx_quote(TdxIssuer(again)) == tdx_quote(tdx)
    assert sgx_quote(SgxIssuer(again)) == sgx_quote(sgx)
    quotes = [
        tdx_quote(tdx),
        tdx_quote(tdx, report_data=bytes(64)),
        tdx_quote(tdx, mrtd=bytes(48)),
        tdx_quote(TdxIssuer(IntelAuthority(BUILTIN_SEED, NOW))),
    ]
    assert all(one != other for one, other in pairwise(quotes))
    assert len(set(quotes)) == len(quotes)
