// hone run: one call of a compiled library.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Commands.h"
#include "compiler/driver/LoadedLibrary.h"
#include "compiler/driver/Manifest.h"
#include "compiler/driver/PinDims.h"
#include "compiler/driver/TensorFile.h"
#include "dialects/hone/BFloat16.h"
#include "hone/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace hone;
using llvm::StringRef;
using llvm::Twine;

/// An error of the command line, as opposed to one of a file or a run.
static ExitCode usage(Console &console, const Twine &text) {
  console.error(text);
  return ExitUsage;
}

//===-- Elements ------------------------------------------------------------------------------------------------===//

namespace {
struct BFloat16 {
  BFloat16(double value = 0) : bits(toBFloat16(value)) {}
  operator double() const { return fromBFloat16(bits); }
  uint16_t bits;
};
} // namespace

/// Calls `function` with a value of the C type that `dtype` has in memory.
template <typename Function> static bool withType(int32_t dtype, Function &&function) {
  switch (dtype) {
  case HONE_FLOAT:
    return function(float()), true;
  case HONE_DOUBLE:
    return function(double()), true;
  case HONE_FLOAT16:
    return function(_Float16()), true;
  case HONE_BFLOAT16:
    return function(BFloat16()), true;
  case HONE_BOOL:
  case HONE_UINT8:
    return function(uint8_t()), true;
  case HONE_INT8:
    return function(int8_t()), true;
  case HONE_INT16:
    return function(int16_t()), true;
  case HONE_UINT16:
    return function(uint16_t()), true;
  case HONE_INT32:
    return function(int32_t()), true;
  case HONE_UINT32:
    return function(uint32_t()), true;
  case HONE_INT64:
    return function(int64_t()), true;
  case HONE_UINT64:
    return function(uint64_t()), true;
  default:
    return false;
  }
}

/// Fills `tensor`: floats in [-1, 1), integers 0 and 1, which are valid as masks and as ids of any vocabulary.
static void fillRandom(HostTensor &tensor, std::mt19937_64 &random) {
  withType(tensor.dtype, [&](auto sample) {
    using T = decltype(sample);
    for (size_t at = 0; at < tensor.bytes.size(); at += sizeof(T)) {
      T value;
      if constexpr (std::is_integral_v<T>)
        value = T(random() >> 63);
      else
        value = T(double(random() >> 11) * 0x1p-52 - 1);
      std::memcpy(tensor.bytes.data() + at, &value, sizeof(T));
    }
  });
}

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

//===-- Inputs --------------------------------------------------------------------------------------------------===//

/// Reads the files of --input into `tensors`, which has a place for each input of the library.
static ExitCode readInputs(const Options &options, llvm::ArrayRef<hone_value_info> inputs,
                           std::vector<std::optional<HostTensor>> &tensors, Console &console) {
  for (StringRef text : options.inputs) {
    auto assignment = splitAssignment("--input", text);
    if (!assignment)
      return usage(console, toString(assignment.takeError()));
    auto input = llvm::find_if(inputs, [&](const hone_value_info &info) { return assignment->first == info.name; });
    if (input == inputs.end()) {
      auto names = llvm::map_range(inputs, [](const hone_value_info &info) { return StringRef(info.name); });
      return usage(console, "--input " + text + ": the library has no input '" + assignment->first + "'; it has " +
                                llvm::join(names, ", "));
    }
    std::optional<HostTensor> &place = tensors[input - inputs.begin()];
    if (place)
      return usage(console, "--input " + text + ": the input has a value already");
    llvm::Expected<HostTensor> tensor = readTensor(assignment->second, assignment->first);
    if (!tensor) {
      console.error(tensor.takeError());
      return ExitInput;
    }
    place = std::move(*tensor);
  }
  return ExitDone;
}

/// The sizes that symbols have by --dim, or by the inputs that have a value.
static ExitCode readSizes(const Options &options, const LoadedLibrary &library, llvm::ArrayRef<hone_value_info> inputs,
                          llvm::ArrayRef<std::optional<HostTensor>> tensors, llvm::StringMap<int64_t> &sizes,
                          Console &console) {
  llvm::SetVector<StringRef> symbols;
  for (const hone_value_info &input : inputs)
    for (int64_t dim : llvm::ArrayRef(input.dims, input.rank))
      if (const char *symbol = hone_library_symbol(library.get(), dim))
        symbols.insert(symbol);
  for (StringRef text : options.dims) {
    auto assignment = splitAssignment("--dim", text);
    if (!assignment)
      return usage(console, toString(assignment.takeError()));
    int64_t size;
    if (StringRef(assignment->second).getAsInteger(10, size) || size < 0)
      return usage(console, "--dim " + text + ": '" + assignment->second + "' is no size");
    if (!symbols.contains(assignment->first))
      return usage(console, "--dim " + text + ": the inputs have no dim '" + assignment->first + "'; they have " +
                                (symbols.empty() ? "none with a name" : llvm::join(symbols, ", ")));
    sizes[assignment->first] = size;
  }
  for (auto [input, tensor] : llvm::zip(inputs, tensors))
    if (tensor)
      for (auto [dim, size] : llvm::zip(llvm::ArrayRef(input.dims, input.rank), tensor->dims))
        if (const char *symbol = hone_library_symbol(library.get(), dim)) {
          auto [known, isNew] = sizes.try_emplace(symbol, size);
          if (!isNew && known->second != size && !options.dims.empty())
            return usage(console, "input '" + llvm::Twine(input.name) + "' has " + llvm::Twine(size) + " for dim '" +
                                      symbol + "', which is " + llvm::Twine(known->second) +
                                      " by --dim or another input");
        }
  return ExitDone;
}

