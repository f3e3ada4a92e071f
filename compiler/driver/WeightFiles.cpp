// Opening, checking and mapping the files of weights.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/driver/WeightFiles.h"
#include "support/Digest.h"

using namespace mlir;
using namespace hone;

llvm::Expected<const FileView &> WeightFiles::view(StringRef path) {
  auto found = files.find(path);
  if (found == files.end()) {
    llvm::Expected<FileView> opened = FileView::open(path);
    if (!opened)
      return opened.takeError();
    if (llvm::Error error = check(*opened))
      return error;
    found = files.try_emplace(path, std::move(*opened)).first;
  }
  return found->second;
}

llvm::Error WeightFiles::checkDigest(FileAttr file, StringRef bytes) {
  if (file.getDigest().empty() || known.contains(file))
    return llvm::Error::success();
  constexpr size_t piece = 32 << 20;
  llvm::BLAKE3 hasher;
  const FileView &view = files.find(file.getPath())->second;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    hasher.update(bytes.substr(at, piece));
    view.drop(file.getOffset() + at, std::min(piece, bytes.size() - at));
  }
  if (toHex(hasher.final()) != file.getDigest())
    return llvm::createStringError("'" + file.getPath() +
                                   "' holds other values than it was written with; it belongs to another compile, or "
                                   "is damaged: make the stage file again");
  known.insert(file);
  return llvm::Error::success();
}

llvm::Expected<StringRef> WeightFiles::open(FileAttr file) {
  std::lock_guard lock(mutex);
  uint64_t offset = file.getOffset(), length = file.getLength();
  if (file.getPath().empty() && known.contains(file))
    return scratch.bytes(offset, length);
  if (file.getPath().empty())
    return llvm::createStringError("its values were computed by the compile that wrote this file, and went with it; a "
                                   "stage that is written to a file (-o FILE) has them beside it");
  bool isStore = !file.getDigest().empty();
  llvm::Expected<const FileView &> view = this->view(file.getPath());
  if (!view)
    return isStore ? llvm::createStringError(llvm::toString(view.takeError()) +
                                             "; it was written beside the stage file: move both, or make them again")
                   : view.takeError();
  if (offset > view->size() || length > view->size() - offset)
    return llvm::createStringError(
        "needs bytes " + Twine(offset) + " to " + Twine(offset + length) + " of '" + file.getPath() + "', which has " +
        Twine(view->size()) +
        (isStore ? "; it is not complete: make the stage file again" : "; is it the file that was imported?"));
  StringRef bytes = view->bytes().substr(offset, length);
  if (llvm::Error error = checkDigest(file, bytes))
    return error;
  return bytes;
}

void WeightFiles::release(FileAttr file, uint64_t offset, uint64_t length) {
  std::lock_guard lock(mutex);
  if (file.getPath().empty())
    scratch.release(file.getOffset() + offset, length);
  else if (auto found = files.find(file.getPath()); found != files.end())
    found->second.drop(file.getOffset() + offset, length);
}

llvm::Expected<FileAttr> WeightFiles::store(MLIRContext &context, llvm::function_ref<llvm::Error(Append)> produce) {
  std::lock_guard lock(mutex);
  llvm::Expected<WeightStore::Place> place = scratch.append(produce);
  if (!place)
    return place.takeError();
  auto file = FileAttr::get(&context, "", int64_t(place->offset), int64_t(place->length), toHex(place->digest));
  known.insert(file);
  return file;
}

llvm::Error WeightFiles::unchanged() const {
  std::lock_guard lock(mutex);
  for (auto &[path, view] : files)
    if (llvm::Error error = view.unchanged())
      return error;
  return llvm::Error::success();
}

void hone::registerWeightFiles(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, HoneDialect *dialect) { dialect->weightSource = std::make_shared<WeightFiles>(); });
}
