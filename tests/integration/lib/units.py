"""The systemd units as text: what a unit says, by section and key, each key with all its values in order."""
import re


def read(path):
    """{"Service": {"ExecStart": ["…"]}}; lines that go on are joined."""
    found, section = {}, None
    for line in re.sub(r"\\\n\s*", "", path.read_text()).splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return found
