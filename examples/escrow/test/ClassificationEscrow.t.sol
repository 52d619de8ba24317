// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClassificationEscrow} from "../src/ClassificationEscrow.sol";
import {AttestationKit} from "verifiable-test/tee/AttestationKit.sol";
import {ModelRegistry} from "verifiable/ModelRegistry.sol";
import {IEvidenceDoor} from "verifiable/inference/IEvidenceDoor.sol";
import {IInferenceVerifier} from "verifiable/inference/IInferenceVerifier.sol";
import {InferenceVerifier} from "verifiable/inference/InferenceVerifier.sol";
import {TeeDoor} from "verifiable/inference/TeeDoor.sol";
import {VerifiedInference} from "verifiable/inference/VerifiedInference.sol";
import {IModelRegistry} from "verifiable/interfaces/IModelRegistry.sol";
import {IDisputeGame} from "verifiable/optimistic/IDisputeGame.sol";

/// @notice The same escrow, content with an enclave's word: forge can make that by itself.
contract EnclaveEscrow is ClassificationEscrow {
    constructor(IInferenceVerifier router, bytes32 recordId, bytes memory schema)
        ClassificationEscrow(router, recordId, false, schema)
    {}

    function _accepted() internal pure override returns (IInferenceVerifier.Clause[] memory) {
        return _only("tee");
    }
}

/// @notice Takes no coins.
contract Penniless {
    function claim(
        ClassificationEscrow escrow,
        bytes calldata output,
        IInferenceVerifier.Evidence[] calldata evidence
    ) external {
        escrow.claim(0, output, evidence);
        escrow.withdraw();
    }
}

