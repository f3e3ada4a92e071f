// Tensors in files, against files that NumPy and the onnx package wrote; damaged in every byte and cut at every length.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Npy.h"
#include "compiler/driver/Npz.h"
#include "frontends/onnx/TensorProto.h"
#include "hone/abi.h"
#include "test/unit/driver/TensorSeeds.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace hone;
using llvm::StringRef;

namespace {
template <typename T> std::vector<T> elements(llvm::ArrayRef<char> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

template <typename T> std::string message(llvm::Expected<T> value) {
  return value ? "no error" : llvm::toString(value.takeError());
}

void expectA(int32_t dtype, llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<char> bytes) {
  EXPECT_EQ(dtype, HONE_FLOAT);
  EXPECT_EQ(dims.vec(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(elements<float>(bytes), (std::vector<float>{0, 1, 2, 3, 4, 5}));
}

void expectB(int32_t dtype, llvm::ArrayRef<int64_t> dims, llvm::ArrayRef<char> bytes) {
  EXPECT_EQ(dtype, HONE_INT64);
  EXPECT_EQ(dims.vec(), (std::vector<int64_t>{2}));
  EXPECT_EQ(elements<int64_t>(bytes), (std::vector<int64_t>{7, -8}));
}

/// The array `name` of an archive; its numbers by `expect`.
template <typename Expect> void expectArray(StringRef archive, StringRef name, Expect expect) {
  llvm::Expected<std::string> npy = readNpz(archive, name);
  ASSERT_TRUE(bool(npy)) << llvm::toString(npy.takeError());
  llvm::Expected<HostTensor> tensor = parseNpy(*npy);
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  expect(tensor->dtype, tensor->dims, tensor->bytes);
}

/// Calls `read` with every beginning of `file`, and with each byte of it changed in three ways.
template <typename Read> void damage(std::string file, Read read) {
  for (size_t length = 0; length < file.size(); ++length)
    read(file.substr(0, length));
  for (char &byte : file)
    for (char change : {'\x01', '\x80', '\xff'}) {
      byte ^= change;
      read(file);
      byte ^= change;
    }
}
} // namespace

TEST(NpzTest, ReadsArraysByName) {
  std::string archive = llvm::fromHex(compressedNpz);
  EXPECT_TRUE(isNpz(archive));
  expectArray(archive, "a", expectA);
  expectArray(archive, "b", expectB);
  EXPECT_EQ(message(readNpz(archive, "c")), "has no array 'c'; it has a, b");
}

TEST(NpzTest, TakesTheOnlyArrayUnderAnyName) { expectArray(llvm::fromHex(storedNpz), "x", expectA); }

TEST(NpzTest, NoticesDamage) {
  std::string archive = llvm::fromHex(compressedNpz);
  archive[60] ^= 1; // in the stream of a
  EXPECT_EQ(message(readNpz(archive, "a")), "holds 'a.npy', which is damaged");
  expectArray(archive, "b", expectB);
  EXPECT_EQ(message(readNpz("PK\3\4", "a")), "is a damaged .npz file");
}

/// A directory may promise any size: nothing is allocated on its word.
TEST(NpzTest, DoesNotBelieveSizes) {
  std::string archive = llvm::fromHex(compressedNpz);
  size_t entry = archive.find("PK\1\2");
  archive.replace(entry + 24, 4, "\xfe\xff\xff\xff");
  EXPECT_EQ(message(readNpz(archive, "a")), "holds 'a.npy', which is damaged");
}

TEST(NpzTest, SurvivesAnyBytes) {
  for (const char *file : {compressedNpz, storedNpz})
    damage(llvm::fromHex(file), [](StringRef bytes) {
      for (StringRef name : {"a", "b"})
        if (llvm::Expected<std::string> npy = readNpz(bytes, name))
          consumeError(parseNpy(*npy).takeError());
        else
          consumeError(npy.takeError());
    });
}

TEST(NpyTest, SurvivesAnyBytes) {
  std::string file = llvm::cantFail(readNpz(llvm::fromHex(storedNpz), ""));
  EXPECT_TRUE(isNpy(file));
  damage(file, [](StringRef bytes) { consumeError(parseNpy(bytes).takeError()); });
  file[6] = 4;
  EXPECT_EQ(message(parseNpy(file)), "is no .npy file of version 1 to 3");
}

TEST(TensorProtoTest, ReadsRawAndTypedData) {
  llvm::Expected<OnnxTensor> raw = parseTensorProto(llvm::fromHex(rawProto));
  ASSERT_TRUE(bool(raw)) << llvm::toString(raw.takeError());
  expectA(int32_t(raw->type), raw->dims, llvm::ArrayRef(raw->bytes.data(), raw->bytes.size()));
  llvm::Expected<OnnxTensor> typed = parseTensorProto(llvm::fromHex(typedProto));
  ASSERT_TRUE(bool(typed)) << llvm::toString(typed.takeError());
  expectB(int32_t(typed->type), typed->dims, llvm::ArrayRef(typed->bytes.data(), typed->bytes.size()));
}

TEST(TensorProtoTest, SaysWhatDoesNotFit) {
  EXPECT_EQ(message(parseTensorProto("")), "is no TensorProto");
  EXPECT_EQ(message(parseTensorProto("PK\3\4")), "is no TensorProto");
  std::string file = llvm::fromHex(rawProto);
  file[3] = 4; // 2 x 4
  EXPECT_EQ(message(parseTensorProto(file)), "has 24 bytes of data; its shape [2x4] of float needs 32");
  for (const char *proto : {rawProto, typedProto})
    damage(llvm::fromHex(proto), [](StringRef bytes) { consumeError(parseTensorProto(bytes).takeError()); });
}
