// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Commitments} from "../../src/optimistic/Commitments.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {DisputeKit} from "./DisputeKit.sol";
import {TinyProgram} from "./TinyProgram.sol";

contract DisputeGame_openGame_Test is DisputeKit {
    function test_openGame_storesPosition_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        cheats.warp(START + 100);
        uint256 gameId = _open(CAROL, id);

        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        vm.assertEq(gameId, 1, "gameId");
        vm.assertEq(at_.assertionId, id, "assertionId");
        vm.assertEq(at_.challenger, CAROL, "challenger");
        vm.assertEq(at_.cur, TinyProgram.traceRoot(trace), "cur");
        vm.assertEq(uint256(at_.leaves), 5, "leaves");
        vm.assertEq(uint256(at_.clockA), CLOCK, "clockA");
        vm.assertEq(uint256(at_.clockC), CLOCK, "clockC");
        vm.assertEq(uint256(at_.last), START + 100, "last");
        _expectTurn(gameId, IDisputeGame.Phase.Trace, true, 3);
        vm.assertEq(uint256(game.assertionOf(id).openGames), 1, "openGames");
    }

    function test_openGame_emits_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameOpened(1, id, CAROL);
        vm.expectEmit(address(game));
        emit IDisputeGame.Turn(
            1,
            IDisputeGame.Phase.Trace,
            true,
            0,
            TinyProgram.traceRoot(trace),
            3,
            0,
            uint40(CLOCK),
            uint40(CLOCK),
            uint48(START)
        );
        _open(CAROL, id);
    }

    function test_openGame_OP13_unknown_reverts() external {
        _revertsNotPending(SALT, IDisputeGame.Status.None);
        _open(CAROL, SALT);
    }

    function test_openGame_OP13_lastSecond_succeeds() external {
        bytes32 id = _assert(ALICE, _honest());
        cheats.warp(START + WINDOW - 1);
        uint256 gameId = _open(CAROL, id);
        cheats.warp(START + WINDOW);
        _reverts(IDisputeGame.Game_NotFinal.selector, id);
        game.finalize(id);
        _expectGame(gameId, IDisputeGame.GameStatus.Open);
    }

    function test_openGame_OP13_windowClosed_reverts() external {
        bytes32 id = _assert(ALICE, _honest());
        cheats.warp(START + WINDOW);
        _reverts(IDisputeGame.Game_WindowClosed.selector, id);
        _open(CAROL, id);
    }

    function test_openGame_again_startsAnotherGame_succeeds() external {
        bytes32 id = _assert(ALICE, _honest());
        uint256 first = _open(CAROL, id);
        cheats.warp(START + CLOCK - 1);
        uint256 second = _open(CAROL, id);
        cheats.warp(START + CLOCK);

        vm.assertTrue(first != second, "one id for two games");
        vm.assertEq(uint256(game.gameOf(first).last), START, "the first game's clock");
        _reverts(IDisputeGame.Game_ClockRunning.selector, second);
        game.claimTimeout(second);
        game.claimTimeout(first);
        _expectGame(first, IDisputeGame.GameStatus.Won);
    }
}

