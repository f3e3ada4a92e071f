// Random programs of hone ops, with inputs.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_TEST_UNIT_REFERENCE_GENERATOR_H
#define HONE_TEST_UNIT_REFERENCE_GENERATOR_H

#include "dialects/hone/Hone.h"
#include "dialects/reference/Reference.h"
#include "mlir/IR/OwningOpRef.h"
#include <random>

namespace hone {

/// One program: a module with @main at the stage `hone`. Ops are evaluated as they are added, so that what follows can
/// fit their dims and values: indices lie inside, divisors are not zero.
class Generator {
public:
  Generator(mlir::MLIRContext *context, uint64_t seed);

  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp main;
  std::vector<HostTensor> inputs;
  /// What the reference had against an op, if anything: dims that the op's shape function sees otherwise.
  std::string problem;

private:
  using Dims = llvm::ArrayRef<int64_t>;
  struct Known {
    mlir::Value value;
    HostTensor tensor;
  };

  // Chance.
  int64_t below(int64_t limit) { return int64_t(random() % uint64_t(limit)); }
  bool oneIn(int64_t n) { return below(n) == 0; }
  template <typename T> T choose(std::initializer_list<T> choices) { return choices.begin()[below(choices.size())]; }
  int64_t size() { return sizes[below(sizes.size())]; }
  hone::Dims someDims(int64_t least, int64_t most);
  mlir::Type someType();
  static bool isNumber(mlir::Type element) { return isComputed(element) && !element.isInteger(1); }
  /// One that ops do not compute in.
  mlir::Type storedType();
  mlir::Type floatType() { return oneIn(4) ? mlir::Type(builder.getF64Type()) : builder.getF32Type(); }

  // Values from nowhere: an argument, a constant or a weight. Numbers lie in [least, greatest).
  HostTensor randomTensor(mlir::Type element, Dims dims, double least, double greatest);
  Known source(mlir::Type element, Dims dims) { return source(randomTensor(element, dims, -4, 5)); }
  Known source(HostTensor tensor);
  /// A constant of equal elements.
  Known splat(mlir::Type element, Dims dims);
  /// Dims that broadcast with `dims` without widening them.
  hone::Dims narrower(Dims dims);

  // Values so far that fit, or new ones.
  using Fits = llvm::function_ref<bool(const HostTensor &)>;
  Known pick(Fits fits, llvm::function_ref<Known()> otherwise);
  Known pickAny(int64_t leastRank = 0);
  Known pickComputed(int64_t leastRank = 0);
  Known pickNumber(int64_t leastRank = 0);
  Known pickFloat(int64_t leastRank = 0);
  Known pickFit(mlir::Type element, Dims dims);

  mlir::Value index(int64_t value);
  llvm::SmallVector<mlir::Value> indices(llvm::ArrayRef<int64_t> values);
  mlir::Type productType(mlir::Type left, mlir::Type right);
  llvm::StringRef reduction(mlir::Type element);
  /// Adds an op and evaluates it.
  template <typename Op, typename... Args> void add(mlir::Type element, int64_t rank, Args &&...args);
  void evaluated(mlir::Operation *op);

  // Ops by family; each adds one.
  void addUnary();
  void addUnaryFloat();
  void addCast();
  void addBinary();
  void addDivision();
  void addPower();
  void addLogic();
  void addComparison();
  void addSelect();
  void addWidening();
  void addReduce();
  void addArgReduce();
  void addCumSum();
  void addTopK();
  void addSoftmax();
  void addNorm();
  void addMatmul();
  void addWindow();
  void addResize();
  void addAttention();
  void addReshape();
  void addExpand();
  void addTranspose();
  void addSlice();
  void addConcat();
  void addPad();
  void addTile();
  void addGather();
  void addGatherElements();
  void addGatherND();
  void addOneHot();
  void addRange();
  void addTrilu();
  void addInsert();
  void addTensorScatter();
  void addNonzero();
  void addScatterElements();
  void addScatterND();
  void finish();

  std::mt19937_64 random;
  mlir::OpBuilder builder;
  ShapeBuilder shapes;
  mlir::Location loc;
  std::vector<int64_t> sizes;
  std::vector<Known> values;
  llvm::DenseMap<mlir::Value, int64_t> numbers; // index values
  int64_t weights = 0;
};

} // namespace hone

#endif
