// The user's choice before the weights' size.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/host/Sidecar.h"
#include "dialects/hone/Hone.h"

using namespace mlir;

bool hone::hasSidecar(ModuleOp module) {
  auto known = module->getAttrOfType<IntegerAttr>(kWeightBytesAttr);
  int64_t bytes = known ? known.getInt() : 0;
  auto choice = module->getAttrOfType<BoolAttr>(kSidecarAttr);
  return bytes > 0 && (choice ? choice.getValue() : bytes > kMostEmbedded);
}
