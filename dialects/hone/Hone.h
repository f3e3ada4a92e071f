// The `hone` dialect: all op families, for users.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_HONE_H
#define HONE_DIALECTS_HONE_HONE_H

#include "dialects/hone/ElementBuilder.h"
#include "dialects/hone/ElementTypes.h"
#include "dialects/hone/Recipes.h"
#include "dialects/hone/ShapeBuilder.h"
#include "dialects/hone/Structure.h"
#include "dialects/hone/TileLayout.h"
#include "dialects/hone/WeightSource.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ViewLikeInterface.h"

namespace hone {
/// Ops of a few instructions: computing them again beats keeping their result.
template <typename ConcreteOp>
class CheapToRecompute : public mlir::OpTrait::TraitBase<ConcreteOp, CheapToRecompute> {};
/// Ops each of whose elements comes from one of several operands, by its position.
template <typename ConcreteOp>
class BranchesByPosition : public mlir::OpTrait::TraitBase<ConcreteOp, BranchesByPosition> {};
/// Ops that tell the dims of their operand, whatever explains them or does not: its `sizes`.
template <typename ConcreteOp> class TellsDims : public mlir::OpTrait::TraitBase<ConcreteOp, TellsDims> {};
/// Ops that show a tensor which lies in memory in another form: index arithmetic, which each reader does itself.
template <typename ConcreteOp> class RestoresLayout : public mlir::OpTrait::TraitBase<ConcreteOp, RestoresLayout> {};
} // namespace hone

namespace hone {
/// Whether static dims of `operands` broadcast to those of `result`, by numpy's rules.
llvm::LogicalResult verifyBroadcast(mlir::Operation *op, mlir::ValueRange operands, mlir::Value result);
llvm::LogicalResult verifyAxis(mlir::Operation *op, int64_t axis, int64_t rank);
} // namespace hone

#include "dialects/hone/HoneAttrInterfaces.h.inc"
#include "dialects/hone/HoneDialect.h.inc"
#include "dialects/hone/HoneEnums.h.inc"
#include "dialects/hone/HoneInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/hone/HoneAttributes.h.inc"

#define GET_OP_CLASSES
#include "dialects/hone/Elementwise.h.inc"
#define GET_OP_CLASSES
#include "dialects/hone/Linear.h.inc"
#define GET_OP_CLASSES
#include "dialects/hone/Norm.h.inc"
#define GET_OP_CLASSES
#include "dialects/hone/Program.h.inc"
#define GET_OP_CLASSES
#include "dialects/hone/Reduce.h.inc"
#define GET_OP_CLASSES
#include "dialects/hone/Resize.h.inc"
#define GET_OP_CLASSES
#include "dialects/hone/Shape.h.inc"
#define GET_OP_CLASSES
#include "dialects/hone/Window.h.inc"

namespace hone {

/// Names of the discardable attributes; see the dialect's description.
inline constexpr llvm::StringLiteral kNameAttr = "hone.name";
inline constexpr llvm::StringLiteral kDimsAttr = "hone.dims";
inline constexpr llvm::StringLiteral kSizesAttr = "hone.sizes";
inline constexpr llvm::StringLiteral kStateAttr = "hone.state";
inline constexpr llvm::StringLiteral kLengthAttr = "hone.length";
inline constexpr llvm::StringLiteral kTargetAttr = "hone.target";
inline constexpr llvm::StringLiteral kModelAttr = "hone.model";
inline constexpr llvm::StringLiteral kStageAttr = "hone.stage";
inline constexpr llvm::StringLiteral kManifestAttr = "hone.manifest";
inline constexpr llvm::StringLiteral kOffsetAttr = "hone.offset";
inline constexpr llvm::StringLiteral kOutputAttr = "hone.output";
/// On an output of a planned @main: numbers of the dims that only the run knows.
inline constexpr llvm::StringLiteral kLateDimsAttr = "hone.late_dims";
/// On a planned @main: how many memories grow in a run.
inline constexpr llvm::StringLiteral kSlotsAttr = "hone.slots";
/// Large weights begin at a page of this many bytes: they can be mapped and dropped one by one.
inline constexpr int64_t kWeightPage = 4096;
inline constexpr llvm::StringLiteral kWeightBytesAttr = "hone.weight_bytes";
/// On a planned kernel: the decision that its launches were planned for.
inline constexpr llvm::StringLiteral kPlannedAttr = "hone.planned";

/// The most elements along an axis that hone.resize resizes: what a place of 32 bits can be.
inline constexpr int64_t kMaxResized = (int64_t(1) << 31) - 1;

/// The rank of a ranked tensor value.
inline int64_t rankOf(mlir::Value tensor) { return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getRank(); }
inline mlir::Type elementTypeOf(mlir::Value tensor) {
  return mlir::cast<mlir::RankedTensorType>(tensor.getType()).getElementType();
}

/// Whether the op shows the elements of its first operand under other dims, and nothing is computed.
inline bool isView(mlir::Operation *op) {
  return mlir::isa<ShapeOpInterface>(op) && mlir::isa<mlir::ViewLikeOpInterface>(op);
}

/// Whether elements are read without a sign: unsigned integers and bools.
inline bool isUnsigned(mlir::Value tensor) {
  return elementTypeOf(tensor).isUnsignedInteger() || elementTypeOf(tensor).isInteger(1);
}
/// Whether two dims of types can be equal.
inline bool mayBeEqual(int64_t a, int64_t b) {
  return mlir::ShapedType::isDynamic(a) || mlir::ShapedType::isDynamic(b) || a == b;
}

/// ONNX's number of an element type (TensorProto.DataType, hone/abi.h; i1 is its bool), 0 for one that it does not
/// have.
int32_t onnxDataType(mlir::Type elementType);

/// The text users know an op by: "node 'encoder/MatMul_3' (MatMul)".
std::string nodeText(mlir::Location loc);
/// All names of nodes in a location, as in "encoder/MatMul_3 (MatMul)", each once.
llvm::SetVector<llvm::StringRef> nodesIn(mlir::Location loc);

} // namespace hone

#endif
