// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NodeDesc, NodeDescriptor} from "./NodeDescriptor.sol";
import {Opened, Openings} from "./Openings.sol";
import {Shapes} from "./Shapes.sol";
import {StepFamily} from "./StepFamily.sol";

/// @title ElementwiseSteps
/// @notice Judges elements of Affine, Add, Mul and LookupTable: one element of each operand.
contract ElementwiseSteps is StepFamily {
    uint16 private constant AFFINE = 3;
    uint16 private constant ADD = 4;
    uint16 private constant MUL = 5;
    uint16 private constant LOOKUP_TABLE = 6;

    /// @inheritdoc StepFamily
    function _check(NodeDesc memory node, uint8 leafLog2)
        internal
        pure
        override
        returns (uint256 size)
    {
        if (node.opcode == AFFINE) _checkAffine(node);
        else if (node.opcode == ADD) _checkPair(node, 0, 3);
        else if (node.opcode == MUL) _checkPair(node, 1, 2);
        else if (node.opcode == LOOKUP_TABLE) _checkLookupTable(node);
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
        if (node.opcode == LOOKUP_TABLE) {
            return _lookup(node, elem, witness, opened);
        }
        int256 first = _broadcastValue(node, elem, 0, witness, opened);
        int256 second = _broadcastValue(node, elem, 1, witness, opened);
        int64[] memory attributes = node.attributes;
        if (node.opcode == ADD) {
            int256 sum = first * attributes[0] + second * attributes[1] + attributes[2];
            return _requantise(node, sum, 1);
        }
        int256 third = _broadcastValue(node, elem, 2, witness, opened);
        if (node.opcode == MUL) {
            return _requantise(node, (first - attributes[0]) * (second - attributes[1]), third);
        }
        int256 factor = _broadcastValue(node, elem, 3, witness, opened);
        value = _requantise(node, first * second + third, factor);
    }

    /// @dev `table[row, clamp(x - x_min, 0, size - 1)]`.
    /// @param node The node.
    /// @param elem Row-major position in the result.
    /// @param witness All runs.
    /// @param opened What it opens, by operand.
    /// @return value The entry.
    function _lookup(
        NodeDesc memory node,
        uint256 elem,
        bytes calldata witness,
        Opened[] memory opened
    ) private pure returns (int256 value) {
        uint256 rows = node.operands[1].shape[0];
        uint256 size = node.operands[1].shape[1];
        int256 column = Openings.valueAt(witness, opened[0], elem) - node.attributes[0];
        if (column < 0) column = 0;
        // An axis has 32 bits.
        // forge-lint: disable-next-line(unsafe-typecast)
        else if (column >= int256(size)) column = int256(size) - 1;
        // With several rows there are as many as the last axis of x is long.
        // forge-lint: disable-next-line(unsafe-typecast)
        value = Openings.valueAt(witness, opened[1], elem % rows * size + uint256(column));
    }

    /// @dev Checks an Affine.
    /// @param node The node.
    function _checkAffine(NodeDesc memory node) private pure {
        _requireOperands(node, 1, 3);
        _requireRequantisation(node, 0);
        _requireShape(Shapes.equal(node.operands[0].shape, node.shape));
        for (uint256 i = 1; i < 4; ++i) {
            _requireShape(Shapes.broadcasts(node.operands[i].shape, node.shape));
        }
    }

    /// @dev Checks an Add or a Mul.
    /// @param node The node.
    /// @param constants Operands that follow the pair.
    /// @param own Attributes ahead of the requantisation.
    function _checkPair(NodeDesc memory node, uint256 constants, uint256 own) private pure {
        _requireOperands(node, 2, constants);
        _requireRequantisation(node, own);
        for (uint256 i = 0; i < node.operands.length; ++i) {
            _requireShape(Shapes.broadcasts(node.operands[i].shape, node.shape));
        }
        _requireShape(Shapes.isUnion(node.operands[0].shape, node.operands[1].shape, node.shape));
    }

    /// @dev Checks a LookupTable.
    /// @param node The node.
    function _checkLookupTable(NodeDesc memory node) private pure {
        if (node.operands.length != 2) _refuse(Unsupported.OperandCount);
        uint8 kind = node.operands[0].kind;
        bool moving = kind == NodeDescriptor.TRACE || kind == NodeDescriptor.INPUT;
        if (!moving || node.operands[1].kind != NodeDescriptor.TABLE) {
            _refuse(Unsupported.OperandKind);
        }
        _requireAttributes(node, 1);
        uint32[] memory x = node.operands[0].shape;
        uint32[] memory table = node.operands[1].shape;
        _requireShape(Shapes.equal(x, node.shape) && table.length == 2);
        _requireShape(table[0] == 1 || (x.length > 0 && table[0] == x[x.length - 1]));
    }
}
