// Runs Hone's and MLIR's passes on a module in text or bytecode: every step of a compile can be looked at and tested.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Pipeline.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  hone::registerCompilerDialects(registry);
  hone::registerCompilerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Hone's optimizer driver\n", registry));
}
