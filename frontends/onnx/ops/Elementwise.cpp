// Operators that work element by element, most of them formulas over a few `hone` ops: fusion makes them one kernel.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/ops/Ops.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace hone;

//===-- One op each ---------------------------------------------------------------------------------------------===//

template <typename OpT> static LogicalResult importUnary(Node &node, Importer &importer) {
  return node.set(0, importer.unary<OpT>(node.input(0)));
}
template <typename OpT> static LogicalResult importBinary(Node &node, Importer &importer) {
  return node.set(0, importer.binary<OpT>(node.input(0), node.input(1)));
}
template <typename OpT> static LogicalResult importCompare(Node &node, Importer &importer) {
  return node.set(0, importer.compare<OpT>(node.input(0), node.input(1)));
}
/// a > b is b < a.
template <typename OpT> static LogicalResult importSwapped(Node &node, Importer &importer) {
  return node.set(0, importer.compare<OpT>(node.input(1), node.input(0)));
}
template <typename OpT> static Value fold(Node &node, Importer &importer) {
  Value result = node.input(0);
  for (Value other : ArrayRef(node.inputs).drop_front())
    result = other ? importer.binary<OpT>(result, other) : importer.failValue("an input is left out");
  return result;
}
template <typename OpT> static LogicalResult importVariadic(Node &node, Importer &importer) {
  return node.set(0, fold<OpT>(node, importer));
}
static LogicalResult importMean(Node &node, Importer &importer) {
  Value sum = fold<AddOp>(node, importer);
  return node.set(0, importer.binary<DivOp>(sum, importer.like(sum, double(node.inputs.size()))));
}

static LogicalResult importIdentity(Node &node, Importer &importer) { return node.set(0, node.input(0)); }

static LogicalResult importIsNan(Node &node, Importer &importer) {
  return node.set(0, importer.create<IsNanOp>(importer.builder.getI1Type(), rankOf(node.input(0)), node.input(0)));
}
static LogicalResult importIsInf(Node &node, Importer &importer) {
  return node.set(0, importer.create<IsInfOp>(importer.builder.getI1Type(), rankOf(node.input(0)), node.input(0),
                                              node.getInt("detect_positive", 1) != 0,
                                              node.getInt("detect_negative", 1) != 0));
}
static LogicalResult importGelu(Node &node, Importer &importer) {
  StringRef approximation = node.onnx.getString("approximate", "none");
  if (approximation != "none" && approximation != "tanh")
    return importer.fail("attribute approximate is '" + approximation + "', must be 'none' or 'tanh'");
  return node.set(0, importer.unary<GeluOp>(node.input(0), /*tanh_approximation=*/approximation == "tanh"));
}
static LogicalResult importMod(Node &node, Importer &importer) {
  auto fmod = importer.flag(node, "fmod");
  return fmod ? node.set(0, importer.binary<ModOp>(node.input(0), node.input(1), *fmod)) : failure();
}
static LogicalResult importWhere(Node &node, Importer &importer) {
  return node.set(0, importer.select(node.input(0), node.input(1), node.input(2)));
}

/// x as another type. What an operator computed for f16 or bf16 is taken as it was computed.
static Value convert(Importer &importer, Value x, Type elementType) {
  bool isWider = elementType.isF32() || elementType.isF64();
  return importer.cast(isWider ? importer.widen(x) : x, elementType);
}

static LogicalResult importCast(Node &node, Importer &importer) {
  auto type = OnnxDataType(node.getInt("to", 0));
  Type elementType = elementTypeFor(importer.builder.getContext(), type);
  if (!elementType)
    return importer.reportType("casts to", type), failure();
  return node.set(0, convert(importer, node.input(0), elementType));
}
static LogicalResult importCastLike(Node &node, Importer &importer) {
  return node.set(0, convert(importer, node.input(0), elementTypeOf(node.input(1))));
}

//===-- Activations ---------------------------------------------------------------------------------------------===//

static LogicalResult importTan(Node &node, Importer &importer) {
  Value sine = importer.unary<SinOp>(node.input(0)), cosine = importer.unary<CosOp>(node.input(0));
  return node.set(0, importer.binary<DivOp>(sine, cosine));
}

static LogicalResult importReciprocal(Node &node, Importer &importer) {
  return node.set(0, importer.binary<DivOp>(importer.like(node.input(0), 1), node.input(0)));
}

