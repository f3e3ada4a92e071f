// The walk over a model's graph, as its parts see it: Import.cpp, ControlFlow.cpp (bodies, If) and Loops.cpp.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef HONE_FRONTENDS_ONNX_GRAPHIMPORTER_H
#define HONE_FRONTENDS_ONNX_GRAPHIMPORTER_H

#include "frontends/onnx/Import.h"
#include "frontends/onnx/Problems.h"
#include "frontends/onnx/ops/Ops.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringSet.h"

namespace hone {

/// The weights of a module, by their tensor's data and type: a function's constant is one, however often the function
/// is called, and so is a tensor of the model, whichever entry reads it. The data are held, so that no others come to
/// lie there.
using ImportedWeights =
    std::map<std::pair<const void *, const void *>, std::pair<SharedBytes, mlir::FlatSymbolRefAttr>>;

class GraphImporter {
public:
  using PositiveSymbols = llvm::StringMap<std::pair<mlir::Location, std::string>>;
  /// Imports into a function `entry` of `module`. `positive`: symbols of dims that no run may have 0 of.
  GraphImporter(const OnnxModel &model, mlir::ModuleOp module, llvm::StringRef entry, ImportedWeights &weights,
                const PositiveSymbols &positive, KeepOutput keep)
      : model(model), module(module), entry(entry), weights(weights), positive(positive), keep(keep),
        builder(module.getContext()),
        importer(
            builder, [this](const OnnxTensor &tensor, llvm::StringRef name) { return importTensor(tensor, name); },
            [this](const llvm::Twine &text, llvm::StringRef wayOut) { report(text, wayOut); }) {}

  mlir::LogicalResult run();
  PositiveSymbols latePositive() const { return importer.latePositive(); }
  /// Takes back what was built, for another run.
  void eraseFunction() { function.erase(); }

private:
  const OnnxModel &model;
  mlir::ModuleOp module;
  llvm::StringRef entry;
  ImportedWeights &weights;
  const PositiveSymbols &positive;
  KeepOutput keep;
  mlir::OpBuilder builder;
  Importer importer;
  ProblemList problems;
  mlir::func::FuncOp function;

  llvm::StringMap<llvm::SmallVector<const OperatorRow *>> operators;
  /// What names stand for: in the graph, in a function's body, or in one of control flow.
  struct Scope {
    Scope *outer = nullptr;       ///< whose names a body of control flow sees, too
    mlir::Block *block = nullptr; ///< where the graph's nodes are built
    llvm::StringMap<const OnnxTensor *> initializers;
    llvm::StringMap<const OnnxValueType *> declared;
    /// Null where an error was reported and nothing can be assumed.
    llvm::StringMap<mlir::Value> values;
  };
  Scope scope;
  /// Names of dims that are taken.
  llvm::StringSet<> symbols;
  /// Weights that shapes may be computed from, and their elements once somebody has asked.
  llvm::DenseMap<mlir::Attribute, OnnxTensor> smallWeights;
  llvm::DenseMap<mlir::Attribute, mlir::DenseElementsAttr> readWeights;
  mlir::DenseElementsAttr readWeight(UseWeightOp use);
  /// Keeps the elements of a tensor that the file holds in no form that could be mapped; null after an error.
  FileAttr storeBytes(const OnnxTensor &tensor);
  /// Nodes imported, those of functions' bodies included.
  uint64_t nodeCount = 0;
  struct Kept {
    std::string label;
    mlir::Value value;
    mlir::Location loc;
  };
  std::vector<Kept> kept;
  /// Before the names of nodes: the control flow that they are in, "loop::body::".
  std::string path;
  /// Of what loops carry, by their path and name: nothing for index values, else the dims that change.
  llvm::StringMap<llvm::SmallVector<std::optional<llvm::SmallBitVector>>> learntOfLoops;
  /// How many bodies of control flow are being imported, one in the other.
  unsigned bodyDepth = 0;

  /// What is being imported, for reports: a node or, if null, a value of `subjectKind`.
  const OnnxNode *subjectNode = nullptr;
  llvm::StringRef subjectKind;
  std::string subjectName;
  /// A node whose operator the standard defines by others, while those are imported, and what they lack: users know the
  /// operator, not its definition.
  std::optional<ProblemPlace> definedPlace;
  std::vector<std::string> lacking;

  mlir::Location named(const llvm::Twine &name, llvm::StringRef kind) {
    return mlir::NameLoc::get(builder.getStringAttr(name + " (" + kind + ")"));
  }
  void begin(const OnnxNode &node) {
    importer.loc = named(path + node.name, node.op);
    subjectNode = &node;
  }
  void begin(llvm::StringRef name, llvm::StringRef kind) {
    importer.loc = named(name, kind);
    subjectNode = nullptr;
    subjectKind = kind;
    subjectName = name;
  }
  void report(const llvm::Twine &text, llvm::StringRef wayOut);
  ProblemPlace placeOf(const OnnxNode &node);
  void collectTables();
  void importInputs();
  /// Imports `node`; what it could not build is assumed.
  void visit(const OnnxNode &node, unsigned depth);
  void importNode(const OnnxNode &node, unsigned depth);
  void importOperator(const OnnxNode &node, unsigned depth);

