// What users see on stderr while a command works: errors in one form, and a line of progress on a terminal.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_CONSOLE_H
#define HONE_COMPILER_DRIVER_CONSOLE_H

#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>

namespace hone {

/// Exit codes of `hone`.
enum ExitCode {
  ExitDone = 0,
  ExitInput = 1, ///< the input or the environment is at fault: a bad model, a full disk
  ExitUsage = 2, ///< the command line is
  ExitFault = 3  ///< Hone is
};

/// How many steps progress() counts: the five stages, code, and the output.
inline constexpr unsigned kStepCount = 7;

/// `text` with its control characters spelled out ("\x1b"): names come from files, and must not steer a terminal.
std::string printable(llvm::StringRef text);

/// Prints to stderr. Safe to use from several threads.
class Console {
public:
  /// `subject`, a file, begins every message: "error: model.onnx: …".
  explicit Console(std::string subject);
  ~Console() { clear(); }

  void error(const llvm::Twine &text);
  void warning(const llvm::Twine &text);
  /// Prints every message in `error`, one a line.
  void error(llvm::Error error);
  /// Prints a fault of Hone with what to do about it.
  void fault(const llvm::Twine &text);

  /// Prints an MLIR diagnostic with the model's node, or the place in the stage file, that it is about, and with what
  /// importOnnx() says more of it. Remarks are left out.
  void diagnose(mlir::Diagnostic &diagnostic);

  /// From now on, errors, warnings and notes go into a list, as objects, instead of to stderr.
  void collectMessages() { collects = true; }
  llvm::json::Array takeMessages() { return std::move(messages); }
  /// From now on, an error that several nodes share names all of them.
  void nameAllNodes() { namesAll = true; }
  /// Whether an error has left names out.
  bool hasMoreNames() const { return leftNamesOut; }

  /// Says what is being done, the `step`th of `kStepCount` steps: on a terminal in one line that the next call
  /// replaces; elsewhere, and on a terminal that cannot do that, lines, one every ten seconds. `share`, of the step
  /// that is done, 0 to 1, is a bar on a terminal.
  void progress(unsigned step, const llvm::Twine &what, std::optional<double> share = std::nullopt);
  /// Takes the line of progress away.
  void clear();

  /// How many errors were printed.
  unsigned errorCount() const { return errors; }

private:
  void print(llvm::StringRef kind, const llvm::Twine &text, llvm::json::Object details = {});
  void clearLine(); ///< with the mutex held

  std::string subject;
  std::mutex mutex;
  std::chrono::steady_clock::time_point lastLine = std::chrono::steady_clock::now();
  bool terminal, lineShown = false, collects = false, namesAll = false, leftNamesOut = false;
  llvm::json::Array messages;
  std::atomic<unsigned> errors = 0;
};

/// From now on, crashes are put down to the compiled library at `path` as well: if the file is not as Hone wrote it, to
/// it alone. Call before its code runs.
void blameLibrary(llvm::StringRef path, bool isUnchanged);

/// The same for a stage file that goes to LLVM as it is.
void blameStage(llvm::StringRef path);

/// Makes crashes, fatal errors of LLVM, exhausted memory and files that shrink while they are mapped end the process
/// with a message and an exit code instead of a stack dump. Unfinished outputs are removed. Call once, first.
void installCrashHandlers();

} // namespace hone

#endif
