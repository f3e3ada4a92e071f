// The commands of `hone`, one file each.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_COMMANDS_H
#define HONE_COMPILER_DRIVER_COMMANDS_H

#include "compiler/driver/Console.h"
#include "compiler/driver/Options.h"

namespace hone {

ExitCode compileCommand(const Options &options, Console &console);
ExitCode checkCommand(const Options &options, Console &console);
ExitCode inspectCommand(const Options &options, Console &console);
ExitCode runCommand(const Options &options, Console &console);
ExitCode benchCommand(const Options &options, Console &console);
ExitCode verifyCommand(const Options &options, Console &console);

/// `hone`, from the command line to the exit code.
int runHone(int argc, char **argv);

} // namespace hone

#endif
