// Where a library's time goes, launch by launch.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_PROFILE_H
#define HONE_COMPILER_DRIVER_PROFILE_H

#include "compiler/driver/Console.h"
#include "compiler/driver/Options.h"
#include "compiler/driver/Roofline.h"
#include "hone/hone.h"
#include "llvm/Support/JSON.h"
#include <string>
#include <vector>

namespace hone {

/// The launches of some runs.
class Profile {
public:
  /// Makes a session with `options` tell of its launches. The profile must outlive the session, and stay in its place.
  void attach(hone_options &options);
  void beginRun();
  void endRun();
  void clear() { runs.clear(); }

  /// What one kernel took in all runs.
  struct Kernel {
    std::string symbol, family;
    std::vector<std::string> nodes; ///< of each of its launches in a run
    int64_t launches = 0;           ///< in all runs
    double nanoseconds = 0, operations = 0, bytes = 0, predicted = 0;
  };
  /// The kernels, the longest first.
  std::vector<Kernel> kernels() const;

  /// Of one run, as a mean.
  double operations() const;
  double bytes() const;
  double runNanoseconds() const;
  /// The share of the runs' time in which kernels ran.
  double share() const;
  /// The share of what `roofline` allows that a run of `nanoseconds` reaches.
  double rooflineShare(const Roofline &roofline, double nanoseconds) const;
  /// Launches of the last run, which counts as one itself.
  size_t lastLaunchCount() const { return runs.back().launches.size() + 1; }

  /// The events of the first runs in the Trace Event Format, which ui.perfetto.dev and chrome://tracing show.
  llvm::json::Object trace() const;
  /// The kernels as a table; `roofline` may be null.
  void print(const Roofline *roofline) const;
  llvm::json::Array toJson(const Roofline *roofline) const;

private:
  struct Run {
    int64_t begin, end; ///< nanoseconds of the monotonic clock
    std::vector<hone_launch_event> launches;
  };

  /// What all launches of a kernel took if each of its bytes came from where as many as one run has fit.
  double leastSeconds(const Kernel &kernel, const Roofline &roofline) const;

  std::vector<Run> runs;
};

/// Prints a profile, and writes its trace where --profile=FILE says.
ExitCode showProfile(const Options &options, const Profile &profile, const Roofline *roofline, Console &console);
/// Only the latter.
ExitCode writeTrace(const Options &options, const Profile &profile, Console &console);

} // namespace hone

#endif
