// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {Commitments} from "../../src/optimistic/Commitments.sol";
import {IStepVerifier} from "../../src/optimistic/IStepVerifier.sol";
import {LinearSteps} from "../../src/optimistic/LinearSteps.sol";
import {MovementSteps} from "../../src/optimistic/MovementSteps.sol";
import {NodeDesc, OperandRef} from "../../src/optimistic/NodeDescriptor.sol";
import {WindowSteps} from "../../src/optimistic/WindowSteps.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice Nodes over tensors of a few leaves, whose trees and witnesses are written by hand here.
abstract contract WitnessKit is TestBase {
    bytes internal constant ZERO_LEAF = new bytes(32);

    function _dims(uint32 a) internal pure returns (uint32[] memory shape) {
        shape = new uint32[](1);
        shape[0] = a;
    }

    function _dims(uint32 a, uint32 b) internal pure returns (uint32[] memory shape) {
        shape = new uint32[](2);
        (shape[0], shape[1]) = (a, b);
    }

    function _dims(uint32 a, uint32 b, uint32 c, uint32 d)
        internal
        pure
        returns (uint32[] memory shape)
    {
        shape = new uint32[](4);
        (shape[0], shape[1], shape[2], shape[3]) = (a, b, c, d);
    }

    /// @dev x (1, tall, wide, groups), a depthwise window as large as x, stride and dilation 1.
    function _conv(uint32 tall, uint32 wide, uint32 groups)
        internal
        pure
        returns (NodeDesc memory node)
    {
        node.opcode = 2;
        node.operands = new OperandRef[](4);
        node.operands[0] = OperandRef(3, 0, 1, _dims(1, tall, wide, groups));
        node.operands[1] = OperandRef(1, 0, 1, _dims(groups, tall, wide, 1));
        node.operands[2] = OperandRef(1, 1, 1, _dims(groups));
        node.operands[3] = OperandRef(1, 2, 1, _dims(1));
        node.shape = _dims(1, 1, 1, groups);
        node.width = 8;
        node.attributes = new int64[](14);
        (node.attributes[0], node.attributes[1]) = (1, 1);
        (node.attributes[6], node.attributes[7]) = (1, 1);
        node.attributes[8] = int64(uint64(groups));
        (node.attributes[12], node.attributes[13]) = (type(int64).min, type(int64).max);
    }

    /// @dev The sum over all of x (1, tall, wide, 1).
    function _sumPool(uint32 tall, uint32 wide) internal pure returns (NodeDesc memory node) {
        node.opcode = 8;
        node.operands = new OperandRef[](2);
        node.operands[0] = OperandRef(3, 0, 1, _dims(1, tall, wide, 1));
        node.operands[1] = OperandRef(1, 0, 1, _dims(1));
        node.shape = _dims(1, 1, 1, 1);
        node.width = 8;
        node.attributes = new int64[](15);
        (node.attributes[0], node.attributes[1]) = (int64(uint64(tall)), int64(uint64(wide)));
        (node.attributes[2], node.attributes[3]) = (1, 1);
        (node.attributes[8], node.attributes[9]) = (1, 1);
        (node.attributes[13], node.attributes[14]) = (type(int64).min, type(int64).max);
    }

    /// @dev One row of x by one of weights, of bytes.
    function _matMul(uint32 length) internal pure returns (NodeDesc memory node) {
        node.nodeId = 1;
        node.opcode = 1;
        node.operands = new OperandRef[](4);
        node.operands[0] = OperandRef(0, 0, 1, _dims(length));
        node.operands[1] = OperandRef(1, 0, 1, _dims(1, length));
        node.operands[2] = OperandRef(1, 1, 1, _dims(1));
        node.operands[3] = OperandRef(1, 2, 1, _dims(1));
        node.shape = _dims(1);
        node.width = 8;
        node.attributes = new int64[](4);
        (node.attributes[2], node.attributes[3]) = (type(int64).min, type(int64).max);
    }

    function _leaf(bytes memory data) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", data));
    }

    function _inner(bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"01", left, right));
    }

    /// @dev The only leaf of a tensor.
    function _alone(bytes memory leaf) internal pure returns (IStepVerifier.Run[] memory runs) {
        runs = new IStepVerifier.Run[](1);
        runs[0] = IStepVerifier.Run(0, leaf, new bytes32[](0));
    }

    /// @dev A leaf of 1024 bytes, all of them the same.
    function _filled(bytes1 value) internal pure returns (bytes memory leaf) {
        leaf = new bytes(1024);
        for (uint256 i = 0; i < 1024; ++i) {
            leaf[i] = value;
        }
    }

    function _unsupported(IStepVerifier.Unsupported reason) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IStepVerifier.Step_Unsupported.selector, reason);
    }
}

