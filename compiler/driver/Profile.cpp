// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Profile.h"
#include "compiler/driver/Units.h"
#include "support/OutputFile.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <time.h>

using namespace hone;
using llvm::StringRef;
namespace json = llvm::json;

static constexpr size_t kTracedRuns = 10; // more make a file that browsers take long to read

/// The clock of hone_launch_event.
static int64_t now() {
  timespec time;
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t(1000000000) + time.tv_nsec;
}

void Profile::attach(hone_options &options) {
  options.on_launch_context = this;
  options.on_launch = [](void *context, const hone_launch_event *event) {
    static_cast<Profile *>(context)->runs.back().launches.push_back(*event);
  };
}

void Profile::beginRun() {
  Run run{0, 0, {}};
  if (!runs.empty())
    run.launches.reserve(runs.back().launches.size());
  runs.push_back(std::move(run));
  runs.back().begin = now();
}

void Profile::endRun() { runs.back().end = now(); }

//===-- Sums ----------------------------------------------------------------------------------------------------===//

std::vector<Profile::Kernel> Profile::kernels() const {
  llvm::MapVector<StringRef, Kernel> bySymbol;
  for (const Run &run : runs)
    for (const hone_launch_event &event : run.launches) {
      Kernel &kernel = bySymbol[event.kernel];
      kernel.symbol = event.kernel;
      kernel.family = event.family;
      if (&run == &runs.front())
        kernel.nodes.push_back(event.nodes);
      ++kernel.launches;
      kernel.nanoseconds += event.end_ns - event.begin_ns;
      kernel.operations += event.operations;
      kernel.bytes += event.bytes;
      kernel.predicted += event.predicted_ns;
    }
  std::vector<Kernel> sorted;
  for (auto &[symbol, kernel] : bySymbol)
    sorted.push_back(std::move(kernel));
  llvm::stable_sort(sorted, [](const Kernel &a, const Kernel &b) { return a.nanoseconds > b.nanoseconds; });
  return sorted;
}

/// The mean over runs of what `count` gives for a launch.
template <typename Runs, typename Count> static double meanOf(const Runs &runs, Count &&count) {
  double sum = 0;
  for (const auto &run : runs)
    for (const hone_launch_event &event : run.launches)
      sum += count(event);
  return runs.empty() ? 0 : sum / runs.size();
}

double Profile::operations() const {
  return meanOf(runs, [](const hone_launch_event &event) { return event.operations; });
}

double Profile::bytes() const {
  return meanOf(runs, [](const hone_launch_event &event) { return event.bytes; });
}

double Profile::runNanoseconds() const {
  double sum = 0;
  for (const Run &run : runs)
    sum += run.end - run.begin;
  return runs.empty() ? 0 : sum / runs.size();
}

double Profile::share() const {
  double inKernels = meanOf(runs, [](const hone_launch_event &event) { return event.end_ns - event.begin_ns; });
  return runNanoseconds() > 0 ? inKernels / runNanoseconds() : 0;
}

double Profile::leastSeconds(const Kernel &kernel, const Roofline &roofline) const {
  return roofline.seconds(kernel.operations, kernel.bytes, kernel.bytes / std::max<size_t>(runs.size(), 1));
}

double Profile::rooflineShare(const Roofline &roofline, double nanoseconds) const {
  double least = 0;
  for (const Kernel &kernel : kernels())
    least += leastSeconds(kernel, roofline) / runs.size();
  return nanoseconds > 0 ? least * 1e9 / nanoseconds : 0;
}

//===-- Forms ---------------------------------------------------------------------------------------------------===//

/// The kernel's own name in "minilm.k3_matmul_add.f32.v4.matmul_6_2_4_384_96.node".
static StringRef nameIn(StringRef symbol) {
  StringRef name = symbol.split('.').second.split('.').first;
  return name.empty() ? symbol : name;
}

