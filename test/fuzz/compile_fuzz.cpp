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

using namespace hone;

extern "C" int LLVMFuzzerInitialize(int *argc, char ***argv) {
  if (!std::getenv("HONE_FUZZ_SHOW"))
    muteDiagnostics(argc, argv);
  return 0;
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
