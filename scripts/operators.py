#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""operators.py [--check]

Writes docs/operators.md: which ONNX operators Hone takes, in which versions, on which element types. `hone check` says
it, of the standard's node tests, and of those of test/models/test_old_versions.py, in each opset that defines the
operator anew, with each type that this definition has. The importer's tables say where to begin. With --check writes
nothing, and exits 1 if the page says something else.
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import onnx

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/operators.md"
sys.path[:0] = [str(ROOT / "test" / folder) for folder in ("", "conformance", "models")]
import test_old_versions  # noqa: E402
from onnx_conformance import node_folder  # noqa: E402

# Hone's short names (of the manifest) by the standard's.
FLOATS = {"float": "f32", "double": "f64", "float16": "f16", "bfloat16": "bf16"}
INTEGERS = {f"{sign}int{width}": f"{sign or 'i'}{width}" for sign in ("", "u") for width in (8, 16, 32, 64)}
TYPES = {**FLOATS, "bool": "bool", **INTEGERS}
TEMPLATES = 6  # node tests of an operator to try before it counts as not taken


def table_versions():
    """The first version of each operator that the importer has a row for."""
    versions = {}
    for file in [ROOT / "frontends/onnx/ControlFlow.cpp", *(ROOT / "frontends/onnx/ops").glob("*.cpp")]:
        for name, version in re.findall(r'\{"(\w+)", (\d+), (?:&GraphImporter::)?import', file.read_text()):
            versions[name] = min(int(version), versions.get(name, 1000))
    return versions


def templates():
    """Models of one node each, by operator."""
    found = {}
    for folder in sorted(pathlib.Path(node_folder()).iterdir()):
        model = onnx.load(folder / "model.onnx") if (folder / "model.onnx").exists() else None
        if model and len(model.graph.node) == 1 and model.graph.node[0].domain == "":
            found.setdefault(model.graph.node[0].op_type, []).append(model)
    return found


def is_taken(model):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.onnx")
        onnx.save(model, path)
        done = subprocess.run(["hone", "check", path], capture_output=True, text=True, timeout=120)
    if done.returncode not in (0, 1):
        sys.exit(f"hone check ends with {done.returncode} on {model.graph.name}:\n{done.stderr}")
    return done.returncode == 0


def type_variable(schema, node):
    """The type variable of the first input that can have several element types, and what it stands for; None: there is
    no such input."""
    allowed = {c.type_param_str: c.allowed_type_strs for c in schema.type_constraints}
    given = [schema.inputs[min(i, len(schema.inputs) - 1)].type_str for i, name in enumerate(node.input) if name]
    names = [name for name in given if name in allowed]
    return next((name for name in names if len(allowed[name]) > 1), next(iter(names), None)), allowed


def is_valid(model):
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
        return False
    return True


def with_type(model, schema, variable, allowed, element):
    """The model with another element type for a type variable, and for others that have the same type and may change
    too; None if that cannot be, or the standard's checker refuses it."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    node = model.graph.node[0]
    code = onnx.TensorProto.DataType.Value(element.upper())
    types = {value.name: value.type.tensor_type for value in [*model.graph.input, *model.graph.output]}
    formals = {}
    for names, formal in ((node.input, schema.inputs), (node.output, schema.outputs)):
        formals.update({n: formal[min(i, len(formal) - 1)].type_str for i, n in enumerate(names) if n in types})
    before = next((types[name].elem_type for name, formal in formals.items() if formal == variable), None)
    if before is None:
        return None  # what has this type is a constant of the model
    for name, formal in formals.items():
        may_change = f"tensor({element})" in allowed.get(formal, ())
        if formal == variable or (may_change and types[name].elem_type == before):
            types[name].elem_type = code
    return model if is_valid(model) else None


def definitions(name):
    """The opsets in which the standard defines the operator anew, oldest first."""
    history = onnx.defs.get_all_schemas_with_history()
    return sorted({s.since_version for s in history if (s.domain, s.name, s.deprecated) == ("", name, False)})


def in_opset(model, version):
    """The model as one of that opset; None if the standard's checker refuses it there."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    next(o for o in model.opset_import if o.domain == "").version = version
    return model if is_valid(model) else None