/// @notice Each defect of a witness, at a Transpose of 66 bytes in three leaves and one of padding.
contract Witness_Test is WitnessKit {
    MovementSteps private _steps;
    bytes private _desc;
    bytes[3] private _leaves;
    bytes32 private _root;

    function setUp() public {
        _steps = new MovementSteps();
        NodeDesc memory node;
        node.opcode = 9;
        node.operands = new OperandRef[](1);
        node.operands[0] = OperandRef(3, 0, 1, _dims(66));
        node.shape = _dims(66);
        node.width = 1;
        node.attributes = new int64[](1);
        _desc = abi.encode(node);
        bytes memory tail = new bytes(32);
        (tail[0], tail[1]) = (0x40, 0x41);
        bytes memory low = new bytes(32);
        bytes memory high = new bytes(32);
        for (uint256 i = 0; i < 32; ++i) {
            (low[i], high[i]) = (bytes1(uint8(i)), bytes1(uint8(32 + i)));
        }
        _leaves = [low, high, tail];
        _root = _inner(_inner(_leaf(low), _leaf(high)), _inner(_leaf(tail), _leaf(ZERO_LEAF)));
    }

    function test_witness_eachLeafOpens_succeeds() external view {
        for (uint256 elem = 0; elem < 66; ++elem) {
            IStepVerifier.Run[] memory runs = _one(_run(uint32(elem / 32)));
            vm.assertTrue(!_fault(elem, int256(elem), runs), "right value");
            vm.assertTrue(_fault(elem, int256(elem) + 1, runs), "wrong value");
        }
    }

    /// @dev INVARIANT OP-8: an element before the first run would be read from the bytes around it.
    function test_witness_OP8_elementBeforeTheRun_reverts() external {
        _expect(0, IStepVerifier.Defect.Missing);
        _fault(31, 31, _one(_run(1)));
        _expect(0, IStepVerifier.Defect.Missing);
        _fault(0, 0, _one(_run(2)));
    }

    function test_witness_OP8_elementBehindTheRun_reverts() external {
        _expect(0, IStepVerifier.Defect.Missing);
        _fault(64, 64, _one(_run(1)));
        _expect(0, IStepVerifier.Defect.Missing);
        _fault(32, 32, new IStepVerifier.Run[](0));
    }

    function test_witness_OP8_elementBetweenRuns_reverts() external {
        IStepVerifier.Run[] memory runs = _two(_run(0), _run(2));
        vm.assertTrue(!_fault(65, 65, runs), "in a run");
        _expect(0, IStepVerifier.Defect.Missing);
        _fault(40, 40, runs);
    }

    function test_witness_OP6_paddingLeaf_reverts() external {
        IStepVerifier.Run memory run = _run(2);
        run.firstLeaf = 3;
        run.data = ZERO_LEAF;
        run.siblings[0] = _leaf(_leaves[2]);
        _expect(0, IStepVerifier.Defect.Outside);
        _fault(65, 0, _one(run));

        run.firstLeaf = 2; // from the last leaf into the padding
        run.data = bytes.concat(_leaves[2], ZERO_LEAF);
        run.siblings = new bytes32[](1);
        run.siblings[0] = _inner(_leaf(_leaves[0]), _leaf(_leaves[1]));
        _expect(0, IStepVerifier.Defect.Outside);
        _fault(65, 65, _one(run));
    }

    function test_witness_OP7_noWholeLeaves_reverts() external {
        uint256[4] memory sizes = [uint256(0), 31, 33, 63];
        for (uint256 i = 0; i < 4; ++i) {
            IStepVerifier.Run memory run = _run(0);
            run.data = new bytes(sizes[i]);
            _expect(0, IStepVerifier.Defect.LeafSize);
            _fault(0, 0, _one(run));
        }
    }

    /// @dev The siblings follow the leaves at once: what says where they are can say nothing else.
    function test_witness_OP7_siblingsElsewhere_reverts() external {
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = _root;
        IStepVerifier.Run[][] memory lists = new IStepVerifier.Run[][](1);
        lists[0] = _one(_run(0));
        bytes memory witness = abi.encode(lists);
        vm.assertTrue(!_steps.isFault(_desc, 5, 0, 0, roots, witness), "right value");
        vm.assertTrue(uint8(witness[255]) == 128 + 32, "where siblings stand");
        witness[255] = bytes1(uint8(192));
        _expect(0, IStepVerifier.Defect.Encoding);
        _steps.isFault(_desc, 5, 0, 0, roots, witness);
    }

    function test_witness_runsOutOfOrder_reverts() external {
        _expect(0, IStepVerifier.Defect.Order);
        _fault(0, 0, _two(_run(1), _run(0)));
        _expect(0, IStepVerifier.Defect.Order);
        _fault(0, 0, _two(_run(0), _run(0)));
    }

    function test_witness_OP4_anotherLeaf_reverts() external {
        IStepVerifier.Run memory run = _run(0);
        run.data[31] = 0x7f;
        _expect(0, IStepVerifier.Defect.Root);
        _fault(0, 0, _one(run));
        run = _run(0);
        run.firstLeaf = 1;
        _expect(0, IStepVerifier.Defect.Root);
        _fault(32, 0, _one(run));
    }

    /// @dev INVARIANT OP-5: one sibling less ends below the root, one more begins above it.
    function test_witness_OP5_rangeProofOfAnotherLength_reverts() external {
        IStepVerifier.Run memory run = _run(0);
        run.siblings = new bytes32[](1);
        run.siblings[0] = _leaf(_leaves[1]);
        vm.expectRevert(abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 1, 2));
        _fault(0, 0, _one(run));

        bytes32[] memory longer = new bytes32[](3);
        (longer[0], longer[1]) = (_run(0).siblings[0], _run(0).siblings[1]);
        run.siblings = longer;
        vm.expectRevert(abi.encodeWithSelector(Commitments.Commitments_BranchLength.selector, 3, 2));
        _fault(0, 0, _one(run));
    }

    function test_witness_otherNumberOfLists_reverts() external {
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = _root;
        for (uint256 count = 0; count <= 2; count += 2) {
            IStepVerifier.Run[][] memory lists = new IStepVerifier.Run[][](count);
            for (uint256 i = 0; i < count; ++i) {
                lists[i] = _one(_run(0));
            }
            _expect(1, IStepVerifier.Defect.Encoding);
            _steps.isFault(_desc, 5, 0, 1, roots, abi.encode(lists));
        }
        IStepVerifier.Run[][] memory list = new IStepVerifier.Run[][](1);
        list[0] = _one(_run(0));
        _expect(1, IStepVerifier.Defect.Encoding);
        _steps.isFault(_desc, 5, 0, 1, new bytes32[](2), abi.encode(list));
        _expect(1, IStepVerifier.Defect.Encoding);
        _steps.isFault(_desc, 5, 0, 1, roots, bytes.concat(abi.encode(list), bytes32(0)));
    }

    /// @dev Lengths near 2^256 are no way around a bound.
    function test_witness_hugeLengths_reverts() external view {
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = _root;
        IStepVerifier.Run[][] memory lists = new IStepVerifier.Run[][](1);
        lists[0] = _one(_run(0));
        bytes memory whole = abi.encode(lists);
        for (uint256 start = 0; start < whole.length; start += 32) {
            if (start >= 288 && start < 320) continue; // the leaf
            bytes memory other = bytes.concat(whole);
            for (uint256 i = 0; i < 32; ++i) {
                other[start + i] = 0xff;
            }
            try _steps.isFault(_desc, 5, 0, 1, roots, other) {
                vm.assertTrue(false, "judged");
            } catch {}
        }
    }

    function test_isFault_OP6_tailBytesAreNoElements_reverts() external {
        IStepVerifier.Run[] memory runs = _one(_run(2));
        vm.expectRevert(
            abi.encodeWithSelector(IStepVerifier.Step_ElementOutOfShape.selector, 66, 66)
        );
        _fault(66, 1, runs);
    }

    function _run(uint32 index) private view returns (IStepVerifier.Run memory run) {
        run.firstLeaf = index;
        run.data = _leaves[index];
        run.siblings = new bytes32[](2);
        run.siblings[0] = index == 2 ? _leaf(ZERO_LEAF) : _leaf(_leaves[1 - index]);
        run.siblings[1] = index == 2
            ? _inner(_leaf(_leaves[0]), _leaf(_leaves[1]))
            : _inner(_leaf(_leaves[2]), _leaf(ZERO_LEAF));
    }

    function _one(IStepVerifier.Run memory run)
        private
        pure
        returns (IStepVerifier.Run[] memory runs)
    {
        runs = new IStepVerifier.Run[](1);
        runs[0] = run;
    }

    function _two(IStepVerifier.Run memory first, IStepVerifier.Run memory second)
        private
        pure
        returns (IStepVerifier.Run[] memory runs)
    {
        runs = new IStepVerifier.Run[](2);
        (runs[0], runs[1]) = (first, second);
    }

    function _fault(uint256 elem, int256 claimed, IStepVerifier.Run[] memory runs)
        private
        view
        returns (bool)
    {
        bytes32[] memory roots = new bytes32[](1);
        roots[0] = _root;
        IStepVerifier.Run[][] memory lists = new IStepVerifier.Run[][](1);
        lists[0] = runs;
        return _steps.isFault(_desc, 5, elem, claimed, roots, abi.encode(lists));
    }

    function _expect(uint256 operand, IStepVerifier.Defect defect) private {
        vm.expectRevert(
            abi.encodeWithSelector(IStepVerifier.Step_MalformedWitness.selector, operand, defect)
        );
    }
}