contract DisputeGame_play_Test is DisputeKit {
    function test_play_toTheEnd_rejects_succeeds() external {
        TinyProgram.Trace memory trace = _wrong();
        bytes32 id = _assert(MALLORY, trace);
        uint256 gameId = _open(CAROL, id);
        _expectTurn(gameId, IDisputeGame.Phase.Trace, true, 3);
        _reveal(MALLORY, gameId, trace);
        _expectTurn(gameId, IDisputeGame.Phase.Trace, false, 3);
        _select(CAROL, gameId, trace, 2);
        _expectTurn(gameId, IDisputeGame.Phase.Node, true, 0);
        vm.assertEq(uint256(game.gameOf(gameId).node), 2, "node");
        _reveal(MALLORY, gameId, trace);
        _expectTurn(gameId, IDisputeGame.Phase.Tensor, true, 5);
        vm.assertEq(game.gameOf(gameId).cur, trace.roots[2], "cur");
        vm.assertEq(uint256(game.gameOf(gameId).leaves), 17, "leaves");
        _reveal(MALLORY, gameId, trace);
        _select(CAROL, gameId, trace, 9);
        _expectTurn(gameId, IDisputeGame.Phase.Tensor, true, 4);
        _reveal(MALLORY, gameId, trace);
        _select(CAROL, gameId, trace, 9);
        _expectTurn(gameId, IDisputeGame.Phase.Leaf, true, 0);
        vm.assertEq(uint256(game.gameOf(gameId).index), 9, "index");
        _reveal(MALLORY, gameId, trace);
        _expectTurn(gameId, IDisputeGame.Phase.Step, false, 0);

        bytes memory proof = _wrongProof();
        _ready(DAVE, id, proof); // anyone may prove; the reward is the challenger's
        vm.prank(DAVE);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);

        _expectStatus(id, IDisputeGame.Status.Rejected);
        _expectGame(gameId, IDisputeGame.GameStatus.Won);
        _expectCredit(CAROL, BOND_C + BOND_A / 2);
        _expectCredit(MALLORY, 0);
        _expectCredit(DAVE, 0);
        vm.assertEq(uint256(game.totals().burned), BOND_A / 2, "burned");
        vm.assertEq(uint256(game.assertionOf(id).openGames), 0, "openGames");
        _expectBalanced();
    }

    function test_play_loneNodeLoneLeaf_succeeds() external {
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Lone));
        TinyProgram.Trace memory trace = TinyProgram.run(TinyProgram.Kind.Lone, 0, 2, -3, true);
        bytes32 id = _assert(MALLORY, trace);
        uint256 gameId = _open(CAROL, id);
        _expectTurn(gameId, IDisputeGame.Phase.Node, true, 0);
        _reveal(MALLORY, gameId, trace);
        _expectTurn(gameId, IDisputeGame.Phase.Leaf, true, 0);
        _reveal(MALLORY, gameId, trace);
        _expectTurn(gameId, IDisputeGame.Phase.Step, false, 0);
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, 0, 2));
        _ready(CAROL, id, proof);
        vm.prank(CAROL);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);
        _expectStatus(id, IDisputeGame.Status.Rejected);
    }

    function test_play_afterTheWindow_succeeds() external {
        TinyProgram.Trace memory trace = _wrong();
        bytes32 id = _assert(MALLORY, trace);
        cheats.warp(START + WINDOW - 1);
        uint256 gameId = _open(CAROL, id);
        cheats.warp(START + WINDOW + 1000);
        _playTo(CAROL, MALLORY, gameId, trace, 2, 9);
        bytes memory proof = _wrongProof();
        _ready(CAROL, id, proof);
        _reverts(IDisputeGame.Game_WindowClosed.selector, id);
        vm.prank(CAROL);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        vm.prank(CAROL);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);
        _expectStatus(id, IDisputeGame.Status.Rejected);
    }

    function test_play_strangersDefendACorrectAssertion_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 gameId = _open(MALLORY, id);
        cheats.txGasPrice(20 gwei);
        _playTo(MALLORY, DAVE, gameId, trace, 1, 16);
        cheats.warp(START + CLOCK);
        game.claimTimeout(gameId);

        _expectStatus(id, IDisputeGame.Status.Pending);
        _expectGame(gameId, IDisputeGame.GameStatus.Lost);
        uint256 refund = (5 * game.REVEAL_GAS() + _descriptorGas(1)) * 20 gwei;
        _expectCredit(DAVE, refund);
        _expectCredit(MALLORY, 0);
        vm.assertEq(uint256(game.totals().burned), BOND_C - refund, "burned");
        cheats.warp(START + WINDOW);
        game.finalize(id);
        _expectStatus(id, IDisputeGame.Status.Finalized);
        _expectCredit(ALICE, BOND_A);
        _expectBalanced();
    }

    function test_play_refundsAreCapped_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 gameId = _open(MALLORY, id);
        cheats.txGasPrice(10_000 gwei);
        _reveal(ALICE, gameId, trace);
        _select(MALLORY, gameId, trace, 0);
        _reveal(DAVE, gameId, trace);
        _reveal(DAVE, gameId, trace);
        cheats.warp(START + CLOCK);
        game.claimTimeout(gameId);
        _expectCredit(ALICE, game.REVEAL_GAS() * CAP);
        _expectCredit(DAVE, (2 * game.REVEAL_GAS() + _descriptorGas(0)) * CAP);
        _expectBalanced();
    }

    function test_play_longestGame_burnsAQuarter_succeeds() external view {
        // Twenty moves have at most ten reveals: refunds are bounded by the rule for `bondC`.
        uint256 most = 10 * game.REVEAL_GAS() + game.DESCRIPTOR_GAS() * game.MAX_DESCRIPTOR_BYTES();
        vm.assertTrue(most * CAP <= uint256(BOND_C) * 3 / 4, "refunds");
    }

    function _descriptorGas(uint256 node) private view returns (uint256) {
        return game.DESCRIPTOR_GAS() * TinyProgram.descOf(TinyProgram.Kind.Chain, node).length;
    }
}

