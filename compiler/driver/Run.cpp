// hone run: one call of a compiled library.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"
#include "compiler/driver/Elements.h"
#include "compiler/driver/LibraryInputs.h"
#include "compiler/driver/Manifest.h"
#include "compiler/driver/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Path.h"
#include <chrono>
#include <cmath>
#include <cstring>

using namespace hone;
using llvm::StringRef;
using llvm::Twine;

/// "min -1.2, max 3.4, mean 0.1", with a word about NaNs and infinities.
static std::string rangeText(int32_t dtype, StringRef bytes) {
  double least = INFINITY, most = -INFINITY, sum = 0;
  size_t count = 0, odd = 0;
  bool isKnown = withType(dtype, [&](auto sample) {
    using T = decltype(sample);
    for (size_t at = 0; at < bytes.size(); at += sizeof(T)) {
      T value;
      std::memcpy(&value, bytes.data() + at, sizeof(T));
      if (!std::isfinite(double(value))) {
        ++odd;
        continue;
      }
      least = std::min(least, double(value)), most = std::max(most, double(value)), sum += double(value);
      ++count;
    }
  });
  if (!isKnown)
    return "two elements a byte, not shown";
  std::string text = "empty";
  if (count) {
    text.clear();
    llvm::raw_string_ostream(text) << llvm::format("min %.6g, max %.6g, mean %.6g", least, most, sum / count);
  }
  if (odd)
    text = (count ? text + ", " : "") + std::to_string(odd) + " not finite";
  return text;
}

//===-- The run -------------------------------------------------------------------------------------------------===//

/// The name of the file for output `name`, whose characters may be any; none of those in `taken`, to which it is added.
static std::string fileName(StringRef name, llvm::StringSet<> &taken) {
  std::string file;
  for (char c : name)
    file += llvm::isAlnum(c) || c == '_' || c == '-' || c == '.' ? c : '_';
  while (!taken.insert(file).second)
    file += '_';
  return file + ".npy";
}

static ExitCode printOutputs(const Options &options, llvm::ArrayRef<hone_value_info> infos,
                             llvm::ArrayRef<hone_value> outputs, Console &console) {
  if (!options.output.empty()) {
    std::error_code error = llvm::sys::fs::create_directories(options.output);
    if (!error && !llvm::sys::fs::is_directory(options.output))
      error = std::make_error_code(std::errc::file_exists);
    if (error) {
      console.error("cannot make the folder '" + options.output + "': " + error.message());
      return ExitInput;
    }
  }
  llvm::StringSet<> files;
  for (auto [info, output] : llvm::zip(infos, outputs)) {
    int32_t dtype = onnxDataType(output.tensor.dtype);
    llvm::ArrayRef<int64_t> dims(output.tensor.shape, output.tensor.ndim);
    size_t size = elementBytes(dtype);
    for (int64_t dim : dims)
      size *= dim;
    StringRef bytes(static_cast<const char *>(output.tensor.data) + output.tensor.byte_offset, size);
    llvm::outs() << llvm::left_justify(printable(info.name), 24) << ' ' << dataTypeName(dtype) << " [";
    llvm::interleaveComma(dims, llvm::outs());
    llvm::outs() << "]  " << rangeText(dtype, bytes);
    if (options.output.empty()) {
      llvm::outs() << '\n';
      continue;
    }
    std::string file = fileName(info.name, files);
    llvm::outs() << (file == StringRef(info.name).str() + ".npy" ? "" : "  in " + file) << '\n';
    llvm::SmallString<128> path(options.output);
    llvm::sys::path::append(path, file);
    if (llvm::Error error = writeNpy(path, dtype, dims, bytes)) {
      console.error(std::move(error));
      return ExitInput;
    }
  }
  return ExitDone;
}

ExitCode hone::runCommand(const Options &options, Console &console) {
  llvm::Expected<LoadedLibrary> library = LoadedLibrary::open(options.input);
  if (!library) {
    console.error(library.takeError());
    return ExitInput;
  }
  LibraryInputs inputs;
  if (ExitCode code = readLibraryInputs(options, *library, options.random, inputs, console))
    return code;
  std::vector<hone_value_info> outputs = library->values(inputs.entry, /*outputs=*/true);

  hone_options sessionOptions = hone_options_default();
  sessionOptions.threads = options.threads;
  Profile profile;
  if (options.profile)
    profile.attach(sessionOptions);
  hone_session *session = nullptr;
  hone_error error = {};
  if (hone_status status = hone_session_create(library->get(), &sessionOptions, &session, &error))
    return printError(*library, status, error, console);
  std::vector<hone_value> results(outputs.size(), hone_value_make());
  profile.beginRun();
  auto start = std::chrono::steady_clock::now();
  hone_status status = hone_run(session, inputs.entry, inputs.arguments.data(), int32_t(inputs.arguments.size()),
                                results.data(), int32_t(results.size()), &error);
  std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  profile.endRun();
  ExitCode code =
      status ? printError(*library, status, error, console) : printOutputs(options, outputs, results, console);
  hone_session_destroy(session);
  if (code == ExitDone)
    llvm::outs() << llvm::formatv("{0:f2} ms, the first run of a fresh session\n", time.count());
  if (code == ExitDone && options.profile)
    code = showProfile(options, profile, /*roofline=*/nullptr, console);
  return code;
}
