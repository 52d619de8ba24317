// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {OptimisticDoor} from "../../src/inference/OptimisticDoor.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {DisputeKit} from "../optimistic/DisputeKit.sol";
import {TinyProgram} from "../optimistic/TinyProgram.sol";
import {Samples} from "./Samples.sol";

/// @notice Only what became final in the pinned game, under the pinned rules, counts.
contract OptimisticDoor_Test is DisputeKit {
    OptimisticDoor private _door;
    IDisputeGame.Statement private _said;
    bytes32 private _assertionId;

    function setUp() public override {
        super.setUp();
        _door = new OptimisticDoor();
        _said = TinyProgram.statement(_honest());
        _assertionId = _assert(ALICE, _honest());
    }

    function test_check_final_succeeds() external {
        _finalize();
        vm.assertEq(_ask(_keyDigest(), _proof()), false, "simulated");
        vm.assertEq(_door.version(), "1.0.0", "version");
    }

    function test_check_IV10_malformed_reverts() external {
        _finalize();
        bytes memory proof = _proof();
        _malformed(bytes.concat(proof, hex"00"));
        _malformed("");
        _malformed(abi.encode(1 << 64, address(game), _code(), _gameKey()));
        _malformed(
            abi.encode(block.chainid, (1 << 160) | uint160(address(game)), _code(), _gameKey())
        );
    }

    function test_check_IV10_otherKey_reverts() external {
        _finalize();
        bytes32 pinned = keccak256("another key");
        bytes memory proof = _proof();
        vm.expectRevert(
            abi.encodeWithSelector(
                IEvidenceDoor.EvidenceDoor_WrongKey.selector, _keyDigest(), pinned
            )
        );
        _ask(pinned, proof);
    }

    /// @dev A game of one's own, with an assertion in it that nobody watched.
    function test_check_IV10_otherGame_reverts() external {
        bytes32 pinned = _keyDigest();
        _finalize();
        game = maker.make(judge, router, _params());
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Chain));
        bytes memory proof = _proof();
        vm.expectRevert(
            abi.encodeWithSelector(
                IEvidenceDoor.EvidenceDoor_WrongKey.selector, _keyDigest(), pinned
            )
        );
        _ask(pinned, proof);
    }

    function test_check_IV11_otherChain_reverts() external {
        _finalize();
        uint256 here = block.chainid;
        (bytes32 pinned, bytes memory proof) = (_keyDigest(), _proof());
        cheats.chainId(here + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_WrongChain.selector, here)
        );
        _ask(pinned, proof);
    }

    function test_check_IV12_otherCode_reverts() external {
        _finalize();
        bytes32 code = _code();
        (bytes32 pinned, bytes memory proof) = (_keyDigest(), _proof());
        cheats.etch(address(game), hex"5f5f5260205ff3"); // returns a zero word
        vm.expectRevert(
            abi.encodeWithSelector(
                IEvidenceDoor.EvidenceDoor_WrongCode.selector,
                address(game),
                keccak256(hex"5f5f5260205ff3"),
                code
            )
        );
        _ask(pinned, proof);
    }

    function test_check_IV13_otherGameKey_reverts() external {
        _finalize();
        bytes32 gameKey = keccak256("other rules");
        bytes memory proof = abi.encode(block.chainid, address(game), _code(), gameKey);
        vm.expectRevert(
            abi.encodeWithSelector(
                OptimisticDoor.OptimisticDoor_WrongGameKey.selector, _gameKey(), gameKey
            )
        );
        _ask(_digestOf(gameKey), proof);
    }

    function test_check_IV14_pending_reverts() external {
        _notFinal(Samples.digestOf(_statement()));
    }

    function test_check_IV14_rejected_reverts() external {
        TinyProgram.Trace memory trace = TinyProgram.run(TinyProgram.Kind.Chain, 4, 10, 1, true);
        _said = TinyProgram.statement(trace);
        bytes32 wrong = _assert(MALLORY, trace);
        _proveElement(CAROL, wrong, abi.encode(TinyProgram.elementProof(trace, 4, 10)));
        _finalize();
        _notFinal(Samples.digestOf(_statement()));
    }

    function test_check_IV14_otherContext_reverts() external {
        _finalize();
        _said.context = keccak256("another use");
        _notFinal(Samples.digestOf(_statement()));
    }

    // --- samples

    function _finalize() private {
        cheats.warp(START + WINDOW);
        game.finalize(_assertionId);
    }

    function _statement() private view returns (IEvidenceDoor.Statement memory) {
        return IEvidenceDoor.Statement(
            _said.programRoot, _said.inputRoot, _said.outputRoot, _said.context
        );
    }

    function _code() private view returns (bytes32) {
        return address(game).codehash;
    }

    function _gameKey() private view returns (bytes32) {
        return game.gameKeyOf(_said.programRoot);
    }

    function _proof() private view returns (bytes memory) {
        return abi.encode(block.chainid, address(game), _code(), _gameKey());
    }

    function _keyDigest() private view returns (bytes32) {
        return _digestOf(_gameKey());
    }

    /// @dev Written another way than the contract writes it.
    function _digestOf(bytes32 gameKey) private view returns (bytes32) {
        bytes memory label = bytes.concat("verifiable/optimistic-key/v1", hex"00");
        bytes memory place = bytes.concat(bytes8(uint64(block.chainid)), bytes20(address(game)));
        return keccak256(bytes.concat(label, hex"05", "1.0.0", place, _code(), gameKey));
    }

    function _ask(bytes32 keyDigest, bytes memory proof) private view returns (bool) {
        return _door.check(
            Samples.pinned(_said.programRoot, keyDigest),
            _statement(),
            Samples.digestOf(_statement()),
            proof
        );
    }

    function _malformed(bytes memory proof) private {
        bytes32 keyDigest = _keyDigest();
        vm.expectRevert(
            abi.encodeWithSelector(IEvidenceDoor.EvidenceDoor_Malformed.selector, proof.length)
        );
        _ask(keyDigest, proof);
    }

    function _notFinal(bytes32 statementDigest) private {
        (bytes32 pinned, bytes memory proof) = (_keyDigest(), _proof());
        vm.expectRevert(
            abi.encodeWithSelector(OptimisticDoor.OptimisticDoor_NotFinal.selector, statementDigest)
        );
        _ask(pinned, proof);
    }
}
