// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title IDisputeGame
/// @notice Judges bonded statements about programs: an asserter commits to one trace, and anyone who
///         shows one wrong element of it, or meets silence where the trace must be shown, rejects it.
/// @dev Only the asserter claims; a challenger only selects what is to be shown. Fault proofs are
///      checked from the trace root down, never from a game's progress. Digests and trees are those
///      of `docs/formats/commitments.md`; `docs/design/0005-optimistic.md` says why each rule is as
///      it is. The ids OP-* stand at each guard, in the tests and in `docs/security.md`.
interface IDisputeGame {
    /// @notice Rules of this contract, immutable and part of `gameKeyOf`. Times are in seconds.
    /// @param window How long games may be opened and faults proven after an assertion.
    /// @param clockA Thinking time of the asserter in each game.
    /// @param clockC Thinking time of the challenger in each game.
    /// @param grace Least time left to a side when its turn begins.
    /// @param maxMoves Most moves of a game; programs that need more are not admitted.
    /// @param bondA Bond of an assertion, in wei.
    /// @param bondC Bond of a game, in wei.
    /// @param rewardBps Share of `bondA` for who rejects an assertion, in 1/10,000; the rest burns.
    /// @param refundBps Most of `bondC` that goes to revealers if its game is lost, in 1/10,000.
    /// @param minCommitAge Blocks between a commit and its use.
    /// @param gasPriceCap Highest price of gas at which a reveal is refunded, in wei.
    struct Params {
        uint64 window;
        uint64 clockA;
        uint64 clockC;
        uint64 grace;
        uint8 maxMoves;
        uint96 bondA;
        uint96 bondC;
        uint16 rewardBps;
        uint16 refundBps;
        uint32 minCommitAge;
        uint96 gasPriceCap;
    }

    /// @notice Which rule of the constructor the parameters break.
    /// @param Clocks A time is zero, or a clock is shorter than the grace.
    /// @param Duration An assertion could stay undecided for `MAX_DURATION` or longer.
    /// @param Moves The shortest game has three moves.
    /// @param CommitAge Less than one block, or more than `MAX_COMMIT_AGE`.
    /// @param Shares More than half of `bondA`, or more than three quarters of `bondC`, comes back.
    /// @param BondA The reward does not pay twice what a challenger spends at the capped price.
    /// @param BondC The refunds do not pay all reveals of the longest game at the capped price.
    enum ParamsRule {
        Clocks,
        Duration,
        Moves,
        CommitAge,
        Shares,
        BondA,
        BondC
    }

    /// @notice Which rule a program breaks.
    /// @param SpecVersion Another version of the commitments.
    /// @param LeafSize Leaves have another size than 32, 256 or 1024 bytes.
    /// @param NoNodes The program computes nothing.
    /// @param Outputs Outputs and their nodes do not match, or a node does not exist.
    /// @param TooDeep A game about it could need more than `maxMoves`.
    enum ProgramRule {
        SpecVersion,
        LeafSize,
        NoNodes,
        Outputs,
        TooDeep
    }

    /// @notice The opened preimage of a program root.
    /// @param specVersion Version of the commitments.
    /// @param leafLog2 Base-2 logarithm of the bytes in one leaf of a tensor.
    /// @param graphRoot Root over the node descriptors.
    /// @param weightsRoot Root over the weights.
    /// @param tablesRoot Root over the lookup tables.
    /// @param schema `abi.encode(Schema)`.
    struct Header {
        uint16 specVersion;
        uint8 leafLog2;
        bytes32 graphRoot;
        bytes32 weightsRoot;
        bytes32 tablesRoot;
        bytes schema;
    }

    /// @notice A member of a schema.
    /// @param name Of the input or output.
    /// @param shape In ONNX axis order.
    /// @param width Bytes per element.
    /// @param lo Smallest integer that it may hold.
    /// @param hi Largest integer that it may hold.
    /// @param scaleBits Binary64 of the scale.
    /// @param zeroPoint The integer that stands for 0.
    struct TensorSpec {
        string name;
        uint32[] shape;
        uint8 width;
        int64 lo;
        int64 hi;
        uint64 scaleBits;
        int64 zeroPoint;
    }

