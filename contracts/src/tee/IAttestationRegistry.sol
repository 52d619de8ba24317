// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ITrustLists} from "./ITrustLists.sol";

/// @title IAttestationRegistry
/// @notice Keys of enclaves that have proven, by a TDX quote, what they run and where.
/// @dev One registration costs a quote; each answer after it costs one `ecrecover`. All that a key
///      rests on is looked at again whenever it is used. `docs/formats/attestation-registry.md`
///      describes bytes, signatures and events.
interface IAttestationRegistry is ITrustLists {
    /// @notice Why a key counts for nothing now.
    /// @dev None: it counts. Unknown: never registered. Revoked: by the owner, or by anyone after
    ///      another fault was seen. The others name what the key rests on and no longer holds.
    enum Fault {
        None,
        Unknown,
        Revoked,
        Expired,
        PlatformRevoked,
        PlatformExpired,
        WorkloadDropped,
        SvnTooLow,
        QeSvnTooLow,
        FeaturesDropped
    }

    /// @notice What stands here of a key. One word of storage.
    /// @param svn TEE_TCB_SVN of its quote.
    /// @param qeSvn ISVSVN of the quoting enclave.
    /// @param until Last second of its life.
    /// @param platform Number of the platform's admission.
    /// @param grant Number of the workload's version.
    /// @param features Number of the entry of the list of features.
    /// @param revoked It counts for nothing, for ever.
    struct Key {
        bytes16 svn;
        uint16 qeSvn;
        uint40 until;
        uint24 platform;
        uint24 grant;
        uint8 features;
        bool revoked;
    }

    /// @notice A key was registered.
    /// @param key Address of the enclave's secp256k1 key.
    /// @param workload keccak256 of MRTD and RTMR0 to RTMR3.
    /// @param platformId Of the machine.
    /// @param until Last second of its life.
    event KeyRegistered(
        address indexed key, bytes32 indexed workload, bytes32 indexed platformId, uint64 until
    );

    /// @notice A key counts for nothing any more, for ever.
    /// @param key Which.
    /// @param fault Why: `Revoked` if the owner said so.
    event KeyRevoked(address indexed key, Fault fault);

    /// @notice The prefix of a quote has 1,252 bytes.
    /// @param length Of what was given.
    error AttestationRegistry_QuoteLength(uint256 length);

    /// @notice Not version 4, ECDSA P-256, TDX, reserved zero.
    /// @param header First eight bytes.
    error AttestationRegistry_QuoteHeader(bytes8 header);

    /// @notice The quoting enclave is of another vendor than Intel.
    /// @param vendor Bytes 12 to 28.
    error AttestationRegistry_QeVendor(bytes16 vendor);

    /// @notice The TDX module is not Intel's: its signer or attributes are not zero.
    error AttestationRegistry_NotIntelsModule();

    /// @notice Attributes and features of the TD are not on the list.
    /// @param features TDATTRIBUTES and XFAM, bytes 168 to 184.
    error AttestationRegistry_FeaturesNotAllowed(bytes16 features);

    /// @notice A component of TEE_TCB_SVN is below the minimum.
    /// @param svn Of the quote.
    /// @param minimum What is asked for.
    error AttestationRegistry_SvnTooLow(bytes16 svn, bytes16 minimum);

    /// @notice The attestation key has not signed header and body.
    error AttestationRegistry_QuoteSignature();

    /// @notice The authentication data of the quoting enclave has not 32 bytes.
    /// @param size As it stands, little-endian.
    error AttestationRegistry_AuthDataSize(bytes2 size);

    /// @notice The quoting enclave does not vouch for the attestation key.
    error AttestationRegistry_QeBinding();

    /// @notice The quoting enclave can be debugged.
    error AttestationRegistry_QeDebug();

    /// @notice The quoting enclave is not signed by Intel.
    /// @param mrsigner Who signed it.
    error AttestationRegistry_QeSigner(bytes32 mrsigner);

    /// @notice The enclave is another of Intel's than the one that quotes TDs.
    /// @param product ISVPRODID as it stands, little-endian.
    error AttestationRegistry_QeProduct(bytes2 product);

    /// @notice The quoting enclave is too old.
    /// @param svn Its ISVSVN.
    /// @param minimum What is asked for.
    error AttestationRegistry_QeSvnTooLow(uint16 svn, uint16 minimum);

    /// @notice The platform was revoked.
    /// @param platformId Which.
    error AttestationRegistry_PlatformRevoked(bytes32 platformId);

    /// @notice The collateral of the platform has ended.
    /// @param platformId Which.
    /// @param until Its last second.
    error AttestationRegistry_PlatformExpired(bytes32 platformId, uint64 until);

    /// @notice The key of the platform has not signed the report of the quoting enclave.
    error AttestationRegistry_QeSignature();

