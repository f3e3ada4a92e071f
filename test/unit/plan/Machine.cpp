// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "test/unit/plan/Machine.h"
#include "dialects/hone/Structure.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace hone;

static constexpr int64_t kAlignment = 64;

/// A number that looks like any other, the same in each run of the test.
static uint64_t mix(uint64_t a, uint64_t b) {
  uint64_t x = (a ^ (b + 0x9e3779b97f4a7c15)) * 0xbf58476d1ce4e5b9;
  return (x ^ (x >> 29)) * 0x94d049bb133111eb >> 8;
}

void Machine::complain(const Twine &text, Operation *op) {
  if (!problem.empty())
    return;
  llvm::raw_string_ostream out(problem);
  out << text;
  if (op)
    out << "\nat event " << story.size() << ": " << *op;
}

void Machine::tell(std::vector<int64_t> event, Operation *op) {
  if (expected && (story.size() >= expected->size() || (*expected)[story.size()] != event)) {
    auto textOf = [](ArrayRef<int64_t> event) {
      std::string text;
      for (int64_t each : event)
        text += " " + std::to_string(each);
      return text;
    };
    complain("expected" + (story.size() < expected->size() ? textOf((*expected)[story.size()]) : " the end") +
                 ", found" + textOf(event),
             op);
  }
  story.push_back(std::move(event));
}

int Machine::add(Kind kind, int64_t bytes) {
  memories.push_back({kind, bytes});
  return memories.size() - 1;
}

SmallVector<int64_t> Machine::numbers(ValueRange values) {
  return llvm::map_to_vector(values, [&](Value value) { return number(value); });
}

Machine::Cell Machine::tensor(Kind kind, ShapedType type, ArrayRef<int64_t> sizes) {
  Cell cell;
  for (int64_t size : type.getShape()) {
    cell.dims.push_back(ShapedType::isDynamic(size) ? sizes.front() : size);
    if (ShapedType::isDynamic(size))
      sizes = sizes.drop_front();
  }
  cell.elementBytes = (type.getElementTypeBitWidth() + 7) / 8;
  cell.memory = add(kind, cell.bytes());
  return cell;
}

int64_t Machine::read(const Cell &cell, Operation *op) {
  if (cell.memory < 0) {
    complain("reads no memory", op);
    return -1;
  }
  const Memory &memory = memories[cell.memory];
  if (cell.bytes() == 0)
    return 0; // nothing is in it, wherever it lies
  auto found = memory.contents.find(cell.offset);
  bool isWhole = found != memory.contents.end() && found->second.first == cell.offset + cell.bytes();
  return isWhole && memory.isThere ? found->second.second : -1;
}

void Machine::write(const Cell &cell, int64_t content, Operation *op) {
  if (cell.memory < 0)
    return complain("writes to no memory", op);
  Memory &memory = memories[cell.memory];
  int64_t begin = cell.offset, end = cell.offset + cell.bytes();
  if (memory.kind == Input || memory.kind == Weight)
    return complain("writes to an input or a weight", op);
  if (!memory.isThere)
    return complain("writes to memory that is not there", op);
  if (begin < 0 || end > memory.bytes || (memory.kind != Arena && begin != 0) || begin % kAlignment != 0)
    return complain("writes " + Twine(begin) + " to " + Twine(end) + " of " + Twine(memory.bytes) + " bytes", op);
  if (begin == end)
    return;
  auto first = memory.contents.lower_bound(begin);
  if (first != memory.contents.begin() && std::prev(first)->second.first > begin)
    --first;
  while (first != memory.contents.end() && first->first < end)
    first = memory.contents.erase(first);
  memory.contents[begin] = {end, content};
}

