#!/usr/bin/env python3
"""tables.py DOCUMENT FOLDER: puts FOLDER/NAME.md between the document's lines <!-- NAME --> and <!-- /NAME -->."""
import pathlib
import re
import sys


def main():
    document, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    text = document.read_text()
    for name in re.findall(r"^<!-- (\w+) -->$", text, re.MULTILINE):
        result = folder / f"{name}.md"
        if not result.exists():
            sys.exit(f"{document} has a place for {name}, and {result} is not there")
        text = re.sub(rf"(^<!-- {name} -->\n).*?(^<!-- /{name} -->$)", lambda m: m[1] + "\n" + result.read_text() + "\n" + m[2],
                      text, flags=re.MULTILINE | re.DOTALL)
    document.write_text(text)


if __name__ == "__main__":
    main()
