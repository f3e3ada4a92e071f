// Small models, mostly valid, made of decisions.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_TEST_FUZZ_MODELBUILDER_H
#define HONE_TEST_FUZZ_MODELBUILDER_H

#include "test/fuzz/Fuzz.h"
#include "llvm/ADT/SmallVector.h"
#include <vector>

namespace hone {

/// Builds one model in ONNX's text form. Knows of each value its type and dims as far as it takes to make the next node
/// a valid one in most cases; that some are not is what diagnostics are for.
class ModelBuilder {
public:
  explicit ModelBuilder(Decisions decisions) : in(decisions) {}
  std::string build();

private:
  using Dims = llvm::SmallVector<std::string, 4>; // "3", a symbol, or "?"
  struct Value {
    std::string name, type;
    Dims dims;
  };

  // Values
  Value pick(llvm::function_ref<bool(const Value &)> fits);
  Value addInput(llvm::StringRef type, const Dims &dims);
  Value pickFloat(size_t leastRank = 0);
  Value pickOf(llvm::StringRef type);
  Value constant(llvm::StringRef type, const Dims &dims, llvm::ArrayRef<std::string> elements = {});
  Value indices(llvm::ArrayRef<int64_t> numbers);
  Value partner(const Value &x);
  Value shapeValue(unsigned length);
  std::string number(llvm::StringRef type);
  std::string dim();
  int64_t axis(const Value &x) { return int64_t(in.below(2 * x.dims.size())) - int64_t(x.dims.size()); }
  Dims broadcast(const Dims &a, const Dims &b);
  Dims unknown(size_t rank) { return Dims(rank, "?"); }

  // Nodes
  Value node(llvm::StringRef op, llvm::ArrayRef<Value> inputs, llvm::StringRef type, const Dims &dims,
             const llvm::Twine &attributes = "");
  llvm::StringRef chooseOperator(llvm::ArrayRef<std::pair<llvm::StringRef, int>> ops);
  void addUnary();
  void addBinary();
  void addCompare();
  void addRows();
  void addReduce();
  void addLinear();
  void addAttention();
  void addView();
  void addIndexing();
  void addPlacing();
  void addMade();
  void addCast();
  void addCall();
  void addKnownPattern();
  void addNode();

  Decisions in;
  int opset = 17;
  unsigned fresh = 0;
  std::string inputs, initializers, nodes;
  std::vector<Value> values;
  bool hasFunction = false;
};

} // namespace hone

#endif
