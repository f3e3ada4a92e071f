//===- Targets.cpp - CPU levels that code is generated for ----------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "compiler/codegen/cpu/Targets.h"

#include "hone/abi.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

using namespace hone;
using llvm::StringRef;

#define HONE_V3_FEATURES "avx2,fma,f16c,bmi,bmi2,lzcnt,movbe"
#define HONE_V4_FEATURES HONE_V3_FEATURES ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl"

// The tiles and blocks were measured on Zen 3 (v3: 16 vector registers, 32 KiB of L1, 512 KiB of L2) and Ice Lake (v4:
// 32, 48 KiB, 1280 KiB). A tile of R x V vectors needs R * V sums, V of B and one broadcast of A: 15 of 16 registers,
// 29 of 32.
static const CpuTarget Targets[] = {
    {"x86-64-v3", "AVX2", "x86_64-unknown-linux-gnu", "x86-64-v3", "", HONE_V3_FEATURES, HONE_CPU_V3, /*lanes=*/8,
     /*tileRows=*/6, /*tileVectors=*/2, /*streamedPanels=*/4, /*depthBlock=*/384, /*rowBlock=*/96, /*attentionRows=*/48,
     /*attentionKeys=*/256},
    {"x86-64-v4", "AVX-512", "x86_64-unknown-linux-gnu", "x86-64-v4", "", HONE_V4_FEATURES, HONE_CPU_V3 | HONE_CPU_V4,
     /*lanes=*/16, /*tileRows=*/6, /*tileVectors=*/4, /*streamedPanels=*/2, /*depthBlock=*/512, /*rowBlock=*/192,
     /*attentionRows=*/64, /*attentionKeys=*/512},
    {"x86-64-v4+avx512vnni", "AVX-512 with VNNI", "x86_64-unknown-linux-gnu", "x86-64-v4", "+avx512vnni",
     HONE_V4_FEATURES ",avx512vnni", HONE_CPU_V3 | HONE_CPU_V4 | HONE_CPU_AVX512_VNNI, /*lanes=*/16, /*tileRows=*/6,
     /*tileVectors=*/4,
     /*streamedPanels=*/2, /*depthBlock=*/512, /*rowBlock=*/192, /*attentionRows=*/64, /*attentionKeys=*/512},
};

llvm::ArrayRef<CpuTarget> hone::cpuTargets() { return Targets; }

/// Features of `target` that this machine lacks.
static llvm::SmallVector<StringRef> missingFeatures(const CpuTarget &target) {
  llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
  llvm::SmallVector<StringRef> features;
  target.required.split(features, ',');
  llvm::erase_if(features, [&](StringRef feature) { return host.lookup(feature); });
  return features;
}

bool hone::hostCanRun(const CpuTarget &target) { return missingFeatures(target).empty(); }

llvm::Expected<const CpuTarget &> hone::lookupTarget(StringRef name) {
  if (name == "host") {
    for (const CpuTarget &target : llvm::reverse(Targets))
      if (hostCanRun(target))
        return target;
    return llvm::createStringError(
        "target 'host': this CPU (%s) is below x86-64-v3, the lowest level that is supported: it lacks %s; name the "
        "level of the machine that will run the library, e.g. --target=x86-64-v3",
        llvm::sys::getHostCPUName().str().c_str(), llvm::join(missingFeatures(Targets[0]), ", ").c_str());
  }
  for (const CpuTarget &target : Targets)
    if (target.name == name)
      return target;
  std::string known = "host";
  for (const CpuTarget &target : Targets)
    known += (", " + target.name + " (" + target.known + ")").str();
  return llvm::createStringError("target '%s' is not known; expected one of %s", name.str().c_str(), known.c_str());
}
