// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IAttestationRegistry} from "../tee/IAttestationRegistry.sol";
import {IEvidenceDoor} from "./IEvidenceDoor.sol";

/// @title TeeDoor
/// @notice Asks the attestation registry that a record pins who signed the statement.
/// @dev The registry decides what runs where. Its owner chooses which workloads and platforms count;
///      whoever pins it in a record trusts that owner, within the registry's rules and delays.
contract TeeDoor is IEvidenceDoor {
    /// @dev Domain of the digest of a key that names a registry.
    bytes private constant KEY_DOMAIN = "verifiable/tee-key-on-chain/v1\x00";

    /// @dev Seven words, the 65 bytes of a signature, and zeros to a whole word.
    uint256 private constant PROOF_BYTES = 320;

    /// @dev Where the signature begins, and where it ends.
    uint256 private constant SIG_FROM = 224;
    uint256 private constant SIG_TO = 289;

    /// @notice The key asks for hardware, and the answer is from a simulated enclave.
    /// @param key Who signed it.
    error TeeDoor_NotHardware(address key);

    /// @notice What a record's key says of the registry.
    /// @param baseDigest Digest of the same key without registry.
    /// @param chainId Where the registry is.
    /// @param registry Its address.
    /// @param codeHash Hash of its code.
    /// @param hardwareOnly Whether simulated enclaves count for nothing.
    struct Opened {
        bytes32 baseDigest;
        uint256 chainId;
        address registry;
        bytes32 codeHash;
        bool hardwareOnly;
    }

    /// @inheritdoc IEvidenceDoor
    function check(
        Pinned calldata pinned,
        Statement calldata statement,
        bytes32,
        bytes calldata proof
    ) external view returns (bool simulated) {
        Opened memory opened = _open(proof);

        // INVARIANT IV-15: what was opened is the key that the record pins.
        bytes32 digest = keccak256(
            abi.encodePacked(
                KEY_DOMAIN,
                opened.baseDigest,
                opened.chainId,
                opened.registry,
                opened.codeHash,
                opened.hardwareOnly
            )
        );
        if (digest != pinned.keyDigest) revert EvidenceDoor_WrongKey(digest, pinned.keyDigest);

        // INVARIANT IV-16: a registry on another chain cannot be asked here.
        if (opened.chainId != block.chainid) revert EvidenceDoor_WrongChain(opened.chainId);

        // INVARIANT IV-17: the contract that is asked has the code that was pinned.
        bytes32 codeHash = opened.registry.codehash;
        if (codeHash != opened.codeHash) {
            revert EvidenceDoor_WrongCode(opened.registry, codeHash, opened.codeHash);
        }

        // INVARIANT IV-18: a key that counts now signed this very statement; the registry reverts if not.
        (address key, bool hardware) = IAttestationRegistry(opened.registry)
            .verifyInference(
                statement.programRoot,
                statement.inputRoot,
                statement.outputRoot,
                statement.context,
                proof[SIG_FROM:SIG_TO]
            );

        // INVARIANT IV-19: a record that asks for hardware takes no simulated enclave, whoever asks.
        if (opened.hardwareOnly && !hardware) revert TeeDoor_NotHardware(key);

        simulated = !hardware;
    }

    /// @inheritdoc IEvidenceDoor
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }

    /// @dev Reads the evidence: `abi.encode(baseDigest, chainId, registry, codeHash, hardwareOnly,
    ///      signature)` and nothing else.
    /// @param proof The evidence.
    /// @return opened All but the signature.
    function _open(bytes calldata proof) private pure returns (Opened memory opened) {
        // INVARIANT IV-15: evidence has one encoding, and nothing rides along.
        if (proof.length != PROOF_BYTES) revert EvidenceDoor_Malformed(proof.length);
        uint256[7] memory words = abi.decode(proof, (uint256[7]));
        bool canonical = words[2] <= type(uint160).max && words[4] <= 1 && words[5] == 192
            && words[6] == SIG_TO - SIG_FROM && bytes31(proof[SIG_TO:]) == 0;
        if (!canonical) revert EvidenceDoor_Malformed(proof.length);
        opened = Opened({
            baseDigest: bytes32(words[0]),
            chainId: words[1],
            registry: address(uint160(words[2])),
            codeHash: bytes32(words[3]),
            hardwareOnly: words[4] == 1
        });
    }
}
