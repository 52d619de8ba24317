// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title IEvidenceDoor
/// @notice Checks one kind of evidence for a statement, under a key that a record pins.
/// @dev A door holds no state and trusts no caller: whoever calls it says what is pinned, so only an
///      answer that was asked for by a router with a known registry says anything. Evidence begins
///      with the key's preimage, so that a record needs no more than a digest.
///      `docs/formats/router.md` describes the bytes that each door takes.
interface IEvidenceDoor {
    /// @notice What a router read from its registry of a record and of one of its keys.
    /// @param recordId Name of the record.
    /// @param programRoot Root of its program.
    /// @param schemaHash Hash of the program's schema.
    /// @param specVersion Version of the commitments.
    /// @param leafLog2 Base-2 logarithm of the bytes in one leaf of a tensor.
    /// @param keyDigest Digest of the backend's key; never zero.
    struct Pinned {
        bytes32 recordId;
        bytes32 programRoot;
        bytes32 schemaHash;
        uint16 specVersion;
        uint8 leafLog2;
        bytes32 keyDigest;
    }

    /// @notice What is to be shown: the program gives this output on this input.
    /// @param programRoot Root of the program.
    /// @param inputRoot Root of the quantised input.
    /// @param outputRoot Root of the quantised output.
    /// @param context Binds the statement to one use; zero for none.
    struct Statement {
        bytes32 programRoot;
        bytes32 inputRoot;
        bytes32 outputRoot;
        bytes32 context;
    }

    /// @notice The evidence is not encoded as this door takes it.
    /// @param length Of the evidence, in bytes.
    error EvidenceDoor_Malformed(uint256 length);

    /// @notice The evidence opens another key than the record pins.
    /// @param found Digest of what was opened.
    /// @param pinned Digest in the record.
    error EvidenceDoor_WrongKey(bytes32 found, bytes32 pinned);

    /// @notice The key is for another chain.
    /// @param chainId Of the key.
    error EvidenceDoor_WrongChain(uint256 chainId);

    /// @notice A contract that the key pins has other code than the key says.
    /// @param target Its address.
    /// @param codeHash Of the code that is there.
    /// @param pinned What the key says.
    error EvidenceDoor_WrongCode(address target, bytes32 codeHash, bytes32 pinned);

    /// @notice Reverts unless the evidence shows the statement under the pinned key.
    /// @dev Not a view, since a verifier behind it may not be one; none of them changes anything.
    /// @param pinned What the record says.
    /// @param statement What is to be shown; its program root is that of `pinned`.
    /// @param statementDigest Row 0a over the statement.
    /// @param proof The key's preimage and the evidence, as the door's format says.
    /// @return simulated True if the evidence comes from a simulator and shows nothing.
    function check(
        Pinned calldata pinned,
        Statement calldata statement,
        bytes32 statementDigest,
        bytes calldata proof
    ) external returns (bool simulated);

    /// @notice Semantic version of the contract.
    /// @return number "1.0.0".
    function version() external pure returns (string memory number);
}
