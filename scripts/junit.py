#!/usr/bin/env python3
"""junit.py FILE…: prints how many test cases in JUnit XML files passed, failed, and were skipped.

Names those that were skipped. Where CI is set (continuous integration) a skipped case is a failed one, because all that
tests need can be installed. Two kinds may be skipped there: one that says that the machine lacks an «instruction set»,
and one that is expected to fail (its type ends in «xfail»), and would fail if it passed.

SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""

import collections
import os
import sys
import xml.etree.ElementTree as xml


def outcome(case):
    """passed, failed or skipped, and why it was skipped."""
    children = {child.tag: child for child in case}
    if "failure" in children or "error" in children:
        return "failed", ""
    if "skipped" not in children and case.get("status") not in ("notrun", "disabled"):
        return "passed", ""
    # A test program's reason is among what it printed.
    skipped = children.get("skipped", {})
    reason = " ".join([skipped.get("message", ""), *case.itertext()])
    expected = skipped.get("type", "").endswith("xfail") or "instruction set" in reason
    allowed = expected or not os.environ.get("CI")
    return "skipped" if allowed else "failed", " ".join(reason.split()) or "skipped"


counts = collections.Counter()
for path in filter(os.path.exists, sys.argv[1:]):
    for case in xml.parse(path).iter("testcase"):
        kind, reason = outcome(case)
        counts[kind] += 1
        if reason:
            print(f"skipped: {case.get('classname') or ''} {case.get('name')}: {reason[:200]}", file=sys.stderr)
print(counts["passed"], counts["failed"], counts["skipped"])
