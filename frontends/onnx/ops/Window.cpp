// Convolutions and pools. ONNX has channels second, hone.conv and hone.pool have them last: transpositions stand around
// each, and meet those of its neighbours.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Window.h"
#include "frontends/onnx/ops/Ops.h"

using namespace mlir;
using namespace hone;

//===-- Layouts -------------------------------------------------------------------------------------------------===//

/// Dim 1 moved behind the others.
static Value channelsLast(Importer &importer, Value x) {
  if (!x)
    return x;
  SmallVector<int64_t> permutation{0};
  llvm::append_range(permutation, llvm::seq<int64_t>(2, rankOf(x)));
  permutation.push_back(1);
  return importer.transpose(x, permutation);
}
Value hone::channelsSecond(Importer &importer, Value x) {
  if (!x)
    return x;
  SmallVector<int64_t> permutation{0, rankOf(x) - 1};
  llvm::append_range(permutation, llvm::seq<int64_t>(1, rankOf(x) - 1));
  return importer.transpose(x, permutation);
}

//===-- Windows -------------------------------------------------------------------------------------------------===//

namespace {
/// Where the window of a node lies.
struct Geometry {
  HostVector taps;
  SmallVector<int64_t> strides, dilations, before, after;
  /// What the input is padded with ahead of the window where pads depend on open dims; empty: nothing.
  HostVector paddedBefore, paddedAfter;
};
} // namespace

/// The numbers of an attribute, one for each of `count` spatial dims; `otherwise` where the node does not have it.
static std::optional<SmallVector<int64_t>> numbersOf(const Node &node, Importer &importer, StringRef attribute,
                                                     size_t count, int64_t otherwise, int64_t least) {
  std::optional<ArrayRef<int64_t>> given = node.getInts(attribute);
  if (!given)
    return SmallVector<int64_t>(count, otherwise);
  if (given->size() != count) {
    importer.report("attribute " + attribute + " has " + Twine(given->size()) + " numbers, must have " + Twine(count) +
                    " for the data's spatial dims");
    return std::nullopt;
  }
  for (int64_t number : *given)
    if (number < least || number > kMaxWindowStep) {
      importer.report("attribute " + attribute + " has " + Twine(number) + ", must be from " + Twine(least) + " to " +
                      Twine(kMaxWindowStep));
      return std::nullopt;
    }
  return SmallVector<int64_t>(*given);
}

/// Splits `total` elements of padding: the odd one comes at the end, or at the beginning.
static std::pair<OpFoldResult, OpFoldResult> split(Importer &importer, OpFoldResult total, bool isUpper) {
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult less = shapes.floorDiv(total, shapes.constant(2)), more = shapes.sub(total, less);
  return isUpper ? std::pair(less, more) : std::pair(more, less);
}

/// Pads as many as give ceil(size / stride) positions.
static void padSame(Importer &importer, Value x, bool isUpper, Geometry &geometry) {
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult zero = shapes.constant(0), one = shapes.constant(1);
  size_t count = geometry.taps.size();
  geometry.before.assign(count, 0);
  geometry.after.assign(count, 0);
  HostVector openBefore(count, zero), openAfter(count, zero);
  bool isOpen = false;
  for (size_t i = 0; i < count; ++i) {
    OpFoldResult size = shapes.dim(x, i + 2), stride = shapes.constant(geometry.strides[i]);
    WindowDim dim{size, geometry.taps[i], {}, geometry.strides[i], geometry.dilations[i], 0, 0};
    OpFoldResult extent = dim.extent(shapes), last = shapes.sub(shapes.ceilDiv(size, stride), one);
    OpFoldResult end = shapes.add(shapes.mul(last, stride), extent);
    // Where each element is a position, whatever their number.
    OpFoldResult total = geometry.strides[i] == 1 ? shapes.sub(extent, one) : shapes.sub(end, size);
    auto [before, after] = split(importer, shapes.max(total, zero), isUpper);
    auto knownBefore = ShapeBuilder::getConstant(before), knownAfter = ShapeBuilder::getConstant(after);
    if (knownBefore && knownAfter) {
      geometry.before[i] = *knownBefore;
      geometry.after[i] = *knownAfter;
      continue;
    }
    openBefore[i] = before;
    openAfter[i] = after;
    isOpen = true;
  }
  if (isOpen) {
    geometry.paddedBefore = openBefore;
    geometry.paddedAfter = openAfter;
  }
}