    /// @notice The outside of a program.
    /// @param nodeCount Nodes, which is the number of trace tensors.
    /// @param maxHeight Largest height of a trace tensor's tree.
    /// @param inputs In ONNX order.
    /// @param outputs In ONNX order.
    /// @param outputIds Node that computes each output.
    struct Schema {
        uint32 nodeCount;
        uint8 maxHeight;
        TensorSpec[] inputs;
        TensorSpec[] outputs;
        uint32[] outputIds;
    }

    /// @notice What the game keeps of an admitted program.
    /// @param graphRoot As in the header.
    /// @param weightsRoot As in the header.
    /// @param tablesRoot As in the header.
    /// @param nodeCount As in the schema; zero if the program is not admitted.
    /// @param inputCount Number of inputs.
    /// @param leafLog2 As in the header.
    /// @param maxHeight As in the schema.
    /// @param outputIds As in the schema.
    struct ProgramFacts {
        bytes32 graphRoot;
        bytes32 weightsRoot;
        bytes32 tablesRoot;
        uint32 nodeCount;
        uint32 inputCount;
        uint8 leafLog2;
        uint8 maxHeight;
        uint32[] outputIds;
    }

    /// @notice What is asserted: the program gives this output on this input.
    /// @param programRoot Root of an admitted program.
    /// @param inputRoot Root of the quantised input.
    /// @param outputRoot Root of the quantised output.
    /// @param context Binds the statement to one use; zero for none.
    struct Statement {
        bytes32 programRoot;
        bytes32 inputRoot;
        bytes32 outputRoot;
        bytes32 context;
    }

    /// @notice A tensor's root and its branch into the tree that holds it.
    /// @param root Root of the tensor.
    /// @param branch Siblings from the leaf up; empty for the lone input of a program.
    struct Opening {
        bytes32 root;
        bytes32[] branch;
    }

    /// @notice State of an assertion. All but `None` and `Pending` are for ever.
    enum Status {
        None,
        Pending,
        Rejected,
        Finalized
    }

    /// @notice One bonded claim with its trace.
    /// @param asserter Who made it and gets the bond back if it stands.
    /// @param assertedAt Timestamp of the assertion.
    /// @param openGames Games that are not settled.
    /// @param status See `Status`.
    /// @param programRoot As asserted.
    /// @param inputRoot As asserted.
    /// @param traceRoot As asserted.
    /// @param statementDigest Row 0a over the statement.
    struct Assertion {
        address asserter;
        uint48 assertedAt;
        uint32 openGames;
        Status status;
        bytes32 programRoot;
        bytes32 inputRoot;
        bytes32 traceRoot;
        bytes32 statementDigest;
    }

    /// @notice What a game is about at the moment.
    /// @param Trace An inner node of the trace's tree.
    /// @param Node The leaf of the trace's tree that holds one tensor's root.
    /// @param Tensor An inner node of that tensor's tree.
    /// @param Leaf A leaf of that tensor.
    /// @param Step All that the asserter must show is shown: prove the fault.
    enum Phase {
        Trace,
        Node,
        Tensor,
        Leaf,
        Step
    }

    /// @notice State of a game. All but `None` and `Open` are for ever.
    /// @param None There is no such game.
    /// @param Open It is played.
    /// @param Won By the challenger; its assertion is rejected.
    /// @param Lost By the challenger, who let its clock run out.
    /// @param Closed Its assertion was rejected elsewhere; the bond went back.
    enum GameStatus {
        None,
        Open,
        Won,
        Lost,
        Closed
    }

    /// @notice One challenger's game about one assertion.
    /// @param assertionId The assertion.
    /// @param challenger Who selects, and to whom bond and reward go.
    /// @param status See `GameStatus`.
    /// @param phase See `Phase`.
    /// @param asserterTurn True if the asserter (or anyone for it) must show something.
    /// @param height Height of the subtree under `cur`.
    /// @param node The node whose tensor is disputed, from phase `Node` on.
    /// @param cur Digest of what is disputed.
    /// @param index Position of `cur` at its level of its tree.
    /// @param leaves Leaves of that tree.
    /// @param clockA Time left to the asserter when its turn began, or when it ended.
    /// @param clockC Time left to the challenger when its turn began, or when it ended.
    /// @param last When the present turn began.
    struct Game {
        bytes32 assertionId;
        address challenger;
        GameStatus status;
        Phase phase;
        bool asserterTurn;
        uint8 height;
        uint32 node;
        bytes32 cur;
        uint64 index;
        uint64 leaves;
        uint40 clockA;
        uint40 clockC;
        uint48 last;
    }

