// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {IInferenceVerifier} from "../../src/inference/IInferenceVerifier.sol";
import {InferenceVerifier} from "../../src/inference/InferenceVerifier.sol";
import {TeeDoor} from "../../src/inference/TeeDoor.sol";
import {VerifiedInference} from "../../src/inference/VerifiedInference.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {AttestationKit} from "../tee/AttestationKit.sol";
import {Samples} from "./Samples.sol";

/// @notice Remembers one output for each request, and takes evidence of one backend for it.
contract Remembers is VerifiedInference {
    string private _backend;

    mapping(bytes32 request => bytes32 outputRoot) public outputOf;

    constructor(IInferenceVerifier router, bytes32 recordId, bool simulated, string memory backend)
        VerifiedInference(router, recordId, simulated)
    {
        _backend = backend;
    }

    function answer(
        bytes32 inputRoot,
        bytes32 outputRoot,
        bytes32 request,
        IInferenceVerifier.Evidence[] calldata evidence
    ) external returns (bytes32 statementDigest) {
        statementDigest = _useInference(inputRoot, outputRoot, request, evidence);
        outputOf[request] = outputRoot;
    }

    function _accepted() internal view override returns (IInferenceVerifier.Clause[] memory anyOf) {
        anyOf = _only(_backend);
    }
}

