//===- KernelHarness.h - Compile a kernel and call it -----------*- C++ -*-===//
//
// What the code generation tests share: a kernel built by a callback goes through the lowering, object emission and the
// linker, and comes back as a function.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#ifndef HONE_TEST_UNIT_CODEGEN_KERNELHARNESS_H
#define HONE_TEST_UNIT_CODEGEN_KERNELHARNESS_H

#include "compiler/codegen/cpu/Lower.h"
#include "compiler/codegen/cpu/Object.h"
#include "hone/abi.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hone {

/// Memory as the runtime hands it out: 64-byte aligned, with a guard behind it that must stay untouched.
class Floats {
public:
  explicit Floats(size_t count, float value = 0);
  ~Floats() { std::free(data); }
  Floats(Floats &&other) : data(other.data), count(other.count) { other.data = nullptr; }
  float &operator[](size_t i) { return data[i]; }
  float operator[](size_t i) const { return data[i]; }
  float *get() const { return data; }
  size_t size() const { return count; }
  /// False when something was written behind the end.
  bool guardIntact() const;

private:
  float *data;
  size_t count;
};

/// Values in [-1, 1), the same for the same seed everywhere.
Floats randomFloats(size_t count, unsigned seed);

/// A compiled kernel; unloaded at the end.
class CompiledKernel {
public:
  using Build = std::function<void(mlir::OpBuilder &, mlir::Location, KernelBody &)>;

  /// Compiles the kernel that `build` writes into a body with these f32 buffers and sizes; aborts with a message on any
  /// failure.
  CompiledKernel(const CpuTarget &target, unsigned bufferCount, unsigned sizeCount, const Build &build);
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

#endif // HONE_TEST_UNIT_CODEGEN_KERNELHARNESS_H
