// All links happen in memory and without weights. Then the file is written once: the linked image, the weights, and
// last the fields of the image that depend on the weights' digest.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Library.h"
#include "compiler/emit/Elf.h"
#include "compiler/emit/Link.h"
#include "compiler/emit/Stubs.h"
#include "compiler/emit/Verify.h"
#include "hone/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>
#include <optional>

using namespace hone;

static llvm::StringRef view(llvm::ArrayRef<char> bytes) { return {bytes.data(), bytes.size()}; }

/// The bytes of weights that the library holds itself.
static uint64_t bytesInside(const LibraryParts &parts) { return parts.hasSidecar ? 0 : parts.weightBytes; }

/// Everything but the bytes of the weights in one relocatable object, with NAME_library as its only global symbol.
static llvm::Expected<FileBytes> linkObject(const LibraryParts &parts, const ElfMachine &machine, bool forShared) {
  // As one archive: a large model has more objects than a process may open files.
  std::vector<std::string> names;
  for (size_t i = 0; i < parts.objects.size(); ++i)
    names.push_back("object " + std::to_string(i));
  std::vector<LinkInput> members;
  for (auto [name, object] : llvm::zip(names, parts.objects))
    members.push_back({name, view(object)});
  llvm::Expected<FileBytes> objects = makeArchive(members);
  if (!objects)
    return objects.takeError();

  // The weights come last, and lld keeps the order: nothing may lie behind them in the image.
  FileBytes weights = makeWeightObject(machine, parts.name + "_weights", bytesInside(parts), forShared);
  std::string symbol = parts.name + "_library";
  llvm::Expected<FileBytes> linked =
      runLinker({"-r", "--build-id=none"}, {{"the model", view(*objects), /*wholeArchive=*/true},
                                            {"the runtime", runtimeArchive()},
                                            {"the weights", view(weights)}});
  if (!linked)
    return linked.takeError();
  return keepOneGlobal(view(*linked), symbol);
}

/// The shared library that `object` makes, still without the bytes of its weights.
static llvm::Expected<FileBytes> linkShared(const ElfMachine &machine, const FileBytes &object) {
  FileBytes libc = makeStubLibrary(machine, "libc.so.6", libcSymbols());
  FileBytes libm = makeStubLibrary(machine, "libm.so.6", libmSymbols());
  // No soname: a library may be renamed, and where a compile writes to does not change its bytes. The build-id is
  // reserved here and filled in when the weights are known. RELRO and immediate binding leave no writable function
  // pointers.
  return runLinker({"-shared", "-z", "now", "-z", "relro", "-z", "noexecstack", "-z", "defs", "--hash-style=gnu",
                    "--gc-sections", "--as-needed", "--build-id=0x" + std::string(40, '0')},
                   {{"the model", view(object)}, {"libc.so.6", view(libc)}, {"libm.so.6", view(libm)}});
}

namespace {
/// A file without its weights, and where they belong.
struct Image {
  FileBytes bytes;
  uint64_t weightOffset = 0;
};
} // namespace

/// Puts `object`, whose weights come behind it, into an archive.
static llvm::Expected<Image> archiveImage(llvm::StringRef name, Image object, uint64_t weightBytes) {
  // The member's header has to count the weights. It ends with the size (10 bytes) and two more.
  std::string memberName = (name + ".o").str();
  llvm::Expected<FileBytes> archive = makeArchive({{memberName, view(object.bytes)}});
  if (!archive)
    return archive.takeError();
  uint64_t memberSize = weightBytes ? object.weightOffset + weightBytes : object.bytes.size();
  std::string digits;
  llvm::raw_string_ostream(digits) << llvm::format("%-10llu", static_cast<unsigned long long>(memberSize));
  if (digits.size() != 10)
    return llvm::createStringError("a static library cannot hold %llu bytes; write a shared library (.so) instead",
                                   static_cast<unsigned long long>(memberSize));
  uint64_t memberOffset = view(*archive).find(llvm::ELF::ElfMagic);
  std::memcpy(archive->data() + memberOffset - 12, digits.data(), digits.size());
  archive->truncate(memberOffset + object.bytes.size()); // less the padding, which comes behind the weights
  return Image{std::move(*archive), memberOffset + object.weightOffset};
}

