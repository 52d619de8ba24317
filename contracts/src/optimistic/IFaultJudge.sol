// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IDisputeGame} from "./IDisputeGame.sol";
import {IStepVerifier} from "./IStepVerifier.sol";

/// @title IFaultJudge
/// @notice Says whether a proof shows that a trace is wrong.
interface IFaultJudge {
    /// @notice What a proof is checked against.
    /// @param verifier Judges steps.
    /// @param inputRoot As asserted.
    /// @param traceRoot As asserted.
    /// @param facts Of the program.
    struct Trace {
        IStepVerifier verifier;
        bytes32 inputRoot;
        bytes32 traceRoot;
        IDisputeGame.ProgramFacts facts;
    }

    /// @notice Reverts unless the trace is wrong.
    /// @param trace What was asserted.
    /// @param kind What is said to be wrong.
    /// @param proof `abi.encode` of the struct for this kind.
    /// @return node Where: the node, if the fault is in a tensor.
    /// @return place The element, or the position of the padded subtree or leaf.
    function check(Trace calldata trace, IDisputeGame.FaultKind kind, bytes calldata proof)
        external
        view
        returns (uint32 node, uint256 place);
}
