// Every command and option: a row here is what `--help` prints and what is accepted.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Options.h"
#include "compiler/codegen/Targets.h"
#include "compiler/driver/Console.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace hone;
using llvm::StringRef;
namespace cl = llvm::cl;

namespace {
struct CommandInfo {
  Command command;
  StringRef name, usage, summary, details;
};
} // namespace

static constexpr StringRef kMlirPrefix = "mlir-";

static const CommandInfo kCommands[] = {
    {Command::Compile, "compile", "MODEL [-o OUT]", "turns a model into a native library",
     R"(MODEL is an ONNX file (.onnx, or .onnxtxt in ONNX's text form), or a stage that --emit wrote (.mlir). What is
written is named by the suffix of OUT or by --emit:

  .so   lib      shared library with one symbol, NAME_library     .mlir  llvm     the last stage, or one of
  .o    obj      the same as an object file                              import   the model as it was read,
  .a    archive  the same as a static library                            hone     simplified,
  .h    header   C header with the positions of inputs                   kernels  cut into kernels,
  .s    asm      assembly of the kernels                                 plan     with all memory placed
  .ll   llvm-ir  LLVM IR of the kernels, optimised

A stage can be read, changed and compiled on. `-o -` writes text to stdout.

Examples:
  hone compile model.onnx                                 writes model.so for this machine
  hone compile model.onnx -o libmodel.a --target=x86-64-v3
  hone compile model.onnx --dim batch=1 --shape ids=1x128xi64
  hone compile decoder.onnx --state                       keeps past_key_values... in the session
  hone compile model.onnx --entry decode:batch=1,sequence=1
                                                          for any dims, and for these: two entries, weights once
  hone compile model.onnx --emit=kernels -o -             shows what was fused
  hone compile model.onnx --emit=hone -o model.mlir && hone compile model.mlir -o model.so
)"},
    {Command::Check, "check", "MODEL", "lists everything in a model that cannot be compiled",
     R"(Every problem is printed, each with its node, operator, domain, version and types, and with a way out where one is
known; also behind nodes that cannot be compiled, and in the bodies of control flow and functions. Exit code 0: the
model compiles; 1: it does not.

Examples:
  hone check model.onnx
  hone check model.onnx --dim batch=1                     with a dim pinned, as compile would
  hone check model.onnx --json                            a list of objects, [] where nothing is in the way
)"},
    {Command::Inspect, "inspect", "MODEL|LIB", "shows inputs, outputs, operators and weights",
     R"(Of a model: what it takes and gives, its operators, opsets, weights and digest. Of a compiled library: the same
from its manifest, with its kernels and the flags it was compiled with.

Examples:
  hone inspect model.onnx
  hone inspect model.so --json
)"},
    {Command::Run, "run", "LIB [--input NAME=FILE]...", "runs a compiled library once",
     R"(An input comes from a file:

  .npy   an array that numpy.save wrote
  .npz   the array of the input's name, or the only one, of an archive that numpy.savez or savez_compressed wrote
  .pb    an ONNX TensorProto, as in the standard's test data

or, with --random, is made up: floats in [-1, 1), integers 0 and 1, the same in each run. Prints shape and range of each
output.

Examples:
  hone run model.so --random --dim sequence=16
  hone run model.so --input ids=ids.npy --input mask=mask.npy -o results/
  hone run model.so --input ids=inputs.npz --random       the mask is made up, as large as the ids
  hone run model.so --random --profile                    the time of each kernel
)"},
    {Command::Bench, "bench", "LIB [--input NAME=FILE]...", "measures how long a compiled library takes, and where",
     R"(Runs it for some seconds, after warming up, and prints the median, the 95th percentile, the fastest run and the spread;
what it computes and moves, and the share of what this machine can do (measured, too: multiply-adds in f32, and reads
of as much memory as a run touches). Inputs that are not given are made up, as by hone run --random. Each run of a library
with state begins with an empty one.

--profile adds a table of kernels with the model's nodes that they compute; --profile=FILE also writes the first runs as
a trace, which ui.perfetto.dev and chrome://tracing show. Operations count one for an addition or multiplication, twenty for a
division or polynomial; bytes count each byte that a kernel reads or writes once.

Examples:
  hone bench model.so --dim sequence=128
  hone bench model.so --dim sequence=128 --threads=1 --profile=trace.json
  hone bench model.so --input ids=ids.npy --json
)"},
    {Command::Verify, "verify", "LIB", "compares a compiled library with the digests that it carries",
     R"(Finds what was damaged or changed since the compile, without running any of it: the weights by their digest in the
manifest, everything else by the build-id. Exit code 0: nothing; 1: something. Of object files and static libraries the
weights alone have a digest. Not against forgery: who can change the library can change its digests.

Examples:
  hone verify model.so
)"},
};

