#!/usr/bin/env python3
"""junit.py FILE…: prints how many test cases in JUnit XML files passed and how many failed; skipped ones are neither.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import os
import sys
import xml.etree.ElementTree as xml

passed = failed = 0
for path in filter(os.path.exists, sys.argv[1:]):
    for case in xml.parse(path).iter("testcase"):
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            failed += 1
        elif "skipped" not in outcomes and case.get("status") not in ("notrun", "disabled"):
            passed += 1
print(passed, failed)
