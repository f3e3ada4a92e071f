// What the fuzz targets that go through the compiler share.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_TEST_FUZZ_FUZZ_H
#define HONE_TEST_FUZZ_FUZZ_H

#include "compiler/driver/Compilation.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace hone {

/// Decisions that the bytes of an input make, one byte each; all are 0 once the bytes are used up.
class Decisions {
public:
  Decisions(const uint8_t *data, size_t size) : at(data), end(data + size) {}

  bool isEmpty() const { return at == end; }
  uint8_t byte() { return at == end ? 0 : *at++; }
  unsigned below(unsigned count) { return byte() % count; }
  bool oneIn(unsigned count) { return below(count) == count - 1; }
  template <typename T> const T &choose(llvm::ArrayRef<T> from) { return from[below(from.size())]; }
  llvm::StringRef choose(std::initializer_list<llvm::StringRef> from) {
    return choose(llvm::ArrayRef<llvm::StringRef>(from));
  }

private:
  const uint8_t *at, *end;
};

/// To be called by LLVMFuzzerInitialize: the messages about bad inputs, which are not what is looked for, go nowhere.
void muteDiagnostics(int *argc, char ***argv);

/// Ends the process with `text` and what the compiler said: a finding.
[[noreturn]] void fail(const llvm::Twine &text);

/// A file of these bytes, called `name`, in a folder of the process.
std::string fileOf(llvm::StringRef bytes, llvm::StringRef name);

/// Compiles the model or stage file to the LLVM dialect, and its code too if `withCode`. A diagnostic is as good as
/// success; a fault of Hone's, or failure without a diagnostic, is a finding.
void compileFile(const std::string &path, bool withCode);

} // namespace hone

#endif
