// The table of ways out against the tables of operators.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/WaysOut.h"
#include "frontends/onnx/ops/Ops.h"
#include "gtest/gtest.h"

using namespace hone;

TEST(WaysOut, AreForWhatHasNoImporter) {
  for (llvm::ArrayRef<OperatorRow> table : {elementwiseOperators(), linearOperators(), normOperators(),
                                            reduceOperators(), shapeOperators(), indexOperators(), externOperators()})
    for (const OperatorRow &row : table)
      if (row.domain.empty()) {
        EXPECT_EQ(wayOutOfOperator("", row.name), "") << row.name.str() << " has an importer: its row can go";
      }
}
