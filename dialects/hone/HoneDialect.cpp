// Registration of the dialect, its attributes and interfaces.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Hone.h"
#include "dialects/hone/TargetModel.h"
#include "hone/abi.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

#include "dialects/hone/HoneDialect.cpp.inc"
#include "dialects/hone/HoneEnums.cpp.inc"
#include "dialects/hone/HoneInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/hone/HoneAttributes.cpp.inc"

void hone::HoneDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/hone/HoneAttributes.cpp.inc"
      >();
}

void hone::HoneDialect::initialize() {
  registerAttributes();
  addElementwiseOps();
  addLinearOps();
  addNormOps();
  addProgramOps();
  addReduceOps();
  addShapeOps();
}

Operation *hone::HoneDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  if (auto elements = dyn_cast<ElementsAttr>(value))
    if (isa<RankedTensorType>(type))
      return ConstantOp::create(builder, loc, type, elements);
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

int32_t hone::onnxDataType(Type type) {
  if (type.isF32())
    return HONE_FLOAT;
  if (type.isF64())
    return HONE_DOUBLE;
  if (type.isF16())
    return HONE_FLOAT16;
  if (type.isBF16())
    return HONE_BFLOAT16;
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return 0;
  bool isUnsigned = integer.isUnsigned();
  switch (integer.getWidth()) {
  case 1:
    return HONE_BOOL;
  case 8:
    return isUnsigned ? HONE_UINT8 : HONE_INT8;
  case 16:
    return isUnsigned ? HONE_UINT16 : HONE_INT16;
  case 32:
    return isUnsigned ? HONE_UINT32 : HONE_INT32;
  case 64:
    return isUnsigned ? HONE_UINT64 : HONE_INT64;
  default:
    return 0;
  }
}

/// The first name in a location: fused ops fuse locations, the first is the op the others were fused into.
static StringRef nameIn(Location loc) {
  if (auto name = dyn_cast<NameLoc>(loc))
    return name.getName();
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      if (StringRef name = nameIn(part); !name.empty())
        return name;
  return {};
}

std::string hone::nodeText(Location loc) {
  StringRef name = nameIn(loc);
  if (name.empty())
    return "an unnamed operation";
  auto [node, kind] = name.rsplit(" (");
  return ("node '" + node + "'" + (kind.empty() ? "" : " (" + kind)).str();
}

const hone::TargetModel *hone::TargetModel::get(MLIRContext *context) {
  Dialect *dialect = context->getLoadedDialect<HoneDialect>();
  return dialect ? dialect->getRegisteredInterface<TargetModel>() : nullptr;
}
