// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ElementwiseSteps} from "../../src/optimistic/ElementwiseSteps.sol";
import {IStepVerifier} from "../../src/optimistic/IStepVerifier.sol";
import {LinearSteps} from "../../src/optimistic/LinearSteps.sol";
import {MovementSteps} from "../../src/optimistic/MovementSteps.sol";
import {NodeDesc, NodeDescriptor} from "../../src/optimistic/NodeDescriptor.sol";
import {StepRouter} from "../../src/optimistic/StepRouter.sol";
import {WindowSteps} from "../../src/optimistic/WindowSteps.sol";
import {TestBase} from "../utils/TestBase.sol";

/// @notice A router over all families, and the vectors that pytest reads too.
abstract contract StepsKit is TestBase {
    struct Step {
        bytes desc;
        uint8 leafLog2;
        uint256 element;
        int256 value;
        int256[] wrong;
        bytes32[] roots;
        bytes witness;
    }

    LinearSteps internal linear;
    ElementwiseSteps internal elementwise;
    WindowSteps internal window;
    MovementSteps internal movement;
    StepRouter internal router;
    Step[] private _steps;

    function setUp() public virtual {
        linear = new LinearSteps();
        elementwise = new ElementwiseSteps();
        window = new WindowSteps();
        movement = new MovementSteps();
        router = new StepRouter(linear, elementwise, window, movement);
        vm.pauseGasMetering(); // the vectors are longer than a transaction could store
        string memory json = vm.readFile("../tests/vectors/steps.json");
        uint256 count = vm.parseJsonUint(json, ".count");
        for (uint256 i = 0; i < count; ++i) {
            _steps.push(_read(json, string.concat(".cases[", vm.toString(i), "]")));
        }
        vm.resumeGasMetering();
    }

    function _step(uint256 seed) internal view returns (Step memory step) {
        step = _steps[seed % _steps.length];
    }

    function _count() internal view returns (uint256 count) {
        count = _steps.length;
    }

    function _read(string memory json, string memory place)
        private
        pure
        returns (Step memory step)
    {
        step.desc = vm.parseJsonBytes(json, string.concat(place, ".desc"));
        step.leafLog2 = uint8(vm.parseJsonUint(json, string.concat(place, ".leaf_log2")));
        step.element = vm.parseJsonUint(json, string.concat(place, ".element"));
        step.value = vm.parseJsonInt(json, string.concat(place, ".value"));
        step.wrong = vm.parseJsonIntArray(json, string.concat(place, ".wrong"));
        step.roots = vm.parseJsonBytes32Array(json, string.concat(place, ".operand_roots"));
        step.witness = vm.parseJsonBytes(json, string.concat(place, ".witness"));
    }

    function _isFault(IStepVerifier verifier, Step memory step, int256 claimed)
        internal
        view
        returns (bool)
    {
        return verifier.isFault(
            step.desc, step.leafLog2, step.element, claimed, step.roots, step.witness
        );
    }
}

