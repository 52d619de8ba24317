// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title P256Verify
/// @notice ECDSA over secp256r1 by the precompile P256VERIFY (EIP-7951, RIP-7212).
/// @dev The precompile answers a bad signature with a call that succeeds and returns nothing, which
///      is also what a chain without it answers, to good ones too.
library P256Verify {
    /// @notice Where the precompile is.
    address internal constant PRECOMPILE = address(0x100);

    /// @notice The chain has no P256VERIFY at 0x100, or one that answers oddly.
    error P256Verify_Missing();

    /// @dev Reverts unless the precompile tells a good signature from a bad one. The first vector
    ///      is that of RFC 6979, A.2.5, for SHA-256 and the message "sample".
    function requirePrecompile() internal view {
        bytes32 digest = 0xaf2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf;
        bytes32 r = 0xefd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716;
        bytes32 s = 0xf7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8;
        bytes32 x = 0x60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6;
        bytes32 y = 0x7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299;

        // INVARIANT AR-1: nothing is deployed where a quote's signatures cannot be judged.
        if (!isSigned(digest, r, s, x, y)) revert P256Verify_Missing();

        // INVARIANT AR-1: nor where every signature would be good.
        if (isSigned(~digest, r, s, x, y)) revert P256Verify_Missing();
    }

    /// @dev Whether (r, s) is a signature of a digest by the key (x, y).
    /// @param digest SHA-256 of the message.
    /// @param r First part.
    /// @param s Second part; (r, n - s) is a signature too.
    /// @param x Coordinate of the key.
    /// @param y Coordinate of the key.
    /// @return signed True if the precompile says so, in just the form that it has to.
    function isSigned(bytes32 digest, bytes32 r, bytes32 s, bytes32 x, bytes32 y)
        internal
        view
        returns (bool signed)
    {
        // slither-disable-next-line low-level-calls
        (bool ok, bytes memory answer) = PRECOMPILE.staticcall(abi.encode(digest, r, s, x, y));

        // INVARIANT AR-1: an empty answer is no "yes", whatever the call says of itself.
        signed = ok && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }
}
