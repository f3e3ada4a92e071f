/* What runs keep for the next ones: its memory, and what users do with it.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"
#include <string.h>

/* What a state that grows has room for at least: memory does not move with each of the first runs. */
enum { FIRST_CAPACITY = 16 };

static int64_t lay_out(char *base, const hone_program *program) {
  hone_rt_carver c = {base, 0};
  hone_rt_state local;
  hone_rt_state *state = hone_rt_carve(&c, 1, sizeof(*state));
  if (!state)
    state = &local;
  int64_t rank = 0;
  for (int32_t i = 0; i < program->state_count; ++i)
    rank = hone_rt_highest_rank(&program->states[i].value, rank);
  state->lengths = hone_rt_carve(&c, program->length_count, sizeof(int64_t));
  state->capacities = hone_rt_carve(&c, program->length_count, sizeof(int64_t));
  state->dims = hone_rt_carve_dims(&c, program->state_count, rank);
  state->blocks = hone_rt_carve(&c, program->state_count, sizeof(hone_rt_block));
  return c.used;
}

/* `memory`: whose account it is on; NULL: its own, as `own` says. */
static hone_status create(const hone_library *library, hone_rt_memory *memory, hone_rt_memory own, int64_t capacity,
                          hone_rt_state **result, hone_error *error) {
  const hone_program *program = library->program;
  hone_rt_block block;
  hone_status status = hone_rt_make(memory ? memory : &own, error, lay_out, program, "a state", &block);
  if (status)
    return status;
  hone_rt_state *state = (hone_rt_state *)block.data;
  state->base.library = library;
  state->program = program;
  state->own = own;
  state->memory = memory ? memory : &state->own;
  state->bytes = block.bytes;
  state->most = capacity ? capacity : HONE_MAX_DIM;
  *result = state;
  return HONE_OK;
}

static hone_status state_create(const hone_library *library, const hone_options *options, hone_state **state,
                                hone_error *error) {
  hone_options known;
  hone_allocator allocator;
  if (!state)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "state is NULL: nowhere to put the new state");
  hone_status status = hone_rt_read_options(options, &known, &allocator, error);
  if (status)
    return status;
  hone_rt_memory own;
  hone_rt_set_memory(&own, &known, &allocator);
  hone_rt_state *made;
  status = create(library, NULL, own, (int64_t)known.state_capacity, &made, error);
  if (!status)
    *state = &made->base;
  return status;
}

static void state_destroy(hone_state *base) {
  hone_rt_state *state = (hone_rt_state *)base;
  if (state->owner)
    return; /* it ends with its session */
  for (int32_t i = 0; i < state->program->state_count; ++i)
    hone_rt_release_block(state->memory, &state->blocks[i]);
  state->memory->held -= state->bytes;
  hone_allocator allocator = state->memory->allocator;
  hone_rt_release(&allocator, state, state->bytes);
}

static hone_status own_state(hone_rt_session *session, hone_error *error) {
  hone_status status = HONE_OK;
  if (!session->own_state) {
    status = create(session->base.library, &session->memory, (hone_rt_memory){.held = 0}, session->state_capacity,
                    &session->own_state, error);
    if (!status)
      session->own_state->owner = session;
  }
  if (!session->state)
    session->state = session->own_state;
  return status;
}

static hone_status in_use(hone_error *error, const char *what) {
  return hone_rt_error(error, HONE_INVALID_ARGUMENT, "the %s is in use by another thread", what);
}

static hone_status of_session(hone_session *base, hone_state **state, hone_error *error) {
  hone_rt_session *session = (hone_rt_session *)base;
  if (!state)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "state is NULL: nowhere to put the session's");
  if (atomic_exchange_explicit(&session->in_use, true, memory_order_acquire))
    return in_use(error, "session");
  hone_status status = session->state ? HONE_OK : own_state(session, error);
  if (!status)
    *state = &session->state->base;
  atomic_store_explicit(&session->in_use, false, memory_order_release);
  return status;
}

