// A scanner of protobuf's wire format that knows just enough of onnx.proto to find tensors.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "frontends/onnx/Strip.h"
#include "llvm/ADT/Twine.h"
#include <optional>

using namespace hone;
using llvm::Error;
using llvm::StringRef;

namespace {

/// Messages the scanner descends into; everything else is a Leaf.
enum Message { Model, Graph, Node, Attribute, Tensor, SparseTensor, Function, Training, Leaf };

/// Field numbers of TensorProto.
enum TensorField { FloatData = 4, RawData = 9, DoubleData = 10, ExternalData = 13, DataLocation = 14 };
/// Values of TensorProto.DataLocation.
enum Location { Default = 0, External = 1 };

enum WireType { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

/// Protobuf's own limit.
constexpr unsigned kMaxDepth = 100;
/// A field of two bytes can cost a hundred in memory; the largest models have some hundred thousand.
constexpr uint64_t kMaxFields = 8 << 20;
constexpr uint64_t kMaxStripped = 1 << 30;
/// Of a length, as protobuf reads it.
constexpr uint64_t kMaxLengthBytes = 5;

} // namespace

static Message messageOf(Message parent, uint32_t field) {
  switch (parent) {
  case Model:
    return field == 7 ? Graph : field == 25 ? Function : field == 20 ? Training : Leaf;
  case Training:
    return field == 1 || field == 2 ? Graph : Leaf;
  case Graph:
    return field == 1 ? Node : field == 5 ? Tensor : field == 15 ? SparseTensor : Leaf;
  case Function:
    return field == 7 ? Node : field == 11 ? Attribute : Leaf;
  case Node:
    return field == 5 ? Attribute : Leaf;
  case Attribute:
    return field == 5 || field == 10    ? Tensor
           : field == 6 || field == 11  ? Graph
           : field == 22 || field == 23 ? SparseTensor
                                        : Leaf;
  case SparseTensor:
    return field == 1 || field == 2 ? Tensor : Leaf;
  case Tensor:
  case Leaf:
    return Leaf;
  }
  llvm_unreachable("all messages are listed");
}

static void putVarint(std::string &out, uint64_t value) {
  for (; value > 127; value >>= 7)
    out += char(value | 128);
  out += char(value);
}

static std::string bytesField(uint32_t field, StringRef value) {
  std::string out;
  putVarint(out, field << 3 | Bytes);
  putVarint(out, value.size());
  out.append(value.data(), value.size());
  return out;
}

namespace {

class Stripper {
public:
  Stripper(StringRef file, uint64_t threshold) : file(file), threshold(threshold) {}

  /// Copies the message in [offset, end) to `result`.
  Error copy(Message message, uint64_t offset, uint64_t end, unsigned depth);

  StrippedModel result;

private:
  StringRef file;
  uint64_t threshold;
  uint64_t fields = 0;

  Error fail(uint64_t offset, const llvm::Twine &what) const {
    return llvm::createStringError("not a well-formed ONNX model: " + what + " at byte " + llvm::Twine(offset));
  }
  std::optional<uint64_t> readVarint(uint64_t &offset, uint64_t end) const;
  /// The only way into the result: what comes from the file at `offset`, or stands for it.
  Error append(StringRef bytes, uint64_t offset);
  Error copyInner(Message message, uint64_t start, uint64_t content, uint64_t end, unsigned depth);
  Error replacePayload(uint32_t field, uint64_t offset, uint64_t length);
};

} // namespace

std::optional<uint64_t> Stripper::readVarint(uint64_t &offset, uint64_t end) const {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 70 && offset < end; shift += 7) {
    uint8_t byte = file[offset++];
    if (shift < 64)
      value |= uint64_t(byte & 127) << shift;
    if (byte < 128)
      return value;
  }
  return std::nullopt;
}

Error Stripper::append(StringRef bytes, uint64_t offset) {
  if (bytes.size() > kMaxStripped - result.bytes.size())
    return fail(offset, "more than 1 GiB apart from weights");
  result.bytes.append(bytes.data(), bytes.size());
  return Error::success();
}

