// The command line as plain data.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_OPTIONS_H
#define HONE_COMPILER_DRIVER_OPTIONS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace hone {

enum class Command { Compile, Check, Inspect, Run, Bench, Verify };

/// Everything that can be asked for; a command reads the fields that its options set.
struct Options {
  Command command = Command::Compile;
  std::string input;                ///< MODEL or LIB
  std::string output;               ///< -o; empty: the command's default
  std::string emit;                 ///< --emit; empty: by the suffix of `output`
  std::string target;               ///< --target; empty: host
  std::string name;                 ///< --name; empty: from the file's name
  std::string weights;              ///< --weights=embed|sidecar; empty: by their size
  std::string keep;                 ///< --keep REGEX
  bool state = false;               ///< --state
  std::vector<std::string> pairs;   ///< --state=INPUT:OUTPUT; empty: by their names
  std::vector<std::string> shapes;  ///< --shape NAME=1x128xi64
  std::vector<std::string> dims;    ///< --dim SYMBOL=N, to pin; for `run` and `bench`, sizes of made-up inputs
  std::vector<std::string> entries; ///< --entry NAME:SYMBOL=N[,SYMBOL=N...], to compile
  std::string entry;                ///< --entry NAME, to run; empty: the first
  std::vector<std::string> inputs;  ///< --input NAME=FILE
  unsigned jobs = 0;                ///< --jobs; 0: as many as there are cores
  unsigned threads = 0;             ///< --threads; 0: the library's default
  bool printPipeline = false;
  bool json = false;
  bool all = false; ///< --all: every node's name
  bool random = false;
  bool profile = false; ///< --profile
  std::string trace;    ///< --profile=FILE
  double seconds = 2;   ///< --seconds
};

/// Reads the command line into `options`. Returns false if there is nothing left to do: help or the version was
/// printed, or an error; `exitCode` says which.
bool parseOptions(int argc, char **argv, Options &options, int &exitCode);

/// "there is no option '--targe'; did you mean '--target'?", with those of `names` that are near `word`.
std::string noSuchOption(llvm::StringRef word, llvm::ArrayRef<llvm::StringRef> names);

/// "hone 0.1.0".
llvm::StringRef versionText();

} // namespace hone

#endif
