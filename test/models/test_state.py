"""State that the session holds: as the model with its pasts and presents by hand, which ONNX Runtime runs.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import threading

import decoding
import hone
import numpy as np
import pytest
from building import model_of, onnx_runtime, parsed, value
from onnx import helper
from tolerance import WHOLE_MODEL, assert_all_close

SIZE = decoding.Size(layers=2, width=64, heads=4, groups=2, inner=128, vocabulary=512)


@pytest.fixture(scope="module")
def model():
    return decoding.decoder(SIZE, np.random.default_rng(1))


@pytest.fixture(scope="module")
def library(model, compile_model):
    return compile_model(model, state=True)


class Conversation:
    """The model in ONNX Runtime, with what a session would hold handed on by hand."""

    def __init__(self, model, batch=1):
        self.run_model, self.batch, self.length = onnx_runtime(model), batch, 0
        shape = (batch, SIZE.groups, 0, SIZE.width // SIZE.heads)
        names = [each.name for each in model.graph.input if each.name.startswith("past")]
        self.past = {name: np.zeros(shape, np.float32) for name in names}

    def feeds(self, ids):
        total = self.length + ids.shape[1]
        positions = np.tile(np.arange(self.length, total), (self.batch, 1))
        return {"input_ids": ids, "attention_mask": np.ones((self.batch, total), np.int64), "position_ids": positions}

    def run(self, ids):
        """The inputs that are left, and the logits."""
        feeds = self.feeds(ids)
        outputs = self.run_model({**feeds, **self.past})
        self.past = {name: outputs[name.replace("past_key_values", "present")] for name in self.past}
        self.length += ids.shape[1]
        return feeds, {"logits": outputs["logits"]}


# ---- A cache of a fixed size, in which each row of a batch has a length of its own

ROOM = 40


@pytest.fixture(scope="module")
def slot_model():
    return decoding.slot_decoder(SIZE, np.random.default_rng(5), ROOM)


@pytest.fixture(scope="module")
def slot_library(slot_model, compile_model):
    return compile_model(slot_model, state=True)


def empty_slots(model, batch):
    shape = (batch, SIZE.groups, ROOM, SIZE.width // SIZE.heads)
    return {each.name: np.zeros(shape, np.float32) for each in model.graph.input[2:]}


def test_rows_have_lengths(slot_model, slot_library):
    """Rows begin and end at different times: a row that is done is given away, and begins anew in the same place."""
    random, run_model = np.random.default_rng(1), onnx_runtime(slot_model)
    past, before = empty_slots(slot_model, 3), np.array([0, 0, 0])
    with slot_library.session() as session:
        for step in range(24):
            ids = tokens(random, 3, 5 if step == 0 else 1)
            feeds = {"input_ids": ids, "before": before}
            expected = run_model({**feeds, **past})
            past = {name: expected[name.replace("past_key_values", "present")] for name in past}
            assert_all_close(session.run(feeds), {"logits": expected["logits"]}, WHOLE_MODEL)
            before = before + ids.shape[1]
            if step % 7 == 3:
                before[step % 3] = 0


def test_slots_are_written_in_place(slot_model, slot_library):
    """No launch moves the cache: what is new is written, and attention reads it where it lies."""
    launches = []
    with slot_library.session(on_launch=launches.append) as session:
        session.run({"input_ids": np.array([[1]]), "before": np.array([0])})
    cache = 4 * SIZE.groups * ROOM * SIZE.width // SIZE.heads
    writers = [each for each in launches if "TensorScatter" in each.nodes and "Attention" not in each.nodes]
    assert len(writers) == 2 * SIZE.layers
    assert all(each.bytes < cache / 4 for each in writers)
    readers = [each for each in launches if each.family == "attention"]
    assert len(readers) == SIZE.layers
    others = [each for each in launches if each not in writers and each not in readers]
    assert not [each for each in others if "Attention" in each.nodes and each.bytes >= cache]


def test_slot_beyond_the_room(slot_library):
    """The state is as unknown as after each run that failed in its midst, and the session goes on behind a reset."""
    feeds = {"input_ids": np.ones((2, 1), "i8"), "before": np.array([0, 0])}
    with slot_library.session() as session:
        first = session.run(feeds)["logits"]
        for before in ([0, ROOM], [-1, 0]):
            with pytest.raises(hone.HoneError, match=r"\(TensorScatter\): an index is outside its dim"):
                session.run({**feeds, "before": np.array(before)})
            with pytest.raises(hone.HoneError, match="the state is unknown"):
                session.run(feeds)
            session.state.reset()
            assert (session.run(feeds)["logits"] == first).all()


def test_slots_are_copied_and_saved(slot_library):
    random = np.random.default_rng(2)
    with slot_library.session(threads=2) as session:
        session.run({"input_ids": tokens(random, 2, 5), "before": np.array([0, 0])})
        fork, saved = session.state.copy(), session.state.save()
        feeds = {"input_ids": tokens(random, 2, 1), "before": np.array([5, 3])}
        expected = session.run(feeds)["logits"]
        session.use(fork)
        assert (session.run(feeds)["logits"] == expected).all()
        fork.load(saved)
        assert (session.run(feeds)["logits"] == expected).all()


# Who else reads or keeps what a TensorScatter makes of the cache: (nodes, further outputs)
READERS = {
    "as it is": ("y = Identity (present_0)", "float[b, 6, 4] y"),
    "computed": ("y = Neg (present_0)", "float[b, 6, 4] y"),
    "both": ("y = Identity (present_0) z = Neg (present_0)", "float[b, 6, 4] y, float[b, 6, 4] z"),
    "old behind new": ("y = Sub (present_0, past_0)", "float[b, 6, 4] y"),
    "old as it is": ("y = Identity (past_0)", "float[b, 6, 4] y"),
    "old computed": ("y = Neg (past_0)", "float[b, 6, 4] y"),
    "twice": ("y = TensorScatter <axis = 1> (present_0, new, zeros) z = ReduceSum (y)", "float[b, 6, 4] y, float z"),
}


@pytest.mark.parametrize(
    "starts", ["TensorScatter <axis = 1> (past_0, new, before)", "TensorScatter <axis = 1> (past_0, new)"]
)
@pytest.mark.parametrize("readers", READERS.values(), ids=READERS)
def test_readers_of_slots(readers, starts, compile_model):
    nodes, outputs = readers
    model = parsed(
        f"""g (float[b, 6, 4] past_0, float[b, 2, 4] new, int64[b] before) => (float[b, 6, 4] present_0, {outputs})
        {{ zeros = Sub (before, before) present_0 = {starts} {nodes} }}""",
        opset=24,
    )
    check_by_hand(model, compile_model)


def test_slots_change_places(compile_model):
    """Each cache is made of the other one."""
    model = parsed(
        """g (float[b, 6, 4] past_0, float[b, 6, 4] past_1, float[b, 2, 4] new, int64[b] before)
           => (float[b, 6, 4] present_0, float[b, 6, 4] present_1, float y)
        { present_0 = TensorScatter <axis = 1> (past_1, new, before)
          present_1 = TensorScatter <axis = 1, mode = "circular"> (past_0, new, before)
          y = ReduceSum <keepdims = 0> (present_1) }""",
        opset=24,
    )
    check_by_hand(model, compile_model)


def check_by_hand(model, compile_model):
    """The session's state is what the caller of ONNX Runtime hands from run to run."""
    random, run_model = np.random.default_rng(3), onnx_runtime(model)
    names = [each.name for each in model.graph.input if each.name.startswith("past")]
    past = {name: np.zeros((2, 6, 4), "f4") for name in names}
    with compile_model(model, state=True).session() as session:
        for _ in range(4):
            feeds = {"new": random.standard_normal((2, 2, 4)).astype("f4"), "before": random.integers(0, 5, 2)}
            expected = run_model({**feeds, **past})
            past = {name: expected.pop(name.replace("past", "present")) for name in names}
            assert_all_close(session.run(feeds), expected, WHOLE_MODEL)