static llvm::Expected<Image> makeImage(const LibraryParts &parts, OutputKind kind) {
  if (parts.objects.empty())
    return llvm::createStringError("internal error: no objects to link");
  llvm::Expected<const ElfMachine *> machine = machineOf(view(parts.objects.front()));
  if (!machine)
    return machine.takeError();
  bool shared = kind == OutputKind::SharedLibrary;
  llvm::Expected<FileBytes> linked = linkObject(parts, **machine, shared);
  if (linked && shared)
    linked = linkShared(**machine, *linked);
  if (!linked)
    return linked.takeError();

  Image image{std::move(*linked)};
  if (bytesInside(parts) != 0) {
    llvm::Expected<uint64_t> offset = placeWeights(image.bytes, shared ? kSharedWeights : (*machine)->objectWeights);
    if (!offset)
      return offset.takeError();
    image.weightOffset = *offset;
  }
  if (kind == OutputKind::Archive)
    return archiveImage(parts.name, std::move(image), bytesInside(parts));
  return image;
}

/// Fills in what depends on the weights' digest: the manifest's field and the build-id. lld's own build-id could not
/// tell two models apart that differ in weights only.
static llvm::Error writeDigests(OutputFile &file, FileBytes &image, const Digest &weights) {
  llvm::MutableArrayRef<char> id = buildIdOf(image);
  if (!id.empty())
    if (llvm::Error error = file.writeAt(id.data() - image.data(), llvm::toStringRef(buildIdFor(view(image), weights))))
      return error;
  for (size_t at = 0; (at = view(image).find(kWeightDigestField, at)) != llvm::StringRef::npos; ++at)
    if (llvm::Error error = file.writeAt(at, toHex(weights)))
      return error;
  return llvm::Error::success();
}

std::string hone::sidecarOf(llvm::StringRef path) { return (path + ".weights").str(); }

llvm::Error hone::emitLibrary(const LibraryParts &parts, llvm::StringRef path, OutputKind kind) {
  // First, so that a path that cannot be written is known before the linking.
  llvm::Expected<OutputFile> file = OutputFile::create(path, kind == OutputKind::SharedLibrary ? 0777 : 0666);
  if (!file)
    return file.takeError();
  std::optional<OutputFile> sidecar;
  if (parts.hasSidecar) {
    llvm::Expected<OutputFile> created = OutputFile::create(sidecarOf(path));
    if (!created)
      return created.takeError();
    sidecar.emplace(std::move(*created));
  }
  llvm::Expected<Image> image = makeImage(parts, kind);
  if (!image)
    return image.takeError();

  if (llvm::Error error = file->write(view(image->bytes)))
    return error;
  OutputFile &place = sidecar ? *sidecar : *file;
  WeightSink sink(place, parts.weightBytes);
  if (parts.weightBytes != 0) {
    if (llvm::Error error = place.padTo(sidecar ? HONE_SIDECAR_HEADER : image->weightOffset))
      return error;
    if (llvm::Error error = place.reserve(parts.weightBytes))
      return error;
    if (llvm::Error error = parts.writeWeights(sink))
      return error;
  }
  llvm::Expected<Digest> digest = sink.finish();
  if (!digest)
    return digest.takeError();
  if (kind == OutputKind::Archive && file->position() % 2 != 0) // members are even
    if (llvm::Error error = file->write("\n"))
      return error;
  if (llvm::Error error = writeDigests(*file, image->bytes, *digest))
    return error;
  if (sidecar) {
    if (llvm::Error error = sidecar->writeAt(0, HONE_SIDECAR_MAGIC + toHex(*digest)))
      return error;
    // First: where only it is there, the library of before finds that it is not its own.
    if (llvm::Error error = sidecar->commit())
      return error;
  }
  return file->commit();
}
