// How passes get at the bytes of weights, and leave new ones behind, without knowing files.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_DIALECTS_HONE_WEIGHTSOURCE_H
#define HONE_DIALECTS_HONE_WEIGHTSOURCE_H

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>

namespace hone {

class FileAttr;

/// Implemented by whoever runs the passes, and given to the context. What a weight is made of, recipes included, is
/// read through a WeightReader (Weights.h). All methods may be called by several threads.
class WeightSource {
public:
  virtual ~WeightSource() = default;

  /// The bytes that `file` names, mapped: they stay where they are as long as the source lives. Errors, which name the
  /// file: it is missing, too short, or holds other bytes than the digest stands for.
  virtual llvm::Expected<llvm::StringRef> open(FileAttr file) = 0;

  /// Gives the memory that maps `length` bytes of `file` from `offset` on back for now. For bytes that were opened.
  virtual void release(FileAttr file, uint64_t offset, uint64_t length) = 0;

  /// Takes a piece of what is stored. After an error, which is to be returned, nothing more is taken.
  using Append = llvm::function_ref<llvm::Error(llvm::StringRef bytes)>;
  /// Keeps the bytes that `produce` hands over piece by piece; what becomes the source of a weight. Meanwhile weights
  /// may be read, in the calling thread. Errors: those of `produce`; a disk that is full.
  virtual llvm::Expected<FileAttr> store(mlir::MLIRContext &context,
                                         llvm::function_ref<llvm::Error(Append append)> produce) = 0;

  /// The source that was given to the context, or null.
  static WeightSource *get(mlir::MLIRContext *context);
  /// Before any pass runs.
  static void give(mlir::MLIRContext &context, std::shared_ptr<WeightSource> source);
};

} // namespace hone

#endif
