// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/reference/Generator.h"
#include "dialects/reference/Families.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <numeric>

using namespace mlir;
using namespace hone;

//===-- Sources -------------------------------------------------------------------------------------------------===//

hone::Dims Generator::someDims(int64_t least, int64_t most) {
  hone::Dims dims(least + below(most - least + 1));
  for (int64_t &dim : dims)
    dim = size();
  while (countOf(dims) > 20000)
    for (int64_t &dim : dims)
      dim = (dim + 1) / 2;
  return dims;
}

Type Generator::someType() {
  if (oneIn(2))
    return floatType();
  if (oneIn(4))
    return builder.getI1Type();
  if (oneIn(3))
    return storedType();
  unsigned width = choose({8u, 16u, 32u, 64u, 64u});
  return IntegerType::get(builder.getContext(), width, oneIn(3) ? IntegerType::Unsigned : IntegerType::Signless);
}

Type Generator::storedType() {
  MLIRContext *context = builder.getContext();
  return choose<Type>({builder.getF16Type(), builder.getBF16Type(), builder.getIntegerType(4),
                       IntegerType::get(context, 4, IntegerType::Unsigned)});
}

HostTensor Generator::randomTensor(Type element, Dims dims, double least, double greatest) {
  if (!isComputed(element)) {
    // Nibbles wrap: all of their numbers come up.
    HostTensor wide = randomTensor(builder.getF64Type(), dims, 4 * least, 4 * greatest);
    if (oneIn(6)) // where f16 ends
      for (double &x : wide.as<double>())
        x = choose({x, 65504.0, 65519.9, 65520.0, -6e-5, 6e-8, 3e-8, 2.9e-8});
    return castTo(element, wide);
  }
  HostTensor tensor(element, dims);
  bool isSpecial = oneIn(6), isWhole = oneIn(4);
  std::uniform_real_distribution<double> uniform(least, greatest);
  visitType(element, [&](auto zero) {
    using T = decltype(zero);
    for (T &x : tensor.as<T>()) {
      double number = uniform(random);
      if constexpr (std::is_floating_point_v<T>) {
        x = T(isWhole ? std::floor(number) : number);
        if (isSpecial && oneIn(5))
          x = choose<T>({T(0), T(-0.0), T(INFINITY), T(-INFINITY), T(NAN), T(1000), T(-1e-30), T(1.00048828126),
                         T(1.00390625001)});
      } else if constexpr (std::is_same_v<T, bool>) {
        x = oneIn(2);
      } else {
        x = T(int64_t(std::floor(number)));
        if (isSpecial && oneIn(5))
          x = choose<T>({std::numeric_limits<T>::min(), std::numeric_limits<T>::max()});
      }
    }
  });
  return tensor;
}

Generator::Known Generator::source(HostTensor tensor) {
  auto type = RankedTensorType::get(tensor.dims, tensor.element);
  Value value;
  int64_t kind = below(6);
  bool isSmall = tensor.count() > 0 && tensor.count() <= 64;
  if (isSmall && kind < 2) {
    SmallVector<Attribute> elements;
    for (int64_t i = 0; i < tensor.count(); ++i)
      if (isa<FloatType>(tensor.element))
        elements.push_back(builder.getFloatAttr(tensor.element, tensor.number(i)));
      else
        elements.push_back(IntegerAttr::get(
            tensor.element, APInt(tensor.element.getIntOrFloatBitWidth(), uint64_t(tensor.integer(i)), false, true)));
    auto attribute = DenseElementsAttr::get(type, elements);
    if (kind == 0) {
      value = ConstantOp::create(builder, loc, type, attribute);
    } else {
      std::string name = "w" + std::to_string(weights++);
      OpBuilder top(main);
      WeightOp::create(top, loc, builder.getStringAttr(name), TypeAttr::get(type), attribute);
      value = UseWeightOp::create(builder, loc, type, name);
    }
  } else {
    SmallVector<int64_t> dims(tensor.dims.begin(), tensor.dims.end());
    SmallVector<StringRef> symbols(dims.size(), "");
    SmallVector<std::string> names(dims.size());
    bool isDynamic = oneIn(2);
    for (auto [i, dim] : llvm::enumerate(dims))
      if (isDynamic && oneIn(2)) {
        // Equal symbols are equal sizes, but equal sizes may have different symbols.
        names[i] = "d" + std::to_string(dim) + (oneIn(4) ? "_" + std::to_string(inputs.size()) : "");
        symbols[i] = names[i];
        dim = ShapedType::kDynamic;
      }
    unsigned number = main.getNumArguments();
    DictionaryAttr attrs =
        builder.getDictionaryAttr({builder.getNamedAttr(kNameAttr, builder.getStringAttr("x" + std::to_string(number))),
                                   builder.getNamedAttr(kDimsAttr, builder.getStrArrayAttr(symbols))});
    (void)main.insertArgument(number, type.clone(dims), attrs, loc);
    value = main.getArgument(number);
    inputs.push_back(tensor);
  }
  values.push_back({value, std::move(tensor)});
  return values.back();
}