void Machine::bindArguments() {
  Block &block = main.getBody().front();
  isPlanned = isa<MemRefType>(block.getArguments().back().getType());
  if (!isPlanned)
    assert(llvm::all_of(block.getArgumentTypes(), llvm::IsaPred<RankedTensorType>));
  size_t inputs = 0;
  for (BlockArgument argument : block.getArguments()) {
    auto type = cast<ShapedType>(argument.getType());
    bool isArena = isPlanned && argument == block.getArguments().back();
    if (isArena || main.getArgAttr(argument.getArgNumber(), kOutputAttr))
      continue;
    SmallVector<int64_t> sizes;
    if (auto names = main.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), kDimsAttr))
      for (auto [name, size] : llvm::zip_equal(names.getAsRange<StringAttr>(), type.getShape()))
        if (ShapedType::isDynamic(size))
          sizes.push_back(dims[name.getValue().back() - '0']); // "s0", "s1"
    Cell cell = cells[argument] = tensor(Input, type, sizes);
    memories[cell.memory].contents[0] = {cell.bytes(), -2 - int64_t(inputs++)};
  }
  if (!isPlanned)
    return;
  auto terminator = cast<func::ReturnOp>(block.getTerminator());
  for (Value result : terminator.getOperands())
    computeEarly(result);
  ValueRange results = terminator.getOperands();
  Cell arena;
  arena.memory = add(Arena, number(results[0]));
  cells[block.getArguments().back()] = arena;
  if (number(results[1]) != 128)
    complain("scratch of " + Twine(number(results[1])) + " bytes");
  results = results.drop_front(2);
  for (BlockArgument argument : block.getArguments().drop_front(inputs).drop_back()) {
    auto type = cast<MemRefType>(argument.getType());
    Cell output;
    output.elementBytes = (type.getElementTypeBitWidth() + 7) / 8;
    llvm::append_range(output.dims, numbers(results.take_front(type.getRank())));
    results = results.drop_front(type.getRank());
    output.memory = add(Output, output.bytes());
    memories.back().isThere = !main.getArgAttr(argument.getArgNumber(), kLateDimsAttr);
    cells[argument] = output;
  }
}

void Machine::computeEarly(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || cells.contains(value) || !problem.empty())
    return;
  op->walk([&](Operation *inner) {
    auto load = dyn_cast<memref::LoadOp>(inner);
    bool isOfInput = load && isa<BlockArgument>(load.getMemRef()) && cells.contains(load.getMemRef());
    if (isa<LaunchOp, GrowOp>(inner) || (load && !isOfInput))
      complain("is needed before the run", inner);
    for (Value operand : inner->getOperands())
      if (!op->isAncestor(operand.getParentBlock()->getParentOp()))
        computeEarly(operand);
  });
  if (problem.empty())
    run(op);
}

void Machine::run() {
  bindArguments();
  Block &block = main.getBody().front();
  run(block);
  if (!problem.empty())
    return;
  if (expected && story.size() != expected->size())
    return complain("expected " + Twine(expected->size()) + " events, found " + Twine(story.size()));
  Operation *terminator = block.getTerminator();
  ValueRange given = terminator->getOperands();
  if (isPlanned)
    given = ValueRange(block.getArguments().drop_back());
  for (Value result : given) {
    auto argument = dyn_cast<BlockArgument>(result);
    if (isPlanned && !main.getArgAttr(argument.getArgNumber(), kOutputAttr))
      continue;
    const Cell &cell = cells[result];
    if (!memories[cell.memory].isThere)
      complain("the dims of a result were not told");
    results.push_back({cell.dims, read(cell, terminator)});
  }
}

void Machine::run(Block &block) {
  for (Operation &op : block.without_terminator()) {
    run(&op);
    if (!problem.empty())
      return;
  }
}

void Machine::run(LaunchOp launch) {
  auto kernel = symbols.lookup<KernelOp>(launch.getKernel());
  size_t results = kernel.getResultTypes().size(), reads = launch.getBuffers().size() - (isPlanned ? results : 0);
  std::vector<int64_t> event;
  llvm::append_range(event, numbers(launch.getSizes()));
  SmallVector<Cell> all = get(launch.getBuffers());
  for (const Cell &cell : ArrayRef(all).take_front(reads))
    event.push_back(read(cell, launch));
  SmallVector<int64_t> storage = numbers(launch.getResultSizes());
  ArrayRef<int64_t> sizes = storage;
  for (Value result : launch.getOutputs()) {
    auto type = cast<RankedTensorType>(result.getType());
    all.push_back(cells[result] = tensor(Fresh, type, sizes));
    sizes = sizes.drop_front(type.getNumDynamicDims());
  }
  for (size_t i = reads; i < all.size(); ++i) {
    auto overlaps = [&](const Cell &other) {
      return all[i].memory == other.memory && all[i].offset < other.offset + other.bytes() &&
             other.offset < all[i].offset + all[i].bytes() && all[i].bytes() && other.bytes();
    };
    if (llvm::any_of(ArrayRef(all).take_front(i), overlaps)) // nothing is computed in place
      complain("writes over what it reads or writes", launch);
    event.push_back(all[i].bytes());
    write(all[i], ++contents, launch);
  }
  tell(std::move(event), launch);
}

