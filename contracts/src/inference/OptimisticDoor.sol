// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputeGame} from "../optimistic/IDisputeGame.sol";
import {IEvidenceDoor} from "./IEvidenceDoor.sol";

/// @title OptimisticDoor
/// @notice Asks the dispute game that a record pins whether an assertion of the statement is final.
/// @dev Whoever asserted it does not matter, nor which of several assertions became final: a game of
///      this code lets none stand that a challenger could refute in time.
contract OptimisticDoor is IEvidenceDoor {
    /// @dev Domain of the digest of a key, then the version of the game and its length before it.
    bytes private constant KEY_DOMAIN = "verifiable/optimistic-key/v1\x00\x051.0.0";

    /// @dev Four words: chain id, game, code hash, game key.
    uint256 private constant PROOF_BYTES = 128;

    /// @notice The game keeps no such key for the program: it has not admitted it, or has other rules.
    /// @param found What the game says.
    /// @param pinned What the key says.
    error OptimisticDoor_WrongGameKey(bytes32 found, bytes32 pinned);

    /// @notice No assertion of the statement is final in the game that the key pins.
    /// @param statementDigest Of the statement.
    error OptimisticDoor_NotFinal(bytes32 statementDigest);

    /// @inheritdoc IEvidenceDoor
    function check(
        Pinned calldata pinned,
        Statement calldata,
        bytes32 statementDigest,
        bytes calldata proof
    ) external view returns (bool simulated) {
        // INVARIANT IV-10: evidence has one encoding, and nothing rides along.
        if (proof.length != PROOF_BYTES) {
            revert EvidenceDoor_Malformed(proof.length);
        }
        (uint256 chainId, uint256 place, bytes32 codeHash, bytes32 gameKey) =
            abi.decode(proof, (uint256, uint256, bytes32, bytes32));
        if (chainId > type(uint64).max || place > type(uint160).max) {
            revert EvidenceDoor_Malformed(proof.length);
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        IDisputeGame game = IDisputeGame(address(uint160(place))); // checked above

        // INVARIANT IV-10: what was opened is the key that the record pins.
        bytes32 opened = keccak256(
            // forge-lint: disable-next-line(unsafe-typecast)
            abi.encodePacked(KEY_DOMAIN, uint64(chainId), address(game), codeHash, gameKey)
        );
        if (opened != pinned.keyDigest) revert EvidenceDoor_WrongKey(opened, pinned.keyDigest);

        // INVARIANT IV-11: a game on another chain cannot be asked here.
        if (chainId != block.chainid) revert EvidenceDoor_WrongChain(chainId);

        // INVARIANT IV-12: the contract that is asked has the code that was pinned.
        if (address(game).codehash != codeHash) {
            revert EvidenceDoor_WrongCode(address(game), address(game).codehash, codeHash);
        }

        // INVARIANT IV-13: the game knows the program, and judges it by the pinned rules.
        bytes32 found = game.gameKeyOf(pinned.programRoot);
        if (found != gameKey) revert OptimisticDoor_WrongGameKey(found, gameKey);

        // INVARIANT IV-14: a statement counts once its window closed on it, not before.
        if (game.finalisedStatement(statementDigest) == bytes32(0)) {
            revert OptimisticDoor_NotFinal(statementDigest);
        }

        simulated = false;
    }

    /// @inheritdoc IEvidenceDoor
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }
}
