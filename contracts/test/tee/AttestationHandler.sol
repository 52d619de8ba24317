// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {AttestationRegistry} from "../../src/tee/AttestationRegistry.sol";
import {IAttestationRegistry} from "../../src/tee/IAttestationRegistry.sol";
import {AttestationKit, RegistryMaker} from "./AttestationKit.sol";

/// @notice Changes a registry at random, and remembers apart from it what each key rests on.
/// @dev Few platforms, workloads and features, so that keys and changes meet all the time.
contract AttestationHandler is AttestationKit {
    uint256 private constant CHOICES = 3;
    uint256 private constant MAX_KEYS = 8;
    uint32 private constant SHORT_DELAY = 1 hours;

    /// @notice What a key was registered with, and how often each of it had been distrusted then.
    struct Model {
        bool known;
        bool revoked;
        uint256 until;
        uint256 platform;
        uint256 workload;
        uint256 features;
        bytes16 svn;
        uint16 qeSvn;
        uint256 revocations;
        uint256 changes;
        uint256 drops;
    }

    /// @notice Private keys of the enclaves that are registered, and how many tried to be.
    uint256[] private _enclaves;
    uint256 private _attempts;

    /// @dev Signed once, since that is what takes time.
    mapping(uint256 enclave => mapping(bytes32 program => bytes sig)) private _answersOf;
    bytes32[CHOICES] private _workloads;
    mapping(uint256 enclave => Model) private _models;

    /// @dev By platform, workload and features: how often it was distrusted, and how it stands.
    mapping(uint256 platform => uint256 count) private _revocations;
    mapping(uint256 platform => uint256 time) private _until;
    mapping(uint256 workload => uint256 count) private _changes;
    mapping(uint256 workload => bytes32 program) private _program;
    mapping(uint256 features => uint256 count) private _drops;

    bytes16 private _svn = MIN_SVN;
    uint16 private _qeSvn = MIN_QE_SVN;

    /// @notice How much happened, so that no invariant holds for want of events.
    uint256 public registrations;
    uint256 public refusals;
    uint256 public changes;

    /// @notice Registrations that had to be refused or had to succeed, and were not: must stay zero.
    uint256 public surprises;

    constructor() {
        vm.roll(BLOCK);
        cheats.warp(START);
        maker = new RegistryMaker();
        registry = maker.make(OWNER, SHORT_DELAY, MIN_SVN, MIN_QE_SVN);
        for (uint256 i = 0; i < CHOICES; ++i) {
            _workloads[i] = _workloadOf(i);
            admit(i, 20 days);
            allow(i, 0);
        }
        allowFeatures(1);
        for (uint256 i = 0; i < CHOICES; ++i) {
            _registerOne(4 * i, 3, 3); // so that there is something to cut from the start
        }
    }

    /// @dev Not to be called at random: the constructor has done it.
    function setUp() public override {}

    // --- what anyone does

    /// @dev Several at a time, since much can be wrong with one.
    function register(uint256 which, uint256 svn, uint256 qeSvn) external {
        for (uint256 i = 0; i < 3 && _enclaves.length < MAX_KEYS; ++i) {
            _registerOne(which % 1000 + 5 * i, svn % 1000 + i, qeSvn % 1000 + i);
        }
    }

    function _registerOne(uint256 which, uint256 svn, uint256 qeSvn) private {
        uint256 enclave = ENCLAVE + ++_attempts;
        Model memory model = Model({
            known: true,
            revoked: false,
            until: 0,
            platform: which % CHOICES,
            workload: which / CHOICES % CHOICES,
            features: which / CHOICES / CHOICES % 2,
            svn: bytes16(uint128(MIN_SVN) + (uint128(svn % 4) << 104)),
            qeSvn: uint16(MIN_QE_SVN + qeSvn % 4),
            revocations: _revocations[which % CHOICES],
            changes: _changes[which / CHOICES % CHOICES],
            drops: _drops[which / CHOICES / CHOICES % 2]
        });
        platformId = _platformIdOf(model.platform);
        bytes memory quote = _quoteOf(enclave, model);
        bool expected = _program[model.workload] != 0 && _svnAtLeast(model.svn, _svn)
            && model.qeSvn >= _qeSvn && _isAllowed(model.features) && _isAdmitted(model.platform)
            && block.timestamp <= _until[model.platform];
        bytes memory pop = _pop(quote, enclave);
        try registry.registerKey(quote, platformId, CHALLENGE, _deadline(), pop) {
            if (!expected) ++surprises;
            ++registrations;
            uint256 longest = block.timestamp + 7 days;
            uint256 end = _until[model.platform];
            model.until = end < longest ? end : longest;
            _models[enclave] = model;
            _enclaves.push(enclave);
            _answersOf[enclave][PROGRAM] = _answer(enclave, PROGRAM);
            _answersOf[enclave][OTHER_PROGRAM] = _answer(enclave, OTHER_PROGRAM);
        } catch {
            if (expected) ++surprises;
            ++refusals;
        }
    }

    function wait(uint256 time) external {
        cheats.warp(block.timestamp + time % 1 days);
    }

    function invalidate(uint256 which) external {
        if (_enclaves.length == 0) return;
        uint256 enclave = _enclaves[which % _enclaves.length];
        bool expected = _models[enclave].known && !_models[enclave].revoked && !holds(enclave);
        try registry.invalidate(vm.addr(enclave)) {
            if (!expected) ++surprises;
            _models[enclave].revoked = true;
            ++changes;
        } catch {
            if (expected) ++surprises;
            ++refusals;
        }
    }

    // --- what the owner does

    function revokeKey(uint256 which, uint256 luck) external {
        if (_enclaves.length == 0 || luck % 4 != 0) return;
        uint256 enclave = _enclaves[which % _enclaves.length];
        vm.prank(OWNER);
        try registry.revokeKey(vm.addr(enclave)) {
            _models[enclave].revoked = true;
            ++changes;
        } catch {
            ++refusals;
        }
    }

    function admit(uint256 which, uint256 life) public {
        which %= CHOICES;
        uint64 until = uint64(block.timestamp + SHORT_DELAY + 1 days + life % 28 days);
        (uint256 x, uint256 y) = vm.publicKeyP256(PCK + which);
        bool done = _announcedAndDone(
            abi.encodeCall(
                registry.registerPlatform, (bytes32(x), bytes32(y), PPID, until, which != 0)
            )
        );
        if (done) {
            _until[which] = until;
            _admitted[which] = true;
        }
    }

    function revokePlatform(uint256 which, uint256 luck) external {
        if (luck % 4 != 0) return;
        which %= CHOICES;
        bytes memory call = abi.encodeCall(registry.revokePlatform, (_platformIdOf(which)));
        if (_done(call)) {
            ++_revocations[which];
            _admitted[which] = false;
        }
    }

    function allow(uint256 which, uint256 program) public {
        which %= CHOICES;
        bytes32 root = program % 2 == 0 ? PROGRAM : OTHER_PROGRAM;
        bytes memory call = abi.encodeCall(registry.setWorkload, (_workloads[which], root));
        if (_announcedAndDone(call)) {
            ++_changes[which];
            _program[which] = root;
        }
    }

    function dropWorkload(uint256 which, uint256 luck) external {
        if (luck % 4 != 0) return;
        which %= CHOICES;
        if (_done(abi.encodeCall(registry.dropWorkload, (_workloads[which])))) {
            ++_changes[which];
            _program[which] = 0;
        }
    }

    function allowFeatures(uint256 which) public {
        which %= 2;
        if (_announcedAndDone(abi.encodeCall(registry.allowFeatures, (_featuresOf(which))))) {
            _dropped[which] = false;
        }
    }

    function dropFeatures(uint256 which, uint256 luck) external {
        if (luck % 4 != 0) return;
        which %= 2;
        if (_done(abi.encodeCall(registry.dropFeatures, (_featuresOf(which))))) {
            ++_drops[which];
            _dropped[which] = true;
        }
    }

    function setMinimum(uint256 svn, uint256 qeSvn) external {
        _changeMinimum(svn, qeSvn, true);
    }

    function raiseMinimum(uint256 svn, uint256 qeSvn) external {
        _changeMinimum(svn, qeSvn, false);
    }

    // --- what must hold

    /// @notice Whether all that a key rests on still holds, by this contract's own account.
    function holds(uint256 enclave) public view returns (bool) {
        Model memory model = _models[enclave];
        return model.known && !model.revoked && block.timestamp <= model.until
            && block.timestamp <= _until[model.platform]
            && model.revocations == _revocations[model.platform]
            && model.changes == _changes[model.workload] && model.drops == _drops[model.features]
            && _svnAtLeast(model.svn, _svn) && model.qeSvn >= _qeSvn;
    }

    /// @notice Whether the registry says the same of every key.
    function agrees() external view returns (bool) {
        for (uint256 i = 0; i < _enclaves.length; ++i) {
            uint256 enclave = _enclaves[i];
            bool expected = holds(enclave);
            address key = vm.addr(enclave);
            if ((registry.faultOf(key) == IAttestationRegistry.Fault.None) != expected) {
                return false;
            }
            bytes32 program = _program[_models[enclave].workload];
            if (!_answers(enclave, PROGRAM, expected && program == PROGRAM)) return false;
            if (!_answers(enclave, OTHER_PROGRAM, expected && program == OTHER_PROGRAM)) {
                return false;
            }
        }
        return true;
    }

    mapping(uint256 features => bool) private _dropped;
    mapping(uint256 platform => bool) private _admitted;

    function _answers(uint256 enclave, bytes32 program, bool expected) private view returns (bool) {
        bytes memory sig = _answersOf[enclave][program];
        try registry.verifyInference(program, INPUT, OUTPUT, CONTEXT, sig) returns (
            address key, bool hardware
        ) {
            return
                expected && key == vm.addr(enclave) && hardware == (_models[enclave].platform != 0);
        } catch {
            return !expected;
        }
    }

    function _changeMinimum(uint256 svn, uint256 qeSvn, bool announced) private {
        bytes16 lowest = bytes16(uint128(MIN_SVN) + (uint128(svn % 3) << 104));
        uint16 qeLowest = uint16(MIN_QE_SVN + qeSvn % 3);
        bool expected = announced || (_svnAtLeast(lowest, _svn) && qeLowest >= _qeSvn);
        bool done = announced
            ? _announcedAndDone(abi.encodeCall(registry.setMinimum, (lowest, qeLowest)))
            : _done(abi.encodeCall(registry.raiseMinimum, (lowest, qeLowest)));
        if (done != expected) ++surprises;
        if (done) (_svn, _qeSvn) = (lowest, qeLowest);
    }

    function _announcedAndDone(bytes memory action) private returns (bool) {
        if (registry.readyAt(keccak256(action)) != 0) {
            vm.prank(OWNER); // announced before, and refused when it was made
            registry.cancel(keccak256(action));
        }
        vm.prank(OWNER);
        registry.schedule(action);
        cheats.warp(block.timestamp + SHORT_DELAY);
        return _done(action);
    }

    function _done(bytes memory action) private returns (bool ok) {
        vm.prank(OWNER);
        (ok,) = address(registry).call(action);
        if (ok) ++changes;
        else ++refusals;
    }

    function _quoteOf(uint256 enclave, Model memory model)
        private
        view
        returns (bytes memory quote)
    {
        address key = vm.addr(enclave);
        quote = _draft(key, registry.bindingOf(key, blockhash(CHALLENGE)));
        quote[184] = bytes1(uint8(model.workload));
        _put(quote, 48, abi.encodePacked(model.svn));
        _put(quote, 168, abi.encodePacked(_featuresOf(model.features)));
        quote[1028] = bytes1(uint8(model.qeSvn));
        _vouch(quote);
        _signReport(quote, PCK + model.platform);
        _signBody(quote);
    }

    function _isAllowed(uint256 features) private view returns (bool) {
        return !_dropped[features];
    }

    function _isAdmitted(uint256 platform) private view returns (bool) {
        return _admitted[platform];
    }

    function _platformIdOf(uint256 which) private view returns (bytes32) {
        (uint256 x, uint256 y) = vm.publicKeyP256(PCK + which);
        return registry.platformIdOf(bytes32(x), bytes32(y), PPID, which != 0);
    }

    function _workloadOf(uint256 which) private pure returns (bytes32) {
        bytes memory quote = _draft(address(0), 0);
        quote[184] = bytes1(uint8(which));
        return keccak256(bytes.concat(_slice(quote, 184, 232), _slice(quote, 376, 568)));
    }

    function _featuresOf(uint256 which) private pure returns (bytes16) {
        return which == 0 ? FEATURES : OTHER_FEATURES;
    }

    function _svnAtLeast(bytes16 svn, bytes16 lowest) private pure returns (bool) {
        for (uint256 i = 0; i < 16; ++i) {
            if (svn[i] < lowest[i]) return false;
        }
        return true;
    }
}
