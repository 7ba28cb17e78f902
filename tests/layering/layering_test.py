#!/usr/bin/env python3
"""The folders depend on each other only as the architecture says.

Checks every #include "folder/..." of our sources and every target that a folder's CMakeLists.txt
links, against ALLOWED; and that the check itself notices a breach.

usage: layering_test.py SOURCE_ROOT
"""
import pathlib
import re
import sys

# folder -> folders that it may use besides itself. Third-party libraries are not our concern here.
ALLOWED = {
    "base": set(),
    "api": set(),
    "kube": {"base"},
    "pki": {"base"},
    "policy": {"base"},
    "datapath": {"base", "policy"},
    "controller": {"api", "base", "kube", "pki", "policy"},
    "agent": {"api", "base", "kube", "pki", "policy", "datapath"},
    "cni": {"api", "base"},
    "cli": {"api", "base", "kube"},
}
# eBPF C shares structs with C++ and nothing else.
BPF_ALLOWED = {"datapath/abi", "datapath/bpf"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
LINK = re.compile(r"target_link_libraries\s*\(([^)]*)\)", re.S)


def folder_of_target(target):
    match = re.match(r"fairlead_([a-z]+)", target)
    return match.group(1) if match and match.group(1) in ALLOWED else None


def bad_includes(path, text):
    folder = path.parts[0]
    for name in INCLUDE.findall(text):
        used = name.split("/")[0]
        if path.parts[:2] == ("datapath", "bpf"):
            if "/" in name and "/".join(name.split("/")[:2]) not in BPF_ALLOWED:
                yield f'{path}: eBPF code includes "{name}"'
        elif used in ALLOWED and used != folder and used not in ALLOWED[folder]:
            yield f'{path}: {folder}/ may not include "{name}"'


def bad_links(path, text):
    folder = path.parts[0]
    for call in LINK.findall(text):
        for word in call.split()[1:]:
            used = folder_of_target(word)
            if used and used != folder and used not in ALLOWED[folder]:
                yield f"{path}: {folder}/ may not link {word}"


def violations(root):
    found = []
    for folder in ALLOWED:
        for path in sorted((root / folder).rglob("*")):
            relative = path.relative_to(root)
            if path.suffix in (".h", ".cc", ".c"):
                found += bad_includes(relative, path.read_text())
            elif path.name == "CMakeLists.txt":
                found += bad_links(relative, path.read_text())
    return found


def self_test():
    """The check sees what it is for."""
    cases = [
        (bad_includes, "policy/x.cc", '#include "datapath/datapath.h"\n', 1),
        (bad_includes, "policy/x.cc", '#include "base/ip.h"\n', 0),
        (bad_includes, "cli/x.cc", '  #  include "agent/ipam.h"\n', 1),
        (bad_includes, "datapath/bpf/x.h", '#include "base/ip.h"\n', 1),
        (bad_includes, "datapath/bpf/x.h", '#include "datapath/abi/types.h"\n', 0),
        (bad_links, "cni/CMakeLists.txt", "target_link_libraries(fairlead-cni PRIVATE fairlead_policy)", 1),
        (bad_links, "cni/CMakeLists.txt", "target_link_libraries(fairlead-cni PRIVATE fairlead_base)", 0),
    ]
    for check, path, text, expected in cases:
        found = list(check(pathlib.PurePath(path), text))
        assert len(found) == expected, (path, text, found)


def main():
    self_test()
    found = violations(pathlib.Path(sys.argv[1]))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
