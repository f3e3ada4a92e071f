// Index arithmetic carried from one function into another.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_CODEGEN_GENERIC_INDEXTRANSLATOR_H
#define HONE_COMPILER_CODEGEN_GENERIC_INDEXTRANSLATOR_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace hone {

/// Rebuilds index arithmetic of a kernel where `builder` stands; the kernel's index arguments stand for given values.
class IndexTranslator {
public:
  explicit IndexTranslator(mlir::OpBuilder &builder) : builder(builder) {}

  void map(mlir::Value from, mlir::Value to) { mapping.map(from, to); }

  mlir::Value translate(mlir::Value value) {
    if (mlir::Value known = mapping.lookupOrNull(value))
      return known;
    mlir::Operation *op = value.getDefiningOp();
    assert(op && "index arguments are mapped");
    for (mlir::Value operand : op->getOperands())
      translate(operand);
    builder.clone(*op, mapping);
    return mapping.lookup(value);
  }
  mlir::Value translate(mlir::OpFoldResult value) {
    if (auto attribute = mlir::dyn_cast<mlir::Attribute>(value))
      return mlir::arith::ConstantIndexOp::create(builder, builder.getUnknownLoc(),
                                                  mlir::cast<mlir::IntegerAttr>(attribute).getInt());
    return translate(mlir::cast<mlir::Value>(value));
  }

private:
  mlir::OpBuilder &builder;
  mlir::IRMapping mapping;
};

} // namespace hone

#endif