/// @notice Rows that end outside of what was opened.
contract Witness_row_Test is WitnessKit {
    LinearSteps private _steps;

    function setUp() public {
        _steps = new LinearSteps();
    }

    /// @dev INVARIANT OP-8: half a row is no row, though its first element is opened.
    function test_witness_OP8_rowThatEndsBehindTheRun_reverts() external {
        bytes memory leaf = new bytes(32);
        bytes32 root = _inner(_leaf(leaf), _leaf(leaf));
        bytes32[] memory roots = new bytes32[](4);
        (roots[0], roots[1], roots[2], roots[3]) = (root, root, _leaf(leaf), _leaf(leaf));
        IStepVerifier.Run[][] memory lists = new IStepVerifier.Run[][](4);
        lists[1] = _alone(bytes.concat(leaf, leaf));
        (lists[2], lists[3]) = (_alone(leaf), _alone(leaf));
        bytes memory desc = abi.encode(_matMul(64));
        lists[0] = _alone(bytes.concat(leaf, leaf));
        vm.assertTrue(!_steps.isFault(desc, 5, 0, 0, roots, abi.encode(lists)), "whole row");

        lists[0] = _alone(leaf);
        lists[0][0].siblings = new bytes32[](1);
        lists[0][0].siblings[0] = _leaf(leaf);
        vm.expectRevert(
            abi.encodeWithSelector(
                IStepVerifier.Step_MalformedWitness.selector, 0, IStepVerifier.Defect.Missing
            )
        );
        _steps.isFault(desc, 5, 0, 0, roots, abi.encode(lists));
    }
}