/// @notice What the escrow pays for and what it refuses, with a real router and real signatures.
/// forge-config: default.hardfork = "osaka"
contract ClassificationEscrow_Test is AttestationKit {
    bytes32 private constant BASE = keccak256("key without registry");
    address private constant BUYER = address(0xb0b);
    address private constant SELLER = address(0x5e11e4);
    uint256 private constant PRICE = 1 ether;

    /// @dev Four outputs of two bytes: -5, 300, 7, 299.
    bytes private constant SCORES = hex"fffb012c0007012b";

    InferenceVerifier private _router;
    EnclaveEscrow private _escrow;
    IModelRegistry private _records;
    bytes32 private _recordId;
    bytes32 private _programRoot;
    uint64 private _deadlineOfOffer;

    function setUp() public override {
        super.setUp();
        _records = new ModelRegistry();
        (_recordId, _programRoot) = _record(_schema(1, 2), true);
        _allow(_workload(), _programRoot);
        _register(_quote());
        IEvidenceDoor none = IEvidenceDoor(address(0));
        _router = new InferenceVerifier(_records, none, none, new TeeDoor(), none);
        _escrow = new EnclaveEscrow(_router, _recordId, _schema(1, 2));
        _deadlineOfOffer = uint64(block.timestamp + 1 hours);
        _give(BUYER, 10 ether);
        vm.prank(BUYER);
        _escrow.deposit{value: PRICE}(INPUT, 1, _deadlineOfOffer);
    }

    function test_constructor_readsTheSchema() external view {
        vm.assertEq(_escrow.CLASSES(), 4, "classes");
        vm.assertEq(_escrow.WIDTH(), 2, "width");
    }

    function test_constructor_otherSchema_reverts() external {
        bytes memory schema = _schema(1, 4);
        bytes32 found = keccak256(bytes.concat(hex"0c", schema));
        bytes32 registered = _records.recordOf(_recordId).schemaHash;
        vm.expectRevert(
            abi.encodeWithSelector(
                ClassificationEscrow.ClassificationEscrow_WrongSchema.selector, found, registered
            )
        );
        new EnclaveEscrow(_router, _recordId, schema);
    }

    function test_constructor_notFrozen_reverts() external {
        (bytes32 recordId,) = _record(_schema(1, 4), false);
        vm.expectRevert(
            abi.encodeWithSelector(
                ClassificationEscrow.ClassificationEscrow_NotFrozen.selector, recordId
            )
        );
        new EnclaveEscrow(_router, recordId, _schema(1, 4));
    }

    function test_constructor_twoOutputs_reverts() external {
        (bytes32 recordId,) = _record(_schema(2, 2), true);
        vm.expectRevert(
            abi.encodeWithSelector(
                ClassificationEscrow.ClassificationEscrow_NotAClassifier.selector, 2
            )
        );
        new EnclaveEscrow(_router, recordId, _schema(2, 2));
    }

    function test_claim_pays() external {
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
        vm.assertEq(_escrow.owed(SELLER), PRICE, "owed");
        vm.prank(SELLER);
        _escrow.withdraw();
        vm.assertEq(SELLER.balance, PRICE, "paid");
        vm.assertEq(address(_escrow).balance, 0, "left");
    }

    function test_claim_twice_reverts() external {
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
        _expect(ClassificationEscrow.ClassificationEscrow_NotOpen.selector, 0);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
    }

    /// @dev Two offers for one thing: the answer to one is not an answer to the other.
    function test_claim_answerToAnotherOffer_reverts() external {
        vm.prank(BUYER);
        _escrow.deposit{value: PRICE}(INPUT, 1, _deadlineOfOffer);
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        vm.prank(SELLER);
        cheats.expectRevert();
        _escrow.claim(1, SCORES, evidence);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
    }

    function test_claim_takenFromTheMempool_reverts() external {
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        vm.prank(MALLORY);
        cheats.expectRevert();
        _escrow.claim(0, SCORES, evidence);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
    }

    function test_claim_notTheClass_reverts() external {
        bytes memory other = hex"fffb012c0007012d";
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, other);
        _expect(ClassificationEscrow.ClassificationEscrow_OtherClass.selector, 3);
        vm.prank(SELLER);
        _escrow.claim(0, other, evidence);
    }

    function test_claim_tie_reverts() external {
        bytes memory tie = hex"012c012c00070000";
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, tie);
        _expect(ClassificationEscrow.ClassificationEscrow_OtherClass.selector, 0);
        vm.prank(SELLER);
        _escrow.claim(0, tie, evidence);
    }

    /// @dev Outputs that show the class, but are not those that the enclave signed.
    function test_claim_otherOutputs_reverts() external {
        bytes memory honest = hex"fffb012c0007012d";
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, honest);
        vm.prank(SELLER);
        cheats.expectRevert();
        _escrow.claim(0, SCORES, evidence);
    }

    function test_claim_wrongSize_reverts() external {
        bytes memory longer = bytes.concat(SCORES, hex"00");
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, longer);
        vm.expectRevert(
            abi.encodeWithSelector(
                ClassificationEscrow.ClassificationEscrow_WrongSize.selector, 9, 8
            )
        );
        vm.prank(SELLER);
        _escrow.claim(0, longer, evidence);
    }

    function test_claim_late_reverts() external {
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        cheats.warp(_deadlineOfOffer + 1);
        _expect(ClassificationEscrow.ClassificationEscrow_Late.selector, _deadlineOfOffer);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
    }

    function test_claim_inTheLastSecond_pays() external {
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        cheats.warp(_deadlineOfOffer);
        _expect(ClassificationEscrow.ClassificationEscrow_Early.selector, _deadlineOfOffer);
        _escrow.refund(0);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
        vm.assertEq(_escrow.owed(SELLER), PRICE, "owed");
    }

    function test_claim_noEvidence_reverts() external {
        cheats.expectRevert();
        _escrow.claim(0, SCORES, new IInferenceVerifier.Evidence[](0));
        vm.assertEq(_escrow.owed(address(this)), 0, "owed");
    }

    function test_claim_usedBefore_reverts() external {
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
        bytes32 digest = _digest(SELLER, 0, SCORES);
        vm.assertTrue(_escrow.consumed(SELLER, digest), "consumed");
    }

    function test_refund_afterTheDeadline() external {
        cheats.warp(_deadlineOfOffer + 1);
        vm.prank(MALLORY);
        _escrow.refund(0); // for the buyer, whoever asks
        vm.assertEq(_escrow.owed(BUYER), PRICE, "owed");
        _expect(ClassificationEscrow.ClassificationEscrow_NotOpen.selector, 0);
        _escrow.refund(0);
        uint256 before = BUYER.balance;
        vm.prank(BUYER);
        _escrow.withdraw();
        vm.assertEq(BUYER.balance, before + PRICE, "paid");
    }

    function test_refund_earned_reverts() external {
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, 0, SCORES);
        vm.prank(SELLER);
        _escrow.claim(0, SCORES, evidence);
        cheats.warp(_deadlineOfOffer + 1);
        _expect(ClassificationEscrow.ClassificationEscrow_NotOpen.selector, 0);
        _escrow.refund(0);
    }

    function test_deposit_badOffer_reverts() external {
        bytes memory why =
            abi.encodeWithSelector(ClassificationEscrow.ClassificationEscrow_BadOffer.selector);
        vm.expectRevert(why);
        _escrow.deposit(INPUT, 1, _deadlineOfOffer);
        _give(address(this), 3);
        vm.expectRevert(why);
        _escrow.deposit{value: 1}(INPUT, 4, _deadlineOfOffer);
        vm.expectRevert(why);
        _escrow.deposit{value: 1}(INPUT, 1, uint64(block.timestamp));
        _escrow.deposit{value: 1}(INPUT, 3, uint64(block.timestamp + 1));
    }

    function test_withdraw_notTaken_reverts() external {
        Penniless account = new Penniless();
        IInferenceVerifier.Evidence[] memory evidence = _evidence(address(account), 0, SCORES);
        vm.expectRevert(
            abi.encodeWithSelector(
                ClassificationEscrow.ClassificationEscrow_NotTaken.selector, address(account)
            )
        );
        account.claim(_escrow, SCORES, evidence);
    }

    /// @dev Whatever the outputs are, exactly the strictly largest one is the class.
    function testFuzz_claim_theLargest(int16[4] memory values, uint8 class) external {
        class %= 4;
        bytes memory output = abi.encodePacked(
            uint16(values[0]), uint16(values[1]), uint16(values[2]), uint16(values[3])
        );
        vm.prank(BUYER);
        uint256 id = _escrow.deposit{value: 1}(INPUT, class, _deadlineOfOffer);
        IInferenceVerifier.Evidence[] memory evidence = _evidence(SELLER, id, output);
        bool largest = true;
        for (uint256 i = 0; i < 4; ++i) {
            if (i != class && values[i] >= values[class]) largest = false;
        }
        vm.prank(SELLER);
        if (!largest) cheats.expectRevert();
        _escrow.claim(id, output, evidence);
    }

    // --- what the tests need

    function _record(bytes memory schema, bool frozen)
        private
        returns (bytes32 recordId, bytes32 root)
    {
        IModelRegistry.Program memory program = IModelRegistry.Program({
            specVersion: 1,
            leafLog2: 5,
            graphRoot: keccak256("graph"),
            weightsRoot: keccak256("weights"),
            tablesRoot: bytes32(0),
            schema: schema
        });
        bytes memory place = bytes.concat(bytes32(block.chainid), bytes20(address(registry)));
        bytes memory label = bytes.concat("verifiable/tee-key-on-chain/v1", hex"00");
        IModelRegistry.BackendKey[] memory keys = new IModelRegistry.BackendKey[](1);
        keys[0] = IModelRegistry.BackendKey(
            bytes4(keccak256("tee")),
            keccak256(bytes.concat(label, BASE, place, address(registry).codehash, hex"00"))
        );
        recordId = _records.registerModel(program, keys, frozen, "");
        root = _records.programOf(recordId);
    }

    function _schema(uint256 outputs, uint8 width) private pure returns (bytes memory) {
        IDisputeGame.Schema memory schema;
        schema.nodeCount = 3;
        schema.outputs = new IDisputeGame.TensorSpec[](outputs);
        for (uint256 i = 0; i < outputs; ++i) {
            uint32[] memory shape = new uint32[](2);
            (shape[0], shape[1]) = (1, 4);
            schema.outputs[i].shape = shape;
            schema.outputs[i].width = width;
        }
        return abi.encode(schema);
    }

    /// @dev Written another way than the contracts write it: one leaf of 32 bytes.
    function _root(bytes memory output) private pure returns (bytes32) {
        return keccak256(bytes.concat(hex"00", output, new bytes(32 - output.length)));
    }

    function _digest(address seller, uint256 id, bytes memory output)
        private
        view
        returns (bytes32)
    {
        bytes32 context = _escrow.contextOf(seller, bytes32(id));
        return keccak256(bytes.concat(hex"0a", _programRoot, INPUT, _root(output), context));
    }

    function _evidence(address seller, uint256 id, bytes memory output)
        private
        view
        returns (IInferenceVerifier.Evidence[] memory evidence)
    {
        bytes32 kind = keccak256(
            "Inference(bytes32 programRoot,bytes32 inputRoot,bytes32 outputRoot,bytes32 context)"
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version)"),
                keccak256("verifiable/tee"),
                keccak256("1")
            )
        );
        bytes32 context = _escrow.contextOf(seller, bytes32(id));
        bytes32 message = keccak256(abi.encode(kind, _programRoot, INPUT, _root(output), context));
        bytes memory sig = _sign(ENCLAVE, keccak256(bytes.concat(hex"1901", domain, message)));
        evidence = new IInferenceVerifier.Evidence[](1);
        evidence[0].backend = bytes4(keccak256("tee"));
        evidence[0].proof = abi.encode(
            BASE, block.chainid, address(registry), address(registry).codehash, false, sig
        );
    }

    function _expect(bytes4 selector, uint256 value) private {
        vm.expectRevert(abi.encodeWithSelector(selector, value));
    }

    function _give(address account, uint256 amount) private {
        Deal(address(cheats)).deal(account, amount);
    }
}

/// @notice The one cheatcode that the project's own tests do not need.
interface Deal {
    function deal(address account, uint256 amount) external;
}
