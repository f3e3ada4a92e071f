/* Checks what the caller passes to a run, before anything runs. Each message names the tensor, what is wrong with it
 * and what is expected.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
#include "internal.h"

/* "float32", into a buffer of 16. */
static const char *type_name(hone_dtype dtype, char *buffer) {
  static const char *const names[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
  char *at = buffer;
  const char *name = dtype.code <= HONE_CODE_BOOL ? names[dtype.code] : "type";
  while (*name)
    *at++ = *name++;
  if (dtype.code != HONE_CODE_BOOL || dtype.bits != 8) {
    if (dtype.bits >= 100)
      *at++ = (char)('0' + dtype.bits / 100);
    if (dtype.bits >= 10)
      *at++ = (char)('0' + dtype.bits / 10 % 10);
    *at++ = (char)('0' + dtype.bits % 10);
  }
  *at = 0;
  return buffer;
}

static const char *kind_name(int32_t kind) {
  static const char *const names[] = {"none", "tensor", "strings", "sequence", "optional", "map"};
  return kind >= 0 && kind <= HONE_MAP ? names[kind] : "unknown";
}

static hone_status check_kind(hone_rt_session *session, const char *side, const hone_program_value *value,
                              int32_t kind) {
  if (kind != value->kind)
    return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "%s '%s': its kind is %s, expected %s", side,
                         value->name, kind_name(kind), kind_name(value->kind));
  if (kind != HONE_TENSOR)
    return hone_rt_error(session->error, HONE_UNSUPPORTED, "%s '%s': this library runs no values of kind %s", side,
                         value->name, kind_name(kind));
  return HONE_OK;
}

hone_status hone_rt_check_sizes(hone_rt_session *session, const hone_value *values, int32_t count, bool is_output) {
  const char *side = is_output ? "outputs" : "inputs";
  for (int32_t i = 0; i < count; ++i) {
    const hone_value *value = hone_rt_at(values, i);
    if (value->size < HONE_RT_VALUE_BYTES || value->size != values->size)
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                           "%s[%ld]: size is %ld; begin with hone_value_tensor, hone_value_buffer or hone_value_make",
                           side, (long)i, (long)value->size);
    if (value->size > sizeof(*value) && !hone_rt_is_known(value, value->size, sizeof(*value)))
      return hone_rt_error(session->error, HONE_UNSUPPORTED,
                           "%s[%ld]: a field is set that this library does not know; compile the model again", side,
                           (long)i);
  }
  return HONE_OK;
}

static hone_status check_form(hone_rt_session *session, const hone_program_value *value, const hone_tensor *tensor) {
  hone_error *error = session->error;
  if (tensor->ndim != value->rank)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "input '%s': rank is %ld, expected %ld", value->name,
                         (long)tensor->ndim, (long)value->rank);
  if (!tensor->shape && value->rank)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "input '%s': shape is NULL, expected %ld dims", value->name,
                         (long)value->rank);
  hone_dtype expected = hone_rt_dtype(value->dtype), given = tensor->dtype;
  char given_name[16], expected_name[16];
  if (given.lanes != 1)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "input '%s': type has %ld lanes, expected 1", value->name,
                         (long)given.lanes);
  if (given.code != expected.code || given.bits != expected.bits)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "input '%s': type is %s, expected %s; convert it before the run",
                         value->name, type_name(given, given_name), type_name(expected, expected_name));
  if (tensor->device.type != HONE_CPU)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "input '%s': is on device type %ld, expected 1 (CPU); copy it to host memory first",
                         value->name, (long)tensor->device.type);
  return HONE_OK;
}

/* Fixed dims, and dims that other inputs have named before. Sets input_dims. */
static hone_status check_dims(hone_rt_session *session, int32_t index, const hone_tensor *tensor) {
  const hone_program_entry *entry = session->entry;
  const hone_program_value *value = &entry->inputs[index];
  int64_t elements = 1; /* zeros counted as one */
  for (int32_t i = 0; i < value->rank; ++i) {
    int64_t size = tensor->shape[i], expected = value->dims[i];
    session->input_dims[index][i] = size;
    if (size < 0)
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "input '%s': dim %ld is %ld, expected 0 or more",
                           value->name, (long)i, (long)size);
    if (size > HONE_MAX_DIM)
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "input '%s': dim %ld is %ld, expected at most %ld",
                           value->name, (long)i, (long)size, (long)HONE_MAX_DIM);
    if (__builtin_mul_overflow(elements, size ? size : 1, &elements) || elements > HONE_MAX_DIM)
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                           "input '%s': the product of its dims is more than %ld, zeros counted as one", value->name,
                           (long)HONE_MAX_DIM);
    if (expected >= 0) {
      if (size != expected)
        return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "input '%s': dim %ld is %ld, expected %ld",
                             value->name, (long)i, (long)size, (long)expected);
      continue;
    }
    int64_t symbol = -1 - expected;
    if (session->origins[symbol] < 0) {
      session->origins[symbol] = index;
      session->symbols[symbol] = size;
    } else if (session->symbols[symbol] != size) {
      return hone_rt_error(
          session->error, HONE_INVALID_ARGUMENT,
          "input '%s': dim %ld is %ld, but symbol '%s' is %ld from input '%s'; give both the same size", value->name,
          (long)i, (long)size, session->program->symbols[symbol], (long)session->symbols[symbol],
          entry->inputs[session->origins[symbol]].name);
    }
  }
  return HONE_OK;
}

