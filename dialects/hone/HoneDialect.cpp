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
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <algorithm>

using namespace mlir;

/// Numbers in brackets, also none.
static ParseResult parseList(AsmParser &parser, SmallVector<int64_t> &numbers) {
  return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                        [&] { return parser.parseInteger(numbers.emplace_back()); });
}
static void printList(AsmPrinter &printer, ArrayRef<int64_t> numbers) {
  printer << '[';
  llvm::interleaveComma(numbers, printer);
  printer << ']';
}

#include "dialects/hone/HoneAttrInterfaces.cpp.inc"
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
  addResizeOps();
  addShapeOps();
  addWindowOps();
}

Operation *hone::HoneDialect::materializeConstant(OpBuilder &builder, Attribute value, Type type, Location loc) {
  if (auto elements = dyn_cast<ElementsAttr>(value))
    if (isa<RankedTensorType>(type))
      return ConstantOp::create(builder, loc, type, elements);
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

//===-- Attributes that carry facts -----------------------------------------------------------------------------===//

LogicalResult hone::HoneDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  if ((name == kTargetAttr && !isa<TargetAttr>(attribute.getValue())) ||
      (name == kModelAttr && !isa<DictionaryAttr>(attribute.getValue())))
    return op->emitOpError("has an ill-formed ") << name << ": " << attribute.getValue();
  return success();
}

/// hone.name and hone.dims of an argument or result of this type.
static LogicalResult verifyNames(Operation *op, Type type, NamedAttribute attribute) {
  StringRef name = attribute.getName();
  bool fits = true;
  if (name == hone::kNameAttr) {
    fits = isa<StringAttr>(attribute.getValue());
  } else if (name == hone::kDimsAttr) {
    auto names = dyn_cast<ArrayAttr>(attribute.getValue());
    auto shaped = dyn_cast<ShapedType>(type);
    fits = names && llvm::all_of(names, llvm::IsaPred<StringAttr>) &&
           (!shaped || (shaped.hasRank() && int64_t(names.size()) == shaped.getRank()));
  }
  if (!fits)
    return op->emitOpError("has an ill-formed ") << name << " on " << type << ": " << attribute.getValue();
  return success();
}

/// hone.state and hone.length of an argument of this type.
static LogicalResult verifyState(Operation *op, Type type, NamedAttribute attribute) {
  auto shaped = dyn_cast<ShapedType>(type);
  auto details = dyn_cast<DictionaryAttr>(attribute.getValue());
  bool fits;
  if (attribute.getName() == hone::kLengthAttr) {
    fits = shaped && shaped.hasRank() && shaped.getRank() == 0 && shaped.getElementType().isSignlessInteger(64);
  } else {
    auto axis = details ? details.getAs<IntegerAttr>("axis") : IntegerAttr();
    auto length = details ? details.getAs<StringAttr>("length") : StringAttr();
    fits = details && shaped && shaped.hasRank() && shaped.getRank() > 0 && !hone::isNibble(type) &&
           details.size() == (axis ? 2 : 0) && bool(axis) == bool(length);
    if (fits && axis)
      fits = axis.getValue().getSignificantBits() <= 32 && axis.getInt() >= 0 && axis.getInt() < shaped.getRank() &&
             shaped.isDynamicDim(axis.getInt());
  }
  if (!fits)
    return op->emitOpError("has an ill-formed ")
           << attribute.getName() << " on " << type << ": " << attribute.getValue();
  return success();
}

LogicalResult hone::HoneDialect::verifyRegionArgAttribute(Operation *op, unsigned, unsigned argument,
                                                          NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return success();
  ArrayRef<Type> types = function.getArgumentTypes();
  if (attribute.getName() == kStateAttr || attribute.getName() == kLengthAttr)
    return verifyState(op, types[argument], attribute);
  if (attribute.getName() != kSizesAttr)
    return verifyNames(op, types[argument], attribute);
  auto type = dyn_cast<RankedTensorType>(types[argument]);
  auto sizes = dyn_cast<DenseI64ArrayAttr>(attribute.getValue());
  auto isIndex = [&](int64_t i) { return i >= 0 && i < int64_t(types.size()) && types[i].isIndex(); };
  if (!type || !sizes || sizes.size() != int64_t(type.getNumDynamicDims()) ||
      !llvm::all_of(sizes.asArrayRef(), isIndex))
    return op->emitOpError("has an ill-formed ")
           << kSizesAttr << " on " << types[argument] << ": " << attribute.getValue();
  return success();
}

LogicalResult hone::HoneDialect::verifyRegionResultAttribute(Operation *op, unsigned, unsigned result,
                                                             NamedAttribute attribute) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function ? verifyNames(op, function.getResultTypes()[result], attribute) : success();
}

//===-- Names ---------------------------------------------------------------------------------------------------===//

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
  case 4:
    return isUnsigned ? HONE_UINT4 : HONE_INT4;
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

static void collectNodes(Location loc, llvm::SetVector<StringRef> &nodes) {
  if (auto fused = dyn_cast<FusedLoc>(loc))
    for (Location part : fused.getLocations())
      collectNodes(part, nodes);
  else if (auto name = dyn_cast<NameLoc>(loc))
    nodes.insert(name.getName());
}

llvm::SetVector<StringRef> hone::nodesIn(Location loc) {
  llvm::SetVector<StringRef> nodes;
  collectNodes(loc, nodes);
  return nodes;
}