def test_kept_slots(compile_model):
    """--keep gives what the state holds, too."""
    model = parsed(
        """g (float[b, 6, 4] past_0, float[b, 2, 4] new, int64[b] before) => (float[b, 6, 4] present_0, float y)
        { [put] present_0 = TensorScatter <axis = 1> (past_0, new, before)
          y = ReduceSum <keepdims = 0> (new) }""",
        opset=24,
    )
    new = np.arange(16, dtype="f4").reshape(2, 2, 4)
    outputs = compile_model(model, state=True, keep=["put"]).session().run({"new": new, "before": np.array([1, 4])})
    expected = np.zeros((2, 6, 4), "f4")
    expected[0, 1:3], expected[1, 4:] = new
    assert (outputs["put"] == expected).all()


def tokens(random, batch, count):
    return random.integers(0, SIZE.vocabulary, (batch, count))


@pytest.mark.parametrize("batch", [1, 3])
def test_runs(batch, model, library):
    """One token, many, none; the memory moves as it grows."""
    random, conversation = np.random.default_rng(batch), Conversation(model, batch)
    with library.session() as session:
        for count in [5, 1, 1, 13, 1, 0, 2, 40, 1, 100, 1]:
            feeds, expected = conversation.run(tokens(random, batch, count))
            assert_all_close(session.run(feeds), expected, WHOLE_MODEL)
            assert session.state.lengths == {"past": conversation.length}
            assert session.state.capacities["past"] >= conversation.length