Generator::Known Generator::splat(Type element, Dims dims) {
  HostTensor tensor(element, dims), number = randomTensor(element, {}, -4, 5);
  visitType(element, [&](auto zero) {
    using T = decltype(zero);
    llvm::fill(tensor.as<T>(), number.as<T>()[0]);
  });
  auto type = RankedTensorType::get(dims, element);
  Attribute attribute =
      isa<FloatType>(element)
          ? Attribute(builder.getFloatAttr(element, number.number(0)))
          : IntegerAttr::get(element, APInt(element.getIntOrFloatBitWidth(), uint64_t(number.integer(0)), false, true));
  values.push_back({ConstantOp::create(builder, loc, type, DenseElementsAttr::get(type, attribute)), tensor});
  return values.back();
}

hone::Dims Generator::narrower(Dims dims) {
  hone::Dims own(dims.drop_front(oneIn(3) ? below(dims.size() + 1) : 0));
  for (int64_t &dim : own)
    if (oneIn(4))
      dim = 1;
  return own;
}

Generator::Known Generator::pick(Fits fits, llvm::function_ref<Known()> otherwise) {
  std::vector<size_t> found;
  for (auto [i, known] : llvm::enumerate(values))
    if (fits(known.tensor))
      found.push_back(i);
  // Late values, so that chains grow.
  if (found.empty() || oneIn(8))
    return otherwise();
  return values[oneIn(2) ? found.back() : found[below(found.size())]];
}
Generator::Known Generator::pickAny(int64_t leastRank) {
  return pick([&](const HostTensor &t) { return t.rank() >= leastRank && t.rank() <= 5; },
              [&] { return source(someType(), someDims(leastRank, 4)); });
}
Generator::Known Generator::pickComputed(int64_t leastRank) {
  return pick([&](const HostTensor &t) { return t.rank() >= leastRank && isComputed(t.element); },
              [&] { return source(floatType(), someDims(leastRank, 4)); });
}
Generator::Known Generator::pickNumber(int64_t leastRank) {
  return pick([&](const HostTensor &t) { return t.rank() >= leastRank && isNumber(t.element); },
              [&] { return source(floatType(), someDims(leastRank, 4)); });
}
Generator::Known Generator::pickFloat(int64_t leastRank) {
  return pick([&](const HostTensor &t) { return t.rank() >= leastRank && isa<Float32Type, Float64Type>(t.element); },
              [&] { return source(floatType(), someDims(leastRank, 4)); });
}
Generator::Known Generator::pickFit(Type element, Dims dims) {
  return pick([&](const HostTensor &t) { return t.element == element && Dims(t.dims) == dims; },
              [&] { return source(element, dims); });
}

//===-- Ops -----------------------------------------------------------------------------------------------------===//

Value Generator::index(int64_t value) {
  // The dim of a tensor in place of the number, where one is dynamic and has it.
  Value index;
  if (oneIn(2))
    for (const Known &known : values)
      for (auto [i, dim] : llvm::enumerate(known.tensor.dims))
        if (dim == value && cast<RankedTensorType>(known.value.getType()).isDynamicDim(i) && !index)
          index = shapes.materialize(shapes.dim(known.value, i));
  if (!index)
    index = shapes.materialize(shapes.constant(value));
  numbers[index] = value;
  return index;
}
SmallVector<Value> Generator::indices(ArrayRef<int64_t> list) {
  return llvm::map_to_vector(list, [&](int64_t value) { return index(value); });
}

void Generator::evaluated(Operation *op) {
  SmallVector<HostTensor> tensors;
  SmallVector<int64_t> own;
  for (Value operand : op->getOperands())
    if (auto found = llvm::find_if(values, [&](const Known &known) { return known.value == operand; });
        found != values.end())
      tensors.push_back(found->tensor);
    else
      own.push_back(numbers.lookup(operand));
  auto results = evaluate(op, tensors, own);
  if (!results) {
    problem = llvm::toString(results.takeError());
    for (Value result : op->getResults())
      values.push_back({result, HostTensor(elementTypeOf(result), hone::Dims(rankOf(result), 0))});
    return;
  }
  for (auto [value, result] : llvm::zip_equal(op->getResults(), *results))
    values.push_back({value, std::move(result)});
}

template <typename Op, typename... Args> void Generator::add(Type element, int64_t rank, Args &&...args) {
  evaluated(createTensorOp<Op>(shapes, loc, element, rank, std::forward<Args>(args)...));
}

void Generator::addUnary() {
  Known x = pickComputed();
  Type element = x.tensor.element;
  int64_t rank = x.tensor.rank();
  if (element.isInteger(1))
    return add<NotOp>(element, rank, x.value);
  switch (below(4)) {
  case 0:
    return add<AbsOp>(element, rank, x.value);
  case 1:
    return add<NegOp>(element, rank, x.value);
  case 2:
    return add<ReluOp>(element, rank, x.value);
  case 3:
    return add<SignOp>(element, rank, x.value);
  }
}

