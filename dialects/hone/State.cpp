// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/State.h"

using namespace mlir;
using namespace hone;

bool hone::isState(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function =
      argument ? dyn_cast_or_null<FunctionOpInterface>(argument.getOwner()->getParentOp()) : FunctionOpInterface();
  return function && function.getArgAttr(argument.getArgNumber(), kStateAttr);
}

States hone::statesOf(FunctionOpInterface function) {
  States states;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto name = function.getArgAttrOfType<StringAttr>(i, kNameAttr)) {
      if (function.getArgAttr(i, kStateAttr))
        states.tensors[name] = function.getArgument(i);
      if (function.getArgAttr(i, kLengthAttr))
        states.lengths[name] = function.getArgument(i);
    }
  return states;
}

BlockArgument hone::findState(KeepOp keep, const States &states) {
  auto type = dyn_cast<RankedTensorType>(keep.getValue().getType());
  BlockArgument argument = (type ? states.tensors : states.lengths).lookup(keep.getStateAttr());
  if (!argument) {
    keep.emitOpError("names no argument of the function around it that has ")
        << (type ? kStateAttr : kLengthAttr) << ": " << keep.getStateAttr();
    return {};
  }
  auto own = cast<ShapedType>(argument.getType());
  if (type && (failed(verifyCompatibleShape(type, own)) || type.getElementType() != own.getElementType())) {
    keep.emitOpError("keeps ") << type << " in a state of " << own;
    return {};
  }
  return argument;
}

std::optional<Growth> hone::growthOf(DictionaryAttr state) {
  if (state.empty())
    return std::nullopt;
  return Growth{state.getAs<IntegerAttr>("axis").getInt(), state.getAs<StringAttr>("length")};
}

DictionaryAttr hone::stateAttr(MLIRContext *context, std::optional<Growth> growth) {
  Builder builder(context);
  if (!growth)
    return builder.getDictionaryAttr({});
  return builder.getDictionaryAttr({builder.getNamedAttr("axis", builder.getI64IntegerAttr(growth->axis)),
                                    builder.getNamedAttr("length", growth->length)});
}
