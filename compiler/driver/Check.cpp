// hone check: everything that stands between a model and its library.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"
#include "compiler/driver/Compilation.h"

using namespace hone;

ExitCode hone::checkCommand(const Options &options, Console &console) {
  Compilation compilation(options, console);
  // The importer finds all that is not supported. What only shows when memory is planned costs little more.
  ExitCode code = compilation.load();
  if (code == ExitDone)
    code = compilation.runTo(std::max(Stage::Plan, compilation.stage()));
  console.clear();
  if (code == ExitDone)
    llvm::outs() << options.input << ": nothing is in the way\n";
  else if (console.errorCount() > 1)
    llvm::errs() << console.errorCount() << " errors\n";
  return code;
}
