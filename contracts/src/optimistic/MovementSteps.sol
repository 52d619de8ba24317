// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NodeDesc} from "./NodeDescriptor.sol";
import {Opened, Openings} from "./Openings.sol";
import {Shapes} from "./Shapes.sol";
import {StepFamily} from "./StepFamily.sol";

/// @title MovementSteps
/// @notice Judges elements of Transpose, Concat and Pad: one element of one operand, or a constant.
contract MovementSteps is StepFamily {
    uint16 private constant TRANSPOSE = 9;
    uint16 private constant CONCAT = 10;
    uint16 private constant PAD = 11;

    /// @inheritdoc StepFamily
    function _check(NodeDesc memory node, uint8 leafLog2)
        internal
        pure
        override
        returns (uint256 size)
    {
        if (node.opcode == TRANSPOSE) _checkTranspose(node);
        else if (node.opcode == CONCAT) _checkConcat(node);
        else if (node.opcode == PAD) _checkPad(node);
        else _refuse(Unsupported.Opcode);
        for (uint256 i = 0; i < node.operands.length; ++i) {
            size += Openings.bound(node.operands[i], leafLog2, 1, 1);
        }
    }

    /// @inheritdoc StepFamily
    function _value(
        NodeDesc memory node,
        uint256 elem,
        bytes calldata witness,
        Opened[] memory opened
    ) internal pure override returns (int256 value) {
        uint256[] memory place = Shapes.coordinates(elem, node.shape);
        uint256 operand = 0;
        if (node.opcode == TRANSPOSE) {
            place = _beforeTranspose(place, node.attributes);
        } else if (node.opcode == CONCAT) {
            uint256 axis = uint64(node.attributes[0]);
            while (place[axis] >= node.operands[operand].shape[axis]) {
                place[axis] -= node.operands[operand].shape[axis];
                ++operand;
            }
        } else if (_isPadding(place, node)) {
            return node.attributes[2 * place.length];
        }
        uint256 index = Shapes.position(place, node.operands[operand].shape);
        value = Openings.valueAt(witness, opened[operand], index);
    }

    /// @dev Coordinates before a transposition.
    /// @param place Coordinates in the result.
    /// @param perm Axis `i` of the result is axis `perm[i]` of x.
    /// @return source Coordinates in x.
    function _beforeTranspose(uint256[] memory place, int64[] memory perm)
        private
        pure
        returns (uint256[] memory source)
    {
        source = new uint256[](place.length);
        for (uint256 i = 0; i < place.length; ++i) {
            source[uint64(perm[i])] = place[i];
        }
    }

    /// @dev Whether an element is padding; if not, moves its coordinates to those in x.
    /// @param place Coordinates in the result, changed in place.
    /// @param node A Pad.
    /// @return padding True if it holds the constant.
    function _isPadding(uint256[] memory place, NodeDesc memory node)
        private
        pure
        returns (bool padding)
    {
        for (uint256 i = 0; i < place.length; ++i) {
            uint256 before = uint64(node.attributes[i]);
            if (place[i] < before) return true;
            place[i] -= before;
            if (place[i] >= node.operands[0].shape[i]) return true;
        }
    }

    /// @dev Checks a Transpose.
    /// @param node The node.
    function _checkTranspose(NodeDesc memory node) private pure {
        _requireOperands(node, 1, 0);
        uint32[] memory x = node.operands[0].shape;
        uint256 rank = x.length;
        _requireAttributes(node, rank);
        _requireShape(node.shape.length == rank);
        uint256 seen = 0;
        for (uint256 i = 0; i < rank; ++i) {
            int256 axis = node.attributes[i];
            // A rank is at most 6.
            // forge-lint: disable-next-line(unsafe-typecast)
            if (axis < 0 || axis >= int256(rank)) _refuse(Unsupported.Attribute);
            // Not negative: see above.
            // forge-lint: disable-next-line(unsafe-typecast)
            uint256 bit = 1 << uint256(axis);
            if (seen & bit != 0) _refuse(Unsupported.Attribute);
            seen |= bit;
            // forge-lint: disable-next-line(unsafe-typecast)
            _requireShape(node.shape[i] == x[uint256(axis)]);
        }
    }

    /// @dev Checks a Concat.
    /// @param node The node.
    function _checkConcat(NodeDesc memory node) private pure {
        if (node.operands.length < 2) _refuse(Unsupported.OperandCount);
        _requireOperands(node, node.operands.length, 0);
        _requireAttributes(node, 1);
        int256 axis = node.attributes[0];
        uint256 rank = node.shape.length;
        // A rank is at most 6.
        // forge-lint: disable-next-line(unsafe-typecast)
        if (axis < 0 || axis >= int256(rank)) _refuse(Unsupported.Attribute);
        uint256 joined = 0;
        for (uint256 k = 0; k < node.operands.length; ++k) {
            uint32[] memory shape = node.operands[k].shape;
            _requireShape(shape.length == rank);
            for (uint256 i = 0; i < rank; ++i) {
                // Not negative: see above.
                // forge-lint: disable-next-line(unsafe-typecast)
                if (i == uint256(axis)) joined += shape[i];
                else _requireShape(shape[i] == node.shape[i]);
            }
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        _requireShape(joined == node.shape[uint256(axis)]);
    }

    /// @dev Checks a Pad.
    /// @param node The node.
    function _checkPad(NodeDesc memory node) private pure {
        _requireOperands(node, 1, 0);
        uint32[] memory x = node.operands[0].shape;
        uint256 rank = x.length;
        _requireAttributes(node, 2 * rank + 1);
        _requireShape(node.shape.length == rank);
        for (uint256 i = 0; i < rank; ++i) {
            int256 before = node.attributes[i];
            int256 afterwards = node.attributes[rank + i];
            if (before < 0 || afterwards < 0) _refuse(Unsupported.Attribute);
            // Not negative, and below 2^63.
            // forge-lint: disable-next-line(unsafe-typecast)
            _requireShape(uint256(node.shape[i]) == uint256(before) + x[i] + uint256(afterwards));
        }
    }
}
