// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NodeDesc, OperandRef} from "./NodeDescriptor.sol";
import {Opened, Openings} from "./Openings.sol";
import {Shapes} from "./Shapes.sol";
import {StepFamily} from "./StepFamily.sol";
import {WindowAxis, Windows} from "./Windows.sol";

/// @title LinearSteps
/// @notice Judges elements of MatMul and Conv: one dot product, then the requantisation.
contract LinearSteps is StepFamily {
    uint16 private constant MATMUL = 1;
    uint16 private constant CONV = 2;

    /// @dev Places of Conv's attributes: strides 2, pads 4, dilations 2, then these.
    uint256 private constant GROUP = 8;
    uint256 private constant X_ZERO_POINT = 9;
    uint256 private constant CONV_ATTRIBUTES = 10;

    /// @dev Operands of both operators.
    uint256 private constant X = 0;
    uint256 private constant WEIGHT = 1;
    uint256 private constant BIAS = 2;
    uint256 private constant MULTIPLIER = 3;

    /// @dev Masks of `_dotBytes`: the sign of each byte; the low half of each 128 and 64 bits; the
    ///      low byte of each 32 bits; of each 16 bits; the low half of each 32 bits; ones of 32 bits.
    uint256 private constant SIGNS = type(uint256).max / 0xff * 0x80;
    uint256 private constant LOW_64 = type(uint256).max / (2 ** 128 - 1) * (2 ** 64 - 1);
    uint256 private constant LOW_32 = type(uint256).max / (2 ** 64 - 1) * (2 ** 32 - 1);
    uint256 private constant BYTES = type(uint256).max / (2 ** 32 - 1) * 0xff;
    uint256 private constant PAIRS = type(uint256).max / (2 ** 16 - 1) * 0xff;
    uint256 private constant HALVES = type(uint256).max / (2 ** 32 - 1) * 0xffff;
    uint256 private constant ONES = type(uint256).max / (2 ** 32 - 1);

    /// @notice Two rows of numbers in calldata.
    /// @param xAt Where the first number of x stands.
    /// @param weightAt Where the first weight stands.
    /// @param xWidth Bytes per number of x.
    /// @param weightWidth Bytes per weight.
    /// @param count How many of each.
    /// @param zero Subtracted from each number of x.
    struct Rows {
        uint256 xAt;
        uint256 weightAt;
        uint256 xWidth;
        uint256 weightWidth;
        uint256 count;
        int256 zero;
    }

    /// @dev What one element of a convolution reads.
    /// @param y Vertical axis.
    /// @param z Horizontal axis.
    /// @param batch, row, column, channel Coordinates of the element.
    /// @param merged Taps of one row are neighbours in both operands.
    struct ConvPlace {
        WindowAxis y;
        WindowAxis z;
        uint256 batch;
        uint256 row;
        uint256 column;
        uint256 channel;
        bool merged;
    }

    /// @inheritdoc StepFamily
    function _check(NodeDesc memory node, uint8 leafLog2)
        internal
        pure
        override
        returns (uint256 size)
    {
        if (node.opcode == MATMUL) size = _checkMatMul(node, leafLog2);
        else if (node.opcode == CONV) size = _checkConv(node, leafLog2);
        else _refuse(Unsupported.Opcode);
        size += Openings.bound(node.operands[BIAS], leafLog2, 1, 1);
        size += Openings.bound(node.operands[MULTIPLIER], leafLog2, 1, 1);
    }

    /// @inheritdoc StepFamily
    function _value(
        NodeDesc memory node,
        uint256 elem,
        bytes calldata witness,
        Opened[] memory opened
    ) internal pure override returns (int256 value) {
        int256 acc = node.opcode == MATMUL
            ? _matMul(node, elem, witness, opened)
            : _conv(node, elem, witness, opened);
        uint256 channel = elem % node.operands[BIAS].shape[0];
        acc += Openings.valueAt(witness, opened[BIAS], channel);
        value = _requantise(node, acc, _broadcastValue(node, elem, MULTIPLIER, witness, opened));
    }

    /// @dev `sum over k of x[.., k] * weight[n, k]`.
    /// @param node The node.
    /// @param elem Row-major position in the result.
    /// @param witness All runs.
    /// @param opened What it opens, by operand.
    /// @return acc The sum.
    function _matMul(
        NodeDesc memory node,
        uint256 elem,
        bytes calldata witness,
        Opened[] memory opened
    ) private pure returns (int256 acc) {
        uint256 channels = node.operands[WEIGHT].shape[0];
        uint256 length = node.operands[WEIGHT].shape[1];
        acc = _dot(
            witness,
            Rows({
                xAt: Openings.locate(opened[X], elem / channels * length, length),
                weightAt: Openings.locate(opened[WEIGHT], elem % channels * length, length),
                xWidth: opened[X].width,
                weightWidth: opened[WEIGHT].width,
                count: length,
                zero: 0
            })
        );
    }

    /// @dev The same over a window; a position outside x contributes 0.
    /// @param node The node.
    /// @param elem Row-major position in the result.
    /// @param witness All runs.
    /// @param opened What it opens, by operand.
    /// @return acc The sum.
    function _conv(
        NodeDesc memory node,
        uint256 elem,
        bytes calldata witness,
        Opened[] memory opened
    ) private pure returns (int256 acc) {
        ConvPlace memory place = _convPlace(node, elem);
        (uint256 i, uint256 end) = Windows.taps(place.y, place.row);
        for (; i < end; ++i) {
            acc += _convRow(node, place, i, witness, opened);
        }
    }

    /// @dev Taps of one row of the window.
    /// @param node The node.
    /// @param place The element.
    /// @param i Which row.
    /// @param witness All runs.
    /// @param opened What it opens, by operand.
    /// @return acc Their sum.
    function _convRow(
        NodeDesc memory node,
        ConvPlace memory place,
        uint256 i,
        bytes calldata witness,
        Opened[] memory opened
    ) private pure returns (int256 acc) {
        (uint256 j, uint256 end) = Windows.taps(place.z, place.column);
        if (j == end) return 0;
        Rows memory rows = Rows({
            xAt: 0,
            weightAt: 0,
            xWidth: opened[X].width,
            weightWidth: opened[WEIGHT].width,
            count: node.operands[WEIGHT].shape[3],
            zero: node.attributes[X_ZERO_POINT]
        });
        if (place.merged) {
            rows.count *= end - j;
            end = j + 1;
        }
        for (; j < end; ++j) {
            rows.xAt = Openings.locate(opened[X], _xIndex(node, place, i, j), rows.count);
            rows.weightAt = Openings.locate(
                opened[WEIGHT], _weightIndex(node.operands[WEIGHT].shape, place, i, j), rows.count
            );
            acc += _dot(witness, rows);
        }
    }

    /// @dev The first number of x that a tap reads.
    /// @param node The node.
    /// @param place The element.
    /// @param i Row of the tap.
    /// @param j Column of the tap.
    /// @return index Row-major position.
    function _xIndex(NodeDesc memory node, ConvPlace memory place, uint256 i, uint256 j)
        private
        pure
        returns (uint256 index)
    {
        uint32[] memory weight = node.operands[WEIGHT].shape;
        uint256 group = place.channel / (weight[0] / uint64(node.attributes[GROUP]));
        index = place.batch * place.y.size + Windows.position(place.y, place.row, i);
        index = index * place.z.size + Windows.position(place.z, place.column, j);
        index = index * node.operands[X].shape[3] + group * weight[3];
    }

    /// @dev The first weight of a tap.
    /// @param shape Of the weights.
    /// @param place The element.
    /// @param i Row of the tap.
    /// @param j Column of the tap.
    /// @return index Row-major position.
    function _weightIndex(uint32[] memory shape, ConvPlace memory place, uint256 i, uint256 j)
        private
        pure
        returns (uint256 index)
    {
        index = ((place.channel * shape[1] + i) * shape[2] + j) * shape[3];
    }

    /// @dev Coordinates of an element of a convolution.
    /// @param node The node.
    /// @param elem Row-major position in the result.
    /// @return place The element.
    function _convPlace(NodeDesc memory node, uint256 elem)
        private
        pure
        returns (ConvPlace memory place)
    {
        (place.y, place.z) = _axes(node);
        uint256[] memory here = Shapes.coordinates(elem, node.shape);
        (place.batch, place.row, place.column, place.channel) = (here[0], here[1], here[2], here[3]);
        place.merged = _merges(node);
    }

    /// @dev Sum of products of two rows. For any bytes the sum stays below 2^147, so nothing here
    ///      can overflow, and positions are inside the witness.
    /// @param witness All runs.
    /// @param rows What to multiply.
    /// @return sum `sum over k of (x[k] - zero) * weight[k]`.
    function _dot(bytes calldata witness, Rows memory rows) private pure returns (int256 sum) {
        if (rows.xWidth == 1 && rows.weightWidth == 1) return _dotBytes(witness, rows);
        unchecked {
            uint256 lanes = 32 / (rows.xWidth > rows.weightWidth ? rows.xWidth : rows.weightWidth);
            uint256 rest = rows.count;
            while (rest != 0) {
                if (rest < lanes) lanes = rest;
                sum += _lanes(_word(witness, rows.xAt), _word(witness, rows.weightAt), lanes, rows);
                rows.xAt += lanes * rows.xWidth;
                rows.weightAt += lanes * rows.weightWidth;
                rest -= lanes;
            }
        }
    }

    /// @dev The same for rows of bytes, 32 products at a time: two polynomials whose coefficients are
    ///      8 numbers each, one of them in reverse, have the sum of products as the highest
    ///      coefficient that a word holds. Numbers are shifted by 128 to have no sign, and the shift
    ///      is undone at the end.
    /// @param witness All runs.
    /// @param rows What to multiply.
    /// @return sum `sum over k of (x[k] - zero) * weight[k]`.
    function _dotBytes(bytes calldata witness, Rows memory rows) private pure returns (int256 sum) {
        unchecked {
            uint256 xAt = rows.xAt;
            uint256 weightAt = rows.weightAt;
            uint256 end = xAt + rows.count;
            uint256 products = 0;
            uint256 xSums = 0; // 8 sums of 32 bits, each below 2^23 for all that a step can open
            uint256 weightSums = 0;
            for (; xAt < end; xAt += 32) {
                uint256 x = _word(witness, xAt) ^ SIGNS;
                uint256 weight = _word(witness, weightAt) ^ SIGNS;
                if (end - xAt < 32) {
                    // What follows the rows counts as -128, which adds nothing to any sum below.
                    uint256 rest = 256 - 8 * (end - xAt);
                    x = x >> rest << rest;
                    weight = weight >> rest << rest;
                }
                weight = weight << 128 | weight >> 128;
                weight = (weight & LOW_64) << 64 | (weight >> 64 & LOW_64);
                weight = (weight & LOW_32) << 32 | (weight >> 32 & LOW_32);
                products += _products(x, weight);
                xSums += _byteSums(x);
                weightSums += _byteSums(weight);
                weightAt += 32;
            }
            // Sums of 32 bits, and of 2^21 for each 32 bytes: far below 2^255.
            // forge-lint: disable-next-line(unsafe-typecast)
            int256 xSum = int256(xSums * ONES >> 224);
            // forge-lint: disable-next-line(unsafe-typecast)
            int256 weightSum = int256(weightSums * ONES >> 224);
            // forge-lint: disable-next-line(unsafe-typecast)
            sum = int256(products) - 128 * (xSum + weightSum) + int256(rows.count << 14);
            sum -= rows.zero * (weightSum - int256(rows.count << 7));
        }
    }

    /// @dev Sum of products of unsigned bytes.
    /// @param x 32 numbers.
    /// @param weight 32 weights, in reverse order of their groups of four.
    /// @return sum Below 2^21; no coefficient below it carries.
    function _products(uint256 x, uint256 weight) private pure returns (uint256 sum) {
        unchecked {
            sum =
                ((x & BYTES) * (weight & BYTES) + (x >> 8 & BYTES) * (weight >> 8 & BYTES)
                            + (x >> 16 & BYTES) * (weight >> 16 & BYTES) + (x >> 24 & BYTES)
                            * (weight >> 24 & BYTES)) >> 224;
        }
    }

    /// @dev Sums of each four neighbouring bytes.
    /// @param word 32 unsigned bytes.
    /// @return sums 8 sums of 32 bits.
    function _byteSums(uint256 word) private pure returns (uint256 sums) {
        unchecked {
            word = (word & PAIRS) + (word >> 8 & PAIRS);
            sums = (word & HALVES) + (word >> 16 & HALVES);
        }
    }

    /// @dev A word of the witness. Behind the data of a run stands the length of its siblings, so a
    ///      word that begins inside of the data ends inside of the witness.
    /// @param witness All runs.
    /// @param first Its first byte.
    /// @return word The word.
    function _word(bytes calldata witness, uint256 first) private pure returns (uint256 word) {
        unchecked {
            word = uint256(bytes32(witness[first:first + 32]));
        }
    }

    /// @dev Sum of products of the first numbers of two words, of any widths.
    /// @param x Numbers, from the highest byte on.
    /// @param weight Weights likewise.
    /// @param count How many, as fit into both words.
    /// @param rows Widths and zero point.
    /// @return sum The sum.
    // Words are read as signed numbers: the same bits, and the shift extends the sign.
    // forge-lint: disable-next-item(unsafe-typecast)
    function _lanes(uint256 x, uint256 weight, uint256 count, Rows memory rows)
        private
        pure
        returns (int256 sum)
    {
        unchecked {
            uint256 xBits = 8 * rows.xWidth;
            uint256 weightBits = 8 * rows.weightWidth;
            uint256 xShift = 256 - xBits;
            uint256 weightShift = 256 - weightBits;
            int256 zero = rows.zero;
            for (; count > 3; count -= 4) {
                sum += ((int256(x) >> xShift) - zero) * (int256(weight) >> weightShift);
                x <<= xBits;
                weight <<= weightBits;
                sum += ((int256(x) >> xShift) - zero) * (int256(weight) >> weightShift);
                x <<= xBits;
                weight <<= weightBits;
                sum += ((int256(x) >> xShift) - zero) * (int256(weight) >> weightShift);
                x <<= xBits;
                weight <<= weightBits;
                sum += ((int256(x) >> xShift) - zero) * (int256(weight) >> weightShift);
                x <<= xBits;
                weight <<= weightBits;
            }
            for (; count != 0; --count) {
                sum += ((int256(x) >> xShift) - zero) * (int256(weight) >> weightShift);
                x <<= xBits;
                weight <<= weightBits;
            }
        }
    }

    /// @dev Checks a MatMul.
    /// @param node The node.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return size Most bytes that opening one row of x and one of weight takes.
    function _checkMatMul(NodeDesc memory node, uint8 leafLog2)
        private
        pure
        returns (uint256 size)
    {
        _requireOperands(node, 1, 3);
        _requireRequantisation(node, 0);
        uint32[] memory x = node.operands[X].shape;
        uint32[] memory weight = node.operands[WEIGHT].shape;
        _requireShape(x.length > 0 && weight.length == 2 && x.length == node.shape.length);
        uint256 last = x.length - 1;
        _requireShape(x[last] == weight[1] && node.shape[last] == weight[0]);
        for (uint256 i = 0; i < last; ++i) {
            _requireShape(node.shape[i] == x[i]);
        }
        _requireConstants(node, weight[0]);
        size = Openings.bound(node.operands[X], leafLog2, 1, weight[1]);
        size += Openings.bound(node.operands[WEIGHT], leafLog2, 1, weight[1]);
    }

    /// @dev Checks a Conv.
    /// @param node The node.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @return size Most bytes that opening one window of x and its weights takes.
    function _checkConv(NodeDesc memory node, uint8 leafLog2) private pure returns (uint256 size) {
        _requireOperands(node, 1, 3);
        _requireRequantisation(node, CONV_ATTRIBUTES);
        uint32[] memory x = node.operands[X].shape;
        uint32[] memory weight = node.operands[WEIGHT].shape;
        _requireShape(x.length == 4 && weight.length == 4 && node.shape.length == 4);
        int256 group = node.attributes[GROUP];
        if (group < 1) _refuse(Unsupported.Attribute);
        // At least 1.
        // forge-lint: disable-next-line(unsafe-typecast)
        _requireShape(weight[0] % uint256(group) == 0 && x[3] == weight[3] * uint256(group));
        _requireConstants(node, weight[0]);
        (WindowAxis memory y, WindowAxis memory z) = _axes(node);
        _requireShape(node.shape[0] == x[0] && node.shape[3] == weight[0]);
        _requireShape(node.shape[1] == Windows.count(y) && node.shape[2] == Windows.count(z));
        size = _convSize(node, leafLog2, Windows.mostTaps(y), Windows.mostTaps(z));
    }

    /// @dev Most bytes that a step of a convolution opens of x and of the weights.
    /// @param node The node.
    /// @param leafLog2 Base-2 logarithm of the bytes in a leaf.
    /// @param tall Most rows of a window that are not padding.
    /// @param wide Most columns.
    /// @return size In bytes.
    function _convSize(NodeDesc memory node, uint8 leafLog2, uint256 tall, uint256 wide)
        private
        pure
        returns (uint256 size)
    {
        uint32[] memory weight = node.operands[WEIGHT].shape;
        (uint256 segments, uint256 length) =
            _merges(node) ? (tall, wide * weight[3]) : (tall * wide, uint256(weight[3]));
        if (segments > Windows.MAX_SEGMENTS) _refuse(Unsupported.TooLarge);
        size = Openings.bound(node.operands[X], leafLog2, segments, length);
        // The weights of one channel are neighbours, padding or not.
        length = uint256(weight[1]) * weight[2] * weight[3];
        size += Openings.bound(node.operands[WEIGHT], leafLog2, 1, length);
    }

    /// @dev Checks bias and multiplier.
    /// @param node The node.
    /// @param channels Channels of the result.
    function _requireConstants(NodeDesc memory node, uint256 channels) private pure {
        uint32[] memory bias = node.operands[BIAS].shape;
        _requireShape(bias.length == 1 && bias[0] == channels);
        _requireShape(Shapes.broadcasts(node.operands[MULTIPLIER].shape, node.shape));
    }

    /// @dev The two axes of a convolution's window.
    /// @param node The node.
    /// @return y The vertical one.
    /// @return z The horizontal one.
    function _axes(NodeDesc memory node)
        private
        pure
        returns (WindowAxis memory y, WindowAxis memory z)
    {
        uint32[] memory x = node.operands[X].shape;
        uint32[] memory weight = node.operands[WEIGHT].shape;
        bool valid;
        (y, valid) = Windows.read(node.attributes, 0, 0, x[1], int256(uint256(weight[1])));
        if (!valid) _refuse(Unsupported.Attribute);
        (z, valid) = Windows.read(node.attributes, 0, 1, x[2], int256(uint256(weight[2])));
        if (!valid) _refuse(Unsupported.Attribute);
    }

    /// @dev Whether taps of one row are neighbours in x and in the weights.
    /// @param node A convolution.
    /// @return merges True without dilation and groups.
    function _merges(NodeDesc memory node) private pure returns (bool merges) {
        merges = node.attributes[7] == 1 && node.attributes[GROUP] == 1;
    }
}