/// Reads the attributes of a node on `x`, channels second, whose window has these taps.
static std::optional<Geometry> geometryOf(const Node &node, Importer &importer, Value x, ArrayRef<OpFoldResult> taps) {
  ShapeBuilder &shapes = importer.shapes;
  size_t count = taps.size();
  Geometry geometry{HostVector(taps), {}, {}, {}, {}, {}, {}};
  auto strides = numbersOf(node, importer, "strides", count, 1, 1);
  auto dilations = numbersOf(node, importer, "dilations", count, 1, 1);
  if (!strides || !dilations)
    return std::nullopt;
  geometry.strides = *strides;
  geometry.dilations = *dilations;
  for (size_t i = 0; i < count; ++i)
    if (!importer.checkProduct({taps[i], shapes.constant(geometry.dilations[i])}, kMaxWindowStep,
                               "the window reaches over too many elements of spatial dim " + Twine(i)))
      return std::nullopt;
  StringRef mode = node.onnx.getString("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
    padSame(importer, x, mode == "SAME_UPPER", geometry);
    return geometry;
  }
  if (mode != "NOTSET" && mode != "VALID" && mode != "") {
    importer.report("attribute auto_pad is '" + mode + "', must be NOTSET, VALID, SAME_UPPER or SAME_LOWER");
    return std::nullopt;
  }
  SmallVector<int64_t> pads(2 * count, 0);
  if (mode != "VALID") {
    auto given = numbersOf(node, importer, "pads", 2 * count, 0, 0);
    if (!given)
      return std::nullopt;
    pads = *given;
  }
  geometry.before.assign(pads.begin(), pads.begin() + count);
  geometry.after.assign(pads.begin() + count, pads.end());
  return geometry;
}

/// Makes sure of `fits`, by a check in the program where it is not known; `text` says what is wrong with two numbers.
static bool checkNumbers(Importer &importer, OpFoldResult fits, OpFoldResult first, OpFoldResult second,
                         function_ref<std::string(const Twine &, const Twine &)> text, StringRef wayOut = {}) {
  if (importer.host.check(importer.loc, fits, nodeText(importer.loc) + ": " + text("{0}", "{1}"), first, second))
    return true;
  auto number = [](OpFoldResult value) -> std::string {
    std::optional<int64_t> known = ShapeBuilder::getConstant(value);
    return known ? std::to_string(*known) : "an open number of";
  };
  importer.report(text(number(first), number(second)), wayOut);
  return false;
}

/// Makes sure that a window fits at least once into `x`, channels second, with its pads.
static bool checkFitsOnce(Importer &importer, Value x, const Geometry &geometry) {
  ShapeBuilder &shapes = importer.shapes;
  for (auto [i, taps] : llvm::enumerate(geometry.taps)) {
    OpFoldResult size = shapes.dim(x, i + 2);
    if (!geometry.paddedBefore.empty())
      size = shapes.add(size, shapes.add(geometry.paddedBefore[i], geometry.paddedAfter[i]));
    size = shapes.add(size, shapes.constant(geometry.before[i] + geometry.after[i]));
    WindowDim dim{size, taps, {}, geometry.strides[i], geometry.dilations[i], 0, 0};
    OpFoldResult extent = dim.extent(shapes);
    auto text = [&, i = i](const Twine &extent, const Twine &size) {
      return ("the window reaches over " + extent + " elements of spatial dim " + Twine(i) + ", which has " + size +
              " with pads")
          .str();
    };
    if (!checkNumbers(importer, importer.host.compare(arith::CmpIPredicate::sle, extent, size), extent, size, text))
      return false;
  }
  return true;
}

/// `x`, channels second, with what its window wants around it that is not known now.
static Value padded(Importer &importer, Value x, const Geometry &geometry, Value value) {
  for (size_t i = 0; i < geometry.paddedBefore.size(); ++i)
    x = importer.pad(x, i + 2, geometry.paddedBefore[i], geometry.paddedAfter[i], value);
  return x;
}

//===-- Convolutions --------------------------------------------------------------------------------------------===//

/// Makes sure that data and a filter are [batch, channels, spatial..] of as many dims.
static bool checkRanks(Importer &importer, Value x, Value filter) {
  if (!x || !filter)
    return false;
  if (rankOf(x) < 3)
    importer.report("the data must have 3 dims or more, [batch, channels, spatial …], not " + Twine(rankOf(x)));
  else if (rankOf(filter) != rankOf(x))
    importer.report("the filter has " + Twine(rankOf(filter)) + " dims, must have " + Twine(rankOf(x)) +
                    " as the data");
  return rankOf(x) >= 3 && rankOf(filter) == rankOf(x);
}

/// Attribute group, which divides `channels` and `outputs`.
static std::optional<int64_t> groupsOf(const Node &node, Importer &importer, OpFoldResult channels,
                                       OpFoldResult outputs) {
  ShapeBuilder &shapes = importer.shapes;
  int64_t groups = node.getInt("group", 1);
  if (groups < 1 || groups > kMaxWindowStep) {
    importer.report("attribute group is " + Twine(groups) + ", must be 1 or more");
    return std::nullopt;
  }
  for (auto [size, what] : {std::pair(channels, "channels"), std::pair(outputs, "output channels")}) {
    OpFoldResult whole = shapes.mul(shapes.floorDiv(size, shapes.constant(groups)), shapes.constant(groups));
    if (!importer.checkEqual(
            size, whole, "the number of " + Twine(what) + " and a multiple of attribute group, " + Twine(groups) + ","))
      return std::nullopt;
  }
  return groups;
}

