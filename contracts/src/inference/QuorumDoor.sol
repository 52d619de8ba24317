// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Bls12381} from "./Bls12381.sol";
import {IEvidenceDoor} from "./IEvidenceDoor.sol";

/// @title QuorumDoor
/// @notice Checks that k of n named parties signed a statement, by one aggregate BLS signature.
/// @dev That each member holds its key is not looked at with every proof: whoever registers a
///      quorum's key, and whoever relies on the record, asks `checkMember` for each of them once, or
///      has the library check the quorum's file. A quorum with a member that does not hold its own
///      key says nothing. `docs/formats/quorum-payload.md` describes the bytes that it takes.
contract QuorumDoor is IEvidenceDoor {
    bytes private constant KEY_DOMAIN = "verifiable/quorum-key/v1\x00";
    bytes private constant MESSAGE_DOMAIN = "verifiable/quorum/v1";
    bytes private constant SIGNATURE_TAG = "BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";
    bytes private constant POSSESSION_TAG = "BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

    uint256 private constant MAX_MEMBERS = 32;

    /// @dev Of the evidence before the members' keys: hash of names and proofs (32), threshold (2),
    ///      number of members (2).
    uint256 private constant HEAD = 36;

    /// @notice What the pinned key says makes no quorum.
    /// @param threshold How many must sign.
    /// @param count How many there are.
    error QuorumDoor_BadQuorum(uint256 threshold, uint256 count);

    /// @notice The members are not in their order, so that one could stand for two.
    /// @param index Of the first that is out of place.
    error QuorumDoor_NotOrdered(uint256 index);

    /// @notice A bit is set that stands for no member.
    /// @param bits The last byte of the bitmap.
    error QuorumDoor_UnknownSigner(uint8 bits);

    /// @notice Fewer signed than must.
    /// @param signers How many did.
    /// @param threshold How many must.
    error QuorumDoor_TooFewSigners(uint256 signers, uint256 threshold);

    /// @notice The signers' keys add up to the neutral point, under which anything is signed.
    error QuorumDoor_KeysCancelOut();

    /// @notice The signature is not the signers' of this statement under this key.
    error QuorumDoor_NotSigned();

    /// @notice The member does not show that it holds its key.
    error QuorumDoor_NotPossessed();

    /// @dev Reverts on a chain without the precompiles of EIP-2537.
    constructor() {
        Bls12381.requirePrecompiles();
    }

    /// @inheritdoc IEvidenceDoor
    function check(
        Pinned calldata pinned,
        Statement calldata,
        bytes32 statementDigest,
        bytes calldata proof
    ) external view override returns (bool simulated) {
        (uint256 threshold, uint256 count) = _open(pinned.keyDigest, proof);
        uint256 keysEnd = HEAD + count * Bls12381.G1_BYTES;
        uint256 bitsEnd = keysEnd + (count + 7) / 8;
        bytes memory key = _signers(proof[HEAD:keysEnd], proof[keysEnd:bitsEnd], threshold, count);

        // INVARIANT IV-47: members in league can choose keys that cancel; then nobody has to sign.
        if (Bls12381.isNeutral(key)) revert QuorumDoor_KeysCancelOut();

        // INVARIANT IV-48: what was signed names the quorum and the statement, both known here.
        bytes memory message = bytes.concat(MESSAGE_DOMAIN, pinned.keyDigest, statementDigest);
        if (!Bls12381.isSigned(key, message, SIGNATURE_TAG, proof[bitsEnd:])) {
            revert QuorumDoor_NotSigned();
        }
        return false;
    }

    /// @notice Reverts unless a member shows that it holds its key: by its signature of the key's
    ///         short form under the tag for that.
    /// @param publicKey Point of G1, 128 bytes.
    /// @param possession Point of G2, 256 bytes.
    function checkMember(bytes calldata publicKey, bytes calldata possession) external view {
        // INVARIANT IV-52: one point each; more of them would add pairings that cancel the others.
        if (publicKey.length != Bls12381.G1_BYTES) revert EvidenceDoor_Malformed(publicKey.length);
        if (possession.length != Bls12381.G2_BYTES) {
            revert EvidenceDoor_Malformed(possession.length);
        }

        // INVARIANT IV-50: the neutral key signs everything, and its holder nothing.
        if (Bls12381.isNeutral(publicKey)) revert QuorumDoor_NotPossessed();

        // INVARIANT IV-51: who made a key from others' cannot sign with it alone.
        bytes memory message = Bls12381.compress(publicKey);
        if (!Bls12381.isSigned(publicKey, message, POSSESSION_TAG, possession)) {
            revert QuorumDoor_NotPossessed();
        }
    }

    /// @inheritdoc IEvidenceDoor
    function version() external pure override returns (string memory number) {
        return "1.0.0";
    }

    /// @dev Opens the key that a record pins, by the evidence's first part.
    function _open(bytes32 keyDigest, bytes calldata proof)
        private
        pure
        returns (uint256 threshold, uint256 count)
    {
        // INVARIANT IV-41: one proof has one encoding, and nothing behind it.
        if (proof.length < HEAD) revert EvidenceDoor_Malformed(proof.length);
        threshold = uint16(bytes2(proof[32:34]));
        count = uint16(bytes2(proof[34:36]));
        uint256 keysEnd = HEAD + count * Bls12381.G1_BYTES;
        if (proof.length != keysEnd + (count + 7) / 8 + Bls12381.G2_BYTES) {
            revert EvidenceDoor_Malformed(proof.length);
        }

        // INVARIANT IV-42: who vouches is in the record; the evidence only opens it.
        bytes32 found = keccak256(bytes.concat(KEY_DOMAIN, proof[:keysEnd]));
        if (found != keyDigest) revert EvidenceDoor_WrongKey(found, keyDigest);

        // INVARIANT IV-43: at least one must sign, and no more than there are.
        if (threshold == 0 || threshold > count || count > MAX_MEMBERS) {
            revert QuorumDoor_BadQuorum(threshold, count);
        }
    }

    /// @dev The sum of the keys of those who signed.
    function _signers(bytes calldata keys, bytes calldata bits, uint256 threshold, uint256 count)
        private
        view
        returns (bytes memory sum)
    {
        // INVARIANT IV-45: one set of signers has one encoding.
        uint8 last = uint8(bits[bits.length - 1]);
        if (count % 8 != 0 && last >> (count % 8) != 0) revert QuorumDoor_UnknownSigner(last);

        uint256 signers;
        uint256 before;
        uint256 beforeLow;
        sum = new bytes(Bls12381.G1_BYTES);
        for (uint256 i; i < count; ++i) {
            bytes calldata key = keys[i * Bls12381.G1_BYTES:(i + 1) * Bls12381.G1_BYTES];
            uint256 high = uint256(bytes32(key[0:32]));
            uint256 low = uint256(bytes32(key[32:64]));

            // INVARIANT IV-44: no key comes twice, nor with the other sign, nor is the neutral one.
            if (high < before || (high == before && low <= beforeLow)) {
                revert QuorumDoor_NotOrdered(i);
            }
            (before, beforeLow) = (high, low);
            if (uint8(bits[i / 8]) >> (i % 8) & 1 == 1) {
                sum = Bls12381.add(sum, key);
                ++signers;
            }
        }

        // INVARIANT IV-46: fewer may be in league.
        if (signers < threshold) revert QuorumDoor_TooFewSigners(signers, threshold);
    }
}
