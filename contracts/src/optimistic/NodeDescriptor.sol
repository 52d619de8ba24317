// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStepVerifier} from "./IStepVerifier.sol";

/// @notice Where an operand comes from, and how the node reads it.
/// @param kind 0 trace, 1 weight, 2 table, 3 input.
/// @param id Node id, or position among weights, tables or inputs.
/// @param width Bytes per element of the tensor behind it.
/// @param shape Shape under which this node reads it (same row-major elements).
struct OperandRef {
    uint8 kind;
    uint32 id;
    uint8 width;
    uint32[] shape;
}

/// @notice One node of a program, as `docs/formats/commitments.md` defines it.
/// @param nodeId Position in the program, and id of the trace tensor that it computes.
/// @param opcode Number of the operator.
/// @param operands In the operator's order.
/// @param shape Of the result.
/// @param width Bytes per element of the result.
/// @param attributes Flat, in the operator's order.
struct NodeDesc {
    uint32 nodeId;
    uint16 opcode;
    OperandRef[] operands;
    uint32[] shape;
    uint8 width;
    int64[] attributes;
}

/// @title NodeDescriptor
/// @notice Reads descriptors of nodes, and computes with their shapes.
library NodeDescriptor {
    /// @dev Values of `OperandRef.kind`.
    uint8 internal constant TRACE = 0;
    uint8 internal constant WEIGHT = 1;
    uint8 internal constant TABLE = 2;
    uint8 internal constant INPUT = 3;

    /// @dev Most axes of a shape.
    uint256 internal constant MAX_RANK = 6;

    /// @dev Most elements of a tensor.
    uint256 internal constant MAX_ELEMENTS = 1 << 31;

    /// @dev Where the opcode stands in a canonical encoding.
    uint256 private constant OPCODE_AT = 64;

    /// @dev Where the offset of the shape stands.
    uint256 private constant SHAPE_AT = 128;

    /// @dev Where the width stands.
    uint256 private constant WIDTH_AT = 160;

    /// @dev The opcode alone, to choose who decodes the rest.
    /// @param desc `abi.encode(NodeDesc)`.
    /// @return opcode As it stands there; whoever decodes `desc` refuses other encodings.
    function opcodeOf(bytes calldata desc) internal pure returns (uint256 opcode) {
        if (desc.length < OPCODE_AT + 32) _refuse(IStepVerifier.Unsupported.Encoding);
        opcode = uint256(bytes32(desc[OPCODE_AT:OPCODE_AT + 32]));
    }

    /// @dev Decodes a descriptor and checks what holds for nodes of every operator.
    /// @param desc `abi.encode(NodeDesc)`.
    /// @return node Its references, widths and shapes are valid by themselves.
    function decode(bytes calldata desc) internal pure returns (NodeDesc memory node) {
        node = abi.decode(desc, (NodeDesc));

        // INVARIANT OP-3: a descriptor has one encoding, the one that the graph root is made of.
        if (keccak256(abi.encode(node)) != keccak256(desc)) {
            _refuse(IStepVerifier.Unsupported.Encoding);
        }

        _checkTensor(node.width, node.shape);
        for (uint256 i = 0; i < node.operands.length; ++i) {
            OperandRef memory operand = node.operands[i];
            _checkTensor(operand.width, operand.shape);
            if (operand.kind > INPUT) _refuse(IStepVerifier.Unsupported.OperandKind);

            // A node that could read itself or a later one would make the graph cyclic.
            if (operand.kind == TRACE && operand.id >= node.nodeId) {
                _refuse(IStepVerifier.Unsupported.Reference);
            }
        }
    }

    /// @dev Width and shape of a node's result, without the rest: what a reveal needs of it costs
    ///      hardly more where there are many operands. Where a descriptor has the one encoding that
    ///      `decode` accepts, both read the same.
    /// @param desc `abi.encode(NodeDesc)`.
    /// @return width Bytes per element, a valid one.
    /// @return shape Sizes of the axes, valid ones.
    function resultOf(bytes calldata desc)
        internal
        pure
        returns (uint256 width, uint32[] memory shape)
    {
        if (_wordAt(desc, 0) != 32) _refuse(IStepVerifier.Unsupported.Encoding);
        width = _wordAt(desc, WIDTH_AT);
        uint256 start = _wordAt(desc, SHAPE_AT);
        if (start > desc.length) _refuse(IStepVerifier.Unsupported.Encoding);
        start += 32; // offsets count from the struct, which follows one word
        uint256 rank = _wordAt(desc, start);
        if (rank > MAX_RANK) _refuse(IStepVerifier.Unsupported.Size);
        shape = new uint32[](rank);
        for (uint256 i = 0; i < rank; ++i) {
            uint256 size = _wordAt(desc, start + 32 * (i + 1));
            if (size > type(uint32).max) _refuse(IStepVerifier.Unsupported.Encoding);
            // Checked in the line above.
            // forge-lint: disable-next-line(unsafe-typecast)
            shape[i] = uint32(size);
        }
        _checkTensor(width, shape);
    }

    /// @dev Number of elements of a valid shape; 1 for a scalar.
    /// @param shape Sizes of the axes.
    /// @return count Their product.
    function elements(uint32[] memory shape) internal pure returns (uint256 count) {
        count = 1;
        for (uint256 i = 0; i < shape.length; ++i) {
            count *= shape[i];
        }
    }

    /// @dev Number of data leaves of a tensor.
    /// @param count Its elements.
    /// @param width Bytes per element.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return leaves At least 1.
    function leafCount(uint256 count, uint256 width, uint8 leafLog2)
        internal
        pure
        returns (uint256 leaves)
    {
        leaves = ((count * width - 1) >> leafLog2) + 1;
    }

    /// @dev Whether a width is one that a tensor may have.
    /// @param width Bytes per element.
    /// @return valid True for 1, 2, 4 and 8.
    function isWidth(uint256 width) internal pure returns (bool valid) {
        valid = width == 1 || width == 2 || width == 4 || width == 8;
    }

    /// @dev One word of a descriptor.
    /// @param desc The descriptor.
    /// @param start Its first byte.
    /// @return word As an unsigned number.
    function _wordAt(bytes calldata desc, uint256 start) private pure returns (uint256 word) {
        if (start + 32 > desc.length) _refuse(IStepVerifier.Unsupported.Encoding);
        word = uint256(bytes32(desc[start:start + 32]));
    }

    /// @dev Refuses a tensor that no program may hold.
    /// @param width Bytes per element.
    /// @param shape Sizes of the axes.
    function _checkTensor(uint256 width, uint32[] memory shape) private pure {
        if (!isWidth(width)) _refuse(IStepVerifier.Unsupported.Width);
        if (shape.length > MAX_RANK) _refuse(IStepVerifier.Unsupported.Size);
        uint256 count = 1;
        for (uint256 i = 0; i < shape.length; ++i) {
            count *= shape[i]; // below 2^31 times 2^32: a later axis is never reached beyond that
            if (count == 0 || count > MAX_ELEMENTS) _refuse(IStepVerifier.Unsupported.Size);
        }
    }

    /// @dev Says why a node cannot be judged.
    /// @param reason Why.
    function _refuse(IStepVerifier.Unsupported reason) private pure {
        revert IStepVerifier.Step_Unsupported(reason);
    }
}
