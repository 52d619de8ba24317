// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStepVerifier} from "./IStepVerifier.sol";
import {NodeDesc, NodeDescriptor, OperandRef} from "./NodeDescriptor.sol";
import {Opened, Openings} from "./Openings.sol";
import {Shapes} from "./Shapes.sol";

/// @title StepFamily
/// @notice What the rules of all operators share: which nodes they judge, the witness, the last step.
/// @dev A node is checked in full before an element of it is judged, so `isFault` answers for exactly
///      the nodes that `checkNode` accepts. All arithmetic on values is `int256`: three factors of 64
///      bits and 2^17 terms stay below 2^210 for any bytes that an asserter may have committed to.
abstract contract StepFamily is IStepVerifier {
    /// @dev Attributes of the requantisation, which come last: shift, zero point, lo, hi.
    uint256 internal constant REQUANTISATION = 4;

    /// @dev Largest shift.
    int64 private constant MAX_SHIFT = 40;

    /// @dev Most bytes of a descriptor and all that is opened for a step. With the claimed element's
    ///      own leaf and branches the proof stays within the 128 KiB that public nodes relay, which
    ///      cost less than a third of the gas that a transaction may use.
    uint256 private constant MAX_STEP_BYTES = 120_000;

    /// @inheritdoc IStepVerifier
    function isFault(
        bytes calldata desc,
        uint8 leafLog2,
        uint256 elem,
        int256 claimed,
        bytes32[] calldata operandRoots,
        bytes calldata witness
    ) external pure returns (bool fault) {
        NodeDesc memory node = _judgeable(desc, leafLog2);
        uint256 count = NodeDescriptor.elements(node.shape);

        // INVARIANT OP-6: only elements that the result has.
        if (elem >= count) revert Step_ElementOutOfShape(elem, count);

        Opened[] memory opened = Openings.open(node.operands, leafLog2, operandRoots, witness);
        fault = _value(node, elem, witness, opened) != claimed;
    }

    /// @inheritdoc IStepVerifier
    function checkNode(bytes calldata desc, uint8 leafLog2) external pure {
        NodeDesc memory node = _judgeable(desc, leafLog2);
        _checkEveryElement(node);
    }

    /// @dev Checks a node of this family: operands, shapes, attributes.
    /// @param node The node, valid as far as it does not depend on the operator.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return size Most bytes that opening the operands of one element takes.
    function _check(NodeDesc memory node, uint8 leafLog2)
        internal
        pure
        virtual
        returns (uint256 size);

    /// @dev The value of one element.
    /// @param node The node, checked.
    /// @param elem Row-major position, inside the shape.
    /// @param witness All runs.
    /// @param opened What it opens, by operand.
    /// @return value What the operator gives.
    function _value(
        NodeDesc memory node,
        uint256 elem,
        bytes calldata witness,
        Opened[] memory opened
    ) internal pure virtual returns (int256 value);

    /// @dev Checks that are too long for each step, and that a step makes for its own element.
    /// @param node The node, checked otherwise.
    function _checkEveryElement(NodeDesc memory node) internal pure virtual {}

    /// @dev `clamp(floor((acc * factor + half) / 2^shift) + zeroPoint, lo, hi)`.
    /// @param node The node, whose last attributes say how.
    /// @param acc The accumulator.
    /// @param factor The multiplier.
    /// @return value The result.
    function _requantise(NodeDesc memory node, int256 acc, int256 factor)
        internal
        pure
        returns (int256 value)
    {
        int64[] memory attributes = node.attributes;
        uint256 first = attributes.length - REQUANTISATION;
        uint256 shift = uint256(int256(attributes[first]));
        int256 half = shift == 0 ? int256(0) : int256(1 << (shift - 1));
        value = (acc * factor + half) >> shift; // SAR: the floor, for negative values too
        value += attributes[first + 1];
        int256 lo = attributes[first + 2];
        int256 hi = attributes[first + 3];
        if (value < lo) value = lo;
        else if (value > hi) value = hi;
    }

    /// @dev The multiplier of an element: an operand that broadcasts to the result.
    /// @param node The node.
    /// @param elem Row-major position in the result.
    /// @param operand Which operand it is.
    /// @param witness All runs.
    /// @param opened What it opens, by operand.
    /// @return factor The multiplier.
    function _broadcastValue(
        NodeDesc memory node,
        uint256 elem,
        uint256 operand,
        bytes calldata witness,
        Opened[] memory opened
    ) internal pure returns (int256 factor) {
        uint256 index = Shapes.broadcastIndex(elem, node.shape, node.operands[operand].shape);
        factor = Openings.valueAt(witness, opened[operand], index);
    }

    /// @dev Checks the number of operands, and that they come from where they may.
    /// @param node The node.
    /// @param activations Operands that come first: results of nodes, or inputs.
    /// @param constants Weights that follow.
    function _requireOperands(NodeDesc memory node, uint256 activations, uint256 constants)
        internal
        pure
    {
        if (node.operands.length != activations + constants) {
            _refuse(Unsupported.OperandCount);
        }
        for (uint256 i = 0; i < node.operands.length; ++i) {
            uint8 kind = node.operands[i].kind;
            bool fits = i < activations
                ? kind == NodeDescriptor.TRACE || kind == NodeDescriptor.INPUT
                : kind == NodeDescriptor.WEIGHT;
            if (!fits) _refuse(Unsupported.OperandKind);
        }
    }

    /// @dev Checks the number of attributes, and the requantisation at their end.
    /// @param node The node.
    /// @param own Attributes before it.
    function _requireRequantisation(NodeDesc memory node, uint256 own) internal pure {
        _requireAttributes(node, own + REQUANTISATION);
        int64 shift = node.attributes[own];
        if (shift < 0 || shift > MAX_SHIFT) _refuse(Unsupported.Attribute);
        if (node.attributes[own + 2] > node.attributes[own + 3]) _refuse(Unsupported.Attribute);
    }

    /// @dev Checks the number of attributes.
    /// @param node The node.
    /// @param count How many there have to be.
    function _requireAttributes(NodeDesc memory node, uint256 count) internal pure {
        if (node.attributes.length != count) _refuse(Unsupported.AttributeCount);
    }

    /// @dev Checks a rule about shapes.
    /// @param holds Whether it holds.
    function _requireShape(bool holds) internal pure {
        if (!holds) _refuse(Unsupported.Shape);
    }

    /// @dev Says why a node cannot be judged.
    /// @param reason Why.
    function _refuse(Unsupported reason) internal pure {
        revert Step_Unsupported(reason);
    }

    /// @dev Decodes a node and checks it.
    /// @param desc `abi.encode(NodeDesc)`.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return node The node.
    function _judgeable(bytes calldata desc, uint8 leafLog2)
        private
        pure
        returns (NodeDesc memory node)
    {
        if (leafLog2 != 10 && leafLog2 != 8 && leafLog2 != 5) _refuse(Unsupported.LeafSize);
        node = NodeDescriptor.decode(desc);
        uint256 size = desc.length + _check(node, leafLog2);
        if (size > MAX_STEP_BYTES) _refuse(Unsupported.TooLarge);
    }
}
