// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. A Python dictionary in ASCII,
// then the elements.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Npy.h"
#include "hone/abi.h"
#include "support/OutputFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cstring>
#include <utility>

using namespace hone;
using llvm::StringRef;
using llvm::Twine;

static constexpr llvm::StringLiteral kMagic = "\x93NUMPY";

namespace {
struct ElementType {
  int32_t dtype;
  StringRef descr; ///< as NumPy writes it, without the byte order
  unsigned bytes;
};
} // namespace

static const ElementType kElementTypes[] = {
    {HONE_FLOAT, "f4", 4},    {HONE_DOUBLE, "f8", 8}, {HONE_FLOAT16, "f2", 2}, {HONE_BOOL, "b1", 1},
    {HONE_INT8, "i1", 1},     {HONE_INT16, "i2", 2},  {HONE_INT32, "i4", 4},   {HONE_INT64, "i8", 8},
    {HONE_UINT8, "u1", 1},    {HONE_UINT16, "u2", 2}, {HONE_UINT32, "u4", 4},  {HONE_UINT64, "u8", 8},
    {HONE_BFLOAT16, "V2", 2}, // as NumPy writes the type of ml_dtypes, which it does not know
};

static const ElementType *findType(int32_t dtype) {
  return llvm::find_if(kElementTypes, [&](const ElementType &type) { return type.dtype == dtype; });
}

unsigned hone::elementBytes(int32_t dtype) {
  const ElementType *type = findType(dtype);
  return type == std::end(kElementTypes) ? 0 : type->bytes;
}

/// The text behind `'key':` in the header.
static StringRef valueOf(StringRef header, StringRef key) {
  size_t at = header.find(("'" + key + "':").str());
  return at == StringRef::npos ? StringRef() : header.substr(at + key.size() + 3).ltrim();
}

/// "(2, 3)", "(2,)" or "()". False if it is none of them.
static bool parseShape(StringRef text, std::vector<int64_t> &dims) {
  if (!text.consume_front("("))
    return false;
  llvm::SmallVector<StringRef> parts;
  text.take_until([](char c) { return c == ')'; }).split(parts, ',');
  for (StringRef part : parts) {
    int64_t size;
    if (part.trim().empty())
      continue;
    if (part.trim().getAsInteger(10, size) || size < 0)
      return false;
    dims.push_back(size);
  }
  return true;
}

/// Turns elements of `width` bytes, the first dim varying fastest, into row-major order.
static std::vector<char> fromFortranOrder(StringRef elements, llvm::ArrayRef<int64_t> dims, size_t width) {
  std::vector<char> result(elements.size());
  std::vector<size_t> strides(dims.size(), width);
  for (size_t i = 1; i < dims.size(); ++i)
    strides[i] = strides[i - 1] * dims[i - 1];
  std::vector<int64_t> index(dims.size(), 0);
  for (size_t at = 0, from = 0; at < result.size(); at += width) {
    std::memcpy(result.data() + at, elements.data() + from, width);
    for (size_t i = dims.size(); i-- > 0;) {
      from += strides[i];
      if (++index[i] < dims[i])
        break;
      from -= strides[i] * std::exchange(index[i], 0);
    }
  }
  return result;
}

bool hone::isNpy(StringRef bytes) { return bytes.starts_with(kMagic); }

llvm::Expected<HostTensor> hone::parseNpy(StringRef bytes) {
  auto fail = [](const Twine &text) { return llvm::createStringError(text); };
  if (!bytes.consume_front(kMagic) || bytes.size() < 6 || bytes[0] < 1 || bytes[0] > 3)
    return fail("is no .npy file of version 1 to 3");
  size_t lengthBytes = bytes[0] == 1 ? 2 : 4;
  size_t length = lengthBytes == 2 ? llvm::support::endian::read16le(bytes.data() + 2)
                                   : llvm::support::endian::read32le(bytes.data() + 2);
  bytes = bytes.drop_front(2 + lengthBytes);
  if (length > bytes.size())
    return fail("ends within its header");
  StringRef header = bytes.take_front(length), elements = bytes.drop_front(length);

  StringRef descr = valueOf(header, "descr");
  if (!descr.consume_front("'"))
    return fail("has fields, not plain elements");
  descr = descr.take_until([](char c) { return c == '\''; });
  bool isBigEndian = descr.starts_with(">");
  const auto *type = llvm::find_if(kElementTypes, [&](const ElementType &t) { return t.descr == descr.ltrim("<>|="); });
  if (type == std::end(kElementTypes))
    return fail("has elements of type '" + descr + "', which no model takes");
  StringRef order = valueOf(header, "fortran_order");
  bool isFortran = order.starts_with("True");
  if (!isFortran && !order.starts_with("False"))
    return fail("does not say in which order its elements are");

  HostTensor tensor;
  tensor.dtype = type->dtype;
  if (!parseShape(valueOf(header, "shape"), tensor.dims))
    return fail("has no shape that can be read");
  int64_t size = type->bytes;
  for (int64_t dim : tensor.dims)
    if (llvm::MulOverflow(size, dim, size))
      return fail("has a shape that is too large");
  if (elements.size() != uint64_t(size))
    return fail("has " + Twine(elements.size()) + " bytes of elements, its shape needs " + Twine(size));
  if (isFortran)
    tensor.bytes = fromFortranOrder(elements, tensor.dims, type->bytes);
  else
    tensor.bytes.assign(elements.begin(), elements.end());
  if (isBigEndian)
    for (size_t at = 0; at < tensor.bytes.size(); at += type->bytes)
      std::reverse(tensor.bytes.begin() + at, tensor.bytes.begin() + at + type->bytes);
  return tensor;
}

llvm::Error hone::writeNpy(StringRef path, int32_t dtype, llvm::ArrayRef<int64_t> dims, StringRef bytes) {
  const ElementType *type = findType(dtype);
  if (type == std::end(kElementTypes))
    return llvm::createStringError("NumPy's format has no elements of ONNX's type " + Twine(dtype));
  std::string shape;
  for (int64_t dim : dims)
    shape += std::to_string(dim) + ", ";
  std::string header =
      ("{'descr': '" + Twine(type->bytes == 1 ? "|" : "<") + type->descr + "', 'fortran_order': False, 'shape': (" +
       StringRef(shape).rtrim(dims.size() > 1 ? ", " : " ") + "), }")
          .str();
  // Elements begin at a multiple of 64 bytes.
  size_t length = llvm::alignTo(kMagic.size() + 4 + header.size() + 1, 64) - kMagic.size() - 4;
  header.resize(length - 1, ' ');
  header += '\n';
  std::string text(kMagic);
  text += {1, 0, char(length & 0xff), char(length >> 8)};
  text += header;

  llvm::Expected<OutputFile> file = OutputFile::create(path);
  if (!file)
    return file.takeError();
  if (llvm::Error error = file->write(text))
    return error;
  if (llvm::Error error = file->write(bytes))
    return error;
  return file->commit();
}
