// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Commitments} from "./Commitments.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {NodeDescriptor, OperandRef} from "./NodeDescriptor.sol";

/// @notice Neighbouring bytes of an operand that were proven to be its own.
/// @param start First byte, counted from the tensor's start.
/// @param end Byte after the last.
/// @param offset Where the first one stands in the witness.
struct Span {
    uint256 start;
    uint256 end;
    uint256 offset;
}

/// @notice What a witness opens of one operand.
/// @param operand Its position among the operands.
/// @param width Bytes per element.
/// @param hint Span that was read last; elements are mostly read in ascending order.
/// @param spans Ascending and disjoint.
struct Opened {
    uint256 operand;
    uint256 width;
    uint256 hint;
    Span[] spans;
}

/// @notice The tree that runs of an operand are proven against.
/// @param operand Its position among the operands.
/// @param leaves Leaves of its tensor.
/// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
/// @param root Its root.
struct Tree {
    uint256 operand;
    uint256 leaves;
    uint256 leafLog2;
    bytes32 root;
}

/// @title Openings
/// @notice Reads a witness: proves all its runs first, then hands out elements.
/// @dev The witness stays in calldata. It is walked in the one order that `abi.encode` writes, so
///      each byte of it has exactly one meaning, and lengths are bounded by the calldata.
library Openings {
    /// @dev Bytes of one run beside leaves and siblings: five words, and its offset in the list.
    uint256 private constant RUN_BYTES = 192;

    /// @dev Bytes of one operand beside its runs: offset and length of the list here; its root and
    ///      a branch of at most 32 siblings in the proof around the witness.
    uint256 private constant OPERAND_BYTES = 1280;

    /// @dev Proves all runs of all operands.
    /// @param operands References of the node.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param roots Root of each operand.
    /// @param witness `abi.encode(Run[][])`.
    /// @return opened What may be read, by operand.
    function open(
        OperandRef[] memory operands,
        uint8 leafLog2,
        bytes32[] calldata roots,
        bytes calldata witness
    ) internal pure returns (Opened[] memory opened) {
        uint256 count = operands.length;

        // INVARIANT OP-8: a witness has one encoding, with a root and a list for each operand.
        if (
            roots.length != count || _word(witness, 0, count) != 32
                || _word(witness, 32, count) != count
        ) _malformed(count, IStepVerifier.Defect.Encoding);

        opened = new Opened[](count);
        uint256 offset = 64 + 32 * count;
        for (uint256 i = 0; i < count; ++i) {
            if (_word(witness, 64 + 32 * i, i) != offset - 64) {
                _malformed(i, IStepVerifier.Defect.Encoding);
            }
            opened[i].operand = i;
            opened[i].width = operands[i].width;
            (opened[i].spans, offset) =
                _openOperand(_tree(operands[i], i, leafLog2, roots[i]), witness, offset);
        }
        if (offset != witness.length) _malformed(count, IStepVerifier.Defect.Encoding);
    }

    /// @dev One element of an operand.
    /// @param witness As it was opened.
    /// @param opened The operand.
    /// @param index Row-major position in the operand.
    /// @return value Sign-extended.
    function valueAt(bytes calldata witness, Opened memory opened, uint256 index)
        internal
        pure
        returns (int256 value)
    {
        uint256 offset = locate(opened, index, 1);
        unchecked {
            // The length of the siblings follows the data, so a whole word can be read.
            value =
                int256(uint256(bytes32(witness[offset:offset + 32]))) >> (256 - 8 * opened.width);
        }
    }

    /// @dev Where neighbouring elements of an operand stand in the witness.
    /// @param opened The operand.
    /// @param index Row-major position of the first.
    /// @param count How many; they stand in one run, or are missing.
    /// @return offset Position of the first byte.
    function locate(Opened memory opened, uint256 index, uint256 count)
        internal
        pure
        returns (uint256 offset)
    {
        unchecked {
            uint256 start = index * opened.width; // below 2^34
            uint256 end = start + count * opened.width;
            uint256 hint = opened.hint;
            uint256 runs = opened.spans.length;
            if (hint < runs && start < opened.spans[hint].start) hint = 0;
            for (; hint < runs; ++hint) {
                Span memory span = opened.spans[hint];
                if (start < span.end) {
                    if (start < span.start || end > span.end) break;
                    opened.hint = hint;
                    return span.offset + start - span.start;
                }
            }
        }
        _malformed(opened.operand, IStepVerifier.Defect.Missing);
    }

    /// @dev Most bytes that opening an operand takes, here and in the proof around the witness.
    /// @param operand The operand.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param segments Number of places where neighbouring elements are read.
    /// @param length Elements that are read at each.
    /// @return size In bytes.
    function bound(OperandRef memory operand, uint8 leafLog2, uint256 segments, uint256 length)
        internal
        pure
        returns (uint256 size)
    {
        uint256 count = NodeDescriptor.elements(operand.shape);
        uint256 leaves = NodeDescriptor.leafCount(count, operand.width, leafLog2);
        uint256 height = Commitments.treeHeight(leaves);

        // An element lies in one leaf; more of them can begin at the end of a leaf.
        uint256 touched = length == 1 ? 1 : 2 + (((length - 2) * operand.width) >> leafLog2);
        uint256 most = segments * touched;
        if (most > leaves) most = leaves;
        uint256 runs = segments < most ? segments : most;
        size = OPERAND_BYTES + (most << leafLog2) + runs
            * (RUN_BYTES + height * (touched == 1 ? 32 : 64));
    }

    /// @dev The tree of an operand.
    /// @param operand The operand.
    /// @param position Its position among the operands.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param root Its root.
    /// @return tree The tree.
    function _tree(OperandRef memory operand, uint256 position, uint8 leafLog2, bytes32 root)
        private
        pure
        returns (Tree memory tree)
    {
        uint256 count = NodeDescriptor.elements(operand.shape);
        tree.operand = position;
        tree.leaves = NodeDescriptor.leafCount(count, operand.width, leafLog2);
        tree.leafLog2 = leafLog2;
        tree.root = root;
    }

    /// @dev Proves the runs of one operand.
    /// @param tree The operand's tree.
    /// @param witness All runs.
    /// @param offset Where this operand's list begins.
    /// @return spans What was proven.
    /// @return next Where the list ends.
    function _openOperand(Tree memory tree, bytes calldata witness, uint256 offset)
        private
        pure
        returns (Span[] memory spans, uint256 next)
    {
        uint256 count = _word(witness, offset, tree.operand);
        offset += 32;
        if (count > (witness.length - offset) / 32) {
            _malformed(tree.operand, IStepVerifier.Defect.Encoding);
        }
        spans = new Span[](count);
        next = offset + 32 * count;
        for (uint256 i = 0; i < count; ++i) {
            if (_word(witness, offset + 32 * i, tree.operand) != next - offset) {
                _malformed(tree.operand, IStepVerifier.Defect.Encoding);
            }
            (spans[i], next) = _openRun(tree, witness, next);
            if (i != 0 && spans[i].start < spans[i - 1].end) {
                _malformed(tree.operand, IStepVerifier.Defect.Order);
            }
        }
    }

    /// @dev Proves one run.
    /// @param tree The operand's tree.
    /// @param witness All runs.
    /// @param offset Where the run begins.
    /// @return span Its bytes.
    /// @return next Where the run ends.
    function _openRun(Tree memory tree, bytes calldata witness, uint256 offset)
        private
        pure
        returns (Span memory span, uint256 next)
    {
        uint256 first = _word(witness, offset, tree.operand);
        uint256 size = _word(witness, offset + 96, tree.operand);
        next = offset + 128;
        if (size > witness.length - next || _word(witness, offset + 32, tree.operand) != 96) {
            _malformed(tree.operand, IStepVerifier.Defect.Encoding);
        }
        uint256 count = size >> tree.leafLog2;

        // INVARIANT OP-7: whole leaves only; then no padding follows the data.
        if (count == 0 || count << tree.leafLog2 != size) {
            _malformed(tree.operand, IStepVerifier.Defect.LeafSize);
        }
        if (_word(witness, offset + 64, tree.operand) != 128 + size) {
            _malformed(tree.operand, IStepVerifier.Defect.Encoding);
        }

        // INVARIANT OP-6: padding leaves cannot be opened, nor positions beyond them.
        if (first >= tree.leaves || count > tree.leaves - first) {
            _malformed(tree.operand, IStepVerifier.Defect.Outside);
        }
        span.start = first << tree.leafLog2;
        span.end = span.start + size;
        span.offset = next;
        bytes32[] memory digests = _digests(witness, next, count, 1 << tree.leafLog2);
        bytes32[] memory siblings;
        (siblings, next) = _words(witness, next + size, tree.operand);

        // INVARIANT OP-5: the height is implied by the shape.
        bytes32 root =
            Commitments.rootFromRun(digests, first, Commitments.treeHeight(tree.leaves), siblings);

        // INVARIANT OP-4: no byte of a run is used that is not the operand's own.
        if (root != tree.root) _malformed(tree.operand, IStepVerifier.Defect.Root);
    }

    /// @dev Digests of neighbouring leaves.
    /// @param witness All runs.
    /// @param offset Where the leaves begin.
    /// @param count How many.
    /// @param size Bytes of each.
    /// @return digests In order.
    function _digests(bytes calldata witness, uint256 offset, uint256 count, uint256 size)
        private
        pure
        returns (bytes32[] memory digests)
    {
        digests = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            digests[i] = Commitments.dataLeaf(witness[offset:offset + size]);
            offset += size;
        }
    }

    /// @dev Reads an array of words.
    /// @param witness All runs.
    /// @param offset Where its length stands.
    /// @param operand Whom an error is about.
    /// @return words The array.
    /// @return next Where it ends.
    function _words(bytes calldata witness, uint256 offset, uint256 operand)
        private
        pure
        returns (bytes32[] memory words, uint256 next)
    {
        uint256 count = _word(witness, offset, operand);
        next = offset + 32;
        if (count > (witness.length - next) / 32) {
            _malformed(operand, IStepVerifier.Defect.Encoding);
        }
        words = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            words[i] = bytes32(witness[next:next + 32]);
            next += 32;
        }
    }

    /// @dev One word of the witness.
    /// @param witness All runs.
    /// @param offset Its first byte.
    /// @param operand Whom an error is about.
    /// @return word As an unsigned number.
    function _word(bytes calldata witness, uint256 offset, uint256 operand)
        private
        pure
        returns (uint256 word)
    {
        if (offset + 32 > witness.length) _malformed(operand, IStepVerifier.Defect.Encoding);
        word = uint256(bytes32(witness[offset:offset + 32]));
    }

    /// @dev Refuses the witness.
    /// @param operand Whom it is about.
    /// @param defect What is wrong.
    function _malformed(uint256 operand, IStepVerifier.Defect defect) private pure {
        revert IStepVerifier.Step_MalformedWitness(operand, defect);
    }
}
