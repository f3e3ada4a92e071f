// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "frontends/onnx/Problems.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace hone;

/// Of a type in full, however long the names of its dims are.
static std::string fullText(const OnnxValueType &type) {
  std::string element = type.element.empty() ? "?" : toString(type.element.front());
  std::string text = type.elementType == OnnxDataType::Undefined ? "?" : toString(type.elementType);
  switch (type.kind) {
  case OnnxValueType::Unknown:
    return "?";
  case OnnxValueType::Sequence:
    return "seq(" + element + ")";
  case OnnxValueType::Optional:
    return "optional(" + element + ")";
  case OnnxValueType::Map:
    return "map(" + text + "," + element + ")";
  case OnnxValueType::Opaque:
    return "opaque";
  case OnnxValueType::SparseTensor:
    text = "sparse " + text;
    break;
  case OnnxValueType::Tensor:
    break;
  }
  if (!type.hasShape)
    return text;
  llvm::ListSeparator comma(",");
  text += '[';
  for (const OnnxDim &dim : llvm::ArrayRef(type.dims).take_front(kMaxOnnxRank + 1)) {
    bool hasName = !dim.symbol.empty() && !StringRef(dim.symbol).starts_with("unk__"); // one that inference made up
    text += StringRef(comma).str() + (dim.isFixed() ? std::to_string(dim.value) : hasName ? dim.symbol : "?");
  }
  return text + ']';
}

std::string hone::toString(const OnnxValueType &type) {
  constexpr size_t maxLength = 200; // many problems may show one type
  std::string text = fullText(type);
  return text.size() <= maxLength ? text : text.substr(0, maxLength - 3) + "...";
}

void ProblemList::add(ProblemPlace place, std::string text, StringRef wayOut) {
  std::string key = llvm::join_items('\0', place.kind, place.op, place.domain, std::to_string(place.opset), text);
  auto [entry, isNew] = problems.try_emplace(key, Problem{place, std::move(text), wayOut.str(), {}});
  entry->second.names.push_back(std::move(place.name));
}

void ProblemList::add(ProblemList other) {
  for (auto &[key, problem] : other.problems) {
    auto [entry, isNew] = problems.try_emplace(key, problem);
    if (!isNew)
      llvm::append_range(entry->second.names, problem.names);
  }
}

void ProblemList::emit() const {
  for (const auto &[key, problem] : problems) {
    const ProblemPlace &place = problem.place;
    Builder builder(place.loc.getContext());
    auto texts = [&](const std::vector<std::string> &list) {
      return builder.getStrArrayAttr(SmallVector<StringRef>(list.begin(), list.end()));
    };
    NamedAttrList details;
    details.set(place.kind, builder.getStringAttr(place.name));
    if (place.kind == "node") {
      details.set("operator", builder.getStringAttr(place.op));
      details.set("domain", builder.getStringAttr(place.domain.empty() ? "ai.onnx" : place.domain));
      details.set("opset", builder.getI64IntegerAttr(place.opset));
      details.set("inputs", texts(place.inputs));
      details.set("outputs", texts(place.outputs));
    } else if (!place.outputs.empty()) {
      details.set("type", builder.getStringAttr(place.outputs.front()));
    }
    details.set("names", texts(problem.names));
    if (!problem.wayOut.empty())
      details.set("try", builder.getStringAttr(problem.wayOut));
    InFlightDiagnostic diagnostic = emitError(place.loc) << problem.text;
    diagnostic.getUnderlyingDiagnostic()->getMetadata().emplace_back(details.getDictionary(place.loc.getContext()));
  }
}
