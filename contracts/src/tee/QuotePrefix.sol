// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAttestationRegistry} from "./IAttestationRegistry.sol";
import {P256Verify} from "./P256Verify.sol";

/// @title QuotePrefix
/// @notice The first 1,252 bytes of a TDX quote of version 4, at fixed offsets.
/// @dev Header 48, body 584, length 4, signature 64, attestation key 64, type and size 6, report of
///      the quoting enclave 384, its signature 64, size 2, authentication data 32. Nothing else is
///      read: bytes 632 to 636 and 764 to 770 are sizes that the fixed layout does not need, and
///      nobody has signed them. Numbers are little-endian, signatures `r s` and keys `x y`.
library QuotePrefix {
    uint256 private constant LENGTH = 1252;

    /// @dev Version 4, ECDSA P-256, TDX.
    // slither-disable-next-line too-many-digits
    bytes8 private constant HEADER = 0x0400020081000000;

    bytes16 private constant INTEL = 0x939a7233f79c4ca9940a0db3957f0607;

    /// @dev MRSIGNER of Intel's quoting enclaves for TDs, and which of them it is.
    bytes32 private constant QE_SIGNER =
        0xdc9e2a7c6f948f17474e34a7fc43ed030f7c1563f1babddf6340c82e0e54a8c5;
    bytes2 private constant QE_PRODUCT = 0x0200;

    /// @dev Size of the authentication data, 32.
    bytes2 private constant AUTH_DATA_SIZE = 0x2000;

    bytes1 private constant QE_DEBUG = 0x02;

    /// @dev Reverts unless this is a TDX quote by Intel's module and quoting enclave, signed by the
    ///      attestation key that the enclave vouches for. By whom the enclave is vouched for, and
    ///      what runs in the TD, is not judged here.
    /// @param quote The prefix.
    /// @return digest SHA-256 of header and body: what the attestation key signed.
    function check(bytes calldata quote) internal view returns (bytes32 digest) {
        _checkShape(quote);

        // INVARIANT AR-7: the module below the TD is Intel's, and none under test.
        if (bytes32(quote[112:144]) | bytes32(quote[136:168]) != bytes32(0)) {
            revert IAttestationRegistry.AttestationRegistry_NotIntelsModule();
        }

        _checkQuotingEnclave(quote);

        // INVARIANT AR-8: header and body are as the attestation key signed them.
        digest = sha256(quote[0:632]);
        if (!_isSigned(digest, quote[636:700], bytes32(quote[700:732]), bytes32(quote[732:764]))) {
            revert IAttestationRegistry.AttestationRegistry_QuoteSignature();
        }
    }

    /// @dev Whether the report of the quoting enclave is signed by a PCK key.
    /// @param quote The prefix.
    /// @param pckX Coordinate of the key.
    /// @param pckY Coordinate of the key.
    /// @return signed True if it is.
    function isReportSigned(bytes calldata quote, bytes32 pckX, bytes32 pckY)
        internal
        view
        returns (bool signed)
    {
        signed = _isSigned(sha256(quote[770:1154]), quote[1154:1218], pckX, pckY);
    }

    /// @dev TEE_TCB_SVN.
    /// @param quote The prefix.
    /// @return svn 16 components.
    function svnOf(bytes calldata quote) internal pure returns (bytes16 svn) {
        svn = bytes16(quote[48:64]);
    }

    /// @dev ISVSVN of the quoting enclave.
    /// @param quote The prefix.
    /// @return svn As a number.
    function qeSvnOf(bytes calldata quote) internal pure returns (uint16 svn) {
        svn = uint16(uint8(quote[1028])) | (uint16(uint8(quote[1029])) << 8);
    }

    /// @dev TDATTRIBUTES and XFAM.
    /// @param quote The prefix.
    /// @return features 16 bytes.
    function featuresOf(bytes calldata quote) internal pure returns (bytes16 features) {
        features = bytes16(quote[168:184]);
    }

    /// @dev keccak256 of MRTD and RTMR0 to RTMR3. MRCONFIGID, MROWNER and MROWNERCONFIG, which stand
    ///      between them, are the host's to choose.
    /// @param quote The prefix.
    /// @return workload What runs in the TD.
    function workloadOf(bytes calldata quote) internal pure returns (bytes32 workload) {
        workload = keccak256(bytes.concat(quote[184:232], quote[376:568]));
    }

    /// @dev Report data of a key quote.
    /// @param quote The prefix.
    /// @return key Address of the key.
    /// @return tag What keeps key quotes and statement quotes apart.
    /// @return binding Chain, registry, key and challenge, hashed.
    function reportDataOf(bytes calldata quote)
        internal
        pure
        returns (address key, bytes12 tag, bytes32 binding)
    {
        key = address(bytes20(quote[568:588]));
        tag = bytes12(quote[588:600]);
        binding = bytes32(quote[600:632]);
    }

    /// @dev Identity of the quoting enclave, and that it vouches for the attestation key.
    /// @param quote The prefix.
    function _checkQuotingEnclave(bytes calldata quote) private pure {
        // INVARIANT AR-8: the attestation key is the one in the report, and the report says no more.
        bytes32 vouched = sha256(bytes.concat(quote[700:764], quote[1220:1252]));
        if (bytes32(quote[1090:1122]) != vouched || bytes32(quote[1122:1154]) != bytes32(0)) {
            revert IAttestationRegistry.AttestationRegistry_QeBinding();
        }

        // INVARIANT AR-9: an enclave that can be debugged has no secrets.
        if (quote[818] & QE_DEBUG != 0) revert IAttestationRegistry.AttestationRegistry_QeDebug();

        // INVARIANT AR-9: Intel made it, and made it to quote TDs.
        bytes32 signer = bytes32(quote[898:930]);
        if (signer != QE_SIGNER) revert IAttestationRegistry.AttestationRegistry_QeSigner(signer);
        bytes2 product = bytes2(quote[1026:1028]);
        if (product != QE_PRODUCT) {
            revert IAttestationRegistry.AttestationRegistry_QeProduct(product);
        }
    }

    /// @dev Length, header and sizes: without them the offsets mean nothing.
    /// @param quote The prefix.
    function _checkShape(bytes calldata quote) private pure {
        // INVARIANT AR-6: all that is read is there, and nothing more comes along.
        if (quote.length != LENGTH) {
            revert IAttestationRegistry.AttestationRegistry_QuoteLength(quote.length);
        }

        // INVARIANT AR-6: other versions, key types and TEEs have other offsets.
        bytes8 header = bytes8(quote[0:8]);
        if (header != HEADER) revert IAttestationRegistry.AttestationRegistry_QuoteHeader(header);

        // INVARIANT AR-6: other vendors' enclaves are not known here.
        bytes16 vendor = bytes16(quote[12:28]);
        if (vendor != INTEL) revert IAttestationRegistry.AttestationRegistry_QeVendor(vendor);

        // INVARIANT AR-6: data of another size ends elsewhere.
        bytes2 size = bytes2(quote[1218:1220]);
        if (size != AUTH_DATA_SIZE) {
            revert IAttestationRegistry.AttestationRegistry_AuthDataSize(size);
        }
    }

    /// @dev See `P256Verify.isSigned`.
    /// @param digest SHA-256 of the message.
    /// @param signature 64 bytes.
    /// @param x Coordinate of the key.
    /// @param y Coordinate of the key.
    /// @return signed True if it is.
    function _isSigned(bytes32 digest, bytes calldata signature, bytes32 x, bytes32 y)
        private
        view
        returns (bool signed)
    {
        signed = P256Verify.isSigned(
            digest, bytes32(signature[0:32]), bytes32(signature[32:64]), x, y
        );
    }
}
