// The format: APPNOTE.TXT of PKWARE, sections 4.3.7 (local headers), 4.3.12 (the directory) and 4.3.16 (its end). Sizes
// are the directory's: local headers may lack them.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/Npz.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/Endian.h"
#include <optional>
#include <vector>
#include <zlib.h>

using namespace hone;
using llvm::StringRef;
using llvm::Twine;

static constexpr llvm::StringLiteral kLocalMagic = "PK\3\4", kEntryMagic = "PK\1\2", kEndMagic = "PK\5\6";
static constexpr size_t kLocalBytes = 30, kEntryBytes = 46, kEndBytes = 22; // of the fixed parts

namespace {
enum Method : uint16_t { Stored = 0, Deflated = 8 };

/// A file in the archive.
struct Entry {
  StringRef name;
  uint16_t flags, method;
  uint32_t crc, packedBytes, bytes, offset;
};
} // namespace

static uint16_t read16(StringRef bytes, size_t at) { return llvm::support::endian::read16le(bytes.data() + at); }
static uint32_t read32(StringRef bytes, size_t at) { return llvm::support::endian::read32le(bytes.data() + at); }

bool hone::isNpz(StringRef bytes) { return bytes.starts_with(kLocalMagic) || bytes.starts_with(kEndMagic); }

/// The directory; nothing if it is not where the archive says.
static std::optional<std::vector<Entry>> readDirectory(StringRef archive) {
  size_t end = archive.rfind(kEndMagic);
  if (end == StringRef::npos || archive.size() - end < kEndBytes)
    return std::nullopt;
  uint32_t offset = read32(archive, end + 16);
  if (offset > end)
    return std::nullopt;
  std::vector<Entry> entries;
  StringRef directory = archive.slice(offset, end);
  for (unsigned count = read16(archive, end + 10); count > 0; --count) {
    if (!directory.starts_with(kEntryMagic) || directory.size() < kEntryBytes)
      return std::nullopt;
    size_t nameBytes = read16(directory, 28), bytes = kEntryBytes + nameBytes + read16(directory, 30);
    bytes += read16(directory, 32);
    if (directory.size() < bytes)
      return std::nullopt;
    entries.push_back({directory.substr(kEntryBytes, nameBytes), read16(directory, 8), read16(directory, 10),
                       read32(directory, 16), read32(directory, 20), read32(directory, 24), read32(directory, 42)});
    directory = directory.drop_front(bytes);
  }
  return entries;
}

/// The `size` bytes that a raw deflate stream holds; nothing if it is damaged or holds another number.
static std::optional<std::string> inflate(StringRef packed, uint32_t size) {
  if (size / 1100 > packed.size()) // no stream grows more than 1032-fold: nothing is allocated on its word
    return std::nullopt;
  std::string bytes(size, '\0');
  z_stream stream = {};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
    return std::nullopt;
  stream.next_in = reinterpret_cast<Bytef *>(const_cast<char *>(packed.data()));
  stream.avail_in = packed.size();
  stream.next_out = reinterpret_cast<Bytef *>(bytes.data());
  stream.avail_out = size;
  bool whole = ::inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole ? std::optional(std::move(bytes)) : std::nullopt;
}

llvm::Expected<std::string> hone::readNpz(StringRef archive, StringRef name) {
  auto fail = [](const Twine &text) { return llvm::createStringError(text); };
  std::optional<std::vector<Entry>> directory = readDirectory(archive);
  if (!directory)
    return fail("is a damaged .npz file");
  llvm::ArrayRef<Entry> entries = *directory;
  const Entry *entry = entries.begin();
  if (entries.size() != 1)
    entry = llvm::find_if(entries, [&](const Entry &other) { return other.name == (name + ".npy").str(); });
  if (entry == entries.end()) {
    auto names = llvm::map_range(entries, [](const Entry &other) {
      StringRef array = other.name;
      array.consume_back(".npy");
      return array;
    });
    return fail("has no array '" + name + "'; it has " + (entries.empty() ? "none" : llvm::join(names, ", ")));
  }

  auto failEntry = [&](const Twine &text) { return fail("holds '" + entry->name + "', which " + text); };
  if (entry->packedBytes == UINT32_MAX || entry->bytes == UINT32_MAX || entry->offset == UINT32_MAX)
    return failEntry("is larger than 4 GiB; save it alone with numpy.save");
  if (entry->flags & 1 || (entry->method != Stored && entry->method != Deflated))
    return failEntry("is packed in a way that NumPy does not know");
  StringRef local = archive.substr(entry->offset);
  if (local.size() < kLocalBytes || !local.starts_with(kLocalMagic))
    return failEntry("is damaged");
  local = local.drop_front(std::min<size_t>(local.size(), kLocalBytes + read16(local, 26) + read16(local, 28)));
  if (local.size() < entry->packedBytes)
    return failEntry("is damaged");
  StringRef packed = local.take_front(entry->packedBytes);
  std::optional<std::string> bytes =
      entry->method == Stored ? std::optional(packed.str()) : inflate(packed, entry->bytes);
  if (!bytes || llvm::crc32(llvm::arrayRefFromStringRef(*bytes)) != entry->crc)
    return failEntry("is damaged");
  return std::move(*bytes);
}
