// Ownership and errors for hone.h, and nothing else: a Session destroys itself, a call that fails throws hone::Error.
// Each class gives its C handle back with get(), so both interfaces mix. Without exceptions (-fno-exceptions) use
// hone.h: this header then stops the compile.
//
//   hone::Session session(MODEL_library());
//   std::vector<float> x(128);
//   auto outputs = session.run({hone::Tensor::of(x.data(), {1, 128})});
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

/// The element type of a C++ type.
template <typename T> hone_dtype dtypeOf() {
  static_assert(std::is_arithmetic_v<T>, "give float16 and bfloat16 tensors as hone_tensor");
  int code = std::is_same_v<T, bool>       ? HONE_CODE_BOOL
             : std::is_floating_point_v<T> ? HONE_CODE_FLOAT
             : std::is_signed_v<T>         ? HONE_CODE_INT
                                           : HONE_CODE_UINT;
  return hone_dtype_make(code, int(8 * sizeof(T)));
}

/// A view of memory that somebody else owns, with a shape of its own.
class Tensor {
public:
  Tensor(void *data, hone_dtype dtype, std::vector<int64_t> shape, std::vector<int64_t> strides = {})
      : memory(data), type(dtype), dims(std::move(shape)), steps(std::move(strides)) {}
  /// A contiguous tensor. Inputs are only read, so the memory may be const.
  template <typename T> static Tensor of(T *data, std::vector<int64_t> shape) {
    using Element = std::remove_const_t<T>;
    return Tensor(const_cast<Element *>(data), dtypeOf<Element>(), std::move(shape));
  }

  const std::vector<int64_t> &shape() const { return dims; }
  hone_dtype dtype() const { return type; }
  int64_t size() const {
    int64_t result = 1;
    for (int64_t dim : dims)
      result *= dim;
    return result;
  }
  void *data() const { return memory; }
  /// The elements; throws if they are of another type.
  template <typename T> T *data() const {
    hone_dtype wanted = dtypeOf<std::remove_const_t<T>>();
    if (wanted.code != type.code || wanted.bits != type.bits)
      throw Error({HONE_INVALID_ARGUMENT, "the tensor's elements are of another type"});
    return static_cast<T *>(memory);
  }
  /// Points into this object, which must outlive it.
  hone_tensor get() const {
    hone_tensor result = hone_tensor_make(memory, type, int32_t(dims.size()), const_cast<int64_t *>(dims.data()));
    result.strides = steps.empty() ? nullptr : const_cast<int64_t *>(steps.data());
    return result;
  }

private:
  void *memory;
  hone_dtype type;
  std::vector<int64_t> dims, steps;
};

/// An input or output of a library.
struct Value {
  std::string name;
  hone_dtype dtype;
  std::vector<int64_t> shape;       ///< -1 where the dim is not fixed
  std::vector<std::string> symbols; ///< the name of such a dim; empty where it is fixed or has no name
};

/// A compiled model, as NAME_library() returns it. It is never unloaded by this class, and free to copy.
class Library {
public:
  Library(const hone_library *library) : handle(library) {
    hone_error error;
    if (hone_library_check(library, &error))
      throw Error(error);
  }
  std::string name() const { return describe().name; }
  std::string manifest() const { return {describe().manifest, size_t(describe().manifest_bytes)}; }
  std::vector<Value> inputs() const { return values(describe().input_count, hone_library_input); }
  std::vector<Value> outputs() const { return values(describe().output_count, hone_library_output); }
  const hone_library *get() const { return handle; }

private:
  hone_library_info describe() const { return hone_library_describe(handle); }

  template <typename Describe> std::vector<Value> values(int32_t count, Describe describeValue) const {
    std::vector<Value> result;
    for (int32_t i = 0; i < count; ++i) {
      hone_value_info info;
      describeValue(handle, i, &info);
      Value value{info.name, info.dtype, {}, {}};
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
    hone_error error;
    hone_pool *pool = nullptr;
    if (hone_pool_create(library.get(), threads, &pool, &error))
      throw Error(error);
    handle.reset(pool);
  }
  hone_pool *get() const { return handle.get(); }

private:
  struct Destroy {
    void operator()(hone_pool *pool) const { hone_pool_destroy(pool); }
  };
  std::unique_ptr<hone_pool, Destroy> handle;
};

/// A session; one thread at a time.
class Session {
public:
  explicit Session(const Library &library, const hone_options &options = hone_options_default()) {
    hone_error error;
    hone_session *session = nullptr;
    if (hone_session_create(library.get(), &options, &session, &error))
      throw Error(error);
    handle.reset(session);
  }

  /// Runs the model. The outputs are the session's until its next call.
  std::vector<Tensor> run(const std::vector<Tensor> &inputs) {
    check([&](hone_error *error) { return hone_session_check(handle.get(), error); }); // it may have been moved from
    std::vector<hone_output> outputs(size_t(hone_library_describe(handle->library).output_count));
    run(inputs, outputs);
    std::vector<Tensor> result;
    for (const hone_output &output : outputs)
      result.push_back(view(output.tensor));
    return result;
  }

  /// Runs the model into buffers of the caller; see hone_output.
  void run(const std::vector<Tensor> &inputs, std::vector<hone_output> &outputs) {
    std::vector<hone_tensor> tensors = list(inputs);
    check([&](hone_error *error) {
      return hone_run(handle.get(), tensors.data(), int32_t(tensors.size()), outputs.data(), int32_t(outputs.size()),
                      error);
    });
  }

  /// Shapes and types of the outputs for such inputs; data() is null.
  std::vector<Tensor> plan(const std::vector<Tensor> &inputs) {
    std::vector<hone_tensor> tensors = list(inputs);
    hone_plan plan;
    check([&](hone_error *error) {
      return hone_session_plan(handle.get(), tensors.data(), int32_t(tensors.size()), &plan, error);
    });
    std::vector<Tensor> result;
    for (int32_t i = 0; i < plan.output_count; ++i)
      result.push_back(view(plan.outputs[i]));
    return result;
  }

  /// Takes the memory for such inputs ahead of the run.
  void reserve(const std::vector<Tensor> &inputs) {
    std::vector<hone_tensor> tensors = list(inputs);
    check([&](hone_error *error) {
      return hone_session_reserve(handle.get(), tensors.data(), int32_t(tensors.size()), error);
    });
  }

  hone_session *get() const { return handle.get(); }

private:
  template <typename Call> static void check(Call call) {
    hone_error error;
    if (call(&error))
      throw Error(error);
  }
  static std::vector<hone_tensor> list(const std::vector<Tensor> &inputs) {
    std::vector<hone_tensor> result;
    for (const Tensor &input : inputs)
      result.push_back(input.get());
    return result;
  }
  static Tensor view(const hone_tensor &tensor) {
    return Tensor(tensor.data, tensor.dtype, {tensor.shape, tensor.shape + tensor.ndim});
  }

  struct Destroy {
    void operator()(hone_session *session) const { hone_session_destroy(session); }
  };
  std::unique_ptr<hone_session, Destroy> handle;
};

} // namespace hone

#endif // HONE_HONE_HPP
