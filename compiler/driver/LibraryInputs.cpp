// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/LibraryInputs.h"
#include "compiler/driver/Elements.h"
#include "compiler/driver/Manifest.h"
#include "compiler/driver/PinDims.h"
#include "compiler/driver/TensorFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
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
static ExitCode makeInputs(const Options &options, const LoadedLibrary &library, bool makesUp,
                           llvm::ArrayRef<hone_value_info> inputs, std::vector<std::optional<HostTensor>> &tensors,
                           Console &console) {
  llvm::StringMap<int64_t> sizes;
  if (ExitCode code = readSizes(options, library, inputs, tensors, sizes, console))
    return code;
  std::mt19937_64 random(1);
  for (auto [input, tensor] : llvm::zip(inputs, tensors)) {
    if (tensor)
      continue;
    if (!makesUp)
      return usage(console,
                   "input '" + Twine(input.name) + "' has no value; give --input " + input.name + "=FILE or --random");
    HostTensor made;
    made.dtype = onnxDataType(input.dtype);
    int64_t bytes = elementBytes(made.dtype);
    if (!bytes)
      return usage(console, "input '" + Twine(input.name) + "' has elements of type " + dataTypeName(made.dtype) +
                                ", which the command line does not take; use the library from C or Python");
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

ExitCode hone::readLibraryInputs(const Options &options, const LoadedLibrary &library, bool makesUp,
                                 LibraryInputs &inputs, Console &console) {
  if (!options.trace.empty() && llvm::sys::fs::equivalent(options.input, options.trace))
    return usage(console, "--profile=" + options.trace + ": this is the library itself");
  llvm::Expected<int32_t> entry = library.findEntry(options.entry);
  if (!entry)
    return usage(console, "--entry=" + options.entry + ": " + toString(entry.takeError()));
  inputs.entry = *entry;
  std::vector<hone_value_info> infos = library.values(inputs.entry, /*outputs=*/false);
  std::vector<std::optional<HostTensor>> tensors(infos.size());
  if (ExitCode code = readInputs(options, infos, tensors, console))
    return code;
  if (ExitCode code = makeInputs(options, library, makesUp, infos, tensors, console))
    return code;
  for (auto [info, tensor] : llvm::zip(infos, tensors)) {
    int32_t wanted = onnxDataType(info.dtype);
    if (tensor->dtype != wanted) {
      console.error("input '" + Twine(info.name) + "' is " + dataTypeName(wanted) + ", its file has " +
                    dataTypeName(tensor->dtype));
      return ExitInput;
    }
    inputs.values.push_back(std::move(*tensor));
  }
  for (auto [info, value] : llvm::zip(infos, inputs.values))
    inputs.arguments.push_back(
        hone_value_tensor(value.bytes.data(), info.dtype, int32_t(value.dims.size()), value.dims.data()));
  return ExitDone;
}