static hone_status use_state(hone_session *base, hone_state *used, hone_error *error) {
  hone_rt_session *session = (hone_rt_session *)base;
  hone_rt_state *state = (hone_rt_state *)used;
  if (state && state->program != session->program)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "the state is of the library '%s', and the session of another one, '%s'; make it with "
                         "hone_state_create of the session's library",
                         state->program->name, session->program->name);
  if (state && state->owner && state->owner != session)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "the state is another session's own, and ends with it; make one with hone_state_create, and "
                         "let it hold the same by hone_state_copy");
  if (atomic_exchange_explicit(&session->in_use, true, memory_order_acquire))
    return in_use(error, "session");
  session->state = state ? state : session->own_state;
  atomic_store_explicit(&session->in_use, false, memory_order_release);
  return HONE_OK;
}

/* Whoever reads or writes a state has it to himself. */
static hone_status take(hone_rt_state *state, hone_error *error) {
  return atomic_exchange_explicit(&state->in_use, true, memory_order_acquire) ? in_use(error, "state") : HONE_OK;
}

static hone_status give(hone_rt_state *state, hone_status status) {
  atomic_store_explicit(&state->in_use, false, memory_order_release);
  return status;
}

/* The memory of a session's own state is the session's, which runs of it with another state take memory from, too. */
static hone_status take_with_memory(hone_rt_state *state, hone_error *error) {
  if (state->owner && atomic_exchange_explicit(&state->owner->in_use, true, memory_order_acquire))
    return in_use(error, "session");
  hone_status status = take(state, error);
  if (status && state->owner)
    atomic_store_explicit(&state->owner->in_use, false, memory_order_release);
  return status;
}

static hone_status give_with_memory(hone_rt_state *state, hone_status status) {
  give(state, status);
  if (state->owner)
    atomic_store_explicit(&state->owner->in_use, false, memory_order_release);
  return status;
}

/* ---- Memory ---- */

/* Elements of a state are parts, one for each position before `axis`, of positions along it. */
typedef struct shape {
  int64_t parts;
  int64_t room;     /* positions that a part has room for */
  int64_t filled;   /* of them */
  int64_t position; /* bytes */
} shape;

/* `dims` have the room along the axis. All of a state that does not grow is one position. */
static shape shape_of(const hone_program_state *kept, const int64_t *dims, const int64_t *lengths) {
  int64_t elements = 1;
  shape s = {.parts = 1, .room = 1, .filled = 1};
  for (int32_t d = 0; d < kept->value.rank; ++d)
    if (kept->length < 0 || d > kept->axis)
      elements *= dims[d];
    else if (d < kept->axis)
      s.parts *= dims[d];
  s.position = elements * hone_rt_element_bytes(kept->value.dtype);
  if (kept->length >= 0) {
    s.room = dims[kept->axis];
    s.filled = lengths[kept->length];
  }
  return s;
}

/* Copies what is filled from one room to another one. */
static void move(char *to, int64_t to_room, const char *from, int64_t from_room, const shape *s) {
  if (!s->filled || !s->position)
    return; /* of how many parts whatever */
  for (int64_t part = 0; part < s->parts; ++part)
    memcpy(to + part * to_room * s->position, from + part * from_room * s->position, (size_t)(s->filled * s->position));
}

/* The room that `length` positions get: what the caller has asked for, or half as much again as there is. */
static int64_t room_for(const hone_rt_state *state, int64_t length, int64_t capacity) {
  if (length <= capacity)
    return capacity;
  if (state->most < HONE_MAX_DIM)
    return state->most;
  int64_t generous = capacity + capacity / 2;
  generous = generous > FIRST_CAPACITY ? generous : FIRST_CAPACITY;
  return length > generous ? length : generous;
}

/* Takes memory for number `i`, as its dims say; it holds nothing in particular. */
static hone_status hold(hone_rt_state *state, int32_t i, hone_error *error) {
  const hone_program_value *value = &state->program->states[i].value;
  int64_t bytes = hone_rt_tensor_bytes(value, state->dims[i]);
  return hone_rt_reserve(state->memory, error, &state->blocks[i], bytes < 0 ? INT64_MAX : bytes, value->name, "state");
}

