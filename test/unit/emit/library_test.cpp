// Whole libraries, linked and run.
//
// Two small models with equal inner names, compiled from C, go through emitLibrary() and are used as users do: loaded,
// linked into a C99 program by two linkers, stripped.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "compiler/emit/Elf.h"
#include "compiler/emit/Library.h"
#include "compiler/emit/Link.h"
#include "compiler/emit/Stubs.h"
#include "compiler/emit/Verify.h"
#include "hone/abi.h"
#include "hone/hone.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/Archive.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include <csignal>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <thread>

using namespace hone;
using namespace llvm::ELF;
namespace fs = llvm::sys::fs;
using Object = llvm::object::ELF64LEObjectFile;

/// What a model's descriptor offers here; the real one is of no concern to this step.
static const char *const interfaceSource = R"(
struct toy {
  const char *manifest;
  const float *weights;
  float (*sum)(int count);   /* of the first weights */
  int (*count)(void);        /* calls so far, of this model */
  float (*threaded)(float);  /* powf, computed by another thread */
};
)";

/// Stands for the runtime: state, a thread, libc and libm, and an unused function that must not reach the library.
static const char *const runtimeSource = R"(
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
static int calls;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int done;
int hone_rt_count(void) { return ++calls; }
static void *work(void *p) {
  pthread_mutex_lock(&mutex);
  *(float *)p = powf(*(float *)p, 3);
  done = 1;
  pthread_cond_broadcast(&condition);
  pthread_mutex_unlock(&mutex);
  return p;
}
float hone_rt_threaded(float x) {
  float *p = malloc(sizeof *p);
  pthread_t thread;
  *p = x;
  done = 0;
  if (pthread_create(&thread, 0, work, p)) return -1;
  pthread_mutex_lock(&mutex);
  while (!done) pthread_cond_wait(&condition, &mutex);
  pthread_mutex_unlock(&mutex);
  pthread_join(thread, 0);
  x = *p;
  free(p);
  return x;
}
int hone_rt_unused(void) { return 12345678; }
)";

static const char *const kernelSource = R"(
static volatile int zeros[100000]; /* .bss of many pages */
float hone_kernel_0(const float *weights, int count) {
  float sum = 0;
  for (int i = 0; i < 100000; ++i) sum += zeros[i];
  for (int i = 0; i < count; ++i) sum += weights[i];
  return sum;
}
)";

namespace {
class LibraryTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(fs::createUniqueDirectory("hone-emit", folder)); }
  void TearDown() override { fs::remove_directories(folder); }

  std::string path(const llvm::Twine &name) { return (folder + "/" + name).str(); }

  /// Runs a program found in PATH or by its path; its exit code.
  int run(std::vector<std::string> command) {
    std::vector<llvm::StringRef> arguments(command.begin(), command.end());
    auto program = llvm::sys::findProgramByName(command[0]);
    return program ? llvm::sys::ExecuteAndWait(*program, arguments) : -1;
  }

  llvm::SmallVector<char, 0> compile(llvm::StringRef source) {
    llvm::cantFail(writeFile(path("source.c"), source));
    EXPECT_EQ(
        run({HONE_TEST_CC, "-O1", "-g", "-fPIC", "-fvisibility=hidden", "-fno-stack-protector", "-U_FORTIFY_SOURCE",
             "-ffunction-sections", "-I" HONE_TEST_RUNTIME_INCLUDE, "-c", path("source.c"), "-o", path("source.o")}),
        0);
    std::string object = contents("source.o");
    return {object.begin(), object.end()};
  }

  /// A model with `weightBytes` bytes of weights, all of them the float `value`.
  LibraryParts model(const std::string &name, float value, uint64_t weightBytes = 100000 * sizeof(float)) {
    std::string prologue = "#define NAME_library " + name + "_library\n#define NAME_weights " + name + "_weights\n";
    std::string host = prologue + interfaceSource + R"(
extern const float NAME_weights[];
float hone_kernel_0(const float *, int);
int hone_rt_count(void);
float hone_rt_threaded(float);
static float sum(int count);
static const struct toy toy = {"{\"weights\":{\"blake3\":\")" +
                       kWeightDigestField.str() + R"(\"}}", NAME_weights, sum, hone_rt_count, hone_rt_threaded};
static float sum(int count) { return hone_kernel_0(toy.weights, count); }
__attribute__((visibility("default"))) const struct toy *NAME_library(void) { return &toy; }
)";
    LibraryParts parts;
    parts.name = name;
    for (llvm::StringRef source :
         {llvm::StringRef(kernelSource), llvm::StringRef(runtimeSource), llvm::StringRef(host)})
      parts.objects.push_back(compile(source));
    parts.weightBytes = weightBytes;
    parts.writeWeights = [value, weightBytes](WeightSink &sink) -> llvm::Error {
      for (uint64_t i = 0; i < weightBytes / sizeof value; ++i)
        if (llvm::Error error = sink.write(&value, sizeof value))
          return error;
      return llvm::Error::success();
    };
    return parts;
  }

  std::string emit(const LibraryParts &parts, llvm::StringRef name, OutputKind kind) {
    llvm::Error error = emitLibrary(parts, path(name), kind);
    return error ? llvm::toString(std::move(error)) : "no error";
  }

  std::string contents(llvm::StringRef name) {
    auto buffer = llvm::MemoryBuffer::getFile(path(name), false, false);
    return buffer ? (*buffer)->getBuffer().str() : "absent";
  }

  std::vector<std::string> listing() {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator i(folder, error), end; i != end && !error; i.increment(error))
      names.push_back(llvm::sys::path::filename(i->path()).str());
    std::sort(names.begin(), names.end());
    return names;
  }

  llvm::SmallString<128> folder;
};