/// x < 0 ? negative : x. NaN is not below 0 and stays.
static Value belowZero(Importer &importer, Value x, Value negative) {
  return importer.select(importer.compare<LessOp>(x, importer.like(x, 0)), negative, x);
}
/// factor (exp(x · inner) - 1)
static Value expMinusOne(Importer &importer, Value x, double factor, double inner) {
  Value scaled = inner == 1 ? x : importer.binary<MulOp>(x, importer.like(x, inner));
  Value grown = importer.binary<SubOp>(importer.unary<ExpOp>(scaled), importer.like(x, 1));
  return importer.binary<MulOp>(grown, importer.like(x, factor));
}

static LogicalResult importCelu(Node &node, Importer &importer) {
  double alpha = node.getFloat("alpha", 1);
  return node.set(0, belowZero(importer, node.input(0), expMinusOne(importer, node.input(0), alpha, 1 / alpha)));
}
static Value elu(Importer &importer, Value x, double alpha, double) {
  return belowZero(importer, x, expMinusOne(importer, x, alpha, 1));
}
static LogicalResult importElu(Node &node, Importer &importer) {
  return node.set(0, elu(importer, node.input(0), node.getFloat("alpha", 1), 0));
}
static LogicalResult importSelu(Node &node, Importer &importer) {
  double alpha = node.getFloat("alpha", 1.67326319217681884765625),
         gamma = node.getFloat("gamma", 1.05070102214813232421875);
  Value inner = belowZero(importer, node.input(0), expMinusOne(importer, node.input(0), alpha, 1));
  return node.set(0, importer.binary<MulOp>(inner, importer.like(inner, gamma)));
}
static Value leakyRelu(Importer &importer, Value x, double alpha, double) {
  return belowZero(importer, x, importer.binary<MulOp>(x, importer.like(x, alpha)));
}
static LogicalResult importLeakyRelu(Node &node, Importer &importer) {
  return node.set(0, leakyRelu(importer, node.input(0), node.getFloat("alpha", 0.01f), 0));
}
static LogicalResult importPRelu(Node &node, Importer &importer) {
  return node.set(0, belowZero(importer, node.input(0), importer.binary<MulOp>(node.input(0), node.input(1))));
}
static LogicalResult importThresholdedRelu(Node &node, Importer &importer) {
  Value x = node.input(0), alpha = importer.like(x, node.getFloat("alpha", 1));
  // Where x is NaN the comparison is false, as in the standard: 0.
  return node.set(0, importer.select(importer.compare<LessOp>(alpha, x), x, importer.like(x, 0)));
}

static Value affine(Importer &importer, Value x, double alpha, double beta) {
  return importer.binary<AddOp>(importer.binary<MulOp>(x, importer.like(x, alpha)), importer.like(x, beta));
}
/// max(0, min(1, x · alpha + beta))
static Value hardSigmoid(Importer &importer, Value x, double alpha, double beta) {
  Value line = affine(importer, x, alpha, beta);
  return importer.binary<MaxOp>(importer.binary<MinOp>(line, importer.like(x, 1)), importer.like(x, 0));
}
static LogicalResult importHardSigmoid(Node &node, Importer &importer) {
  return node.set(0, hardSigmoid(importer, node.input(0), node.getFloat("alpha", 0.2f), node.getFloat("beta", 0.5f)));
}
static LogicalResult importHardSwish(Node &node, Importer &importer) {
  Value x = node.input(0);
  return node.set(0, importer.binary<MulOp>(x, hardSigmoid(importer, x, 1.0 / 6, 0.5)));
}

/// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)), which neither overflows nor loses small terms.
static Value softplus(Importer &importer, Value x, double = 0, double = 0) {
  Value tail = importer.unary<Log1pOp>(importer.unary<ExpOp>(importer.unary<NegOp>(importer.unary<AbsOp>(x))));
  return importer.binary<AddOp>(importer.unary<ReluOp>(x), tail);
}
static LogicalResult importSoftplus(Node &node, Importer &importer) {
  return node.set(0, softplus(importer, node.input(0)));
}
static LogicalResult importMish(Node &node, Importer &importer) {
  Value x = node.input(0);
  return node.set(0, importer.binary<MulOp>(x, importer.unary<TanhOp>(softplus(importer, x))));
}
static Value softsign(Importer &importer, Value x, double = 0, double = 0) {
  return importer.binary<DivOp>(x, importer.binary<AddOp>(importer.unary<AbsOp>(x), importer.like(x, 1)));
}
static LogicalResult importSoftsign(Node &node, Importer &importer) {
  return node.set(0, softsign(importer, node.input(0)));
}

