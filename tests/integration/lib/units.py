"""The systemd units as text: what a unit says, by section and key, each key with all its values in order."""
import re

# A drop-in that a unit's comment shows: its lines stand together, three blanks in.
SHOWN = re.compile(r"(?m)^#   \[Service\]\n(?:#   .*\n)+")


def shown_drop_in(path):
    """The text of the drop-in that the unit's comment shows."""
    (shown,) = SHOWN.findall(path.read_text())
    return shown.replace("#   ", "")


def capabilities(service, key):
    """As systemd merges them: each assignment adds, an empty one takes all away."""
    found = set()
    for value in service[key]:
        found = found | set(value.split()) if value else set()
    return found


def read(path, *drop_ins):
    """{"Service": {"ExecStart": ["…"]}}; lines that go on are joined. Texts of drop-ins come after the file's own."""
    found, section = {}, None
    for line in re.sub(r"\\\n\s*", "", "\n".join((path.read_text(), *drop_ins))).splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and line[0] not in "#;":
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return found
