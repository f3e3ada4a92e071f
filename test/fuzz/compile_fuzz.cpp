// libFuzzer target: small models through importer, passes and code generation. A model is compiled, or refused with a
// diagnostic.
//
// The bytes of an input are decisions of a builder (ModelBuilder.h) that makes mostly valid models of the operators
// that Hone takes. HONE_FUZZ_SHOW=1 prints the model of an input before it is compiled.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/Fuzz.h"
#include "test/fuzz/ModelBuilder.h"
#include "llvm/Support/raw_ostream.h"
#include <random>

using namespace hone;

extern "C" int LLVMFuzzerInitialize(int *argc, char ***argv) {
  if (!std::getenv("HONE_FUZZ_SHOW"))
    muteDiagnostics(argc, argv);
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// Starts from random decisions, enough for some nodes.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned random) {
  if (size >= 16 && random % 16)
    return LLVMFuzzerMutate(data, size, std::min<size_t>(maxSize, 512));
  std::mt19937 numbers(random);
  size = std::min<size_t>(maxSize, 16 + numbers() % 128);
  std::generate(data, data + size, [&] { return uint8_t(numbers()); });
  return size;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text = ModelBuilder(Decisions(data, size)).build();
  if (std::getenv("HONE_FUZZ_SHOW"))
    llvm::errs() << text;
  // Code generation takes longer than all that comes before it.
  bool withCode = size && data[size - 1] % 8 == 0;
  compileFile(fileOf(text, "model.onnxtxt"), withCode);
  return 0;
}
