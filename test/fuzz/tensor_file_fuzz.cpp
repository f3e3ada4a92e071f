// libFuzzer target: the files of tensors that `hone run` reads, .npy, .npz and .pb. Any bytes give a tensor, with as
// many bytes as its type and dims say, or an error that names the file.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "compiler/driver/Npz.h"
#include "compiler/driver/TensorFile.h"
#include "test/fuzz/Fuzz.h"
#include "test/unit/driver/TensorSeeds.h"
#include "llvm/ADT/StringExtras.h"
#include <cstring>

using namespace hone;

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

/// The first byte says what the file is called.
static constexpr llvm::StringRef names[] = {"t.npy", "t.npz", "t.pb"};

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned random) {
  static const std::pair<uint8_t, std::string> seeds[] = {{1, llvm::fromHex(compressedNpz)},
                                                          {1, llvm::fromHex(storedNpz)},
                                                          {0, llvm::cantFail(readNpz(llvm::fromHex(storedNpz), ""))},
                                                          {2, llvm::fromHex(rawProto)},
                                                          {2, llvm::fromHex(typedProto)}};
  const auto &[name, seed] = seeds[random % std::size(seeds)];
  if (size < 16 && seed.size() < maxSize) {
    data[0] = name;
    std::memcpy(data + 1, seed.data(), seed.size());
    return seed.size() + 1;
  }
  return LLVMFuzzerMutate(data, size, maxSize);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (!size)
    return 0;
  llvm::StringRef bytes(reinterpret_cast<const char *>(data + 1), size - 1);
  std::string path = fileOf(bytes, names[data[0] % std::size(names)]);
  llvm::Expected<HostTensor> tensor = readTensor(path, "a");
  if (!tensor) {
    std::string text = llvm::toString(tensor.takeError());
    if (!llvm::StringRef(text).contains(path))
      fail("an error that does not name the file: " + text);
    return 0;
  }
  unsigned __int128 expected = elementBytes(tensor->dtype);
  for (int64_t dim : tensor->dims)
    expected = dim < 0 || expected > UINT64_MAX ? ~(unsigned __int128)0 : expected * uint64_t(dim);
  if (!elementBytes(tensor->dtype) || expected != tensor->bytes.size())
    fail("a tensor of " + llvm::Twine(tensor->bytes.size()) + " bytes, other than its type and dims say");
  return 0;
}
