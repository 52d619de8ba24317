// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title IStepVerifier
/// @notice Judges one element of one node's result from the committed operands.
/// @dev Rules are in fault form. Only `true` means anything: the claimed value is not what the
///      operator gives on the operands behind `operandRoots`. `false` means that it is, and a revert
///      says nothing about the value.
interface IStepVerifier {
    /// @notice Neighbouring leaves of one operand and the proof that they are its own.
    /// @param firstLeaf Position of the first leaf in the operand's tree.
    /// @param data The leaves' bytes, whole leaves back to back.
    /// @param siblings Range proof: level by level from the leaves up, left before right.
    struct Run {
        uint32 firstLeaf;
        bytes data;
        bytes32[] siblings;
    }

    /// @notice Why a node cannot be judged.
    /// @param Encoding The descriptor is not the canonical `abi.encode(NodeDesc)`.
    /// @param Opcode No rule for this operator is here.
    /// @param LeafSize Leaves have another size than 32, 256 or 1024 bytes.
    /// @param OperandCount The operator has another number of operands.
    /// @param OperandKind An operand comes from where this one cannot come from.
    /// @param Reference An operand refers to this node or a later one.
    /// @param Width An element has another width than 1, 2, 4 or 8 bytes.
    /// @param Size A shape has more than 6 axes, an empty axis or more than 2^31 elements.
    /// @param Shape The shapes do not fit the operator or each other.
    /// @param AttributeCount The operator has another number of attributes.
    /// @param Attribute An attribute is outside of its range.
    /// @param EmptyWindow A window of a maximum holds padding only.
    /// @param TooLarge The proof of a step could be too large for one transaction.
    enum Unsupported {
        Encoding,
        Opcode,
        LeafSize,
        OperandCount,
        OperandKind,
        Reference,
        Width,
        Size,
        Shape,
        AttributeCount,
        Attribute,
        EmptyWindow,
        TooLarge
    }

    /// @notice What is wrong with a witness; a range proof of another length is a
    ///         `Commitments_BranchLength`.
    /// @param Encoding It is not the canonical `abi.encode(Run[][])` with one list for each operand.
    /// @param LeafSize A run's data are not whole leaves, at least one.
    /// @param Order Runs of an operand are not ascending, or overlap.
    /// @param Outside A run lies outside of the operand's tensor.
    /// @param Root A run does not lead to the operand's root.
    /// @param Missing An element that is needed is in no run.
    enum Defect {
        Encoding,
        LeafSize,
        Order,
        Outside,
        Root,
        Missing
    }

    /// @notice The node cannot be judged; a program that holds it must not be used.
    /// @param reason Why.
    error Step_Unsupported(Unsupported reason);

    /// @notice The witness proves nothing.
    /// @param operand Which operand's runs; the number of operands if it is about all.
    /// @param defect What is wrong.
    error Step_MalformedWitness(uint256 operand, Defect defect);

    /// @notice The node's result has no such element.
    /// @param elem The element.
    /// @param count Elements that there are.
    error Step_ElementOutOfShape(uint256 elem, uint256 count);

    /// @notice The claimed value is right. For callers that act on faults only.
    error Step_NoFault();

    /// @notice Whether the claimed value of an element differs from what the operator gives.
    /// @param desc `abi.encode(NodeDesc)`, bound by the caller to the graph root.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param elem Row-major position in the node's result.
    /// @param claimed The value that the asserter committed to.
    /// @param operandRoots Root of each operand, bound by the caller to its tree and id.
    /// @param witness `abi.encode(Run[][])`: runs of each operand.
    /// @return fault True if the value is wrong.
    function isFault(
        bytes calldata desc,
        uint8 leafLog2,
        uint256 elem,
        int256 claimed,
        bytes32[] calldata operandRoots,
        bytes calldata witness
    ) external view returns (bool fault);

    /// @notice Reverts with `Step_Unsupported` if an element of this node could not be judged.
    /// @param desc `abi.encode(NodeDesc)`.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    function checkNode(bytes calldata desc, uint8 leafLog2) external view;
}
