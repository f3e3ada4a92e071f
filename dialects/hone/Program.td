// The frame around the computation: weights, kernels, launches, checks.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

include "dialects/hone/HoneBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"

def Hone_TargetAttr : Hone_Attr<"Target", "target"> {
  let summary = "What code is generated for: triple, level, features";
  let description = [{
    `level` is a row of the target table (x86-64-v3, x86-64-v4). The code generator looks it up there.
    ```mlir
    #hone.target<triple = "x86_64-unknown-linux-gnu", level = "x86-64-v4", features = "+avx512vnni">
    ```
  }];
  let parameters = (ins StringRefParameter<"LLVM triple">:$triple, StringRefParameter<"CPU level">:$level,
                        StringRefParameter<"LLVM features beyond the level">:$features);
  let assemblyFormat = "`<` `triple` `=` $triple `,` `level` `=` $level `,` `features` `=` $features `>`";
}

def Hone_WeightOp : Hone_Op<"weight", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A constant tensor that stays in its file until the artefact is written";
  let description = [{
    `source` says where the elements come from: #hone.file, a dense attribute (small ones), or a recipe over other weights
    (#hone.slice, #hone.concat, #hone.transpose, #hone.cast, #hone.reshape, #hone.pack), which is evaluated window by window when
    the artefact is written. A chain of recipes is a chain of weights, at most 64 deep and without a cycle; only weights that
    the program uses are written.
    ```mlir
    hone.weight @w0 : tensor<384x1536xf32> = #hone.file<"model.onnx", offset = 1024, length = 2359296>
    hone.weight @w0_transpose : tensor<1536x384xf32> = #hone.transpose<@w0, [1, 0]>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Hone_Tensor>:$type, AnyAttr:$source);
  let assemblyFormat = "$sym_name `:` $type `=` $source attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Nothing outside of the module sees a weight.
    bool canDiscardOnUseEmpty() { return true; }
  }];
}

def Hone_UseWeightOp : Hone_Op<"use_weight", [Pure, DeclareOpInterfaceMethods<Hone_ShapeOpInterface>,
                                             DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The tensor of a weight";
  let description = [{
    ```mlir
    %w = hone.use_weight @w0 : tensor<384x1536xf32>
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = "$weight attr-dict `:` type($output)";
}

// Not pure: it stays where the value has no other use.
def Hone_TapOp : Hone_Op<"tap", [DeclareOpInterfaceMethods<Hone_ShapeOpInterface>, Hone_Structured,
                                AllTypesMatch<["input", "output"]>]> {
  let summary = "Names a value as in the model file";
  let description = [{
    Survives every pass; compiled, it is an extra output of the library.
    ```mlir
    %y = hone.tap %x "encoder/MatMul_3" : tensor<?x8xf32>
    ```
  }];
  let arguments = (ins Hone_Tensor:$input, StrAttr:$name);
  let results = (outs Hone_Tensor:$output);
  let assemblyFormat = "$input $name attr-dict `:` type($output)";
}

def Hone_ExternOp : Hone_TensorOp<"extern", [AttrSizedOperandSegments, Hone_StructureOpInterface]> {
  let summary = "What a C function of the runtime computes";
  let description = [{
    `function` is `hone_op_NAME` of `runtime/ops/NAME.c` (`hone/ops.h`), which only libraries that call it have. It gets the
    tensors with their types and dims, `parameters`, and `scratch` bytes of memory; it has no effect but its results, and fails
    if it is given something else than it is for.

    `bounds` are the dims of all results, in order. Where data decide how much of a result there is, its dim is the most that there
    can be, another result says how much it is, and what lies behind is anything: the program reads that number and takes a slice.
    ```mlir
    %rows, %count = hone.extern "non_max_suppression"(%boxes, %scores, %most, %iou) to(%n, %c3) scratch(%bytes)
        {parameters = array<i64: 0>}
        : (tensor<1x?x4xf32>, tensor<1x2x?xf32>, tensor<i64>, tensor<f32>) -> (tensor<?x3xi64>, tensor<i64>)
    ```
  }];
  let arguments = (ins StrAttr:$function, Variadic<Hone_Tensor>:$inputs, Variadic<Index>:$bounds, Optional<Index>:$scratch,
                       DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$parameters);
  let results = (outs Variadic<Hone_Tensor>:$outputs);
  let assemblyFormat = [{
    $function `(` $inputs `)` (`to` `(` $bounds^ `)`)? (`scratch` `(` $scratch^ `)`)? attr-dict
    `:` functional-type($inputs, $outputs)
  }];
  let extraClassDeclaration = "::mlir::ValueRange getShapeOperands() { return getBounds(); }";
  let hasVerifier = 1;
}

def Hone_CheckOp : Hone_Op<"check", []> {
  let summary = "Stops the run with an error unless a condition of the host program holds";
  let description = [{
    `message` names the node and may hold {0} and {1}, which stand for the two index values.
    ```mlir
    hone.check %same, "node 'encoder/Add_3' (Add): cannot broadcast a dim of {0} with one of {1}" (%a, %b)
    ```
  }];
  let arguments = (ins I1:$condition, StrAttr:$message, Index:$first, Index:$second);
  let assemblyFormat = "$condition `,` $message `(` $first `,` $second `)` attr-dict";
}

// Not pure: what it names outlives the run.
def Hone_KeepOp : Hone_Op<"keep", []> {
  let summary = "What a state holds behind the run";
  let description = [{
    `state` is the `hone.name` of an argument of the function that has `hone.state`, the value a tensor of its type; or of one that
    has `hone.length`, the value its new length.
    ```mlir
    hone.keep %cache as "past_key_values.0.key" : tensor<?x?x3x64xf32>
    hone.keep %total as "past" : index
    ```
  }];
  let arguments = (ins AnyTypeOf<[Hone_Tensor, Index]>:$value, StrAttr:$state);
  let assemblyFormat = "$value `as` $state attr-dict `:` type($value)";
}

def Hone_GrowOp : Hone_Op<"grow", []> {
  let summary = "Memory for a value whose size data decide";
  let description = [{
    Makes memory number `slot` of the session at least `bytes` large. It holds nothing in particular, and is another one
    once the slot grows again.
    ```mlir
    %memory = hone.grow %slot to %bytes : memref<?xi8>
    ```
  }];
  let arguments = (ins Index:$slot, Index:$bytes);
  let results = (outs AnyMemRef:$memory);
  let assemblyFormat = "$slot `to` $bytes attr-dict `:` type($memory)";
}

def Hone_SizeOutputOp : Hone_Op<"size_output", []> {
  let summary = "Tells the dims of an output that only the run knows, before it is written";
  let description = [{
    `output` is an argument of the planned @main; `dims` are all its dims.
    ```mlir
    hone.size_output %y [%n, %c8] : memref<?x8xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$output, Variadic<Index>:$dims);
  let assemblyFormat = "$output `[` $dims `]` attr-dict `:` type($output)";
}

def Hone_SameMemoryOp : Hone_Op<"same_memory", [Pure]> {
  let summary = "Memory under the type of another value that lies there";
  let description = [{
    ```mlir
    %flat = hone.same_memory %x : memref<4x8xf32> to memref<32xf32>
    ```
  }];
  let arguments = (ins AnyType:$input); // of a weight: hone.use_weight
  let results = (outs AnyMemRef:$output);
  let assemblyFormat = "$input attr-dict `:` type($input) `to` type($output)";
}

def Hone_KernelOp : Hone_Op<"kernel", [IsolatedFromAbove, FunctionOpInterface, Symbol]> {
  let summary = "A kernel: one launch's computation, in tensor form";
  let description = [{
    Tensor arguments first, then index arguments. A tensor argument's attribute `hone.sizes` gives, for each of its dynamic
    dims, the number of the index argument that holds it: equal dims are one argument. The body is straight-line `hone` ops.

    Dispatch decides how it is computed, and code generation obeys: `family` names the kernel family, `parameters` are its
    numbers (tiles, blocks). They may be changed by hand; without them the best ones for the target are taken. `target` is
    what its code is generated for, if that is not the module's. `cost` is what one launch is predicted to take: nanoseconds
    on one core of the target, with 128 in the place of each dim that is open. With `in_place`, the only result lies in the
    memory of that argument, of which each element is read for the same element of the result and nothing else.
    ```mlir
    hone.kernel @k0_exp(%x: tensor<?x8xf32> {hone.sizes = array<i64: 1>}, %n: index) -> tensor<?x8xf32>
        attributes {cost = 163 : i64, family = "generic", parameters = {chunk = 8192 : i64, interleave = 4 : i64}} {
      %y = hone.exp %x : tensor<?x8xf32> -> tensor<?x8xf32>
      hone.return %y : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<DictArrayAttr>:$arg_attrs, OptionalAttr<DictArrayAttr>:$res_attrs,
                       OptionalAttr<StrAttr>:$family, OptionalAttr<DictionaryAttr>:$parameters,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$cost,
                       OptionalAttr<Hone_TargetAttr>:$target,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntNonNegative]>>:$in_place);
  let regions = (region SizedRegion<1>:$body);
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::FunctionType":$type, "::mlir::ArrayAttr":$argAttrs)>];
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
    /// How many of the arguments are tensors.
    unsigned getTensorCount();
    /// The tensor argument whose memory the only result lies in: changed in part, or in place.
    std::optional<unsigned> getUpdatedArgument();
    /// Whether an argument has the dims of the only result, and element-wise ops alone read it, for the same element.
    bool isReadElementByElement(unsigned argument);
    /// [family, parameters, target, in_place], units for those that do not stand on the kernel.
    ::mlir::ArrayAttr getDecision();
  }];
}

def Hone_ReturnOp : Hone_Op<"return", [Pure, Terminator, HasParent<"KernelOp">]> {
  let summary = "The results of a kernel";
  let description = [{
    ```mlir
    hone.kernel @k0_exp(%x: tensor<8xf32>) -> tensor<8xf32> {
      %y = hone.exp %x : tensor<8xf32> -> tensor<8xf32>
      hone.return %y : tensor<8xf32>
    }
    ```
  }];
  let arguments = (ins Variadic<Hone_Tensor>:$operands);
  let assemblyFormat = "($operands^ `:` type($operands))? attr-dict";
}

def Hone_LaunchOp : Hone_Op<"launch", [AttrSizedOperandSegments, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "One run of a kernel in the host program";
  let description = [{
    In tensor form (after dispatch) results are tensors, whose dynamic dims are `result_sizes` in order. In buffer form
    (after plan) there are no results: `buffers` are the kernel's tensor arguments followed by its results, as memrefs.
    `count`, `grain` (iterations) and `scratch` (bytes per thread) come from the target model.
    ```mlir
    %y = hone.launch @k0_exp(%x) sizes(%n) to(%n) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    hone.launch @k0_exp(%in, %out) sizes(%n) range(%count, %grain, %scratch) : (memref<?x8xf32>, memref<?x8xf32>) -> ()
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyType>:$buffers, Variadic<Index>:$sizes,
                       Variadic<Index>:$result_sizes, Optional<Index>:$count, Optional<Index>:$grain,
                       Optional<Index>:$scratch);
  let results = (outs Variadic<Hone_Tensor>:$outputs);
  let assemblyFormat = [{
    $kernel `(` $buffers `)` `sizes` `(` $sizes `)` (`to` `(` $result_sizes^ `)`)?
    (`range` `(` $count^ `,` $grain `,` $scratch `)`)? attr-dict `:` functional-type($buffers, $outputs)
  }];
  let hasVerifier = 1;
}
