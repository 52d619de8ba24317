// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IStepVerifier} from "./IStepVerifier.sol";

/// @title IStepRouter
/// @notice A step verifier that hands each node to one of several contracts, fixed for good.
interface IStepRouter is IStepVerifier {
    /// @notice Digest over the code of the contracts that judge.
    /// @return digest Changes with any rule.
    function familyCodeHashes() external view returns (bytes32 digest);
}
