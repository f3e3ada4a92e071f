// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/reference/Harness.h"
#include "compiler/codegen/cpu/CpuTargetModel.h"
#include "compiler/codegen/cpu/Object.h"
#include "compiler/driver/Pipeline.h"
#include "compiler/driver/Weights.h"
#include "compiler/emit/Library.h"
#include "dialects/hone/Hone.h"
#include "mlir/IR/MLIRContext.h"
#include "test/unit/reference/Elements.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include <cstring>

using namespace mlir;
using namespace hone;

std::unique_ptr<MLIRContext> hone::makeContext(std::string &text) {
  static const bool initialized = (initializeCodeGenerators(), true);
  (void)initialized;
  DialectRegistry registry;
  registerCompilerDialects(registry);
  registry.insert<func::FuncDialect>();
  auto context = std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  context->getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
    text += diagnostic.str() + "\n";
    return success();
  });
  return context;
}

llvm::Expected<CompiledModule> CompiledModule::compile(ModuleOp original, StringRef targetName) {
  llvm::Expected<CpuTarget> target = lookupTarget(targetName);
  if (!target)
    return target.takeError();
  OwningOpRef<ModuleOp> module(original.clone());
  MLIRContext *context = module->getContext();
  Builder builder(context);
  (*module)->setAttr(kTargetAttr, targetAttr(context, *target));
  (*module)->setAttr(kModelAttr, builder.getDictionaryAttr({builder.getNamedAttr("name", builder.getStringAttr("fuzz")),
                                                            builder.getNamedAttr("digest", builder.getStringAttr("")),
                                                            builder.getNamedAttr("flags", builder.getStringAttr(""))}));
  PassManager manager(context, ModuleOp::getOperationName());
  buildPipeline(manager, Stage::Hone, Stage::Llvm);
  if (failed(manager.run(*module)))
    return llvm::createStringError("the pipeline failed");

  SmallVector<ModuleOp> modules(module->getOps<ModuleOp>());
  llvm::stable_sort(modules, [](ModuleOp a, ModuleOp b) { // the host program comes last
    return (a.getSymName() == "program") < (b.getSymName() == "program");
  });
  LibraryParts parts;
  parts.name = "fuzz";
  for (ModuleOp nested : modules) {
    auto code = emitCode(nested, *target, *nested.getSymName());
    if (!code)
      return code.takeError();
    parts.objects.push_back(std::move(*code));
  }
  auto bytes = weightBytesOf(*module);
  if (!bytes)
    return bytes.takeError();
  parts.weightBytes = *bytes;
  WeightFiles files;
  parts.writeWeights = [&](WeightSink &sink) { return writeWeights(*module, files, sink); };

  SmallString<128> path;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile("hone-reference", "so", path))
    return llvm::errorCodeToError(error);
  llvm::FileRemover remover(path);
  if (llvm::Error error = emitLibrary(parts, path, OutputKind::SharedLibrary))
    return error;
  auto library = LoadedLibrary::open(path);
  if (!library)
    return library.takeError();
  return CompiledModule(std::move(*library));
}

static hone_dtype typeOf(Type element) {
  if (element.isInteger(1))
    return hone_dtype_make(HONE_CODE_BOOL, 8);
  int code = element.isBF16()              ? HONE_CODE_BFLOAT
             : isa<FloatType>(element)     ? HONE_CODE_FLOAT
             : element.isUnsignedInteger() ? HONE_CODE_UINT
                                           : HONE_CODE_INT;
  return hone_dtype_make(code, element.getIntOrFloatBitWidth());
}

static HostTensor tensorOfStored(Type element, ArrayRef<int64_t> dims, const char *stored) {
  HostTensor tensor(element, dims);
  if (tensor.bytes.empty())
    return tensor;
  if (!isNibble(element)) {
    std::memcpy(tensor.bytes.data(), stored, tensor.bytes.size());
    return tensor;
  }
  for (auto [i, value] : llvm::enumerate(tensor.bytes))
    value = nibble(stored[i / 2] >> (i % 2 * 4) & 15, element.isUnsignedInteger());
  return tensor;
}

llvm::Expected<std::vector<HostTensor>> CompiledModule::run(ArrayRef<HostTensor> inputs, TypeRange outputs) {
  hone_options options = hone_options_default();
  options.threads = 1;
  hone_error error = {};
  hone_session *session = nullptr;
  if (hone_session_create(library.get(), &options, &session, &error))
    return llvm::createStringError(StringRef(error.message));
  SmallVector<std::string> stored = llvm::map_to_vector(inputs, storedBytes);
  std::vector<hone_value> given;
  for (auto [input, bytes] : llvm::zip_equal(inputs, stored))
    given.push_back(
        hone_value_tensor(bytes.data(), typeOf(input.element), input.rank(), const_cast<int64_t *>(input.dims.data())));
  std::vector<hone_value> got(outputs.size(), hone_value_make());
  std::vector<HostTensor> results;
  hone_status status = hone_run(session, 0, given.data(), given.size(), got.data(), got.size(), &error);
  if (status == HONE_OK)
    for (auto [output, type] : llvm::zip_equal(got, outputs)) {
      const hone_tensor &tensor = output.tensor;
      results.push_back(tensorOfStored(getElementTypeOrSelf(type), ArrayRef<int64_t>(tensor.shape, tensor.ndim),
                                       static_cast<char *>(tensor.data) + tensor.byte_offset));
    }
  hone_session_destroy(session);
  if (status != HONE_OK)
    return llvm::createStringError(StringRef(error.message));
  return results;
}
