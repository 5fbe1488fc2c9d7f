"""Documents with commands: a block marked `console` holds commands after "$ " and, below each, what it says."""
import re

FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
IDENTIFIER = re.compile(r"\b[am]-\d{10,}-[0-9a-f]+\b")
# What differs from run to run, in the order in which it is recognised.
VARIES = (
    (IDENTIFIER, "IDENTIFIER"),
    (re.compile(r"\b[\w.-]+@[\w.-]+"), "SOMEBODY"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"), ""),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{12,}\b"), ""),
    (re.compile(r"\\x[0-9a-f]{2}"), ""),
    (re.compile(r"(?<![\w/])[+-]?\d[\w.:%/+-]*( [kMGT]?bps| [KMG]iB| ms)?"), ""),
    (re.compile(r"(unix:)?(?<![\w.])/[\w./-]+"), "PATH"),
)
REST = "…"


def blocks(text):
    """[(language, text)]"""
    return [(found[1], found[2]) for found in FENCE.finditer(text)]


def commands(block):
    """[(command, [lines that it says])]; a command goes on in the next line after a backslash."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif found and not found[-1][1] and found[-1][0].endswith("\\"):
            found[-1][0] += "\n" + line
        else:
            found[-1][1].append(line)
    return [tuple(item) for item in found]


def words(line):
    for pattern, kind in VARIES:
        line = pattern.sub(f" {kind} ", line)
    return re.findall(r"[A-Za-z_][A-Za-z_]+|!", line)


def says(line, actual):
    """Whether the line has the words of the document's line, in its order; behind `…` anything may stand."""
    rest = iter(words(actual))
    return all(word in rest for word in words(line.split(REST)[0]))


def compare(expected, actual):
    """[(line of the document, line that was said)] in order; LookupError with the first line that nothing matches."""
    pairs, rest = [], iter(actual)
    for line in expected:
        if not words(line.split(REST)[0]):
            continue
        found = next((said for said in rest if says(line, said)), None)
        if found is None:
            raise LookupError(line)
        pairs.append((line, found))
    return pairs


class Names:
    """The document's identifiers and those of this run that stand for them."""

    def __init__(self):
        self.ours = {}

    def learn(self, pairs):
        for line, said in pairs:
            self.ours.update(zip(IDENTIFIER.findall(line), IDENTIFIER.findall(said)))

    def put(self, command):
        return IDENTIFIER.sub(lambda name: self.ours[name[0]], command)
