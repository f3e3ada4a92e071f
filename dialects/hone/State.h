// What a session keeps from run to run, as arguments of a program say it.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_STATE_H
#define HONE_DIALECTS_HONE_STATE_H

#include "dialects/hone/Hone.h"

namespace hone {

/// Whether `value` is an argument of a function that has hone.state.
bool isState(mlir::Value value);

/// The arguments of a function that have hone.state, and those that have hone.length, by name.
struct States {
  llvm::DenseMap<mlir::StringAttr, mlir::BlockArgument> tensors, lengths;
};
States statesOf(mlir::FunctionOpInterface function);
/// The state, or length, that `keep` names and its value fits; null after an error was reported.
mlir::BlockArgument findState(KeepOp keep, const States &states);

/// How a state grows: along which of its dims, and the name of the argument that is its length.
struct Growth {
  int64_t axis;
  mlir::StringAttr length;
};

/// What hone.state says; nothing of a state that does not grow.
std::optional<Growth> growthOf(mlir::DictionaryAttr state);
/// A hone.state.
mlir::DictionaryAttr stateAttr(mlir::MLIRContext *context, std::optional<Growth> growth);

} // namespace hone

#endif
