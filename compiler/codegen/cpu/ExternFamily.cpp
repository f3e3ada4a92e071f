// hone.extern: a call of a C function of the runtime, for the whole launch.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Families.h"
#include "hone/ops.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include <cstddef>

using namespace mlir;
using namespace hone;

namespace {
/// Writes the arguments of a function to the stack.
class CallBuilder {
public:
  explicit CallBuilder(KernelEmitter &e)
      : e(e), b(e.builder), loc(e.loc), pointer(LLVM::LLVMPointerType::get(b.getContext())) {}

  void call(ExternOp op) {
    unsigned inputs = e.kernel.getTensorCount();
    SmallVector<std::pair<Value, Value>> in, out; // tensor and buffer
    for (Value input : op.getInputs())
      in.emplace_back(input, e.body.buffers[cast<BlockArgument>(input).getArgNumber()]);
    for (auto [i, output] : llvm::enumerate(op.getOutputs()))
      out.emplace_back(output, e.body.buffers[inputs + i]);
    SmallVector<Value> parameters;
    for (int64_t parameter : op.getParameters())
      parameters.push_back(number(parameter));
    Value scratchBytes = op.getScratch() ? wide(e.operand(op.getScratch())) : number(0);

    Value arguments = allocate(sizeof(hone_op_arguments));
    store(arguments, offsetof(hone_op_arguments, inputs), tensors(in));
    store(arguments, offsetof(hone_op_arguments, results), tensors(out));
    store(arguments, offsetof(hone_op_arguments, parameters), numbers(parameters));
    store(arguments, offsetof(hone_op_arguments, input_count), number(in.size()));
    store(arguments, offsetof(hone_op_arguments, result_count), number(out.size()));
    store(arguments, offsetof(hone_op_arguments, parameter_count), number(parameters.size()));
    store(arguments, offsetof(hone_op_arguments, scratch), address(e.body.scratch));
    store(arguments, offsetof(hone_op_arguments, scratch_bytes), scratchBytes);
    store(arguments, offsetof(hone_op_arguments, failure), address(e.body.failure));
    store(arguments, offsetof(hone_op_arguments, cancel), e.body.cancel);
    LLVM::CallOp::create(b, loc, declare(("hone_op_" + op.getFunction()).str()), arguments);
  }

private:
  Value number(int64_t value) { return e.constant(b.getI64Type(), value); }
  Value wide(Value index) { return b.createOrFold<arith::IndexCastOp>(loc, b.getI64Type(), index); }
  Value address(Value memory) {
    Value bits = memref::ExtractAlignedPointerAsIndexOp::create(b, loc, memory);
    return LLVM::IntToPtrOp::create(b, loc, pointer, wide(bits));
  }
  Value allocate(int64_t bytes) {
    return LLVM::AllocaOp::create(b, loc, pointer, b.getI64Type(), number(llvm::divideCeil(bytes, 8)), /*alignment=*/8);
  }
  void store(Value base, int64_t offset, Value value) {
    Value to = LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(offset)});
    LLVM::StoreOp::create(b, loc, value, to);
  }
  Value numbers(ArrayRef<Value> values) {
    Value array = allocate(8 * values.size());
    for (auto [i, value] : llvm::enumerate(values))
      store(array, 8 * i, value);
    return array;
  }
  Value tensors(ArrayRef<std::pair<Value, Value>> all) {
    Value array = allocate(sizeof(hone_op_tensor) * all.size());
    for (auto [i, each] : llvm::enumerate(all)) {
      auto [tensor, buffer] = each;
      int64_t at = sizeof(hone_op_tensor) * i;
      SmallVector<Value> dims = llvm::map_to_vector(e.dims(tensor), [&](Value dim) { return wide(dim); });
      store(array, at + offsetof(hone_op_tensor, data), address(buffer));
      store(array, at + offsetof(hone_op_tensor, dims), numbers(dims));
      store(array, at + offsetof(hone_op_tensor, rank), e.constant(b.getI32Type(), rankOf(tensor)));
      store(array, at + offsetof(hone_op_tensor, dtype),
            e.constant(b.getI32Type(), int64_t(onnxDataType(elementTypeOf(tensor)))));
    }
    return array;
  }
  /// The link finds it in the runtime's archive, and makes it local to the library.
  LLVM::LLVMFuncOp declare(StringRef symbol) {
    OpBuilder top = OpBuilder::atBlockEnd(e.body.func->getBlock());
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer});
    auto function = LLVM::LLVMFuncOp::create(top, loc, symbol, type);
    function.setVisibility_(LLVM::Visibility::Hidden);
    function.setDsoLocal(true);
    function.setPassthroughAttr(b.getStrArrayAttr({"nounwind"}));
    return function;
  }

  KernelEmitter &e;
  OpBuilder &b;
  Location loc;
  Type pointer;
};

class ExternFamily : public KernelFamily {
public:
  StringRef name() const override { return "extern"; }
  bool takes(const CpuTarget &, Operation *op) const override { return isa<ExternOp>(op); }
  /// The op gives all that the kernel does, of what it is given.
  Operation *find(const CpuTarget &, KernelOp kernel) const override {
    ValueRange results = kernel.getBody().front().getTerminator()->getOperands();
    auto op = results[0].getDefiningOp<ExternOp>();
    bool isAll =
        op && results == ValueRange(op.getOutputs()) && llvm::all_of(op.getInputs(), llvm::IsaPred<BlockArgument>);
    return isAll ? op.getOperation() : nullptr;
  }
  /// Nobody knows what the function does: as much as if it used each byte once.
  double cost(const FamilyKernel &kernel, KernelNumbers &numbers) const override {
    return numbers.cycles(kernel.target, 0);
  }
  LaunchRange range(OpBuilder &, const FamilyKernel &kernel, ShapeBuilder &shapes,
                    function_ref<Value(OpFoldResult)> size) const override {
    Value scratch = cast<ExternOp>(kernel.op).getScratch();
    Value one = size(shapes.constant(1));
    return {one, one, size(scratch ? getAsOpFoldResult(scratch) : shapes.constant(0))};
  }
  void build(KernelEmitter &emitter, const FamilyKernel &kernel) const override {
    CallBuilder(emitter).call(cast<ExternOp>(kernel.op));
  }
};
} // namespace

const KernelFamily &hone::externFamily() {
  static const ExternFamily family;
  return family;
}
