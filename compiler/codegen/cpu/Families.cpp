// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/cpu/Families.h"

using namespace mlir;
using namespace hone;

static const KernelFamily *const kFamilies[] = {&matmulFamily, &attentionFamily, &transposeFamily};

const KernelFamily *hone::familyOf(Operation *op) {
  for (const KernelFamily *family : kFamilies)
    if (family->takes(op))
      return family;
  return nullptr;
}

std::pair<const KernelFamily *, Operation *> hone::familyOf(KernelOp kernel) {
  Block &body = kernel.getBody().front();
  for (Operation &op : body)
    if (const KernelFamily *family = familyOf(&op))
      if (family->hasEpilogue || op.getResult(0) == body.getTerminator()->getOperand(0))
        return {family, &op};
  return {nullptr, nullptr};
}
