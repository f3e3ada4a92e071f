// The reverse of emitLibrary(): takes weights and digests out again and hashes what is left.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Verify.h"
#include "compiler/emit/Library.h"
#include "hone/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ELF.h"

using namespace hone;

using namespace llvm::ELF;
using llvm::StringRef;
using ElfFile = llvm::object::ELFFile<llvm::object::ELF64LE>;

/// How the manifest begins to tell the weights' digest. Inside of a name, the quotation marks would be escaped.
static constexpr llvm::StringLiteral kDigestKey = R"("weights":{"blake3":")";

llvm::BLAKE3Result<20> hone::buildIdFor(StringRef image, const Digest &weights) {
  llvm::BLAKE3 hasher;
  hasher.update(image);
  hasher.update(weights);
  return hasher.final<20>();
}

static llvm::Expected<ElfFile> parse(StringRef file) {
  llvm::Expected<ElfFile> elf = ElfFile::create(file);
  auto isOurs = [](const auto &header) {
    return header.checkMagic() && header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB;
  };
  if (elf && isOurs(elf->getHeader()))
    return elf;
  consumeError(elf.takeError());
  return llvm::createStringError("is no library that Hone compiled");
}

static bool fits(uint64_t offset, uint64_t size, uint64_t bytes) { return offset <= bytes && size <= bytes - offset; }

llvm::Error hone::checkComplete(StringRef file) {
  llvm::Expected<ElfFile> elf = parse(file);
  if (!elf)
    return elf.takeError();
  const auto &header = elf->getHeader();
  auto segments = elf->program_headers(); // errors where the table itself is cut off
  bool complete = fits(header.e_shoff, uint64_t(header.e_shnum) * header.e_shentsize, file.size());
  if (!segments)
    complete = (consumeError(segments.takeError()), false);
  else
    for (const auto &segment : *segments)
      complete &= segment.p_type != PT_LOAD || fits(segment.p_offset, segment.p_filesz, file.size());
  if (complete)
    return llvm::Error::success();
  return llvm::createStringError("is cut off: its headers count on more than its %llu bytes; copy or compile it again",
                                 static_cast<unsigned long long>(file.size()));
}

namespace {
/// A library's file, taken apart.
struct Parts {
  StringRef linked;  ///< in front of the weights, padding included
  StringRef weights; ///< empty if there are none, or they lie in a sidecar
  StringRef rest;    ///< behind them: an archive's padding
  /// Of the weights, in hexadecimal digits, as the manifest has it; none without weights. Names of nodes may look like
  /// the manifest, so that there are several to choose from.
  std::vector<std::string> digests;
};
} // namespace

/// Takes apart the ELF file `file`.
static llvm::Expected<Parts> takeApart(StringRef file) {
  llvm::Expected<ElfFile> elf = parse(file);
  if (!elf)
    return elf.takeError();
  auto sections = elf->sections();
  if (!sections)
    return sections.takeError();
  Parts parts{file, {}, {}, {}};
  for (const auto &section : *sections) {
    llvm::Expected<StringRef> name = elf->getSectionName(section);
    if (!name)
      return name.takeError();
    bool isWeights = *name == kSharedWeights || *name == ".lrodata.hone" || *name == ".rodata.hone";
    if (!isWeights || section.sh_type != SHT_PROGBITS)
      continue;
    if (!fits(section.sh_offset, section.sh_size, file.size()))
      return llvm::createStringError("its weights are cut off");
    parts.linked = file.take_front(section.sh_offset);
    parts.weights = file.substr(section.sh_offset, section.sh_size);
    parts.rest = file.drop_front(section.sh_offset + section.sh_size);
  }
  for (size_t at = 0; (at = parts.linked.find(kDigestKey, at)) != StringRef::npos; at += kDigestKey.size())
    parts.digests.push_back(parts.linked.substr(at + kDigestKey.size(), kWeightDigestField.size()).str());
  return parts;
}

/// Whether the part that was linked is what its build-id says, if `digest` is the weights' (empty if there are none).
static bool matchesBuildId(const Parts &parts, StringRef digest) {
  // As it was before anything was filled in; lld writes the section headers last.
  FileBytes image(parts.linked.begin(), parts.linked.end());
  llvm::Expected<ElfFile> elf = parse({image.data(), image.size()});
  if (!elf)
    return consumeError(elf.takeError()), false;
  const auto &header = elf->getHeader();
  uint64_t end = header.e_shoff + uint64_t(header.e_shnum) * header.e_shentsize;
  if (end < header.e_shoff || end > image.size() ||
      llvm::any_of(parts.linked.drop_front(end), [](char c) { return c; }))
    return false;
  image.truncate(end);
  llvm::MutableArrayRef<char> id = buildIdOf(image);
  if (id.empty())
    return false;
  std::string expected(id.begin(), id.end());
  llvm::fill(id, '\0');
  Digest weights = digestOf("");
  if (!digest.empty()) {
    std::string bytes;
    if (!llvm::tryGetFromHex(digest, bytes) || bytes.size() != sizeof weights)
      return false;
    llvm::copy(bytes, weights.begin());
    for (size_t at = 0; (at = StringRef(image.data(), image.size()).find(digest, at)) != StringRef::npos; ++at)
      llvm::copy(kWeightDigestField, image.begin() + at);
  }
  return llvm::toStringRef(buildIdFor({image.data(), image.size()}, weights)) == expected;
}

