// Compile a kernel and call it.
//
// What the code generation tests share: a kernel built by a callback goes through the lowering, object emission and the
// linker, and comes back as a function.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_CODEGEN_KERNELHARNESS_H
#define HONE_TEST_UNIT_CODEGEN_KERNELHARNESS_H

#include "compiler/codegen/cpu/Lower.h"
#include "compiler/codegen/cpu/Object.h"
#include "hone/abi.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace hone {

/// Memory as the runtime hands it out: 64-byte aligned, with a guard behind it that must stay untouched.
template <typename T> class Memory {
public:
  explicit Memory(size_t count, T value = 0) : count(count) {
    data = static_cast<T *>(std::aligned_alloc(64, ((count + Guard) * sizeof(T) + 63) / 64 * 64));
    std::fill_n(data, count, value);
    std::fill_n(data + count, Guard, GuardValue);
  }
  ~Memory() { std::free(data); }
  Memory(Memory &&other) : data(other.data), count(other.count) { other.data = nullptr; }
  T &operator[](size_t i) { return data[i]; }
  T operator[](size_t i) const { return data[i]; }
  T *get() const { return data; }
  size_t size() const { return count; }
  /// False when something was written behind the end.
  bool guardIntact() const {
    return std::all_of(data + count, data + count + Guard, [](T x) { return x == GuardValue; });
  }

private:
  static constexpr size_t Guard = 64;
  static constexpr T GuardValue = -12345;
  T *data;
  size_t count;
};
using Floats = Memory<float>;

/// Values in [-1, 1), the same for the same seed everywhere.
template <typename T = float> Memory<T> randomFloats(size_t count, unsigned seed) {
  Memory<T> result(count);
  std::mt19937 generator(seed);
  for (size_t i = 0; i < count; ++i)
    result[i] = T(static_cast<int32_t>(generator())) * T(0x1p-31);
  return result;
}

/// A compiled kernel; unloaded at the end.
class CompiledKernel {
public:
  using Build = std::function<void(mlir::OpBuilder &, mlir::Location, KernelBody &)>;

  /// Compiles the kernel that `build` writes into a body with so many buffers of floats of `bits` bits and sizes;
  /// aborts with a message on any failure.
  CompiledKernel(const CpuTarget &target, unsigned bufferCount, unsigned sizeCount, const Build &build,
                 unsigned bits = 32);
  ~CompiledKernel();
  CompiledKernel(const CompiledKernel &) = delete;

  /// Returns what the kernel left in *context.failure, which was 0.
  int32_t run(llvm::ArrayRef<void *> buffers, llvm::ArrayRef<int64_t> sizes, int64_t begin, int64_t end,
              void *scratch = nullptr) const;
  /// AT&T assembly of the whole module.
  const std::string &assembly() const { return text; }

private:
  void *library = nullptr;
  hone_kernel *entry = nullptr;
  std::string text;
};

/// Vector registers that the innermost loops of the register tiles keep on the stack, in AT&T assembly.
int spillsInTiles(llvm::StringRef assembly);

/// The targets that this machine can run.
std::vector<const CpuTarget *> runnableTargets();

} // namespace hone

#endif