def test_entries_share_state(model, compile_model):
    """A prompt by the model's own entry, tokens by one for single tokens."""
    library = compile_model(model, state=True, entry="decode:batch=1,sequence=1")
    random, conversation = np.random.default_rng(4), Conversation(model)
    with library.session() as session:
        for count in [7, 1, 1, 1, 30, 1]:
            feeds, expected = conversation.run(tokens(random, 1, count))
            entry = "decode" if count == 1 else "main"
            assert_all_close(session.run(feeds, entry=entry), expected, WHOLE_MODEL)
        assert session.state.lengths == {"past": 41}
        session.state.reset()
        pair = Conversation(model, 2)
        session.run(pair.run(tokens(random, 2, 3))[0])
        one = {**pair.feeds(tokens(random, 2, 1)), "input_ids": [[1]], "position_ids": [[3]]}
        one["attention_mask"] = np.ones((1, 4), np.int64)
        with pytest.raises(hone.HoneError, match="dim 0 of what it holds is 2, and with these inputs 1"):
            session.run(one, entry="decode")


def test_what_is_left(library):
    assert [each.name for each in library.inputs] == ["input_ids", "attention_mask", "position_ids"]
    assert [each.name for each in library.outputs] == ["logits"]
    states = library.manifest["states"]
    assert [each["name"] for each in states] == [
        f"past_key_values.{i}.{kind}" for i in (0, 1) for kind in ("key", "value")
    ]
    assert states[0] == {"name": "past_key_values.0.key", "type": "f32", "dims": ["batch", "past", 2, 16]}