namespace {
/// The rows. They live as long as the process, because LLVM's parser keeps pointers to them.
struct Rows {
  cl::SubCommand compile{"compile"}, check{"check"}, inspect{"inspect"}, run{"run"}, bench{"bench"}, verify{"verify"};

  cl::opt<std::string> input{cl::Positional, cl::sub(compile), cl::sub(check), cl::sub(inspect),
                             cl::sub(run),   cl::sub(bench),   cl::sub(verify)};
  cl::opt<std::string> output{
      "o", cl::value_desc("OUT"), cl::sub(compile),
      cl::desc("File to write; its suffix says what. Default: the model's name in this folder")};
  cl::opt<std::string> folder{"o", cl::value_desc("DIR"), cl::sub(run),
                              cl::desc("Folder to write outputs to, as NAME.npy")};
  cl::opt<std::string> emit{"emit", cl::value_desc("STAGE"), cl::sub(compile),
                            cl::desc("What to write, one of the names above. Default: by the suffix of OUT, or lib")};
  std::string levels = "Processor (default: host): " + knownTargets();
  cl::opt<std::string> target{"target", cl::value_desc("LEVEL"), cl::sub(compile), cl::sub(check), cl::desc(levels)};
  cl::list<std::string> shape{"shape", cl::value_desc("NAME=1x128xi64"), cl::sub(compile), cl::sub(check),
                              cl::desc("Pin the dims of an input; `?` leaves one open")};
  cl::list<std::string> dim{"dim", cl::value_desc("SYMBOL=N"), cl::sub(compile), cl::sub(check),
                            cl::desc("Pin a dim by its symbol")};
  cl::list<std::string> size{
      "dim", cl::value_desc("SYMBOL=N"), cl::sub(run), cl::sub(bench),
      cl::desc("Size of a dim, by its symbol, where inputs are made up (default: as in given inputs, or 1)")};
  cl::list<std::string> state{
      "state",
      cl::value_desc("INPUT:OUTPUT,..."),
      cl::ValueOptional,
      cl::sub(compile),
      cl::sub(check),
      cl::desc("Let the session keep what each run hands to the next one: these, or past... and present...")};
  cl::list<std::string> entries{"entry", cl::value_desc("NAME:SYMBOL=N,..."), cl::sub(compile),
                                cl::desc("Add an entry to the library, beside main: the model with these dims pinned")};
  cl::opt<std::string> entry{"entry", cl::value_desc("NAME"), cl::sub(run), cl::sub(bench),
                             cl::desc("Which entry of the library (default: main)")};
  cl::opt<std::string> keep{"keep", cl::value_desc("REGEX"), cl::sub(compile),
                            cl::desc("Nodes whose values become outputs too, under the nodes' names")};
  cl::opt<std::string> name{
      "name", cl::value_desc("IDENT"), cl::sub(compile),
      cl::desc("Prefix of the library's symbol. Default: the name of MODEL's file, without suffix")};
  cl::opt<std::string> weights{
      "weights", cl::value_desc("embed|sidecar"), cl::sub(compile),
      cl::desc("Where weights go: into the library, or to OUT.weights beside it. Default: beside it above 1.5 GB")};
  cl::opt<std::string> jobs{"jobs", cl::value_desc("N"), cl::sub(compile), cl::sub(check),
                            cl::desc("Threads to compile with (default: all cores). The result is the same")};
  cl::opt<bool> printPipeline{"print-pipeline", cl::sub(compile),
                              cl::desc("Print the passes that would run, for hone-opt --pass-pipeline, and stop")};
  cl::opt<bool> json{"json", cl::sub(inspect), cl::sub(check), cl::sub(bench), cl::desc("Print JSON")};
  cl::opt<bool> all{"all", cl::sub(check), cl::desc("Name every node, also where several have one problem")};
  cl::list<std::string> inputs{"input", cl::value_desc("NAME=FILE"), cl::sub(run), cl::sub(bench),
                               cl::desc("Value of an input")};
  cl::opt<bool> random{"random", cl::sub(run), cl::desc("Make up the inputs that are not given")};
  cl::opt<std::string> threads{"threads", cl::value_desc("N"), cl::sub(run), cl::sub(bench),
                               cl::desc("Threads to run with (default: the cores that the process may use)")};
  cl::opt<std::string> profile{
      "profile",         cl::value_desc("FILE"),
      cl::ValueOptional, cl::sub(run),
      cl::sub(bench),    cl::desc("Print the time of each kernel; write a trace of all launches to FILE")};
  cl::opt<std::string> seconds{"seconds", cl::value_desc("S"), cl::sub(bench),
                               cl::desc("How long to measure (default: 2)")};

