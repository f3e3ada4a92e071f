// The dialect, its attributes and the base class of its ops. An op family includes this file, and enums that it shares.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#ifndef HONE_BASE_TD
#define HONE_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/CommonTypeConstraints.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/hone/Interfaces.td"

def Hone_Dialect : Dialect {
  let name = "hone";
  let summary = "Tensor programs of whole models";
  let description = [{
    One dialect for a model's way from import to kernels. Values are ranked tensors; dims may be dynamic and empty everywhere.
    Element types: f32, f64, i1 (ONNX bool), signless i8-i64 for signed and ui8-ui64 for unsigned integers. f16, bf16, i4 and
    ui4 are stored, moved, converted and multiplied; no op computes in them.
    Large constants are symbols (`hone.weight`), never attributes.

    These discardable attributes carry facts for users and between passes; none has to be written by hand:

    | attribute | on | what |
    |---|---|---|
    | `hone.name` | arguments and results of `@main`, or another entry | string: the name that callers know it by; without it `arg0`, `arg1` …, `result0` … |
    | `hone.dims` | arguments and results of `@main`, or another entry | array of strings: the symbol of each dynamic dim, "" for none. Equal symbols are equal sizes |
    | `hone.state` | arguments of `@main`, or another entry | dictionary: the session keeps the tensor from run to run, and `hone.keep` says what it holds then. One that grows has the `axis` along which it does, and the name of its `length`; its dim there is room, which may be more |
    | `hone.length` | arguments of `@main`, or another entry, of `tensor<i64>` | unit: how much of the states that grow together is filled |
    | `hone.sizes` | tensor arguments of a `hone.kernel` | array of i64: for each dynamic dim, the number of the index argument that holds it |
    | `hone.target` | the module | [#hone.target](#targetattr): what code is generated for; without it this machine |
    | `hone.model` | the module | dictionary: `name` (a C identifier, prefix of the library's symbol; without it from the file's name), `digest` (of the model file), `flags` (that it was compiled with) |
    | `hone.stage` | the module | string: the stage of the compile that it has reached (import, hone, kernels, plan, llvm); without it `import` |
    | `hone.manifest` | the module, from stage llvm on | string: the manifest, as JSON |
    | `hone.offset` | `hone.weight`, from stage plan on | i64: its place in the library's weights, in bytes |
    | `hone.weight_bytes` | the module, from stage plan on | i64: bytes of all weights in the library |
    | `hone.output` | arguments of `@main`, or another entry, from stage plan on | unit: the argument is memory for a result |

    A whole module, written by hand:
    ```mlir
    func.func @main(%x: tensor<?x8xf32> {hone.name = "x", hone.dims = ["batch", ""]}) -> (tensor<?x8xf32> {hone.name = "y"}) {
      %y = hone.relu %x : tensor<?x8xf32> -> tensor<?x8xf32>
      return %y : tensor<?x8xf32>
    }
    ```
  }];
  let cppNamespace = "::hone";
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
                           "::mlir::tensor::TensorDialect"];
  let extraClassDeclaration = [{
    void addElementwiseOps();
    void addLinearOps();
    void addNormOps();
    void addProgramOps();
    void addReduceOps();
    void addResizeOps();
    void addShapeOps();
    void addWindowOps();
    void registerAttributes();
    /// See WeightSource::get().
    std::shared_ptr<WeightSource> weightSource;
  }];
}

// Tensors by what their elements are: in words, and as one of these types for examples. An encoding would be lost wherever a
// type is derived, so there is none.
class Hone_TensorOf<list<Type> elements, string words, string anElement = "f32">
    : RankedTensorOf<elements, [CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">]> {
  let summary = "tensor of " # words;
  string example = "tensor<?x8x" # anElement # ">";
  string rowExample = "tensor<8x" # anElement # ">";
}
defvar Hone_Floats = [F32, F64];
defvar Hone_Integers = [I8, I16, I32, I64, UI8, UI16, UI32, UI64];
// What is stored, moved, converted and multiplied, but not computed in: arithmetic on it takes place in a wider type.
defvar Hone_StoredTypes = [F16, BF16, I<4>, UI<4>];
def Hone_Tensor : Hone_TensorOf<!listconcat(Hone_Floats, [I1], Hone_Integers, Hone_StoredTypes),
                                "any element type (f32, f64, f16, bf16, i1, i4, i8-i64, ui4, ui8-ui64)">;
def Hone_ComputedTensor : Hone_TensorOf<!listconcat(Hone_Floats, [I1], Hone_Integers),
                                        "numbers or truth values (f32, f64, i1, i8-i64, ui8-ui64)">;
def Hone_NumberTensor : Hone_TensorOf<!listconcat(Hone_Floats, Hone_Integers), "numbers (f32, f64, i8-i64, ui8-ui64)">;
def Hone_FactorTensor : Hone_TensorOf<!listconcat(Hone_Floats, Hone_Integers, Hone_StoredTypes),
                                      "numbers of any width (f32, f64, f16, bf16, i4, i8-i64, ui4, ui8-ui64)">;
def Hone_FloatTensor : Hone_TensorOf<Hone_Floats, "floats (f32, f64)">;
def Hone_F32Tensor : Hone_TensorOf<[F32], "f32">;
def Hone_IntegerTensor : Hone_TensorOf<Hone_Integers, "integers (i8-i64, ui8-ui64)", "i64">;
def Hone_IndexTensor : Hone_TensorOf<[I8, I16, I32, I64], "positions, which may count from the end (i8-i64)", "i64">;
def Hone_LengthTensor : Hone_TensorOf<[I64], "lengths or positions (i64)", "i64">;
def Hone_BoolTensor : Hone_TensorOf<[I1], "truth values (i1)", "i1">;

class Hone_Op<string mnemonic, list<Trait> traits = []> : Op<Hone_Dialect, mnemonic, traits>;

// An op on tensors without effects, whose result dims and elements are functions of its operands.
class Hone_TensorOp<string mnemonic, list<Trait> traits = []>
    : Hone_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<Hone_ShapeOpInterface>], traits)>;

// An op that says more of its iteration space than its other interfaces do.
def Hone_Structured : DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["getStructure"]>;
// The same for one whose attributes number dims.
def Hone_StructuredByDims : DeclareOpInterfaceMethods<Hone_StructureOpInterface, ["getStructure", "renumberDims"]>;

// Which tells the dims of its operand.
def Hone_TellsDims : NativeOpTrait<"TellsDims"> { let cppNamespace = "::hone"; }
// A few instructions, so that computing it again beats keeping it.
def Hone_Cheap : NativeOpTrait<"CheapToRecompute"> { let cppNamespace = "::hone"; }
// Index arithmetic on a tensor that lies in memory in another form: each kernel that reads it does it itself.
def Hone_Layout : NativeOpTrait<"RestoresLayout"> { let cppNamespace = "::hone"; }
// Which operand an element comes from depends on its position: in a loop with others, it would be a branch for each element.
def Hone_Branching : NativeOpTrait<"BranchesByPosition"> { let cppNamespace = "::hone"; }

class Hone_Attr<string name, string attrMnemonic, list<Trait> traits = []> : AttrDef<Hone_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

#endif
