// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {DisputeKit} from "./DisputeKit.sol";
import {TinyProgram} from "./TinyProgram.sol";

/// @notice What a transaction of each kind costs, as `snapshots/DisputeGame.json` records.
/// @dev Each call is a transaction of its own, with its intrinsic gas and cold storage. The program
///      is tiny: five nodes, leaves of 32 bytes. Larger ones add calldata and hashes, not storage.
/// forge-config: default.isolate = true
/// forge-config: thorough.isolate = true
contract DisputeGame_Gas_Test is DisputeKit {
    function test_gas_setup_succeeds() external {
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Double));
        _snapshot("admitProgram");
        bytes32 id = _assert(ALICE, _honest());
        _snapshot("assertResult");
        _commit(ALICE, IDisputeGame.CommitKind.Result, SALT, SALT);
        _snapshot("commit");
        cheats.warp(START + WINDOW);
        game.finalize(id);
        _snapshot("finalize");
        vm.prank(ALICE);
        game.withdraw();
        _snapshot("withdraw");
    }

    function test_gas_publicData_succeeds() external {
        bytes32 id = _assert(MALLORY, _wrong());
        _proveElement(CAROL, id, _wrongProof());
        _snapshot("proveFault, Add");
    }

    function test_gas_game_succeeds() external {
        TinyProgram.Trace memory trace = _wrong();
        bytes32 id = _assert(MALLORY, trace);
        uint256 gameId = _open(CAROL, id);
        _snapshot("openGame");
        cheats.txGasPrice(CAP);
        _reveal(MALLORY, gameId, trace);
        _snapshot("revealNodes, 8, first of its revealer");
        _select(CAROL, gameId, trace, 2);
        _snapshot("select, 3 levels");
        _reveal(MALLORY, gameId, trace);
        _snapshot("revealTensor");
        _reveal(MALLORY, gameId, trace);
        _snapshot("revealNodes, 2");
        _select(CAROL, gameId, trace, 9);
        _snapshot("select, 1 level");
        _reveal(MALLORY, gameId, trace);
        _snapshot("revealNodes, 16");
        _select(CAROL, gameId, trace, 9);
        _snapshot("select, 4 levels");
        _reveal(MALLORY, gameId, trace);
        _snapshot("revealLeaf, 32 bytes");

        uint256 memo = _open(DAVE, id);
        _snapshot("openGame, path known");
        _select(DAVE, memo, trace, 2);
        _snapshot("select, path known");
        bytes memory proof = _wrongProof();
        _ready(CAROL, id, proof);
        vm.prank(CAROL);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);
        _snapshot("proveStep, Add");
        game.closeGame(memo);
        _snapshot("closeGame");
    }

    function test_gas_timeouts_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 first = _open(CAROL, id);
        cheats.txGasPrice(CAP);
        _playTo(CAROL, ALICE, first, trace, 4, 16);
        cheats.txGasPrice(0);
        cheats.warp(START + CLOCK);
        game.claimTimeout(first);
        _snapshot("claimTimeout, challenger");
        uint256 second = _open(CAROL, _assert(MALLORY, _wrong()));
        cheats.warp(START + 2 * CLOCK);
        game.claimTimeout(second);
        _snapshot("claimTimeout, asserter");
    }

    /// @notice The dearest reveals that there can be stay below what a reveal is refunded for.
    function test_gas_revealLeafOf1024Bytes_isRefunded_succeeds() external {
        // A lone node with a lone leaf of 1024 bytes that are not zero.
        bytes memory leaf = new bytes(1024);
        for (uint256 i = 0; i < 1024; ++i) {
            leaf[i] = 0xa5;
        }
        IDisputeGame.Header memory head = TinyProgram.header(TinyProgram.Kind.Lone);
        head.leafLog2 = 10;
        game.admitProgram(head);
        TinyProgram.Trace memory trace = TinyProgram.honest(TinyProgram.Kind.Lone);
        trace.leaves[0][0] = keccak256(bytes.concat(hex"00", leaf));
        TinyProgram.sealRoots(trace);
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        said.programRoot = TinyProgram.rootOfHeader(head);
        uint256 gameId = _open(CAROL, _assert(MALLORY, trace, said));
        cheats.txGasPrice(CAP);
        _reveal(MALLORY, gameId, trace);
        _snapshot("revealTensor, first of its revealer");
        vm.prank(DAVE);
        game.revealLeaf(gameId, leaf);
        uint256 gas_ = _snapshot("revealLeaf, 1024 bytes, first of its revealer");
        vm.assertTrue(gas_ <= game.REVEAL_GAS(), "dearer than its refund");
    }

    function _snapshot(string memory name) private returns (uint256 gas_) {
        gas_ = vm.snapshotGasLastCall("DisputeGame", name);
        vm.assertTrue(gas_ > 21_000, "not isolated");
    }
}