  Rows() {
    mlir::registerAsmPrinterCLOptions();
    mlir::registerMLIRContextCLOptions();
    mlir::registerPassManagerCLOptions();
    mlir::registerDefaultTimingManagerCLOptions();
    // MLIR registers its options for commands without subcommands: move them to `compile`.
    llvm::SmallVector<cl::Option *> upstream;
    for (auto &[name, option] : cl::getRegisteredOptions())
      if (name.starts_with(kMlirPrefix))
        upstream.push_back(option);
    for (cl::Option *option : upstream) {
      option->removeArgument();
      option->Subs.clear();
      option->addSubCommand(compile);
      option->addArgument();
    }
  }

  cl::SubCommand &of(Command command) {
    switch (command) {
    case Command::Compile:
      return compile;
    case Command::Check:
      return check;
    case Command::Inspect:
      return inspect;
    case Command::Run:
      return run;
    case Command::Bench:
      return bench;
    case Command::Verify:
      return verify;
    }
    llvm_unreachable("a command without a row");
  }
};
} // namespace

StringRef hone::versionText() { return "hone " HONE_VERSION; }

static void printOverview() {
  llvm::outs() << "Hone compiles ONNX models, ahead of time, into native libraries.\n\nusage: hone COMMAND ...\n\n";
  for (const CommandInfo &info : kCommands)
    llvm::outs() << "  hone " << llvm::left_justify((info.name + " " + info.usage).str(), 42) << info.summary << '\n';
  llvm::outs() << "\n  hone COMMAND --help                             options and examples\n"
                  "  hone --version\n\n"
                  "Exit codes: 0 done, 1 the input or the environment is at fault, 2 usage, 3 a fault of Hone.\n";
}

/// How an option is written.
static std::string spelling(StringRef name) { return ((name.size() == 1 ? "-" : "--") + name).str(); }

/// The options of a command that are ours, by name.
static std::vector<cl::Option *> ownOptions(cl::SubCommand &subcommand) {
  std::vector<cl::Option *> options;
  for (auto &[name, option] : cl::getRegisteredOptions(subcommand))
    if (option->getOptionHiddenFlag() == cl::NotHidden && !name.empty() && !name.starts_with(kMlirPrefix) &&
        name != "help" && name != "help-list" && name != "version")
      options.push_back(option);
  llvm::sort(options, [](cl::Option *a, cl::Option *b) { return a->ArgStr < b->ArgStr; });
  return options;
}