/// The window's taps: the spatial dims of the filter, which attribute kernel_shape, if there, repeats.
static std::optional<HostVector> tapsOf(const Node &node, Importer &importer, Value filter) {
  HostVector taps(importer.shapes.dims(filter).drop_front(2));
  std::optional<ArrayRef<int64_t>> given = node.getInts("kernel_shape");
  if (!given)
    return taps;
  if (given->size() != taps.size()) {
    importer.report("attribute kernel_shape has " + Twine(given->size()) + " numbers, must have " + Twine(taps.size()));
    return std::nullopt;
  }
  for (auto [i, size] : llvm::enumerate(*given))
    if (!importer.checkEqual(taps[i], importer.shapes.constant(size),
                             "the filter's spatial dim " + Twine(i) + " and attribute kernel_shape"))
      return std::nullopt;
  return taps;
}

/// A filter [outputs, channels / groups, window..] as hone.conv wants it.
static Value groupedFilter(Importer &importer, Value filter, int64_t groups) {
  ShapeBuilder &shapes = importer.shapes;
  Value last = channelsLast(importer, filter);
  HostVector dims(shapes.dims(last));
  dims[0] = shapes.floorDiv(dims[0], shapes.constant(groups));
  dims.insert(dims.begin(), shapes.constant(groups));
  return importer.reshape(last, dims);
}

Value hone::convolution(const Node &node, Importer &importer, Value x, Value filter, Type type) {
  if (!checkRanks(importer, x, filter))
    return {};
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult channels = shapes.dim(x, 1), outputs = shapes.dim(filter, 0);
  auto groups = groupsOf(node, importer, channels, outputs);
  if (!groups)
    return {};
  OpFoldResult read = shapes.mul(shapes.dim(filter, 1), shapes.constant(*groups));
  auto taps = tapsOf(node, importer, filter);
  if (!taps || !importer.checkEqual(channels, read, "the channels of the data and of the filter, times group,"))
    return {};
  auto geometry = geometryOf(node, importer, x, *taps);
  if (!geometry || !checkFitsOnce(importer, x, *geometry))
    return {};
  x = padded(importer, x, *geometry, importer.like(x, 0));
  return importer.create<ConvOp>(type, rankOf(x), channelsLast(importer, x), groupedFilter(importer, filter, *groups),
                                 geometry->strides, geometry->dilations, geometry->before, geometry->after);
}

Value hone::withBias(Importer &importer, Value y, Value bias) {
  if (!y || !bias)
    return y;
  if (rankOf(bias) != 1)
    return importer.failValue("the bias must have one dim, not " + Twine(rankOf(bias)));
  OpFoldResult outputs = importer.shapes.dim(y, rankOf(y) - 1);
  if (!importer.checkEqual(importer.shapes.dim(bias, 0), outputs, "the bias and the output channels"))
    return {};
  return importer.binary<AddOp>(y, bias);
}

static LogicalResult importConv(Node &node, Importer &importer) {
  Value x = node.input(0);
  Value y = convolution(node, importer, x, node.input(1), elementTypeOf(x));
  return node.set(0, channelsSecond(importer, withBias(importer, y, node.input(2))));
}

//===-- Transposed convolutions ---------------------------------------------------------------------------------===//

// With a stride s, element q · s + r of what is added up is Σ x[q - t] · w[t · s + r] over t: for each phase r, a
// convolution with each s-th tap. All phases of as many taps are outputs of one convolution, whose window turns the
// taps around; the phases are put between each other behind it.

namespace {
/// The part of all that a transposed convolution adds up along a spatial dim that is its result: `size` elements from
/// `begin` on, which may be less than 0.
struct Placement {
  OpFoldResult begin, size;
};
} // namespace

/// Half of a number that may be negative, rounded down.
static OpFoldResult halfOf(ShapeBuilder &shapes, OpFoldResult number) {
  OpFoldResult zero = shapes.constant(0), two = shapes.constant(2);
  OpFoldResult below = shapes.ceilDiv(shapes.max(shapes.sub(zero, number), zero), two);
  return shapes.sub(shapes.floorDiv(shapes.max(number, zero), two), below);
}

