// hone verify: whether a library is still what was compiled.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Verify.h"
#include "compiler/driver/Commands.h"
#include "llvm/Support/raw_ostream.h"

using namespace hone;

ExitCode hone::verifyCommand(const Options &options, Console &console) {
  llvm::Expected<FileView> file = FileView::open(options.input);
  llvm::Expected<Verified> verified = file ? verifyLibrary(*file) : file.takeError();
  if (!verified) {
    console.error(verified.takeError());
    return ExitInput;
  }
  llvm::outs() << printable(options.input)
               << (*verified == Verified::WeightsAndCode
                       ? ": weights and code are as they were compiled\n"
                       : ": the weights are as they were compiled; object files carry no digest of their code\n");
  return ExitDone;
}
