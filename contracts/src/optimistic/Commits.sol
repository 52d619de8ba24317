// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputeGame} from "./IDisputeGame.sol";

/// @title Commits
/// @notice What is worth copying is committed to before it is shown.
/// @dev A commit is kept under its sender, and its digest holds the sender again: to repeat another's
///      digest, before or after it, changes nothing for either.
abstract contract Commits is IDisputeGame {
    /// @dev Row 07.
    bytes1 private constant COMMIT_DOMAIN = 0x07;

    /// @dev Blocks of commits that were not used.
    mapping(address sender => mapping(bytes32 digest => uint256 number)) private _commits;

    /// @inheritdoc IDisputeGame
    function commit(bytes32 digest) external {
        // INVARIANT OP-17: a commit's age counts from the first time; nothing makes it younger.
        if (_commits[msg.sender][digest] != 0) revert Game_AlreadyCommitted(digest);

        _commits[msg.sender][digest] = block.number;
        emit Committed(msg.sender, digest);
    }

    /// @inheritdoc IDisputeGame
    function committedAt(address sender, bytes32 digest) external view returns (uint256 number) {
        number = _commits[sender][digest];
    }

    /// @inheritdoc IDisputeGame
    function commitDigest(
        CommitKind kind,
        address sender,
        bytes32 subject,
        bytes32 payload,
        bytes32 salt
    ) external view returns (bytes32 digest) {
        digest = _commitDigest(kind, sender, subject, payload, salt);
    }

    /// @dev Uses up a commit of the caller.
    /// @param kind For what.
    /// @param subject Digest of the statement, or name of the assertion.
    /// @param payload Trace root, or keccak256 of the proof.
    /// @param salt Of the commit.
    /// @param minAge Blocks that must have passed.
    function _useCommit(
        CommitKind kind,
        bytes32 subject,
        bytes32 payload,
        bytes32 salt,
        uint256 minAge
    ) internal {
        bytes32 digest = _commitDigest(kind, msg.sender, subject, payload, salt);
        uint256 number = _commits[msg.sender][digest];

        // INVARIANT OP-17: this sender committed to just this, here, and has not used it.
        if (number == 0) revert Game_NoCommit(digest);

        // INVARIANT OP-17: and did so before it could have been copied from this transaction.
        if (block.number < number + minAge) {
            revert Game_CommitTooYoung(digest, number + minAge);
        }

        delete _commits[msg.sender][digest];
    }

    /// @dev See `commitDigest`; all members have a fixed width.
    /// @param kind For what.
    /// @param sender Who will use it.
    /// @param subject Digest of the statement, or name of the assertion.
    /// @param payload Trace root, or keccak256 of the proof.
    /// @param salt Of the commit.
    /// @return digest Row 07.
    function _commitDigest(
        CommitKind kind,
        address sender,
        bytes32 subject,
        bytes32 payload,
        bytes32 salt
    ) private view returns (bytes32 digest) {
        digest = keccak256(
            abi.encodePacked(
                COMMIT_DOMAIN,
                block.chainid,
                address(this),
                uint8(kind),
                sender,
                subject,
                payload,
                salt
            )
        );
    }
}
