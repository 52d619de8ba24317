// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IInferenceVerifier} from "verifiable/inference/IInferenceVerifier.sol";
import {TensorRoots} from "verifiable/inference/TensorRoots.sol";
import {VerifiedInference} from "verifiable/inference/VerifiedInference.sol";
import {IModelRegistry} from "verifiable/interfaces/IModelRegistry.sol";
import {Commitments} from "verifiable/optimistic/Commitments.sol";
import {IDisputeGame} from "verifiable/optimistic/IDisputeGame.sol";

/// @title ClassificationEscrow
/// @notice Pays whoever shows that a committed model sees a committed input as the class that the
///         buyer named. Without such evidence the buyer has the deposit back after a deadline.
/// @dev An example. What it relies on: its router and record, which never change; and the evidence
///      that `_accepted` names. What the seller brings is a statement about all outputs, so the
///      class is not a word of the seller: it is computed here from outputs whose root is proven.
contract ClassificationEscrow is VerifiedInference {
    /// @notice What a buyer offers.
    /// @param buyer Who has it back if nobody earns it.
    /// @param deadline Last second in which it can be earned.
    /// @param class Position of the output that has to be the largest.
    /// @param amount Wei; zero once it was earned or refunded.
    /// @param inputRoot The input, by its root. The buyer gives it to sellers by other ways.
    struct Deposit {
        address buyer;
        uint64 deadline;
        uint32 class;
        uint256 amount;
        bytes32 inputRoot;
    }

    /// @notice A buyer made an offer.
    event Deposited(
        uint256 indexed id,
        address indexed buyer,
        bytes32 indexed inputRoot,
        uint32 class,
        uint256 amount,
        uint64 deadline
    );

    /// @notice A seller earned a deposit.
    event Paid(uint256 indexed id, address indexed seller, bytes32 indexed statementDigest);

    /// @notice A buyer has a deposit back.
    event Refunded(uint256 indexed id);

    /// @notice Somebody took what was theirs.
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice The schema is not the record's.
    error ClassificationEscrow_WrongSchema(bytes32 found, bytes32 registered);

    /// @notice Keys can still be added to the record.
    error ClassificationEscrow_NotFrozen(bytes32 recordId);

    /// @notice The program gives more than one tensor, so no class can be told from its output.
    error ClassificationEscrow_NotAClassifier(uint256 outputs);

    /// @notice An offer has to name a class of the model, some wei and a time to come.
    error ClassificationEscrow_BadOffer();

    /// @notice There is no such deposit, or it was earned or refunded.
    error ClassificationEscrow_NotOpen(uint256 id);

    /// @notice Too late to earn it.
    error ClassificationEscrow_Late(uint64 deadline);

    /// @notice Too early to have it back.
    error ClassificationEscrow_Early(uint64 deadline);

    /// @notice These are not the outputs of one execution.
    error ClassificationEscrow_WrongSize(uint256 length, uint256 expected);

    /// @notice Another output is as large or larger.
    error ClassificationEscrow_OtherClass(uint256 class);

    /// @notice The account did not take its coins.
    error ClassificationEscrow_NotTaken(address account);

    /// @notice How many classes the model tells apart.
    uint256 public immutable CLASSES;

    /// @notice Bytes of each output.
    uint256 public immutable WIDTH;

    /// @dev Base-2 logarithm of the bytes in a leaf of a tensor.
    uint8 private immutable LEAF_LOG2;

    /// @notice All offers ever made, by number.
    mapping(uint256 id => Deposit offer) public deposits;

    /// @notice How many offers were made.
    uint256 public count;

    /// @notice Wei that an account can withdraw.
    mapping(address account => uint256 amount) public owed;

    /// @param router Checks evidence.
    /// @param recordId Says which model, and under which keys evidence counts.
    /// @param simulated Whether evidence that shows nothing counts: for a rehearsal only.
    /// @param schema `abi.encode(Schema)` of the program: its hash stands in the record.
    constructor(IInferenceVerifier router, bytes32 recordId, bool simulated, bytes memory schema)
        VerifiedInference(router, recordId, simulated)
    {
        IModelRegistry.Record memory record = router.registry().recordOf(recordId);
        // Or its registrant could add a key of its own making later, and earn every deposit.
        if (!record.frozen) revert ClassificationEscrow_NotFrozen(recordId);
        bytes32 found = keccak256(abi.encodePacked(Commitments.SCHEMA, schema));
        if (found != record.schemaHash) {
            revert ClassificationEscrow_WrongSchema(found, record.schemaHash);
        }
        IDisputeGame.TensorSpec[] memory outputs = abi.decode(schema, (IDisputeGame.Schema)).outputs;
        if (outputs.length != 1) revert ClassificationEscrow_NotAClassifier(outputs.length);
        uint256 classes = 1;
        for (uint256 i = 0; i < outputs[0].shape.length; ++i) {
            classes *= outputs[0].shape[i];
        }
        CLASSES = classes;
        WIDTH = outputs[0].width;
        LEAF_LOG2 = record.leafLog2;
    }

    /// @notice Offer what is sent to whoever shows that the model sees this input as this class.
    /// @param inputRoot Of the quantised input.
    /// @param class Position of the output that has to be the largest.
    /// @param deadline Last second in which it can be earned.
    /// @return id Number of the offer.
    function deposit(bytes32 inputRoot, uint32 class, uint64 deadline)
        external
        payable
        returns (uint256 id)
    {
        if (msg.value == 0 || class >= CLASSES || deadline <= block.timestamp) {
            revert ClassificationEscrow_BadOffer();
        }
        id = count++;
        deposits[id] = Deposit({
            buyer: msg.sender,
            deadline: deadline,
            class: class,
            amount: msg.value,
            inputRoot: inputRoot
        });
        emit Deposited(id, msg.sender, inputRoot, class, msg.value, deadline);
    }

    /// @notice Earn a deposit. The evidence is about a statement whose context is
    ///         `contextOf(seller, bytes32(id))`, so nobody else can use it.
    /// @param id Number of the offer.
    /// @param output All outputs of the execution, signed, big-endian, `WIDTH` bytes each.
    /// @param evidence That the model gives this output on the offer's input.
    function claim(
        uint256 id,
        bytes calldata output,
        IInferenceVerifier.Evidence[] calldata evidence
    ) external {
        Deposit memory offer = deposits[id];
        if (offer.amount == 0) revert ClassificationEscrow_NotOpen(id);
        if (block.timestamp > offer.deadline) revert ClassificationEscrow_Late(offer.deadline);

        // Before anything else is called; a revert undoes it.
        deposits[id].amount = 0;
        owed[msg.sender] += offer.amount;

        // The class follows from the outputs, and the outputs are those whose root is proven.
        _checkClass(output, offer.class);
        bytes32 outputRoot = TensorRoots.rootOf(output, LEAF_LOG2);
        bytes32 digest = _useInference(offer.inputRoot, outputRoot, bytes32(id), evidence);
        emit Paid(id, msg.sender, digest);
    }

    /// @notice Give a deposit back to its buyer, after the deadline. Anyone may.
    /// @param id Number of the offer.
    function refund(uint256 id) external {
        Deposit memory offer = deposits[id];
        if (offer.amount == 0) revert ClassificationEscrow_NotOpen(id);
        if (block.timestamp <= offer.deadline) revert ClassificationEscrow_Early(offer.deadline);
        deposits[id].amount = 0;
        owed[offer.buyer] += offer.amount;
        emit Refunded(id);
    }

    /// @notice Take what is the caller's.
    function withdraw() external {
        uint256 amount = owed[msg.sender];
        owed[msg.sender] = 0;
        emit Withdrawn(msg.sender, amount);
        (bool taken,) = msg.sender.call{value: amount}("");
        if (!taken) revert ClassificationEscrow_NotTaken(msg.sender);
    }

    /// @dev "ezkl or (quorum and optimistic)": a proof, or named parties' word that nobody disputed.
    /// @return anyOf Two clauses, one of which has to be met.
    function _accepted()
        internal
        view
        virtual
        override
        returns (IInferenceVerifier.Clause[] memory anyOf)
    {
        anyOf = new IInferenceVerifier.Clause[](2);
        anyOf[0] = _only("ezkl")[0];
        anyOf[1].threshold = 2;
        anyOf[1].backends = new bytes4[](2);
        anyOf[1].backends[0] = bytes4(keccak256("quorum"));
        anyOf[1].backends[1] = bytes4(keccak256("optimistic"));
    }

    /// @dev Reverts unless the output of this class is larger than every other: a tie is no class.
    /// @param output All outputs.
    /// @param class The one that has to be the largest.
    function _checkClass(bytes calldata output, uint256 class) private view {
        if (output.length != CLASSES * WIDTH) {
            revert ClassificationEscrow_WrongSize(output.length, CLASSES * WIDTH);
        }
        int256 largest = _at(output, class);
        for (uint256 i = 0; i < CLASSES; ++i) {
            if (i != class && _at(output, i) >= largest) revert ClassificationEscrow_OtherClass(i);
        }
    }

    /// @dev One output. All have one scale and one zero point, so comparing integers is enough.
    /// @param output All outputs.
    /// @param index Which one.
    /// @return value The integer.
    function _at(bytes calldata output, uint256 index) private view returns (int256 value) {
        bytes32 word = bytes32(output[index * WIDTH:]);
        value = int256(uint256(word)) >> (256 - 8 * WIDTH);
    }
}