/// Where the result of a transposed convolution of x lies, by pads, auto_pad, output_padding and output_shape.
static std::optional<SmallVector<Placement>> placementsOf(const Node &node, Importer &importer, Value x,
                                                          const Geometry &geometry) {
  ShapeBuilder &shapes = importer.shapes;
  size_t count = geometry.taps.size();
  OpFoldResult one = shapes.constant(1);
  auto padding = numbersOf(node, importer, "output_padding", count, 0, 0);
  auto shape = numbersOf(node, importer, "output_shape", count, 0, 1);
  if (!padding || !shape)
    return std::nullopt;
  bool hasShape = node.getInts("output_shape").has_value();
  StringRef mode = node.onnx.getString("auto_pad", "NOTSET");
  bool isUpper = mode == "SAME_UPPER", isSame = isUpper || mode == "SAME_LOWER";
  SmallVector<Placement> placements;
  for (size_t i = 0; i < count; ++i) {
    std::string ofDim = (" spatial dim " + Twine(i)).str();
    int64_t limit = std::max(geometry.strides[i], geometry.dilations[i]);
    if ((*padding)[i] >= limit) {
      importer.report("attribute output_padding has " + Twine((*padding)[i]) + " for" + ofDim + ", must be less than " +
                      Twine(limit) + ", the greater one of stride and dilation");
      return std::nullopt;
    }
    OpFoldResult size = shapes.dim(x, i + 2), stride = shapes.constant(geometry.strides[i]);
    if (!importer.checkProduct({size, stride}, kMaxDim, "the data are spread over too many elements"))
      return std::nullopt;
    WindowDim dim{size, geometry.taps[i], {}, geometry.strides[i], geometry.dilations[i], 0, 0};
    OpFoldResult extent = dim.extent(shapes), all = shapes.add(shapes.mul(shapes.sub(size, one), stride), extent);
    OpFoldResult more = shapes.constant((*padding)[i]), given = shapes.add(all, more);
    if (!hasShape && !isSame) {
      OpFoldResult pads = shapes.constant(geometry.before[i] + geometry.after[i]), rest = shapes.sub(given, pads);
      auto text = [&](const Twine &rest, const Twine &given) {
        return ("pads leave " + rest + " of the " + given + " elements of the result's" + ofDim + ", must leave 1")
            .str();
      };
      if (!checkNumbers(importer, importer.host.compare(arith::CmpIPredicate::sge, rest, one), rest, given, text,
                        "give smaller pads, or attribute output_shape"))
        return std::nullopt;
      placements.push_back({shapes.constant(geometry.before[i]), rest});
      continue;
    }
    OpFoldResult wanted = hasShape ? shapes.constant((*shape)[i]) : shapes.mul(size, stride);
    OpFoldResult most = shapes.sub(shapes.add(all, stride), one);
    auto text = [&](const Twine &wanted, const Twine &most) {
      return ("attribute output_shape has " + wanted + " for" + ofDim + ", to which data, strides and window give " +
              most + " at most")
          .str();
    };
    if (hasShape && !checkNumbers(importer, importer.host.compare(arith::CmpIPredicate::sle, wanted, most), wanted,
                                  most, text, "give a smaller output_shape, or pad the result"))
      return std::nullopt;
    // What is cut at both ends. If it is negative, that is added: with auto_pad at both, otherwise at the end.
    OpFoldResult cut = hasShape ? shapes.sub(given, wanted) : shapes.sub(shapes.add(extent, more), stride);
    cut = isSame ? cut : shapes.max(cut, shapes.constant(0));
    OpFoldResult half = halfOf(shapes, cut), begin = isUpper ? half : shapes.sub(cut, half);
    placements.push_back({begin, wanted});
  }
  return placements;
}

/// x with stride - 1 zeros behind each element along `dim`.
static Value spreadApart(Importer &importer, Value x, int64_t dim, int64_t stride) {
  if (!x || stride == 1)
    return x;
  ShapeBuilder &shapes = importer.shapes;
  HostVector dims(shapes.dims(x)), apart(dims), joined(dims);
  apart.insert(apart.begin() + dim + 1, shapes.constant(1));
  joined[dim] = shapes.mul(dims[dim], shapes.constant(stride));
  Value spread = importer.pad(importer.reshape(x, apart), dim + 1, shapes.constant(0), shapes.constant(stride - 1),
                              importer.like(x, 0));
  return spread ? importer.reshape(spread, joined) : spread;
}

namespace {
/// A spatial dim of a transposed convolution, computed by phases.
struct PhasedDim {
  OpFoldResult taps;
  int64_t phases, dilation;
  int64_t first;      ///< the q of the first position
  OpFoldResult after; ///< how many q there are behind the last element of the data
  bool isInside;      ///< the result is known to be a part of the phases of these q
  bool isWhole;       ///< and all of them
};

/// A transposed convolution as convolutions of data with channels last.
class PhasedConv {
public:
  PhasedConv(Importer &importer, SmallVector<PhasedDim> dims, bool isDepthwise)
      : importer(importer), dims(std::move(dims)), isDepthwise(isDepthwise) {}

  /// [batch, (q, phases).., groups, outputs of a group]: all phases of dims from number `i` on, of those before it what
  /// was chosen. `filter` is [groups, channels, outputs, window..] of a group, where a dim of the window that was
  /// chosen from is [taps, phases].
  Value convolve(Value x, Value filter, size_t i = 0);

private:
  Importer &importer;
  SmallVector<PhasedDim> dims;
  /// Each channel is a group of its own: the filter has one group, whose outputs they are, and the phases read copies
  /// of the data, so that they are groups, too.
  bool isDepthwise;
  /// Of dims before the one that is being chosen from.
  SmallVector<int64_t> before, after;

  static int64_t axisOfTaps(size_t i) { return 3 + 2 * i; }
  static int64_t axisOfPhases(size_t i) { return 2 + 2 * i; }
  Value join(ArrayRef<Value> values, int64_t axis);
  Value chosen(Value x, Value filter, size_t i, OpFoldResult taps);
  Value convolveAll(Value x, Value filter);
};
} // namespace