const hone::TargetModel *hone::TargetModel::get(MLIRContext *context) {
  Dialect *dialect = context->getLoadedDialect<HoneDialect>();
  return dialect ? dialect->getRegisteredInterface<TargetModel>() : nullptr;
}

static bool isHostArithmetic(Operation *op) {
  return llvm::is_contained({"arith", "math", "scf"}, op->getName().getDialectNamespace());
}

/// A sign that is put on or taken off.
static bool isSignCast(Operation *op) {
  if (!isa<UnrealizedConversionCastOp>(op) || op->getNumOperands() != 1 || op->getNumResults() != 1)
    return false;
  auto from = dyn_cast<IntegerType>(op->getOperand(0).getType()),
       to = dyn_cast<IntegerType>(op->getResult(0).getType());
  return from && to && from.getWidth() == to.getWidth();
}

SmallVector<func::FuncOp> hone::entriesOf(ModuleOp module) {
  SmallVector<func::FuncOp> entries;
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic())
      entries.push_back(function);
  std::stable_partition(entries.begin(), entries.end(),
                        [](func::FuncOp entry) { return entry.getSymName() == "main"; });
  return entries;
}

LogicalResult hone::checkHostProgram(func::FuncOp main) {
  // Headers, and symbols of its functions, are made of it.
  StringRef name = main.getSymName();
  if (name.empty() || llvm::isDigit(name.front()) ||
      !llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; }))
    return main.emitOpError("is an entry of the library, which wants a C identifier as its name, not '") << name << "'";
  for (Type type : llvm::concat<const Type>(main.getArgumentTypes(), main.getResultTypes()))
    if (auto shaped = dyn_cast<ShapedType>(type); shaped && !isElementType(shaped.getElementType()))
      return main.emitOpError("has no elements of ") << shaped.getElementType() << ": there are " << kElementTypes;
  WalkResult result = main.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    StringRef dialect = op->getName().getDialectNamespace();
    Operation *around = op->getParentOp();
    bool isCondition = false; // of a loop
    for (Operation *at = op; isa<scf::IfOp, scf::ForOp, scf::WhileOp>(around); at = around, around = at->getParentOp())
      if (auto loop = dyn_cast<scf::WhileOp>(around))
        isCondition |= at->getParentRegion() == &loop.getBefore();
    bool isNested = around != main || (isCondition && dialect != "tensor" && dialect != "memref");
    auto counted = dyn_cast<scf::ForOp>(op);
    if (counted && (counted.getUnsignedCmp() || getConstantIntValue(counted.getStep()).value_or(1) < 1)) {
      op->emitOpError("wants a signed counter and a step of at least 1");
      return WalkResult::interrupt();
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(op); extract && isNibble(extract.getTensor().getType())) {
      op->emitOpError("reads an element of ")
          << extract.getTensor().getType() << ", which lie two in a byte; cast them in the program";
      return WalkResult::interrupt();
    }
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      for (auto [index, size] :
           llvm::zip_equal(extract.getIndices(), cast<ShapedType>(extract->getOperand(0).getType()).getShape()))
        if (auto position = getConstantIntValue(index);
            position && (*position < 0 || (!ShapedType::isDynamic(size) && *position >= size))) {
          op->emitOpError("reads the element at ") << *position << " of " << extract->getOperand(0).getType();
          return WalkResult::interrupt();
        }
    bool isKnown =
        dialect == "hone" || dialect == "tensor" || dialect == "memref" || isa<func::ReturnOp>(op) || isSignCast(op);
    if (isHostArithmetic(op) || (isKnown && !isNested))
      return WalkResult::advance();
    op->emitOpError(isNested && isKnown ? "stands in the condition of a loop, or in a region of another operation than "
                                          "scf.if, scf.for and scf.while, where only arithmetic may (arith, math, scf)"
                                        : "is no operation of a host program: arithmetic (arith, math, scf), elements "
                                          "and dims of inputs, and operations of hone are");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

FailureOr<std::vector<hone::TargetedProgram>> hone::TargetedProgram::find(ModuleOp module) {
  std::vector<TargetedProgram> programs;
  auto target = module->getAttrOfType<TargetAttr>(kTargetAttr);
  const TargetModel *model = TargetModel::get(module.getContext());
  for (func::FuncOp entry : entriesOf(module))
    programs.push_back({entry, target, model});
  if (programs.empty() || programs.front().main.getSymName() != "main")
    return emitError(module.getLoc(), "wants a function called @main: func.func @main(%x: tensor<?x8xf32>) -> …");
  if (!target || !model)
    return emitError(
        module.getLoc(),
        "wants a target on the module, as 'hone compile FILE --emit=import' writes it: module attributes "
        "{hone.target = #hone.target<triple = \"x86_64-unknown-linux-gnu\", level = \"x86-64-v3\", features "
        "= \"\">} { … }");
  auto emitTargetError = [&] { return emitError(module.getLoc()) << kTargetAttr << ": "; };
  if (failed(model->verify(target, emitTargetError)))
    return failure();
  auto areTensors = [](TypeRange types) { return llvm::all_of(types, llvm::IsaPred<RankedTensorType>); };
  for (const TargetedProgram &program : programs) {
    func::FuncOp entry = program.main;
    if (!llvm::hasSingleElement(entry.getBody()) || !areTensors(entry.getArgumentTypes()) ||
        !areTensors(entry.getResultTypes()))
      return emitError(entry.getLoc(), "wants one block, and tensors as arguments and results");
    if (failed(checkHostProgram(entry)))
      return failure();
  }
  return programs;
}
