// Errors, progress, and how a crash looks.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Console.h"
#include "dialects/hone/Hone.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstring>
#include <new>
#include <unistd.h>

using namespace mlir;
using namespace hone;

static constexpr llvm::StringLiteral kReportHint = "this is a fault of Hone: please report it with the model, or the "
                                                   "file that --emit=import writes, and the command line";

//===-- Messages ------------------------------------------------------------------------------------------------===//

std::string hone::printable(StringRef text) {
  std::string result;
  auto spell = [&](unsigned char c) { result += "\\x" + llvm::utohexstr(c, /*LowerCase=*/true, /*Width=*/2); };
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = text[i];
    unsigned char next = i + 1 < text.size() ? text[i + 1] : 0;
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) { // U+0080 to U+009F, of which some begin a command as ESC does
      spell(c);
      spell(text[++i]);
    } else if (c < ' ' || c == 0x7f) {
      spell(c);
    } else {
      result += char(c);
    }
  }
  return result;
}

Console::Console(std::string subject)
    : subject(std::move(subject)), terminal(llvm::sys::Process::StandardErrIsDisplayed() &&
                                            llvm::sys::Process::GetEnv("TERM").value_or("dumb") != "dumb") {}

void Console::clear() {
  std::lock_guard<std::mutex> lock(mutex);
  clearLine();
}

void Console::clearLine() {
  if (lineShown)
    llvm::errs() << "\r\033[K";
  lineShown = false;
}

void Console::print(StringRef kind, const llvm::Twine &text, llvm::json::Object details) {
  std::string message = text.str(), prefix = (kind + ": ").str();
  if (!subject.empty() && kind != "note")
    prefix += subject + ": ";
  std::lock_guard<std::mutex> lock(mutex);
  clearLine();
  if (collects) {
    details["severity"] = kind;
    details["file"] = llvm::json::fixUTF8(subject);
    details.try_emplace("message", llvm::json::fixUTF8(message));
    messages.push_back(std::move(details));
    return;
  }
  // Further lines are indented: none can pass for a message of its own.
  llvm::errs() << printable(prefix);
  llvm::interleave(
      llvm::split(StringRef(message).rtrim('\n'), '\n'), [](StringRef line) { llvm::errs() << printable(line); },
      [] { llvm::errs() << "\n  "; });
  llvm::errs() << '\n';
}

void Console::error(const llvm::Twine &text) {
  ++errors;
  print("error", text);
}
void Console::warning(const llvm::Twine &text) { print("warning", text); }