def test_conversations(model, library):
    """Many states that one session uses in turn, and sessions that run at once, are as one."""
    random = np.random.default_rng(5)
    conversation, runs = Conversation(model), []
    for count in (7, 1, 1, 3):
        runs.append(conversation.run(tokens(random, 1, count)))
    states = [library.state() for _ in range(64)]
    with library.session(threads=1) as session:
        for feeds, expected in runs:
            for state in states:
                session.use(state)
                assert_all_close(session.run(feeds), expected, WHOLE_MODEL)
    assert {state.lengths["past"] for state in states} == {12}

    sessions, wrong = [library.session(threads=1) for _ in range(64)], []

    def converse(session):
        for feeds, expected in runs:
            got = session.run(feeds)["logits"]
            if not np.allclose(got, expected["logits"], rtol=1e-4, atol=1e-4):
                wrong.append(session)

    threads = [threading.Thread(target=converse, args=[session]) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_reset_truncate_copy_save_load(model, library):
    random, conversation = np.random.default_rng(6), Conversation(model, 2)
    first = conversation.run(tokens(random, 2, 9))
    second = conversation.run(tokens(random, 2, 1))
    with library.session() as session:
        state = session.state
        empty = state.save()
        assert_all_close(session.run(first[0]), first[1], WHOLE_MODEL)
        saved, fork = state.save(), state.copy()
        assert len(saved) > 9 * 2 * 2 * 16 * 4 * 4 > len(empty)
        for undo in (
            lambda: None,
            lambda: state.truncate(9),
            lambda: state.load(saved),
            lambda: session.use(fork),
            lambda: session.use(None) or state.truncate(9, "past"),
        ):
            undo()
            assert session.state.lengths == {"past": 9}
            assert_all_close(session.run(second[0]), second[1], WHOLE_MODEL)
        for forget in (state.reset, lambda: state.load(empty)):
            forget()
            assert_all_close(session.run(first[0]), first[1], WHOLE_MODEL)
        state.truncate(0)
        assert_all_close(session.run(first[0]), first[1], WHOLE_MODEL)
        state.reset()  # and now another batch
        alone = Conversation(model).run(tokens(random, 1, 4))
        assert_all_close(session.run(alone[0]), alone[1], WHOLE_MODEL)


def test_capacity(model, library):
    random, conversation = np.random.default_rng(7), Conversation(model, 2)
    feeds, _ = conversation.run(tokens(random, 2, 6))
    with library.session(state_capacity=8) as session:
        session.run(feeds)
        memory = session.state.memory_bytes
        assert session.state.capacities == {"past": 8}
        with pytest.raises(hone.HoneError, match="state 'past': it would be 9 long, and its capacity is 8") as error:
            session.run(conversation.feeds(tokens(random, 2, 3)))
        assert error.value.code == hone.Status.TOO_SMALL
        feeds, expected = conversation.run(tokens(random, 2, 2))  # goes on
        assert_all_close(session.run(feeds), expected, WHOLE_MODEL)
        assert session.state.memory_bytes == memory
    with library.session(memory_limit=200_000) as session, pytest.raises(hone.HoneError, match="memory_limit") as error:
        ids = tokens(random, 1, 2000)
        session.run(Conversation(model).feeds(ids))
    assert error.value.code == hone.Status.OUT_OF_MEMORY


def test_wrong_use(model, library, compile_model):
    random = np.random.default_rng(8)
    feeds = Conversation(model, 2).feeds(tokens(random, 2, 3))
    alone = Conversation(model).feeds(tokens(random, 1, 3))
    other = compile_model(model, state=True)
    with library.session() as session:
        session.run(feeds)
        with pytest.raises(hone.HoneError, match="dim 0 of what it holds is 2, and with these inputs 1; reset it"):
            session.run({**alone, "attention_mask": np.ones((1, 6), np.int64)})
        with pytest.raises(hone.HoneError, match="cannot broadcast a dim of 6 with one of 3"):
            session.run(feeds)
        for length in (4, -1):
            with pytest.raises(hone.HoneError, match=f"cannot be truncated to {length}, it is 3 long"):
                session.state.truncate(length)
        with pytest.raises(hone.HoneError, match="there is no length 'future'; the state has 'past'"):
            session.state.truncate(1, "future")
        saved = session.state.save()
        for damaged in (b"", saved[:-1], saved + b"\0", b"x" + saved[1:], saved[:200], bytes(len(saved))):
            with pytest.raises(hone.HoneError, match="no saved state"):
                session.state.load(damaged)
        digest = bytearray(saved)
        digest[8] ^= 1
        with pytest.raises(hone.HoneError, match="saved by another model"):
            session.state.load(bytes(digest))
        for at in range(88, 160, 8):  # lengths and dims
            for number in (0, 1, 2**31, 2**47, 2**63 - 1, -1):
                sizes = bytearray(saved)
                sizes[at : at + 8] = int(number).to_bytes(8, "little", signed=True)
                if bytes(sizes) != saved:
                    with pytest.raises(hone.HoneError, match="damaged"):
                        session.state.load(bytes(sizes))
        assert session.state.save() == saved
        with pytest.raises(hone.HoneError, match="the session of another one"):
            session.use(other.state())
        with library.session() as second, pytest.raises(hone.HoneError, match="the state is another session's own"):
            second.use(session.state)
        with other.session() as theirs:
            theirs.state.load(saved)  # of the same model
            assert theirs.state.save() == saved
    plain = compile_model(model)
    with pytest.raises(hone.HoneError, match="keeps no state: its model was compiled without --state"):
        plain.state()
    with plain.session() as session, pytest.raises(hone.HoneError, match="compiled without --state"):
        _ = session.state


def cell(batch="batch"):
    """An LSTM cell as PyTorch exports it: two products, four gates."""
    random = np.random.default_rng(2)
    weights = {
        "w_x": random.standard_normal((32, 8)).astype(np.float32),
        "w_h": random.standard_normal((32, 8)).astype(np.float32),
        "b": random.standard_normal(32).astype(np.float32),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "w_x", "b"], ["from_x"], "from_x", transB=1),
        helper.make_node("Gemm", ["h", "w_h"], ["from_h"], "from_h", transB=1),
        helper.make_node("Add", ["from_x", "from_h"], ["gates"], "gates"),
        helper.make_node("Split", ["gates"], ["i", "f", "g", "o"], "split", axis=1),
        *(helper.make_node("Sigmoid", [gate], [gate + "s"], gate + "s") for gate in "ifo"),
        helper.make_node("Tanh", ["g"], ["gt"], "gt"),
        helper.make_node("Mul", ["fs", "c"], ["kept"], "kept"),
        helper.make_node("Mul", ["is", "gt"], ["added"], "added"),
        helper.make_node("Add", ["kept", "added"], ["c_next"], "c_next"),
        helper.make_node("Tanh", ["c_next"], ["ct"], "ct"),
        helper.make_node("Mul", ["os", "ct"], ["h_next"], "h_next"),
        helper.make_node("Identity", ["h_next"], ["y"], "y"),
    ]
    inputs = [value(name, batch, 8) for name in ("x", "h", "c")]
    return model_of(nodes, inputs, [value(name, batch, 8) for name in ("y", "h_next", "c_next")], weights)