Value PhasedConv::join(ArrayRef<Value> values, int64_t axis) {
  if (llvm::is_contained(values, Value()))
    return {};
  return values.size() == 1 ? values.front()
                            : importer.create<ConcatOp>(elementTypeOf(values.front()), rankOf(values.front()),
                                                        ValueRange(values), axis);
}

Value PhasedConv::convolve(Value x, Value filter, size_t i) {
  if (!x || !filter)
    return {};
  if (i == dims.size())
    return convolveAll(x, filter);
  ShapeBuilder &shapes = importer.shapes;
  int64_t axis = axisOfTaps(i), phases = dims[i].phases;
  auto constant = [&](int64_t number) { return shapes.constant(number); };
  auto split = [&](Value part, OpFoldResult taps, int64_t phases) {
    if (!part)
      return part;
    HostVector sizes(shapes.dims(part));
    sizes[axis] = taps;
    sizes.insert(sizes.begin() + axis + 1, constant(phases));
    return importer.reshape(part, sizes);
  };
  if (phases == 1)
    return chosen(x, split(filter, dims[i].taps, 1), i, dims[i].taps);
  // The first `rest` phases have a tap more than the others.
  int64_t taps = *ShapeBuilder::getConstant(dims[i].taps), each = taps / phases, rest = taps % phases;
  Value whole, more;
  if (each)
    whole = split(importer.part(filter, axis, constant(0), constant(each * phases)), constant(each), phases);
  if (!rest)
    return chosen(x, whole, i, constant(each));
  more = split(importer.part(filter, axis, constant(each * phases), constant(rest)), constant(1), rest);
  if (!each) {
    Value some = chosen(x, more, i, constant(1));
    return importer.pad(some, axisOfPhases(i), constant(0), constant(phases - rest), importer.like(x, 0));
  }
  more = join({importer.part(whole, axis + 1, constant(0), constant(rest)), more}, axis);
  whole = importer.part(whole, axis + 1, constant(rest), constant(phases - rest));
  Value first = chosen(x, more, i, constant(each + 1)), second = chosen(x, whole, i, constant(each));
  return join({first, second}, axisOfPhases(i));
}

/// Those phases of dim `i` that have `taps`.
Value PhasedConv::chosen(Value x, Value filter, size_t i, OpFoldResult taps) {
  ShapeBuilder &shapes = importer.shapes;
  const PhasedDim &dim = dims[i];
  OpFoldResult zero = shapes.constant(0), last = shapes.sub(taps, shapes.constant(1));
  if (filter && last != zero)
    filter = importer.part(filter, axisOfTaps(i), last, taps, -1);
  OpFoldResult front = shapes.sub(shapes.mul(last, shapes.constant(dim.dilation)), shapes.constant(dim.first));
  auto knownFront = ShapeBuilder::getConstant(front), knownBack = ShapeBuilder::getConstant(dim.after);
  bool isKnown = knownFront && knownBack && *knownFront >= 0 && *knownBack >= 0;
  if (!isKnown)
    x = importer.pad(x, 1 + i, front, dim.after, importer.like(x, 0));
  before.push_back(isKnown ? *knownFront : 0);
  after.push_back(isKnown ? *knownBack : 0);
  Value result = convolve(x, filter, i + 1);
  before.pop_back();
  after.pop_back();
  return result;
}

/// x, channels last, with all channels `count` times.
static Value repeatChannels(Importer &importer, Value x, int64_t count) {
  ShapeBuilder &shapes = importer.shapes;
  HostVector once(shapes.dims(x)), all(once);
  all.back() = shapes.mul(all.back(), shapes.constant(count));
  once.insert(once.end() - 1, shapes.constant(1));
  HostVector copies(once);
  copies[copies.size() - 2] = shapes.constant(count);
  return importer.reshape(importer.expand(importer.reshape(x, once), copies), all);
}

/// A convolution of the phases that were chosen.
Value PhasedConv::convolveAll(Value x, Value filter) {
  ShapeBuilder &shapes = importer.shapes;
  HostVector sizes(shapes.dims(filter)), window;
  SmallVector<int64_t> order{0}, dilations;
  int64_t phases = 1;
  for (size_t i = 0; i < dims.size(); ++i) {
    order.push_back(axisOfTaps(i) + 1);
    phases *= *ShapeBuilder::getConstant(sizes[axisOfTaps(i) + 1]);
    window.push_back(sizes[axisOfTaps(i)]);
    dilations.push_back(dims[i].dilation);
  }
  order.push_back(2);
  HostVector split = llvm::map_to_vector(order, [&](int64_t axis) { return sizes[axis]; });
  OpFoldResult outputs = shapes.product(ArrayRef(split).drop_front());
  HostVector joined{split.front(), outputs};
  if (isDepthwise)
    joined = {outputs, shapes.constant(1)};
  for (size_t i = 0; i < dims.size(); ++i)
    order.push_back(axisOfTaps(i));
  order.push_back(1);
  joined.append(window);
  joined.push_back(sizes[1]);
  if (isDepthwise)
    x = repeatChannels(importer, x, phases);
  filter = importer.reshape(importer.transpose(filter, order), joined);
  if (!x || !filter)
    return {};
  SmallVector<int64_t> ones(dims.size(), 1);
  Value y = importer.create<ConvOp>(elementTypeOf(x), rankOf(x), x, filter, ones, dilations, before, after);
  if (!y)
    return y;
  // The phases of a dim go behind its positions.
  HostVector result(shapes.dims(y).drop_back());
  result.append(split);
  SmallVector<int64_t> between{0};
  int64_t rank = dims.size();
  for (int64_t i = 0; i < rank; ++i)
    between.append({1 + i, 2 + rank + i});
  between.append({1 + rank, 2 + 2 * rank});
  return importer.transpose(importer.reshape(y, result), between);
}