contract DisputeGame_revealNodes_Test is DisputeKit {
    function test_revealNodes_emits_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 gameId = _open(CAROL, id);
        bytes32 root = TinyProgram.traceRoot(trace);
        vm.expectEmit(address(game));
        emit IDisputeGame.NodesRevealed(gameId, id, DAVE, root, trace.rows);
        vm.expectEmit(address(game));
        emit IDisputeGame.Turn(
            gameId,
            IDisputeGame.Phase.Trace,
            false,
            0,
            root,
            3,
            0,
            uint40(CLOCK),
            uint40(CLOCK),
            uint48(START)
        );
        vm.prank(DAVE);
        game.revealNodes(gameId, trace.rows);
        vm.assertTrue(game.isRevealed(id, root, 3), "memo");
        vm.assertTrue(!game.isRevealed(id, root, 2), "memo of other levels");
        vm.assertTrue(!game.isRevealed(SALT, root, 3), "memo of another assertion");
    }

    function test_revealNodes_OP9_otherNodes_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        bytes32[] memory rows = trace.rows;
        for (uint256 i = 0; i < rows.length; ++i) {
            rows[i] ^= bytes32(uint256(1));
            _reverts(IDisputeGame.Game_BadReveal.selector, gameId);
            game.revealNodes(gameId, rows);
            rows[i] ^= bytes32(uint256(1));
        }
        _expectTurn(gameId, IDisputeGame.Phase.Trace, true, 3);
        game.revealNodes(gameId, rows);
    }

    function test_revealNodes_OP9_otherCount_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        for (uint256 height = 1; height <= 3; ++height) {
            bytes32[] memory fewer = TinyProgram.levelAt(trace.rows, height);
            _reverts(IDisputeGame.Game_BadReveal.selector, gameId);
            game.revealNodes(gameId, fewer);
        }
        _reverts(IDisputeGame.Game_BadReveal.selector, gameId);
        game.revealNodes(gameId, new bytes32[](0));
        game.revealNodes(gameId, trace.rows);
    }

    function test_revealNodes_OP9_moreLevelsThanNext_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        _select(CAROL, gameId, trace, 4);
        _reveal(ALICE, gameId, trace);
        _reverts(IDisputeGame.Game_BadReveal.selector, gameId);
        game.revealNodes(gameId, trace.leaves[4]); // true, but 32 instead of 2
        _reveal(ALICE, gameId, trace);
    }

    function test_revealNodes_OP9_anotherAssertionsNodes_reverts() external {
        TinyProgram.Trace memory other = _wrong();
        uint256 gameId = _open(CAROL, _assert(ALICE, _honest()));
        _open(CAROL, _assert(MALLORY, other));
        _reverts(IDisputeGame.Game_BadReveal.selector, gameId);
        game.revealNodes(gameId, other.rows);
    }

    function test_revealNodes_OP11_challengersTurn_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        game.revealNodes(gameId, trace.rows);
        _reverts(IDisputeGame.Game_NotYourTurn.selector, gameId);
        game.revealNodes(gameId, trace.rows);
    }

    function test_revealNodes_wrongPhase_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        game.revealNodes(gameId, trace.rows);
        _select(CAROL, gameId, trace, 4);
        _revertsPhase(gameId, IDisputeGame.Phase.Node);
        game.revealNodes(gameId, trace.rows);
        _revertsPhase(gameId, IDisputeGame.Phase.Node);
        game.revealLeaf(gameId, new bytes(32));
        _reveal(ALICE, gameId, trace);
        _revertsPhase(gameId, IDisputeGame.Phase.Tensor);
        game.revealTensor(gameId, trace.roots[4], "", new bytes32[](0));
        _reveal(ALICE, gameId, trace);
        _select(CAROL, gameId, trace, 3, 5);
        _revertsPhase(gameId, IDisputeGame.Phase.Leaf);
        game.revealNodes(gameId, new bytes32[](1));
    }

    function _revertsPhase(uint256 gameId, IDisputeGame.Phase phase) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDisputeGame.Game_WrongPhase.selector, gameId, phase)
        );
    }
}