/* Makes number `i`, which grows, have room for `room` positions along its axis, with what was filled. */
static hone_status grow(hone_rt_state *state, int32_t i, int64_t room, hone_error *error) {
  const hone_program_state *kept = &state->program->states[i];
  int64_t *dims = state->dims[i];
  shape before = shape_of(kept, dims, state->lengths);
  dims[kept->axis] = room;
  int64_t bytes = hone_rt_tensor_bytes(&kept->value, dims);
  if (bytes < 0)
    bytes = INT64_MAX;
  hone_rt_block block = {0};
  bool moves = before.filled && before.parts && state->blocks[i].data;
  hone_status status = HONE_OK;
  if (moves && bytes > state->blocks[i].bytes) {
    status = hone_rt_reserve(state->memory, error, &block, bytes, kept->value.name, "state");
    if (!status) {
      move(block.data, room, state->blocks[i].data, before.room, &before);
      hone_rt_release_block(state->memory, &state->blocks[i]);
      state->blocks[i] = block;
    }
  } else if (moves) {
    /* The parts move apart in the memory that there is: the last one first. */
    for (int64_t part = before.parts - 1; part > 0; --part)
      memmove(state->blocks[i].data + part * room * before.position,
              state->blocks[i].data + part * before.room * before.position, (size_t)(before.filled * before.position));
  } else {
    status = hold(state, i, error);
  }
  if (status)
    dims[kept->axis] = before.room;
  return status;
}

/* ---- Runs ---- */

static int32_t position_of(const hone_rt_session *session, int32_t k) { return session->entry->input_count + k; }

/* Sets what generated code finds of state number `i` at `position`. */
static void show(hone_rt_session *session, int32_t position, int32_t i) {
  const hone_rt_state *state = session->entered;
  const hone_program_value *value = &state->program->states[i].value;
  for (int32_t d = 0; d < value->rank; ++d)
    session->input_dims[position][d] = state->dims[i][d];
  session->inputs[position] = state->blocks[i].data;
  session->sources[position] = state->blocks[i].data;
  hone_rt_set_steps(session->steps[position], session->input_dims[position], NULL, value->rank,
                    hone_rt_element_bytes(value->dtype));
}

/* Dims by the inputs of this run, which must be those of what is held. */
static hone_status find_dims(hone_rt_session *session, hone_rt_state *state, const hone_program_use *use) {
  const int32_t i = use->number;
  const hone_program_state *kept = &state->program->states[i];
  for (int32_t d = 0; d < kept->value.rank; ++d) {
    int64_t size = use->dims[d];
    if (size == HONE_DIM_CAPACITY) {
      if (!state->has_dims)
        state->dims[i][d] = 0;
      continue;
    }
    if (size < 0)
      size = session->symbols[-1 - size];
    if (state->has_dims && state->dims[i][d] != size)
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                           "state '%s': dim %ld of what it holds is %ld, and with these inputs %ld; reset it, or use "
                           "another state for them",
                           kept->value.name, (long)d, (long)state->dims[i][d], (long)size);
    state->dims[i][d] = size;
  }
  /* Products of its dims may be counted on from here. */
  if (hone_rt_tensor_bytes(&kept->value, state->dims[i]) < 0)
    return hone_rt_error(session->error, HONE_OUT_OF_MEMORY, "no memory for state '%s'", kept->value.name);
  return HONE_OK;
}

/* What does not grow is zeros at first; `plan` may read it. */
static hone_status clear(hone_rt_state *state, int32_t i, hone_error *error) {
  hone_status status = hold(state, i, error);
  if (!status)
    memset(state->blocks[i].data, 0, (size_t)hone_rt_tensor_bytes(&state->program->states[i].value, state->dims[i]));
  return status;
}

static hone_status take_state(hone_rt_session *session) {
  hone_status status = session->state ? HONE_OK : own_state(session, session->error);
  if (!status)
    status = take(session->state, session->error);
  if (!status)
    session->entered = session->state;
  return status;
}