void Console::error(llvm::Error failure) {
  handleAllErrors(std::move(failure), [&](const llvm::ErrorInfoBase &info) {
    SmallVector<StringRef> lines;
    std::string message = info.message();
    StringRef(message).split(lines, '\n', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    for (StringRef line : lines)
      error(line);
  });
}

void Console::fault(const llvm::Twine &text) {
  error(text);
  print("note", kReportHint);
}

/// The place in a text file that `loc` comes from, "3:7"; empty if it comes from elsewhere.
static std::string placeOf(Location loc) {
  auto file = dyn_cast<FileLineColLoc>(loc);
  if (file && file.getLine() > 0)
    return (Twine(file.getLine()) + ":" + Twine(file.getColumn())).str();
  return {};
}

/// What `loc` is about, "node 'x' (Relu)" or "input 'x'"; empty if nothing, or if `text` says it already.
static std::string thingOf(Location loc, StringRef text) {
  std::string node = nodeText(loc);
  StringRef quoted(node);
  if (!quoted.consume_front("node ") || text.contains(quoted.take_until([](char c) { return c == '('; }).rtrim()))
    return {};
  for (StringRef kind : {"input", "output", "initializer"}) // names of the model that are not nodes
    if (quoted.consume_back((" (" + kind + ")").str()))
      return (kind + " " + quoted).str();
  return node;
}

/// What importOnnx() says of a problem, as JSON.
static llvm::json::Object detailsOf(Diagnostic &diagnostic) {
  llvm::json::Object details;
  auto text = [](Attribute attribute) { return llvm::json::fixUTF8(cast<StringAttr>(attribute).getValue()); };
  for (const DiagnosticArgument &argument : diagnostic.getMetadata()) {
    if (argument.getKind() != DiagnosticArgument::DiagnosticArgumentKind::Attribute)
      continue;
    for (NamedAttribute entry : cast<DictionaryAttr>(argument.getAsAttribute())) {
      llvm::json::Value &value = details[entry.getName().getValue()];
      if (auto list = dyn_cast<ArrayAttr>(entry.getValue()))
        value = llvm::json::Array(llvm::map_range(list, text));
      else if (auto number = dyn_cast<IntegerAttr>(entry.getValue()))
        value = number.getInt();
      else
        value = text(entry.getValue());
    }
  }
  if (const llvm::json::Array *names = details.getArray("names"))
    details["more"] = int64_t(names->size()) - 1;
  return details;
}

static std::string joined(const llvm::json::Array &texts) {
  return llvm::join(llvm::map_range(texts, [](const llvm::json::Value &text) { return *text.getAsString(); }), ", ");
}

void Console::diagnose(Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() == DiagnosticSeverity::Remark)
    return;
  llvm::json::Object details = detailsOf(diagnostic);
  std::string text = diagnostic.str(), where = placeOf(diagnostic.getLocation());
  details["message"] = llvm::json::fixUTF8(text);
  if (std::optional<StringRef> node = details.getString("node"))
    where = llvm::formatv("node '{0}' ({1}, {2} opset {3})", *node, *details.getString("operator"),
                          *details.getString("domain"), *details.getInteger("opset"));
  else if (where.empty())
    where = thingOf(diagnostic.getLocation(), text);
  if (!where.empty())
    text = where + ": " + text;
  if (int64_t more = details.getInteger("more").value_or(0)) {
    text += " (and " + std::to_string(more) + " more like it)";
    leftNamesOut |= !namesAll;
  }
  if (const llvm::json::Array *inputs = details.getArray("inputs"))
    text += "\ntypes: (" + joined(*inputs) + ") -> (" + joined(*details.getArray("outputs")) + ")";
  else if (std::optional<StringRef> type = details.getString("type"))
    text += ("\ntype: " + *type).str();
  if (const llvm::json::Array *names = details.getArray("names"); names && namesAll && names->size() > 1)
    text += "\nnames: " + joined(*names);
  if (std::optional<StringRef> wayOut = details.getString("try"))
    text += ("\ntry: " + *wayOut).str();
  switch (diagnostic.getSeverity()) {
  case DiagnosticSeverity::Error:
    ++errors;
    print("error", text, std::move(details));
    break;
  case DiagnosticSeverity::Warning:
    print("warning", text, std::move(details));
    break;
  default:
    print("note", text, std::move(details));
  }
  for (Diagnostic &note : diagnostic.getNotes())
    print("note", note.str());
}

/// "[#####---------------]", and on a terminal alone.
static std::string barOf(double share) {
  constexpr size_t width = 20;
  auto done = std::min<size_t>(width, share * width);
  return "[" + std::string(done, '#') + std::string(width - done, '-') + "] ";
}

void Console::progress(unsigned step, const llvm::Twine &what, std::optional<double> share) {
  std::lock_guard<std::mutex> lock(mutex);
  std::string text = "[" + std::to_string(step) + "/" + std::to_string(kStepCount) + "] ";
  if (terminal && share)
    text += barOf(*share);
  text += printable(what.str());
  if (terminal) {
    // A line that wraps could not be taken away again.
    if (unsigned columns = llvm::sys::Process::StandardErrColumns())
      text.resize(std::min<size_t>(text.size(), columns - 1));
    llvm::errs() << "\r\033[K" << text;
    lineShown = true;
  } else if (auto now = std::chrono::steady_clock::now(); now - lastLine > std::chrono::seconds(10)) {
    llvm::errs() << text << '\n';
    lastLine = now;
  }
}