/* The bytes that a non-empty strided tensor reaches from its data pointer: [*low, *high). False on overflow. */
static bool reach(const hone_tensor *tensor, int64_t element_bytes, int64_t *low, int64_t *high) {
  *high = element_bytes;
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    int64_t step, *end;
    if (__builtin_mul_overflow(tensor->strides[i], element_bytes, &step) ||
        __builtin_mul_overflow(step, tensor->shape[i] - 1, &step))
      return false;
    end = step < 0 ? low : high;
    if (!hone_rt_add(*end, step, end))
      return false;
  }
  return true;
}

/* Whether [at + low, at + high) may be addresses, with low <= 0 <= high. A process has 2^56 at most, with five levels
 * of page tables. */
static bool are_addresses(uintptr_t at, int64_t low, int64_t high) {
  const int64_t most = (int64_t)1 << 56;
  return low >= -most && high <= most && (uintptr_t)-low <= at && (uintptr_t)high <= UINTPTR_MAX - at;
}

static bool overlaps(uintptr_t a, int64_t a_bytes, uintptr_t b, int64_t b_bytes) {
  return a_bytes && b_bytes && a < b + (uintptr_t)b_bytes && b < a + (uintptr_t)a_bytes;
}

/* Whether the session has outputs in this memory, now or in its next run, or what the run keeps. */
static bool owns(const hone_rt_session *session, uintptr_t at, int64_t bytes) {
  bool found = overlaps(at, bytes, (uintptr_t)session->arena.data, session->arena.bytes);
  for (int32_t i = 0; session->has_grown && i < session->output_count; ++i)
    found |= overlaps(at, bytes, (uintptr_t)session->grown[i].data, session->grown[i].bytes);
  const hone_rt_state *state = session->entered;
  for (int32_t i = 0; state && i < session->program->state_count; ++i)
    found |= overlaps(at, bytes, (uintptr_t)state->blocks[i].data, state->blocks[i].bytes);
  return found;
}

static hone_status check_memory(hone_rt_session *session, int32_t index, const hone_tensor *tensor) {
  const hone_program_value *value = &session->entry->inputs[index];
  hone_error *error = session->error;
  int64_t element = hone_rt_element_bytes(value->dtype);
  int64_t bytes = hone_rt_tensor_bytes(value, tensor->shape);
  if (bytes < 0)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "input '%s': its size in bytes overflows; check the dims",
                         value->name);
  if (bytes && !tensor->data)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT, "input '%s': data is NULL, expected %ld bytes", value->name,
                         (long)bytes);
  uintptr_t data = tensor->data ? (uintptr_t)tensor->data + tensor->byte_offset : 0;
  int64_t low = 0, high = bytes;
  bool contiguous = hone_rt_is_contiguous(tensor->shape, tensor->strides, tensor->ndim);
  if (!contiguous && tensor->dtype.bits < 8)
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "input '%s': has strides, but elements of 4 bits lie one behind the other; copy it",
                         value->name);
  if ((!contiguous && !reach(tensor, element, &low, &high)) || !are_addresses(data, low, high))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "input '%s': its elements would lie outside the address space; check strides and byte_offset",
                         value->name);
  session->begins[index] = data + (uintptr_t)low;
  session->extents[index] = high - low;
  if (overlaps(session->begins[index], high - low, (uintptr_t)session, session->bytes))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "input '%s': is a shape that this session owns and will overwrite; copy it", value->name);
  if (owns(session, session->begins[index], high - low))
    return hone_rt_error(error, HONE_INVALID_ARGUMENT,
                         "input '%s': is an output that this session owns and will overwrite; copy it, or bind the "
                         "output to a buffer",
                         value->name);
  /* Generated code loads whole elements: what is not aligned to them is copied as well. */
  bool direct = contiguous && data % (uintptr_t)element == 0;
  if (!bytes)
    session->inputs[index] = session; /* any address: nothing is read there */
  else
    session->inputs[index] = direct ? (void *)data : NULL;
  session->sources[index] = bytes ? (const char *)data : (const char *)session;
  hone_rt_set_steps(session->steps[index], tensor->shape, contiguous ? NULL : tensor->strides, tensor->ndim, element);
  return HONE_OK;
}

