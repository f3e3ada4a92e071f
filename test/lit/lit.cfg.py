"""What a lit test may use: hone, hone-opt, FileCheck, not; %{cmake} --install %{build}."""

import os

import lit.formats

config.name = "Hone"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.environment["PATH"] = os.pathsep.join([config.hone_tools_dir, config.llvm_tools_dir, os.environ["PATH"]])