    /// @notice The workload is not allowed now.
    /// @param workload keccak256 of MRTD and RTMR0 to RTMR3.
    error AttestationRegistry_WorkloadNotAllowed(bytes32 workload);

    /// @notice The report data is not that of a key quote.
    /// @param tag Bytes 588 to 600.
    error AttestationRegistry_NotKeyQuote(bytes12 tag);

    /// @notice The block of the challenge is not among the last 256.
    /// @param number Its number.
    error AttestationRegistry_ChallengeUnknown(uint256 number);

    /// @notice The quote was made for another chain, registry, key or block.
    /// @param found What it binds.
    /// @param expected What it has to bind here.
    error AttestationRegistry_ReportData(bytes32 found, bytes32 expected);

    /// @notice A key is registered once.
    /// @param key Which.
    error AttestationRegistry_KeyAlreadyRegistered(address key);

    /// @notice The proof of possession came too late.
    /// @param deadline Its last second.
    error AttestationRegistry_DeadlinePassed(uint64 deadline);

    /// @notice The proof of possession is not by the key.
    /// @param signer Who signed, or what the signature looks like under this message.
    /// @param key Who had to.
    error AttestationRegistry_NotPossessed(address signer, address key);

    /// @notice A signature has 65 bytes.
    /// @param length Of what was given.
    error AttestationRegistry_SignatureLength(uint256 length);

    /// @notice The signature has a twin: `s` is in the upper half, or `v` is neither 27 nor 28.
    error AttestationRegistry_SignatureNotCanonical();

    /// @notice The signature is by nobody.
    error AttestationRegistry_NoSigner();

    /// @notice The signer is no key that counts now.
    /// @param key Who signed.
    /// @param fault What is wrong with it.
    error AttestationRegistry_KeyNotValid(address key, Fault fault);

    /// @notice The key runs another program.
    /// @param key Who signed.
    /// @param programRoot What it runs.
    error AttestationRegistry_WrongProgram(address key, bytes32 programRoot);

    /// @notice The key counts, so it cannot be invalidated.
    /// @param key Which.
    error AttestationRegistry_KeyStillValid(address key);

    /// @notice There is no such key.
    /// @param key Which.
    error AttestationRegistry_UnknownKey(address key);

    /// @notice Register the key of an enclave. Anyone may send it.
    /// @param quotePrefix First 1,252 bytes of a TDX quote of version 4.
    /// @param platformId Of the machine that made it.
    /// @param challengeBlock Number of one of the last 256 blocks, whose hash the quote binds.
    /// @param deadline Last second in which the proof of possession counts.
    /// @param pop Signature of the key over EIP-712 `RegisterKey`, 65 bytes `r s v`.
    /// @return key Address of the key.
    function registerKey(
        bytes calldata quotePrefix,
        bytes32 platformId,
        uint256 challengeBlock,
        uint64 deadline,
        bytes calldata pop
    ) external returns (address key);

    /// @notice Mark a key as revoked because something that it rests on no longer holds. Anyone may.
    /// @dev It stays revoked, even if what was missing comes back.
    /// @param key A registered key that does not count now.
    function invalidate(address key) external;

    /// @notice Revoke a key, at once and for ever.
    /// @param key A registered key that is not revoked.
    function revokeKey(address key) external;

    /// @notice Who answered, if all that its key rests on holds now; reverts otherwise.
    /// @dev A view: whoever acts on an answer must see to it that it counts once, see
    ///      `AttestedInference`. The message names no chain; `context` has to.
    /// @param programRoot Program of the statement.
    /// @param inputRoot Input of the statement.
    /// @param outputRoot Output of the statement.
    /// @param context What the answer is for.
    /// @param sig Signature of the key over EIP-712 `Inference`, 65 bytes `r s v`.
    /// @return key Who answered.
    /// @return hardware False if the platform is a simulated one: the answer shows nothing.
    function verifyInference(
        bytes32 programRoot,
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 context,
        bytes calldata sig
    ) external view returns (address key, bool hardware);

    /// @notice What a key is worth now.
    /// @param key Any address.
    /// @return fault `None` if it counts.
    function faultOf(address key) external view returns (Fault fault);

    /// @notice What stands here of a key.
    /// @param key Any address.
    /// @return record Zeros if it was never registered.
    function keyOf(address key) external view returns (Key memory record);

    /// @notice What the report data of a key quote must end with.
    /// @param key Address of the key.
    /// @param challenge Hash of the block of the challenge.
    /// @return binding Bytes 32 to 64 of the report data; before them stand the key and a tag.
    function bindingOf(address key, bytes32 challenge) external view returns (bytes32 binding);

    /// @notice Domain of `RegisterKey`: name, version, this chain, this contract.
    /// @return separator As EIP-712 has it.
    function domainSeparator() external view returns (bytes32 separator);

    /// @notice Semantic version of the contract.
    /// @return number "1.0.0".
    function version() external pure returns (string memory number);
}
