// The recipes: what they make of which types, and how a run of their elements comes from runs of their sources'.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/Recipes.h"
#include "dialects/hone/Hone.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using namespace hone;

using Numbers = SmallVector<int64_t, 6>;
using Sources = ArrayRef<const WeightElements *>;
using EmitError = function_ref<InFlightDiagnostic()>;

//===-- Runs over dims ------------------------------------------------------------------------------------------===//

/// The distance of neighbours of each dim in a row-major tensor.
static Numbers stridesOf(ArrayRef<int64_t> dims) {
  Numbers strides(dims.size());
  int64_t stride = 1;
  for (int64_t i = dims.size(); i-- > 0; stride *= std::max<int64_t>(dims[i], 1))
    strides[i] = stride;
  return strides;
}

namespace {
/// A tensor's dims, for walks along runs of its elements. There is one dim at least.
struct Space {
  explicit Space(ArrayRef<int64_t> sizes) : dims(sizes) {
    if (dims.empty())
      dims.push_back(1);
    strides = stridesOf(dims);
  }

  /// Cuts `run` into rows, in which one index alone changes: visit(indices, dim, step of that dim's index, count).
  template <typename Visit> void forEachRow(ElementRun run, Visit visit) const;

  Numbers dims, strides;
};
} // namespace

template <typename Visit> void Space::forEachRow(ElementRun run, Visit visit) const {
  Numbers at(dims.size());
  for (int64_t rest = run.first, i = 0, rank = dims.size(); i < rank; rest %= strides[i], ++i)
    at[i] = rest / strides[i];
  // The outermost dim whose neighbours lie no further apart than the run's, and evenly.
  unsigned dim = dims.size() - 1;
  for (unsigned i = 0; i < dim && run.step != 0; ++i)
    if (dims[i] > 1 && run.step % strides[i] == 0) {
      dim = i;
      break;
    }
  int64_t step = run.step / strides[dim];
  for (;;) {
    int64_t count = run.count;
    if (step != 0)
      count = std::min(count, step > 0 ? (dims[dim] - 1 - at[dim]) / step + 1 : at[dim] / -step + 1);
    visit(ArrayRef<int64_t>(at), dim, step, count);
    run.count -= count;
    if (run.count == 0)
      return;
    at[dim] += count * step;
    for (unsigned i = dim; i > 0 && (at[i] < 0 || at[i] >= dims[i]); --i) {
      int64_t carry = llvm::divideFloorSigned(at[i], dims[i]);
      at[i] -= carry * dims[i];
      at[i - 1] += carry;
    }
  }
}

namespace {
/// Elements of the source at base + Σ index · stride: slices, transpositions, reshapes.
class ViewEvaluator : public RecipeEvaluator {
public:
  ViewEvaluator(RankedTensorType result, int64_t base, ArrayRef<int64_t> strides)
      : ViewEvaluator(elementBytes(result), base, merge(result.getShape(), strides)) {}

  void evaluate(ElementRun run, Sources sources, char *to) const override {
    space.forEachRow(run, [&](ArrayRef<int64_t> at, unsigned dim, int64_t step, int64_t count) {
      int64_t first = base;
      for (auto [index, stride] : llvm::zip_equal(at, strides))
        first += index * stride;
      sources[0]->read({first, step * strides[dim], count}, to);
      to += count * elementSize;
    });
  }

private:
  struct View {
    Numbers dims, strides;
  };
  ViewEvaluator(int64_t elementSize, int64_t base, View view)
      : elementSize(elementSize), base(base), space(view.dims), strides(view.strides) {}

  /// Dims whose elements follow each other as those of one dim do become one: runs are longer then.
  static View merge(ArrayRef<int64_t> dims, ArrayRef<int64_t> strides) {
    View view;
    for (auto [size, stride] : llvm::zip_equal(dims, strides)) {
      if (size == 1)
        continue;
      if (!view.dims.empty() && view.strides.back() == size * stride) {
        view.dims.back() *= size;
        view.strides.back() = stride;
      } else {
        view.dims.push_back(size);
        view.strides.push_back(stride);
      }
    }
    return view.dims.empty() ? View{{1}, {0}} : view;
  }

  int64_t elementSize, base;
  Space space;
  Numbers strides;
};
} // namespace

//===-- Slices, transpositions, reshapes ------------------------------------------------------------------------===//