def test_lstm_cell(compile_model):
    model = cell()
    library = compile_model(model, state="h:h_next,c:c_next")
    assert [each.name for each in (*library.inputs, *library.outputs)] == ["x", "y"]
    expected, random = onnx_runtime(model), np.random.default_rng(3)
    with library.session() as session:
        for batch in (1, 5, 1):
            h = c = np.zeros((batch, 8), np.float32)
            for step in range(20):
                x = random.standard_normal((batch, 8)).astype(np.float32)
                wanted = expected({"x": x, "h": h, "c": c})
                h, c = wanted["h_next"], wanted["c_next"]
                assert_all_close(session.run({"x": x}), {"y": wanted["y"]}, WHOLE_MODEL)
                if step == 10:
                    saved = session.state.save()
                if step == 11:
                    x_then, h_then = x, wanted["y"]
            session.state.load(saved)
            assert_all_close(session.run({"x": x_then}), {"y": h_then}, WHOLE_MODEL)
            assert session.state.lengths == {}
            with pytest.raises(hone.HoneError, match="there is no length 0"):
                session.state.truncate(0)
            session.state.reset()


def run_by_hand(model, pairs, feeds, states):
    """What ONNX Runtime gives, run after run."""
    run_model = onnx_runtime(model)
    for inputs in feeds:
        outputs = run_model({**inputs, **states})
        states = {past: outputs[present] for past, present in pairs.items()}
        yield {name: array for name, array in outputs.items() if name not in pairs.values()}