contract DisputeGame_revealTensor_Test is DisputeKit {
    TinyProgram.Kind private constant KIND = TinyProgram.Kind.Chain;
    uint256 private _gameId;
    bytes32 private _id;

    /// @dev A game in phase `Node` at node 3.
    function setUp() public override {
        super.setUp();
        TinyProgram.Trace memory trace = _honest();
        _id = _assert(ALICE, trace);
        _gameId = _open(CAROL, _id);
        _reveal(ALICE, _gameId, trace);
        _select(CAROL, _gameId, trace, 3);
    }

    function test_revealTensor_remembers_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        (bytes32 none, uint64 zero) = game.revealedTensor(_id, 3);
        vm.assertEq(none, bytes32(0), "before");
        vm.assertEq(uint256(zero), 0, "before");
        bytes32[] memory branch = _branch(3);
        vm.expectEmit(address(game));
        emit IDisputeGame.TensorRevealed(_gameId, _id, DAVE, 3, trace.roots[3]);
        vm.prank(DAVE);
        game.revealTensor(_gameId, trace.roots[3], TinyProgram.descOf(KIND, 3), branch);
        (bytes32 root, uint64 leaves) = game.revealedTensor(_id, 3);
        vm.assertEq(root, trace.roots[3], "root");
        vm.assertEq(uint256(leaves), 17, "leaves");
    }

    function test_revealTensor_OP9_anotherRoot_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        for (uint256 i = 0; i < 5; ++i) {
            if (i == 3) continue;
            _reverts(IDisputeGame.Game_BadReveal.selector, _gameId);
            game.revealTensor(_gameId, trace.roots[i], TinyProgram.descOf(KIND, 3), _branch(3));
        }
        game.revealTensor(_gameId, trace.roots[3], TinyProgram.descOf(KIND, 3), _branch(3));
    }

    function test_revealTensor_OP3_anotherDescriptor_reverts() external {
        bytes32 root = _honest().roots[3];
        _reverts(IDisputeGame.Game_BadDescriptor.selector, uint256(3));
        game.revealTensor(_gameId, root, TinyProgram.descOf(KIND, 2), _branch(2));
        _reverts(IDisputeGame.Game_BadDescriptor.selector, uint256(3));
        game.revealTensor(_gameId, root, TinyProgram.descOf(TinyProgram.Kind.Double, 3), _branch(3));
        game.revealTensor(_gameId, root, TinyProgram.descOf(KIND, 3), _branch(3));
    }

    function test_revealTensor_OP5_otherBranchLength_reverts() external {
        bytes32 root = _honest().roots[3];
        vm.expectRevert(abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 2, 3));
        game.revealTensor(_gameId, root, TinyProgram.descOf(KIND, 3), new bytes32[](2));
    }

    function test_revealTensor_OP19_higherThanAdmitted_reverts() external {
        IDisputeGame.Header memory head = TinyProgram.header(KIND);
        IDisputeGame.Schema memory schema = abi.decode(head.schema, (IDisputeGame.Schema));
        schema.maxHeight = 4;
        head.schema = abi.encode(schema);
        bytes32 program = game.admitProgram(head);

        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        said.programRoot = program;
        uint256 gameId = _open(CAROL, _assert(ALICE, trace, said));
        _reveal(ALICE, gameId, trace);
        _select(CAROL, gameId, trace, 3);
        _reverts(IDisputeGame.Game_BadDescriptor.selector, uint256(3));
        game.revealTensor(gameId, trace.roots[3], TinyProgram.descOf(KIND, 3), _branch(3));
    }

    function _branch(uint256 node) private pure returns (bytes32[] memory) {
        return TinyProgram.branch(TinyProgram.graphRows(KIND), node);
    }
}

contract DisputeGame_revealLeaf_Test is DisputeKit {
    uint256 private _gameId;
    bytes32 private _id;

    /// @dev A game in phase `Leaf` at leaf 16 of node 3, which has tail bytes.
    function setUp() public override {
        super.setUp();
        TinyProgram.Trace memory trace = _honest();
        _id = _assert(ALICE, trace);
        _gameId = _open(CAROL, _id);
        _reveal(ALICE, _gameId, trace);
        _select(CAROL, _gameId, trace, 3);
        _reveal(ALICE, _gameId, trace);
        _reveal(ALICE, _gameId, trace);
        _select(CAROL, _gameId, trace, 16, 5);
    }

    function test_revealLeaf_emits_succeeds() external {
        bytes32 word = _honest().words[3][16];
        bytes32 digest = TinyProgram.leafOf(word);
        vm.expectEmit(address(game));
        emit IDisputeGame.LeafRevealed(_gameId, _id, DAVE, digest, abi.encode(word));
        vm.prank(DAVE);
        game.revealLeaf(_gameId, abi.encode(word));
        _expectTurn(_gameId, IDisputeGame.Phase.Step, false, 0);
        vm.assertTrue(game.isRevealed(_id, digest, 0), "memo");
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: thorough.fuzz.runs = 32
    function test_revealLeaf_OP9_otherBytes_reverts(uint8 bit) external {
        bytes32 word = _honest().words[3][16];
        _reverts(IDisputeGame.Game_BadReveal.selector, _gameId);
        game.revealLeaf(_gameId, abi.encode(word ^ bytes32(uint256(1) << bit)));
        game.revealLeaf(_gameId, abi.encode(word));
    }

    function test_revealLeaf_OP7_otherSize_reverts() external {
        // An asserter that hashed a longer leaf than there is cannot show it.
        TinyProgram.Trace memory trace = _honest();
        bytes memory long = new bytes(64);
        trace.leaves[3][16] = keccak256(bytes.concat(hex"00", long));
        TinyProgram.sealRoots(trace);
        uint256 gameId = _open(CAROL, _assert(MALLORY, trace));
        _reveal(MALLORY, gameId, trace);
        _select(CAROL, gameId, trace, 3);
        _reveal(MALLORY, gameId, trace);
        _reveal(MALLORY, gameId, trace);
        _select(CAROL, gameId, trace, 16, 5);
        _reverts(IDisputeGame.Game_BadReveal.selector, gameId);
        game.revealLeaf(gameId, long);
    }

    function test_revealLeaf_OP9_innerNodeIsNoLeaf_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _id);
        _select(CAROL, gameId, trace, 3); // known from the first game
        _expectTurn(gameId, IDisputeGame.Phase.Tensor, false, 5);
        _select(CAROL, gameId, trace, 3);
        _expectTurn(gameId, IDisputeGame.Phase.Tensor, true, 4);
        bytes memory children = bytes.concat(trace.leaves[3][0], trace.leaves[3][1]);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGame.Game_WrongPhase.selector, gameId, IDisputeGame.Phase.Tensor
            )
        );
        game.revealLeaf(gameId, children);
    }
}