void Generator::addUnaryFloat() {
  Known x = pickFloat();
  Type element = x.tensor.element, boolean = builder.getI1Type();
  int64_t rank = x.tensor.rank();
  switch (below(16)) {
  case 0:
    return add<CeilOp>(element, rank, x.value);
  case 1:
    return add<FloorOp>(element, rank, x.value);
  case 2:
    return add<RoundOp>(element, rank, x.value);
  case 3:
    return add<SqrtOp>(element, rank, x.value);
  case 4:
    return add<ExpOp>(element, rank, x.value);
  case 5:
    return add<LogOp>(element, rank, x.value);
  case 6:
    return add<Log1pOp>(element, rank, x.value);
  case 7:
    return add<SinOp>(element, rank, x.value);
  case 8:
    return add<CosOp>(element, rank, x.value);
  case 9:
    return add<TanhOp>(element, rank, x.value);
  case 10:
    return add<ErfOp>(element, rank, x.value);
  case 11:
    return add<SigmoidOp>(element, rank, x.value);
  case 12:
    return add<GeluOp>(element, rank, x.value, oneIn(2));
  case 13:
    return add<IsNanOp>(boolean, rank, x.value);
  case 14:
    return add<IsInfOp>(boolean, rank, x.value, oneIn(2), oneIn(2));
  case 15:
    return add<LogOp>(element, rank, x.value);
  }
}

void Generator::addCast() {
  Known x = pickAny();
  add<CastOp>(oneIn(3) ? storedType() : someType(), x.tensor.rank(), x.value);
}

void Generator::addBinary() {
  Known x = pickNumber();
  Type element = x.tensor.element;
  Known y = pickFit(element, narrower(x.tensor.dims));
  if (oneIn(2))
    std::swap(x, y);
  int64_t rank = std::max(x.tensor.rank(), y.tensor.rank());
  switch (below(5)) {
  case 0:
    return add<AddOp>(element, rank, x.value, y.value);
  case 1:
    return add<SubOp>(element, rank, x.value, y.value);
  case 2:
    return add<MulOp>(element, rank, x.value, y.value);
  case 3:
    return add<MinOp>(element, rank, x.value, y.value);
  case 4:
    return add<MaxOp>(element, rank, x.value, y.value);
  }
}

void Generator::addDivision() {
  Known x = pickNumber();
  Type element = x.tensor.element;
  HostTensor divisor = randomTensor(element, narrower(x.tensor.dims), -4, 5);
  visitType(element, [&](auto zero) {
    using T = decltype(zero);
    if (isa<IntegerType>(element))
      for (T &number : divisor.as<T>())
        number = number == T(0) ? T(3) : number;
  });
  Known y = source(std::move(divisor));
  if (oneIn(2))
    add<DivOp>(element, x.tensor.rank(), x.value, y.value);
  else
    add<ModOp>(element, x.tensor.rank(), x.value, y.value, oneIn(2));
}

void Generator::addPower() {
  if (oneIn(3)) {
    Known x = pick([](const HostTensor &t) { return isa<IntegerType>(t.element) && isNumber(t.element); },
                   [&] { return source(builder.getI64Type(), someDims(0, 3)); });
    Known y = source(randomTensor(builder.getI64Type(), narrower(x.tensor.dims), -2, 7));
    return add<PowOp>(x.tensor.element, x.tensor.rank(), x.value, y.value);
  }
  Known x = pickFloat();
  Type exponent = oneIn(3) ? choose({Type(builder.getI64Type()), Type(builder.getF64Type())}) : x.tensor.element;
  Known y = source(randomTensor(exponent, narrower(x.tensor.dims), -2, 4));
  add<PowOp>(x.tensor.element, x.tensor.rank(), x.value, y.value);
}

void Generator::addLogic() {
  Type element = builder.getI1Type();
  Known x =
      pick([&](const HostTensor &t) { return t.element == element; }, [&] { return source(element, someDims(0, 4)); });
  Known y = pickFit(element, narrower(x.tensor.dims));
  int64_t rank = x.tensor.rank();
  switch (below(3)) {
  case 0:
    return add<AndOp>(element, rank, x.value, y.value);
  case 1:
    return add<OrOp>(element, rank, x.value, y.value);
  case 2:
    return add<XorOp>(element, rank, x.value, y.value);
  }
}

void Generator::addComparison() {
  Known x = pickComputed();
  Known y = pickFit(x.tensor.element, narrower(x.tensor.dims));
  int64_t rank = x.tensor.rank();
  switch (x.tensor.element.isInteger(1) ? 0 : below(3)) {
  case 0:
    return add<EqualOp>(builder.getI1Type(), rank, x.value, y.value);
  case 1:
    return add<LessOp>(builder.getI1Type(), rank, x.value, y.value);
  case 2:
    return add<LessEqualOp>(builder.getI1Type(), rank, x.value, y.value);
  }
}

void Generator::addSelect() {
  Known x = pickAny();
  Known y = pickFit(x.tensor.element, narrower(x.tensor.dims));
  Known condition = pickFit(builder.getI1Type(), narrower(x.tensor.dims));
  if (oneIn(2))
    std::swap(x, y);
  add<SelectOp>(x.tensor.element, std::max(x.tensor.rank(), y.tensor.rank()), condition.value, x.value, y.value);
}