bool hone::isUnchanged(StringRef file) {
  llvm::Expected<Parts> parts = takeApart(file);
  if (!parts)
    return consumeError(parts.takeError()), false;
  auto matches = [&](StringRef digest) { return matchesBuildId(*parts, digest); };
  return parts->rest.empty() && (parts->digests.empty() ? matches("") : llvm::any_of(parts->digests, matches));
}

/// The digest of the weights, a window at a time.
static std::string digestOfWeights(const FileView &file, StringRef weights) {
  constexpr uint64_t window = 32 << 20;
  llvm::BLAKE3 hasher;
  for (uint64_t at = 0; at < weights.size(); at += window) {
    StringRef piece = weights.substr(at, window);
    hasher.update(piece);
    file.drop(piece.data() - file.bytes().data(), piece.size());
  }
  return toHex(hasher.final());
}

/// The digest of the weights beside the library `path`. If it is one of `digests`, the file must say it of itself: the
/// runtime looks at nothing else.
static llvm::Expected<std::string> digestOfSidecar(StringRef path, llvm::ArrayRef<std::string> digests) {
  llvm::Expected<FileView> file = FileView::open(sidecarOf(path));
  if (!file)
    return llvm::createStringError("its weights are to lie beside it: " + toString(file.takeError()));
  if (!file->bytes().starts_with(HONE_SIDECAR_MAGIC) || file->size() < HONE_SIDECAR_HEADER)
    return llvm::createStringError("'" + sidecarOf(path) + "' is no file of weights that a compile has written");
  std::string digest = digestOfWeights(*file, file->bytes().drop_front(HONE_SIDECAR_HEADER));
  bool isCarried = file->bytes().drop_front(strlen(HONE_SIDECAR_MAGIC)).starts_with(digest);
  if (!isCarried && llvm::is_contained(digests, digest))
    return llvm::createStringError("'" + sidecarOf(path) + "' does not carry the digest of its bytes");
  return digest;
}

/// The only object in a static library.
static llvm::Expected<StringRef> memberOf(const FileView &file) {
  auto archive = llvm::object::Archive::create({file.bytes(), file.path()});
  if (!archive)
    return archive.takeError();
  llvm::Error error = llvm::Error::success();
  StringRef member;
  for (const llvm::object::Archive::Child &child : (*archive)->children(error))
    if (llvm::Expected<StringRef> bytes = child.getBuffer())
      member = *bytes;
    else
      return joinErrors(std::move(error), bytes.takeError());
  if (error)
    return error;
  return member;
}

llvm::Expected<Verified> hone::verifyLibrary(const FileView &file) {
  StringRef bytes = file.bytes();
  if (bytes.starts_with(llvm::object::ArchiveMagic)) {
    llvm::Expected<StringRef> member = memberOf(file);
    if (!member)
      return member.takeError();
    bytes = *member;
  }
  llvm::Expected<ElfFile> elf = parse(bytes);
  if (!elf)
    return elf.takeError();
  bool isShared = elf->getHeader().e_type == ET_DYN;
  if (isShared)
    if (llvm::Error error = checkComplete(bytes))
      return error;
  llvm::Expected<Parts> parts = takeApart(bytes);
  if (!parts)
    return llvm::createStringError("is damaged: " + toString(parts.takeError()));
  if (!isShared && parts->digests.empty())
    return llvm::createStringError("has nothing to compare with: object files carry the digest of their weights alone, "
                                   "and this one has none; verify the shared library");
  std::string actual;
  if (!parts->digests.empty() || !parts->weights.empty()) {
    actual = digestOfWeights(file, parts->weights);
    // What has a digest and no bytes here has them in a sidecar, which is never empty.
    if (parts->weights.empty() && !llvm::is_contained(parts->digests, actual)) {
      llvm::Expected<std::string> digest = digestOfSidecar(file.path(), parts->digests);
      if (!digest)
        return digest.takeError();
      actual = *digest;
    }
    if (!llvm::is_contained(parts->digests, actual))
      return llvm::createStringError("its weights have changed: their BLAKE3 is " + actual + ", the manifest has " +
                                     (parts->digests.empty() ? "none" : parts->digests.front()));
  }
  if (!isShared)
    return Verified::Weights;
  if (!parts->rest.empty() || !matchesBuildId(*parts, actual))
    return llvm::createStringError("its code or its manifest have changed: they do not fit the build-id (strip and "
                                   "the like change it, too)");
  return Verified::WeightsAndCode;
}