contract Steps_isFault_Test is StepsKit {
    function test_isFault_matMul_bothDirections_succeeds() external view {
        _bothDirections(1);
    }

    function test_isFault_conv_bothDirections_succeeds() external view {
        _bothDirections(2);
    }

    function test_isFault_affine_bothDirections_succeeds() external view {
        _bothDirections(3);
    }

    function test_isFault_add_bothDirections_succeeds() external view {
        _bothDirections(4);
    }

    function test_isFault_mul_bothDirections_succeeds() external view {
        _bothDirections(5);
    }

    function test_isFault_lookupTable_bothDirections_succeeds() external view {
        _bothDirections(6);
    }

    function test_isFault_maxPool_bothDirections_succeeds() external view {
        _bothDirections(7);
    }

    function test_isFault_sumPool_bothDirections_succeeds() external view {
        _bothDirections(8);
    }

    function test_isFault_transpose_bothDirections_succeeds() external view {
        _bothDirections(9);
    }

    function test_isFault_concat_bothDirections_succeeds() external view {
        _bothDirections(10);
    }

    function test_isFault_pad_bothDirections_succeeds() external view {
        _bothDirections(11);
    }

    function testFuzz_isFault_anyOtherValue_succeeds(uint256 index, int256 claimed) external view {
        Step memory step = _step(index);
        vm.assertEq(_isFault(router, step, claimed), claimed != step.value, "fault");
    }

    /// @dev INVARIANT OP-8: one bit of the witness changes, and an honest element stays one.
    function testFuzz_isFault_OP8_oneBitOfTheWitness_reverts(uint256 index, uint256 bit)
        external
        view
    {
        Step memory step = _step(index);
        uint256 place = _bound(bit, 0, 8 * step.witness.length - 1);
        step.witness[place / 8] ^= bytes1(uint8(1 << (place % 8)));
        _refused(step);
    }

    /// @dev INVARIANT OP-4: one bit of an operand's root changes.
    function testFuzz_isFault_OP4_oneBitOfARoot_neverAFault_succeeds(
        uint256 index,
        uint256 operand,
        uint256 bit
    ) external view {
        Step memory step = _step(index);
        operand = _bound(operand, 0, step.roots.length - 1);
        step.roots[operand] ^= bytes32(1 << _bound(bit, 0, 255));
        try router.isFault(
            step.desc, step.leafLog2, step.element, step.value, step.roots, step.witness
        ) returns (
            bool fault
        ) {
            // An operand that this element does not read needs no run, so its root is not looked at.
            vm.assertEq(fault, false, "fault");
        } catch {}
    }

    /// @dev Bytes are cut off, or follow.
    function testFuzz_isFault_OP8_otherLengths_reverts(
        uint256 index,
        uint256 cut,
        bytes calldata tail
    ) external view {
        Step memory step = _step(index);
        bytes memory whole = step.witness;
        step.witness = new bytes(_bound(cut, 0, whole.length - 1));
        for (uint256 i = 0; i < step.witness.length; ++i) {
            step.witness[i] = whole[i];
        }
        _refused(step);
        if (tail.length == 0) return;
        step.witness = bytes.concat(whole, tail);
        _refused(step);
    }

    /// @dev The witness of another step proves nothing here.
    function testFuzz_isFault_OP4_witnessOfAnotherStep_neverAFault_succeeds(
        uint256 index,
        uint256 other
    ) external view {
        Step memory step = _step(index);
        step.witness = _step(other).witness;
        try router.isFault(
            step.desc, step.leafLog2, step.element, step.value, step.roots, step.witness
        ) returns (
            bool fault
        ) {
            vm.assertEq(fault, false, "fault");
        } catch {}
    }

    function test_isFault_OP6_elementOutOfShape_reverts() external {
        Step memory step = _step(0);
        NodeDesc memory node = abi.decode(step.desc, (NodeDesc));
        uint256 elements = NodeDescriptor.elements(node.shape);
        for (uint256 i = 0; i < 2; ++i) {
            step.element = i == 0 ? elements : type(uint256).max;
            vm.expectRevert(
                abi.encodeWithSelector(
                    IStepVerifier.Step_ElementOutOfShape.selector, step.element, elements
                )
            );
            _isFault(router, step, step.value);
        }
    }

    /// @dev All vectors of one operator.
    function _bothDirections(uint256 opcode) private view {
        uint256 each = _count() / 11;
        vm.assertTrue(each >= 6, "too few vectors");
        for (uint256 i = (opcode - 1) * each; i < opcode * each; ++i) {
            Step memory step = _step(i);
            vm.assertEq(uint256(uint8(step.desc[95])), opcode, "opcode");
            router.checkNode(step.desc, step.leafLog2);
            vm.assertEq(_isFault(router, step, step.value), false, vm.toString(i));
            vm.assertTrue(step.wrong.length > 2, "too few wrong values");
            for (uint256 k = 0; k < step.wrong.length; ++k) {
                vm.assertEq(_isFault(router, step, step.wrong[k]), true, vm.toString(i));
            }
        }
    }

    /// @dev A step that a witness does not open reverts whatever is claimed.
    function _refused(Step memory step) private view {
        int256[2] memory claims = [step.value, step.value + 1];
        for (uint256 i = 0; i < 2; ++i) {
            try router.isFault(
                step.desc, step.leafLog2, step.element, claims[i], step.roots, step.witness
            ) {
                vm.assertTrue(false, "judged");
            } catch {}
        }
    }
}