/// Constants of equal elements, which compile to one number, alone give a result some of its dims.
void Generator::addWidening() {
  Known x = oneIn(2) ? pickAny() : source(someType(), narrower(someDims(0, 4)));
  hone::Dims wide(x.tensor.dims);
  for (int64_t &dim : wide)
    if (dim == 1 && oneIn(2))
      dim = size();
  while (wide.size() < 5 && oneIn(3))
    wide.insert(wide.begin(), oneIn(2) ? 1 : size());
  if (countOf(wide) > 20000)
    wide = x.tensor.dims;
  Type element = x.tensor.element;
  Known c = splat(element, oneIn(2) ? wide : narrower(wide));
  if (!isComputed(element) || oneIn(4)) {
    Known condition = splat(builder.getI1Type(), narrower(wide));
    int64_t rank = std::max({x.tensor.rank(), c.tensor.rank(), condition.tensor.rank()});
    return add<SelectOp>(element, rank, condition.value, x.value, c.value);
  }
  int64_t rank = std::max(x.tensor.rank(), c.tensor.rank());
  if (oneIn(2))
    std::swap(x, c);
  if (oneIn(4))
    return add<EqualOp>(builder.getI1Type(), rank, x.value, c.value);
  if (element.isInteger(1))
    return add<XorOp>(element, rank, x.value, c.value);
  if (oneIn(3))
    return add<MaxOp>(element, rank, x.value, c.value);
  add<MulOp>(element, rank, x.value, c.value);
}

void Generator::addReduce() {
  Known x = pickNumber();
  SmallVector<int64_t> axes;
  for (int64_t i = 0; i < x.tensor.rank(); ++i)
    if (oneIn(2))
      axes.push_back(i);
  bool keepdims = oneIn(2);
  auto kind = choose({ReduceKind::Sum, ReduceKind::Sum, ReduceKind::Prod, ReduceKind::Max, ReduceKind::Min});
  add<ReduceOp>(x.tensor.element, x.tensor.rank() - (keepdims ? 0 : axes.size()), kind, x.value, axes, keepdims);
}

void Generator::addArgReduce() {
  Known x = pick([](const HostTensor &t) { return t.rank() && t.count() && isNumber(t.element); },
                 [&] { return source(floatType(), {1 + below(9), 1 + below(9)}); });
  bool keepdims = oneIn(2);
  add<ArgReduceOp>(builder.getI64Type(), x.tensor.rank() - !keepdims, choose({ReduceKind::Max, ReduceKind::Min}),
                   x.value, below(x.tensor.rank()), keepdims, oneIn(2));
}

void Generator::addCumSum() {
  Known x = pickNumber(1);
  add<CumSumOp>(x.tensor.element, x.tensor.rank(), x.value, below(x.tensor.rank()), oneIn(2), oneIn(2));
}

void Generator::addTopK() {
  Known x = pickNumber(1);
  int64_t axis = below(x.tensor.rank()), k = below(x.tensor.dims[axis] + 1);
  SmallVector<int64_t> dims(x.tensor.rank(), ShapedType::kDynamic);
  auto op = TopKOp::create(builder, loc, RankedTensorType::get(dims, x.tensor.element),
                           RankedTensorType::get(dims, builder.getI64Type()), x.value, index(k), axis, oneIn(2));
  refineResultTypes(shapes, op);
  evaluated(op);
}

void Generator::addSoftmax() {
  Known x = pickFloat(1);
  add<SoftmaxOp>(x.tensor.element, x.tensor.rank(), x.value, below(x.tensor.rank()), oneIn(3));
}

void Generator::addNorm() {
  Known x = pickFloat(1);
  int64_t axis = below(x.tensor.rank());
  Known scale = pickFit(x.tensor.element, Dims(x.tensor.dims).drop_front(axis));
  APFloat epsilon(1e-5f);
  if (oneIn(3))
    return add<RmsNormOp>(x.tensor.element, x.tensor.rank(), x.value, scale.value, axis, epsilon);
  Value bias = oneIn(2) ? source(x.tensor.element, Dims(x.tensor.dims).drop_front(axis)).value : Value();
  add<LayerNormOp>(x.tensor.element, x.tensor.rank(), x.value, scale.value, bias, axis, epsilon);
}

/// A type that products of such factors can have, or none.
Type Generator::productType(Type left, Type right) {
  SmallVector<Type> types{builder.getF32Type(), builder.getF64Type()};
  for (unsigned width : {8, 16, 32, 64})
    for (auto sign : {IntegerType::Signless, IntegerType::Unsigned})
      types.push_back(IntegerType::get(builder.getContext(), width, sign));
  llvm::erase_if(types, [&](Type type) { return !isWidening(left, type) || !isWidening(right, type); });
  return types.empty() ? Type() : oneIn(2) ? types.front() : types[below(types.size())];
}

void Generator::addMatmul() {
  Known x = pick([](const HostTensor &t) { return t.rank() >= 2 && !t.element.isInteger(1); },
                 [&] { return source(oneIn(4) ? Type(builder.getI32Type()) : floatType(), someDims(2, 4)); });
  hone::Dims dims = narrower(Dims(x.tensor.dims).drop_back(2));
  int64_t n = oneIn(4) ? 1 + below(80) : size();
  bool transposed = oneIn(3);
  dims.push_back(transposed ? n : x.tensor.dims.back());
  dims.push_back(transposed ? x.tensor.dims.back() : n);
  Type factor = oneIn(2) ? someType() : x.tensor.element;
  Type element = productType(x.tensor.element, factor);
  if (!element) {
    factor = x.tensor.element;
    element = productType(factor, factor);
  }
  Known y = pickFit(factor, dims);
  add<MatmulOp>(element, x.tensor.rank(), x.value, y.value, transposed);
}