static void printHelp(const CommandInfo &info, cl::SubCommand &subcommand) {
  llvm::outs() << "usage: hone " << info.name << ' ' << info.usage << "\n\n"
               << StringRef(info.summary).take_front(1).upper() << info.summary.drop_front() << ".\n"
               << info.details << "\nOptions:\n";
  std::vector<cl::Option *> options = ownOptions(subcommand);
  for (cl::Option *option : options) {
    std::string left = spelling(option->ArgStr);
    if (option->getValueExpectedFlag() == cl::ValueOptional && !option->ValueStr.empty())
      left += "[=" + option->ValueStr.str() + "]";
    else if (!option->ValueStr.empty())
      left += (option->ArgStr.size() == 1 ? " " : "=") + option->ValueStr.str();
    llvm::outs() << "  " << llvm::left_justify(left, 28) << ' ' << option->HelpStr << '\n';
  }
  if (info.command == Command::Compile)
    llvm::outs() << "\nMLIR's options for looking into passes are taken too: --mlir-print-ir-after-all (with\n"
                    "--mlir-print-ir-after-change, --mlir-print-ir-tree-dir=DIR), --mlir-timing,\n"
                    "--mlir-pass-pipeline-crash-reproducer=FILE, ...\n";
}

static int usageError(const llvm::Twine &text) {
  Console("").error(text);
  return ExitUsage;
}

/// Which command `name` is; null after an error was printed.
static const CommandInfo *findCommand(StringRef name) {
  const CommandInfo *nearest = &kCommands[0];
  for (const CommandInfo &info : kCommands) {
    if (info.name == name)
      return &info;
    if (name.edit_distance(info.name) < name.edit_distance(nearest->name))
      nearest = &info;
  }
  if (name.edit_distance(nearest->name) <= 2)
    usageError("there is no command '" + name + "'; did you mean 'hone " + nearest->name + "'?");
  else
    usageError("there is no command '" + name + "'; see 'hone --help'");
  return nullptr;
}

std::string hone::noSuchOption(StringRef word, llvm::ArrayRef<StringRef> names) {
  std::string text = ("there is no option '" + word + "'").str();
  StringRef given = word.ltrim('-').split('=').first;
  for (StringRef name : names)
    if (given.edit_distance(name) <= std::min<size_t>(2, name.size() - 1))
      text += ("; did you mean '" + spelling(name) + "'?");
  return text;
}

/// What is wrong with the words after the command's name, but for the values' own meaning; empty if nothing. LLVM's
/// parser takes one-letter options for the beginnings of words, so that any word that begins with `--h` asks for its
/// help; it takes the last of two values, and options of its own; and its complaints are in words that are not ours.
static std::string findUsageError(llvm::ArrayRef<char *> words, const CommandInfo &info, cl::SubCommand &subcommand) {
  std::vector<cl::Option *> own = ownOptions(subcommand);
  llvm::DenseMap<const cl::Option *, StringRef> seen;
  StringRef file;
  bool onlyFiles = false; // behind `--`
  for (; !words.empty(); words = words.drop_front()) {
    StringRef word = words.front();
    if (word == "--" && !std::exchange(onlyFiles, true))
      continue;
    if (onlyFiles || !word.starts_with("-") || word == "-") {
      if (!file.empty())
        return ("hone " + info.name + " takes one file, not '" + file + "' and '" + word + "'").str();
      file = word;
      continue;
    }
    auto [name, value] = word.drop_front(word.starts_with("--") ? 2 : 1).split('=');
    bool hasValue = word.contains('=');
    cl::Option *option = cl::getRegisteredOptions(subcommand).lookup(name);
    bool isOwn = llvm::is_contained(own, option);
    if (!option || (!isOwn && !name.starts_with(kMlirPrefix)))
      return noSuchOption(word, llvm::map_to_vector(own, [](cl::Option *each) { return each->ArgStr; }));
    bool needsValue = option->getValueExpectedFlag() == cl::ValueRequired;
    bool takesNone = option->getValueExpectedFlag() == cl::ValueDisallowed || option->ValueStr.empty();
    if (needsValue && !hasValue && words.size() > 1) {
      words = words.drop_front();
      value = words.front();
    }
    if (!isOwn)
      continue;
    if (needsValue && value.empty())
      return (spelling(option->ArgStr) + " needs a value, " + option->ValueStr).str();
    if (takesNone && hasValue)
      return spelling(option->ArgStr) + " takes no value";
    auto [before, isFirst] = seen.try_emplace(option, value);
    if (isFirst || option->getNumOccurrencesFlag() == cl::ZeroOrMore)
      continue;
    return spelling(option->ArgStr) + " is given twice" +
           (needsValue ? (": " + before->second + " and " + value).str() : "");
  }
  return file.empty() ? ("hone " + info.name + " needs a file: hone " + info.name + " " + info.usage).str() : "";
}