static hone_status enter_state(hone_rt_session *session) {
  const hone_program_entry *entry = session->entry;
  hone_rt_state *state = session->entered;
  hone_status status = HONE_OK;
  if (state->is_spoiled)
    return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                         "the state is unknown since a run failed that was changing it; reset it, or load one");
  for (int32_t l = 0; l < state->program->length_count; ++l) {
    if (!state->has_dims)
      state->lengths[l] = 0;
    session->lengths[l] = state->lengths[l];
  }
  for (int32_t k = 0; !status && k < entry->state_count; ++k) {
    int32_t i = entry->states[k].number, position = position_of(session, k);
    if (i >= 0) {
      status = find_dims(session, state, &entry->states[k]);
      if (!status && !state->has_dims && state->program->states[i].length < 0)
        status = clear(state, i, session->error);
      show(session, position, i);
    } else {
      session->inputs[position] = &state->lengths[-1 - i];
      session->sources[position] = (const char *)&state->lengths[-1 - i];
    }
  }
  return status;
}

static hone_status check_lengths(const hone_rt_session *session) {
  const hone_rt_state *state = session->entered;
  for (int32_t l = 0; l < state->program->length_count; ++l)
    if (session->lengths[l] > state->most)
      return hone_rt_error(
          session->error, HONE_TOO_SMALL,
          "state '%s': it would be %ld long, and its capacity is %ld; reset or truncate it, or make it "
          "with a larger state_capacity",
          state->program->lengths[l], (long)session->lengths[l], (long)state->most);
    else if (session->lengths[l] < state->lengths[l])
      return hone_rt_error(session->error, HONE_INTERNAL, "state '%s': a run makes it shorter",
                           state->program->lengths[l]);
  return HONE_OK;
}

/* Sets session->rooms: one for all states that grow together. Under a limit, and where half as much again does not fit,
 * as much as is needed. */
static void choose_room(const hone_rt_session *session) {
  const hone_rt_state *state = session->entered;
  const hone_program *program = state->program;
  int64_t more = 0, *rooms = session->rooms;
  for (int32_t l = 0; l < program->length_count; ++l)
    rooms[l] = 0;
  for (int32_t i = 0; i < program->state_count; ++i) {
    const hone_program_state *kept = &program->states[i];
    if (kept->length >= 0 && state->dims[i][kept->axis] > rooms[kept->length])
      rooms[kept->length] = state->dims[i][kept->axis]; /* of one that grew when there was no memory for others */
  }
  for (int32_t i = 0; i < program->state_count; ++i) {
    const hone_program_state *kept = &program->states[i];
    if (kept->length < 0 || session->lengths[kept->length] <= rooms[kept->length])
      continue;
    shape s = shape_of(kept, state->dims[i], state->lengths);
    int64_t bytes, room = room_for(state, session->lengths[kept->length], rooms[kept->length]);
    if (__builtin_mul_overflow(s.parts * s.position, room, &bytes) || !hone_rt_add(more, bytes, &more))
      more = INT64_MAX;
  }
  bool is_tight = more > state->memory->limit - state->memory->held && state->most == HONE_MAX_DIM;
  for (int32_t l = 0; l < program->length_count; ++l)
    rooms[l] = is_tight && session->lengths[l] > rooms[l] ? session->lengths[l]
                                                          : room_for(state, session->lengths[l], rooms[l]);
}

