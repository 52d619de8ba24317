// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Commitments
/// @notice Digests and Merkle trees of `docs/formats/commitments.md`, as a contract recomputes them.
/// @dev Each function returns a digest or a root; the caller compares it with the one that it
///      trusts. What has not the shape of a branch of its tree reverts: without these rules an inner
///      node could be opened as a leaf, or a leaf at a position that does not exist.
library Commitments {
    /// @notice A branch has not exactly the siblings that its tree implies.
    /// @param given Siblings that were sent.
    /// @param expected Siblings that a branch of this tree has.
    error Commitments_BranchLength(uint256 given, uint256 expected);

    /// @notice A position lies outside its tree.
    /// @param index The position.
    /// @param count Positions that there are.
    error Commitments_IndexOutOfTree(uint256 index, uint256 count);

    /// @notice A complete subtree has a power of two as its number of leaves.
    /// @param count Leaves that were sent.
    error Commitments_NotAPowerOfTwo(uint256 count);

    /// @dev First bytes of all preimages.
    bytes1 internal constant DATA_LEAF = 0x00;
    bytes1 internal constant INNER_NODE = 0x01;
    bytes1 internal constant NODE_DESC = 0x02;
    bytes1 internal constant NAMED_TENSOR = 0x03;
    bytes1 internal constant PROGRAM = 0x04;
    bytes1 internal constant TRACE_TENSOR = 0x05;
    bytes1 internal constant STATEMENT = 0x0a;
    bytes1 internal constant SALTED = 0x0b;
    bytes1 internal constant SCHEMA = 0x0c;

    /// @dev A missing leaf in every tree but that of a tensor.
    bytes32 internal constant EMPTY_LEAF = bytes32(0);

    /// @dev Longest branch into a tree whose number of leaves is not known: ids have 32 bits.
    uint256 internal constant MAX_NAMED_HEIGHT = 32;

    /// @dev Digest of one leaf of a tensor; the caller has checked its size.
    /// @param data The leaf's bytes.
    /// @return digest Row 00.
    function dataLeaf(bytes calldata data) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(DATA_LEAF, data));
    }

    /// @dev Digest of a leaf of zeros, `Z_0` of a tensor's tree.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return digest Row 00.
    function zeroDataLeaf(uint8 leafLog2) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(DATA_LEAF, new bytes(1 << leafLog2)));
    }

    /// @dev Digest of an inner node of any tree.
    /// @param left The left child.
    /// @param right The right child.
    /// @return digest Row 01.
    function inner(bytes32 left, bytes32 right) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(INNER_NODE, left, right));
    }

    /// @dev Leaf of the graph root at the node's id.
    /// @param desc `abi.encode(NodeDesc)`.
    /// @return digest Row 02.
    function nodeLeaf(bytes calldata desc) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(NODE_DESC, desc));
    }

    /// @dev Leaf of the weights' and tables' trees, and of several inputs or outputs.
    /// @param id Position among weights, tables, inputs or outputs.
    /// @param tensorRoot Root of the tensor.
    /// @return digest Row 03.
    function namedLeaf(uint32 id, bytes32 tensorRoot) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(NAMED_TENSOR, id, tensorRoot));
    }

    /// @dev Leaf of the trace root at the node's id.
    /// @param nodeId The node.
    /// @param tensorRoot Root of its result.
    /// @return digest Row 05.
    function traceLeaf(uint32 nodeId, bytes32 tensorRoot) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(TRACE_TENSOR, nodeId, tensorRoot));
    }

    /// @dev Digest that names a program; all members have a fixed width.
    /// @param specVersion Version of the commitments.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param graphRoot Root over the node descriptors.
    /// @param weightsRoot Root over the weights.
    /// @param tablesRoot Root over the lookup tables.
    /// @param schemaHash See `schemaDigest`.
    /// @return digest Row 04.
    function programRoot(
        uint16 specVersion,
        uint8 leafLog2,
        bytes32 graphRoot,
        bytes32 weightsRoot,
        bytes32 tablesRoot,
        bytes32 schemaHash
    ) internal pure returns (bytes32 digest) {
        digest = keccak256(
            abi.encodePacked(
                PROGRAM, specVersion, leafLog2, graphRoot, weightsRoot, tablesRoot, schemaHash
            )
        );
    }

    /// @dev Digest of a schema.
    /// @param schema `abi.encode(Schema)`.
    /// @return digest Row 0c.
    function schemaDigest(bytes calldata schema) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(SCHEMA, schema));
    }

    /// @dev Digest of a statement.
    /// @param program Root of the program.
    /// @param inputRoot Root of the quantised input.
    /// @param outputRoot Root of the quantised output.
    /// @param context Binds the statement to one use; zero for none.
    /// @return digest Row 0a.
    function statementDigest(
        bytes32 program,
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 context
    ) internal pure returns (bytes32 digest) {
        digest = keccak256(abi.encodePacked(STATEMENT, program, inputRoot, outputRoot, context));
    }

    /// @dev Height of the tree over `count` leaves.
    /// @param count Number of leaves; a tree without leaves is as high as one with a single leaf.
    /// @return height `ceil(log2(max(1, count)))`.
    function treeHeight(uint256 count) internal pure returns (uint256 height) {
        unchecked {
            if (count > 1) {
                for (uint256 rest = count - 1; rest != 0; rest >>= 1) {
                    ++height;
                }
            }
        }
    }

    /// @dev Root of an empty subtree.
    /// @param zero `Z_0`: `zeroDataLeaf` in the tree of a tensor, `EMPTY_LEAF` in all others.
    /// @param height Height of the subtree.
    /// @return digest `Z_height`.
    function filler(bytes32 zero, uint256 height) internal pure returns (bytes32 digest) {
        digest = zero;
        for (uint256 level = 0; level < height; ++level) {
            digest = inner(digest, digest);
        }
    }

    /// @dev Root that a branch of a tree over `count` leaves leads to.
    /// @param leaf Digest at the branch's foot.
    /// @param index Position of the leaf.
    /// @param count Leaves of the tree; implies the length of the branch.
    /// @param siblings From the leaf up.
    /// @return root To be compared with the trusted one.
    function rootFromBranch(bytes32 leaf, uint256 index, uint256 count, bytes32[] memory siblings)
        internal
        pure
        returns (bytes32 root)
    {
        if (index >= count) revert Commitments_IndexOutOfTree(index, count);
        root = rootFromPath(leaf, index, treeHeight(count), siblings);
    }

    /// @dev Root of the subtree of a given height that a branch leads to; for inner nodes also.
    /// @param leaf Digest at the branch's foot.
    /// @param index Position at the foot's level inside the subtree.
    /// @param height Levels between the foot and the root.
    /// @param siblings From the foot up.
    /// @return root To be compared with the trusted one.
    function rootFromPath(bytes32 leaf, uint256 index, uint256 height, bytes32[] memory siblings)
        internal
        pure
        returns (bytes32 root)
    {
        if (siblings.length != height) revert Commitments_BranchLength(siblings.length, height);
        if (height < 256 && index >> height != 0) {
            revert Commitments_IndexOutOfTree(index, 1 << height);
        }
        root = leaf;
        for (uint256 level = 0; level < height; ++level) {
            root = index & 1 == 0 ? inner(root, siblings[level]) : inner(siblings[level], root);
            index >>= 1;
        }
    }

    /// @dev Root that a branch from a row 03 leads to, where the number of rows is not known. It is
    ///      sound at any length, since the row holds its id and its domain byte is its own: neither
    ///      an inner node nor another row can be read as this one.
    /// @param id The row's id, whose bits are its path.
    /// @param tensorRoot The row's tensor.
    /// @param siblings From the row up, at most 32.
    /// @return root To be compared with the trusted one.
    function rootFromNamed(uint32 id, bytes32 tensorRoot, bytes32[] memory siblings)
        internal
        pure
        returns (bytes32 root)
    {
        if (siblings.length > MAX_NAMED_HEIGHT) {
            revert Commitments_BranchLength(siblings.length, MAX_NAMED_HEIGHT);
        }
        root = rootFromPath(namedLeaf(id, tensorRoot), id, siblings.length, siblings);
    }

    /// @dev Root of a complete subtree from all its leaves or inner nodes of one level.
    /// @param level A power of two of digests; overwritten.
    /// @return root To be compared with the trusted one.
    function rootFromLevel(bytes32[] memory level) internal pure returns (bytes32 root) {
        uint256 count = level.length;
        if (count == 0 || count & (count - 1) != 0) revert Commitments_NotAPowerOfTwo(count);
        for (; count > 1; count >>= 1) {
            for (uint256 i = 0; i < count; i += 2) {
                level[i >> 1] = inner(level[i], level[i + 1]);
            }
        }
        root = level[0];
    }

    /// @dev Root that neighbouring leaves lead to by a range proof: at each level, from the leaves
    ///      up, the node left of the range if the range starts at an odd position, then the node
    ///      right of it if it ends at an even one.
    /// @param leaves Digests of the leaves, at least one; overwritten.
    /// @param first Position of the first; the caller has checked that all lie in the tree.
    /// @param height Height of the tree.
    /// @param siblings Level by level, left before right; all are used.
    /// @return root To be compared with the trusted one.
    function rootFromRun(
        bytes32[] memory leaves,
        uint256 first,
        uint256 height,
        bytes32[] memory siblings
    ) internal pure returns (bytes32 root) {
        uint256 count = leaves.length;
        uint256 used = 0;
        for (uint256 level = 0; level < height; ++level) {
            uint256 read = 0;
            uint256 written = 0;
            if (first & 1 == 1) {
                leaves[written++] = inner(_sibling(siblings, used++), leaves[read++]);
            }
            for (; read + 1 < count; read += 2) {
                leaves[written++] = inner(leaves[read], leaves[read + 1]);
            }
            if (read < count) leaves[written++] = inner(leaves[read], _sibling(siblings, used++));
            count = written;
            first >>= 1;
        }
        if (used != siblings.length) revert Commitments_BranchLength(siblings.length, used);
        root = leaves[0];
    }

    /// @dev One sibling of a range proof.
    /// @param siblings All that were sent.
    /// @param place Which one is needed.
    /// @return digest That one.
    function _sibling(bytes32[] memory siblings, uint256 place)
        private
        pure
        returns (bytes32 digest)
    {
        if (place >= siblings.length) {
            revert Commitments_BranchLength(siblings.length, place + 1);
        }
        digest = siblings[place];
    }
}