struct Toy {
  const char *manifest;
  const float *weights;
  float (*sum)(int);
  int (*count)();
  float (*threaded)(float);
};

/// A library that stays loaded while this lives.
struct Loaded {
  Loaded(const std::string &path, const char *symbol) : handle(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (!handle) {
      ADD_FAILURE() << dlerror();
      return;
    }
    if (auto get = reinterpret_cast<const Toy *(*)()>(dlsym(handle, symbol)))
      toy = get();
  }
  ~Loaded() {
    if (handle)
      dlclose(handle);
  }
  void *handle;
  const Toy *toy = nullptr;
};

/// An ELF file read by llvm::object.
struct ReadFile {
  explicit ReadFile(const std::string &path)
      : buffer(std::move(*llvm::MemoryBuffer::getFile(path, false, false))),
        object(llvm::cantFail(Object::create(buffer->getMemBufferRef()))) {}
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  Object object;
};
} // namespace

TEST_F(LibraryTest, TwoLibrariesLiveInOneProcess) {
  ASSERT_EQ(emit(model("alpha", 1), "alpha.so", OutputKind::SharedLibrary), "no error");
  ASSERT_EQ(emit(model("beta", 2), "beta.so", OutputKind::SharedLibrary), "no error");
  Loaded alpha(path("alpha.so"), "alpha_library"), beta(path("beta.so"), "beta_library");
  ASSERT_TRUE(alpha.toy && beta.toy);
  EXPECT_EQ(alpha.toy->sum(100000), 100000);
  EXPECT_EQ(beta.toy->sum(100000), 200000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(alpha.toy->weights) % 4096, 0u);
  EXPECT_EQ(alpha.toy->count(), 1);
  EXPECT_EQ(alpha.toy->count(), 2);
  EXPECT_EQ(beta.toy->count(), 1);
  EXPECT_EQ(alpha.toy->threaded(2), 8);
  EXPECT_EQ(beta.toy->threaded(3), 27);
  EXPECT_EQ(listing(), (std::vector<std::string>{"alpha.so", "beta.so", "source.c", "source.o"}));
}