//===-- Crashes -------------------------------------------------------------------------------------------------===//

/// Only what may be called in a signal handler.
[[noreturn]] static void die(ExitCode code, StringRef message) {
  llvm::sys::RunInterruptHandlers(); // removes unfinished outputs
  [[maybe_unused]] ssize_t written = ::write(STDERR_FILENO, message.data(), message.size());
  ::_exit(code);
}

namespace {
/// What is said in a signal handler, which may not make texts up.
struct LastWords {
  ExitCode code = ExitFault;
  std::string crash =
      "\nerror: Hone crashed; this is a fault of Hone: please report it with the model, or the file that "
      "--emit=import writes, and the command line\n";
  std::string shrunk = "\nerror: a file of the model became shorter while it was read\n";
};
} // namespace

static LastWords &lastWords() {
  static LastWords words;
  return words;
}

void hone::blameLibrary(StringRef path, bool isUnchanged) {
  LastWords &words = lastWords();
  std::string prefix = "\nerror: " + printable(path) + ": ";
  words.shrunk = prefix + "became shorter while it was used, or its memory cannot be read\n";
  if (isUnchanged)
    return;
  words.code = ExitInput;
  words.crash = prefix + "crashed; the file is not as Hone compiled it: it is damaged, or was changed since. Copy or "
                         "compile it again\n";
}

void hone::blameStage(StringRef path) {
  lastWords().code = ExitInput;
  lastWords().crash = "\nerror: " + printable(path) +
                      ": LLVM fell over what the stage says; if it is as --emit=llvm wrote "
                      "it, please report it\n";
}

static void dieOfFault(void *) { die(lastWords().code, lastWords().crash); }

static void dieOfMemory() { die(ExitInput, "\nerror: out of memory\n"); }

/// A damaged library may set the flag by which every unaligned access is a fault, in handlers too.
static inline void allowUnalignedAccess() {
#ifdef __x86_64__
  asm volatile("pushfq\n\tandq $~0x40000, (%%rsp)\n\tpopfq" ::: "memory", "cc"); // AC
#endif
}

static constexpr int kFaults[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP};
static struct sigaction handlersOfFaults[NSIG]; // LLVM's

void hone::installCrashHandlers() {
  lastWords(); // made now, not in a handler
  llvm::sys::AddSignalHandler(dieOfFault, nullptr);
  // After LLVM's own handlers, so that it is not replaced by them.
  struct sigaction action = {};
  action.sa_handler = [](int) {
    allowUnalignedAccess();
    die(ExitInput, lastWords().shrunk);
  };
  ::sigaction(SIGBUS, &action, nullptr);
  for (int number : kFaults) {
    struct sigaction guarded = {};
    ::sigaction(number, nullptr, &handlersOfFaults[number]);
    guarded.sa_sigaction = [](int number, siginfo_t *info, void *context) {
      allowUnalignedAccess();
      handlersOfFaults[number].sa_sigaction(number, info, context);
    };
    guarded.sa_flags = handlersOfFaults[number].sa_flags;
    ::sigaction(number, &guarded, nullptr);
  }
  // Nor is it a fault when somebody ends the process.
  action.sa_handler = [](int number) {
    llvm::sys::RunInterruptHandlers();
    ::raise(number);
  };
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGQUIT, &action, nullptr);
  ::sigaction(SIGXCPU, &action, nullptr);
  ::signal(SIGXFSZ, SIG_IGN); // a file beyond the limit of its size is an error of write()
  std::set_new_handler(dieOfMemory);
  llvm::install_bad_alloc_error_handler([](void *, const char *, bool) { dieOfMemory(); });
  llvm::install_fatal_error_handler([](void *, const char *reason, bool) {
    llvm::errs() << "\nerror: " << reason << '\n';
    dieOfFault(nullptr);
  });
}