static hone_status growth_of(hone_rt_session *session, int64_t *growth, int64_t *moving) {
  const hone_rt_state *state = session->entered;
  hone_status status = check_lengths(session);
  *growth = *moving = 0;
  choose_room(session);
  for (int32_t k = 0; !status && k < session->entry->state_count; ++k) {
    int32_t i = session->entry->states[k].number;
    if (i < 0 || state->program->states[i].length < 0)
      continue;
    const hone_program_state *kept = &state->program->states[i];
    int64_t *dims = session->input_dims[position_of(session, k)], both;
    dims[kept->axis] = session->rooms[kept->length];
    int64_t bytes = hone_rt_tensor_bytes(&kept->value, dims), before = *growth;
    int64_t more = hone_rt_block_growth(&state->blocks[i], bytes);
    if (bytes < 0 || !hone_rt_add(before, more, growth) || !hone_rt_add(before, bytes, &both))
      status = hone_rt_error(session->error, HONE_OUT_OF_MEMORY, "no memory for state '%s'", kept->value.name);
    else if (more && state->lengths[kept->length] && both > *moving)
      *moving = both; /* what is held is copied: there are two for a while */
  }
  if (state->memory != &session->memory)
    *growth = *moving = 0;
  return status;
}

static hone_status place_state(hone_rt_session *session, bool *has_moved) {
  hone_rt_state *state = session->entered;
  hone_status status = check_lengths(session);
  if (!status)
    choose_room(session);
  for (int32_t k = 0; !status && k < session->entry->state_count; ++k) {
    int32_t i = session->entry->states[k].number;
    if (i < 0 || state->program->states[i].length < 0)
      continue;
    const hone_program_state *kept = &state->program->states[i];
    int64_t room = session->rooms[kept->length];
    /* One that holds nothing may have lost its memory: there was none for more. */
    if (state->blocks[i].data && state->dims[i][kept->axis] == room)
      continue;
    status = grow(state, i, room, session->error);
    show(session, position_of(session, k), i);
    *has_moved = true;
  }
  for (int32_t l = 0; !status && l < state->program->length_count; ++l)
    state->capacities[l] = session->rooms[l];
  return status;
}

static hone_status check_room(hone_rt_session *session) {
  for (int32_t l = 0; l < session->program->length_count; ++l)
    if (session->lengths[l] > session->rooms[l])
      return hone_rt_error(session->error, HONE_INTERNAL, "state '%s': its length depends on the room that it has",
                           session->program->lengths[l]);
  return HONE_OK;
}

static void commit_state(hone_rt_session *session) {
  for (int32_t l = 0; l < session->program->length_count; ++l)
    session->entered->lengths[l] = session->lengths[l];
  session->entered->has_dims = true;
}

/* Whether some of what is held does not grow: runs write over it. */
static bool has_fixed(const hone_program *program) {
  for (int32_t i = 0; i < program->state_count; ++i)
    if (program->states[i].length < 0)
      return true;
  return false;
}

static void leave_state(hone_rt_session *session, bool is_spoiled) {
  hone_rt_state *state = session->entered;
  state->is_spoiled |= is_spoiled && has_fixed(state->program);
  session->entered = NULL;
  give(state, HONE_OK);
}

/* ---- Users ---- */

static void forget(hone_rt_state *state) {
  state->has_dims = state->is_spoiled = false;
  for (int32_t l = 0; l < state->program->length_count; ++l)
    state->lengths[l] = state->capacities[l] = 0;
}

static hone_status reset(hone_state *base, hone_error *error) {
  hone_rt_state *state = (hone_rt_state *)base;
  hone_status status = take(state, error);
  if (status)
    return status;
  forget(state);
  return give(state, HONE_OK);
}

static hone_status truncate(hone_state *base, int32_t length, int64_t size, hone_error *error) {
  hone_rt_state *state = (hone_rt_state *)base;
  const hone_program *program = state->program;
  if (length < 0 || length >= program->length_count)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "there is no length %ld: the state has %ld, counted from 0",
                         (long)length, (long)program->length_count);
  hone_status status = take(state, error);
  if (status)
    return status;
  if (size < 0 || size > state->lengths[length])
    return give(state,
                hone_rt_error(error, HONE_INVALID_ARGUMENT, "state '%s': cannot be truncated to %ld, it is %ld long",
                              program->lengths[length], (long)size, (long)state->lengths[length]));
  if (size < state->lengths[length] && has_fixed(program))
    return give(state, hone_rt_error(error, HONE_INVALID_ARGUMENT,
                                     "state '%s': cannot be truncated, for parts of the state that do not grow cannot "
                                     "be taken back; reset it, or load what was saved then",
                                     program->lengths[length]));
  state->lengths[length] = size;
  return give(state, HONE_OK);
}