void Machine::run(scf::ForOp loop) {
  SmallVector<Cell> carried = get(loop.getInits());
  for (int64_t i = number(loop.getLowerBound()), step = number(loop.getStep()); i < number(loop.getUpperBound());
       i += step) {
    cells[loop.getInductionVar()].number = i;
    bind(loop.getRegionIterArgs(), carried);
    run(*loop.getBody());
    if (!problem.empty())
      return;
    carried = get(loop.getBody()->getTerminator()->getOperands());
  }
  bind(loop.getResults(), carried);
}

void Machine::run(scf::WhileOp loop) {
  SmallVector<Cell> carried = get(loop.getInits());
  for (;;) {
    bind(loop.getBeforeArguments(), carried);
    run(*loop.getBeforeBody());
    if (!problem.empty())
      return;
    SmallVector<Cell> handedOn = get(loop.getConditionOp().getArgs());
    if (!number(loop.getConditionOp().getCondition()))
      return bind(loop.getResults(), handedOn);
    bind(loop.getAfterArguments(), handedOn);
    run(*loop.getAfterBody());
    if (!problem.empty())
      return;
    carried = get(loop.getYieldOp().getResults());
  }
}

/// tensor.extract or memref.load.
void Machine::readElement(Operation *op) {
  Cell source = cells.lookup(op->getOperand(0));
  int64_t place = 0;
  for (auto [index, dim] : llvm::zip_equal(op->getOperands().drop_front(), source.dims)) {
    if (number(index) < 0 || number(index) >= dim)
      complain("reads outside of a tensor", op);
    place = place * dim + number(index);
  }
  int64_t content = read(source, op);
  uint64_t random = mix(mix(data, content), place);
  int64_t element = random & 1;
  if (!op->getResult(0).getType().isInteger(1))
    element = kSteps[(data < std::size(kSteps) ? data : random) % std::size(kSteps)];
  cells[op->getResult(0)].number = element;
  // Those of inputs may be read elsewhere in a planned program: they stay what they are.
  if (memories[source.memory].kind != Input)
    tell({-1, content, place}, op);
}

/// What gives places in memory.
bool Machine::runOnMemory(Operation *op) {
  if (auto view = dyn_cast<memref::ViewOp>(op)) {
    Cell cell = cells.lookup(view.getSource());
    Cell shape = tensor(Fresh, view.getType(), numbers(view.getSizes()));
    memories.pop_back();
    shape.memory = cell.memory;
    shape.offset = cell.offset + number(view.getByteShift());
    cells[view.getResult()] = shape;
    return true;
  }
  if (auto grow = dyn_cast<GrowOp>(op)) {
    int64_t slot = number(grow.getSlot());
    auto count = main->getAttrOfType<IntegerAttr>(kSlotsAttr);
    if (slot < 0 || !count || slot >= count.getInt())
      complain("asks for slot " + Twine(slot), op);
    if (auto before = slots.find(slot); before != slots.end())
      memories[before->second].isThere = false;
    Cell cell;
    cell.memory = slots[slot] = add(Slot, number(grow.getBytes()));
    cells[grow.getMemory()] = cell;
    return true;
  }
  if (auto told = dyn_cast<SizeOutputOp>(op)) {
    Cell &output = cells[told.getOutput()];
    Memory &memory = memories[output.memory];
    if (memory.kind != Output || memory.isThere || told.getDims().size() != output.dims.size())
      complain("tells the dims of what is no output, or a second time, or not all", op);
    memory.isThere = true;
    output.dims.assign(numbers(told.getDims()));
    memory.bytes = output.bytes();
    return true;
  }
  if (auto same = dyn_cast<SameMemoryOp>(op)) {
    Cell cell = cells.lookup(same.getInput());
    auto type = cast<MemRefType>(same.getOutput().getType());
    int64_t bytes = cell.bytes();
    if (type.hasStaticShape())
      cell.dims.assign(type.getShape().begin(), type.getShape().end());
    if (cell.bytes() != bytes)
      complain("gives memory a type of another size", op);
    cells[same.getOutput()] = cell;
    return true;
  }
  return false;
}

