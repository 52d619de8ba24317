// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title IReusableVerifier
/// @notice The functions of the contract that ezkl writes for all circuits.
/// @dev Neither its source nor its code is part of this project: the installed ezkl writes it. What
///      `verifyProof` returns is not what ezkl declares, so no result is declared here.
interface IReusableVerifier {
    /// @notice Makes an artifact known; open to anybody, so it says nothing of the artifact.
    /// @param vka Words of a verification key artifact.
    /// @return digest keccak-256 over the words.
    function registerVka(bytes32[] calldata vka) external returns (bytes32 digest);

    /// @notice Reverts unless a proof fits an artifact and public values.
    /// @param proof Halo2 proof.
    /// @param instances Public values.
    /// @param vka Words of a known artifact.
    function verifyProof(bytes calldata proof, uint256[] calldata instances, bytes32[] calldata vka)
        external;
}