hone_status hone_rt_validate(hone_rt_session *session, const hone_value *inputs, int32_t input_count) {
  const hone_program_entry *entry = session->entry;
  if (input_count != entry->input_count) {
    if (input_count >= 0 && input_count < entry->input_count)
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                           "%ld inputs given, expected %ld; the first that is missing is '%s'", (long)input_count,
                           (long)entry->input_count, entry->inputs[input_count].name);
    return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "%ld inputs given, expected %ld", (long)input_count,
                         (long)entry->input_count);
  }
  if (!inputs && input_count)
    return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, "inputs is NULL, expected %ld values",
                         (long)input_count);
  hone_status status = hone_rt_check_sizes(session, inputs, input_count, false);
  for (int32_t i = 0; i < session->program->symbol_count; ++i)
    session->origins[i] = -1;
  for (int32_t i = 0; !status && i < input_count; ++i) {
    const hone_value *input = hone_rt_at(inputs, i);
    const hone_tensor *tensor = &input->tensor;
    status = check_kind(session, "input", &entry->inputs[i], input->kind);
    if (!status)
      status = check_form(session, &entry->inputs[i], tensor);
    if (!status)
      status = check_dims(session, i, tensor);
    if (!status)
      status = check_memory(session, i, tensor);
  }
  return status;
}

/* The bytes of an output's buffer that a run may write. */
static int64_t written_bytes(const hone_rt_session *session, int32_t index) {
  int64_t bytes = session->output_bytes[index];
  return bytes < 0 ? session->capacities[index] : bytes;
}

/* A caller's buffer may overlap neither an input nor another one. */
static hone_status check_apart(hone_rt_session *session, int32_t index, int64_t bytes) {
  const hone_program_entry *entry = session->entry;
  uintptr_t data = (uintptr_t)session->outputs[index];
  const char *text = "output '%s': its buffer overlaps %s '%s'; give each memory of its own";
  const char *name = entry->outputs[index].name;
  for (int32_t i = 0; i < entry->input_count; ++i)
    if (overlaps(data, bytes, session->begins[i], session->extents[i]))
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, text, name, "input", entry->inputs[i].name);
  for (int32_t i = 0; i < index; ++i)
    if (session->outputs[i] && overlaps(data, bytes, (uintptr_t)session->outputs[i], written_bytes(session, i)))
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT, text, name, "output", entry->outputs[i].name);
  return HONE_OK;
}

hone_status hone_rt_check_capacity(hone_rt_session *session, int32_t index, int64_t bytes) {
  int64_t capacity = session->capacities[index];
  if (bytes <= capacity)
    return HONE_OK;
  return hone_rt_error(session->error, HONE_TOO_SMALL, "output '%s': needs %ld bytes, but its buffer has %ld",
                       session->entry->outputs[index].name, (long)bytes, (long)capacity);
}

hone_status hone_rt_bind_outputs(hone_rt_session *session, const hone_value *outputs) {
  for (int32_t i = 0; i < session->entry->output_count; ++i) {
    const hone_program_value *value = &session->entry->outputs[i];
    const hone_value *output = hone_rt_at(outputs, i);
    hone_status status = check_kind(session, "output", value, output->kind ? output->kind : value->kind);
    if (status)
      return status;
    session->outputs[i] = NULL;
    session->capacities[i] = -1;
    /* What a session has filled in is no buffer, until the caller says how many bytes there are. */
    if (!output->tensor.data || (output->session && !output->capacity))
      continue;
    uintptr_t data = (uintptr_t)output->tensor.data, most = UINTPTR_MAX / 2 - data;
    session->outputs[i] = output->tensor.data;
    session->capacities[i] = (int64_t)(output->capacity < most ? output->capacity : most);
    int64_t bytes = written_bytes(session, i);
    status = hone_rt_check_capacity(session, i, bytes);
    if (status)
      return status;
    int64_t element = hone_rt_element_bytes(value->dtype);
    if (data % (uintptr_t)element)
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                           "output '%s': its buffer is not aligned to elements of %ld bytes", value->name,
                           (long)element);
    if (owns(session, data, bytes))
      return hone_rt_error(session->error, HONE_INVALID_ARGUMENT,
                           "output '%s': its buffer is memory that this session owns; give it memory of its own",
                           value->name);
    status = check_apart(session, i, bytes);
    if (status)
      return status;
  }
  return HONE_OK;
}