bool Machine::runArithmetic(Operation *op) {
  Cell result, a, b;
  if (op->getNumResults() != 1)
    return false;
  if (op->getNumOperands() >= 1)
    a = cells.lookup(op->getOperand(0));
  if (op->getNumOperands() >= 2)
    b = cells.lookup(op->getOperand(1));
  int64_t x = a.number, y = b.number;
  auto compare = [&](arith::CmpIPredicate predicate) {
    unsigned width = op->getOperand(0).getType().isInteger(1) ? 1 : 64;
    return arith::applyCmpPredicate(predicate, APInt(width, x, true, true), APInt(width, y, true, true));
  };
  auto number = llvm::TypeSwitch<Operation *, std::optional<int64_t>>(op)
                    .Case([&](arith::ConstantOp constant) {
                      if (auto real = dyn_cast<FloatAttr>(constant.getValue()))
                        result.real = real.getValueAsDouble();
                      auto integer = dyn_cast<IntegerAttr>(constant.getValue());
                      bool isBool = integer && integer.getType().isInteger(1);
                      return !integer ? 0 : isBool ? int64_t(integer.getValue().getZExtValue()) : integer.getInt();
                    })
                    .Case([&](arith::AddIOp) { return x + y; })
                    .Case([&](arith::SubIOp) { return x - y; })
                    .Case([&](arith::MulIOp) { return x * y; })
                    .Case([&](arith::DivUIOp) { return y ? int64_t(uint64_t(x) / uint64_t(y)) : 0; })
                    .Case([&](arith::MinSIOp) { return std::min(x, y); })
                    .Case([&](arith::MaxSIOp) { return std::max(x, y); })
                    .Case([&](arith::AndIOp) { return x & y; })
                    .Case([&](arith::OrIOp) { return x | y; })
                    .Case([&](arith::IndexCastOp) { return x; })
                    .Case([&](arith::CmpIOp compared) { return int64_t(compare(compared.getPredicate())); })
                    .Case([&](arith::SelectOp select) {
                      result = cells.lookup(x ? select.getTrueValue() : select.getFalseValue());
                      return result.number;
                    })
                    .Case([&](arith::SIToFPOp) { return result.real = double(x), 0; })
                    .Case([&](arith::AddFOp) { return result.real = a.real + b.real, 0; })
                    .Case([&](arith::MulFOp) { return result.real = a.real * b.real, 0; })
                    .Case([&](arith::CmpFOp compared) {
                      return arith::applyCmpPredicate(compared.getPredicate(), APFloat(a.real), APFloat(b.real));
                    })
                    .Default([](Operation *) { return std::nullopt; });
  if (!number)
    return false;
  result.number = *number;
  cells[op->getResult(0)] = result;
  return true;
}

void Machine::run(Operation *op) {
  if (auto launch = dyn_cast<LaunchOp>(op))
    return run(launch);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return run(loop);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return run(loop);
  if (auto branches = dyn_cast<scf::IfOp>(op)) {
    Region &taken = branches->getRegion(number(branches.getCondition()) ? 0 : 1);
    if (taken.empty())
      return;
    run(taken.front());
    return bind(branches.getResults(), get(taken.front().getTerminator()->getOperands()));
  }
  if (isa<tensor::ExtractOp, memref::LoadOp>(op))
    return readElement(op);
  if (auto use = dyn_cast<UseWeightOp>(op)) {
    int64_t symbol = use.getWeight().back() - '0';
    auto [weight, isNew] = weights.try_emplace(symbol, 0);
    Cell cell = tensor(Weight, cast<ShapedType>(use.getOutput().getType()), {});
    if (isNew) {
      weight->second = cell.memory;
      memories[cell.memory].contents[0] = {cell.bytes(), -1000 - symbol};
    }
    cell.memory = weight->second;
    cells[use.getOutput()] = cell;
    return;
  }
  if (isa<tensor::DimOp, memref::DimOp>(op)) {
    if (memories[cells.lookup(op->getOperand(0)).memory].kind != Input)
      return complain("asks for a dim of what is no input", op);
    int64_t dim = cells.lookup(op->getOperand(0)).dims[number(op->getOperand(1))];
    cells[op->getResult(0)].number = dim;
    return;
  }
  if (auto check = dyn_cast<CheckOp>(op)) {
    if (!number(check.getCondition()))
      complain("a check fails", op);
    return;
  }
  if (isView(op)) {
    Cell cell = cells.lookup(op->getOperand(0));
    int64_t bytes = cell.bytes();
    cell.dims.assign(numbers(op->getOperands().drop_front()));
    if (cell.bytes() != bytes)
      complain("shows memory under dims of another size", op);
    cells[op->getResult(0)] = cell;
    return;
  }
  if (!runOnMemory(op) && !runArithmetic(op))
    complain("cannot be executed", op);
}
