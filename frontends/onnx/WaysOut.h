// What to try where a model has something that Hone does not take: one table, so that every message says the same.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_WAYSOUT_H
#define HONE_FRONTENDS_ONNX_WAYSOUT_H

#include "frontends/onnx/Model.h"

namespace hone {

/// For an operator that has no importer. Empty if there is nothing to try.
llvm::StringRef wayOutOfOperator(llvm::StringRef domain, llvm::StringRef op);

/// For tensors of a type that Hone has no elements of.
llvm::StringRef wayOutOfType(OnnxDataType type);

/// For values that are no tensors.
llvm::StringRef wayOutOfKind(OnnxValueType::Kind kind);

} // namespace hone

#endif
