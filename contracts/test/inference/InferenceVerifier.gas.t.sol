// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {IInferenceVerifier} from "../../src/inference/IInferenceVerifier.sol";
import {InferenceVerifier} from "../../src/inference/InferenceVerifier.sol";
import {OptimisticDoor} from "../../src/inference/OptimisticDoor.sol";
import {TeeDoor} from "../../src/inference/TeeDoor.sol";
import {VerifiedInference} from "../../src/inference/VerifiedInference.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {IDisputeGame} from "../../src/optimistic/IDisputeGame.sol";
import {DisputeKit} from "../optimistic/DisputeKit.sol";
import {TinyProgram} from "../optimistic/TinyProgram.sol";
import {AttestationKit} from "../tee/AttestationKit.sol";
import {Samples} from "./Samples.sol";

/// @notice Acts on answers in the smallest way: it says that there was one.
contract Consumer is VerifiedInference {
    event Answered(bytes32 indexed request, bytes32 outputRoot);

    constructor(IInferenceVerifier router, bytes32 recordId)
        VerifiedInference(router, recordId, false)
    {}

    function answer(
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 request,
        IInferenceVerifier.Evidence[] calldata evidence
    ) external {
        _useInference(inputRoot, outputRoot, request, evidence);
        emit Answered(request, outputRoot);
    }

    function _accepted() internal pure override returns (IInferenceVerifier.Clause[] memory) {
        return _only("tee");
    }
}

/// @notice What a transaction to the router costs, as `snapshots/InferenceVerifier.json` records.
/// @dev Each call is a transaction of its own, with its intrinsic gas and cold storage.
/// forge-config: default.isolate = true
/// forge-config: thorough.isolate = true
contract InferenceVerifier_GasOptimistic_Test is DisputeKit {
    function test_gas_optimistic_succeeds() external {
        IDisputeGame.Header memory head = TinyProgram.header(TinyProgram.Kind.Chain);
        IModelRegistry.Program memory program = IModelRegistry.Program(
            head.specVersion,
            head.leafLog2,
            head.graphRoot,
            head.weightsRoot,
            head.tablesRoot,
            head.schema
        );
        bytes32 assertionId = _assert(ALICE, _honest());
        cheats.warp(START + WINDOW);
        game.finalize(assertionId);
        IDisputeGame.Statement memory said = TinyProgram.statement(_honest());
        bytes32 gameKey = game.gameKeyOf(said.programRoot);
        bytes memory proof =
            abi.encode(block.chainid, address(game), address(game).codehash, gameKey);
        bytes memory place = bytes.concat(bytes8(uint64(block.chainid)), bytes20(address(game)));
        bytes memory label = bytes.concat("verifiable/optimistic-key/v1", hex"00", hex"05", "1.0.0");
        bytes32 key = keccak256(bytes.concat(label, place, address(game).codehash, gameKey));
        IModelRegistry records = new ModelRegistry();
        InferenceVerifier verifier = new InferenceVerifier(
            records, Samples.NONE, new OptimisticDoor(), Samples.NONE, Samples.NONE
        );
        bytes32 recordId = Samples.register(records, program, Samples.OPTIMISTIC, key);
        IEvidenceDoor.Statement memory statement = IEvidenceDoor.Statement(
            said.programRoot, said.inputRoot, said.outputRoot, said.context
        );
        verifier.verify(recordId, statement, Samples.OPTIMISTIC, proof);
        vm.assertTrue(
            vm.snapshotGasLastCall("InferenceVerifier", "verify, optimistic") > 21_000,
            "not isolated"
        );
    }
}

/// @notice The same for answers of enclaves.
/// forge-config: default.isolate = true
/// forge-config: thorough.isolate = true
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract InferenceVerifier_GasTee_Test is AttestationKit {
    function test_gas_tee_succeeds() external {
        bytes32 base = keccak256("key without registry");
        bytes memory place = bytes.concat(bytes32(block.chainid), bytes20(address(registry)));
        bytes memory label = bytes.concat("verifiable/tee-key-on-chain/v1", hex"00");
        bytes32 codeHash = address(registry).codehash;
        bytes32 key = keccak256(bytes.concat(label, base, place, codeHash, hex"01"));
        IModelRegistry records = new ModelRegistry();
        InferenceVerifier verifier =
            new InferenceVerifier(records, Samples.NONE, Samples.NONE, new TeeDoor(), Samples.NONE);
        bytes32 recordId = Samples.register(records, Samples.program(), Samples.TEE, key);
        bytes32 root = records.programOf(recordId);
        _allow(_workload(), root);
        _register(_quote());
        bytes memory proof = abi.encode(
            base, block.chainid, address(registry), codeHash, true, _answer(ENCLAVE, root)
        );
        verifier.verify(
            recordId, IEvidenceDoor.Statement(root, INPUT, OUTPUT, CONTEXT), Samples.TEE, proof
        );
        vm.assertTrue(
            vm.snapshotGasLastCall("InferenceVerifier", "verify, tee") > 21_000, "not isolated"
        );
        _useOnce(verifier, recordId, proof);
    }

    /// @dev The same evidence, once, by a contract that relies on the router.
    function _useOnce(InferenceVerifier verifier, bytes32 recordId, bytes memory proof) private {
        Consumer consumer = new Consumer(verifier, recordId);
        bytes32 request = keccak256("request");
        bytes32 root = verifier.registry().programOf(recordId);
        bytes32 context = consumer.contextOf(OWNER, request);
        bytes memory head = _slice(proof, 0, 192);
        IInferenceVerifier.Evidence[] memory evidence = new IInferenceVerifier.Evidence[](1);
        bytes memory sig = _sign(ENCLAVE, _inference(root, context));
        evidence[0] = IInferenceVerifier.Evidence(
            Samples.TEE, bytes.concat(head, bytes32(uint256(65)), sig, new bytes(31))
        );
        vm.prank(OWNER);
        consumer.answer(INPUT, OUTPUT, request, evidence);
        vm.assertTrue(
            vm.snapshotGasLastCall(
                "InferenceVerifier", "tee, used once, by a contract with VerifiedInference"
            ) > 21_000,
            "not isolated"
        );
    }
}