SmallVector<FlatSymbolRefAttr> SliceAttr::getSourceNames() const { return {getSource()}; }

FailureOr<RankedTensorType> SliceAttr::inferType(ArrayRef<RankedTensorType> sources, RankedTensorType,
                                                 EmitError emitError) const {
  RankedTensorType source = sources[0];
  size_t rank = source.getRank();
  if (getStarts().size() != rank || getSizes().size() != rank || getSteps().size() != rank)
    return emitError() << "wants one start, size and step for each dim of " << source, failure();
  for (size_t i = 0; i < rank; ++i) {
    int64_t dim = source.getDimSize(i), start = getStarts()[i], size = getSizes()[i], last = 0;
    // One element over and over has no place in a weight: a step of 0 would make much of nothing.
    if (getSteps()[i] == 0 && size > 1)
      return emitError() << "has step 0 along dim " << i << "; give a step of 1 or more, or below 0", failure();
    bool fits = size >= 0 && !llvm::MulOverflow(std::max<int64_t>(size - 1, 0), getSteps()[i], last) &&
                !llvm::AddOverflow(last, start, last);
    if (size > 0)
      fits = fits && start >= 0 && start < dim && last >= 0 && last < dim;
    if (!fits)
      return emitError() << "takes " << size << " elements from " << start << " on, step " << getSteps()[i]
                         << ", of dim " << i << ", which has " << dim << "; slices stay within their source",
             failure();
  }
  return RankedTensorType::get(getSizes(), source.getElementType());
}

std::unique_ptr<RecipeEvaluator> SliceAttr::prepare(ArrayRef<RankedTensorType> sources, RankedTensorType result) const {
  Numbers strides = stridesOf(sources[0].getShape());
  int64_t base = 0;
  for (auto [stride, start, size, step] : llvm::zip_equal(strides, getStarts(), getSizes(), getSteps())) {
    base += size > 0 ? start * stride : 0;
    stride = size > 1 ? stride * step : 0; // a step that is never taken can be any number
  }
  return std::make_unique<ViewEvaluator>(result, base, strides);
}

SmallVector<FlatSymbolRefAttr> TransposeAttr::getSourceNames() const { return {getSource()}; }

std::optional<ArrayRef<int64_t>> TransposeAttr::asPermutation() const { return getPermutation(); }

/// Whether `order` holds each of 0 … rank - 1 once.
static bool isPermutation(ArrayRef<int64_t> order, int64_t rank) {
  Numbers sorted(order);
  llvm::sort(sorted);
  return llvm::equal(sorted, llvm::seq<int64_t>(0, rank));
}

FailureOr<RankedTensorType> TransposeAttr::inferType(ArrayRef<RankedTensorType> sources, RankedTensorType,
                                                     EmitError emitError) const {
  RankedTensorType source = sources[0];
  if (!isPermutation(getPermutation(), source.getRank()))
    return emitError() << "is no permutation of the dims of " << source << "; give each number from 0 on once",
           failure();
  Numbers dims;
  for (int64_t from : getPermutation())
    dims.push_back(source.getDimSize(from));
  return RankedTensorType::get(dims, source.getElementType());
}

std::unique_ptr<RecipeEvaluator> TransposeAttr::prepare(ArrayRef<RankedTensorType> sources,
                                                        RankedTensorType result) const {
  Numbers own = stridesOf(sources[0].getShape()), strides;
  for (int64_t from : getPermutation())
    strides.push_back(own[from]);
  return std::make_unique<ViewEvaluator>(result, 0, strides);
}

SmallVector<FlatSymbolRefAttr> ReshapeAttr::getSourceNames() const { return {getSource()}; }

FailureOr<RankedTensorType> ReshapeAttr::inferType(ArrayRef<RankedTensorType> sources, RankedTensorType declared,
                                                   EmitError emitError) const {
  RankedTensorType source = sources[0];
  if (source.getNumElements() != declared.getNumElements())
    return emitError() << "cannot make " << declared << " of " << source << "; both need as many elements of one type",
           failure();
  return RankedTensorType::get(declared.getShape(), source.getElementType());
}

std::unique_ptr<RecipeEvaluator> ReshapeAttr::prepare(ArrayRef<RankedTensorType>, RankedTensorType result) const {
  return std::make_unique<ViewEvaluator>(result, 0, stridesOf(result.getShape()));
}

