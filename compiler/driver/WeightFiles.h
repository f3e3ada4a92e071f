// The files that weights come from and go to: what WeightSource is in a compile.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_WEIGHTFILES_H
#define HONE_COMPILER_DRIVER_WEIGHTFILES_H

#include "dialects/hone/Hone.h"
#include "support/FileView.h"
#include "support/WeightStore.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"
#include <functional>
#include <mutex>

namespace hone {

/// Maps the files that weights name, each once, and keeps computed values in a scratch file: a #hone.file without a
/// path names a place there.
class WeightFiles : public WeightSource {
public:
  /// `check` says what is wrong with a file that was opened.
  using Check = std::function<llvm::Error(const FileView &)>;
  explicit WeightFiles(Check check = [](const FileView &) { return llvm::Error::success(); })
      : check(std::move(check)) {}

  llvm::Expected<llvm::StringRef> open(FileAttr file) override;
  void release(FileAttr file, uint64_t offset, uint64_t length) override;
  llvm::Expected<FileAttr> store(mlir::MLIRContext &context, llvm::function_ref<llvm::Error(Append)> produce) override;

  /// An error if a file has changed since it was opened.
  llvm::Error unchanged() const;

private:
  llvm::Expected<const FileView &> view(llvm::StringRef path);
  llvm::Error checkDigest(FileAttr file, llvm::StringRef bytes);

  Check check;
  mutable std::recursive_mutex mutex; ///< for all that follows; what is stored may be read meanwhile
  llvm::StringMap<FileView> files;
  llvm::DenseSet<mlir::Attribute> known; ///< those whose digest was compared, or that were stored by us
  WeightStore scratch;
};

/// Gives weights of every context that is made with `registry` files of their own.
void registerWeightFiles(mlir::DialectRegistry &registry);

} // namespace hone

#endif