def check_pairs(compile_model, model, pairs, feeds, states):
    library = compile_model(model, state=",".join(":".join(pair) for pair in pairs.items()))
    with library.session() as session:
        for inputs, wanted in zip(feeds, run_by_hand(model, pairs, feeds, states), strict=True):
            assert_all_close(session.run(inputs), wanted, WHOLE_MODEL)


def ramp(count, *rows):
    return (np.arange(count * int(np.prod(rows)), dtype=np.float32) + 1).reshape(count, *rows)


def test_other_forms(compile_model):
    node = helper.make_node
    zeros = np.zeros((4,), np.float32)
    # Two that change places, and one that is an output as well.
    swap = model_of(
        [node("Add", ["x", "a"], ["y"]), node("Identity", ["b"], ["a2"]), node("Add", ["a", "x"], ["b2"])],
        [value(name, 4) for name in ("x", "a", "b")],
        [value(name, 4) for name in ("y", "a2", "b2")],
    )
    feeds = [{"x": row} for row in ramp(6, 4)]
    check_pairs(compile_model, swap, {"a": "a2", "b": "b2"}, feeds, {"a": zeros, "b": zeros})
    # The last rows of what there was: all of it is written anew.
    window = model_of(
        [
            node("Concat", ["past", "x"], ["all"], axis=0),
            node("Slice", ["all", "from", "to"], ["next"]),
            node("ReduceSum", ["all"], ["y"], keepdims=0),
        ],
        [value("past", 3, 2), value("x", 2, 2)],
        [value("y"), value("next", 3, 2)],
        {"from": np.array([2]), "to": np.array([5])},
    )
    feeds = [{"x": rows} for rows in ramp(5, 2, 2)]
    check_pairs(compile_model, window, {"past": "next"}, feeds, {"past": np.zeros((3, 2), np.float32)})
    # What grows along its first dim, several parts at once, read before and behind.
    grows = model_of(
        [
            node("ReduceSum", ["past", "first"], ["sums"], keepdims=0),
            node("Add", ["x", "sums"], ["shifted"]),
            node("Concat", ["past", "shifted", "x"], ["present"], axis=0),
            node("ReduceSum", ["present", "first"], ["y"], keepdims=0),
            node("ReduceMax", ["past"], ["z"], axes=[1], keepdims=0),
        ],
        [value("past", "n", 2), value("x", 1, 2)],
        [value("y", 2), value("z", "n"), value("present", "m", 2)],
        {"first": np.array([0])},
    )
    feeds = [{"x": row[None] / 100} for row in ramp(12, 2)]
    check_pairs(compile_model, grows, {"past": "present"}, feeds, {"past": np.zeros((0, 2), np.float32)})
    # Joined in two steps, and with something fixed between.
    nested = model_of(
        [
            node("Concat", ["past", "x"], ["longer"], axis=0),
            node("Concat", ["longer", "mark", "x"], ["present"], axis=0),
            node("ReduceSum", ["present", "zero"], ["y"], keepdims=0),
            node("ReduceSum", ["longer", "zero"], ["z"], keepdims=0),
        ],
        [value("past", "n", 2), value("x", 1, 2)],
        [value("y", 2), value("z", 2), value("present", "m", 2)],
        {"zero": np.array([0]), "mark": ramp(1, 2)},
    )
    check_pairs(compile_model, nested, {"past": "present"}, feeds, {"past": np.zeros((0, 2), np.float32)})
    # Halves that are computed.
    halves = model_of(
        [
            node("Mul", ["x", "x"], ["square"]),
            node("Concat", ["past", "square"], ["present"], axis=0),
            node("ReduceSum", ["present", "zero"], ["y"], keepdims=0),
        ],
        [value("past", "n", 2, dtype="f2"), value("x", 1, 2, dtype="f2")],
        [value("y", 2, dtype="f2"), value("present", "m", 2, dtype="f2")],
        {"zero": np.array([0])},
    )
    small = [{"x": inputs["x"].astype(np.float16)} for inputs in feeds]
    check_pairs(compile_model, halves, {"past": "present"}, small, {"past": np.zeros((0, 2), np.float16)})
    # One that takes in what another one had.
    crossed = model_of(
        [
            node("Concat", ["past_a", "past_b", "x"], ["present_a"], axis=0),
            node("Concat", ["past_b", "x"], ["present_b"], axis=0),
            node("ReduceSum", ["present_a", "zero"], ["y"], keepdims=0),
        ],
        [value("past_a", "n", 2), value("past_b", "m", 2), value("x", 1, 2)],
        [value("y", 2), value("present_a", "k", 2), value("present_b", "l", 2)],
        {"zero": np.array([0])},
    )
    empty = {name: np.zeros((0, 2), np.float32) for name in ("past_a", "past_b")}
    check_pairs(compile_model, crossed, {"past_a": "present_a", "past_b": "present_b"}, feeds, empty)
    # A state that is called as the dim by which it grows.
    named = model_of(
        [node("Concat", ["n", "x"], ["m"], axis=0), node("ReduceSum", ["m", "zero"], ["y"], keepdims=0)],
        [value("n", "n", 2), value("x", 1, 2)],
        [value("y", 2), value("m", "m", 2)],
        {"zero": np.array([0])},
    )
    check_pairs(compile_model, named, {"n": "m"}, feeds, {"n": np.zeros((0, 2), np.float32)})
    # The past of a read that grouping would like to do where the result is written.
    late = model_of(
        [
            node("Slice", ["past", "zero", "two", "zero"], ["part"]),
            node("Mul", ["part", "ten"], ["scaled"]),
            node("Concat", ["past", "x"], ["present"], axis=0),
            node("ReduceSum", ["present", "zero"], ["sums"], keepdims=1),
            node("Sub", ["sums", "scaled"], ["y"]),
        ],
        [value("past", "n", 2), value("x", 1, 2)],
        [value("y", "k", 2), value("present", "m", 2)],
        {"zero": np.array([0]), "two": np.array([2]), "ten": np.float32(10)},
    )
    check_pairs(compile_model, late, {"past": "present"}, feeds, {"past": np.zeros((0, 2), np.float32)})