/// Spatial dims of a transposed convolution by phases: each may double the convolutions that these are shared out to.
static constexpr size_t kMostPhasedDims = 3;

/// Spatial dim `i` of a transposed convolution of `data`, channels last, which are spread apart where there can be no
/// phases. `place` becomes that in the phases.
static PhasedDim phasedDim(Importer &importer, Value &data, size_t i, const Geometry &geometry, Placement &place) {
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult one = shapes.constant(1), taps = geometry.taps[i];
  int64_t stride = geometry.strides[i], dilation = geometry.dilations[i];
  auto known = ShapeBuilder::getConstant(taps);
  bool isMany = geometry.taps.size() > kMostPhasedDims;
  if (dilation > 1 || !known || *known == 0 || isMany) { // windows of phases would begin at different places
    data = spreadApart(importer, data, i + 1, stride);
    stride = 1;
  }
  WindowDim window{{}, taps, {}, stride, dilation, 0, 0};
  // Everything, unless it is known where the result lies in it.
  OpFoldResult after = shapes.floorDiv(shapes.sub(window.extent(shapes), one), shapes.constant(stride));
  PhasedDim dim{taps, stride, dilation, 0, after, false, false};
  if (!data)
    return dim;
  OpFoldResult end = shapes.mul(shapes.sub(shapes.dim(data, i + 1), one), shapes.constant(stride));
  auto begin = ShapeBuilder::getConstant(place.begin);
  auto last = ShapeBuilder::getConstant(shapes.sub(shapes.sub(shapes.add(place.begin, place.size), one), end));
  if (!begin || !last)
    return dim;
  dim.first = llvm::divideFloorSigned(*begin, stride);
  dim.after = shapes.constant(llvm::divideFloorSigned(*last, stride));
  dim.isInside = true;
  dim.isWhole = llvm::mod(*begin, stride) == 0 && llvm::mod(*last + 1, stride) == 0;
  place.begin = shapes.constant(llvm::mod(*begin, stride));
  return dim;
}

/// `placements` of x, channels last: a part of it, or, if they are not known to lie inside, with zeros around it.
static Value crop(Importer &importer, Value x, ArrayRef<Placement> placements, bool isInside) {
  if (!x)
    return x;
  ShapeBuilder &shapes = importer.shapes;
  OpFoldResult zero = shapes.constant(0);
  HostVector starts(rankOf(x), zero), sizes(shapes.dims(x));
  for (auto [i, place] : llvm::enumerate(placements)) {
    if (!isInside)
      x = importer.pad(x, i + 1, shapes.sub(zero, place.begin),
                       shapes.sub(shapes.add(place.begin, place.size), sizes[i + 1]), importer.like(x, 0));
    starts[i + 1] = place.begin;
    sizes[i + 1] = place.size;
  }
  return isInside ? importer.part(x, starts, sizes) : x;
}

static LogicalResult importConvTranspose(Node &node, Importer &importer) {
  Value x = node.input(0), filter = node.input(1);
  if (!checkRanks(importer, x, filter))
    return failure();
  ShapeBuilder &shapes = importer.shapes;
  auto taps = tapsOf(node, importer, filter);
  auto groups = groupsOf(node, importer, shapes.dim(x, 1), shapes.dim(x, 1));
  if (!taps || !groups ||
      !importer.checkEqual(shapes.dim(x, 1), shapes.dim(filter, 0), "the channels of data and filter"))
    return failure();
  auto geometry = geometryOf(node, importer, x, *taps);
  if (!geometry)
    return failure();
  auto placements = placementsOf(node, importer, x, *geometry);
  if (!placements)
    return failure();

  Value data = channelsLast(importer, x);
  SmallVector<PhasedDim> dims;
  for (auto [i, place] : llvm::enumerate(*placements))
    dims.push_back(phasedDim(importer, data, i, *geometry, place));
  // [groups, channels, outputs, window..]
  HostVector grouped(shapes.dims(filter));
  OpFoldResult one = shapes.constant(1), count = shapes.constant(*groups);
  bool isDepthwise = llvm::any_of(dims, [](const PhasedDim &dim) { return dim.phases > 1; }) &&
                     shapes.areEqual(grouped[0], count) && grouped[1] == one;
  HostVector channels{count, shapes.floorDiv(grouped[0], count), grouped[1]};
  if (isDepthwise)
    channels = {one, one, count};
  grouped.erase(grouped.begin(), grouped.begin() + 2);
  grouped.insert(grouped.begin(), channels.begin(), channels.end());
  Value y = PhasedConv(importer, dims, isDepthwise).convolve(data, importer.reshape(filter, grouped));
  if (!y)
    return failure();

  HostVector sizes(shapes.dims(y)), joined{sizes.front()};
  for (size_t i = 1; i < sizes.size(); i += 2)
    joined.push_back(shapes.mul(sizes[i], sizes[i + 1]));
  y = importer.reshape(y, joined);
  if (!llvm::all_of(dims, [](const PhasedDim &dim) { return dim.isWhole; }))
    y = crop(importer, y, *placements, llvm::all_of(dims, [](const PhasedDim &dim) { return dim.isInside; }));
  return node.set(0, channelsSecond(importer, withBias(importer, y, node.input(2))));
}