/* Takes memory for other lengths and dims than those of `state`, in `made`, a state of the same form. */
static hone_status make_room(const hone_rt_state *state, hone_rt_state *made, const int64_t *lengths,
                             int64_t *const *dims, hone_error *error) {
  const hone_program *program = state->program;
  hone_status status = HONE_OK;
  made->program = program;
  made->memory = state->memory;
  for (int32_t i = 0; !status && i < program->state_count; ++i) {
    const hone_program_state *kept = &program->states[i];
    for (int32_t d = 0; d < kept->value.rank; ++d)
      made->dims[i][d] = dims[i][d];
    if (kept->length >= 0) {
      made->lengths[kept->length] = lengths[kept->length];
      made->dims[i][kept->axis] = made->capacities[kept->length] = room_for(state, lengths[kept->length], 0);
    }
    status = hold(made, i, error);
  }
  return status;
}

/* Makes `state` have these lengths and dims, which have lengths along axes, and memory that holds nothing in
 * particular. An error changes nothing. */
static hone_status prepare(hone_rt_state *state, const int64_t *lengths, int64_t *const *dims, hone_error *error) {
  const hone_program *program = state->program;
  for (int32_t l = 0; l < program->length_count; ++l)
    if (lengths[l] > state->most)
      return hone_rt_error(error, HONE_TOO_SMALL, "state '%s': %ld do not fit into its capacity of %ld",
                           program->lengths[l], (long)lengths[l], (long)state->most);
  if (!state->has_dims)
    for (int32_t i = 0; i < program->state_count; ++i) /* nothing that could be lost */
      hone_rt_release_block(state->memory, &state->blocks[i]);
  hone_rt_block block;
  hone_status status = hone_rt_make(state->memory, error, lay_out, program, "a state", &block);
  if (status)
    return status;
  hone_rt_state *made = (hone_rt_state *)block.data;
  status = make_room(state, made, lengths, dims, error);
  for (int32_t i = 0; i < program->state_count; ++i) {
    hone_rt_block *unused = status ? &made->blocks[i] : &state->blocks[i], kept = made->blocks[i];
    hone_rt_release_block(state->memory, unused);
    if (!status) {
      state->blocks[i] = kept;
      memcpy(state->dims[i], made->dims[i], (size_t)program->states[i].value.rank * 8);
    }
  }
  for (int32_t l = 0; !status && l < program->length_count; ++l) {
    state->lengths[l] = made->lengths[l];
    state->capacities[l] = made->capacities[l];
  }
  if (!status) {
    state->has_dims = true;
    state->is_spoiled = false;
  }
  hone_rt_release_block(state->memory, &block);
  return status;
}

static hone_status copy(hone_state *to_base, const hone_state *from_base, hone_error *error) {
  hone_rt_state *to = (hone_rt_state *)to_base, *from = (hone_rt_state *)from_base;
  if (to == from)
    return HONE_OK;
  if (to->program != from->program)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "the states are of two libraries, '%s' and '%s'; save one and load the other, if they are of "
                         "one model",
                         to->program->name, from->program->name);
  hone_status status = take(from, error);
  if (status)
    return status;
  status = take_with_memory(to, error);
  if (status)
    return give(from, status);
  bool is_held = from->has_dims;
  if (is_held)
    status = prepare(to, from->lengths, from->dims, error);
  else
    forget(to);
  for (int32_t i = 0; !status && is_held && i < to->program->state_count; ++i) {
    const hone_program_state *kept = &to->program->states[i];
    shape s = shape_of(kept, from->dims[i], from->lengths);
    move(to->blocks[i].data, shape_of(kept, to->dims[i], to->lengths).room, from->blocks[i].data, s.room, &s);
  }
  if (!status)
    to->is_spoiled = from->is_spoiled;
  return give(from, give_with_memory(to, status));
}