def test_a_state_that_decides_on_a_shape(compile_model):
    """It is read before anything runs, in the first run too."""
    node = helper.make_node
    model = model_of(
        [node("Add", ["count", "one"], ["count2"]), node("Expand", ["x", "count2"], ["y"])],
        [value("x", 1), value("count", 1, dtype="i8")],
        [value("y", "k"), value("count2", 1, dtype="i8")],
        {"one": np.array([1])},
    )
    zero = np.array([0])
    check_pairs(compile_model, model, {"count": "count2"}, [{"x": row} for row in ramp(4, 1)], {"count": zero})


def test_a_run_that_fails(compile_model):
    """What grows is as it was; what does not has to be reset."""
    node = helper.make_node
    model = model_of(
        [
            node("Gather", ["table", "index"], ["row"], axis=0),
            node("Concat", ["past", "row"], ["present"], axis=0),
            node("ReduceSum", ["present", "zero"], ["y"], keepdims=0),
        ],
        [value("past", "n", 2), value("index", 1, dtype="i8")],
        [value("y", 2), value("present", "m", 2)],
        {"table": ramp(4, 2), "zero": np.array([0])},
    )
    library = compile_model(model, state="past:present")
    with library.session() as session:
        session.run({"index": np.array([1])})
        with pytest.raises(hone.HoneError, match="an index is outside its dim"):
            session.run({"index": np.array([9])})
        assert session.state.lengths == {"n": 1}
        np.testing.assert_array_equal(session.run({"index": np.array([0])})["y"], [4, 6])
    fixed = model_of(
        [
            node("Gather", ["table", "index"], ["row"], axis=0),
            node("Add", ["h", "row"], ["h2"]),
            node("Neg", ["h2"], ["y"]),
        ],
        [value("h", 1, 2), value("index", 1, dtype="i8")],
        [value("y", 1, 2), value("h2", 1, 2)],
        {"table": ramp(4, 2)},
    )
    library = compile_model(fixed, state="h:h2")
    with library.session() as session:
        session.run({"index": np.array([1])})
        with pytest.raises(hone.HoneError, match="an index is outside its dim"):
            session.run({"index": np.array([9])})
        for wrong in (lambda: session.run({"index": np.array([0])}), session.state.save):
            with pytest.raises(hone.HoneError, match="the state is unknown since a run failed"):
                wrong()
        session.state.reset()
        np.testing.assert_array_equal(session.run({"index": np.array([0])})["y"], [[-1, -2]])


