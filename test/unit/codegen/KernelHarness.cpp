// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/codegen/KernelHarness.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <dlfcn.h>

using namespace hone;

static void writeFile(llvm::StringRef path, llvm::ArrayRef<char> bytes) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (error)
    llvm::report_fatal_error("cannot write " + path);
  file.write(bytes.data(), bytes.size());
}

CompiledKernel::CompiledKernel(const CpuTarget &target, unsigned bufferCount, unsigned sizeCount, const Build &build,
                               unsigned bits) {
  static const bool initialized = (initializeCodeGenerators(), true);
  (void)initialized;
  mlir::DialectRegistry registry;
  registerKernelDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  context.allowUnregisteredDialects(); // the attribute of bodies belongs to the hone dialect, which is not needed here

  mlir::OpBuilder builder(&context);
  mlir::Location loc = builder.getUnknownLoc();
  mlir::OwningOpRef<mlir::ModuleOp> module = mlir::ModuleOp::create(loc);
  builder.setInsertionPointToEnd(module->getBody());
  mlir::Type element = bits == 64 ? mlir::Type(builder.getF64Type()) : builder.getF32Type();
  llvm::SmallVector<KernelBuffer> buffers(bufferCount, {element, /*alignment=*/bits / 8});
  KernelBody body = createKernelBody(builder, loc, "kernel", buffers, sizeCount);
  build(builder, loc, body);
  if (failed(mlir::verify(*module)))
    llvm::report_fatal_error("the built kernel does not verify");
  mlir::PassManager pm(&context);
  addKernelLoweringPasses(pm);
  if (failed(pm.run(*module)))
    llvm::report_fatal_error("lowering failed");
  // Hidden is right inside a library of the compiler's, but here dlsym has to find it.
  module->lookupSymbol<mlir::LLVM::LLVMFuncOp>("kernel").setVisibility_(mlir::LLVM::Visibility::Default);

  llvm::SmallVector<char, 0> assembly = llvm::cantFail(emitCode(*module, target, "kernel", CodeForm::Assembly));
  text.assign(assembly.begin(), assembly.end());
  llvm::SmallVector<char, 0> object = llvm::cantFail(emitCode(*module, target, "kernel"));
  llvm::SmallString<128> directory;
  if (llvm::sys::fs::createUniqueDirectory("hone-kernel", directory))
    llvm::report_fatal_error("cannot create a temporary folder");
  std::string objectPath = (directory + "/kernel.o").str(), libraryPath = (directory + "/kernel.so").str();
  writeFile(objectPath, object);
  auto linker = llvm::sys::findProgramByName("ld.lld-22");
  if (!linker)
    linker = llvm::sys::findProgramByName("ld.lld");
  if (!linker || llvm::sys::ExecuteAndWait(*linker, {"ld.lld", "-shared", objectPath, "-o", libraryPath}))
    llvm::report_fatal_error("ld.lld is missing or failed");
  library = dlopen(libraryPath.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    llvm::report_fatal_error(dlerror());
  entry = reinterpret_cast<hone_kernel *>(dlsym(library, "kernel"));
  llvm::sys::fs::remove_directories(directory);
}

CompiledKernel::~CompiledKernel() { dlclose(library); }

int32_t CompiledKernel::run(llvm::ArrayRef<void *> buffers, llvm::ArrayRef<int64_t> sizes, int64_t begin, int64_t end,
                            void *scratch) const {
  int32_t failure = 0, cancel = 0;
  hone_kernel_context context = {buffers.data(), sizes.data(), scratch, &failure, &cancel};
  entry(&context, begin, end);
  return failure;
}

int hone::spillsInTiles(llvm::StringRef assembly) {
  // An innermost loop is the text between a label and the first jump back to it.
  llvm::SmallVector<llvm::StringRef> lines;
  assembly.split(lines, '\n');
  llvm::StringMap<size_t> labels;
  int spills = 0;
  bool inTile = false;
  for (size_t i = 0; i < lines.size(); ++i) {
    llvm::StringRef line = lines[i].ltrim();
    if (line.contains("@function"))
      inTile = line.contains("tile_");
    if (!inTile)
      continue;
    if (line.starts_with(".L")) {
      labels[line.take_until([](char c) { return c == ':'; })] = i;
      continue;
    }
    if (!line.starts_with("j"))
      continue;
    auto label = labels.find(line.split('\t').second.trim());
    if (label == labels.end())
      continue;
    for (size_t j = label->second; j < i; ++j)
      spills += lines[j].contains("(%rsp)") && (lines[j].contains("%ymm") || lines[j].contains("%zmm"));
    labels.clear(); // an outer loop that ends later is not innermost
  }
  return spills;
}

std::vector<const CpuTarget *> hone::runnableTargets() {
  std::vector<const CpuTarget *> result;
  for (const CpuTarget &target : cpuTargets())
    if (hostCanRun(target))
      result.push_back(&target);
  return result;
}
