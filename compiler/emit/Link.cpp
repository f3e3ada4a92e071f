// lld reads and writes files only: it gets memfds and a pipe, by their names in /proc.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/ArchiveWriter.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/MemoryBuffer.h"
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace hone;

namespace {
/// A file that exists in memory only, and has a path while it lives.
class MemoryFile {
public:
  MemoryFile() : fd(memfd_create("hone", MFD_CLOEXEC)) {}
  MemoryFile(MemoryFile &&other) : fd(other.fd) { other.fd = -1; }
  ~MemoryFile() {
    if (fd >= 0)
      ::close(fd);
  }

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd); }

  bool write(llvm::StringRef bytes) {
    while (fd >= 0 && !bytes.empty()) {
      ssize_t written = llvm::sys::RetryAfterSignal(-1, ::write, fd, bytes.data(), bytes.size());
      if (written < 0)
        return false;
      bytes = bytes.drop_front(written);
    }
    return fd >= 0;
  }

private:
  int fd;
};

/// A path that can be written to once, and what was written. Not a memfd: lld replaces regular files by renaming
/// others.
class Pipe {
public:
  Pipe() = default;
  Pipe(const Pipe &) = delete;
  ~Pipe() { take(); }

  /// False, and errno says why, where the system has no pipe or no thread (which std::thread would not survive).
  bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      return false;
    readEnd = ends[0];
    writeEnd = ends[1];
    int error = pthread_create(&reader, nullptr, read, this);
    isOpen = error == 0;
    if (!isOpen)
      for (int end : ends)
        ::close(end);
    errno = error;
    return isOpen;
  }

  std::string path() const { return "/proc/self/fd/" + std::to_string(writeEnd); }

  FileBytes take() {
    if (isOpen) {
      ::close(writeEnd);
      pthread_join(reader, nullptr);
      isOpen = false;
    }
    return std::move(bytes);
  }

private:
  static void *read(void *argument) {
    auto *pipe = static_cast<Pipe *>(argument);
    FileBytes buffer(1 << 16);
    ssize_t count;
    while ((count = llvm::sys::RetryAfterSignal(-1, ::read, pipe->readEnd, buffer.data(), buffer.size())) > 0)
      pipe->bytes.append(buffer.data(), buffer.data() + count);
    ::close(pipe->readEnd);
    return nullptr;
  }

  int readEnd = -1, writeEnd = -1;
  bool isOpen = false;
  pthread_t reader;
  FileBytes bytes;
};
} // namespace

/// lld's messages with the inputs' names for the paths they had, one line per line and without lld's prefix.
static std::string readable(std::string messages, llvm::ArrayRef<MemoryFile> files, llvm::ArrayRef<LinkInput> inputs) {
  auto replaceAll = [&](const std::string &from, llvm::StringRef to) {
    for (size_t at = 0; (at = messages.find(from, at)) != std::string::npos; at += to.size())
      messages.replace(at, from.size(), to.data(), to.size());
  };
  for (size_t i = files.size(); i-- > 0;) { // from the longest number to the shortest: fd/1 begins fd/10
    replaceAll(files[i].path() + ":", (inputs[i].name + ":").str());
    replaceAll(files[i].path() + "\n", (inputs[i].name + "\n").str());
    replaceAll(files[i].path() + "(", (inputs[i].name + "(").str());
  }
  replaceAll("ld.lld: error: ", "");
  return llvm::StringRef(messages).trim().str();
}

llvm::Expected<FileBytes> hone::runLinker(llvm::ArrayRef<std::string> options, llvm::ArrayRef<LinkInput> inputs) {
  std::vector<MemoryFile> files;
  for (const LinkInput &input : inputs) {
    files.emplace_back();
    if (!files.back().write(input.bytes))
      return llvm::createStringError("cannot link: " + llvm::sys::StrError());
  }
  Pipe output;
  if (!output.open())
    return llvm::createStringError("cannot link: " + llvm::sys::StrError());
  if (access(output.path().c_str(), W_OK) != 0)
    return llvm::createStringError("cannot link without /proc: " + output.path() + ": " + llvm::sys::StrError());
  // One thread: the inputs are small.
  std::vector<std::string> storage = {"ld.lld", "--threads=1", "-o", output.path()};
  storage.insert(storage.end(), options.begin(), options.end());
  for (auto [file, input] : llvm::zip(files, inputs)) {
    storage.push_back(input.wholeArchive ? "--whole-archive" : "--no-whole-archive");
    storage.push_back(file.path());
  }
  std::vector<const char *> arguments;
  for (const std::string &argument : storage)
    arguments.push_back(argument.c_str());

  std::string out, err;
  llvm::raw_string_ostream outStream(out), errStream(err);
  static std::mutex mutex;
  std::lock_guard<std::mutex> lock(mutex);
  lld::Result result = lld::lldMain(arguments, outStream, errStream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return llvm::createStringError("cannot link: " + readable(std::move(err), files, inputs));

  return output.take();
}

llvm::Expected<FileBytes> hone::keepOneGlobal(llvm::StringRef object, llvm::StringRef symbol) {
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, symbol));
  if (!file)
    return file.takeError();
  bool isDefined = false;
  for (const llvm::object::SymbolRef &candidate : (*file)->symbols()) {
    llvm::Expected<llvm::StringRef> name = candidate.getName();
    if (!name)
      return name.takeError();
    llvm::Expected<uint32_t> flags = candidate.getFlags();
    if (!flags)
      return flags.takeError();
    bool isUndefined = *flags & llvm::object::SymbolRef::SF_Undefined;
    if (isUndefined && name->starts_with("hone_"))
      return llvm::createStringError("cannot link: the runtime does not define " + *name);
    isDefined |= !isUndefined && *name == symbol;
  }
  if (!isDefined)
    return llvm::createStringError("cannot link: no object defines " + symbol);
  llvm::objcopy::ConfigManager config;
  config.Common.InputFilename = config.Common.OutputFilename = symbol;
  config.Common.StripDebug = true;
  auto keep = llvm::objcopy::NameOrPattern::create(symbol, llvm::objcopy::MatchStyle::Literal,
                                                   [](llvm::Error error) { return error; });
  if (llvm::Error error = config.Common.SymbolsToKeepGlobal.addMatcher(std::move(keep)))
    return error;
  FileBytes result;
  llvm::raw_svector_ostream stream(result);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **file, stream))
    return error;
  return result;
}

llvm::Expected<FileBytes> hone::makeArchive(llvm::ArrayRef<LinkInput> members) {
  std::vector<llvm::NewArchiveMember> files;
  for (const LinkInput &member : members)
    files.emplace_back(llvm::MemoryBufferRef(member.bytes, member.name));
  auto archive = llvm::writeArchiveToBuffer(files, llvm::SymtabWritingMode::NormalSymtab, llvm::object::Archive::K_GNU,
                                            /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return archive.takeError();
  return FileBytes((*archive)->getBuffer().begin(), (*archive)->getBuffer().end());
}