//===-- Cast ----------------------------------------------------------------------------------------------------===//

namespace {
class CastEvaluator : public RecipeEvaluator {
public:
  CastEvaluator(Type from, Type to) : convert(elementConversion(from, to)), toBytes(elementBytes(to)) {}

  void evaluate(ElementRun run, Sources sources, char *to) const override {
    constexpr int64_t most = 512; // casts of casts each have a buffer on the stack
    char buffer[most * sizeof(int64_t)];
    for (; run.count > 0; run.count -= most, run.first += most * run.step) {
      int64_t count = std::min(run.count, most);
      sources[0]->read({run.first, run.step, count}, buffer);
      convert(buffer, to, count);
      to += count * toBytes;
    }
  }

private:
  ElementConversion convert;
  int64_t toBytes;
};
} // namespace

SmallVector<FlatSymbolRefAttr> CastAttr::getSourceNames() const { return {getSource()}; }

FailureOr<RankedTensorType> CastAttr::inferType(ArrayRef<RankedTensorType> sources, RankedTensorType declared,
                                                EmitError emitError) const {
  Type from = sources[0].getElementType(), to = declared.getElementType();
  if (!elementConversion(from, to))
    return emitError() << "cannot convert " << from << " to " << to << "; leave the cast to the program", failure();
  return RankedTensorType::get(sources[0].getShape(), to);
}

std::unique_ptr<RecipeEvaluator> CastAttr::prepare(ArrayRef<RankedTensorType> sources, RankedTensorType result) const {
  return std::make_unique<CastEvaluator>(sources[0].getElementType(), result.getElementType());
}

//===-- Concat --------------------------------------------------------------------------------------------------===//

/// The product of `dims`.
static int64_t countOf(ArrayRef<int64_t> dims) { return llvm::product_of(dims); }

namespace {
/// Row-major, the result is a row of blocks, one of each source, for each index of the dims in front of the axis.
class ConcatEvaluator : public RecipeEvaluator {
public:
  ConcatEvaluator(ArrayRef<RankedTensorType> sources, RankedTensorType result, int64_t axis)
      : elementSize(elementBytes(result)),
        space({countOf(result.getShape().take_front(axis)), countOf(result.getShape().drop_front(axis))}) {
    int64_t end = 0;
    for (RankedTensorType source : sources)
      ends.push_back(end += countOf(source.getShape().drop_front(axis)));
  }

  void evaluate(ElementRun run, Sources sources, char *to) const override {
    space.forEachRow(run, [&](ArrayRef<int64_t> at, unsigned dim, int64_t step, int64_t count) {
      int64_t row = at[0], column = at[1], columnStep = dim == 1 ? step : 0;
      while (count > 0) {
        size_t i = llvm::upper_bound(ends, column) - ends.begin();
        int64_t begin = i ? ends[i - 1] : 0, width = ends[i] - begin, within = count;
        if (columnStep > 0)
          within = std::min(count, (ends[i] - 1 - column) / columnStep + 1);
        if (columnStep < 0)
          within = std::min(count, (column - begin) / -columnStep + 1);
        sources[i]->read({row * width + column - begin, dim == 1 ? step : step * width, within}, to);
        column += within * columnStep;
        count -= within;
        to += within * elementSize;
      }
    });
  }

private:
  int64_t elementSize;
  Space space;  ///< rows and their elements
  Numbers ends; ///< of the blocks in a row
};
} // namespace

SmallVector<FlatSymbolRefAttr> ConcatAttr::getSourceNames() const {
  return SmallVector<FlatSymbolRefAttr>(getSources());
}

FailureOr<RankedTensorType> ConcatAttr::inferType(ArrayRef<RankedTensorType> sources, RankedTensorType,
                                                  EmitError emitError) const {
  int64_t axis = getAxis(), rank = sources[0].getRank(), sum = 0;
  if (axis < 0 || axis >= rank)
    return emitError() << "has axis " << axis << ", which is no dim of " << sources[0] << "; the first one is 0",
           failure();
  for (RankedTensorType source : sources) {
    bool fits = source.getRank() == rank && source.getElementType() == sources[0].getElementType() &&
                !llvm::AddOverflow(sum, source.getDimSize(axis), sum);
    for (int64_t i = 0; fits && i < rank; ++i)
      fits = i == axis || source.getDimSize(i) == sources[0].getDimSize(i);
    if (!fits)
      return emitError() << "cannot join " << source << " to " << sources[0] << " along dim " << axis
                         << "; they may differ in this dim alone",
             failure();
  }
  Numbers dims(sources[0].getShape());
  dims[axis] = sum;
  return RankedTensorType::get(dims, sources[0].getElementType());
}