    /// @notice Sums over the life of this contract, in wei.
    /// @param deposited All bonds that came in.
    /// @param locked Bonds of open matters, and credits that were not withdrawn.
    /// @param withdrawn All that went out.
    /// @param burned Slashed and out of reach; it stays in this contract's balance for ever.
    struct Totals {
        uint128 deposited;
        uint128 locked;
        uint128 withdrawn;
        uint128 burned;
    }

    /// @notice What a commit is for.
    /// @param Result `assertResult`: subject is the statement's digest, payload the trace root.
    /// @param Element A fault of this kind: subject is the assertion, payload the proof's keccak256.
    /// @param Padding Likewise.
    enum CommitKind {
        Result,
        Element,
        Padding
    }

    /// @notice What is wrong with a trace.
    /// @param Element An element is not what its operator gives; `abi.encode(ElementProof)`.
    /// @param Padding Padding is not canonical; `abi.encode(PaddingProof)`.
    enum FaultKind {
        Element,
        Padding
    }

    /// @notice One wrong element with all that is needed to judge it.
    /// @param node The node.
    /// @param desc Its descriptor.
    /// @param descBranch From the descriptor's leaf to `graphRoot`.
    /// @param outRoot Root of its tensor.
    /// @param outBranch From the tensor's leaf to `traceRoot`.
    /// @param elem Row-major position of the element.
    /// @param leaf The leaf that holds it.
    /// @param leafBranch From that leaf to `outRoot`.
    /// @param operands Each operand's root, opened in the tree that the descriptor names.
    /// @param witness For the step verifier: leaves of the operands.
    struct ElementProof {
        uint32 node;
        bytes desc;
        bytes32[] descBranch;
        bytes32 outRoot;
        bytes32[] outBranch;
        uint64 elem;
        bytes leaf;
        bytes32[] leafBranch;
        Opening[] operands;
        bytes witness;
    }

    /// @notice Where padding is wrong.
    /// @param Trace A subtree of the trace's tree that holds no node.
    /// @param Tensor A subtree of a tensor's tree that holds no leaf of it.
    /// @param Tail Bytes behind the last element in a tensor's last leaf.
    enum PaddingPlace {
        Trace,
        Tensor,
        Tail
    }

    /// @notice Wrong padding with all that is needed to judge it.
    /// @param place Where.
    /// @param node Whose tensor; not used for `Trace`.
    /// @param desc Descriptor of that node; not used for `Trace`.
    /// @param descBranch From the descriptor's leaf to `graphRoot`; not used for `Trace`.
    /// @param outRoot Root of the tensor; not used for `Trace`.
    /// @param outBranch From the tensor's leaf to `traceRoot`; not used for `Trace`.
    /// @param level Height of the subtree; not used for `Tail`.
    /// @param index Its position at that level; not used for `Tail`.
    /// @param hash Its root; not used for `Tail`.
    /// @param siblings From the subtree, or from the last leaf, up.
    /// @param leaf The last leaf; only used for `Tail`.
    struct PaddingProof {
        PaddingPlace place;
        uint32 node;
        bytes desc;
        bytes32[] descBranch;
        bytes32 outRoot;
        bytes32[] outBranch;
        uint8 level;
        uint64 index;
        bytes32 hash;
        bytes32[] siblings;
        bytes leaf;
    }

    /// @notice A program can be asserted about.
    /// @param programRoot Its root.
    /// @param header The opened preimage.
    event ProgramAdmitted(bytes32 indexed programRoot, Header header);

    /// @notice Someone committed to a result or a proof.
    /// @param sender Who.
    /// @param digest See `commitDigest`.
    event Committed(address indexed sender, bytes32 indexed digest);

