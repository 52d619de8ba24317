// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IGovernance} from "../../src/tee/IGovernance.sol";
import {ITrustLists} from "../../src/tee/ITrustLists.sol";
import {AttestationKit} from "./AttestationKit.sol";

/// @notice Who may change what is trusted, and when.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract Governance_Test is AttestationKit {
    bytes32 private constant WORKLOAD = keccak256("workload");

    function test_constructor_succeeds() external view {
        vm.assertEq(registry.owner(), OWNER, "owner");
        vm.assertEq(registry.pendingOwner(), address(0), "pendingOwner");
        vm.assertEq(uint256(registry.delay()), uint256(DELAY), "delay");
        (bytes16 svn, uint16 qeSvn) = registry.minimum();
        vm.assertEq(bytes32(svn), bytes32(MIN_SVN), "svn");
        vm.assertEq(uint256(qeSvn), uint256(MIN_QE_SVN), "qeSvn");
        (bool allowed, uint8 number) = registry.featuresOf(FEATURES);
        vm.assertEq(allowed, true, "features");
        vm.assertEq(uint256(number), 1, "number");
        vm.assertEq(registry.version(), "1.0.0", "version");
    }

    function test_constructor_AR2_noOwner_reverts() external {
        vm.expectRevert(abi.encodeWithSelector(IGovernance.Governance_ZeroOwner.selector));
        maker.make(address(0), DELAY, MIN_SVN, MIN_QE_SVN);
    }

    function test_constructor_AR3_delay_reverts() external {
        bytes4 why = IGovernance.Governance_BadDelay.selector;
        vm.expectRevert(abi.encodeWithSelector(why, 1 hours - 1));
        maker.make(OWNER, 1 hours - 1, MIN_SVN, MIN_QE_SVN);
        vm.expectRevert(abi.encodeWithSelector(why, 30 days + 1));
        maker.make(OWNER, 30 days + 1, MIN_SVN, MIN_QE_SVN);
        maker.make(OWNER, 1 hours, MIN_SVN, MIN_QE_SVN);
        maker.make(OWNER, 30 days, MIN_SVN, MIN_QE_SVN);
    }

    function test_governance_AR2_strangers_reverts() external {
        bytes[12] memory calls = [
            abi.encodeCall(registry.schedule, ("")),
            abi.encodeCall(registry.cancel, (0)),
            abi.encodeCall(registry.transferOwnership, (MALLORY)),
            abi.encodeCall(registry.registerPlatform, (0, 0, 0, 0, true)),
            abi.encodeCall(registry.revokePlatform, (platformId)),
            abi.encodeCall(registry.setWorkload, (WORKLOAD, PROGRAM)),
            abi.encodeCall(registry.dropWorkload, (_workload())),
            abi.encodeCall(registry.allowFeatures, (OTHER_FEATURES)),
            abi.encodeCall(registry.dropFeatures, (FEATURES)),
            abi.encodeCall(registry.setMinimum, (0, 0)),
            abi.encodeCall(registry.raiseMinimum, (SVN, QE_SVN)),
            abi.encodeCall(registry.revokeKey, (vm.addr(ENCLAVE)))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(IGovernance.Governance_NotOwner.selector, MALLORY)
            );
            vm.prank(MALLORY);
            (bool refused,) = address(registry).call(calls[i]);
            vm.assertTrue(refused, "expectRevert turns it round");
        }
        vm.expectRevert(
            abi.encodeWithSelector(IGovernance.Governance_NotPendingOwner.selector, MALLORY)
        );
        vm.prank(MALLORY);
        registry.acceptOwnership();
    }

    function test_governance_AR3_unannounced_reverts() external {
        bytes[5] memory calls = [
            abi.encodeCall(registry.transferOwnership, (MALLORY)),
            abi.encodeCall(registry.registerPlatform, (0, 0, 0, 0, true)),
            abi.encodeCall(registry.setWorkload, (WORKLOAD, PROGRAM)),
            abi.encodeCall(registry.allowFeatures, (OTHER_FEATURES)),
            abi.encodeCall(registry.setMinimum, (0, 0))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    IGovernance.Governance_NotScheduled.selector, keccak256(calls[i])
                )
            );
            vm.prank(OWNER);
            (bool refused,) = address(registry).call(calls[i]);
            vm.assertTrue(refused, "expectRevert turns it round");
        }
    }

    function test_schedule_AR3_delay_reverts() external {
        bytes memory action = abi.encodeCall(registry.setWorkload, (WORKLOAD, PROGRAM));
        bytes32 id = keccak256(action);
        uint64 ready = uint64(block.timestamp + DELAY);
        vm.expectEmit(address(registry));
        emit IGovernance.ActionScheduled(id, action, ready);
        vm.prank(OWNER);
        vm.assertEq(registry.schedule(action), id, "id");
        vm.assertEq(uint256(registry.readyAt(id)), uint256(ready), "readyAt");

        cheats.warp(ready - 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.Governance_TooEarly.selector, id, ready));
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, PROGRAM);

        cheats.warp(ready);
        vm.expectRevert( // not what was announced
            abi.encodeWithSelector(
                IGovernance.Governance_NotScheduled.selector,
                keccak256(abi.encodeCall(registry.setWorkload, (WORKLOAD, OTHER_PROGRAM)))
            )
        );
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, OTHER_PROGRAM);

        vm.expectEmit(address(registry));
        emit IGovernance.ActionExecuted(id);
        vm.expectEmit(address(registry));
        emit ITrustLists.WorkloadSet(WORKLOAD, PROGRAM, 2);
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, PROGRAM);

        vm.expectRevert(abi.encodeWithSelector(IGovernance.Governance_NotScheduled.selector, id));
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, PROGRAM);
    }

    function test_schedule_AR3_twice_reverts() external {
        vm.prank(OWNER);
        bytes32 id = registry.schedule("action");
        vm.expectRevert(
            abi.encodeWithSelector(IGovernance.Governance_AlreadyScheduled.selector, id)
        );
        vm.prank(OWNER);
        registry.schedule("action");
    }

    function test_schedule_AR3_tooLate_reverts() external {
        bytes memory action = abi.encodeCall(registry.setWorkload, (WORKLOAD, PROGRAM));
        vm.prank(OWNER);
        bytes32 id = registry.schedule(action);
        uint64 ready = registry.readyAt(id);
        cheats.warp(ready + 14 days + 1);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.Governance_TooLate.selector, id, ready));
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, PROGRAM);
        cheats.warp(ready + 14 days);
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, PROGRAM);
    }

    function test_cancel_AR3_takesItBack_succeeds() external {
        bytes memory action = abi.encodeCall(registry.setWorkload, (WORKLOAD, PROGRAM));
        vm.prank(OWNER);
        bytes32 id = registry.schedule(action);
        vm.expectEmit(address(registry));
        emit IGovernance.ActionCancelled(id);
        vm.prank(OWNER);
        registry.cancel(id);
        cheats.warp(block.timestamp + DELAY);
        bytes memory why = abi.encodeWithSelector(IGovernance.Governance_NotScheduled.selector, id);
        vm.expectRevert(why);
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, PROGRAM);
        vm.expectRevert(why);
        vm.prank(OWNER);
        registry.cancel(id);
    }

    function test_transferOwnership_AR2_twoSteps_succeeds() external {
        address heir = address(0xb0b);
        bytes memory action = abi.encodeCall(registry.transferOwnership, (heir));
        vm.prank(OWNER);
        registry.schedule(action);
        cheats.warp(block.timestamp + DELAY);
        vm.expectEmit(address(registry));
        emit IGovernance.OwnershipTransferStarted(OWNER, heir);
        vm.prank(OWNER);
        registry.transferOwnership(heir);
        vm.assertEq(registry.owner(), OWNER, "owner too early");
        vm.assertEq(registry.pendingOwner(), heir, "pendingOwner");
        vm.expectEmit(address(registry));
        emit IGovernance.OwnershipTransferred(OWNER, heir);
        vm.prank(heir);
        registry.acceptOwnership();
        vm.assertEq(registry.owner(), heir, "owner");
        vm.assertEq(registry.pendingOwner(), address(0), "pendingOwner");
        vm.expectRevert(abi.encodeWithSelector(IGovernance.Governance_NotOwner.selector, OWNER));
        vm.prank(OWNER);
        registry.dropWorkload(WORKLOAD);
    }

    function test_transferOwnership_AR2_toNobody_reverts() external {
        bytes memory action = abi.encodeCall(registry.transferOwnership, (address(0)));
        vm.prank(OWNER);
        registry.schedule(action);
        cheats.warp(block.timestamp + DELAY);
        vm.expectRevert(abi.encodeWithSelector(IGovernance.Governance_ZeroOwner.selector));
        vm.prank(OWNER);
        registry.transferOwnership(address(0));
    }
}