//===-- Pools ---------------------------------------------------------------------------------------------------===//

namespace {
/// A pool's data, channels second, and window.
struct Pooling {
  Value x;
  Geometry geometry;
  bool ceil;
  /// How far the window reaches behind data, with pads, that are too small for it. Nothing of that is counted.
  SmallVector<int64_t> beyond;
};
} // namespace

/// How many elements a window lacks along spatial dim `i`, if that is known and less than a stride: the standard rounds
/// the number of positions toward zero, which makes one of these, too.
static int64_t beyondOf(Importer &importer, Value x, const Geometry &geometry, size_t i) {
  ShapeBuilder &shapes = importer.shapes;
  WindowDim dim{shapes.dim(x, i + 2), geometry.taps[i], {}, geometry.strides[i], geometry.dilations[i], 0, 0};
  auto lack = ShapeBuilder::getConstant(shapes.sub(dim.extent(shapes), dim.input));
  int64_t count = lack ? *lack - geometry.before[i] - geometry.after[i] : 0;
  return count < dim.stride ? std::max<int64_t>(count, 0) : 0;
}

static std::optional<Pooling> poolingOf(const Node &node, Importer &importer) {
  Value x = node.input(0);
  if (rankOf(x) < 3) {
    importer.report("the data must have 3 dims or more, [batch, channels, spatial …], not " + Twine(rankOf(x)));
    return std::nullopt;
  }
  if (!node.getInts("kernel_shape")) {
    importer.report("attribute kernel_shape is missing");
    return std::nullopt;
  }
  auto sizes = numbersOf(node, importer, "kernel_shape", rankOf(x) - 2, 1, 1);
  if (!sizes)
    return std::nullopt;
  HostVector taps =
      llvm::map_to_vector(*sizes, [&](int64_t size) -> OpFoldResult { return importer.shapes.constant(size); });
  auto geometry = geometryOf(node, importer, x, taps);
  auto ceil = importer.flag(node, "ceil_mode");
  if (!geometry || !ceil)
    return std::nullopt;
  SmallVector<int64_t> beyond(taps.size(), 0);
  if (!*ceil) {
    Geometry reached = *geometry;
    for (size_t i = 0; i < taps.size(); ++i)
      reached.after[i] += beyond[i] = beyondOf(importer, x, *geometry, i);
    if (!checkFitsOnce(importer, x, reached))
      return std::nullopt;
  }
  return Pooling{x, *geometry, *ceil, beyond};
}

/// Of a pool, whose node says the numbers of taps.
static SmallVector<int64_t> windowOf(const Geometry &geometry) {
  return llvm::map_to_vector(geometry.taps, [](OpFoldResult taps) { return *ShapeBuilder::getConstant(taps); });
}

/// The pads at the ends, with what is not counted.
static SmallVector<int64_t> padsAfter(const Pooling &pooling) {
  return llvm::map_to_vector(llvm::zip_equal(pooling.geometry.after, pooling.beyond),
                             [](auto each) { return std::get<0>(each) + std::get<1>(each); });
}

/// `x`, channels second, pooled, channels last.
static Value pool(Importer &importer, ReduceKind kind, Value x, const Pooling &pooling) {
  if (!x)
    return x;
  const Geometry &geometry = pooling.geometry;
  return importer.create<PoolOp>(elementTypeOf(x), rankOf(x), kind, channelsLast(importer, x), windowOf(geometry),
                                 geometry.strides, geometry.dilations, geometry.before, padsAfter(pooling),
                                 pooling.ceil);
}