json::Object Profile::trace() const {
  json::Array events;
  int64_t origin = runs.empty() ? 0 : runs.front().begin;
  auto add = [&](StringRef name, StringRef category, int64_t begin, int64_t end, json::Object details) {
    events.push_back(json::Object{{"name", json::fixUTF8(name)},
                                  {"cat", json::fixUTF8(category)},
                                  {"ph", "X"},
                                  {"pid", 1},
                                  {"tid", 1},
                                  {"ts", (begin - origin) * 1e-3},
                                  {"dur", (end - begin) * 1e-3},
                                  {"args", std::move(details)}});
  };
  auto label = [&](StringRef what, std::string name) {
    events.push_back(json::Object{
        {"name", what}, {"ph", "M"}, {"pid", 1}, {"tid", 1}, {"args", json::Object{{"name", json::fixUTF8(name)}}}});
  };
  // The model's name is the front of each kernel's symbol.
  StringRef symbol = runs.empty() || runs.front().launches.empty() ? "" : runs.front().launches.front().kernel;
  label("process_name", ("hone " + symbol.split('.').first).str());
  label("thread_name", "launches");
  for (size_t i = 0; i < std::min(runs.size(), kTracedRuns); ++i) {
    add("run " + std::to_string(i), "run", runs[i].begin, runs[i].end, {});
    for (const hone_launch_event &event : runs[i].launches)
      add(nameIn(event.kernel), event.family, event.begin_ns, event.end_ns,
          json::Object{{"launch", event.index},
                       {"nodes", json::fixUTF8(event.nodes)},
                       {"symbol", json::fixUTF8(event.kernel)},
                       {"operations", event.operations},
                       {"bytes", event.bytes},
                       {"threads", event.threads}});
  }
  return json::Object{{"traceEvents", std::move(events)}, {"displayTimeUnit", "ns"}};
}

/// "encoder/MatMul_3 (MatMul), encoder/Add_4 (Add) and 5 more launches", cut to so many characters at its front.
static std::string nodesText(const Profile::Kernel &kernel) {
  constexpr size_t most = 70;
  std::string text = kernel.nodes.empty() ? "" : printable(kernel.nodes.front());
  if (text.size() > most)
    text = "..." + text.substr(text.size() - most + 3);
  if (kernel.nodes.size() > 1)
    text += " and " + std::to_string(kernel.nodes.size() - 1) + " more";
  return text;
}

void Profile::print(const Roofline *roofline) const {
  double time = runNanoseconds() * runs.size();
  llvm::outs() << llvm::formatv("kernels   {0:f1} % of the time of {1} profiled runs of {2}\n\n", 100 * share(),
                                runs.size(), timeText(runNanoseconds()));
  llvm::outs() << "   time  launches       each  GFLOP/s    GB/s" << (roofline ? "  roof" : "")
               << "  family     kernel, nodes\n";
  for (const Kernel &kernel : kernels()) {
    double seconds = std::max(kernel.nanoseconds * 1e-9, 1e-9);
    llvm::outs() << llvm::format("%5.1f %% %9ld %10s %8.1f %7.1f", 100 * kernel.nanoseconds / std::max(time, 1.0),
                                 long(kernel.launches / std::max<size_t>(runs.size(), 1)),
                                 timeText(kernel.nanoseconds / kernel.launches).c_str(),
                                 kernel.operations / seconds * 1e-9, kernel.bytes / seconds * 1e-9);
    if (roofline)
      llvm::outs() << llvm::format(" %4.0f%%", 100 * leastSeconds(kernel, *roofline) / seconds);
    llvm::outs() << "  " << llvm::left_justify(printable(kernel.family), 10) << ' ' << printable(nameIn(kernel.symbol))
                 << '\n'
                 << llvm::left_justify("", 49) << nodesText(kernel) << '\n';
  }
}

json::Array Profile::toJson(const Roofline *roofline) const {
  json::Array array;
  for (const Kernel &kernel : kernels()) {
    json::Array nodes;
    for (const std::string &each : kernel.nodes)
      nodes.push_back(json::fixUTF8(each));
    json::Object object{{"kernel", json::fixUTF8(kernel.symbol)},
                        {"family", json::fixUTF8(kernel.family)},
                        {"launches", kernel.launches / int64_t(std::max<size_t>(runs.size(), 1))},
                        {"nanoseconds", kernel.nanoseconds / kernel.launches},
                        {"predicted_nanoseconds", kernel.predicted / kernel.launches},
                        {"operations", kernel.operations / kernel.launches},
                        {"bytes", kernel.bytes / kernel.launches},
                        {"nodes", std::move(nodes)}};
    if (roofline && kernel.nanoseconds > 0)
      object["roofline_share"] = leastSeconds(kernel, *roofline) * 1e9 / kernel.nanoseconds;
    array.push_back(std::move(object));
  }
  return array;
}

ExitCode hone::writeTrace(const Options &options, const Profile &profile, Console &console) {
  if (options.trace.empty())
    return ExitDone;
  if (llvm::Error error = writeFile(options.trace, llvm::formatv("{0}", json::Value(profile.trace())).str())) {
    console.error(std::move(error));
    return ExitInput;
  }
  return ExitDone;
}

ExitCode hone::showProfile(const Options &options, const Profile &profile, const Roofline *roofline, Console &console) {
  profile.print(roofline);
  return writeTrace(options, profile, console);
}
