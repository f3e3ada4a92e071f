// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "passes/analysis/FactorAnalysis.h"

using namespace mlir;
using namespace hone;

FactorAnalysis::FactorAnalysis(Block &block, ShapeBuilder &shapes) : shapes(shapes) {
  for (Operation &op : llvm::make_early_inc_range(block)) {
    if (!isa<StructureOpInterface>(op))
      continue;
    shapes.builder.setInsertionPoint(&op);
    addOp(&op);
  }
  collect();
}

FactorAnalysis::Node FactorAnalysis::add(OpFoldResult size) {
  nodes.push_back({size, Node(nodes.size()), {}});
  return nodes.size() - 1;
}

FactorAnalysis::Node FactorAnalysis::leaderOf(Node node) {
  while (nodes[node].leader != node) {
    nodes[node].leader = nodes[nodes[node].leader].leader;
    node = nodes[node].leader;
  }
  return node;
}

SmallVector<FactorAnalysis::Node> FactorAnalysis::leavesOf(ArrayRef<Node> products) {
  SmallVector<Node> leaves, rest(llvm::reverse(products));
  while (!rest.empty()) {
    Node node = leaderOf(rest.pop_back_val());
    if (nodes[node].split.empty())
      leaves.push_back(node);
    else
      llvm::append_range(rest, llvm::reverse(nodes[node].split));
  }
  return leaves;
}

void FactorAnalysis::unite(Node a, Node b) {
  // The size that says more stays.
  if (ShapeBuilder::getConstant(nodes[b].size))
    std::swap(a, b);
  nodes[b].leader = a;
}

/// Takes factors from one end of two products as long as one divides the other.
bool FactorAnalysis::tieAtEnd(SmallVectorImpl<Node> &a, SmallVectorImpl<Node> &b, bool fromMajor) {
  auto end = [&](SmallVectorImpl<Node> &side) -> Node & { return fromMajor ? side.front() : side.back(); };
  auto drop = [&](SmallVectorImpl<Node> &side) { fromMajor ? (void)side.erase(side.begin()) : side.pop_back(); };
  auto skipOnes = [&](SmallVectorImpl<Node> &side) {
    while (!side.empty() && ShapeBuilder::getConstant(nodes[end(side)].size) == 1)
      drop(side);
  };
  for (;;) {
    skipOnes(a);
    skipOnes(b);
    if (a.empty() || b.empty())
      return a.empty() && b.empty();
    Node x = leaderOf(end(a)), y = leaderOf(end(b));
    if (x != y && !shapes.areEqual(nodes[x].size, nodes[y].size) && (a.size() > 1 || b.size() > 1)) {
      std::optional<OpFoldResult> ofX = shapes.exactQuotient(nodes[x].size, nodes[y].size);
      std::optional<OpFoldResult> ofY = shapes.exactQuotient(nodes[y].size, nodes[x].size);
      if (!ofX && !ofY)
        return false;
      // The larger one is split into one like the smaller, and a rest that stays at this end.
      SmallVectorImpl<Node> &large = ofX ? a : b, &small = ofX ? b : a;
      Node whole = ofX ? x : y, piece = ofX ? y : x;
      auto isWhole = [&](Node node) { return leaderOf(node) == whole; };
      if (llvm::count_if(a, isWhole) + llvm::count_if(b, isWhole) > 1)
        return false; // it would be a part of itself
      Node rest = add(ofX ? *ofX : *ofY);
      nodes[whole].split = fromMajor ? SmallVector<Node, 2>{piece, rest} : SmallVector<Node, 2>{rest, piece};
      end(large) = rest;
      drop(small);
      continue;
    }
    if (x != y)
      unite(x, y);
    drop(a);
    drop(b);
  }
}

bool FactorAnalysis::tie(ArrayRef<Node> from, ArrayRef<Node> to) {
  SmallVector<Node> a = leavesOf(from), b = leavesOf(to);
  if (tieAtEnd(a, b, /*fromMajor=*/true) || tieAtEnd(a, b, /*fromMajor=*/false))
    return true;
  // A single factor that is left is the product of what is left on the other side.
  if (b.size() == 1)
    std::swap(a, b);
  auto isSingle = [&](Node node) { return leaderOf(node) == leaderOf(a[0]); };
  if (a.size() != 1 || b.empty() || llvm::any_of(b, isSingle))
    return false;
  nodes[leaderOf(a[0])].split.assign(b.begin(), b.end());
  return true;
}

SmallVector<FactorAnalysis::Node> &FactorAnalysis::dimsOf(Value tensor) {
  if (auto use = tensor.getDefiningOp<UseWeightOp>())
    tensor = weights.try_emplace(use.getWeightAttr(), tensor).first->second;
  auto [entry, isNew] = dims.try_emplace(tensor);
  if (isNew)
    for (OpFoldResult size : SmallVector<OpFoldResult>(shapes.dims(tensor)))
      entry->second.push_back(add(size));
  return entry->second;
}

void FactorAnalysis::addOp(Operation *op) {
  Structure structure = cast<StructureOpInterface>(op).getStructure(shapes);
  SmallVector<Node> own;
  for (const Factor &factor : structure.factors) {
    own.push_back(add(factor.size));
    pending.push_back({{op, factor.kind, factor.combiner}, own.back()});
  }
  auto addTensor = [&](Value tensor, const FactoredDims &factored) {
    for (auto [node, dim] : llvm::zip_equal(SmallVector<Node>(dimsOf(tensor)), factored)) {
      auto product = llvm::map_to_vector(dim.factors, [&](unsigned factor) { return own[factor]; });
      if (dim.extent == Extent::One || (dim.extent == Extent::Full && tie(node, product)))
        continue;
      // Not known to be the same: nothing can be said of the positions.
      for (Node part : llvm::concat<const Node>(product, ArrayRef<Node>(node)))
        pending.push_back({{op, FactorKind::Opaque, std::nullopt}, part});
    }
  };
  for (auto [operand, factored] : llvm::zip_equal(op->getOperands(), structure.operands))
    if (isa<RankedTensorType>(operand.getType()))
      addTensor(operand, factored);
  for (auto [result, factored] : llvm::zip_equal(op->getResults(), structure.results))
    addTensor(result, factored);
  for (const FactorPart &part : structure.parts)
    allParts.push_back({op, {own[part.part]}, {own[part.whole]}, part.offset, part.step});
}

void FactorAnalysis::collect() {
  for (auto &[tensor, own] : dims)
    for (auto [i, node] : llvm::enumerate(own))
      for (Class number : leavesOf(node))
        carriers[number].push_back({tensor, int64_t(i)});
  for (const PendingUse &each : pending)
    for (Class number : leavesOf(each.node))
      uses[number].push_back(each.use);
  pending.clear();
  for (Part &part : allParts) {
    part.part = leavesOf(part.part);
    part.whole = leavesOf(part.whole);
  }
}

SmallVector<FactorAnalysis::Class> FactorAnalysis::classesOf(Value tensor, int64_t dim) {
  return leavesOf(dimsOf(tensor)[dim]);
}
