// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Commitments} from "../../src/optimistic/Commitments.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {NodeDesc, OperandRef} from "../../src/optimistic/NodeDescriptor.sol";
import {DisputeKit} from "./DisputeKit.sol";
import {TinyProgram} from "./TinyProgram.sol";

/// @notice What a transaction of each kind costs, as `snapshots/DisputeGame.json` records.
/// @dev Each call is a transaction of its own, with its intrinsic gas and cold storage. The program
///      is tiny: five nodes, leaves of 32 bytes. Larger ones add calldata and hashes, not storage.
/// forge-config: default.isolate = true
/// forge-config: thorough.isolate = true
contract DisputeGame_Gas_Test is DisputeKit {
    /// @dev An isolated call has no price of gas, so it notes no refund: two words of storage.
    uint256 private constant NOTE_GAS = 44_400;

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
        uint256 gas_ = _snapshot("revealTensor, first of its revealer");
        uint256 shown = game.DESCRIPTOR_GAS() * TinyProgram.descOf(TinyProgram.Kind.Lone, 0).length;
        vm.assertTrue(gas_ + NOTE_GAS <= game.REVEAL_GAS() + shown, "dearer than its refund");
        vm.prank(DAVE);
        game.revealLeaf(gameId, leaf);
        gas_ = _snapshot("revealLeaf, 1024 bytes, first of its revealer");
        vm.assertTrue(gas_ + NOTE_GAS <= game.REVEAL_GAS(), "dearer than its refund");
    }

    /// @notice A descriptor as long as that of a node that can be judged, in a graph as deep as one may
    ///         be: an honest revealer gets back what it spends, or more. Under the rules of today, where
    ///         calldata alone sets the price of such a transaction (EIP-7623).
    /// forge-config: default.hardfork = "osaka"
    /// forge-config: thorough.hardfork = "osaka"
    function test_gas_revealTensorOfTheLongestDescriptor_isRefunded_succeeds() external {
        bytes memory desc = _longestDescriptor();
        bytes32[] memory below = new bytes32[](16);
        bytes32[] memory branch = _randomBranch(below, keccak256(bytes.concat(hex"02", desc)));
        bytes32 graphRoot = TinyProgram.rootOf(below);
        IDisputeGame.Header memory head = TinyProgram.header(TinyProgram.Kind.Lone);
        IDisputeGame.Schema memory schema = abi.decode(head.schema, (IDisputeGame.Schema));
        (schema.nodeCount, schema.maxHeight) = (1 << 28, 2);
        (head.graphRoot, head.schema) = (graphRoot, abi.encode(schema));
        game.admitProgram(head);

        branch = _randomBranch(below, TinyProgram.traceRow(0, SALT));
        bytes32 traceRoot = TinyProgram.rootOf(below);
        IDisputeGame.Opening[] memory outputs = new IDisputeGame.Opening[](1);
        outputs[0] = IDisputeGame.Opening(SALT, branch);
        IDisputeGame.Statement memory said =
            IDisputeGame.Statement(TinyProgram.rootOfHeader(head), SALT, SALT, SALT);
        _commit(ALICE, IDisputeGame.CommitKind.Result, TinyProgram.digestOf(said), traceRoot);
        vm.roll(block.number + AGE);
        vm.prank(ALICE);
        bytes32 id = game.assertResult{value: BOND_A}(said, traceRoot, outputs, "", SALT);
        uint256 gameId = _open(MALLORY, id);
        game.revealNodes(gameId, below);
        vm.prank(MALLORY);
        game.select(gameId, 28, 0, TinyProgram.traceRow(0, SALT), branch);
        cheats.txGasPrice(CAP);
        branch = _randomBranch(below, keccak256(bytes.concat(hex"02", desc)));
        vm.prank(DAVE);
        game.revealTensor(gameId, SALT, desc, branch);
        uint256 gas_ = _snapshot("revealTensor, longest descriptor and branch");
        uint256 refund = game.REVEAL_GAS() + game.DESCRIPTOR_GAS() * desc.length;
        vm.assertTrue(gas_ + NOTE_GAS <= refund, "dearer than its refund");
        vm.assertTrue(desc.length <= game.MAX_DESCRIPTOR_BYTES(), "longer than is refunded");
    }

    /// @dev The Concat with most operands that `checkNode` accepts.
    function _longestDescriptor() private view returns (bytes memory desc) {
        NodeDesc memory node;
        node.opcode = 10;
        node.width = 1;
        node.shape = new uint32[](6);
        node.attributes = new int64[](1);
        uint32[] memory part = new uint32[](6);
        for (uint256 i = 0; i < 6; ++i) {
            (part[i], node.shape[i]) = (1, 1);
        }
        for (uint32 count = 60;; ++count) {
            node.operands = new OperandRef[](count);
            for (uint32 i = 0; i < count; ++i) {
                node.operands[i] = OperandRef(3, 0, 1, part);
            }
            node.shape[0] = count;
            bytes memory longer = abi.encode(node);
            try router.checkNode(longer, 5) {
                desc = longer;
            } catch {
                return desc;
            }
        }
    }

    /// @dev A branch of 28 siblings from the first of 2^28 leaves, and the 16 nodes below the root.
    function _randomBranch(bytes32[] memory below, bytes32 leaf)
        private
        pure
        returns (bytes32[] memory branch)
    {
        branch = new bytes32[](28);
        for (uint256 i = 0; i < 24; ++i) {
            branch[i] = keccak256(abi.encode(i));
        }
        below[0] = Commitments.rootFromPath(leaf, 0, 24, TinyProgram.slice(branch, 0, 24));
        for (uint256 i = 1; i < 16; ++i) {
            below[i] = keccak256(abi.encode(leaf, i));
        }
        bytes32[] memory above = TinyProgram.branch(below, 0);
        for (uint256 i = 0; i < 4; ++i) {
            branch[24 + i] = above[i];
        }
    }

    function _snapshot(string memory name) private returns (uint256 gas_) {
        gas_ = vm.snapshotGasLastCall("DisputeGame", name);
        vm.assertTrue(gas_ > 21_000, "not isolated");
    }
}