/// Copies the message in [content, end), whose field begins at `start`.
Error Stripper::copyInner(Message message, uint64_t start, uint64_t content, uint64_t end, unsigned depth) {
  // Its length, known afterwards, gets the room that it has in the file, as far as protobuf reads it: messages only
  // shrink, and none is copied once more for each that it is in.
  uint64_t tagEnd = start;
  readVarint(tagEnd, content);
  uint64_t width = std::min(content - tagEnd, kMaxLengthBytes);
  if (Error error = append(file.slice(start, tagEnd), start))
    return error;
  if (Error error = append(std::string(width, '\0'), start))
    return error;
  uint64_t begin = result.bytes.size();
  if (Error error = copy(message, content, end, depth))
    return error;
  uint64_t length = result.bytes.size() - begin;
  for (uint64_t i = 0; i < width; ++i, length >>= 7)
    result.bytes[begin - width + i] = char((length & 127) | (i + 1 < width ? 128 : 0));
  return Error::success();
}

Error Stripper::replacePayload(uint32_t field, uint64_t offset, uint64_t length) {
  std::string out;
  auto entry = [&](StringRef key, StringRef value) {
    out += bytesField(ExternalData, bytesField(1, key) + bytesField(2, value));
  };
  entry("location", kOnnxSelfLocation);
  entry("offset", std::to_string(offset));
  entry("length", std::to_string(length));
  result.payloads.push_back({offset, length, field});
  return append(out, offset);
}

Error Stripper::copy(Message message, uint64_t offset, uint64_t end, unsigned depth) {
  if (depth > kMaxDepth)
    return fail(offset, "messages nested more than " + llvm::Twine(kMaxDepth) + " deep");
  bool hasPayload = false;
  // Written last: of a field that stands twice, protobuf takes the last, and the file's own may follow the payload.
  uint64_t location = Default;
  uint64_t begin = offset;
  while (offset < end) {
    uint64_t start = offset;
    std::optional<uint64_t> tag = readVarint(offset, end);
    if (!tag || *tag > UINT32_MAX || *tag < 8)
      return fail(start, "bad field number");
    if (++fields > kMaxFields)
      return fail(start, "more than " + llvm::Twine(kMaxFields) + " fields");
    uint32_t field = *tag >> 3;

    switch (*tag & 7) {
    case Varint: {
      std::optional<uint64_t> value = readVarint(offset, end);
      if (!value)
        return fail(start, "bad integer");
      if (message == Tensor && field == DataLocation) {
        location = *value;
        continue;
      }
      break;
    }
    case Fixed64:
    case Fixed32: {
      uint64_t size = (*tag & 7) == Fixed64 ? 8 : 4;
      if (end - offset < size)
        return fail(start, "truncated number");
      offset += size;
      break;
    }
    case Bytes: {
      std::optional<uint64_t> length = readVarint(offset, end);
      if (!length || *length > end - offset)
        return fail(start, "a field longer than what holds it");
      uint64_t content = offset;
      offset += *length;
      if (Message inner = messageOf(message, field); inner != Leaf) {
        if (Error error = copyInner(inner, start, content, offset, depth + 1))
          return error;
        continue;
      }
      if (message == Tensor && (field == RawData || field == FloatData || field == DoubleData) && *length > threshold) {
        if (std::exchange(hasPayload, true))
          return fail(start, "two payloads in one tensor");
        if (Error error = replacePayload(field, content, *length))
          return error;
        continue;
      }
      break;
    }
    default:
      return fail(start, "bad wire type");
    }
    if (Error error = append(file.slice(start, offset), start))
      return error;
  }
  if (hasPayload && location != Default)
    return fail(begin, "a tensor with values both in the model and in another file");
  if (hasPayload)
    location = External;
  if (location == Default)
    return Error::success();
  std::string out;
  putVarint(out, DataLocation << 3 | Varint);
  putVarint(out, location);
  return append(out, end);
}

llvm::Expected<StrippedModel> hone::stripModel(StringRef file, uint64_t threshold) {
  Stripper stripper(file, threshold);
  if (Error error = stripper.copy(Model, 0, file.size(), 0))
    return error;
  return std::move(stripper.result);
}
