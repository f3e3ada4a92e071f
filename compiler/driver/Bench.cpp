// hone bench: how long a compiled library takes, and where.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"
#include "compiler/driver/LibraryInputs.h"
#include "compiler/driver/Manifest.h"
#include "compiler/driver/Profile.h"
#include "compiler/driver/Units.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include <chrono>

using namespace hone;
using llvm::StringRef;
namespace json = llvm::json;

using Clock = std::chrono::steady_clock;

static constexpr double kWarmUpShare = 0.1; // of --seconds
static constexpr size_t kLeastRuns = 5, kMostRuns = 1000000, kMostLaunches = 200000;

namespace {
/// A session and what its runs need. The library and the pool outlive it.
struct BenchSession {
  hone_session *session = nullptr;
  hone_state *state = nullptr; // each run begins with an empty one
  std::vector<hone_value> outputs;

  ~BenchSession() { hone_session_destroy(session); }
  hone_status create(const LoadedLibrary &library, int32_t entry, const hone_options &options, hone_error &error) {
    outputs.assign(library.values(entry, /*outputs=*/true).size(), hone_value_make());
    hone_status status = hone_session_create(library.get(), &options, &session, &error);
    if (!status && hone_session_state(session, &state, nullptr))
      state = nullptr; // the library keeps none
    return status;
  }
  hone_status run(const LibraryInputs &inputs, hone_error &error) {
    if (state && hone_state_reset(state, &error))
      return error.code;
    return hone_run(session, inputs.entry, inputs.arguments.data(), int32_t(inputs.arguments.size()), outputs.data(),
                    int32_t(outputs.size()), &error);
  }
};

/// Nanoseconds of runs, sorted.
struct Times {
  std::vector<double> sorted;

  double quantile(double share) const { return sorted[size_t(share * (sorted.size() - 1) + 0.5)]; }
  double median() const { return quantile(0.5); }
  /// The range of the middle half, as a part of the median.
  double spread() const { return (quantile(0.75) - quantile(0.25)) / std::max(median(), 1.0); }
};
} // namespace

/// Runs for `seconds` (and kLeastRuns times at least) after warming up.
static hone_status measure(BenchSession &session, const LibraryInputs &inputs, double seconds, Times &times,
                           hone_error &error) {
  auto runFor = [&](double share, std::vector<double> *results) -> hone_status {
    Clock::time_point end =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds * share));
    for (size_t i = 0; i < kLeastRuns || (i < kMostRuns && Clock::now() < end); ++i) {
      Clock::time_point begin = Clock::now();
      if (hone_status status = session.run(inputs, error))
        return status;
      if (results)
        results->push_back(std::chrono::duration<double, std::nano>(Clock::now() - begin).count());
    }
    return HONE_OK;
  };
  hone_status status = runFor(kWarmUpShare, nullptr);
  if (!status)
    status = runFor(1, &times.sorted);
  llvm::sort(times.sorted);
  return status;
}

/// Runs with measured launches: once, or for so many seconds, until there are more launches than a profile needs.
static hone_status profileRuns(BenchSession &session, const LibraryInputs &inputs, double seconds, Profile &profile,
                               hone_error &error) {
  profile.beginRun();
  hone_status status = session.run(inputs, error); // maps memory
  profile.endRun();
  profile.clear();
  Clock::time_point begin = Clock::now();
  size_t launches = 0;
  do {
    profile.beginRun();
    if (!status)
      status = session.run(inputs, error);
    profile.endRun();
    launches += profile.lastLaunchCount();
  } while (!status && launches < kMostLaunches &&
           std::chrono::duration<double>(Clock::now() - begin).count() < seconds);
  return status;
}

/// "ids i64 [1, 16], mask i64 [1, 16]".
static std::string inputsText(const LoadedLibrary &library, const LibraryInputs &inputs) {
  std::string text;
  for (auto [info, value] : llvm::zip(library.values(inputs.entry, /*outputs=*/false), inputs.values)) {
    auto dims = llvm::map_range(value.dims, [](int64_t dim) { return std::to_string(dim); });
    text += (text.empty() ? "" : ", ") + printable(info.name) + " " + dataTypeName(value.dtype).str() + " [" +
            llvm::join(dims, ", ") + "]";
  }
  return text;
}

