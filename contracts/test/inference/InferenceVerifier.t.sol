// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ModelRegistry} from "../../src/ModelRegistry.sol";
import {IEvidenceDoor} from "../../src/inference/IEvidenceDoor.sol";
import {IInferenceVerifier} from "../../src/inference/IInferenceVerifier.sol";
import {InferenceVerifier} from "../../src/inference/InferenceVerifier.sol";
import {IModelRegistry} from "../../src/interfaces/IModelRegistry.sol";
import {RegistryKit} from "../utils/RegistryKit.sol";
import {Samples} from "./Samples.sol";

/// @notice A door whose evidence says what it answers: what it is asked shows what the router sends.
contract ScriptedDoor is IEvidenceDoor {
    bytes32 public asked;

    error ScriptedDoor_Refused();

    function check(
        Pinned calldata pinned,
        Statement calldata statement,
        bytes32 statementDigest,
        bytes calldata proof
    ) external returns (bool simulated) {
        asked = keccak256(abi.encode(pinned, statement, statementDigest, proof));
        if (keccak256(proof) == keccak256("refused")) revert ScriptedDoor_Refused();
        simulated = keccak256(proof) == keccak256("simulated");
    }

    function version() external pure returns (string memory) {
        return "scripted";
    }
}

/// @notice The router asks for the key that a record pins, and takes nothing that was not asked for.
contract InferenceVerifier_Test is RegistryKit {
    bytes4 private constant OPTIMISTIC = Samples.OPTIMISTIC;
    bytes4 private constant TEE = Samples.TEE;
    bytes4 private constant QUORUM = Samples.QUORUM;
    bytes private constant GOOD = "good";
    bytes private constant SIMULATED = "simulated";

    ScriptedDoor private _ezkl;
    ScriptedDoor private _optimistic;
    ScriptedDoor private _tee;
    InferenceVerifier private _router;
    bytes32 private _recordId;

    function setUp() public override {
        super.setUp();
        _ezkl = new ScriptedDoor();
        _optimistic = new ScriptedDoor();
        _tee = new ScriptedDoor();
        _router = new InferenceVerifier(registry, _ezkl, _optimistic, _tee, Samples.NONE);
        _recordId = _registered();
        vm.prank(ALICE);
        registry.addBackend(_recordId, EZKL, KEY);
        vm.prank(ALICE);
        registry.addBackend(_recordId, OPTIMISTIC, OTHER_KEY);
        vm.prank(ALICE);
        registry.addBackend(_recordId, TEE, keccak256("a third key"));
    }

    // --- what is asked

    function test_verify_asksTheBackendsDoor_succeeds() external {
        bytes32 digest = _router.verify(_recordId, _statement(), OPTIMISTIC, GOOD);
        vm.assertEq(digest, Samples.digestOf(_statement()), "digest");
        IEvidenceDoor.Pinned memory pinned = IEvidenceDoor.Pinned({
            recordId: _recordId,
            programRoot: _rootOf(_program()),
            schemaHash: _schemaHash(_program()),
            specVersion: 1,
            leafLog2: 10,
            keyDigest: OTHER_KEY
        });
        bytes32 expected = keccak256(abi.encode(pinned, _statement(), digest, GOOD));
        vm.assertEq(_optimistic.asked(), expected, "asked");
        vm.assertEq(_ezkl.asked(), bytes32(0), "another door");

        _router.verify(_recordId, _statement(), EZKL, GOOD);
        pinned.keyDigest = KEY;
        expected = keccak256(abi.encode(pinned, _statement(), digest, GOOD));
        vm.assertEq(_ezkl.asked(), expected, "asked");
    }

    function test_views_succeeds() external view {
        vm.assertEq(address(_router.registry()), address(registry), "registry");
        vm.assertEq(address(_router.doorOf(EZKL)), address(_ezkl), "ezkl");
        vm.assertEq(address(_router.doorOf(OPTIMISTIC)), address(_optimistic), "optimistic");
        vm.assertEq(address(_router.doorOf(TEE)), address(_tee), "tee");
        vm.assertEq(address(_router.doorOf(QUORUM)), address(0), "quorum");
        vm.assertEq(address(_router.doorOf(GKR)), address(0), "gkr");
        vm.assertEq(_router.version(), "1.0.0", "version");
    }

    function test_verify_deprecatedRecord_succeeds() external {
        vm.prank(ALICE);
        registry.deprecate(_recordId, bytes32(0));
        _router.verify(_recordId, _statement(), EZKL, GOOD);
    }

    // --- one guard each

    function test_constructor_IV1_noCode_reverts() external {
        IEvidenceDoor empty = IEvidenceDoor(MALLORY);
        bytes memory why =
            abi.encodeWithSelector(IInferenceVerifier.InferenceVerifier_NoCode.selector, MALLORY);
        vm.expectRevert(why);
        new InferenceVerifier(IModelRegistry(MALLORY), _ezkl, _optimistic, _tee, Samples.NONE);
        vm.expectRevert(why);
        new InferenceVerifier(registry, empty, _optimistic, _tee, Samples.NONE);
        vm.expectRevert(why);
        new InferenceVerifier(registry, _ezkl, empty, _tee, Samples.NONE);
        vm.expectRevert(why);
        new InferenceVerifier(registry, _ezkl, _optimistic, empty, Samples.NONE);
        vm.expectRevert(why);
        new InferenceVerifier(registry, _ezkl, _optimistic, _tee, empty);
    }

    function test_verify_IV2_otherProgram_reverts() external {
        IEvidenceDoor.Statement memory said = _statement();
        said.programRoot = _rootOf(_otherProgram());
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceVerifier.InferenceVerifier_WrongProgram.selector,
                said.programRoot,
                _rootOf(_program())
            )
        );
        _router.verify(_recordId, said, EZKL, GOOD);
    }

    function test_verify_unknownRecord_reverts() external {
        _expectUnknown(UNKNOWN);
        _router.verify(UNKNOWN, _statement(), EZKL, GOOD);
    }

    function test_verify_IV3_noKey_reverts() external {
        ModelRegistry records = new ModelRegistry();
        InferenceVerifier router =
            new InferenceVerifier(records, _ezkl, _optimistic, _tee, Samples.NONE);
        bytes32 recordId = Samples.register(records, _program(), EZKL, KEY);
        router.verify(recordId, _statement(), EZKL, GOOD);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceVerifier.InferenceVerifier_NoKey.selector, recordId, TEE
            )
        );
        router.verify(recordId, _statement(), TEE, GOOD);
    }

    function test_verify_IV4_noDoor_reverts() external {
        _addKey(QUORUM);
        _refuses(IInferenceVerifier.InferenceVerifier_NoDoor.selector, QUORUM);
        _router.verify(_recordId, _statement(), QUORUM, GOOD);
    }

    function test_verify_IV4_offChain_reverts() external {
        _addKey(GKR);
        _refuses(IInferenceVerifier.InferenceVerifier_VerifiedOffChain.selector, GKR);
        _router.verify(_recordId, _statement(), GKR, GOOD);
    }

    function test_verify_IV4_unknownBackend_reverts() external {
        bytes4 unknown = bytes4(keccak256("zkvm"));
        _addKey(unknown);
        _refuses(IInferenceVerifier.InferenceVerifier_UnknownBackend.selector, unknown);
        _router.verify(_recordId, _statement(), unknown, GOOD);
    }

    function test_verify_IV5_simulated_reverts() external {
        _refuses(IInferenceVerifier.InferenceVerifier_Simulated.selector, TEE);
        _router.verify(_recordId, _statement(), TEE, SIMULATED);
        _router.verifySimulated(_recordId, _statement(), TEE, SIMULATED);
        _router.verifySimulated(_recordId, _statement(), TEE, GOOD);
    }

    function test_verify_doorRefuses_reverts() external {
        vm.expectRevert(abi.encodeWithSelector(ScriptedDoor.ScriptedDoor_Refused.selector));
        _router.verify(_recordId, _statement(), TEE, "refused");
        vm.expectRevert(abi.encodeWithSelector(ScriptedDoor.ScriptedDoor_Refused.selector));
        _router.verifySimulated(_recordId, _statement(), TEE, "refused");
    }

    // --- policies: ezkl, or tee and optimistic

    function test_verifyPolicy_met_succeeds() external {
        bytes32 digest = Samples.digestOf(_statement());
        vm.assertEq(_policy(_brought(EZKL, GOOD)), digest, "any of");
        vm.assertEq(_policy(_brought(OPTIMISTIC, GOOD, TEE, GOOD)), digest, "all of");
        vm.assertEq(_policy(_brought(TEE, GOOD, EZKL, GOOD)), digest, "more than needed");
        IInferenceVerifier.Clause[] memory kOfN = new IInferenceVerifier.Clause[](1);
        kOfN[0].threshold = 2;
        kOfN[0].backends = new bytes4[](3);
        (kOfN[0].backends[0], kOfN[0].backends[1], kOfN[0].backends[2]) = (EZKL, OPTIMISTIC, TEE);
        _router.verifyPolicy(_recordId, _statement(), kOfN, _brought(TEE, GOOD, EZKL, GOOD));
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceVerifier.InferenceVerifier_PolicyNotMet.selector)
        );
        _router.verifyPolicy(_recordId, _statement(), kOfN, _brought(TEE, GOOD));
    }

    function test_verifyPolicy_IV5_simulated_reverts() external {
        _refuses(IInferenceVerifier.InferenceVerifier_Simulated.selector, TEE);
        _policy(_brought(OPTIMISTIC, GOOD, TEE, SIMULATED));
        IInferenceVerifier.Evidence[] memory both = _brought(OPTIMISTIC, GOOD, TEE, SIMULATED);
        _router.verifyPolicySimulated(_recordId, _statement(), _clauses(), both);
    }

    function test_verifyPolicy_IV6_sameBackendTwice_reverts() external {
        _refuses(IInferenceVerifier.InferenceVerifier_SameBackendTwice.selector, TEE);
        _policy(_brought(TEE, GOOD, TEE, GOOD));
    }

    function test_verifyPolicy_IV7_badClause_reverts() external {
        IInferenceVerifier.Clause[] memory clauses = _clauses();
        clauses[1] = Samples.clause(0, TEE, OPTIMISTIC);
        _refusesClause(clauses, 1);
        clauses[1] = Samples.clause(3, TEE, OPTIMISTIC);
        _refusesClause(clauses, 1);
        clauses[1] = Samples.clause(2, TEE, TEE);
        _refusesClause(clauses, 1);
        clauses[1] = IInferenceVerifier.Clause(0, new bytes4[](0));
        _refusesClause(clauses, 1);
        clauses[0] = Samples.clause(0, EZKL);
        _refusesClause(clauses, 0);
    }

    function test_verifyPolicy_IV8_allMustHold_reverts() external {
        vm.expectRevert(abi.encodeWithSelector(ScriptedDoor.ScriptedDoor_Refused.selector));
        _policy(_brought(EZKL, GOOD, TEE, "refused"));
        vm.expectRevert(abi.encodeWithSelector(ScriptedDoor.ScriptedDoor_Refused.selector));
        _policy(_brought(TEE, "refused", EZKL, GOOD));
    }

    function test_verifyPolicy_IV9_notMet_reverts() external {
        bytes memory why =
            abi.encodeWithSelector(IInferenceVerifier.InferenceVerifier_PolicyNotMet.selector);
        vm.expectRevert(why);
        _policy(_brought(TEE, GOOD));
        vm.expectRevert(why);
        _policy(new IInferenceVerifier.Evidence[](0));
        vm.expectRevert(why);
        _router.verifyPolicy(
            _recordId, _statement(), new IInferenceVerifier.Clause[](0), _brought(EZKL, GOOD)
        );
    }

    function test_verifyPolicy_IV2_otherProgram_reverts() external {
        IEvidenceDoor.Statement memory said = _statement();
        said.programRoot = UNKNOWN;
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceVerifier.InferenceVerifier_WrongProgram.selector,
                UNKNOWN,
                _rootOf(_program())
            )
        );
        _router.verifyPolicy(_recordId, said, _clauses(), _brought(EZKL, GOOD));
    }

    /// @dev By the definition: every clause is met by the set of backends that were brought.
    function testFuzz_verifyPolicy_succeeds(uint8 threshold, uint8 listed, uint8 brought) external {
        bytes4[3] memory all = [EZKL, OPTIMISTIC, TEE];
        IInferenceVerifier.Clause[] memory clauses = new IInferenceVerifier.Clause[](1);
        clauses[0].backends = new bytes4[](_bits(listed));
        IInferenceVerifier.Evidence[] memory evidence =
            new IInferenceVerifier.Evidence[](_bits(brought));
        (uint256 i, uint256 j) = (0, 0);
        for (uint256 bit = 0; bit < 3; ++bit) {
            if ((listed >> bit) & 1 == 1) clauses[0].backends[i++] = all[bit];
            if ((brought >> bit) & 1 == 1) {
                evidence[j++] = IInferenceVerifier.Evidence(all[bit], GOOD);
            }
        }
        clauses[0].threshold = threshold % 5;
        bool sense = threshold % 5 != 0 && threshold % 5 <= _bits(listed);
        bool met = sense && _bits(listed & brought) >= threshold % 5;
        try _router.verifyPolicy(_recordId, _statement(), clauses, evidence) {
            vm.assertTrue(met, "passed");
        } catch (bytes memory why) {
            vm.assertTrue(!met, "refused");
            vm.assertEq(
                bytes32(bytes4(why)),
                bytes32(
                    sense
                        ? IInferenceVerifier.InferenceVerifier_PolicyNotMet.selector
                        : IInferenceVerifier.InferenceVerifier_BadClause.selector
                ),
                "why"
            );
        }
    }

    // --- samples

    function _bits(uint8 value) private pure returns (uint256) {
        return (value & 1) + ((value >> 1) & 1) + ((value >> 2) & 1);
    }

    function _statement() private pure returns (IEvidenceDoor.Statement memory) {
        return IEvidenceDoor.Statement({
            programRoot: _rootOf(_program()),
            inputRoot: keccak256("input"),
            outputRoot: keccak256("output"),
            context: keccak256("context")
        });
    }

    function _clauses() private pure returns (IInferenceVerifier.Clause[] memory clauses) {
        clauses = new IInferenceVerifier.Clause[](2);
        clauses[0] = Samples.clause(1, EZKL);
        clauses[1] = Samples.clause(2, TEE, OPTIMISTIC);
    }

    function _brought(bytes4 backend, bytes memory proof)
        private
        pure
        returns (IInferenceVerifier.Evidence[] memory evidence)
    {
        evidence = new IInferenceVerifier.Evidence[](1);
        evidence[0] = IInferenceVerifier.Evidence(backend, proof);
    }

    function _brought(bytes4 first, bytes memory proof, bytes4 second, bytes memory other)
        private
        pure
        returns (IInferenceVerifier.Evidence[] memory evidence)
    {
        evidence = new IInferenceVerifier.Evidence[](2);
        evidence[0] = IInferenceVerifier.Evidence(first, proof);
        evidence[1] = IInferenceVerifier.Evidence(second, other);
    }

    function _policy(IInferenceVerifier.Evidence[] memory evidence) private returns (bytes32) {
        return _router.verifyPolicy(_recordId, _statement(), _clauses(), evidence);
    }

    function _addKey(bytes4 backend) private {
        vm.prank(ALICE);
        registry.addBackend(_recordId, backend, KEY);
    }

    function _refuses(bytes4 selector, bytes4 backend) private {
        vm.expectRevert(abi.encodeWithSelector(selector, backend));
    }

    function _refusesClause(IInferenceVerifier.Clause[] memory clauses, uint256 index) private {
        IInferenceVerifier.Evidence[] memory evidence = _brought(TEE, GOOD, OPTIMISTIC, GOOD);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceVerifier.InferenceVerifier_BadClause.selector, index)
        );
        _router.verifyPolicy(_recordId, _statement(), clauses, evidence);
    }
}
