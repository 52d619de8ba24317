// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NodeDesc} from "./NodeDescriptor.sol";
import {Opened, Openings} from "./Openings.sol";
import {Shapes} from "./Shapes.sol";
import {StepFamily} from "./StepFamily.sol";
import {WindowAxis, Windows} from "./Windows.sol";

/// @title WindowSteps
/// @notice Judges elements of MaxPool and SumPool: one window of one channel.
contract WindowSteps is StepFamily {
    uint16 private constant MAX_POOL = 7;
    uint16 private constant SUM_POOL = 8;

    /// @dev Places of the attributes: kernel 2, strides 2, pads 4, dilations 2, then these.
    uint256 private constant STRIDES = 2;
    uint256 private constant MAX_POOL_ATTRIBUTES = 10;
    uint256 private constant X_ZERO_POINT = 10;
    uint256 private constant SUM_POOL_ATTRIBUTES = 11;

    /// @notice What one element reads.
    /// @param y Vertical axis.
    /// @param z Horizontal axis.
    /// @param here Coordinates of the element: batch, row, column, channel.
    /// @param channels Channels of x.
    /// @param zero Subtracted from each value of x by a sum.
    struct Place {
        WindowAxis y;
        WindowAxis z;
        uint256[] here;
        uint256 channels;
        int256 zero;
    }

    /// @inheritdoc StepFamily
    function _check(NodeDesc memory node, uint8 leafLog2)
        internal
        pure
        override
        returns (uint256 size)
    {
        if (node.opcode == MAX_POOL) {
            _requireOperands(node, 1, 0);
            _requireAttributes(node, MAX_POOL_ATTRIBUTES);
        } else if (node.opcode == SUM_POOL) {
            _requireOperands(node, 1, 1);
            _requireRequantisation(node, SUM_POOL_ATTRIBUTES);
            _requireShape(Shapes.broadcasts(node.operands[1].shape, node.shape));
            size = Openings.bound(node.operands[1], leafLog2, 1, 1);
        } else {
            _refuse(Unsupported.Opcode);
        }
        uint32[] memory x = node.operands[0].shape;
        _requireShape(x.length == 4 && node.shape.length == 4);
        (WindowAxis memory y, WindowAxis memory z) = _axes(node);
        _requireShape(node.shape[0] == x[0] && node.shape[3] == x[3]);
        _requireShape(node.shape[1] == Windows.count(y) && node.shape[2] == Windows.count(z));
        uint256 taps = Windows.mostTaps(y) * Windows.mostTaps(z);
        if (taps > Windows.MAX_TAPS) _refuse(Unsupported.TooLarge);
        size += Openings.bound(node.operands[0], leafLog2, taps, 1);
    }

    /// @inheritdoc StepFamily
    function _checkEveryElement(NodeDesc memory node) internal pure override {
        if (node.opcode != MAX_POOL) return;
        (WindowAxis memory y, WindowAxis memory z) = _axes(node);
        _requireTaps(y, node.shape[1]);
        _requireTaps(z, node.shape[2]);
    }

    /// @inheritdoc StepFamily
    function _value(
        NodeDesc memory node,
        uint256 elem,
        bytes calldata witness,
        Opened[] memory opened
    ) internal pure override returns (int256 value) {
        // All members that are read are written below.
        // slither-disable-next-line uninitialized-local
        Place memory place;
        (place.y, place.z) = _axes(node);
        place.here = Shapes.coordinates(elem, node.shape);
        place.channels = node.operands[0].shape[3];
        if (node.opcode == MAX_POOL) return _maximum(place, witness, opened[0]);
        place.zero = node.attributes[X_ZERO_POINT];
        int256 sum = _sum(place, witness, opened[0]);
        value = _requantise(node, sum, _broadcastValue(node, elem, 1, witness, opened));
    }

    /// @dev Largest value of a window; padding is ignored.
    /// @param place The element.
    /// @param witness All runs.
    /// @param opened What it opens of x.
    /// @return value The maximum.
    function _maximum(Place memory place, bytes calldata witness, Opened memory opened)
        private
        pure
        returns (int256 value)
    {
        (uint256 i, uint256 endY) = Windows.taps(place.y, place.here[1]);
        (uint256 first, uint256 endZ) = Windows.taps(place.z, place.here[2]);
        if (i == endY || first == endZ) _refuse(Unsupported.EmptyWindow);
        value = type(int256).min;
        for (; i < endY; ++i) {
            for (uint256 j = first; j < endZ; ++j) {
                int256 found = Openings.valueAt(witness, opened, _index(place, i, j));
                if (found > value) value = found;
            }
        }
    }

    /// @dev Sum over a window; padding contributes 0.
    /// @param place The element.
    /// @param witness All runs.
    /// @param opened What it opens of x.
    /// @return sum The sum.
    function _sum(Place memory place, bytes calldata witness, Opened memory opened)
        private
        pure
        returns (int256 sum)
    {
        (uint256 i, uint256 endY) = Windows.taps(place.y, place.here[1]);
        (uint256 first, uint256 endZ) = Windows.taps(place.z, place.here[2]);
        for (; i < endY; ++i) {
            for (uint256 j = first; j < endZ; ++j) {
                sum += Openings.valueAt(witness, opened, _index(place, i, j)) - place.zero;
            }
        }
    }

    /// @dev The element of x that a tap reads.
    /// @param place The element of the result.
    /// @param i Row of the tap.
    /// @param j Column of the tap.
    /// @return index Row-major position.
    function _index(Place memory place, uint256 i, uint256 j) private pure returns (uint256 index) {
        index = place.here[0] * place.y.size + Windows.position(place.y, place.here[1], i);
        index = index * place.z.size + Windows.position(place.z, place.here[2], j);
        index = index * place.channels + place.here[3];
    }

    /// @dev Refuses an axis on which some window holds padding only.
    /// @param axis The axis.
    /// @param windows Number of windows.
    function _requireTaps(WindowAxis memory axis, uint256 windows) private pure {
        (bool holds, bool decided) = Windows.allTouch(axis, windows, Windows.MAX_WINDOWS);
        if (!decided) _refuse(Unsupported.TooLarge);
        if (!holds) _refuse(Unsupported.EmptyWindow);
    }

    /// @dev The two axes of the window.
    /// @param node The node.
    /// @return y The vertical one.
    /// @return z The horizontal one.
    function _axes(NodeDesc memory node)
        private
        pure
        returns (WindowAxis memory y, WindowAxis memory z)
    {
        uint32[] memory x = node.operands[0].shape;
        int64[] memory attributes = node.attributes;
        bool valid;
        (y, valid) = Windows.read(attributes, STRIDES, 0, x[1], attributes[0]);
        if (!valid) _refuse(Unsupported.Attribute);
        (z, valid) = Windows.read(attributes, STRIDES, 1, x[2], attributes[1]);
        if (!valid) _refuse(Unsupported.Attribute);
    }
}
