// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Commitments} from "../optimistic/Commitments.sol";

/// @title TensorRoots
/// @notice Roots over whole tensors, as `docs/formats/commitments.md` defines them.
library TensorRoots {
    /// @dev Root of one tensor.
    /// @param data Its elements, packed.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return root Over its data leaves.
    function rootOf(bytes calldata data, uint8 leafLog2) internal pure returns (bytes32 root) {
        uint256 leafBytes = 1 << leafLog2;
        uint256 full = data.length / leafBytes;
        bool whole = data.length % leafBytes == 0 && full != 0;
        bytes32[] memory leaves = new bytes32[](whole ? full : full + 1);
        for (uint256 i = 0; i < full; ++i) {
            leaves[i] = Commitments.dataLeaf(data[i * leafBytes:(i + 1) * leafBytes]);
        }
        if (!whole) {
            bytes calldata rest = data[full * leafBytes:];
            bytes memory zeros = new bytes(leafBytes - rest.length);
            leaves[full] = keccak256(bytes.concat(Commitments.DATA_LEAF, rest, zeros));
        }
        bytes32 zero = leaves.length > 1 ? Commitments.zeroDataLeaf(leafLog2) : bytes32(0);
        root = _fold(leaves, zero);
    }

    /// @dev Root of all inputs or all outputs of a program: that of the tensor, if it is one.
    /// @param roots Of the tensors, in the schema's order, at least one; overwritten.
    /// @return root Of all.
    function rootOfAll(bytes32[] memory roots) internal pure returns (bytes32 root) {
        if (roots.length == 1) return roots[0];
        for (uint256 i = 0; i < roots.length; ++i) {
            // forge-lint: disable-next-line(unsafe-typecast)
            roots[i] = Commitments.namedLeaf(uint32(i), roots[i]); // an array in memory is shorter
        }
        root = _fold(roots, Commitments.EMPTY_LEAF);
    }

    /// @dev Root over leaves, missing ones to a power of two being fillers.
    /// @param level The leaves, at least one; overwritten.
    /// @param zero The filler of their level.
    /// @return root Of the tree.
    function _fold(bytes32[] memory level, bytes32 zero) private pure returns (bytes32 root) {
        for (uint256 count = level.length; count > 1; count = (count + 1) / 2) {
            for (uint256 i = 0; i < count; i += 2) {
                bytes32 right = i + 1 < count ? level[i + 1] : zero;
                level[i / 2] = Commitments.inner(level[i], right);
            }
            zero = Commitments.inner(zero, zero);
        }
        root = level[0];
    }
}