contract Steps_checkNode_Test is StepsKit {
    /// @dev Each family judges its own operators only.
    function test_checkNode_otherFamily_reverts() external {
        IStepVerifier[4] memory families = [IStepVerifier(linear), elementwise, window, movement];
        uint8[11] memory homes = [0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 3];
        for (uint256 i = 0; i < _count(); i += 6) {
            Step memory step = _step(i);
            for (uint256 k = 0; k < 4; ++k) {
                if (k != homes[i / 6]) {
                    vm.expectRevert(_unsupported(IStepVerifier.Unsupported.Opcode));
                }
                families[k].checkNode(step.desc, step.leafLog2);
            }
        }
    }

    function test_checkNode_leafSize_reverts() external {
        Step memory step = _step(0);
        for (uint256 leafLog2 = 0; leafLog2 < 256; ++leafLog2) {
            if (leafLog2 != 5 && leafLog2 != 8 && leafLog2 != 10) {
                vm.expectRevert(_unsupported(IStepVerifier.Unsupported.LeafSize));
            }
            router.checkNode(step.desc, uint8(leafLog2));
        }
    }

    function test_checkNode_OP3_otherEncoding_reverts() external {
        Step memory step = _step(0);
        vm.expectRevert(_unsupported(IStepVerifier.Unsupported.Encoding));
        router.checkNode(bytes.concat(step.desc, bytes32(0)), step.leafLog2);
        vm.expectRevert(_unsupported(IStepVerifier.Unsupported.Encoding));
        router.checkNode("", step.leafLog2);
    }

    /// @dev INVARIANT OP-3: what is not the encoding of a node is refused, whatever it is.
    function testFuzz_checkNode_anyBytes_reverts(bytes calldata desc) external view {
        try router.checkNode(desc, 5) {
            vm.assertTrue(false, "accepted");
        } catch {}
    }

    function _unsupported(IStepVerifier.Unsupported reason) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IStepVerifier.Step_Unsupported.selector, reason);
    }
}

contract StepRouter_Test is StepsKit {
    function test_constructor_noCode_reverts() external {
        address nobody = address(0xdead);
        vm.expectRevert(abi.encodeWithSelector(StepRouter.StepRouter_NoCode.selector, nobody));
        new StepRouter(linear, elementwise, IStepVerifier(nobody), movement);
    }

    function test_familyCodeHashes_succeeds() external {
        bytes32 digest = router.familyCodeHashes();
        bytes32 expected = keccak256(
            bytes.concat(
                address(linear).codehash,
                address(elementwise).codehash,
                address(window).codehash,
                address(movement).codehash
            )
        );
        vm.assertEq(digest, expected, "digest");
        StepRouter other = new StepRouter(linear, elementwise, movement, window);
        vm.assertTrue(other.familyCodeHashes() != digest, "order does not matter");
    }

    function test_families_succeeds() external view {
        (IStepVerifier a, IStepVerifier b, IStepVerifier c, IStepVerifier d) = router.families();
        vm.assertEq(address(a), address(linear), "linear");
        vm.assertEq(address(b), address(elementwise), "elementwise");
        vm.assertEq(address(c), address(window), "window");
        vm.assertEq(address(d), address(movement), "movement");
        vm.assertEq(router.version(), "1.0.0", "version");
    }

    function test_codeSizes_fitIntoAContract_succeeds() external view {
        address[5] memory all = [
            address(linear),
            address(elementwise),
            address(window),
            address(movement),
            address(router)
        ];
        for (uint256 i = 0; i < 5; ++i) {
            vm.assertTrue(all[i].code.length < 24_576, "code too large");
        }
    }
}
