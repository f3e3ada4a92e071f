// The passes of the compiler proper: from kernels on tensors to code. Order: driver/Pipelines.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef COMPILER_PASSES_TD
#define COMPILER_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanMemory : Pass<"hone-plan-memory", "mlir::ModuleOp"> {
  let summary = "Every value of the host program gets its place in memory";
  let description = [{
    @main goes from tensors to buffers: arguments are memrefs (the inputs, the outputs, the arena), launches write into the
    arena or an output, and the function returns what a caller must know before the run: arena bytes, scratch bytes of a
    thread, and the dims of each output. Arena offsets are index arithmetic over the entry dims. Weights get their offset in
    the artefact (hone.offset), 64-byte aligned, those of 1 MiB or more on a page.
  }];
  let dependentDialects = ["hone::HoneDialect", "mlir::memref::MemRefDialect", "mlir::arith::ArithDialect"];
}

def GenerateKernels : Pass<"hone-generate-kernels", "mlir::ModuleOp"> {
  let summary = "Kernels on tensors become loops on memory, each in a module of its own";
  let dependentDialects = ["hone::HoneDialect", "mlir::arith::ArithDialect", "mlir::func::FuncDialect",
                           "mlir::LLVM::LLVMDialect", "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
                           "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def LowerProgram : Pass<"hone-lower-program", "mlir::ModuleOp"> {
  let summary = "The host program becomes the functions plan and run, with the library's descriptor";
  let description = [{
    The module @program: hone_program of runtime/include/hone/abi.h as constant data, and two functions over hone_frame. `plan`
    computes sizes, `run` launches kernels; both are the same host program.
  }];
  let dependentDialects = ["hone::HoneDialect", "mlir::LLVM::LLVMDialect", "mlir::cf::ControlFlowDialect"];
}

#endif
