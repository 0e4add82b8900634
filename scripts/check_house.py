#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules of the house that no compiler knows; run as the tests unit.house_rules.

  scripts/check_house.py              errors fail; what is only worth a thought is counted
  scripts/check_house.py --report     prints that too
  scripts/check_house.py --self-test  proves that each rule can fail

A rule is a function from a Tree to complaints.
"""

import os
import re
import subprocess
import sys

# What each room may use at most, whatever its README says (ARCHITECTURE.md, "the house").
LAW = {
    "base": set(),
    "model": {"base"},
    "format": {"base"},
    "storage": {"base"},
    "repo": {"format", "storage", "model", "base"},
    "archive": {"repo", "format", "model", "base"},
    "engine": {"model", "base"},
    "profile": {"model", "base"},
    "job": {"profile", "engine", "archive", "repo", "model", "base"},
    "cli": {"job", "model", "base"},
}

# A C library's headers, or those of a library that hides as much, are included by one .cc of a room
# (of an engine's folder), so that only one file has to know the library.
LIBRARIES = {
    "openssl": r"openssl/",
    "zstd": r"zstd(_errors)?\.h",
    "sqlite3": r"sqlite3(ext)?\.h",
    "libpq": r"libpq(-fe)?[/.]",
    "mariadb": r"(mysql|mysqld_error|errmsg)\.h",
    "libarchive": r"archive(_entry)?\.h",
    "zlib": r"zlib\.h",
    "lz4": r"lz4(frame|hc)?\.h",
    "rocksdb": r"rocksdb/",
    "xxhash": r"xxhash\.h",
    "odbc": r"(sql|sqlext|sqltypes|sqlucode|odbcss|odbcinst)\.h",
    "microhttpd": r"microhttpd\.h",
    "gnutls": r"gnutls/",
    "grpc": r"grpc(pp)?/",
    "simdjson": r"simdjson\.h",
    "expat": r"expat(_external)?\.h",
    "toml++": r"toml(\+\+/|\.hpp)",
}
# The exceptions: files of a room that may all include the library.
LIBRARY_EXCEPTIONS = {
    # The hot readers (trees, index files) walk simdjson's own types through the templates of this one header.
    ("simdjson", "format"): {"src/format/json_walk.h"},
    # Keys are read through the interface for C; that lacks the files of a moment and the checksums of all tables.
    # The last one makes databases for several tests.
    ("rocksdb", "engine/typedb"): {"src/engine/typedb/rocks.cc", "src/engine/typedb/rocks_content.cc",
                                   "src/engine/typedb/test_rocks.h"},
    # Sessions, their rows and bulk load share handles, texts and messages by this one header.
    ("odbc", "engine/sqlserver"): {"src/engine/sqlserver/odbc.h"},
}

README_LINES_MAX = 20
TRACKED_BYTES_MAX = 512 * 1024
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
SPDX = "SPDX-License-Identifier: Apache-2.0"
# Where an error may be caught to go on; other places are worth a look.
CATCH_PLACES = {"src/base/error.h", "src/base/crew.cc", "src/storage/retry.cc", "src/cli/main.cc"}

# Written so that this file does not break the rules it checks.
MARKERS = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|^\s*#\s*if\s+0\b")
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(wo" + r"rk/|tm" + r"p/hf\b)")


class Tree:
    """Tracked files by path. Texts are decoded leniently; a binary file has no lines."""

    def __init__(self, files):
        self.files = dict(sorted(files.items()))

    @staticmethod
    def of_checkout(top):
        listed = subprocess.run(["git", "-C", top, "ls-files", "-z"], capture_output=True)
        if listed.returncode != 0 or not listed.stdout:
            message = listed.stderr.decode(errors="replace").strip() or "no tracked files"
            sys.exit(f"check_house: git cannot list the files of {top}: {message}")
        files = {}
        for name in listed.stdout.decode(errors="surrogateescape").split("\0"):
            path = os.path.join(top, name)
            if name and os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    files[name] = file.read()
        return Tree(files)

    def lines(self, path):
        content = self.files[path]
        return [] if b"\0" in content else content.decode(errors="replace").splitlines()

    def paths(self, pattern):
        return [path for path in self.files if re.fullmatch(pattern, path)]

    def rooms(self):
        found = {path.split("/")[1] for path in self.paths(r"src/[^/]+/.+")}
        return sorted(found)


def is_test(path):
    return bool(re.search(r"_(test|bench|fuzz)\.cc$", path))


def is_source(path):
    return path.endswith((".cc", ".h"))


def may_use(tree, room):
    """The rooms that a room's README names, or None if it does not say."""
    readme = f"src/{room}/README.md"
    for line in tree.lines(readme) if readme in tree.files else []:
        match = re.search(r"May use:\W*([\w ,`*]*)", line)
        if match:
            words = re.findall(r"[a-z_]+", match.group(1))
            return set() if words in (["nothing"], ["none"]) else set(words)
    return None


