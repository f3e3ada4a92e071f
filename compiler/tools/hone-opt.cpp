// Runs Hone's and MLIR's passes on a module in text or bytecode: every step of a compile can be looked at and tested.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Options.h"
#include "compiler/driver/Pipeline.h"
#include "compiler/driver/WeightFiles.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"

using llvm::StringRef;
namespace cl = llvm::cl;

/// What is Hone's, and the few of MLIR's options that go with it: LLVM's own help lists every option of every library
/// that is linked.
static void printHelp() {
  llvm::outs() << "usage: hone-opt [FILE] [-o FILE] [--PASS... | --pass-pipeline=PASSES]\n\n"
                  "Runs passes on a module in text or bytecode; without FILE, on what stdin holds.\n\nPasses:\n";
  llvm::SmallVector<const mlir::PassRegistryEntry *> entries;
  for (auto &[name, option] : cl::getRegisteredOptions()) {
    if (!name.starts_with("hone-"))
      continue;
    if (const mlir::PassInfo *pass = mlir::PassInfo::lookup(name))
      entries.push_back(pass);
    else if (const mlir::PassPipelineInfo *pipeline = mlir::PassPipelineInfo::lookup(name))
      entries.push_back(pipeline);
  }
  llvm::sort(entries, [](auto *a, auto *b) { return a->getPassArgument() < b->getPassArgument(); });
  for (const mlir::PassRegistryEntry *entry : entries)
    entry->printHelpStr(/*indent=*/2, /*descIndent=*/38);
  llvm::outs() << "\nOptions:\n  -o                                  - Output filename\n";
  for (StringRef name : {"pass-pipeline", "verify-diagnostics", "split-input-file", "mlir-print-debuginfo",
                         "mlir-print-ir-after-all", "mlir-print-ir-after-change", "mlir-print-ir-tree-dir",
                         "mlir-elide-elementsattrs-if-larger", "mlir-timing", "mlir-pass-pipeline-crash-reproducer"})
    if (const cl::Option *option = cl::getRegisteredOptions().lookup(name))
      llvm::outs() << "  " << llvm::left_justify((name.size() == 1 ? "-" : "--") + name.str(), 35) << " - "
                   << option->HelpStr << '\n';
  llvm::outs()
      << "\nMLIR's passes (--canonicalize, --cse, --convert-...) and all other options: hone-opt --help-hidden\n";
}

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  hone::registerCompilerDialects(registry);
  hone::registerWeightFiles(registry);
  hone::registerCompilerPasses();
  std::string header = mlir::registerCLIOptions("Hone's optimizer driver\n", registry);
  auto &options = cl::getRegisteredOptions();
  for (StringRef word : llvm::ArrayRef(argv, argc).drop_front()) {
    if (word == "--help" || word == "-h")
      return printHelp(), 0;
    StringRef name = word.ltrim('-').split('=').first;
    // LLVM's parser would take --hone-dispatsh for -h, a wish for help. It alone knows -o.
    if (word.starts_with("-") && !name.empty() && name != "o" && !options.contains(name)) {
      llvm::errs() << "hone-opt: " << hone::noSuchOption(word, llvm::to_vector(llvm::make_first_range(options)))
                   << "; see 'hone-opt --help'\n";
      return 1;
    }
  }
  auto [input, output] = mlir::parseCLIOptions(argc, argv, header);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, input, output, registry));
}