contract DisputeGame_select_Test is DisputeKit {
    function test_select_emits_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        vm.expectEmit(address(game));
        emit IDisputeGame.Selected(gameId, 3, 4, trace.rows[4]);
        vm.prank(CAROL);
        game.select(gameId, 3, 4, trace.rows[4], TinyProgram.branch(trace.rows, 4));
        vm.assertEq(game.gameOf(gameId).cur, trace.rows[4], "cur");
    }

    function test_select_OP11_assertersTurn_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        bytes32[] memory siblings = TinyProgram.branch(trace.rows, 4);
        _reverts(IDisputeGame.Game_NotYourTurn.selector, gameId);
        vm.prank(CAROL);
        game.select(gameId, 3, 4, trace.rows[4], siblings);
        _reveal(ALICE, gameId, trace);
        vm.prank(CAROL);
        game.select(gameId, 3, 4, trace.rows[4], siblings);
    }

    function test_select_OP11_byAnother_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        address[3] memory others = [ALICE, DAVE, MALLORY];
        for (uint256 i = 0; i < 3; ++i) {
            bytes32[] memory siblings = TinyProgram.branch(trace.rows, 4);
            _reverts(IDisputeGame.Game_NotChallenger.selector, gameId);
            vm.prank(others[i]);
            game.select(gameId, 3, 4, trace.rows[4], siblings);
        }
        _select(CAROL, gameId, trace, 4);
    }

    function test_select_OP10_fewerLevelsThanShown_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        for (uint256 levels = 0; levels < 3; ++levels) {
            (uint64 index, bytes32 hash, bytes32[] memory siblings) =
                _selection(gameId, trace, 4, levels);
            _reverts(IDisputeGame.Game_BadSelection.selector, gameId);
            vm.prank(CAROL);
            game.select(gameId, uint8(levels), index, hash, siblings);
        }
        _select(CAROL, gameId, trace, 4, 3);
    }

    function test_select_OP10_belowALeaf_reverts() external {
        // An asserter may know a preimage of a row; levels end at the leaves all the same.
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        trace.rows[1] = keccak256(bytes.concat(hex"01", bytes32("left"), bytes32("right")));
        uint256 gameId = _open(CAROL, _assert(MALLORY, trace, said));
        _reveal(MALLORY, gameId, trace);
        bytes32[] memory branch = TinyProgram.branch(trace.rows, 1);
        bytes32[] memory siblings = new bytes32[](4);
        siblings[0] = "right";
        for (uint256 i = 0; i < 3; ++i) {
            siblings[i + 1] = branch[i];
        }
        _reverts(IDisputeGame.Game_BadSelection.selector, gameId);
        vm.prank(CAROL);
        game.select(gameId, 4, 2, "left", siblings);
        _select(CAROL, gameId, trace, 1);
    }

    function test_select_OP10_notBelow_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        bytes32[] memory siblings = TinyProgram.branch(trace.rows, 4);
        bytes32 hash = trace.rows[4];
        _reverts(IDisputeGame.Game_BadSelection.selector, gameId);
        vm.prank(CAROL);
        game.select(gameId, 3, 3, hash, siblings); // another place
        _reverts(IDisputeGame.Game_BadSelection.selector, gameId);
        vm.prank(CAROL);
        game.select(gameId, 3, 4, ~hash, siblings);
        siblings[2] = ~siblings[2];
        _reverts(IDisputeGame.Game_BadSelection.selector, gameId);
        vm.prank(CAROL);
        game.select(gameId, 3, 4, hash, siblings);
        _select(CAROL, gameId, trace, 4);
    }

    function test_select_OP10_indexOutOfTree_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        vm.expectRevert(
            abi.encodeWithSelector(Commitments.Commitments_IndexOutOfTree.selector, 12, 8)
        );
        vm.prank(CAROL);
        game.select(gameId, 3, 12, trace.rows[4], TinyProgram.branch(trace.rows, 4));
    }

    function test_select_OP5_otherBranchLength_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        vm.expectRevert(abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 2, 3));
        vm.prank(CAROL);
        game.select(gameId, 3, 4, trace.rows[4], new bytes32[](2));
    }

    function test_select_OP10_padding_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        for (uint256 row = 5; row < 8; ++row) {
            bytes32[] memory siblings = TinyProgram.branch(trace.rows, row);
            _reverts(IDisputeGame.Game_BadSelection.selector, gameId);
            vm.prank(CAROL);
            game.select(gameId, 3, uint64(row), 0, siblings);
        }
        _select(CAROL, gameId, trace, 4);
        _reveal(ALICE, gameId, trace);
        _reveal(ALICE, gameId, trace);
        // Both halves of the tensor hold leaves; of the second half only the first leaf does.
        _select(CAROL, gameId, trace, 16);
        _reveal(ALICE, gameId, trace);
        (uint64 index, bytes32 hash, bytes32[] memory path) = _selection(gameId, trace, 17, 4);
        _reverts(IDisputeGame.Game_BadSelection.selector, gameId);
        vm.prank(CAROL);
        game.select(gameId, 4, index, hash, path);
        _select(CAROL, gameId, trace, 16);
    }

    function test_select_jump_descendsAsFarAsSiblingsAreKnown_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        _select(CAROL, gameId, trace, 4);
        _reveal(ALICE, gameId, trace);
        _reveal(ALICE, gameId, trace);
        _select(CAROL, gameId, trace, 13, 3); // one level was shown
        _expectTurn(gameId, IDisputeGame.Phase.Tensor, true, 2);
        vm.assertEq(uint256(game.gameOf(gameId).index), 13 >> 2, "index");
        _reveal(ALICE, gameId, trace);
        _select(CAROL, gameId, trace, 13);
        _expectTurn(gameId, IDisputeGame.Phase.Leaf, true, 0);
        vm.assertEq(uint256(game.gameOf(gameId).index), 13, "index of the leaf");
    }

    function test_select_wrongPhase_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _playTo(CAROL, ALICE, gameId, trace, 4, 3);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGame.Game_WrongPhase.selector, gameId, IDisputeGame.Phase.Step
            )
        );
        vm.prank(CAROL);
        game.select(gameId, 0, 0, bytes32(0), new bytes32[](0));
    }

    function test_select_memo_turnStaysWithTheChallenger_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 first = _open(CAROL, id);
        _playTo(CAROL, ALICE, first, trace, 4, 3);

        uint256 second = _open(MALLORY, id);
        _expectTurn(second, IDisputeGame.Phase.Trace, false, 3);
        _select(MALLORY, second, trace, 4);
        _expectTurn(second, IDisputeGame.Phase.Tensor, false, 5);
        _select(MALLORY, second, trace, 3);
        _expectTurn(second, IDisputeGame.Phase.Tensor, false, 4);
        _select(MALLORY, second, trace, 3);
        _expectTurn(second, IDisputeGame.Phase.Step, false, 0);

        uint256 third = _open(DAVE, id); // another path costs its own reveals
        _select(DAVE, third, trace, 4);
        _select(DAVE, third, trace, 16);
        _expectTurn(third, IDisputeGame.Phase.Tensor, true, 4);
    }

    function test_select_memo_isOfOneAssertion_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 first = _open(CAROL, _assert(ALICE, trace));
        _playTo(CAROL, ALICE, first, trace, 4, 3);
        uint256 second = _open(CAROL, _assert(MALLORY, trace));
        _expectTurn(second, IDisputeGame.Phase.Trace, true, 3);
    }
}

