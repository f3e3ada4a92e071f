// hone check: everything that stands between a model and its library.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"
#include "compiler/driver/Compilation.h"
#include "llvm/Support/FormatVariadic.h"

using namespace hone;
using llvm::StringRef;

/// `word` as a shell reads it.
static std::string quoted(StringRef word) {
  static constexpr StringRef plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!word.empty() && word.find_first_not_of(plain) == StringRef::npos)
    return word.str();
  std::string result = "'";
  for (char c : word)
    result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

/// The compile that was checked.
static std::string compileCommandLine(const Options &options) {
  std::string line = "hone compile " + quoted(options.input);
  if (!options.target.empty())
    line += " --target=" + quoted(options.target);
  if (options.state && options.pairs.empty())
    line += " --state";
  for (StringRef pair : options.pairs)
    line += " --state=" + quoted(pair);
  for (StringRef dim : options.dims)
    line += " --dim=" + quoted(dim);
  for (StringRef shape : options.shapes)
    line += " --shape=" + quoted(shape);
  return line;
}

ExitCode hone::checkCommand(const Options &options, Console &console) {
  if (options.json)
    console.collectMessages();
  if (options.all)
    console.nameAllNodes();
  Compilation compilation(options, console);
  // The importer finds all that is not supported. What only shows when memory is planned costs little more.
  ExitCode code = compilation.load();
  if (code == ExitDone)
    code = compilation.runTo(std::max(Stage::Plan, compilation.stage()));
  console.clear();
  if (options.json)
    llvm::outs() << llvm::formatv("{0:2}\n", llvm::json::Value(console.takeMessages()));
  else if (code == ExitDone)
    llvm::outs() << printable(options.input)
                 << ": nothing is in the way\nnext: " << printable(compileCommandLine(options)) << '\n';
  else if (console.errorCount() > 1 || console.hasMoreNames())
    llvm::errs() << console.errorCount() << (console.errorCount() == 1 ? " error" : " errors")
                 << (console.hasMoreNames() ? "; hone check --all names every node\n" : "\n");
  return code;
}