/// x · sigmoid(alpha · x)
static Value swish(Importer &importer, Value x, double alpha) {
  Value scaled = alpha == 1 ? x : importer.binary<MulOp>(x, importer.like(x, alpha));
  return importer.binary<MulOp>(x, importer.unary<SigmoidOp>(scaled));
}
static LogicalResult importSwish(Node &node, Importer &importer) {
  return node.set(0, swish(importer, node.input(0), node.getFloat("alpha", 1)));
}
static LogicalResult importSwiGlu(Node &node, Importer &importer) {
  Value gate = swish(importer, node.input(0), node.getFloat("alpha", 1));
  return node.set(0, importer.binary<MulOp>(gate, node.input(1)));
}

template <typename OpT> static Value plain(Importer &importer, Value x, double, double) {
  return importer.unary<OpT>(x);
}
static Value scaledTanh(Importer &importer, Value x, double alpha, double beta) {
  Value inner = importer.unary<TanhOp>(importer.binary<MulOp>(x, importer.like(x, beta)));
  return importer.binary<MulOp>(inner, importer.like(x, alpha));
}
/// Unlike the operator of this name, it lets alpha itself through.
static Value thresholdedRelu(Importer &importer, Value x, double alpha, double) {
  return importer.select(importer.compare<LessEqualOp>(importer.like(x, alpha), x), x, importer.like(x, 0));
}

const Activation *hone::findActivation(StringRef name) {
  static constexpr Activation rows[] = {
      {"Affine", 2, 1, 0, affine},
      {"Elu", 1, 1, 0, elu},
      {"HardSigmoid", 2, 0.2f, 0.5f, hardSigmoid},
      {"LeakyRelu", 1, 0.01f, 0, leakyRelu},
      {"Relu", 0, 0, 0, plain<ReluOp>},
      {"ScaledTanh", 2, 1, 1, scaledTanh},
      {"Sigmoid", 0, 0, 0, plain<SigmoidOp>},
      {"Softplus", 0, 0, 0, softplus},
      {"Softsign", 0, 0, 0, softsign},
      {"Tanh", 0, 0, 0, plain<TanhOp>},
      {"ThresholdedRelu", 1, 1, 0, thresholdedRelu},
  };
  const auto *found = llvm::find_if(rows, [&](const Activation &row) { return name.equals_insensitive(row.name); });
  return found == std::end(rows) ? nullptr : found;
}

static LogicalResult importShrink(Node &node, Importer &importer) {
  // The attributes are floats whatever the tensor's type.
  Type type = elementTypeOf(node.input(0));
  Value x = isa<FloatType>(type) ? node.input(0) : importer.cast(node.input(0), importer.builder.getF64Type());
  Value bias = importer.like(x, node.getFloat("bias", 0));
  double lambda = node.getFloat("lambd", 0.5f);
  Value isHigh = importer.compare<LessOp>(importer.like(x, lambda), x);
  Value isLow = importer.compare<LessOp>(x, importer.like(x, -lambda));
  Value shrunk = importer.select(isHigh, importer.binary<SubOp>(x, bias), importer.like(x, 0));
  return node.set(0, importer.cast(importer.select(isLow, importer.binary<AddOp>(x, bias), shrunk), type));
}

static LogicalResult importClip(Node &node, Importer &importer) {
  // min(max(x, low), high): where low > high, all become high.
  Value x = node.input(0);
  if (Value low = node.input(1))
    x = importer.binary<MaxOp>(x, low);
  if (Value high = node.input(2))
    x = importer.binary<MinOp>(x, high);
  return node.set(0, x);
}
static LogicalResult importClipOfAttributes(Node &node, Importer &importer) {
  Value x = node.input(0);
  float lowest = std::numeric_limits<float>::lowest(), highest = std::numeric_limits<float>::max();
  x = importer.binary<MaxOp>(x, importer.like(x, node.getFloat("min", lowest)));
  return node.set(0, importer.binary<MinOp>(x, importer.like(x, node.getFloat("max", highest))));
}

