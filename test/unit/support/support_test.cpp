// Files, names, digests.
//
// support/: what is promised when files are fine, missing, changed, too large or not files at all.
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

#include "support/Digest.h"
#include "support/FileView.h"
#include "support/Identifier.h"
#include "support/OutputFile.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace hone;
namespace fs = llvm::sys::fs;

namespace {
/// A folder of its own for each test.
class FilesTest : public testing::Test {
protected:
  void SetUp() override { ASSERT_FALSE(fs::createUniqueDirectory("hone-support", folder)); }
  void TearDown() override { fs::remove_directories(folder); }

  std::string path(llvm::StringRef name) { return (folder + "/" + name).str(); }

  std::string contents(llvm::StringRef name) {
    auto buffer = llvm::MemoryBuffer::getFile(path(name));
    return buffer ? (*buffer)->getBuffer().str() : "absent";
  }

  std::vector<std::string> listing() {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator i(folder, error), end; i != end && !error; i.increment(error))
      names.push_back(llvm::sys::path::filename(i->path()).str());
    return names;
  }

  llvm::SmallString<128> folder;
};
using FileViewTest = FilesTest;
using OutputFileTest = FilesTest;
} // namespace

template <typename T> static std::string message(llvm::Expected<T> value) {
  return value ? "no error" : llvm::toString(value.takeError());
}
static std::string message(llvm::Error error) { return error ? llvm::toString(std::move(error)) : "no error"; }

TEST(IdentifierTest, ReplacesWhatCDoesNotAllow) {
  EXPECT_EQ(toIdentifier("bert_base"), "bert_base");
  EXPECT_EQ(toIdentifier("paraphrase-MiniLM-L3.v2"), "paraphrase_MiniLM_L3_v2");
  EXPECT_EQ(toIdentifier("7b"), "m_7b");
  EXPECT_EQ(toIdentifier("hone"), "m_hone");
  EXPECT_EQ(toIdentifier(""), "model");
  EXPECT_EQ(toIdentifier("\xc3\xa9 x"), "___x");
}

