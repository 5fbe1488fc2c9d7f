"""The frame of a test file: namespace, folder, unittest with ctest's idea of skipping."""
import sys
import unittest

from . import namespace, processes
from .house import BIN, dispose, work_folder


def main(needs_namespace, missing=()):
    """Call it at the end of a test file. missing: reasons why it cannot run here, None each where it can."""
    for why in missing:
        if why:
            namespace.skip(why)
    if not (BIN / "weir").exists():
        sys.exit(f"there is no {BIN}/weir: build first, or name its folder in WEIR_BIN")
    namespace.enter(needs_namespace)
    try:
        program = unittest.main(exit=False, verbosity=2)
    finally:
        processes.end_all()
    sys.exit(0 if program.result.wasSuccessful() else 1)


class HouseTest(unittest.TestCase):
    """A test with folders that go when it passed, and stay, named, when it did not."""

    def folder(self):
        path = work_folder()
        self.addCleanup(self._keep_or_remove, path)
        return path

    def _keep_or_remove(self, path):
        dispose(path, keep=self.failed_so_far())

    def failed_so_far(self):
        result = self._outcome.result  # of this run
        failed = any(case is self or getattr(case, "test_case", None) is self
                     for case, _ in result.failures + result.errors)
        if failed:
            type(self).any_failed = True
        return failed

    any_failed = False  # in this class; for folders that all its tests share

    def setUp(self):
        self.addCleanup(self.failed_so_far)
