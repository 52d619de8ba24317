// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {IStepVerifier} from "../../src/optimistic/IStepVerifier.sol";
import {NodeDesc, OperandRef} from "../../src/optimistic/NodeDescriptor.sol";

/// @notice A program that a test can run by itself, its traces, and proofs about them.
/// @dev Leaves have 32 bytes and elements 8, so a leaf is one word of four elements. Trees are built
///      from complete levels, another way than the contracts build them.
///
///      `Chain`: five nodes over 66 elements (17 leaves, height 5, half a leaf of tail bytes).
///      `Lone`: one node over 3 elements: every tree is its own leaf.
///      `Double`: the nodes of `Chain`, with two inputs and the outputs 4 and 2.
library TinyProgram {
    enum Kind {
        Chain,
        Lone,
        Double
    }

    /// @notice What an asserter computed, or says that it did.
    /// @param words Leaves of each tensor.
    /// @param leaves Their digests and fillers: the complete lowest level of each tensor's tree.
    /// @param roots Root of each tensor.
    /// @param rows The complete lowest level of the trace's tree.
    struct Trace {
        Kind kind;
        bytes32[][] inputs;
        bytes32[][] words;
        bytes32[][] leaves;
        bytes32[] roots;
        bytes32[] rows;
    }

    uint256 internal constant NONE = type(uint256).max;

    // --- the program ---

    function nodeCount(Kind kind) internal pure returns (uint32) {
        return kind == Kind.Lone ? 1 : 5;
    }

    function elements(Kind kind) internal pure returns (uint256) {
        return kind == Kind.Lone ? 3 : 66;
    }

    function inputCount(Kind kind) internal pure returns (uint256) {
        return kind == Kind.Double ? 2 : 1;
    }

    function outputIds(Kind kind) internal pure returns (uint32[] memory ids) {
        ids = new uint32[](kind == Kind.Double ? 2 : 1);
        ids[0] = nodeCount(kind) - 1;
        if (kind == Kind.Double) ids[1] = 2;
    }

    function header(Kind kind) internal pure returns (IDisputeGame.Header memory) {
        IDisputeGame.TensorSpec[] memory inputs = new IDisputeGame.TensorSpec[](inputCount(kind));
        IDisputeGame.TensorSpec[] memory results =
            new IDisputeGame.TensorSpec[](outputIds(kind).length);
        for (uint256 i = 0; i < inputs.length; ++i) {
            inputs[i] = _spec(kind, i == 0 ? "x" : "y");
        }
        for (uint256 i = 0; i < results.length; ++i) {
            results[i] = _spec(kind, i == 0 ? "out" : "other");
        }
        return IDisputeGame.Header({
            specVersion: 1,
            leafLog2: 5,
            graphRoot: rootOf(graphRows(kind)),
            weightsRoot: rootOf(weightRows()),
            tablesRoot: rootOf(tableRows()),
            schema: abi.encode(
                IDisputeGame.Schema({
                    nodeCount: nodeCount(kind),
                    maxHeight: kind == Kind.Lone ? 0 : 5,
                    inputs: inputs,
                    outputs: results,
                    outputIds: outputIds(kind)
                })
            )
        });
    }

    function programRoot(Kind kind) internal pure returns (bytes32) {
        return rootOfHeader(header(kind));
    }

    function rootOfHeader(IDisputeGame.Header memory head) internal pure returns (bytes32) {
        bytes memory start = bytes.concat(hex"04", bytes2(head.specVersion), bytes1(head.leafLog2));
        bytes memory roots = bytes.concat(head.graphRoot, head.weightsRoot, head.tablesRoot);
        return keccak256(bytes.concat(start, roots, keccak256(bytes.concat(hex"0c", head.schema))));
    }

    function node(Kind kind, uint256 id) internal pure returns (NodeDesc memory desc) {
        uint32[] memory shape = _shape(elements(kind));
        uint8 last = kind == Kind.Double ? 1 : 0;
        desc.nodeId = uint32(id);
        desc.shape = shape;
        desc.width = 8;
        if (id == 1) {
            desc.opcode = 6;
            desc.operands = new OperandRef[](2);
            desc.operands[0] = OperandRef(0, 0, 8, shape);
            desc.operands[1] = OperandRef(2, 0, 8, _tableShape());
            desc.attributes = new int64[](1);
            desc.attributes[0] = -4;
            return desc;
        }
        if (id == 2) {
            desc.opcode = 4;
            desc.operands = new OperandRef[](2);
            desc.operands[0] = OperandRef(0, 0, 8, shape);
            desc.operands[1] = OperandRef(0, 1, 8, shape);
            desc.attributes = _attributes(1, 2, 7);
            return desc;
        }
        if (id == 3) {
            desc.opcode = 5;
            desc.operands = new OperandRef[](3);
            desc.operands[0] = OperandRef(0, 2, 8, shape);
            desc.operands[1] = OperandRef(3, last, 8, shape);
            desc.operands[2] = OperandRef(1, 2, 8, _shape(1));
            desc.attributes = _attributes(1, -1);
            return desc;
        }
        desc.opcode = 3; // 0 and 4
        desc.operands = new OperandRef[](4);
        desc.operands[0] = id == 0 ? OperandRef(3, 0, 8, shape) : OperandRef(0, 3, 8, shape);
        for (uint32 i = 0; i < 3; ++i) {
            desc.operands[i + 1] = OperandRef(1, i, 8, _shape(1));
        }
        desc.attributes = _attributes();
    }

    function descOf(Kind kind, uint256 id) internal pure returns (bytes memory) {
        return abi.encode(node(kind, id));
    }

    /// @dev What the operators give, by their definition.
    function evaluate(Kind kind, Trace memory trace, uint256 id, uint256 elem)
        internal
        pure
        returns (int256 value)
    {
        if (id == 1) {
            int256 column = valueAt(trace.words[0], elem) + 4;
            return tableEntry(column < 0 ? int256(0) : column > 7 ? int256(7) : column);
        }
        if (id == 2) {
            value = valueAt(trace.words[0], elem) + 2 * valueAt(trace.words[1], elem) + 7;
        } else if (id == 3) {
            uint256 last = kind == Kind.Double ? 1 : 0;
            value = (valueAt(trace.words[2], elem) - 1) * (valueAt(trace.inputs[last], elem) + 1);
        } else {
            bytes32[] memory x = id == 0 ? trace.inputs[0] : trace.words[3];
            value = 3 * valueAt(x, elem) - 5;
        }
        if (value < -1000) return -1000;
        return value > 1000 ? int256(1000) : value;
    }

    function weight(uint256 id) internal pure returns (bytes32) {
        int64 value = id == 0 ? int64(3) : id == 1 ? int64(-5) : int64(1);
        return bytes32(bytes8(uint64(value)));
    }

    function tableEntry(int256 index) internal pure returns (int256) {
        return (index * index * 7) % 50 - 20;
    }

    // --- traces ---

    /// @dev The one right trace.
    function honest(Kind kind) internal pure returns (Trace memory trace) {
        return run(kind, NONE, 0, 0, true);
    }

    /// @dev A trace with one element changed.
    /// @param badNode Where, or `NONE`.
    /// @param elem Which element.
    /// @param delta By how much.
    /// @param consistent Whether later nodes are computed from the wrong value, or from the right.
    function run(Kind kind, uint256 badNode, uint256 elem, int256 delta, bool consistent)
        internal
        pure
        returns (Trace memory trace)
    {
        uint256 nodes = nodeCount(kind);
        trace.kind = kind;
        trace.inputs = new bytes32[][](inputCount(kind));
        for (uint256 i = 0; i < trace.inputs.length; ++i) {
            trace.inputs[i] = input(kind, i);
        }
        trace.words = new bytes32[][](nodes);
        for (uint256 id = 0; id < nodes; ++id) {
            trace.words[id] = new bytes32[]((elements(kind) + 3) / 4);
            for (uint256 e = 0; e < elements(kind); ++e) {
                setValue(trace.words[id], e, evaluate(kind, trace, id, e));
            }
            if (id == badNode && consistent) {
                setValue(trace.words[id], elem, valueAt(trace.words[id], elem) + delta);
            }
        }
        if (badNode < nodes && !consistent) {
            setValue(trace.words[badNode], elem, valueAt(trace.words[badNode], elem) + delta);
        }
        seal(trace);
    }

    function input(Kind kind, uint256 which) internal pure returns (bytes32[] memory words) {
        words = new bytes32[]((elements(kind) + 3) / 4);
        for (uint256 e = 0; e < elements(kind); ++e) {
            setValue(words, e, int256(e * 5 % 17) - 8 + int256(which));
        }
    }

    /// @dev Hashes the words, and all above them.
    function seal(Trace memory trace) internal pure {
        trace.leaves = new bytes32[][](trace.words.length);
        trace.roots = new bytes32[](trace.words.length);
        for (uint256 id = 0; id < trace.words.length; ++id) {
            trace.leaves[id] = leavesOf(trace.words[id]);
        }
        sealRoots(trace);
    }

    /// @dev Hashes what is above the leaves' digests.
    function sealRoots(Trace memory trace) internal pure {
        bytes32[] memory rows = new bytes32[](trace.words.length);
        for (uint256 id = 0; id < trace.words.length; ++id) {
            trace.roots[id] = rootOf(trace.leaves[id]);
            rows[id] = traceRow(id, trace.roots[id]);
        }
        trace.rows = padded(rows, 0);
    }

    function traceRoot(Trace memory trace) internal pure returns (bytes32) {
        return rootOf(trace.rows);
    }

    function inputRoot(Trace memory trace) internal pure returns (bytes32) {
        if (trace.inputs.length == 1) return rootOf(leavesOf(trace.inputs[0]));
        return rootOf(inputRows(trace));
    }

    function outputRoot(Trace memory trace) internal pure returns (bytes32) {
        uint32[] memory ids = outputIds(trace.kind);
        if (ids.length == 1) return trace.roots[ids[0]];
        bytes32[] memory rows = new bytes32[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            rows[i] = namedRow(i, trace.roots[ids[i]]);
        }
        return rootOf(padded(rows, 0));
    }

    function statement(Trace memory trace) internal pure returns (IDisputeGame.Statement memory) {
        return IDisputeGame.Statement({
            programRoot: programRoot(trace.kind),
            inputRoot: inputRoot(trace),
            outputRoot: outputRoot(trace),
            context: bytes32(0)
        });
    }

    function digestOf(IDisputeGame.Statement memory said) internal pure returns (bytes32) {
        bytes memory roots = bytes.concat(said.programRoot, said.inputRoot, said.outputRoot);
        return keccak256(bytes.concat(hex"0a", roots, said.context));
    }

    function outputs(Trace memory trace)
        internal
        pure
        returns (IDisputeGame.Opening[] memory opened)
    {
        uint32[] memory ids = outputIds(trace.kind);
        opened = new IDisputeGame.Opening[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            opened[i] = IDisputeGame.Opening(trace.roots[ids[i]], branch(trace.rows, ids[i]));
        }
    }

    // --- proofs ---

    function elementProof(Trace memory trace, uint256 id, uint256 elem)
        internal
        pure
        returns (IDisputeGame.ElementProof memory proof)
    {
        NodeDesc memory desc = node(trace.kind, id);
        proof.node = uint32(id);
        proof.desc = abi.encode(desc);
        proof.descBranch = branch(graphRows(trace.kind), id);
        proof.outRoot = trace.roots[id];
        proof.outBranch = branch(trace.rows, id);
        proof.elem = uint64(elem);
        proof.leaf = abi.encode(trace.words[id][elem / 4]);
        proof.leafBranch = branch(trace.leaves[id], elem / 4);
        uint256 count = desc.operands.length;
        proof.operands = new IDisputeGame.Opening[](count);
        IStepVerifier.Run[][] memory runs = new IStepVerifier.Run[][](count);
        for (uint256 i = 0; i < count; ++i) {
            OperandRef memory ref = desc.operands[i];
            uint256 read = ref.kind == 1 ? 0 : elem;
            if (ref.kind == 2) read = _column(trace, elem);
            bytes32[] memory words;
            (proof.operands[i], words) = openOperand(trace, ref);
            runs[i] = new IStepVerifier.Run[](1);
            runs[i][0] = IStepVerifier.Run({
                firstLeaf: uint32(read / 4),
                data: abi.encode(words[read / 4]),
                siblings: branch(leavesOf(words), read / 4)
            });
        }
        proof.witness = abi.encode(runs);
    }

    function openOperand(Trace memory trace, OperandRef memory ref)
        internal
        pure
        returns (IDisputeGame.Opening memory opened, bytes32[] memory words)
    {
        if (ref.kind == 0) {
            words = trace.words[ref.id];
            return (IDisputeGame.Opening(trace.roots[ref.id], branch(trace.rows, ref.id)), words);
        }
        if (ref.kind == 3) {
            words = trace.inputs[ref.id];
            opened.root = rootOf(leavesOf(words));
            if (trace.inputs.length > 1) opened.branch = branch(inputRows(trace), ref.id);
            return (opened, words);
        }
        words = ref.kind == 1 ? _single(weight(ref.id)) : tableWords();
        opened.root = rootOf(leavesOf(words));
        opened.branch = branch(ref.kind == 1 ? weightRows() : tableRows(), ref.id);
    }

    /// @dev Of a padded subtree of the trace's tree.
    function tracePadding(Trace memory trace, uint256 level, uint256 index)
        internal
        pure
        returns (IDisputeGame.PaddingProof memory proof)
    {
        bytes32[] memory upper = levelAt(trace.rows, level);
        proof.place = IDisputeGame.PaddingPlace.Trace;
        proof.level = uint8(level);
        proof.index = uint64(index);
        proof.hash = upper[index];
        proof.siblings = branch(upper, index);
    }

    /// @dev Of a padded subtree of a tensor's tree.
    function tensorPadding(Trace memory trace, uint256 id, uint256 level, uint256 index)
        internal
        pure
        returns (IDisputeGame.PaddingProof memory proof)
    {
        bytes32[] memory upper = levelAt(trace.leaves[id], level);
        _openForPadding(trace, id, proof);
        proof.place = IDisputeGame.PaddingPlace.Tensor;
        proof.level = uint8(level);
        proof.index = uint64(index);
        proof.hash = upper[index];
        proof.siblings = branch(upper, index);
    }

    /// @dev Of the tail bytes of a tensor.
    function tailPadding(Trace memory trace, uint256 id)
        internal
        pure
        returns (IDisputeGame.PaddingProof memory proof)
    {
        uint256 last = trace.words[id].length - 1;
        _openForPadding(trace, id, proof);
        proof.place = IDisputeGame.PaddingPlace.Tail;
        proof.leaf = abi.encode(trace.words[id][last]);
        proof.siblings = branch(trace.leaves[id], last);
    }

    function _openForPadding(Trace memory trace, uint256 id, IDisputeGame.PaddingProof memory proof)
        private
        pure
    {
        proof.node = uint32(id);
        proof.desc = descOf(trace.kind, id);
        proof.descBranch = branch(graphRows(trace.kind), id);
        proof.outRoot = trace.roots[id];
        proof.outBranch = branch(trace.rows, id);
    }

    // --- rows of the trees ---

    function graphRows(Kind kind) internal pure returns (bytes32[] memory) {
        bytes32[] memory rows = new bytes32[](nodeCount(kind));
        for (uint256 i = 0; i < rows.length; ++i) {
            rows[i] = keccak256(bytes.concat(hex"02", descOf(kind, i)));
        }
        return padded(rows, 0);
    }

    function weightRows() internal pure returns (bytes32[] memory) {
        bytes32[] memory rows = new bytes32[](3);
        for (uint256 i = 0; i < 3; ++i) {
            rows[i] = namedRow(i, leavesOf(_single(weight(i)))[0]);
        }
        return padded(rows, 0);
    }

    function tableRows() internal pure returns (bytes32[] memory) {
        return _single(namedRow(0, rootOf(leavesOf(tableWords()))));
    }

    function inputRows(Trace memory trace) internal pure returns (bytes32[] memory) {
        bytes32[] memory rows = new bytes32[](trace.inputs.length);
        for (uint256 i = 0; i < rows.length; ++i) {
            rows[i] = namedRow(i, rootOf(leavesOf(trace.inputs[i])));
        }
        return padded(rows, 0);
    }

    function tableWords() internal pure returns (bytes32[] memory words) {
        words = new bytes32[](2);
        for (uint256 i = 0; i < 8; ++i) {
            setValue(words, i, tableEntry(int256(i)));
        }
    }

    function traceRow(uint256 id, bytes32 root) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"05", bytes4(uint32(id)), root));
    }

    function namedRow(uint256 id, bytes32 root) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"03", bytes4(uint32(id)), root));
    }

    function leavesOf(bytes32[] memory words) internal pure returns (bytes32[] memory) {
        bytes32[] memory leaves = new bytes32[](words.length);
        for (uint256 i = 0; i < words.length; ++i) {
            leaves[i] = leafOf(words[i]);
        }
        return padded(leaves, leafOf(0));
    }

    function leafOf(bytes32 word) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", word));
    }

    // --- trees ---

    function padded(bytes32[] memory level, bytes32 filler)
        internal
        pure
        returns (bytes32[] memory full)
    {
        uint256 size = 1;
        while (size < level.length) size *= 2;
        full = new bytes32[](size);
        for (uint256 i = 0; i < size; ++i) {
            full[i] = i < level.length ? level[i] : filler;
        }
    }

    function up(bytes32[] memory level) internal pure returns (bytes32[] memory above) {
        above = new bytes32[](level.length / 2);
        for (uint256 i = 0; i < above.length; ++i) {
            above[i] = keccak256(bytes.concat(hex"01", level[2 * i], level[2 * i + 1]));
        }
    }

    function levelAt(bytes32[] memory level, uint256 height)
        internal
        pure
        returns (bytes32[] memory)
    {
        for (; height > 0; --height) {
            level = up(level);
        }
        return level;
    }

    function rootOf(bytes32[] memory level) internal pure returns (bytes32) {
        while (level.length > 1) level = up(level);
        return level[0];
    }

    function branch(bytes32[] memory level, uint256 index)
        internal
        pure
        returns (bytes32[] memory siblings)
    {
        uint256 height = 0;
        while (level.length >> height > 1) ++height;
        siblings = new bytes32[](height);
        for (uint256 i = 0; i < height; ++i) {
            siblings[i] = level[index ^ 1];
            level = up(level);
            index /= 2;
        }
    }

    /// @dev Neighbours `first` to `first + count - 1`.
    function slice(bytes32[] memory level, uint256 first, uint256 count)
        internal
        pure
        returns (bytes32[] memory part)
    {
        part = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            part[i] = level[first + i];
        }
    }

    // --- elements ---

    function valueAt(bytes32[] memory words, uint256 elem) internal pure returns (int256) {
        return int64(uint64(uint256(words[elem / 4]) >> (192 - 64 * (elem % 4))));
    }

    function setValue(bytes32[] memory words, uint256 elem, int256 value) internal pure {
        uint256 shift = 192 - 64 * (elem % 4);
        uint256 cleared = uint256(words[elem / 4]) & ~(uint256(type(uint64).max) << shift);
        words[elem / 4] = bytes32(cleared | uint256(uint64(int64(value))) << shift);
    }

    function _column(Trace memory trace, uint256 elem) private pure returns (uint256) {
        int256 column = valueAt(trace.words[0], elem) + 4;
        return column < 0 ? 0 : column > 7 ? 7 : uint256(column);
    }

    function _attributes() private pure returns (int64[] memory all) {
        all = new int64[](4);
        (all[2], all[3]) = (-1000, 1000);
    }

    function _attributes(int64 first, int64 second) private pure returns (int64[] memory all) {
        all = new int64[](6);
        (all[0], all[1], all[4], all[5]) = (first, second, -1000, 1000);
    }

    function _attributes(int64 first, int64 second, int64 third)
        private
        pure
        returns (int64[] memory all)
    {
        all = new int64[](7);
        (all[0], all[1], all[2], all[5], all[6]) = (first, second, third, -1000, 1000);
    }

    function _shape(uint256 size) private pure returns (uint32[] memory shape) {
        shape = new uint32[](1);
        shape[0] = uint32(size);
    }

    function _tableShape() private pure returns (uint32[] memory shape) {
        shape = new uint32[](2);
        (shape[0], shape[1]) = (1, 8);
    }

    function _single(bytes32 word) private pure returns (bytes32[] memory words) {
        words = new bytes32[](1);
        words[0] = word;
    }

    function _spec(Kind kind, string memory name)
        private
        pure
        returns (IDisputeGame.TensorSpec memory spec)
    {
        spec.name = name;
        spec.shape = _shape(elements(kind));
        spec.width = 8;
        (spec.lo, spec.hi) = (-1000, 1000);
        spec.scaleBits = 0x3ff0000000000000;
    }
}