std::unique_ptr<RecipeEvaluator> ConcatAttr::prepare(ArrayRef<RankedTensorType> sources,
                                                     RankedTensorType result) const {
  return std::make_unique<ConcatEvaluator>(sources, result, getAxis());
}

//===-- Pack ----------------------------------------------------------------------------------------------------===//

namespace {
class PackEvaluator : public RecipeEvaluator {
public:
  PackEvaluator(PackAttr recipe, RankedTensorType source, RankedTensorType result)
      : elementSize(elementBytes(result)), space(result.getShape()), limits(source.getShape()) {
    Numbers strides = stridesOf(limits);
    auto add = [&](int64_t dim, int64_t step) { axes.push_back({dim, step, step * strides[dim]}); };
    for (int64_t i = 0, rank = limits.size(); i < rank; ++i) {
      int64_t dim = recipe.getOrder().empty() ? i : recipe.getOrder()[i];
      const int64_t *cut = llvm::find(recipe.getDims(), dim);
      add(dim, cut == recipe.getDims().end() ? 1 : recipe.getTiles()[cut - recipe.getDims().begin()]);
    }
    for (int64_t dim : recipe.getDims())
      add(dim, 1);
  }

  void evaluate(ElementRun run, Sources sources, char *to) const override {
    Numbers index(limits.size());
    space.forEachRow(run, [&](ArrayRef<int64_t> at, unsigned dim, int64_t step, int64_t count) {
      const Axis &along = axes[dim];
      llvm::fill(index, 0);
      int64_t first = 0;
      for (auto [place, axis] : llvm::zip_equal(at, axes)) {
        index[axis.dim] += place * axis.step;
        first += place * axis.stride;
      }
      bool isInside = true; // as far as the dims go that stay
      for (auto [i, place] : llvm::enumerate(index))
        isInside &= int64_t(i) == along.dim || place < limits[i];
      // The row begins or ends outside of the source, where there are zeros.
      int64_t by = step * along.step, room = limits[along.dim] - index[along.dim], before = 0, inside = 0;
      if (isInside && by > 0)
        inside = room <= 0 ? 0 : std::min(count, (room - 1) / by + 1);
      else if (isInside) {
        before = room > 0 ? 0 : by == 0 ? count : std::min(count, -room / -by + 1);
        inside = count - before;
      }
      std::memset(to, 0, before * elementSize);
      if (inside > 0)
        sources[0]->read({first + before * step * along.stride, step * along.stride, inside},
                         to + before * elementSize);
      std::memset(to + (before + inside) * elementSize, 0, (count - before - inside) * elementSize);
      to += count * elementSize;
    });
  }

private:
  /// A dim of the result: with each index the source's index of `dim` grows by `step`, and the place by `stride`.
  struct Axis {
    int64_t dim, step, stride;
  };

  int64_t elementSize;
  Space space;
  Numbers limits; ///< the source's dims
  SmallVector<Axis, 6> axes;
};
} // namespace

SmallVector<FlatSymbolRefAttr> PackAttr::getSourceNames() const { return {getSource()}; }

FailureOr<RankedTensorType> PackAttr::inferType(ArrayRef<RankedTensorType> sources, RankedTensorType,
                                                EmitError emitError) const {
  RankedTensorType source = sources[0];
  int64_t rank = source.getRank();
  TileLayout layout{llvm::to_vector<2>(getDims()), llvm::to_vector<2>(getTiles()), {}};
  if (!layout.fits(rank))
    return emitError() << "wants dims of " << source << ", each once, and a tile of 1 or more for each", failure();
  llvm::append_range(layout.order, getOrder());
  if (!layout.fits(rank))
    return emitError() << "wants an order of all dims of " << source, failure();
  return RankedTensorType::get(layout.packedShape(source.getShape()), source.getElementType());
}

std::unique_ptr<RecipeEvaluator> PackAttr::prepare(ArrayRef<RankedTensorType> sources, RankedTensorType result) const {
  return std::make_unique<PackEvaluator>(*this, sources[0], result);
}