/// Inference passes data through. In training each element is dropped with probability `ratio` and the others are
/// scaled up by 1 / (1 - ratio); which ones is a function of the seed (the node's name, if it has none) and the
/// element's position.
static LogicalResult importDropout(Node &node, Importer &importer) {
  Value x = node.input(0), result = x, training = node.input(2);
  HostVector dims(importer.shapes.dims(x));
  Value kept = importer.constant(DenseElementsAttr::get(RankedTensorType::get({}, importer.builder.getI1Type()), true));
  auto flag = training ? importer.host.elements(training) : std::nullopt;
  bool isInference = !training || (flag && flag->size() == 1 && getConstantIntValue(flag->front()) == 0);
  if (!isInference) {
    Value ratio = node.input(1) ? importer.cast(node.input(1), elementTypeOf(x)) : importer.like(x, 0.5);
    int64_t seed = node.getInt("seed", int64_t(llvm::xxh3_64bits(node.onnx.name)));
    Value random = importer.create<RandomUniformOp>(importer.builder.getF32Type(), rankOf(x), seed,
                                                    importer.shapes.materialize(dims));
    Value drops = importer.compare<LessOp>(random, importer.cast(ratio, importer.builder.getF32Type()));
    kept = importer.unary<NotOp>(importer.binary<AndOp>(drops, training));
    Value scale = importer.binary<DivOp>(importer.like(x, 1), importer.binary<SubOp>(importer.like(x, 1), ratio));
    Value scaled = importer.select(kept, importer.binary<MulOp>(x, scale), importer.like(x, 0));
    result = importer.select(training, scaled, x);
  }
  if (node.onnx.hasOutput(1)) {
    // Before opset 10 the mask had the data's type.
    Type maskType = node.version() < 10 ? elementTypeOf(x) : importer.builder.getI1Type();
    if (failed(node.set(1, importer.cast(importer.expand(kept, dims), maskType))))
      return failure();
  }
  return node.set(0, result);
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::elementwiseOperators() {
  static constexpr OperatorRow rows[] = {
      {"Abs", 6, importUnary<AbsOp>},
      {"Add", 7, importBinary<AddOp>},
      {"And", 7, importBinary<AndOp>},
      {"Cast", 6, importCast, Halves::Converts},
      {"CastLike", 15, importCastLike, Halves::Converts},
      {"Ceil", 6, importUnary<CeilOp>},
      {"Celu", 12, importCelu},
      {"Clip", 6, importClipOfAttributes},
      {"Clip", 11, importClip},
      {"Cos", 7, importUnary<CosOp>},
      {"Div", 7, importBinary<DivOp>},
      {"Dropout", 7, importDropout},
      {"Elu", 6, importElu},
      {"Equal", 7, importCompare<EqualOp>},
      {"Erf", 9, importUnary<ErfOp>},
      {"Exp", 6, importUnary<ExpOp>},
      {"Floor", 6, importUnary<FloorOp>},
      {"Gelu", 20, importGelu},
      {"Greater", 7, importSwapped<LessOp>},
      {"GreaterOrEqual", 12, importSwapped<LessEqualOp>},
      {"HardSigmoid", 6, importHardSigmoid},
      {"HardSwish", 14, importHardSwish},
      {"Identity", 1, importIdentity, Halves::Moves},
      {"IsInf", 10, importIsInf},
      {"IsNaN", 9, importIsNan},
      {"LeakyRelu", 6, importLeakyRelu},
      {"Less", 7, importCompare<LessOp>},
      {"LessOrEqual", 12, importCompare<LessEqualOp>},
      {"Log", 6, importUnary<LogOp>},
      {"Max", 6, importVariadic<MaxOp>},
      {"Mean", 6, importMean},
      {"Min", 6, importVariadic<MinOp>},
      {"Mish", 18, importMish},
      {"Mod", 10, importMod},
      {"Mul", 7, importBinary<MulOp>},
      {"Neg", 6, importUnary<NegOp>},
      {"Not", 1, importUnary<NotOp>},
      {"Or", 7, importBinary<OrOp>},
      {"PRelu", 7, importPRelu},
      {"Pow", 7, importBinary<PowOp>},
      {"Reciprocal", 6, importReciprocal},
      {"Relu", 6, importUnary<ReluOp>},
      {"Round", 11, importUnary<RoundOp>},
      {"Selu", 6, importSelu},
      {"Shrink", 9, importShrink},
      {"Sigmoid", 6, importUnary<SigmoidOp>},
      {"Sign", 9, importUnary<SignOp>},
      {"Sin", 7, importUnary<SinOp>},
      {"Softplus", 1, importSoftplus},
      {"Softsign", 1, importSoftsign},
      {"Sqrt", 6, importUnary<SqrtOp>},
      {"Sub", 7, importBinary<SubOp>},
      {"Sum", 6, importVariadic<AddOp>},
      {"SwiGLU", 28, importSwiGlu},
      {"Swish", 24, importSwish},
      {"Tan", 7, importTan},
      {"Tanh", 6, importUnary<TanhOp>},
      {"ThresholdedRelu", 10, importThresholdedRelu},
      {"Where", 9, importWhere, Halves::Moves},
      {"Xor", 7, importBinary<XorOp>},
  };
  return rows;
}