void Generator::addWindow() {
  Known x = pick(
      [](const HostTensor &t) {
        return t.rank() >= 3 && t.rank() <= 5 && isComputed(t.element) && !t.element.isInteger(1);
      },
      [&] { return source(oneIn(4) ? someType() : floatType(), someDims(3, 4)); });
  if (!isComputed(x.tensor.element) || x.tensor.element.isInteger(1))
    return;
  size_t spatial = x.tensor.rank() - 2;
  SmallVector<int64_t> window, strides, dilations, before, after;
  for (size_t i = 0; i < spatial; ++i) {
    window.push_back(1 + below(4));
    strides.push_back(1 + below(3));
    dilations.push_back(oneIn(3) ? 1 + below(3) : 1);
    before.push_back(oneIn(2) ? below(4) : 0);
    after.push_back(oneIn(2) ? below(4) : 0);
  }
  Type element = x.tensor.element;
  int64_t rank = x.tensor.rank(), channels = x.tensor.dims.back();
  if (oneIn(2)) {
    ReduceKind kind = std::array{ReduceKind::Max, ReduceKind::Min, ReduceKind::Sum}[below(3)];
    if (oneIn(4))
      add<ArgPoolOp>(builder.getI64Type(), rank, x.value, window, strides, dilations, before, after, oneIn(2),
                     oneIn(2));
    else
      add<PoolOp>(element, rank, kind, x.value, window, strides, dilations, before, after, oneIn(2));
    return;
  }
  int64_t groups = oneIn(2) || channels == 0 ? 1 : oneIn(2) ? channels : channels % 2 == 0 ? 2 : 1;
  hone::Dims dims{groups, oneIn(2) ? 1 : 1 + below(70)};
  dims.append(window.begin(), window.end());
  dims.push_back(channels / groups);
  Known filter = pickFit(element, dims);
  add<ConvOp>(element, rank, x.value, filter.value, strides, dilations, before, after);
}

void Generator::addResize() {
  Known x = pickAny(1);
  int64_t axis = below(x.tensor.rank()), from = x.tensor.dims[axis], to = from == 0 ? 0 : size();
  if (from > 0 && oneIn(2))
    to = from * (1 + below(3));
  hone::Dims dims(x.tensor.dims);
  dims[axis] = to;
  bool isFloat = isa<Float32Type, Float64Type>(x.tensor.element);
  if (countOf(dims) > 20000)
    return;
  auto mode = ResizeMode(isFloat ? below(3) : 0);
  auto place = ResizePlace(below(7));
  Type f32 = builder.getF32Type();
  Value scale, region;
  if (oneIn(3)) {
    HostTensor number(f32, {});
    // One that gives the size, whole or not.
    number.as<float>()[0] =
        float(std::max<double>(double(to) + (oneIn(2) ? 0.25 : 0), 0.5) / double(std::max<int64_t>(from, 1)));
    scale = source(std::move(number)).value;
  }
  if (place == ResizePlace::Crop) {
    HostTensor ends(f32, {2});
    ends.as<float>()[0] = float(below(5)) / 8 - 0.25f;
    ends.as<float>()[1] = float(below(9)) / 8 + 0.25f;
    region = source(std::move(ends)).value;
    if (cast<RankedTensorType>(region.getType()).isDynamicDim(0))
      return;
  }
  auto flag = [&](bool set) { return set ? builder.getUnitAttr() : UnitAttr(); };
  MLIRContext *context = builder.getContext();
  add<ResizeOp>(x.tensor.element, x.tensor.rank(), ResizeModeAttr::get(context, mode),
                ResizePlaceAttr::get(context, place), x.value, index(to), scale, region,
                builder.getI64IntegerAttr(axis), ResizeRoundingAttr::get(context, ResizeRounding(below(4))),
                builder.getF32FloatAttr(oneIn(2) ? -0.75f : -0.5f), builder.getF32FloatAttr(float(below(3))),
                flag(mode != ResizeMode::Nearest && oneIn(3)), flag(oneIn(4)));
}