TEST_F(LibraryTest, ExportsOneSymbolAndNeedsLittle) {
  ASSERT_EQ(emit(model("alpha", 1), "alpha.so", OutputKind::SharedLibrary), "no error");
  ReadFile file(path("alpha.so"));
  const auto &elf = file.object.getELFFile();

  std::vector<std::string> exports;
  for (const llvm::object::ELFSymbolRef symbol : file.object.getDynamicSymbolIterators())
    if (!(llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined))
      exports.push_back(llvm::cantFail(symbol.getName()).str());
  EXPECT_EQ(exports, std::vector<std::string>{"alpha_library"});

  for (const llvm::object::VersionEntry &version : llvm::cantFail(file.object.readDynsymVersions()))
    EXPECT_TRUE(version.Name.empty() || version.Name == "GLIBC_2.2.5" || version.Name == "GLIBC_2.3.2") << version.Name;

  std::string dynamicStrings;
  for (const auto &section : llvm::cantFail(elf.sections()))
    if (section.sh_type == SHT_STRTAB && (section.sh_flags & SHF_ALLOC))
      dynamicStrings = llvm::cantFail(elf.getStringTable(section)).str();
  std::vector<std::string> needed;
  bool bindNow = false;
  for (const auto &entry : llvm::cantFail(elf.dynamicEntries())) {
    EXPECT_NE(entry.d_tag, DT_TEXTREL);
    EXPECT_NE(entry.d_tag, DT_INIT);
    if (entry.d_tag == DT_NEEDED)
      needed.push_back(dynamicStrings.c_str() + entry.d_un.d_val);
    if (entry.d_tag == DT_FLAGS) {
      bindNow = entry.d_un.d_val & DF_BIND_NOW;
      EXPECT_EQ(entry.d_un.d_val & (DF_STATIC_TLS | DF_TEXTREL), 0u);
    }
  }
  EXPECT_EQ(needed, (std::vector<std::string>{"libc.so.6", "libm.so.6"}));
  EXPECT_TRUE(bindNow);

  bool relro = false;
  int weightSegments = 0;
  for (const auto &segment : llvm::cantFail(elf.program_headers())) {
    relro |= segment.p_type == PT_GNU_RELRO;
    if (segment.p_type == PT_GNU_STACK) {
      EXPECT_EQ(segment.p_flags & PF_X, 0u);
    }
    if (segment.p_type == PT_LOAD) {
      EXPECT_NE(segment.p_flags & (PF_W | PF_X), unsigned(PF_W | PF_X));
      if (segment.p_filesz == 400000) {
        ++weightSegments;
        EXPECT_EQ(segment.p_flags, unsigned(PF_R));
      }
    }
  }
  EXPECT_TRUE(relro);
  EXPECT_EQ(weightSegments, 1);
  EXPECT_EQ(contents("alpha.so").find("hone_rt_unused"), std::string::npos);
  EXPECT_NE(contents("alpha.so").find("hone_kernel_0"), std::string::npos) << "profilers need the names of kernels";
}

TEST_F(LibraryTest, SurvivesStrip) {
  ASSERT_EQ(emit(model("alpha", 3), "alpha.so", OutputKind::SharedLibrary), "no error");
  for (std::string strip : {"strip", HONE_TEST_LLVM_TOOLS "/llvm-strip"}) {
    ASSERT_EQ(run({strip, "-o", path("stripped.so"), path("alpha.so")}), 0);
    EXPECT_LT(contents("stripped.so").size(), contents("alpha.so").size());
    Loaded alpha(path("stripped.so"), "alpha_library");
    ASSERT_TRUE(alpha.toy);
    EXPECT_EQ(alpha.toy->sum(100000), 300000);
    EXPECT_EQ(alpha.toy->threaded(2), 8);
  }
}

TEST_F(LibraryTest, LinksIntoOneProgramByEveryWay) {
  std::string main = std::string(interfaceSource) + R"(
const struct toy *alpha_library(void), *beta_library(void);
int main(void) {
  const struct toy *alpha = alpha_library(), *beta = beta_library();
  if (alpha->sum(100000) != 100000 || beta->sum(100000) != 200000) return 1;
  if (alpha->count() != 1 || alpha->count() != 2 || beta->count() != 1) return 2;
  if (alpha->threaded(2) != 8 || beta->threaded(3) != 27) return 3;
  return 0;
}
)";
  llvm::cantFail(writeFile(path("main.c"), main));
  LibraryParts alpha = model("alpha", 1), beta = model("beta", 2);
  std::vector<std::pair<OutputKind, std::string>> kinds = {
      {OutputKind::SharedLibrary, ".so"}, {OutputKind::Object, ".o"}, {OutputKind::Archive, ".a"}};
  for (const auto &[kind, suffix] : kinds) {
    ASSERT_EQ(emit(alpha, "alpha" + suffix, kind), "no error");
    ASSERT_EQ(emit(beta, "beta" + suffix, kind), "no error");
    for (std::string linker : {"-fuse-ld=bfd", "-fuse-ld=lld"})
      for (std::string how : {"-pie", "-no-pie", "-static", "-Wl,--gc-sections"}) {
        if (how == "-static" && kind == OutputKind::SharedLibrary)
          continue;
        SCOPED_TRACE(suffix + " " + linker + " " + how);
        EXPECT_EQ(run({HONE_TEST_CC, "-std=c99", "-pedantic-errors", "-Wl,--fatal-warnings", linker,
                       "-B" HONE_TEST_LLVM_TOOLS, how, path("main.c"), path("alpha" + suffix), path("beta" + suffix),
                       "-lm", "-lpthread", "-o", path("main")}),
                  0);
        EXPECT_EQ(run({path("main")}), 0);
      }
  }
}