/// Reads a number of threads; an empty text leaves `count`. False after an error was printed.
static bool parseCount(StringRef option, StringRef text, unsigned &count) {
  if (text.empty() || (!text.getAsInteger(10, count) && count > 0 && count <= 1024))
    return true;
  usageError(option + "=" + text + ": expected a number from 1 to 1024");
  return false;
}

bool hone::parseOptions(int argc, char **argv, Options &options, int &exitCode) {
  static Rows rows;
  exitCode = ExitDone;
  StringRef first = argc > 1 ? argv[1] : "";
  if (first == "--version" || first == "version") {
    llvm::outs() << versionText() << " (LLVM " LLVM_VERSION_STRING ")\n";
    return false;
  }
  if (first.empty() || first == "--help" || first == "-h" || (first == "help" && argc == 2)) {
    printOverview();
    exitCode = first.empty() ? ExitUsage : ExitDone;
    return false;
  }
  bool help = first == "help";
  const CommandInfo *info = findCommand(help ? argv[2] : argv[1]);
  if (!info) {
    exitCode = ExitUsage;
    return false;
  }
  for (int i = 2; i < argc; ++i)
    help |= StringRef(argv[i]) == "--help" || StringRef(argv[i]) == "-h";
  if (help) {
    printHelp(*info, rows.of(info->command));
    return false;
  }

  cl::SubCommand &subcommand = rows.of(info->command);
  if (std::string error = findUsageError({argv + 2, argv + argc}, *info, subcommand); !error.empty()) {
    exitCode = usageError(error + "; see 'hone " + info->name + " --help'");
    return false;
  }
  // What is left to LLVM are the values of MLIR's options, which it complains of itself.
  if (!cl::ParseCommandLineOptions(argc, argv, "", &llvm::nulls())) {
    exitCode = usageError("an option of MLIR has a value that it does not take");
    return false;
  }

  options.command = info->command;
  options.input = rows.input;
  options.output = info->command == Command::Run ? rows.folder : rows.output;
  options.emit = rows.emit;
  options.target = rows.target;
  options.name = rows.name;
  options.weights = rows.weights;
  if (!llvm::is_contained({"", "embed", "sidecar"}, options.weights)) {
    exitCode = usageError("--weights=" + options.weights + ": expected embed or sidecar");
    return false;
  }
  options.keep = rows.keep;
  options.state = rows.state.getNumOccurrences();
  for (StringRef list : rows.state) {
    llvm::SmallVector<StringRef> pairs;
    list.split(pairs, ',', /*MaxSplit=*/-1, /*KeepEmpty=*/false);
    options.pairs.insert(options.pairs.end(), pairs.begin(), pairs.end());
  }
  options.shapes = rows.shape;
  options.dims = rows.size.empty() ? rows.dim : rows.size;
  options.entries = rows.entries;
  options.entry = rows.entry;
  options.inputs = rows.inputs;
  options.printPipeline = rows.printPipeline;
  options.json = rows.json;
  options.all = rows.all;
  options.random = rows.random;
  options.profile = rows.profile.getNumOccurrences();
  options.trace = rows.profile;
  if (StringRef text = rows.seconds;
      !text.empty() && (text.getAsDouble(options.seconds) || !(options.seconds > 0 && options.seconds <= 3600))) {
    exitCode = usageError("--seconds=" + text + ": expected a number above 0, at most 3600");
    return false;
  }
  if (parseCount("--jobs", rows.jobs, options.jobs) && parseCount("--threads", rows.threads, options.threads))
    return true;
  exitCode = ExitUsage;
  return false;
}