/// Makes up the inputs that have no value yet.
static ExitCode makeInputs(const Options &options, const LoadedLibrary &library, llvm::ArrayRef<hone_value_info> inputs,
                           std::vector<std::optional<HostTensor>> &tensors, Console &console) {
  llvm::StringMap<int64_t> sizes;
  if (ExitCode code = readSizes(options, library, inputs, tensors, sizes, console))
    return code;
  std::mt19937_64 random(1);
  for (auto [input, tensor] : llvm::zip(inputs, tensors)) {
    if (tensor)
      continue;
    if (!options.random)
      return usage(console,
                   "input '" + Twine(input.name) + "' has no value; give --input " + input.name + "=FILE or --random");
    HostTensor made;
    made.dtype = onnxDataType(input.dtype);
    int64_t bytes = elementBytes(made.dtype);
    if (!bytes)
      return usage(console, "input '" + Twine(input.name) + "' has elements of type " + dataTypeName(made.dtype) +
                                ", which hone run does not take; use the library from C or Python");
    for (int64_t dim : llvm::ArrayRef(input.dims, input.rank)) {
      auto size = sizes.find(library.dimText(dim));
      made.dims.push_back(dim >= 0 ? dim : size == sizes.end() ? 1 : size->second);
      if (llvm::MulOverflow(bytes, made.dims.back(), bytes) || bytes > int64_t(1) << 40)
        return usage(console, "input '" + Twine(input.name) + "' is too large");
    }
    if (void *room = std::malloc(bytes); room || !bytes) {
      std::free(room);
    } else {
      console.error("input '" + Twine(input.name) + "' takes " + Twine(bytes) + " bytes, for which there is no memory");
      return ExitInput;
    }
    made.bytes.resize(bytes);
    fillRandom(made, random);
    tensor = std::move(made);
  }
  return ExitDone;
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
                             llvm::ArrayRef<hone_output> outputs, Console &console) {
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

static ExitCode statusError(const LoadedLibrary &library, hone_status status, const hone_error &error,
                            Console &console) {
  if (status != HONE_INTERNAL || !library.isUnchanged())
    return console.error(errorText(error)), ExitInput;
  return console.fault(errorText(error)), ExitFault;
}

ExitCode hone::runCommand(const Options &options, Console &console) {
  llvm::Expected<LoadedLibrary> library = LoadedLibrary::open(options.input);
  if (!library) {
    console.error(library.takeError());
    return ExitInput;
  }
  std::vector<hone_value_info> inputs = library->values(false), outputs = library->values(true);
  std::vector<std::optional<HostTensor>> values(inputs.size());
  if (ExitCode code = readInputs(options, inputs, values, console))
    return code;
  if (ExitCode code = makeInputs(options, *library, inputs, values, console))
    return code;
  std::vector<hone_tensor> tensors;
  for (auto [input, value] : llvm::zip(inputs, values)) {
    int32_t wanted = onnxDataType(input.dtype);
    if (value->dtype != wanted) {
      console.error("input '" + Twine(input.name) + "' is " + dataTypeName(wanted) + ", its file has " +
                    dataTypeName(value->dtype));
      return ExitInput;
    }
    tensors.push_back(
        hone_tensor_make(value->bytes.data(), input.dtype, int32_t(value->dims.size()), value->dims.data()));
  }

  hone_options sessionOptions = hone_options_default();
  sessionOptions.threads = options.threads;
  hone_session *session = nullptr;
  hone_error error = {};
  if (hone_status status = hone_session_create(library->get(), &sessionOptions, &session, &error))
    return statusError(*library, status, error, console);
  std::vector<hone_output> results(outputs.size(), hone_output());
  auto start = std::chrono::steady_clock::now();
  hone_status status =
      hone_run(session, tensors.data(), int32_t(tensors.size()), results.data(), int32_t(results.size()), &error);
  std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  ExitCode code =
      status ? statusError(*library, status, error, console) : printOutputs(options, outputs, results, console);
  hone_session_destroy(session);
  if (code == ExitDone)
    llvm::outs() << llvm::formatv("{0:f2} ms, the first run of a fresh session\n", time.count());
  return code;
}