/// @notice An answer counts once, for one contract, one caller and one request, on evidence that the
///         contract asks for: here answers of an enclave whose key stands in a real registry.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract VerifiedInference_Test is AttestationKit {
    bytes32 private constant BASE = keccak256("key without registry");
    bytes32 private constant REQUEST = keccak256("request");
    address private constant ALICE = OWNER;

    InferenceVerifier private _router;
    Remembers private _consumer;
    bytes32 private _recordId;
    bytes32 private _programRoot;

    function setUp() public override {
        super.setUp();
        IModelRegistry records = new ModelRegistry();
        bytes memory place = bytes.concat(bytes32(block.chainid), bytes20(address(registry)));
        bytes memory label = bytes.concat("verifiable/tee-key-on-chain/v1", hex"00");
        bytes32 key =
            keccak256(bytes.concat(label, BASE, place, address(registry).codehash, hex"00"));
        _recordId = Samples.register(records, Samples.program(), Samples.TEE, key);
        _programRoot = records.programOf(_recordId);
        _allow(_workload(), _programRoot);
        _register(_quote());
        _router =
            new InferenceVerifier(records, Samples.NONE, Samples.NONE, new TeeDoor(), Samples.NONE);
        _consumer = new Remembers(_router, _recordId, false, "tee");
    }

    function test_useInference_succeeds() external {
        bytes32 context = _consumer.contextOf(ALICE, REQUEST);
        IInferenceVerifier.Evidence[] memory evidence = _evidence(ENCLAVE, context);
        vm.prank(ALICE);
        bytes32 digest = _consumer.answer(INPUT, OUTPUT, REQUEST, evidence);
        IEvidenceDoor.Statement memory said =
            IEvidenceDoor.Statement(_programRoot, INPUT, OUTPUT, context);
        vm.assertEq(digest, Samples.digestOf(said), "digest");
        vm.assertTrue(_consumer.consumed(ALICE, digest), "consumed");
        vm.assertEq(_consumer.outputOf(REQUEST), OUTPUT, "output");
    }

    function test_contextOf_succeeds() external {
        bytes32 context = _consumer.contextOf(ALICE, REQUEST);
        bytes32 label = keccak256("verifiable/inference/context/v1");
        bytes32 expected =
            keccak256(abi.encode(label, block.chainid, address(_consumer), ALICE, REQUEST));
        vm.assertEq(context, expected, "context");
        cheats.chainId(block.chainid + 1);
        vm.assertTrue(_consumer.contextOf(ALICE, REQUEST) != context, "one for two chains");
    }

    function test_useInference_IV60_forAnother_reverts() external {
        IInferenceVerifier.Evidence[] memory evidence =
            _evidence(ENCLAVE, _consumer.contextOf(ALICE, REQUEST));
        Remembers other = new Remembers(_router, _recordId, false, "tee");
        vm.prank(MALLORY);
        cheats.expectRevert();
        _consumer.answer(INPUT, OUTPUT, REQUEST, evidence); // another caller
        vm.prank(ALICE);
        cheats.expectRevert();
        _consumer.answer(INPUT, OUTPUT, PROGRAM, evidence); // another request
        vm.prank(ALICE);
        cheats.expectRevert();
        other.answer(INPUT, OUTPUT, REQUEST, evidence); // another contract
        vm.prank(ALICE);
        _consumer.answer(INPUT, OUTPUT, REQUEST, evidence);
    }

    function test_useInference_IV61_ownPolicy_reverts() external {
        Remembers strict = new Remembers(_router, _recordId, false, "ezkl");
        IInferenceVerifier.Evidence[] memory evidence =
            _evidence(ENCLAVE, strict.contextOf(ALICE, REQUEST));
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceVerifier.InferenceVerifier_PolicyNotMet.selector)
        );
        strict.answer(INPUT, OUTPUT, REQUEST, evidence);
    }

    function test_useInference_IV62_twice_reverts() external {
        bytes32 context = _consumer.contextOf(ALICE, REQUEST);
        IInferenceVerifier.Evidence[] memory evidence = _evidence(ENCLAVE, context);
        vm.prank(ALICE);
        bytes32 digest = _consumer.answer(INPUT, OUTPUT, REQUEST, evidence);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                VerifiedInference.VerifiedInference_AlreadyUsed.selector, ALICE, digest
            )
        );
        _consumer.answer(INPUT, OUTPUT, REQUEST, evidence);
    }

    /// @dev Evidence of a statement by another key has other bytes, and says the same.
    function test_useInference_IV62_otherEvidence_reverts() external {
        bytes memory quote = _quote(ENCLAVE + 1);
        bytes memory pop = _pop(quote, ENCLAVE + 1);
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
        bytes32 context = _consumer.contextOf(ALICE, REQUEST);
        IInferenceVerifier.Evidence[] memory evidence = _evidence(ENCLAVE, context);
        vm.prank(ALICE);
        bytes32 digest = _consumer.answer(INPUT, OUTPUT, REQUEST, evidence);
        evidence = _evidence(ENCLAVE + 1, context);
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                VerifiedInference.VerifiedInference_AlreadyUsed.selector, ALICE, digest
            )
        );
        _consumer.answer(INPUT, OUTPUT, REQUEST, evidence);
    }

    function test_useInference_simulated_reverts() external {
        platformId = _admit(PCK, false);
        bytes memory quote = _quote(ENCLAVE + 1);
        bytes memory pop = _pop(quote, ENCLAVE + 1);
        registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop);
        IInferenceVerifier.Evidence[] memory evidence =
            _evidence(ENCLAVE + 1, _consumer.contextOf(ALICE, REQUEST));
        vm.prank(ALICE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceVerifier.InferenceVerifier_Simulated.selector, Samples.TEE
            )
        );
        _consumer.answer(INPUT, OUTPUT, REQUEST, evidence);

        Remembers rehearsal = new Remembers(_router, _recordId, true, "tee");
        evidence = _evidence(ENCLAVE + 1, rehearsal.contextOf(ALICE, REQUEST));
        vm.prank(ALICE);
        rehearsal.answer(INPUT, OUTPUT, REQUEST, evidence);
    }

    function test_constructor_unknownRecord_reverts() external {
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.ModelRegistry_UnknownRecord.selector, PROGRAM)
        );
        new Remembers(_router, PROGRAM, false, "tee");
    }

    function _evidence(uint256 enclave, bytes32 context)
        private
        view
        returns (IInferenceVerifier.Evidence[] memory evidence)
    {
        evidence = new IInferenceVerifier.Evidence[](1);
        evidence[0].backend = Samples.TEE;
        evidence[0].proof = abi.encode(
            BASE,
            block.chainid,
            address(registry),
            address(registry).codehash,
            false,
            _sign(enclave, _inference(_programRoot, context))
        );
    }
}
