// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/codegen/Targets.h"
#include "hone/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"
#include <cmath>

using namespace hone;
using llvm::StringRef;

namespace {
struct Level {
  StringRef name, known; ///< what people know it as
  StringRef triple, cpu; ///< LLVM's
  StringRef required;    ///< in LLVM's names, separated by commas
  uint32_t runtimeFeatures;
  int64_t lanes;
  StringRef vectorBits; ///< LLVM's "prefer-vector-width"; empty: as it tunes for `cpu`
  CpuFigures figures;
};

/// What a CPU may have beyond a level.
struct Feature {
  StringRef name;  ///< LLVM's
  StringRef least; ///< the level that it needs
  uint32_t runtimeFeature;
};
} // namespace

static constexpr StringRef kLinux = "x86_64-unknown-linux-gnu";
#define HONE_V3_FEATURES "avx2,fma,f16c,bmi,bmi2,lzcnt,movbe"
#define HONE_V4_FEATURES HONE_V3_FEATURES ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"

// Measured on Sapphire Rapids (48 KiB of L1, 2 MiB of L2), which clocks lower with wide vectors.
static constexpr CpuFigures kFiguresOfV3 = {
    /*gigahertz=*/3.7,
    /*launch=*/60,
    /*loop=*/6,
    /*reduction=*/35,
    /*flops=*/18,
    /*memories=*/{{48 << 10, /*read=*/80, /*write=*/70}, {2 << 20, 50, 15}, {HUGE_VAL, 3.6, 5}},
};
static constexpr CpuFigures kFiguresOfV4 = {
    /*gigahertz=*/3.1,
    /*launch=*/50,
    /*loop=*/6,
    /*reduction=*/35,
    /*flops=*/25,
    /*memories=*/{{48 << 10, /*read=*/110, /*write=*/96}, {2 << 20, 100, 17}, {HUGE_VAL, 3.6, 5}},
};

static constexpr Level kLevels[] = {
    {"x86-64-v3", "AVX2", kLinux, "x86-64-v3", HONE_V3_FEATURES, HONE_CPU_V3, /*lanes=*/8, /*vectorBits=*/"",
     kFiguresOfV3},
    {"x86-64-v4", "AVX-512", kLinux, "x86-64-v4", HONE_V4_FEATURES, HONE_CPU_V3 | HONE_CPU_V4, /*lanes=*/16,
     /*vectorBits=*/"512", // LLVM tunes it for 256
     kFiguresOfV4},
};

static constexpr Feature kFeatures[] = {
    {"avx512vnni", "x86-64-v4", HONE_CPU_AVX512_VNNI},
};

static const Level *findLevel(StringRef name) {
  const auto *found = llvm::find_if(kLevels, [&](const Level &level) { return level.name == name; });
  return found == std::end(kLevels) ? nullptr : found;
}

static CpuTarget targetOf(const Level &level) {
  CpuTarget target{level.name,  level.cpu,        level.triple,  "", {}, level.runtimeFeatures,
                   level.lanes, level.vectorBits, &level.figures};
  level.required.split(target.required, ',');
  return target;
}

static void addFeature(CpuTarget &target, const Feature &feature) {
  if (target.has(feature.name))
    return;
  target.features += ((target.features.empty() ? "+" : ",+") + feature.name).str();
  target.required.push_back(feature.name);
  target.runtimeFeatures |= feature.runtimeFeature;
}

std::string CpuTarget::shortName() const {
  StringRef name = level;
  name.consume_front("x86-64-");
  std::string text = name.str();
  for (char c : features) // "+avx512vnni,+…"
    if (c != ',')
      text += c;
  llvm::replace(text, '+', '_');
  llvm::replace(text, '-', '_');
  return text;
}

bool CpuTarget::isBelow(StringRef other) const { return findLevel(level) < findLevel(other); }

llvm::ArrayRef<CpuTarget> hone::cpuTargets() {
  static const auto targets = llvm::map_to_vector(kLevels, targetOf);
  return targets;
}

/// Features of `target` that this machine lacks.
static llvm::SmallVector<StringRef> missingFeatures(const CpuTarget &target) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<StringRef> missing(target.required.begin(), target.required.end());
  llvm::erase_if(missing, [&](StringRef feature) { return host.lookup(feature); });
  return missing;
}

bool hone::hostCanRun(const CpuTarget &target) { return missingFeatures(target).empty(); }

static llvm::Expected<CpuTarget> hostTarget() {
  for (const Level &level : llvm::reverse(kLevels)) {
    CpuTarget target = targetOf(level);
    if (!hostCanRun(target))
      continue;
    for (const Feature &feature : kFeatures) {
      CpuTarget more = target;
      addFeature(more, feature);
      if (findLevel(feature.least) <= &level && hostCanRun(more))
        target = more;
    }
    return target;
  }
  return llvm::createStringError(
      "target 'host': this CPU (%s) is below %s, the lowest level that is supported: it lacks %s; name the level of "
      "the machine that will run the library, e.g. --target=%s",
      llvm::sys::getHostCPUName().str().c_str(), kLevels[0].name.data(),
      llvm::join(missingFeatures(cpuTargets()[0]), ", ").c_str(), kLevels[0].name.data());
}

std::string hone::knownTargets() {
  std::string text = "host";
  for (const Level &level : kLevels)
    text += (", " + level.name + " (" + level.known + ")").str();
  for (const Feature &feature : kFeatures)
    text += ("; " + feature.least + " also with +" + feature.name).str();
  return text;
}

llvm::Expected<CpuTarget> hone::lookupTarget(StringRef name) {
  if (name == "host")
    return hostTarget();
  llvm::SmallVector<StringRef> parts;
  name.split(parts, '+');
  const Level *level = findLevel(parts[0]);
  auto unknown = [&](const llvm::Twine &why) {
    return llvm::createStringError("target '" + name + "' is not known" + why + "; expected one of " + knownTargets());
  };
  if (!level)
    return unknown("");
  CpuTarget target = targetOf(*level);
  for (StringRef part : llvm::drop_begin(parts)) {
    if (part.data() != parts.back().data())
      part.consume_back(","); // as LLVM joins features
    const auto *feature = llvm::find_if(kFeatures, [&](const Feature &feature) { return feature.name == part; });
    if (feature == std::end(kFeatures))
      return unknown(": it has no feature '" + part + "'");
    if (level < findLevel(feature->least))
      return unknown(": " + part + " needs " + feature->least);
    addFeature(target, *feature);
  }
  return target;
}
