// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "test/fuzz/Fuzz.h"
#include "compiler/codegen/cpu/Object.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <unistd.h>

using namespace hone;
using llvm::StringRef;

static int terminal = 2;

/// LLVM's allocators mark what they have not given out yet. Its libraries, which come without the sanitizer, give out
/// of the same blocks and take no mark away.
extern "C" const char *__asan_default_options() { return "allow_user_poisoning=0"; }

void hone::muteDiagnostics(int *argc, char ***argv) {
  // libFuzzer keeps a way to stderr for its own messages and the sanitizers', as this does.
  static char mute[] = "-close_fd_mask=2";
  static std::vector<char *> arguments(*argv, *argv + *argc);
  terminal = ::dup(2);
  arguments.insert(arguments.begin() + 1, mute);
  *argc = int(arguments.size());
  arguments.push_back(nullptr);
  *argv = arguments.data();
}

void hone::fail(const llvm::Twine &text) {
  ::dup2(terminal, 2);
  llvm::errs() << "finding: " << text << '\n';
  std::abort();
}

namespace {
/// A temporary folder, removed at the end of the process.
struct Folder {
  llvm::SmallString<128> path;

  Folder() {
    if (llvm::sys::fs::createUniqueDirectory("hone-fuzz", path))
      fail("no temporary folder");
  }
  ~Folder() { llvm::sys::fs::remove_directories(path); }
};
} // namespace

std::string hone::fileOf(StringRef bytes, StringRef name) {
  static const Folder folder;
  std::string path = (folder.path + "/" + name).str();
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  stream << bytes;
  if (error)
    fail("cannot write " + path);
  return path;
}

namespace {
struct Result {
  ExitCode code;
  unsigned errors;
};
} // namespace

static Result attempt(const std::string &path, bool withCode) {
  static const bool registered = (mlir::registerPassManagerCLOptions(), initializeCodeGenerators(), true);
  (void)registered;
  Options options;
  options.input = path;
  options.target = StringRef(path).ends_with(".mlir") ? "" : "x86-64-v3"; // the same on every machine
  options.jobs = 1;
  Console console(path);
  Compilation compilation(options, console);
  ExitCode code = compilation.load();
  if (code == ExitDone)
    code = compilation.runTo(Stage::Llvm);
  if (code == ExitDone && withCode) {
    for (auto module : compilation.module().getOps<mlir::ModuleOp>())
      if (auto object = emitCode(module, compilation.target(), module.getSymName().value_or("module")); !object) {
        console.fault(llvm::toString(object.takeError()));
        return {ExitFault, console.errorCount()};
      }
  }
  return {code, console.errorCount()};
}

void hone::compileFile(const std::string &path, bool withCode) {
  Result result = attempt(path, withCode);
  if (result.code != ExitFault && (result.code == ExitDone || result.errors))
    return;
  // Once more, with what it says, and with the input.
  ::dup2(terminal, 2);
  attempt(path, withCode);
  auto text = llvm::MemoryBuffer::getFile(path);
  fail("exit code " + llvm::Twine(int(result.code)) + " for:\n" + (text ? (*text)->getBuffer() : StringRef()));
}