void Generator::addAttention() {
  int64_t batch = size(), queries = size(), keys = size(), heads = 1 + below(4), depth = 1 + below(40);
  Type f32 = builder.getF32Type();
  int64_t groups = heads % 2 == 0 && oneIn(2) ? heads / 2 : heads;
  Known query = pickFit(f32, {batch, queries, heads, depth}), key = pickFit(f32, {batch, keys, groups, depth});
  Known value = pickFit(f32, {batch, keys, groups, oneIn(2) ? depth : 1 + below(40)});
  bool isSelected = oneIn(2);
  Type maskElement = isSelected ? Type(builder.getI1Type()) : f32;
  Value mask = oneIn(2) ? source(maskElement, narrower({batch, heads, queries, keys})).value : Value();
  // Only dims that are 1 in the type broadcast over queries and keys.
  if (mask)
    for (auto [i, dim] : llvm::enumerate(hone::Dims(values.back().tensor.dims)))
      if (dim == 1 && mask && cast<RankedTensorType>(mask.getType()).isDynamicDim(i))
        mask = Value();
  FloatAttr fill;
  if (mask && isSelected)
    fill = builder.getF32FloatAttr(std::array{-INFINITY, -3.0f, 0.0f}[below(3)]);
  auto flag = [&](bool set) { return set ? builder.getUnitAttr() : UnitAttr(); };
  bool isGuarded = oneIn(2);
  Value lengths, causal;
  if (oneIn(3)) {
    HostTensor numbers(builder.getI64Type(), {batch});
    for (int64_t &number : numbers.as<int64_t>())
      number = below(keys + 1);
    lengths = source(std::move(numbers)).value;
  }
  // Values that are not seen may be read or not.
  bool isFinite = true;
  for (int64_t i = 0; i < value.tensor.count(); ++i)
    isFinite &= std::isfinite(value.tensor.number(i));
  if (oneIn(3) && isFinite)
    causal = index(below(keys + queries + 2) - queries - 1);
  add<AttentionOp>(f32, 4, query.value, key.value, value.value, mask, lengths, causal, builder.getF32FloatAttr(0.25f),
                   fill, flag(isGuarded), flag(mask && !isGuarded && oneIn(2)));
}

void Generator::addReshape() {
  Known x = pickAny();
  hone::Dims dims = x.tensor.dims;
  if (dims.size() > 1 && oneIn(2)) {
    int64_t at = below(dims.size() - 1);
    dims[at] *= dims[at + 1];
    dims.erase(dims.begin() + at + 1);
  } else if (x.tensor.count() && oneIn(2)) {
    dims = {x.tensor.count()};
    for (int64_t factor : {2, 3, 5})
      if (dims.back() % factor == 0) {
        dims.back() /= factor;
        dims.insert(dims.begin(), factor);
      }
  } else {
    dims.insert(dims.begin() + below(dims.size() + 1), 1);
  }
  add<ReshapeOp>(x.tensor.element, dims.size(), x.value, indices(dims));
}

void Generator::addExpand() {
  Known x = pickAny();
  hone::Dims dims = x.tensor.dims;
  for (int64_t &dim : dims)
    if (dim == 1)
      dim = size();
  if (oneIn(2) && dims.size() < 4)
    dims.insert(dims.begin(), size());
  if (countOf(dims) <= 50000)
    add<ExpandOp>(x.tensor.element, dims.size(), x.value, indices(dims));
}

void Generator::addTranspose() {
  Known x = pickAny();
  SmallVector<int64_t> permutation(x.tensor.rank());
  std::iota(permutation.begin(), permutation.end(), 0);
  std::shuffle(permutation.begin(), permutation.end(), random);
  add<TransposeOp>(x.tensor.element, x.tensor.rank(), x.value, permutation);
}

void Generator::addSlice() {
  Known x = pickAny();
  SmallVector<int64_t> starts, counts, steps;
  for (int64_t dim : x.tensor.dims) {
    int64_t step = choose({int64_t(1), int64_t(1), int64_t(2), int64_t(-1), int64_t(-2)});
    int64_t start = dim ? below(dim) : 0, room = step > 0 ? dim - start : start + 1;
    int64_t most = dim ? (room + std::abs(step) - 1) / std::abs(step) : 0;
    starts.push_back(start);
    counts.push_back(oneIn(3) ? below(most + 1) : most);
    steps.push_back(step);
  }
  add<SliceOp>(x.tensor.element, x.tensor.rank(), x.value, indices(starts), indices(counts), indices(steps));
}

void Generator::addInsert() {
  Known x = pickAny(1);
  int64_t axis = below(x.tensor.rank()), room = x.tensor.dims[axis], part = below(room + 1);
  hone::Dims dims = x.tensor.dims;
  dims[axis] = part;
  Known source = pickFit(x.tensor.element, dims);
  add<InsertOp>(x.tensor.element, x.tensor.rank(), source.value, x.value, index(below(room - part + 1)), axis);
}

void Generator::addTensorScatter() {
  Known x = pickAny(2);
  int64_t axis = 1 + below(x.tensor.rank() - 1), room = x.tensor.dims[axis], part = below(room + 1);
  hone::Dims dims = x.tensor.dims;
  dims[axis] = part;
  bool isCircular = oneIn(2) && room > 0;
  Known update = pickFit(x.tensor.element, dims);
  HostTensor positions(builder.getI64Type(), {dims[0]});
  if (isCircular)
    positions = randomTensor(builder.getI64Type(), {dims[0]}, -3 * room, 3 * room);
  for (int64_t &position : positions.as<int64_t>())
    position = isCircular ? position : below(room - part + 1);
  add<TensorScatterOp>(x.tensor.element, x.tensor.rank(), update.value, x.value, source(std::move(positions)).value,
                       axis, isCircular);
}

void Generator::addNonzero() {
  Known x = pickNumber(1);
  int64_t count = 0;
  visitType(x.tensor.element, [&](auto zero) {
    for (auto element : x.tensor.as<decltype(zero)>())
      count += element != decltype(zero)(0);
  });
  add<NonzeroOp>(builder.getI64Type(), 2, x.value, index(count));
}