/* ---- Saving: a header, lengths, dims, then what is filled of each state. Numbers are 64 bits, the machine's. ---- */

enum { DIGEST_BYTES = 64 };
typedef struct header {
  char magic[8];
  char digest[DIGEST_BYTES]; /* of the model */
  uint64_t bytes;            /* of everything */
  uint64_t holds;            /* 0: the state is empty, and nothing follows */
} header;

/* Not memcmp: compilers make a call of bcmp of it. */
static bool is_equal(const char *a, const char *b, int64_t bytes) {
  int64_t i = 0;
  while (i < bytes && a[i] == b[i])
    ++i;
  return i == bytes;
}

static void begin(header *h, const hone_program *program) {
  *h = (header){.magic = "HONEST1"};
  for (int32_t i = 0; i < DIGEST_BYTES && program->digest[i]; ++i)
    h->digest[i] = program->digest[i];
}

static int64_t table_words(const hone_program *program) {
  int64_t words = program->length_count;
  for (int32_t i = 0; i < program->state_count; ++i)
    words += program->states[i].value.rank;
  return words;
}

static int64_t saved_bytes(const hone_rt_state *state) {
  int64_t bytes = sizeof(header);
  if (!state->has_dims)
    return bytes;
  bytes += table_words(state->program) * 8;
  for (int32_t i = 0; i < state->program->state_count; ++i) {
    shape s = shape_of(&state->program->states[i], state->dims[i], state->lengths);
    bytes += s.parts * s.filled * s.position;
  }
  return bytes;
}

static hone_status state_info(hone_state *base, hone_state_info *info, hone_error *error) {
  hone_rt_state *state = (hone_rt_state *)base;
  hone_status status = take(state, error);
  if (status)
    return status;
  hone_state_info full = {.length_count = state->program->length_count,
                          .names = state->program->lengths,
                          .lengths = state->lengths,
                          .capacities = state->capacities,
                          .saved_bytes = saved_bytes(state)};
  for (int32_t i = 0; i < state->program->state_count; ++i)
    full.memory_bytes += state->blocks[i].bytes;
  hone_rt_fill(info, &full, sizeof(full));
  return give(state, HONE_OK);
}

static void put(char **at, const void *data, int64_t bytes) {
  memcpy(*at, data, (size_t)bytes);
  *at += bytes;
}

static hone_status save(hone_state *base, void *data, uint64_t capacity, uint64_t *bytes, hone_error *error) {
  hone_rt_state *state = (hone_rt_state *)base;
  const hone_program *program = state->program;
  if (!bytes)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "bytes is NULL: nowhere to put the size");
  hone_status status = take(state, error);
  if (status)
    return status;
  if (state->is_spoiled)
    return give(state, hone_rt_error(error, HONE_INVALID_ARGUMENT,
                                     "the state is unknown since a run failed that was changing it; reset it, or load "
                                     "one"));
  header h;
  begin(&h, program);
  h.holds = state->has_dims;
  *bytes = h.bytes = (uint64_t)saved_bytes(state);
  if (!data)
    return give(state, HONE_OK);
  if (capacity < h.bytes)
    return give(state, hone_rt_error(error, HONE_TOO_SMALL, "the state takes %ld bytes, and there are %ld",
                                     (long)h.bytes, (long)capacity));
  char *at = data;
  put(&at, &h, sizeof(h));
  if (!state->has_dims)
    return give(state, HONE_OK);
  put(&at, state->lengths, program->length_count * 8);
  for (int32_t i = 0; i < program->state_count; ++i) {
    const hone_program_state *kept = &program->states[i];
    for (int32_t d = 0; d < kept->value.rank; ++d)
      put(&at, kept->length >= 0 && d == kept->axis ? &state->lengths[kept->length] : &state->dims[i][d], 8);
  }
  for (int32_t i = 0; i < program->state_count; ++i) {
    shape s = shape_of(&program->states[i], state->dims[i], state->lengths);
    move(at, s.filled, state->blocks[i].data, s.room, &s);
    at += s.parts * s.filled * s.position;
  }
  return give(state, HONE_OK);
}