/// @notice What the lists hold, and that numbers are used once.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract TrustLists_Test is AttestationKit {
    bytes32 private constant WORKLOAD = keccak256("workload");

    function test_registerPlatform_succeeds() external {
        uint64 until = uint64(block.timestamp + DELAY + 30 days);
        bytes32 id = keccak256(abi.encode(INPUT, OUTPUT, bytes32(PPID), uint256(1)));
        bytes memory action =
            abi.encodeCall(registry.registerPlatform, (INPUT, OUTPUT, PPID, until, true));
        _announced(action);
        vm.expectEmit(address(registry));
        emit ITrustLists.PlatformRegistered(id, 2, PPID, until, true);
        vm.prank(OWNER);
        registry.registerPlatform(INPUT, OUTPUT, PPID, until, true);

        vm.assertEq(registry.platformIdOf(INPUT, OUTPUT, PPID, true), id, "id");
        (ITrustLists.Admission memory admission, uint24 number, ITrustLists.PckKey memory pck) =
            registry.platformOf(id);
        vm.assertEq(uint256(number), 2, "number");
        vm.assertEq(pck.x, INPUT, "x");
        vm.assertEq(pck.y, OUTPUT, "y");
        vm.assertEq(bytes32(admission.ppid), bytes32(PPID), "ppid");
        vm.assertEq(uint256(admission.until), uint256(until), "until");
        vm.assertEq(admission.hardware, true, "hardware");
        vm.assertEq(admission.revoked, false, "revoked");
    }

    function test_registerPlatform_AR5_life_reverts() external {
        uint64 now_ = uint64(block.timestamp + DELAY);
        uint64[3] memory lives = [now_, now_ + 30 days + 1, type(uint64).max];
        for (uint256 i = 0; i < 3; ++i) {
            uint64 until = lives[i];
            uint256 state = cheats.snapshotState();
            _announced(
                abi.encodeCall(registry.registerPlatform, (INPUT, OUTPUT, PPID, until, true))
            );
            vm.expectRevert(
                abi.encodeWithSelector(ITrustLists.TrustLists_BadPlatformLife.selector, until)
            );
            vm.prank(OWNER);
            registry.registerPlatform(INPUT, OUTPUT, PPID, until, true);
            cheats.revertToState(state);
        }
    }

    function test_registerPlatform_AR4_afterRevocation_succeeds() external {
        vm.expectEmit(address(registry));
        emit ITrustLists.PlatformRevoked(platformId, 1);
        vm.prank(OWNER);
        registry.revokePlatform(platformId);
        _admit(PCK, true);
        (ITrustLists.Admission memory admission, uint24 number,) = registry.platformOf(platformId);
        vm.assertEq(uint256(number), 2, "a number came back");
        vm.assertEq(admission.revoked, false, "revoked");
        _admit(PCK, true);
        (, number,) = registry.platformOf(platformId);
        vm.assertEq(uint256(number), 2, "a renewal is no admission");
    }

    function test_revokePlatform_AR4_twice_reverts() external {
        vm.prank(OWNER);
        registry.revokePlatform(platformId);
        vm.expectRevert(
            abi.encodeWithSelector(ITrustLists.TrustLists_AlreadyRevoked.selector, platformId)
        );
        vm.prank(OWNER);
        registry.revokePlatform(platformId);
    }

    function test_platformOf_AR10_unknown_reverts() external {
        bytes memory why =
            abi.encodeWithSelector(ITrustLists.TrustLists_UnknownPlatform.selector, WORKLOAD);
        vm.expectRevert(why);
        registry.platformOf(WORKLOAD);
        vm.expectRevert(why);
        vm.prank(OWNER);
        registry.revokePlatform(WORKLOAD);
    }

    function test_setWorkload_AR4_versionsAreUsedOnce_succeeds() external {
        _allow(WORKLOAD, PROGRAM);
        _isWorkload(PROGRAM, 2);
        _allow(WORKLOAD, OTHER_PROGRAM);
        _isWorkload(OTHER_PROGRAM, 3);
        vm.expectEmit(address(registry));
        emit ITrustLists.WorkloadDropped(WORKLOAD, 3);
        vm.prank(OWNER);
        registry.dropWorkload(WORKLOAD);
        _isWorkload(0, 3);
        _allow(WORKLOAD, OTHER_PROGRAM);
        _isWorkload(OTHER_PROGRAM, 4);
    }

    function test_setWorkload_AR4_unchanged_reverts() external {
        _allow(WORKLOAD, PROGRAM);
        _announced(abi.encodeCall(registry.setWorkload, (WORKLOAD, PROGRAM)));
        vm.expectRevert(
            abi.encodeWithSelector(ITrustLists.TrustLists_WorkloadUnchanged.selector, WORKLOAD)
        );
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, PROGRAM);
    }

    function test_setWorkload_AR5_noProgram_reverts() external {
        _announced(abi.encodeCall(registry.setWorkload, (WORKLOAD, 0)));
        vm.expectRevert(abi.encodeWithSelector(ITrustLists.TrustLists_ZeroProgram.selector));
        vm.prank(OWNER);
        registry.setWorkload(WORKLOAD, 0);
    }

    function test_dropWorkload_AR5_unknown_reverts() external {
        bytes memory why =
            abi.encodeWithSelector(ITrustLists.TrustLists_UnknownWorkload.selector, WORKLOAD);
        vm.expectRevert(why);
        vm.prank(OWNER);
        registry.dropWorkload(WORKLOAD);
        _allow(WORKLOAD, PROGRAM);
        vm.prank(OWNER);
        registry.dropWorkload(WORKLOAD);
        vm.expectRevert(why);
        vm.prank(OWNER);
        registry.dropWorkload(WORKLOAD);
    }

    function test_allowFeatures_AR4_numbersAreUsedOnce_succeeds() external {
        _announced(abi.encodeCall(registry.allowFeatures, (OTHER_FEATURES)));
        vm.expectEmit(address(registry));
        emit ITrustLists.FeaturesAllowed(OTHER_FEATURES, 2);
        vm.prank(OWNER);
        registry.allowFeatures(OTHER_FEATURES);
        _areFeatures(OTHER_FEATURES, true, 2);
        vm.expectEmit(address(registry));
        emit ITrustLists.FeaturesDropped(OTHER_FEATURES, 2);
        vm.prank(OWNER);
        registry.dropFeatures(OTHER_FEATURES);
        _areFeatures(OTHER_FEATURES, false, 2);
        _areFeatures(FEATURES, true, 1);
        _govern(abi.encodeCall(registry.allowFeatures, (OTHER_FEATURES)));
        _areFeatures(OTHER_FEATURES, true, 3);
    }

    function test_allowFeatures_AR4_unchanged_reverts() external {
        _announced(abi.encodeCall(registry.allowFeatures, (FEATURES)));
        vm.expectRevert(
            abi.encodeWithSelector(ITrustLists.TrustLists_FeaturesUnchanged.selector, FEATURES)
        );
        vm.prank(OWNER);
        registry.allowFeatures(FEATURES);
    }

    /// @dev Bits 0 to 7: debugged, profiled, or a meaning that is not known yet.
    function test_allowFeatures_AR5_underTest_reverts() external {
        for (uint256 bit = 0; bit < 8; ++bit) {
            bytes16 features = FEATURES | bytes16(bytes1(uint8(1 << bit)));
            uint256 state = cheats.snapshotState();
            _announced(abi.encodeCall(registry.allowFeatures, (features)));
            vm.expectRevert(
                abi.encodeWithSelector(ITrustLists.TrustLists_DebugFeatures.selector, features)
            );
            vm.prank(OWNER);
            registry.allowFeatures(features);
            cheats.revertToState(state);
        }
    }

    function test_allowFeatures_AR4_listIsFull_reverts() external {
        vm.pauseGasMetering();
        for (uint256 i = 2; i <= 111; ++i) {
            bytes16 features = bytes16(uint128(i));
            _govern(abi.encodeCall(registry.allowFeatures, (features)));
            _areFeatures(features, true, uint8(i));
        }
        _areFeatures(FEATURES, true, 1);
        _announced(abi.encodeCall(registry.allowFeatures, (OTHER_FEATURES)));
        vm.expectRevert(abi.encodeWithSelector(ITrustLists.TrustLists_TooManyFeatures.selector));
        vm.prank(OWNER);
        registry.allowFeatures(OTHER_FEATURES);
        (bytes16 svn, uint16 qeSvn) = registry.minimum(); // beside the bits, and untouched
        vm.assertEq(bytes32(svn), bytes32(MIN_SVN), "svn");
        vm.assertEq(uint256(qeSvn), uint256(MIN_QE_SVN), "qeSvn");
        vm.resumeGasMetering();
    }

    function test_dropFeatures_AR5_unknown_reverts() external {
        bytes memory why =
            abi.encodeWithSelector(ITrustLists.TrustLists_UnknownFeatures.selector, OTHER_FEATURES);
        vm.expectRevert(why);
        vm.prank(OWNER);
        registry.dropFeatures(OTHER_FEATURES);
    }

    function test_setMinimum_succeeds() external {
        _announced(abi.encodeCall(registry.setMinimum, (bytes16(0), uint16(1))));
        vm.expectEmit(address(registry));
        emit ITrustLists.MinimumSet(0, 1);
        vm.prank(OWNER);
        registry.setMinimum(0, 1);
        (bytes16 svn, uint16 qeSvn) = registry.minimum();
        vm.assertEq(bytes32(svn), bytes32(0), "svn");
        vm.assertEq(uint256(qeSvn), 1, "qeSvn");
        _areFeatures(FEATURES, true, 1);
    }

    function test_raiseMinimum_AR4_qeLowered_reverts() external {
        vm.expectRevert(
            abi.encodeWithSelector(
                ITrustLists.TrustLists_MinimumLowered.selector, SVN, MIN_QE_SVN - 1
            )
        );
        vm.prank(OWNER);
        registry.raiseMinimum(SVN, MIN_QE_SVN - 1);
    }

    /// @dev The contract compares all components at once; here it is done one by one.
    function testFuzz_raiseMinimum_AR4_byComponent_reverts(bytes16 from, bytes16 to, uint256 mix)
        external
    {
        if (mix % 2 == 0) {
            // Most pairs differ both ways; half of them shall not.
            bytes memory higher = abi.encodePacked(to);
            for (uint256 i = 0; i < 16; ++i) {
                if (higher[i] < from[i]) higher[i] = from[i];
            }
            if (mix % 4 == 0 && from[mix % 16] != 0) {
                higher[mix % 16] = bytes1(uint8(from[mix % 16]) - 1);
            }
            to = bytes16(higher);
        }
        bool higherOrEqual = true;
        for (uint256 i = 0; i < 16; ++i) {
            if (to[i] < from[i]) higherOrEqual = false;
        }
        _govern(abi.encodeCall(registry.setMinimum, (from, MIN_QE_SVN)));
        if (!higherOrEqual) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ITrustLists.TrustLists_MinimumLowered.selector, to, MIN_QE_SVN
                )
            );
        }
        vm.prank(OWNER);
        registry.raiseMinimum(to, MIN_QE_SVN);
        (bytes16 found,) = registry.minimum();
        vm.assertEq(bytes32(found), bytes32(higherOrEqual ? to : from), "minimum");
    }

    function _announced(bytes memory action) private {
        vm.prank(OWNER);
        registry.schedule(action);
        cheats.warp(block.timestamp + DELAY);
    }

    function _isWorkload(bytes32 program, uint256 version) private view {
        (bytes32 programRoot, uint24 grant) = registry.workloadOf(WORKLOAD);
        vm.assertEq(programRoot, program, "programRoot");
        vm.assertEq(uint256(grant), version, "grant");
    }

    function _areFeatures(bytes16 features, bool allowed, uint8 number) private view {
        (bool found, uint8 standing) = registry.featuresOf(features);
        vm.assertEq(found, allowed, "allowed");
        vm.assertEq(uint256(standing), uint256(number), "number");
    }
}
