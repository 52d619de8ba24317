// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {TestBase} from "../utils/TestBase.sol";
import {AttestationHandler} from "./AttestationHandler.sol";

/// @notice A key counts exactly as long as all that it rests on does.
/// forge-config: default.hardfork = "osaka"
/// forge-config: thorough.hardfork = "osaka"
contract AttestationRegistry_Invariants_Test is TestBase {
    AttestationHandler private _handler;

    function setUp() external {
        _handler = new AttestationHandler();
        _target(address(_handler));
    }

    function invariant_keyCountsWhileAllHolds() external view {
        vm.assertTrue(_handler.agrees(), "a key counts that should not, or the other way round");
        vm.assertEq(_handler.surprises(), 0, "surprises");
    }

    /// @notice forge calls this at the end of each run: the run must have meant something.
    function afterInvariant() external view {
        vm.assertTrue(_handler.registrations() >= 3, "too few keys");
        vm.assertTrue(_handler.changes() >= 15, "too few changes");
        vm.assertTrue(_handler.refusals() >= 5, "too few refusals");
    }
}