/* Reads the tables behind the header into `lengths` and `dims`, lengths along axes. False where they fit no state of
 * the program, or not `bytes`. */
static bool read_tables(const hone_program *program, const char *data, uint64_t bytes, int64_t *lengths,
                        int64_t *const *dims) {
  const char *at = data + sizeof(header);
  uint64_t total = sizeof(header) + (uint64_t)table_words(program) * 8;
  if (bytes < total)
    return false;
  memcpy(lengths, at, (size_t)program->length_count * 8);
  at += (size_t)program->length_count * 8;
  for (int32_t i = 0; i < program->state_count; ++i) {
    const hone_program_state *kept = &program->states[i];
    memcpy(dims[i], at, (size_t)kept->value.rank * 8);
    at += (size_t)kept->value.rank * 8;
    for (int32_t d = 0; d < kept->value.rank; ++d) {
      if (kept->length >= 0 && d == kept->axis && dims[i][d] != lengths[kept->length])
        return false;
      if (dims[i][d] < 0 || dims[i][d] > HONE_MAX_DIM ||
          (kept->value.dims[d] >= 0 && kept->value.dims[d] != dims[i][d]))
        return false;
    }
    int64_t own = hone_rt_tensor_bytes(&kept->value, dims[i]);
    if (own < 0 || (uint64_t)own > bytes)
      return false;
    shape s = shape_of(kept, dims[i], lengths);
    total += (uint64_t)(s.parts * s.filled * s.position);
    if (total > bytes)
      return false;
  }
  return total == bytes;
}

static hone_status load(hone_state *base, const void *data, uint64_t bytes, hone_error *error) {
  hone_rt_state *state = (hone_rt_state *)base;
  const hone_program *program = state->program;
  header h, expected;
  begin(&expected, program);
  if (!data || bytes < sizeof(h))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "these %ld bytes are no saved state", data ? (long)bytes : 0L);
  memcpy(&h, data, sizeof(h));
  if (!is_equal(h.magic, expected.magic, sizeof(h.magic)) || h.bytes != bytes || h.holds > 1 ||
      (!h.holds && bytes != sizeof(h)))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "these %ld bytes are no saved state, or not all of one, or of another version", (long)bytes);
  if (!is_equal(h.digest, expected.digest, DIGEST_BYTES))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "the state was saved by another model than '%s'", program->name);
  hone_status status = take_with_memory(state, error);
  if (status)
    return status;
  if (!h.holds) {
    forget(state);
    return give_with_memory(state, HONE_OK);
  }
  hone_rt_block block;
  status = hone_rt_make(state->memory, error, lay_out, program, "a state", &block);
  if (status)
    return give_with_memory(state, status);
  hone_rt_state *read = (hone_rt_state *)block.data; /* its tables only */
  if (!read_tables(program, data, bytes, read->lengths, read->dims))
    status = hone_rt_error(error, HONE_INVALID_ARGUMENT, "the saved state is damaged: its sizes fit no state of '%s'",
                           program->name);
  if (!status)
    status = prepare(state, read->lengths, read->dims, error);
  const char *at = (const char *)data + sizeof(h) + table_words(program) * 8;
  for (int32_t i = 0; !status && i < program->state_count; ++i) {
    shape s = shape_of(&program->states[i], state->dims[i], state->lengths);
    move(state->blocks[i].data, s.room, at, s.filled, &s);
    at += s.parts * s.filled * s.position;
  }
  hone_rt_release_block(state->memory, &block);
  return give_with_memory(state, status);
}

const hone_rt_state_calls hone_rt_states = {
    .create = state_create,
    .destroy = state_destroy,
    .of_session = of_session,
    .use = use_state,
    .info = state_info,
    .reset = reset,
    .truncate = truncate,
    .copy = copy,
    .save = save,
    .load = load,
    .take = take_state,
    .enter = enter_state,
    .growth = growth_of,
    .place = place_state,
    .check_room = check_room,
    .commit = commit_state,
    .leave = leave_state,
};