static LogicalResult importMaxPool(Node &node, Importer &importer) {
  auto pooling = poolingOf(node, importer);
  auto isColumnMajor = importer.flag(node, "storage_order");
  if (!pooling || !isColumnMajor)
    return failure();
  Value x = pooling->x;
  if (node.onnx.hasOutput(1)) {
    const Geometry &geometry = pooling->geometry;
    if (!geometry.paddedBefore.empty())
      return importer.fail("the pads of output Indices depend on a dim that is not known",
                           "pin it with --shape or --dim, or export with attribute pads");
    Value found = importer.create<ArgPoolOp>(importer.builder.getI64Type(), rankOf(x), channelsLast(importer, x),
                                             windowOf(geometry), geometry.strides, geometry.dilations, geometry.before,
                                             padsAfter(*pooling), pooling->ceil, *isColumnMajor);
    if (failed(node.set(1, channelsSecond(importer, found))))
      return failure();
  }
  if (!pooling->geometry.paddedBefore.empty()) {
    Type type = elementTypeOf(x);
    double least = -std::numeric_limits<double>::infinity();
    if (auto integer = dyn_cast<IntegerType>(type))
      least = limitsOf(integer).first;
    x = padded(importer, x, pooling->geometry, importer.scalar(type, least));
  }
  return node.set(0, channelsSecond(importer, pool(importer, ReduceKind::Max, x, *pooling)));
}

/// How many elements each window counts along spatial dim `i`: a number, or [1, positions.., 1] with one position in
/// each other dim. `positions`: of the pool.
static Value countAlong(Importer &importer, const Pooling &pooling, size_t i, OpFoldResult positions, bool countsPads) {
  ShapeBuilder &shapes = importer.shapes;
  const Geometry &all = pooling.geometry;
  Type type = elementTypeOf(pooling.x);
  bool isOpen = !all.paddedBefore.empty(), hasPads = isOpen || all.before[i] || all.after[i];
  if (!pooling.ceil && pooling.beyond[i] == 0 && (countsPads || !hasPads))
    return importer.scalar(type, double(*ShapeBuilder::getConstant(all.taps[i])));
  Pooling line{{},
               {{all.taps[i]}, {all.strides[i]}, {all.dilations[i]}, {all.before[i]}, {all.after[i]}, {}, {}},
               pooling.ceil,
               {pooling.beyond[i]}};
  if (isOpen) {
    line.geometry.paddedBefore = {all.paddedBefore[i]};
    line.geometry.paddedAfter = {all.paddedAfter[i]};
  }
  HostVector dims(3, shapes.constant(1));
  dims[2] = shapes.dim(pooling.x, i + 2);
  line.x = importer.expand(importer.scalar(type, 1), dims);
  line.x = padded(importer, line.x, line.geometry, importer.scalar(type, countsPads));
  if (countsPads) {
    line.x = importer.pad(line.x, 2, shapes.constant(all.before[i]), shapes.constant(all.after[i]),
                          importer.scalar(type, 1));
    line.geometry.before = line.geometry.after = {0};
  }
  Value count = pool(importer, ReduceKind::Sum, line.x, line);
  // Windows that begin in the pads behind the input count for pads alone.
  count = importer.part(count, 1, shapes.constant(0), positions);
  HostVector among(rankOf(pooling.x), shapes.constant(1));
  among[i + 1] = positions;
  return count ? importer.reshape(count, among) : count;
}

static LogicalResult importAveragePool(Node &node, Importer &importer) {
  auto pooling = poolingOf(node, importer);
  if (!pooling)
    return failure();
  Value x = padded(importer, pooling->x, pooling->geometry, importer.like(pooling->x, 0));
  Value sum = pool(importer, ReduceKind::Sum, x, *pooling);
  if (!sum)
    return failure();
  bool countsPads = node.getInt("count_include_pad", 0) != 0;
  Value count = importer.scalar(elementTypeOf(x), 1);
  for (size_t i = 0; count && i < pooling->beyond.size(); ++i) {
    Value along = countAlong(importer, *pooling, i, importer.shapes.dim(sum, i + 1), countsPads);
    count = along ? importer.binary<MulOp>(count, along) : along;
  }
  if (!count)
    return failure();
  return node.set(0, channelsSecond(importer, importer.binary<DivOp>(sum, count)));
}

static LogicalResult importLpPool(Node &node, Importer &importer) {
  auto pooling = poolingOf(node, importer);
  int64_t p = node.getInt("p", 2);
  if (!pooling)
    return failure();
  if (p < 1)
    return importer.fail("attribute p is " + Twine(p) + ", must be 1 or more");
  Value x = padded(importer, pooling->x, pooling->geometry, importer.like(pooling->x, 0));
  Value magnitude = importer.unary<AbsOp>(x);
  Value power = importer.binary<PowOp>(magnitude, importer.like(x, double(p)));
  Value sum = pool(importer, ReduceKind::Sum, power, *pooling);
  return node.set(0, channelsSecond(importer, importer.binary<PowOp>(sum, importer.like(x, 1 / double(p)))));
}

//===-- Table ---------------------------------------------------------------------------------------------------===//

ArrayRef<OperatorRow> hone::windowOperators() {
  static constexpr OperatorRow rows[] = {
      {"AveragePool", 7, importAveragePool}, {"Conv", 1, importConv},       {"ConvTranspose", 1, importConvTranspose},
      {"LpPool", 2, importLpPool},           {"MaxPool", 1, importMaxPool},
  };
  return rows;
}