void Generator::addConcat() {
  Known x = pickAny(1);
  int64_t axis = below(x.tensor.rank());
  SmallVector<Value> operands{x.value};
  for (int64_t i = below(3); i >= 0; --i) {
    hone::Dims dims = x.tensor.dims;
    dims[axis] = size();
    operands.push_back(pickFit(x.tensor.element, dims).value);
  }
  add<ConcatOp>(x.tensor.element, x.tensor.rank(), operands, axis);
}

void Generator::addPad() {
  Known x = pickAny();
  StringRef mode =
      x.tensor.count() ? choose<StringRef>({"constant", "constant", "edge", "reflect", "wrap"}) : "constant";
  SmallVector<int64_t> before, after;
  for (int64_t dim : x.tensor.dims) {
    before.push_back(oneIn(6) && dim ? -1 : below(4));
    after.push_back(oneIn(6) && dim + before.back() > 0 ? -1 : below(4));
  }
  Known value = source(x.tensor.element, {});
  add<PadOp>(x.tensor.element, x.tensor.rank(), x.value, value.value, indices(before), indices(after), mode);
}

void Generator::addTile() {
  Known x = pickAny();
  SmallVector<int64_t> repeats;
  for (size_t i = 0; i < x.tensor.dims.size(); ++i)
    repeats.push_back(oneIn(8) ? 0 : 1 + below(3));
  if (x.tensor.count() < 5000)
    add<TileOp>(x.tensor.element, x.tensor.rank(), x.value, indices(repeats));
}

void Generator::addGather() {
  Known x = pickAny(1);
  int64_t axis = below(x.tensor.rank()), dim = x.tensor.dims[axis];
  hone::Dims dims = dim ? someDims(0, 2) : hone::Dims{0};
  if (countOf(dims) > 60)
    dims = {7};
  Type element = oneIn(2) ? builder.getI64Type() : builder.getI32Type();
  HostTensor tensor(element, dims);
  visitType(element, [&](auto zero) {
    for (auto &number : tensor.as<decltype(zero)>())
      number = decltype(zero)(below(2 * dim) - dim);
  });
  Known where = source(std::move(tensor));
  add<GatherOp>(x.tensor.element, x.tensor.rank() - 1 + dims.size(), x.value, where.value, axis);
}

void Generator::addGatherElements() {
  Known x = pick([](const HostTensor &t) { return t.rank() && t.count(); },
                 [&] { return source(someType(), {1 + below(5), 1 + below(9)}); });
  int64_t axis = below(x.tensor.rank()), dim = x.tensor.dims[axis];
  HostTensor where(builder.getI64Type(), x.tensor.dims);
  if (oneIn(2)) {
    where.dims[axis] = 1 + below(5);
    where = HostTensor(where.element, hone::Dims(where.dims));
  }
  for (int64_t &number : where.as<int64_t>())
    number = below(2 * dim) - dim;
  add<GatherElementsOp>(x.tensor.element, x.tensor.rank(), x.value, source(std::move(where)).value, axis);
}

void Generator::addGatherND() {
  Known x = pick([](const HostTensor &t) { return t.rank() && t.count(); },
                 [&] { return source(someType(), {1 + below(5), 1 + below(9)}); });
  int64_t batch = oneIn(3) ? below(x.tensor.rank()) : 0, depth = 1 + below(x.tensor.rank() - batch);
  hone::Dims dims(Dims(x.tensor.dims).take_front(batch));
  dims.push_back(1 + below(5));
  dims.push_back(depth);
  HostTensor where(builder.getI64Type(), dims);
  for (auto [i, number] : llvm::enumerate(where.as<int64_t>())) {
    int64_t dim = x.tensor.dims[batch + int64_t(i) % depth];
    number = below(2 * dim) - dim;
  }
  // The last dim of the tuples must be static.
  Known tuples = source(std::move(where));
  if (cast<RankedTensorType>(tuples.value.getType()).isDynamicDim(dims.size() - 1))
    return;
  add<GatherNDOp>(x.tensor.element, dims.size() - 1 + x.tensor.rank() - batch - depth, x.value, tuples.value, batch);
}

void Generator::addOneHot() {
  Known x =
      pick([](const HostTensor &t) { return isa<IntegerType>(t.element) && isNumber(t.element) && t.count() < 500; },
           [&] { return source(builder.getI64Type(), {1 + below(9)}); });
  Known pair = source(someType(), {2});
  add<OneHotOp>(pair.tensor.element, x.tensor.rank() + 1, x.value, index(1 + below(6)), pair.value,
                below(x.tensor.rank() + 1));
}

void Generator::addRange() {
  Type element = oneIn(2) ? Type(builder.getF32Type()) : builder.getI64Type();
  Known start = source(element, {}), delta = source(element, {});
  add<RangeOp>(element, 1, start.value, delta.value, index(size()));
}

void Generator::addTrilu() {
  Known x = pickAny(2);
  add<TriluOp>(x.tensor.element, x.tensor.rank(), x.value,
               index(oneIn(8) ? (oneIn(2) ? INT64_MAX : INT64_MIN) : below(7) - 3), oneIn(2));
}

