// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice One of the two spatial axes of a sliding window. All numbers are below 2^63.
/// @param size Positions of the operand.
/// @param kernel Taps of the window, at least 1.
/// @param stride Positions between windows, at least 1.
/// @param before Padding ahead of the operand.
/// @param afterwards Padding behind it.
/// @param dilation Positions between taps, at least 1.
struct WindowAxis {
    uint256 size;
    uint256 kernel;
    uint256 stride;
    uint256 before;
    uint256 afterwards;
    uint256 dilation;
}

/// @title Windows
/// @notice Where the windows of convolutions and pools lie.
library Windows {
    /// @dev Most single elements that a step of a pool reads. Each takes about 2,900 gas, on top of
    ///      up to 12 million for a witness as large as one may be: all together fit a transaction.
    uint256 internal constant MAX_TAPS = 1024;

    /// @dev Most places at which a step of a convolution reads neighbours. Each takes about 6,200 gas.
    uint256 internal constant MAX_SEGMENTS = 512;

    /// @dev Most windows of an axis that are looked at one by one; never in a step.
    uint256 internal constant MAX_WINDOWS = 16_384;

    /// @dev Reads an axis from attributes that begin with strides 2, pads 4, dilations 2.
    /// @param attributes Flat attributes of the node.
    /// @param first Where the strides stand.
    /// @param which 0 for the vertical axis, 1 for the horizontal one.
    /// @param size Positions of the operand.
    /// @param kernel Taps of the window, if it is not negative.
    /// @return axis The axis.
    /// @return valid False if a number is out of range; then `axis` is not to be used.
    function read(
        int64[] memory attributes,
        uint256 first,
        uint256 which,
        uint256 size,
        int256 kernel
    ) internal pure returns (WindowAxis memory axis, bool valid) {
        int256 stride = attributes[first + which];
        int256 before = attributes[first + 2 + which];
        int256 afterwards = attributes[first + 4 + which];
        int256 dilation = attributes[first + 6 + which];
        valid = kernel > 0 && stride > 0 && dilation > 0 && before >= 0 && afterwards >= 0;
        // If one is negative, `valid` says so.
        // forge-lint: disable-next-item(unsafe-typecast)
        axis = WindowAxis({
            size: size,
            kernel: uint256(kernel),
            stride: uint256(stride),
            before: uint256(before),
            afterwards: uint256(afterwards),
            dilation: uint256(dilation)
        });
    }

    /// @dev Number of windows.
    /// @param axis The axis.
    /// @return count 0 if not even one fits into the padded operand.
    function count(WindowAxis memory axis) internal pure returns (uint256) {
        uint256 padded = axis.size + axis.before + axis.afterwards;
        uint256 reach = axis.dilation * (axis.kernel - 1) + 1;
        return padded < reach ? 0 : (padded - reach) / axis.stride + 1;
    }

    /// @dev Most taps of one window that are not padding.
    /// @param axis The axis.
    /// @return most At most `kernel`.
    function mostTaps(WindowAxis memory axis) internal pure returns (uint256 most) {
        most = (axis.size - 1) / axis.dilation + 1;
        if (most > axis.kernel) most = axis.kernel;
    }

    /// @dev Taps of a window that are not padding.
    /// @param axis The axis.
    /// @param place Which window.
    /// @return first The first one.
    /// @return end One after the last; `first` if there is none.
    function taps(WindowAxis memory axis, uint256 place)
        internal
        pure
        returns (uint256 first, uint256 end)
    {
        uint256 offset = axis.stride * place;
        if (offset < axis.before) first = (axis.before - offset - 1) / axis.dilation + 1;
        uint256 limit = axis.before + axis.size;
        if (offset < limit) end = (limit - offset - 1) / axis.dilation + 1;
        if (end > axis.kernel) end = axis.kernel;
        if (end < first) end = first;
    }

    /// @dev Position of the operand that a tap reads.
    /// @param axis The axis.
    /// @param place Which window.
    /// @param tap A tap that is not padding.
    /// @return position Below `size`.
    function position(WindowAxis memory axis, uint256 place, uint256 tap)
        internal
        pure
        returns (uint256)
    {
        return axis.stride * place + axis.dilation * tap - axis.before;
    }

    /// @dev Whether each window holds a tap that is not padding.
    /// @param axis The axis.
    /// @param windows Number of windows.
    /// @param most Windows that are looked at one by one, where that is needed.
    /// @return holds True if so.
    /// @return decided False if more than `most` windows would have to be looked at.
    function allTouch(WindowAxis memory axis, uint256 windows, uint256 most)
        internal
        pure
        returns (bool holds, bool decided)
    {
        uint256 last = (windows - 1) * axis.stride;
        if (last >= axis.before + axis.size) return (false, true);
        if (axis.dilation <= axis.size) {
            // No window steps over the operand: only the first can end ahead of it.
            return (axis.before == 0 || (axis.before - 1) / axis.dilation + 1 < axis.kernel, true);
        }
        uint256 ahead = axis.before == 0 ? 0 : (axis.before - 1) / axis.stride + 1;
        if (ahead > windows) ahead = windows;
        if (ahead > most) return (false, false);
        for (uint256 place = 0; place < ahead; ++place) {
            (uint256 first, uint256 end) = taps(axis, place);
            if (first == end) return (false, true);
        }
        return (true, true);
    }
}