/// @notice The dearest steps that are accepted, in one transaction, and the next ones, refused.
contract LargestSteps_Test is WitnessKit {
    LinearSteps private _linear;
    WindowSteps private _window;

    function setUp() public {
        _linear = new LinearSteps();
        _window = new WindowSteps();
    }

    /// @dev A lie about a node that no transaction could judge would become final.
    function test_isFault_mostTapsOfAPool_fitATransaction_succeeds() external {
        bytes memory desc = abi.encode(_sumPool(32, 32));
        bytes memory leaf = _filled(0xfe);
        bytes32[] memory roots = new bytes32[](2);
        (roots[0], roots[1]) = (_leaf(leaf), _leaf(_filled(0x01)));
        IStepVerifier.Run[][] memory lists = new IStepVerifier.Run[][](2);
        (lists[0], lists[1]) = (_alone(leaf), _alone(_filled(0x01)));
        bytes memory witness = abi.encode(lists);
        _window.checkNode(desc, 10);
        uint256 before = gasleft();
        vm.assertTrue(_window.isFault(desc, 10, 0, 1, roots, witness), "fault");
        vm.assertTrue(before - gasleft() < 4_000_000, "gas");
        vm.assertTrue(!_window.isFault(desc, 10, 0, -2048, roots, witness), "no fault");

        vm.expectRevert(_unsupported(IStepVerifier.Unsupported.TooLarge));
        _window.checkNode(abi.encode(_sumPool(32, 33)), 10);
    }

    function test_isFault_mostTapsOfAConvolution_fitATransaction_succeeds() external {
        bytes memory desc = abi.encode(_conv(16, 32, 2));
        bytes32[] memory roots = new bytes32[](4);
        IStepVerifier.Run[][] memory lists = new IStepVerifier.Run[][](4);
        bytes1[4] memory values = [bytes1(0xff), 0x03, 0x05, 0x01];
        for (uint256 i = 0; i < 4; ++i) {
            (roots[i], lists[i]) = (_leaf(_filled(values[i])), _alone(_filled(values[i])));
        }
        bytes memory witness = abi.encode(lists);
        _linear.checkNode(desc, 10);
        uint256 before = gasleft();
        vm.assertTrue(_linear.isFault(desc, 10, 1, 1, roots, witness), "fault");
        vm.assertTrue(before - gasleft() < 4_000_000, "gas");
        vm.assertTrue(!_linear.isFault(desc, 10, 1, -1531, roots, witness), "no fault");

        vm.expectRevert(_unsupported(IStepVerifier.Unsupported.TooLarge));
        _linear.checkNode(abi.encode(_conv(16, 33, 2)), 10);
        _linear.checkNode(abi.encode(_conv(16, 33, 1)), 10); // one place for each row
    }

    function test_checkNode_longestDotProduct_isTheLimit_succeeds() external {
        _linear.checkNode(abi.encode(_matMul(53_249)), 10);
        vm.expectRevert(_unsupported(IStepVerifier.Unsupported.TooLarge));
        _linear.checkNode(abi.encode(_matMul(54_275)), 10);
    }

    function test_checkNode_OP3_forwardReference_reverts() external {
        NodeDesc memory node = _matMul(4);
        _linear.checkNode(abi.encode(node), 10);
        for (uint32 id = 1; id < 4; ++id) {
            node.operands[0].id = id;
            vm.expectRevert(_unsupported(IStepVerifier.Unsupported.Reference));
            _linear.checkNode(abi.encode(node), 10);
        }
    }

    /// @dev Also where nobody asked `checkNode`: such an element has no value that could be wrong.
    function test_isFault_emptyWindow_reverts() external {
        NodeDesc memory node = _maxPool();
        node.attributes[4] = 2;
        node.shape = _dims(1, 5, 4, 1);
        bytes32[] memory roots = new bytes32[](1);
        bytes memory witness = abi.encode(new IStepVerifier.Run[][](1));
        for (uint256 elem = 0; elem < 4; ++elem) {
            vm.expectRevert(_unsupported(IStepVerifier.Unsupported.EmptyWindow));
            _window.isFault(abi.encode(node), 10, elem, 0, roots, witness);
        }
    }

    function test_checkNode_emptyWindow_reverts() external {
        NodeDesc memory node = _maxPool();
        for (uint32 top = 0; top < 4; ++top) {
            for (uint32 bottom = 0; bottom < 4; ++bottom) {
                (node.attributes[4], node.attributes[6]) =
                (int64(uint64(top)), int64(uint64(bottom)));
                node.shape = _dims(1, 3 + top + bottom, 4, 1);
                if (top > 1 || bottom > 1) {
                    vm.expectRevert(_unsupported(IStepVerifier.Unsupported.EmptyWindow));
                }
                _window.checkNode(abi.encode(node), 10);
            }
        }
    }

    /// @dev Two rows by one column over x (1, 4, 4, 1), without padding.
    function _maxPool() private pure returns (NodeDesc memory node) {
        node.opcode = 7;
        node.operands = new OperandRef[](1);
        node.operands[0] = OperandRef(3, 0, 1, _dims(1, 4, 4, 1));
        node.width = 1;
        node.attributes = new int64[](10);
        (node.attributes[0], node.attributes[1]) = (2, 1);
        (node.attributes[2], node.attributes[3]) = (1, 1);
        (node.attributes[8], node.attributes[9]) = (1, 1);
    }
}
