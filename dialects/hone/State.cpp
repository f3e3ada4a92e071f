// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "dialects/hone/State.h"
#include "dialects/hone/Hone.h"

using namespace mlir;
using namespace hone;

bool hone::isState(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  auto function =
      argument ? dyn_cast_or_null<FunctionOpInterface>(argument.getOwner()->getParentOp()) : FunctionOpInterface();
  return function && function.getArgAttr(argument.getArgNumber(), kStateAttr);
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
