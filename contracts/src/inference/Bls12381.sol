// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Bls12381
/// @notice BLS signatures with short keys over BLS12-381, by the precompiles of EIP-2537.
/// @dev Points are in the precompiles' long form: 128 bytes for G1, 256 for G2. Hashing to G2 is that
///      of RFC 9380, suite BLS12381G2_XMD:SHA-256_SSWU_RO_. A call to a precompile that a chain does
///      not have succeeds and returns nothing, so the length of every answer is looked at.
library Bls12381 {
    uint256 internal constant G1_BYTES = 128;
    uint256 internal constant G2_BYTES = 256;

    address private constant MODEXP = address(0x05);
    address private constant G1_ADD = address(0x0b);
    address private constant G2_ADD = address(0x0d);
    address private constant PAIRING = address(0x0f);
    address private constant MAP_TO_G2 = address(0x11);

    /// @dev The generator of G1 with the other sign.
    bytes private constant MINUS_ONE =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb00000000000000000000000000000000114d1d6855d545a8aa7d76c8cf2e21f267816aef1db507c96655b9d5caac42364e6f38ba0ecb751bad54dcd6b939c2ca";

    /// @dev The generators of G1 and G2.
    bytes private constant ONE =
        hex"0000000000000000000000000000000017f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb0000000000000000000000000000000008b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1";
    bytes private constant ONE_G2 =
        hex"00000000000000000000000000000000024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb80000000000000000000000000000000013e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e000000000000000000000000000000000ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801000000000000000000000000000000000606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be";

    /// @dev The field's prime, in 64 bytes.
    bytes private constant PRIME =
        hex"000000000000000000000000000000001a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab";

    /// @dev Half of the prime, rounded down: a coordinate above it is the larger of two.
    uint256 private constant HALF_HIGH = 0x0d0088f51cbff34d258dd3db21a5d66b;
    uint256 private constant HALF_LOW =
        0xb23ba5c279c2895fb39869507b587b120f55ffff58a9ffffdcff7fffffffd555;

    /// @notice A precompile took its input for no points, or the chain has none there.
    /// @param precompile Its address.
    error Bls12381_NoAnswer(address precompile);

    /// @dev Reverts unless the chain tells an equation of pairings that holds from one that does not.
    function requirePrecompiles() internal view {
        // INVARIANT IV-40: nothing is deployed where a signature cannot be judged.
        if (!_cancels(bytes.concat(ONE, ONE_G2, MINUS_ONE, ONE_G2))) {
            revert Bls12381_NoAnswer(PAIRING);
        }

        // INVARIANT IV-40: nor where every signature would be good.
        if (_cancels(bytes.concat(ONE, ONE_G2, ONE, ONE_G2))) revert Bls12381_NoAnswer(PAIRING);
    }

    /// @dev Whether a signature is that of a message by the holder of a key. Reverts if one of both
    ///      is no point of its group; the neutral point is one, so the caller refuses neutral keys.
    /// @param key Point of G1.
    /// @param message What was signed.
    /// @param tag Says for what.
    /// @param signature Point of G2.
    /// @return signed True if it is.
    function isSigned(
        bytes memory key,
        bytes memory message,
        bytes memory tag,
        bytes memory signature
    ) internal view returns (bool signed) {
        signed = _cancels(bytes.concat(key, hashToG2(message, tag), MINUS_ONE, signature));
    }

    /// @dev The sum of two points of G1's curve.
    /// @param left Point.
    /// @param right Point.
    /// @return sum Point.
    function add(bytes memory left, bytes memory right) internal view returns (bytes memory sum) {
        sum = _call(G1_ADD, bytes.concat(left, right), G1_BYTES);
    }

    /// @dev Whether a point of G1 is the neutral one, which is written as zeros.
    /// @param point Point.
    /// @return neutral True if it is.
    function isNeutral(bytes memory point) internal pure returns (bool neutral) {
        neutral = keccak256(point) == keccak256(new bytes(G1_BYTES));
    }

    /// @dev The 48 bytes of a point of G1 other than the neutral one, as keys are written in files.
    /// @param point Point.
    /// @return short Compressed, in ZCash's form.
    function compress(bytes calldata point) internal pure returns (bytes memory short) {
        uint256 high = uint256(bytes32(point[64:96]));
        bool larger =
            high > HALF_HIGH || (high == HALF_HIGH && uint256(bytes32(point[96:128])) > HALF_LOW);
        short = point[16:64];
        short[0] |= larger ? bytes1(0xa0) : bytes1(0x80);
    }

    /// @dev Hashes a message to a point of G2, RFC 9380 section 3: two elements, mapped and added.
    ///      The precompile clears the cofactor of each, which is the same as clearing that of the sum.
    /// @param message What is hashed.
    /// @param tag Says for what, at most 255 bytes.
    /// @return point Point of G2.
    function hashToG2(bytes memory message, bytes memory tag)
        internal
        view
        returns (bytes memory point)
    {
        bytes32[8] memory uniform = _expand(message, tag);
        bytes memory first =
            bytes.concat(_reduced(uniform[0], uniform[1]), _reduced(uniform[2], uniform[3]));
        bytes memory second =
            bytes.concat(_reduced(uniform[4], uniform[5]), _reduced(uniform[6], uniform[7]));
        point = _call(
            G2_ADD,
            bytes.concat(_call(MAP_TO_G2, first, G2_BYTES), _call(MAP_TO_G2, second, G2_BYTES)),
            G2_BYTES
        );
    }

    /// @dev expand_message_xmd of RFC 9380, section 5.3.1, with SHA-256, for 256 bytes.
    function _expand(bytes memory message, bytes memory tag)
        private
        pure
        returns (bytes32[8] memory uniform)
    {
        bytes memory end = bytes.concat(tag, bytes1(uint8(tag.length)));
        bytes32 start = sha256(bytes.concat(new bytes(64), message, hex"010000", end));
        bytes32 last = bytes32(0);
        for (uint8 i; i < 8; ++i) {
            last = sha256(bytes.concat(start ^ last, bytes1(i + 1), end));
            uniform[i] = last;
        }
    }

    /// @dev 64 bytes as a number modulo the prime, in 64 bytes.
    function _reduced(bytes32 high, bytes32 low) private view returns (bytes memory number) {
        number = _call(
            MODEXP,
            bytes.concat(
                bytes32(uint256(64)),
                bytes32(uint256(1)),
                bytes32(uint256(64)),
                high,
                low,
                hex"01",
                PRIME
            ),
            64
        );
    }

    /// @dev Whether the product of pairings is one. The precompile checks every point's subgroup.
    function _cancels(bytes memory pairs) private view returns (bool one) {
        one = abi.decode(_call(PAIRING, pairs, 32), (uint256)) == 1;
    }

    function _call(address precompile, bytes memory input, uint256 size)
        private
        view
        returns (bytes memory answer)
    {
        // slither-disable-next-line low-level-calls
        (bool ok, bytes memory found) = precompile.staticcall(input);

        // INVARIANT IV-49: an empty answer is no answer, whatever the call says of itself.
        if (!ok || found.length != size) revert Bls12381_NoAnswer(precompile);
        answer = found;
    }
}
