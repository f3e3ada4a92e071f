// From the command line to a command.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"
#include "llvm/Support/raw_ostream.h"

using namespace hone;

static ExitCode dispatch(const Options &options, Console &console) {
  switch (options.command) {
  case Command::Compile:
    return compileCommand(options, console);
  case Command::Check:
    return checkCommand(options, console);
  case Command::Inspect:
    return inspectCommand(options, console);
  case Command::Run:
    return runCommand(options, console);
  case Command::Bench:
    return benchCommand(options, console);
  case Command::Verify:
    return verifyCommand(options, console);
  }
  llvm_unreachable("a command without a function");
}

int hone::runHone(int argc, char **argv) {
  installCrashHandlers();
  Options options;
  int exitCode;
  bool parsed = parseOptions(argc, argv, options, exitCode);
  Console console(options.input);
  if (parsed)
    exitCode = dispatch(options, console);
  // What was printed may have gone to a full disk. There is nobody left to tell where stderr has.
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    console.error("cannot write to stdout: " + llvm::outs().error().message());
    llvm::outs().clear_error();
    exitCode = ExitInput;
  }
  console.clear();
  llvm::errs().clear_error();
  return exitCode;
}