def test_what_is_kept_says_whose_it_is(compile_model):
    """Bytes of the same model with other pairs, or in another order, are no state of this one."""
    node = helper.make_node
    model = model_of(
        [node("Add", ["a", "x"], ["a2"]), node("Mul", ["b", "x"], ["b2"]), node("Sub", ["a2", "b2"], ["y"])],
        [value(name, 4) for name in ("x", "a", "b")],
        [value(name, 4) for name in ("y", "a2", "b2")],
    )
    first, second = (compile_model(model, state=state) for state in ("a:a2,b:b2", "b:b2,a:a2"))
    with first.session() as one, second.session() as other:
        one.run({"x": ramp(4)})
        with pytest.raises(hone.HoneError, match="saved by another model"):
            other.state.load(one.state.save())


def test_hostile_sizes(compile_model):
    """What holds nothing takes no time, of how many parts whatever."""
    model = model_of(
        [
            helper.make_node("Concat", ["past", "x"], ["present"], axis=1),
            helper.make_node("ReduceSum", ["present", "one"], ["y"], keepdims=0),
        ],
        [value("past", "batch", "n", 2), value("x", "batch", 1, 2)],
        [value("y", "batch", 2), value("present", "batch", "m", 2)],
        {"one": np.array([1])},
    )
    library = compile_model(model, state="past:present")
    with library.session() as session:
        session.run({"x": ramp(1, 1, 2)})
        session.state.truncate(0)
        saved = bytearray(session.state.save())
        assert saved[96:104] == (1).to_bytes(8, "little")  # the batch
        saved[96:104] = (2**46).to_bytes(8, "little")
        session.state.load(bytes(saved))
        session.state.save()
        session.state.reset()
        np.testing.assert_array_equal(session.run({"x": ramp(1, 1, 2)})["y"], [[1, 2]])


def test_reserving_decides_on_nothing(model, library):
    random = np.random.default_rng(9)
    with library.session() as session:
        large = Conversation(model, 4).feeds(tokens(random, 4, 64))
        session.reserve(large)
        capacities = session.state.capacities
        assert session.plan(large).memory_bytes > 0
        assert session.state.capacities == capacities and session.state.lengths == {"past": 0}
        feeds, expected = Conversation(model).run(tokens(random, 1, 5))
        assert_all_close(session.run(feeds), expected, WHOLE_MODEL)


def test_pairs_that_do_not_fit(save, run_hone):
    model = save(cell())
    for state, text in {
        "--state": "no input and output are named like a past and its present",
        "--state=h:g": "state 'h:g' is no INPUT:OUTPUT of the model; its inputs are x, h, c, its outputs y, h_next",
        "--state=h:h_next,c:h_next": "its input or output is part of another pair",
        "--state=x:y,h:h_next,c:c_next": "no input that is left tells dim 0, 'batch'; pin it with --dim or --shape",
    }.items():
        for command in ("compile", "check"):
            result = run_hone(command, model, state)
            assert result.returncode == 1, state
            assert text in result.stderr, result.stderr
