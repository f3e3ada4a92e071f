// Resizing along an axis, as the standard's text has it. Places are computed in f32, which decides ties, all else in
// f64.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/reference/Families.h"
#include <cmath>

using namespace mlir;
using namespace hone;

namespace {
/// A result's element: those of the input that make it up, by position along the axis, and how much of each.
struct Blend {
  SmallVector<std::pair<int64_t, double>> parts;
  bool isOutside = false;
};
struct Axis {
  int64_t from, to;
  bool isScaled;
  float scale, begin, end;
};
} // namespace

static float placeOf(ResizePlace place, const Axis &axis, int64_t position) {
  float i = float(position), half = i + 0.5f, from = float(axis.from), to = float(axis.to), last = from - 1;
  bool isAlone = axis.to == 1;
  float centred = half / axis.scale;
  centred = centred - 0.5f;
  if (place == ResizePlace::HalfPixel || (place == ResizePlace::PytorchHalfPixel && !isAlone))
    return centred;
  if (place == ResizePlace::Symmetric) {
    float wanted = axis.scale * from, adjustment = to / wanted, centre = from * 0.5f;
    float offset = centre * (1 - adjustment);
    float moved = offset + half / axis.scale;
    return moved - 0.5f;
  }
  if (place == ResizePlace::HalfPixelForNearest)
    return half / axis.scale;
  if (place == ResizePlace::Asymmetric)
    return i / axis.scale;
  if (place == ResizePlace::Crop) {
    float sum = axis.begin + axis.end, length = axis.end - axis.begin, first = axis.begin * last;
    if (isAlone)
      return 0.5f * sum * last;
    float along = i * length;
    along = along * last;
    along = along / (to - 1);
    return first + along;
  }
  if (isAlone)
    return 0;
  float wanted = axis.isScaled ? axis.scale * from : to, product = i * last;
  return product / (wanted - 1);
}

static int64_t nearest(ResizeRounding rounding, float x) {
  double up = std::ceil(x), down = std::floor(x), wide = x;
  switch (rounding) {
  case ResizeRounding::Floor:
    return int64_t(down);
  case ResizeRounding::Ceil:
    return int64_t(up);
  case ResizeRounding::PreferFloor:
    return int64_t(up - wide < wide - down ? up : down);
  case ResizeRounding::PreferCeil:
    return int64_t(wide - down < up - wide ? down : up);
  }
  return 0;
}

/// Keys' polynomial, or the tent, at a distance.
static double kernel(ResizeMode mode, double a, double distance) {
  double x = std::fabs(distance);
  if (mode == ResizeMode::Linear)
    return x < 1 ? 1 - x : 0;
  if (x <= 1)
    return (a + 2) * x * x * x - (a + 3) * x * x + 1;
  return x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a : 0;
}

static Blend blendOf(ResizeOp op, const Axis &axis, int64_t position) {
  Blend blend;
  float x = placeOf(op.getPlace(), axis, position);
  auto clamped = [&](double where) { return int64_t(std::clamp<double>(where, 0, double(axis.from - 1))); };
  blend.isOutside = op.getPlace() == ResizePlace::Crop && !(x >= 0 && x <= float(axis.from - 1));
  if (blend.isOutside)
    return blend;
  if (op.getMode() == ResizeMode::Nearest) {
    blend.parts.emplace_back(clamped(double(nearest(op.getRounding(), x))), 1);
    return blend;
  }
  if (op.getMode() == ResizeMode::Linear && !op.getAntialias()) {
    double inside = std::clamp<double>(x, 0, double(axis.from - 1)), first = std::floor(inside);
    int64_t a = clamped(first), b = clamped(first + 1);
    double rest = a == b ? 0.5 : inside - first;
    blend.parts = {{a, 1 - rest}, {b, rest}};
    return blend;
  }
  double stretch = op.getAntialias() && axis.scale < 1 ? axis.scale : 1;
  double reach = std::ceil((op.getMode() == ResizeMode::Linear ? 1 : 2) / float(stretch)), total = 0;
  for (double tap = std::floor(x) - reach + 1; tap <= std::floor(x) + reach; ++tap) {
    double weight = kernel(op.getMode(), op.getCubicCoeff().convertToFloat(), (tap - x) * stretch);
    if (op.getExcludeOutside() && (tap < 0 || tap > double(axis.from - 1)))
      weight = 0;
    blend.parts.emplace_back(clamped(tap), weight);
    total += weight;
  }
  if (op.getAntialias() || op.getExcludeOutside())
    for (auto &[where, weight] : blend.parts)
      weight /= total;
  return blend;
}

static llvm::Expected<Results> resize(const Call &call, ResizeOp op) {
  const HostTensor &input = call.tensors[0];
  size_t dim = op.getAxis();
  Axis axis{input.dims[dim], call.indices[0], bool(op.getScale()), 0, 0, 0};
  axis.scale = axis.isScaled ? float(call.tensors[1].number(0)) : float(axis.to) / float(axis.from);
  if (op.getRegion()) {
    axis.begin = float(call.tensors.back().number(0));
    axis.end = float(call.tensors.back().number(1));
  }
  Dims dims = input.dims;
  dims[dim] = axis.to;
  HostTensor result(call.element(), dims);
  if (result.count() && axis.from < 1)
    return call.error("resizes what has no elements");
  HostTensor outside(OpBuilder(op).getF32Type(), Dims{});
  outside.as<float>()[0] = op.getExtrapolation().convertToFloat();
  outside = castTo(call.element(), outside);
  SmallVector<Blend> blends;
  for (int64_t i = 0; i < axis.to; ++i)
    blends.push_back(blendOf(op, axis, i));
  int64_t next = 0;
  forEach(dims, [&](ArrayRef<int64_t> at) {
    const Blend &blend = blends[at[dim]];
    Dims place(at);
    auto positionAt = [&](int64_t where) {
      place[dim] = where;
      return positionOf(place, input.dims);
    };
    if (blend.isOutside) {
      copyElement(result, next, outside, 0);
    } else if (op.getMode() == ResizeMode::Nearest) {
      copyElement(result, next, input, positionAt(blend.parts[0].first));
    } else {
      double sum = 0;
      for (auto [where, weight] : blend.parts)
        sum += weight * input.number(positionAt(where));
      if (result.element.isF32())
        result.as<float>()[next] = float(sum);
      else
        result.as<double>()[next] = sum;
    }
    ++next;
  });
  return one(std::move(result));
}

Evaluation hone::evaluateResize(const Call &call) {
  return TypeSwitch<Operation *, Evaluation>(call.op)
      .Case([&](ResizeOp op) { return resize(call, op); })
      .Default([](Operation *) { return std::nullopt; });
}