contract DisputeGame_clocks_Test is DisputeKit {
    function test_clocks_OP12_moveAndTimeoutExcludeEachOther_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 gameId = _open(CAROL, id);

        cheats.warp(START + CLOCK - 1);
        _reverts(IDisputeGame.Game_ClockRunning.selector, gameId);
        game.claimTimeout(gameId);

        cheats.warp(START + CLOCK);
        _reverts(IDisputeGame.Game_ClockExpired.selector, gameId);
        game.revealNodes(gameId, trace.rows);
        game.claimTimeout(gameId);
        _expectStatus(id, IDisputeGame.Status.Rejected);
    }

    function test_clocks_OP12_everyMoveIsRefusedAtTheDeadline_succeeds() external {
        TinyProgram.Trace memory trace = _wrong();
        bytes32 id = _assert(MALLORY, trace);
        uint256 gameId = _open(CAROL, id);
        _reveal(MALLORY, gameId, trace);
        bytes memory proof = _wrongProof();
        _ready(CAROL, id, proof);
        bytes32[] memory siblings = TinyProgram.branch(trace.rows, 2);

        cheats.warp(START + CLOCK);
        _reverts(IDisputeGame.Game_ClockExpired.selector, gameId);
        vm.prank(CAROL);
        game.select(gameId, 3, 2, trace.rows[2], siblings);
        _reverts(IDisputeGame.Game_ClockExpired.selector, gameId);
        vm.prank(CAROL);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);

        cheats.warp(START + CLOCK - 1);
        vm.prank(CAROL);
        game.select(gameId, 3, 2, trace.rows[2], siblings);
        cheats.warp(START + 2 * CLOCK - 2);
        _reveal(MALLORY, gameId, trace); // one second is left of the asserter's clock
        _expectTurn(gameId, IDisputeGame.Phase.Tensor, true, 5);
    }

    function test_clocks_eachSidePaysForItsOwnTurns_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        cheats.warp(START + 100);
        _reveal(ALICE, gameId, trace);
        cheats.warp(START + 100 + 7);
        _select(CAROL, gameId, trace, 4);
        cheats.warp(START + 100 + 7 + 30);
        _reveal(ALICE, gameId, trace);
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        vm.assertEq(uint256(at_.clockA), CLOCK - 130, "clockA");
        vm.assertEq(uint256(at_.clockC), CLOCK - 7, "clockC");
        vm.assertEq(uint256(at_.last), START + 137, "last");
    }

    function test_clocks_OP12_graceAgainstLastSecondMoves_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        uint256 time = START + CLOCK - 1;
        cheats.warp(time);
        _reveal(ALICE, gameId, trace); // one second before the end
        time += CLOCK - 1;
        cheats.warp(time);
        _select(CAROL, gameId, trace, 4); // likewise
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        vm.assertEq(uint256(at_.clockA), GRACE, "the asserter's grace");
        vm.assertEq(uint256(at_.clockC), 1, "the challenger's rest");
        cheats.warp(time + GRACE - 1);
        _reveal(ALICE, gameId, trace); // still the asserter's turn, and time for it
        at_ = game.gameOf(gameId);
        vm.assertEq(uint256(at_.clockA), GRACE, "for the next reveal");
        _reveal(ALICE, gameId, trace);
        at_ = game.gameOf(gameId);
        vm.assertEq(uint256(at_.clockC), GRACE, "the challenger's grace");
    }

    function test_clocks_graceDoesNotShorten_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        uint256 gameId = _open(CAROL, _assert(ALICE, trace));
        _reveal(ALICE, gameId, trace);
        vm.assertEq(uint256(game.gameOf(gameId).clockC), CLOCK, "clockC");
    }

    function test_claimTimeout_asserter_succeeds() external {
        bytes32 id = _assert(MALLORY, _wrong());
        uint256 gameId = _open(CAROL, id);
        cheats.warp(START + CLOCK);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameSettled(gameId, id, IDisputeGame.GameStatus.Won);
        vm.expectEmit(address(game));
        emit IDisputeGame.Rejected(id, CAROL);
        vm.expectEmit(address(game));
        emit IDisputeGame.Credited(CAROL, BOND_A / 2);
        vm.expectEmit(address(game));
        emit IDisputeGame.Burned(BOND_A / 2);
        vm.expectEmit(address(game));
        emit IDisputeGame.Credited(CAROL, BOND_C);
        vm.prank(DAVE);
        game.claimTimeout(gameId);
        _expectCredit(CAROL, BOND_C + BOND_A / 2);
        _expectBalanced();
    }

    function test_claimTimeout_challenger_leavesTheAssertionOpen_succeeds() external {
        TinyProgram.Trace memory trace = _wrong();
        bytes32 id = _assert(MALLORY, trace);
        uint256 shield = _open(DAVE, id); // a friend loses on purpose
        _reveal(MALLORY, shield, trace);
        cheats.warp(START + CLOCK);
        vm.expectEmit(address(game));
        emit IDisputeGame.GameSettled(shield, id, IDisputeGame.GameStatus.Lost);
        game.claimTimeout(shield);
        _expectStatus(id, IDisputeGame.Status.Pending);
        vm.assertEq(uint256(game.assertionOf(id).openGames), 0, "openGames");

        _proveElement(CAROL, id, _wrongProof());
        _expectStatus(id, IDisputeGame.Status.Rejected);
    }

    function test_claimTimeout_rightElement_losesTheBond_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 gameId = _open(MALLORY, id);
        _playTo(MALLORY, ALICE, gameId, trace, 2, 9);
        cheats.warp(START + CLOCK);
        game.claimTimeout(gameId);
        _expectGame(gameId, IDisputeGame.GameStatus.Lost);
        _open(CAROL, id); // it can still be challenged
    }

    function test_claimTimeout_OP13_afterRejection_reverts() external {
        bytes32 id = _assert(MALLORY, _wrong());
        uint256 gameId = _open(CAROL, id);
        _proveElement(DAVE, id, _wrongProof());
        cheats.warp(START + 10 * CLOCK);
        _revertsNotPending(id, IDisputeGame.Status.Rejected);
        game.claimTimeout(gameId);
        game.closeGame(gameId);
        _expectCredit(CAROL, BOND_C);
    }

    function test_claimTimeout_unknownGame_reverts() external {
        _reverts(IDisputeGame.Game_UnknownGame.selector, uint256(1));
        game.claimTimeout(1);
    }

    function test_bound_everyGameEndsInTime_succeeds() external {
        // The slowest game that there is: opened in the last second, each move in its last second.
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 time = START + WINDOW - 1;
        cheats.warp(time);
        uint256 gameId = _open(MALLORY, id);
        IDisputeGame.Game memory at_ = game.gameOf(gameId);
        while (at_.phase != IDisputeGame.Phase.Step) {
            time += (at_.asserterTurn ? at_.clockA : at_.clockC) - 1;
            cheats.warp(time);
            if (at_.asserterTurn) _reveal(ALICE, gameId, trace);
            else _select(MALLORY, gameId, trace, 0);
            at_ = game.gameOf(gameId);
        }
        time += at_.clockC;
        cheats.warp(time);
        game.claimTimeout(gameId);
        game.finalize(id);
        uint256 bound = WINDOW + 2 * uint256(CLOCK) + 20 * uint256(GRACE);
        vm.assertTrue(time - START <= bound, "later than the bound");
        vm.assertTrue(bound < game.MAX_DURATION(), "bound");
    }
}