    /// @notice A statement was asserted under a bond.
    /// @param assertionId Name of the assertion.
    /// @param statementDigest Row 0a over the statement.
    /// @param asserter Who asserted.
    /// @param statement The statement.
    /// @param traceRoot Root over the tensors of the execution.
    /// @param outputs Root of each output and its branch into the trace.
    /// @param assertedAt When the window began.
    /// @param traceURI Where the trace may be found: a hint that nothing binds.
    event Asserted(
        bytes32 indexed assertionId,
        bytes32 indexed statementDigest,
        address indexed asserter,
        Statement statement,
        bytes32 traceRoot,
        Opening[] outputs,
        uint256 assertedAt,
        string traceURI
    );

    /// @notice A game was opened. Its first position follows as `Turn`.
    /// @param gameId Name of the game.
    /// @param assertionId The assertion.
    /// @param challenger Who opened it.
    event GameOpened(
        uint256 indexed gameId, bytes32 indexed assertionId, address indexed challenger
    );

    /// @notice Where a game stands after a move.
    /// @param gameId Name of the game.
    /// @param phase What it is about.
    /// @param asserterTurn Whose turn it is.
    /// @param node The node, from phase `Node` on.
    /// @param cur Digest of what is disputed.
    /// @param height Height of the subtree under it.
    /// @param index Its position at that level.
    /// @param clockA Time left to the asserter.
    /// @param clockC Time left to the challenger.
    /// @param last When this turn began.
    event Turn(
        uint256 indexed gameId,
        Phase phase,
        bool asserterTurn,
        uint32 node,
        bytes32 cur,
        uint8 height,
        uint64 index,
        uint40 clockA,
        uint40 clockC,
        uint48 last
    );

    /// @notice All descendants of an inner node some levels down were shown.
    /// @param gameId In which game.
    /// @param assertionId For all games of this assertion.
    /// @param revealer By whom.
    /// @param cur The inner node.
    /// @param descendants In order.
    event NodesRevealed(
        uint256 indexed gameId,
        bytes32 indexed assertionId,
        address indexed revealer,
        bytes32 cur,
        bytes32[] descendants
    );

    /// @notice The root of a node's tensor was shown.
    /// @param gameId In which game.
    /// @param assertionId For all games of this assertion.
    /// @param revealer By whom.
    /// @param node The node.
    /// @param tensorRoot Root of its tensor.
    event TensorRevealed(
        uint256 indexed gameId,
        bytes32 indexed assertionId,
        address indexed revealer,
        uint32 node,
        bytes32 tensorRoot
    );

    /// @notice A leaf of a tensor was shown.
    /// @param gameId In which game.
    /// @param assertionId For all games of this assertion.
    /// @param revealer By whom.
    /// @param cur Its digest.
    /// @param leaf Its bytes.
    event LeafRevealed(
        uint256 indexed gameId,
        bytes32 indexed assertionId,
        address indexed revealer,
        bytes32 cur,
        bytes leaf
    );

    /// @notice A challenger descended. The new position follows as `Turn`.
    /// @param gameId In which game.
    /// @param levels How many levels.
    /// @param index Position among the descendants at that level.
    /// @param hash Digest of the one that was selected.
    event Selected(uint256 indexed gameId, uint8 levels, uint64 index, bytes32 hash);

    /// @notice A fault was proven. `Rejected` follows.
    /// @param assertionId Of the trace.
    /// @param prover Who sent the proof.
    /// @param kind What is wrong.
    /// @param node Where: the node, if the fault is in a tensor.
    /// @param place The element, or the position of the padded subtree or leaf.
    event FaultProven(
        bytes32 indexed assertionId,
        address indexed prover,
        FaultKind kind,
        uint32 node,
        uint256 place
    );

    /// @notice A game ended.
    /// @param gameId Name of the game.
    /// @param assertionId The assertion.
    /// @param status How.
    event GameSettled(
        uint256 indexed gameId, bytes32 indexed assertionId, GameStatus indexed status
    );

    /// @notice An assertion was rejected, for ever.
    /// @param assertionId Name of the assertion.
    /// @param winner Who gets the reward.
    event Rejected(bytes32 indexed assertionId, address indexed winner);

    /// @notice An assertion stands, for ever.
    /// @param assertionId Name of the assertion.
    /// @param statementDigest What it says.
    event Finalized(bytes32 indexed assertionId, bytes32 indexed statementDigest);

