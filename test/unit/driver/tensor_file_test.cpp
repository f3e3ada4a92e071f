// Tensors in files, against files that NumPy and the onnx package wrote; damaged in every byte and cut at every length.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Npy.h"
#include "compiler/driver/Npz.h"
#include "frontends/onnx/TensorProto.h"
#include "hone/abi.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <cstring>

using namespace hone;
using llvm::StringRef;

// a = numpy.arange(6, dtype=numpy.float32).reshape(2, 3); b = numpy.array([7, -8], numpy.int64)

/// numpy.savez_compressed("c.npz", a=a, b=b)
static const char compressedNpz[] =
    "504b03042d0000000800000021004fe9002affffffffffffffff05001400612e6e707901001000980000000000000055000000000000"
    "009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a2aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416"
    "a402f91a463a0ac69a3a0ab50a64032e063068b007120e4004c40d40bcc00100504b03042d000000080000002100f99b0bb6ffffffff"
    "ffffffff05001400622e6e70790100100090000000000000004b000000000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a0"
    "6e9369a1aea3a09e965f54529498179f5f94920a12774bcc294e058a17672416a402f91a463a9a3a0ab50a14002e760608f8f11f0200"
    "504b01022d032d0000000800000021004fe9002a5500000098000000050000000000000000000000800100000000612e6e7079504b01"
    "022d032d000000080000002100f99b0bb64b0000009000000005000000000000000000000080018c000000622e6e7079504b05060000"
    "000002000200660000000e0100000000";
/// numpy.savez("one.npz", a)
static const char storedNpz[] =
    "504b03042d0000000000000021004fe9002affffffffffffffff090014006172725f302e6e7079010010009800000000000000980000"
    "0000000000934e554d5059010076007b276465736372273a20273c6634272c2027666f727472616e5f6f72646572273a2046616c7365"
    "2c20277368617065273a2028322c2033292c207d20202020202020202020202020202020202020202020202020202020202020202020"
    "2020202020202020202020202020202020202020202020200a000000000000803f0000004000004040000080400000a040504b01022d"
    "032d0000000000000021004fe9002a98000000980000000900000000000000000000008001000000006172725f302e6e7079504b0506"
    "000000000100010037000000d30000000000";
/// onnx.numpy_helper.from_array(a, "a"): raw_data
static const char rawProto[] = "0802080310014201614a18000000000000803f0000004000004040000080400000a040";
/// onnx.helper.make_tensor("b", onnx.TensorProto.INT64, [2], [7, -8]): int64_data
static const char typedProto[] = "080210073a0b07f8ffffffffffffffff01420162";

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
