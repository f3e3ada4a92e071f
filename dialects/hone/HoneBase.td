// The dialect, its attributes and the base class of its ops. An op family includes this file and nothing else of ours.
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
    Element types: f32, f64, i1 (ONNX bool), signless i8-i64 for signed and ui8-ui64 for unsigned integers.
    Large constants are symbols (`hone.weight`), never attributes.

    Three discardable attributes of entry arguments and results, and two of modules, carry facts for users:
    `hone.name` (the ONNX name), `hone.dims` (array of strings: a dynamic dim's symbol), `hone.target` (#hone.target),
    `hone.model` (name, digest, flags).
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
    void addShapeOps();
    void registerAttributes();
  }];
}

// Tensors by what their elements are. An encoding would be lost wherever a type is derived, so there is none.
class Hone_TensorOf<list<Type> elements>
    : RankedTensorOf<elements, [CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">], "ranked tensor">;
defvar Hone_Floats = [F32, F64];
defvar Hone_Integers = [I8, I16, I32, I64, UI8, UI16, UI32, UI64];
def Hone_Tensor : Hone_TensorOf<!listconcat(Hone_Floats, [I1], Hone_Integers)>;
def Hone_NumberTensor : Hone_TensorOf<!listconcat(Hone_Floats, Hone_Integers)>;
def Hone_FloatTensor : Hone_TensorOf<Hone_Floats>;
def Hone_IntegerTensor : Hone_TensorOf<Hone_Integers>;
def Hone_IndexTensor : Hone_TensorOf<[I8, I16, I32, I64]>; // positions, which may count from the end
def Hone_BoolTensor : Hone_TensorOf<[I1]>;

class Hone_Op<string mnemonic, list<Trait> traits = []> : Op<Hone_Dialect, mnemonic, traits>;

// An op on tensors without effects, whose result dims and elements are functions of its operands.
class Hone_TensorOp<string mnemonic, list<Trait> traits = []>
    : Hone_Op<mnemonic, !listconcat([Pure, DeclareOpInterfaceMethods<Hone_ShapeOpInterface>], traits)>;

// A few instructions, so that computing it again beats keeping it.
def Hone_Cheap : NativeOpTrait<"CheapToRecompute"> { let cppNamespace = "::hone"; }

class Hone_Attr<string name, string attrMnemonic> : AttrDef<Hone_Dialect, name> { let mnemonic = attrMnemonic; }

#endif
