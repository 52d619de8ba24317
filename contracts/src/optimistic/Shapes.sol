// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Shapes
/// @notice Arithmetic with row-major shapes: which element of an operand an element of a result reads.
/// @dev Shapes are valid ones: at most 6 axes, none empty, at most 2^31 elements.
library Shapes {
    /// @dev Whether two shapes are the same.
    /// @param a One.
    /// @param b The other.
    /// @return same True if so.
    function equal(uint32[] memory a, uint32[] memory b) internal pure returns (bool same) {
        if (a.length != b.length) return false;
        for (uint256 i = 0; i < a.length; ++i) {
            if (a[i] != b[i]) return false;
        }
        same = true;
    }

    /// @dev Whether a shape broadcasts to another one.
    /// @param from The smaller one.
    /// @param to The result's.
    /// @return fits True if each axis of `from`, counted from the last, is 1 or that of `to`.
    function broadcasts(uint32[] memory from, uint32[] memory to)
        internal
        pure
        returns (bool fits)
    {
        if (from.length > to.length) return false;
        uint256 missing = to.length - from.length;
        for (uint256 i = 0; i < from.length; ++i) {
            if (from[i] != 1 && from[i] != to[missing + i]) return false;
        }
        fits = true;
    }

    /// @dev Whether a shape is the smallest that two others broadcast to; that they do is known.
    /// @param a One.
    /// @param b The other.
    /// @param result The shape of both together.
    /// @return smallest True if each axis of `result` is one of `a` or of `b`.
    function isUnion(uint32[] memory a, uint32[] memory b, uint32[] memory result)
        internal
        pure
        returns (bool smallest)
    {
        uint256 rank = result.length;
        if (a.length != rank && b.length != rank) return false;
        for (uint256 i = 1; i <= rank; ++i) {
            uint256 fromA = i <= a.length ? a[a.length - i] : 1;
            uint256 fromB = i <= b.length ? b[b.length - i] : 1;
            if (result[rank - i] != fromA && result[rank - i] != fromB) return false;
        }
        smallest = true;
    }

    /// @dev Element of a broadcast operand that an element of the result reads.
    /// @param elem Row-major position in the result.
    /// @param result Shape of the result.
    /// @param operand Shape of the operand, which broadcasts to it.
    /// @return index Row-major position in the operand.
    function broadcastIndex(uint256 elem, uint32[] memory result, uint32[] memory operand)
        internal
        pure
        returns (uint256 index)
    {
        uint256 stride = 1;
        uint256 axis = result.length;
        for (uint256 i = operand.length; i > 0; --i) {
            uint256 size = operand[i - 1];
            uint256 resultSize = result[--axis];
            if (size != 1) index += (elem % resultSize) * stride;
            stride *= size;
            elem /= resultSize;
        }
    }

    /// @dev Coordinates of an element.
    /// @param elem Row-major position.
    /// @param shape Sizes of the axes.
    /// @return place One coordinate for each axis.
    function coordinates(uint256 elem, uint32[] memory shape)
        internal
        pure
        returns (uint256[] memory place)
    {
        place = new uint256[](shape.length);
        for (uint256 i = shape.length; i > 0; --i) {
            place[i - 1] = elem % shape[i - 1];
            elem /= shape[i - 1];
        }
    }

    /// @dev Row-major position of an element.
    /// @param place One coordinate for each axis.
    /// @param shape Sizes of the axes.
    /// @return index The position.
    function position(uint256[] memory place, uint32[] memory shape)
        internal
        pure
        returns (uint256 index)
    {
        for (uint256 i = 0; i < shape.length; ++i) {
            index = index * shape[i] + place[i];
        }
    }
}