TEST(DigestTest, IsBlake3) {
  // The empty input's digest from the BLAKE3 reference test vectors.
  EXPECT_EQ(toHex(digestOf("")), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
  EXPECT_NE(digestOf("a"), digestOf("b"));
}

TEST_F(FileViewTest, MapsTheWholeFile) {
  ASSERT_FALSE(bool(writeFile(path("model"), std::string(10000, 'x') + "end")));
  llvm::Expected<FileView> view = FileView::open(path("model"));
  ASSERT_TRUE(bool(view));
  EXPECT_EQ(view->size(), 10003u);
  EXPECT_TRUE(view->bytes().ends_with("xend"));
  view->drop(1, 5000);
  view->drop(9999, ~uint64_t(0));
  view->drop(20000, 1);
  EXPECT_TRUE(view->bytes().ends_with("xend"));
  FileView moved = std::move(*view);
  EXPECT_EQ(moved.bytes().take_front(2), "xx");
  EXPECT_EQ(message(moved.unchanged()), "no error");
}

TEST_F(FileViewTest, MapsAnEmptyFile) {
  ASSERT_FALSE(bool(writeFile(path("empty"), "")));
  llvm::Expected<FileView> view = FileView::open(path("empty"));
  ASSERT_TRUE(bool(view));
  EXPECT_TRUE(view->bytes().empty());
  view->drop(0, 1);
  EXPECT_EQ(message(view->unchanged()), "no error");
}

TEST_F(FileViewTest, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(message(FileView::open(path("none"))), "cannot read '" + path("none") + "': No such file or directory");
  EXPECT_EQ(message(FileView::open(folder)), "cannot read '" + folder.str().str() + "': it is a folder");
  ASSERT_EQ(mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(message(FileView::open(path("pipe"))), "cannot read '" + path("pipe") + "': it is not a regular file");
  unlink(path("pipe").c_str()); // remove_directories() leaves pipes alone
}

TEST_F(FileViewTest, NoticesAChange) {
  ASSERT_FALSE(bool(writeFile(path("model"), "before")));
  llvm::Expected<FileView> view = FileView::open(path("model"));
  ASSERT_TRUE(bool(view));
  ASSERT_EQ(truncate(path("model").c_str(), 3), 0);
  EXPECT_NE(message(view->unchanged()).find("was changed while it was read"), std::string::npos);

  llvm::Expected<FileView> again = FileView::open(path("model"));
  ASSERT_TRUE(bool(again));
  timespec past[2] = {{1, 0}, {1, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, path("model").c_str(), past, 0), 0);
  EXPECT_NE(message(again->unchanged()), "no error");
}

TEST_F(OutputFileTest, AppearsWhenComplete) {
  ASSERT_FALSE(bool(writeFile(path("out"), "old")));
  llvm::Expected<OutputFile> file = OutputFile::create(path("out"));
  ASSERT_TRUE(bool(file));
  EXPECT_EQ(message(file->write("abc")), "no error");
  EXPECT_EQ(message(file->reserve(1000)), "no error");
  EXPECT_EQ(message(file->padTo(5)), "no error");
  EXPECT_EQ(message(file->write("d")), "no error");
  EXPECT_EQ(message(file->writeAt(1, "X")), "no error");
  EXPECT_EQ(file->position(), 6u);
  EXPECT_EQ(contents("out"), "old");
  EXPECT_EQ(message(file->commit()), "no error");
  EXPECT_EQ(contents("out"), std::string("aXc\0\0d", 6));
  EXPECT_EQ(listing(), std::vector<std::string>{"out"});
}

TEST_F(OutputFileTest, OneNameMayHaveSeveralWriters) {
  llvm::Expected<OutputFile> first = OutputFile::create(path("out")), second = OutputFile::create(path("out"));
  ASSERT_TRUE(bool(first));
  ASSERT_TRUE(bool(second));
  EXPECT_EQ(message(first->write("first")), "no error");
  EXPECT_EQ(message(second->write("sec")), "no error");
  EXPECT_EQ(message(first->commit()), "no error");
  EXPECT_EQ(contents("out"), "first");
  EXPECT_EQ(message(second->write("ond")), "no error");
  EXPECT_EQ(message(second->commit()), "no error");
  EXPECT_EQ(contents("out"), "second");
  EXPECT_EQ(listing(), std::vector<std::string>{"out"});
}

TEST_F(OutputFileTest, LeavesNothingWithoutCommit) {
  {
    llvm::Expected<OutputFile> file = OutputFile::create(path("out"));
    ASSERT_TRUE(bool(file));
    EXPECT_EQ(message(file->write("abc")), "no error");
    EXPECT_FALSE(fs::exists(path("out")));
  }
  EXPECT_TRUE(listing().empty());
}

TEST_F(OutputFileTest, LeavesNothingWhenInterrupted) {
  pid_t child = fork();
  if (child == 0) {
    llvm::Expected<OutputFile> file = OutputFile::create(path("out"));
    if (file && !file->write("abc"))
      raise(SIGTERM);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(listing().empty());
}

TEST_F(OutputFileTest, SaysWhyAFileCannotBeWritten) {
  EXPECT_EQ(message(OutputFile::create(folder)), "cannot write '" + folder.str().str() + "': it is a folder");
  EXPECT_EQ(message(OutputFile::create(path("no/out"))),
            "cannot write '" + path("no/out") + "': No such file or directory");
  EXPECT_EQ(message(OutputFile::create("/dev/null")), "cannot write '/dev/null': it is not a regular file");
  EXPECT_EQ(message(OutputFile::create("/proc/out")).find("cannot write '/proc/out': "), 0u);
}

TEST_F(OutputFileTest, FollowsSymbolicLinks) {
  ASSERT_FALSE(bool(writeFile(path("goal"), "old")));
  ASSERT_FALSE(fs::create_link("goal", path("link")));
  EXPECT_EQ(message(writeFile(path("link"), "new")), "no error");
  EXPECT_EQ(contents("goal"), "new");
}

TEST_F(OutputFileTest, FollowsLinksToNothing) {
  ASSERT_FALSE(fs::create_directory(path("folder")));
  ASSERT_FALSE(fs::create_link("folder/goal", path("link")));
  ASSERT_FALSE(fs::create_link(path("link"), path("again")));
  EXPECT_EQ(message(writeFile(path("again"), "new")), "no error");
  EXPECT_EQ(contents("folder/goal"), "new");
  ASSERT_FALSE(fs::create_link("loop", path("loop")));
  EXPECT_EQ(message(writeFile(path("loop"), "new")), "cannot write '" + path("loop") + "': too many symbolic links");
  ASSERT_FALSE(fs::create_link("no/goal", path("nowhere")));
  EXPECT_EQ(message(writeFile(path("nowhere"), "new")),
            "cannot write '" + path("nowhere") + "': No such file or directory");
}

TEST_F(OutputFileTest, TakesEveryNameThatTheFileSystemTakes) {
  std::string longest(255, 'n');
  for (const char *text : {"new", "newer"}) { // where nothing is, and over a file
    EXPECT_EQ(message(writeFile(path(longest), text)), "no error");
    EXPECT_EQ(contents(longest), text);
  }
  EXPECT_EQ(message(OutputFile::create(path(longest + "n"))),
            "cannot write '" + path(longest + "n") + "': File name too long");
  EXPECT_EQ(listing(), std::vector<std::string>{longest});
}

/// Lets the process see no other process's files: there, files in the making need names.
static bool hideProc() {
  return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}

/// Runs `body` in a process of its own; its exit code, or minus the signal that ended it.
template <typename Body> static int inChild(Body body) {
  pid_t child = fork();
  if (child == 0)
    _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST_F(OutputFileTest, LeavesAtMostOneFileWhenKilled) {
  for (bool named : {false, true}) {
    int code = inChild([&] {
      if (named && !hideProc())
        return 77;
      llvm::Expected<OutputFile> file = OutputFile::create(path("out"));
      if (file && !file->write("abc"))
        raise(SIGKILL);
      return 1;
    });
    if (code == 77)
      GTEST_SKIP() << "this system does not let a user mount a folder";
    EXPECT_EQ(code, -SIGKILL);
    EXPECT_EQ(listing().size(), named ? 1u : 0u);
    for (const std::string &name : listing())
      EXPECT_EQ(name.rfind(".hone-", 0), 0u) << name;
    EXPECT_EQ(message(writeFile(path("out"), "new")), "no error");
    EXPECT_EQ(listing(), std::vector<std::string>{"out"});
    ASSERT_FALSE(fs::remove(path("out")));
  }
}

TEST_F(OutputFileTest, ManyProcessesMayWriteOneFile) {
  for (bool named : {false, true}) {
    if (named && inChild([] { return hideProc() ? 0 : 77; }) == 77)
      GTEST_SKIP() << "this system does not let a user mount a folder";
    std::vector<pid_t> children;
    for (char writer = 'a'; writer < 'f'; ++writer) {
      children.push_back(fork());
      if (children.back() != 0)
        continue;
      bool good = !named || hideProc();
      for (int i = 0; i < 100 && good; ++i) {
        good = !writeFile(path("out"), std::string(5000, writer));
        std::string now = contents("out");
        good = good && now == std::string(5000, now[0]);
      }
      _exit(good ? 0 : 1);
    }
    for (pid_t child : children) {
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(listing(), std::vector<std::string>{"out"});
  }
}

TEST_F(OutputFileTest, ReportsAFullDisk) {
  // A limit on the size of files stands in for a full disk: the same calls fail.
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = signal(SIGXFSZ, SIG_IGN);
  rlimit small = {4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  std::string writing = message(writeFile(path("out"), std::string(5000, 'x')));
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_EQ(writing, "cannot write '" + path("out") + "': File too large");
  EXPECT_TRUE(listing().empty());
}
