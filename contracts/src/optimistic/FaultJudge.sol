// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Commitments} from "./Commitments.sol";
import {IDisputeGame} from "./IDisputeGame.sol";
import {IFaultJudge} from "./IFaultJudge.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {NodeDesc, NodeDescriptor, OperandRef} from "./NodeDescriptor.sol";

/// @title FaultJudge
/// @notice Checks proofs that a trace is wrong, from its root down. Keeps nothing and owns nothing.
/// @dev Operands are never taken from a proof's sender: each is opened in the tree that the node's
///      descriptor names. So all checks of a true trace pass, and the first wrong node of a false
///      one, in topological order, has right operands and fails its own.
contract FaultJudge is IFaultJudge {
    /// @inheritdoc IFaultJudge
    function check(Trace calldata trace, IDisputeGame.FaultKind kind, bytes calldata proof)
        external
        view
        returns (uint32 node, uint256 place)
    {
        if (kind == IDisputeGame.FaultKind.Element) {
            IDisputeGame.ElementProof memory element =
                abi.decode(proof, (IDisputeGame.ElementProof));
            _checkElement(trace, element);
            return (element.node, element.elem);
        }
        IDisputeGame.PaddingProof memory padding = abi.decode(proof, (IDisputeGame.PaddingProof));
        node = padding.node;
        place = _checkPadding(trace, padding);
    }

    /// @dev Reverts unless one element is not what its operator gives.
    /// @param trace What was asserted.
    /// @param proof The element and all that it depends on.
    function _checkElement(Trace memory trace, IDisputeGame.ElementProof memory proof)
        private
        view
    {
        NodeDesc memory node = _openNode(trace.facts, proof.node, proof.desc, proof.descBranch);
        _openTensor(trace, proof.node, proof.outRoot, proof.outBranch);
        int256 claimed = _openElement(trace.facts.leafLog2, node, proof);
        bytes32[] memory roots = _openOperands(trace, proof.node, node, proof.operands);

        // INVARIANT OP-8: only `true` settles. A call that fails, for want of gas also, reverts.
        if (!trace.verifier
                .isFault(
                    proof.desc, trace.facts.leafLog2, proof.elem, claimed, roots, proof.witness
                )) revert IStepVerifier.Step_NoFault();
    }

    /// @dev Reverts unless padding is not canonical.
    /// @param trace What was asserted.
    /// @param proof The padding and where it stands.
    /// @return place Position of the subtree, or of the leaf.
    function _checkPadding(Trace memory trace, IDisputeGame.PaddingProof memory proof)
        private
        pure
        returns (uint256 place)
    {
        place = proof.index;
        if (proof.place == IDisputeGame.PaddingPlace.Trace) {
            _checkSubtree(proof, trace.traceRoot, trace.facts.nodeCount, Commitments.EMPTY_LEAF);
            return place;
        }
        uint8 leafLog2 = trace.facts.leafLog2;
        NodeDesc memory node = _openNode(trace.facts, proof.node, proof.desc, proof.descBranch);
        _openTensor(trace, proof.node, proof.outRoot, proof.outBranch);
        uint256 count = NodeDescriptor.elements(node.shape);
        uint256 leaves = NodeDescriptor.leafCount(count, node.width, leafLog2);
        if (proof.place == IDisputeGame.PaddingPlace.Tensor) {
            _checkSubtree(proof, proof.outRoot, leaves, Commitments.zeroDataLeaf(leafLog2));
            return place;
        }
        place = leaves - 1;
        _checkTail(proof, leafLog2, leaves, count * node.width - (place << leafLog2));
    }

    /// @dev Reverts unless a subtree without leaves is not the filler.
    /// @param proof The subtree and its siblings.
    /// @param root Of the tree.
    /// @param leaves Of the tree.
    /// @param zero The tree's filler for a missing leaf.
    function _checkSubtree(
        IDisputeGame.PaddingProof memory proof,
        bytes32 root,
        uint256 leaves,
        bytes32 zero
    ) private pure {
        uint256 height = Commitments.treeHeight(leaves);
        uint256 level = proof.level;

        // INVARIANT OP-7: the subtree lies in the tree, and all of it behind the last leaf.
        if (level > height || uint256(proof.index) << level < leaves) {
            revert IDisputeGame.Game_NotPaddingFault();
        }

        // INVARIANT OP-7: it is the asserter's own.
        bytes32 opened =
            Commitments.rootFromPath(proof.hash, proof.index, height - level, proof.siblings);
        if (opened != root) revert IDisputeGame.Game_NotPaddingFault();

        // INVARIANT OP-7: it is not what it has to be.
        if (proof.hash == Commitments.filler(zero, level)) {
            revert IDisputeGame.Game_NotPaddingFault();
        }
    }

    /// @dev Reverts unless a byte behind the last element of a tensor is not zero.
    /// @param proof The last leaf and its siblings.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param leaves Of the tensor.
    /// @param used Bytes of the last leaf that hold elements.
    function _checkTail(
        IDisputeGame.PaddingProof memory proof,
        uint8 leafLog2,
        uint256 leaves,
        uint256 used
    ) private pure {
        // INVARIANT OP-7: a leaf has exactly its size.
        if (proof.leaf.length != 1 << leafLog2) revert IDisputeGame.Game_NotPaddingFault();

        // INVARIANT OP-7: it is the asserter's own last one.
        bytes32 opened =
            Commitments.rootFromBranch(_dataLeaf(proof.leaf), leaves - 1, leaves, proof.siblings);
        if (opened != proof.outRoot) revert IDisputeGame.Game_NotPaddingFault();

        for (; used < proof.leaf.length; ++used) {
            if (proof.leaf[used] != 0) return;
        }

        // INVARIANT OP-7: zeros are right.
        revert IDisputeGame.Game_NotPaddingFault();
    }

    /// @dev Opens a descriptor in the graph.
    /// @param facts Of the program.
    /// @param id The node.
    /// @param desc Its descriptor.
    /// @param branch From the descriptor's leaf up.
    /// @return node Decoded.
    function _openNode(
        IDisputeGame.ProgramFacts memory facts,
        uint32 id,
        bytes memory desc,
        bytes32[] memory branch
    ) private pure returns (NodeDesc memory node) {
        bytes32 leaf = keccak256(abi.encodePacked(Commitments.NODE_DESC, desc));

        // INVARIANT OP-3: the descriptor stands at this node; nodes beyond the last do not exist.
        // INVARIANT OP-5: the height is implied by their number.
        if (Commitments.rootFromBranch(leaf, id, facts.nodeCount, branch) != facts.graphRoot) {
            revert IDisputeGame.Game_BadDescriptor(id);
        }

        node = abi.decode(desc, (NodeDesc)); // the step verifier refuses what is not canonical
    }

    /// @dev Opens the root of a node's tensor in the trace.
    /// @param trace What was asserted.
    /// @param id The node.
    /// @param root Of its tensor.
    /// @param branch From the tensor's leaf up.
    function _openTensor(Trace memory trace, uint32 id, bytes32 root, bytes32[] memory branch)
        private
        pure
    {
        // INVARIANT OP-4: the judged tensor is the one that the asserter committed to for this node.
        if (!_inTrace(trace, id, root, branch)) revert IDisputeGame.Game_BadTensor(id);
    }

    /// @dev Reads the element that the asserter committed to.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param node The node.
    /// @param proof The element and its leaf.
    /// @return claimed Its value.
    function _openElement(
        uint8 leafLog2,
        NodeDesc memory node,
        IDisputeGame.ElementProof memory proof
    ) private pure returns (int256 claimed) {
        uint256 count = NodeDescriptor.elements(node.shape);
        uint256 leaves = NodeDescriptor.leafCount(count, node.width, leafLog2);
        uint256 start = uint256(proof.elem) * node.width;
        uint256 index = start >> leafLog2;

        // INVARIANT OP-6: the tensor has this element; tail bytes are none.
        if (proof.elem >= count) {
            revert IStepVerifier.Step_ElementOutOfShape(proof.elem, count);
        }

        // INVARIANT OP-7: a leaf has exactly its size.
        if (proof.leaf.length != 1 << leafLog2) {
            revert IDisputeGame.Game_BadLeaf(proof.node, index);
        }

        // INVARIANT OP-5: the leaf is the asserter's own, at the height that the shape implies.
        bytes32 opened =
            Commitments.rootFromBranch(_dataLeaf(proof.leaf), index, leaves, proof.leafBranch);
        if (opened != proof.outRoot) revert IDisputeGame.Game_BadLeaf(proof.node, index);

        claimed = _load(proof.leaf, start - (index << leafLog2), node.width);
    }

    /// @dev Opens each operand in the tree that its reference names.
    /// @param trace What was asserted.
    /// @param id The node.
    /// @param node Its descriptor.
    /// @param operands Roots and branches.
    /// @return roots The roots alone.
    function _openOperands(
        Trace memory trace,
        uint32 id,
        NodeDesc memory node,
        IDisputeGame.Opening[] memory operands
    ) private pure returns (bytes32[] memory roots) {
        uint256 count = node.operands.length;

        // INVARIANT OP-4: each operand is opened.
        if (operands.length != count) revert IDisputeGame.Game_BadOperand(operands.length);

        roots = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            // INVARIANT OP-3: a node reads earlier ones only; the order of nodes ends every argument.
            if (node.operands[i].kind == NodeDescriptor.TRACE && node.operands[i].id >= id) {
                revert IDisputeGame.Game_BadDescriptor(id);
            }

            // INVARIANT OP-4: it stands in the tree that its reference names, at its id.
            if (!_isOperand(trace, node.operands[i], operands[i])) {
                revert IDisputeGame.Game_BadOperand(i);
            }
            roots[i] = operands[i].root;
        }
    }

    /// @dev Whether a root is that of an operand.
    /// @param trace What was asserted.
    /// @param ref Which operand.
    /// @param opening The root and its branch.
    /// @return holds True if so.
    function _isOperand(
        Trace memory trace,
        OperandRef memory ref,
        IDisputeGame.Opening memory opening
    ) private pure returns (bool holds) {
        if (ref.kind == NodeDescriptor.TRACE) {
            return _inTrace(trace, ref.id, opening.root, opening.branch);
        }
        if (ref.kind == NodeDescriptor.WEIGHT) {
            return Commitments.rootFromNamed(ref.id, opening.root, opening.branch)
                == trace.facts.weightsRoot;
        }
        if (ref.kind == NodeDescriptor.TABLE) {
            return Commitments.rootFromNamed(ref.id, opening.root, opening.branch)
                == trace.facts.tablesRoot;
        }
        if (ref.kind != NodeDescriptor.INPUT) return false;
        uint256 inputs = trace.facts.inputCount;
        if (inputs == 1) {
            return ref.id == 0 && opening.branch.length == 0 && opening.root == trace.inputRoot;
        }
        bytes32 leaf = Commitments.namedLeaf(ref.id, opening.root);
        holds = Commitments.rootFromBranch(leaf, ref.id, inputs, opening.branch) == trace.inputRoot;
    }

    /// @dev Whether a root stands in the trace at a node.
    /// @param trace What was asserted.
    /// @param id The node.
    /// @param root Of its tensor.
    /// @param branch From the tensor's leaf up.
    /// @return holds True if so.
    function _inTrace(Trace memory trace, uint32 id, bytes32 root, bytes32[] memory branch)
        private
        pure
        returns (bool holds)
    {
        bytes32 leaf = Commitments.traceLeaf(id, root);
        holds =
            Commitments.rootFromBranch(leaf, id, trace.facts.nodeCount, branch) == trace.traceRoot;
    }

    /// @dev Digest of a leaf in memory.
    /// @param leaf Its bytes.
    /// @return digest Row 00.
    function _dataLeaf(bytes memory leaf) private pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(Commitments.DATA_LEAF, leaf));
    }

    /// @dev Reads a signed element.
    /// @param leaf Bytes of the leaf.
    /// @param start First byte of the element.
    /// @param width Bytes of the element; those of a valid node do not cross the end of a leaf.
    /// @return value Sign-extended.
    function _load(bytes memory leaf, uint256 start, uint256 width)
        private
        pure
        returns (int256 value)
    {
        uint256 word = 0;
        for (uint256 i = 0; i < width; ++i) {
            word = (word << 8) | uint8(leaf[start + i]);
        }
        // The same bits with a sign; the shift back extends it.
        // forge-lint: disable-next-line(unsafe-typecast)
        value = int256(word << (256 - 8 * width)) >> (256 - 8 * width);
    }
}
