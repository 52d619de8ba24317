// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {IInferenceVerifier} from "../../src/inference/IInferenceVerifier.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";

/// @notice What tests of the router and its doors share.
library Samples {
    bytes4 internal constant EZKL = bytes4(keccak256("ezkl"));
    bytes4 internal constant GKR = bytes4(keccak256("gkr"));
    bytes4 internal constant OPTIMISTIC = bytes4(keccak256("optimistic"));
    bytes4 internal constant TEE = bytes4(keccak256("tee"));
    bytes4 internal constant QUORUM = bytes4(keccak256("quorum"));
    IEvidenceDoor internal constant NONE = IEvidenceDoor(address(0));

    function program() internal pure returns (IModelRegistry.Program memory) {
        return IModelRegistry.Program({
            specVersion: 1,
            leafLog2: 10,
            graphRoot: keccak256("graph"),
            weightsRoot: keccak256("weights"),
            tablesRoot: bytes32(0),
            schema: abi.encode("schema")
        });
    }

    function register(
        IModelRegistry registry,
        IModelRegistry.Program memory what,
        bytes4 backend,
        bytes32 keyDigest
    ) internal returns (bytes32) {
        IModelRegistry.BackendKey[] memory keys = new IModelRegistry.BackendKey[](1);
        keys[0] = IModelRegistry.BackendKey(backend, keyDigest);
        return registry.registerModel(what, keys, false, "");
    }

    /// @dev Written another way than the contracts write it.
    function digestOf(IEvidenceDoor.Statement memory said) internal pure returns (bytes32) {
        bytes memory roots = bytes.concat(said.programRoot, said.inputRoot, said.outputRoot);
        return keccak256(bytes.concat(hex"0a", roots, said.context));
    }

    function pinned(bytes32 programRoot, bytes32 keyDigest)
        internal
        pure
        returns (IEvidenceDoor.Pinned memory)
    {
        return IEvidenceDoor.Pinned({
            recordId: keccak256("record"),
            programRoot: programRoot,
            schemaHash: keccak256("schema"),
            specVersion: 1,
            leafLog2: 5,
            keyDigest: keyDigest
        });
    }

    function clause(uint8 threshold, bytes4 only)
        internal
        pure
        returns (IInferenceVerifier.Clause memory)
    {
        bytes4[] memory backends = new bytes4[](1);
        backends[0] = only;
        return IInferenceVerifier.Clause(threshold, backends);
    }

    function clause(uint8 threshold, bytes4 first, bytes4 second)
        internal
        pure
        returns (IInferenceVerifier.Clause memory)
    {
        bytes4[] memory backends = new bytes4[](2);
        (backends[0], backends[1]) = (first, second);
        return IInferenceVerifier.Clause(threshold, backends);
    }
}