def forms(name, models, version):
    """Models of one node of this definition: of node tests as far as it has not changed in more than its types, and
    of the tests of old versions."""
    found = [form for form in (in_opset(model, version) for model in models[:TEMPLATES]) if form]
    if name in test_old_versions.NODES:
        cases = test_old_versions.NODES[name](version)
        found += [test_old_versions.one_node(name, version, *case)[0] for case in cases]
    return found


def types_of(name, models, version):
    """Short names of the element types on which one of the models is taken in this version; empty: the operator is
    not. None: there is no model to tell."""
    models = forms(name, models, version)
    first = next((model for model in models if is_taken(model)), None)
    if first is None:
        # Nodes in bodies are of the opset that the test was written for.
        return [] if models and name not in test_old_versions.WITH_BODIES else None
    schema = onnx.defs.get_schema(name, version)
    variable, allowed = type_variable(schema, first.graph.node[0])
    if variable is None:
        fixed = schema.inputs[0].type_str if first.graph.node[0].input else ""
        return [TYPES[fixed.removeprefix("tensor(").removesuffix(")")]] if fixed else ["none"]
    result = []
    for element, short in TYPES.items():
        if f"tensor({element})" not in allowed[variable]:
            continue
        variants = (with_type(model, schema, variable, allowed, element) for model in [first, *models])
        if any(variant is not None and is_taken(variant) for variant in variants):
            result.append(short)
    return result


def taken(name, models, first):
    """Element type -> the version from which on it is taken, of those that the newest version has. Exits where a later
    version does not take what it has, and an earlier one takes."""
    result = {}
    for version in definitions(name):
        types = types_of(name, models, version) if version >= first else None
        if types is None:
            continue
        constraints = onnx.defs.get_schema(name, version).type_constraints
        has = {element for constraint in constraints for element in constraint.allowed_type_strs}
        lost = [short for element, short in TYPES.items() if short in result and f"tensor({element})" in has]
        if lost := sorted(set(lost) - set(types)):
            sys.exit(f"{name}: version {version} does not take {', '.join(lost)}, which an earlier one does")
        result = {short: result.get(short, version) for short in types}
    return result


def words(types):
    """f32, f64, integers instead of a list of ten; those that came with a later version behind it."""
    if "none" in types:
        return "has no inputs"
    groups = []
    for version in sorted(set(types.values())):
        own = [short for short in types if types[short] == version]
        integers = [short for short in own if short in INTEGERS.values()]
        if len(integers) == len(INTEGERS):
            own = [short for short in own if short not in integers] + ["i8-i64, u8-u64"]
        groups.append((f"{version}: " if groups else "") + ", ".join(own))
    return "; ".join(groups)


def page():
    versions, models = table_versions(), templates()
    schemas = onnx.defs.get_all_schemas_with_history()
    names = sorted({s.name for s in schemas if s.domain == "" and not s.deprecated and s.name in models})
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda name: taken(name, models[name], versions.get(name, 0)), names)
        types = dict(zip(names, found, strict=True))
    known = [name for name in names if types[name]]
    missing = sorted(set(versions) - set(known))
    if missing:
        sys.exit(f"in the importer's tables, but no node test is taken: {', '.join(missing)}")

    lines = [
        "# Operators",
        "",
        "Generated by `scripts/operators.py` of what `hone check` says; `scripts/test.sh all` fails where it is no",
        "longer true. An operator is taken from the version of its definition in the second column on, up to opset 28",
        "(*body*: the standard's function body is inlined, where the version has one). The third column names the",
        "element types of its first input, or of the first that can have several; those behind a number are taken from",
        "that version on.",
        "",
        "Not taken today are f8, f4, i2, u2, complex numbers and strings, sequences, optionals, sparse tensors,",
        "and operators of other domains than `ai.onnx` (`ai.onnx.ml`, `com.microsoft`) without a function body in the",
        "model.",
        "",
        f"## Taken: {len(known)}",
        "",
        "| operator | since version | element types |",
        "|---|---|---|",
    ]
    lines += [f"| {name} | {versions.get(name, '*body*')} | {words(types[name])} |" for name in known]
    others = [name for name in names if not types[name]]
    lines += ["", f"## Not taken: {len(others)}", "", ", ".join(others) + ".", ""]
    return "\n".join(lines)


def main():
    text = page()
    if sys.argv[1:] == ["--check"]:
        if PAGE.read_text() != text:
            sys.exit(f"{PAGE.relative_to(ROOT)} is out of date: run scripts/operators.py")
    else:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
