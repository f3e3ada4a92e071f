// One model on its way through the stages: what `compile` and `check` share.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_COMPILER_DRIVER_COMPILATION_H
#define HONE_COMPILER_DRIVER_COMPILATION_H

#include "compiler/codegen/Targets.h"
#include "compiler/driver/Console.h"
#include "compiler/driver/Options.h"
#include "compiler/driver/Pipeline.h"
#include "compiler/driver/WeightFiles.h"
#include "frontends/onnx/Model.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/ThreadPool.h"

namespace hone {

/// Owns the context, its threads and the module. All methods print what is wrong and return an exit code; after one
/// that is not ExitDone, no other may be called.
class Compilation {
public:
  Compilation(const Options &options, Console &console);
  ~Compilation();

  /// Reads options.input: a model, which is imported, or a stage file.
  ExitCode load();

  /// Whether stage `to` can be reached: stages are not left backwards.
  ExitCode canReach(Stage to);

  /// Runs the passes up to stage `to`; the module may already be there.
  ExitCode runTo(Stage to);

  /// The passes that runTo(`to`) would run, as hone-opt takes them.
  std::string pipelineText(Stage to);

  mlir::ModuleOp module() { return *root; }
  mlir::MLIRContext &context() { return *mlirContext; }
  /// Where the bytes of the module's weights are.
  WeightFiles &weights() { return *weightFiles; }
  Stage stage() const { return current; }
  const CpuTarget &target() const { return *wantedTarget; }
  /// The model's identifier.
  std::string name();

private:
  /// An error if `view` is of a file of the model that is not as load() read it.
  llvm::Error checkFile(const FileView &view) const;
  /// Adds the passes that runTo(`to`) runs.
  void addPasses(mlir::OpPassManager &manager, Stage to);
  ExitCode importModel();
  ExitCode loadStage();
  ExitCode findTarget(llvm::StringRef name);
  /// The name that a model without one gets: as asked for, or from the file's.
  std::string wantedName() const;
  /// Writes the target on the module.
  void markTarget();

  const Options &options;
  Console &console;
  std::unique_ptr<llvm::DefaultThreadPool> threads;
  std::shared_ptr<WeightFiles> weightFiles;
  std::unique_ptr<mlir::MLIRContext> mlirContext;
  mlir::OwningOpRef<mlir::ModuleOp> root;
  std::optional<CpuTarget> wantedTarget;
  Stage current = Stage::Import;
  bool holdsState = false; ///< what --state asks for is done
  std::vector<OnnxFile> files;
};

} // namespace hone

#endif