    /// @notice An account may withdraw more.
    /// @param account Which.
    /// @param amount How much more, in wei.
    event Credited(address indexed account, uint256 amount);

    /// @notice Coins went out of reach.
    /// @param amount How many, in wei.
    event Burned(uint256 amount);

    /// @notice An account withdrew its credit.
    /// @param account Which.
    /// @param amount How much, in wei.
    event Withdrawn(address indexed account, uint256 amount);

    /// @notice The parameters break a rule.
    /// @param rule Which.
    error Game_BadParams(ParamsRule rule);

    /// @notice A contract that judges is not there.
    /// @param verifier Its address.
    error Game_WrongVerifier(address verifier);

    /// @notice The program breaks a rule.
    /// @param rule Which.
    error Game_BadProgram(ProgramRule rule);

    /// @notice The program was admitted before.
    /// @param programRoot Its root.
    error Game_AlreadyAdmitted(bytes32 programRoot);

    /// @notice The program is not admitted.
    /// @param programRoot Its root.
    error Game_UnknownProgram(bytes32 programRoot);

    /// @notice This sender made this commit before; its age counts from then.
    /// @param digest The commit.
    error Game_AlreadyCommitted(bytes32 digest);

    /// @notice This sender has not committed to this.
    /// @param digest The commit that is missing.
    error Game_NoCommit(bytes32 digest);

    /// @notice The commit cannot be used yet.
    /// @param digest The commit.
    /// @param usableAt First block in which it can.
    error Game_CommitTooYoung(bytes32 digest, uint256 usableAt);

    /// @notice The value sent is not the bond.
    /// @param sent In wei.
    /// @param bond In wei.
    error Game_WrongBond(uint256 sent, uint256 bond);

    /// @notice The outputs' roots do not make the output root.
    error Game_DataMismatch();

    /// @notice An output's root does not stand in the trace at its node.
    /// @param output Position among the outputs.
    error Game_OutputNotBound(uint256 output);

    /// @notice The hint is too long.
    /// @param length In bytes.
    error Game_URITooLong(uint256 length);

    /// @notice The assertion is not pending.
    /// @param assertionId Which.
    /// @param status What it is.
    error Game_NotPending(bytes32 assertionId, Status status);

    /// @notice The window of the assertion is closed.
    /// @param assertionId Which.
    error Game_WindowClosed(bytes32 assertionId);

    /// @notice The window of the assertion is open, or a game about it is.
    /// @param assertionId Which.
    error Game_NotFinal(bytes32 assertionId);

    /// @notice The assertion was not rejected.
    /// @param assertionId Which.
    /// @param status What it is.
    error Game_NotRejected(bytes32 assertionId, Status status);

    /// @notice There is no such game.
    /// @param gameId Which.
    error Game_UnknownGame(uint256 gameId);

    /// @notice The game has ended.
    /// @param gameId Which.
    error Game_AlreadySettled(uint256 gameId);

    /// @notice It is the other side's turn.
    /// @param gameId Which game.
    error Game_NotYourTurn(uint256 gameId);

    /// @notice Only the game's challenger selects.
    /// @param gameId Which game.
    error Game_NotChallenger(uint256 gameId);

    /// @notice The game is about something else.
    /// @param gameId Which game.
    /// @param phase What it is about.
    error Game_WrongPhase(uint256 gameId, Phase phase);

    /// @notice The clock of the side to move has run out.
    /// @param gameId Which game.
    error Game_ClockExpired(uint256 gameId);

    /// @notice The clock of the side to move still runs.
    /// @param gameId Which game.
    error Game_ClockRunning(uint256 gameId);

    /// @notice What was shown is not what is disputed.
    /// @param gameId Which game.
    error Game_BadReveal(uint256 gameId);

    /// @notice What was selected does not stand there, or too few or too many levels down, or holds
    ///         nothing but padding.
    /// @param gameId Which game.
    error Game_BadSelection(uint256 gameId);

    /// @notice The descriptor is not that of the node, or not one of this program's kind.
    /// @param node Which node.
    error Game_BadDescriptor(uint32 node);

    /// @notice The root does not stand where the trace holds this node's tensor.
    /// @param node Which node.
    error Game_BadTensor(uint32 node);