  // Control flow (ControlFlow.cpp, Loops.cpp).
  /// What a body gives, with its dims. Nothing where something could not be built, after the error was reported.
  struct BodyOutputs {
    llvm::SmallVector<mlir::Value> values;
    llvm::SmallVector<HostVector> dims;
    bool areAssumed = false; ///< some of them
  };
  struct ControlFlowRow {
    llvm::StringLiteral name;
    int64_t sinceVersion;
    void (GraphImporter::*import)(const OnnxNode &, unsigned depth);
  };
  static llvm::ArrayRef<ControlFlowRow> controlFlowOperators();
  /// Runs `visitNodes` where names are those of `body`, the graph in `attribute`, which goes before the names of nodes.
  void enterBody(const OnnxNode &node, const OnnxAttribute &attribute, size_t number, mlir::Block *block,
                 llvm::function_ref<void(const OnnxGraph &body)> visitNodes);
  /// Imports a body into the end of `block`; its inputs are `inputs`.
  std::optional<BodyOutputs> importBody(const OnnxNode &node, llvm::StringRef attribute, mlir::Block &block,
                                        mlir::ValueRange inputs, unsigned depth);
  /// `tensor`, of this type, as one of rank 0; null after an error.
  mlir::Value onlyElement(mlir::Value tensor, mlir::Type elementType, const llvm::Twine &what);
  /// The only element of a condition, a value of the host program; null after an error.
  mlir::OpFoldResult conditionOf(mlir::Value tensor, const llvm::Twine &what);
  /// The only element of a number, likewise.
  mlir::OpFoldResult numberOf(mlir::Value tensor, const llvm::Twine &what);
  void importIf(const OnnxNode &node, unsigned depth);
  void importLoop(const OnnxNode &node, unsigned depth);
  void importScan(const OnnxNode &node, unsigned depth);
  void importOldScan(const OnnxNode &node, unsigned depth);

  struct LoopSpec;
  struct Variable;
  struct LoopBody;
  /// Imports a loop and sets the node's outputs.
  void buildLoop(LoopSpec spec);
  /// Carries scan output number `i` around, to which a step adds `value`.
  bool collect(const LoopSpec &spec, unsigned i, mlir::Value value, mlir::ArrayRef<mlir::OpFoldResult> dims,
               LoopBody &body);
  /// Imports the body, with what is assumed of the variables. False where that was wrong: `variables` say more then.
  bool buildBody(const LoopSpec &spec, mlir::MutableArrayRef<Variable> variables, LoopBody &body);
  /// Opens dims of variables that change because others do: `found`, by the numbers of a variable and of a dim. `given`
  /// is what the body gets, `next` what it gives for them.
  void openFurther(mlir::MutableArrayRef<Variable> variables, llvm::ArrayRef<std::pair<unsigned, unsigned>> found,
                   llvm::ArrayRef<mlir::Value> given, llvm::ArrayRef<mlir::Value> next);
  void setOutputs(const OnnxNode &node, mlir::ValueRange values);
  mlir::LogicalResult importHalves(const OperatorRow &row, Node &node);
  void importCall(const OnnxFunction &body, const OnnxNode &call, unsigned depth);
  void keepOutputs(const OnnxNode &node);
  void tapKept(llvm::ArrayRef<mlir::Value> results);
  void refuse(const OnnxNode &node, unsigned depth);
  /// Looks for problems in the bodies of an operator of control flow.
  void checkBodies(const OnnxNode &node, unsigned depth);
  void checkOutputs();
  void finish();

  mlir::Value lookUp(llvm::StringRef name);
  mlir::Value importTensor(const OnnxTensor &tensor, llvm::StringRef name);
  const OperatorRow *rowFor(const OnnxNode &node) const;
  std::string wayOutOf(const OnnxNode &node) const;
  OnnxValueType declaredType(llvm::StringRef name) const;
  OnnxValueType typeOf(llvm::StringRef name);
  static OnnxValueType typeOf(mlir::Value value);
  std::string typeText(llvm::StringRef name);
  /// A stand-in for a value that could not be built; null if too little is known of its type.
  mlir::Value assume(llvm::StringRef name);
  mlir::ArrayAttr dimNames(llvm::StringRef name, const OnnxValueType &type, mlir::Value value);
  mlir::DictionaryAttr entryAttrs(const OnnxValueInfo &info, mlir::Value value) {
    return builder.getDictionaryAttr({builder.getNamedAttr(kNameAttr, builder.getStringAttr(info.name)),
                                      builder.getNamedAttr(kDimsAttr, dimNames(info.name, info.type, value))});
  }
};

} // namespace hone

#endif