static void printText(const LoadedLibrary &library, const LibraryInputs &inputs, const Times &times,
                      const Profile &profile, const Roofline &roofline) {
  double median = times.median();
  auto line = [](StringRef name) -> llvm::raw_ostream & { return llvm::outs() << llvm::left_justify(name, 10); };
  line("inputs") << inputsText(library, inputs) << '\n';
  line("threads") << roofline.threads << '\n';
  line("median") << llvm::formatv("{0}; p95 {1}, fastest {2}, spread {3:f1} % (middle half), {4} runs\n",
                                  timeText(median), timeText(times.quantile(0.95)), timeText(times.sorted.front()),
                                  100 * times.spread(), times.sorted.size());
  line("work") << llvm::formatv("{0:f2} GFLOP, {1}: {2:f1} GFLOP/s, {3:f1} GB/s\n", profile.operations() * 1e-9,
                                sizeText(profile.bytes()), profile.operations() / median, profile.bytes() / median);
  line("roofline") << llvm::formatv("{0:f0} % of what this machine allows: {1:f0} GFLOP/s, {2:f0} GB/s from memory to "
                                    "{3:f0} from the nearest cache\n",
                                    100 * profile.rooflineShare(roofline, median), roofline.flopsPerSecond * 1e-9,
                                    roofline.memories.back().bytesPerSecond * 1e-9,
                                    roofline.memories.front().bytesPerSecond * 1e-9);
}

static json::Object describeBench(const LoadedLibrary &library, const LibraryInputs &inputs, const Times &times,
                                  const Profile &profile, const Roofline &roofline) {
  json::Object dims;
  for (auto [info, value] : llvm::zip(library.values(inputs.entry, /*outputs=*/false), inputs.values))
    dims[json::fixUTF8(info.name)] = json::Array(value.dims);
  json::Array memories;
  for (const Roofline::Memory &memory : roofline.memories)
    memories.push_back(json::Object{{"bytes", memory.bytes}, {"bytes_per_second", memory.bytesPerSecond}});
  double median = times.median();
  return json::Object{
      {"model", json::fixUTF8(library.info().name)},
      {"inputs", std::move(dims)},
      {"threads", roofline.threads},
      {"runs", times.sorted.size()},
      {"median_ns", median},
      {"p95_ns", times.quantile(0.95)},
      {"fastest_ns", times.sorted.front()},
      {"slowest_ns", times.sorted.back()},
      {"spread", times.spread()},
      {"operations", profile.operations()},
      {"bytes", profile.bytes()},
      {"roofline", json::Object{{"flops_per_second", roofline.flopsPerSecond},
                                {"memories", std::move(memories)},
                                {"share", profile.rooflineShare(roofline, median)}}},
  };
}

ExitCode hone::benchCommand(const Options &options, Console &console) {
  llvm::Expected<LoadedLibrary> library = LoadedLibrary::open(options.input);
  if (!library) {
    console.error(library.takeError());
    return ExitInput;
  }
  LibraryInputs inputs;
  if (ExitCode code = readLibraryInputs(options, *library, /*makesUp=*/true, inputs, console))
    return code;
  // One pool for all, so that there is one answer to how many threads there are.
  hone_error error = {};
  hone_options sessionOptions = hone_options_default();
  if (hone_status status = hone_pool_create(library->get(), options.threads, &sessionOptions.pool, &error))
    return printError(*library, status, error, console);
  llvm::scope_exit destroyPool([&] { hone_pool_destroy(sessionOptions.pool); });

  Times times;
  Profile profile;
  {
    BenchSession session;
    hone_status status = session.create(*library, inputs.entry, sessionOptions, error);
    if (!status)
      status = measure(session, inputs, options.seconds, times, error);
    if (status)
      return printError(*library, status, error, console);
  }
  {
    BenchSession session;
    profile.attach(sessionOptions);
    hone_status status = session.create(*library, inputs.entry, sessionOptions, error);
    if (!status)
      status = profileRuns(session, inputs, options.profile ? options.seconds / 2 : 0, profile, error);
    if (status)
      return printError(*library, status, error, console);
  }
  Roofline roofline = Roofline::measure(sessionOptions.pool->threads);
  if (options.json) {
    json::Object object = describeBench(*library, inputs, times, profile, roofline);
    if (options.profile) {
      object["kernels"] = profile.toJson(&roofline);
      object["profiled_run_ns"] = profile.runNanoseconds();
      object["share_of_kernels"] = profile.share();
    }
    llvm::outs() << llvm::formatv("{0:2}\n", json::Value(std::move(object)));
    return writeTrace(options, profile, console);
  }
  printText(*library, inputs, times, profile, roofline);
  return options.profile ? showProfile(options, profile, &roofline, console) : ExitDone;
}
