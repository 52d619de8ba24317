// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IStepRouter} from "./IStepRouter.sol";
import {IStepVerifier} from "./IStepVerifier.sol";
import {NodeDescriptor} from "./NodeDescriptor.sol";

/// @title StepRouter
/// @notice Hands each node to the contract that judges its operator.
/// @dev The families are fixed for good. Their code hashes, with this contract's, are part of what a
///      program's registrant vouches for.
contract StepRouter is IStepRouter {
    /// @notice An address has no code, so it can judge nothing.
    /// @param family The address.
    error StepRouter_NoCode(address family);

    /// @dev Opcodes 1 and 2.
    IStepVerifier private immutable LINEAR;

    /// @dev Opcodes 3 to 6.
    IStepVerifier private immutable ELEMENTWISE;

    /// @dev Opcodes 7 and 8.
    IStepVerifier private immutable WINDOW;

    /// @dev Opcodes 9 to 11.
    IStepVerifier private immutable MOVEMENT;

    /// @notice Fixes the families.
    /// @param linear Judges MatMul and Conv.
    /// @param elementwise Judges Affine, Add, Mul and LookupTable.
    /// @param window Judges MaxPool and SumPool.
    /// @param movement Judges Transpose, Concat and Pad.
    constructor(
        IStepVerifier linear,
        IStepVerifier elementwise,
        IStepVerifier window,
        IStepVerifier movement
    ) {
        LINEAR = _deployed(linear);
        ELEMENTWISE = _deployed(elementwise);
        WINDOW = _deployed(window);
        MOVEMENT = _deployed(movement);
    }

    /// @inheritdoc IStepVerifier
    function isFault(
        bytes calldata desc,
        uint8 leafLog2,
        uint256 elem,
        int256 claimed,
        bytes32[] calldata operandRoots,
        bytes calldata witness
    ) external view returns (bool fault) {
        fault = _family(desc).isFault(desc, leafLog2, elem, claimed, operandRoots, witness);
    }

    /// @inheritdoc IStepVerifier
    function checkNode(bytes calldata desc, uint8 leafLog2) external view {
        _family(desc).checkNode(desc, leafLog2);
    }

    /// @notice The families, by their first opcode.
    /// @return linear Judges MatMul and Conv.
    /// @return elementwise Judges Affine, Add, Mul and LookupTable.
    /// @return window Judges MaxPool and SumPool.
    /// @return movement Judges Transpose, Concat and Pad.
    function families()
        external
        view
        returns (
            IStepVerifier linear,
            IStepVerifier elementwise,
            IStepVerifier window,
            IStepVerifier movement
        )
    {
        (linear, elementwise, window, movement) = (LINEAR, ELEMENTWISE, WINDOW, MOVEMENT);
    }

    /// @inheritdoc IStepRouter
    /// @dev keccak256 of their code hashes, by first opcode.
    function familyCodeHashes() external view returns (bytes32 digest) {
        digest = keccak256(
            abi.encode(
                address(LINEAR).codehash,
                address(ELEMENTWISE).codehash,
                address(WINDOW).codehash,
                address(MOVEMENT).codehash
            )
        );
    }

    /// @notice Version of the rules.
    /// @return number Semantic version.
    function version() external pure returns (string memory number) {
        number = "1.0.0";
    }

    /// @dev Who judges a node.
    /// @param desc `abi.encode(NodeDesc)`; the family decodes it in full.
    /// @return family The contract.
    function _family(bytes calldata desc) private view returns (IStepVerifier family) {
        uint256 opcode = NodeDescriptor.opcodeOf(desc);
        if (opcode == 0 || opcode > 11) revert Step_Unsupported(Unsupported.Opcode);
        if (opcode <= 2) return LINEAR;
        if (opcode <= 6) return ELEMENTWISE;
        family = opcode <= 8 ? WINDOW : MOVEMENT;
    }

    /// @dev Refuses an address without code.
    /// @param family The address.
    /// @return same The address.
    function _deployed(IStepVerifier family) private view returns (IStepVerifier same) {
        if (address(family).code.length == 0) revert StepRouter_NoCode(address(family));
        same = family;
    }
}