    /// @notice The leaf has another size, or does not stand in the tensor.
    /// @param node Which node.
    /// @param leaf Position of the leaf.
    error Game_BadLeaf(uint32 node, uint256 leaf);

    /// @notice The root is not that of the operand; or their number is wrong.
    /// @param operand Position among the operands; the number sent if that is wrong.
    error Game_BadOperand(uint256 operand);

    /// @notice This is no wrong padding of the trace.
    error Game_NotPaddingFault();

    /// @notice The account has no credit.
    /// @param account Which.
    error Game_NothingToWithdraw(address account);

    /// @notice The account did not take its coins; its credit stands.
    /// @param account Which.
    error Game_TransferFailed(address account);

    /// @notice Make a program known, for ever and for everybody.
    /// @param header The opened preimage of its root.
    /// @return programRoot Its root.
    function admitProgram(Header calldata header) external returns (bytes32 programRoot);

    /// @notice Commit to a result or a proof before showing it, so that nobody can copy it in time.
    /// @param digest See `commitDigest`.
    function commit(bytes32 digest) external;

    /// @notice Assert a statement. Needs a commit of kind `Result` and the bond.
    /// @param statement About an admitted program.
    /// @param traceRoot Root over the tensors of the execution.
    /// @param outputs Root of each output, in the schema's order, and its branch into the trace.
    /// @param traceURI Where the trace may be found; may be empty, at most `MAX_URI_BYTES`.
    /// @param salt Of the commit.
    /// @return assertionId Name of the assertion.
    function assertResult(
        Statement calldata statement,
        bytes32 traceRoot,
        Opening[] calldata outputs,
        string calldata traceURI,
        bytes32 salt
    ) external payable returns (bytes32 assertionId);

    /// @notice Reject an assertion at once, inside its window. Needs a commit of the fault's kind.
    /// @param assertionId A pending assertion.
    /// @param kind What is wrong.
    /// @param proof `abi.encode` of the struct for this kind.
    /// @param salt Of the commit.
    function proveFault(bytes32 assertionId, FaultKind kind, bytes calldata proof, bytes32 salt)
        external;

    /// @notice Make the asserter show its trace under a clock. Needs the bond.
    /// @param assertionId A pending assertion inside its window.
    /// @return gameId Name of the game.
    function openGame(bytes32 assertionId) external payable returns (uint256 gameId);

    /// @notice Show all descendants of `cur`: as many levels down as are left to a multiple of four,
    ///         or four. For anyone, in the asserter's turn.
    /// @param gameId A game in phase `Trace` or `Tensor`.
    /// @param descendants In order.
    function revealNodes(uint256 gameId, bytes32[] calldata descendants) external;

    /// @notice Show the root of the disputed node's tensor. It stays the asserter's turn, unless
    ///         what comes next was shown before. For anyone, in the asserter's turn.
    /// @param gameId A game in phase `Node`.
    /// @param tensorRoot Root of the tensor.
    /// @param desc Descriptor of the node, which implies the height of the tensor's tree.
    /// @param descBranch From the descriptor's leaf to `graphRoot`.
    function revealTensor(
        uint256 gameId,
        bytes32 tensorRoot,
        bytes calldata desc,
        bytes32[] calldata descBranch
    ) external;

    /// @notice Show the disputed leaf. For anyone, in the asserter's turn.
    /// @param gameId A game in phase `Leaf`.
    /// @param leaf Its bytes.
    function revealLeaf(uint256 gameId, bytes calldata leaf) external;

    /// @notice Descend to one descendant of `cur`. For the game's challenger, in its turn.
    /// @param gameId A game in phase `Trace` or `Tensor`.
    /// @param levels How many: at least as many as were just shown.
    /// @param index Position among the descendants at that level.
    /// @param hash Digest of that descendant.
    /// @param siblings From it up to `cur`.
    function select(
        uint256 gameId,
        uint8 levels,
        uint64 index,
        bytes32 hash,
        bytes32[] calldata siblings
    ) external;

    /// @notice Reject the assertion by a proof, as `proveFault` does, for the game's challenger. Also
    ///         after the window. For anyone with a commit of the fault's kind, in any phase.
    /// @param gameId An open game.
    /// @param kind What is wrong.
    /// @param proof `abi.encode` of the struct for this kind.
    /// @param salt Of the commit.
    function proveStep(uint256 gameId, FaultKind kind, bytes calldata proof, bytes32 salt) external;