StringRef Generator::reduction(Type element) {
  return isNumber(element) ? choose<StringRef>({"none", "add", "mul", "max", "min"}) : "none";
}

void Generator::addScatterElements() {
  Known x = pick([](const HostTensor &t) { return t.rank() && t.count(); },
                 [&] { return source(oneIn(3) ? someType() : floatType(), {1 + below(5), 1 + below(9)}); });
  int64_t axis = below(x.tensor.rank()), dim = x.tensor.dims[axis];
  hone::Dims dims = x.tensor.dims;
  dims[axis] = 1 + below(4);
  HostTensor where(builder.getI64Type(), dims);
  for (int64_t &number : where.as<int64_t>())
    number = below(2 * dim) - dim;
  Known positions = source(std::move(where)), updates = pickFit(x.tensor.element, dims);
  add<ScatterElementsOp>(x.tensor.element, x.tensor.rank(), x.value, positions.value, updates.value, axis,
                         reduction(x.tensor.element));
}

void Generator::addScatterND() {
  Known x = pick([](const HostTensor &t) { return t.rank() && t.count(); },
                 [&] { return source(oneIn(3) ? someType() : floatType(), {1 + below(5), 1 + below(9)}); });
  int64_t depth = 1 + below(x.tensor.rank()), count = below(5);
  HostTensor where(builder.getI64Type(), {count, depth});
  for (auto [i, number] : llvm::enumerate(where.as<int64_t>())) {
    int64_t dim = x.tensor.dims[int64_t(i) % depth];
    number = below(2 * dim) - dim;
  }
  Known tuples = source(std::move(where));
  if (cast<RankedTensorType>(tuples.value.getType()).isDynamicDim(1))
    return;
  hone::Dims dims{count};
  llvm::append_range(dims, Dims(x.tensor.dims).drop_front(depth));
  Known updates = pickFit(x.tensor.element, dims);
  add<ScatterNDOp>(x.tensor.element, x.tensor.rank(), x.value, tuples.value, updates.value,
                   reduction(x.tensor.element));
}

//===-- Programs ------------------------------------------------------------------------------------------------===//

Generator::Generator(MLIRContext *context, uint64_t seed)
    : random(seed), builder(context), shapes(builder), loc(builder.getUnknownLoc()) {
  module = ModuleOp::create(loc, "fuzz");
  builder.setInsertionPointToEnd(module->getBody());
  main = func::FuncOp::create(builder, loc, "main", builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(main.addEntryBlock());
  for (int64_t i = 0; i < 4; ++i)
    sizes.push_back(oneIn(10) ? 0 : choose<int64_t>({1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 70}));

  using Step = void (Generator::*)();
  static constexpr Step steps[] = {&Generator::addUnary,          &Generator::addUnaryFloat,
                                   &Generator::addUnaryFloat,     &Generator::addCast,
                                   &Generator::addBinary,         &Generator::addBinary,
                                   &Generator::addBinary,         &Generator::addDivision,
                                   &Generator::addPower,          &Generator::addLogic,
                                   &Generator::addComparison,     &Generator::addSelect,
                                   &Generator::addWidening,       &Generator::addReduce,
                                   &Generator::addReduce,         &Generator::addArgReduce,
                                   &Generator::addCumSum,         &Generator::addTopK,
                                   &Generator::addSoftmax,        &Generator::addNorm,
                                   &Generator::addMatmul,         &Generator::addMatmul,
                                   &Generator::addAttention,      &Generator::addReshape,
                                   &Generator::addWindow,         &Generator::addWindow,
                                   &Generator::addResize,         &Generator::addResize,
                                   &Generator::addExpand,         &Generator::addTranspose,
                                   &Generator::addTranspose,      &Generator::addSlice,
                                   &Generator::addConcat,         &Generator::addPad,
                                   &Generator::addTile,           &Generator::addGather,
                                   &Generator::addGatherElements, &Generator::addGatherND,
                                   &Generator::addOneHot,         &Generator::addRange,
                                   &Generator::addTrilu,          &Generator::addScatterElements,
                                   &Generator::addScatterND,      &Generator::addInsert,
                                   &Generator::addTensorScatter,  &Generator::addNonzero};
  for (int64_t count = 1 + below(6); count > 0 && problem.empty(); --count)
    (this->*steps[below(std::size(steps))])();
  finish();
}

/// Returns what nothing uses, and some of the rest.
void Generator::finish() {
  SmallVector<Value> results;
  for (const Known &known : values)
    if (known.value.getDefiningOp() && (known.value.use_empty() || oneIn(8)))
      results.push_back(known.value);
  if (results.empty() || oneIn(30))
    results.push_back(source(floatType(), {3}).value);
  func::ReturnOp::create(builder, loc, results);
  main.setFunctionType(builder.getFunctionType(main.getArgumentTypes(), ValueRange(results).getTypes()));
  SmallVector<Attribute> attrs;
  for (size_t i = 0; i < results.size(); ++i)
    attrs.push_back(
        builder.getDictionaryAttr(builder.getNamedAttr(kNameAttr, builder.getStringAttr("y" + std::to_string(i)))));
  main.setResAttrsAttr(builder.getArrayAttr(attrs));
}