def cmake_uses(tree, room):
    """The rooms after USES in holdfast_room(room …), or None if there is no such call."""
    cmake = f"src/{room}/CMakeLists.txt"
    text = "\n".join(tree.lines(cmake)) if cmake in tree.files else ""
    call = re.search(r"holdfast_room\(\s*" + room + r"\b([^)]*)\)", text)
    if not call:
        return None
    words = re.sub(r"#.*", "", call.group(1)).split()
    if "USES" not in words:
        return set()
    uses = words[words.index("USES") + 1 :]
    ends = [index for index, word in enumerate(uses) if word in ("FILES", "TESTS", "LINKS", "USES")]
    return set(uses[: ends[0]] if ends else uses)


def check_readmes(tree):
    for room in tree.rooms():
        readme = f"src/{room}/README.md"
        if readme not in tree.files:
            yield f"src/{room}: the room has no README.md"
            continue
        count = len(tree.lines(readme))
        if count > README_LINES_MAX:
            yield f"{readme}: {count} lines, at most {README_LINES_MAX} are read"
        if may_use(tree, room) is None:
            yield f"{readme}: no line says what the room may use (`May use: …`)"


def check_arrows(tree):
    for room in tree.rooms():
        if room not in LAW:
            yield f"src/{room}: no such room in the house"
            continue
        card = may_use(tree, room)
        built = cmake_uses(tree, room)
        if built is None:
            yield f"src/{room}/CMakeLists.txt: no holdfast_room({room} …)"
        if card is None or built is None:
            continue
        if card != built:
            yield (
                f"src/{room}: README.md says it may use {{{', '.join(sorted(card))}}}, "
                f"CMakeLists.txt says {{{', '.join(sorted(built))}}}"
            )
        for used in sorted(card - LAW[room]):
            yield f"src/{room}/README.md: {room} may not use {used}, whatever its README says"


