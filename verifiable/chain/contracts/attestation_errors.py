"""Why the attestation registry refuses: one dataclass for each error of its contracts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from verifiable.chain.contracts.attestation_structs import Fault

__all__ = [
    "ERRORS",
    "AlreadyRevoked",
    "AlreadyScheduled",
    "AttestationError",
    "AuthDataSize",
    "BadDelay",
    "BadPlatformLife",
    "ChallengeUnknown",
    "DeadlinePassed",
    "DebugFeatures",
    "FeaturesNotAllowed",
    "FeaturesUnchanged",
    "KeyAlreadyRegistered",
    "KeyNotValid",
    "KeyStillValid",
    "MinimumLowered",
    "NoSigner",
    "NotIntelsModule",
    "NotKeyQuote",
    "NotOwner",
    "NotPendingOwner",
    "NotPossessed",
    "NotScheduled",
    "PlatformExpired",
    "PlatformRevoked",
    "PrecompileMissing",
    "QeBinding",
    "QeDebug",
    "QeProduct",
    "QeSignature",
    "QeSigner",
    "QeSvnTooLow",
    "QeVendor",
    "QuoteHeader",
    "QuoteLength",
    "QuoteSignature",
    "ReportData",
    "SignatureLength",
    "SignatureNotCanonical",
    "SvnTooLow",
    "TooEarly",
    "TooLate",
    "TooManyFeatures",
    "UnknownFeatures",
    "UnknownKey",
    "UnknownPlatform",
    "UnknownWorkload",
    "WorkloadNotAllowed",
    "WorkloadUnchanged",
    "WrongProgram",
    "ZeroOwner",
    "ZeroProgram",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationError:
    """Why the attestation registry refused, read from a `Reverted` by `error_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteLength(AttestationError):
    """The prefix of a quote has 1,252 bytes.

    Attributes:
        length: of what was given.
    """

    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteHeader(AttestationError):
    """Not version 4, ECDSA P-256, TDX, reserved zero.

    Attributes:
        header: first eight bytes.
    """

    header: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QeVendor(AttestationError):
    """The quoting enclave is of another vendor than Intel.

    Attributes:
        vendor: bytes 12 to 28.
    """

    vendor: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotIntelsModule(AttestationError):
    """The TDX module is not Intel's: its signer or attributes are not zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesNotAllowed(AttestationError):
    """Attributes and features of the TD are not on the list.

    Attributes:
        features: TDATTRIBUTES and XFAM, bytes 168 to 184.
    """

    features: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SvnTooLow(AttestationError):
    """A component of TEE_TCB_SVN is below the minimum.

    Attributes:
        svn: of the quote.
        minimum: what is asked for.
    """

    svn: bytes
    minimum: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteSignature(AttestationError):
    """The attestation key has not signed header and body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthDataSize(AttestationError):
    """The authentication data of the quoting enclave has not 32 bytes.

    Attributes:
        size: as it stands, little-endian.
    """

    size: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QeBinding(AttestationError):
    """The quoting enclave does not vouch for the attestation key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QeDebug(AttestationError):
    """The quoting enclave can be debugged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QeSigner(AttestationError):
    """The quoting enclave is not signed by Intel.

    Attributes:
        mrsigner: who signed it.
    """

    mrsigner: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QeProduct(AttestationError):
    """The enclave is another of Intel's than the one that quotes TDs.

    Attributes:
        product: ISVPRODID as it stands, little-endian.
    """

    product: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class QeSvnTooLow(AttestationError):
    """The quoting enclave is too old.

    Attributes:
        svn: its ISVSVN.
        minimum: what is asked for.
    """

    svn: int
    minimum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRevoked(AttestationError):
    """The platform was revoked.

    Attributes:
        platform_id: which.
    """

    platform_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformExpired(AttestationError):
    """The collateral of the platform has ended.

    Attributes:
        platform_id: which.
        until: its last second.
    """

    platform_id: bytes
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QeSignature(AttestationError):
    """The key of the platform has not signed the report of the quoting enclave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadNotAllowed(AttestationError):
    """The workload is not allowed now.

    Attributes:
        workload: keccak256 of MRTD and RTMR0 to RTMR3.
    """

    workload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKeyQuote(AttestationError):
    """The report data is not that of a key quote.

    Attributes:
        tag: bytes 588 to 600.
    """

    tag: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeUnknown(AttestationError):
    """The block of the challenge is not among the last 256.

    Attributes:
        number: its number.
    """

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData(AttestationError):
    """The quote was made for another chain, registry, key or block.

    Attributes:
        found: what it binds.
        expected: what it has to bind here.
    """

    found: bytes
    expected: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyAlreadyRegistered(AttestationError):
    """A key is registered once.

    Attributes:
        key: which.
    """

    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlinePassed(AttestationError):
    """The proof of possession came too late.

    Attributes:
        deadline: its last second.
    """

    deadline: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPossessed(AttestationError):
    """The proof of possession is not by the key.

    Attributes:
        signer: who signed, or what the signature looks like under this message.
        key: who had to.
    """

    signer: bytes
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLength(AttestationError):
    """A signature has 65 bytes.

    Attributes:
        length: of what was given.
    """

    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureNotCanonical(AttestationError):
    """The signature has a twin: `s` is in the upper half, or `v` is neither 27 nor 28."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSigner(AttestationError):
    """The signature is by nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyNotValid(AttestationError):
    """The signer is no key that counts now.

    Attributes:
        key: who signed.
        fault: what is wrong with it.
    """

    key: bytes
    fault: Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongProgram(AttestationError):
    """The key runs another program.

    Attributes:
        key: who signed.
        program_root: what it runs.
    """

    key: bytes
    program_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStillValid(AttestationError):
    """The key counts, so it cannot be invalidated.

    Attributes:
        key: which.
    """

    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownKey(AttestationError):
    """There is no such key.

    Attributes:
        key: which.
    """

    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPlatform(AttestationError):
    """No platform of this id was admitted.

    Attributes:
        platform_id: which.
    """

    platform_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRevoked(AttestationError):
    """The platform is revoked already.

    Attributes:
        platform_id: which.
    """

    platform_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BadPlatformLife(AttestationError):
    """The collateral ends in the past, or later than collateral lives.

    Attributes:
        until: as given.
    """

    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroProgram(AttestationError):
    """A workload runs a program."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadUnchanged(AttestationError):
    """The workload is allowed with this program already.

    Attributes:
        workload: which.
    """

    workload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownWorkload(AttestationError):
    """The workload is not allowed.

    Attributes:
        workload: which.
    """

    workload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugFeatures(AttestationError):
    """A TD that can be debugged is never allowed.

    Attributes:
        features: as given.
    """

    features: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturesUnchanged(AttestationError):
    """The features are allowed already.

    Attributes:
        features: which.
    """

    features: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFeatures(AttestationError):
    """The features are not allowed.

    Attributes:
        features: which.
    """

    features: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TooManyFeatures(AttestationError):
    """The list of features is full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimumLowered(AttestationError):
    """A minimum can be lowered only after the delay, by `setMinimum`.

    Attributes:
        svn: as given.
        qe_svn: as given.
    """

    svn: bytes
    qe_svn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NotOwner(AttestationError):
    """Only the owner may do this.

    Attributes:
        caller: who tried.
    """

    caller: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPendingOwner(AttestationError):
    """Only who was named owner may accept.

    Attributes:
        caller: who tried.
    """

    caller: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroOwner(AttestationError):
    """The owner is somebody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadDelay(AttestationError):
    """The delay is too short or too long.

    Attributes:
        delay: in seconds.
    """

    delay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyScheduled(AttestationError):
    """The call was announced already.

    Attributes:
        id: keccak256 of the call.
    """

    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NotScheduled(AttestationError):
    """The call was not announced.

    Attributes:
        id: keccak256 of the call.
    """

    id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TooEarly(AttestationError):
    """The delay is not over.

    Attributes:
        id: keccak256 of the call.
        ready_at: first second in which the call may be made.
    """

    id: bytes
    ready_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLate(AttestationError):
    """The call was announced too long ago to be remembered.

    Attributes:
        id: keccak256 of the call.
        ready_at: first second in which it could be made.
    """

    id: bytes
    ready_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecompileMissing(AttestationError):
    """The chain has no P256VERIFY at 0x100, or one that answers oddly."""


ERRORS: Mapping[str, type[AttestationError]] = {
    "AttestationRegistry_QuoteLength": QuoteLength,
    "AttestationRegistry_QuoteHeader": QuoteHeader,
    "AttestationRegistry_QeVendor": QeVendor,
    "AttestationRegistry_NotIntelsModule": NotIntelsModule,
    "AttestationRegistry_FeaturesNotAllowed": FeaturesNotAllowed,
    "AttestationRegistry_SvnTooLow": SvnTooLow,
    "AttestationRegistry_QuoteSignature": QuoteSignature,
    "AttestationRegistry_AuthDataSize": AuthDataSize,
    "AttestationRegistry_QeBinding": QeBinding,
    "AttestationRegistry_QeDebug": QeDebug,
    "AttestationRegistry_QeSigner": QeSigner,
    "AttestationRegistry_QeProduct": QeProduct,
    "AttestationRegistry_QeSvnTooLow": QeSvnTooLow,
    "AttestationRegistry_PlatformRevoked": PlatformRevoked,
    "AttestationRegistry_PlatformExpired": PlatformExpired,
    "AttestationRegistry_QeSignature": QeSignature,
    "AttestationRegistry_WorkloadNotAllowed": WorkloadNotAllowed,
    "AttestationRegistry_NotKeyQuote": NotKeyQuote,
    "AttestationRegistry_ChallengeUnknown": ChallengeUnknown,
    "AttestationRegistry_ReportData": ReportData,
    "AttestationRegistry_KeyAlreadyRegistered": KeyAlreadyRegistered,
    "AttestationRegistry_DeadlinePassed": DeadlinePassed,
    "AttestationRegistry_NotPossessed": NotPossessed,
    "AttestationRegistry_SignatureLength": SignatureLength,
    "AttestationRegistry_SignatureNotCanonical": SignatureNotCanonical,
    "AttestationRegistry_NoSigner": NoSigner,
    "AttestationRegistry_KeyNotValid": KeyNotValid,
    "AttestationRegistry_WrongProgram": WrongProgram,
    "AttestationRegistry_KeyStillValid": KeyStillValid,
    "AttestationRegistry_UnknownKey": UnknownKey,
    "TrustLists_UnknownPlatform": UnknownPlatform,
    "TrustLists_AlreadyRevoked": AlreadyRevoked,
    "TrustLists_BadPlatformLife": BadPlatformLife,
    "TrustLists_ZeroProgram": ZeroProgram,
    "TrustLists_WorkloadUnchanged": WorkloadUnchanged,
    "TrustLists_UnknownWorkload": UnknownWorkload,
    "TrustLists_DebugFeatures": DebugFeatures,
    "TrustLists_FeaturesUnchanged": FeaturesUnchanged,
    "TrustLists_UnknownFeatures": UnknownFeatures,
    "TrustLists_TooManyFeatures": TooManyFeatures,
    "TrustLists_MinimumLowered": MinimumLowered,
    "Governance_NotOwner": NotOwner,
    "Governance_NotPendingOwner": NotPendingOwner,
    "Governance_ZeroOwner": ZeroOwner,
    "Governance_BadDelay": BadDelay,
    "Governance_AlreadyScheduled": AlreadyScheduled,
    "Governance_NotScheduled": NotScheduled,
    "Governance_TooEarly": TooEarly,
    "Governance_TooLate": TooLate,
    "P256Verify_Missing": PrecompileMissing,
}
"""By their names in Solidity."""