    /// @notice Settle a game whose side to move let its clock run out. For anyone.
    /// @param gameId An open game about a pending assertion.
    function claimTimeout(uint256 gameId) external;

    /// @notice Give a challenger its bond back after the assertion was rejected elsewhere. For anyone.
    /// @param gameId An open game about a rejected assertion.
    function closeGame(uint256 gameId) external;

    /// @notice Let an assertion stand. For anyone.
    /// @param assertionId A pending assertion whose window is closed and whose games have ended.
    function finalize(bytes32 assertionId) external;

    /// @notice Take out the caller's credit.
    function withdraw() external;

    /// @notice State of an assertion.
    /// @param assertionId Any name.
    /// @return state `None` if there is no such assertion.
    function status(bytes32 assertionId) external view returns (Status state);

    /// @notice All of an assertion.
    /// @param assertionId Any name.
    /// @return assertion Zeros if there is no such assertion.
    function assertionOf(bytes32 assertionId) external view returns (Assertion memory assertion);

    /// @notice All of a game.
    /// @param gameId Any name.
    /// @return game Zeros if there is no such game.
    function gameOf(uint256 gameId) external view returns (Game memory game);

    /// @notice What is kept of a program.
    /// @param programRoot Any root.
    /// @return facts Zeros if the program is not admitted.
    function programOf(bytes32 programRoot) external view returns (ProgramFacts memory facts);

    /// @notice The first assertion of a statement that became final.
    /// @param statementDigest Row 0a over the statement.
    /// @return assertionId Its name; zero if there is none.
    function finalisedStatement(bytes32 statementDigest) external view returns (bytes32 assertionId);

    /// @notice What an account may withdraw.
    /// @param account Any.
    /// @return amount In wei.
    function creditOf(address account) external view returns (uint256 amount);

    /// @notice When a sender made a commit.
    /// @param sender Who.
    /// @param digest The commit.
    /// @return number Block; zero if there is none, or if it was used.
    function committedAt(address sender, bytes32 digest) external view returns (uint256 number);

    /// @notice Whether something was shown in any game of an assertion.
    /// @param assertionId The assertion.
    /// @param hash Digest of an inner node, or of a leaf of a tensor.
    /// @param levels How many levels down; zero for a leaf.
    /// @return shown True if it was.
    function isRevealed(bytes32 assertionId, bytes32 hash, uint256 levels)
        external
        view
        returns (bool shown);

    /// @notice The root of a node's tensor, if it was shown in any game of an assertion.
    /// @param assertionId The assertion.
    /// @param node The node.
    /// @return tensorRoot Zero if it was not.
    /// @return leaves Of the tensor; zero if it was not.
    function revealedTensor(bytes32 assertionId, uint32 node)
        external
        view
        returns (bytes32 tensorRoot, uint64 leaves);

    /// @notice Sums over all coins.
    /// @return sums See `Totals`.
    function totals() external view returns (Totals memory sums);

    /// @notice The rules.
    /// @return rules See `Params`.
    function params() external view returns (Params memory rules);

    /// @notice The contracts that judge.
    /// @return judge Checks proofs.
    /// @return router Judges steps.
    function verifiers() external view returns (address judge, address router);

    /// @notice What a registry stores for a program and this kind of game.
    /// @param programRoot Any root.
    /// @return gameKey Row 08 over the program, the verifiers' code and the rules.
    function gameKeyOf(bytes32 programRoot) external view returns (bytes32 gameKey);

    /// @notice The digest to commit to.
    /// @param kind For what.
    /// @param sender Who will use it.
    /// @param subject Digest of the statement, or name of the assertion.
    /// @param payload Trace root, or keccak256 of the proof.
    /// @param salt Anything that others cannot guess.
    /// @return digest Row 07.
    function commitDigest(
        CommitKind kind,
        address sender,
        bytes32 subject,
        bytes32 payload,
        bytes32 salt
    ) external view returns (bytes32 digest);

    /// @notice Semantic version of the contract.
    /// @return number "1.0.0".
    function version() external pure returns (string memory number);
}