contract DisputeGame_settled_Test is DisputeKit {
    function test_settled_OP15_noMoveInAnEndedGame_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        uint256 gameId = _open(CAROL, id);
        _reveal(ALICE, gameId, trace);
        bytes32[] memory siblings = TinyProgram.branch(trace.rows, 4);
        cheats.warp(START + CLOCK);
        game.claimTimeout(gameId);

        bytes4 settled = IDisputeGame.Game_AlreadySettled.selector;
        _reverts(settled, gameId);
        game.revealNodes(gameId, trace.rows);
        _reverts(settled, gameId);
        game.revealTensor(gameId, trace.roots[4], "", siblings);
        _reverts(settled, gameId);
        game.revealLeaf(gameId, new bytes(32));
        _reverts(settled, gameId);
        vm.prank(CAROL);
        game.select(gameId, 3, 4, trace.rows[4], siblings);
        _reverts(settled, gameId);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, "", SALT);
        _reverts(settled, gameId);
        game.claimTimeout(gameId);
        _reverts(settled, gameId);
        game.closeGame(gameId);
        _expectBalanced();
    }

    function test_settled_OP13_noMoveAfterRejection_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        bytes32 id = _assert(MALLORY, trace);
        uint256 gameId = _open(CAROL, id);
        uint256 other = _open(DAVE, id);
        _reveal(MALLORY, other, trace);
        bytes memory proof = _wrongProof();
        _ready(CAROL, id, proof);
        _proveElement(DAVE, id, proof);

        _revertsNotPending(id, IDisputeGame.Status.Rejected);
        game.revealNodes(gameId, trace.rows);
        bytes32[] memory siblings = TinyProgram.branch(trace.rows, 4);
        _revertsNotPending(id, IDisputeGame.Status.Rejected);
        vm.prank(DAVE);
        game.select(other, 3, 4, trace.rows[4], siblings);
        _revertsNotPending(id, IDisputeGame.Status.Rejected);
        vm.prank(CAROL);
        game.proveStep(gameId, IDisputeGame.FaultKind.Element, proof, SALT);
        _revertsNotPending(id, IDisputeGame.Status.Rejected);
        vm.prank(CAROL);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        _revertsNotPending(id, IDisputeGame.Status.Rejected);
        _open(CAROL, id);
        _revertsNotPending(id, IDisputeGame.Status.Rejected);
        game.finalize(id);
    }

    function test_closeGame_returnsTheBond_succeeds() external {
        bytes32 id = _assert(MALLORY, _wrong());
        uint256 gameId = _open(CAROL, id);
        _proveElement(DAVE, id, _wrongProof());
        vm.assertEq(uint256(game.assertionOf(id).openGames), 1, "openGames");
        game.closeGame(gameId);
        _expectGame(gameId, IDisputeGame.GameStatus.Closed);
        _expectCredit(CAROL, BOND_C);
        _expectCredit(DAVE, BOND_A / 2);
        vm.assertEq(uint256(game.assertionOf(id).openGames), 0, "openGames");
        _reverts(IDisputeGame.Game_AlreadySettled.selector, gameId);
        game.closeGame(gameId);
        _expectBalanced();
    }

    function test_closeGame_OP13_pending_reverts() external {
        bytes32 id = _assert(ALICE, _honest());
        uint256 gameId = _open(MALLORY, id);
        vm.expectRevert(
            abi.encodeWithSelector(
                IDisputeGame.Game_NotRejected.selector, id, IDisputeGame.Status.Pending
            )
        );
        game.closeGame(gameId);
    }

    function test_closeGame_unknownGame_reverts() external {
        _reverts(IDisputeGame.Game_UnknownGame.selector, uint256(7));
        game.closeGame(7);
    }
}
