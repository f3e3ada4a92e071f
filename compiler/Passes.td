// The passes of the compiler proper: from kernels on tensors to code. Order: driver/Pipelines.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef COMPILER_PASSES_TD
#define COMPILER_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanMemory : Pass<"hone-plan-memory", "mlir::ModuleOp"> {
  let summary = "Every value of the host program gets its place in memory";
  let description = [{
    Each entry goes from tensors to buffers: arguments are memrefs (the inputs, the outputs, the arena), launches write into the
    arena or an output, and the function returns what a caller must know before the run: arena bytes, scratch bytes of a
    thread, and the dims of each output. Results that are needed together do not overlap in the arena, whatever the dims;
    offsets are index arithmetic over them. Weights get their offset in the artefact (hone.offset), 64-byte aligned, those of
    1 MiB or more on a page.
    ```mlir
    %y = hone.launch @k0_exp(%x) sizes(%n) to(%n) : (tensor<?xf32>) -> tensor<?xf32>
    ```
    becomes, where its result is an output,
    ```mlir
    hone.launch @k0_exp(%x, %result0) sizes(%n) range(%count, %grain, %scratch) : (memref<?xf32>, memref<?xf32>) -> ()
    ```
  }];
  let dependentDialects = ["hone::HoneDialect", "mlir::memref::MemRefDialect", "mlir::arith::ArithDialect"];
}

def GenerateKernels : Pass<"hone-generate-kernels", "mlir::ModuleOp"> {
  let summary = "Kernels on tensors become loops on memory, each in a module of its own";
  let description = [{
    A kernel around a matmul or attention is built by its family (vectors and registers written out, with the target's tiles);
    every other one by the generic path: loops over the elements of its results, each computed by the ops' element functions.
    ```mlir
    hone.kernel @k0_exp(%x: tensor<?xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?xf32> { … }
    ```
    becomes `module @k0_exp { func.func private @body(…) { scf.for … } }`, in `scf`, `arith`, `math`, `vector` and `memref`.
  }];
  let dependentDialects = ["hone::HoneDialect", "mlir::arith::ArithDialect", "mlir::func::FuncDialect",
                           "mlir::LLVM::LLVMDialect", "mlir::math::MathDialect", "mlir::memref::MemRefDialect",
                           "mlir::scf::SCFDialect", "mlir::vector::VectorDialect"];
}

def PollCancellation : Pass<"hone-poll-cancellation", "mlir::ModuleOp"> {
  let summary = "Loops of kernels that may take long look at the cancellation flag once in a while";
  let description = [{
    The runtime looks at the flag between chunks of a launch; what is long within one iteration is cut into strips here. Loops that
    are known to be short (by the ranges of their bounds) stay as they are, and so does the inner loop of a strip, to be vectorised.
    ```mlir
    %sum = scf.for %i = %c0 to %n step %c1 iter_args(%x = %zero) -> f32 { … }
    ```
    becomes, with `%high = min(%low + 65536, %n)`,
    ```mlir
    %end, %sum = scf.while (%low = %c0, %high = …, %x = %zero) { %next = scf.for %i = %low to %high … } do { … }
    ```
    where the condition loads the flag, and holds while strips are left and it is 0.
  }];
  let dependentDialects = ["mlir::arith::ArithDialect", "mlir::scf::SCFDialect", "mlir::LLVM::LLVMDialect"];
}

def ExpandMath : Pass<"hone-expand-math", "mlir::ModuleOp"> {
  let summary = "Math functions become polynomials, conversions to bf16 integer arithmetic, the rest calls of libm";
  let description = [{
    f32 functions are written out as straight-line code that LLVM vectorises; f16 and bf16 are computed in f32; of f64, what LLVM
    has no instruction for is a call of libm.
    ```mlir
    %y = math.tanh %x : f64
    ```
    becomes `%y = func.call @tanh(%x) : (f64) -> f64`.
  }];
}

def ConvertToLlvm : Pass<"hone-convert-to-llvm", "mlir::ModuleOp"> {
  let summary = "What is left of arith, cf, func, math, memref and ub becomes the LLVM dialect, in one conversion";
  let description = [{
    One walk instead of the six passes of MLIR, each of which would leave casts to the next. Memrefs are passed as bare pointers.
    ```mlir
    func.func private @k_body(%x: memref<1xf32>, %n: index) { … }
    ```
    becomes `llvm.func @k_body(%x: !llvm.ptr, %n: i64) { … }`.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}

def FinishKernels : Pass<"hone-finish-kernels", "mlir::ModuleOp"> {
  let summary = "The entry of each kernel is added, loop annotations move to where translation reads them";
  let description = [{
    Behind the conversion to the LLVM dialect: a body (its attribute `hone.kernel`) takes pointers, sizes and a range; its entry,
    `void name(const hone_kernel_context *, int64_t begin, int64_t end)`, loads them from the context and calls it.
  }];
  let dependentDialects = ["mlir::LLVM::LLVMDialect"];
}

def WriteManifest : Pass<"hone-write-manifest", "mlir::ModuleOp"> {
  let summary = "What the library says about itself is kept on the module";
  let description = [{
    Model, target, flags, inputs, outputs, weights, and of each kernel the nodes that it computes, how, and at what predicted
    cost, as JSON in `hone.manifest`. It runs behind hone-generate-kernels, which writes what it obeyed on the modules of
    kernels, and before hone-lower-program, the last that knows which launch computes which nodes.
  }];
}

def MarkStage : Pass<"hone-mark-stage", "mlir::ModuleOp"> {
  let summary = "Writes on the module which stage of a compile it has reached";
  let description = [{
    The pass that ends each stage's pipeline sets `hone.stage`, by which `hone compile FILE.mlir` knows where to go on.
    ```mlir
    module attributes {hone.stage = "kernels"} { … }
    ```
  }];
  let options = [Option<"stage", "stage", "std::string", /*default=*/"\"import\"", "import, hone, kernels, plan or llvm">];
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
