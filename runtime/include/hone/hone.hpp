// Ownership and errors for hone.h, and nothing else: a Session destroys itself, a call that fails throws hone::Error.
// Each class gives its C handle back with get(), so both interfaces mix. Without exceptions (-fno-exceptions) use
// hone.h: this header then stops the compile.
//
//   hone::Session session(MODEL_library());
//   std::vector<float> x(128);
//   auto outputs = session.run({hone::Value::of(x.data(), {1, 128})});
//   const float *y = outputs[0].data<float>();
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_HONE_HPP
#define HONE_HONE_HPP

#if __cplusplus < 201703L
#error "hone.hpp is C++17; in older C++ use hone.h"
#endif
#if !defined(__cpp_exceptions)
#error "hone.hpp reports errors by exceptions; without them use hone.h"
#endif

#include "hone/hone.h"
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hone {

/// What a failing call throws: hone_error's text and code.
class Error : public std::runtime_error {
public:
  explicit Error(const hone_error &error) : std::runtime_error(error.message), status(error.code) {}
  hone_status code() const noexcept { return status; }

private:
  hone_status status;
};

namespace detail {
/// Makes a call that takes a hone_error; throws what it reports.
template <typename Call> void check(Call call) {
  hone_error error;
  if (call(&error))
    throw Error(error);
}
} // namespace detail

/// The element type of a C++ type.
template <typename T> hone_dtype dtypeOf() {
  static_assert(std::is_arithmetic_v<T>, "of float16 and bfloat16, give the hone_dtype");
  int code = std::is_same_v<T, bool>       ? HONE_CODE_BOOL
             : std::is_floating_point_v<T> ? HONE_CODE_FLOAT
             : std::is_signed_v<T>         ? HONE_CODE_INT
                                           : HONE_CODE_UINT;
  return hone_dtype_make(code, int(8 * sizeof(T)));
}

/// An input or output: a view of memory that somebody else owns, with a shape of its own.
class Value {
public:
  /// An output that the session is to own.
  Value() : view(hone_value_make()) {}
  /// A tensor in memory of the caller. `strides` are in elements; without, it is contiguous and row-major.
  Value(void *data, hone_dtype dtype, std::vector<int64_t> shape, std::vector<int64_t> strides = {})
      : view(hone_value_tensor(data, dtype, int32_t(shape.size()), nullptr)), dims(std::move(shape)),
        steps(std::move(strides)) {}
  /// What a call of hone.h gave.
  explicit Value(const hone_value &value)
      : view(value), dims(value.tensor.shape, value.tensor.shape + value.tensor.ndim) {}
  /// A contiguous tensor. Inputs are only read, so the memory may be const.
  template <typename T> static Value of(T *data, std::vector<int64_t> shape) {
    using Element = std::remove_const_t<T>;
    return Value(const_cast<Element *>(data), dtypeOf<Element>(), std::move(shape));
  }
  /// An output, to be written to the caller's `bytes` bytes at `data`.
  static Value buffer(void *data, size_t bytes) {
    Value result;
    result.view = hone_value_buffer(data, bytes);
    return result;
  }

  int32_t kind() const { return view.kind; } ///< HONE_TENSOR, …
  const std::vector<int64_t> &shape() const { return dims; }
  hone_dtype dtype() const { return view.tensor.dtype; }
  int64_t size() const {
    int64_t result = 1;
    for (int64_t dim : dims)
      result *= dim;
    return result;
  }
  void *data() const { return view.tensor.data; }
  /// The elements; throws if they are of another type.
  template <typename T> T *data() const {
    hone_dtype wanted = dtypeOf<std::remove_const_t<T>>(), given = dtype();
    if (wanted.code != given.code || wanted.bits != given.bits)
      throw Error({HONE_INVALID_ARGUMENT, "the tensor's elements are of another type"});
    return static_cast<T *>(data());
  }
  /// Points into this object, which must outlive it.
  hone_value get() const {
    hone_value result = view;
    result.tensor.shape = const_cast<int64_t *>(dims.data());
    result.tensor.strides = steps.empty() ? nullptr : const_cast<int64_t *>(steps.data());
    return result;
  }

private:
  hone_value view;
  std::vector<int64_t> dims, steps;
};

/// What a library says of an input or output.
struct ValueInfo {
  std::string name;
  int32_t kind; ///< HONE_TENSOR, …
  hone_dtype dtype;
  std::vector<int64_t> shape;       ///< -1 where the dim is not fixed
  std::vector<std::string> symbols; ///< the name of such a dim; empty where it is fixed or has no name
};

/// What a library can be asked to run.
struct Entry {
  std::string name;
  std::vector<ValueInfo> inputs, outputs;
};

/// What a run would give and take.
struct Plan {
  std::vector<Value> outputs; ///< data() is null; -1 where only the run knows the dim
  int64_t arenaBytes;         ///< of intermediates
  int64_t memoryBytes;        ///< of the whole session, with outputs that it owns
};

/// A compiled model, as NAME_library() returns it. It is never unloaded by this class, and free to copy.
class Library {
public:
  Library(const hone_library *library) : handle(library) {
    detail::check([&](hone_error *error) { return hone_library_check(library, error); });
  }
  std::string name() const { return describe().name; }
  std::string manifest() const { return {describe().manifest, size_t(describe().manifest_bytes)}; }
  /// At least one; calls count them from 0.
  std::vector<Entry> entries() const {
    std::vector<Entry> result;
    for (int32_t i = 0; i < describe().entry_count; ++i)
      result.push_back({describe(i).name, inputs(i), outputs(i)});
    return result;
  }
  std::vector<ValueInfo> inputs(int32_t entry = 0) const {
    return values(entry, describe(entry).input_count, hone_library_input);
  }
  std::vector<ValueInfo> outputs(int32_t entry = 0) const {
    return values(entry, describe(entry).output_count, hone_library_output);
  }
  const hone_library *get() const { return handle; }

private:
  hone_library_info describe() const {
    hone_library_info info;
    detail::check([&](hone_error *error) { return hone_library_describe(handle, &info, error); });
    return info;
  }
  hone_entry_info describe(int32_t entry) const {
    hone_entry_info info;
    detail::check([&](hone_error *error) { return hone_library_entry(handle, entry, &info, error); });
    return info;
  }

  template <typename Describe> std::vector<ValueInfo> values(int32_t entry, int32_t count, Describe describe) const {
    std::vector<ValueInfo> result;
    for (int32_t i = 0; i < count; ++i) {
      hone_value_info info;
      detail::check([&](hone_error *error) { return describe(handle, entry, i, &info, error); });
      ValueInfo value{info.name, info.kind, info.dtype, {}, {}};
      for (int32_t d = 0; d < info.rank; ++d) {
        const char *symbol = hone_library_symbol(handle, info.dims[d]);
        value.shape.push_back(info.dims[d] < 0 ? -1 : info.dims[d]);
        value.symbols.push_back(symbol ? symbol : "");
      }
      result.push_back(std::move(value));
    }
    return result;
  }

  const hone_library *handle;
};

/// Threads to lend to sessions; see hone_pool_create.
class Pool {
public:
  explicit Pool(const Library &library, int32_t threads = 0) {
    hone_pool *pool = nullptr;
    detail::check([&](hone_error *error) { return hone_pool_create(library.get(), threads, &pool, error); });
    handle.reset(pool);
  }
  hone_pool *get() const { return handle.get(); }

private:
  struct Destroy {
    void operator()(hone_pool *pool) const { hone_pool_destroy(pool); }
  };
  std::unique_ptr<hone_pool, Destroy> handle;
};

/// What runs keep for the next ones, of a model compiled with --state: a conversation. Sessions have one of their own.
class State {
public:
  /// An empty one, for Session::use. It must outlive the sessions that use it.
  explicit State(const Library &library, hone_options options = hone_options_default()) : isOwned(true) {
    detail::check([&](hone_error *error) { return hone_state_create(library.get(), &options, &handle, error); });
  }
  ~State() {
    if (isOwned)
      hone_state_destroy(handle);
  }
  State(State &&other) noexcept
      : handle(std::exchange(other.handle, nullptr)), isOwned(std::exchange(other.isOwned, false)) {}
  State &operator=(State &&other) noexcept {
    std::swap(handle, other.handle);
    std::swap(isOwned, other.isOwned);
    return *this;
  }

  /// How long number `index` of what grows is.
  int64_t length(int32_t index = 0) const {
    hone_state_info info = describe();
    return index >= 0 && index < info.length_count ? info.lengths[index] : -1;
  }
  /// Lengths, capacities, bytes.
  hone_state_info describe() const {
    hone_state_info info;
    detail::check([&](hone_error *error) { return hone_state_describe(handle, &info, error); });
    return info;
  }
  void reset() {
    detail::check([&](hone_error *error) { return hone_state_reset(handle, error); });
  }
  void truncate(int64_t size, int32_t index = 0) {
    detail::check([&](hone_error *error) { return hone_state_truncate(handle, index, size, error); });
  }
  /// Holds what `other` holds.
  void copy(const State &other) {
    detail::check([&](hone_error *error) { return hone_state_copy(handle, other.handle, error); });
  }
  /// For load() of this process or another one.
  std::vector<char> save() const {
    uint64_t bytes = 0;
    detail::check([&](hone_error *error) { return hone_state_save(handle, nullptr, 0, &bytes, error); });
    std::vector<char> data(bytes);
    detail::check([&](hone_error *error) { return hone_state_save(handle, data.data(), bytes, &bytes, error); });
    return data;
  }
  void load(const std::vector<char> &data) {
    detail::check([&](hone_error *error) { return hone_state_load(handle, data.data(), data.size(), error); });
  }
  hone_state *get() const { return handle; }

private:
  friend class Session;
  explicit State(hone_state *handle) : handle(handle) {}

  hone_state *handle = nullptr;
  bool isOwned = false;
};

/// A session; one thread at a time, except for cancel().
class Session {
public:
  explicit Session(const Library &library, hone_options options = hone_options_default())
      : state(std::make_unique<Held>()) {
    static_assert(sizeof(state->cancelled) == sizeof(int32_t), "the flag is read as a number");
    if (!options.cancel)
      options.cancel = reinterpret_cast<const int32_t *>(&state->cancelled);
    detail::check(
        [&](hone_error *error) { return hone_session_create(library.get(), &options, &state->handle, error); });
  }

  /// Runs an entry. The outputs are the session's until its next call.
  std::vector<Value> run(const std::vector<Value> &inputs, int32_t entry = 0) {
    detail::check([&](hone_error *error) { return hone_session_check(get(), error); }); // it may have been moved from
    hone_entry_info info;
    detail::check([&](hone_error *error) { return hone_library_entry(get()->library, entry, &info, error); });
    std::vector<Value> outputs(size_t(info.output_count));
    run(inputs, outputs, entry);
    return outputs;
  }

  /// The same into buffers of the caller: the outputs that are Value::buffer. They become what the run gave.
  void run(const std::vector<Value> &inputs, std::vector<Value> &outputs, int32_t entry = 0) {
    std::vector<hone_value> given = list(inputs), results = list(outputs);
    if (state)
      state->cancelled = 0;
    detail::check([&](hone_error *error) {
      return hone_run(get(), entry, given.data(), int32_t(given.size()), results.data(), int32_t(results.size()),
                      error);
    });
    for (size_t i = 0; i < outputs.size(); ++i)
      outputs[i] = Value(results[i]);
  }

  /// Shapes and types of the outputs for such inputs, and the memory.
  Plan plan(const std::vector<Value> &inputs, int32_t entry = 0) {
    std::vector<hone_value> given = list(inputs);
    hone_plan plan;
    detail::check([&](hone_error *error) {
      return hone_session_plan(get(), entry, given.data(), int32_t(given.size()), &plan, error);
    });
    Plan result{{}, plan.arena_bytes, plan.memory_bytes};
    for (int32_t i = 0; i < plan.output_count; ++i)
      result.outputs.emplace_back(*hone_plan_output(&plan, i));
    return result;
  }

  /// Takes the memory for such inputs ahead of the run.
  void reserve(const std::vector<Value> &inputs, int32_t entry = 0) {
    std::vector<hone_value> given = list(inputs);
    detail::check([&](hone_error *error) {
      return hone_session_reserve(get(), entry, given.data(), int32_t(given.size()), error);
    });
  }

  /// What runs use: the session's own, which ends with it, unless use() says otherwise.
  State current() {
    hone_state *used = nullptr;
    detail::check([&](hone_error *error) { return hone_session_state(get(), &used, error); });
    return State(used);
  }
  /// Lets runs use `other`, of the same library.
  void use(State &other) {
    detail::check([&](hone_error *error) { return hone_session_use_state(get(), other.get(), error); });
  }
  /// Lets runs use the session's own again.
  void useOwn() {
    detail::check([&](hone_error *error) { return hone_session_use_state(get(), nullptr, error); });
  }

  /// Ends the run that is under way, if one is: it throws an Error with HONE_CANCELLED. From any thread. A session with
  /// options.cancel has that flag instead.
  void cancel() noexcept {
    if (state)
      state->cancelled = 1;
  }

  hone_session *get() const { return state ? state->handle : nullptr; }

private:
  struct Held {
    hone_session *handle = nullptr;
    std::atomic<int32_t> cancelled{0};
    ~Held() { hone_session_destroy(handle); }
  };

  static std::vector<hone_value> list(const std::vector<Value> &values) {
    std::vector<hone_value> result;
    for (const Value &value : values)
      result.push_back(value.get());
    return result;
  }

  std::unique_ptr<Held> state;
};

} // namespace hone

#endif // HONE_HONE_HPP