TEST_F(LibraryTest, IsTheSameEveryTime) {
  for (OutputKind kind : {OutputKind::SharedLibrary, OutputKind::Object, OutputKind::Archive}) {
    ASSERT_EQ(emit(model("alpha", 1), "first", kind), "no error");
    ASSERT_EQ(emit(model("alpha", 1), "second", kind), "no error");
    EXPECT_TRUE(contents("first") == contents("second"));
    EXPECT_EQ(contents("first").find(folder.str().str()), std::string::npos) << "a path of this machine is inside";
  }
}

TEST_F(LibraryTest, MayBeCalledByManyThreads) {
  LibraryParts parts = model("alpha", 1);
  ASSERT_EQ(emit(parts, "alone", OutputKind::SharedLibrary), "no error");
  std::vector<std::string> messages(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < messages.size(); ++i)
    threads.emplace_back([&, i] {
      for (int repeat = 0; repeat < 20; ++repeat)
        messages[i] = emit(parts, std::to_string(i), OutputKind::SharedLibrary);
    });
  for (std::thread &thread : threads)
    thread.join();
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(messages[i], "no error");
    EXPECT_TRUE(contents(std::to_string(i)) == contents("alone"));
  }
}

TEST_F(LibraryTest, TakesMoreObjectsThanAProcessMayOpenFiles) {
  rlimit files;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  LibraryParts parts = model("alpha", 1);
  rlimit few = {64, files.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  parts.objects.resize(parts.objects.size() + 100, compile("static int unused;"));
  std::string message = emit(parts, "alpha.so", OutputKind::SharedLibrary);
  setrlimit(RLIMIT_NOFILE, &files);
  ASSERT_EQ(message, "no error");
  EXPECT_EQ(Loaded(path("alpha.so"), "alpha_library").toy->sum(10), 10);
}

TEST_F(LibraryTest, SaysThatThereAreNoMoreFiles) {
  LibraryParts parts = model("alpha", 1);
  rlimit files;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  std::string message;
  int refused = 0;
  for (rlimit few = {4, files.rlim_max}; message != "no error" && few.rlim_cur < 64; ++few.rlim_cur) {
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    message = emit(parts, "alpha.so", OutputKind::SharedLibrary);
    setrlimit(RLIMIT_NOFILE, &files);
    if (message != "no error") {
      ++refused;
      EXPECT_NE(message.find("Too many open files"), std::string::npos) << few.rlim_cur << " files: " << message;
    }
  }
  EXPECT_EQ(message, "no error");
  EXPECT_GT(refused, 3);
}

TEST_F(LibraryTest, CarriesTheWeightsDigest) {
  auto digest = [](float value) {
    std::vector<float> weights(100000, value);
    return toHex(digestOf({reinterpret_cast<char *>(weights.data()), weights.size() * sizeof value}));
  };
  auto buildId = [&](llvm::StringRef name) {
    ReadFile file(path(name));
    for (const llvm::object::SectionRef section : file.object.sections())
      if (llvm::cantFail(section.getName()) == ".note.gnu.build-id")
        return llvm::cantFail(section.getContents()).take_back(20).str();
    return std::string();
  };
  ASSERT_EQ(emit(model("alpha", 1), "one.so", OutputKind::SharedLibrary), "no error");
  ASSERT_EQ(emit(model("alpha", 2), "two.so", OutputKind::SharedLibrary), "no error");
  Loaded one(path("one.so"), "alpha_library"), two(path("two.so"), "alpha_library");
  ASSERT_TRUE(one.toy && two.toy);
  EXPECT_EQ(one.toy->manifest, R"({"weights":{"blake3":")" + digest(1) + R"("}})");
  EXPECT_EQ(two.toy->manifest, R"({"weights":{"blake3":")" + digest(2) + R"("}})");
  EXPECT_EQ(buildId("one.so").size(), 20u);
  EXPECT_NE(buildId("one.so"), std::string(20, '\0'));
  EXPECT_NE(buildId("one.so"), buildId("two.so"));
  for (OutputKind kind : {OutputKind::Object, OutputKind::Archive}) {
    ASSERT_EQ(emit(model("alpha", 1), "out", kind), "no error");
    EXPECT_NE(contents("out").find(digest(1)), std::string::npos);
    EXPECT_EQ(contents("out").find(kWeightDigestField.str()), std::string::npos);
  }
}

/// What verifyLibrary() says of a file with these bytes.
static std::string verify(const std::string &path, llvm::StringRef bytes) {
  llvm::cantFail(writeFile(path, bytes));
  llvm::Expected<Verified> result = verifyLibrary(llvm::cantFail(FileView::open(path)));
  return !result ? llvm::toString(result.takeError()) : *result == Verified::Weights ? "weights" : "all";
}

TEST_F(LibraryTest, IsVerified) {
  ASSERT_EQ(emit(model("alpha", 1), "alpha.so", OutputKind::SharedLibrary), "no error");
  std::string whole = contents("alpha.so");
  EXPECT_EQ(verify(path("copy"), whole), "all");
  EXPECT_TRUE(isUnchanged(whole));
  EXPECT_FALSE(bool(checkComplete(whole)));

  uint64_t weights = whole.size() - 400000;
  std::string flipped = whole;
  flipped[weights + 123456] ^= 1;
  EXPECT_NE(verify(path("copy"), flipped).find("its weights have changed"), std::string::npos);
  EXPECT_TRUE(isUnchanged(flipped)); // says nothing of them
  // Anything else that changes is found too, whatever it is: every 61st byte, and the padding in front of the weights.
  std::vector<uint64_t> places = {weights - 1};
  for (uint64_t at = 0; at < weights; at += 61)
    places.push_back(at);
  for (uint64_t at : places) {
    flipped = whole;
    flipped[at] ^= 1 << at % 8;
    std::string said = verify(path("copy"), flipped);
    EXPECT_TRUE(said != "all" && said != "weights" && !said.empty()) << at;
    EXPECT_FALSE(isUnchanged(flipped)) << at;
  }
  for (uint64_t lost : {1, 64, 399999, 400000, 400001, 402000}) {
    llvm::StringRef cut = llvm::StringRef(whole).drop_back(lost);
    EXPECT_NE(verify(path("copy"), cut).find("is cut off"), std::string::npos) << lost;
  }
  EXPECT_NE(verify(path("copy"), whole + "x").find("have changed"), std::string::npos);
  ASSERT_EQ(run({"strip", "-o", path("stripped.so"), path("alpha.so")}), 0);
  EXPECT_FALSE(isUnchanged(contents("stripped.so")));
  EXPECT_FALSE(bool(checkComplete(contents("stripped.so"))));

  ASSERT_EQ(emit(model("alpha", 1, 0), "alpha.so", OutputKind::SharedLibrary), "no error");
  EXPECT_EQ(verify(path("copy"), contents("alpha.so")), "all");
}

TEST_F(LibraryTest, ObjectsAreVerifiedAsFarAsTheyGo) {
  for (OutputKind kind : {OutputKind::Object, OutputKind::Archive}) {
    ASSERT_EQ(emit(model("alpha", 1, 400001 - 1), "alpha", kind), "no error");
    std::string whole = contents("alpha");
    EXPECT_EQ(verify(path("copy"), whole), "weights");
    whole[whole.size() - 1000] ^= 1;
    EXPECT_NE(verify(path("copy"), whole).find("its weights have changed"), std::string::npos);
  }
  EXPECT_NE(verify(path("copy"), "!<arch>\n").find("no library"), std::string::npos);
  EXPECT_NE(verify(path("copy"), "text").find("no library"), std::string::npos);
}

TEST_F(LibraryTest, ArchivesAreWellFormed) {
  // Odd sizes need padding behind the weights.
  for (uint64_t bytes : {0, 4, 5}) {
    LibraryParts parts = model("alpha", 1, bytes);
    parts.writeWeights = [bytes](WeightSink &sink) { return sink.write("abcde", bytes); };
    ASSERT_EQ(emit(parts, "alpha.a", OutputKind::Archive), "no error");
    auto buffer = llvm::MemoryBuffer::getFile(path("alpha.a"), false, false);
    auto archive = llvm::cantFail(llvm::object::Archive::create((*buffer)->getMemBufferRef()));
    llvm::Error error = llvm::Error::success();
    int members = 0;
    for (const llvm::object::Archive::Child &child : archive->children(error)) {
      ++members;
      EXPECT_EQ(llvm::cantFail(child.getName()), "alpha.o");
      auto object = llvm::cantFail(Object::create(llvm::cantFail(child.getMemoryBufferRef())));
      std::string weights;
      for (const llvm::object::SectionRef section : object.sections())
        if (llvm::cantFail(section.getName()) == ".lrodata.hone" && bytes)
          weights = llvm::cantFail(section.getContents()).str();
      EXPECT_EQ(weights, std::string("abcde", bytes));
    }
    EXPECT_FALSE(bool(error));
    EXPECT_EQ(members, 1);
    EXPECT_EQ(run({HONE_TEST_LLVM_TOOLS "/llvm-ar", "x", "--output", folder.str().str(), path("alpha.a")}), 0);
    EXPECT_EQ(run({"ar", "xo", path("alpha.a"), "--output", folder.str().str()}), 0);
  }
}

TEST_F(LibraryTest, TheRuntimeComesFromTheArchive) {
  // y = w * x for one float, as the compiler would write it.
  LibraryParts parts;
  parts.name = "scale";
  parts.objects.push_back(compile(R"(
#include <hone/abi.h>
#include <hone/hone.h>
extern const hone_functions hone_rt_functions;
extern const char scale_weights[];
static void kernel(const hone_kernel_context *context, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i)
    ((float *)context->buffers[2])[i] = *(const float *)context->buffers[0] * ((const float *)context->buffers[1])[i];
}
static int32_t plan(hone_frame *frame) { return 0; }
static int32_t run(hone_frame *frame) {
  void *buffers[] = {(void *)frame->weights, frame->inputs[0], frame->outputs[0]};
  static const hone_kernel_record kernel_record = {kernel, 0, "kernel", "", 0};
  static const hone_launch_record record = {&kernel_record, "node", "node"};
  hone_launch launch = {&record, buffers, 0, 1, 1, 0};
  return hone_rt_launch(frame, &launch);
}
static const hone_program_value x = {"x", 0, HONE_FLOAT, 0, 0, 0, HONE_TENSOR};
static const hone_program_value y = {"y", 0, HONE_FLOAT, 0, 0, 0, HONE_TENSOR};
static const hone_program_entry entry = {"main", &x, &y, plan, run, 1, 1};
static const hone_program program = {"scale", &entry, 0, "{}", scale_weights, 4, 2, 0, 0, 1};
static const hone_library library = {sizeof(hone_library), HONE_ABI_VERSION, &hone_rt_functions, &program};
__attribute__((visibility("default"))) const hone_library *scale_library(void) { return &library; }
)"));
  parts.weightBytes = sizeof(float);
  parts.writeWeights = [](WeightSink &sink) {
    float weight = 2.5f;
    return sink.write(&weight, sizeof weight);
  };
  ASSERT_EQ(emit(parts, "scale.so", OutputKind::SharedLibrary), "no error");
  EXPECT_LT(contents("scale.so").size(), 64u << 10);

  void *handle = dlopen(path("scale.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  auto library = reinterpret_cast<const hone_library *(*)()>(dlsym(handle, "scale_library"))();
  hone_error error = {};
  hone_session *session = nullptr;
  ASSERT_EQ(hone_session_create(library, nullptr, &session, &error), HONE_OK) << error.message;
  float x = 4, y = 0;
  hone_value input = hone_value_tensor(&x, hone_dtype_make(HONE_CODE_FLOAT, 32), 0, nullptr);
  hone_value output = hone_value_buffer(&y, sizeof y);
  EXPECT_EQ(hone_run(session, 0, &input, 1, &output, 1, &error), HONE_OK) << error.message;
  EXPECT_EQ(y, 10);
  hone_session_destroy(session);
  dlclose(handle);
}

TEST_F(LibraryTest, ModelsWithoutWeightsWork) {
  for (OutputKind kind : {OutputKind::SharedLibrary, OutputKind::Object, OutputKind::Archive})
    ASSERT_EQ(emit(model("alpha", 1, 0), "alpha.so", kind), "no error");
  ASSERT_EQ(emit(model("alpha", 1, 0), "alpha.so", OutputKind::SharedLibrary), "no error");
  Loaded alpha(path("alpha.so"), "alpha_library");
  ASSERT_TRUE(alpha.toy);
  EXPECT_EQ(alpha.toy->threaded(2), 8);
}

TEST_F(LibraryTest, LinksForAnotherMachine) {
  llvm::cantFail(writeFile(path("source.c"), R"(
float powf(float, float);
int pthread_cond_wait(void *, void *);
extern const float m_weights[];
struct library { const float *weights; float (*f)(float); };
static float f(float x) { return powf(x, 3) + pthread_cond_wait(0, 0); }
static const struct library library = {m_weights, f};
__attribute__((visibility("default"))) const struct library *m_library(void) { return &library; }
)"));
  ASSERT_EQ(run({HONE_TEST_LLVM_TOOLS "/clang", "--target=aarch64-linux-gnu", "-O1", "-fPIC", "-c", path("source.c"),
                 "-o", path("source.o")}),
            0);
  // By the steps of emitLibrary(), whose runtime is for this machine.
  std::string object = contents("source.o");
  const ElfMachine &machine = *llvm::cantFail(machineOf(object));
  auto view = [](const FileBytes &bytes) { return llvm::StringRef(bytes.data(), bytes.size()); };
  FileBytes weights = makeWeightObject(machine, "m_weights", 70000, /*forShared=*/true);
  FileBytes libc = makeStubLibrary(machine, "libc.so.6", libcSymbols());
  FileBytes libm = makeStubLibrary(machine, "libm.so.6", libmSymbols());
  FileBytes linked = llvm::cantFail(
      runLinker({"-shared", "-z", "defs"},
                {{"code", object}, {"weights", view(weights)}, {"libc", view(libc)}, {"libm", view(libm)}}));
  uint64_t offset = llvm::cantFail(placeWeights(linked, kSharedWeights));
  linked.resize(offset + 70000);
  llvm::cantFail(writeFile(path("m.so"), view(linked)));

  ReadFile file(path("m.so"));
  EXPECT_EQ(file.object.getELFFile().getHeader().e_machine, EM_AARCH64);
  for (const llvm::object::VersionEntry &version : llvm::cantFail(file.object.readDynsymVersions()))
    EXPECT_TRUE(version.Name.empty() || version.Name == "GLIBC_2.17") << version.Name;
  int weightSegments = 0;
  for (const auto &segment : llvm::cantFail(file.object.getELFFile().program_headers()))
    if (segment.p_type == PT_LOAD && segment.p_filesz == 70000) {
      ++weightSegments;
      EXPECT_EQ(segment.p_flags, unsigned(PF_R));
      EXPECT_EQ(segment.p_offset, offset);
      EXPECT_EQ(segment.p_offset % 65536, segment.p_vaddr % 65536);
    }
  EXPECT_EQ(weightSegments, 1);
}

TEST_F(LibraryTest, NamesWhatIsUndefined) {
  LibraryParts parts = model("alpha", 1);
  parts.objects[0] = compile(
      "void missing_function(void); float hone_kernel_0(const float *w, int n) { missing_function(); return w[n]; }");
  std::string message = emit(parts, "alpha.so", OutputKind::SharedLibrary);
  EXPECT_NE(message.find("undefined symbol: missing_function"), std::string::npos) << message;
  EXPECT_EQ(message.find("/proc/"), std::string::npos) << message;
  parts.objects.pop_back();
  message = emit(parts, "alpha.so", OutputKind::SharedLibrary);
  EXPECT_NE(message.find("alpha_library"), std::string::npos) << message;
  EXPECT_EQ(listing(), (std::vector<std::string>{"source.c", "source.o"}));
}

TEST_F(LibraryTest, LeavesNothingBehindWhenItFails) {
  LibraryParts parts = model("alpha", 1);
  std::vector<std::string> before = listing();
  EXPECT_EQ(emit(parts, "none/alpha.so", OutputKind::SharedLibrary),
            "cannot write '" + path("none/alpha.so") + "': No such file or directory");
  EXPECT_EQ(emit(parts, "", OutputKind::SharedLibrary), "cannot write '" + path("") + "': it is a folder");

  parts.writeWeights = [](WeightSink &) { return llvm::createStringError("the model file has changed"); };
  EXPECT_EQ(emit(parts, "alpha.so", OutputKind::SharedLibrary), "the model file has changed");
  parts.writeWeights = [](WeightSink &sink) { return sink.write("few", 3); };
  EXPECT_NE(emit(parts, "alpha.so", OutputKind::SharedLibrary).find("3 of 400000 bytes"), std::string::npos);
  parts.writeWeights = [](WeightSink &sink) { return sink.write(std::string(400001, 'x').data(), 400001); };
  EXPECT_NE(emit(parts, "alpha.so", OutputKind::SharedLibrary).find("more than the 400000 bytes"), std::string::npos);
  EXPECT_EQ(listing(), before);
}

TEST_F(LibraryTest, ReportsAFullDiskAndKeepsTheOldLibrary) {
  // A limit on the size of files stands in for a full disk: the same calls fail.
  ASSERT_EQ(emit(model("alpha", 1), "alpha.so", OutputKind::SharedLibrary), "no error");
  std::string old = contents("alpha.so");
  LibraryParts large = model("alpha", 2);
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = {300000, before.rlim_max}; // more than the runtime that is linked in, less than the weights
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message = emit(large, "alpha.so", OutputKind::SharedLibrary);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "cannot write '" + path("alpha.so") + "': File too large");
  EXPECT_TRUE(contents("alpha.so") == old);
  EXPECT_EQ(listing(), (std::vector<std::string>{"alpha.so", "source.c", "source.o"}));
}

TEST_F(LibraryTest, WritesASidecarAndTheLibraryOrNeither) {
  auto apart = [&](float value) {
    LibraryParts parts = model("alpha", value);
    parts.hasSidecar = true;
    return parts;
  };
  ASSERT_EQ(emit(apart(1), "alpha.so", OutputKind::SharedLibrary), "no error");
  std::string library = contents("alpha.so"), weights = contents("alpha.so.weights");
  EXPECT_EQ(weights.size(), HONE_SIDECAR_HEADER + apart(1).weightBytes);
  EXPECT_EQ(weights.substr(0, 79), HONE_SIDECAR_MAGIC + toHex(digestOf(llvm::StringRef(weights).drop_front(4096))));
  EXPECT_EQ(verify(path("alpha.so"), library), "all");
  llvm::cantFail(writeFile(path("alpha.so.weights"), weights.substr(0, weights.size() - 4)));
  EXPECT_NE(verify(path("alpha.so"), library).find("its weights have changed"), std::string::npos);
  llvm::cantFail(writeFile(path("alpha.so.weights"), weights));

  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = {300000, before.rlim_max}; // more than the library, less than the weights
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string message = emit(apart(2), "alpha.so", OutputKind::SharedLibrary);
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "cannot write '" + path("alpha.so.weights") + "': File too large");
  EXPECT_TRUE(contents("alpha.so") == library);
  EXPECT_TRUE(contents("alpha.so.weights") == weights);
  EXPECT_EQ(listing(), (std::vector<std::string>{"alpha.so", "alpha.so.weights", "source.c", "source.o"}));
}

TEST(WeightSinkTest, BuffersAlignsAndDigests) {
  llvm::SmallString<128> path;
  ASSERT_FALSE(fs::createTemporaryFile("hone-sink", "", path));
  std::string expected =
      std::string("abc") + std::string(61, '\0') + std::string(3 << 20, 'y') + "z" + std::string(4031, '\0');
  llvm::Expected<OutputFile> file = OutputFile::create(path);
  ASSERT_TRUE(bool(file));
  WeightSink sink(*file, (3 << 20) + 4096);
  llvm::cantFail(sink.write("abc", 3));
  llvm::cantFail(sink.align(64));
  EXPECT_EQ(sink.position(), 64u);
  llvm::cantFail(sink.align(64));
  llvm::cantFail(sink.write(std::string(3 << 20, 'y').data(), 3 << 20));
  llvm::cantFail(sink.write("z", 1));
  llvm::cantFail(sink.align(4096));
  EXPECT_EQ(toHex(llvm::cantFail(sink.finish())), toHex(digestOf(expected)));
  llvm::cantFail(file->commit());
  EXPECT_TRUE((*llvm::MemoryBuffer::getFile(path, false, false))->getBuffer() == expected);
  fs::remove(path);
}

TEST(RuntimeArchiveTest, CallsOnlyWhatTheStubsHave) {
  auto archive = llvm::cantFail(llvm::object::Archive::create(llvm::MemoryBufferRef(runtimeArchive(), "runtime")));
  llvm::StringSet<> available;
  for (llvm::ArrayRef<StubSymbol> symbols : {libcSymbols(), libmSymbols()})
    for (const StubSymbol &symbol : symbols)
      available.insert(symbol.name);
  for (const llvm::object::Archive::Symbol &symbol : archive->symbols())
    available.insert(symbol.getName());
  llvm::Error error = llvm::Error::success();
  int members = 0;
  for (const llvm::object::Archive::Child &child : archive->children(error)) {
    ++members;
    auto object = llvm::cantFail(Object::create(llvm::cantFail(child.getMemoryBufferRef())));
    for (const llvm::object::ELFSymbolRef symbol : object.symbols()) {
      std::string name = llvm::cantFail(symbol.getName()).str();
      if (llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined) {
        EXPECT_TRUE(available.contains(name)) << name;
      }
    }
  }
  EXPECT_FALSE(bool(error));
  EXPECT_GT(members, 0);
}
