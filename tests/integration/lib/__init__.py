"""What the tests of the whole share: processes that end for sure, a network of their own, weir, GoBGP, exporters."""
