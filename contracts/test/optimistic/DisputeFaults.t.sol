// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Commitments} from "../../src/optimistic/Commitments.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {IFaultJudge} from "../../src/optimistic/IFaultJudge.sol";
import {IStepVerifier} from "../../src/optimistic/IStepVerifier.sol";
import {NodeDesc} from "../../src/optimistic/NodeDescriptor.sol";
import {DisputeKit} from "./DisputeKit.sol";
import {TinyProgram} from "./TinyProgram.sol";

/// @notice A verifier that answers as it is told.
contract ToldVerifier {
    uint256 private immutable ANSWER;

    constructor(uint256 answer) {
        ANSWER = answer;
    }

    fallback(bytes calldata) external returns (bytes memory) {
        if (ANSWER == 3) {
            while (true) {} // burns all gas that it got
        }
        require(ANSWER != 2, "no verdict");
        return abi.encode(ANSWER);
    }
}

contract DisputeGame_faults_Test is DisputeKit {
    TinyProgram.Kind private constant KIND = TinyProgram.Kind.Chain;

    function setUp() public override {
        super.setUp();
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Double));
        game.admitProgram(TinyProgram.header(TinyProgram.Kind.Lone));
    }

    // --- what is wrong is found, and only that ---

    /// forge-config: default.fuzz.runs = 4
    /// forge-config: thorough.fuzz.runs = 16
    function test_element_everyNode_isFound_succeeds(uint256 elem, int16 delta) external {
        vm.assume(delta != 0);
        cheats.pauseGasMetering(); // the test's own work is more than a transaction may do
        for (uint256 kind = 0; kind < 3; ++kind) {
            TinyProgram.Kind which = TinyProgram.Kind(kind);
            uint256 at_ = elem % TinyProgram.elements(which);
            for (uint256 node = 0; node < TinyProgram.nodeCount(which); ++node) {
                TinyProgram.Trace memory trace = TinyProgram.run(which, node, at_, delta, true);
                (uint32 found, uint256 place) =
                    _check(trace, TinyProgram.elementProof(trace, node, at_));
                vm.assertEq(uint256(found), node, "node");
                vm.assertEq(place, at_, "element");
            }
        }
    }

    /// forge-config: default.fuzz.runs = 4
    /// forge-config: thorough.fuzz.runs = 16
    function test_element_OP8_honest_reverts(uint256 elem) external {
        cheats.pauseGasMetering();
        for (uint256 kind = 0; kind < 3; ++kind) {
            TinyProgram.Kind which = TinyProgram.Kind(kind);
            uint256 at_ = elem % TinyProgram.elements(which);
            TinyProgram.Trace memory trace = TinyProgram.honest(which);
            for (uint256 node = 0; node < TinyProgram.nodeCount(which); ++node) {
                _revertsNoFault();
                _check(trace, TinyProgram.elementProof(trace, node, at_));
            }
        }
    }

    /// @dev The fault is where the trace leaves the operators, not where it differs from the truth.
    function test_element_OP8_consistentConsequences_reverts() external {
        TinyProgram.Trace memory trace = TinyProgram.run(KIND, 0, 8, 4, true);
        for (uint256 node = 1; node < 5; ++node) {
            _revertsNoFault();
            _check(trace, TinyProgram.elementProof(trace, node, 8));
        }
        _check(trace, TinyProgram.elementProof(trace, 0, 8));
    }

    function test_element_OP8_falseInPublic_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, 2, 37));
        _ready(MALLORY, id, proof);
        _revertsNoFault();
        vm.prank(MALLORY);
        game.proveFault(id, IDisputeGame.FaultKind.Element, proof, SALT);
        _expectStatus(id, IDisputeGame.Status.Pending);
    }

    function test_element_OP8_onlyTrueSettles_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        IFaultJudge.Trace memory said = _said(trace);
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, 2, 37));
        said.verifier = IStepVerifier(address(new ToldVerifier(1)));
        judge.check(said, IDisputeGame.FaultKind.Element, proof);
        said.verifier = IStepVerifier(address(new ToldVerifier(0)));
        _revertsNoFault();
        judge.check(said, IDisputeGame.FaultKind.Element, proof);
        said.verifier = IStepVerifier(address(new ToldVerifier(2)));
        vm.expectRevert(abi.encodeWithSignature("Error(string)", "no verdict"));
        judge.check(said, IDisputeGame.FaultKind.Element, proof);
        said.verifier = IStepVerifier(address(new ToldVerifier(77)));
        cheats.expectRevert(); // no boolean
        judge.check(said, IDisputeGame.FaultKind.Element, proof);
        said.verifier = IStepVerifier(DAVE);
        cheats.expectRevert(); // no code
        judge.check(said, IDisputeGame.FaultKind.Element, proof);
    }

    function test_element_OP8_outOfGasIsNoVerdict_succeeds() external {
        TinyProgram.Trace memory trace = _wrong();
        IFaultJudge.Trace memory said = _said(trace);
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, 2, 37));
        said.verifier = IStepVerifier(address(new ToldVerifier(3)));
        bytes memory call =
            abi.encodeCall(IFaultJudge.check, (said, IDisputeGame.FaultKind.Element, proof));
        (bool found,) = address(judge).staticcall{gas: 3_000_000}(call);
        vm.assertTrue(!found, "a verdict without an answer");
    }

    function test_proveFault_OP8_anyGas_changesNothingOrAll_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        bytes32 id = _assert(ALICE, trace);
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, 2, 37));
        _ready(MALLORY, id, proof);
        bytes memory call = abi.encodeCall(
            IDisputeGame.proveFault, (id, IDisputeGame.FaultKind.Element, proof, SALT)
        );
        for (uint256 gas_ = 20_000; gas_ < 500_000; gas_ += 4_000) {
            vm.prank(MALLORY);
            (bool done,) = address(game).call{gas: gas_}(call);
            vm.assertTrue(!done, "rejected for want of gas");
        }
        _expectStatus(id, IDisputeGame.Status.Pending);
    }

    // --- each field of a proof is bound ---

    function test_element_OP3_anotherNode_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        proof.node = 3;
        _reverts(IDisputeGame.Game_BadDescriptor.selector, uint256(3));
        _check(trace, proof);
        proof.node = 5; // padding of the graph
        _revertsIndex(5, 5);
        _check(trace, proof);
        proof.node = 2;
        _check(trace, proof);
    }

    function test_element_OP3_anotherDescriptor_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        NodeDesc memory node = TinyProgram.node(KIND, 2);
        ++node.attributes[2];
        proof.desc = abi.encode(node); // by which the honest value were wrong
        _reverts(IDisputeGame.Game_BadDescriptor.selector, uint256(2));
        _check(trace, proof);
    }

    function test_element_OP3_forwardReference_reverts() external {
        // A graph whose node 0 says that it is node 9, and reads node 1.
        TinyProgram.Trace memory trace = _honest();
        NodeDesc memory node = TinyProgram.node(KIND, 2);
        node.nodeId = 9;
        bytes32[] memory rows = TinyProgram.graphRows(KIND);
        bytes memory desc = abi.encode(node);
        rows[0] = keccak256(bytes.concat(hex"02", desc));
        IFaultJudge.Trace memory said = _said(trace);
        said.facts.graphRoot = TinyProgram.rootOf(rows);
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        proof.node = 0;
        proof.desc = desc;
        proof.descBranch = TinyProgram.branch(rows, 0);
        proof.outRoot = trace.roots[0];
        proof.outBranch = TinyProgram.branch(trace.rows, 0);
        proof.leaf = abi.encode(trace.words[0][9]);
        proof.leafBranch = TinyProgram.branch(trace.leaves[0], 9);
        _reverts(IDisputeGame.Game_BadDescriptor.selector, uint256(0));
        judge.check(said, IDisputeGame.FaultKind.Element, abi.encode(proof));
    }

    function test_element_OP4_tensorOfAnotherNode_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        IDisputeGame.ElementProof memory other = TinyProgram.elementProof(trace, 3, 37);
        (proof.outRoot, proof.outBranch) = (other.outRoot, other.outBranch);
        (proof.leaf, proof.leafBranch) = (other.leaf, other.leafBranch);
        _reverts(IDisputeGame.Game_BadTensor.selector, uint256(2));
        _check(trace, proof);
    }

    function test_element_OP4_tensorOfAnotherTrace_reverts() external {
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(_wrong(), 2, 37);
        _reverts(IDisputeGame.Game_BadTensor.selector, uint256(2));
        _check(_honest(), proof);
    }

    function test_element_OP4_otherOperands_reverts() external {
        cheats.pauseGasMetering();
        // Every operand of every kind is replaced by another tensor that is open somewhere.
        for (uint256 id = 0; id < 5; ++id) {
            TinyProgram.Trace memory trace = TinyProgram.honest(TinyProgram.Kind.Double);
            NodeDesc memory node = TinyProgram.node(TinyProgram.Kind.Double, id);
            IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, id, 9);
            for (uint256 i = 0; i < node.operands.length; ++i) {
                for (uint32 other = 0; other < 5; ++other) {
                    for (uint8 kind = 0; kind < 4; ++kind) {
                        uint32 ref =
                            uint32(other % (kind == 0 ? 5 : kind == 1 ? 3 : kind == 2 ? 1 : 2));
                        if (node.operands[i].kind == kind && node.operands[i].id == ref) continue;
                        IDisputeGame.Opening memory right = proof.operands[i];
                        NodeDesc memory odd = TinyProgram.node(TinyProgram.Kind.Double, id);
                        (odd.operands[i].kind, odd.operands[i].id) = (kind, ref);
                        (proof.operands[i],) = TinyProgram.openOperand(trace, odd.operands[i]);
                        _revertsOperand(trace, proof, i);
                        proof.operands[i] = right;
                    }
                }
            }
        }
    }

    function test_element_OP4_numberOfOperands_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        IDisputeGame.Opening[] memory both = proof.operands;
        proof.operands = new IDisputeGame.Opening[](1);
        proof.operands[0] = both[0];
        _reverts(IDisputeGame.Game_BadOperand.selector, uint256(1));
        _check(trace, proof);
        proof.operands = new IDisputeGame.Opening[](3);
        (proof.operands[0], proof.operands[1]) = (both[0], both[1]);
        _reverts(IDisputeGame.Game_BadOperand.selector, uint256(3));
        _check(trace, proof);
    }

    function test_element_OP4_foreignInput_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 0, 9);
        proof.operands[0].root = ~proof.operands[0].root;
        _reverts(IDisputeGame.Game_BadOperand.selector, uint256(0));
        _check(trace, proof);
        proof = TinyProgram.elementProof(trace, 0, 9);
        proof.operands[0].branch = new bytes32[](1); // a lone input has none
        _reverts(IDisputeGame.Game_BadOperand.selector, uint256(0));
        _check(trace, proof);
    }

    function test_element_OP4_secondInputOfOne_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        NodeDesc memory node = TinyProgram.node(KIND, 0);
        node.operands[0].id = 1;
        _revertsWithNode(trace, node, 0);
    }

    function test_element_OP4_unknownKind_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        NodeDesc memory node = TinyProgram.node(KIND, 0);
        node.operands[0].kind = 4;
        _revertsWithNode(trace, node, 0);
    }

    function test_element_OP5_branchLengths_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        bytes32[] memory right = proof.descBranch;
        proof.descBranch = _longer(right);
        _revertsLength(4, 3);
        _check(trace, proof);
        proof.descBranch = _shorter(right);
        _revertsLength(2, 3);
        _check(trace, proof);
        proof.descBranch = right;

        right = proof.outBranch;
        proof.outBranch = _longer(right);
        _revertsLength(4, 3);
        _check(trace, proof);
        proof.outBranch = right;

        right = proof.leafBranch;
        proof.leafBranch = _longer(right);
        _revertsLength(6, 5);
        _check(trace, proof);
        proof.leafBranch = _shorter(right);
        _revertsLength(4, 5);
        _check(trace, proof);
        proof.leafBranch = right;

        right = proof.operands[0].branch;
        proof.operands[0].branch = _longer(right);
        _revertsLength(4, 3);
        _check(trace, proof);
    }

    function test_element_OP6_beyondTheShape_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        trace.words[2][16] = ~bytes32(0); // tail bytes that could be taken for elements
        TinyProgram.seal(trace);
        IFaultJudge.Trace memory said = _said(trace);
        said.verifier = IStepVerifier(address(new ToldVerifier(1))); // the judge has to know itself
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 64);
        for (uint256 elem = 66; elem < 68; ++elem) {
            proof.elem = uint64(elem);
            vm.expectRevert(
                abi.encodeWithSelector(IStepVerifier.Step_ElementOutOfShape.selector, elem, 66)
            );
            judge.check(said, IDisputeGame.FaultKind.Element, abi.encode(proof));
        }
        proof.elem = 65;
        judge.check(said, IDisputeGame.FaultKind.Element, abi.encode(proof));
    }

    function test_element_OP6_anotherElementOfTheLeaf_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        proof.elem = 36;
        _revertsNoFault(); // same leaf, right value
        _check(trace, proof);
        proof.elem = 40; // the next leaf
        _revertsLeaf(2, 10);
        _check(trace, proof);
    }

    function test_element_OP7_leafSize_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        bytes memory long = abi.encodePacked(trace.words[2][9], uint8(1));
        trace.leaves[2][9] = keccak256(bytes.concat(hex"00", long));
        TinyProgram.sealRoots(trace);
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        proof.leaf = long;
        _revertsLeaf(2, 9);
        _check(trace, proof);
    }

    function test_element_OP5_leafOfAnotherTensor_reverts() external {
        TinyProgram.Trace memory trace = _wrong();
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 2, 37);
        proof.leaf = abi.encode(~trace.words[2][9]);
        _revertsLeaf(2, 9);
        _check(trace, proof);
    }

    function test_element_oneBitFlipped_reverts(uint256 bit) external view {
        TinyProgram.Trace memory trace = _wrong();
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, 2, 37));
        bit %= proof.length * 8;
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        bytes memory call = abi.encodeCall(
            IFaultJudge.check, (_said(trace), IDisputeGame.FaultKind.Element, proof)
        );
        (bool found, bytes memory answer) = address(judge).staticcall(call);
        if (!found) return;

        // What still decodes to the same proof is the same proof.
        IDisputeGame.ElementProof memory read = abi.decode(proof, (IDisputeGame.ElementProof));
        vm.assertEq(
            keccak256(abi.encode(read)),
            keccak256(abi.encode(TinyProgram.elementProof(trace, 2, 37))),
            "another proof of the fault"
        );
        vm.assertEq(keccak256(answer), keccak256(abi.encode(2, 37)), "answer");
    }

    function test_element_oneBitFlippedAboutHonest_reverts(uint256 bit) external view {
        TinyProgram.Trace memory trace = _honest();
        bytes memory proof = abi.encode(TinyProgram.elementProof(trace, 3, 37));
        bit %= proof.length * 8;
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        bytes memory call = abi.encodeCall(
            IFaultJudge.check, (_said(trace), IDisputeGame.FaultKind.Element, proof)
        );
        (bool found,) = address(judge).staticcall(call);
        vm.assertTrue(!found, "a fault in an honest trace");
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: thorough.fuzz.runs = 32
    function test_element_everyBitOfEveryLeaf_isBound_succeeds(uint256 node, uint8 bit) external {
        node %= 5;
        TinyProgram.Trace memory trace = _honest();
        bytes32 real = trace.words[node][3];
        trace.words[node][3] ^= bytes32(uint256(1) << bit);
        TinyProgram.seal(trace);
        uint256 elem = 12 + (255 - bit) / 64;
        _check(trace, TinyProgram.elementProof(trace, node, elem));
        trace.words[node][3] = real; // shown, but not committed to
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, node, elem);
        _revertsLeaf(node, 3);
        _check(trace, proof);
    }

    // --- padding ---

    function test_padding_OP7_honest_reverts() external {
        cheats.pauseGasMetering();
        TinyProgram.Trace memory trace = _honest();
        for (uint256 level = 0; level <= 3; ++level) {
            for (uint256 i = 0; i < 8 >> level; ++i) {
                _revertsPadding();
                _checkPadding(trace, TinyProgram.tracePadding(trace, level, i));
            }
        }
        for (uint256 level = 0; level <= 5; ++level) {
            for (uint256 i = 0; i < 32 >> level; ++i) {
                _revertsPadding();
                _checkPadding(trace, TinyProgram.tensorPadding(trace, 2, level, i));
            }
        }
        _revertsPadding();
        _checkPadding(trace, TinyProgram.tailPadding(trace, 2));
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: thorough.fuzz.runs = 32
    function test_padding_trace_isFound_succeeds(uint8 row, uint8 bit) external {
        uint256 which = 5 + row % 3;
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        trace.rows[which] ^= bytes32(uint256(1) << bit);
        (, uint256 place) = _checkPadding(trace, TinyProgram.tracePadding(trace, 0, which));
        vm.assertEq(place, which, "place");
        if (which > 5) _checkPadding(trace, TinyProgram.tracePadding(trace, 1, 3));
        _revertsPadding(); // the rows that are nodes
        _checkPadding(trace, TinyProgram.tracePadding(trace, 0, 4));

        bytes32 id = _assert(MALLORY, trace, said);
        _provePadding(CAROL, id, abi.encode(TinyProgram.tracePadding(trace, 0, which)));
        _expectStatus(id, IDisputeGame.Status.Rejected);
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: thorough.fuzz.runs = 32
    function test_padding_tensor_isFound_succeeds(uint256 node, uint8 leaf, uint8 bit) external {
        node %= 5;
        uint256 which = 17 + leaf % 15;
        TinyProgram.Trace memory trace = _honest();
        trace.leaves[node][which] ^= bytes32(uint256(1) << bit);
        TinyProgram.sealRoots(trace);
        (uint32 found, uint256 place) =
            _checkPadding(trace, TinyProgram.tensorPadding(trace, node, 0, which));
        vm.assertEq(uint256(found), node, "node");
        vm.assertEq(place, which, "place");
        for (uint256 level = 1; level <= 3; ++level) {
            uint256 above = which >> level;
            if (above << level < 17) continue;
            _checkPadding(trace, TinyProgram.tensorPadding(trace, node, level, above));
        }
        bytes32 id = _assert(MALLORY, trace);
        _provePadding(CAROL, id, abi.encode(TinyProgram.tensorPadding(trace, node, 0, which)));
        _expectStatus(id, IDisputeGame.Status.Rejected);
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: thorough.fuzz.runs = 32
    function test_padding_tail_isFound_succeeds(uint256 node, uint8 bit) external {
        node %= 5;
        TinyProgram.Trace memory trace = _honest();
        trace.words[node][16] ^= bytes32(uint256(1) << (bit % 128)); // two elements lie before
        TinyProgram.seal(trace);
        (uint32 found, uint256 place) = _checkPadding(trace, TinyProgram.tailPadding(trace, node));
        vm.assertEq(uint256(found), node, "node");
        vm.assertEq(place, 16, "place");
        bytes32 id = _assert(MALLORY, trace);
        _provePadding(CAROL, id, abi.encode(TinyProgram.tailPadding(trace, node)));
        _expectStatus(id, IDisputeGame.Status.Rejected);
    }

    /// forge-config: default.fuzz.runs = 8
    /// forge-config: thorough.fuzz.runs = 32
    function test_padding_OP7_wrongElementIsNoPadding_reverts(uint8 bit) external {
        TinyProgram.Trace memory trace = _honest();
        trace.words[2][16] ^= bytes32(uint256(1) << (128 + bit % 128));
        TinyProgram.seal(trace);
        _revertsPadding();
        _checkPadding(trace, TinyProgram.tailPadding(trace, 2));
    }

    function test_padding_OP7_notOfThisTrace_reverts() external {
        TinyProgram.Trace memory odd = _honest();
        odd.words[2][16] |= bytes32(uint256(1));
        odd.leaves[3][20] = SALT;
        TinyProgram.Trace memory trace = _honest();

        IDisputeGame.PaddingProof memory tail = TinyProgram.tailPadding(odd, 2);
        tail.siblings = TinyProgram.branch(trace.leaves[2], 16);
        tail.outBranch = TinyProgram.branch(trace.rows, 2);
        tail.outRoot = trace.roots[2];
        _revertsPadding();
        _checkPadding(trace, tail);

        IDisputeGame.PaddingProof memory part = TinyProgram.tensorPadding(trace, 3, 0, 20);
        part.hash = SALT;
        _revertsPadding();
        _checkPadding(trace, part);

        part = TinyProgram.tracePadding(trace, 0, 6);
        part.hash = SALT;
        _revertsPadding();
        _checkPadding(trace, part);
    }

    function test_padding_OP7_tailOfAnotherSize_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        bytes memory long = abi.encodePacked(trace.words[2][16], uint8(1));
        trace.leaves[2][16] = keccak256(bytes.concat(hex"00", long));
        TinyProgram.sealRoots(trace);
        IDisputeGame.PaddingProof memory proof = TinyProgram.tailPadding(trace, 2);
        proof.leaf = long;
        _revertsPadding();
        _checkPadding(trace, proof);
    }

    function test_padding_OP7_aboveTheRoot_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.PaddingProof memory proof = TinyProgram.tracePadding(trace, 3, 0);
        proof.level = 4;
        proof.index = 1;
        _revertsPadding();
        _checkPadding(trace, proof);
    }

    function test_padding_OP5_branchLength_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.PaddingProof memory proof = TinyProgram.tracePadding(trace, 0, 6);
        proof.siblings = _longer(proof.siblings);
        _revertsLength(4, 3);
        _checkPadding(trace, proof);
        proof = TinyProgram.tailPadding(trace, 2);
        proof.siblings = _shorter(proof.siblings);
        _revertsLength(4, 5);
        _checkPadding(trace, proof);
    }

    function test_padding_OP4_tensorOfAnotherNode_reverts() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.PaddingProof memory proof = TinyProgram.tailPadding(trace, 2);
        proof.outRoot = trace.roots[3];
        _reverts(IDisputeGame.Game_BadTensor.selector, uint256(2));
        _checkPadding(trace, proof);
    }

    function test_padding_oneBitFlippedAboutHonest_reverts(uint256 bit, uint8 place) external view {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.PaddingProof memory right;
        if (place % 3 == 0) right = TinyProgram.tracePadding(trace, 0, 6);
        else if (place % 3 == 1) right = TinyProgram.tensorPadding(trace, 3, 1, 12);
        else right = TinyProgram.tailPadding(trace, 3);
        bytes memory proof = abi.encode(right);
        bit %= proof.length * 8;
        proof[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        bytes memory call = abi.encodeCall(
            IFaultJudge.check, (_said(trace), IDisputeGame.FaultKind.Padding, proof)
        );
        (bool found,) = address(judge).staticcall(call);
        vm.assertTrue(!found, "a fault in an honest trace");
    }

    function test_padding_exactPowerOfTwo_hasNone_reverts() external {
        TinyProgram.Trace memory trace = TinyProgram.honest(TinyProgram.Kind.Lone);
        _revertsPadding();
        _checkPadding(trace, TinyProgram.tracePadding(trace, 0, 0));
        _revertsPadding();
        _checkPadding(trace, TinyProgram.tensorPadding(trace, 0, 0, 0));
        trace.words[0][0] |= bytes32(uint256(1));
        TinyProgram.seal(trace);
        _checkPadding(trace, TinyProgram.tailPadding(trace, 0));
    }

    function test_proveStep_padding_inAnyPhase_succeeds() external {
        TinyProgram.Trace memory trace = _honest();
        IDisputeGame.Statement memory said = TinyProgram.statement(trace);
        trace.rows[6] = SALT;
        bytes32 id = _assert(MALLORY, trace, said);
        uint256 gameId = _open(CAROL, id);
        _reveal(MALLORY, gameId, trace);
        bytes memory proof = abi.encode(TinyProgram.tracePadding(trace, 0, 6));
        _readyPadding(CAROL, id, proof);
        vm.prank(CAROL);
        game.proveStep(gameId, IDisputeGame.FaultKind.Padding, proof, SALT);
        _expectGame(gameId, IDisputeGame.GameStatus.Won);
        _expectCredit(CAROL, BOND_C + BOND_A / 2);
    }

    // --- asking the judge ---

    function _check(TinyProgram.Trace memory trace, IDisputeGame.ElementProof memory proof)
        private
        view
        returns (uint32, uint256)
    {
        return judge.check(_said(trace), IDisputeGame.FaultKind.Element, abi.encode(proof));
    }

    function _checkPadding(TinyProgram.Trace memory trace, IDisputeGame.PaddingProof memory proof)
        private
        view
        returns (uint32, uint256)
    {
        return judge.check(_said(trace), IDisputeGame.FaultKind.Padding, abi.encode(proof));
    }

    /// @dev What the game tells the judge, without asking the game.
    function _said(TinyProgram.Trace memory trace) private view returns (IFaultJudge.Trace memory) {
        IDisputeGame.Header memory head = TinyProgram.header(trace.kind);
        return IFaultJudge.Trace({
            verifier: router,
            inputRoot: TinyProgram.inputRoot(trace),
            traceRoot: TinyProgram.traceRoot(trace),
            facts: IDisputeGame.ProgramFacts({
                graphRoot: head.graphRoot,
                weightsRoot: head.weightsRoot,
                tablesRoot: head.tablesRoot,
                nodeCount: TinyProgram.nodeCount(trace.kind),
                inputCount: uint32(TinyProgram.inputCount(trace.kind)),
                leafLog2: 5,
                maxHeight: trace.kind == TinyProgram.Kind.Lone ? 0 : 5,
                outputIds: TinyProgram.outputIds(trace.kind)
            })
        });
    }

    /// @dev A graph whose node 0 is another one: what it names cannot be opened.
    function _revertsWithNode(TinyProgram.Trace memory trace, NodeDesc memory node, uint256 operand)
        private
    {
        bytes32[] memory rows = TinyProgram.graphRows(KIND);
        IDisputeGame.ElementProof memory proof = TinyProgram.elementProof(trace, 0, 9);
        proof.desc = abi.encode(node);
        rows[0] = keccak256(bytes.concat(hex"02", proof.desc));
        proof.descBranch = TinyProgram.branch(rows, 0);
        IFaultJudge.Trace memory said = _said(trace);
        said.facts.graphRoot = TinyProgram.rootOf(rows);
        _reverts(IDisputeGame.Game_BadOperand.selector, operand);
        judge.check(said, IDisputeGame.FaultKind.Element, abi.encode(proof));
    }

    function _revertsOperand(
        TinyProgram.Trace memory trace,
        IDisputeGame.ElementProof memory proof,
        uint256 operand
    ) private view {
        bytes memory call = abi.encodeCall(
            IFaultJudge.check, (_said(trace), IDisputeGame.FaultKind.Element, abi.encode(proof))
        );
        (bool found, bytes memory why) = address(judge).staticcall(call);
        vm.assertTrue(!found, "another operand was taken");
        bytes4 selector = bytes4(why);
        if (selector == Commitments.Commitments_BranchLength.selector) return;
        if (selector == Commitments.Commitments_IndexOutOfTree.selector) return;
        vm.assertEq(
            keccak256(why),
            keccak256(abi.encodeWithSelector(IDisputeGame.Game_BadOperand.selector, operand)),
            "error"
        );
    }

    function _revertsNoFault() private {
        vm.expectRevert(abi.encodeWithSelector(IStepVerifier.Step_NoFault.selector));
    }

    function _revertsPadding() private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.Game_NotPaddingFault.selector));
    }

    function _revertsLeaf(uint256 node, uint256 leaf) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputeGame.Game_BadLeaf.selector, node, leaf));
    }

    function _revertsLength(uint256 given, uint256 expected) private {
        vm.expectRevert(
            abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, given, expected)
        );
    }

    function _revertsIndex(uint256 index, uint256 count) private {
        vm.expectRevert(
            abi.encodeWithSelector(Commitments.Commitments_IndexOutOfTree.selector, index, count)
        );
    }

    function _longer(bytes32[] memory branch) private pure returns (bytes32[] memory more) {
        more = new bytes32[](branch.length + 1);
        for (uint256 i = 0; i < branch.length; ++i) {
            more[i] = branch[i];
        }
    }

    function _shorter(bytes32[] memory branch) private pure returns (bytes32[] memory) {
        return TinyProgram.slice(branch, 0, branch.length - 1);
    }
}