def check_includes(tree):
    rooms = set(LAW)
    for path in tree.paths(r"src/[^/]+/.+\.(cc|h)"):
        room = path.split("/")[1]
        card = may_use(tree, room)  # a missing one is complained about once, not at every include
        allowed = (LAW.get(room, set()) if card is None else card) | {room}
        for number, line in enumerate(tree.lines(path), 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match:
                continue
            first = match.group(1).split("/")[0]
            if "/" not in match.group(1) or first not in rooms:
                yield f"{path}:{number}: \"{match.group(1)}\" does not start from src/"
            elif first not in allowed:
                yield f"{path}:{number}: {room} may not use {first}"


def check_libraries(tree):
    for library, pattern in LIBRARIES.items():
        includers = {}
        for path in tree.paths(r"src/[^/]+/.+\.(cc|h)"):
            if is_test(path):
                continue
            parts = path.split("/")
            place = "/".join(parts[1:3]) if parts[1] == "engine" and len(parts) > 3 else parts[1]
            if any(re.match(r"\s*#\s*include\s*[<\"]" + pattern, line) for line in tree.lines(path)):
                if path.endswith(".h") and path not in LIBRARY_EXCEPTIONS.get((library, place), set()):
                    yield f"{path}: a header includes {library}; hide it in one .cc"
                includers.setdefault(place, set()).add(path)
        for place, paths in includers.items():
            if len(paths) > 1 and not paths <= LIBRARY_EXCEPTIONS.get((library, place), set()):
                yield f"src/{place}: {library} is included by {', '.join(sorted(paths))}; one may"


def check_markers(tree):
    for path in tree.files:
        code = is_source(path) or path.endswith((".py", ".cmake", "CMakeLists.txt", ".sh"))
        if not code and not path.startswith(("scripts/", ".ci/")):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if MARKERS.search(line):
                yield f"{path}:{number}: an open end in the sources; open ends are issues"


def check_sizes(tree):
    for path, content in tree.files.items():
        if len(content) > TRACKED_BYTES_MAX:
            yield f"{path}: {len(content)} bytes, more than {TRACKED_BYTES_MAX}"


def check_licences(tree):
    for path in tree.files:
        lines = tree.lines(path)[:2]
        if is_source(path):
            if lines[:1] != [f"// {SPDX}"]:
                yield f"{path}: the first line is not `// {SPDX}`"
        elif lines and lines[0].startswith("#!") and f"# {SPDX}" not in lines:
            yield f"{path}: the second line is not `# {SPDX}`"


def check_machine_paths(tree):
    for path in tree.files:
        for number, line in enumerate(tree.lines(path), 1):
            if MACHINE_PATHS.search(line):
                yield f"{path}:{number}: a path of the machine it was written on"


def check_listed(tree):
    # A name may be built from a variable: "${parser}_fuzz.cc" lists every such file beside it.
    listed = []
    for path in tree.paths(r"(src|tests)/(.*/)?CMakeLists\.txt"):
        folder = path[: -len("CMakeLists.txt")]
        for word in re.findall(r"[\w./+${}-]+\.cc\b", "\n".join(tree.lines(path))):
            parts = re.split(r"\$\{\w+\}", folder + word)
            listed.append(r"\w+".join(re.escape(part) for part in parts))
        # holdfast_whole_test(<label> <theme> …) builds <theme>_test.cc.
        for theme in re.findall(r"holdfast_whole_test\([\w-]+ (\w+)", "\n".join(tree.lines(path))):
            listed.append(re.escape(f"{folder}{theme}_test.cc"))
    names = re.compile("|".join(listed) or "$.")
    for path in tree.paths(r"(src|tests)/.+\.cc"):
        if not names.fullmatch(path):
            yield f"{path}: no CMakeLists.txt lists it, so nothing builds it"


RULES = {
    "readme": check_readmes,
    "arrows": check_arrows,
    "includes": check_includes,
    "libraries": check_libraries,
    "markers": check_markers,
    "sizes": check_sizes,
    "licences": check_licences,
    "machine-paths": check_machine_paths,
    "listed": check_listed,
}


def report_tests(tree):
    for path in tree.paths(r"src/.+\.cc"):
        if not is_test(path) and path[:-3] + "_test.cc" not in tree.files:
            yield f"{path}: has no test beside it"


def report_lengths(tree):
    for path in tree.files:
        if not is_source(path):
            continue
        lines = tree.lines(path)
        if len(lines) > FILE_LINES_MAX and not is_test(path):
            yield f"{path}: {len(lines)} lines"
        start, indent = None, 0
        for number, line in enumerate(lines, 1):
            opening = re.match(r"( {0,2})\S.*\{$", line)
            if opening and not re.match(r"\s*(namespace|class|struct|union|enum|extern)\b", line):
                start, indent = number, len(opening.group(1))
            elif start and re.fullmatch(" " * indent + r"\}", line):
                if number - start + 1 > FUNCTION_LINES_MAX:
                    yield f"{path}:{start}: a function of {number - start + 1} lines"
                start = None


def report_catches(tree):
    for path in tree.paths(r"src/.+\.(cc|h)"):
        if path in CATCH_PLACES or is_test(path):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            if re.search(r"\bcatch \(", line):
                yield f"{path}:{number}: catches"


REPORTS = {
    "tests": report_tests,
    "lengths": report_lengths,
    "catches": report_catches,
}


def errors_of(tree):
    return [(name, complaint) for name, rule in RULES.items() for complaint in rule(tree)]


def good_tree():
    """The smallest house that breaks no rule."""
    head = f"// {SPDX}\n"
    card = "# {0}\nMay use: {1}\n"
    return {
        "src/base/README.md": card.format("base", "nothing"),
        "src/base/CMakeLists.txt": "holdfast_room(base\n  FILES hash.cc\n  LINKS OpenSSL::Crypto)\n",
        "src/base/hash.cc": head + '#include "base/hash.h"\n#include <openssl/evp.h>\n',
        "src/base/hash.h": head + "#pragma once\n",
        "src/format/README.md": card.format("format", "`base`."),
        "src/format/CMakeLists.txt": (
            "holdfast_room(format\n  FILES crypto.cc tree.cc index_file.cc\n"
            "  TESTS crypto_test.cc\n  USES base\n  LINKS OpenSSL::Crypto)\n"
        ),
        "src/format/crypto.cc": head + '#include "base/hash.h"\n#include <openssl/evp.h>\n',
        "src/format/crypto_test.cc": head + "#include <openssl/rand.h>\n",
        "src/format/json_walk.h": head + "#include <simdjson.h>\n",
        "src/format/tree.cc": head + '#include "format/json_walk.h"\n',
        "src/format/index_file.cc": head + '#include "format/json_walk.h"\n',
        "src/engine/README.md": card.format("engine", "model, base"),
        "src/engine/CMakeLists.txt": (
            "holdfast_room(engine FILES sqlite/lite.cc sqlite/hold.cc USES model base)\n"
        ),
        "src/engine/sqlite/lite.cc": head + "#include <sqlite3.h>\n",
        "src/engine/sqlite/hold.cc": head + '#include "model/part.h"\n',
        "tests/fuzz/CMakeLists.txt": "add_executable(${target} ${target}.cc)\n",
        "tests/fuzz/key_file_fuzz.cc": head,
        "scripts/run": f"#!/usr/bin/env bash\n# {SPDX}\necho run\n",
        "docs/glossary.md": "# Words\n",
    }


def self_test():
    head = f"// {SPDX}\n"
    # Rule, what is wrong, and the files that make it so (None: removed).
    breaks = [
        ("readme", "no README", {"src/base/README.md": None}),
        ("readme", "a long README", {"src/base/README.md": "May use: nothing\n" + "x\n" * 20}),
        ("readme", "no card", {"src/base/README.md": "# base\n"}),
        ("arrows", "an unknown room", {"src/core/README.md": "May use: base\n"}),
        ("arrows", "README and CMake differ", {"src/format/README.md": "May use: nothing\n"}),
        ("arrows", "CMake uses more", {
            "src/base/CMakeLists.txt": "holdfast_room(base FILES hash.cc USES model)\n"}),
        ("arrows", "an arrow against the law", {
            "src/format/README.md": "May use: base, storage\n",
            "src/format/CMakeLists.txt": "holdfast_room(format FILES crypto.cc tree.cc "
                                         "index_file.cc crypto_test.cc USES base storage)\n"}),
        ("arrows", "no target", {"src/base/CMakeLists.txt": "# hash.cc\n"}),
        ("includes", "uphill", {"src/base/hash.cc": head + '#include "format/id.h"\n'}),
        ("includes", "uphill in a test", {
            "src/format/crypto_test.cc": head + '#include "repo/open.h"\n'}),
        ("includes", "not from src", {"src/base/hash.cc": head + '#include "hash.h"\n'}),
        ("includes", "from the parent", {"src/base/hash.cc": head + '#include "../base/hash.h"\n'}),
        ("libraries", "two files of a room", {
            "src/format/tree.cc": head + "#include <openssl/sha.h>\n"}),
        ("libraries", "a header", {"src/base/hash.h": head + "#include <openssl/evp.h>\n"}),
        ("libraries", "two files of an engine", {
            "src/engine/sqlite/hold.cc": head + "#include <sqlite3.h>\n"}),
        ("libraries", "one more than the exceptions", {
            "src/format/crypto.cc": head + "#include <simdjson.h>\n"}),
        ("markers", "an open end", {"src/base/hash.h": head + "// TO" + "DO: the rest\n"}),
        ("markers", "code switched off", {"src/base/hash.h": head + "#if" + " 0\n#endif\n"}),
        ("markers", "an open end in a script", {
            "scripts/run": f"#!/bin/bash\n# {SPDX}\n# FIX" + "ME\n"}),
        ("sizes", "a large file", {"docs/picture.bin": "\0" * (TRACKED_BYTES_MAX + 1)}),
        ("licences", "a source without a licence", {"src/base/hash.h": "#pragma once\n"}),
        ("licences", "a script without a licence", {"scripts/run": "#!/usr/bin/env bash\necho\n"}),
        ("machine-paths", "a path", {"docs/glossary.md": "See /wo" + "rk/main.\n"}),
        ("machine-paths", "another path", {"scripts/run": f"#!/bin/sh\n# {SPDX}\ncd /tm" + "p/hf\n"}),
        ("listed", "a forgotten test", {"src/base/hash_test.cc": head}),
        ("listed", "a forgotten test of many rooms", {"tests/fault/crash.cc": head}),
    ]
    failures = []

    def tree_with(changes):
        files = good_tree()
        files.update(changes)
        return Tree({path: text.encode() for path, text in files.items() if text is not None})

    for name, complaint in errors_of(tree_with({})):
        failures.append(f"a good tree breaks {name}: {complaint}")
    for rule, what, changes in breaks:
        if rule not in {name for name, _ in errors_of(tree_with(changes))}:
            failures.append(f"{rule} does not see: {what}")
    for rule in set(RULES) - {rule for rule, _, _ in breaks}:
        failures.append(f"{rule} is not tested")
    long_body = "void f() {\n" + "  g();\n" * FUNCTION_LINES_MAX + "}\n"
    reported = tree_with({"src/base/hash.cc": head + long_body + "\n" * FILE_LINES_MAX})
    if len(list(report_lengths(reported))) != 2:
        failures.append("long files or functions are not reported")
    if "src/base/hash.cc: has no test beside it" not in list(report_tests(reported)):
        failures.append("a missing test is not reported")
    for failure in failures:
        print(f"check_house --self-test: {failure}")
    return not failures


def main(arguments):
    if arguments == ["--self-test"]:
        return 0 if self_test() else 1
    if arguments not in ([], ["--report"]):
        print(__doc__)
        return 1
    tree = Tree.of_checkout(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    errors = errors_of(tree)
    for name, complaint in errors:
        print(f"{complaint}  [{name}]")
    for name, report in REPORTS.items():
        found = list(report(tree))
        if found and arguments:
            print(f"-- {name}:", *found, sep="\n   ")
        elif found:
            print(f"-- {name}: {len(found)} to think about (--report)")
    print(f"{len(tree.files)} files, {len(errors)} broken rules")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
